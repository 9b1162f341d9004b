//! `runner store`.

use super::{Stage, assert_says, on_both, pipeline, pipelines, run, runs, stable};
use crate::support::{Project, Run};

on_both! {
    the_status_is_a_table,
    nothing_is_removed_without_yes,
    a_table_is_forgotten,
    rows_are_forgotten,
    unknown_names_are_refused,
    old_rows_are_removed,
    a_store_that_no_query_reads_is_refused,
    a_table_that_no_sync_has_brought_is_explained,
}

fn filled(stage: &Stage) {
    let outcome = stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok"), run("b", "running")]),
    ]);
    outcome.assert_exit(0);
}

fn the_status_is_a_table(stage: &Stage) {
    filled(stage);
    let csv = stage.outcome(&["store", "status", "-o", "csv"]);
    csv.assert_exit(0);
    let text = csv.stdout_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "table,rows,unfinished,gone,versions,missed,pending,from,to,synced"
    );
    assert!(lines[1].starts_with("runs,2,1,0,0,0,0,,,20"), "{text}");
    assert_says(&csv, "store: ");
    let quiet = stage.outcome(&["store", "status", "-q"]);
    assert_eq!(quiet.stderr_text(), "");
}

fn nothing_is_removed_without_yes(stage: &Stage) {
    filled(stage);
    let commands: [&[&str]; 3] = [
        &["store", "forget", "runs"],
        &["store", "forget", "runs", "--column", "minutes"],
        &["store", "vacuum", "--older", "1d"],
    ];
    for words in commands {
        let outcome = stage.outcome(words);
        outcome.assert_exit(7);
        assert_says(&outcome, "nothing was removed");
    }
    assert_eq!(stage.runs().len(), 2);
    assert_eq!(stage.status("runs")["rows"], 2);
}

fn a_table_is_forgotten(stage: &Stage) {
    filled(stage);
    let outcome = stage.outcome(&["store", "forget", "runs", "--yes"]);
    outcome.assert_exit(0);
    insta::assert_snapshot!("store_forget", stable(&outcome));
    let status = stage.outcome(&["store", "status", "-o", "json"]);
    assert_eq!(status.stdout_json(), serde_json::json!([]));
    filled(stage);
    assert_eq!(stage.runs().len(), 2);
}

fn rows_are_forgotten(stage: &Stage) {
    filled(stage);
    let forget = |condition: &str, more: &[&str]| {
        stage.outcome(&[&["store", "forget", "runs", "--where", condition], more].concat())
    };
    let refused = forget("status == 'ok'", &[]);
    refused.assert_exit(7);
    assert_eq!(stage.runs().len(), 2);
    for (name, condition) in [
        ("unknown_name", "stats == 'ok'"),
        ("of_sql", "status = 'ok'"),
        ("fails", "status * 2"),
    ] {
        let outcome = forget(condition, &["--yes"]);
        outcome.assert_exit(2);
        insta::assert_snapshot!(format!("store_forget_where_{name}"), stable(&outcome));
    }
    let none = forget("_changed_at < '2020-01-01' or row.id == 'c'", &[]);
    assert_says(&none, "removed 0 rows of `runs`");
    none.assert_exit(0);
    let outcome = forget("status == 'ok' and pipeline == 'p1'", &["--yes"]);
    outcome.assert_exit(0);
    assert_says(&outcome, "removed 1 row of `runs`");
    assert_eq!(stage.runs(), ["b|running"]);
}

fn unknown_names_are_refused(stage: &Stage) {
    filled(stage);
    let outcome = stage.outcome(&["store", "forget", "rnus", "--yes"]);
    outcome.assert_exit(2);
    insta::assert_snapshot!("store_unknown_table", stable(&outcome));
    let outcome = stage.outcome(&["store", "forget", "runs", "--column", "minuts", "--yes"]);
    outcome.assert_exit(2);
    insta::assert_snapshot!("store_unknown_column", stable(&outcome));
    let outcome = stage.outcome(&["store", "forget", "runs", "--column", "id", "--yes"]);
    outcome.assert_exit(2);
}

fn old_rows_are_removed(stage: &Stage) {
    filled(stage);
    let outcome = stage.outcome(&["store", "vacuum"]);
    outcome.assert_exit(0);
    // These rows have no time of their own.
    let outcome = stage.outcome(&["store", "vacuum", "--older", "1d", "--yes"]);
    outcome.assert_exit(0);
    assert_says(&outcome, "removed 0 rows");
    assert_eq!(stage.runs().len(), 2);
}

fn a_store_that_no_query_reads_is_refused(stage: &Stage) {
    stage.at("http://127.0.0.1:9");
    let outcome = stage.outcome(&["run", "runs", "--store", "other.db"]);
    outcome.assert_exit(2);
    assert_says(
        &outcome,
        "`--store` has no effect: no query reads kept records",
    );
}

fn a_table_that_no_sync_has_brought_is_explained(stage: &Stage) {
    filled(stage);
    let yaml = "resource: circleci\nendpoint: /x\nstore: { key: id }\n";
    stage.project.write("queries/unsynced.yaml", yaml);
    let yaml = "data: { u: { store: unsynced } }\nsql: select * from u\n";
    stage.project.write("queries/reader.yaml", yaml);
    let outcome = stage.outcome(&["run", "reader"]);
    outcome.assert_exit(2);
    insta::assert_snapshot!("store_unsynced_table", stable(&outcome));
}

#[test]
fn ages_in_the_store_of_the_demo_count_from_its_story() {
    let project = Project::none();
    let run = |words: &[&str]| Run::in_(&project).args(words).outcome();
    run(&["sync", "pipelines", "--demo", "-q"]).assert_exit(0);
    run(&["sync", "pipelines", "--demo", "-q"]).assert_exit(0);
    let vacuum = run(&["store", "vacuum", "--older", "1d", "--demo", "--yes"]);
    vacuum.assert_exit(0);
    let count = "select count(*) n, min(created_at) > '2026-11-23T08' new from pipelines";
    let left = run(&["sql", "--store", "--demo", "-o", "json", count]);
    let left = left.assert_exit(0).stdout_json();
    assert!(
        left[0]["n"].as_i64().is_some_and(|count| count > 0),
        "{left}"
    );
    assert_eq!(left[0]["new"], 1);
}
