//! Values pass through unchanged in both directions.

use crate::case::Case;
use crate::support::{Answer, Exchange, Project, Run, Server};

/// A row with numbers that a 64-bit integer or a double would change.
const NUMBERS: &str = r#"{"a":1.10,"b":1e400,"c":123456789012345678901234567890,"d":1E5,"e":-0}"#;

fn get_x(body: &str) -> Exchange {
    Exchange::get("/api/v2/x").answers(Answer::status(200).body("application/json", body))
}

/// Returns the output of a query over rows, with exit code 0.
fn prints(lines: &str, args: &[&str], body: &str) -> String {
    let outcome = Case::query(&format!("endpoint: /x\n{lines}"))
        .args(args.iter().copied())
        .asks(vec![get_x(body)])
        .outcome;
    outcome.assert_exit(0).stdout_text()
}

mod numbers {
    use super::*;

    #[test]
    fn they_come_out_as_they_came() {
        let rows = format!("[{NUMBERS}]");
        let of = |format: &str| prints("rows: $[*]", &["-o", format], &rows);
        assert_eq!(of("ndjson").trim(), NUMBERS);
        let values = [
            "1.10",
            "1e400",
            "123456789012345678901234567890",
            "1E5",
            "-0",
        ];
        for format in ["json", "table", "csv", "tsv", "markdown", "html", "raw"] {
            let text = of(format);
            for value in values {
                assert!(text.contains(value), "{format}: {text}");
            }
        }
        // YAML 1.1 takes an exponent without a point and a sign for a text.
        assert_eq!(
            of("yaml"),
            "- a: 1.10\n  b: 1.0e+400\n  c: 123456789012345678901234567890\n  d: 1.0E+5\n  e: -0\n"
        );
    }

    #[test]
    fn extract_passes_them_on() {
        let lines = "rows: $[*]\nextract: { p: $.a, t: \"{{ row.b }}\", i: \"{{ row.c }}\", l: \"{{ row }}\", s: \"v{{ row.a }}/{{ row.d }}\", sum: \"{{ row.a + 1 }}\" }";
        let body = format!("[{NUMBERS}]");
        assert_eq!(
            prints(lines, &["-o", "ndjson"], &body).trim(),
            format!(
                r#"{{"p":1.10,"t":1e400,"i":123456789012345678901234567890,"l":{NUMBERS},"s":"v1.10/1E5","sum":2.1}}"#
            )
        );
    }

    #[test]
    fn one_that_is_not_requested_costs_nothing() {
        let body = r#"[{"id":1},{"id":2,"s":1e400},{"id":3}]"#;
        assert_eq!(
            prints("rows: $[*]\nextract: { id: $.id }", &["-o", "csv"], body),
            "id\n1\n2\n3\n"
        );
    }

    #[test]
    fn paths_conditions_order_and_unique_go_by_their_size() {
        let body = r#"[{"n":1e400},{"n":123456789012345678901234567890},{"n":1.10},{"n":123456789012345678901234567891},{"n":1.1},{"n":-0},{"n":0.0},{"n":9007199254740993}]"#;
        let of = |lines: &str| {
            let text = prints(lines, &["-o", "ndjson"], body);
            let numbers = text.lines().map(|line| line[5..line.len() - 1].to_owned());
            numbers.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of("rows: $[?@.n > 2]"),
            "1e400 123456789012345678901234567890 123456789012345678901234567891 9007199254740993"
        );
        assert_eq!(of("rows: $[?@.n == 1.1]"), "1.10 1.1");
        assert_eq!(
            of("rows: $[?@.n == $[1].n]"),
            "123456789012345678901234567890"
        );
        assert_eq!(of("rows: $[?@.n == 0]"), "-0 0.0");
        assert_eq!(
            of("rows: $[*]\nwhere: row.n > 123456789012345678901234567890"),
            "1e400 123456789012345678901234567891"
        );
        assert_eq!(
            of("rows: $[*]\nsort: -n\nunique: true"),
            "1e400 123456789012345678901234567891 123456789012345678901234567890 9007199254740993 1.10 -0"
        );
    }

