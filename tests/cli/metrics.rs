//! `metric` and `-o openmetrics`.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::case::{Case, transcript};
use crate::support::{Answer, CANARY, Exchange, Outcome, Project, Run, Server};

const HEAD: &str = "endpoint: /x\nrows: $.items[*]\nvars: { slug: gh/acme/web }\nextract:\n";

fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

/// Runs a query with these columns over a list.
fn over(rows: &Value, columns: &str, args: &[&str]) -> Outcome {
    Case::query(&format!("{HEAD}{columns}"))
        .args(["-o", "openmetrics"])
        .args(args.iter().copied())
        .asks(vec![get_x().answers(json!({ "items": rows }))])
        .outcome
}

/// As `over`, for a query that is refused before it asks.
fn refused(columns: &str, args: &[&str]) -> Outcome {
    Case::query(&format!("{HEAD}{columns}"))
        .args(args.iter().copied())
        .asks_nothing()
}

/// Asserts the rules of the format that hold for every text: each family once with its metadata in
/// front, each series once, and the end. `.ci/run` reads it with independent parsers too.
fn assert_valid(text: &str) {
    let mut families: HashSet<&str> = HashSet::new();
    let mut series: HashSet<&str> = HashSet::new();
    let mut family = ("", "");
    let body = text.strip_suffix("# EOF\n").expect("the end");
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = (help.split(' ').next().expect("a name"), "");
            assert!(families.insert(family.0), "{line}");
        } else if let Some(metadata) = line.strip_prefix("# TYPE ") {
            let (name, metric_type) = metadata.split_once(' ').expect("a type");
            assert_eq!(name, family.0);
            family.1 = metric_type;
        } else if line.starts_with("# UNIT ") {
            let unit = line.strip_prefix(&format!("# UNIT {} ", family.0));
            let unit = unit.expect("of the family");
            assert!(family.0.ends_with(&format!("_{unit}")), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            assert!(series.insert(sample), "{line}");
            let name = sample.split('{').next().expect("a name");
            let suffix = if family.1 == "counter" { "_total" } else { "" };
            assert_eq!(name, format!("{}{suffix}", family.0));
        }
    }
}

#[test]
fn a_column_is_a_family_and_a_record_a_sample() {
    let columns = r#"
  name: $.name
  runs: { path: $.runs, metric: { name: runs, help: All runs, type: counter, labels: [name] } }
  p50: { path: $.p50, metric: { name: run_seconds, help: Duration, unit: seconds, labels: { workflow: name, p: "{{ 50 }}", slug: "{{ slug }}" } } }
  green: { path: $.green, metric: { name: green, help: "Back\\slash,\nline", labels: { w: name } } }
  ended: { path: $.ended, type: time, metric: { name: ended_seconds, help: End, labels: [name] } }
  p95: { path: $.p95, metric: { name: run_seconds, help: Duration, unit: seconds, labels: { p: "{{ 95 }}", workflow: name, slug: "{{ slug }}" } } }
"#;
    let rows = json!([
        { "name": "build", "runs": 3, "p50": 1.50, "p95": 1e2, "green": true, "ended": "2026-11-02T10:00:00.5+02:00" },
        { "name": "a\"b\\c\nd{},=é #", "runs": 0, "p50": -1, "p95": null, "green": false, "ended": "1969-12-31T23:59:58Z" },
        { "name": null, "runs": 18_446_744_073_709_551_615_u64, "p50": 0, "p95": 0, "green": 0.5, "ended": null },
    ]);
    let outcome = over(&rows, columns, &["slug=gh/\"x\""]);
    // `.ci/run` reads this file with parsers of others.
    assert_eq!(outcome.stdout_text(), include_str!("../metrics.prom"));
    assert_valid(&outcome.assert_exit(0).stdout_text());
    insta::assert_snapshot!(outcome.snapshot());
    // The terminal gets no control characters, and the same text otherwise.
    let case = Case::query(&format!("{HEAD}{columns}")).args(["-o", "openmetrics"]);
    let seen = case.with(|run| run.terminal(80));
    let rows = json!([{ "name": "\u{1b}[31m", "runs": 1 }]);
    let shown = seen
        .asks(vec![get_x().answers(json!({ "items": rows }))])
        .outcome;
    let shown = shown.stdout_text();
    assert!(
        shown.contains(r"\u001b[31m") && !shown.contains('\u{1b}'),
        "{shown}"
    );
}

#[test]
fn without_records_there_are_only_families() {
    let columns = "  runs: { path: $.runs, metric: { name: runs, help: All runs } }";
    let outcome = over(&json!([]), columns, &[]);
    assert_eq!(
        outcome.assert_exit(0).stdout_text(),
        "# HELP runs All runs\n# TYPE runs gauge\n# EOF\n"
    );
}

#[test]
fn a_statement_has_metrics_too() {
    let project = Project::new()
        .file("rows.csv", "team,n\nweb,1\nweb,2\nios,4\n")
        .query(
            "sums",
            "data: { t: { file: rows.csv } }\nsql: SELECT team, sum(n) AS n FROM t GROUP BY team\n\
             output: openmetrics\nextract:\n  team: $.team\n  \
             n: { path: $.n, metric: { name: n, help: N, labels: team } }",
        );
    let outcome = Run::in_(&project).args(["run", "sums"]).outcome();
    let text = outcome.assert_exit(0).stdout_text();
    assert_valid(&text);
    assert!(
        text.contains("n{team=\"ios\"} 4\nn{team=\"web\"} 3\n"),
        "{text}"
    );
}

