//! No token, and no redacted value, is in anything that is written: recordings, snapshots, archives,
//! messages. Each run of the tests' support looks for the tokens in its output and in all files of the
//! project, in many forms.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;
use crate::support::CANARY;

const MAIL: &str = "q7w8e9.r5@t6y7u8.zz";

fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn hex(text: &str) -> String {
    let digits: Vec<String> = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    digits.concat()
}

/// The ways to send a token, each with what the request must have for the server to answer.
fn senders() -> Vec<(&'static str, String, Exchange)> {
    let token = percent(CANARY);
    let body = json!({ "token": CANARY });
    vec![
        (
            "auth: { header: { name: x-key, value: \"{{ env.CIRCLE_TOKEN }}\" } }",
            LIST.to_owned(),
            get("/list").with_header("x-key", CANARY),
        ),
        (
            "auth: { bearer: \"{{ env.CIRCLE_TOKEN }}\" }",
            LIST.to_owned(),
            get("/list"),
        ),
        (
            "auth: { query: { name: key, value: \"{{ env.CIRCLE_TOKEN }}\" } }",
            LIST.to_owned(),
            get(&format!("/list?key={token}")),
        ),
        (
            "auth: none",
            "resource: circleci\nmethod: POST\nsafe: true\nendpoint: /list\nrows: $.items[*]\n\
             body: { json: { token: \"{{ env.CIRCLE_TOKEN }}\" } }\n"
                .to_owned(),
            Exchange::post("/api/v2/list").with_json(body),
        ),
    ]
}

fn sending(server: &Server, auth: &str, query: &str) -> Project {
    let resource = format!(
        "name: circleci\ntype: rest\nbase_url: {}/api/v2\n{auth}\n{ONCE}",
        server.url()
    );
    Project::new()
        .file("resources/circleci.yaml", resource)
        .query("list", query)
}

/// The ways in which an answer may repeat a text.
fn echoes(text: &str) -> Vec<Answer> {
    let body = |value: Value| Answer::status(200).json(&json!({ "items": [{ "id": value }] }));
    vec![
        body(json!(text)),
        body(json!(format!("before {text} after"))),
        body(json!({ "deep": [[text]] })),
        body(json!({ text: 1 })),
        body(json!(STANDARD.encode(text))),
        body(json!(format!(
            "Basic {}",
            STANDARD.encode(format!("x:{text}"))
        ))),
        body(json!(URL_SAFE_NO_PAD.encode(format!("ab{text}")))),
        body(json!(format!("https://x.example/?k={}", percent(text)))),
        body(json!(percent(text).to_lowercase())),
        body(json!(hex(text))),
        body(json!(hex(text).to_lowercase())),
        body(json!(text.to_uppercase())),
        body(json!("x")).header(
            "link",
            format!("<https://x.example/?k={}>; rel=next", percent(text)),
        ),
        Answer::status(404).json(&json!({ "message": format!("no {text}") })),
    ]
}

#[test]
fn no_token_is_written() {
    let count = echoes(CANARY).len();
    for index in 0..senders().len() {
        for echo in 0..=count {
            let (auth, query, exchange) = senders().swap_remove(index);
            let answer = echoes(CANARY).into_iter().nth(echo);
            let echoed = answer.is_some();
            let server = Server::start(vec![match answer {
                Some(answer) => exchange.answers(answer),
                None => exchange.answers(page(&["w1"])),
            }]);
            let project = sending(&server, auth, &query);
            // The support looks for the token in the output and in all files.
            let outcome = record(&project, &["list"]);
            let is_secret_sent = index >= 2;
            if echoed || is_secret_sent {
                // A header that is not kept is no fault.
                let is_kept = project.path().join("tests").exists();
                assert!(
                    outcome.exit == 7 && !is_kept || outcome.exit == 0 && is_kept,
                    "{index} {echo}: {}",
                    outcome.snapshot()
                );
            } else {
                outcome.assert_exit(0);
            }
            if outcome.exit == 0 {
                let args = ["test", "--har", "out.har", "--coverage", "-v"];
                let run = Run::in_(&project).args(args);
                run.outcome().assert_exit(0);
            }
        }
    }
}

#[test]
fn no_redacted_value_is_written() {
    let about = |mail: &str| {
        json!({ "items": [
            { "id": 1, "email": mail, "note": format!("write to {mail}, or mailto:{}", percent(mail)),
              "avatar": format!("https://x.example/{}/a?by={}", percent(mail), percent(mail)) },
            { "id": 2, "email": "other.person@t6y7u8.yy" } ],
          "by": { "email": mail }, mail: true })
    };
    for rule in ["alias", "hide"] {
        let server = Server::start(vec![
            get(&format!("/u/{}?who={}", percent(MAIL), percent(MAIL))).answers(
                Answer::status(200).json(&about(MAIL)).header(
                    "link",
                    format!("<https://x.example/?by={}>; rel=last", percent(MAIL)),
                ),
            ),
        ]);
        let project = project(&server, &format!("redact: {{ $..email: {rule} }}\n")).query(
            "who",
            "resource: circleci\nvars: { mail: {} }\nendpoint: /u/{{ mail }}?who={{ mail }}\n\
             rows: $.items[*]\nextract: { id: $.id, email: $.email, note: $.note, by: \"{{ mail }}\" }\n",
        );
        let run = Run::in_(&project).secret(MAIL);
        let mail = format!("mail={MAIL}");
        run.args(["record", "who", &mail]).outcome().assert_exit(0);
        let run = Run::in_(&project).secret(MAIL);
        let args = ["test", "--har", "out.har", "-v", "--format", "json"];
        run.args(args).outcome().assert_exit(0);
        server.finish();
    }
}
