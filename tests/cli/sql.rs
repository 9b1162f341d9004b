//! `runner sql`: one statement over queries and saved files.

use serde_json::json;

use crate::case::told;
use crate::data::{JOBS, items};
use crate::support::{Exchange, Outcome, Project, Run, Server};

/// Runs a statement; the words are what is typed after `runner sql`.
fn sql(project: &Project, words: &[&str]) -> Outcome {
    Run::in_(project).args(["sql"]).args(words).outcome()
}

/// A folder with these files, which is no project.
fn folder(files: &[(&str, &str)]) -> Project {
    let project = Project::new();
    for name in ["queries", "resources"] {
        std::fs::remove_dir(project.path().join(name)).expect("an empty folder");
    }
    for (path, content) in files {
        project.write(path, content);
    }
    project
}

const JOBS_CSV: &str = "name,seconds\nbuild,60\ntest,300\nlint,\n";

mod files {
    use super::*;

    #[test]
    fn files_of_every_kind_are_tables_without_a_project() {
        let records = r#"[{"n": 1, "tags": ["a"], "ok": true}, {"n": 2}]"#;
        let lines = "{\"n\": 1, \"tags\": [\"a\"], \"ok\": true}\n\n{\"n\": 2}";
        let project = folder(&[
            ("a.json", records),
            ("one.json", r#"{"n": 1, "tags": ["a"], "ok": true}"#),
            ("a.ndjson", lines),
            ("a.jsonl", lines),
            ("a.csv", "n,tags,ok\r\n1,a,\r\n2,,\"\"\r\n"),
            ("deep/A.TSV", "n\ttags\tok\n1\ta\\tb\t\n2\t\tx\n"),
        ]);
        let of = |source: &str| {
            let from = format!("t={source}");
            let outcome = sql(&project, &["select n, tags, ok from t", "--from", &from]);
            outcome.assert_exit(0).stdout_json()
        };
        let first = json!({"n": 1, "tags": ["a"], "ok": true});
        let both = json!([first, {"n": 2, "tags": null, "ok": null}]);
        for source in ["a.json", "a.ndjson", "a.jsonl", "./a.json"] {
            assert_eq!(of(source), both, "{source}");
        }
        assert_eq!(of("one.json"), json!([first]));
        assert_eq!(
            of("a.csv"),
            json!([{"n": 1, "tags": "a", "ok": null}, {"n": 2, "tags": null, "ok": ""}])
        );
        assert_eq!(
            of("deep/A.TSV"),
            json!([{"n": 1, "tags": "a\tb", "ok": null}, {"n": 2, "tags": null, "ok": "x"}])
        );
    }

    #[test]
    fn what_csv_wrote_comes_back() {
        let project = folder(&[(
            "a.ndjson",
            "{\"a\": null, \"b\": \"\", \"c\": \"x,\\\"y\\\"\\nz\", \"d\": 1.5, \"e\": \"007\"}\n",
        )]);
        let select = "select * from t";
        sql(
            &project,
            &[select, "--from", "t=a.ndjson", "--out", "b.csv"],
        )
        .assert_exit(0);
        sql(&project, &[select, "--from", "t=b.csv", "--out", "c.tsv"]).assert_exit(0);
        let outcome = sql(&project, &[select, "--from", "t=b.csv"]);
        let expected = json!([{"a": null, "b": "", "c": "x,\"y\"\nz", "d": 1.5, "e": "007"}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
        let outcome = sql(&project, &["select c, d, e from t", "--from", "t=c.tsv"]);
        let expected = json!([{"c": "x,\"y\"\nz", "d": 1.5, "e": "007"}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
    }

    #[test]
    fn records_that_are_no_objects_have_a_value() {
        let project = folder(&[("a.json", "[1, {\"x\": 2}]"), ("empty.json", "[]")]);
        let words = ["select value, x from t", "--from", "t=a.json"];
        let expected = json!([{"value": 1, "x": null}, {"value": null, "x": 2}]);
        assert_eq!(sql(&project, &words).assert_exit(0).stdout_json(), expected);
        let words = ["select any from t", "--from", "t=empty.json"];
        assert_eq!(
            sql(&project, &words).assert_exit(0).stdout_json(),
            json!([])
        );
    }

    #[test]
    fn standard_input_is_ndjson() {
        let project = folder(&[]);
        let outcome = Run::in_(&project)
            .args(["sql", "select sum(n) as n from t", "--from", "t=-"])
            .stdin("{\"n\": 1}\n{\"n\": 2}\n")
            .outcome();
        assert_eq!(outcome.assert_exit(0).stdout_json(), json!([{"n": 3}]));
        let outcome = Run::in_(&project)
            .args(["sql", "select 1", "--from", "t=-"])
            .stdin("{\"n\": 1}\n{\n")
            .outcome();
        let stderr = outcome.assert_exit(2).stderr_text();
        assert!(stderr.contains("standard input, line 2"), "{stderr}");
    }

    #[test]
    fn a_statement_needs_no_table_and_may_stand_in_a_file() {
        let project = folder(&[
            ("a.sql", "select\n  :n + 1 as n\n"),
            ("bad.sql", "select\n  x\n"),
        ]);
        let outcome = sql(&project, &["--file", "a.sql", "n=41"]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), json!([{"n": 42}]));
        let stderr = sql(&project, &["--file", "bad.sql"]);
        let stderr = stderr.assert_exit(2).stderr_text();
        assert!(stderr.contains("bad.sql:2:3"), "{stderr}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_reported() {
        let project = folder(&[
            ("line.ndjson", "{\"n\": 1}\n\n{\"n\": 1,}\n"),
            ("broken.json", "[\n  {\"n\": }\n]\n"),
            ("scalar.json", "7"),
            ("short.csv", "a,b\n1,2\n\"x\ny\"\n"),
            ("quote.csv", "a,b\n1,\"2\n"),
            ("case.csv", "a,a\n1,2\n"),
            ("folder.csv/x", ""),
        ]);
        project.write("bytes.csv", b"a\n\xff\n");
        let all: Vec<String> = [
            "line.ndjson",
            "broken.json",
            "scalar.json",
            "short.csv",
            "quote.csv",
            "case.csv",
            "bytes.csv",
            "folder.csv",
            "none.csv",
            "nonsense",
            "records.txt",
        ]
        .iter()
        .map(|file| {
            let from = format!("t={file}");
            let outcome = sql(&project, &["select * from t", "--from", &from]);
            told(outcome.assert_exit(2))
        })
        .collect();
        insta::assert_snapshot!(all.join("\n\n"));
    }
}

mod numbers {
    use super::*;

    #[test]
    fn numbers_beyond_64_bits_are_reported_as_texts() {
        let folder = folder(&[
            (
                "u.ndjson",
                "{\"a\":99999999999999999999}\n{\"a\":123456789012345678901}\n{\"a\":5}\n",
            ),
            ("t.ndjson", "{\"a\":\"x\"}\n{\"a\":123456789012345678901}\n"),
        ]);
        let ask = |statement: &str, from: &str| {
            let from = format!("t={from}.ndjson");
            sql(&folder, &[statement, "--from", &from, "-o", "ndjson"])
        };
        let all = [
            ask("select a from t order by a", "u"),
            ask("select max(a) m from t", "u"),
            ask("select * from t", "t"),
        ];
        insta::assert_snapshot!(all.map(|one| one.assert_exit(0).snapshot()).join("\n\n"));
        // Whatever no statement names or changes is as it was.
        let silent = ask("select * from t", "u");
        assert_eq!(silent.assert_exit(0).stderr_text(), "");
    }
}

mod calls {
    use super::*;

    #[test]
    fn parameters_are_what_they_look_like() {
        let project = folder(&[("jobs.csv", JOBS_CSV)]);
        let count = |words: &[&str]| {
            let statement = "select count(*) as n from jobs where seconds >= :x or name = :x";
            let start = [statement, "--from", "jobs=jobs.csv"];
            let outcome = sql(&project, &[&start, words].concat());
            outcome.assert_exit(0).stdout_json()
        };
        assert_eq!(count(&["x=60"]), json!([{"n": 2}]));
        assert_eq!(count(&["x=lint"]), json!([{"n": 1}]));
        assert_eq!(count(&["x:=300"]), json!([{"n": 1}]));
        assert_eq!(count(&["x:=\"60\""]), json!([{"n": 0}]));
    }

    #[test]
    fn results_go_where_they_are_sent() {
        let project = folder(&[("jobs.csv", JOBS_CSV)]);
        let start = [
            "select name, seconds from jobs",
            "--from",
            "jobs=jobs.csv",
            "--limit",
            "2",
        ];
        let outcome = sql(&project, &[&start[..], &["-o", "csv"]].concat());
        let expected = "name,seconds\nbuild,60\ntest,300\n";
        assert_eq!(outcome.assert_exit(0).stdout_text(), expected);
        let outs = ["--out", "a.csv", "--out", "a.ndjson"];
        sql(&project, &[&start[..], &outs].concat()).assert_exit(0);
        assert_eq!(project.read("a.csv").as_deref(), Some(expected));
        let again = ["select * from jobs", "--from", "jobs=a.ndjson", "-o", "csv"];
        assert_eq!(sql(&project, &again).assert_exit(0).stdout_text(), expected);
        sql(&project, &[&start[..], &["-o", "raw"]].concat()).assert_exit(2);
    }

    #[test]
    fn what_is_wrong_with_a_call_is_reported() {
        let project = folder(&[("jobs.csv", JOBS_CSV), ("a-b.csv", "a\n")]);
        let from = ["--from", "jobs=jobs.csv"];
        let calls: [&[&str]; 13] = [
            &["select\n  nme from jobs"],
            &["select * from job"],
            &["selct * from jobs"],
            &["delete from jobs"],
            &["select * from jobs where name = :name"],
            &["select * from jobs where name = :name", "nam=x"],
            &["select * from jobs", "name=x"],
            &["select", "*", "from", "jobs"],
            &[],
            &["select 1", "--from", "a-b.csv"],
            &["select 1", "--from", "a-b=a-b.csv"],
            &["select 1", "--from", "JOBS=a-b.csv"],
            &["select 1", "--from", "x=-", "--from", "y=-"],
        ];
        let all: Vec<String> = calls
            .iter()
            .map(|words| sql(&project, &[words, &from[..]].concat()))
            .map(|outcome| outcome.assert_exit(2).snapshot())
            .collect();
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn faults_are_objects_for_programs() {
        let project = folder(&[]);
        let outcome = sql(&project, &["select x", "--error-format", "json"]);
        let stderr = outcome.assert_exit(2).stderr_text();
        let fault: serde_json::Value = serde_json::from_str(&stderr).expect("one object");
        assert_eq!(fault["code"], "sql");
        assert_eq!(fault["file"], "the statement");
    }
}

mod queries {
    use super::*;

    fn project(server: &Server) -> Project {
        Project::new().circleci(server).query("jobs", JOBS)
    }

    #[test]
    fn a_query_is_joined_with_a_file() {
        let server = Server::start(vec![items(
            "/jobs",
            json!([{"name": "build", "seconds": 60}, {"name": "test", "seconds": 300}]),
        )]);
        let project = project(&server).file("owners.csv", "name,owner\ntest,ann\nlint,bob\n");
        let outcome = sql(
            &project,
            &[
                "select name, owner from jobs left join owners using (name) order by name",
                "--from",
                "jobs=jobs",
                "--from",
                "owners=owners.csv",
            ],
        );
        let expected = json!([{"name": "build", "owner": null}, {"name": "test", "owner": "ann"}]);
        assert_eq!(outcome.assert_exit(0).stdout_json(), expected);
        server.finish();
    }

    #[test]
    fn queries_run_at_the_same_time_with_the_values_they_declare() {
        let server = Server::start(vec![
            items("/b/a%2F1", json!([{"x": 1}])).together(2),
            items("/n/7", json!([{"y": 2}])).together(2),
        ]);
        let project = Project::new()
            .circleci(&server)
            .query(
                "one",
                "resource: circleci\nvars: { branch: main }\nendpoint: /b/{{ branch }}\nrows: $.items[*]",
            )
            .file(
                "queries/deep/two.yaml",
                "resource: circleci\nvars: { n: { type: int, required: true, example: 7 } }\nendpoint: /n/{{ n }}\nrows: $.items[*]",
            );
        let words = [
            "select x, y, :n as n, typeof(:n) as type, :branch as branch from a, b",
            "--from",
            "a=one",
            "--from",
            "b=queries/deep/two.yaml",
            "n=7",
            "branch=a/1",
        ];
        let expected = json!([{"x": 1, "y": 2, "n": 7, "type": "integer", "branch": "a/1"}]);
        assert_eq!(sql(&project, &words).assert_exit(0).stdout_json(), expected);
        server.finish();
        let missing = sql(&project, &["select 1 from b", "--from", "b=two"]);
        let wrong = sql(&project, &["select 1 from b", "--from", "b=two", "n=x"]);
        let unknown = sql(&project, &["select 1 from b", "--from", "b=tow", "n=1"]);
        let all = [missing, wrong, unknown].map(|outcome| told(outcome.assert_exit(2)));
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn a_wrong_statement_or_file_sends_nothing() {
        let server = Server::start(Vec::new());
        let project = project(&server).file("bad.csv", "a,b\n1\n");
        let from = ["--from", "jobs=jobs"];
        sql(&project, &[&["select nme from jobs"][..], &from].concat()).assert_exit(2);
        let more = ["select name from jobs", "--from", "bad=bad.csv"];
        sql(&project, &[&more[..], &from].concat()).assert_exit(2);
        server.finish();
    }

    #[test]
    fn failures_end_as_those_of_a_run_do() {
        let walk = "resource: circleci\nfor_each: { n: { in: [1, 2] } }\nendpoint: /n/{{ n }}\nrows: $.items[*]";
        let refused = || (404, json!({"message": "none"}));
        let server = Server::start(vec![
            items("/n/1", json!([{"n": 1}])),
            Exchange::get("/api/v2/n/2").answers(refused()),
            Exchange::get("/api/v2/jobs").answers(refused()),
        ]);
        let project = project(&server)
            .query("walk", walk)
            .query("w", "resource: circleci\nmethod: DELETE\nendpoint: /x");
        let from = |query: &str| {
            sql(
                &project,
                &["select * from t", "--from", &format!("t={query}")],
            )
        };
        let partial = from("walk");
        assert_eq!(partial.assert_exit(6).stdout_json(), json!([{"n": 1}]));
        let (failed, writing) = (from("jobs"), from("w"));
        let all = [&partial, failed.assert_exit(3), writing.assert_exit(7)];
        insta::assert_snapshot!(all.map(told).join("\n\n"));
        server.finish();
        let outcome = Run::in_(&project)
            .args(["sql", "select * from t", "--from", "t=jobs"])
            .without_env("CIRCLE_TOKEN")
            .outcome();
        outcome.assert_exit(4);
    }

    #[test]
    fn queries_of_two_projects_do_not_meet() {
        let server = Server::start(Vec::new());
        let project = project(&server)
            .file("other/queries/x.yaml", JOBS)
            .file("other/resources/circleci.yaml", "type: circleci\n");
        let words = [
            "select 1",
            "--from",
            "a=jobs",
            "--from",
            "b=other/queries/x.yaml",
        ];
        let stderr = sql(&project, &words).assert_exit(2).stderr_text();
        assert!(stderr.contains("must be in one project"), "{stderr}");
        server.finish();
    }

    #[test]
    fn the_demo_answers_too() {
        let words = [
            "select branch, count(*) as n from p where branch = :branch group by 1",
            "--from",
            "p=project-pipelines",
            "branch=main",
            "--demo",
        ];
        let outcome = Run::in_(&Project::shipped())
            .args(["sql"])
            .args(words)
            .without_env("CIRCLE_TOKEN")
            .outcome();
        let records = outcome.assert_exit(0).stdout_json();
        assert_eq!(records[0]["branch"], "main");
    }

    #[test]
    fn a_secret_value_is_not_shown() {
        let server = Server::start(vec![items("/b/hush-hush-1", json!([{"x": 1}]))]);
        let project = Project::new().circleci(&server).query(
            "one",
            "resource: circleci\nvars: { key: { secret: true, required: true } }\nendpoint: /b/{{ key }}\nrows: $.items[*]",
        );
        let outcome = Run::in_(&project)
            .args(["sql", "select x, :key as key from a", "--from", "a=one"])
            .args(["key=hush-hush-1", "-v"])
            .outcome();
        outcome.assert_exit(0);
        let shown = outcome.stdout_text() + &outcome.stderr_text();
        assert!(!shown.contains("hush-hush-1"), "{shown}");
        server.finish();
    }
}
