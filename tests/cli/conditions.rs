//! Conditions over records: comparisons, names, and what `check` refuses in them.

use serde_json::{Value, json};

use crate::case::{Case, transcript};
use crate::support::{Answer, Exchange, Outcome, Project, Run};

fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

fn rows() -> Value {
    json!([{ "id": 1, "m": 3 }, { "id": 2, "m": null }, { "id": 3, "m": "9" }])
}

/// The run of a query over these rows.
fn over_rows(lines: &str) -> Outcome {
    Case::query(&format!("endpoint: /x\nrows: $[*]\n{lines}"))
        .asks(vec![get_x().answers(rows())])
        .outcome
}

fn ids(lines: &str) -> Value {
    let outcome = over_rows(lines);
    let records = outcome.assert_exit(0).stdout_json();
    let list = records.as_array().expect("a list").iter();
    list.map(|record| record["id"].clone()).collect()
}

#[test]
fn a_comparison_without_an_order_does_not_hold() {
    assert_eq!(ids("where: row.m < 5"), json!([1]));
    assert_eq!(ids("where: not (row.m < 5)"), json!([]));
    assert_eq!(ids("where: row.m > 100"), json!([]));
    assert_eq!(ids("where: row.m < 5 or row.id == 2"), json!([1, 2]));
    assert_eq!(ids("where: row.m < \"a\""), json!([3]));
    assert_eq!(ids("stop_when: row.nosuch < 5"), json!([1, 2, 3]));
    assert_eq!(ids("stop_when: row.m < 5"), json!([]));
    assert_eq!(
        ids("sort: row.m < 5\nextract: { id: $.id }"),
        json!([2, 3, 1])
    );
}

#[test]
fn an_expectation_on_a_field_that_is_gone_fails() {
    let case = |expect: &str| {
        Case::query(&format!("endpoint: /x\nexpect: {expect}"))
            .asks(vec![get_x().answers(json!({ "n": 1 }))])
            .outcome
    };
    case("row.elapsed < 500").assert_exit(1);
    case("not (row.elapsed > 500)").assert_exit(1);
    case("row.n < 500").assert_exit(0);
}

#[test]
fn a_poll_does_not_end_with_a_field_that_is_not_there() {
    let seen = Case::query("endpoint: /x\npoll: { until: row.left < 1, every: 1ms }").asks(vec![
        get_x().answers(json!({})),
        get_x().answers(json!({ "left": null })),
        get_x().answers(json!({ "left": 0 })),
    ]);
    seen.outcome.assert_exit(0);
}

