//! The response body, unchanged.

use std::io;

use serde_json::Value;

use crate::ending::{CloseContext, Ending, EndingError, Output, Shows};
use crate::format::Format;

/// Writes the response body unchanged; its records are read but not written.
pub struct Content {
    format: &'static Format,
    output: Output,
    bytes: Vec<u8>,
}

impl Content {
    /// Starts the result.
    pub fn new(format: &'static Format, output: Output) -> Self {
        Self {
            format,
            output,
            bytes: Vec::new(),
        }
    }
}

impl Ending for Content {
    fn shows(&self) -> Shows {
        Shows::Content
    }

    fn format(&self) -> Option<&'static Format> {
        Some(self.format)
    }

    fn record(&mut self, _record: Value) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, context: &CloseContext<'_>) -> Result<(), EndingError> {
        self.bytes = if self.output.is_terminal {
            let text = String::from_utf8_lossy(context.content);
            self.output.text(text.into_owned())
        } else {
            context.content.to_vec()
        };
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.output.finish(&self.bytes)
    }
}
