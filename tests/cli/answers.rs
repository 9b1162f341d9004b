//! A response is complete or an error: codings, framing, JSON lines, and HTTP/2 streams.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::case::{Case, transcript};
use crate::support::{Answer, Exchange, Outcome};

fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

/// Returns the outcome for one response to `GET /x`.
fn outcome_of(answer: Answer) -> Outcome {
    rows_of("", answer)
}

/// As `outcome_of`, with more lines in the query.
fn rows_of(lines: &str, answer: Answer) -> Outcome {
    Case::query(&format!("endpoint: /x\n{lines}"))
        .args(["-o", "ndjson"])
        .asks(vec![get_x().answers(answer)])
        .outcome
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).expect("in memory");
    encoder.finish().expect("in memory")
}

mod codings {
    use super::*;

    fn encoded(coding: &str, media_type: &str, body: Vec<u8>) -> Answer {
        Answer::status(200)
            .header("content-encoding", coding)
            .body(media_type, body)
    }

    #[test]
    fn all_members_of_a_gzip_response_are_read() {
        let lines = [gzip("{\"id\":1}\n"), gzip("{\"id\":2}\n")].concat();
        let outcome = rows_of("rows: $[*]", encoded("gzip", "application/x-ndjson", lines));
        outcome.assert_exit(0);
        assert_eq!(outcome.stdout_text(), "{\"id\":1}\n{\"id\":2}\n");
        let list = [gzip("[{\"id\":1},"), gzip("{\"id\":2}]")].concat();
        let outcome = rows_of("rows: $[*]", encoded("gzip", "application/json", list));
        outcome.assert_exit(0);
        assert_eq!(outcome.stdout_text(), "{\"id\":1}\n{\"id\":2}\n");
    }