#[test]
fn a_template_that_compares_without_an_order_names_both_sides() {
    let case = |lines: &str, args: &[&str]| {
        Case::query(lines)
            .args(args.iter().copied())
            .outcome_at("http://127.0.0.1:1")
    };
    let of_var = case(
        "vars: { n: null }\nendpoint: /x\nparams: { big: \"{{ n > 5 }}\" }",
        &[],
    );
    let of_text = case(
        "vars: { n: { default: x } }\nendpoint: /x\nparams: { big: \"{{ 'yes' if n > 5 }}\" }",
        &["n=9"],
    );
    let of_row = Case::query("endpoint: /x\nrows: $[*]\nextract: { big: \"{{ row.m > 5 }}\" }")
        .asks(vec![get_x().answers(rows())])
        .outcome;
    let of_report = Case::query(
        "endpoint: /x\nrows: $[*]\nreport:\n  template: |\n    \
         {% for r in rows %}{% if 5 > r.m %}{{ r.id }}{% endif %}{% endfor %}",
    )
    .asks(vec![get_x().answers(rows())])
    .outcome;
    let all = [of_var, of_text, of_row, of_report];
    for outcome in &all {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn vars_are_found_by_their_full_name_everywhere() {
    let seen = Case::query(
        "vars: { branch: main, like: \"{{ vars.branch }}*\", secret_key: { secret: true } }\n\
         endpoint: /x/{{ vars.branch }}\nparams: { like: \"{{ vars.like }}\" }\n\
         headers: { X-Key: \"{{ vars.secret_key }}\" }\nrows: $[*]\n\
         for_each: { n: { in: [\"{{ vars.branch }}\"] } }\n\
         extract: { branch: $.branch, wanted: \"{{ vars.branch }}\", n: \"{{ n }}\" }\n\
         where: row.branch == vars.branch\nexpect: rows | length == 1 and vars.branch == \"main\"\n\
         confirm: \"{{ vars.branch }}?\"",
    )
    .args(["secret_key=abcdefgh1234"])
    .asks(vec![
        Exchange::get("/api/v2/x/main?like=main%2A")
            .answers(json!([{ "branch": "dev" }, { "branch": "main" }])),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{ "branch": "main", "wanted": "main", "n": "main" }])
    );
    assert_eq!(
        seen.request().header("x-key").as_deref(),
        Some("abcdefgh1234")
    );
}

#[test]
fn a_secret_var_is_masked_by_its_full_name_too() {
    let outcome = Case::query(
        "vars: { key: { secret: true }, other: \"{{ vars.key | upper }}\" }\nendpoint: /x\n\
         headers: { X-Key: \"{{ vars.key | reverse }}\", X-All: \"{{ vars | tojson }}\" }\n\
         params: { a: \"{{ vars.key }}\", o: \"{{ other }}\" }",
    )
    .args(["key=abcdefgh1234", "--dry-run"])
    .asks_nothing();
    let text = outcome.assert_exit(0).snapshot();
    let shown = text.split_once("--- stdout").expect("the stream").1;
    for part in ["abcdefgh", "ABCDEFGH", "hgfedcba"] {
        assert!(!shown.contains(part), "{text}");
    }
}

/// A column of such a name is in the result; in templates the program's own name stands.
#[test]
fn a_column_hides_no_name_of_the_program() {
    let seen = Case::query(
        "vars: { wanted: 1 }\nendpoint: /x\nrows: $[*]\nextract:\n  now: $.now\n  row: $.row\n  \
         env: $.env\n  git: $.git\n  omit: $.omit\n  response: $.response\n  rows: $.rows\n  \
         vars: $.vars\n  later: \"{{ row.id }} {{ env.HOME }} {{ now() | date('%Y') }} {{ response.status }}\"\n\
         where: row.id == vars.wanted and env.HOME != \"column\" and now() != \"column\"\n\
         stop_when: row.id == 3 and response.status == 200",
    )
    .with(|run| run.env("HOME", "/home/ann"))
    .args(["--now", "2026-11-02T09:30:00Z"])
    .asks(vec![get_x().answers(
        [1, 2, 3, 1]
            .into_iter()
            .map(|id| {
                json!({ "id": id, "now": "column", "row": "column", "env": "column", "git": "column",
                    "omit": "column", "response": "column", "rows": "column", "vars": "column" })
            })
            .collect::<Value>(),
    )]);
    let records = seen.outcome.assert_exit(0).stdout_json();
    assert_eq!(records.as_array().map(Vec::len), Some(1), "{records}");
    assert_eq!(records[0]["later"], "1 /home/ann 2026 200");
    for name in [
        "now", "row", "env", "git", "omit", "response", "rows", "vars",
    ] {
        assert_eq!(records[0][name], "column", "{name}");
    }
}

#[test]
fn header_fields_of_the_response_are_found_in_any_case() {
    let answer = || {
        get_x().answers(
            Answer::status(200)
                .header("X-Total", "7")
                .header("Warning", "a")
                .header("Warning", "b")
                .json(&json!([{ "id": 1 }])),
        )
    };
    let records = Case::query(
        "endpoint: /x\nrows: $[*]\nextract:\n  id: $.id\n  \
         total: \"{{ response.headers['x-total'] | int }}\"\n  \
         same: \"{{ response.headers['X-TOTAL'] }}\"\n  \
         warning: \"{{ response.headers.warning }}\"\n  none: \"{{ response.headers.nosuch }}\"\n\
         where: response.headers[\"X-Total\"] == \"7\"\n\
         expect: response.headers[\"X-TOTAL\"] == \"7\" and response.headers.nosuch is none",
    )
    .asks(vec![answer()])
    .outcome;
    assert_eq!(
        records.assert_exit(0).stdout_json(),
        json!([{ "id": 1, "total": 7, "same": "7", "warning": "a, b", "none": null }])
    );
    let polled = Case::query(
        "endpoint: /x\nrows: $[*]\npoll:\n  until: response.headers[\"X-Total\"] == \"7\" and \
         response.body[0].id == 1 and response.elapsed_ms >= 0\n  timeout: 1s",
    )
    .asks(vec![answer()]);
    polled.outcome.assert_exit(0);
}

/// Pipelines 4801 and 4813 of the demo are of a GitHub App, which has no `vcs`.
#[test]
fn the_branch_of_a_pipeline_without_vcs_is_found() {
    let project = Project::shipped();
    let run = |args: &[&str]| {
        let outcome = Run::in_(&project)
            .without_env("CIRCLE_TOKEN")
            .args([
                "run",
                "--demo",
                "--now",
                "2026-09-16T12:00:00Z",
                "-o",
                "json",
            ])
            .args(args)
            .outcome();
        outcome.assert_exit(0).stdout_json()
    };
    let mut shown = Vec::new();
    for query in ["pipelines-since", "project-pipelines"] {
        let records = run(&[query, "project_slug=gh/acme/web"]);
        let list = records.as_array().expect("a list").iter();
        let of_app: Vec<Value> = list
            .filter(|record| [4801, 4813].contains(&record["number"].as_u64().unwrap_or(0)))
            .cloned()
            .collect();
        for record in &of_app {
            let id = record["id"].as_str().expect("an id");
            shown.push(run(&["get-pipeline", &format!("pipeline_id={id}")]));
        }
        shown.extend(of_app);
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).expect("JSON"));
}

