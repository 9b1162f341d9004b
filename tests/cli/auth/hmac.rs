//! `hmac`: a signature over each attempt.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{self, Algorithm, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};
use serde_json::json;

use crate::case::{Case, told, transcript};
use crate::support::{Answer, CANARY, Exchange, Received, Run, Server, hex};

fn resource(auth: &str) -> String {
    let auth = auth.trim_end().replace('\n', "\n    ");
    format!(
        "type: rest\nbase_url: URL/api\nauth:\n  hmac:\n    {auth}\nretry: {{ base_delay: 1ms }}\n"
    )
}

const GITHUB: &str = "key: \"{{ env.CIRCLE_TOKEN }}\"
header: X-Hub-Signature-256
prefix: \"sha256=\"
over: \"{{ request.body }}\"";

const SLACK: &str = "key: \"{{ env.CIRCLE_TOKEN }}\"
header: X-Slack-Signature
prefix: \"v0=\"
over: \"v0:{{ request.timestamp }}:{{ request.body }}\"
headers: { X-Slack-Request-Timestamp: \"{{ request.timestamp }}\" }";

const STRIPE: &str = "key: \"{{ env.CIRCLE_TOKEN }}\"
header: Stripe-Signature
prefix: \"t={{ request.timestamp }},v1=\"
over: \"{{ request.timestamp }}.{{ request.body }}\"";

const WHOLE: &str = "key: \"{{ env.CIRCLE_TOKEN }}\"
header: X-Signature
algorithm: sha512
encoding: base64
over: \"{{ request.method }}\\n{{ request.path }}\\n{{ request.query }}\\n{{ request.url }}\\n{{ request.headers['content-type'] }}\\n{{ request.body }}\"";

fn tag(algorithm: Algorithm, key: &[u8], text: impl AsRef<[u8]>) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, key);
    hmac::sign(&key, text.as_ref()).as_ref().to_vec()
}

fn sha256(text: impl AsRef<[u8]>) -> String {
    hex(&tag(HMAC_SHA256, CANARY.as_bytes(), text))
}

fn text(request: &Received) -> String {
    String::from_utf8(request.body.clone()).expect("a text")
}

fn case(auth: &str) -> Case {
    Case::query("method: POST\nendpoint: /x\nbody: { json: { a: \"é\", b: [1, 2] } }")
        .resource(&resource(auth))
        .args(["--yes"])
}

#[track_caller]
fn is_now(seconds: &str) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let seconds: u64 = seconds.parse().expect("seconds");
    assert!(now.as_secs().abs_diff(seconds) < 60, "{seconds}");
}

#[test]
fn a_body_is_signed_as_github_does() {
    let seen = case(GITHUB).asks(vec![Exchange::post("/api/x")]);
    seen.outcome.assert_exit(0);
    let request = seen.request();
    let signature = request.header("x-hub-signature-256").expect("a signature");
    assert_eq!(signature, format!("sha256={}", sha256(&request.body)));
}

#[test]
fn a_time_is_signed_and_sent_as_slack_and_stripe_do() {
    // A past moment of the run is not the moment of the request.
    let seen = case(SLACK).args(["--now", "2020-01-01"]);
    let seen = seen.asks(vec![Exchange::post("/api/x")]);
    let request = seen.request();
    let time = request.header("x-slack-request-timestamp").expect("a time");
    is_now(&time);
    let signature = request.header("x-slack-signature").expect("a signature");
    let over = format!("v0:{time}:{}", text(request));
    assert_eq!(signature, format!("v0={}", sha256(over)));

    let seen = case(STRIPE).asks(vec![Exchange::post("/api/x")]);
    let request = seen.request();
    let value = request.header("stripe-signature").expect("a signature");
    let (time, signature) = value.split_once(",v1=").expect("both");
    let time = time.strip_prefix("t=").expect("a time");
    is_now(time);
    assert_eq!(signature, sha256(format!("{time}.{}", text(request))));
}

#[test]
fn everything_of_a_request_can_be_signed() {
    let seen = Case::query(
        "method: PUT\nendpoint: /x/{{ 'a/b' }}\nparams: { q: \"a b\", p: [1, 2] }\nbody: { json: {} }",
    )
    .resource(&resource(WHOLE))
    .args(["--yes"])
    .asks_at(Server::start(vec![Exchange::new(
        "PUT",
        "/api/x/a%2Fb?q=a%20b&p=1&p=2",
    )]));
    seen.outcome.assert_exit(0);
    let request = seen.request();
    let host = request.header("host").expect("a host");
    let (path, query) = request.target.split_once('?').expect("a query");
    let over = format!(
        "PUT\n{path}\n{query}\nhttp://{host}{}\napplication/json\n{{}}",
        request.target
    );
    let tag = tag(HMAC_SHA512, CANARY.as_bytes(), over);
    assert_eq!(request.header("x-signature"), Some(STANDARD.encode(tag)));
}

