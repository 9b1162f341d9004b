//! Content that is not JSON: decoded records and downloaded files.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::case::{Case, Seen, transcript};
use crate::support::{Answer, Exchange, Fault, Project, Run, Server};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Decodes a body.
fn decoded(query: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Seen {
    let answer = Answer::status(200).body(content_type, body);
    Case::query(&format!("endpoint: /x\n{query}"))
        .asks(vec![Exchange::get("/api/v2/x").answers(answer)])
}

const USAGE: &str = "name,seconds,version\nbuild,60,1.10\n\"a,b\",,2\n\\N,7,\n";

mod decode {
    use super::*;

    #[test]
    fn every_kind_of_content_gives_records() {
        let rows = json!([
            {"name": "build", "seconds": 60, "version": "1.10"},
            {"name": "a,b", "seconds": null, "version": "2"},
            {"name": null, "seconds": 7, "version": null},
        ]);
        for body in [USAGE.as_bytes().to_vec(), gzip(USAGE.as_bytes())] {
            let seen = decoded("decode: csv", "application/octet-stream", body);
            assert_eq!(seen.outcome.stdout_json(), rows);
            assert_eq!(seen.request().header("accept").as_deref(), Some("*/*"));
        }
        let seen = decoded("decode: tsv", "text/plain", "a\tb\n1\tx\\ty\n");
        assert_eq!(seen.outcome.stdout_json(), json!([{"a": 1, "b": "x\ty"}]));
        let seen = decoded("decode: ndjson", "text/plain", "{\"a\":1}\n\n{\"a\":2}");
        assert_eq!(seen.outcome.stdout_json(), json!([{"a": 1}, {"a": 2}]));
        let seen = decoded("decode: lines", "text/plain", "one\r\ntwo\n");
        assert_eq!(
            seen.outcome.stdout_json(),
            json!([{"number": 1, "line": "one"}, {"number": 2, "line": "two"}])
        );
        let seen = decoded("decode: text", "text/html", "one\ntwo\n");
        assert_eq!(seen.outcome.stdout_json(), json!({"text": "one\ntwo\n"}));
        let last = "decode: { as: text, last: 1 }";
        let seen = decoded(last, "text/plain", gzip(b"one\ntwo\nthree\n"));
        assert_eq!(seen.outcome.stdout_json(), json!({"text": "three\n"}));
        let last = "decode: { as: lines, last: 1 }";
        let seen = decoded(last, "text/plain", "one\ntwo\n");
        assert_eq!(
            seen.outcome.stdout_json(),
            json!([{"number": 2, "line": "two"}])
        );
        let seen = decoded("decode: bytes", "image/png", vec![0, 159, 146, 150]);
        let record = seen.outcome.stdout_json();
        assert_eq!(record["bytes"], 4);
        assert_eq!(record["sha256"].as_str().map(str::len), Some(64));
        let seen = decoded(
            "decode: json\nrows: $.a[*]",
            "application/json",
            "{\"a\":[1]}",
        );
        assert_eq!(seen.outcome.stdout_json(), json!([1]));
    }

    #[test]
    fn the_shape_applies_to_decoded_records() {
        let query = "decode: csv
extract: { job: $.name, minutes: \"{{ row.seconds / 60 }}\" }
where: row.seconds != none
sort: -minutes
limit: 1";
        let seen = decoded(query, "text/csv", USAGE);
        assert_eq!(
            seen.outcome.stdout_json(),
            json!([{"job": "build", "minutes": 1.0}])
        );
    }

    #[test]
    fn a_content_coding_is_removed_first() {
        let body = gzip(&gzip(USAGE.as_bytes()));
        let answer = Answer::status(200)
            .body("text/csv", body)
            .header("content-encoding", "gzip");
        let seen = Case::query("endpoint: /x\ndecode: csv\nlimit: 1")
            .asks(vec![Exchange::get("/api/v2/x").answers(answer)]);
        assert_eq!(seen.outcome.stdout_json()[0]["name"], "build");
    }

    #[test]
    fn secrets_are_masked_in_decoded_records() {
        let body = format!("who,what\nme,token {} here\n", crate::support::CANARY);
        let seen = decoded("decode: csv", "text/csv", body.clone());
        assert_eq!(seen.outcome.stdout_json()[0]["what"], "token *** here");
        let query = "decode: csv\nextract: { what: \"{{ row.what | upper }}\" }";
        let seen = decoded(query, "text/csv", body);
        assert_eq!(seen.outcome.stdout_json()[0]["what"], "TOKEN *** HERE");
    }

    #[test]
    fn what_is_not_as_declared_is_an_error_with_its_place() {
        let names: Vec<String> = (0..10_000).map(|number| format!("c{number}")).collect();
        let wide = names.join(",");
        let broken = gzip(USAGE.as_bytes());
        let broken = broken[..broken.len() - 9].to_vec();
        let outcomes = [
            decoded(
                "decode: csv",
                "text/html",
                "<html>\n<p>\"No such export</p>\n</html>\n",
            ),
            decoded("decode: csv", "text/csv", "a,b\n1,2\n3\n"),
            decoded("decode: csv", "text/csv", "a,b,a\n1,2,3\n"),
            decoded("decode: csv", "text/csv", wide),
            decoded("decode: csv", "text/csv", broken),
            decoded("decode: ndjson", "text/plain", "{\"a\":1}\nnothing\n"),
            decoded("decode: csv", "text/csv", b"a\n\xff\n".to_vec()),
        ]
        .map(|seen| seen.outcome);
        for outcome in &outcomes[..5] {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn compressed_json_is_recognized_by_its_bytes() {
        let body = format!("{{\"a\": [1, \"{}\"]}}", crate::support::CANARY);
        for query in ["rows: $.a[*]", "decode: json\nrows: $.a[*]"] {
            let seen = decoded(query, "application/octet-stream", gzip(body.as_bytes()));
            assert_eq!(seen.outcome.stdout_json(), json!([1, "***"]), "{query}");
        }
        let large = gzip(&vec![b' '; 2 << 20]);
        let seen = Case::get().settings("max_body: 1MiB").asks(vec![
            Exchange::get("/api/v2/x").answers(Answer::status(200).body("application/json", large)),
        ]);
        let text = seen.outcome.assert_exit(3).stderr_text();
        assert!(text.contains("longer than 1 MiB"), "{text}");
    }

    #[test]
    fn a_table_without_decode_is_refused_with_the_line_to_add() {
        let seen = decoded("", "text/csv; charset=utf-8", USAGE);
        let text = seen.outcome.assert_exit(3).stderr_text();
        assert!(text.contains("add `decode: csv` to the query"), "{text}");
    }

    #[test]
    fn an_empty_body_has_no_records() {
        for kind in ["csv", "tsv", "ndjson", "lines"] {
            let seen = decoded(&format!("decode: {kind}"), "text/plain", "");
            assert_eq!(seen.outcome.stdout_json(), json!([]), "{kind}");
        }
    }

    #[test]
    fn the_file_is_checked() {
        let outcomes = [
            "decode: xml",
            "decode: { last: 3 }",
            "decode: { as: csv, last: 3 }",
            "decode: csv\nrows: $.items[*]\npaginate: link",
            "download: x\ndecode: csv",
            "download: x\nmethod: POST",
            "vars: { p: {} }\ndownload: \"{{ p | path }}\"",
        ]
        .map(|query| Case::query(&format!("endpoint: /x\n{query}")).asks_nothing());
        let feeds = Case::query("endpoint: /x\nfor_each: { f: { query: file } }")
            .file(
                "queries/file.yaml",
                "resource: circleci\nendpoint: /f\ndownload: f.txt\n",
            )
            .asks_nothing();
        insta::assert_snapshot!(transcript(outcomes.iter().chain([&feeds])));
    }
}

mod downloads {
    use super::*;

    const QUERY: &str = "vars: { files: { type: json } }
for_each: { file: { in: \"{{ files }}\" } }
endpoint: /{{ file.id }}
download: \"{{ file.path }}\"";

    /// Runs the query over files (id, path) in a project, with more arguments.
    fn run(project: &Project, files: &Value, more: &[&str]) -> crate::support::Outcome {
        Run::in_(project)
            .args(["run", "q", &format!("files:={files}")])
            .args(more)
            .outcome()
    }

    fn project(server: &Server) -> Project {
        Project::new()
            .circleci(server)
            .query("q", &format!("resource: circleci\n{QUERY}\n"))
    }

    fn files(paths: &[&str]) -> Value {
        let files = paths.iter().enumerate();
        files
            .map(|(id, path)| json!({"id": id, "path": path}))
            .collect()
    }

    fn content(id: usize, body: &str) -> Exchange {
        let answer = Answer::status(200).body("application/octet-stream", body);
        Exchange::get(&format!("/api/v2/{id}")).answers(answer)
    }

    #[test]
    fn bodies_become_files_below_the_folder() {
        let server = Server::start(vec![content(0, "hello"), content(1, "")]);
        let project = project(&server);
        let outcome = run(&project, &files(&["a/b.txt", "empty"]), &["--out", "got"]);
        let records = outcome.stdout_json();
        assert_eq!(records[0]["path"], "got/a/b.txt");
        assert_eq!(records[0]["bytes"], 5);
        assert_eq!(
            records[0]["sha256"],
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
        assert_eq!(records[0]["kept"], false);
        assert_eq!(project.read("got/a/b.txt").as_deref(), Some("hello"));
        assert_eq!(project.read("got/empty").as_deref(), Some(""));
        server.finish();
    }

    #[test]
    fn a_file_of_the_same_size_or_hash_is_kept() {
        let hash = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
        let same = content(0, "hello");
        let hashed = |id: usize, hash: &str| {
            let answer = Answer::status(200)
                .body("text/plain", "hello")
                .header("repr-digest", format!("sha-256=:{hash}:"));
            Exchange::get(&format!("/api/v2/{id}")).answers(answer)
        };
        let other = hash.replace('L', "M");
        let server = Server::start(vec![
            same,
            hashed(1, hash),
            hashed(2, &other),
            content(3, "hello"),
        ]);
        let project = project(&server);
        for name in ["a", "b", "c"] {
            project.write(name, "hello");
        }
        project.write("d", "longer than that");
        let outcome = run(&project, &files(&["a", "b", "c", "d"]), &[]);
        let records = outcome.stdout_json();
        let kept: Vec<_> = (0..4).map(|place| records[place]["kept"].clone()).collect();
        assert_eq!(kept, [true, true, false, false]);
        assert_eq!(project.read("d").as_deref(), Some("hello"));
        server.finish();
    }

    #[test]
    fn refresh_requests_all_files_again() {
        let server = Server::start(vec![content(0, "fresh")]);
        let project = project(&server);
        project.write("a", "stale");
        let outcome = run(&project, &files(&["a"]), &["--refresh"]);
        assert_eq!(outcome.stdout_json()[0]["kept"], false);
        assert_eq!(project.read("a").as_deref(), Some("fresh"));
        server.finish();
    }

    #[test]
    fn names_that_lead_elsewhere_fail_alone() {
        let server = Server::start(vec![content(0, "good")]);
        let project = project(&server);
        let long = "x".repeat(5_000);
        let paths = [
            "good", "../up", "/abs", "a//b", "CON", "a\nb", "C:\\x", "GOOD", &long, "good",
        ];
        let outcome = run(&project, &files(&paths), &["--out", "got"]);
        outcome.assert_exit(6);
        assert_eq!(project.read("got/good").as_deref(), Some("good"));
        assert_eq!(project.read("up"), None);
        server.finish();
        insta::assert_snapshot!(crate::case::told(&outcome));
    }

    #[test]
    fn a_broken_body_leaves_the_file_as_it_was() {
        // Tried again as any response, and begun anew.
        let half = || Fault::HalfAnswer("half of a text".to_owned());
        let server = Server::start(vec![
            Exchange::get("/api/v2/0").answers(half()),
            content(0, "whole"),
            Exchange::get("/api/v2/1").answers(half()).at_least(2),
        ]);
        let project = project(&server);
        project.write("a", "old");
        project.write("b", "old");
        let outcome = run(&project, &files(&["a", "b"]), &[]);
        assert_eq!(project.read("a").as_deref(), Some("whole"));
        assert_eq!(project.read("b").as_deref(), Some("old"));
        outcome.assert_exit(6);
        server.finish();
    }

    #[test]
    fn a_body_may_be_larger_than_max_body() {
        let large = "0123456789".repeat(10_000);
        let server = Server::start(vec![content(0, &large)]);
        let project = Project::new()
            .circleci_at(&server.url(), "max_body: 1KiB")
            .query("q", &format!("resource: circleci\n{QUERY}\n"));
        let outcome = run(&project, &files(&["a"]), &[]);
        assert_eq!(outcome.stdout_json()[0]["bytes"], 100_000);
        assert_eq!(project.read("a"), Some(large));
        server.finish();
    }

    #[test]
    fn an_error_is_no_file() {
        let server = Server::start(vec![
            Exchange::get("/api/v2/0").answers(Answer::status(404).text("gone")),
            content(1, "good"),
        ]);
        let project = project(&server);
        let outcome = run(&project, &files(&["a", "b"]), &[]);
        assert_eq!(outcome.assert_exit(6).stdout_json()[0]["path"], "b");
        assert_eq!(project.read("a"), None);
        server.finish();
    }
}
