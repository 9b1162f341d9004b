//! `runner test`: cases that are replayed without a network.

mod absent;
mod answers;
mod mutations;
mod reporting;
mod snapshots;
mod strays;
mod trees;

use crate::support::{Outcome, Project, Run};

/// Nothing listens on port 9: a request would fail.
const RESOURCE: &str = "name: circleci\ntype: circleci\nbase_url: http://127.0.0.1:9/api/v2\n\
                        retry: { max_attempts: 1 }\n";

/// A project with one query `q`, and the cases of it.
fn project(query: &str, cases: &str) -> Project {
    Project::new()
        .file("resources/circleci.yaml", RESOURCE)
        .query("q", &format!("resource: circleci\n{query}\n"))
        .file("tests/q.yaml", format!("cases:\n{cases}"))
}

/// A query for a listing.
const LIST: &str = "endpoint: /list\nrows: $.items[*]\nextract: { id: $.id, name: $.name }";

/// Cases that pass.
const PASSING: &str = "  usual:\n    answers:\n      - ask: GET /list\n        \
                       body: { items: [{ id: 1, name: build }, { id: 2, name: deploy }] }\n    \
                       expect: rows | length == 2\n";

/// Runs `runner test` with arguments, without a token.
fn test(project: &Project, args: &[&str]) -> Outcome {
    run(project, args).outcome()
}

fn run<'p>(project: &'p Project, args: &[&str]) -> Run<'p> {
    let run = Run::in_(project).args(["test"]).args(args);
    run.without_env("CIRCLE_TOKEN")
}

/// Runs the cases of a query, which all pass.
#[track_caller]
fn passes(query: &str, cases: &str) -> Outcome {
    let outcome = test(&project(query, cases), &[]);
    outcome.assert_exit(0);
    outcome
}

/// Runs the cases of a query, of which one fails.
#[track_caller]
fn fails(query: &str, cases: &str) -> String {
    let outcome = test(&project(query, cases), &[]);
    outcome.assert_exit(1);
    assert_eq!(outcome.stderr_text(), "");
    outcome.snapshot()
}