#[test]
fn keys_and_signatures_have_encodings() {
    let key = [0, 1, 2, 250, 251, 252, 253, 254, 255];
    for (encoding, written) in [("hex", hex(&key)), ("base64", STANDARD.encode(key))] {
        let auth = format!(
            "key: \"{{{{ env.CIRCLE_TOKEN }}}}\"\nkey_encoding: {encoding}\nalgorithm: sha1\n\
             header: X-Signature\nover: \"{{{{ request.path }}}}\"\n"
        );
        let case = Case::get().resource(&resource(&auth));
        let seen = case
            .with(move |run| run.env("CIRCLE_TOKEN", written))
            .asks(vec![Exchange::get("/api/x")]);
        let tag = tag(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key, "/api/x");
        assert_eq!(seen.request().header("x-signature"), Some(hex(&tag)));
        // The canary is neither.
        let outcome = Case::get().resource(&resource(&auth)).asks_nothing();
        let stderr = told(outcome.assert_exit(4));
        assert!(stderr.contains("does not match `key_encoding`"), "{stderr}");
    }
}

/// A signature over path and query.
const ROUTE: &str = "key: \"{{ env.CIRCLE_TOKEN }}\"
header: X-Signature
over: \"{{ request.path }}?{{ request.query }}\"";

#[track_caller]
fn assert_signed(requests: &[Received]) {
    for request in requests {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let signature = sha256(format!("{path}?{query}"));
        assert_eq!(
            request.header("x-signature"),
            Some(signature),
            "{}",
            request.line()
        );
    }
}

#[test]
fn each_attempt_page_and_redirect_is_signed_anew() {
    let link = "</api/x?page=2>; rel=\"next\"";
    let seen = Case::query("endpoint: /x\nrows: $[*]")
        .resource(&resource(ROUTE))
        .asks(vec![
            Exchange::get("/api/x").answers(Answer::status(503)),
            Exchange::get("/api/x").answers(
                Answer::status(200)
                    .header("link", link)
                    .json(&json!([{"id": 1}])),
            ),
            Exchange::get("/api/x?page=2").answers(Answer::redirect(302, "/api/y?page=2&z=%20")),
            Exchange::get("/api/y?page=2&z=%20").answers(json!([{"id": 2}])),
        ]);
    seen.outcome.assert_exit(0);
    assert_signed(&seen.requests);
}

#[test]
fn a_signature_goes_to_its_own_origin_only() {
    let other = Server::start(Vec::new());
    let seen = Case::get().resource(&resource(ROUTE)).asks(vec![
        Exchange::get("/api/x").answers(Answer::redirect(302, &format!("{}/y", other.url()))),
    ]);
    seen.outcome.assert_exit(3);
    other.finish();
}

#[test]
fn a_field_that_the_query_sets_stays() {
    let seen = Case::query("endpoint: /x\nheaders: { X-Mac: mine }")
        .resource(&resource(&ROUTE.replace("X-Signature", "X-Mac")))
        .asks(vec![Exchange::get("/api/x").with_header("x-mac", "mine")]);
    seen.outcome.assert_exit(0);
}

#[test]
fn the_key_and_the_signature_are_not_shown() {
    let seen = case(SLACK).args(["-vv"]).asks(vec![
        Exchange::post("/api/x").answers((403, json!({"message": CANARY}))),
    ]);
    let signature = seen.request().header("x-slack-signature");
    let signature = signature.expect("a signature").replace("v0=", "");
    let stderr = seen.outcome.assert_exit(4).stderr_text();
    assert!(stderr.contains("> x-slack-signature: ***"), "{stderr}");
    assert!(!stderr.contains(&signature), "{stderr}");
}

#[test]
fn what_is_only_shown_has_marks_in_place_of_signatures() {
    let mut outcomes = Vec::new();
    // What a header field may be called means something to a shell.
    let hostile = SLACK.replace("X-Slack-Request-Timestamp", "\"X-`id`-$HOME\"");
    for auth in [SLACK, STRIPE, &hostile] {
        for how in ["--dry-run", "--curl"] {
            let case = case(auth).args([how]);
            outcomes.push(
                case.with(|run| run.without_env("CIRCLE_TOKEN"))
                    .asks_nothing(),
            );
        }
    }
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn other_verbs_know_it() {
    let server = Server::start(vec![Exchange::get("/api")]);
    let project = Case::get()
        .resource(&resource(ROUTE))
        .project_at(&server.url());
    let run = |args: &[&str]| Run::in_(&project).args(args).outcome();
    let outcomes = [
        run(&["check"]),
        run(&["show", "circleci"]),
        run(&["show", "q"]),
    ];
    run(&["ping", "circleci"]).assert_exit(0);
    assert_eq!(server.finish().len(), 1);
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn what_cannot_be_signed_is_not_sent() {
    let mut all = String::new();
    for body in ["multipart: { a: b }", "file: bytes.bin"] {
        let outcome = Case::query(&format!("method: POST\nendpoint: /x\nbody: {{ {body} }}"))
            .file("bytes.bin", b"\xff\xfe")
            .resource(&resource(GITHUB))
            .args(["--yes"])
            .asks_nothing();
        all.push_str(&format!("{}\n", told(outcome.assert_exit(4))));
    }
    let unset = GITHUB.replace("{{ request.body }}", "{{ env.NOT_SET }}{{ request.body }}");
    all.push_str(&format!(
        "{}\n",
        told(case(&unset).asks_nothing().assert_exit(4))
    ));
    let refused = case(GITHUB).asks(vec![Exchange::post("/api/x").answers((401, json!({})))]);
    all.push_str(&told(refused.outcome.assert_exit(4)));
    insta::assert_snapshot!(all);
}
