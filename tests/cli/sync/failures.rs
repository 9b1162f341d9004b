//! Items that fail, expire or do not fit.

use serde_json::json;

use super::{
    Stage, ago, assert_line, assert_says, on_both, pipeline, pipelines, run, runs, runs_of, stable,
};
use crate::support::{Exchange, Server};

on_both! {
    a_failed_item_is_asked_again,
    five_failures_are_reported_apart,
    what_is_given_up_is_not_asked_again,
    an_old_parent_that_is_not_found_has_expired,
    a_young_parent_that_is_not_found_is_missed,
    a_young_parent_that_is_still_not_found_has_expired,
    rows_without_a_key_are_kept_as_they_were,
    an_answer_about_an_item_that_is_something_else_is_a_failure,
    invalid_credentials_end_the_sync,
    tables_that_have_nothing_to_do_do_not_hide_a_failure,
    a_server_that_is_gone_ends_the_sync,
    a_value_that_does_not_fit_is_named,
    the_first_items_may_fail,
}

fn failed(pipeline: &str, status: u16) -> Exchange {
    runs_of(pipeline).answers((status, json!({ "message": "no" })))
}

fn a_failed_item_is_asked_again(stage: &Stage) {
    let listed = [pipeline("p2", 8), pipeline("p1", 20)];
    let first = stage.sync(vec![
        pipelines(&listed),
        failed("p2", 500),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&first, 6, "1,0,0,0,0,1,3");
    insta::assert_snapshot!("sync_failed_item", stable(&first));
    assert_eq!(stage.status("runs")["missed"], 1);
    let second = stage.sync(vec![pipelines(&listed), runs("p2", &[run("b", "ok")])]);
    assert_line(&second, 0, "1,0,0,0,0,0,2");
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,0,0,0,1");
}

fn five_failures_are_reported_apart(stage: &Stage) {
    let listed = [pipeline("p1", 8)];
    for _ in 0..4 {
        let outcome = stage.sync(vec![pipelines(&listed), failed("p1", 500)]);
        assert_line(&outcome, 6, "0,0,0,0,0,1,2");
        assert_says(&outcome, "the next sync asks again");
    }
    let fifth = stage.sync(vec![pipelines(&listed), failed("p1", 500)]);
    assert_line(&fifth, 6, "0,0,0,0,0,1,2");
    insta::assert_snapshot!("sync_five_failures", stable(&fifth));
    let given_up = stage.outcome(&["store", "forget", "runs", "--missed"]);
    given_up.assert_exit(0);
    assert_says(&given_up, "gave up 1 item of `runs`");
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,0,0,0,1");
}

fn what_is_given_up_is_not_asked_again(stage: &Stage) {
    let listed = [pipeline("p1", 1)];
    stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "running")])]);
    let missed = stage.sync(vec![pipelines(&listed), failed("p1", 500)]);
    assert_line(&missed, 6, "0,0,0,1,0,1,2");
    stage
        .outcome(&["store", "forget", "runs", "--missed"])
        .assert_exit(0);
    // Not even when it would be due by its age.
    let later = ago(-72);
    let next = stage.sync_with(vec![pipelines(&listed)], &["--now", &later]);
    assert_line(&next, 0, "0,0,0,1,0,0,1");
}

fn an_old_parent_that_is_not_found_has_expired(stage: &Stage) {
    let listed = [pipeline("p1", 20)];
    stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "running")])]);
    let second = stage.sync(vec![pipelines(&[]), failed("p1", 404)]);
    assert_line(&second, 0, "0,0,0,1,0,0,2");
    assert_says(
        &second,
        "`runs`: the API has forgotten 1 item: its rows are kept",
    );
    assert_eq!(stage.runs(), ["a|running"]);
    assert_eq!(stage.status("runs")["gone"], 0);
    // It is not asked on every sync.
    assert_line(&stage.sync(vec![pipelines(&[])]), 0, "0,0,0,1,0,0,1");
}

fn a_young_parent_that_is_not_found_is_missed(stage: &Stage) {
    let listed = [pipeline("p1", 8)];
    let first = stage.sync(vec![pipelines(&listed), failed("p1", 404)]);
    assert_line(&first, 6, "0,0,0,0,0,1,2");
    assert_says(&first, "404 Not Found");
}