#[test]
fn of_equal_records_the_first_in_the_order_is_kept() {
    let rows = json!([
        { "b": "main", "n": 1 }, { "b": "dev", "n": 2 }, { "b": "main", "n": 3 },
        { "b": null, "n": 4 }, { "b": null, "n": 5 }
    ]);
    let kept = |lines: &str| {
        Case::query(&format!(
            "endpoint: /x\nrows: $[*]\nextract: {{ b: $.b, n: $.n }}\nunique: b\n{lines}"
        ))
        .args(["-o", "csv"])
        .asks(vec![get_x().answers(rows.clone())])
        .outcome
        .assert_exit(0)
        .stdout_text()
    };
    assert_eq!(kept("sort: -n"), "b,n\n,5\nmain,3\ndev,2\n");
    assert_eq!(kept("sort: -n\nlimit: 2"), "b,n\n,5\nmain,3\n");
    assert_eq!(kept(""), "b,n\nmain,1\ndev,2\n,4\n");
}

#[test]
fn an_expectation_fails_in_the_words_of_its_author() {
    let case = |expect: &str, args: &[&str]| {
        Case::query(&format!(
            "vars: {{ branch: main, key: {{ secret: true, default: \"{{{{ env.KEY }}}}\" }} }}\n\
             endpoint: /x\nrows: $[*]\nexpect:\n{expect}"
        ))
        .with(|run| run.env("KEY", "abcdefgh1234"))
        .args(args.iter().copied())
        .asks(vec![get_x().answers(rows())])
        .outcome
    };
    let green = "- { that: rows | length == 0, message: \"{{ branch }} is not green: {{ rows | length }} \
                 rows, the first {{ row.id }}, {{ response.status }}, {{ key }} {{ key | upper }}\" }";
    let all = [
        case(green, &["-q", "-o", "ndjson"]),
        case(green, &["-o", "ndjson", "--error-format", "json"]),
        case(
            &format!(
                "{green}\n- row.id == 2\n- {{ that: row.id == 1, message: never }}\n- {{ that: false, message: \"{{{{ row.nosuch }}}}\" }}"
            ),
            &["-o", "ndjson"],
        ),
    ];
    for outcome in &all {
        outcome.assert_exit(1);
    }
    insta::assert_snapshot!(transcript(&all));
}

