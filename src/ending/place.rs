//! A place that takes bytes, and what a person sees of it.

use std::io;

use crate::core::text::printable_lines;
use crate::sink::Sink;

/// A place for bytes.
pub struct Output {
    /// The place.
    pub sink: Box<dyn Sink>,
    /// True for a terminal: characters that steer it are escaped.
    pub is_terminal: bool,
    /// Called before each write: progress and result never stand in each other's lines.
    pub before_write: Box<dyn Fn()>,
}

impl Output {
    /// Writes bytes, if there are any, and empties the buffer.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn write(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if !buffer.is_empty() {
            (self.before_write)();
            self.sink.write(buffer)?;
            buffer.clear();
        }
        Ok(())
    }

    /// Writes the last bytes.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn finish(mut self, buffer: &[u8]) -> io::Result<()> {
        (self.before_write)();
        self.sink.write(buffer)?;
        self.sink.finish()
    }

    /// Returns a text as it is written here.
    pub fn text(&self, text: String) -> Vec<u8> {
        if self.is_terminal {
            printable_lines(&text).into_owned().into_bytes()
        } else {
            text.into_bytes()
        }
    }
}
