//! Finds what must not be written into a recording: known secrets, presigned addresses and values
//! that look like tokens.
//!
//! The check is the last one before a file is written. It prefers to miss an odd token over
//! refusing ordinary answers: ids, hashes and the cursors of listings are long and random, too.

use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;
use url::form_urlencoded;

use crate::core::secret::{LooseForms, MASK, Scrubber, is_secret_param};
use crate::core::time::parse_written;
use crate::recording::json_path::JsonPath;
use crate::recording::{Content, Recorded};

/// A secret in an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its position: a JSONPath in the body of the answer (`$.items[2].url`), or `the address`,
    /// `header link`, `the body`, `sent $.name`.
    pub path: String,
    /// Its kind, with an article.
    pub what: &'static str,
}

const KNOWN: &str = "a known secret";
const PRESIGNED: &str = "a presigned address";
const TOKEN: &str = "a token";
const PRIVATE_KEY: &str = "a private key";
const JWT: &str = "a JSON Web Token";
const WEBHOOK: &str = "the address of a webhook";
const PASSWORD: &str = "an address with a password";
const NAMED: &str = "a value with the name of a secret";

/// Parameters that make an address work without a credential.
const SIGNATURES: [&str; 9] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
    "x-oss-signature",
    "signature",
    "token",
    "access_token",
];

/// The shortest value that counts: shorter ones are words, or placeholders such as `xxxx1234`.
const SHORTEST_VALUE: usize = 8;

/// From this length on, a run of letters and digits is not a word.
const RANDOM: usize = 20;

/// Words that make a name one of a secret, whatever else is in it: `page_access_token`.
const STRONG: [&str; 5] = ["password", "secret", "access", "api", "private"];

/// Names whose values are positions in a listing, in addition to those of `is_secret_param`.
const POSITIONS: [&str; 4] = ["page", "cursor", "next", "continuation"];

/// Returns the first secret in an exchange: in its address, its sent body, the headers or the body
/// of its answer.
pub fn find(recorded: &Recorded, known: &Scrubber, loose: &LooseForms) -> Option<Found> {
    let search = Search { known, loose };
    let found = |path: String, what| Some(Found { path, what });
    if let Some(what) = search.target(&recorded.ask.target) {
        return found("the address".to_owned(), what);
    }
    if let Some((path, what)) = search.content(&recorded.ask.sent) {
        let path = path.map_or("the sent body".to_owned(), |path| format!("sent {path}"));
        return found(path, what);
    }
    for (name, value) in &recorded.answer.headers {
        if let Some(what) = search.text(value).or_else(|| named(name, value)) {
            return found(format!("header {name}"), what);
        }
    }
    if let Some(item) = &recorded.of.item
        && let Some(what) = search.text(item)
    {
        return found("the item".to_owned(), what);
    }
    let (path, what) = search.content(&recorded.answer.body)?;
    found(path.unwrap_or_else(|| "the body".to_owned()), what)
}

struct Search<'s> {
    known: &'s Scrubber,
    loose: &'s LooseForms,
}

