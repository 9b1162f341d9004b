//! The selection of records from a response, and their output.

use serde_json::{Value, json};

use crate::case::{Case, transcript};
use crate::support::{Answer, CANARY, Exchange, Outcome, Run, Server};

const FORMATS: [&str; 8] = [
    "table", "json", "ndjson", "yaml", "csv", "tsv", "markdown", "raw",
];

/// A list whose values try every format: signs of CSV, Markdown and YAML, large numbers, nothing.
fn jobs() -> Value {
    json!({"items": [
        {"id": 9_223_372_036_854_775_807_i64, "name": "build", "ok": true, "tags": ["a", "b"],
         "cost": 0.1, "note": "plain"},
        {"id": 18_446_744_073_709_551_615_u64, "name": "te|st, \"x\"", "ok": null, "tags": [],
         "cost": 1e21, "note": "two\nlines\tand a tab"},
        {"id": -9_007_199_254_740_993_i64, "name": "déploy 🚀", "tags": {"k": 1}, "note": "yes"},
    ]})
}

const COLUMNS: &str = "extract: { name: $.name, id: $.id, ok: $.ok, tags: $.tags, cost: $.cost, \
                       missing: { path: $.a.b, default: null }, note: $.note }";

fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

/// Returns the records for a list of rows, with these lines after `rows: $[*]`.
fn records(lines: &str, rows: Value) -> Value {
    let outcome = Case::query(&format!("endpoint: /x\nrows: $[*]\n{lines}"))
        .asks(vec![get_x().answers(rows)])
        .outcome;
    outcome.assert_exit(0).stdout_json()
}

/// As `records`, for a single record.
fn record(extract: &str, answer: Value) -> Value {
    let outcome = Case::query(&format!("endpoint: /x\nextract:\n{extract}"))
        .asks(vec![get_x().answers(answer)])
        .outcome;
    outcome.assert_exit(0).stdout_json()
}

mod formats {
    use super::*;

    fn every_format(query: &str, answer: &Value) -> String {
        let mut seen = Vec::new();
        for format in FORMATS {
            let outcome = Case::query(query)
                .args(["-o", format])
                .asks(vec![get_x().answers(answer.clone())])
                .outcome;
            seen.push(outcome.assert_exit(0).snapshot());
        }
        seen.join("\n\n")
    }

    #[test]
    fn a_list_in_every_format() {
        let query = format!("endpoint: /x\nrows: $.items[*]\n{COLUMNS}");
        insta::assert_snapshot!(every_format(&query, &jobs()));
    }

    #[test]
    fn one_record_in_every_format() {
        let query = format!("endpoint: /x\n{COLUMNS}");
        insta::assert_snapshot!(every_format(&query, &jobs()["items"][1]));
    }

    #[test]
    fn no_records_in_every_format() {
        let query = "endpoint: /x\nrows: $.items[*]\nextract: { id: $.id, name: $.name }";
        insta::assert_snapshot!(every_format(query, &json!({"items": []})));
    }

    #[test]
    fn records_without_columns_in_every_format() {
        let query = "endpoint: /x\nrows: $.items[*]";
        insta::assert_snapshot!(every_format(query, &jobs()));
    }

    #[test]
    fn records_that_are_no_objects_in_every_format() {
        let answer = json!(["text", 18_446_744_073_709_551_615_u64, null, [1, [2]], {"a": 1}]);
        insta::assert_snapshot!(every_format("endpoint: /x\nrows: $[*]", &answer));
    }

    #[test]
    fn columns_stand_in_the_order_of_the_file() {
        let query =
            "endpoint: /x\nrows: $[*]\nextract: { z: $.z, a: $.a, m: \"{{ z ~ a }}\", 'b c': $.b }";
        let answer = json!([{"a": 1, "b": 2, "z": 3}]);
        let print = |format: &str| {
            let case = Case::query(query).args(["-o", format]);
            let outcome = case.asks(vec![get_x().answers(answer.clone())]).outcome;
            outcome.stdout_text()
        };
        assert_eq!(print("csv").lines().next(), Some("z,a,m,b c"));
        assert_eq!(print("tsv").lines().next(), Some("z\ta\tm\tb c"));
        assert_eq!(
            print("ndjson"),
            "{\"z\":3,\"a\":1,\"m\":\"31\",\"b c\":2}\n"
        );
    }

