//! Answers that do not have all rows, and what a store makes of them.

use serde_json::{Value, json};

use super::{Stage, assert_line, assert_says, flat, on_both, pipeline, pipelines, run, runs};
use crate::support::{Answer, Exchange, LiveServer, Response};

on_both! {
    an_answer_without_a_list_ends_nothing,
    a_listing_without_a_list_ends_nothing,
    an_item_that_is_cut_is_missed,
    a_listing_that_stops_early_marks_only_what_it_has_passed,
    forgotten_rows_of_a_listing_are_not_gone,
    items_differ_by_what_is_requested,
    rows_of_several_items_with_one_key_are_told,
    rows_need_a_key,
    failing_items_do_not_keep_others_from_being_asked,
    an_item_without_access_does_not_keep_others_from_being_asked,
    items_stay_the_same_under_another_name,
}

/// Responses that list nothing, and do not say that there is nothing.
fn hollow(target: &str) -> Vec<Exchange> {
    vec![
        Exchange::get(target).answers(json!({ "message": "maintenance" })),
        Exchange::get(target).answers(Answer::status(204)),
        Exchange::get(target).answers(Answer::status(200).text("")),
        Exchange::get(target).answers(json!({ "items": "none" })),
    ]
}

fn an_answer_without_a_list_ends_nothing(stage: &Stage) {
    stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "running"), run("b", "ok")]),
    ]);
    for answer in hollow("/api/v2/pipelines/p1/runs") {
        let outcome = stage.sync(vec![pipelines(&[pipeline("p1", 8)]), answer]);
        assert_line(&outcome, 6, "0,0,0,1,0,1,2");
    }
    assert_eq!(stage.runs(), ["a|running", "b|ok"]);
    let healed = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&healed, 0, "0,1,1,0,0,0,2");
}

const FLAT: &str = "resource: circleci
endpoint: /pipelines
rows: $.items[*]
extract: { id: $.id, status: $.status, created_at: $.created_at }
store: { key: id, at: created_at, done: status != \"running\", gone: mark }
";

fn a_listing_without_a_list_ends_nothing(stage: &Stage) {
    stage.project.write("queries/runs.yaml", FLAT);
    let rows = [flat("b", 2, "running"), flat("a", 3, "ok")];
    stage.sync(vec![pipelines(&rows)]);
    for answer in hollow("/api/v2/pipelines") {
        let outcome = stage.sync(vec![answer]);
        assert_line(&outcome, 6, "0,0,0,1,,0,1");
        assert_says(&outcome, "the next sync lists it again");
    }
    let partial = Answer::status(206).json(&json!({ "items": [flat("b", 2, "running")] }));
    let partial = Exchange::get("/api/v2/pipelines").answers(partial);
    assert_line(&stage.sync(vec![partial]), 6, "0,0,0,1,,0,1");
    let whole = stage.sync(vec![pipelines(&[flat("a", 3, "ok")])]);
    assert_line(&whole, 0, "0,0,1,0,,0,1");
}

fn an_item_that_is_cut_is_missed(stage: &Stage) {
    let yaml = "resource: circleci
for_each: { pipeline: { query: pipelines } }
endpoint: /pipelines/{{ pipeline.id }}/runs
paginate: { cursor: { path: $.next_page_token, param: page-token }, max_pages: 1 }
rows: $.items[*]
extract: { id: $.id, status: $.status }
store: { key: id }
";
    stage.project.write("queries/runs.yaml", yaml);
    let first_page = || {
        let answer = json!({ "items": [run("a", "ok")], "next_page_token": "2" });
        Exchange::get("/api/v2/pipelines/p1/runs").answers(answer)
    };
    for new in ["1", "0"] {
        let cut = stage.sync(vec![pipelines(&[pipeline("p1", 8)]), first_page()]);
        assert_line(&cut, 6, &format!("{new},0,0,0,,1,2"));
    }
    stage
        .project
        .write("queries/runs.yaml", yaml.replace(", max_pages: 1", ""));
    let answer = json!({ "items": [run("b", "ok")], "next_page_token": null });
    let whole = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        first_page(),
        Exchange::get("/api/v2/pipelines/p1/runs?page-token=2").answers(answer),
    ]);
    assert_line(&whole, 0, "1,0,0,0,,0,3");
}

fn a_listing_that_stops_early_marks_only_what_it_has_passed(stage: &Stage) {
    stage.project.write("queries/runs.yaml", FLAT);
    let rows = [
        flat("d", 1, "ok"),
        flat("c", 2, "ok"),
        flat("b", 3, "ok"),
        flat("a", 4, "ok"),
    ];
    stage.sync(vec![pipelines(&rows)]);
    let yaml = FLAT.replace("extract:", "stop_when: row.status == 'stop'\nextract:");
    stage.project.write("queries/runs.yaml", yaml);
    let rows = [flat("d", 1, "ok"), flat("b", 3, "ok"), flat("a", 4, "stop")];
    let outcome = stage.sync(vec![pipelines(&rows)]);
    assert_eq!(outcome.exit, 0);
    assert_eq!(
        stage.select("SELECT id FROM runs WHERE _gone_at IS NOT NULL"),
        ["c"]
    );
}

