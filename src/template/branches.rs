//! The branches of a template, for the coverage of tests.
//!
//! A rendering that takes note of them runs another form of the template, in which a call of
//! [`NOTE`] stands after each tag that begins a branch. It ends as the tag before it does (`-%}`), so
//! that the text around it stays the same.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::core::source::Place;
use crate::core::text::one_line;

/// The function that takes note of a branch.
pub(super) const NOTE: &str = "runner_takes_branch";

/// A part of a template that a rendering can skip: after `if`, `elif`, `else` or `for`, or a macro.
#[derive(Debug)]
pub struct Branch {
    /// The file with the template, as in [`TakenBranches`].
    pub file: String,
    /// The start of its tag in the template.
    pub start: usize,
    /// Its tag.
    pub place: Place,
    /// The tag and what cases lack: "`{% else %}` is never taken".
    pub words: String,
}

/// The branches that renderings took: files and starts of tags.
#[derive(Debug, Default)]
pub struct TakenBranches(Mutex<BTreeSet<(String, usize)>>);

impl TakenBranches {
    pub(super) fn add(&self, file: &str, start: usize) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert((file.to_owned(), start));
    }

    /// Returns all of them, and forgets them.
    pub fn take(&self) -> BTreeSet<(String, usize)> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut taken)
    }
}

/// A tag that begins a branch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The bytes of the tag.
    pub range: Range<usize>,
    verb: &'static str,
}

impl Tag {
    /// Returns the words for a branch that no case takes.
    pub fn words(&self, source: &str) -> String {
        let tag = one_line(&source[self.range.clone()]).into_owned();
        format!("`{tag}` {}", self.verb)
    }

    /// Returns the statement that takes note of the branch.
    pub fn note(&self, source: &str, file: &str) -> String {
        let file = serde_json::Value::from(file);
        let sign = match &source.as_bytes()[..self.range.end] {
            [.., b'-', b'%', b'}'] => "-",
            [.., b'+', b'%', b'}'] => "+",
            _ => "",
        };
        format!("{{% do {NOTE}({file}, {}) {sign}%}}", self.range.start)
    }
}

/// Returns the tags that begin branches, in order.
pub(super) fn tags(source: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    // True for the loops among the open statements.
    let mut open: Vec<bool> = Vec::new();
    let mut start = 0;
    let mut verb: Option<&'static str> = None;
    let mut is_keyword = false;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        // An invalid token is a fault that the parser has reported.
        let Ok((token, span)) = token else { break };
        match token {
            Token::BlockStart => {
                start = span.start_offset as usize;
                verb = None;
                is_keyword = true;
                continue;
            }
            Token::Ident(word) if is_keyword => {
                verb = match word {
                    "if" => {
                        open.push(false);
                        Some("is never taken")
                    }
                    "for" => {
                        open.push(true);
                        Some("is never entered")
                    }
                    "elif" | "else" => Some("is never taken"),
                    "macro" => Some("is never called"),
                    "endif" | "endfor" => {
                        open.pop();
                        None
                    }
                    _ => None,
                };
                if word == "else" && open.last() == Some(&true) {
                    verb = Some("of a loop is never taken");
                }
            }
            Token::BlockEnd => {
                let range = start..span.end_offset as usize;
                tags.extend(verb.take().map(|verb| Tag { range, verb }));
            }
            _ => {}
        }
        is_keyword = false;
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        tags(source).iter().map(|tag| tag.words(source)).collect()
    }

    #[test]
    fn branches_begin_with_tags() {
        assert_eq!(
            words(
                "{% if a %}{% for b in c if d else e -%}{% else %}{% endfor %}{%- elif f\n%}\
                 {% else %}{% endif %}{% macro g() %}{% endmacro %}{% set h = 1 if i else 2 %}\
                 {% raw %}{% if no %}{% endraw %}{# {% if no %} #}"
            ),
            [
                "`{% if a %}` is never taken",
                "`{% for b in c if d else e -%}` is never entered",
                "`{% else %}` of a loop is never taken",
                "`{%- elif f %}` is never taken",
                "`{% else %}` is never taken",
                "`{% macro g() %}` is never called",
            ]
        );
    }

    #[test]
    fn a_note_ends_like_its_tag() {
        for (source, end) in [
            ("{% if a %}", " %}"),
            ("{% if a -%}", " -%}"),
            ("{% if a +%}", " +%}"),
        ] {
            let note = tags(source)[0].note(source, "a\"b.md");
            assert_eq!(note, format!("{{% do {NOTE}(\"a\\\"b.md\", 0){end}"));
        }
    }
}
