//! Polls: queries that ask again until something holds.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Answer, Exchange, Fault, Run, Server};

/// One attempt a round: then the poll alone asks again.
const ONCE: &str = "retry: { max_attempts: 1 }";

fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

fn state(status: &str) -> Value {
    json!({ "id": "w", "status": status })
}

/// `GET /x` every 5 ms, until its status is `done`.
fn poll(more: &str) -> Case {
    Case::query(&format!(
        "endpoint: /x\npoll: {{ until: row.status == \"done\", every: 5ms, timeout: 10s }}\n{more}"
    ))
    .settings(ONCE)
}

#[test]
fn what_holds_at_once_is_asked_once() {
    let seen = poll("").asks(vec![get_x().answers(state("done"))]);
    assert_eq!(seen.outcome.assert_exit(0).stdout_json(), state("done"));
    assert_eq!(seen.outcome.stderr_text(), "");
}

#[test]
fn what_holds_later_gives_its_last_state_alone() {
    let seen = poll("").asks(vec![
        get_x().times(3).answers(state("running")),
        get_x().answers(state("done")),
    ]);
    assert_eq!(seen.outcome.assert_exit(0).stdout_json(), state("done"));
}

/// The first two waits are two and three seconds: not waited for here, but begun.
#[test]
fn without_a_time_of_its_own_it_does_not_ask_at_once_again() {
    let case = Case::query("endpoint: /x\npoll: { until: row.status == \"done\", timeout: 400ms }");
    let seen = case.asks(vec![get_x().times(2).answers(state("running"))]);
    seen.outcome.assert_exit(1);
}

#[test]
fn what_does_not_hold_in_time_is_told_with_the_last_state() {
    let seen = Case::query(
        "endpoint: /x\npoll: { until: row.status == \"done\", every: 50ms, timeout: 320ms }",
    )
    .asks(vec![get_x().at_least(2).answers(state("running"))]);
    assert_eq!(seen.outcome.assert_exit(1).stdout_json(), state("running"));
    // At 0, 50, … 300 and 320 ms, fewer where the machine is busy.
    assert!(seen.requests.len() <= 8, "{}", seen.requests.len());
    insta::assert_snapshot!(seen.outcome.snapshot());
}

