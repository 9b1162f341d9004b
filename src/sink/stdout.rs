//! Standard output, and standard error for `--out /dev/stderr`.

use std::io::{self, Write as _};

use crate::sink::Sink;

/// Standard output, flushed after each write: a downstream reader sees each record immediately.
#[derive(Default)]
pub struct StdoutSink;

impl Sink for StdoutSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::stdout().lock().write_all(bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

/// Standard error, for `--out /dev/stderr`.
#[derive(Default)]
pub struct StderrSink;

impl Sink for StderrSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::stderr().lock().write_all(bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
