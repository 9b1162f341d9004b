//! The support holds what it promises; a stand-in for the binary is `/bin/sh`.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::secrets::Secret;
use super::{Answer, CANARY, Exchange, Fault, Outcome, Project, Received, Run, Server, redact};

/// Sends raw bytes and reads until the server closes.
fn send(server: &Server, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://"))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn get(server: &Server, target: &str) -> io::Result<String> {
    send(
        server,
        &format!("GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n"),
    )
}

fn shell<'p>(project: &'p Project, script: &str) -> Run<'p> {
    Run::program(project, "/bin/sh").args(["-c", script])
}

mod server {
    use super::*;

    #[test]
    fn a_request_is_recorded_byte_for_byte() {
        let server = Server::start(vec![Exchange::post("/a%2Fb?x=1&x=%C3%A9")]);
        let head = "POST /a%2Fb?x=1&x=%C3%A9 HTTP/1.1\r\nX-b: 2 \r\nx-A:1\r\n\
                    Content-Length: 7\r\nconnection: close\r\n\r\n";
        send(&server, &format!("{head}{{\"a\":1}}")).unwrap();
        let requests: Vec<Received> = server.finish();
        let [request] = &requests[..] else {
            panic!("one request was sent");
        };
        assert_eq!(request.head, head.as_bytes());
        assert_eq!(request.headers[0], (b"X-b".to_vec(), b"2".to_vec()));
        assert_eq!(request.header("X-a").as_deref(), Some("1"));
        assert_eq!(request.json(), json!({"a": 1}));
        assert_eq!(request.connection, 0);
        assert!(request.at.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let server = Server::start(vec![Exchange::new("PUT", "/")]);
        let head = "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        send(
            &server,
            &format!("{head}3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\nt: 1\r\n\r\n"),
        )
        .unwrap();
        assert_eq!(server.finish()[0].body, b"abc0123456789");
    }

    #[test]
    fn one_target_answers_in_sequence_and_others_in_any_order() {
        let server = Server::start(vec![
            Exchange::get("/a").answers((503, json!("first"))),
            Exchange::get("/a").answers(json!("then")).times(2),
            Exchange::get("/b").answers(Answer::status(200).text("b")),
            Exchange::get("/c").at_least(0),
        ]);
        let answers = ["/b", "/a", "/a", "/a"].map(|target| get(&server, target).unwrap());
        let bodies = answers.map(|answer| answer.rsplit("\r\n").next().unwrap().to_owned());
        assert_eq!(bodies, ["b", "\"first\"", "\"then\"", "\"then\""]);
        server.finish();
    }

    #[test]
    fn one_connection_carries_many_requests() {
        let server = Server::start(vec![Exchange::get("/").times(2)]);
        let keep = "GET / HTTP/1.1\r\n\r\n";
        send(
            &server,
            &format!("{keep}GET / HTTP/1.1\r\nconnection: close\r\n\r\n"),
        )
        .unwrap();
        assert_eq!(server.connections(), 1);
        assert_eq!(server.max_in_flight(), 1);
        server.finish();
    }