impl Search<'_> {
    fn target(&self, target: &str) -> Option<&'static str> {
        if let Some(what) = self.text(target) {
            return Some(what);
        }
        let (_, query) = target.split_once('?')?;
        signature(query).or_else(|| {
            form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| named(&name, &value))
        })
    }

    fn content(&self, content: &Content) -> Option<(Option<String>, &'static str)> {
        match content {
            Content::Empty => None,
            Content::Json(value) => {
                let mut path = JsonPath::root();
                let found = self.value(&mut path, None, value)?;
                Some((Some(found.path), found.what))
            }
            Content::Text(text) => Some((None, self.text(text)?)),
            Content::Bytes(bytes) => {
                let is_known = self.known.finds(bytes) || self.loose.find(bytes);
                let what = if is_known {
                    KNOWN
                } else {
                    self.text(&String::from_utf8_lossy(bytes))?
                };
                Some((None, what))
            }
        }
    }

    fn value(&self, path: &mut JsonPath, name: Option<&str>, value: &Value) -> Option<Found> {
        let found = |path: &JsonPath, what| Found {
            path: path.as_str().to_owned(),
            what,
        };
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::Number(_) => {
                let is_known = self.known.stand_in(std::slice::from_ref(value));
                is_known.then(|| found(path, KNOWN))
            }
            Value::String(text) => self
                .text(text)
                .or_else(|| named(name?, text))
                .map(|what| found(path, what)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| path.at_item(index, |path| self.value(path, name, item))),
            Value::Object(members) => members.iter().find_map(|(key, member)| {
                // `{"name": "API_TOKEN", "value": "…"}` names its value beside it.
                let pair = (key == "value")
                    .then(|| members.get("name").or_else(|| members.get("key")))
                    .flatten()
                    .and_then(Value::as_str);
                path.at_member(key, |path| {
                    if let Some(what) = self.text(key) {
                        return Some(found(path, what));
                    }
                    self.value(path, Some(pair.unwrap_or(key)), member)
                })
            }),
        }
    }

    fn text(&self, text: &str) -> Option<&'static str> {
        if self.known.finds(text.as_bytes()) || self.loose.find(text.as_bytes()) {
            return Some(KNOWN);
        }
        if text.len() < SHORTEST_VALUE {
            return None;
        }
        let shape = SHAPES.iter().find(|shape| shape.is_in(text));
        shape.map(|shape| shape.what).or_else(|| presigned(text))
    }
}

/// A form of token.
struct Shape {
    what: &'static str,
    /// A text that all of them contain, which is quick to search for.
    mark: &'static str,
    pattern: Regex,
}

impl Shape {
    fn new(what: &'static str, mark: &'static str, pattern: &str) -> Self {
        Self {
            what,
            mark,
            pattern: Regex::new(pattern).expect("the patterns are tested"),
        }
    }

    fn is_in(&self, text: &str) -> bool {
        text.contains(self.mark) && self.pattern.is_match(text)
    }
}

/// Forms of tokens, each with the end of a word before it.
static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let token = |mark: &'static str, rest: &str| {
        Shape::new(TOKEN, mark, &format!("(?:^|[^A-Za-z0-9_-]){mark}{rest}"))
    };
    vec![
        token("CCIPAT_", "[A-Za-z0-9_]{8}"),
        token("CCIPRJ_", "[A-Za-z0-9_]{8}"),
        token("gh", "[opsur]_[A-Za-z0-9]{16}"),
        token("github_pat_", "[A-Za-z0-9_]{16}"),
        token("glpat-", "[A-Za-z0-9_-]{12}"),
        token("xox", "[abeoprs]-[A-Za-z0-9-]{10}"),
        token("xapp-", "[A-Za-z0-9-]{10}"),
        token("AKIA", r"[A-Z2-7]{16}(?:[^A-Z0-9]|$)"),
        token("ASIA", r"[A-Z2-7]{16}(?:[^A-Z0-9]|$)"),
        token("sk-", "(?:(?:ant|proj|svcacct)-)?[A-Za-z0-9_]{20}"),
        token("sk_live_", "[A-Za-z0-9]{10}"),
        token("rk_live_", "[A-Za-z0-9]{10}"),
        token("npm_", "[A-Za-z0-9]{30}"),
        token("pypi-", "[A-Za-z0-9_-]{50}"),
        token("AIza", "[A-Za-z0-9_-]{35}"),
        token("dop_v1_", "[a-f0-9]{32}"),
        token("NRAK-", "[A-Z0-9]{20}"),
        token("SG.", "[A-Za-z0-9_-]{16,}[.][A-Za-z0-9_-]{16}"),
        Shape::new(
            JWT,
            "eyJ",
            r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}",
        ),
        Shape::new(
            PRIVATE_KEY,
            "PRIVATE KEY",
            "-----BEGIN [A-Z ]{0,30}PRIVATE KEY",
        ),
        Shape::new(
            WEBHOOK,
            "hooks.slack.com/",
            r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]",
        ),
        Shape::new(
            WEBHOOK,
            "/api/webhooks/",
            r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{16}",
        ),
        Shape::new(
            PASSWORD,
            "://",
            r"[a-z][a-z0-9+.-]*://[^/\s:@?#]*:[^/\s:@?#*]{4,}@[A-Za-z0-9]",
        ),
    ]
});

