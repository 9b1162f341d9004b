//! Addresses from responses: `url`, and the hosts of `links`.

use serde_json::json;

use crate::case::{Case, transcript};
use crate::support::{Answer, CANARY, Exchange, Server};

/// A query that takes the address from a list.
const FOLLOW: &str = "for_each: { file: { in: \"{{ files }}\" } }
vars: { files: { type: json } }
url: \"{{ file.url }}\"
extract: { name: $.name }";

/// A query of one address.
const ONE: &str = "vars: { address: {} }\nurl: \"{{ address }}\"";

/// `host:port` of a server.
fn host(server: &Server) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

fn one(address: &str) -> Case {
    Case::query(ONE).args([format!("address={address}")])
}

fn linked(case: Case, server: &Server) -> Case {
    case.settings(&format!(
        "links: [\"{}\"]\nheaders: {{ x-own: \"{{{{ env.CIRCLE_TOKEN }}}}\" }}\nparams: {{ own: yes }}",
        host(server)
    ))
}

#[test]
fn the_own_origin_gets_the_credential_and_the_address_as_it_is() {
    let target = "/elsewhere//a%2fb?sig=%2B+~x%3d&e=";
    let server = Server::start(vec![
        Exchange::get(target)
            .with_header("circle-token", CANARY)
            .answers(json!({"ok": true})),
    ]);
    let address = format!("{}{target}", server.url());
    let seen = one(&address).asks_at(server);
    assert_eq!(seen.outcome.stdout_json(), json!({"ok": true}));
}

#[test]
fn a_linked_host_gets_the_exact_address_and_nothing_else() {
    let target = "/key%20one?X-Sig=a%2Fb%3d&x=";
    let storage = Server::start(vec![
        Exchange::get(target)
            .without_header("circle-token")
            .without_header("authorization")
            .without_header("x-own")
            .answers(json!({"name": "report"})),
    ]);
    let files = json!([{"url": format!("{}{target}", storage.url())}]);
    let case = linked(Case::query(FOLLOW), &storage).args([format!("files:={files}")]);
    let seen = case.asks(vec![]);
    assert_eq!(seen.outcome.stdout_json(), json!([{"name": "report"}]));
    let [request] = &storage.finish()[..] else {
        panic!("one request");
    };
    assert!(!request.line().contains("own=yes"), "{}", request.line());
}

