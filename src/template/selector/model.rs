//! The checked path, created by [`compile`](super::compile) and run by [`walk`](super::walk).

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// The maximum size of a compiled pattern in bytes, which limits the time to compile one from a
/// response.
const MAX_PATTERN: usize = 2 << 20;

/// A query (RFC 9535, section 2.1), from the root or from the current node of a filter.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) absolute: bool,
    pub(super) segments: Vec<Segment>,
    /// The memo for the nodes of an absolute path in a filter, which do not depend on the current
    /// node.
    pub(super) memo: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Segment {
    /// One name or index, the only kind in a singular query (section 2.3.5.1).
    Step(Step),
    Children(Vec<Pick>),
    Descendants(Vec<Pick>),
}

#[derive(Debug)]
pub(super) enum Step {
    Name(String),
    Index(i64),
}

/// A selector (section 2.3).
#[derive(Debug)]
pub(super) enum Pick {
    Step(Step),
    All,
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
    Filter(Condition),
}

/// A logical expression (section 2.3.5).
#[derive(Debug)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Path),
    Compare(Operand, Operator, Operand),
    Matches {
        subject: Operand,
        pattern: Pattern,
        whole: bool,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operand with a value or Nothing (`ValueType`, section 2.4.1).
#[derive(Debug)]
pub(super) enum Operand {
    Literal(Value),
    Single(Path),
    Length(Box<Operand>),
    Count(Path),
    Value(Path),
}

#[derive(Debug)]
pub(super) enum Pattern {
    Known(Regex),
    /// From the document, or a literal that is not a string.
    Given(Operand),
}

impl Path {
    pub(super) fn is_singular(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| matches!(segment, Segment::Step(_)))
    }
}

/// Compiles an I-Regexp (RFC 9485); `None` if it is invalid.
pub(super) fn pattern(source: &str, whole: bool) -> Option<Regex> {
    let mut translated = String::with_capacity(source.len() + 8);
    let (mut in_class, mut escaped) = (false, false);
    for character in source.chars() {
        match character {
            _ if escaped => translated.push(character),
            // A dot matches neither line feed nor carriage return (RFC 9485, section 5.3).
            '.' if !in_class => translated.push_str(r"[^\n\r]"),
            // `&&` and `~~` are operators of the `regex` crate, not of I-Regexp.
            '&' | '~' if in_class => translated.extend(['\\', character]),
            _ => translated.push(character),
        }
        in_class = if escaped {
            in_class
        } else {
            character == '[' || in_class && character != ']'
        };
        escaped = character == '\\' && !escaped;
    }
    let build = |text: &str| RegexBuilder::new(text).size_limit(MAX_PATTERN).build().ok();
    // Compiled without the group first, so that `a)(b` does not become valid inside it.
    let regex = build(&translated)?;
    if whole {
        build(&format!("^(?:{translated})$"))
    } else {
        Some(regex)
    }
}
