//! Marks that replace secrets in a request that is only shown.
//!
//! A mark contains the name of the shell variable with the value. It passes through templates like
//! any text, is found again in the result (in a URL: percent-encoded), and becomes `***` or
//! `"$NAME"`. It also contains a random number per process, so that no foreign value can imitate a
//! mark: its name is passed to a shell. The number is decimal, since a template may change case.
//!
//! There is one scope; what hides a secret is a veil, which replaces an expression before it is
//! evaluated. Rendering once, and masking the pieces whose expressions mention a secret, would make
//! marks superfluous. It does not work:
//!
//! - A dry run has no value to render for an item of a walk, for `row` and `data`, or for an unset
//!   variable of `auth`.
//! - A rendered text is processed further: percent-encoded, normalized as a URL, serialized as JSON
//!   or a form, split again for curl. Characters survive that; ranges of pieces would not.
//! - minijinja renders a template with statements to one text, without the expression behind each
//!   part of it, and a `set` passes a secret on under another name.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::core::percent;
use crate::core::secret::MASK;

const OPEN: char = '\u{f5a0}';
const CLOSE: char = '\u{f5a1}';

/// Returns the mark for a name.
pub fn mark(name: &str) -> String {
    format!("{}{name}{CLOSE}", open())
}

fn open() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| format!("{OPEN}{:020}:", fastrand::u64(..)))
}

/// The name of a value computed from a secret. No shell variable has this name.
pub const COMPUTED: &str = "(computed)";

/// A part of a text with marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Plain text.
    Plain(String),
    /// A secret, by the name of its variable.
    Secret(String),
    /// A secret in a percent-encoded part.
    EncodedSecret(String),
}

/// Splits a text at its marks.
pub fn segments(text: &str) -> Vec<Segment> {
    split(text, open(), &CLOSE.to_string())
}

/// Splits a URL at its percent-encoded marks.
pub fn url_segments(url: &str) -> Vec<Segment> {
    let (open, close) = (percent::encode(open()), percent::encode(&CLOSE.to_string()));
    split(url, &open, &close)
        .into_iter()
        .flat_map(|segment| match segment {
            // A base URL that is secret as a whole is no URL any more.
            Segment::Plain(text) => segments(&text),
            Segment::Secret(name) | Segment::EncodedSecret(name) => {
                vec![Segment::EncodedSecret(percent::decode(&name))]
            }
        })
        .collect()
}

fn split(text: &str, open: &str, close: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut rest = text;
    while let Some((plain, marked)) = rest.split_once(open) {
        let Some((name, after)) = marked.split_once(close) else {
            break;
        };
        if !plain.is_empty() {
            segments.push(Segment::Plain(plain.to_owned()));
        }
        segments.push(Segment::Secret(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        segments.push(Segment::Plain(rest.to_owned()));
    }
    segments
}

/// Replaces the marks in a text with `***`.
pub fn masked(text: &str) -> String {
    joined(segments(text))
}

/// Replaces the marks in the texts of a value with `***`.
pub fn masked_value(value: &Value) -> Value {
    match value {
        Value::String(text) => masked(text).into(),
        Value::Array(items) => items.iter().map(masked_value).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), masked_value(member)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Replaces the marks in a URL with `***`.
pub fn masked_url(url: &str) -> String {
    joined(url_segments(url))
}

fn joined(segments: Vec<Segment>) -> String {
    segments
        .into_iter()
        .map(|segment| match segment {
            Segment::Plain(text) => text,
            // A placeholder for an unknown item is not a secret.
            Segment::Secret(name) | Segment::EncodedSecret(name) if name.starts_with('{') => name,
            Segment::Secret(_) | Segment::EncodedSecret(_) => MASK.to_owned(),
        })
        .collect()
}

/// Returns true if a text contains a mark.
pub fn is_marked(text: &str) -> bool {
    text.contains(open())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_again() {
        let text = format!("Bearer {}!", mark("TOKEN"));
        assert_eq!(masked(&text), "Bearer ***!");
        let encoded = format!("a={}&b=1", percent::encode(&mark("TOKEN")));
        assert_eq!(
            url_segments(&encoded),
            [
                Segment::Plain("a=".to_owned()),
                Segment::EncodedSecret("TOKEN".to_owned()),
                Segment::Plain("&b=1".to_owned()),
            ]
        );
        assert_eq!(masked_url(&format!("{}/x", mark("URL"))), "***/x");
        assert!(!is_marked("plain"));
    }

    #[test]
    fn a_value_cannot_pretend_to_be_a_mark() {
        for forged in [
            format!("{OPEN}(touch x){CLOSE}"),
            format!("{OPEN}0000000000000000:(touch x){CLOSE}"),
            "%EF%96%A0(touch x)%EF%96%A1".to_owned(),
        ] {
            assert_eq!(segments(&forged), [Segment::Plain(forged.clone())]);
            assert_eq!(url_segments(&forged), [Segment::Plain(forged.clone())]);
        }
    }
}
