//! Queries that change while their tables exist.

use super::{
    RUNS, Stage, assert_line, assert_says, on_both, pipeline, pipelines, run, runs, stable,
};

on_both! {
    a_new_column_is_added,
    another_type_is_refused_with_the_way_out,
    another_key_is_refused_with_the_way_out,
    a_later_format_is_refused,
}

fn change(stage: &Stage, from: &str, to: &str) {
    assert!(RUNS.contains(from));
    stage
        .project
        .write("queries/runs.yaml", RUNS.replace(from, to));
}

fn first(stage: &Stage) {
    let outcome = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "running")]),
    ]);
    outcome.assert_exit(0);
}

fn a_new_column_is_added(stage: &Stage) {
    first(stage);
    change(
        stage,
        "status: $.status",
        "status: $.status, label: \"{{ row.id }}!\"",
    );
    let second = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "running")]),
    ]);
    assert_line(&second, 0, "0,1,0,1,0,0,2");
    assert_eq!(stage.select("SELECT label FROM runs"), ["a!"]);
}

fn another_type_is_refused_with_the_way_out(stage: &Stage) {
    first(stage);
    change(
        stage,
        "minutes: $.minutes",
        "minutes: { path: $.minutes, type: text }",
    );
    let refused = stage.sync(vec![]);
    refused.assert_exit(2);
    insta::assert_snapshot!("sync_another_type", stable(&refused));
    let forgotten = stage.outcome(&["store", "forget", "runs", "--column", "minutes", "--yes"]);
    forgotten.assert_exit(0);
    let again = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&again, 0, "0,1,0,0,0,0,2");
    assert_eq!(stage.select("SELECT minutes FROM runs"), ["1"]);
}

fn another_key_is_refused_with_the_way_out(stage: &Stage) {
    first(stage);
    change(stage, "key: id", "key: [pipeline, id]");
    let refused = stage.sync(vec![]);
    refused.assert_exit(2);
    insta::assert_snapshot!("sync_another_key", stable(&refused));
    stage
        .outcome(&["store", "forget", "runs", "--yes"])
        .assert_exit(0);
    let again = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&again, 0, "1,0,0,0,0,0,2");
}

fn a_later_format_is_refused(stage: &Stage) {
    first(stage);
    let statement = "UPDATE runner_meta SET value = 99 WHERE name = 'format'";
    if let Some(database) = &stage.database {
        database
            .connect()
            .batch_execute(statement)
            .expect("a later format");
    } else {
        let path = stage.project.path().join(".runner/store.db");
        let connection = rusqlite::Connection::open(path).expect("the store's file");
        connection.execute(statement, []).expect("a later format");
    }
    for outcome in [stage.sync(vec![]), stage.outcome(&["store", "status"])] {
        outcome.assert_exit(2);
        assert_says(&outcome, "the store has format 99");
    }
}
