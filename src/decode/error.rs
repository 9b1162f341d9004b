//! Errors of decoding, with their place in the content.

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
    /// The beginning of the content, on one line and safe to print.
    pub first_line: Option<String>,
}

impl DecodeError {
    /// Creates an error of the content as a whole.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            line: None,
            column: None,
            message: message.into(),
            first_line: None,
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
        let line = start.split(|byte| matches!(byte, b'\n' | b'\r'));
        let line = line.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
        self.first_line = line.map(|line| {
            let text = String::from_utf8_lossy(line);
            truncate_to_width(&one_line(&text), SHOWN).into_owned()
        });
        self
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
