//! Decoders: turn the bytes of a response body or a file into records, in flat memory.
//!
//! The life cycle: [`Decoder::start`] opens a [`ByteSource`] and returns a [`Scan`];
//! [`Scan::step`] reads a bounded part of it and is called until it returns true, so that a caller can
//! yield or stop in between; [`Scan::finish`] returns the [`Records`], which are read in batches.
//!
//! Separated values are read twice, since the type of a column depends on all of its fields: the scan
//! checks every row and finds the types, and the records are read from a second opening of the source.
//!
//! gzip and Zstandard are recognised by their first bytes, whatever the name of the source, and
//! unpacked; only [`BodyKind::Bytes`] takes them as they are.
//!
//! ```ignore
//! let decoder = Decoder { kind: BodyKind::Csv, last: None, limit: 64 << 20, whole: 64 << 20 };
//! let mut scan = decoder.start(Arc::new(body))?;
//! while !scan.step()? {
//!     tokio::task::yield_now().await;
//! }
//! let mut records = scan.finish()?;
//! while let Some(batch) = records.next_batch(256)? {
//!     deliver(batch);
//! }
//! ```
//!
//! This module knows neither responses nor paths.

mod columns;
mod delimited;
mod error;
mod lines;
mod list;
mod number;
mod unpack;
mod whole;
mod window;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use serde_json::Value;

use crate::core::rows::RowBuilder;
use columns::{ColumnScan, TypedRows};
use delimited::{Dialect, Rows};
use lines::{JsonLines, LineRecords, Lines, Tail, TailRecords};
use list::JsonList;
use whole::{Digest, Whole};
use window::Window;

pub use columns::Columns;
pub use error::{DecodeError, excerpt};
pub use number::looks_like;

/// The maximum length of a row or a line, in bytes.
pub const LONGEST_RECORD: usize = 16 << 20;

/// The maximum length of what is held in memory as a whole: a JSON document, a text, the last lines.
pub const LONGEST_WHOLE: u64 = 256 << 20;

/// The maximum number of columns, as in SQLite.
pub const MOST_COLUMNS: usize = 2_000;

/// The number of records that are read at a time where their size is not known.
const READY: usize = 256;

/// The content read by one step or for one batch, in bytes.
const STEP: u64 = 1 << 20;

/// Unpacks bytes, if they are packed.
///
/// # Errors
///
/// If the packing is damaged, or the content is longer than `limit`.
pub fn unpacked(bytes: Bytes, limit: u64) -> Result<Bytes, DecodeError> {
    if !unpack::is_packed(&bytes) {
        return Ok(bytes);
    }
    let mut window = Window::text(&bytes, limit)?;
    let mut content = Vec::new();
    loop {
        let rest = window.rest();
        let count = rest.len();
        content.extend_from_slice(rest);
        window.take(count);
        if window.is_complete() {
            return Ok(content.into());
        }
        window.fill()?;
    }
}

/// Bytes that can be read more than once.
pub trait ByteSource: std::fmt::Debug + Send + Sync {
    /// Opens the source at its beginning.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;
}

impl ByteSource for Bytes {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.clone().reader()))
    }
}

/// The content of a body or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// A JSON document, which is one value.
    Json,
    /// A JSON value per line.
    Ndjson,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Tab-separated values with a header, with escapes instead of quotes.
    Tsv,
    /// A record per line: `number` and `line`.
    Lines,
    /// One record: `text`.
    Text,
    /// One record: the number of `bytes`, and their `sha256` in hex.
    Bytes,
}

impl BodyKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Ndjson,
        Self::Csv,
        Self::Tsv,
        Self::Lines,
        Self::Text,
        Self::Bytes,
    ];

    /// Returns the name in query files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Lines => "lines",
            Self::Text => "text",
            Self::Bytes => "bytes",
        }
    }

    /// Returns the kind for messages.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Ndjson => "JSON lines",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Lines | Self::Text => "text",
            Self::Bytes => "complete",
        }
    }

    /// Returns the kind with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns true if `last` applies.
    pub fn takes_last(self) -> bool {
        matches!(self, Self::Lines | Self::Text)
    }
}

