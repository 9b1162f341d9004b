//! Several queries in one call.

use serde_json::json;

use crate::support::{Answer, Exchange, Project, Run, Server};

/// Runs queries; the API refuses `refused`, answers only the first page of `part`, and `unmet` has an
/// expectation that fails.
#[track_caller]
fn assert_exit(queries: &[&str], exit: i32) {
    let page = json!({"items": [{"id": 1}], "next_page_token": "b"});
    let server = Server::start(vec![
        Exchange::get("/api/v2/good")
            .answers(json!({"items": []}))
            .at_least(0),
        Exchange::get("/api/v2/unmet")
            .answers(json!({"items": []}))
            .at_least(0),
        Exchange::get("/api/v2/part").answers(page).at_least(0),
        Exchange::get("/api/v2/part?page-token=b")
            .answers(Answer::status(404))
            .at_least(0),
        Exchange::get("/api/v2/refused")
            .answers(Answer::status(404))
            .at_least(0),
    ]);
    let query = |name: &str| format!("resource: circleci\nendpoint: /{name}\nrows: $.items[*]\n");
    let project = Project::new()
        .circleci(&server)
        .query("good", &query("good"))
        .query("part", &query("part"))
        .query("refused", &query("refused"))
        .query("unmet", &format!("{}expect: \"false\"\n", query("unmet")));
    let outcome = Run::in_(&project)
        .args(["run"])
        .args(queries.iter().copied())
        .outcome();
    server.finish();
    outcome.assert_exit(exit);
}

#[test]
fn the_exit_code_is_that_of_the_first_query_that_failed() {
    for (queries, exit) in [
        (&["good", "good"][..], 0),
        (&["refused", "part"], 3),
        (&["part", "refused"], 3),
        (&["unmet", "refused"], 1),
        (&["refused", "unmet"], 3),
        (&["part", "unmet"], 1),
        (&["good", "part"], 6),
        (&["part", "good"], 6),
        (&["part"], 6),
    ] {
        assert_exit(queries, exit);
    }
}
