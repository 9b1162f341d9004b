//! Comparable forms of a request.

use std::fmt::Write as _;

use serde_json::Value;
use url::Url;

use crate::core::json::number;
use crate::core::percent;
use crate::core::text::hex;
use crate::recording::difference::{Known, body_difference};
use crate::recording::{Ask, Content, Override};

/// A target with its parts decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The scheme, host and port of a complete URL.
    pub origin: Option<String>,
    /// The segments of the path, in one spelling.
    pub segments: Vec<String>,
    /// The parameters, sorted.
    pub params: Vec<(String, String)>,
    /// True if there is a `?`.
    pub has_params: bool,
}

impl Target {
    /// Parses a target.
    pub fn new(target: &str) -> Self {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        // A URL parser would take the `*` of a pattern as it is, too.
        let url = (!path.starts_with('/'))
            .then(|| Url::parse(path).ok())
            .flatten();
        let path = url.as_ref().map_or(path, Url::path);
        let mut params: Vec<(String, String)> = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (param(name), param(value))
            })
            .collect();
        params.sort_unstable();
        Self {
            origin: url.as_ref().map(|url| url.origin().ascii_serialization()),
            segments: path
                .trim_start_matches('/')
                .split('/')
                .map(percent::normalized)
                .collect(),
            params,
            has_params: query.is_some(),
        }
    }

    /// Returns the path for messages: `/workflow/1/job`.
    pub fn shown_path(&self) -> String {
        let origin = self.origin.as_deref().unwrap_or_default();
        let segments: Vec<String> = self
            .segments
            .iter()
            .map(|segment| percent::decode(segment))
            .collect();
        format!("{origin}/{}", segments.join("/"))
    }
}

/// Decodes a name or value of a query, in which `+` is a space.
fn param(text: &str) -> String {
    percent::decode(&text.replace('+', " "))
}

/// A text that equal requests share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestKey(String);

impl RequestKey {
    /// Creates the key of a request, whose target is given parsed, too.
    pub fn new(ask: &Ask, target: &Target) -> Self {
        let mut key = format!(
            "{} {}/{}",
            ask.method,
            target.origin.as_deref().unwrap_or_default(),
            target.segments.join("/")
        );
        for (name, value) in &target.params {
            let _ = write!(key, "&{}={}", percent::encode(name), percent::encode(value));
        }
        key.push('\n');
        push_content(&mut key, &ask.sent);
        Self(key)
    }
}

/// Appends a text that equal bodies share. It begins with a letter for the kind of body.
fn push_content(key: &mut String, content: &Content) {
    match content {
        Content::Empty => {}
        Content::Json(value) => {
            key.push('j');
            push_value(key, value);
        }
        Content::Text(text) if text.is_empty() => {}
        Content::Text(text) => {
            key.push('t');
            key.push_str(text);
        }
        Content::Bytes(bytes) if bytes.is_empty() => {}
        Content::Bytes(bytes) => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                key.push('t');
                key.push_str(text);
            } else {
                key.push('b');
                key.push_str(&hex(bytes));
            }
        }
    }
}

/// As [`crate::core::json::write_identity`], with the members in the order of their names.
fn push_value(key: &mut String, value: &Value) {
    match value {
        Value::Number(number) => key.push_str(&number::canonical(number)),
        Value::Array(items) => {
            key.push('[');
            for item in items {
                push_value(key, item);
                key.push(',');
            }
            key.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            key.push('{');
            for (name, member) in members {
                key.push_str(&Value::from(name.as_str()).to_string());
                key.push(':');
                push_value(key, member);
                key.push(',');
            }
            key.push('}');
        }
        other => key.push_str(&other.to_string()),
    }
}

/// Returns true if two bodies are equal.
pub fn is_equal(left: &Content, right: &Content) -> bool {
    let key = |content| {
        let mut key = String::new();
        push_content(&mut key, content);
        key
    };
    key(left) == key(right)
}

/// The requests of an override.
#[derive(Debug)]
pub struct Pattern {
    method: String,
    target: Target,
    sent: Option<Content>,
}

impl Pattern {
    /// Parses the pattern of an override.
    pub fn new(written: &Override) -> Self {
        Self {
            method: written.method.clone(),
            target: Target::new(&written.target),
            sent: written.sent.clone(),
        }
    }

    /// Returns true if the method and the target match.
    pub fn matches(&self, ask: &Ask, target: &Target) -> bool {
        self.method == ask.method
            && self.target.origin == target.origin
            && self.target.segments.len() == target.segments.len()
            && self
                .target
                .segments
                .iter()
                .zip(&target.segments)
                .all(|(pattern, segment)| pattern == ANY || pattern == segment)
            && (!self.target.has_params || self.target.params == target.params)
    }

    /// Returns true if the body matches.
    pub fn matches_body(&self, ask: &Ask) -> bool {
        self.sent
            .as_ref()
            .is_none_or(|sent| is_equal(sent, &ask.sent))
    }

    /// Returns the difference of the bodies in words, if there is one.
    pub fn body_difference(&self, ask: &Ask) -> Option<String> {
        let sent = self.sent.as_ref()?;
        (!is_equal(sent, &ask.sent)).then(|| body_difference(&ask.sent, sent, Known::Written))
    }
}

/// `*` in one spelling.
const ANY: &str = "%2A";
