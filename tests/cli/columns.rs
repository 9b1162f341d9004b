//! `--columns`: a choice among the columns of the output.

use serde_json::json;

use crate::support::{Outcome, Project, Run};

fn run(args: &[&str]) -> Outcome {
    Run::in_(&Project::shipped()).args(args).outcome()
}

#[test]
fn columns_are_chosen_and_ordered_in_every_record_format() {
    for format in [
        "table", "json", "ndjson", "yaml", "csv", "tsv", "markdown", "html",
    ] {
        let outcome = run(&[
            "run",
            "insights-workflows",
            "--demo",
            "--columns",
            "failed,name",
            "--limit",
            "2",
            "-o",
            format,
        ]);
        let text = outcome.assert_exit(0).stdout_text().to_lowercase();
        let text = text.replace("<meta name=", "");
        let (failed, name) = (text.find("failed"), text.find("name"));
        assert!(failed.is_some() && failed < name, "{format}: {text}");
        assert!(
            !text.contains("success_rate") && !text.contains("credits"),
            "{format}: {text}"
        );
        assert!(
            text.contains("build-and-test") && text.contains("44"),
            "{format}: {text}"
        );
    }
}

#[test]
fn one_record_and_records_without_extract_are_chosen_from_too() {
    let one = run(&["run", "me", "--demo", "--columns", "login"]);
    let one = one.assert_exit(0).stdout_json();
    assert_eq!(one, json!({"login": "mika"}));
    let project = Project::shipped().query(
        "bare",
        "resource: circleci\nendpoint: /project/gh/acme/web/pipeline\nrows: $.items[*]\nlimit: 3\n",
    );
    let bare = |columns: &str, more: &[&str]| {
        let args = ["run", "bare", "--demo", "-o", "csv", "--columns", columns];
        Run::in_(&project).args(args.iter().chain(more)).outcome()
    };
    let csv = bare("state,number", &[]).assert_exit(0).stdout_text();
    assert_eq!(csv.lines().next(), Some("state,number"));
    assert_eq!(csv.lines().count(), 4);
    // The columns are not known before the records are.
    let wrong = bare("state,numbr", &["--out", "x.csv"]);
    let stderr = wrong.assert_exit(2).stderr_text();
    assert!(
        stderr.contains("error[unknown-column]: no record has a column `numbr`")
            && stderr.contains("did you mean `number`?"),
        "{stderr}"
    );
    assert_eq!(project.read("x.csv"), None);
}

#[test]
fn a_statement_has_columns_to_choose_from() {
    let outcome = run(&[
        "sql",
        "select 1 as a, 2 as b",
        "--columns",
        "b",
        "-o",
        "csv",
    ]);
    assert_eq!(outcome.assert_exit(0).stdout_text(), "b\n2\n");
}

#[test]
fn a_choice_that_cannot_be_is_refused_before_a_request() {
    let all: Vec<String> = [
        &["run", "insights-workflows", "--columns", "nmae,failed"][..],
        &["run", "insights-workflows", "--columns", "zzzzzz"],
        &["run", "insights-workflows", "--columns", "name,name"],
        &["run", "insights-workflows", "--columns", "name,"],
        &[
            "run",
            "insights-workflows",
            "--columns",
            "name",
            "-o",
            "raw",
        ],
        &["run", "failures-report", "--columns", "name"],
        &[
            "run",
            "me",
            "insights-workflows",
            "--columns",
            "name,failed",
        ],
    ]
    .iter()
    .map(|args| {
        // Without `--demo` a request would not come back with 2.
        let outcome = run(&[args, &["project_slug=gh/acme/web"][..]].concat());
        outcome.assert_exit(2).snapshot()
    })
    .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_table_in_a_pipe_is_100_characters_wide_and_names_the_hidden_columns() {
    let project = Project::shipped();
    let table = |columns: Option<&str>, more: &[&str]| {
        let run = Run::in_(&project)
            .args(["run", "failed-jobs", "--demo", "-o", "table"])
            .args(more);
        match columns {
            Some(columns) => run.env("COLUMNS", columns).outcome(),
            None => run.outcome(),
        }
    };
    let widest = |outcome: &Outcome| {
        let text = outcome.stdout_text();
        text.lines().map(|line| line.chars().count()).max()
    };
    let usual = table(None, &[]);
    usual.assert_exit(0);
    assert!(widest(&usual) <= Some(100), "{}", usual.stdout_text());
    let note = usual.stderr_text();
    assert!(
        note.contains("to fit 100 characters, 1 column is left out: `status`")
            && note.contains("`--columns`"),
        "{note}"
    );
    // A wide page, chosen columns and `--quiet` have no note; a wide page hides nothing.
    let wide = table(Some("400"), &[]);
    assert!(!wide.stderr_text().contains("to fit"));
    let all = run(&["run", "failed-jobs", "--demo", "-o", "csv"]).stdout_text();
    let header = all.lines().next().unwrap_or_default();
    let columns = table(None, &["--columns", header]);
    assert_eq!(columns.stdout_text(), wide.stdout_text());
    assert!(widest(&wide) > Some(100), "{}", wide.stdout_text());
    let quiet = table(None, &["--quiet"]);
    assert_eq!(quiet.stdout_text(), usual.stdout_text());
    assert!(!quiet.stderr_text().contains("to fit"));
}
