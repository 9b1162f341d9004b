//! Files as data: under `data` and `for_each`, and as tables of `runner sql`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::case::Case;
use crate::support::{Exchange, Outcome, Project, Run};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(content, 1).expect("in memory")
}

fn sql(project: &Project, select: &str, from: &str) -> Outcome {
    Run::in_(project)
        .args(["sql", select, "--from", from])
        .outcome()
}

fn refused(outcome: &Outcome, words: &str) {
    let told = outcome.assert_exit(2).stderr_text();
    assert!(told.contains(words), "{told}");
}

mod tables {
    use super::*;

    #[test]
    fn packed_files_of_a_pattern_are_one_table() {
        let project = Project::none()
            .file(
                "usage/2026-02.csv.gz",
                gzip(b"credits,project\n2.5,a\n\\N,b\n"),
            )
            .file("usage/2026-01.csv.gz", gzip(b"project,credits\na,1\n"))
            .file("usage/2026-03.csv.gz", gzip(b"credits,project\n"))
            .file("usage/.hidden.csv.gz", b"x")
            .file("usage/notes.txt", b"x");
        let select = "select * from u";
        let expected = json!([
            {"project": "a", "credits": 1},
            {"project": "a", "credits": 2.5},
            {"project": "b", "credits": null},
        ]);
        for from in ["u=usage/*.csv.gz", "u=./u*/2026-??.csv.gz"] {
            let outcome = sql(&project, select, from);
            assert_eq!(outcome.assert_exit(0).stdout_json(), expected, "{from}");
        }
        let full = format!("u={}/usage/*.csv.gz", project.path().display());
        let outcome = sql(&project, select, &full);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
    }

