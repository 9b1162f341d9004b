//! Errors of decoding, with their place in the content.

use std::borrow::Cow;
use std::fmt;

use crate::core::text::{one_line, truncate_to_width};

/// The width of the first line in messages, in columns.
const SHOWN: usize = 80;

/// An error in the content of a body or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column in bytes, from 1.
    pub column: Option<usize>,
    /// The message, without the place.
    pub message: String,
    /// True if the content is longer than what is held in memory.
    pub exceeds_whole: bool,
    /// The beginning of the content. It may contain secrets, so it is only shown by [`Self::first_line`].
    pub(super) start: Vec<u8>,
}

impl DecodeError {
    /// Creates an error of the content as a whole.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            line: None,
            column: None,
            message: message.into(),
            exceeds_whole: false,
            start: Vec::new(),
        }
    }

    /// Creates an error in a line.
    pub fn in_line(line: u64, message: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::new(message)
        }
    }

    /// Adds the beginning of the content.
    pub(super) fn in_content(mut self, start: &[u8]) -> Self {
        self.start = start.to_vec();
        self
    }

    /// Returns the first line of the content, if it is known: truncated and safe to print.
    pub fn first_line(&self, scrub: impl Fn(&str) -> Cow<'_, str>) -> Option<String> {
        excerpt(&self.start, scrub)
    }

    /// Returns the message after the name of its source: `` `jobs.csv`, line 3: … ``.
    pub fn about(&self, source: &str) -> String {
        let glue = if self.line.is_some() { "," } else { ":" };
        format!("{source}{glue} {self}")
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}")?;
            if let Some(column) = self.column {
                write!(formatter, ", column {column}")?;
            }
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

/// Returns the first line of a text that is not empty: truncated and safe to print. The text is
/// scrubbed as a whole, since the part of a secret that is left after truncation is not recognized.
pub fn excerpt(start: &[u8], scrub: impl Fn(&str) -> Cow<'_, str>) -> Option<String> {
    let text = String::from_utf8_lossy(start);
    let text = scrub(&text);
    let line = text.split(['\n', '\r']).map(str::trim);
    let line = line.into_iter().find(|line| !line.is_empty())?;
    Some(truncate_to_width(&one_line(line), SHOWN).into_owned())
}