#[test]
fn results_that_are_no_valid_metrics_are_refused() {
    let gauge = "  id: $.id\n  n: { path: $.n, metric: { name: n, help: N, labels: [id] } }";
    let counter = gauge.replace("help: N", "help: N, type: counter");
    let two = format!(
        "{gauge}\n  m: {{ path: $.m, metric: {{ name: n, help: N, labels: {{ id: other }} }} }}\n  other: $.other"
    );
    let ok = json!({ "id": "a", "n": 1 });
    let all = [
        over(&json!([ok, { "id": "b", "n": "soon" }]), gauge, &[]),
        over(&json!([{ "id": "b", "n": "12" }]), gauge, &[]),
        over(&json!([{ "id": "b", "n": [1] }]), gauge, &[]),
        over(&json!([ok, { "id": ["b"], "n": 1 }]), gauge, &[]),
        over(&json!([ok, { "id": "b", "n": -1 }]), &counter, &[]),
        over(
            &json!([ok, { "id": "b", "n": 2 }, { "id": "a", "n": 1 }]),
            gauge,
            &[],
        ),
        // Prometheus takes an empty label for none.
        over(
            &json!([{ "id": "", "n": 2 }, { "id": null, "n": 1 }]),
            gauge,
            &[],
        ),
        over(
            &json!([{ "id": "a", "n": 2, "m": 3, "other": "a" }]),
            &two,
            &[],
        ),
    ];
    for outcome in &all {
        assert_eq!(outcome.assert_exit(1).stdout_text(), "");
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn numbers_beyond_a_double_are_refused() {
    let body = r#"{"items": [{ "n": 1e308 }, { "n": 1e309 }]}"#;
    let query = format!("{HEAD}  n: {{ path: $.n, metric: {{ name: n, help: N }} }}");
    let answer = Answer::status(200).body("application/json", body);
    let case = Case::query(&query).args(["-o", "openmetrics", "--limit", "2"]);
    let outcome = case.asks(vec![get_x().answers(answer)]).outcome;
    insta::assert_snapshot!(outcome.assert_exit(1).stderr_text());
}

#[test]
fn queries_without_metrics_are_refused_before_a_request() {
    let gauge = "  id: $.id\n  n: { path: $.n, metric: { name: n, help: N, labels: [id] } }";
    let openmetrics = ["-o", "openmetrics"];
    let all = [
        refused("  id: $.id", &openmetrics),
        refused("  id: $.id", &["--out", "x.prom"]),
        refused(gauge, &["-o", "openmetrics", "--columns", "n"]),
        refused(gauge, &["-o", "openmetrics", "--columns", "id"]),
        refused(gauge, &["q", "-o", "openmetrics"]),
    ];
    for outcome in &all {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn a_secret_is_no_label() {
    let over_key = |key: &str| {
        let query = format!(
            "endpoint: /x\nvars: {{ key: {key} }}\nextract:\n  \
             n: {{ path: $.n, metric: {{ name: n, help: N, labels: {{ key: \"{{{{ key }}}}\" }} }} }}"
        );
        let case = Case::query(&query).args(["-o", "openmetrics"]);
        case.with(|run| run.env("KEY", CANARY).env("API_TOKEN", CANARY))
            .asks_nothing()
    };
    // What is declared is known to the check of the file, what a value comes from only to the run.
    let all = [
        over_key("{ secret: true, default: \"{{ env.KEY }}\" }"),
        over_key("\"{{ env.API_TOKEN }}\""),
    ];
    for outcome in &all {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn a_template_of_a_label_gives_a_text_or_nothing() {
    let over = |label: &str| {
        let query = format!(
            "endpoint: /x\nrows: $.items[*]\nvars: {{ branch: null }}\nextract:\n  \
             n: {{ path: $.n, metric: {{ name: n, help: N, labels: {{ b: \"{label}\" }} }} }}"
        );
        Case::query(&query).args(["-o", "openmetrics"])
    };
    let answer = json!({ "items": [{ "n": 1 }] });
    let outcome = over("{{ branch }}")
        .asks(vec![get_x().answers(answer)])
        .outcome;
    let text = outcome.assert_exit(0).stdout_text();
    assert!(text.contains("n{b=\"\"} 1\n"), "{text}");
    let outcome = over("{{ [1, 2] }}").asks_nothing();
    assert_eq!(
        outcome.assert_exit(2).stderr_text(),
        "error[metric]: the label `b` of `n` is a text, got a list\n"
    );
}

#[test]
fn a_file_is_whole_or_unchanged() {
    let query = format!(
        "{HEAD}  id: $.id\n  n: {{ path: $.n, metric: {{ name: n, help: N, labels: [id] }} }}"
    );
    let run = |rows: Value| {
        let server = Server::start(vec![get_x().answers(json!({ "items": rows }))]);
        let project = Project::new()
            .circleci(&server)
            .query("q", &format!("resource: circleci\n{query}"))
            .file("ci.prom", "before\n");
        let outcome = Run::in_(&project)
            .args(["run", "q", "--out", "ci.prom"])
            .outcome();
        server.finish();
        (outcome, project.read("ci.prom").expect("a file"))
    };
    let (outcome, text) = run(json!([{ "id": "a", "n": 1 }, { "id": "b", "n": null }]));
    outcome.assert_exit(0);
    assert_eq!(
        outcome.stderr_text(),
        "note: `n` is null in 1 of 2 records; a null gives no sample\n"
    );
    assert_eq!(text, "# HELP n N\n# TYPE n gauge\nn{id=\"a\"} 1\n# EOF\n");
    let (outcome, text) = run(json!([{ "id": "a", "n": 1 }, { "id": "a", "n": 2 }]));
    outcome.assert_exit(1);
    assert_eq!(text, "before\n");
}
