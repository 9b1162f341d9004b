//! Errors: messages and exit codes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Answer, CANARY, Exchange, Fault, Outcome, Project, Run, Server};

/// Retries without a noticeable delay.
const QUICK: &str = "retry: { base_delay: 1ms }";

/// `GET /x` as the resource's server sees it.
fn get_x() -> Exchange {
    Exchange::get("/api/v2/x")
}

/// Returns the outcome for these responses to `GET /x`.
fn outcome_of(exchanges: Vec<Exchange>) -> Outcome {
    Case::get().settings(QUICK).asks(exchanges).outcome
}

mod api {
    use super::*;

    #[test]
    fn a_bad_token_is_reported_with_its_variable() {
        let answer = Answer::status(401)
            .header("x-request-id", "3f9a1c-77")
            .json(&json!({"message": "You must log in first."}));
        let outcome = outcome_of(vec![get_x().answers(answer)]);
        insta::assert_snapshot!(outcome.assert_exit(4).snapshot());
    }

    #[test]
    fn every_form_of_auth_says_where_its_token_came_from() {
        let mut seen = Vec::new();
        for auth in [
            "{ basic: { username: \"{{ env.CI_USER }}\", password: \"{{ env.CIRCLE_TOKEN }}\" } }",
            "{ command: [sh, -c, \"echo $CIRCLE_TOKEN\"] }",
            "{ bearer: \"{{ env.MY_TOKEN | default(env.CIRCLE_TOKEN) }}\" }",
            "none",
        ] {
            let outcome = Case::get()
                .resource(&format!("type: rest\nbase_url: URL/api/v2\nauth: {auth}"))
                .with(|run| run.env("CI_USER", "robot-of-ci"))
                .asks(vec![get_x().answers((401, json!({"message": "no"})))])
                .outcome;
            outcome.assert_exit(4);
            seen.push(format!("auth: {auth}\n{}", told(&outcome)));
        }
        insta::assert_snapshot!(seen.join("\n"));
    }

