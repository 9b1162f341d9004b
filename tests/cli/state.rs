//! The state stored between runs, its lock, and the time of a run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::data::{items, over_jobs};
use crate::support::{Answer, Exchange, Fault, Outcome, Project, Run, Server};

/// A report of changes since the last run.
const CHANGES: &str = "report:
  template: |
    {% set d = diff(previous.jobs, data.jobs, key=\"name\") %}
    first: {{ d.is_first }} added: {{ d.added | map(attribute=\"name\") | join(\",\") }} removed: {{ d.removed | map(attribute=\"name\") | join(\",\") }} since: {{ previous.started }}";

fn changes() -> Case {
    over_jobs(CHANGES)
}

fn jobs(names: &[&str]) -> Exchange {
    let records: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    items("/jobs", Value::from(records))
}

/// Runs once more, with another answer.
fn again(project: &Project, exchanges: Vec<Exchange>, args: &[&str]) -> Outcome {
    let server = Server::start(exchanges);
    let file = project.read("resources/circleci.yaml").unwrap();
    let lines: Vec<String> = file
        .lines()
        .map(|line| match line.strip_prefix("base_url:") {
            Some(_) => format!("base_url: {}/api/v2", server.url()),
            None => line.to_owned(),
        })
        .collect();
    project.write("resources/circleci.yaml", lines.join("\n"));
    let outcome = Run::in_(project)
        .args(["run", "q", "--state", "state"])
        .args(args)
        .outcome();
    server.finish();
    outcome
}

const FIRST: [&str; 2] = ["--now", "2026-01-01T00:00:00Z"];
const SECOND: [&str; 2] = ["--now", "2026-01-02T00:00:00Z"];

#[test]
fn a_run_is_held_against_the_one_before_it() {
    let project = changes().project_at("");
    let first = again(&project, vec![jobs(&["a", "b"])], &FIRST);
    assert_eq!(
        first.assert_exit(0).stdout_text(),
        "first: true added:  removed:  since: \n"
    );
    let second = again(&project, vec![jobs(&["b", "c"])], &SECOND);
    assert_eq!(
        second.assert_exit(0).stdout_text(),
        "first: false added: c removed: a since: 2026-01-01T00:00:00Z\n"
    );
    let third = again(&project, vec![jobs(&["b", "c"])], &[]);
    assert_eq!(
        third.assert_exit(0).stdout_text(),
        "first: false added:  removed:  since: 2026-01-02T00:00:00Z\n"
    );
    let mode = |path: &str| {
        let metadata = fs::metadata(project.path().join(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("state"), 0o700);
}

#[test]
fn an_empty_run_is_a_state_too() {
    let project = changes().project_at("");
    again(&project, vec![jobs(&[])], &FIRST).assert_exit(0);
    let second = again(&project, vec![jobs(&["a"])], &SECOND);
    assert_eq!(
        second.assert_exit(0).stdout_text(),
        "first: false added: a removed:  since: 2026-01-01T00:00:00Z\n"
    );
}

#[test]
fn rows_are_kept_beside_the_data() {
    let project = over_jobs(
        "sql: select name, length(name) as n from jobs
report: { template: \"{{ previous.rows | length if previous.rows is not none else \\\"-\\\" }} {{ rows | length }}\" }",
    )
    .project_at("");
    let first = again(&project, vec![jobs(&["a", "b"])], &FIRST);
    assert_eq!(first.assert_exit(0).stdout_text(), "- 2\n");
    let second = again(&project, vec![jobs(&["a"])], &["-o", "csv"]);
    assert_eq!(second.assert_exit(0).stdout_text(), "name,n\na,1\n");
    let third = again(&project, vec![jobs(&["a", "b", "c"])], &[]);
    assert_eq!(third.assert_exit(0).stdout_text(), "1 3\n");
}

#[test]
fn a_run_that_is_not_whole_or_fails_leaves_the_state() {
    let project = over_jobs(CHANGES).project_at("");
    let walk = "resource: circleci
for_each: { n: { in: [1, 2] } }
endpoint: /jobs/{{ n }}
rows: $.items[*]
extract: { name: $.name, seconds: $.seconds }
";
    project.write("queries/jobs.yaml", walk);
    let both = |names: &[&str]| {
        let records: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        vec![
            items("/jobs/1", Value::from(records)),
            items("/jobs/2", json!([])),
        ]
    };
    again(&project, both(&["a"]), &FIRST).assert_exit(0);
    let kept = project.read("state/q.json");
    let none = |path: &str| Exchange::get(path).answers((404, json!({"message": "none"})));
    let partial = again(
        &project,
        vec![items("/jobs/1", json!([])), none("/api/v2/jobs/2")],
        &SECOND,
    );
    partial.assert_exit(6);
    assert_eq!(project.read("state/q.json"), kept);
    // A document that cannot be made.
    let good = project.read("queries/q.yaml").unwrap();
    project.write(
        "queries/q.yaml",
        good.replace("{{ d.is_first }}", "{{ data.jobs[0].nope }}"),
    );
    again(&project, both(&["b"]), &SECOND).assert_exit(2);
    assert_eq!(project.read("state/q.json"), kept);
    // An expectation that does not hold.
    project.write(
        "queries/q.yaml",
        format!("{good}\nexpect: data.jobs | length == 0\n"),
    );
    again(&project, both(&["b"]), &SECOND).assert_exit(1);
    assert_eq!(project.read("state/q.json"), kept);
    // A report that has no place.
    project.write("queries/q.yaml", &good);
    again(&project, both(&["b"]), &["--out", "/dev/full"]).assert_exit(2);
    assert_eq!(project.read("state/q.json"), kept);
    // A query that fails as a whole.
    project.write(
        "queries/jobs.yaml",
        "resource: circleci\nendpoint: /gone\nrows: $.items[*]",
    );
    again(&project, vec![none("/api/v2/gone")], &SECOND).assert_exit(3);
    assert_eq!(project.read("state/q.json"), kept);
    insta::assert_snapshot!(told(&partial));
}

#[test]
fn a_state_that_cannot_be_read_is_reported_and_begun_anew() {
    let mut outcomes = Vec::new();
    for state in [
        "{\"version\": 1, \"data\": {\"jobs\": [{\"na",
        "[]",
        "null",
        "{\"version\": 1}",
        "{\"version\": 1, \"data\": []}",
        "{\"version\": 2, \"started\": \"x\", \"data\": {\"jobs\": []}}",
        "\u{0}\u{1}\u{2}",
    ] {
        let project = changes().file("state/q.json", state).project_at("");
        let outcome = again(&project, vec![jobs(&["a"])], &FIRST);
        assert!(
            outcome
                .assert_exit(0)
                .stdout_text()
                .starts_with("first: true"),
            "{state}"
        );
        let next = again(&project, vec![jobs(&["a", "b"])], &SECOND);
        assert!(
            next.assert_exit(0)
                .stdout_text()
                .starts_with("first: false added: b "),
            "{state}"
        );
        assert_eq!(next.stderr_text(), "");
        outcomes.push(outcome);
    }
    insta::assert_snapshot!(transcript(&outcomes[4..6]));
}

#[test]
fn a_state_of_another_shape_is_no_crash() {
    for data in [
        json!({}),
        json!({"jobs": null}),
        json!({"jobs": "text"}),
        json!({"jobs": [1, "a", null, [], {"other": 1}]}),
    ] {
        let state = json!({"version": 1, "started": "2026-01-01T00:00:00Z", "data": data});
        let project = changes()
            .file("state/q.json", state.to_string())
            .project_at("");
        let outcome = again(&project, vec![jobs(&["a"])], &FIRST);
        assert!([0, 2].contains(&outcome.exit), "{}", outcome.snapshot());
        assert!(!outcome.stderr_text().contains("panicked"));
    }
}

#[test]
fn two_runs_at_once_are_kept_apart() {
    let server = Server::start(vec![Exchange::get("/api/v2/jobs").answers(Fault::Hang)]);
    let project = changes()
        .file("queries/other.yaml", "sql: select 1 as x")
        .project_at(&server.url());
    let run = |query: &str| Run::in_(&project).args(["run", query, "--state", "state"]);
    let first = run("q").start();
    server.wait_for_requests(1);
    let second = run("q").outcome();
    second.assert_exit(7);
    let json = run("q").args(["--error-format", "json"]).outcome();
    let fault: Value = serde_json::from_str(&json.stderr_text()).unwrap();
    assert_eq!((&fault["code"], json.exit), (&json!("locked"), 7));
    // Another query, another folder and a dry run are not in its way.
    run("other").outcome().assert_exit(0);
    run("q").args(["--dry-run"]).outcome().assert_exit(0);
    first.interrupt();
    first.finish().assert_exit(130);
    server.finish();
    again(&project, vec![jobs(&["a"])], &FIRST).assert_exit(0);
    insta::assert_snapshot!(second.snapshot());
}

#[test]
fn a_folder_that_cannot_be_used_is_reported_before_anything_is_requested() {
    let mut outcomes = Vec::new();
    for state in ["file", "file/state", "/proc/none", "/dev/null"] {
        let case = changes().file("file", "").args(["--state", state]);
        let outcome = case.asks_nothing();
        outcome.assert_exit(2);
        outcomes.push(outcome);
    }
    // A lock that is a folder.
    let locked = changes()
        .file("state/q.lock/x", "")
        .args(["--state", "state"]);
    let locked = locked.asks_nothing();
    locked.assert_exit(2);
    outcomes.push(locked);
    insta::assert_snapshot!(transcript(&outcomes[..2]));
}

#[test]
fn a_state_that_is_a_folder_is_reported() {
    let project = changes().file("state/q.json/x", "").project_at("");
    let outcome = again(&project, vec![jobs(&["a"])], &FIRST);
    outcome.assert_exit(2);
    insta::assert_snapshot!(outcome.snapshot());
}

#[test]
fn several_queries_have_a_state_each() {
    let server = Server::start(vec![jobs(&["a"]).times(2)]);
    let project = changes()
        .file(
            "queries/two.yaml",
            format!("data: {{ jobs: {{ query: jobs }} }}\n{CHANGES}\n"),
        )
        .project_at(&server.url());
    for expected in ["true", "false"] {
        let outcome = Run::in_(&project)
            .args(["run", "q", "two", "--state", "state"])
            .outcome();
        let text = outcome.assert_exit(0).stdout_text();
        assert_eq!(
            text.matches(&format!("first: {expected}")).count(),
            2,
            "{text}"
        );
    }
    let mut files: Vec<String> = fs::read_dir(project.path().join("state"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, ["q.json", "q.lock", "two.json", "two.lock"]);
    server.finish();
}

#[test]
fn without_a_state_there_is_nothing_before() {
    let seen = over_jobs("report: { template: \"[{{ previous.jobs }}{{ previous.rows }}{{ previous.started }}]{{ diff(previous.jobs, data.jobs, key='name').is_first }}\" }")
        .asks(vec![jobs(&["a"])]);
    assert_eq!(seen.outcome.assert_exit(0).stdout_text(), "[]true\n");
}

mod now {
    use super::*;

    #[test]
    fn a_run_can_be_of_another_moment() {
        let since = |now: &str| {
            let seen = Case::query(
                "vars: { since: { type: time, default: 7d } }
endpoint: /x
params: { since: \"{{ since }}\", now: \"{{ now() }}\" }",
            )
            .args(["--now", now, "--dry-run"])
            .asks_nothing();
            let text = seen.assert_exit(0).stdout_text();
            let (_, query) = text.split_once('?').expect("params");
            query.split_whitespace().next().unwrap().replace("%3A", ":")
        };
        assert_eq!(
            since("2026-03-08T12:00:00Z"),
            "since=2026-03-01T12:00:00Z&now=2026-03-08T12:00:00Z"
        );
        assert_eq!(
            since("2026-03-08"),
            "since=2026-03-01T00:00:00Z&now=2026-03-08T00:00:00Z"
        );
        assert_eq!(
            since("2026-03-08T12:00:00+02:00"),
            "since=2026-03-01T10:00:00Z&now=2026-03-08T10:00:00Z"
        );
        assert!(since("7d").starts_with("since=20"));
        assert!(since("today").ends_with("T00:00:00Z"));
    }

    #[test]
    fn what_is_no_moment_is_reported() {
        let mut outcomes = Vec::new();
        for now in [
            "",
            "yesterdayish",
            "7",
            "2026-13-01",
            "-7d",
            "99999999999d",
            "2026-02-30T00:00:00Z",
        ] {
            let outcome = Case::get().args([format!("--now={now}")]).asks_nothing();
            outcome.assert_exit(2);
            outcomes.push(outcome);
        }
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn the_demo_has_a_moment_too() {
        let project = Project::new()
            .file("resources/circleci.yaml", "type: circleci")
            .query("q", "sql: select now() as now");
        let outcome = Run::in_(&project)
            .args(["run", "q", "--demo", "--now", "2026-03-08"])
            .outcome();
        assert_eq!(
            outcome.assert_exit(0).stdout_json(),
            json!([{"now": "2026-03-08T00:00:00Z"}])
        );
    }

    #[test]
    fn requests_wait_by_the_clock_on_the_wall() {
        let seen = Case::get()
            .settings("retry: { max_attempts: 2, base_delay: 1ms }")
            .args(["--now", "2020-01-01"])
            .asks(vec![
                Exchange::get("/api/v2/x").answers(
                    Answer::status(429)
                        .header("retry-after", "Wed, 01 Jan 2020 00:00:00 GMT")
                        .json(&json!({})),
                ),
                Exchange::get("/api/v2/x"),
            ]);
        seen.outcome.assert_exit(0);
    }
}
