//! Polling queries.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Answer, Exchange, Fault, Run, Server};

/// One attempt per poll, so that retries come from polling alone.
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
fn what_holds_at_once_is_requested_once() {
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
fn what_does_not_hold_in_time_is_reported_with_the_last_state() {
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
fn expectations_see_the_last_response() {
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
fn the_content_as_it_came_is_that_of_the_last_response() {
    let seen = poll("").args(["-o", "raw"]).asks(vec![
        get_x().answers(state("running")),
        get_x().answers(state("done")),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_text().trim_end(),
        state("done").to_string()
    );
}

/// A body that is printed unchanged is evaluated all the same.
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
fn rows_of_all_pages_are_requested_in_every_round() {
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
    let server = Server::start(vec![get_x().at_least(2).answers(state("running"))]);
    let project = Case::query("endpoint: /x\npoll: { until: row.status == \"done\", every: 20ms }")
        .project_at(&server.url());
    let running = Run::in_(&project).args(["run", "q"]).start();
    // The first answer was read before the second question was asked.
    server.wait_for_requests(2);
    running.interrupt();
    let outcome = running.finish();
    insta::assert_snapshot!(outcome.assert_exit(130).snapshot());
    server.finish();
}

#[test]
fn a_run_that_is_out_of_time_shows_the_last_state() {
    let seen = Case::query("endpoint: /x\npoll: { until: row.status == \"done\", every: 1h }")
        .settings(ONCE)
        .args(["--timeout", "2s"])
        .asks(vec![get_x().answers(state("running"))]);
    insta::assert_snapshot!(seen.outcome.assert_exit(5).snapshot());
}

/// Queries that start something with one request and wait for it with others.
mod starting {
    use super::*;

    const START: &str = "vars: { branch: main }
method: POST
endpoint: /exports
params: { dry: \"0\" }
headers: { X-Version: \"3\" }
body: { json: { branch: \"{{ branch }}\" } }
poll:
  endpoint: /exports/{{ row.id }}/state?of={{ branch }}
  until: row.status == \"done\"
  every: 5ms
  timeout: 10s
extract: { id: $.id, status: $.status }";

    fn start() -> Case {
        Case::query(START).settings(ONCE).args(["--yes"])
    }

    fn started() -> Exchange {
        Exchange::post("/api/v2/exports?dry=0")
            .with_json(json!({ "branch": "main" }))
            .with_header("x-version", "3")
            .answers((202, json!({ "id": "e/1", "status": "queued" })))
    }

    fn get_state() -> Exchange {
        Exchange::get("/api/v2/exports/e%2F1/state?of=main").with_header("x-version", "3")
    }

    fn state(status: &str) -> Value {
        json!({ "id": "e/1", "status": status, "more": true })
    }

    #[test]
    fn the_request_goes_out_once_and_then_its_route_is_polled() {
        let seen = start().asks(vec![
            started(),
            get_state().times(3).answers(state("running")),
            get_state().answers(state("done")),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!({ "id": "e/1", "status": "done" })
        );
        let first = &seen.requests[0];
        assert_eq!(first.method, "POST");
        for polled in &seen.requests[1..] {
            assert!(polled.body.is_empty() && polled.header("content-type").is_none());
        }
    }

    #[test]
    fn it_asks_first_and_shows_both_requests() {
        let unasked = Case::query(START).asks_nothing();
        let dry = Case::query(START).args(["--dry-run"]).asks_nothing();
        let curl = Case::query(START).args(["--curl"]).asks_nothing();
        let read_only = start().settings("access: read-only").asks_nothing();
        assert_eq!(unasked.assert_exit(7).stdout_text(), "");
        assert_eq!(read_only.assert_exit(7).stdout_text(), "");
        for shown in [&dry, &curl] {
            shown.assert_exit(0);
        }
        insta::assert_snapshot!(transcript([&unasked, &dry, &curl]));
    }

    #[test]
    fn a_start_that_fails_ends_it() {
        let refused = start().asks(vec![
            started().answers((409, json!({ "message": "already running" }))),
        ]);
        // Meant for the route that is asked: what is not there yet.
        let lost = Case::query(&format!("{START}\non_status: {{ 404: empty }}"))
            .args(["--yes"])
            .asks(vec![
                started().answers((404, json!({ "message": "no such org" }))),
            ]);
        let unanswered = start().asks(vec![started().answers(Fault::CloseAtOnce)]);
        for (seen, exit) in [(&refused, 3), (&lost, 3), (&unanswered, 5)] {
            seen.outcome.assert_exit(exit);
        }
        let outcomes = [&refused, &lost, &unanswered].map(|seen| told(&seen.outcome));
        insta::assert_snapshot!(outcomes.join("\n\n"));
    }

    #[test]
    fn a_start_that_is_a_get_may_have_been_carried_out() {
        let seen = Case::query(
            "safe: false\nendpoint: /start\n\
             poll: { endpoint: /x, until: row.status == \"done\", every: 5ms }",
        )
        .args(["--yes"])
        .asks(vec![
            Exchange::get("/api/v2/start").answers(Fault::CloseAtOnce),
        ]);
        let stderr = seen.outcome.assert_exit(5).stderr_text();
        assert!(stderr.contains("may have been carried out"), "{stderr}");
        assert!(!stderr.contains("what was started"), "{stderr}");
    }

    #[test]
    fn a_start_is_never_tried_again_and_its_waiting_is() {
        let case = || {
            Case::query(START)
                .settings("retry: { base_delay: 1ms, max_attempts: 5 }")
                .args(["--yes"])
        };
        case()
            .asks(vec![started().answers(Fault::CloseAtOnce)])
            .outcome
            .assert_exit(5);
        for status in [500, 502, 503, 504, 408] {
            case()
                .asks(vec![started().answers((status, json!({})))])
                .outcome
                .assert_exit(3);
        }
        let seen = case().asks(vec![
            started(),
            get_state().answers((503, json!({}))),
            get_state().answers(Fault::CloseAtOnce),
            get_state().answers(state("done")),
        ]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn what_is_not_there_yet_can_be_a_state() {
        let case = Case::query(&format!("{START}\non_status: {{ 404: empty }}")).args(["--yes"]);
        let seen = case.asks(vec![
            started(),
            get_state().times(2).answers((404, json!({}))),
            get_state().answers(state("done")),
        ]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn what_goes_wrong_after_the_start_says_that_it_was_made() {
        let short = START.replace("timeout: 10s", "timeout: 30ms");
        let late = Case::query(&short)
            .args(["--yes"])
            .asks(vec![started(), get_state().at_least(1).answers(state("x"))]);
        let refused = start().asks(vec![
            started(),
            get_state().answers((403, json!({ "message": "no" }))),
        ]);
        let lost = start().asks(vec![started().answers((200, json!({ "message": "ok" })))]);
        for (seen, exit) in [(&late, 1), (&refused, 4), (&lost, 2)] {
            seen.outcome.assert_exit(exit);
        }
        let outcomes = [&late, &refused, &lost].map(|seen| told(&seen.outcome));
        insta::assert_snapshot!(outcomes.join("\n\n"));
    }

    #[test]
    fn a_response_that_no_route_needs_may_be_anything() {
        let yaml = "method: POST\nendpoint: /x/cancel\n\
                    poll: { endpoint: /x, until: row.status == \"done\", every: 5ms }";
        for reply in [
            Answer::status(204),
            Answer::status(202).text("Accepted."),
            Answer::status(200).json(&json!({})),
        ] {
            let seen = Case::query(yaml).args(["--yes"]).asks(vec![
                Exchange::post("/api/v2/x/cancel").answers(reply),
                get_x().answers(state("done")),
            ]);
            seen.outcome.assert_exit(0);
        }
    }

    #[test]
    fn rows_are_those_of_the_last_polled_response_with_all_its_pages() {
        let seen = Case::query(
            "method: POST\nendpoint: /x\nrows: $.items[*]\nextract: { id: $.id }\n\
             poll: { endpoint: \"/x/{{ row.id }}\", until: rows | length == 2, every: 5ms }",
        )
        .args(["--yes"])
        .asks(vec![
            Exchange::post("/api/v2/x").answers(json!({ "id": 7, "items": [{ "id": 0 }] })),
            Exchange::get("/api/v2/x/7").answers(json!({ "items": [] })),
            Exchange::get("/api/v2/x/7")
                .answers(json!({ "items": [{ "id": 1 }], "next_page_token": "2" })),
            Exchange::get("/api/v2/x/7?page-token=2").answers(json!({ "items": [{ "id": 2 }] })),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{ "id": 1 }, { "id": 2 }])
        );
    }

    #[test]
    fn a_value_of_the_response_cannot_change_the_route() {
        for id in ["..", "", "."] {
            let seen = start().asks(vec![started().answers((202, json!({ "id": id })))]);
            let stderr = seen.outcome.assert_exit(2).stderr_text();
            assert!(stderr.contains("would change the path"), "{stderr}");
        }
        let seen = start().asks(vec![
            started().answers((202, json!({ "id": "https://other.example.com/a?b#c" }))),
            Exchange::get(
                "/api/v2/exports/https%3A%2F%2Fother.example.com%2Fa%3Fb%23c/state?of=main",
            )
            .answers(state("done")),
        ]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn every_item_of_a_walk_is_started_once_and_waited_for() {
        let post = |n: u64| {
            Exchange::post(&format!("/api/v2/n/{n}")).answers(json!({ "id": format!("j{n}") }))
        };
        let get = |n: u64| Exchange::get(&format!("/api/v2/n/{n}/jobs/j{n}"));
        let seen = Case::query(
            "for_each: { n: { in: [1, 2, 3] } }\nmethod: POST\nendpoint: /n/{{ n }}\n\
             extract: { n: \"{{ n }}\", status: $.status }\n\
             poll: { endpoint: \"/n/{{ n }}/jobs/{{ row.id }}\", \
             until: row.status != \"running\", every: 5ms }",
        )
        .settings(ONCE)
        .args(["--yes"])
        .asks(vec![
            post(1),
            get(1).answers(super::state("running")),
            get(1).answers(super::state("done")),
            post(2).answers((500, json!({}))),
            post(3),
            get(3).answers(super::state("failed")),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(6).stdout_json(),
            json!([{ "n": 1, "status": "done" }, { "n": 3, "status": "failed" }])
        );
    }

    #[test]
    fn a_secret_in_the_polled_route_is_masked() {
        let yaml = "vars: { key: { secret: true } }\nmethod: POST\nendpoint: /x\n\
                    poll: { endpoint: \"/x/{{ row.id }}/{{ key }}\", until: row.done }";
        let case = || Case::query(yaml).args(["key=hunter22hunter22"]);
        let dry = case().args(["--dry-run"]).asks_nothing();
        let seen = case().settings(ONCE).args(["--yes", "-v"]).asks(vec![
            Exchange::post("/api/v2/x").answers(json!({ "id": 1 })),
            Exchange::get("/api/v2/x/1/hunter22hunter22").answers((404, json!({}))),
        ]);
        seen.outcome.assert_exit(3);
        for outcome in [&dry, &seen.outcome] {
            let all = format!("{}{}", outcome.stdout_text(), outcome.stderr_text());
            assert!(!all.contains("hunter22"), "{all}");
        }
    }

    #[test]
    fn show_names_both_requests() {
        let project = Case::query(START).project_at("http://127.0.0.1:9");
        let outcome = Run::in_(&project).args(["show", "q"]).outcome();
        insta::assert_snapshot!(outcome.assert_exit(0).stdout_text());
    }
}