/// Decodes sources of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    /// The content.
    pub kind: BodyKind,
    /// For [`BodyKind::Lines`] and [`BodyKind::Text`], the number of lines at the end to keep.
    pub last: Option<usize>,
    /// The maximum length of the unpacked content, in bytes.
    pub limit: u64,
    /// The maximum length of what is held in memory as a whole, in bytes: a JSON document, a text, the
    /// last lines, a row.
    pub whole: u64,
}

impl Decoder {
    /// Starts to read a source.
    ///
    /// # Errors
    ///
    /// If the source cannot be opened or read, or is damaged at its beginning.
    pub fn start(self, source: Arc<dyn ByteSource>) -> Result<Scan, DecodeError> {
        let window =
            |limit: u64| Window::text(&*source, limit).map(|window| window.with_whole(self.whole));
        let whole = |is_json| {
            let window = window(self.limit.min(self.whole))?;
            Ok(ScanState::Whole(Whole::new(window, is_json)))
        };
        let state = match (self.kind, self.last) {
            (BodyKind::Json, _) => whole(true)?,
            (BodyKind::Ndjson, _) => {
                let lines = JsonLines::new(window(self.limit)?);
                ScanState::Ready(Records::new(None, Content::Ndjson(lines)))
            }
            (BodyKind::Csv | BodyKind::Tsv, _) => {
                ScanState::Columns(ColumnScan::new(self.rows(&*source)?))
            }
            (BodyKind::Lines, None) => {
                let lines = LineRecords::new(Lines::of_text(window(self.limit)?));
                ScanState::Ready(Records::new(None, Content::Lines(lines)))
            }
            (BodyKind::Text, None) => whole(false)?,
            (BodyKind::Lines | BodyKind::Text, Some(last)) => {
                let lines = Lines::of_text(window(self.limit)?);
                ScanState::Tail(Tail::new(lines, last, self.kind == BodyKind::Lines))
            }
            (BodyKind::Bytes, _) => {
                ScanState::Digest(Digest::new(Window::raw(&*source, self.limit)?))
            }
        };
        Ok(Scan {
            source,
            decoder: self,
            state,
        })
    }

    /// Reads the records of a JSON document: the items of a list one by one, or a single object.
    ///
    /// # Errors
    ///
    /// If the source cannot be opened or read, or is neither a list nor an object.
    pub fn list(self, source: &dyn ByteSource) -> Result<Records, DecodeError> {
        let mut window = Window::text(source, self.limit)?.with_whole(self.whole);
        if list::is_list(&mut window)? {
            return Ok(Records::new(None, Content::List(JsonList::new(window))));
        }
        let window = window.with_limit(self.limit.min(self.whole));
        Ok(Records::ready([list::single(window)?]))
    }

    /// Reads the columns of a table from its header, without their types.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or its header is not valid.
    pub fn header(self, source: &dyn ByteSource) -> Result<Columns, DecodeError> {
        columns::read_header(self.rows(source)?)
    }

    /// Reads the records of a table whose columns are known from a [`Scan`] of it.
    ///
    /// # Errors
    ///
    /// If the source cannot be opened.
    pub fn typed(self, source: &dyn ByteSource, columns: Columns) -> Result<Records, DecodeError> {
        let names = Some(columns.names()).filter(|names| !names.is_empty());
        let rows = TypedRows::new(self.rows(source)?, columns);
        Ok(Records::new(names, Content::Table(rows)))
    }

    fn rows(self, source: &dyn ByteSource) -> Result<Rows, DecodeError> {
        let dialect = if self.kind == BodyKind::Tsv {
            Dialect::Tsv
        } else {
            Dialect::Csv
        };
        let window = Window::text(source, self.limit)?.with_whole(self.whole);
        Ok(Rows::new(window, dialect))
    }
}

/// The part of the work that precedes the first record.
#[derive(Debug)]
pub struct Scan {
    source: Arc<dyn ByteSource>,
    decoder: Decoder,
    state: ScanState,
}

#[derive(Debug)]
enum ScanState {
    Columns(ColumnScan),
    Tail(Tail),
    Whole(Whole),
    Digest(Digest),
    Ready(Records),
}

