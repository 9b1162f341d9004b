//! Records in a format.

use std::io;

use serde_json::Value;

use crate::ending::{CloseContext, Ending, EndingError, Output};
use crate::format::{Format, FormatError, Render, Shape, Shortened};

/// The buffer size at which a streaming format is written out.
const ENOUGH: usize = 64 * 1024;

/// Writes records in a format to an output: continuously if the format streams, otherwise once
/// complete.
pub struct Formatted {
    format: &'static Format,
    renderer: Box<dyn Render>,
    output: Output,
    buffer: Vec<u8>,
}

impl Formatted {
    /// Starts the result with `before` in front of it.
    ///
    /// # Errors
    ///
    /// If the format fails to start.
    pub fn new(
        format: &'static Format,
        shape: &Shape,
        before: &str,
        output: Output,
    ) -> io::Result<Self> {
        let mut renderer = format.renderer(shape);
        let mut buffer = before.as_bytes().to_vec();
        renderer.begin(&mut buffer).map_err(io_error)?;
        Ok(Self {
            format,
            renderer,
            output,
            buffer,
        })
    }
}

impl Ending for Formatted {
    fn format(&self) -> Option<&'static Format> {
        Some(self.format)
    }

    fn shortened(&self) -> Option<&Shortened> {
        self.renderer.shortened()
    }

    fn note(&self) -> Option<String> {
        self.renderer.note()
    }

    fn record(&mut self, record: Value) -> io::Result<()> {
        self.renderer
            .record(&record, &mut self.buffer)
            .map_err(io_error)?;
        if self.buffer.len() >= ENOUGH {
            self.pause()?;
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        if self.format.streams {
            self.output.write(&mut self.buffer)?;
        }
        Ok(())
    }

    fn close(&mut self, _context: &CloseContext<'_>) -> Result<(), EndingError> {
        let finished = self.renderer.finish(&mut self.buffer);
        Ok(finished.map_err(io_error)?)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.output.finish(&self.buffer)
    }
}

fn io_error(error: FormatError) -> io::Error {
    io::Error::other(error)
}
