//! `runner.yaml` at the root of a project, and the variables `RUNNER_VAR_…`.

use crate::case::{Case, told, transcript};
use crate::support::{Exchange, Project, Run, Server};

/// `GET /x` with a slug that nothing but the project or the environment gives.
const SLUG: &str = "vars: { slug: { description: Slug of the project }, n: { type: int, default: 1 } }\n\
                    endpoint: /{{ slug }}\nparams: { n: \"{{ n }}\" }";

fn get(path: &str) -> Vec<Exchange> {
    vec![Exchange::get(&format!("/api/v2{path}"))]
}

#[test]
fn shared_defaults_are_used_by_every_query_that_has_the_var() {
    let project = "vars: { slug: circleci/abc/def, n: 7 }";
    let case = Case::query(SLUG).file("runner.yaml", project);
    case.asks(get("/circleci%2Fabc%2Fdef?n=7"))
        .outcome
        .assert_exit(0);
    // A query that feeds another takes them too, and needs no value there.
    Case::query("for_each: { p: { query: parents } }\nendpoint: /p/{{ p.id }}")
        .file(
            "queries/parents.yaml",
            format!("resource: circleci\n{SLUG}"),
        )
        .file("runner.yaml", project)
        .asks(vec![
            Exchange::get("/api/v2/circleci%2Fabc%2Fdef?n=7").answers(serde_json::json!({"id": 3})),
            Exchange::get("/api/v2/p/3"),
        ])
        .outcome
        .assert_exit(0);
}

#[test]
fn the_environment_wins_over_the_project_and_the_call_over_both() {
    let case = || {
        Case::query(SLUG)
            .file("runner.yaml", "vars: { slug: a, n: 7 }")
            .with(|run| run.env("RUNNER_VAR_SLUG", "b").env("RUNNER_VAR_N", ""))
    };
    case().asks(get("/b?n=7")).outcome.assert_exit(0);
    let called = case().args(["slug=c"]).asks(get("/c?n=7"));
    called.outcome.assert_exit(0);
    // Without a project file too.
    Case::query(SLUG)
        .with(|run| run.env("RUNNER_VAR_SLUG", "b").env("RUNNER_VAR_N", "3"))
        .asks(get("/b?n=3"))
        .outcome
        .assert_exit(0);
}

#[test]
fn a_shared_default_may_be_a_template() {
    Case::query(SLUG)
        .file("runner.yaml", "vars: { slug: \"{{ env.TEAM }}/web\" }")
        .with(|run| run.env("TEAM", "gh/acme"))
        .asks(get("/gh%2Facme%2Fweb?n=1"))
        .outcome
        .assert_exit(0);
}

#[test]
fn a_secret_from_the_environment_is_masked_under_its_variable() {
    let query = "vars: { pin: { secret: true } }\nmethod: POST\nendpoint: /x\n\
                 body: { json: { pin: \"{{ pin }}\" } }";
    let case = || {
        Case::query(query)
            .file("runner.yaml", "")
            .with(|run| run.env("RUNNER_VAR_PIN", "pin-0123456789"))
    };
    let dry = case().args(["--dry-run"]).asks_nothing();
    assert!(!dry.assert_exit(0).stdout_text().contains("0123456789"));
    let line = case().args(["--curl"]).asks_nothing();
    let line = line.assert_exit(0).stdout_text();
    assert!(
        line.contains("RUNNER_VAR_PIN") && !line.contains("0123456789"),
        "{line}"
    );
}

#[test]
fn a_value_of_the_environment_that_does_not_suit_is_reported_with_its_variable() {
    let outcome = Case::query(SLUG)
        .with(|run| run.env("RUNNER_VAR_N", "many").env("RUNNER_VAR_SLUG", "a"))
        .asks_nothing();
    insta::assert_snapshot!(told(outcome.assert_exit(2)));
}

#[test]
fn a_slug_that_the_repository_does_not_give_is_reported_with_all_ways() {
    let query = "vars: { project_slug: { default: \"{{ git.project_slug }}\" } }\n\
                 endpoint: /{{ project_slug }}";
    let outcome = Case::query(query).asks_nothing();
    insta::assert_snapshot!(told(outcome.assert_exit(2)));
}

#[test]
fn the_project_file_marks_the_root() {
    let server = Server::start(get("/x"));
    // A folder named `resources` below the root is no project.
    let project = Project::new()
        .circleci(&server)
        .query("q", "resource: circleci\nendpoint: /x")
        .file("runner.yaml", "# marks the root\n")
        .file("src/main/resources/app.properties", "");
    let outcome = Run::in_(&project)
        .args(["run", "q"])
        .folder("src/main/resources")
        .outcome();
    outcome.assert_exit(0);
    server.finish();
}

#[test]
fn the_project_file_chooses_the_environment() {
    let case = || {
        Case::query("endpoint: /x")
            .settings(
                "environments:\n  staging: { params: { at: staging } }\n  \
                 other: { params: { at: other } }",
            )
            .file("runner.yaml", "environment: staging")
    };
    case().asks(get("/x?at=staging")).outcome.assert_exit(0);
    let chosen = case().args(["--env", "other"]).asks(get("/x?at=other"));
    chosen.outcome.assert_exit(0);
    let unknown = Case::query("endpoint: /x")
        .settings("environments: { staging: { params: { at: staging } } }")
        .file("runner.yaml", "environment: stagin")
        .asks_nothing();
    insta::assert_snapshot!(told(unknown.assert_exit(2)));
}

#[test]
fn check_finds_an_environment_that_no_resource_has_beside_other_faults() {
    let check = |environments: &str| {
        let project = Case::query(SLUG)
            .settings(environments)
            .file("runner.yaml", "environment: stagng\nvars: { slugg: a }\n")
            .project_at("http://127.0.0.1:9");
        Run::in_(&project).args(["check"]).outcome()
    };
    let outcome = check("environments: { staging: { params: { at: staging } } }");
    let text = outcome.assert_exit(2).stdout_text() + &outcome.stderr_text();
    assert!(text.contains("has no environment `stagng`"), "{text}");
    assert!(text.contains("no query has a var `slugg`"), "{text}");
    let outcome = check("");
    let text = outcome.assert_exit(2).stdout_text() + &outcome.stderr_text();
    assert!(
        text.contains("no resource of the project has `environments`"),
        "{text}"
    );
}

#[test]
fn faults_of_the_project_file_are_reported() {
    let project = |yaml: &str| {
        Project::new()
            .circleci_at("http://127.0.0.1:9/api/v2", "")
            .query("q", &format!("resource: circleci\n{SLUG}"))
            .file("runner.yaml", yaml)
    };
    let faulty = project(
        "vars:\n  slugg: gh/acme/web\n  n: many\n  row: 1\n  slug: { default: a }\n\
         enviroment: staging\n",
    );
    let unused = project("vars: { slugg: gh/acme/web, slug: \"\" }\n");
    let list = project("- a\n");
    let other = Project::new()
        .circleci_at("http://127.0.0.1:9/api/v2", "")
        .query("q", "resource: circleci\nendpoint: /x")
        .file("runner.yml", "vars: { a: 1 }\n");
    let check = |project: &Project| Run::in_(project).args(["check"]).outcome();
    let run = |project: &Project| Run::in_(project).args(["run", "q"]).outcome();
    insta::assert_snapshot!(transcript([
        &check(&faulty),
        &run(&faulty),
        &check(&unused),
        &check(&list),
        &check(&other),
    ]));
}