#[test]
fn all_other_hosts_are_refused_with_the_line_to_add() {
    let other = Server::start(vec![]);
    let foreign = format!("{}/steal?sig=canary-of-a-signature", other.url());
    let outcomes = [
        foreign.as_str(),
        "https://evil.example/a?sig=canary-of-a-signature",
        "https://evil.example:8443/a",
        "http://evil.example/a",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "https://user:canary-of-a-signature@evil.example/a",
        "/relative",
        "https://evil.example/a/../b",
    ]
    .map(|address| one(address).asks_nothing());
    for outcome in &outcomes {
        outcome.assert_exit(2);
        assert!(!outcome.stderr_text().contains("canary-of"));
    }
    assert_eq!(other.connections(), 0);
    other.finish();
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn a_refused_address_does_not_lose_the_other_items() {
    let server = Server::start(vec![
        Exchange::get("/a?sig=1").answers(json!({"name": "a"})),
    ]);
    let files = json!([
        {"url": "https://evil.example/x?sig=canary-of-a-signature"},
        {"url": format!("{}/a?sig=1", server.url())},
    ]);
    let case = Case::query(FOLLOW).args([format!("files:={files}")]);
    let seen = case.asks_at(server);
    assert_eq!(
        seen.outcome.assert_exit(6).stdout_json(),
        json!([{"name": "a"}])
    );
    insta::assert_snapshot!(crate::case::told(&seen.outcome));
}

#[test]
fn the_query_of_an_address_is_hidden_wherever_it_would_be_shown() {
    let storage = Server::start(vec![
        Exchange::get("/a?sig=canary-of-a-signature")
            .answers(Answer::status(403).text("expired: sig=canary-of-a-signature"))
            .times(2),
    ]);
    let address = format!("{}/a?sig=canary-of-a-signature", storage.url());
    let refused = linked(one(&address), &storage).args(["-vv"]).asks_nothing();
    let files = json!([address, address]);
    let listed = Case::query(
        "vars: { files: { type: json } }\nfor_each: { file: { in: \"{{ files }}\" } }\nurl: \"{{ file }}\"",
    );
    let failed = linked(listed, &storage)
        .args([format!("files:={files}")])
        .args(["--error-format", "json"])
        .asks_nothing();
    storage.finish();
    let storage = Server::start(vec![]);
    let address = format!("{}/a?sig=canary-of-a-signature", storage.url());
    let shown = ["--dry-run", "--curl"].map(|flag| {
        let outcome = linked(one(&address), &storage).args([flag]).asks_nothing();
        assert!(!outcome.stdout_text().contains("canary-of"));
        assert!(!outcome.stdout_text().contains("circle-token"));
        outcome
    });
    storage.finish();
    let all = [refused, failed];
    for outcome in &all {
        let text = outcome.stderr_text();
        assert!(!text.contains("canary-of"), "{text}");
    }
    insta::assert_snapshot!(transcript(all.iter().chain(&shown)));
}

/// Whatever the form of the address: only some begin with `https://`.
#[test]
fn the_query_of_an_address_in_any_form_is_hidden() {
    let files = json!([
        {"url": "/rel?sig=SIGNATURE"},
        {"url": "//storage.example.com/x?sig=SIGNATURE"},
        {"url": "HTTPS://storage.example.com/x?sig=SIGNATURE"},
        {"url": " https://storage.example.com/x?a=b c&sig=SIGNATURE"},
        {"url": "ftp://storage.example.com/x?sig=SIGNATURE"},
        {"url": "nowhere", "name": "see http://h/?sig=SIGNATURE"},
        {"url": "none", "id": "https://h/x?sig=SIGNATURE"},
    ]);
    for more in [&["-v"][..], &["--error-format", "json"]] {
        let case = Case::query(FOLLOW)
            .args([format!("files:={files}")])
            .args(more.to_vec());
        let outcome = case.asks_nothing();
        let told = outcome.assert_exit(2).stderr_text();
        assert!(!told.contains("SIGNATURE"), "{told}");
    }
    let refused = Answer::status(403).body(
        "application/json",
        json!({"message": "no match for /x?sig=SIGNATURE of you"}).to_string(),
    );
    let seen = Case::get().asks(vec![Exchange::get("/api/v2/x").answers(refused)]);
    let told = seen.outcome.assert_exit(4).stderr_text();
    assert!(told.contains("no match for /x?*** of you"), "{told}");
}

mod redirects {
    use super::*;

    #[test]
    fn to_a_linked_host_they_are_followed_without_the_credential() {
        let storage = Server::start(vec![
            Exchange::get("/key?sig=%2f")
                .without_header("circle-token")
                .without_header("x-own")
                .answers(json!({"here": true})),
        ]);
        let server = Server::start(vec![
            Exchange::get("/api/v2/x?own=yes")
                .with_header("circle-token", CANARY)
                .answers(Answer::redirect(
                    302,
                    &format!("{}/key?sig=%2f", storage.url()),
                )),
        ]);
        let seen = linked(Case::get(), &storage).asks_at(server);
        assert_eq!(seen.outcome.stdout_json(), json!({"here": true}));
        storage.finish();
    }

    #[test]
    fn a_refusal_of_the_linked_host_is_not_about_the_credential() {
        let refusal = "expired: sig=canary-of-a-signature";
        let storage = Server::start(vec![
            Exchange::get("/key?sig=canary-of-a-signature")
                .answers(Answer::status(403).text(refusal)),
        ]);
        let location = format!("{}/key?sig=canary-of-a-signature", storage.url());
        let server = Server::start(vec![
            Exchange::get("/api/v2/x?own=yes").answers(Answer::redirect(302, &location)),
        ]);
        let seen = linked(Case::get(), &storage).asks_at(server);
        let text = seen.outcome.assert_exit(3).stderr_text();
        assert!(text.contains("a signed address expires"), "{text}");
        assert!(!text.contains("canary-of"), "{text}");
        storage.finish();
    }

    #[test]
    fn from_there_they_lead_neither_back_nor_anywhere_else() {
        for (target, expected) in [
            ("OWN/api/v2/secret", "back to the resource"),
            (
                "https://evil.example/x?sig=canary-of-a-signature",
                "`links: [\"evil.example\"]`",
            ),
            ("http://evil.example/x", "is not encrypted"),
        ] {
            let mut storage = None;
            let server = Server::start_with(|own| {
                let target = target.replace("OWN", own);
                let linked = Server::start(vec![
                    Exchange::get("/hop").answers(Answer::redirect(302, &target)),
                ]);
                let hop = Answer::redirect(302, &format!("{}/hop", linked.url()));
                storage = Some(linked);
                vec![Exchange::get("/api/v2/x?own=yes").answers(hop)]
            });
            let storage = storage.expect("it was started");
            let seen = linked(Case::get(), &storage).asks_at(server);
            let text = seen.outcome.assert_exit(3).stderr_text();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("canary-of"), "{text}");
            storage.finish();
        }
    }
}

#[test]
fn the_file_is_checked() {
    let outcomes = [
        "url: /relative",
        "endpoint: /x\nurl: https://example.com/",
        "url: https://example.com/\nparams: { a: 1 }",
        "url: https://example.com/\nmethod: POST",
        "url: https://example.com/?token=0123456789abcdef0123",
        "url: \"{% if true %}https://example.com{% endif %}\"",
    ]
    .map(|query| Case::query(query).asks_nothing());
    let links = Case::get()
        .settings("links: [https://example.com, \"*.com\", 7]")
        .asks_nothing();
    insta::assert_snapshot!(transcript(outcomes.iter().chain([&links])));
}
