//! Where the records of a query go: an [`Ending`] takes them one by one, makes the rest when the
//! last has come, and writes it.
//!
//! | Ending | Result |
//! | --- | --- |
//! | [`Formatted`] | records in a [`crate::format::Format`], at a place that takes bytes |
//! | [`Content`] | the answer as it came |
//! | [`Report`] | a document made of all records |
//! | those of [`ENDINGS`] | a file that is no text, recognized by its ending |
//!
//! The life cycle: [`Ending::record`] for each record, [`Ending::pause`] when no other is ready,
//! [`Ending::close`] after the last, [`Ending::finish`]. Until `finish`, a file is as it was; an
//! ending that is dropped leaves it so.
//!
//! An ending does not know which query its records come from, how they are found, or who reads
//! them.

mod content;
mod formatted;
mod place;
mod report;
mod sqlite;

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::format::Format;
use crate::template::{Document, RenderError};

pub use content::Content;
pub use formatted::Formatted;
pub use place::Output;
pub use report::Report;

/// The part of an answer that an ending shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Its records.
    Records,
    /// Its content as it came.
    Content,
    /// All of its records at once, as a document.
    Document,
}

/// Takes the records of a query and writes the result.
pub trait Ending {
    /// The part of an answer that it shows.
    fn shows(&self) -> Shows {
        Shows::Records
    }

    /// The format that it writes records in, if it has one.
    fn format(&self) -> Option<&'static Format> {
        None
    }

    /// Takes a record.
    ///
    /// # Errors
    ///
    /// If the record cannot be written.
    fn record(&mut self, record: Value) -> io::Result<()>;

    /// Writes what is ready, since the next record takes its time.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Makes the rest, and writes nothing yet: of several endings none writes if one cannot be made.
    ///
    /// # Errors
    ///
    /// If the rest cannot be made.
    fn close(&mut self, closing: &Closing<'_>) -> Result<(), EndingError>;

    /// Writes the rest.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// The facts that a result ends with.
pub struct Closing<'c> {
    /// The content of the answer as it came, secrets masked.
    pub content: &'c [u8],
    /// Renders a document over the records.
    pub render: &'c Renderer<'c>,
}

/// Renders a document over records.
pub type Renderer<'r> = dyn Fn(&Document, Vec<Value>) -> Result<String, RenderError> + 'r;

/// The reason why the rest of a result cannot be made.
#[derive(Debug)]
pub enum EndingError {
    /// A document cannot be rendered.
    Render(RenderError),
    /// A record cannot be written.
    Write(io::Error),
}

impl From<io::Error> for EndingError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A kind of file that is no text.
pub struct FileKind {
    /// Its name, for messages.
    pub name: &'static str,
    /// The endings of its files, without the dot.
    pub extensions: &'static [&'static str],
    /// Settles the ending before the first request.
    open: fn(&Path, &Table<'_>) -> io::Result<Box<dyn Ending>>,
}

/// The records as a table.
#[derive(Debug, Clone, Copy)]
pub struct Table<'t> {
    /// The name of the table.
    pub name: &'t str,
    /// Its columns, if they are known before the first record.
    pub columns: Option<&'t [String]>,
}

/// The kinds of file that are no text.
pub const ENDINGS: &[&FileKind] = &[&sqlite::SQLITE];

impl FileKind {
    /// The kind of a file, by its ending.
    pub fn of_file(path: &Path) -> Option<&'static Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let mut kinds = ENDINGS.iter().copied();
        kinds.find(|kind| kind.extensions.contains(&&*extension))
    }

    /// Settles the ending before the first request.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or holds something else.
    pub fn open(&self, path: &Path, table: &Table<'_>) -> io::Result<Box<dyn Ending>> {
        (self.open)(path, table)
    }
}
