//! No token is ever shown. The support searches both streams and all files of every run in this
//! suite; these are the runs that make it hard.

mod answers;
mod files;
mod names;
mod sends;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::Case;
use crate::support::{Answer, CANARY, Exchange, Fault, Outcome, Project, Run, Server};

/// Every verbosity and every way to show a request or an error.
const VOICES: [&[&str]; 6] = [
    &[],
    &["-q"],
    &["-v"],
    &["-vv"],
    &["--error-format", "json"],
    &["-vv", "--error-format", "json"],
];

/// The canary in the encodings in which an answer could bring it back.
fn echoes() -> Vec<String> {
    let base64 = |text: String| STANDARD.encode(text);
    vec![
        CANARY.to_owned(),
        "canary_4f9a%2BZq%2F81c7d%3De2Xw~KmR5tB0y".to_owned(),
        base64(CANARY.to_owned()),
        base64(format!("{CANARY}:")),
        base64(format!("ci:{CANARY}")),
    ]
}

/// An answer that says the token wherever it can.
fn echo(status: u16) -> Answer {
    let bodies: Vec<Value> = echoes()
        .into_iter()
        .map(|echo| json!({&echo: &echo, "text": format!("you are {echo}, are you")}))
        .collect();
    Answer::status(status)
        .header("x-request-id", CANARY)
        .header("x-echo", format!("token {CANARY}"))
        .header("set-cookie", format!("session={CANARY}"))
        .json(&json!({"message": format!("bad token {CANARY}"), "items": bodies}))
}

/// The forms of `auth` with what the server must see of each.
fn forms() -> Vec<(String, Box<dyn Fn() -> Exchange>)> {
    let rest = |auth: &str| format!("type: rest\nbase_url: URL\nauth: {auth}");
    let header = |name: &'static str, value: String| -> Box<dyn Fn() -> Exchange> {
        Box::new(move || Exchange::get("/x").with_header(name, value.clone()))
    };
    vec![
        (
            "type: circleci\nbase_url: URL".to_owned(),
            header("circle-token", CANARY.to_owned()),
        ),
        (
            rest("{ bearer: \"{{ env.CIRCLE_TOKEN }}\" }"),
            header("authorization", format!("Bearer {CANARY}")),
        ),
        (
            rest("{ basic: { username: ci, password: \"{{ env.CIRCLE_TOKEN }}\" } }"),
            header(
                "authorization",
                "Basic Y2k6Y2FuYXJ5XzRmOWErWnEvODFjN2Q9ZTJYd35LbVI1dEIweQ==".to_owned(),
            ),
        ),
        (
            rest("{ query: { name: key, value: \"{{ env.CIRCLE_TOKEN }}\" } }"),
            Box::new(|| Exchange::get("/x?key=canary_4f9a%2BZq%2F81c7d%3De2Xw~KmR5tB0y")),
        ),
        (
            rest("{ command: [sh, -c, \"echo $CIRCLE_TOKEN\"] }"),
            header("authorization", format!("Bearer {CANARY}")),
        ),
    ]
}

#[test]
fn a_response_that_repeats_the_token_is_scrubbed_in_every_format() {
    for (resource, asks) in forms() {
        for format in [
            "table", "json", "ndjson", "yaml", "csv", "tsv", "markdown", "raw",
        ] {
            for query in ["endpoint: /x", "endpoint: /x\nrows: $.items[*]"] {
                let outcome = Case::query(query)
                    .resource(&resource)
                    .args(["-o", format])
                    .asks(vec![asks().answers(echo(200))])
                    .outcome;
                let printed = outcome.assert_exit(0).stdout_text();
                // Markdown escapes the stars.
                assert!(printed.replace('\\', "").contains("***"), "{printed}");
            }
        }
    }
}

