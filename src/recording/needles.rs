//! Replaces many texts at once, in the encodings of URLs and JSON.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::core::percent;

/// Texts with their replacements.
#[derive(Debug, Default)]
pub struct Needles {
    /// Spelling → index of its replacement.
    added: HashMap<String, Needle>,
    /// Those that are searched for, in the order of the automaton.
    searched: Vec<Needle>,
    finder: Option<AhoCorasick>,
}

#[derive(Debug, Clone)]
struct Needle {
    replacement: String,
    /// True for numbers, which are not found inside of longer ones.
    is_number: bool,
}

impl Needles {
    /// Adds a text in its encodings. It is found after the next [`Needles::build`].
    pub fn add(&mut self, text: &str, replacement: &str, is_number: bool) {
        let needle = |replacement: String| Needle {
            replacement,
            is_number,
        };
        let encoded = percent::encode(text);
        let new = percent::encode(replacement);
        let quoted = Value::from(text).to_string();
        let spellings = [
            (text.to_owned(), replacement.to_owned()),
            (
                quoted[1..quoted.len() - 1].to_owned(),
                replacement.to_owned(),
            ),
            // `encodeURIComponent`, lower-case hexadecimal digits, forms, and encoders that leave
            // what is allowed in a path or a query.
            (lower_escapes(&encoded), new.clone()),
            (encoded.replace("%20", "+"), new.clone()),
            (encoded.replace("%40", "@"), new.clone()),
            (encoded.replace("%2F", "/"), new.clone()),
            (
                encoded
                    .replace("%2F", "/")
                    .replace("%40", "@")
                    .replace("%3A", ":")
                    .replace("%2B", "+"),
                new.clone(),
            ),
            (encoded, new),
        ];
        for (spelling, replacement) in spellings {
            self.added
                .entry(spelling)
                .or_insert_with(|| needle(replacement));
        }
    }

    /// Makes all added texts findable.
    pub fn build(&mut self) {
        let (spellings, needles): (Vec<&String>, Vec<Needle>) = self
            .added
            .iter()
            .map(|(spelling, needle)| (spelling, needle.clone()))
            .unzip();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(spellings)
            .expect("the values of a recording do not fill the memory");
        self.finder = (!needles.is_empty()).then_some(finder);
        self.searched = needles;
    }

    /// Replaces all of them in a text.
    pub fn replace(&self, text: &str) -> String {
        let Some(finder) = &self.finder else {
            return text.to_owned();
        };
        let mut clean = String::new();
        let mut rest = 0;
        for found in finder.find_iter(text) {
            let needle = &self.searched[found.pattern().as_usize()];
            let is_digit = |c: char| c.is_ascii_digit();
            let is_part = needle.is_number
                && (text[..found.start()].ends_with(is_digit)
                    || text[found.end()..].starts_with(is_digit));
            if !is_part {
                clean.push_str(&text[rest..found.start()]);
                clean.push_str(&needle.replacement);
                rest = found.end();
            }
        }
        clean.push_str(&text[rest..]);
        clean
    }
}

/// `%2F` → `%2f`.
fn lower_escapes(encoded: &str) -> String {
    let mut text = String::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(at) = rest.find('%') {
        let end = (at + 3).min(rest.len());
        text.push_str(&rest[..at]);
        text.push_str(&rest[at..end].to_ascii_lowercase());
        rest = &rest[end..];
    }
    text.push_str(rest);
    text
}