    #[test]
    fn answers_wait_for_each_other() {
        let server = Server::start(vec![Exchange::get("/").times(3).together(3)]);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| get(&server, "/").unwrap());
            }
        });
        assert_eq!(server.max_in_flight(), 3);
        assert_eq!(server.connections(), 3);
        server.finish();
    }

    #[test]
    fn a_response_may_name_the_server_itself() {
        let server = Server::start_with(|url| {
            let to = format!("{url}/b");
            vec![Exchange::get("/a").answers(Answer::redirect(302, &to))]
        });
        let answer = get(&server, "/a").unwrap();
        assert!(answer.contains(&format!("location: {}/b\r\n", server.url())));
        server.finish();
    }

    #[test]
    fn bodies_are_framed_by_what_they_are() {
        let body = Answer::status(200).body("text/csv", "a,b,c").chunked(2);
        let server = Server::start(vec![
            Exchange::get("/chunked").answers(body.after(Duration::from_millis(1))),
            Exchange::new("HEAD", "/").answers(json!([1])),
            Exchange::get("/none").answers(Answer::status(204)),
        ]);
        let chunked = get(&server, "/chunked").unwrap();
        assert!(
            chunked.ends_with("\r\n\r\n2\r\na,\r\n2\r\nb,\r\n1\r\nc\r\n0\r\n\r\n"),
            "{chunked}"
        );
        let head = send(&server, "HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
        assert!(head.contains("content-length: 3\r\n") && head.ends_with("\r\n\r\n"));
        assert!(!get(&server, "/none").unwrap().contains("content-length"));
        server.finish();
    }

    #[test]
    #[should_panic(expected = "unused: GET /never (0 of 1 times)")]
    fn an_unused_expectation_fails_when_it_is_dropped() {
        drop(Server::start(vec![Exchange::get("/never")]));
    }

    #[test]
    #[should_panic(expected = "unexpected: GET /other (nothing expects it)")]
    fn an_unexpected_request_fails() {
        let server = Server::start(vec![]);
        let answer = get(&server, "/other").unwrap();
        assert!(answer.starts_with("HTTP/1.1 501"));
        server.finish();
    }

    #[test]
    #[should_panic(expected = "unexpected: GET /a (expected 1 times)")]
    fn once_too_often_fails() {
        let server = Server::start(vec![Exchange::get("/a")]);
        get(&server, "/a").unwrap();
        get(&server, "/a").unwrap();
        server.finish();
    }

    #[test]
    #[should_panic(
        expected = "(it lacks `circle-token: good`, no `connection`, the body {\"a\":1})"
    )]
    fn unmet_conditions_are_named() {
        let server = Server::start(vec![
            Exchange::get("/a")
                .with_header("circle-token", "good")
                .without_header("connection")
                .with_json(json!({"a": 1})),
        ]);
        get(&server, "/a").unwrap();
        server.finish();
    }

    #[test]
    #[should_panic(expected = "a thread of the server panicked")]
    fn a_panic_of_a_condition_fails() {
        let condition = Exchange::get("/").when("a panic", |_| panic!("no"));
        let server = Server::start(vec![condition]);
        let _ = get(&server, "/");
        server.finish();
    }

    #[test]
    #[should_panic(expected = "not an HTTP/1.1 request: hello")]
    fn a_request_that_is_not_http_fails() {
        let server = Server::start(vec![]);
        let _ = send(&server, "hello\r\n\r\n");
        server.finish();
    }

    #[test]
    fn a_refusing_port_refuses() {
        let refusing = Server::refusing();
        let url = refusing.url();
        let error = TcpStream::connect(url.trim_start_matches("http://")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

mod faults {
    use super::*;

    fn suffer(fault: Fault) -> io::Result<String> {
        let server = Server::start(vec![Exchange::get("/").answers(fault)]);
        let answer = get(&server, "/");
        server.finish();
        answer
    }

    #[test]
    fn a_hang_ends_with_the_server() {
        let server = Server::start(vec![Exchange::get("/").answers(Fault::Hang)]);
        thread::scope(|scope| {
            let answer = scope.spawn(|| {
                let request = "GET / HTTP/1.1\r\n\r\n";
                let mut stream = TcpStream::connect(server.url().trim_start_matches("http://"))?;
                stream.write_all(request.as_bytes())?;
                server.wait_for_requests(1);
                stream.shutdown(Shutdown::Write)?;
                stream.read(&mut [0])
            });
            assert_eq!(answer.join().unwrap().unwrap(), 0);
        });
        assert_eq!(server.requests().len(), 1);
        let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
        server.finish();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_slow_body_is_whole() {
        let fault = Fault::slow(["{\"a\"", ":1}"], Duration::from_millis(5));
        assert!(
            suffer(fault)
                .unwrap()
                .ends_with("content-length: 7\r\n\r\n{\"a\":1}")
        );
    }

    #[test]
    fn a_slow_body_ends_with_the_server() {
        let fault = Fault::slow(["{", "}"], Duration::from_secs(3600));
        let server = Server::start(vec![Exchange::get("/").answers(fault)]);
        let url = server.url();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        server.wait_for_requests(1);
        server.finish();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(!answer.ends_with('}'));
    }

    #[test]
    fn half_a_response_is_half() {
        let answer = suffer(Fault::HalfAnswer("[1,2]".to_owned())).unwrap();
        assert!(answer.ends_with("content-length: 5\r\n\r\n[1"), "{answer}");
    }

    #[test]
    fn a_close_gives_no_byte() {
        assert_eq!(suffer(Fault::CloseAtOnce).unwrap(), "");
    }

    #[test]
    fn a_reset_is_a_reset() {
        let error = suffer(Fault::Reset).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let server = Server::start(vec![Exchange::post("/").answers(Fault::Reset)]);
        let error = send(&server, "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(server.finish()[0].body, b"{}");
    }

    #[test]
    fn garbage_is_no_http() {
        assert!(!suffer(Fault::Garbage).unwrap().starts_with("HTTP"));
    }

    #[test]
    fn a_huge_header_is_huge() {
        assert!(suffer(Fault::HugeHeader(1 << 20)).unwrap().len() > 1 << 20);
    }

    #[test]
    fn an_endless_body_goes_on_until_the_client_goes() {
        let server = Server::start(vec![Exchange::get("/").answers(Fault::EndlessBody)]);
        let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        stream.read_exact(&mut vec![0; 1 << 20]).unwrap();
        drop(stream);
        server.finish();
    }
}

mod run {
    use super::*;

    #[test]
    fn the_environment_is_clean() {
        let project = Project::new();
        let outcome = Run::program(&project, "env")
            .env("X", "1")
            .env("CIRCLE_TOKEN", "short")
            .outcome();
        let names = outcome.stdout_text();
        let mut names: Vec<_> = names
            .lines()
            .filter_map(|line| line.split('=').next())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["CIRCLE_TOKEN", "HOME", "PATH", "TZ", "X"]);
    }

    #[test]
    fn folders_have_placeholders() {
        let project = Project::new();
        let outcome = shell(&project, "pwd; cd; pwd; echo ${#CIRCLE_TOKEN}").outcome();
        insta::assert_snapshot!(outcome.snapshot(), @r"
        $ runner -c 'pwd; cd; pwd; echo ${#CIRCLE_TOKEN}'
        --- stdout
        [PROJECT]
        [HOME]
        34
        --- stderr
        --- exit 0
        ");
    }

    #[test]
    fn streams_exit_code_and_input_come_through() {
        let project = Project::new();
        let outcome = shell(&project, "cat; printf '\\033[1mé\\007' >&2; exit 7")
            .stdin("{\"a\": 1}\n")
            .without_env("CIRCLE_TOKEN")
            .outcome();
        assert_eq!(outcome.assert_exit(7).stdout_json(), json!({"a": 1}));
        assert_eq!(outcome.stderr_text(), "\u{1b}[1mé\u{7}");
        insta::assert_snapshot!(outcome.snapshot(), @r#"
        $ runner -c 'cat; printf '\''\033[1mé\007'\'' >&2; exit 7'
        --- stdout
        {"a": 1}
        --- stderr
        ␛[1mé\u{7}
        [no line feed at the end]
        --- exit 7
        "#);
    }

    #[test]
    fn a_project_has_its_files() {
        let server = Server::start(vec![]);
        let project = Project::new()
            .circleci(&server)
            .query("me", "endpoint: /me\n");
        let outcome = shell(&project, "cat resources/* queries/*; echo new > out.txt").outcome();
        insta::assert_snapshot!(outcome.stdout_text().replace(&server.url(), "[URL]"), @r#"
        name: circleci
        type: circleci
        base_url: [URL]/api/v2
        auth: { token: "{{ env.CIRCLE_TOKEN }}" }
        endpoint: /me
        "#);
        assert_eq!(project.read("out.txt").as_deref(), Some("new\n"));
        assert_eq!(project.read("none"), None);
    }

    #[test]
    fn the_built_binary_is_run() {
        let project = Project::new();
        let outcome: Outcome = Run::in_(&project).args(["--no-such-option"]).outcome();
        assert_ne!(outcome.exit, 0);
        assert!(
            outcome
                .snapshot()
                .starts_with("$ runner --no-such-option\n")
        );
    }

    #[test]
    #[should_panic(expected = "exit 3, not 0:\n$ runner -c 'exit 3'")]
    fn a_wrong_exit_code_shows_everything() {
        shell(&Project::new(), "exit 3").outcome().assert_exit(0);
    }

    #[test]
    #[should_panic(expected = "did not end in 200ms\n--- stdout so far\nhere\n")]
    fn what_does_not_end_is_killed() {
        let project = Project::new();
        shell(&project, "echo here; exec sleep 60")
            .timeout(Duration::from_millis(200))
            .outcome();
    }

    #[test]
    #[should_panic(expected = "did not end in 200ms")]
    fn what_waits_for_open_input_does_not_end() {
        let project = Project::new();
        shell(&project, "exec cat")
            .stdin_left_open()
            .timeout(Duration::from_millis(200))
            .outcome();
    }

    #[test]
    fn an_interrupt_reaches_the_program() {
        let server = Server::start(vec![]);
        let project = Project::new();
        let script = "trap 'exit 130' INT; echo > ready; while :; do sleep 0.01; done";
        let running = shell(&project, script).start();
        while project.read("ready").is_none() {
            thread::yield_now();
        }
        running.interrupt();
        running.finish().assert_exit(130);
        server.finish();
    }

    #[test]
    fn a_reader_may_close_early() {
        let project = Project::new();
        let outcome = shell(&project, "while echo yes; do :; done 2>&-; exit 4")
            .stdout_closed_after(4)
            .outcome();
        assert_eq!(outcome.stdout_text(), "yes\n");
    }
}

mod terminal {
    use super::*;

    #[test]
    fn a_person_sees_and_answers() {
        let project = Project::new();
        let script = "test -t 0 && test -t 1 && test -t 2 && stty size; echo \"it's\" >&2
            printf 'Send? [y/N] '; read answer; printf 'Sure? '; read more
            echo \"got $answer $more\"; exit 7";
        let outcome = shell(&project, script)
            .terminal(93)
            .answer("[y/N] ", "y\n")
            .answer("Sure? ", "n\n")
            .outcome();
        let seen = outcome.assert_exit(7).snapshot();
        let (_, screen) = seen.split_once("--- ").unwrap();
        insta::assert_snapshot!(screen, @r"
        terminal of 93 columns
        50 93
        it's
        Send? [y/N] y
        Sure? n
        got y n
        --- exit 7
        ");
    }

    #[test]
    fn control_c_is_an_interrupt() {
        let project = Project::new();
        let outcome = shell(
            &project,
            "trap 'echo; exit 130' INT; printf 'wait'; sleep 20",
        )
        .terminal(80)
        .answer("wait", "\x03")
        .outcome();
        outcome.assert_exit(130);
    }

    #[test]
    #[should_panic(expected = "the prompt `Sure?` never came:")]
    fn a_prompt_that_never_comes_fails() {
        let project = Project::new();
        shell(&project, "true")
            .terminal(80)
            .answer("Sure?", "y\n")
            .outcome();
    }
}

mod secrets {
    use super::*;

    #[test]
    #[should_panic(expected = "a secret is on stderr (`canary_4f9`)")]
    fn the_canary_on_stderr_fails() {
        shell(&Project::new(), "echo $CIRCLE_TOKEN >&2").outcome();
    }

    #[test]
    #[should_panic(expected = "a secret is on stdout (`bearer-of-`)")]
    fn another_token_fails_too() {
        let project = Project::new();
        shell(&project, "echo $CIRCLE_TOKEN")
            .env("CIRCLE_TOKEN", "bearer-of-news")
            .outcome();
    }

    #[test]
    #[should_panic(expected = "a secret is on stdout (`hunter22`)")]
    fn a_named_secret_fails() {
        shell(&Project::new(), "echo user:hunter22")
            .secret("hunter22")
            .outcome();
    }

    #[test]
    #[should_panic(expected = "the canary is in a file: ")]
    fn the_canary_in_a_file_fails() {
        shell(&Project::new(), "mkdir a; echo $CIRCLE_TOKEN > a/b").outcome();
    }

    #[test]
    fn every_form_is_found() {
        let canary = Secret::new(CANARY);
        let forms = [
            "canary_4f9a%2BZq%2F81c7d%3De2Xw~KmR5tB0y",
            "canary_4f9a%2bZq%2f81c7d%3de2Xw~KmR5tB0y",
            // The token, `TOKEN:`, `me:TOKEN`, `user:TOKEN`, by coreutils' `base64`.
            "Y2FuYXJ5XzRmOWErWnEvODFjN2Q9ZTJYd35LbVI1dEIweQ==",
            "Y2FuYXJ5XzRmOWErWnEvODFjN2Q9ZTJYd35LbVI1dEIweTo=",
            "bWU6Y2FuYXJ5XzRmOWErWnEvODFjN2Q9ZTJYd35LbVI1dEIweQ==",
            "dXNlcjpjYW5hcnlfNGY5YStacS84MWM3ZD1lMlh3fkttUjV0QjB5",
            "cut short: canary_4f9a+Zq/8…",
        ];
        for form in forms {
            assert!(canary.leak_in(form).is_some(), "{form}");
        }
        assert_eq!(canary.leak_in("canary in $CIRCLE_TOKEN"), None);
    }
}

mod redaction {
    use super::*;

    #[test]
    fn what_a_clock_measured_goes_and_what_a_file_says_stays() {
        for (text, expected) in [
            ("in 12 ms", "in [TIME]"),
            ("(1.2s)", "([TIME])"),
            ("0.5 s, 3µs.", "[TIME], [TIME]."),
            ("after 30s", "after 30s"),
            ("5 seconds, 3 msgs", "5 seconds, 3 msgs"),
            ("v1.2ms a12ms 1.2.3s", "v1.2ms a12ms 1.2.3s"),
            ("2019-08-24T14:15:22Z", "2019-08-24T14:15:22Z"),
            ("7", "7"),
        ] {
            assert_eq!(redact::durations(text), expected);
        }
    }

    #[test]
    fn only_the_times_of_the_run_go() {
        let days = ["2026-01-31".to_owned()];
        let text = "at 2026-01-31T10:00:00.5Z, not 2019-08-24T14:15:22Z, 2026-01-31 too.";
        let expected = "at [TIME], not 2019-08-24T14:15:22Z, 2026-01-31 too.";
        assert_eq!(redact::times_of(&days, text), expected);
    }

    #[test]
    fn only_ports_of_loopback_go() {
        let text = "http://127.0.0.1:4711/a localhost:80 https://x.example:8443";
        let expected = "http://127.0.0.1:[PORT]/a localhost:[PORT] https://x.example:8443";
        assert_eq!(redact::ports(text), expected);
    }

    #[test]
    fn days_are_civil() {
        let day =
            |days: u64| redact::day_of(std::time::UNIX_EPOCH + Duration::from_secs(days * 86_400));
        assert_eq!(
            [day(0), day(11_016), day(20_484)],
            ["1970-01-01", "2000-02-29", "2026-01-31"]
        );
    }
}
