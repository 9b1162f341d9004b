//! Endings: where the records of a query go. An [`Ending`] takes the records one by one, completes
//! the result after the last one, and writes it.
//!
//! | Ending | Result |
//! | --- | --- |
//! | [`Formatted`] | records in a [`crate::format::Format`], written to an output |
//! | [`Collected`] | the records themselves |
//! | [`Content`] | the response body, unchanged |
//! | [`Report`] | a document rendered from all records |
//! | those of [`ENDINGS`] | a binary file, chosen by its extension |
//!
//! The life cycle: [`Ending::record`] for each record, [`Ending::pause`] while no record is ready,
//! [`Ending::close`] after the last, [`Ending::finish`]. A file is only replaced in `finish`;
//! dropping an ending leaves it unchanged.
//!
//! An ending knows neither the query nor the source of its records.

mod collected;
mod content;
mod formatted;
mod place;
mod report;
mod sqlite;

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::core::records::RecordList;
use crate::format::{Format, Shortened};
use crate::template::{Document, RenderError};

pub use collected::Collected;
pub use content::Content;
pub use formatted::Formatted;
pub use place::Output;
pub use report::Report;

/// The part of a response that an ending shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Its records.
    Records,
    /// The body, unchanged.
    Content,
    /// All records at once, as a document.
    Document,
}

/// Consumes the records of a query and writes the result.
pub trait Ending {
    /// Returns the part of the response that this ending shows.
    fn shows(&self) -> Shows {
        Shows::Records
    }

    /// Returns the format of the records, if there is one.
    fn format(&self) -> Option<&'static Format> {
        None
    }

    /// Returns what the result has no room for. Complete after [`close`](Self::close).
    fn shortened(&self) -> Option<&Shortened> {
        None
    }

    /// Returns a note about values that are not in the result. Complete after
    /// [`close`](Self::close).
    fn note(&self) -> Option<String> {
        None
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// If the record cannot be written.
    fn record(&mut self, record: Value) -> io::Result<()>;

    /// Writes what is buffered while no record is ready.
    ///
    /// # Errors
    ///
    /// If writing fails.
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Completes the result without writing it, so that of several endings none writes if one
    /// fails.
    ///
    /// # Errors
    ///
    /// If the result cannot be completed.
    fn close(&mut self, context: &CloseContext<'_>) -> Result<(), EndingError>;

    /// Writes the rest of the result.
    ///
    /// # Errors
    ///
    /// If writing fails.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Data for completing a result.
pub struct CloseContext<'c> {
    /// The response body, with secrets masked.
    pub content: &'c [u8],
    /// Renders a document from the records.
    pub render: &'c Renderer<'c>,
}

/// A function that renders a document from records.
pub type Renderer<'r> = dyn Fn(&Document, RecordList) -> Result<String, RenderError> + 'r;

/// An error while completing a result.
#[derive(Debug)]
pub enum EndingError {
    /// A document failed to render.
    Render(RenderError),
    /// A record could not be written.
    Write(io::Error),
}

impl From<io::Error> for EndingError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A kind of binary file.
pub struct FileKind {
    /// The name of the kind, for messages.
    pub name: &'static str,
    /// File extensions, without the dot.
    pub extensions: &'static [&'static str],
    /// Opens the ending before the first request.
    open: fn(&Path, &Table<'_>) -> io::Result<Box<dyn Ending>>,
}

/// The table that the records form.
#[derive(Debug, Clone, Copy)]
pub struct Table<'t> {
    /// The name of the table.
    pub name: &'t str,
    /// The columns, if known before the first record.
    pub columns: Option<&'t [String]>,
}

/// All kinds of binary file.
pub const ENDINGS: &[&FileKind] = &[&sqlite::SQLITE];

impl FileKind {
    /// Returns the kind of a file by its extension.
    pub fn of_file(path: &Path) -> Option<&'static Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let mut kinds = ENDINGS.iter().copied();
        kinds.find(|kind| kind.extensions.contains(&&*extension))
    }

    /// Opens the ending before the first request.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or has other content.
    pub fn open(&self, path: &Path, table: &Table<'_>) -> io::Result<Box<dyn Ending>> {
        (self.open)(path, table)
    }
}
