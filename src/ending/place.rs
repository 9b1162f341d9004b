//! An output for bytes, and how it is displayed.

use std::io;

use crate::core::text::printable_lines;
use crate::sink::Sink;

/// An output for bytes.
pub struct Output {
    /// The place.
    pub sink: Box<dyn Sink>,
    /// True for a terminal: control characters are escaped.
    pub is_terminal: bool,
    /// Called before each write, to clear the progress line.
    pub before_write: Box<dyn Fn()>,
}

impl Output {
    /// Writes and empties the buffer.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if !buffer.is_empty() {
            (self.before_write)();
            self.sink.write(buffer)?;
            buffer.clear();
        }
        Ok(())
    }

    /// Writes the last bytes and closes the output.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self, buffer: &[u8]) -> io::Result<()> {
        (self.before_write)();
        self.sink.write(buffer)?;
        self.sink.finish()
    }

    /// Converts text to the bytes to write, escaped for a terminal if there is one.
    pub fn text(&self, text: String) -> Vec<u8> {
        if self.is_terminal {
            printable_lines(&text).into_owned().into_bytes()
        } else {
            text.into_bytes()
        }
    }
}
