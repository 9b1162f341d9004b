//! Standard output.

use std::io::{self, Write as _};

use crate::sink::Sink;

/// Writes through: a reader downstream sees a record as soon as it is there.
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
