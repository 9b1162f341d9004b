//! Marks that stand for secrets in a request that is only shown.
//!
//! A mark holds the name of the shell variable that would have the value, between two characters
//! of Unicode's private use area, which no value of an API has. It goes through templates as any
//! text does, is found again in the result (also percent-encoded), and becomes `***` or `$NAME`.

use crate::core::percent;
use crate::core::secret::MASK;

const OPEN: char = '\u{f5a0}';
const CLOSE: char = '\u{f5a1}';

/// The mark of a name.
pub fn mark(name: &str) -> String {
    format!("{OPEN}{name}{CLOSE}")
}

/// A text, split at its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text.
    Plain(String),
    /// A secret, by the name of its variable.
    Secret(String),
}

/// Splits a text at its marks, percent-encoded or not.
pub fn segments(text: &str) -> Vec<Segment> {
    let text = text
        .replace(&percent::encode(&OPEN.to_string()), &OPEN.to_string())
        .replace(&percent::encode(&CLOSE.to_string()), &CLOSE.to_string());
    let mut segments = Vec::new();
    let mut rest = text.as_str();
    while let Some((plain, marked)) = rest.split_once(OPEN) {
        let Some((name, after)) = marked.split_once(CLOSE) else {
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

/// The text with its secrets masked.
pub fn masked(text: &str) -> String {
    segments(text)
        .into_iter()
        .map(|segment| match segment {
            Segment::Plain(text) => text,
            Segment::Secret(_) => MASK.to_owned(),
        })
        .collect()
}

/// Whether a text holds a mark.
pub fn is_marked(text: &str) -> bool {
    segments(text)
        .iter()
        .any(|segment| matches!(segment, Segment::Secret(_)))
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
            segments(&encoded),
            [
                Segment::Plain("a=".to_owned()),
                Segment::Secret("TOKEN".to_owned()),
                Segment::Plain("&b=1".to_owned()),
            ]
        );
        assert!(!is_marked("plain"));
    }
}
