//! Content that is one record.

use std::fmt;

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::window::Window;
use super::{DecodeError, STEP};
use crate::core::json as values;
use crate::core::text::hex;

/// A JSON document or a text.
#[derive(Debug)]
pub struct Whole {
    window: Window,
    content: Vec<u8>,
    is_json: bool,
}

impl Whole {
    pub fn new(window: Window, is_json: bool) -> Self {
        Self {
            window,
            content: Vec::new(),
            is_json,
        }
    }

    /// Reads about a megabyte. Returns true at the end.
    pub fn step(&mut self) -> Result<bool, DecodeError> {
        let end = self.window.bytes_read() + STEP;
        loop {
            let rest = self.window.rest();
            let count = rest.len();
            self.content.extend_from_slice(rest);
            self.window.take(count);
            if self.window.is_complete() || self.window.bytes_read() >= end {
                return Ok(self.window.is_complete());
            }
            self.window.fill()?;
        }
    }

    /// Returns the record.
    pub fn into_record(self) -> Result<Value, DecodeError> {
        if !self.is_json {
            return Ok(text_record(self.content));
        }
        if let Err(error) = std::str::from_utf8(&self.content) {
            let before = &self.content[..error.valid_up_to()];
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            return Err(self
                .window
                .explain(DecodeError::in_line(line as u64, "not UTF-8")));
        }
        values::parse(&self.content).map_err(|error| {
            self.window.explain(DecodeError {
                column: Some(error.column()),
                ..DecodeError::in_line(error.line() as u64, error.message())
            })
        })
    }
}

/// Returns the record of a text. Bytes that are not UTF-8 become U+FFFD: a log has bytes of any
/// program.
pub fn text_record(content: Vec<u8>) -> Value {
    let text = String::from_utf8(content)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    json!({ "text": text })
}

/// The length and the hash of bytes.
pub struct Digest {
    window: Window,
    context: Context,
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({:?})", self.window)
    }
}

impl Digest {
    pub fn new(window: Window) -> Self {
        Self {
            window,
            context: Context::new(&SHA256),
        }
    }

    /// Reads about a megabyte. Returns true at the end.
    pub fn step(&mut self) -> Result<bool, DecodeError> {
        let end = self.window.bytes_read() + STEP;
        while self.window.bytes_read() < end {
            let rest = self.window.rest();
            let count = rest.len();
            self.context.update(rest);
            self.window.take(count);
            if !self.window.fill()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the record.
    pub fn into_record(self) -> Value {
        let digest = self.context.finish();
        json!({ "bytes": self.window.bytes_read(), "sha256": hex(digest.as_ref()) })
    }
}
