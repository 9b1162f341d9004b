//! `runner test --drift`: recorded requests are sent again, and the shapes of the answers compared.

use serde_json::{Value, json};

use crate::support::{Answer, CANARY, Exchange, Outcome, Project, Run, Server};

const QUERY: &str = "\
resource: circleci
vars: { workflow_id: {} }
endpoint: /workflow/{{ workflow_id }}/job
rows: $.items[*]
extract:
  name: $.name
  duration: $.duration
  status: { path: $.status, required: true }
where: row.status == \"failed\"
";

const ANSWERS: &str = "\
--- # runner answers 1 · recorded 2026-11-25T09:00:00Z · circleci
ask: GET /workflow/w1/job
status: 200
body:
  { \"items\": [
    { \"name\": \"build\", \"duration\": 7, \"status\": \"failed\", \"unread\": 1 } ],
    \"next_page_token\": null }
";

/// A project with a recorded case `q/usual`.
fn project(server: &str) -> Project {
    Project::new()
        .circleci_at(server, "retry: { max_attempts: 1 }\n")
        .query("q", QUERY)
        .file(
            "tests/q.yaml",
            "cases:\n  usual:\n    vars: { workflow_id: w1 }\n    now: 2026-11-25T09:00:00Z\n",
        )
        .file("tests/q/usual.answers.yaml", ANSWERS)
}

fn drift_of(project: &Project, args: &[&str]) -> Outcome {
    let run = Run::in_(project).args(["test", "--drift"]).args(args);
    run.outcome()
}

/// Compares with a live answer.
fn drift(answer: Answer, args: &[&str]) -> Outcome {
    let server = Server::start(vec![
        Exchange::get("/api/v2/workflow/w1/job")
            .with_header("circle-token", CANARY)
            .answers(answer),
    ]);
    let outcome = drift_of(&project(&server.url()), args);
    server.finish();
    outcome
}

fn items(item: &Value) -> Answer {
    Answer::status(200).json(&json!({ "items": [item], "next_page_token": null }))
}

#[test]
fn equal_shapes_are_no_drift() {
    let item = json!({"name": "deploy", "duration": 900, "status": "failed", "unread": 2});
    let outcome = drift(items(&item), &[]);
    insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
}

#[test]
fn a_change_is_shown_at_the_line_that_reads_it() {
    let item = json!({"name": "x", "duration": "7s", "status": null, "unread": "2", "added": 1});
    let outcome = drift(items(&item), &[]);
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
}

#[test]
fn a_lost_member_is_an_error_where_it_is_read() {
    let outcome = drift(items(&json!({"name": "x", "duration": 7})), &[]);
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
}

#[test]
fn changes_are_data_and_annotations() {
    let item = json!({"name": "x", "duration": "7s", "status": "failed", "unread": 1, "added": 1});
    for format in ["json", "github"] {
        let outcome = drift(items(&item), &["--format", format]);
        insta::assert_snapshot!(
            format!("drift_as_{format}"),
            outcome.assert_exit(1).snapshot()
        );
    }
}

#[test]
fn a_lost_page_token_is_an_error() {
    let item = json!({"name": "x", "duration": 7, "status": "failed", "unread": 1});
    let outcome = drift(Answer::status(200).json(&json!({ "items": [item] })), &[]);
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
}

#[test]
fn what_is_refused_is_told_from_what_is_not_checked() {
    let refused = |status: u16| drift(Answer::status(status).json(&json!({"message": "no"})), &[]);
    for (status, exit) in [
        (404, 1),
        (410, 1),
        (400, 1),
        (401, 4),
        (403, 4),
        (429, 3),
        (503, 3),
    ] {
        let outcome = refused(status);
        insta::assert_snapshot!(
            format!("drift_of_status_{status}"),
            outcome.assert_exit(exit).snapshot()
        );
    }
}

#[test]
fn unreachable_is_not_checked() {
    let refusing = Server::refusing();
    let outcome = drift_of(&project(&refusing.url()), &[]);
    insta::assert_snapshot!(outcome.assert_exit(5).snapshot());
    let outcome = Run::in_(&project(&refusing.url()))
        .without_env("CIRCLE_TOKEN")
        .args(["test", "--drift"])
        .outcome();
    insta::assert_snapshot!("drift_without_a_token", outcome.assert_exit(4).snapshot());
}

#[test]
fn a_page_and_few_items_of_each_query_are_asked() {
    let answers: String = std::iter::once(
        "--- # runner answers 1\nask: GET /list\nstatus: 200\nbody: { \"items\": \
         [{\"id\": 1}, {\"id\": 2}], \"next_page_token\": \"t\" }\n"
            .to_owned(),
    )
    .chain(std::iter::once(
        "---\nask: GET /list?page-token=t\nstatus: 200\nbody: { \"items\": \
         [{\"id\": 3}, {\"id\": 4}], \"next_page_token\": null }\n"
            .to_owned(),
    ))
    .chain((1..=4).map(|id| {
        format!("---\nask: GET /item/{id}\nstatus: 200\nbody: {{ \"name\": \"n{id}\" }}\n")
    }))
    .collect();
    let server = Server::start(vec![
        Exchange::get("/api/v2/list").answers(json!({
            "items": [{"id": "1"}], "next_page_token": "other",
        })),
        Exchange::get("/api/v2/item/1").answers(json!({"name": 1})),
        Exchange::get("/api/v2/item/2").answers(json!({"name": "x"})),
        Exchange::get("/api/v2/item/3").answers((404, json!({"message": "gone"}))),
    ]);
    let project = Project::new()
        .circleci_at(&server.url(), "")
        .query(
            "list",
            "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
        )
        .query(
            "q",
            "resource: circleci\nfor_each: { item: { query: list } }\n\
             endpoint: /item/{{ item.id }}\nextract:\n  id: \"{{ item.id }}\"\n  name: $.name\n",
        )
        .file("tests/q.yaml", "cases:\n  usual: {}\n")
        .file("tests/q/usual.answers.yaml", answers);
    let outcome = drift_of(&project, &[]);
    server.finish();
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
}

#[test]
fn cases_without_a_recording_have_nothing_to_compare() {
    let project = Project::new()
        .circleci_at("http://127.0.0.1:1", "")
        .query("q", QUERY)
        .file(
            "tests/q.yaml",
            "cases:\n  none:\n    vars: { workflow_id: w1 }\n    answers: \
             [{ ask: GET /workflow/w1/job, body: { items: [] } }]\n",
        );
    let outcome = drift_of(&project, &[]);
    insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
    let outcome = drift_of(&project, &["--format", "junit"]);
    insta::assert_snapshot!("drift_as_junit", outcome.assert_exit(2).snapshot());
}

#[test]
fn the_demo_does_not_drift() {
    let project = Project::shipped();
    let record = Run::in_(&project)
        .args(["record", "failed-jobs", "--demo"])
        .outcome();
    record.assert_exit(0);
    let outcome = drift_of(&project, &["--demo"]);
    assert!(
        outcome
            .assert_exit(0)
            .stdout_text()
            .contains("no change that a query reads"),
        "{}",
        outcome.snapshot()
    );
}

#[test]
fn what_cannot_be_checked_is_grouped_by_reason() {
    let refusing = Server::refusing();
    let cases = ["a", "b"].map(|case| {
        format!("  {case}:\n    vars: {{ workflow_id: {case} }}\n    now: 2026-11-25T09:00:00Z\n")
    });
    let mut project = Project::new().circleci_at(&refusing.url(), "retry: { max_attempts: 1 }\n");
    for query in ["one", "two", "three"] {
        project = project.query(query, QUERY).file(
            &format!("tests/{query}.yaml"),
            format!("cases:\n{}", cases.concat()),
        );
        for case in ["a", "b"] {
            project.write(
                &format!("tests/{query}/{case}.answers.yaml"),
                ANSWERS.replace("w1", case),
            );
        }
    }
    for format in ["text", "github"] {
        let outcome = drift_of(&project, &["--format", format]);
        insta::assert_snapshot!(
            format!("unchecked_as_{format}"),
            outcome.assert_exit(5).snapshot()
        );
    }
}

#[test]
fn what_a_report_reads_in_a_loop_is_known() {
    let server = Server::start(vec![Exchange::get("/api/v2/list").answers(json!({
        "items": [{ "id": 1, "title": 7, "unread": "x" }], "next_page_token": null,
    }))]);
    let project = Project::new()
        .circleci_at(&server.url(), "")
        .query(
            "list",
            "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
        )
        .query(
            "q",
            "data: { all: { query: list } }\nreport:\n  template: |\n    \
             {% for one in data.all %}\n    {{ one.id }} {{ one.title }}\n    {% endfor %}\n",
        )
        .file("tests/q.yaml", "cases:\n  usual: { expect: exit == 0 }\n")
        .file(
            "tests/q/usual.answers.yaml",
            "--- # runner answers 1\nask: GET /list\nstatus: 200\nbody: { \"items\": \
             [{ \"id\": 1, \"title\": \"a\", \"unread\": 1 }], \"next_page_token\": null }\n",
        );
    let outcome = drift_of(&project, &[]);
    server.finish();
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
}
