//! Places to write, one file a kind.
//!
//! A sink is settled before the first request: a place that cannot be written is known before
//! anything is asked.

mod cache;
mod file;
mod lock;
mod place;
mod scratch;
mod stdout;

use std::io;

pub use cache::CacheFolder;
pub use file::{FileSink, private_folder};
pub use lock::Lock;
pub use place::{is_stdout, is_stream};
pub use scratch::Scratch;
pub use stdout::{StderrSink, StdoutSink};

/// A place that takes bytes.
pub trait Sink {
    /// Takes some bytes.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written last. Without it a file stays as it was.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