    #[test]
    fn a_text_in_one_file_makes_a_column_of_texts_in_all() {
        let project = Project::none()
            .file("1.csv", "commit\n123\n")
            .file("2.csv", "commit\n0af\n");
        let outcome = sql(&project, "select * from u", "u=?.csv");
        let expected = json!([{"commit": "123"}, {"commit": "0af"}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
    }

    /// Amounts of money have trailing zeros.
    #[test]
    fn numbers_with_trailing_zeros_are_numbers() {
        let project = Project::none()
            .file("money.csv", "c\n1.50\n22.00\n3.1\n")
            .file("more.csv", "c\n1e2\n")
            .file("ids.csv", "c\n007\n22.00\n");
        let select =
            "select max(c) as most, sum(c) as all_of_it, typeof(c) as kind from m where c > 2";
        let outcome = sql(&project, select, "m=mo*.csv");
        let expected = json!([{"most": 100.0, "all_of_it": 125.1, "kind": "real"}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
        let outcome = sql(&project, "select c, typeof(c) as kind from m", "m=ids.csv");
        let expected = json!([{"c": "007", "kind": "text"}, {"c": "22.00", "kind": "text"}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
    }

    #[test]
    fn another_format_than_ndjson_is_suggested() {
        let project = Project::none().file("usage/x.txt", "{}");
        let piped = |input: &str| {
            let input = input.as_bytes().to_vec();
            Run::in_(&project)
                .args(["sql", "select * from u", "--from", "u=-"])
                .stdin(input)
                .outcome()
        };
        for input in ["[\n{\"a\": 1}]", "a,b\n1,2\n", "{\"a\":\n"] {
            refused(&piped(input), "use `json:-`, `csv:-` or `tsv:-`");
        }
        refused(&piped("{\"a\":\n"), "the line ends within a value");
        let outcome = sql(&project, "select * from u", "u=usage/*");
        refused(&outcome, "name their format: `csv:usage/*`");
    }

    #[test]
    fn files_of_a_table_have_the_same_columns() {
        let project = Project::none()
            .file("1.csv", "a,b\n1,2\n")
            .file("2.csv", "a\n1\n")
            .file("x1.csv", "a\n1\n")
            .file("x2.csv", "a,b\n1,2\n");
        let outcome = sql(&project, "select * from u", "u=?.csv");
        refused(
            &outcome,
            "`2.csv`: there is no column `b`, which `1.csv` has",
        );
        let outcome = sql(&project, "select * from u", "u=x?.csv");
        refused(
            &outcome,
            "`x1.csv`: there is no column `b`, which `x2.csv` has",
        );
        let outcome = sql(&project, "select * from u", "u=y*.csv");
        refused(&outcome, "no file matches `y*.csv`");
    }

    #[test]
    fn a_pattern_may_be_the_name_of_a_file() {
        let project = Project::none()
            .file("a*.csv", "n\n1\n")
            .file("ab.csv", "n\n2\n");
        let outcome = sql(&project, "select * from u", "u=a*.csv");
        assert_eq!(outcome.assert_exit(0).stdout_json(), json!([{"n": 1}]));
    }

    #[test]
    fn every_format_may_be_packed() {
        let project = Project::none()
            .file("a.json.gz", gzip(br#"[{"n": 1}]"#))
            .file("a.ndjson.zst", zstandard(b"{\"n\": 1}\n"))
            .file("a.tsv.GZ", gzip(b"n\n1\n"))
            .file("named.csv", zstandard(&gzip(b"n\n1\n")));
        for from in ["a.json.gz", "a.ndjson.zst", "a.tsv.GZ", "named.csv"] {
            let outcome = sql(&project, "select n from t", &format!("t={from}"));
            assert_eq!(outcome.assert_exit(0).stdout_json(), json!([{"n": 1}]));
        }
    }

    #[test]
    fn standard_input_may_have_any_format() {
        let long = format!("n,text\n{}", "1,xxxxxxxxx\n".repeat(500_000));
        for (from, input, sum) in [
            ("csv:-", b"n\n1\n2\n".to_vec(), 3),
            ("tsv:-", b"n\tx\n1\t\n2\t\n".to_vec(), 3),
            ("json:-", b"[{\"n\": 3}]".to_vec(), 3),
            ("ndjson:-", gzip(b"{\"n\": 3}"), 3),
            ("csv:-", gzip(b"n\n3\n"), 3),
            ("csv:-", long.into_bytes(), 500_000),
            ("-", b"{\"n\": 3}".to_vec(), 3),
        ] {
            let project = Project::none();
            let from = format!("t={from}");
            let outcome = Run::in_(&project)
                .args(["sql", "select sum(n) as n from t", "--from", &from])
                .stdin(input)
                .outcome();
            let expected = json!([{"n": sum}]);
            assert_eq!(outcome.assert_exit(0).stdout_json(), expected, "{from}");
        }
    }

    #[test]
    fn a_format_may_be_given_to_any_file() {
        let project = Project::none().file("export", "n\n1\n");
        let outcome = sql(&project, "select * from t", "t=csv:export");
        assert_eq!(outcome.assert_exit(0).stdout_json(), json!([{"n": 1}]));
    }

    #[test]
    fn rows_beyond_the_memory_for_pages_are_kept() {
        let row = format!("{{\"n\": 1, \"text\": \"{}\"}}\n", "x".repeat(1_000));
        let project = Project::none().file("big.ndjson", gzip(row.repeat(100_000).as_bytes()));
        let select = "select count(*) as c, count(distinct text) as d, sum(n) as n from t";
        let outcome = sql(&project, select, "t=big.ndjson");
        let expected = json!([{"c": 100_000, "d": 1, "n": 100_000}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
    }
}

mod hostile {
    use super::*;

    #[test]
    fn broken_files_are_refused_with_their_place() {
        let whole = gzip(format!("n\n{}", "123\n".repeat(100_000)).as_bytes());
        let names: Vec<String> = (0..10_000).map(|number| format!("c{number}")).collect();
        for (content, words) in [
            (b"a,b\n1,2\n\xff,3\n".to_vec(), "`x.csv`, line 3: not UTF-8"),
            (
                whole[..whole.len() / 2].to_vec(),
                "`x.csv`: the gzip data is truncated",
            ),
            (
                [whole, b"more".to_vec()].concat(),
                "`x.csv`: the gzip data is ",
            ),
            (
                b"a,b,a\n".to_vec(),
                "`x.csv`, line 1: there are two columns `a`",
            ),
            (
                b"a,b\n1,2,3\n".to_vec(),
                "`x.csv`, line 2: got 3 fields, but the header has 2",
            ),
            (
                names.join(",").into_bytes(),
                "`x.csv`, line 1: the header has 10000 columns, more than 2000",
            ),
            (
                gzip(&vec![0; 40 << 20]),
                "`x.csv`, line 1: the row is longer than 16 MiB",
            ),
        ] {
            let project = Project::none().file("x.csv", content);
            refused(&sql(&project, "select 1 as n from t", "t=x.csv"), words);
        }
    }
}

mod data {
    use super::*;

    const OWNERS: &str = "job,owner\nbuild,ann\ntest,\n";

    #[test]
    fn a_statement_reads_files() {
        let seen = Case::query(
            "data: { owners: { file: owners.csv }, runs: { file: \"runs/*.ndjson.gz\" } }
sql: select job, owner, n from owners left join runs using (job) order by job",
        )
        .file("owners.csv", OWNERS)
        .file("runs/1.ndjson.gz", gzip(b"{\"job\": \"build\", \"n\": 1}"))
        .file("runs/2.ndjson.gz", gzip(b"{\"job\": \"test\", \"n\": 2}"))
        .asks(vec![]);
        let expected = json!([
            {"job": "build", "owner": "ann", "n": 1},
            {"job": "test", "owner": null, "n": 2},
        ]);
        assert_eq!(seen.outcome.assert_exit(0).stdout_json(), expected);
    }

    #[test]
    fn a_report_reads_files() {
        let seen = Case::query(
            "data: { owners: { file: owners.csv } }
report: { template: \"{{ data.owners | map(attribute='owner') | list | tojson }}\" }",
        )
        .file("owners.csv", OWNERS)
        .asks(vec![]);
        let text = seen.outcome.assert_exit(0).stdout_text();
        assert_eq!(text.trim(), "[\"ann\",null]");
    }

    #[test]
    fn a_statement_and_its_report_read_the_same_file() {
        let seen = Case::query(
            "data: { owners: { file: owners.csv } }
sql: select count(*) as n from owners
report: { template: \"{{ rows[0].n }} of {{ data.owners | length }}\" }",
        )
        .file("owners.csv", OWNERS)
        .asks(vec![]);
        assert_eq!(seen.outcome.assert_exit(0).stdout_text().trim(), "2 of 2");
    }

    #[test]
    fn a_walk_sends_a_request_for_every_record_of_a_file() {
        let seen = Case::query(
            "for_each: { o: { file: owners.csv, where: o.owner } }
endpoint: /jobs/{{ o.job }}
extract: { job: \"{{ o.job }}\", owner: \"{{ o.owner }}\", n: $.n }",
        )
        .file("owners.csv", OWNERS)
        .asks(vec![
            Exchange::get("/api/v2/jobs/build").answers(json!({"n": 7})),
        ]);
        let expected = json!([{"job": "build", "owner": "ann", "n": 7}]);
        assert_eq!(seen.outcome.assert_exit(0).stdout_json(), expected);
    }

    #[test]
    fn a_missing_file_is_reported_at_the_line_that_names_it() {
        for (file, words) in [
            ("none.csv", "`none.csv` cannot be read: no such file"),
            ("none/*.csv", "no file matches `none/*.csv`"),
        ] {
            for (query, place) in [
                (
                    format!("data:\n  o: {{ file: \"{file}\" }}\nsql: select * from o"),
                    "queries/q.yaml:3:14",
                ),
                (
                    format!("data:\n  o: {{ file: \"{file}\" }}\nreport: {{ template: \"x\" }}"),
                    "queries/q.yaml:3:14",
                ),
                (
                    format!("for_each:\n  o: {{ file: \"{file}\" }}\nendpoint: /x/{{{{ o.n }}}}"),
                    "queries/q.yaml:3:14",
                ),
            ] {
                let seen = Case::query(&query).asks(vec![]);
                refused(&seen.outcome, words);
                refused(&seen.outcome, place);
            }
        }
    }

    #[test]
    fn a_damaged_file_is_reported_before_anything_is_sent() {
        let seen = Case::query(
            "data: { o: { file: o.csv }, j: { query: jobs } }\nsql: select * from o, j",
        )
        .file("queries/jobs.yaml", crate::data::JOBS)
        .file("o.csv", "a,b\n1\n")
        .asks(vec![]);
        let words = "`o.csv`, line 2: got 1 field, but the header has 2";
        refused(&seen.outcome, words);
    }

    #[test]
    fn an_empty_table_is_an_error() {
        for (name, content) in [
            ("o.csv", &b""[..]),
            ("o.tsv", b"\n"),
            ("o.csv", b"\xef\xbb\xbf"),
        ] {
            let query = format!("data: {{ o: {{ file: {name} }} }}\nsql: select * from o");
            let seen = Case::query(&query).file(name, content).asks(vec![]);
            refused(&seen.outcome, &format!("`{name}`: there is no header"));
        }
    }

    #[test]
    fn files_outside_of_the_project_are_not_read() {
        for file in ["../o.csv", "/etc/o.csv", "x/../../o.csv"] {
            let query = format!("data: {{ o: {{ file: \"{file}\" }} }}\nsql: select * from o");
            let seen = Case::query(&query).asks(vec![]);
            refused(&seen.outcome, &format!("`{file}` is outside the project"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_that_leave_the_project_are_not_followed() {
        let elsewhere = Project::none().file("o.csv", "n\n1\n");
        let project = Project::new().query(
            "q",
            "data: { o: { file: \"files/*.csv\" } }\nsql: select * from o\n",
        );
        project.write("files/a.csv", "n\n1\n");
        let link = project.path().join("files/b.csv");
        std::os::unix::fs::symlink(elsewhere.path().join("o.csv"), link).expect("a link");
        let outcome = Run::in_(&project).args(["run", "q"]).outcome();
        refused(
            &outcome,
            "`files/b.csv` is outside the project's folder, and is not read",
        );
    }

    #[test]
    fn a_mistaken_file_is_found_by_check() {
        for (data, words) in [
            ("{ file: o.txt }", "`o.txt` is not a file of records"),
            ("{ file: \"{{ x }}.csv\" }", "`file` takes a path"),
            ("{ file: \"x/**/*.csv\" }", "`**` is not supported"),
            ("{ file: o.csv, query: q }", "both `query` and `file`"),
            ("{ file: o.csv, vars: { x: 1 } }", "`vars` needs a `query`"),
        ] {
            let query = format!("data: {{ o: {data} }}\nsql: select * from o");
            let project = Project::new().query("q", &query);
            refused(&Run::in_(&project).args(["check"]).outcome(), words);
        }
    }
}
