//! Places to write, one file per kind.
//!
//! A sink is opened before the first request, so that a place that cannot be written fails early.

#[cfg(unix)]
mod beneath;
#[cfg(not(unix))]
#[path = "beneath_by_path.rs"]
mod beneath;
mod cache;
mod file;
mod folder;
mod lock;
mod memory;
mod name;
mod place;
mod scratch;
mod several;
mod spill;
mod spool;
mod staging;
mod stdout;

use std::io;

pub use beneath::FileBeneath;
pub use cache::CacheFolder;
pub use file::{
    FileSink, Obstacle, create_private_file, obstacle, private_folder, remove_file, write_file,
    write_new_file,
};
pub use folder::{Folder, Slot};
pub use lock::{FolderLock, Lock};
pub use memory::MemorySink;
pub use name::check as check_name;
pub use place::{is_stdout, is_stream};
pub use scratch::{Scratch, TemporaryFolder};
pub use several::{NotWritten, try_to_write, write_files};
pub use spill::{RecordSpool, SpillFile, SpillReader};
pub use spool::{Spool, Spooled};
pub use staging::{StagedFile, StagedFiles, StagedSummary};
pub use stdout::{StderrSink, StdoutSink};

/// A place that takes bytes.
pub trait Sink {
    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Commits the output. Without it, a file keeps its previous content.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
