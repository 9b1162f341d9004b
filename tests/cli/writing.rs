//! Methods that write, and requests that are shown without being sent.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::json;

use crate::case::{Case, transcript};
use crate::support::{CANARY, Exchange, Project, Received, Run, Server};

/// A query that writes; its question names its var.
const CANCEL: &str = "vars: { id: {} }
method: POST
endpoint: /workflow/{{ id }}/cancel
body: { json: { id: \"{{ id }}\" } }
confirm: Cancel {{ id }}?";

fn cancel() -> Case {
    Case::query(CANCEL).args(["id=w-1"])
}

fn cancelled() -> Exchange {
    Exchange::post("/api/v2/workflow/w-1/cancel").answers((202, json!({"message": "Accepted."})))
}

mod asking {
    use super::*;

    fn on_terminal(answer: &'static str) -> Case {
        cancel().with(move |run| {
            let run = run.terminal(80).env("NO_COLOR", "1");
            run.answer("[y/N] ", answer)
        })
    }

    #[test]
    fn without_a_terminal_nothing_is_sent_unasked() {
        let question = cancel().asks_nothing();
        let plain = Case::query("method: DELETE\nendpoint: /x").asks_nothing();
        let open = cancel()
            .with(|run| run.env("CI", "true").stdin_left_open())
            .asks_nothing();
        let piped = cancel().with(|run| run.stdin("y\n")).asks_nothing();
        for outcome in [&question, &plain, &open, &piped] {
            outcome.assert_exit(7);
        }
        insta::assert_snapshot!(transcript([&question, &plain]));
    }

    #[test]
    fn with_yes_it_is_sent() {
        for yes in ["--yes", "-y"] {
            let seen = cancel().args([yes]).asks(vec![cancelled()]);
            assert_eq!(
                seen.outcome.assert_exit(0).stdout_json(),
                json!({"message": "Accepted."})
            );
        }
    }

    #[test]
    fn on_a_terminal_yes_sends_it() {
        for yes in ["y\n", "YES\n"] {
            on_terminal(yes)
                .asks(vec![cancelled()])
                .outcome
                .assert_exit(0);
        }
        let seen = on_terminal("y\n").asks(vec![cancelled()]);
        insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn on_a_terminal_anything_else_does_not() {
        // The last is Ctrl-D: the end of the input.
        let answers = ["n\n", "\n", "yess\n", "\x04"];
        let all = answers.map(|answer| on_terminal(answer).asks_nothing());
        for outcome in &all {
            outcome.assert_exit(7);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn messages_after_the_end_of_the_input_have_a_line_of_their_own() {
        let screen = on_terminal("\x04").asks_nothing().stdout_text();
        assert!(screen.contains("\nerror[declined]"), "{screen}");
    }

    #[test]
    fn an_interrupt_at_the_question_sends_nothing() {
        on_terminal("\x03").asks_nothing().assert_exit(130);
    }

    #[test]
    fn without_a_question_of_its_own_it_asks_too() {
        let outcome = Case::query("method: DELETE\nendpoint: /x")
            .with(|run| {
                run.terminal(80)
                    .env("NO_COLOR", "1")
                    .answer("[y/N] ", "n\n")
            })
            .asks_nothing();
        insta::assert_snapshot!(outcome.assert_exit(7).snapshot());
    }

    #[test]
    fn a_read_only_resource_refuses_every_write() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let outcome = Case::query(&format!("method: {method}\nendpoint: /x"))
                .settings("access: read-only")
                .args(["--yes"])
                .asks_nothing();
            outcome.assert_exit(7);
            if method == "DELETE" {
                insta::assert_snapshot!(outcome.snapshot());
            }
        }
    }

    #[test]
    fn a_write_only_resource_is_not_polled() {
        let query = "method: POST\nendpoint: /x\npoll: { endpoint: /state, until: \"true\" }";
        let outcome = Case::query(query)
            .settings("access: write-only")
            .args(["--yes"])
            .asks_nothing();
        let stderr = outcome.assert_exit(7).stderr_text();
        assert!(stderr.contains("`q` reads: GET /state"), "{stderr}");
    }

    #[test]
    fn an_environment_may_be_read_only() {
        let case = || {
            Case::query("method: POST\nendpoint: /x").resource(
                "type: circleci\nbase_url: URL/api/v2\nenvironments: { live: { access: read-only } }",
            )
        };
        case()
            .args(["--yes", "--env", "live"])
            .asks_nothing()
            .assert_exit(7);
        let seen = case()
            .args(["--yes"])
            .asks(vec![Exchange::post("/api/v2/x")]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn of_several_queries_none_is_sent_if_one_is_refused() {
        let server = Server::start(vec![]);
        let project = Project::new()
            .circleci(&server)
            .query("read", "resource: circleci\nendpoint: /read\n")
            .query(
                "write",
                "resource: circleci\nmethod: POST\nendpoint: /write\n",
            );
        let run = Run::in_(&project).args(["run", "read", "write"]);
        run.outcome().assert_exit(7);
        server.finish();
    }
}

mod dry_run {
    use super::*;

    #[test]
    fn a_dry_run_shows_the_request_and_sends_nothing() {
        let outcome = cancel().args(["--dry-run"]).asks_nothing();
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn every_form_of_body_and_auth_is_shown() {
        let here = |auth: &str| {
            format!(
                "type: rest\nbase_url: URL\nheaders: {{ X-Key: \"{{{{ env.CIRCLE_TOKEN }}}}\" }}\nauth: {auth}"
            )
        };
        let bodies = [
            (
                "form: { a: \"{{ a }}\", b: [1, 2] }",
                "{ bearer: \"{{ env.CIRCLE_TOKEN }}\" }",
            ),
            (
                "text: \"{{ a }}\"",
                "{ basic: { username: ci, password: \"{{ env.CIRCLE_TOKEN }}\" } }",
            ),
            (
                "file: note.txt",
                "{ query: { name: key, value: \"{{ env.CIRCLE_TOKEN }}\" } }",
            ),
            (
                "file: bytes.bin",
                "{ header: { name: X-Api-Key, value: \"{{ env.CIRCLE_TOKEN }}\" } }",
            ),
            (
                "multipart: { note: \"{{ a }}\", log: { file: note.txt, content_type: text/plain } }",
                "{ command: [sh, -c, \"touch started; echo $CIRCLE_TOKEN\"] }",
            ),
        ];
        let all = bodies.map(|(body, auth)| {
            let case = Case::query(&format!(
                "vars: {{ a: {{}} }}\nmethod: POST\nendpoint: /x?y=1\nbody: {{ {body} }}"
            ));
            let project = case
                .resource(&here(auth))
                .file("note.txt", "first\nsecond\n")
                .file("bytes.bin", b"\x00\xff")
                .project_at("http://127.0.0.1:1");
            let outcome = Run::in_(&project)
                .args(["run", "q", "a=x & y", "--dry-run"])
                .outcome();
            outcome.assert_exit(0);
            assert_eq!(project.read("started"), None, "a dry run starts no command");
            outcome
        });
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let outcome = Case::query(
            "vars: { key: { secret: true }, plain: {} }
method: POST
endpoint: /x/{{ key }}
params: { key: \"{{ key }}\", both: \"{{ plain }}-{{ key }}\" }
headers: { X-Key: \"{{ key | upper }}\" }
body: { json: { key: \"{{ key }}\", list: [\"{{ key }}\"], env: \"{{ env.CIRCLE_TOKEN }}\" } }",
        )
        .args(["key=open sesame", "plain=visible", "--dry-run"])
        .with(|run| run.secret("open sesame"))
        .asks_nothing();
        let shown = outcome.assert_exit(0).snapshot();
        insta::assert_snapshot!(shown.replace("open sesame", "[SECRET]"));
    }

    #[test]
    fn a_secret_that_a_filter_changed_is_masked_as_a_whole() {
        for filter in [
            "upper",
            "lower",
            "title",
            "reverse",
            "urlencode",
            "replace('e', '3')",
            "tojson",
        ] {
            let outcome = Case::query(&format!(
                "vars: {{ key: {{ secret: true }} }}
method: POST
endpoint: /x
headers: {{ X-Key: \"{{{{ key | {filter} }}}}\" }}
body: {{ json: {{ key: \"{{{{ key | {filter} }}}}\" }} }}"
            ))
            .args(["key=Open-Sesame", "--dry-run"])
            .with(|run| {
                run.secret("Open-Sesame")
                    .secret("OPEN-SESAME")
                    .secret("open-sesame")
            })
            .asks_nothing();
            let shown = outcome.assert_exit(0).stdout_text();
            assert!(shown.contains("x-key: ***\n"), "{filter}: {shown}");
            assert!(
                shown.ends_with("\n{\"key\":\"***\"}\n"),
                "{filter}: {shown}"
            );
        }
    }

    #[test]
    fn several_requests_are_shown_apart() {
        let project = Project::new()
            .circleci_at("http://127.0.0.1:1", "")
            .query("one", "resource: circleci\nendpoint: /one\n")
            .query("two", "resource: circleci\nendpoint: /two\n");
        let outcome = Run::in_(&project)
            .args(["run", "one", "two", "--dry-run"])
            .outcome();
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn what_cannot_be_rendered_is_refused_here_too() {
        for flag in ["--dry-run", "--curl"] {
            Case::query("vars: { x: {} }\nendpoint: /a/{{ x }}")
                .args(["x=..", flag])
                .asks_nothing()
                .assert_exit(2);
        }
    }
}

mod curl {
    use super::*;

    /// Values that break a careless quoting.
    const NASTY: [&str; 9] = [
        "it's \"quoted\" \\ `id` $HOME $(id) !x",
        "@/etc/passwd",
        "<a & b>; | {x,y} [1-3] *?",
        "two\nlines\r\n\tand a tab",
        "feature/a b&c#1+é%41 日本語 🚀",
        "-X DELETE --url http://evil",
        "=equals;semicolon",
        "'",
        " leading and trailing ",
    ];

    /// A request sent both by `runner` and by the output of `--curl`.
    struct Shown<'c> {
        resource: &'c str,
        query: &'c str,
        args: Vec<String>,
        method: &'c str,
        target: String,
    }

    impl Shown<'_> {
        /// Asserts that the server cannot tell the two apart.
        #[track_caller]
        fn assert_same(&self) {
            let Self { method, target, .. } = self;
            let server = Server::start(vec![Exchange::new(method, target).times(2)]);
            let project = Case::query(self.query)
                .resource(self.resource)
                .file("note.txt", "first\r\nsecond\n")
                .file("it's a \"note\".txt", "first\r\nsecond\n")
                .project_at(&server.url());
            let run = |flag: &str| {
                let run = Run::in_(&project)
                    .env("CI_USER", "ro'bot")
                    .env("KEY", KEY)
                    .secret(KEY);
                run.args(["run", "q", flag]).args(&self.args).outcome()
            };
            run("--yes").assert_exit(0);
            let line = run("--curl").assert_exit(0).stdout_text();
            run_line(&project, &line);
            let requests = server.finish();
            let [of_runner, of_curl] = &requests[..] else {
                panic!("{} requests came, not two", requests.len());
            };
            assert_eq!(facts(of_runner), facts(of_curl), "{line}");
            assert_eq!(body(of_runner), body(of_curl), "{line}");
        }
    }

    /// Pastes a line into a shell.
    #[track_caller]
    fn run_line(project: &Project, line: &str) {
        let shell = Command::new("sh")
            .args(["-c", line])
            .current_dir(project.home())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([
                ("CIRCLE_TOKEN", CANARY),
                ("CI_USER", "ro'bot"),
                ("KEY", KEY),
            ])
            .output()
            .expect("a shell");
        assert!(shell.status.success(), "{line}\n{shell:?}");
    }

    /// A secret value of the environment.
    const KEY: &str = "k3y-of-the-house";

    const TOKEN: &str = "type: circleci\nbase_url: URL/api/v2";

    /// As `runner` encodes a segment or a parameter.
    fn encoded(value: &str) -> String {
        const LEFT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~');
        percent_encoding::utf8_percent_encode(value, LEFT).to_string()
    }

    #[test]
    fn a_value_in_the_address_stays_what_it_is() {
        for value in NASTY {
            let encoded = encoded(value);
            Shown {
                resource: TOKEN,
                query: "vars: { v: {} }\nendpoint: /a/{{ v }}/b?x={{ v }}\nparams: { y: \"{{ v }}\" }",
                args: vec![typed(value)],
                method: "GET",
                target: format!("/api/v2/a/{encoded}/b?x={encoded}&y={encoded}"),
            }
            .assert_same();
        }
    }

    #[test]
    fn a_value_in_a_header_stays_what_it_is() {
        for value in NASTY.into_iter().filter(|value| !value.contains('\n')) {
            Shown {
                resource: TOKEN,
                query: "vars: { v: {} }\nendpoint: /x
headers: { X-V: \"{{ v }}\", X-Empty: '', Accept: null, User-Agent: me }",
                args: vec![typed(value)],
                method: "GET",
                target: "/api/v2/x".to_owned(),
            }
            .assert_same();
        }
    }

    #[test]
    fn a_value_in_a_body_stays_what_it_is() {
        for body in [
            "{ json: { v: \"{{ v }}\", n: 1, none: null } }",
            "{ form: { v: \"{{ v }}\", \"a b\": [1, 2] } }",
            "{ text: \"{{ v }}\" }",
            "{ multipart: { v: \"{{ v }}\", log: { file: note.txt, content_type: text/plain } } }",
            "{ file: \"it's a \\\"note\\\".txt\" }",
        ] {
            for value in NASTY {
                Shown {
                    resource: TOKEN,
                    query: &format!(
                        "vars: {{ v: {{}} }}\nmethod: POST\nendpoint: /x\nbody: {body}"
                    ),
                    args: vec![typed(value)],
                    method: "POST",
                    target: "/api/v2/x".to_owned(),
                }
                .assert_same();
            }
        }
    }

    #[test]
    fn every_method_stays_what_it_is() {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            Shown {
                resource: TOKEN,
                query: &format!("method: {method}\nendpoint: /x"),
                args: Vec::new(),
                method,
                target: "/api/v2/x".to_owned(),
            }
            .assert_same();
        }
    }

    #[test]
    fn every_form_of_auth_stays_what_it_is() {
        for auth in [
            "{ bearer: \"{{ env.CIRCLE_TOKEN }}\" }",
            "{ basic: { username: \"{{ env.CI_USER }}\", password: \"{{ env.CIRCLE_TOKEN }}\" } }",
            "{ basic: { username: \"{{ env.CIRCLE_TOKEN }}\", password: '' } }",
            "{ header: { name: X-Api-Key, value: \"Key {{ env.CIRCLE_TOKEN }}!\" } }",
            "{ command: [sh, -c, \"echo \\\"$CIRCLE_TOKEN\\\"\"] }",
            "none",
        ] {
            Shown {
                resource: &format!("type: rest\nbase_url: URL\nauth: {auth}"),
                query: "endpoint: /x\nparams: { a: 1 }",
                args: Vec::new(),
                method: "GET",
                target: "/x?a=1".to_owned(),
            }
            .assert_same();
        }
    }

    /// Lines with a secret in a URL or in JSON call jq, which not every machine has. CI installs it.
    fn has_jq() -> bool {
        let found = std::process::Command::new("jq").arg("--version").output();
        found.is_ok()
    }

    #[test]
    fn a_query_key_stays_what_it_is() {
        if !has_jq() {
            return;
        }
        // Some versions of curl write the digits of an escape in lower case, which means the same.
        let upper = format!("/x?a=1&api_key={}", encoded(CANARY));
        let lower = upper
            .replace("%2B", "%2b")
            .replace("%2F", "%2f")
            .replace("%3D", "%3d");
        let server = Server::start(vec![
            Exchange::get(&upper).at_least(1),
            Exchange::get(&lower).at_least(0),
        ]);
        let project = Case::query("endpoint: /x\nparams: { a: 1 }")
            .resource("type: rest\nbase_url: URL\nauth: { query: { name: api_key, value: \"{{ env.CIRCLE_TOKEN }}\" } }")
            .project_at(&server.url());
        let run = |flag: &str| Run::in_(&project).args(["run", "q", flag]).outcome();
        run("--yes").assert_exit(0);
        run_line(&project, &run("--curl").assert_exit(0).stdout_text());
        let requests = server.finish();
        assert_eq!(requests.len(), 2);
        assert_eq!(facts(&requests[0]), facts(&requests[1]));
    }

    #[test]
    fn a_secret_comes_from_the_environment() {
        if !has_jq() {
            return;
        }
        Shown {
            resource: "type: circleci\nbase_url: URL\nheaders: { X-Key: \"<{{ env.KEY }}>\" }",
            query:
                "vars: { key: { secret: true, default: \"{{ env.KEY }}\" }, e: \"{{ env.KEY }}\" }
method: POST
endpoint: /{{ key }}
params: { k: \"a {{ key }} b\" }
body: { json: { k: \"{{ key }}\", l: [\"{{ e }}\"], m: \"it's {{ env.KEY }}\" } }",
            args: Vec::new(),
            method: "POST",
            target: format!("/{KEY}?k=a%20{KEY}%20b"),
        }
        .assert_same();
    }

    #[test]
    fn a_secret_that_a_filter_changed_stays_what_it_is_or_is_refused() {
        let server = Server::start(vec![Exchange::get("/x").at_least(0)]);
        let project = Case::query("endpoint: /x\nheaders: { X-Key: \"{{ env.KEY | upper }}\" }")
            .resource("type: circleci\nbase_url: URL\nheaders: { X-Own: \"{{ env.KEY }}\" }\nauth: { header: { name: X-Auth, value: \"{{ env.KEY }}\" } }")
            .project_at(&server.url());
        let run = Run::in_(&project)
            .env("KEY", KEY)
            .secret(KEY)
            .args(["run", "q", "--curl"]);
        let line = run.outcome();
        if line.exit == 0 {
            run_line(&project, &line.stdout_text());
        }
        for request in server.finish() {
            assert_eq!(request.header("x-key"), Some(KEY.to_uppercase()));
        }
    }

    #[test]
    fn the_name_of_a_query_key_is_encoded() {
        let target = format!("/x?api%20key={KEY}");
        let server = Server::start(vec![Exchange::get(&target)]);
        let project = Case::get()
            .resource("type: rest\nbase_url: URL\nauth: { query: { name: \"api key\", value: \"{{ env.KEY }}\" } }")
            .project_at(&server.url());
        let run = Run::in_(&project)
            .env("KEY", KEY)
            .secret(KEY)
            .args(["run", "q", "--curl"]);
        run_line(&project, &run.outcome().assert_exit(0).stdout_text());
        server.finish();
    }

    #[test]
    fn the_parts_of_a_form_stay_what_they_are() {
        for part in [
            "{ file: note.txt }",
            "{ file: \"it's a \\\"note\\\".txt\", content_type: text/plain }",
            "{ file: note.txt, file_name: 'a\\b;type=x.txt', content_type: text/plain }",
        ] {
            Shown {
                resource: TOKEN,
                query: &format!(
                    "method: POST\nendpoint: /x\nbody: {{ multipart: {{ log: {part} }} }}"
                ),
                args: Vec::new(),
                method: "POST",
                target: "/api/v2/x".to_owned(),
            }
            .assert_same();
        }
    }

    #[test]
    fn the_line_is_fit_for_reading() {
        let outcome = cancel().args(["--curl"]).asks_nothing();
        let secret = Case::query("vars: { key: { secret: true } }\nendpoint: /{{ key }}")
            .args(["key=open-sesame", "--curl"])
            .with(|run| run.secret("open-sesame"))
            .asks_nothing();
        let shown = transcript([&outcome, &secret]);
        insta::assert_snapshot!(shown.replace("open-sesame", "[SECRET]"));
    }

    /// The var `v` as an argument; as JSON, since `@` at its start would name a file.
    fn typed(value: &str) -> String {
        format!("v:={}", json!(value))
    }

    /// The fields that mean something; the others belong to the client.
    fn facts(request: &Received) -> BTreeMap<String, String> {
        const OF_THE_CLIENT: [&str; 4] =
            ["host", "user-agent", "accept-encoding", "content-length"];
        let fields = request.headers.iter().map(|(name, value)| {
            let name = String::from_utf8_lossy(name).to_lowercase();
            (name, String::from_utf8_lossy(value).into_owned())
        });
        let mut facts: BTreeMap<String, String> = fields
            .filter(|(name, _)| !OF_THE_CLIENT.contains(&name.as_str()))
            .collect();
        if let Some(kind) = facts.get_mut("content-type") {
            let end = kind.find("; boundary=").unwrap_or(kind.len());
            kind.truncate(end);
        }
        facts
    }

    /// The body without the boundary between its parts.
    fn body(request: &Received) -> String {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let kind = request.header("content-type").unwrap_or_default();
        match kind.split_once("boundary=") {
            Some((_, boundary)) => text.replace(boundary, "BOUNDARY"),
            None => text,
        }
    }
}

#[test]
fn a_response_without_what_is_required_fails_its_item_and_no_other() {
    let seen = Case::query(
        "for_each: { n: { in: [1, 2, 3] } }\nmethod: POST\nendpoint: /n/{{ n }}\n\
         extract: { id: { path: $.id, required: true } }",
    )
    .args(["--yes"])
    .asks(vec![
        Exchange::post("/api/v2/n/1").answers(json!({ "id": 1 })),
        Exchange::post("/api/v2/n/2").answers(json!({ "message": "nothing to do" })),
        Exchange::post("/api/v2/n/3").answers(json!({ "id": 3 })),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(6).stdout_json(),
        json!([{ "id": 1 }, { "id": 3 }])
    );
    let stderr = seen.outcome.stderr_text();
    assert!(
        stderr.contains("the response says: nothing to do"),
        "{stderr}"
    );
}
