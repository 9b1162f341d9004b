//! The entries of an exchange before they are understood, and the faults found in them.

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::source::{Place, SourceFile, Span};
use crate::recording::flow::{self, FlowError, Scalar};

/// After this number of faults, the rest of the file is not read.
const MOST_FAULTS: usize = 20;

/// The hint of the last fault if the rest of the file was not read.
pub const REST: &str = "the rest of the file was not read";

/// The keys of an exchange.
pub const KEYS: [&str; 12] = [
    "ask",
    "of",
    "sent",
    "sent_text",
    "sent_base64",
    "status",
    "headers",
    "delay",
    "broken",
    "body",
    "text",
    "base64",
];

/// A key with its value, which may go over several lines.
pub struct Entry<'t> {
    /// The key.
    pub key: &'static str,
    /// The bytes of the key in the file.
    pub key_span: Span,
    /// From the colon to the end of the last line, with its line break.
    pub value: &'t str,
    /// The start of the value in the file.
    pub start: usize,
}

impl Entry<'_> {
    /// Returns true if the value is JSON.
    pub fn holds_json(&self) -> bool {
        matches!(self.key, "body" | "sent")
    }

    /// Returns the bytes of a part of the value in the file.
    pub fn span(&self, part: Span) -> Span {
        Span::new(self.start + part.start, self.start + part.end)
    }

    /// Returns the bytes of the first line of the value, or of the key if there is none.
    pub fn shown(&self) -> Span {
        let trimmed = self.value.trim_start();
        let start = self.value.len() - trimmed.len();
        let line = trimmed.lines().next().unwrap_or_default().trim_end();
        if line.is_empty() {
            self.key_span
        } else {
            self.span(Span::new(start, start + line.len()))
        }
    }
}

/// The faults of a file.
pub struct Faults<'f> {
    file: &'f Arc<SourceFile>,
    list: Diagnostics,
}

impl<'f> Faults<'f> {
    /// Creates an empty list.
    pub fn new(file: &'f Arc<SourceFile>) -> Self {
        Self {
            file,
            list: Diagnostics::new(),
        }
    }

    /// Adds a fault with hints.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Returns the faults, or the value if there are none.
    pub fn or<T>(self, value: T) -> Result<T, Vec<Diagnostic>> {
        if self.list.is_empty() {
            return Ok(value);
        }
        let is_full = self.is_full();
        let mut faults = self.list.into_sorted();
        if is_full && let Some(last) = faults.last_mut() {
            last.help.push(REST.to_owned());
        }
        Err(faults)
    }

    /// Returns a place in the file.
    pub fn place(&self, span: Span) -> Place {
        Place {
            file: Arc::clone(self.file),
            span,
        }
    }

    /// Returns a fault, to which hints can be added.
    pub fn diagnostic(&self, span: Span, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.place(span), code, message)
    }

    /// Adds a fault.
    pub fn fault(&mut self, span: Span, code: Code, message: impl Into<String>) {
        let diagnostic = self.diagnostic(span, code, message);
        self.list.push(diagnostic);
    }

    /// Adds a fault in the syntax of a value.
    pub fn flow_fault(&mut self, entry: &Entry<'_>, error: &FlowError, help: &str) {
        let message = format!("`{}`: {}", entry.key, error.message);
        let span = entry.span(error.span);
        let diagnostic = self.diagnostic(span, Code::Answers, message).help(help);
        self.list.push(diagnostic);
    }

    /// Returns true once there are so many that the rest of the file is not read.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST_FAULTS
    }

    /// Reads a value that is one scalar; its bytes are those in the file.
    pub fn scalar(&mut self, entry: &Entry<'_>, help: &str) -> Option<Scalar> {
        match flow::scalar(entry.value) {
            Ok(scalar) => Some(Scalar {
                span: entry.span(scalar.span),
                ..scalar
            }),
            Err(error) => {
                self.flow_fault(entry, &error, help);
                None
            }
        }
    }
}
