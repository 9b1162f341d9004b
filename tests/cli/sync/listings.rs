//! Listings: cut, backfilled, and of queries without items.

use serde_json::{Value, json};

use super::{Stage, ago, assert_line, assert_says, flat, on_both, pipeline, pipelines, run, runs};
use crate::support::{Exchange, Server};

on_both! {
    a_listing_that_is_cut_is_read_again,
    a_listing_whose_first_page_fails_says_so,
    a_listing_ends_at_the_last_complete_one,
    a_backfill_goes_back_further,
    a_later_time_leaves_no_hole,
    an_interrupted_first_backfill_goes_on,
    a_later_time_leaves_no_hole_after_an_interrupted_first_sync,
    items_that_need_the_position_hold_it,
    what_the_requests_of_items_leave_out_stays,
    the_store_decides_on_since,
    rows_of_a_listing_are_kept,
    a_listing_of_something_else_is_read_again,
    a_listing_of_rows_may_be_cut,
    pages_may_shift,
    a_search_filters_by_time_itself,
}

fn page(token: Option<&str>, items: &[Value], next: Option<&str>) -> Exchange {
    let target = token.map_or_else(
        || "/api/v2/pipelines".to_owned(),
        |token| format!("/api/v2/pipelines?page-token={token}"),
    );
    Exchange::get(&target).answers(json!({ "items": items, "next_page_token": next }))
}

fn failing(target: &str) -> Exchange {
    Exchange::get(target).answers((500, json!({ "message": "no" })))
}

fn a_listing_that_is_cut_is_read_again(stage: &Stage) {
    let first = stage.sync(vec![
        page(None, &[pipeline("p3", 5)], Some("2")),
        failing("/api/v2/pipelines?page-token=2"),
        runs("p3", &[run("c", "ok")]),
    ]);
    first.assert_exit(6);
    assert_says(&first, "the next sync lists it again");
    let partial = stage.outcome(&["store", "status"]);
    assert_says(&partial, "the listing of `runs` was not read to its end");
    let second = stage.sync(vec![
        page(None, &[pipeline("p4", 2), pipeline("p3", 5)], Some("2")),
        page(Some("2"), &[pipeline("p2", 8)], Some("3")),
        page(Some("3"), &[pipeline("p1", 20)], None),
        runs("p4", &[run("d", "ok")]),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&second, 0, "3,0,0,0,0,0,6");
    assert_eq!(stage.runs(), ["a|ok", "b|ok", "c|ok", "d|ok"]);
}

fn a_listing_whose_first_page_fails_says_so(stage: &Stage) {
    let first = stage.sync(vec![failing("/api/v2/pipelines")]);
    first.assert_exit(3);
    assert_says(&first, "500 Internal Server Error");
    let second = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&second, 0, "1,0,0,0,0,0,2");
}

fn a_listing_ends_at_the_last_complete_one(stage: &Stage) {
    stage.sync(vec![
        page(None, &[pipeline("p2", 5)], Some("2")),
        page(Some("2"), &[pipeline("p1", 8)], None),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[run("a", "ok")]),
    ]);
    // Page 2 is older than the newest pipeline of the first sync, less an overlap.
    let second = stage.sync(vec![page(
        None,
        &[pipeline("p2", 5), pipeline("p1", 8)],
        Some("2"),
    )]);
    assert_line(&second, 0, "0,0,0,0,0,0,1");
}