fn forgotten_rows_of_a_listing_are_not_gone(stage: &Stage) {
    stage.project.write("queries/runs.yaml", FLAT);
    stage.sync(vec![pipelines(&[flat("b", 2, "ok"), flat("a", 3, "ok")])]);
    let nothing = json!({ "id": null, "status": null, "created_at": null });
    let outcome = stage.sync(vec![pipelines(&[nothing, flat("a", 3, "ok")])]);
    assert_line(&outcome, 0, "0,0,0,0,,0,1");
    assert_says(&outcome, "the API has forgotten 1 item");
}

fn items_differ_by_what_is_requested(stage: &Stage) {
    let yaml = "resource: circleci
for_each: { build: { query: builds } }
endpoint: /pipelines/{{ build.run }}/runs
rows: $.items[*]
extract: { id: $.id, status: $.status }
store: { key: id }
";
    stage.project.write("queries/runs.yaml", yaml);
    let builds = "resource: circleci\nendpoint: /pipelines\nrows: $.items[*]\n";
    stage.project.write("queries/builds.yaml", builds);
    let builds = [
        json!({ "name": "build", "run": 1 }),
        json!({ "name": "build", "run": 2, "state": "new" }),
        json!({ "name": "build", "run": "2 " }),
    ];
    let first = stage.sync(vec![
        pipelines(&builds),
        runs("1", &[run("a", "ok")]),
        runs("2", &[run("b", "ok")]),
        runs("2%20", &[run("c", "ok")]),
    ]);
    assert_line(&first, 0, "3,0,0,0,,0,4");
    // What changes otherwise is the same item.
    let builds = [json!({ "name": "build", "run": 2, "state": "old" })];
    let second = stage.sync(vec![pipelines(&builds), runs("2", &[run("b", "ok")])]);
    assert_line(&second, 0, "0,0,0,0,,0,2");
}

fn rows_of_several_items_with_one_key_are_told(stage: &Stage) {
    let sync = |first: &str, second: &str| {
        stage.sync(vec![
            pipelines(&[pipeline("p2", 5), pipeline("p1", 8)]),
            runs("p2", &[run("a", first)]),
            runs("p1", &[run("a", second)]),
        ])
    };
    let outcome = sync("running", "failed");
    assert_eq!(outcome.exit, 0);
    assert_says(
        &outcome,
        "rows of several items or vars had the same key (`id`)",
    );
}

fn rows_need_a_key(stage: &Stage) {
    let yaml = "resource: circleci\nendpoint: /pipelines\nrows: $.items[*]\nstore: { key: uuid }\n";
    stage.project.write("queries/runs.yaml", yaml);
    let outcome = stage.sync(vec![pipelines(&[pipeline("p1", 8)])]);
    outcome.assert_exit(1);
    assert_says(&outcome, "a record is an object without `uuid`, the `key`");
    // One whose key is null is forgotten, but not if all are.
    let nothing = json!({ "items": [{ "uuid": null }] });
    let listed = Exchange::get("/api/v2/pipelines").answers(nothing);
    let outcome = stage.sync(vec![listed]);
    outcome.assert_exit(2);
    assert_says(
        &outcome,
        "no record of `runs` has a value in `uuid`, its `key`",
    );
}

/// A server of 24 pipelines: the two oldest have runs, and the others answer with a status.
fn faulty(status: u16) -> LiveServer {
    let days = 1..=24;
    let items: Vec<Value> = days.map(|day| pipeline(&format!("p{day}"), day)).collect();
    let list = move |items: &[Value]| Answer::status(200).json(&json!({ "items": items }));
    LiveServer::start(move |request| {
        let path = request.target.trim_start_matches("/api/v2/pipelines");
        Response::Answer(match path {
            "" => list(&items),
            "/p23/runs" => list(&[run("p23", "ok")]),
            "/p24/runs" => list(&[run("p24", "ok")]),
            _ => Answer::status(status),
        })
    })
}

fn failing_items_do_not_keep_others_from_being_asked(stage: &Stage) {
    let server = faulty(500);
    stage.at(&server.url());
    for _ in 0..2 {
        assert_ne!(stage.outcome(&["sync"]).exit, 0);
    }
    assert_eq!(stage.runs(), ["p23|ok", "p24|ok"]);
}

fn an_item_without_access_does_not_keep_others_from_being_asked(stage: &Stage) {
    let server = faulty(401);
    stage.at(&server.url());
    for _ in 0..3 {
        stage.outcome(&["sync"]).assert_exit(4);
    }
    assert_eq!(stage.runs(), ["p23|ok", "p24|ok"]);
}

fn items_stay_the_same_under_another_name(stage: &Stage) {
    stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "running")]),
    ]);
    let yaml = stage.project.read("queries/runs.yaml").expect("a file");
    let yaml = yaml
        .replace("pipeline: { query", "parent: { query")
        .replace("pipeline.id", "parent.id");
    stage.project.write("queries/runs.yaml", yaml);
    let outcome = stage.sync(vec![pipelines(&[]), runs("p1", &[run("a", "ok")])]);
    assert_line(&outcome, 0, "0,1,0,0,0,0,2");
}