    #[test]
    fn codings_are_known_in_any_case() {
        for coding in ["gzip", "GZIP", "x-gzip", "identity, Gzip"] {
            let answer = encoded(coding, "application/json", gzip("{\"ok\":1}"));
            let outcome = outcome_of(answer);
            assert_eq!(outcome.stdout_text(), "{\"ok\":1}\n", "{coding}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_named_and_requested_once() {
        let cut = gzip(&"{\"ok\":1}".repeat(99));
        let all = [
            encoded("compress", "application/json", b"\x1f\x9d\x90".to_vec()),
            encoded("gzip", "application/json", cut[..cut.len() / 2].to_vec()),
            encoded("br", "application/json", b"not brotli".to_vec()),
        ]
        .map(outcome_of);
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_status_is_reported_though_its_words_cannot_be_read() {
        let answer = Answer::status(401)
            .header("content-encoding", "dcb")
            .text("?");
        let outcome = outcome_of(answer);
        outcome.assert_exit(4);
        assert!(outcome.stderr_text().contains("http-401"));
        let accepted = Case::query("endpoint: /x\non_status: { 404: ok }")
            .asks(vec![
                get_x().answers(
                    Answer::status(404)
                        .header("content-encoding", "dcb")
                        .text("?"),
                ),
            ])
            .outcome;
        accepted.assert_exit(3);
        assert!(accepted.stderr_text().contains("`dcb`"));
    }
}

mod framing {
    use super::*;

    #[test]
    fn a_folded_field_is_one_line() {
        let answer = Answer::status(200)
            .header("content-security-policy", "a\r\n  b\r\n\tc")
            .json(&json!({"ok": 1}));
        let folded = "response.headers['content-security-policy'].split() == ['a', 'b', 'c']";
        let outcome = rows_of(&format!("expect: \"{folded}\""), answer);
        outcome.assert_exit(0);
        assert_eq!(outcome.stdout_text(), "{\"ok\":1}\n");
    }

    #[test]
    fn many_fields_and_long_ones_are_read() {
        let mut answer = Answer::status(200).header("x-long", "a".repeat(300 * 1024));
        for number in 0..400 {
            answer = answer.header(&format!("x-{number}"), "y");
        }
        outcome_of(answer.json(&json!({}))).assert_exit(0);
    }

    #[test]
    fn a_broken_rule_of_http_is_reported_and_not_tried_again() {
        let mut many = Answer::status(200);
        for number in 0..1_001 {
            many = many.header(&format!("x-{number}"), "y");
        }
        let all = [
            many.json(&json!({})),
            Answer::status(200).header("bad name", "x").json(&json!({})),
        ]
        .map(outcome_of);
        for outcome in &all {
            outcome.assert_exit(5);
        }
        insta::assert_snapshot!(transcript(&all));
    }
}

#[test]
fn lines_of_json_are_read_under_every_name() {
    for (media_type, body) in [
        (
            "application/x-ndjson; charset=utf-8",
            "{\"a\":1}\n{\"a\":2}\n",
        ),
        ("Application/NDJSON", "{\"a\":1}\n{\"a\":2}"),
        ("application/jsonl", "{\"a\":1}\r\n\r\n{\"a\":2}\r\n"),
        ("text/x-ndjson", "\u{feff}{\"a\":1}\n{\"a\":2}\n"),
        ("application/stream+json", "{\"a\":1}\n{\"a\":2}\n"),
        ("application/json-seq", "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n"),
    ] {
        let answer = Answer::status(200).body(media_type, body);
        let outcome = rows_of("rows: $[*]", answer);
        outcome.assert_exit(0);
        assert_eq!(
            outcome.stdout_text(),
            "{\"a\":1}\n{\"a\":2}\n",
            "{media_type}"
        );
    }
    let cut = Answer::status(200).body("application/jsonl", "{\"a\":1}\n{\"a\":");
    rows_of("rows: $[*]", cut).assert_exit(3);
}

mod routes_that_end {
    use super::*;

    const SINCE: &str = "@1688169599";
    const SUNSET: &str = "Thu, 31 Dec 2099 23:59:59 GMT";

    fn deprecated() -> Answer {
        Answer::status(200)
            .header("deprecation", SINCE)
            .header("sunset", SUNSET)
            .header(
                "link",
                "</docs/v1>; rel=\"deprecation\"; type=\"text/html\"",
            )
            .json(&json!({"id": 1}))
    }

    fn walk() -> Case {
        Case::query("for_each: { i: { in: [1, 2, 3] } }\nendpoint: /x/{{ i }}")
            .args(["-o", "ndjson"])
    }

    fn exchanges() -> Vec<Exchange> {
        (1..4)
            .map(|i| Exchange::get(&format!("/api/v2/x/{i}")).answers(deprecated()))
            .collect()
    }

    #[test]
    fn a_route_that_will_end_is_reported_once() {
        let outcome = walk().asks(exchanges()).outcome;
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
        let quiet = walk().args(["-q"]).asks(exchanges()).outcome;
        assert_eq!(quiet.assert_exit(0).stderr_text(), "");
    }

    #[test]
    fn a_route_that_ended_is_gone_for_good() {
        let gone = || Answer::status(410).json(&json!({"message": "Use v2."}));
        let all = [
            gone(),
            gone()
                .header("sunset", "Sun, 31 Dec 2023 23:59:59 GMT")
                .header("link", "<https://docs.test/v2>; rel=sunset"),
        ]
        .map(|answer| {
            Case::get()
                .args(["-q"])
                .asks(vec![get_x().answers(answer)])
                .outcome
        });
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }
}

mod http2 {
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread::{self, JoinHandle};

    use rustls::{ServerConnection, StreamOwned};

    use super::*;
    use crate::support::Project;
    use crate::support::Run;
    use crate::tls;

    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;

    /// The end of a stream after its first line.
    #[derive(Clone, Copy)]
    enum End {
        /// With `END_STREAM`.
        Whole,
        /// With `RST_STREAM` and this code.
        Reset(u8),
        /// With `RST_STREAM(NO_ERROR)` before any content.
        ResetAtOnce,
        /// With `END_STREAM`, after so many more fields of 100 bytes.
        ManyFields(usize),
    }

    fn frame(kind: u8, flags: u8, stream: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags], stream, payload].concat()
    }

    /// The frames of an answer `{"id":1}` in a line.
    fn answer(stream: &[u8], end: End) -> Vec<u8> {
        // `:status: 200` by its index, and a literal `content-type` by the index of its name.
        let media_type = b"application/x-ndjson";
        let length = u8::try_from(media_type.len()).expect("short");
        let fields = [&[0x88, 0x0f, 0x10, length], &media_type[..]].concat();
        let head = frame(HEADERS, END_HEADERS, stream, &fields);
        let line = b"{\"id\":1}\n";
        match end {
            End::Whole => [head, frame(DATA, END_STREAM, stream, line)].concat(),
            End::Reset(code) => [
                head,
                frame(DATA, 0, stream, line),
                frame(RST_STREAM, 0, stream, &[0, 0, 0, code]),
            ]
            .concat(),
            End::ManyFields(count) => {
                // A field that the table learns, and then its index.
                let value = [b'y'; 65];
                let learned = [&[0x40, 3], &b"x-a"[..], &[65], &value].concat();
                let fields = [fields, learned, vec![0xbe; count - 1]].concat();
                let head = frame(HEADERS, END_HEADERS, stream, &fields);
                [head, frame(DATA, END_STREAM, stream, line)].concat()
            }
            End::ResetAtOnce => [head, frame(RST_STREAM, 0, stream, &[0; 4])].concat(),
        }
    }

    /// Serves the requests of one connection; `ends` are the remaining ones.
    fn serve(stream: TcpStream, ends: &mut std::vec::IntoIter<End>) -> Option<()> {
        let mut config = tls::config(false);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connection = ServerConnection::new(Arc::new(config)).expect("a good configuration");
        let mut secure = StreamOwned::new(connection, stream);
        secure.read_exact(&mut [0; 24]).ok()?;
        secure.write_all(&frame(SETTINGS, 0, &[0; 4], &[])).ok()?;
        while ends.len() > 0 {
            let mut head = [0; 9];
            secure.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            secure.read_exact(&mut payload).ok()?;
            if head[3] == HEADERS {
                let end = ends.next()?;
                secure.write_all(&answer(&head[5..], end)).ok()?;
            }
        }
        // The client closes: its last frames are taken, so that the answer is not cut by a reset.
        while secure.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        Some(())
    }

    fn start(ends: Vec<End>) -> (String, JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        let thread = thread::spawn(move || {
            let mut ends = ends.into_iter();
            while ends.len() > 0 {
                let Ok((stream, _)) = listener.accept() else {
                    break;
                };
                let _ = serve(stream, &mut ends);
            }
            ends.len()
        });
        (url, thread)
    }

    fn run(ends: Vec<End>, attempts: u32) -> Outcome {
        let (url, thread) = start(ends);
        let resource = format!(
            "type: rest\nbase_url: {url}\nauth: none\ntls: {{ ca_file: ca.pem }}\n\
             retry: {{ max_attempts: {attempts}, base_delay: 1ms }}\n"
        );
        let project = Project::new()
            .file("resources/r.yaml", resource)
            .file("ca.pem", tls::CA)
            .query("q", "resource: r\nendpoint: /x\nrows: $[*]\n");
        let outcome = Run::in_(&project)
            .args(["run", "q", "-o", "ndjson"])
            .outcome();
        assert_eq!(thread.join().expect("the server's thread"), 0, "all asked");
        outcome
    }

    #[test]
    fn a_stream_that_is_reset_is_no_whole_response() {
        for end in [End::Reset(0), End::ResetAtOnce, End::Reset(8)] {
            let outcome = run(vec![end; 2], 2);
            outcome.assert_exit(5);
            assert_eq!(outcome.stdout_text(), "");
        }
        let outcome = run(vec![End::Reset(0)], 1);
        insta::assert_snapshot!(outcome.assert_exit(5).snapshot());
    }

    #[test]
    fn many_fields_are_read_up_to_a_limit() {
        let outcome = run(vec![End::ManyFields(3_000)], 1);
        assert_eq!(outcome.assert_exit(0).stdout_text(), "{\"id\":1}\n");
        let outcome = run(vec![End::ManyFields(6_000)], 1);
        insta::assert_snapshot!(outcome.assert_exit(5).snapshot());
    }

    #[test]
    fn what_was_reset_is_requested_again() {
        let outcome = run(vec![End::Reset(0), End::ResetAtOnce, End::Whole], 3);
        outcome.assert_exit(0);
        assert_eq!(outcome.stdout_text(), "{\"id\":1}\n");
    }
}