#[test]
fn an_error_that_repeats_the_token_is_scrubbed_in_every_voice() {
    for (resource, asks) in forms() {
        for voice in VOICES {
            for answer in [
                echo(401),
                echo(404),
                Answer::status(400).text(CANARY),
                Answer::status(200).text(&format!("hello {CANARY}")),
            ] {
                let outcome = Case::get()
                    .resource(&resource)
                    .args(voice.iter().copied())
                    .asks(vec![asks().answers(answer)])
                    .outcome;
                assert!(
                    outcome.stderr_text().contains("***"),
                    "{}",
                    outcome.snapshot()
                );
            }
        }
    }
}

#[test]
fn every_fault_of_the_wire_keeps_the_token() {
    for (resource, asks) in forms() {
        let resource = format!(
            "{resource}\ntimeout: 100ms\nmax_body: 1KiB\nretry: {{ max_attempts: 2, base_delay: 1ms }}"
        );
        for fault in [
            Fault::HalfAnswer(format!("{{\"token\": \"{CANARY}\", \"more\": true}}")),
            Fault::CloseAtOnce,
            Fault::Garbage,
            Fault::EndlessBody,
        ] {
            let outcome = Case::get()
                .resource(&resource)
                .args(["-vv"])
                .asks(vec![asks().answers(fault).at_least(1)])
                .outcome;
            assert_ne!(outcome.exit, 0);
        }
        let port = Server::refusing();
        let refused = Case::get()
            .resource(&resource)
            .args(["-vv"])
            .outcome_at(&port.url());
        refused.assert_exit(5);
    }
}

#[test]
fn a_redirect_that_carries_the_token_is_not_shown_with_it() {
    for voice in VOICES {
        for to in [
            format!("http://127.0.0.1:1/{CANARY}?t={CANARY}#{CANARY}"),
            format!("http://{}@127.0.0.1:1/", echoes()[1]),
            format!("http://[{CANARY}"),
        ] {
            Case::get()
                .args(voice.iter().copied())
                .asks(vec![
                    Exchange::get("/api/v2/x").answers(Answer::redirect(302, &to)),
                ])
                .outcome
                .assert_exit(3);
        }
    }
}

#[test]
fn verbosity_shows_the_fields_without_the_token() {
    let outcome = Case::get()
        .args(["-vv"])
        .asks(vec![
            Exchange::get("/api/v2/x").answers(
                Answer::status(200)
                    .header("x-echo", CANARY)
                    .json(&json!({})),
            ),
        ])
        .outcome;
    insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
}

#[test]
fn what_a_command_prints_is_secret_whatever_it_is() {
    let token = "printed-by-a-vault-1";
    for command in [
        format!("[printf, '{token}']"),
        format!("[sh, -c, \"echo {token}; echo {token} >&2\"]"),
    ] {
        let resource = format!("type: rest\nbase_url: URL\nauth: {{ command: {command} }}");
        let answer = json!({"token": token});
        let outcome = Case::get()
            .resource(&resource)
            .args(["-vv"])
            .with(move |run| run.secret(token))
            .asks(vec![
                Exchange::get("/x")
                    .with_header("authorization", format!("Bearer {token}"))
                    .answers(answer),
            ])
            .outcome;
        assert_eq!(outcome.stdout_json(), json!({"token": "***"}));
    }
}