const REQUIRES: &str = "vars:\n  owner_id: null\n  owner_slug: null\n  start: null\n  end: null\n  \
    key: { secret: true, default: null }\nrequire:\n  \
    - { that: owner_id or owner_slug, message: \"give owner_id or owner_slug\" }\n  \
    - { that: end is none or vars.start, message: \"end ({{ end }}) needs start\" }\n  \
    - { that: key != \"abcdefgh1234\", message: \"{{ key }} is {{ key | upper }}\" }\n  \
    - now() > \"2020\" and env.HOME is not none\nendpoint: /x\nrows: $[*]";

#[test]
fn requirements_hold_before_anything_is_sent() {
    let case = |args: &[&str]| Case::query(REQUIRES).args(args.iter().copied());
    let all = [
        case(&["end=2026"]).asks_nothing(),
        case(&["end=2026", "--error-format", "json", "--dry-run"]).asks_nothing(),
        case(&["owner_id=1", "key=abcdefgh1234"]).asks_nothing(),
    ];
    for outcome in &all {
        outcome.assert_exit(2);
    }
    let good = case(&["owner_slug=acme", "end=2026", "start=2025"]);
    good.asks(vec![get_x().answers(rows())])
        .outcome
        .assert_exit(0);
    // A query that feeds another one has requirements of its own.
    let feed = Case::query("for_each: { item: { query: feed } }\nendpoint: /y/{{ item.id }}")
        .file(
            "queries/feed.yaml",
            format!("resource: circleci\n{REQUIRES}"),
        )
        .asks_nothing();
    let data = Case::query("data: { feed: { query: feed } }\nendpoint: /y")
        .file(
            "queries/feed.yaml",
            format!("resource: circleci\n{REQUIRES}"),
        )
        .asks_nothing();
    let project = Case::query(REQUIRES).project_at("http://127.0.0.1:1");
    let shown = Run::in_(&project).args(["show", "q"]).outcome();
    insta::assert_snapshot!(transcript(all.iter().chain([
        feed.assert_exit(2),
        data.assert_exit(2),
        shown.assert_exit(0)
    ])));
}

#[test]
fn enum_and_pattern_of_a_list_mean_its_items() {
    let lines = "vars:\n  status: { type: list, enum: [failed, error], default: [failed] }\n  \
                 name: { type: list, pattern: \"[a-z]+\", default: null }\nendpoint: /x\n\
                 params: { s: \"{{ status }}\", n: \"{{ name }}\" }";
    let good = Case::query(lines)
        .args(["status=error,failed", "name=a,bc"])
        .asks(vec![
            Exchange::get("/api/v2/x?s=error&s=failed&n=a&n=bc").answers(json!([])),
        ]);
    good.outcome.assert_exit(0);
    let case = |arg: &str| Case::query(lines).args([arg]).asks_nothing();
    let all = [
        case("status=error,faild"),
        case("status:=[\"failed\", 7]"),
        case("name=a,B"),
    ];
    let project = Case::query(lines).project_at("http://127.0.0.1:1");
    let shown = Run::in_(&project).args(["show", "q"]).outcome();
    for outcome in &all {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript(all.iter().chain([&shown])));
}

#[test]
fn numbers_and_lengths_of_time_have_bounds() {
    let lines = "vars:\n  n: { type: int, min: 1, max: 100, default: \"{{ env.N | int }}\" }\n  \
                 r: { type: number, min: 0.5, default: 1 }\n  \
                 wait: { type: duration, max: 1h, default: 30s }\nendpoint: /x";
    let case = |args: &[&str], n: &'static str| {
        Case::query(lines)
            .with(move |run| run.env("N", n))
            .args(args.iter().copied())
            .asks_nothing()
    };
    let all = [
        case(&["n=101", "r=0.4", "wait=2h"], "5"),
        case(&["n=0"], "5"),
        case(&[], "500"),
    ];
    for outcome in &all {
        outcome.assert_exit(2);
    }
    let project = Case::query(lines).project_at("http://127.0.0.1:1");
    let shown = Run::in_(&project).args(["show", "q"]).outcome();
    insta::assert_snapshot!(transcript(all.iter().chain([&shown])));
    let good = Case::query(lines)
        .with(|run| run.env("N", "1"))
        .args(["r=0.5", "wait=60m"]);
    good.asks(vec![get_x().answers(json!({}))])
        .outcome
        .assert_exit(0);
}