fn a_backfill_goes_back_further(stage: &Stage) {
    let old = json!({ "id": "p0", "created_at": ago(24 * 120) });
    let first = stage.sync(vec![
        page(None, &[pipeline("p1", 8), old.clone()], Some("2")),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&first, 0, "1,0,0,0,0,0,2");
    let backfill = stage.sync_with(
        vec![
            page(None, &[pipeline("p1", 8), old.clone()], Some("2")),
            page(
                Some("2"),
                &[json!({ "id": "p", "created_at": ago(24 * 300) })],
                None,
            ),
            runs("p0", &[run("z", "ok")]),
        ],
        &["--since", "200d"],
    );
    assert_line(&backfill, 0, "1,0,0,0,0,0,3");
    let after = stage.sync(vec![page(None, &[pipeline("p1", 8), old], Some("2"))]);
    assert_line(&after, 0, "0,0,0,0,0,0,1");
}

fn a_later_time_leaves_no_hole(stage: &Stage) {
    stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    let second = stage.sync_with(
        vec![
            pipelines(&[pipeline("p3", 0), pipeline("p2", 5), pipeline("p1", 8)]),
            runs("p3", &[run("c", "ok")]),
            runs("p2", &[run("b", "ok")]),
        ],
        &["--since", "1d"],
    );
    assert_line(&second, 0, "2,0,0,0,0,0,3");
}

fn an_interrupted_first_backfill_goes_on(stage: &Stage) {
    let old = json!({ "id": "p0", "created_at": ago(24 * 120) });
    let oldest = json!({ "id": "p", "created_at": ago(24 * 300) });
    let first = stage.sync_with(
        vec![
            page(None, &[pipeline("p1", 8)], Some("2")),
            failing("/api/v2/pipelines?page-token=2"),
            runs("p1", &[run("a", "ok")]),
        ],
        &["--since", "200d"],
    );
    first.assert_exit(6);
    let second = stage.sync(vec![
        page(None, &[pipeline("p1", 8)], Some("2")),
        page(Some("2"), &[old, oldest], Some("3")),
        runs("p0", &[run("z", "ok")]),
    ]);
    assert_line(&second, 0, "1,0,0,0,0,0,3");
}

fn a_later_time_leaves_no_hole_after_an_interrupted_first_sync(stage: &Stage) {
    let first = stage.sync(vec![
        page(None, &[pipeline("p1", 8)], Some("2")),
        failing("/api/v2/pipelines?page-token=2"),
        runs("p1", &[run("a", "ok")]),
    ]);
    first.assert_exit(6);
    let second = stage.sync_with(
        vec![
            page(None, &[pipeline("p1", 8)], Some("2")),
            page(Some("2"), &[pipeline("p0", 60)], None),
            runs("p0", &[run("z", "ok")]),
        ],
        &["--since", "2d"],
    );
    assert_line(&second, 0, "1,0,0,0,0,0,3");
}

/// The requests of items depend on the position: what was missed is asked as it was.
fn items_that_need_the_position_hold_it(stage: &Stage) {
    stage.project.write(
        "queries/runs.yaml",
        "resource: circleci
vars: { since: { type: time, default: 90d } }
for_each: { pipeline: { query: pipelines } }
endpoint: /pipelines/{{ pipeline.id }}/runs
params: { all: \"{{ (now() | time) - (since | time) > 80 * 86400 }}\" }
rows: $.items[*]
extract: { id: $.id, status: $.status }
store: { key: id }
",
    );
    let first = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        failing("/api/v2/pipelines/p1/runs?all=true"),
    ]);
    first.assert_exit(6);
    let answer = json!({ "items": [run("a", "ok")], "next_page_token": null });
    let second = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        Exchange::get("/api/v2/pipelines/p1/runs?all=true").answers(answer),
    ]);
    assert_line(&second, 0, "1,0,0,0,0,0,2");
    let answer = json!({ "items": [], "next_page_token": null });
    let third = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        Exchange::get("/api/v2/pipelines/p1/runs?all=false").answers(answer),
    ]);
    assert_line(&third, 0, "0,0,0,0,1,0,2");
}