    #[test]
    fn they_are_sent_as_they_were_given() {
        let case = Case::query(
            "vars: { n: { type: number }, i: { type: int }, j: { type: json } }\nmethod: POST\nendpoint: /x/{{ i }}\nparams: { n: \"{{ n }}\" }\nbody: { json: { n: \"{{ n }}\", j: \"{{ j }}\", k: \"{{ j.a }}\" } }",
        )
        .args(["--yes", "n=1.10", "i=123456789012345678901234567890", r#"j:={"a":1e400}"#])
        .asks(vec![
            Exchange::post("/api/v2/x/123456789012345678901234567890?n=1.10").when(
                "the numbers as they were given",
                |request| request.body == br#"{"n":1.10,"j":{"a":1e400},"k":1e400}"#,
            ),
        ]);
        case.outcome.assert_exit(0);
    }

    #[test]
    fn a_file_is_sent_as_it_is_written() {
        let case = Case::query(
            "method: POST\nendpoint: /x\nparams: { v: 1.10, w: 1e3, x: 0o17, id: 123456789012345678901 }\nheaders: { X-V: 1.10 }\nbody: { json: { v: 1.10, w: 1e3, x: 0o17, id: 123456789012345678901, big: 1e400 } }",
        )
        .args(["--yes"])
        .asks(vec![
            Exchange::post("/api/v2/x?v=1.10&w=1e3&x=0o17&id=123456789012345678901")
                .with_header("x-v", "1.10")
                .when("the numbers as they are written", |request| {
                    request.body
                        == br#"{"v":1.10,"w":1e3,"x":15,"id":123456789012345678901,"big":1e400}"#
                }),
        ]);
        case.outcome.assert_exit(0);
    }

    #[test]
    fn forms_and_vars_files_keep_what_is_written() {
        let case = Case::query(
            "vars: { v: { default: 1.10, type: number }, s: {}, o: {} }\nmethod: POST\nendpoint: /x\nbody: { form: { a: [1.10, 0o17], v: \"{{ v }}\", s: \"{{ s }}\", o: \"{{ o }}\" } }",
        )
        .file("vars.yaml", "s: 2.50\no: 0o17\n")
        .args(["--yes", "--vars", "vars.yaml"])
        .asks(vec![Exchange::post("/api/v2/x").when(
            "the numbers as they are written",
            |request| request.body == b"a=1.10&a=0o17&v=1.10&s=2.50&o=0o17",
        )]);
        case.outcome.assert_exit(0);
    }
}

mod texts {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_costs_nothing() {
        let body = r#"[{"id":1,"m":"ok"},{"id":2,"m":"x\ud83d","\udc00":"\ud83d\ude00"}]"#;
        assert_eq!(
            prints("rows: $[*]", &["-o", "ndjson"], body),
            "{\"id\":1,\"m\":\"ok\"}\n{\"id\":2,\"m\":\"x\u{fffd}\",\"\u{fffd}\":\"😀\"}\n"
        );
    }
}

mod times {
    use super::*;

    #[test]
    fn a_text_that_is_no_time_is_null_and_noted_once() {
        let rows = r#"[{"id":1,"t":"2026-11-02T09:00:00Z"},{"id":2,"t":""},{"id":3,"t":"soon"},{"id":4,"t":"2026-11-02T09:00:00"},{"id":5,"t":"9999-12-31T23:59:59Z"}]"#;
        let case = Case::query(
            "endpoint: /x\nrows: $[*]\nwhere: (row.t | time) > 0 or row.id > 1\nsort: \"row.t | time\"\nextract: { id: $.id, t: \"{{ row.t | date }}\", d: \"{{ row.t | date(default='-') }}\", h: \"{{ row.t | time_bucket('1d') | default('?') }}\" }",
        )
        .args(["-o", "csv"])
        .asks(vec![get_x(
            &rows.replace(r#",{"id":5,"t":"9999-12-31T23:59:59Z"}"#, ""),
        )]);
        insta::assert_snapshot!(case.outcome.assert_exit(0).snapshot());
        let lines = "rows: $[*]\nextract: { t: \"{{ row.t | date }}\", s: \"{{ row.t | time }}\" }";
        assert!(
            prints(lines, &["-o", "csv", "-q"], rows).ends_with("9999-12-31 23:59,253402300799\n")
        );
    }

    #[test]
    fn the_end_of_the_year_9999_costs_no_run() {
        let rows = r#"[{"id":1,"t":"2026-11-02T09:00:00Z"},{"id":2,"t":"9999-12-31T23:59:59Z"},{"id":3,"t":1793610000},{"id":4,"t":1e300}]"#;
        let extract = "endpoint: /x\nrows: $[*]\nextract: { id: $.id, t: \"{{ row.t | date(tz='Europe/Berlin') }}\", s: \"{{ row.t | date('%s') }}\", b: \"{{ row.t | time_bucket('1d', tz='Asia/Tokyo') }}\" }";
        let case = Case::query(extract)
            .args(["-o", "csv"])
            .asks(vec![get_x(rows)]);
        insta::assert_snapshot!(case.outcome.assert_exit(0).snapshot());
        let case = Case::query(
            "data: { raw: { query: raw } }\nsql: select id, epoch(t) e, time_bucket(t, '1d') b from raw",
        )
        .file(
            "queries/raw.yaml",
            "resource: circleci\nendpoint: /x\nrows: $[*]\n",
        )
        .args(["-o", "csv"])
        .asks(vec![get_x(rows)]);
        insta::assert_snapshot!(case.outcome.assert_exit(0).snapshot());
        let case = Case::query(
            "data: { raw: { query: raw } }\nreport: { template: \"{% for x in data.raw %}[{{ x.t | time_bucket('1w') }} {{ x.t | date(tz='Europe/Berlin') }}]{% endfor %}\" }",
        )
        .file(
            "queries/raw.yaml",
            "resource: circleci\nendpoint: /x\nrows: $[*]\n",
        )
        .asks(vec![get_x(rows)]);
        insta::assert_snapshot!(case.outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn a_request_takes_times_only() {
        let outcome =
            Case::query("vars: { t: {} }\nendpoint: /x\nparams: { t: \"{{ t | date }}\" }")
                .args(["t=soon"])
                .asks_nothing();
        insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
    }

    #[test]
    fn what_sqlite_makes_is_a_time_of_a_report() {
        let project = Project::new()
            .file("a.csv", "t\n2026-11-02T09:00:00Z\n")
            .query("b", "data: { d: { query: c } }\nsql: select datetime(t) t, round(-0.4) z from d\nreport: { template: \"{{ rows[0].t | date }} {{ rows[0].z }} {{ (-0.4) | round }} {{ -0.4 | number(0) }} {{ -0.0001 | percent }} {{ 0 * -1.5 }}\" }")
            .query("c", "data: { a: { query: e } }\nsql: select '2026-11-02T09:00:00Z' as t")
            .query("e", "sql: select 1 as n\ndata: { f: { query: g } }")
            .query("g", "resource: circleci\nendpoint: /x");
        let server = Server::start(vec![get_x("{}").at_least(0)]);
        let project = project.circleci(&server);
        let outcome = Run::in_(&project).args(["run", "b"]).outcome();
        assert_eq!(
            outcome.assert_exit(0).stdout_text(),
            "2026-11-02 09:00 0.0 0.0 0 0.0 % 0.0\n"
        );
    }
}

mod csv {
    use super::*;

    /// A folder with these files, which is no project.
    fn sql(files: &[(&str, &[u8])], words: &[&str]) -> String {
        let mut project = Project::new();
        for (path, content) in files {
            project = project.file(path, content);
        }
        let outcome = Run::in_(&project).args(["sql"]).args(words).outcome();
        outcome.assert_exit(0).stdout_text()
    }

    #[test]
    fn a_column_is_typed_as_a_whole() {
        let own = b"sha,owner\n5e10,alice\n1234567,bob\nabc1234,carol\n".as_slice();
        let lines =
            b"{\"sha\":\"5e10\"}\n{\"sha\":\"1234567\"}\n{\"sha\":\"abc1234\"}\n".as_slice();
        assert_eq!(
            sql(
                &[("own.csv", own), ("j.ndjson", lines)],
                &[
                    "select j.sha, owner from j left join own using (sha)",
                    "--from",
                    "j=j.ndjson",
                    "--from",
                    "own=own.csv",
                    "-o",
                    "csv",
                ],
            ),
            "sha,owner\n5e10,alice\n1234567,bob\nabc1234,carol\n"
        );
        let odd = b"zero,version,power,whole,part,none\n007,1.10,5e10,12,0.5,\n1,2,3,-4,2.0,\n"
            .as_slice();
        assert_eq!(
            sql(
                &[("o.csv", odd)],
                &["select * from o", "--from", "o=o.csv", "-o", "ndjson"]
            ),
            "{\"zero\":\"007\",\"version\":1.1,\"power\":50000000000.0,\"whole\":12,\"part\":0.5,\"none\":null}\n{\"zero\":\"1\",\"version\":2,\"power\":3,\"whole\":-4,\"part\":2.0,\"none\":null}\n"
        );
    }

    #[test]
    fn every_line_break_ends_a_line() {
        for text in [
            "a,b\r1,x\r2,\"y\rz\"\r",
            "a,b\r\n1,x\r\n2,\"y\rz\"",
            "\u{feff}a,b\n1,x\r2,\"y\rz\"\r\n",
        ] {
            assert_eq!(
                sql(
                    &[("o.csv", text.as_bytes())],
                    &["select * from o", "--from", "o=o.csv", "-o", "ndjson"]
                ),
                "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\\rz\"}\n",
                "{text:?}"
            );
        }
        let tsv = b"a\tb\r1\tx\r".as_slice();
        assert_eq!(
            sql(
                &[("o.tsv", tsv)],
                &["select * from o", "--from", "o=o.tsv", "-o", "tsv"]
            ),
            "a\tb\n1\tx\n"
        );
    }

    #[test]
    fn a_spreadsheet_gets_what_it_asks_for() {
        let body = r#"[{"=k":"=HYPERLINK(\"http://evil.test\")","b":"é;","n":-5}]"#;
        let expected = "\u{feff}'=k;b;n\n\"'=HYPERLINK(\"\"http://evil.test\"\")\";\"é;\";-5\n";
        let flag = prints(
            "rows: $[*]",
            &["-o", "csv", "--csv", "bom,separator=;,formulas=escape"],
            body,
        );
        assert_eq!(flag, expected);
        let key = "rows: $[*]\ncsv: { bom: true, separator: \";\", formulas: escape }";
        assert_eq!(prints(key, &["-o", "csv"], body), expected);
        // The flag wins, option by option; a table of tabs keeps its tabs.
        let kept = prints(
            key,
            &["-o", "csv", "--csv", "formulas=keep,separator=|"],
            body,
        );
        assert!(kept.starts_with("\u{feff}=k|b|n\n"), "{kept}");
        assert_eq!(
            prints(key, &["-o", "tsv"], body),
            "\u{feff}'=k\tb\tn\n'=HYPERLINK(\"http://evil.test\")\té;\t-5\n"
        );
        assert_eq!(
            prints("rows: $[*]", &["-o", "csv"], body).chars().next(),
            Some('=')
        );
    }

    #[test]
    fn options_that_do_not_exist_are_refused() {
        let outcome = Case::get().args(["--csv", "mark"]).asks_nothing();
        insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
    }

    #[test]
    fn nothing_has_a_header_too() {
        assert_eq!(
            prints(
                "rows: $[*]\nextract: { a: $.a, b: $.b }",
                &["-o", "csv"],
                "[]"
            ),
            "a,b\n"
        );
        let empty = b"a,b\n".as_slice();
        assert_eq!(
            sql(
                &[("o.csv", empty)],
                &["select * from o", "--from", "o=o.csv", "-o", "csv"]
            ),
            "a,b\n"
        );
        assert_eq!(
            sql(
                &[("o.csv", empty)],
                &[
                    "select b, count(*) as n from o group by b",
                    "--from",
                    "o=o.csv",
                    "-o",
                    "tsv"
                ]
            ),
            "b\tn\n"
        );
        let report = "rows: $[*]\nextract: { a: $.a, b: $.b }\nreport: { template: \"{{ rows | csv }}|{{ rows | csv(formulas='escape') }}\" }";
        assert_eq!(prints(report, &[], "[]"), "a,b|a,b\n");
        assert_eq!(
            prints(report, &[], r#"[{"a":"=1","b":-1}]"#),
            "a,b\n=1,-1|a,b\n'=1,-1\n"
        );
    }

    #[test]
    fn numbers_beyond_those_of_sql_come_back() {
        let rows = br#"[{"n":123456789012345678901234567890,"f":1e400,"m":18446744073709551615,"r":1.5},{"n":7,"f":-0,"m":"7","r":1.10}]"#.as_slice();
        assert_eq!(
            sql(
                &[("o.json", rows)],
                &["select * from o", "--from", "o=o.json", "-o", "ndjson"]
            ),
            "{\"n\":123456789012345678901234567890,\"f\":1e400,\"m\":\"18446744073709551615\",\"r\":1.5}\n{\"n\":7,\"f\":0,\"m\":\"7\",\"r\":1.1}\n"
        );
    }

    #[test]
    fn columns_that_differ_in_case_only_are_kept_apart() {
        let rows = br#"[{"id":1,"ID":2,"Id":3,"ID_2":4},{"ID":5}]"#.as_slice();
        assert_eq!(
            sql(
                &[("o.json", rows)],
                &["select * from o", "--from", "o=o.json", "-o", "ndjson"]
            ),
            "{\"id\":1,\"ID_2\":2,\"Id_3\":3,\"ID_2_2\":4}\n{\"id\":null,\"ID_2\":5,\"Id_3\":null,\"ID_2_2\":null}\n"
        );
    }
}

mod bounds {
    use super::*;

    #[test]
    fn a_table_has_so_many_columns() {
        let rows: Vec<String> = (0..2001).map(|n| format!("{{\"c{n}\":1}}")).collect();
        let body = format!("[{}]", rows.join(","));
        for format in ["table", "csv", "tsv", "markdown", "html"] {
            let outcome = Case::query("endpoint: /x\nrows: $[*]")
                .args(["-o", format])
                .asks(vec![get_x(&body)])
                .outcome;
            let stderr = outcome.assert_exit(2).stderr_text();
            assert!(
                stderr.contains("more than 2000 different keys"),
                "{format}: {stderr}"
            );
        }
        assert_eq!(
            prints("rows: $[*]", &["-o", "ndjson"], &body)
                .lines()
                .count(),
            2001
        );
        assert!(prints("rows: $[*]", &["-o", "yaml"], &body).ends_with("- c2000: 1\n"));
    }

    #[test]
    fn a_response_has_so_many_values() {
        let body = format!("[{}1]", "1,".repeat(3_000_000));
        let outcome = Case::query("endpoint: /x\nrows: $[*]")
            .asks(vec![get_x(&body)])
            .outcome;
        let stderr = outcome.assert_exit(3).stderr_text();
        assert!(stderr.contains("more than 3000000 values"), "{stderr}");
    }

    #[test]
    fn rows_are_moved_out_of_lists_and_objects() {
        let rows = r#"{"a":{"x":{"n":1},"y":{"n":2}},"next":null}"#;
        let of = |lines: &str| prints(lines, &["-o", "ndjson"], rows);
        assert_eq!(of("rows: $.a[*]"), "{\"n\":1}\n{\"n\":2}\n");
        assert_eq!(
            of("rows: $.a[*]\nsort: -n\nwhere: row.n > 0"),
            "{\"n\":2}\n{\"n\":1}\n"
        );
        assert_eq!(of("rows: $.a[*].n"), "1\n2\n");
        assert_eq!(of("rows: $.a[*]\nunique: true\nlimit: 1"), "{\"n\":1}\n");
        assert_eq!(of("rows: $.b[*]"), "");
        assert_eq!(of("expect: row.next is none"), format!("{rows}\n"));
    }
}

mod texts_that_are_no_times {
    use super::*;
    use crate::case::told;

    #[test]
    fn a_report_shows_nothing_for_them_and_says_so_once() {
        let seen = Case::query(
            "endpoint: /x
rows: $[*]
report: { template: \"{% for row in rows %}[{{ row.at | date('%Y') }}{{ row.at | ago(default='?') }}]{% endfor %}\" }",
        )
        .args(["--now", "2026-11-02T00:00:00Z"])
        .asks(vec![get_x(r#"[{"at": "2026-11-01T00:00:00Z"}, {"at": "soon"}, {"at": "later"}]"#)]);
        let outcome = seen.outcome;
        assert_eq!(outcome.assert_exit(0).stdout_text(), "[20261d ago][?][?]\n");
        insta::assert_snapshot!(told(&outcome));
    }

    #[test]
    fn a_report_that_feeds_another_says_so_too() {
        let seen = Case::query(
            "data: { inner: { query: inner } }\nreport: { template: \"<{{ data.inner }}>\" }",
        )
        .file(
            "queries/inner.yaml",
            "resource: circleci\nendpoint: /x\nrows: $[*]\nreport: { template: \"{{ rows[0].at | time }}\" }",
        )
        .asks(vec![get_x(r#"[{"at": "soon"}]"#)]);
        let text = seen.outcome.assert_exit(0).stderr_text();
        assert!(
            text.contains("a value that is not a time as null"),
            "{text}"
        );
    }

    #[test]
    fn a_statement_gives_null_for_them_and_says_so_once() {
        let seen = Case::query(
            "data: { raw: { query: raw } }
sql: select epoch(at) as a, seconds_between(at, '2026-11-01T00:00:00Z') as b, time_bucket(at, '1d') as c from raw order by at",
        )
        .file("queries/raw.yaml", "resource: circleci\nendpoint: /x\nrows: $[*]\nextract: { at: $.at }\n")
        .args(["-o", "ndjson"])
        .asks(vec![get_x(r#"[{"at": "soon"}, {"at": "later"}, {"at": "2026-11-01T00:00:00Z"}]"#)]);
        insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
    }
}

mod texts_that_are_no_numbers {
    use super::*;
    use crate::case::told;

    const ROWS: &str = r#"[{"s": 250}, {"s": "n/a"}, {"s": "-"}, {"s": null}]"#;

    #[test]
    fn a_column_has_null_for_them_and_says_so_once_an_expression() {
        let seen = Case::query(
            "endpoint: /x
rows: $[*]
extract:
  d: \"{{ row.s | duration }}\"
  m: \"{{ row.s | minutes }}\"
  n: \"{{ row.s | number(1) }}\"
  p: \"{{ row.s | percent(default='?') }}\"",
        )
        .args(["-o", "csv"])
        .asks(vec![get_x(ROWS)]);
        insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn a_condition_does_not_hold_for_them() {
        let seen = Case::query("endpoint: /x\nrows: $[*]\nwhere: (row.s | minutes) > 1")
            .args(["-o", "ndjson"])
            .asks(vec![get_x(ROWS)]);
        let outcome = seen.outcome;
        assert_eq!(outcome.assert_exit(0).stdout_text(), "{\"s\":250}\n");
        insta::assert_snapshot!(told(&outcome));
    }

    #[test]
    fn a_report_shows_nothing_for_them_and_says_so_once() {
        let seen = Case::query(
            "endpoint: /x
rows: $[*]
report: { template: \"{% for row in rows %}[{{ row.s | duration }}{{ row.s | number(default='?') }}]{% endfor %}\" }",
        )
        .asks(vec![get_x(ROWS)]);
        let outcome = seen.outcome;
        let printed = outcome.assert_exit(0).stdout_text();
        assert_eq!(printed, "[4m 10s250][?][?][?]\n");
        insta::assert_snapshot!(told(&outcome));
    }

    #[test]
    fn a_request_is_not_made_from_them() {
        let seen =
            Case::query("endpoint: /x\nvars: { s: soon }\nparams: { m: \"{{ s | minutes }}\" }")
                .asks(vec![]);
        insta::assert_snapshot!(seen.outcome.assert_exit(2).snapshot());
    }
}
