//! `type` and `on_misfit`: the declared types of columns.

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Answer, CANARY, Exchange, Outcome, Project, Run};

fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

/// Runs a query over a list; `extract` and what follows it are the rest of the file.
fn over(rows: &Value, rest: &str) -> Outcome {
    Case::query(&format!("endpoint: /x\nrows: $.items[*]\n{rest}"))
        .args(["-o", "ndjson"])
        .asks(vec![get_x().answers(json!({ "items": rows }))])
        .outcome
}

/// The records of a run.
fn records(outcome: &Outcome) -> Vec<Value> {
    let text = outcome.assert_exit(0).stdout_text();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

/// The values of one column `v` of this type, from `$.v`.
fn typed(column_type: &str, values: &[&str]) -> String {
    let rows = values.iter().map(|value| format!("{{\"v\":{value}}}"));
    let body = format!("{{\"items\":[{}]}}", rows.collect::<Vec<_>>().join(","));
    let outcome = Case::query(&format!(
        "endpoint: /x\nrows: $.items[*]\nextract: {{ v: {{ path: $.v, type: {column_type} }} }}"
    ))
    .args(["-o", "csv"])
    .asks(vec![
        get_x().answers(Answer::status(200).body("application/json", body)),
    ])
    .outcome;
    let text = outcome.assert_exit(0).stdout_text();
    assert_eq!(outcome.stderr_text(), "");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    lines.join(" | ")
}

#[test]
fn values_that_fit_are_converted() {
    assert_eq!(
        typed("int", &["1", "2.0", "3e2", "\"42\"", "null"]),
        "1 | 2 | 300 | 42 | \"\""
    );
    assert_eq!(typed("number", &["1.50", "\"2.50\""]), "1.50 | 2.50");
    assert_eq!(
        typed("text", &["\"1.10\"", "1.10", "true"]),
        "1.10 | 1.10 | true"
    );
    assert_eq!(typed("bool", &["true", "\"false\""]), "true | false");
    assert_eq!(
        typed(
            "time",
            &[
                "\"2026-11-02T10:00:00.500+02:00\"",
                "\"2026-11-02T10:00:00+0000\"",
                "\"2026-11-02\"",
            ]
        ),
        "2026-11-02T08:00:00.5Z | 2026-11-02T10:00:00Z | 2026-11-02T00:00:00Z"
    );
    let kinds = records(&over(
        &json!([{ "n": "7", "t": 7, "b": "true", "tags": ["1", 2] }]),
        "extract:\n  n: { path: $.n, type: int }\n  t: { path: $.t, type: text }\n  \
         b: { path: $.b, type: bool }\n  tags: { path: \"$.tags[*]\", type: int }\n  \
         twice: { path: \"{{ n * 2 }}\", type: text }\n  \
         count: { path: \"$.tags[*]\", take: count, type: number }",
    ));
    let expected = json!([
        { "n": 7, "t": "7", "b": true, "tags": [1, 2], "twice": "14", "count": 2 }
    ]);
    assert_eq!(Value::from(kinds), expected);
}

#[test]
fn a_value_of_another_type_fails_the_run_with_record_and_path() {
    let rows = || json!([{ "m": 1, "s": "ok" }, { "m": "soon", "s": "bad" }]);
    let all = [
        over(&rows(), "extract: { minutes: { path: $.m, type: int } }"),
        over(
            &rows(),
            "extract: { state: { path: \"{{ row.s }}\", type: time } }",
        ),
        over(
            &json!([{ "tags": [1, "x", [2]] }]),
            "extract: { tags: { path: \"$.tags[*]\", type: int } }",
        ),
        over(
            &json!([{ "m": { "a": 1 } }]),
            "extract: { minutes: { path: $.m, type: text } }",
        ),
        // The condition reads the column.
        over(
            &rows(),
            "extract: { minutes: { path: $.m, type: int } }\nwhere: minutes > 3",
        ),
        Case::query("endpoint: /x\nextract: { minutes: { path: $.m, type: int } }")
            .args(["--error-format", "json"])
            .asks(vec![get_x().answers(json!({ "m": "" }))])
            .outcome,
    ];
    for outcome in &all {
        outcome.assert_exit(1);
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn records_are_numbered_across_pages_and_batches() {
    let pages =
        Case::query("endpoint: /x\nrows: $.items[*]\nextract: { n: { path: $.n, type: int } }")
            .args(["-o", "ndjson"])
            .asks(vec![
                get_x()
                    .answers(json!({ "items": [{ "n": 1 }, { "n": 2 }], "next_page_token": "t" })),
                Exchange::get("/api/v2/x?page-token=t").answers(
                    json!({ "items": [{ "n": 3 }, { "n": "x" }], "next_page_token": null }),
                ),
            ])
            .outcome;
    assert_eq!(pages.assert_exit(1).stdout_text(), "{\"n\":1}\n{\"n\":2}\n");
    assert!(
        pages
            .stderr_text()
            .contains("error[misfit]: record 4: `n` (`$.n`) is declared `int`, got the string `x`"),
        "{}",
        pages.stderr_text()
    );
    let body = "{\"n\":1}\n".repeat(1_200) + "{\"n\":true}\n";
    let batches =
        Case::query("endpoint: /x\ndecode: ndjson\nextract: { n: { path: $.n, type: int } }")
            .args(["-o", "ndjson"])
            .asks(vec![get_x().answers(
                Answer::status(200).body("application/x-ndjson", body),
            )])
            .outcome;
    assert!(
        batches
            .assert_exit(1)
            .stderr_text()
            .contains("record 1201: `n` (`$.n`) is declared `int`, got `true`"),
        "{}",
        batches.stderr_text()
    );
}

#[test]
fn a_record_that_a_condition_drops_is_not_checked() {
    let rows = json!([{ "kind": "job", "n": 1 }, { "kind": "note", "n": "none" }]);
    for on_misfit in ["", ", on_misfit: empty"] {
        let outcome = over(
            &rows,
            &format!(
                "extract: {{ n: {{ path: $.n, type: int{on_misfit} }} }}\nwhere: row.kind == \"job\""
            ),
        );
        assert_eq!(records(&outcome), [json!({ "n": 1 })]);
        assert_eq!(outcome.stderr_text(), "");
    }
}

#[test]
fn empty_values_are_counted() {
    let rows = json!([{ "m": "soon" }, { "m": 2 }, { "m": "late" }, { "m": null }, { "m": [] }]);
    let column = |more: &str| {
        format!("extract: {{ m: {{ path: $.m, type: int, on_misfit: empty{more} }} }}")
    };
    let several = over(&rows, &column(""));
    let values: Vec<Value> = records(&several)
        .iter()
        .map(|one| one["m"].clone())
        .collect();
    assert_eq!(Value::from(values), json!([null, 2, null, null, null]));
    let default = over(&rows, &column(", default: 0"));
    let values: Vec<Value> = records(&default)
        .iter()
        .map(|one| one["m"].clone())
        .collect();
    assert_eq!(Value::from(values), json!([0, 2, 0, 0, 0]));
    let one = over(&json!([{ "m": "soon" }]), &column(""));
    let list = over(
        &json!([{ "tags": [1, "x"] }, { "tags": ["y", 2] }]),
        "extract: { tags: { path: \"$.tags[*]\", type: int, on_misfit: empty } }",
    );
    let lists: Vec<Value> = records(&list)
        .iter()
        .map(|one| one["tags"].clone())
        .collect();
    assert_eq!(Value::from(lists), json!([[1, null], [null, 2]]));
    // The condition drops the records because of the null.
    let dropped = over(&rows, &format!("{}\nwhere: m > 1", column("")));
    assert_eq!(records(&dropped), [json!({ "m": 2 })]);
    let quiet = Case::query(&format!("endpoint: /x\nrows: $[*]\n{}", column("")))
        .args(["-q", "-o", "ndjson"])
        .asks(vec![get_x().answers(rows)])
        .outcome;
    let all = [several, default, one, list, dropped, quiet];
    let notes: Vec<String> = all.iter().map(told).collect();
    insta::assert_snapshot!(notes.join("\n"));
}

#[test]
fn a_walk_loses_only_the_item_with_the_value() {
    let outcome = Case::query(
        "for_each: { id: { in: [a, b] } }\nendpoint: /p/{{ id }}\n\
         extract: { id: \"{{ id }}\", n: { path: $.n, type: int } }",
    )
    .args(["-o", "ndjson"])
    .asks(vec![
        Exchange::get("/api/v2/p/a").answers(json!({ "n": "x" })),
        Exchange::get("/api/v2/p/b").answers(json!({ "n": 2 })),
    ])
    .outcome;
    insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
}

#[test]
fn a_query_that_feeds_another_is_named_in_the_note() {
    let outcome = Case::query("data: { x: { query: feed } }\nsql: select sum(n) as n from x")
        .file(
            "queries/feed.yaml",
            "resource: circleci\nendpoint: /x\nrows: $[*]\n\
             extract: { n: { path: $.n, type: int, on_misfit: empty } }\n",
        )
        .args(["-o", "ndjson"])
        .asks(vec![get_x().answers(json!([{ "n": 1 }, { "n": "-" }]))])
        .outcome;
    insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
}

#[test]
fn records_of_statements_and_files_have_types_too() {
    let project = Project::new()
        .file("jobs.csv", "id,version\n007,1.10\n8,2.0\n")
        .query(
            "files",
            "data: { j: { file: jobs.csv } }\nsql: select * from j\n\
             extract: { id: { path: $.id, type: int } }",
        );
    let outcome = Run::in_(&project).args(["run", "files"]).outcome();
    insta::assert_snapshot!(told(outcome.assert_exit(1)));
}

#[test]
fn columns_of_csv_are_texts_or_numbers_as_declared() {
    let csv = |columns: &str, body: &str| {
        Case::query(&format!(
            "endpoint: /x\ndecode: csv\nextract: {{ {columns} }}"
        ))
        .args(["-o", "ndjson"])
        .asks(vec![
            get_x().answers(Answer::status(200).body("text/csv", body)),
        ])
        .outcome
    };
    let texts = csv(
        "id: { path: $.id, type: text }, version: { path: $.version, type: text }",
        "id,version\n007,1.10\n008,2\n",
    );
    assert_eq!(
        texts.assert_exit(0).stdout_text(),
        "{\"id\":\"007\",\"version\":\"1.10\"}\n{\"id\":\"008\",\"version\":\"2\"}\n"
    );
    // One text makes the whole column a column of texts.
    let numbers = csv(
        "n: { path: $.n, type: int, on_misfit: empty }, at: { path: $.at, type: time }",
        "n,at\n1,2026-11-02 09:00:00\nn/a,\n3,2026-11-02T09:00:00+01:00\n",
    );
    assert_eq!(
        numbers.assert_exit(0).stdout_text(),
        "{\"n\":1,\"at\":\"2026-11-02T09:00:00Z\"}\n{\"n\":null,\"at\":null}\n\
         {\"n\":3,\"at\":\"2026-11-02T08:00:00Z\"}\n"
    );
    assert_eq!(
        numbers.stderr_text(),
        "note: a value of `n` is not `int` and became null: the string `n/a`\n"
    );
}

#[test]
fn times_are_sorted_as_times() {
    let outcome = over(
        &json!([
            { "at": "2026-11-02T09:00:00.500Z" },
            { "at": "2026-11-02T10:00:00+01:00" },
            { "at": null },
            { "at": "2026-11-02T09:00:00.25Z" },
            { "at": "2026-11-02T08:59:59.9Z" },
        ]),
        "extract: { at: { path: $.at, type: time } }\nsort: at",
    );
    let values: Vec<Value> = records(&outcome)
        .iter()
        .map(|one| one["at"].clone())
        .collect();
    assert_eq!(
        Value::from(values),
        json!([
            "2026-11-02T08:59:59.9Z",
            "2026-11-02T09:00:00Z",
            "2026-11-02T09:00:00.25Z",
            "2026-11-02T09:00:00.5Z",
            null,
        ])
    );
}

#[test]
fn a_secret_in_a_value_of_another_type_is_not_shown() {
    let rows = || json!([{ "n": CANARY }, { "n": format!("is {CANARY}") }, { "n": 3 }]);
    let refused = over(&rows(), "extract: { n: { path: $.n, type: int } }");
    refused.assert_exit(1);
    let column = "extract: { n: { path: $.n, type: int, on_misfit: empty }, \
                  up: { path: \"{{ (row.n ~ '') | upper }}\", type: bool, on_misfit: empty } }";
    let counted = over(&rows(), column);
    counted.assert_exit(0);
    let list = over(
        &json!([{ "l": [1, CANARY, 2, "x"] }]),
        "extract: { l: { path: \"$.l[*]\", type: int, on_misfit: empty } }",
    );
    list.assert_exit(0);
    // The token is of the declared type.
    let fits = over(&rows(), "extract: { n: { path: $.n, type: json } }");
    fits.assert_exit(0);
    insta::assert_snapshot!(transcript([&refused, &counted, &list, &fits]));
}

#[test]
fn a_described_type_never_fails_a_run() {
    let outcome = Case::query(
        "vars: { id: { default: a } }\nendpoint: /workflow/{{ id }}/job\nrows: $.items[*]\n\
         extract: { n: $.job_number, started: $.started_at }",
    )
    .args(["-o", "ndjson"])
    .asks(vec![Exchange::get("/api/v2/workflow/a/job").answers(
        json!({ "items": [{ "job_number": "x", "started_at": 7 }], "next_page_token": null }),
    )])
    .outcome;
    assert_eq!(
        outcome.assert_exit(0).stdout_text(),
        "{\"n\":\"x\",\"started\":7}\n"
    );
}

#[test]
fn show_prints_the_schema_of_the_records() {
    let project = Project::shipped()
        .query(
            "typed",
            "resource: circleci\nvars: { id: {} }\nendpoint: /workflow/{{ id }}/job\n\
             rows: $.items[*]\nextract:\n  id: { path: $.id, type: text, required: true }\n  \
             number: $.job_number\n  approval: $.approval_request_id\n  status: $.status\n  \
             started: { path: $.started_at, type: time }\n  \
             tries: { path: $.tries, type: int, default: 1, on_misfit: empty }\n  \
             needs: { path: \"$.dependencies[*]\", type: text }\n  \
             count: { path: \"$.dependencies[*]\", take: count }\n  name: \"{{ row.name }}\"",
        )
        .query(
            "bare",
            "resource: circleci\nvars: { id: {} }\nendpoint: /workflow/{{ id }}/job\n\
             rows: $.items[*]",
        )
        .query(
            "over",
            "vars: { id: {} }\ndata: { jobs: { query: typed }, b: { query: bare } }\n\
             sql: select jobs.id, started, count(*) as n, max(tries) as tries, b.type from jobs, b, failures",
        )
        .query(
            "far",
            "vars: { id: {} }\ndata: { o: { query: over } }\nsql: select started as at, n from o",
        );
    let show = |name: &str| {
        let outcome = Run::in_(&project).args(["show", name]).outcome();
        let text = outcome.assert_exit(0).stdout_text();
        let columns = text.split("\ncolumns\n").nth(1).unwrap_or_default();
        let columns = columns.split("\nexample\n").next().unwrap_or_default();
        let json = Run::in_(&project)
            .args(["show", name, "-o", "json"])
            .outcome();
        let schema = json.assert_exit(0).stdout_json()["schema"].clone();
        let schema: Vec<String> = schema
            .as_array()
            .map_or_else(Vec::new, |list| list.iter().map(Value::to_string).collect());
        format!("# {name}\n{columns}\n{}\n", schema.join("\n"))
    };
    let report = Run::in_(&project)
        .args(["show", "weekly-report", "-o", "json"])
        .outcome();
    assert_eq!(report.assert_exit(0).stdout_json()["schema"], Value::Null);
    let all = ["typed", "bare", "over", "far"].map(show);
    insta::assert_snapshot!(all.join("\n"));
}
