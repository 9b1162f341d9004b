//! More records than are held in memory: they go to a temporary file, and nothing else changes.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::case::{Case, Seen, told};
use crate::data::items;
use crate::support::{Outcome, Project, Run};

/// More than what is held in memory, by far.
const MANY: usize = 10_000;

/// The number of records in a file. A file is read as a stream, whatever its size.
const IN_FILE: usize = 2_000;

/// A record of about four kilobytes.
fn record(number: usize) -> Value {
    with_text(number, 4_000)
}

fn with_text(number: usize, length: usize) -> Value {
    json!({
        "number": number,
        "group": number * 7_919 % 1_000,
        "text": format!("é{}", "x".repeat(length)),
        "nested": [null, { "a": 1.5 }],
    })
}

/// The line of a record in a file.
fn line(number: usize) -> String {
    with_text(number, 80).to_string()
}

fn records() -> Value {
    (0..MANY).map(record).collect()
}

/// A query over the many records.
fn over_many(yaml: &str) -> Case {
    let many = "resource: circleci\nendpoint: /many\nrows: $.items[*]\n";
    Case::query(yaml).file("queries/many.yaml", many)
}

fn asked(case: Case) -> Seen {
    case.asks(vec![items("/many", records())])
}

/// A folder that is no project, and is its own temporary folder.
fn sql(project: &Project, words: &[&str]) -> Outcome {
    fs::create_dir_all(project.path().join("temporary")).expect("a folder");
    let outcome = Run::in_(project)
        .env("TMPDIR", project.path().join("temporary"))
        .args(["sql"])
        .args(words)
        .outcome();
    let left = fs::read_dir(project.path().join("temporary")).expect("a folder");
    assert_eq!(left.count(), 0, "a temporary file is left");
    outcome
}

/// A JSON list with a record a line, from the second line on.
fn list(record: impl Fn(usize) -> String) -> String {
    let mut text = "[\n".to_owned();
    for number in 0..IN_FILE {
        let comma = if number == 0 { "" } else { ",\n" };
        let _ = write!(text, "{comma}{}", record(number));
    }
    text + "\n]\n"
}

#[test]
fn a_json_list_is_a_table_as_its_lines_are() {
    let text = list(line);
    let mut lines = String::new();
    for number in 0..IN_FILE {
        let _ = writeln!(lines, "{}", line(number));
    }
    let project = Project::new().file("a.json", text).file("a.ndjson", lines);
    let select = "select \"group\", count(*) as n, min(nested) as nested, sum(number) as sum from t group by 1 order by 1";
    let of = |file: &str| {
        let from = format!("t={file}");
        let outcome = sql(&project, &[select, "--from", &from, "-o", "json"]);
        outcome.assert_exit(0).stdout_json()
    };
    let expected = of("a.ndjson");
    assert_eq!(expected.as_array().map(Vec::len), Some(1_000));
    assert_eq!(of("a.json"), expected);
}

#[test]
fn a_fault_in_a_late_record_has_its_place() {
    let damaged = |number: usize| match number {
        1_500 => "{\"number\": 030000}".to_owned(),
        _ => line(number),
    };
    let whole = list(line);
    let project = Project::new()
        .file("damaged.json", list(damaged))
        .file("cut.json", &whole[..whole.len() - 3])
        .file("more.json", format!("{whole}[]"));
    for (file, words) in [
        (
            "damaged.json",
            "`damaged.json`, line 1502, column 18: invalid number",
        ),
        (
            "cut.json",
            "`cut.json`, line 2001, column 144: EOF while parsing a list",
        ),
        (
            "more.json",
            "`more.json`, line 2003, column 1: trailing characters",
        ),
    ] {
        let from = format!("t={file}");
        let outcome = sql(&project, &["select count(*) from t", "--from", &from]);
        let error = outcome.assert_exit(2).stderr_text();
        assert!(error.contains(words), "{error}");
        assert_eq!(outcome.stdout_text(), "");
    }
}

#[test]
fn records_for_a_statement_and_a_document_are_read_from_the_file() {
    let seen = asked(over_many(
        "data: { many: { query: many } }
sql: select count(*) as n, sum(number) as sum, min(nested) as nested from many
report: { template: \"{{ rows[0].n }} {{ rows[0].sum }} {{ rows[0].nested }} {{ data.many | length }} {{ data.many[9999].number }} {{ data.many[1].nested[1].a }} {% for one in data.many %}{% if one.number == 5000 %}{{ one.text | length }}{% endif %}{% endfor %}\" }",
    ));
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_text(),
        "10000 49995000 [null,{\"a\":1.5}] 10000 9999 1.5 4001\n"
    );
}

#[test]
fn sorting_keeps_equal_records_in_their_order() {
    let yaml = "endpoint: /many
rows: $.items[*]
sort: group
unique: [group, text]
";
    let seen = asked(over_many(yaml).args(["--columns", "number,group"]));
    let mut expected: Vec<usize> = (0..1_000).collect();
    expected.sort_by_key(|number| number * 7_919 % 1_000);
    let found = seen.outcome.assert_exit(0).stdout_json();
    let found = found.as_array().into_iter().flatten();
    let found: Vec<Value> = found.map(|record| record["number"].clone()).collect();
    assert_eq!(json!(found), json!(expected));
}

#[test]
fn a_temporary_folder_that_cannot_be_written_is_an_error() {
    let sorted = "endpoint: /many\nrows: $.items[*]\nsort: group\n";
    let read =
        "data: { many: { query: many } }\nreport: { template: \"{{ data.many | length }}\" }";
    for yaml in [sorted, read] {
        let case = over_many(yaml).with(|run| run.env("TMPDIR", "/nowhere/at/all"));
        let outcome = asked(case).outcome;
        let told = told(outcome.assert_exit(2));
        assert_eq!(outcome.stdout_text(), "");
        let words = "cannot write a temporary file in `/nowhere/at/all`: No such file or directory";
        assert!(told.contains(words), "{told:?}");
    }
}