/// A wait that is longer than what is left is no reason to give up before the time.
#[test]
fn it_asks_until_its_time_is_over() {
    let started = Instant::now();
    let seen = Case::query(
        "endpoint: /x\npoll: { until: row.status == \"done\", every: 1h, timeout: 300ms }",
    )
    .asks(vec![
        get_x().answers(state("running")),
        get_x().answers(state("done")),
    ]);
    assert_eq!(seen.outcome.assert_exit(0).stdout_json(), state("done"));
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[test]
fn what_fails_meanwhile_and_passes_is_survived() {
    let seen = poll("").asks(vec![
        get_x().answers(state("running")),
        get_x().answers((503, json!({}))),
        get_x().answers(Fault::CloseAtOnce),
        get_x().answers((429, json!({}))),
        get_x().answers(state("done")),
    ]);
    assert_eq!(seen.outcome.assert_exit(0).stdout_json(), state("done"));
}

#[test]
fn what_does_not_pass_ends_it() {
    let not_found = poll("").asks(vec![
        get_x().answers(state("running")),
        get_x().answers((404, json!({ "message": "no" }))),
    ]);
    not_found.outcome.assert_exit(3);
    let not_json = poll("").asks(vec![get_x().answers(Answer::status(200).text("hello"))]);
    not_json.outcome.assert_exit(3);
    let bad_token = poll("").asks(vec![get_x().answers((401, json!({ "message": "who?" })))]);
    bad_token.outcome.assert_exit(4);
    let unreadable =
        Case::query("endpoint: /x\npoll: { until: row.at | time > now(), every: 5ms }")
            .asks(vec![get_x().answers(json!({ "at": "soon" }))]);
    unreadable.outcome.assert_exit(2);
    insta::assert_snapshot!(transcript([
        &not_found.outcome,
        &not_json.outcome,
        &bad_token.outcome,
        &unreadable.outcome
    ]));
}

#[test]
fn expectations_see_the_last_answer() {
    let seen = poll(
        "extract: { status: $.status }\n\
         expect:\n  - row.status == \"done\"\n  - response.body.status == \"done\"\n  \
         - response.status == 200\n  - rows | length == 1",
    )
    .asks(vec![
        get_x().answers(state("running")),
        get_x().answers(state("done")),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!({ "status": "done" })
    );
    let failed = poll("expect: row.result == \"good\"").asks(vec![
        get_x().answers(state("running")),
        get_x().answers(state("done")),
    ]);
    assert_eq!(failed.outcome.assert_exit(1).stdout_json(), state("done"));
    insta::assert_snapshot!(told(&failed.outcome));
}

#[test]
fn the_content_as_it_came_is_that_of_the_last_answer() {
    let seen = poll("").args(["-o", "raw"]).asks(vec![
        get_x().answers(state("running")),
        get_x().answers(state("done")),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_text().trim_end(),
        state("done").to_string()
    );
}

/// What is shown as it came is looked at all the same.
#[test]
fn rows_are_counted_where_the_content_is_wanted() {
    let seen = Case::query(
        "endpoint: /x\nrows: $.items[*]\npoll: { until: rows | length > 0, every: 5ms, timeout: 5s }",
    )
    .args(["-o", "raw"])
    .asks(vec![
        get_x().answers(json!({ "items": [] })),
        get_x().answers(json!({ "items": [1] })),
    ]);
    let text = seen.outcome.assert_exit(0).stdout_text();
    assert_eq!(text.trim_end(), "{\"items\":[1]}");
}

#[test]
fn rows_of_all_pages_are_asked_for_in_every_round() {
    let page = |status: [&str; 2], token: Option<&str>| {
        let items: Vec<Value> = status.map(|status| json!({ "status": status })).into();
        json!({ "items": items, "next_page_token": token })
    };
    let seen = Case::query(
        "endpoint: /x\nrows: $.items[*]\nextract: { status: $.status }\n\
         where: row.status != \"canceled\"\n\
         poll: { until: \"rows | map(attribute='status') | unique | list == ['done']\", every: 5ms }",
    )
    .asks(vec![
        get_x().answers(page(["done", "running"], Some("next"))),
        Exchange::get("/api/v2/x?page-token=next").answers(page(["running", "running"], None)),
        get_x().answers(page(["done", "done"], Some("next"))),
        Exchange::get("/api/v2/x?page-token=next").answers(page(["canceled", "done"], None)),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{ "status": "done" }, { "status": "done" }, { "status": "done" }])
    );
}

#[test]
fn no_rows_are_a_state_too() {
    let seen = Case::query(
        "endpoint: /x\nrows: $.items[*]\npoll: { until: rows | length > 0, every: 5ms }",
    )
    .asks(vec![
        get_x().times(2).answers(json!({ "items": [] })),
        get_x().answers(json!({ "items": [{ "id": 1 }] })),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{ "id": 1 }])
    );
    let seen = Case::query(
        "endpoint: /x\non_status: { 404: empty }\n\
         poll: { until: response.status == 404, every: 5ms }",
    )
    .asks(vec![
        get_x().answers(state("running")),
        get_x().answers((404, json!({}))),
    ]);
    seen.outcome.assert_exit(0);
}

/// Each item is waited for by itself; one that is not done in time is a failure among others.
#[test]
fn the_items_of_a_walk_are_waited_for_one_by_one() {
    let get = |id: &str| Exchange::get(&format!("/api/v2/w/{id}"));
    let seen = Case::query(
        "for_each: { id: { in: [a, b, c] } }\nendpoint: /w/{{ id }}\n\
         poll: { until: status == \"done\" and id, every: 20ms, timeout: 400ms }\n\
         extract: { status: $.status, of: \"{{ id }}\" }",
    )
    .asks(vec![
        get("a").times(2).answers(state("running")),
        get("a").answers(state("done")),
        get("b").at_least(2).answers(state("running")),
        get("c").answers(state("done")),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(6).stdout_json(),
        json!([
            { "status": "done", "of": "a" },
            { "status": "running", "of": "b" },
            { "status": "done", "of": "c" },
        ])
    );
    insta::assert_snapshot!(told(&seen.outcome));
}

/// A run that walks remembers its answers, and a poll must not be given an old one.
#[test]
fn a_poll_is_never_answered_from_memory() {
    let seen = Case::query(
        "for_each: { id: { in: [a, a] } }\nendpoint: /x\n\
         poll: { until: row.status == \"done\", every: 5ms }",
    )
    .settings("concurrency: 1")
    .asks(vec![
        get_x().times(2).answers(state("running")),
        get_x().times(2).answers(state("done")),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([state("done"), state("done")])
    );
}

#[test]
fn an_interrupt_ends_the_wait() {
    let server = Server::start(vec![get_x().answers(state("running"))]);
    let project = Case::query("endpoint: /x\npoll: { until: row.status == \"done\", every: 1h }")
        .project_at(&server.url());
    let running = Run::in_(&project).args(["run", "q"]).start();
    server.wait_for_requests(1);
    running.interrupt();
    let outcome = running.finish();
    insta::assert_snapshot!(outcome.assert_exit(130).snapshot());
    server.finish();
}