/// A list in two pages, with the columns of `extract`.
fn over_pages(extract: &str, pages: [Value; 2], args: &[&str]) -> Outcome {
    let [first, last] = pages;
    Case::query(&format!(
        "endpoint: /x\nrows: $.items[*]\nextract: {{ {extract} }}"
    ))
    .args(["-o", "ndjson"])
    .args(args.iter().copied())
    .asks(vec![
        get_x().answers(json!({ "items": first, "next_page_token": "t" })),
        Exchange::get("/api/v2/x?page-token=t")
            .answers(json!({ "items": last, "next_page_token": null })),
    ])
    .outcome
}

#[test]
fn a_column_that_no_record_has_is_reported_with_what_is_near() {
    let pages = || {
        [
            json!([{ "id": 1, "created_at": "x", "vcs": { "branch": "main" }, "by": null, "tags": [] }]),
            json!([{ "id": 2, "late": 1, "list": [{ "a": 1 }], "text": "x" }]),
        ]
    };
    let all = [
        over_pages(
            "id: $.id, created: \"$['created-at']\", branch: $.vcs.brnch, far: $.zzz, odd: $.id.x, \
             each: \"$.vcs.nosuch[*]\"",
            pages(),
            &[],
        ),
        // Found once, null on the way, an empty list, a default, a template, a required column that
        // is there.
        over_pages(
            "late: $.late, by: $.by.login, tags: \"$.tags[*].name\", list: \"$.list[0].a\", \
             d: { path: $.zzz, default: null }, t: \"{{ row.zzz }}\", \
             id: { path: $.id, required: true }, any: \"$..zzz\", f: \"$.list[?@.b]\"",
            pages(),
            &[],
        ),
        over_pages("far: $.zzz", pages(), &["-q"]),
        over_pages("far: $.zzz", [json!([]), json!([])], &[]),
    ];
    for outcome in &all {
        outcome.assert_exit(0);
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn a_column_that_no_record_of_a_feed_has_is_reported_with_the_query() {
    let outcome = Case::query(
        "for_each: { item: { query: feed } }\nendpoint: /y/{{ item.id }}\n\
         extract: { id: $.id, sate: $.sate }",
    )
    .file(
        "queries/feed.yaml",
        "resource: circleci\nendpoint: /x\nrows: $[*]\nextract: { id: $.id, nmae: $.nmae }\n",
    )
    .args(["-o", "ndjson"])
    .asks(vec![
        get_x().answers(json!([{ "id": 1, "name": "a" }, { "id": 2, "name": "b" }])),
        Exchange::get("/api/v2/y/1").answers(json!({ "id": 1, "state": "x" })),
        Exchange::get("/api/v2/y/2").answers(json!({ "id": 2 })),
    ])
    .outcome;
    insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
}

#[test]
fn a_response_with_none_of_the_columns_is_refused() {
    let case = |extract: &str, answer: Value| {
        Case::query(&format!("endpoint: /x\nextract: {{ {extract} }}"))
            .args(["-o", "ndjson"])
            .asks(vec![get_x().answers(answer)])
            .outcome
    };
    let message = || json!({ "message": "queued", "code": 7 });
    let refused = [
        case("id: $.id, state: $.state", message()),
        case("id: $.id", json!([{ "id": 1 }])),
        case("id: $.data.id", json!({})),
    ];
    for outcome in &refused {
        outcome.assert_exit(1);
    }
    // One of them is there, may be absent, or is computed.
    let good = [
        case("id: $.id, code: $.code", message()),
        case("id: { path: $.id, default: null }", message()),
        case("id: $.id, text: \"{{ row.message }}\"", message()),
        case("id: $.id", json!({ "id": null })),
    ];
    for outcome in &good {
        outcome.assert_exit(0);
    }
    let all: Vec<&Outcome> = refused.iter().chain(&good).collect();
    insta::assert_snapshot!(transcript(all));
}