    #[test]
    fn the_query_names_its_format_and_the_call_overrides_it() {
        let case = || Case::query("endpoint: /x\nrows: $[*]\noutput: csv\nextract: { a: $.a }");
        let asks = |case: Case| {
            let seen = case.asks(vec![get_x().answers(json!([{"a": 1}]))]);
            seen.outcome.stdout_text()
        };
        assert_eq!(asks(case()), "a\n1\n");
        assert_eq!(asks(case().args(["-o", "ndjson"])), "{\"a\":1}\n");
    }

    #[test]
    fn a_pipe_gets_json_and_a_terminal_a_table() {
        let case = || Case::query("endpoint: /x\nrows: $[*]\nextract: { a: $.a }");
        let seen = case().asks(vec![get_x().answers(json!([{"a": 1}]))]);
        assert_eq!(seen.outcome.stdout_json(), json!([{"a": 1}]));
        let seen = case()
            .with(|run| run.terminal(80).env("NO_COLOR", "1"))
            .asks(vec![get_x().answers(json!([{"a": 1}]))]);
        insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn raw_is_the_response_byte_for_byte() {
        let body = b"{\"a\":  1.50, \"b\": \"\xff\x1b[31m\"}\r\n";
        let outcome = Case::query("endpoint: /x\noutput: raw")
            .asks(vec![get_x().answers(
                Answer::status(200).body("application/json", body.as_slice()),
            )])
            .outcome;
        assert_eq!(outcome.assert_exit(0).stdout, body);
    }

    /// A body used by an expectation is not printed.
    #[test]
    fn raw_is_the_response_alone_where_something_is_expected_of_it() {
        let outcome = Case::query("endpoint: /x\nrows: $.items[*]\nexpect: rows | length == 2")
            .args(["-o", "raw"])
            .asks(vec![get_x().answers(json!({"items": [1, 2]}))])
            .outcome;
        assert_eq!(outcome.assert_exit(0).stdout, b"{\"items\":[1,2]}");
    }
}

mod terminal {
    use super::*;