#[test]
fn a_command_that_fails_with_a_secret_on_its_lips_is_scrubbed() {
    Case::get()
        .resource(
            "type: rest\nbase_url: URL\nheaders: { X-Key: \"{{ env.CIRCLE_TOKEN }}\" }
auth: { command: [sh, -c, \"echo bad token $CIRCLE_TOKEN >&2; exit 1\"] }",
        )
        .asks_nothing()
        .assert_exit(4);
}

#[test]
fn a_secret_that_a_template_computes_with_does_not_come_back() {
    let outcome = Case::query(
        "vars: { key: { secret: true } }
method: POST
endpoint: /x
headers: { X-Key: \"{{ key }}\" }
body: { json: { a: \"<{{ key }}>\", b: [\"{{ key }}\"], c: \"{{ key | length }}\" } }
extract: { said: $.said, of_var: \"key {{ key }}\", of_env: \"{{ env.CIRCLE_TOKEN }}\" }",
    )
    .args(["key=open-sesame", "--yes", "-vv"])
    .with(|run| run.secret("open-sesame"))
    .asks(vec![
        Exchange::post("/api/v2/x")
            .with_header("x-key", "open-sesame")
            .with_json(json!({"a": "<open-sesame>", "b": ["open-sesame"], "c": 11}))
            .answers(json!({"said": "open-sesame"})),
    ])
    .outcome;
    assert_eq!(
        outcome.assert_exit(0).stdout_json(),
        json!({"said": "***", "of_var": "***", "of_env": "***"})
    );
}

#[test]
fn a_secret_number_or_list_is_secret_in_its_parts() {
    let outcome = Case::query(
        "vars: { pin: { type: int, secret: true }, keys: { type: list, secret: true }, all: { type: json, secret: true } }
endpoint: /x",
    )
    .args(["pin=73912846", "keys=first-secret,second-secret", r#"all:={"k": "third-secret"}"#])
    .with(|run| run.secret("73912846").secret("first-secret").secret("second-secret").secret("third-secret"))
    .asks(vec![Exchange::get("/api/v2/x").answers(
        json!({"n": 73_912_846, "l": ["a first-secret", "second-secret"], "third-secret": 1}),
    )])
    .outcome;
    assert_eq!(
        outcome.stdout_json(),
        json!({"n": "***", "l": ["a ***", "***"], "***": 1})
    );
}

#[test]
fn a_value_that_does_not_suit_its_secret_var_is_not_repeated() {
    for (declaration, word) in [
        ("{ type: int, secret: true }", "key=open-sesame"),
        ("{ enum: [one, two], secret: true }", "key=open-sesame"),
        ("{ type: json, secret: true }", "key={open-sesame}"),
        ("{ type: json, secret: true }", "key:=open-sesame"),
        ("{ type: time, secret: true }", "key=open-sesame"),
        ("{ type: list, secret: true }", "key=[open-sesame"),
    ] {
        for voice in [&[][..], &["--error-format", "json"]] {
            Case::query(&format!("vars: {{ key: {declaration} }}\nendpoint: /x"))
                .args([word])
                .args(voice.iter().copied())
                .with(|run| run.secret("open-sesame"))
                .asks_nothing()
                .assert_exit(2);
        }
    }
}

#[test]
fn a_literal_token_in_a_file_is_refused_and_not_repeated() {
    let literal = "CCIPAT_Fnx3v9TqWb2Lr8Ya_7c1d5e9f0a2b4c6d8e0f1a3b5c7d9e1f3a5b7c9d";
    for resource in [
        format!("type: circleci\nbase_url: URL\nauth: {{ token: {literal} }}"),
        format!(
            "type: rest\nbase_url: URL\nauth: {{ basic: {{ username: ci, password: {literal} }} }}"
        ),
        format!("type: rest\nbase_url: URL\nheaders: {{ X-Api-Key: {literal} }}"),
    ] {
        let case = || {
            Case::get()
                .resource(&resource)
                .with(move |run| run.secret(literal))
        };
        case().asks_nothing().assert_exit(2);
        let project = case().project_at("http://127.0.0.1:1");
        for args in [
            &["check"][..],
            &["check", "--format", "json"],
            &["check", "--format", "github"],
            &["check", "--format", "sarif"],
            &["list"],
            &["show", "circleci"],
            &["ping"],
        ] {
            Run::in_(&project).args(args).secret(literal).outcome();
        }
    }
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let literal = "Fnx3v9TqWb2Lr8Ya7c1d5e9f0a2b4c6d";
    let urls = ["base_url", "proxy"].map(|key| format!("{key}: http://ci:{literal}@127.0.0.1:1"));
    for url in urls {
        let more = if url.starts_with("proxy") {
            "base_url: URL\n"
        } else {
            ""
        };
        let case = || {
            Case::get()
                .resource(&format!("type: circleci\n{more}{url}"))
                .with(move |run| run.secret(literal))
        };
        case().asks_nothing().assert_exit(2);
        let project = case().project_at("http://127.0.0.1:1");
        for args in [
            &["check"][..],
            &["check", "--format", "sarif"],
            &["show", "circleci"],
            &["ping"],
        ] {
            Run::in_(&project).args(args).secret(literal).outcome();
        }
    }
}

#[test]
fn a_token_in_another_spelling_is_scrubbed_too() {
    // The digits of an escape in lower case, as curl writes them; a slash as PHP writes it in JSON;
    // a plus sign as .NET writes it.
    let lower = "canary_4f9a%2bZq%2f81c7d%3de2Xw~KmR5tB0y";
    for text in [
        lower.to_owned(),
        CANARY.replace('/', "\\/"),
        CANARY.replace('+', "\\u002B"),
    ] {
        for format in ["raw", "json"] {
            Case::get()
                .args(["-o", format])
                .asks(vec![
                    Exchange::get("/api/v2/x").answers(
                        Answer::status(200)
                            .body("application/json", format!("{{\"said\": \"{text}\"}}")),
                    ),
                ])
                .outcome
                .assert_exit(0);
        }
    }
}

#[test]
fn every_verb_keeps_the_token() {
    for (resource, _) in forms() {
        let case = Case::query(
            "vars: { t: \"{{ env.CIRCLE_TOKEN }}\" }\nendpoint: /x\nparams: { t: \"{{ t }}\" }",
        )
        .resource(&format!("{resource}\nretry: {{ max_attempts: 1 }}"));
        let port = Server::refusing();
        let project = case.project_at(&port.url());
        for args in [
            &["check"][..],
            &["check", "--format", "json"],
            &["list"],
            &["list", "-o", "json"],
            &["show", "q"],
            &["show", "q", "-o", "json"],
            &["show", "circleci"],
            &["show", "circleci", "-o", "json"],
            &["ping"],
            &["ping", "-vv"],
            &["ping", "-o", "json"],
            &["run", "q", "--dry-run"],
            &["run", "q", "--curl"],
            &["run", "q", "-vv"],
            &["completions", "bash"],
        ] {
            Run::in_(&project).args(args).outcome();
        }
    }
}

#[test]
fn a_token_goes_to_its_own_resource_only() {
    let one = Server::start(vec![
        Exchange::get("/x").with_header("circle-token", CANARY),
    ]);
    let two = Server::start(vec![
        Exchange::get("/x")
            .with_header("authorization", "Bearer token-of-two")
            .without_header("circle-token"),
    ]);
    let project = Project::new()
        .file(
            "resources/one.yaml",
            format!("type: circleci\nbase_url: {}\n", one.url()),
        )
        .file(
            "resources/two.yaml",
            format!(
                "type: rest\nbase_url: {}\nauth: {{ bearer: \"{{{{ env.TWO }}}}\" }}\n",
                two.url()
            ),
        )
        .query("a", "resource: one\nendpoint: /x\n")
        .query("b", "resource: two\nendpoint: /x\n");
    let run = Run::in_(&project).args(["run", "a", "b"]);
    run.env("TWO", "token-of-two")
        .secret("token-of-two")
        .outcome()
        .assert_exit(0);
    one.finish();
    two.finish();
}

#[test]
fn the_demo_is_never_given_the_token() {
    let project = Case::query("endpoint: /me").project_at("http://127.0.0.1:1");
    let outcome: Outcome = Run::in_(&project)
        .args(["run", "q", "--demo", "-vv"])
        .outcome();
    outcome.assert_exit(0);
}

#[test]
fn a_file_that_is_written_is_scrubbed_too() {
    // The support looks through the project's folder.
    for name in ["a.json", "a.csv", "a.md", "a.yaml"] {
        let seen = Case::query("endpoint: /x\nrows: $.items[*]")
            .args(["--out", name])
            .asks(vec![Exchange::get("/api/v2/x").answers(echo(200))]);
        seen.outcome.assert_exit(0);
    }
    let raw = Case::get()
        .args(["-o", "raw", "--out", "a.json"])
        .asks(vec![Exchange::get("/api/v2/x").answers(echo(200))]);
    raw.outcome.assert_exit(0);
}