impl Scan {
    /// Reads about a megabyte. Returns true once there is nothing left to do before the first record.
    ///
    /// # Errors
    ///
    /// If the content is not what the decoder expects, is damaged, or exceeds a limit.
    pub fn step(&mut self) -> Result<bool, DecodeError> {
        match &mut self.state {
            ScanState::Columns(scan) => scan.step(),
            ScanState::Tail(tail) => tail.step(),
            ScanState::Whole(whole) => whole.step(),
            ScanState::Digest(digest) => digest.step(),
            ScanState::Ready(_) => Ok(true),
        }
    }

    /// Does what is left and returns the columns of a table; none for other content.
    ///
    /// # Errors
    ///
    /// As [`Scan::step`].
    pub fn into_columns(mut self) -> Result<Columns, DecodeError> {
        while !self.step()? {}
        Ok(match self.state {
            ScanState::Columns(scan) => scan.into_columns(),
            _ => Columns::default(),
        })
    }

    /// Does what is left and returns the records.
    ///
    /// # Errors
    ///
    /// As [`Scan::step`], and if the source cannot be opened again.
    pub fn finish(mut self) -> Result<Records, DecodeError> {
        while !self.step()? {}
        Ok(match self.state {
            ScanState::Columns(scan) => {
                return self.decoder.typed(&*self.source, scan.into_columns());
            }
            ScanState::Tail(tail) => tail.into_records(),
            ScanState::Whole(whole) => Records::ready([whole.into_record()?]),
            ScanState::Digest(digest) => Records::ready([digest.into_record()]),
            ScanState::Ready(records) => records,
        })
    }
}

/// The records of a source.
#[derive(Debug)]
pub struct Records {
    columns: Option<Vec<String>>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Table(TypedRows),
    Ndjson(JsonLines),
    List(JsonList),
    Lines(LineRecords),
    Tail(TailRecords),
    Ready(VecDeque<Value>),
}

impl Records {
    fn new(columns: Option<Vec<String>>, content: Content) -> Self {
        Self { columns, content }
    }

    fn ready(records: impl IntoIterator<Item = Value>) -> Self {
        Self::new(None, Content::Ready(records.into_iter().collect()))
    }

    /// Returns the columns, if the source has a header.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "`decode` in query files is to come")
    )]
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// Returns the next records, at most `most` of them and fewer if they are long; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the content is not what the decoder expects, is damaged, or exceeds a limit. There are no
    /// further records then.
    pub fn next_batch(&mut self, most: usize) -> Result<Option<Vec<Value>>, DecodeError> {
        let mut batch = Vec::new();
        let result = match &mut self.content {
            Content::Table(rows) => rows.read(most, &mut batch),
            Content::Ndjson(lines) => lines.read(most, &mut batch),
            Content::List(list) => list.read(most, &mut batch),
            Content::Lines(lines) => lines.read(most, &mut batch),
            Content::Tail(lines) => {
                lines.read(most, &mut batch);
                Ok(())
            }
            Content::Ready(records) => {
                batch.extend(records.drain(..most.min(records.len())));
                Ok(())
            }
        };
        if let Err(error) = result {
            self.content = Content::Ready(VecDeque::new());
            return Err(error);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Adds the next records to the current batch, until it is full or about a megabyte was read.
    /// Returns false at the end.
    ///
    /// # Errors
    ///
    /// As [`Records::next_batch`].
    pub fn read_rows(&mut self, rows: &mut RowBuilder) -> Result<bool, DecodeError> {
        match &mut self.content {
            Content::Table(table) => table.read_rows(rows),
            Content::Ndjson(lines) => lines.read_rows(rows),
            Content::List(list) => list.read_rows(rows),
            Content::Lines(_) | Content::Tail(_) | Content::Ready(_) => {
                let Some(batch) = self.next_batch(READY)? else {
                    return Ok(false);
                };
                for record in &batch {
                    add_record(record, rows);
                }
                Ok(true)
            }
        }
    }
}

/// Adds a record as a row.
pub fn add_record(record: &Value, rows: &mut RowBuilder) {
    match record {
        Value::Object(members) => {
            for (key, value) in members {
                rows.value(key, value);
            }
        }
        other => rows.value("value", other),
    }
    rows.end_row();
}