fn a_young_parent_that_is_still_not_found_has_expired(stage: &Stage) {
    let listed = [pipeline("p1", 8)];
    stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "running")])]);
    // Another failure between does not confirm it.
    for status in [404, 500, 404] {
        let missed = stage.sync(vec![pipelines(&listed), failed("p1", status)]);
        assert_line(&missed, 6, "0,0,0,1,0,1,2");
    }
    let again = stage.sync(vec![pipelines(&listed), failed("p1", 404)]);
    assert_line(&again, 0, "0,0,0,1,0,0,2");
    assert_says(&again, "the API has forgotten 1 item: its rows are kept");
    assert_eq!(stage.runs(), ["a|running"]);
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,1,0,0,1");
}

fn rows_without_a_key_are_kept_as_they_were(stage: &Stage) {
    let listed = [pipeline("p1", 20)];
    stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "running")])]);
    let nothing = json!({ "id": null, "status": null, "minutes": null });
    let second = stage.sync(vec![pipelines(&listed), runs("p1", &[nothing])]);
    assert_line(&second, 0, "0,0,0,1,0,0,2");
    assert_says(&second, "the API has forgotten 1 item");
    assert_eq!(stage.runs(), ["a|running"]);
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,1,0,0,1");
}

fn an_answer_about_an_item_that_is_something_else_is_a_failure(stage: &Stage) {
    let listed = [pipeline("p1", 20)];
    for odd in [
        json!({ "message": "overloaded" }),
        json!(["overloaded"]),
        json!([{ "error": "overloaded" }]),
        json!([null]),
    ] {
        let answer = json!({ "items": odd, "next_page_token": null });
        let outcome = stage.sync(vec![pipelines(&listed), runs_of("p1").answers(answer)]);
        assert_line(&outcome, 6, "0,0,0,0,0,1,2");
        assert_says(&outcome, "without `$.id`, the `key` of `store`");
    }
    let last = stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "ok")])]);
    assert_line(&last, 0, "1,0,0,0,0,0,2");
}

fn tables_that_have_nothing_to_do_do_not_hide_a_failure(stage: &Stage) {
    let yaml = stage
        .project
        .read("queries/pipelines.yaml")
        .expect("a file");
    let yaml = format!("{yaml}store: {{ key: id }}\n");
    stage.project.write("queries/pipelines.yaml", yaml);
    let refused = Exchange::get("/api/v2/pipelines").answers((401, json!({ "message": "no" })));
    let outcome = stage.sync(vec![refused]);
    outcome.assert_exit(4);
    assert!(outcome.stdout_text().contains("runs,0,0,0,0,0,0,0"));
}

fn invalid_credentials_end_the_sync(stage: &Stage) {
    let listed = [pipeline("p2", 8), pipeline("p1", 20)];
    let refused = Exchange::get("/api/v2/pipelines").answers((401, json!({ "message": "no" })));
    let first = stage.sync(vec![refused]);
    first.assert_exit(4);
    // In the middle: both are asked at once.
    let second = stage.sync(vec![
        pipelines(&listed),
        failed("p2", 401),
        failed("p1", 401).up_to(1),
    ]);
    second.assert_exit(4);
    let third = stage.sync(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&third, 0, "2,0,0,0,0,0,3");
}

fn a_server_that_is_gone_ends_the_sync(stage: &Stage) {
    let gone = Server::refusing();
    stage.at(&gone.url());
    let outcome = stage.outcome(&["sync"]);
    outcome.assert_exit(5);
    assert_says(&outcome, "cannot connect");
}

fn a_value_that_does_not_fit_is_named(stage: &Stage) {
    let listed = [pipeline("p2", 8), pipeline("p1", 20)];
    stage.sync(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "running")]),
        runs("p1", &[run("a", "running")]),
    ]);
    let long = json!({ "id": "a", "status": "ok", "minutes": "long" });
    let second = stage.sync(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[long, run("c", "ok")]),
    ]);
    assert_line(&second, 6, "0,1,0,1,0,1,3");
    insta::assert_snapshot!("sync_misfit", stable(&second));
    assert_eq!(
        stage.runs(),
        ["a|running", "b|ok"],
        "all of an item, or nothing"
    );
    let third = stage.sync(vec![
        pipelines(&listed),
        runs("p1", &[run("a", "ok"), run("c", "ok")]),
    ]);
    assert_line(&third, 0, "1,1,0,0,0,0,2");
}

fn the_first_items_may_fail(stage: &Stage) {
    // A server that has answered is not gone, even if it resets one connection.
    let listed = [pipeline("p2", 8), pipeline("p1", 20)];
    let first = stage.sync(vec![
        pipelines(&listed),
        runs_of("p2").answers(crate::support::Fault::Reset),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&first, 6, "1,0,0,0,0,1,3");
}