/// Items that stay the same while their rows go on: each request is bounded by the position.
const BOUNDED: &str = "resource: circleci
vars: { since: { type: time, default: 90d } }
for_each: { project: { query: projects } }
endpoint: /projects/{{ project.id }}/runs
params: { days: \"{{ (((now() | time) - (since | time)) / 86400) | int }}\" }
rows: $.items[*]
extract: { id: $.id, status: $.status, created_at: $.created_at }
store: { key: id, at: created_at, done: status != 'running', gone: mark }
";

fn what_the_requests_of_items_leave_out_stays(stage: &Stage) {
    const PROJECTS: &str = "resource: circleci\nendpoint: /projects\nrows: $.items[*]\n";
    let projects = |ids: &[(&str, i64)]| {
        let items: Vec<Value> = ids.iter().map(|(id, days)| pipeline(id, *days)).collect();
        let answer = json!({ "items": items, "next_page_token": null });
        Exchange::get("/api/v2/projects").answers(answer)
    };
    let runs = |project: &str, days: i64, items: &[Value]| {
        let path = format!("/api/v2/projects/{project}/runs?days={days}");
        let answer = json!({ "items": items, "next_page_token": null });
        Exchange::get(&path).answers(answer)
    };
    stage.project.write("queries/projects.yaml", PROJECTS);
    stage.project.write("queries/runs.yaml", BOUNDED);
    let rows = [
        flat("z", 70, "ok"),
        flat("a", 6, "running"),
        flat("b", 4, "ok"),
    ];
    let first = stage.sync(vec![projects(&[("w", 0)]), runs("w", 90, &rows)]);
    assert_line(&first, 0, "3,0,0,1,0,0,2");
    // Back to the oldest row that is not done; a new project as in a first sync.
    let second = stage.sync(vec![
        projects(&[("w", 0), ("x", 0)]),
        runs("w", 6, &[flat("a", 6, "ok"), flat("c", 0, "running")]),
        runs("x", 90, &[flat("y", 80, "ok")]),
    ]);
    // `b` is gone; `z` is older than what was asked for.
    assert_line(&second, 0, "2,1,1,1,0,0,3");
    assert_eq!(
        stage.select("SELECT id FROM runs WHERE _gone_at IS NOT NULL"),
        ["b"]
    );
    let third = stage.sync(vec![
        projects(&[("w", 0), ("x", 0)]),
        runs("w", 0, &[flat("c", 0, "ok")]),
        runs("x", 0, &[]),
    ]);
    assert_line(&third, 0, "0,1,0,0,1,0,3");
    // With `revisit`, as that says.
    let yaml = BOUNDED.replace("gone: mark", "revisit: 1h, gone: mark");
    stage.project.write("queries/runs.yaml", yaml);
    let fourth = stage.sync(vec![projects(&[("w", 0), ("x", 0)])]);
    assert_line(&fourth, 0, "0,0,0,0,0,0,1");
}

fn the_store_decides_on_since(stage: &Stage) {
    let outcome = stage.sync_with(vec![], &["since=2025-01-01"]);
    outcome.assert_exit(2);
    assert_says(&outcome, "the store decides on `since`");
}

/// A query without items.
const FLAT: &str = "resource: circleci
vars: { since: { type: time, default: 90d } }
endpoint: /pipelines
rows: $.items[*]
stop_when: (row.created_at | time) < (since | time)
extract: { id: $.id, status: $.status, created_at: $.created_at }
store: { key: id, at: created_at, done: status != \"running\", gone: mark }
";

fn rows_of_a_listing_are_kept(stage: &Stage) {
    stage.project.write("queries/runs.yaml", FLAT);
    let first = stage.sync(vec![
        page(None, &[flat("c", 2, "ok"), flat("b", 3, "ok")], Some("2")),
        page(
            Some("2"),
            &[flat("a", 5, "running"), flat("z", 6, "ok")],
            None,
        ),
    ]);
    assert_line(&first, 0, "4,0,0,1,,0,2");
    // Back to the oldest row that is not done.
    let second = stage.sync(vec![
        page(
            None,
            &[flat("d", 0, "ok"), flat("c", 2, "failed")],
            Some("2"),
        ),
        page(
            Some("2"),
            &[flat("a", 5, "ok"), flat("z", 6, "changed")],
            Some("3"),
        ),
    ]);
    // `b` is gone; `z` is older than the listing, but it was seen.
    second.assert_exit(0);
    assert_eq!(stage.status("runs")["gone"], 1);
    assert_eq!(stage.status("runs")["unfinished"], 0);
    let third = stage.sync(vec![page(
        None,
        &[flat("d", 0, "ok"), flat("c", 2, "failed")],
        Some("2"),
    )]);
    assert_line(&third, 0, "0,0,0,0,,0,1");
    assert_eq!(stage.runs(), ["a|ok", "b|ok", "c|failed", "d|ok", "z|ok"]);
}

fn a_listing_of_something_else_is_read_again(stage: &Stage) {
    stage.project.write("queries/runs.yaml", FLAT);
    let odd = |items: Value| {
        let answer = json!({ "items": items, "next_page_token": null });
        Exchange::get("/api/v2/pipelines").answers(answer)
    };
    // A mistake in the file, and an answer that is an error.
    let mistaken = FLAT.replace("$.id", "$.uuid");
    assert_ne!(mistaken, FLAT);
    stage.project.write("queries/runs.yaml", mistaken);
    let first = stage.sync(vec![page(None, &[flat("a", 2, "ok")], None)]);
    first.assert_exit(1);
    assert_says(&first, "without `$.uuid`, the `key` of `store`");
    stage.project.write("queries/runs.yaml", FLAT);
    stage
        .sync(vec![odd(json!({ "message": "overloaded" }))])
        .assert_exit(1);
    let whole = stage.sync(vec![page(None, &[flat("a", 2, "ok")], None)]);
    assert_line(&whole, 0, "1,0,0,0,,0,1");
    stage.sync(vec![odd(json!(["overloaded"]))]).assert_exit(1);
    let rows = [flat("b", 1, "ok"), flat("a", 2, "ok")];
    let last = stage.sync(vec![page(None, &rows, None)]);
    assert_line(&last, 0, "1,0,0,0,,0,1");
    assert_eq!(stage.runs(), ["a|ok", "b|ok"]);
}

fn a_listing_of_rows_may_be_cut(stage: &Stage) {
    stage.project.write("queries/runs.yaml", FLAT);
    let first = stage.sync(vec![
        page(None, &[flat("c", 2, "ok"), flat("b", 3, "ok")], Some("2")),
        failing("/api/v2/pipelines?page-token=2"),
    ]);
    first.assert_exit(6);
    assert_eq!(stage.runs(), ["b|ok", "c|ok"]);
    let second = stage.sync(vec![
        page(None, &[flat("c", 2, "ok"), flat("b", 3, "ok")], Some("2")),
        page(Some("2"), &[flat("a", 20, "ok")], None),
    ]);
    assert_line(&second, 0, "1,0,0,0,,0,2");
}

fn pages_may_shift(stage: &Stage) {
    // A new pipeline pushes `p2` to the next page while the listing is read, and one page has it twice.
    let outcome = stage.sync(vec![
        page(None, &[pipeline("p3", 2), pipeline("p2", 5)], Some("2")),
        page(
            Some("2"),
            &[pipeline("p2", 5), pipeline("p1", 8), pipeline("p1", 8)],
            None,
        ),
        runs("p3", &[run("c", "ok")]),
        runs("p2", &[run("b", "ok"), run("b", "ok")]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&outcome, 0, "3,0,0,0,0,0,5");
}

/// The example of API v3: what is new is one request.
fn a_search_filters_by_time_itself(stage: &Stage) {
    let found = |id: &str, hours: i64, phase: &str| {
        let attributes = json!({ "phase": phase, "created_at": ago(hours) });
        json!({ "type": "run", "id": id, "attributes": attributes, "references": {} })
    };
    let sync = |runs: &[Value], line: &str| {
        let answer = json!({ "data": runs, "page": { "next": null } });
        let server = Server::start(vec![Exchange::post("/api/v3/runs/search").answers(answer)]);
        let resource = format!(
            "type: circleci\napi: v3\nbase_url: {}/api/v3\nauth: none\n",
            server.url()
        );
        stage.project.write("resources/circleci-v3.yaml", resource);
        let outcome = stage.outcome(&["sync", "v3-runs", "project_ids:=[\"p\"]", "-o", "csv"]);
        assert_eq!(outcome.exit, 0, "{}", outcome.snapshot());
        assert_eq!(outcome.stdout_text().lines().last(), Some(line));
        let scope = &server.finish()[0].json()["scope"];
        assert_eq!(scope["project_ids"], json!(["p"]));
        let from = scope["from"].as_str().expect("a time");
        let from: jiff::Timestamp = from.parse().expect("a time");
        jiff::Timestamp::now().duration_since(from).as_hours()
    };
    stage.project.write(
        "queries/v3-runs.yaml",
        include_str!("../../../examples/v3-runs.yaml"),
    );
    let first = [
        found("b", 5, "started"),
        found("c", 2, "ended"),
        found("a", 30, "ended"),
    ];
    assert_eq!(sync(&first, "v3_runs,3,0,0,1,,0,1"), 90 * 24);
    // Back to the run that has not ended.
    let second = [found("d", 0, "ended"), found("b", 5, "ended")];
    assert_eq!(sync(&second, "v3_runs,1,1,0,0,,0,1"), 5);
    assert_eq!(sync(&[], "v3_runs,0,0,0,0,,0,1"), 1);
}
