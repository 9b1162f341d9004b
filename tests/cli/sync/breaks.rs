//! Syncs that end in the middle, and two at once.

use std::process::Command;

use super::{
    Stage, assert_line, assert_says, on_both, pipeline, pipelines, run, runs, runs_of, stable,
};
use crate::support::{Fault, Run};

on_both! {
    two_syncs_do_not_run_at_once,
    a_killed_sync_is_completed_by_the_next,
    an_interrupted_sync_is_completed_by_the_next,
}

fn two_syncs_do_not_run_at_once(stage: &Stage) {
    let server = stage.serve(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs_of("p1").answers(Fault::Hang),
    ]);
    let first = stage.run(&["sync"]).start();
    server.wait_for_requests(2);
    let second = stage.outcome(&["sync"]);
    second.assert_exit(7);
    insta::assert_snapshot!("sync_locked", stable(&second));
    let forget = stage.outcome(&["store", "forget", "runs", "--yes"]);
    forget.assert_exit(7);
    let status = stage.outcome(&["store", "status"]);
    status.assert_exit(0);
    drop(first);
    server.finish();
}

fn a_killed_sync_is_completed_by_the_next(stage: &Stage) {
    let listed = [pipeline("p3", 3), pipeline("p2", 5), pipeline("p1", 20)];
    let server = stage.serve(vec![
        pipelines(&listed),
        runs("p3", &[run("c", "ok")]),
        runs_of("p2").answers(Fault::Hang),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    let killed = stage.run(&["sync"]).start();
    server.wait_for_requests(3);
    // SIGKILL.
    drop(killed);
    server.finish();
    let next = stage.serve(vec![
        pipelines(&listed),
        runs("p3", &[run("c", "ok")]).up_to(1),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    stage.outcome(&["sync"]).assert_exit(0);
    next.finish();
    assert_eq!(stage.runs(), ["a|ok", "b|ok", "c|ok"]);
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,0,0,0,1");
}

fn an_interrupted_sync_is_completed_by_the_next(stage: &Stage) {
    let listed = [pipeline("p2", 5), pipeline("p1", 20)];
    let server = stage.serve(vec![
        pipelines(&listed),
        runs_of("p2").answers(Fault::Hang),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    let interrupted = stage.run(&["sync"]).start();
    server.wait_for_requests(2);
    interrupted.interrupt();
    let outcome = interrupted.finish();
    outcome.assert_exit(130);
    server.finish();
    let next = stage.serve(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    stage.outcome(&["sync"]).assert_exit(0);
    next.finish();
    assert_eq!(stage.runs(), ["a|ok", "b|ok"]);
}

#[test]
fn a_database_that_is_lost_in_the_middle_is_completed_by_the_next() {
    let Some(stage) = Stage::server() else {
        return;
    };
    let stage = std::sync::Arc::new(stage);
    let listed = [pipeline("p2", 5), pipeline("p1", 20)];
    // While the request is under way, the connections to the database end.
    let url = stage.database.as_ref().expect("a database").url();
    let server = stage.serve(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok")]).when("the database lost", move |_| {
            super::server::end_connections(&url);
            true
        }),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    let lost = stage.outcome(&["sync"]);
    lost.assert_exit(5);
    assert_says(&lost, "the store");
    server.finish();
    let next = stage.serve(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok")]).up_to(1),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    stage.outcome(&["sync"]).assert_exit(0);
    next.finish();
    assert_eq!(stage.runs(), ["a|ok", "b|ok"]);
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,0,0,0,1");
}

#[test]
fn a_file_that_cannot_grow_stays_good() {
    let stage = Stage::file();
    let listed = [pipeline("p2", 5), pipeline("p1", 20)];
    stage
        .sync(vec![
            pipelines(&listed[1..]),
            runs("p1", &[run("a", "running")]),
        ])
        .assert_exit(0);
    let many: Vec<_> = (0..20_000)
        .map(|n| run(&format!("run-{n:06}"), "ok"))
        .collect();
    let server = stage.serve(vec![
        pipelines(&listed),
        runs("p2", &many),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    // Blocks of 512 bytes; without a handler, the signal would end the program.
    let runner = env!("CARGO_BIN_EXE_runner");
    let script = "trap '' XFSZ; ulimit -f 800; exec \"$0\" sync";
    let output = Command::new("sh")
        .args(["-c", script, runner])
        .current_dir(stage.project.path())
        .env("CIRCLE_TOKEN", crate::support::CANARY)
        .output()
        .expect("`sh` starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains(".runner/store.db"), "{errors}");
    assert!(
        errors.contains("full") || errors.contains("cannot read or write"),
        "{errors}"
    );
    server.finish();
    let rows = stage.runs().len();
    assert!(rows == 1, "{rows} rows of a transaction that was undone");
    assert_eq!(check(&stage), ["ok"]);
    let next = stage.serve(vec![
        pipelines(&listed),
        runs("p2", &many),
        runs("p1", &[run("a", "ok")]).up_to(1),
    ]);
    stage.outcome(&["sync"]).assert_exit(0);
    next.finish();
    assert_eq!(stage.runs().len(), 20_001);
    assert_eq!(check(&stage), ["ok"]);
}

fn check(stage: &Stage) -> Vec<String> {
    stage.select("PRAGMA integrity_check")
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    let stage = Stage::file();
    stage.sync(vec![pipelines(&[])]).assert_exit(0);
    // Root may write anything, but not into a folder that is a file.
    stage.project.write("file", "");
    let outcome = Run::in_(&stage.project)
        .args(["sync", "--store", "file/store.db"])
        .outcome();
    outcome.assert_exit(2);
    assert_says(&outcome, "file/store.db");
}
