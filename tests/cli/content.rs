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

    /// A number in its notation.
    fn exact(text: &str) -> serde_json::Value {
        serde_json::from_str(text).expect("a number")
    }

    #[test]
    fn every_kind_of_content_gives_records() {
        let rows = json!([
            {"name": "build", "seconds": 60, "version": exact("1.10")},
            {"name": "a,b", "seconds": null, "version": 2},
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
    fn numbers_of_a_table_are_compared_by_value() {
        let table = "credits\n9.50\n10.25\n\n100.00\n";
        let query =
            "decode: csv\nwhere: row.credits is number and row.credits > 9.6\nsort: -credits";
        let seen = decoded(query, "text/csv", table);
        let shown = seen.outcome.assert_exit(0).stdout_text();
        let squeezed: String = shown.split_whitespace().collect();
        assert_eq!(squeezed, r#"[{"credits":100.00},{"credits":10.25}]"#);
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
    fn half_of_a_secret_is_never_shown() {
        let token = crate::support::CANARY;
        for width in [40, 60, 66, 72, 78, 79] {
            let start = "x ".repeat(width / 2);
            for (kind, content_type, body) in [
                ("csv", "text/csv", format!("{start}{token},b\n1,2,3\n")),
                ("csv", "text/html", format!("<p>{start}{token}</p>\n")),
                (
                    "csv",
                    "application/json",
                    format!("{{\"{start}{token}\": 1}}"),
                ),
                ("ndjson", "text/plain", format!("{start}{token}\n")),
                ("json", "text/plain", format!("{start}{token}\n")),
            ] {
                // The support fails on the whole token, this on a part of it.
                let seen = decoded(&format!("decode: {kind}"), content_type, body);
                let told = seen.outcome.stderr_text();
                assert!(!told.contains(&token[..8]), "{told}");
            }
        }
    }

    #[test]
    fn a_body_that_trickles_in_times_out_and_a_long_one_does_not() {
        let wait = std::time::Duration::from_millis(100);
        let settings = "timeout: 1s\nretry: { max_attempts: 1 }";
        let slow = |pieces: Vec<String>, query: &str| {
            let fault = Fault::Slow { pieces, wait };
            Case::query(&format!("endpoint: /x\n{query}"))
                .settings(settings)
                .asks(vec![Exchange::get("/api/v2/x").answers(fault)])
        };
        for query in ["decode: lines", "decode: bytes", "download: x"] {
            let told = slow(vec!["x\n".to_owned(); 100], query);
            told.outcome.assert_exit(5);
            slow(vec!["x".repeat(20_000); 15], query)
                .outcome
                .assert_exit(0);
        }
    }

    #[test]
    fn what_is_held_in_memory_is_limited_by_max_body() {
        let line = "x".repeat(600);
        let body = format!("{line}\n{line}\n");
        for (query, words) in [
            ("decode: text", "longer than 1 KiB, the `max_body`"),
            (
                "decode: { as: text, last: 9 }",
                "last 9 lines are longer than 1 KiB, the `max_body`",
            ),
            (
                "decode: { as: lines, last: 9 }",
                "last 9 lines are longer than 1 KiB, the `max_body`",
            ),
            ("decode: lines", ""),
            ("decode: { as: lines, last: 1 }", ""),
            ("decode: { as: text, last: 1 }", ""),
        ] {
            for body in [body.as_bytes().to_vec(), gzip(body.as_bytes())] {
                let answer = Answer::status(200).body("text/plain", body);
                let seen = Case::query(&format!("endpoint: /x\n{query}"))
                    .settings("max_body: 1KiB")
                    .asks(vec![Exchange::get("/api/v2/x").answers(answer)]);
                let exit = if words.is_empty() { 0 } else { 3 };
                let told = seen.outcome.assert_exit(exit).stderr_text();
                assert!(told.contains(words), "{told}");
            }
        }
        let long = "x".repeat(200_000);
        for kind in ["lines", "ndjson", "csv"] {
            let answer = Answer::status(200).body("text/plain", format!("\"{long}\"\n"));
            let seen = Case::query(&format!("endpoint: /x\ndecode: {kind}"))
                .settings("max_body: 100KiB")
                .asks(vec![Exchange::get("/api/v2/x").answers(answer)]);
            let told = seen.outcome.assert_exit(3).stderr_text();
            assert!(
                told.contains("is longer than 100 KiB, the `max_body`"),
                "{told}"
            );
        }
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
        for kind in ["ndjson", "lines"] {
            let seen = decoded(&format!("decode: {kind}"), "text/plain", "");
            assert_eq!(seen.outcome.stdout_json(), json!([]), "{kind}");
        }
    }

    #[test]
    fn a_table_without_a_header_is_an_error() {
        for kind in ["csv", "tsv"] {
            for body in ["", "\n\n", "\u{feff}"] {
                let seen = decoded(&format!("decode: {kind}"), "text/csv", body);
                let told = seen.outcome.assert_exit(3).stderr_text();
                assert!(told.contains("there is no header"), "{told}");
            }
            decoded(&format!("decode: {kind}"), "text/csv", "a\n")
                .outcome
                .assert_exit(0);
        }
    }

    #[test]
    fn json_is_no_table_whatever_its_type_says() {
        for media_type in ["text/plain", "text/csv", "application/octet-stream"] {
            for body in [
                "{\"error\":\"x\"}",
                "  [{\"error\":\"x\"}]\n",
                "{\n  \"error\": \"x\"\n}\n",
                "{\"a\":1}\n{\"a\":2}\n",
            ] {
                let seen = decoded("decode: csv", media_type, body);
                let told = seen.outcome.assert_exit(3).stderr_text();
                assert!(told.contains("is not CSV but JSON; it begins: "), "{told}");
            }
            let seen = decoded("decode: csv", media_type, "[a],{b}\n1,2\n");
            assert_eq!(seen.outcome.stdout_json(), json!([{"[a]": 1, "{b}": 2}]));
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
            "download: ../x",
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
        let server = Server::start(vec![
            same,
            hashed(1, hash),
            hashed(2, hash),
            content(3, "hello"),
        ]);
        let project = project(&server);
        for (name, text) in [("a", "hello"), ("b", "hello"), ("c", "hallo")] {
            project.write(name, text);
        }
        project.write("d", "longer than that");
        let outcome = run(&project, &files(&["a", "b", "c", "d"]), &["--out", "."]);
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
        let outcome = run(&project, &files(&["a"]), &["--refresh", "--out", "."]);
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
    fn the_project_and_git_are_never_written() {
        let paths = [
            ".git/config",
            ".git/hooks/pre-commit",
            "a/.GitModules",
            ".github/workflows/x.yaml",
            ".circleci/config.yml",
            "resources/circleci.yaml",
            "QUERIES/new.yaml",
            "runner.yaml",
            "tests/q.yaml",
        ];
        for more in [&[][..], &["--out", "."]] {
            let server = Server::start(vec![]);
            let project = project(&server);
            let before = project.read("resources/circleci.yaml");
            let outcome = run(&project, &files(&paths), more);
            outcome.assert_exit(2);
            assert_eq!(project.read("resources/circleci.yaml"), before);
            for path in paths.iter().filter(|path| !path.starts_with("res")) {
                assert_eq!(project.read(path), None, "{path}");
            }
            server.finish();
            if more.is_empty() {
                insta::assert_snapshot!(crate::case::told(&outcome));
            }
        }
    }

    #[test]
    fn a_file_that_only_a_response_names_is_not_replaced_where_a_person_stands() {
        let server = Server::start(vec![content(0, "evil"), content(1, "good")]);
        let project = project(&server);
        project.write("Makefile", "all: x");
        let outcome = run(&project, &files(&["Makefile", "new"]), &[]);
        outcome.assert_exit(6);
        assert_eq!(project.read("Makefile").as_deref(), Some("all: x"));
        let text = outcome.stderr_text();
        assert!(text.contains("none is replaced"), "{text}");
        server.finish();
        // Without a request where the answer is known.
        let server = Server::start(vec![]);
        let project = Project::new()
            .circleci(&server)
            .query("q", &format!("resource: circleci\n{QUERY}\n"))
            .file("Makefile", "all:");
        let outcome = run(&project, &files(&["Makefile"]), &["--refresh"]);
        outcome.assert_exit(2);
        assert_eq!(project.read("Makefile").as_deref(), Some("all:"));
        server.finish();
    }

    #[test]
    fn a_file_that_the_query_names_is_replaced() {
        let server = Server::start(vec![content(0, "new content")]);
        let project = Project::new().circleci(&server).query(
            "q",
            "resource: circleci\nvars: { n: x }\nendpoint: /0\ndownload: \"{{ n }}.txt\"\n",
        );
        project.write("x.txt", "old");
        let outcome = Run::in_(&project).args(["run", "q"]).outcome();
        outcome.assert_exit(0);
        assert_eq!(project.read("x.txt").as_deref(), Some("new content"));
        server.finish();
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
        let outcome = run(&project, &files(&["a", "b"]), &["--out", "."]);
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
    fn a_body_without_its_announced_hash_is_no_file() {
        let hash = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
        let answer = |body: &str| Answer::status(200).body("text/plain", body.as_bytes().to_vec());
        let coded = gzip(b"hello");
        let server = Server::start(vec![
            Exchange::get("/api/v2/0").answers(answer("hallo").header("repr-digest", hash)),
            Exchange::get("/api/v2/1").answers(answer("hello").header("repr-digest", hash)),
            // Of the content: a coding on the way does not count.
            Exchange::get("/api/v2/2").answers(
                Answer::status(200)
                    .body("text/plain", coded)
                    .header("content-encoding", "gzip")
                    .header("digest", hash.replace(':', "")),
            ),
        ]);
        let project = project(&server);
        let outcome = run(&project, &files(&["a", "b", "c"]), &[]);
        let told = outcome.assert_exit(6).stderr_text();
        assert!(
            told.contains("SHA-256 that `Repr-Digest` announces"),
            "{told}"
        );
        assert_eq!(project.read("a"), None);
        assert_eq!(project.read("b").as_deref(), Some("hello"));
        assert_eq!(project.read("c").as_deref(), Some("hello"));
        server.finish();
    }

    #[test]
    fn a_damaged_coding_is_named_and_fails_alone() {
        let coded = |id: usize, coding: &str, body: Vec<u8>| {
            let answer = Answer::status(200).body("text/plain", body);
            Exchange::get(&format!("/api/v2/{id}"))
                .answers(answer.header("content-encoding", coding))
        };
        let mut cut = gzip(&b"hello".repeat(1_000));
        cut.truncate(cut.len() - 5);
        let server = Server::start(vec![
            coded(0, "gzip", cut),
            coded(1, "br", b"not brotli at all".to_vec()),
            coded(2, "compress", b"x".to_vec()),
            coded(3, "aws-chunked", b"hello".to_vec()),
            content(4, "good"),
        ]);
        let project = project(&server);
        let outcome = run(&project, &files(&["a", "b", "c", "d", "e"]), &[]);
        let told = outcome.assert_exit(6).stderr_text();
        for words in [
            "error[content-coding]",
            "encoded as `gzip` and is truncated",
            "encoded as `br` and is truncated or damaged",
            "encoded as `compress`",
            "/api/v2/0",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert_eq!(project.read("a"), None);
        assert_eq!(project.read("d").as_deref(), Some("hello"));
        assert_eq!(project.read("e").as_deref(), Some("good"));
        server.finish();
    }

    #[test]
    fn a_part_that_was_not_requested_is_an_error() {
        let part = || {
            Answer::status(206)
                .body("text/csv", "a,b\n1,2\n")
                .header("content-range", "bytes 0-7/100")
        };
        let server = Server::start(vec![Exchange::get("/api/v2/0").answers(part())]);
        let project = project(&server);
        let outcome = run(&project, &files(&["a"]), &[]);
        assert_eq!(project.read("a"), None);
        let told = outcome.assert_exit(3).stderr_text();
        assert!(told.contains("only a part of the content"), "{told}");
        server.finish();
        for kind in ["csv", "lines", "text", "bytes"] {
            let query = format!("endpoint: /x\ndecode: {kind}");
            let asks = |query: &str| {
                Case::query(query).asks(vec![Exchange::get("/api/v2/x").answers(part())])
            };
            let told = asks(&query).outcome.assert_exit(3).stderr_text();
            assert!(told.contains("only a part of the content"), "{told}");
            asks(&format!("{query}\nheaders: {{ range: bytes=0-7 }}"))
                .outcome
                .assert_exit(0);
            asks(&format!("{query}\non_status: {{ 206: ok }}"))
                .outcome
                .assert_exit(0);
        }
    }

    #[test]
    fn the_place_must_be_a_folder() {
        let server = Server::start(vec![]);
        let project = project(&server);
        project.write("file", "x");
        for out in ["file", "-", "/dev/null"] {
            let outcome = run(&project, &files(&["a"]), &["--out", out]);
            let told = outcome.assert_exit(2).stderr_text();
            assert!(told.contains("is not a folder"), "{told}");
        }
        server.finish();
    }

    #[cfg(unix)]
    #[test]
    fn a_reader_that_has_seen_enough_does_not_end_the_downloads() {
        let paths = ["a", "b", "c", "d", "e", "f"];
        let contents = (0..6).map(|id| content(id, "hello")).collect();
        let server = Server::start(contents);
        let project = project(&server);
        let outcome = Run::in_(&project)
            .args([
                "run",
                "q",
                &format!("files:={}", files(&paths)),
                "--out",
                "got",
            ])
            .args(["-o", "ndjson"])
            .stdout_closed_after(1)
            .outcome();
        outcome.assert_exit(0);
        for path in paths {
            assert_eq!(
                project.read(&format!("got/{path}")).as_deref(),
                Some("hello"),
                "{path}"
            );
        }
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
