//! The shipped queries against real responses of CircleCI, where they differ from its
//! documentation.

use serde_json::{Value, json};

use crate::support::{Exchange, Outcome, Project, Run, Server};

pub const TIME: &str = "2026-11-02T08:30:00Z";

pub fn get(path: &str) -> Exchange {
    Exchange::get(&format!("/api/v2{path}"))
}

pub fn page(items: &Value) -> Value {
    json!({ "items": items, "next_page_token": null })
}

pub fn pipelines(items: &Value) -> Exchange {
    get("/project/gh%2Facme%2Fweb/pipeline").answers(page(items))
}

pub fn pipeline(number: u64, branch: &str) -> Value {
    json!({"id": format!("p{number}"), "number": number, "state": "created", "errors": [],
           "created_at": TIME, "trigger": {"actor": {"login": "ann"}}, "vcs": {"branch": branch}})
}

pub fn workflow(id: &str, name: &str, status: &str) -> Value {
    json!({"id": id, "name": name, "status": status, "created_at": TIME, "stopped_at": TIME})
}

pub fn workflows(pipeline: &str, items: &Value) -> Exchange {
    get(&format!("/pipeline/{pipeline}/workflow")).answers(page(items))
}

pub fn job(name: &str, number: Option<u64>, kind: &str, status: &str) -> Value {
    let mut job = json!({"id": name, "name": name, "type": kind, "status": status,
                         "started_at": TIME, "stopped_at": TIME});
    if let Some(number) = number {
        job["job_number"] = json!(number);
    }
    job
}

pub fn jobs(workflow: &str, items: &Value) -> Exchange {
    get(&format!("/workflow/{workflow}/job")).answers(page(items))
}

/// A shipped query against a server, an hour after all of it happened.
pub fn ask(query: &str, format: &str, exchanges: Vec<Exchange>) -> Outcome {
    let server = Server::start(exchanges);
    let project = Project::shipped().circleci(&server);
    let outcome = Run::in_(&project)
        .args(["run", query, "project_slug=gh/acme/web", "-o", format])
        .args(["--now", "2026-11-02T09:30:00Z"])
        .outcome();
    server.finish();
    outcome
}

/// An approval that was given has a number, whose details are 404.
#[test]
fn the_details_of_approvals_are_not_requested() {
    let outcome = ask(
        "queue-times",
        "ndjson",
        vec![
            pipelines(&json!([pipeline(7, "main")])),
            workflows("p7", &json!([workflow("w1", "deploy", "success")])),
            jobs(
                "w1",
                &json!([
                    job("lint", Some(11), "build", "success"),
                    job("hold", Some(12), "approval", "success")
                ]),
            ),
            get("/project/gh%2Facme%2Fweb/job/11").answers(json!({
                "number": 11, "name": "lint", "queued_at": TIME, "started_at": TIME,
                "executor": {"resource_class": "medium"}
            })),
        ],
    );
    assert_eq!(outcome.assert_exit(0).stdout_text().lines().count(), 1);
}

/// Workflows whose records have expired come without an id.
#[test]
fn workflows_without_an_id_are_passed_over() {
    let outcome = ask(
        "project-jobs",
        "ndjson",
        vec![
            pipelines(&json!([pipeline(7, "main")])),
            workflows(
                "p7",
                &json!([
                    json!({"id": null, "name": null, "status": null, "created_at": null, "stopped_at": null}),
                    workflow("w1", "deploy", "success")
                ]),
            ),
            jobs("w1", &json!([job("lint", Some(11), "build", "success")])),
        ],
    );
    assert_eq!(outcome.assert_exit(0).stdout_text().lines().count(), 1);
}

/// A job that fails before it gets a machine has no number, and so no tests.
#[test]
fn failed_jobs_without_a_number_have_no_tests() {
    let outcome = ask(
        "failed-tests",
        "json",
        vec![
            pipelines(&json!([pipeline(7, "main")])),
            workflows("p7", &json!([workflow("w1", "build", "failed")])),
            jobs("w1", &json!([job("lint", None, "build", "failed")])),
        ],
    );
    assert_eq!(outcome.assert_exit(0).stdout_json(), json!([]));
}

/// A pipeline with a fault in its configuration never gets a workflow.
#[test]
fn a_pipeline_that_never_started_is_a_failure() {
    let broken = |number: u64, branch: &str| {
        let mut broken = pipeline(number, branch);
        broken["state"] = json!("errored");
        broken["errors"] = json!([{"type": "config", "message": "Cannot find a job named lint"}]);
        broken
    };
    let exchanges = || {
        vec![
            pipelines(&json!([
                broken(9, "main"),
                pipeline(8, "topic"),
                broken(7, "topic")
            ])),
            workflows("p9", &json!([])),
            workflows("p8", &json!([workflow("w1", "build", "success")])),
            workflows("p7", &json!([])),
            jobs("w1", &json!([job("lint", Some(11), "build", "success")])),
        ]
    };
    let markdown = ask("failures-report", "markdown", exchanges());
    insta::assert_snapshot!(markdown.assert_exit(0).snapshot());
    let html = ask("failures-report", "html", exchanges());
    let page = html.assert_exit(0).stdout_text();
    assert!(
        page.contains("pipeline 9") && page.contains("Cannot find a job named lint"),
        "{page}"
    );
    assert!(!page.contains("Nothing failed"));
}
