//! Values: what came comes out, and what is written is sent.

use crate::case::Case;
use crate::support::{Answer, Exchange};

/// A row with numbers that a 64-bit integer or a double would change.
const NUMBERS: &str = r#"{"a":1.10,"b":1e400,"c":123456789012345678901234567890,"d":1E5,"e":-0}"#;

fn get_x(body: &str) -> Exchange {
    Exchange::get("/api/v2/x").answers(Answer::status(200).body("application/json", body))
}

/// What a query over rows prints, exit code 0.
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
    fn one_that_is_not_asked_for_costs_nothing() {
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