    /// Jobs of CircleCI with names of every length.
    fn list() -> Value {
        json!({"items": [
            {"name": "build", "status": "success", "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "minutes": 12.5},
            {"name": "a job with a rather long name, as people give them", "status": "failed", "id": "026a6d28-c22e-4aab-a8b4-bd7131a8ea35", "minutes": 3},
            {"name": "日本語の名前 🚀", "status": "on_hold", "id": "x", "minutes": null},
        ]})
    }

    fn on_terminal(columns: u16, change: fn(Run<'_>) -> Run<'_>) -> Outcome {
        Case::query(
            "endpoint: /x\nrows: $.items[*]
extract: { name: $.name, status: $.status, id: $.id, minutes: $.minutes }",
        )
        .with(move |run| change(run.terminal(columns)))
        .asks(vec![get_x().answers(list())])
        .outcome
    }

    #[test]
    fn a_table_fits_80_columns() {
        let outcome = on_terminal(80, |run| run.env("NO_COLOR", "1"));
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn a_table_fits_40_columns() {
        let outcome = on_terminal(40, |run| run.env("NO_COLOR", "1"));
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn colours_are_there_unless_they_are_unwanted() {
        let coloured = on_terminal(120, |run| run);
        assert!(coloured.stdout_text().contains('\u{1b}'));
        insta::assert_snapshot!(coloured.assert_exit(0).snapshot());
        for plain in [
            on_terminal(120, |run| run.env("NO_COLOR", "1")),
            on_terminal(120, |run| run.env("TERM", "dumb")),
        ] {
            let plain = plain.stdout_text();
            assert!(!plain.contains('\u{1b}'), "{plain:?}");
        }
    }

    #[test]
    fn one_record_is_key_and_value() {
        for columns in [80, 40] {
            let outcome = Case::query("endpoint: /x\nextract: { name: $.name, 'a longer key': $.id, errors: '$.e[*]', none: { path: $.n, default: null } }")
                .with(move |run| run.terminal(columns).env("NO_COLOR", "1"))
                .asks(vec![get_x().answers(json!({
                    "name": "a job with a rather long name, as people give them to their jobs, because they can",
                    "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "e": ["one", "two"]}))])
                .outcome;
            insta::assert_snapshot!(
                format!("one_record_at_{columns}"),
                outcome.assert_exit(0).snapshot()
            );
        }
    }

    #[test]
    fn no_records_are_reported() {
        let outcome = Case::query("endpoint: /x\nrows: $[*]\nextract: { a: $.a }")
            .with(|run| run.terminal(80).env("NO_COLOR", "1"))
            .asks(vec![get_x().answers(json!([]))])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn what_a_response_holds_cannot_control_the_terminal() {
        let evil = "\u{1b}[2J\u{1b}]0;title\u{7}\r\nfake\u{8}\u{9b}31m \u{202e}rtl\u{200b}";
        let answer = json!({evil: evil, "items": [{"name": evil}]});
        for (query, format) in [
            (
                "endpoint: /x\nrows: $.items[*]\nextract: { name: $.name }",
                "table",
            ),
            ("endpoint: /x", "table"),
            ("endpoint: /x", "json"),
            ("endpoint: /x", "ndjson"),
            ("endpoint: /x", "yaml"),
            ("endpoint: /x\nrows: $.items[*]", "csv"),
            ("endpoint: /x\nrows: $.items[*]", "tsv"),
            ("endpoint: /x\nrows: $.items[*]", "markdown"),
            ("endpoint: /x", "raw"),
        ] {
            let outcome = Case::query(query)
                .args(["-o", format])
                .with(|run| run.terminal(80).env("NO_COLOR", "1"))
                .asks(vec![get_x().answers(answer.clone())])
                .outcome;
            assert_tame(outcome.assert_exit(0), format);
        }
    }

    #[test]
    fn what_an_error_holds_cannot_control_the_terminal() {
        let evil = "no\u{1b}[2J\u{7}\u{202e}rtl\r\nfake";
        for answer in [
            Answer::status(404)
                .header("x-request-id", "id\u{9b}31m")
                .json(&json!({"message": evil})),
            Answer::status(404).text(evil),
            Answer::status(200).text(evil),
            Answer::status(302).header("location", "http://x.example/\u{9b}31m"),
        ] {
            let outcome = Case::query("endpoint: /x\nextract: { \"a\": $.a }")
                .with(|run| run.terminal(80).env("NO_COLOR", "1"))
                .args(["-vv"])
                .asks(vec![get_x().answers(answer)])
                .outcome;
            assert_tame(&outcome, "error");
        }
    }

    #[test]
    fn what_is_typed_cannot_control_the_terminal() {
        let evil = "\u{1b}[2J\u{7}";
        for args in [
            [format!("a={evil}"), "--dry-run".into()],
            [format!("a={evil}"), "--curl".into()],
            [format!("b={evil}"), evil.into()],
        ] {
            let outcome = Case::query("vars: { a: { enum: [x, \"\\e[2J\\a\"] } }\nendpoint: /x\nparams: { a: \"{{ a }}\" }\nheaders: { X-A: x }")
                .with(|run| run.terminal(80).env("NO_COLOR", "1"))
                .args(args)
                .asks_nothing();
            assert_tame(&outcome, "typed");
        }
    }

    /// No control character but line breaks and tabs, and none that turns or hides text.
    fn assert_tame(outcome: &Outcome, what: &str) {
        let wild = |c: &char| {
            (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}' | '\u{2066}'..='\u{2069}')
        };
        let text = outcome.stdout_text();
        let found = text.chars().find(wild);
        assert_eq!(found, None, "{what}:\n{}", outcome.snapshot());
        // A carriage return of its own goes back to the start of the line.
        assert!(!text.replace("\r\n", "\n").contains('\r'), "{what}");
    }
}

mod extraction {
    use super::*;

    #[test]
    fn sixty_four_bits_come_out_as_they_came() {
        let answer =
            json!({"n": u64::MAX, "i": i64::MIN, "nested": {"n": [9_007_199_254_740_993_i64]}});
        assert_eq!(
            record(
                "  n: $.n\n  i: $.i\n  nested: $.nested\n  t: \"{{ row.n }}\"\n  s: \"n={{ row.i }}\"",
                answer
            ),
            json!({"n": u64::MAX, "i": i64::MIN, "nested": {"n": [9_007_199_254_740_993_i64]}, "t": u64::MAX, "s": "n=-9223372036854775808"})
        );
    }

    #[test]
    fn what_is_missing_is_null_or_its_default() {
        let answer = json!({"null": null, "empty": "", "zero": 0, "list": []});
        let extract = "  missing: $.a.b.c
  'null': $.null
  empty: { path: $.empty, default: x }
  zero: { path: $.zero, default: x }
  default: { path: $.a, default: { k: [1] } }
  of_null: { path: $.null, default: none at all }
  template: \"{{ row.a.b }}\"
  text: \"<{{ row.a }}>\"
  list: $.list[*]
  first: { path: '$.list[*]', take: first }";
        insta::assert_snapshot!(record(extract, answer), @r#"{"missing":null,"null":null,"empty":"","zero":0,"default":{"k":[1]},"of_null":"none at all","template":null,"text":null,"list":[],"first":null}"#);
    }

    #[test]
    fn the_shape_follows_the_path_and_take() {
        for list in [json!([]), json!([7]), json!([7, 8])] {
            let extract = "  index: $.l[0]
  all: $.l[*]
  first: { path: '$.l[*]', take: first }
  count: { path: '$.l[*]', take: count }
  index_all: { path: '$.l[0]', take: all }
  deep: $..l[-1]";
            let length = list.as_array().map_or(0, Vec::len);
            let first = list.get(0).cloned().unwrap_or(Value::Null);
            let ends: Vec<Value> = list
                .as_array()
                .and_then(|list| list.last())
                .cloned()
                .into_iter()
                .collect();
            let starts: Vec<Value> = list.get(0).cloned().into_iter().collect();
            assert_eq!(
                record(extract, json!({"l": list})),
                json!({"index": first, "all": list, "first": first, "count": length,
                       "index_all": starts, "deep": ends})
            );
        }
    }

    #[test]
    fn what_is_required_and_missing_fails_the_run() {
        let case = |column: &str| {
            Case::query(&format!(
                "endpoint: /x\nrows: $[*]\nextract: {{ a: $.a, b: {column} }}"
            ))
            .args(["-o", "ndjson"])
            .asks(vec![
                get_x().answers(json!([{"a": 1, "b": 1}, {"a": 2, "c": [1, 2]}])),
            ])
            .outcome
        };
        let all = [
            case("{ path: $.b, required: true }"),
            case("{ path: '$.c[*]', take: one }"),
        ];
        for outcome in &all {
            outcome.assert_exit(1);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn rows_that_find_nothing_are_reported() {
        let case = |answer: Value| {
            Case::query("endpoint: /x\nrows: $.items[*]\nextract: { a: $.a }")
                .asks(vec![get_x().answers(answer)])
                .outcome
        };
        let all = [case(json!({"jobs": []})), case(json!({"items": []}))];
        for outcome in &all {
            outcome.assert_exit(0);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn rows_that_find_a_list_are_a_fault_of_the_file() {
        let outcome = Case::query("endpoint: /x\nrows: $.items\nextract: { a: $.a }")
            .asks(vec![get_x().answers(json!({"items": [{"a": 1}]}))])
            .outcome;
        // Nothing was read of the listing: no part of it is good.
        assert_eq!(outcome.stdout_text(), "", "{}", outcome.snapshot());
        assert!(![0, 6].contains(&outcome.exit), "{}", outcome.snapshot());
        assert!(
            !outcome.stderr_text().contains("not-json"),
            "{}",
            outcome.snapshot()
        );
    }

    #[test]
    fn where_keeps_what_holds() {
        let rows =
            json!([{"s": "failed", "n": 1}, {"s": "success", "n": 2}, {"n": 3}, {"s": "failed"}]);
        assert_eq!(
            records(
                "extract: { n: $.n }\nwhere: row.s == \"failed\"",
                rows.clone()
            ),
            json!([{"n": 1}, {"n": null}])
        );
        assert_eq!(
            records("extract: { m: $.n }\nwhere: m is not none and m > 1", rows),
            json!([{"m": 2}, {"m": 3}])
        );
    }

    #[test]
    fn sort_orders_by_several_keys_with_nulls_last() {
        let rows = json!([{"a": 2, "b": "x"}, {"a": null, "b": "n"}, {"a": 10, "b": "y"}, {"a": 2, "b": "a"}, {"b": "m"}]);
        let order = |lines: &str| {
            let records = records(
                &format!("extract: {{ a: $.a, b: $.b }}\n{lines}"),
                rows.clone(),
            );
            let list = records.as_array().expect("a list").iter();
            list.map(|record| record["b"].as_str().unwrap_or("?").to_owned())
                .collect::<String>()
        };
        assert_eq!(order("sort: a"), "xaynm");
        assert_eq!(order("sort: -a"), "yxanm");
        assert_eq!(order("sort: [-a, b]"), "yaxmn");
        assert_eq!(order("sort: row.b"), "amnxy");
        assert_eq!(order("sort: -a\nlimit: 2"), "yx");
    }

    #[test]
    fn limit_and_unique_keep_the_first() {
        let rows = json!([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": "1", "b": 3}, {"a": null}, {"a": 2}, {}]);
        assert_eq!(
            records("extract: { a: $.a, b: $.b }\nunique: a", rows.clone()),
            json!([{"a": 1, "b": 1}, {"a": "1", "b": 3}, {"a": null, "b": null}, {"a": 2, "b": null}])
        );
        assert_eq!(
            records("extract: { a: $.a }\nunique: true\nlimit: 3", rows.clone()),
            json!([{"a": 1}, {"a": "1"}, {"a": null}])
        );
        let outcome =
            Case::query("vars: { n: { type: int } }\nendpoint: /x\nrows: $[*]\nlimit: \"{{ n }}\"")
                .args(["n=4", "--limit", "2"])
                .asks(vec![get_x().answers(rows)])
                .outcome;
        assert_eq!(outcome.stdout_json().as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn stop_when_ends_before_the_record_that_fulfils_it() {
        let rows = json!([{"n": 3}, {"n": 2}, {"n": 1}, {"n": 3}]);
        assert_eq!(
            records("stop_when: row.n < 2", rows),
            json!([{"n": 3}, {"n": 2}])
        );
    }

    #[test]
    fn an_expectation_that_fails_is_reported_and_the_rows_are_shown() {
        let case = |expect: &str| {
            Case::query(&format!("endpoint: /x\nrows: $.items[*]\nexpect: {expect}"))
                .args(["-o", "ndjson"])
                .asks(vec![
                    get_x().answers(json!({"items": [{"n": 1}, {"n": 2}]})),
                ])
                .outcome
        };
        case("[rows | length == 2, response.status == 200, row.n == 1, \"response.body.items | length == 2\"]").assert_exit(0);
        let failed =
            case("[rows | length > 2, response.status == 200, \"rows[0].n == rows[1].n\"]");
        insta::assert_snapshot!(failed.assert_exit(1).snapshot());
    }

    #[test]
    fn a_status_that_the_file_takes_for_good_is_not_tried_again() {
        for (status, meaning) in [(503, "ok"), (429, "empty")] {
            Case::query(&format!(
                "endpoint: /x\non_status: {{ {status}: {meaning} }}"
            ))
            .settings("retry: { base_delay: 1ms }")
            .asks(vec![get_x().answers((status, json!({"a": 1})))])
            .outcome
            .assert_exit(0);
        }
    }

    #[test]
    fn a_status_means_what_the_file_says() {
        let case = |query: &str, status: u16, body: Value| {
            Case::query(query)
                .asks(vec![get_x().answers((status, body))])
                .outcome
        };
        let query = "endpoint: /x\nrows: $.items[*]\non_status: { 404: empty, 409: ok, 200: fail }";
        assert_eq!(
            case(query, 404, json!({"message": "no"}))
                .assert_exit(0)
                .stdout_json(),
            json!([])
        );
        assert_eq!(
            case(query, 409, json!({"items": [1]}))
                .assert_exit(0)
                .stdout_json(),
            json!([1])
        );
        insta::assert_snapshot!(
            case(query, 200, json!({"message": "odd"}))
                .assert_exit(3)
                .snapshot()
        );
        case(query, 400, json!({})).assert_exit(3);
    }
}

mod listings {
    use super::*;

    const LIST: &str = "endpoint: /x\nrows: $.items[*]\nextract: { n: $.n }";

    /// The page of a token, with three rows from `first` on.
    fn page(token: &str, first: u64, next: &Value) -> Exchange {
        let target = match token {
            "" => "/api/v2/x".to_owned(),
            token => format!("/api/v2/x?page-token={token}"),
        };
        let items: Vec<Value> = (first..first + 3).map(|n| json!({"n": n})).collect();
        Exchange::get(&target).answers(json!({"items": items, "next_page_token": next}))
    }

    fn first() -> Exchange {
        page("", 1, &json!("a/b+c="))
    }

    fn last() -> Exchange {
        page("a%2Fb%2Bc%3D", 4, &json!(null))
    }

    /// A run in CSV, whose rows are easily read.
    fn csv(lines: &str, args: &[&str], exchanges: Vec<Exchange>) -> Outcome {
        let case = Case::query(&format!("{LIST}\n{lines}")).args(["-o", "csv"]);
        case.args(args.iter().copied()).asks(exchanges).outcome
    }

    #[test]
    fn all_pages_are_read_in_order() {
        let outcome = csv("", &[], vec![first(), last()]);
        assert_eq!(
            outcome.assert_exit(0).stdout_text(),
            "n\n1\n2\n3\n4\n5\n6\n"
        );
        let sorted = csv("sort: -n\nlimit: 2", &[], vec![first(), last()]);
        assert_eq!(sorted.assert_exit(0).stdout_text(), "n\n6\n5\n");
    }

    #[test]
    fn every_format_holds_all_pages() {
        for (format, rows) in [
            ("json", 6),
            ("ndjson", 6),
            ("yaml", 6),
            ("tsv", 7),
            ("markdown", 8),
            ("table", 7),
        ] {
            let case = Case::query(LIST).args(["-o", format]);
            let outcome = case.asks(vec![first(), last()]).outcome;
            let text = outcome.assert_exit(0).stdout_text();
            let found = match format {
                "json" => outcome.stdout_json().as_array().map_or(0, Vec::len),
                _ => text.lines().count(),
            };
            assert_eq!(found, rows, "{text}");
        }
    }

    #[test]
    fn no_more_pages_are_read_than_are_needed() {
        for (lines, args) in [
            ("limit: 3", &[][..]),
            ("", &["--limit", "2"]),
            ("", &["--limit", "3"]),
            ("stop_when: n == 3", &[]),
            ("where: n > 1\nlimit: 2", &[]),
        ] {
            let outcome = csv(lines, args, vec![first()]);
            assert_eq!(outcome.assert_exit(0).stderr_text(), "", "{lines} {args:?}");
        }
    }

    #[test]
    fn an_empty_page_is_not_the_last() {
        let empty =
            Exchange::get("/api/v2/x").answers(json!({"items": [], "next_page_token": "a/b+c="}));
        let outcome = csv("", &[], vec![empty, last()]);
        assert_eq!(outcome.assert_exit(0).stdout_text(), "n\n4\n5\n6\n");
    }

    #[test]
    fn a_listing_that_is_cut_or_breaks_off_prints_its_rows_and_says_so() {
        let broken = || Exchange::get("/api/v2/x?page-token=a%2Fb%2Bc%3D");
        let all = [
            csv("paginate: { max_pages: 1 }", &[], vec![first()]),
            csv("paginate: { max_rows: 2 }", &[], vec![first()]),
            csv("paginate: { max_rows: 3 }", &[], vec![first()]),
            csv(
                "paginate: { max_pages: 1 }\nwhere: n > 9",
                &["-q"],
                vec![first()],
            ),
            csv(
                "",
                &[],
                vec![first(), broken().answers((404, json!({"message": "gone"})))],
            ),
            csv(
                "",
                &[],
                vec![
                    first(),
                    broken().answers((401, json!({"message": "expired"}))),
                ],
            ),
            csv(
                "",
                &[],
                vec![
                    first(),
                    broken().answers(Answer::status(200).text("no json")),
                ],
            ),
            csv(
                "sort: -n",
                &[],
                vec![first(), broken().answers((404, json!({"message": "gone"})))],
            ),
            csv(
                "",
                &[],
                vec![first(), page("a%2Fb%2Bc%3D", 4, &json!("a/b+c="))],
            ),
            Case::query(LIST)
                .args(["-o", "raw"])
                .asks(vec![first()])
                .outcome,
            csv(
                "",
                &["--error-format", "json"],
                vec![first(), broken().answers((404, json!({})))],
            ),
        ];
        for outcome in &all {
            outcome.assert_exit(6);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_cap_that_is_not_reached_cuts_nothing() {
        for lines in ["paginate: { max_pages: 2 }", "paginate: { max_rows: 6 }"] {
            csv(lines, &[], vec![first(), last()]).assert_exit(0);
        }
    }

    #[test]
    fn a_terminal_shows_the_rows_before_it_says_that_they_are_cut() {
        let outcome = Case::query(&format!("{LIST}\npaginate: {{ max_pages: 1 }}"))
            .with(|run| run.terminal(80).env("NO_COLOR", "1"))
            .asks(vec![first()])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
    }

    #[test]
    fn a_cut_and_a_failed_expectation_are_both_reported() {
        let lines = "paginate: { max_pages: 1 }\nexpect: rows | length > 5";
        let outcome = csv(lines, &[], vec![first()]);
        insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
    }

    #[test]
    fn an_expectation_sees_all_pages() {
        csv("expect: rows | length == 6", &[], vec![first(), last()]).assert_exit(0);
    }

    #[test]
    fn the_first_page_is_enough_if_the_file_says_so() {
        let outcome = csv("paginate: false", &[], vec![first()]);
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
        let case = Case::query(LIST).settings("paginate: false");
        case.asks(vec![first()]).outcome.assert_exit(0);
    }

    #[test]
    fn a_listing_without_rows_is_not_whole() {
        let outcome = Case::get().asks(vec![first()]).outcome;
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
    }

    #[test]
    fn a_request_that_writes_is_not_sent_again_for_a_next_page() {
        for (resource, next) in [
            ("type: rest\nbase_url: URL", "</x?page=2>; rel=\"next\""),
            ("type: circleci\nbase_url: URL", ""),
        ] {
            let answer = Answer::status(200)
                .header("link", next)
                .json(&json!({"items": [1], "next_page_token": "more"}));
            // The server fails the test if it is asked twice.
            let outcome = Case::query("method: POST\nendpoint: /x\nrows: $.items[*]")
                .args(["-o", "ndjson", "--yes"])
                .resource(resource)
                .asks(vec![Exchange::post("/x").answers(answer)])
                .outcome;
            assert_eq!(outcome.assert_exit(0).stdout_text(), "1\n");
        }
    }

    #[test]
    fn links_are_followed_on_their_origin_only() {
        let list = || {
            Case::query("endpoint: /x\nrows: $[*]")
                .args(["-o", "ndjson"])
                .resource("type: rest\nbase_url: URL\nauth: { bearer: \"{{ env.CIRCLE_TOKEN }}\" }")
        };
        let linked = |to: &str| {
            Answer::status(200)
                .header("link", format!("<{to}>; rel=\"next\""))
                .json(&json!([1]))
        };
        let outcome = list()
            .asks(vec![
                Exchange::get("/x").answers(linked("/x?page=2")),
                Exchange::get("/x?page=2")
                    .with_header("authorization", format!("Bearer {CANARY}"))
                    .answers(json!([2])),
            ])
            .outcome;
        assert_eq!(outcome.assert_exit(0).stdout_text(), "1\n2\n");
        let elsewhere = Server::start(vec![]);
        let outcome = list()
            .asks(vec![Exchange::get("/x").answers(linked(&elsewhere.url()))])
            .outcome;
        assert_eq!(elsewhere.connections(), 0);
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
        elsewhere.finish();
    }
}

mod files {
    use super::*;

    const LIST: &str = "endpoint: /x\nrows: $[*]\nextract: { a: $.a, b: $.b }";

    /// Returns the file written by `--out`, and the printed output.
    fn written(name: &str, args: &[&str]) -> (Outcome, Option<String>) {
        let server = Server::start(vec![get_x().answers(json!([{"a": 1, "b": "x,y"}]))]);
        let project = Case::query(LIST).project_at(&server.url());
        let run = Run::in_(&project)
            .args(["run", "q", "--out", name])
            .args(args);
        let outcome = run.outcome();
        server.finish();
        (outcome, project.read(name))
    }

    #[test]
    fn the_ending_says_the_format() {
        let mut seen = Vec::new();
        for name in [
            "a.json", "a.ndjson", "a.jsonl", "a.yaml", "a.yml", "a.csv", "a.tsv", "a.md", "A.CSV",
        ] {
            let (outcome, content) = written(name, &[]);
            assert_eq!(outcome.assert_exit(0).stdout_text(), "", "{name}");
            assert_eq!(outcome.stderr_text(), "", "{name}");
            seen.push(format!("--- {name}\n{}", content.expect("a file")));
        }
        insta::assert_snapshot!(seen.join(""));
        let (_, content) = written("a.data", &["-o", "csv"]);
        assert_eq!(content.as_deref(), Some("a,b\n1,\"x,y\"\n"));
        let (outcome, content) = written("-", &["-o", "csv"]);
        assert_eq!(
            (outcome.stdout_text().as_str(), content),
            ("a,b\n1,\"x,y\"\n", None)
        );
    }

    #[test]
    fn a_run_that_fails_leaves_the_old_file() {
        let failures = [
            get_x().answers((404, json!({}))),
            get_x().answers(Answer::status(200).text("no json")),
            get_x().answers(crate::support::Fault::HalfAnswer("[{\"a\": 1}]".into())),
            get_x().answers(json!([{"a": 1, "b": 2}, {"a": 1}])),
        ];
        for failure in failures {
            let server = Server::start(vec![failure]);
            let project = Case::query(
                "endpoint: /x\nrows: $[*]\nextract: { b: { path: $.b, required: true } }",
            )
            .settings("retry: { max_attempts: 1 }")
            .file("out.csv", "old\n")
            .project_at(&server.url());
            let outcome = Run::in_(&project)
                .args(["run", "q", "--out", "out.csv"])
                .outcome();
            assert_ne!(outcome.exit, 0);
            assert_eq!(project.read("out.csv").as_deref(), Some("old\n"));
            let files = std::fs::read_dir(project.path())
                .expect("the folder")
                .count();
            assert_eq!(files, 3, "resources, queries, out.csv and nothing beside");
            server.finish();
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let server = Server::start(vec![get_x().answers(json!([{"a": 1}]))]);
        let project = Case::query("endpoint: /x\nrows: $[*]")
            .file(
                "out.json",
                "old and much longer than the new one will ever be\n".repeat(9),
            )
            .project_at(&server.url());
        Run::in_(&project)
            .args(["run", "q", "--out", "out.json"])
            .outcome()
            .assert_exit(0);
        let content = project.read("out.json").expect("written");
        assert_eq!(
            serde_json::from_str::<Value>(&content).ok(),
            Some(json!([{"a": 1}]))
        );
        server.finish();
    }

    #[test]
    fn a_terminal_hears_what_was_written() {
        let outcome = Case::query(LIST)
            .args(["--out", "a.csv"])
            .with(|run| run.terminal(80).env("NO_COLOR", "1"))
            .asks(vec![get_x().answers(json!([{"a": 1, "b": 0}, {"a": 2}]))])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn a_table_in_a_file_has_no_colours() {
        let server = Server::start(vec![get_x().answers(json!([{"a": 1, "b": "failed"}]))]);
        let project = Case::query(LIST).project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["run", "q", "-o", "table", "--out", "a.txt"])
            .terminal(80)
            .outcome();
        outcome.assert_exit(0);
        insta::assert_snapshot!(project.read("a.txt").expect("written"));
        server.finish();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_reported_with_its_name() {
        let outcome = Case::query(LIST)
            .args(["--out", "/dev/full", "-o", "csv"])
            .asks(vec![get_x().answers(json!([{"a": 1}]))])
            .outcome;
        let stderr = outcome.assert_exit(2).stderr_text();
        assert!(stderr.contains("`/dev/full`"), "{stderr}");
        assert!(!stderr.contains("os error"), "{stderr}");
    }

    #[test]
    fn a_reader_that_closes_early_is_no_error() {
        let rows: Vec<Value> = (0..3_000)
            .map(|n| json!({"a": n, "b": "x".repeat(20)}))
            .collect();
        for format in ["ndjson", "json", "csv", "table", "raw"] {
            let outcome = Case::query(LIST)
                .args(["-o", format])
                .with(|run| run.stdout_closed_after(10))
                .asks(vec![get_x().answers(json!(rows))])
                .outcome;
            assert_eq!(outcome.assert_exit(0).stderr_text(), "", "{format}");
        }
    }
}
