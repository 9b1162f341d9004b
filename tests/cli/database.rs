//! `--out x.db`: records as a table of an SQLite database.

use serde_json::{Value, json};

use crate::case::Case;
use crate::data::items;
use crate::support::{Exchange, Outcome, Project, Run, Server};

/// A query of jobs, with columns of every kind.
const JOBS: &str = "endpoint: /jobs
rows: $.items[*]
extract: { name: $.name, minutes: $.minutes, ok: $.ok, tags: $.tags, huge: $.huge }";

fn project(url: &str) -> Project {
    Case::query(JOBS).project_at(url)
}

fn jobs(records: Value) -> Exchange {
    items("/jobs", records)
}

/// The rows of a statement over a database.
fn select(project: &Project, sql: &str) -> Vec<Vec<Value>> {
    let database = rusqlite::Connection::open(project.path().join("out.db")).expect("a database");
    let mut statement = database.prepare(sql).expect("a statement");
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..width)
            .map(|at| {
                Ok(match row.get_ref(at)? {
                    rusqlite::types::ValueRef::Null => Value::Null,
                    rusqlite::types::ValueRef::Integer(number) => number.into(),
                    rusqlite::types::ValueRef::Real(number) => number.into(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                    rusqlite::types::ValueRef::Blob(_) => panic!("no blobs are written"),
                })
            })
            .collect()
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// The names in the project's folder.
fn files(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path())
        .expect("a folder")
        .flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Writes the records of the query to a database.
fn write(project: &Project) -> Outcome {
    Run::in_(project)
        .args(["run", "q", "--out", "out.db"])
        .outcome()
}

#[test]
fn records_become_a_table_named_like_the_query() {
    let records = json!([
        {"name": "build", "minutes": 1.5, "ok": true, "tags": ["a"], "huge": 12_345_678_901_234_567_890_123_u128.to_string()},
        {"name": "test", "minutes": 2, "ok": null, "tags": null},
    ]);
    let server = Server::start(vec![jobs(records)]);
    let project = project(&server.url());
    let outcome = write(&project);
    outcome.assert_exit(0);
    assert_eq!(outcome.stdout_text(), "");
    assert_eq!(
        select(
            &project,
            "select name, minutes, ok, tags ->> 0, huge from q order by 1"
        ),
        [
            vec![
                json!("build"),
                json!(1.5),
                json!(1),
                json!("a"),
                json!("12345678901234567890123")
            ],
            vec![
                json!("test"),
                json!(2),
                Value::Null,
                Value::Null,
                Value::Null
            ],
        ]
    );
    server.finish();
}

#[test]
fn a_table_replaces_its_own_and_leaves_the_others() {
    let server = Server::start(vec![
        jobs(json!([{"name": "a"}, {"name": "b"}])),
        jobs(json!([{"name": "c"}])),
    ]);
    let project = project(&server.url());
    let run = || write(&project);
    run().assert_exit(0);
    let database = rusqlite::Connection::open(project.path().join("out.db")).expect("a database");
    let made = database.execute_batch(
        "create table mine (x); insert into mine values (7); create view seen as select name from q",
    );
    made.expect("made");
    run().assert_exit(0);
    assert_eq!(select(&project, "select * from mine"), [[json!(7)]]);
    assert_eq!(select(&project, "select name from seen"), [[json!("c")]]);
    assert_eq!(files(&project), ["out.db", "queries", "resources"]);
    server.finish();
}

#[test]
fn no_records_make_a_table_all_the_same() {
    let server = Server::start(vec![jobs(json!([]))]);
    let project = project(&server.url());
    let outcome = write(&project);
    outcome.assert_exit(0);
    assert_eq!(
        select(&project, "select name, tags from q"),
        Vec::<Vec<Value>>::new()
    );
    server.finish();
}

#[test]
fn what_is_no_database_is_refused_before_anything_is_requested() {
    let text = Case::query(JOBS)
        .file("out.db", "this is a text, and no database at all")
        .args(["--out", "out.db"])
        .asks_nothing();
    text.assert_exit(2);
    insta::assert_snapshot!(text.snapshot());
    let stream = Case::query(JOBS)
        .args(["--out", "/no/such/folder/out.db"])
        .asks_nothing();
    stream.assert_exit(2);
}

#[test]
fn a_view_of_that_name_is_refused() {
    let server = Server::start(Vec::new());
    let project = project(&server.url());
    let database = rusqlite::Connection::open(project.path().join("out.db")).expect("a database");
    database
        .execute_batch("create view q as select 1 as x")
        .expect("made");
    let outcome = write(&project);
    outcome.assert_exit(2);
    insta::assert_snapshot!(outcome.snapshot());
    server.finish();
}

#[test]
fn a_run_that_fails_leaves_the_database_as_it_was() {
    let server = Server::start(vec![
        jobs(json!([{"name": "a"}])),
        Exchange::get("/api/v2/jobs").answers((404, json!({"message": "none"}))),
    ]);
    let project = project(&server.url());
    let run = || write(&project);
    run().assert_exit(0);
    run().assert_exit(3);
    assert_eq!(select(&project, "select name from q"), [[json!("a")]]);
    assert_eq!(files(&project), ["out.db", "queries", "resources"]);
    server.finish();
}

#[test]
fn a_statement_makes_the_table_result() {
    let project = Project::new().file("jobs.csv", "name,n\na,1\nb,2\n");
    let outcome = Run::in_(&project)
        .args([
            "sql",
            "select name from jobs where n > 1",
            "--from",
            "jobs=jobs.csv",
        ])
        .args(["--out", "out.db"])
        .outcome();
    outcome.assert_exit(0);
    assert_eq!(select(&project, "select name from result"), [[json!("b")]]);
}