/// Searches the addresses in a text for signatures.
fn presigned(text: &str) -> Option<&'static str> {
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        rest = &rest[at + 3..];
        let end = rest
            .find(|c: char| c.is_whitespace() || "\"'<>`".contains(c))
            .unwrap_or(rest.len());
        if let Some((_, query)) = rest[..end].split_once('?')
            && let Some(what) = signature(&query.replace("&amp;", "&").replace("\\u0026", "&"))
        {
            return Some(what);
        }
        rest = &rest[end..];
    }
    None
}

/// Returns a kind if the parameters contain a signature.
fn signature(query: &str) -> Option<&'static str> {
    let query = query.split('#').next().unwrap_or_default();
    let params: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
        .filter(|(_, value)| !is_masked(value))
        .collect();
    let has = |name: &str| params.iter().any(|(known, _)| known == name);
    let is_signed = SIGNATURES.iter().any(|name| has(name))
        // `sig` alone is a version or a name; with an expiry it is Azure's.
        || (has("sig") && (has("se") || has("sv") || has("sp")))
        || params
            .iter()
            .any(|(name, value)| name == "sig" && value.len() >= 20);
    is_signed.then_some(PRESIGNED)
}

/// Returns a kind if a name says that its value is secret.
fn named(name: &str, value: &str) -> Option<&'static str> {
    if !is_secret_param(name) || is_harmless(value) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let is_strong = STRONG.iter().any(|word| lower.contains(word));
    let is_position = POSITIONS.iter().any(|word| lower.contains(word));
    let is_address = ["url", "uri", "endpoint"]
        .iter()
        .any(|end| lower.ends_with(end))
        && value.starts_with("http")
        && !value.contains('?')
        && !lower.contains("hook");
    // `issue_key: PROJECT-1234`.
    let is_key = lower.trim_end_matches('s').ends_with("key");
    let is_open = is_position || is_address || (is_key && !has_random_run(value));
    (is_strong || !is_open).then_some(NAMED)
}