    #[test]
    fn an_unset_token_is_reported_before_anything_is_sent() {
        let unset = || Case::get().with(|run| run.without_env("CIRCLE_TOKEN"));
        let written = unset().asks_nothing();
        let preset = unset()
            .resource("type: circleci\nbase_url: URL")
            .asks_nothing();
        let other = unset()
            .resource("type: rest\nbase_url: URL\nauth: { bearer: \"{{ env.CIRCLE_TOKEN }}\" }")
            .asks_nothing();
        let empty = Case::get()
            .with(|run| run.env("CIRCLE_TOKEN", ""))
            .asks_nothing();
        let blank = Case::get()
            .with(|run| run.env("CIRCLE_TOKEN", " \n"))
            .asks_nothing();
        let all = [written, preset, other, empty, blank];
        for outcome in &all {
            outcome.assert_exit(4);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn forbidden_and_not_found_carry_the_advice_of_circleci() {
        let forbidden = (403, json!({"message": "Permission denied."}));
        let not_found = (404, json!({"message": "Project not found."}));
        let all = [
            outcome_of(vec![get_x().answers(forbidden)]),
            outcome_of(vec![get_x().answers(not_found)]),
        ];
        all[0].assert_exit(4);
        all[1].assert_exit(3);
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn another_api_gives_no_advice_of_circleci() {
        let outcome = Case::get()
            .resource("type: rest\nbase_url: URL/api/v2")
            .asks(vec![get_x().answers((
                404,
                json!({"error": {"title": "Gone", "detail": "no such thing"}}),
            ))])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(3).snapshot());
    }

    #[test]
    fn a_limit_says_when_to_come_again() {
        let limit = |answer: Answer| {
            let case = Case::get().settings("retry: { max_attempts: 1 }");
            case.asks(vec![get_x().answers(answer)]).outcome
        };
        let all = [
            limit(
                Answer::status(429)
                    .header("retry-after", "90")
                    .text("Rate limited.\n"),
            ),
            limit(Answer::status(429).json(&json!({"message": "Rate limit exceeded."}))),
            limit(
                Answer::status(429)
                    .header("retry-after", "soon")
                    .json(&json!({})),
            ),
        ];
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn every_shape_of_a_message_is_read() {
        let page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head></html>";
        let answers = [
            Answer::status(400).json(&json!({"message": "branch: must not be blank"})),
            Answer::status(400).json(&json!({"errors": [{"title": "Invalid", "detail": "limit"}]})),
            Answer::status(409).json(&json!("in use")),
            Answer::status(410).json(&json!([])),
            Answer::status(418).body("application/json", "{\"message\": \"cut"),
            Answer::status(422).text("\n  two\t words  \nand more\n"),
            Answer::status(500).json(&json!({"message": ""})),
            Answer::status(502).body("text/html", page),
            Answer::status(503),
            Answer::status(599).text(&"long ".repeat(100)),
            Answer::status(299).json(&json!({})),
            Answer::status(304),
            Answer::status(399).json(&json!({"message": "what is this"})),
        ];
        let mut seen = Vec::new();
        for answer in answers {
            let outcome = Case::get()
                .settings("retry: { max_attempts: 1 }")
                .asks(vec![get_x().answers(answer)])
                .outcome;
            seen.push(told(&outcome));
        }
        insta::assert_snapshot!(seen.join("\n\n"));
    }

    #[test]
    fn a_body_that_says_nothing_is_not_shown_as_a_message() {
        let page = "<html><head><title>502 Bad Gateway</title></head></html>";
        for (answer, message) in [
            (Answer::status(410).json(&json!([])), "410 Gone"),
            (
                Answer::status(500).json(&json!({})),
                "500 Internal Server Error",
            ),
            (
                Answer::status(502).body("text/html", page),
                "502 Bad Gateway",
            ),
        ] {
            let outcome = Case::get()
                .settings("retry: { max_attempts: 1 }")
                .asks(vec![get_x().answers(answer)])
                .outcome;
            let stderr = outcome.stderr_text();
            let first = stderr.lines().next().unwrap_or_default();
            assert!(
                first.ends_with(&format!("circleci returned {message}")),
                "{first}"
            );
        }
    }

    #[test]
    fn the_place_and_the_id_of_an_error_are_kept() {
        let v3 = json!({"error": {
            "type": "invalid_request",
            "id": "0b3c",
            "title": "Invalid filter",
            "detail": "the expression cannot be read",
            "source": {"pointer": "/filter", "offset": 12, "error": "unexpected `)`"},
        }});
        let json_api = json!({"errors": [
            {"title": "Name is blank", "source": {"pointer": "/data/attributes/name"}},
            {"title": "Limit is too large", "source": {"parameter": "page[limit]"}},
        ]});
        let told = |body: &serde_json::Value, format: &str| {
            Case::get()
                .args(["--error-format", format])
                .asks(vec![get_x().answers(Answer::status(400).json(body))])
                .outcome
        };
        let all = [
            told(&v3, "text"),
            told(&v3, "json"),
            told(&json_api, "text"),
            told(&json_api, "json"),
        ];
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn errors_are_objects_for_programs() {
        let answer = Answer::status(404)
            .header("x-request-id", "3f9a1c-77")
            .json(&json!({"message": "Project not found."}));
        let refused = Case::get().args(["--error-format", "json"]);
        let refused = refused.asks(vec![get_x().answers(answer)]).outcome;
        let limited = Case::get()
            .settings("retry: { max_attempts: 1 }")
            .args(["--error-format", "json"])
            .asks(vec![
                get_x().answers(Answer::status(429).header("retry-after", "2")),
            ])
            .outcome;
        let files = Case::query("endpoint: /{{ a }}\nextrat: {}\nmethod: get")
            .args(["--error-format", "json"])
            .asks_nothing();
        let words = Case::get()
            .args(["--error-format", "json", "a=1"])
            .asks_nothing();
        let port = Server::refusing();
        let refusing = Case::get()
            .settings("retry: { max_attempts: 1 }")
            .args(["--error-format", "json"])
            .outcome_at(&port.url());
        let all = [refused, limited, files, words, refusing];
        for outcome in &all {
            for line in outcome.stderr_text().lines() {
                let object: Value = serde_json::from_str(line).expect("an object a line");
                assert_eq!(object["level"], "error");
                assert_eq!(object["exit_code"], outcome.exit);
            }
        }
        insta::assert_snapshot!(transcript(&all));
    }
}

mod answers {
    use super::*;

    #[test]
    fn what_is_not_json_is_reported_as_such() {
        let page = "<!DOCTYPE html>\n<html><title>Sign in</title></html>";
        let all = [
            Answer::status(200).text("Hello \u{1b}[31mthere\nand more"),
            Answer::status(200).body("text/html", page),
            Answer::status(200).body("application/json", "{\"a\": 1"),
            Answer::status(200).body("application/json", "{\"a\": 1} {\"a\": 2}"),
            Answer::status(200).body("application/json", b"{\"a\": \"\xff\"}".as_slice()),
            Answer::status(200).body("application/json", "[".repeat(100_000)),
            Answer::status(200).body("application/octet-stream", b"\x00\xff\xfe".as_slice()),
        ]
        .map(|answer| outcome_of(vec![get_x().answers(answer)]));
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn the_content_type_does_not_decide() {
        let answer = || Answer::status(200).text("{\"a\": 1}");
        let bom = Answer::status(200).body("application/json", "\u{feff}{\"a\": 1}");
        for answer in [answer(), answer().chunked(3), bom] {
            let outcome = outcome_of(vec![get_x().answers(answer)]);
            assert_eq!(outcome.assert_exit(0).stdout_json(), json!({"a": 1}));
        }
    }

    #[test]
    fn lines_of_json_are_a_list() {
        let answer = Answer::status(200).body("application/x-ndjson", "{\"a\": 1}\n\n{\"a\": 2}\n");
        let outcome = Case::query("endpoint: /x\nrows: $[*]")
            .asks(vec![get_x().answers(answer)])
            .outcome;
        assert_eq!(outcome.stdout_json(), json!([{"a": 1}, {"a": 2}]));
    }

    #[test]
    fn an_empty_response_is_no_error() {
        let answers = [
            || Answer::status(204),
            || Answer::status(200).body("application/json", ""),
            || Answer::status(202).body("application/json", " \n"),
        ];
        let mut seen = Vec::new();
        for query in [
            "endpoint: /x",
            "endpoint: /x\nextract: { message: $.message }",
            "endpoint: /x\nrows: $.items[*]\nextract: { id: $.id }",
        ] {
            let printed = answers.map(|answer| {
                let seen = Case::query(query).asks(vec![get_x().answers(answer())]);
                seen.outcome.assert_exit(0).stdout_text()
            });
            assert!(
                printed.iter().all(|text| *text == printed[0]),
                "{printed:?}"
            );
            seen.push(format!("{query}\n--- stdout\n{}", printed[0]));
        }
        insta::assert_snapshot!(seen.join("\n"));
    }

    #[test]
    fn a_response_beyond_the_limit_is_refused() {
        let case = || Case::get().settings("max_body: 1KiB");
        let large = || Answer::status(200).json(&json!("x".repeat(1023)));
        let endless = case()
            .asks(vec![get_x().answers(Fault::EndlessBody)])
            .outcome;
        let long = case().asks(vec![get_x().answers(large())]).outcome;
        let chunked = case()
            .asks(vec![get_x().answers(large().chunked(100))])
            .outcome;
        let exact = Answer::status(200).json(&json!("x".repeat(1022)));
        case()
            .asks(vec![get_x().answers(exact)])
            .outcome
            .assert_exit(0);
        let all = [endless, long, chunked];
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_small_response_that_unpacks_to_a_large_one_is_refused() {
        let packed = packed_blanks();
        assert!(packed.len() < 1024);
        let answer = Answer::status(200)
            .header("content-encoding", "gzip")
            .body("application/json", packed);
        let outcome = Case::get()
            .settings("max_body: 64KiB")
            .asks(vec![get_x().answers(answer)])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(3).snapshot());
    }
}

mod redirects {
    use super::*;

    #[test]
    fn on_the_same_origin_they_are_followed_with_the_token() {
        let server = Server::start_with(|url| {
            vec![
                get_x().answers(Answer::redirect(301, "/api/v2/y?z=1")),
                Exchange::get("/api/v2/y?z=1")
                    .with_header("circle-token", CANARY)
                    .answers(Answer::redirect(307, &format!("{url}/w"))),
                Exchange::get("/w")
                    .with_header("circle-token", CANARY)
                    .answers(json!({"here": true})),
            ]
        });
        let seen = Case::get().asks_at(server);
        assert_eq!(seen.outcome.stdout_json(), json!({"here": true}));
    }

    #[test]
    fn to_another_origin_they_are_refused_and_nothing_goes_there() {
        let other = Server::start(vec![]);
        let elsewhere = format!("{}/steal?sig=secret-signature", other.url());
        let server = Server::start(vec![get_x().answers(Answer::redirect(302, &elsewhere))]);
        let seen = Case::get().asks_at(server);
        assert_eq!(other.connections(), 0);
        insta::assert_snapshot!(seen.outcome.assert_exit(3).snapshot());
        other.finish();
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let post = || Case::query("method: POST\nendpoint: /x").args(["--yes"]);
        let moved = |status| Answer::redirect(status, "/api/v2/y");
        let all = [
            Case::get().asks(vec![
                get_x()
                    .answers(Answer::redirect(302, "/api/v2/x"))
                    .times(11),
            ]),
            Case::get().asks(vec![get_x().answers(Answer::redirect(302, "http://[bad"))]),
            Case::get().asks(vec![get_x().answers(Answer::status(302))]),
            Case::get().asks(vec![
                get_x().answers(Answer::redirect(302, "file:///etc/passwd")),
            ]),
            post().asks(vec![Exchange::post("/api/v2/x").answers(moved(302))]),
            post().asks(vec![Exchange::post("/api/v2/x").answers(moved(308))]),
        ];
        let all = all.map(|seen| seen.outcome);
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }
}

mod retries {
    use super::*;

    const BUSY: u16 = 503;

    fn post() -> Case {
        Case::query("method: POST\nendpoint: /x")
            .settings(QUICK)
            .args(["--yes"])
    }

    #[test]
    fn a_read_is_sent_again_until_it_succeeds() {
        for fault in [
            Fault::CloseAtOnce,
            Fault::Reset,
            Fault::HalfAnswer("{\"a\": 1}".into()),
        ] {
            let outcome = outcome_of(vec![
                get_x().answers((BUSY, json!({}))),
                get_x().answers(fault),
                get_x().answers((500, json!({}))),
                get_x().answers(json!({"fine": true})),
            ]);
            assert_eq!(outcome.assert_exit(0).stdout_json(), json!({"fine": true}));
            assert_eq!(outcome.stderr_text(), "");
        }
    }

    #[test]
    fn a_read_is_given_up_after_the_last_attempt() {
        let outcome = outcome_of(vec![
            get_x().answers((BUSY, json!({"message": "busy"}))).times(5),
        ]);
        insta::assert_snapshot!(outcome.assert_exit(3).snapshot());
        for status in [400, 401, 404, 409, 501, 505] {
            let outcome = outcome_of(vec![get_x().answers((status, json!({})))]);
            assert_ne!(outcome.exit, 0);
        }
    }

    #[test]
    fn attempts_are_reported_with_verbosity() {
        let outcome = Case::get()
            .settings("retry: { base_delay: 0s }")
            .args(["-v"])
            .asks(vec![
                get_x().answers((BUSY, json!({}))),
                get_x().answers(Answer::status(429).header("retry-after", "0")),
                get_x().answers(Fault::CloseAtOnce),
                get_x(),
            ])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn a_write_is_not_repeated_where_the_server_may_have_acted() {
        let faults = [
            Exchange::post("/api/v2/x").answers((BUSY, json!({"message": "busy"}))),
            Exchange::post("/api/v2/x").answers(
                Answer::status(500)
                    .header("retry-after", "0")
                    .json(&json!({})),
            ),
            Exchange::post("/api/v2/x").answers(Fault::CloseAtOnce),
            Exchange::post("/api/v2/x").answers(Fault::Reset),
            Exchange::post("/api/v2/x").answers(Fault::HalfAnswer("{\"a\": 1}".into())),
        ];
        let all = faults.map(|exchange| post().asks(vec![exchange]).outcome);
        assert_eq!(all.each_ref().map(|outcome| outcome.exit), [3, 3, 5, 5, 5]);
        let slow = post()
            .settings("timeout: 100ms\nretry: { base_delay: 1ms }")
            // On a busy machine the time is over before it comes.
            .asks(vec![
                Exchange::post("/api/v2/x").at_least(0).answers(Fault::Hang),
            ]);
        slow.outcome.assert_exit(5);
        assert!(slow.requests.len() <= 1);
        insta::assert_snapshot!(transcript(all.iter().chain([&slow.outcome])));
    }

    #[test]
    fn a_write_is_repeated_where_the_server_cannot_have_acted() {
        let again = Answer::status(429)
            .header("retry-after", "0")
            .text("Rate limited.");
        let seen = Case::query("method: POST\nendpoint: /x\nbody: { json: { a: 1 } }")
            .args(["--yes"])
            .asks(vec![
                Exchange::post("/api/v2/x")
                    .with_json(json!({"a": 1}))
                    .answers(again),
                Exchange::post("/api/v2/x").with_json(json!({"a": 1})),
            ]);
        seen.outcome.assert_exit(0);
        // Never connected: told by the attempts that -v shows.
        let port = Server::refusing();
        let outcome = post().args(["-v"]).outcome_at(&port.url());
        let stderr = outcome.assert_exit(5).stderr_text();
        assert_eq!(stderr.matches("; attempt ").count(), 4, "{stderr}");
    }

    #[test]
    fn a_wait_longer_than_the_run_is_not_begun() {
        let outcome = Case::get()
            .args(["--timeout", "5s"])
            .with(|run| run.timeout(Duration::from_secs(4)))
            .asks(vec![
                get_x().answers(
                    Answer::status(429)
                        .header("retry-after", "3600")
                        .text("Rate limited."),
                ),
            ])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(3).snapshot());
    }

    #[test]
    fn a_long_wait_is_reported_and_can_be_interrupted() {
        let answer = Answer::status(429).header("retry-after", "3600");
        let outcome = Case::get()
            .with(|run| run.terminal(80).answer("for 1h\r\n", "\x03"))
            .asks(vec![get_x().answers(answer)])
            .outcome;
        // Where the terminal echoes the key is a race between it and the line's end.
        let seen = outcome.assert_exit(130).snapshot().replace("^C", "");
        insta::assert_snapshot!(seen);
    }
}

mod network {
    use super::*;

    const ONCE: &str = "retry: { max_attempts: 1 }";

    fn once(fault: Fault) -> Outcome {
        Case::get()
            .settings(ONCE)
            .asks(vec![get_x().answers(fault)])
            .outcome
    }

    #[test]
    fn a_proxy_that_is_none_is_not_passed_over() {
        let project = Project::new()
            .file(
                "resources/circleci.yaml",
                "type: circleci\nbase_url: https://circleci.example.test/api/v2\n",
            )
            .query("q", "resource: circleci\nendpoint: /x");
        let run = |proxy: &str| {
            let run = Run::in_(&project).args(["run", "q"]);
            run.env("https_proxy", proxy).outcome()
        };
        let wrong = run("garbage:///");
        let port = Server::refusing();
        let dead = run(&port.url());
        wrong.assert_exit(2);
        dead.assert_exit(5);
        insta::assert_snapshot!(transcript([&wrong, &dead]));
    }

    #[test]
    fn a_server_that_hangs_is_given_up() {
        let hang = || get_x().answers(Fault::Hang);
        let slow = Fault::slow(["{", "}"], Duration::from_secs(60));
        let case = || Case::get().settings("timeout: 300ms\nretry: { max_attempts: 1 }");
        let all = [
            case().asks(vec![hang()]).outcome,
            case().asks(vec![get_x().answers(slow)]).outcome,
        ];
        for outcome in &all {
            outcome.assert_exit(5);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_request_that_takes_too_long_does_not_end_the_run_from_outside() {
        let told = |case: Case| {
            let outcome = case
                .args(["--out", "x.json", "--error-format", "json"])
                .asks(vec![get_x().answers(Fault::Hang)])
                .outcome;
            let error: Value = serde_json::from_str(outcome.assert_exit(5).stderr_text().trim())
                .expect("an object");
            assert_eq!(error["code"], "timeout");
            ["not_written", "delivered"].map(|fact| error.get(fact).is_some())
        };
        let settings = "timeout: 300ms\nretry: { max_attempts: 1 }";
        assert_eq!(told(Case::get().settings(settings)), [false, false]);
        assert_eq!(
            told(Case::get().args(["--timeout", "300ms"])),
            [true, false]
        );
    }

    #[test]
    fn the_whole_run_has_a_time_limit() {
        let outcome = Case::get()
            .args(["--timeout", "200ms"])
            .asks(vec![get_x().answers(Fault::Hang)])
            .outcome;
        insta::assert_snapshot!(outcome.assert_exit(5).snapshot());
        let wrong = Case::get().args(["--timeout", "soon"]).asks_nothing();
        insta::assert_snapshot!("a_time_limit_that_is_none", wrong.assert_exit(2).snapshot());
    }

    #[test]
    fn a_slow_response_is_read_to_its_end() {
        let slow = Fault::slow(["{\"a\"", ": 1", "}"], Duration::from_millis(20));
        assert_eq!(once(slow).assert_exit(0).stdout_json(), json!({"a": 1}));
    }

    #[test]
    fn a_connection_that_breaks_is_reported() {
        let all = [
            Fault::HalfAnswer("{\"a\": 1}".into()),
            Fault::CloseAtOnce,
            Fault::Reset,
            Fault::Garbage,
            Fault::HugeHeader(1 << 20),
        ]
        .map(once);
        for outcome in &all {
            outcome.assert_exit(5);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_port_where_nobody_listens_is_reported() {
        let port = Server::refusing();
        let outcome = Case::get().settings(QUICK).outcome_at(&port.url());
        insta::assert_snapshot!(outcome.assert_exit(5).snapshot());
    }

    #[test]
    fn a_token_does_not_cross_the_network_in_the_clear() {
        let all = [
            "http://circleci.example.com",
            "http://10.0.0.1:8080",
            "http://localhost.example.com",
        ]
        .map(|url| Case::get().outcome_at(url));
        for outcome in &all {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_secret_of_the_resource_crosses_no_network_in_the_clear_without_auth_either() {
        for lines in [
            "headers: { X-Key: \"{{ env.CIRCLE_TOKEN }}\" }",
            "params: { key: \"{{ env.CIRCLE_TOKEN }}\" }",
        ] {
            let resource = |url: &str| format!("type: rest\nbase_url: {url}\nauth: none\n{lines}");
            let outcome = Case::get()
                .resource(&resource("http://10.0.0.1:8080"))
                .outcome_at("");
            outcome.assert_exit(2);
            let words = "a secret of `circleci` would be sent unencrypted to `10.0.0.1`";
            assert!(outcome.stderr_text().contains(words), "{lines}");
            let seen = Case::get()
                .resource(&resource("URL"))
                .asks(vec![Exchange::new(
                    "GET",
                    if lines.starts_with('h') {
                        "/x".to_owned()
                    } else {
                        format!("/x?key={}", "canary_4f9a%2BZq%2F81c7d%3De2Xw~KmR5tB0y")
                    }
                    .as_str(),
                )]);
            seen.outcome.assert_exit(0);
        }
    }

    #[test]
    fn names_of_this_machine_are_reached_with_the_token() {
        for host in ["localhost", "api.localhost"] {
            let server = Server::start(vec![get_x().with_header("circle-token", CANARY)]);
            let url = server.url().replace("127.0.0.1", host);
            Case::get().outcome_at(&url).assert_exit(0);
            server.finish();
        }
    }

    #[test]
    fn a_server_that_does_not_speak_tls_is_reported() {
        // An answer in plain text to what should be a handshake; the server calls it malformed.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let answering = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        });
        let outcome = Case::get()
            .settings(ONCE)
            .outcome_at(&format!("https://{address}"));
        answering.join().expect("answered");
        let stderr = outcome.assert_exit(5).stderr_text();
        assert!(stderr.starts_with("error[tls]: "), "{stderr}");
    }

    #[test]
    fn an_interrupt_ends_the_run() {
        let server = Server::start(vec![get_x().answers(Fault::Hang)]);
        let project = Case::get().project_at(&server.url());
        let running = Run::in_(&project)
            .args(["run", "q", "--out", "out.json"])
            .start();
        server.wait_for_requests(1);
        running.interrupt();
        insta::assert_snapshot!(running.finish().assert_exit(130).snapshot());
        assert_eq!(project.read("out.json"), None);
        server.finish();
    }
}

mod usage {
    use super::*;

    #[test]
    fn a_wrong_call_is_reported() {
        let project = Project::new()
            .file(
                "resources/circleci.yaml",
                "type: circleci\nbase_url: http://127.0.0.1:1\n",
            )
            .query("get-workflow", "resource: circleci\nendpoint: /workflow\n");
        let calls: [&[&str]; 15] = [
            &[],
            &["rum"],
            &["run"],
            &["run", "a=1"],
            &["run", "get-worklfow"],
            &["run", "queries/get-worklfow.yaml"],
            &["run", "resources/circleci.yaml"],
            &["run", "queries"],
            &["run", "get-workflow", "-o", "jsn"],
            &["run", "get-workflow", "--out", "a.docx"],
            &["run", "get-workflow", "--out", "no/such/folder/a.json"],
            &["run", "get-workflow", "--limit", "0"],
            &["run", "get-workflow", "--csv", "bom", "-o", "json"],
            &["run", "get-workflow", "--dry-run", "--curl"],
            &["run", "get-workflow", "get-workflow", "--out", "a.json"],
        ];
        let all = calls.map(|args| Run::in_(&project).args(args).outcome());
        for outcome in &all {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn what_was_meant_is_proposed_where_the_project_knows_it() {
        let project = Project::new()
            .circleci_at("http://127.0.0.1:1", "")
            .query(
                "failed-jobs",
                "resource: circleci\nvars: { branch: null, job_name: null, pin: { default: null, secret: true } }\n\
                 endpoint: /workflow\n",
            );
        let calls: [&[&str]; 9] = [
            &["failed-jobs"],
            &["queries/failed-jobs.yaml"],
            &["failed-job"],
            &["run", "failed-jobs", "--branch", "main"],
            &["run", "failed-jobs", "--job-name=e2e tests"],
            &["run", "failed-jobs", "--branch", "--limit", "3"],
            &["run", "failed-jobs", "--pin", "hunter2hunter2"],
            &["run", "failed-jobs", "--bransh", "main"],
            &[
                "run",
                "failed-jobs",
                "--branch",
                "main",
                "--error-format",
                "json",
            ],
        ];
        let all = calls.map(|args| Run::in_(&project).args(args).outcome());
        for outcome in &all {
            outcome.assert_exit(2);
            assert!(!outcome.stderr_text().contains("hunter2"));
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_folder_without_a_project_has_no_files_of_its_own() {
        let project = Project::none().file("alone.yaml", "endpoint: /x\n");
        let all = [
            &["run", "queries/get-workflow.yaml"][..],
            &["run", "alone.yaml"],
            &["show", "alone.yaml"],
            &["check", "."],
            &["check", "alone.yaml"],
            &["run", "nonsense"],
            &["show", "failed-job"],
            &["ping", "circelci"],
        ]
        .map(|args| Run::in_(&project).args(args).outcome());
        for outcome in &all {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_run_refuses_what_a_check_refuses() {
        let case =
            || Case::query("vars: { a: {} }\nendpoint: /{{ b }}\nextrakt: { x: id }\npoll: {}");
        let project = case().project_at("http://127.0.0.1:1");
        let run = Run::in_(&project).args(["run", "q", "a=1"]).outcome();
        let check = Run::in_(&project)
            .args(["check", "queries/q.yaml"])
            .outcome();
        assert!(
            check
                .assert_exit(2)
                .stderr_text()
                .starts_with(&run.stderr_text())
        );
        insta::assert_snapshot!(run.assert_exit(2).snapshot());
    }

    #[test]
    fn a_broken_file_beside_does_not_stop_a_run() {
        Case::get()
            .file("queries/broken.yaml", "endpoint: [\n")
            .file("resources/broken.yaml", "type: nonsense\n")
            .asks(vec![get_x()])
            .outcome
            .assert_exit(0);
    }
}

/// 128 KiB of blanks and `[]`, as gzip writes them.
fn packed_blanks() -> Vec<u8> {
    const START: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x41\x11\x00\x00\x0c\x02\xa0\x2a\xf6\xf2\xec\x5f\x63\x8f\xd5\x00\x12";
    const END: &[u8] = b"\x80\xd7\x1d\x8c\xd4\x81\x1a\x02\x00\x02\x00";
    [START, &[0; 126], END].concat()
}
