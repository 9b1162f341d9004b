//! Operations: queries without a file, from the description of an API.

mod all;
mod document;
mod openapi;
mod shape;

use serde_json::{Value, json};

use crate::support::{Exchange, Outcome, Project, Run, Server};

const ORG: &str = "b9291e0d-a11e-41fb-8517-c545388b5953";

fn run(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

/// A page of environments, as CircleCI answers it.
fn environments() -> Value {
    let one = |name: &str| json!({"id": ORG, "name": name, "labels": [], "created_at": null});
    json!({"items": [one("prod"), one("staging")], "next_page_token": null})
}

fn target() -> String {
    format!("/api/v2/deploy/environments?org-id={ORG}&page-size=100")
}

#[test]
fn an_operation_is_run_by_its_id_or_its_route() {
    for name in [
        "circleci:listEnvironments",
        "circleci:GET /deploy/environments",
        "circleci:get /deploy/environments",
    ] {
        let server = Server::start(vec![Exchange::get(&target()).answers(environments())]);
        let project = Project::new().circleci(&server);
        let org = format!("org_id={ORG}");
        let outcome = run(&project, &["run", name, &org, "--columns", "name"]);
        let found = outcome.assert_exit(0).stdout_json();
        assert_eq!(
            found,
            json!([{"name": "prod"}, {"name": "staging"}]),
            "{name}"
        );
        assert_eq!(outcome.stderr_text(), "", "{name}");
        server.finish();
    }
}

#[test]
fn an_operation_is_a_table_of_sql_and_data_of_a_report() {
    let two = Exchange::get(&target()).answers(environments()).times(2);
    let server = Server::start(vec![two]);
    let report = "vars: { org_id: { default: null } }\n\
        data:\n  e: { query: \"circleci:GET /deploy/environments\", vars: { org_id: \"{{ org_id }}\" } }\n\
        report: { template: \"{% for one in data.e %}{{ one.name }};{% endfor %}\" }\n";
    let project = Project::new().circleci(&server).query("names", report);
    let org = format!("org_id={ORG}");
    let sql = "select name from e order by name desc";
    let args = [
        "sql",
        sql,
        "--from",
        "e=circleci:listEnvironments",
        "-o",
        "csv",
        &org,
    ];
    let rows = run(&project, &args);
    assert_eq!(rows.assert_exit(0).stdout_text(), "name\nstaging\nprod\n");
    let document = run(&project, &["run", "names", &org]);
    assert_eq!(document.assert_exit(0).stdout_text(), "prod;staging;\n");
    run(&project, &["check"]).assert_exit(0);
    server.finish();
}

#[test]
fn a_walk_asks_for_every_record_of_an_operation() {
    let jobs = |id: &str, name: &str| {
        Exchange::get(&format!("/api/v2/workflow/{id}/job")).answers(
            json!({"items": [{"name": name, "status": "success"}], "next_page_token": null}),
        )
    };
    let workflows = json!({
        "items": [{"id": "w1", "name": "a"}, {"id": "w2", "name": "b"}], "next_page_token": null
    });
    let server = Server::start(vec![
        Exchange::get("/api/v2/pipeline/p/workflow").answers(workflows),
        jobs("w1", "build"),
        jobs("w2", "test"),
    ]);
    let query = "resource: circleci\nvars: { pipeline_id: {} }\n\
        for_each: { workflow: { query: \"circleci:listWorkflowsByPipelineId\" } }\n\
        endpoint: /workflow/{{ workflow.id }}/job\nrows: $.items[*]\nextract: { name: $.name }\n";
    let project = Project::new().circleci(&server).query("jobs", query);
    let found = run(&project, &["run", "jobs", "pipeline_id=p"]);
    let found = found.assert_exit(0).stdout_json();
    assert_eq!(found, json!([{"name": "build"}, {"name": "test"}]));
    server.finish();
}

#[test]
fn operations_are_listed_and_shown() {
    let project = Project::new().circleci_at("https://circleci.com", "");
    let texts = [
        &["list"][..],
        &["list", "circleci:deploy"],
        &["list", "circleci:deploy", "-o", "json"],
        &["list", "circleci:nothing"],
        &["list", "circleci"],
        &["show", "circleci:listEnvironments"],
        &["show", "circleci:POST /workflow/{id}/cancel"],
        &["show", "circleci:listEnvironment"],
        &["run", "circleci:GET /deploy/environment"],
        &["run", "circle:listEnvironments"],
    ];
    let texts = texts.map(|args| run(&project, args).snapshot());
    insta::assert_snapshot!(texts.join("\n\n"));
    let all = run(&project, &["list", "circleci:"]);
    assert_eq!(
        all.assert_exit(0)
            .stdout_text()
            .matches("circleci:")
            .count(),
        114
    );
}

#[test]
fn a_resource_of_another_name_has_the_same_operations() {
    let server = Server::start(vec![Exchange::get(&target()).answers(environments())]);
    let url = server.url();
    let resource = format!("type: circleci\nbase_url: {url}/api/v2\naccess: read-only\n");
    let project = Project::new().file("resources/ci.yaml", resource);
    let org = format!("org_id={ORG}");
    let rows = run(
        &project,
        &["run", "ci:listEnvironments", &org, "-o", "ndjson"],
    );
    assert_eq!(rows.assert_exit(0).stdout_text().lines().count(), 2);
    let refused = run(&project, &["run", "ci:cancelWorkflow", "id=w", "--yes"]);
    let text = refused.assert_exit(7).stderr_text();
    assert!(text.contains("read-only"), "{text}");
    let unknown = run(&project, &["run", "circleci:listEnvironments", &org]);
    unknown.assert_exit(2);
    server.finish();
}

#[test]
fn the_demo_answers_operations() {
    let none = Project::none();
    let args = [
        "run",
        "circleci:getCurrentUser",
        "--demo",
        "-q",
        "--columns",
        "login",
    ];
    let outcome = run(&none, &args);
    assert_eq!(
        outcome.assert_exit(0).stdout_json(),
        json!({"login": "mika"})
    );
}

#[test]
fn a_run_of_a_file_reads_no_description() {
    let server = Server::start(vec![Exchange::get("/pets").answers(json!([]))]);
    let resource = format!(
        "type: rest\nbase_url: {}\nopenapi: gone.yaml\n",
        server.url()
    );
    let project = Project::new()
        .file("resources/shop.yaml", resource)
        .query("pets", "resource: shop\nendpoint: /pets\nrows: $[*]\n");
    run(&project, &["run", "pets"]).assert_exit(0);
    run(&project, &["run", "shop:listPets"]).assert_exit(2);
    run(&project, &["check"]).assert_exit(2);
    server.finish();
}