/// Returns true if a value has a run of letters and digits that is longer than a word.
fn has_random_run(value: &str) -> bool {
    value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|run| run.len() >= RANDOM && run.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Returns true for values that are no credential whatever their name is.
fn is_harmless(value: &str) -> bool {
    let is_word = value
        .chars()
        .all(|c| c.is_ascii_alphabetic() || " _-.".contains(c))
        && (value.len() < 20 || value.contains(' '));
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = parse_written(value).is_some();
    let is_public = ["SIGNATURE", "CERTIFICATE", "PUBLIC KEY"]
        .iter()
        .any(|word| value.starts_with("-----BEGIN ") && value.contains(word));
    value.len() < SHORTEST_VALUE
        || is_public
        || is_word
        || is_number
        || is_time
        || is_id(value)
        || is_masked(value)
}

/// Returns true for a UUID: an id of a token, which is not the token.
fn is_id(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Returns true for masked values: `***`, `xxxx1234`, `hidden`, `alias-1`, `[REDACTED]`.
fn is_masked(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let masked = value
        .trim_end_matches(|c: char| c.is_ascii_alphanumeric() && c != 'x')
        .chars();
    value.is_empty()
        || value.contains(MASK)
        || value.contains("redacted")
        || value.contains("hidden")
        || value
            .strip_prefix("alias-")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        || (masked.clone().count() >= 4 && masked.clone().all(|c| "x*•.".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::secret::Secret;
    use crate::recording::tests::reading;

    fn found(source: &str) -> Option<String> {
        let scrubber = Scrubber::new();
        scrubber.add(&Secret::new("canary-4f9a/81c7"));
        scrubber.add(&Secret::new("5550123"));
        let recording = reading(&format!("--- # runner answers 1\n{source}\n"));
        let found = find(&recording.exchanges[0], &scrubber, &scrubber.loose_forms())?;
        Some(format!("{}: {}", found.path, found.what))
    }

    fn in_body(value: &str) -> Option<String> {
        let body = serde_json::json!({ "items": [{}, { "log": value }] });
        found(&format!("ask: GET /a\nbody: {body}"))
    }

    #[test]
    fn secrets_are_found_with_their_paths() {
        for (source, expected) in [
            (
                "ask: GET /a?x=canary-4f9a%2F81c7",
                "the address: a known secret",
            ),
            (
                "ask: GET /a?api_key=Zm9vYmFy1",
                "the address: a value with the name of a secret",
            ),
            (
                "ask: GET https://s3.example/x?X-Amz-Signature=0a1b&X-Amz-Date=1",
                "the address: a presigned address",
            ),
            (
                "ask: POST /a\nsent: {\"user\": {\"password\": \"hunter2hunter2\"}}",
                "sent $.user.password: a value with the name of a secret",
            ),
            (
                "ask: POST /a\nsent_text: \"key=canary-4f9a/81c7\"",
                "the sent body: a known secret",
            ),
            (
                "ask: GET /a\nheaders: { link: \"<https://x.example/a?access_token=abc>\" }",
                "header link: a presigned address",
            ),
            (
                "ask: GET /a\nbody: [1, [5550123]]",
                "$[1][0]: a known secret",
            ),
            (
                "ask: GET /a\nbody: {\"canary-4f9a/81c7\": 1}",
                "$['canary-4f9a/81c7']: a known secret",
            ),
            (
                "ask: GET /a\nbody: {\"envVars\": [{\"name\": \"API_TOKEN\", \"value\": \"s3cr3t-value\"}]}",
                "$.envVars[0].value: a value with the name of a secret",
            ),
            (
                "ask: GET /a\ntext: \"a canary-4f9a/81c7\"",
                "the body: a known secret",
            ),
            (
                "ask: GET /a\nbody: [\"CANARY-4F9A/81C7\"]",
                "$[0]: a known secret",
            ),
            (
                "ask: GET /a\nbody: [\"63616E6172792d346639612f38316337\"]",
                "$[0]: a known secret",
            ),
            (
                "ask: GET /a\nof: { item: \"canary-4f9a/81c7\" }",
                "the item: a known secret",
            ),
        ] {
            assert_eq!(found(source).as_deref(), Some(expected), "{source}");
        }
    }

    #[test]
    fn tokens_are_found_by_their_form() {
        // In two parts, so that no scanner of repositories takes them for real ones.
        for (parts, what) in [
            (["CCIP", "AT_FERZRjN3xzzzzzz_1234567890abcdef"], TOKEN),
            (
                [
                    "Authorization: Bearer gh",
                    "p_0123456789abcdefghij0123456789abcd",
                ],
                TOKEN,
            ),
            (["github_", "pat_11ABCDEFG0123456789_abcdefghijk"], TOKEN),
            (["glp", "at-0123456789abcdefghij"], TOKEN),
            (["xo", "xb-123456789012-abcdefghijkl"], TOKEN),
            (["AWS_ACCESS_KEY_ID=AK", "IAIOSFODNN7EXAMPLE"], TOKEN),
            (["sk", "-proj-abcdefghijklmnopqrstuvwxyz012345"], TOKEN),
            (["sk_l", "ive_abcdefghij0123456789"], TOKEN),
            (
                [
                    "ey",
                    "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4",
                ],
                JWT,
            ),
            (["-----BEGIN RSA PRI", "VATE KEY-----\nMIIE"], PRIVATE_KEY),
            (
                [
                    "see https://hooks.slack.com/serv",
                    "ices/T000/B000/XXXXXXXX",
                ],
                WEBHOOK,
            ),
            (["postgres://app:hunt", "er22@db.example/x"], PASSWORD),
            (
                [
                    "<a href='https://b.example/x?se=2026&amp;sp=r&amp;si",
                    "g=abc%3D'>",
                ],
                PRESIGNED,
            ),
            (
                ["https://storage.example/o?X-Goog-Sig", "nature=00ff&x"],
                PRESIGNED,
            ),
            (
                [
                    "https://d1.example/o?Expires=1&Sig",
                    "nature=ab~&Key-Pair-Id=K1",
                ],
                PRESIGNED,
            ),
        ] {
            let value = parts.concat();
            let expected = format!("$.items[1].log: {what}");
            assert_eq!(in_body(&value), Some(expected), "{value}");
        }
    }

    #[test]
    fn ordinary_values_are_not_secrets() {
        for value in [
            "5034460f-c7c4-4c43-9457-de07e2029e7b",
            "8f14e45fceea167a5a36dedd4bea2543a1b2c3d4",
            "AARLwwXtBEFGbvAsu9aPAf6R3cJSyA8ZwQcfPWfcvYyQ",
            "gh/acme/web",
            "task-management-and-other-long-words",
            "https://app.example/pipelines/gh/acme/web/7?branch=main&page-token=AARLwwXtBEFGbvAsu9aPA",
            "https://avatars.example/u/1?v=4&sig=2",
            "git@github.com:acme/web.git",
            "https://example.com:8080/a@b",
            "https://app.example/x?alias-1",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7",
            "a token such as ghp_ followed by letters",
            "ASIAN MARKETS",
            "eyJhbGciOiJIUzI1NiJ9",
        ] {
            assert_eq!(in_body(value), None, "{value}");
        }
        for (name, value) in [
            (
                "next_page_token",
                "AARLwwXtBEFGbvAsu9aPAf6R3cJSyA8ZwQcfPWfcvYyQ",
            ),
            ("page-token", "AARLwwXtBEFGbvAsu9aPAf6R3cJSyA8ZwQcfPWfcvYyQ"),
            ("nextPageToken", "CAEQ0123456789abcdef01234567"),
            ("cursor_key", "CAEQ0123456789abcdef01234567"),
            ("token", "xxxx1234"),
            ("signing-secret", "****abcd1"),
            ("secret", "hidden"),
            ("password", ""),
            ("token_type", "bearer-token1"),
            ("token", "5034460f-c7c4-4c43-9457-de07e2029e7b"),
            ("issue_key", "PROJECT-1234"),
            ("password_changed", "2026-11-25T09:00:00Z"),
            ("token_url", "https://login.example/oauth/token2"),
            ("signature", "-----BEGIN PGP SIGNATURE-----\nabc"),
            ("auth", "oauth"),
            ("public_key", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7"),
        ] {
            let body = serde_json::json!({ name: value });
            assert_eq!(found(&format!("ask: GET /a\nbody: {body}")), None, "{name}");
        }
        for (name, value) in [
            ("token", "AARLwwXtBEFGbvAsu9aPA"),
            ("page_access_token", "AARLwwXtBEFGbvAsu9aPA"),
            ("webhook_url", "https://example.com/hook/0a1b2c3d"),
            ("deploy_key", "AARLwwXtBEFGbvAsu9aPA1"),
        ] {
            let body = serde_json::json!({ name: [value] });
            assert!(
                found(&format!("ask: GET /a\nbody: {body}")).is_some(),
                "{name}"
            );
        }
    }
}
