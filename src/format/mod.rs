//! Output formats: one file with a `FORMAT` and one line in `kinds!` per format.
//!
//! A [`Render`] is created for one run from its [`Shape`]. It receives `begin`, then each record,
//! then `finish`, and appends bytes to a buffer that the caller may empty at any time. It knows
//! nothing of streams, files and requests.
//!
//! A *record* format (`streams`) may be written while records come: partial output is useful if the
//! run fails. A *document* format is one valid document or nothing, so its bytes are held back until
//! `finish`.
//!
//! Terminal output is made safe here, for every format: [`Format::renderer`] passes the text through
//! [`printable_lines`], unless the format handles terminals itself.

mod delimited;
mod key_value;
mod layout;
mod paint;
mod rows;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::delimited::CsvOptions;
pub use self::openmetrics::{LabelValue, MetricColumn, MetricError};

use crate::core::text::printable_lines;

/// Declares the formats: a module each, and the list in the order of the help.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        $(mod $kind;)+

        /// All formats, in the order of the help.
        pub static FORMATS: &[Format] = &[$($kind::FORMAT),+];
    };
}

kinds![
    table,
    json,
    ndjson,
    yaml,
    csv,
    tsv,
    markdown,
    html,
    openmetrics,
    raw
];

/// The format for reading on a terminal.
pub static TABLE: &Format = &table::FORMAT;

/// The format for records in a stream.
pub static NDJSON: &Format = &ndjson::FORMAT;

/// The format for programs.
pub static JSON: &Format = &json::FORMAT;

/// The unchanged body of a response.
pub static RAW: &Format = &raw::FORMAT;

/// Returns the default format.
pub fn usual(is_terminal: bool) -> &'static Format {
    if is_terminal { TABLE } else { &json::FORMAT }
}

/// Returns the line break between the records of two queries.
fn gap(index: usize) -> &'static str {
    if index > 0 { "\n" } else { "" }
}

/// Returns the format with a name, as given to `--output`.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Returns the format for a file extension (without the dot, in any case).
pub fn by_extension(extension: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| {
        format
            .extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    })
}

/// The expected records, known before the first one.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The columns in the order of the file, if the query has `extract`.
    pub columns: Option<Vec<String>>,
    /// True if the query yields a single record. At most one record follows.
    pub single: bool,
    /// Options of `csv` and `tsv`.
    pub csv: CsvOptions,
    /// The columns that are metrics.
    pub metrics: Vec<MetricColumn>,
    /// The terminal that displays the output, if there is one.
    pub terminal: Option<Terminal>,
    /// The width in characters of a page for reading that is not a terminal, if it is limited.
    pub page_width: Option<usize>,
}

/// The capabilities of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// The width in columns.
    pub width: usize,
    /// True if it supports colours and `NO_COLOR` is not set.
    pub color: bool,
}

/// The part of a result that a format writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatContent {
    /// The records.
    Records,
    /// The columns of the records that are metrics. Nothing can follow them in the same output.
    Metrics,
    /// The body of the response, unchanged.
    Body,
}

/// An output format.
#[derive(Debug)]
pub struct Format {
    /// The name in `--output` and `output:`.
    pub name: &'static str,
    /// File extensions that select it, without the dot.
    pub extensions: &'static [&'static str],
    /// True if output may be written while records come (a record format); false if only as a whole
    /// (a document format).
    pub streams: bool,
    /// True if it writes for a terminal itself: safe text, possibly coloured.
    pub paints: bool,
    /// The part of the result that it writes.
    pub writes: FormatContent,
    /// The default separator of fields, if it has one: then [`CsvOptions`] apply to it.
    pub delimiter: Option<u8>,
    /// The message for an empty list, if the output does not show it.
    pub when_empty: Option<&'static str>,
    /// Returns the separator before a query's records, from the query's name and its index.
    pub separator: fn(&str, usize) -> String,
    /// Creates a renderer; [`Format::renderer`] makes it safe for a terminal.
    pub render: fn(&Shape) -> Box<dyn Render>,
}

impl Format {
    /// Creates a document format with defaults for all other fields. Its documents follow each
    /// other without a separator, as in JSON.
    pub const fn new(name: &'static str, render: fn(&Shape) -> Box<dyn Render>) -> Self {
        Self {
            name,
            extensions: &[],
            streams: false,
            paints: false,
            writes: FormatContent::Records,
            delimiter: None,
            when_empty: None,
            separator: |_, _| String::new(),
            render,
        }
    }

    /// Returns true if it writes the body of a response instead of its records.
    pub fn shows_body(&self) -> bool {
        self.writes == FormatContent::Body
    }

    /// Returns true if it writes metrics instead of all columns.
    pub fn writes_metrics(&self) -> bool {
        self.writes == FormatContent::Metrics
    }

    /// Creates a renderer for one run.
    pub fn renderer(&self, shape: &Shape) -> Box<dyn Render> {
        let inner = (self.render)(shape);
        if shape.terminal.is_some() && !self.paints {
            Box::new(ForTerminal {
                inner,
                buffer: Vec::new(),
            })
        } else {
            inner
        }
    }
}

/// Converts the records of one run to bytes.
///
/// A record is any JSON value; with `extract`, an object whose keys are the columns.
pub trait Render: Send {
    /// Called once, before the first record.
    ///
    /// # Errors
    ///
    /// If the query does not suit the format.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let _ = out;
        Ok(())
    }

    /// Adds one record. Output may lag behind: some formats buffer records.
    ///
    /// # Errors
    ///
    /// If the record does not match the announced [`Shape`].
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError>;

    /// Called once, after the last record.
    ///
    /// # Errors
    ///
    /// If the format fails to end; no current format does.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError>;

    /// Returns what the page has no room for, if there is a page. Complete after
    /// [`finish`](Self::finish).
    fn shortened(&self) -> Option<&Shortened> {
        None
    }

    /// Returns a note about values that are not in the output. Complete after
    /// [`finish`](Self::finish).
    fn note(&self) -> Option<String> {
        None
    }
}

/// The columns that a page has no room for.
#[derive(Debug, Clone, Default)]
pub struct Shortened {
    /// Columns that were not written.
    pub hidden: Vec<String>,
    /// Columns with values that were cut.
    pub cut: Vec<String>,
}

/// A record that cannot be written: it does not match the announced [`Shape`], which is a bug, or
/// the records do not form a table.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// More than one record where a single one was announced.
    #[error("expected a single record, got a second one")]
    SecondRecord,
    /// A record that is not an object although columns were announced.
    #[error("expected an object from a query with `extract`, got `{got}`")]
    NoColumns {
        /// The record, truncated.
        got: String,
    },
    /// More columns than a table may have.
    #[error(
        "the records have more than {most} different keys, the maximum for a table; name columns \
         under `extract`, or use `-o ndjson`"
    )]
    Columns {
        /// The maximum.
        most: usize,
    },
    /// Records with too few common keys.
    #[error(
        "the records have too few common keys for a table of {columns} columns: more than {most} \
         cells would be empty; name columns under `extract`, or use `-o ndjson`"
    )]
    Sparse {
        /// The number of columns so far.
        columns: usize,
        /// The maximum number of empty cells.
        most: usize,
    },
    /// A query or a record that does not give valid metrics.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A value that JSON cannot represent.
    #[error("the record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Escapes the output of another format for a terminal.
///
/// The escapes are those of JSON, so JSON and NDJSON stay valid and keep their meaning. Other
/// formats show where a character was hidden.
struct ForTerminal {
    inner: Box<dyn Render>,
    buffer: Vec<u8>,
}

impl ForTerminal {
    fn pass_on(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(printable_lines(&String::from_utf8_lossy(&self.buffer)).as_bytes());
        self.buffer.clear();
    }
}

impl Render for ForTerminal {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let result = self.inner.begin(&mut self.buffer);
        self.pass_on(out);
        result
    }

    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let result = self.inner.record(record, &mut self.buffer);
        self.pass_on(out);
        result
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let result = self.inner.finish(&mut self.buffer);
        self.pass_on(out);
        result
    }

    fn note(&self) -> Option<String> {
        self.inner.note()
    }
}

/// Refuses a second record where a single one was announced.
#[derive(Debug, Default)]
struct OnlyOne {
    seen: bool,
}

impl OnlyOne {
    fn check(&mut self) -> Result<(), FormatError> {
        if std::mem::replace(&mut self.seen, true) {
            return Err(FormatError::SecondRecord);
        }
        Ok(())
    }
}

type WriteRecord = fn(&Value, &mut Vec<u8>) -> Result<(), FormatError>;

/// Writes the single record, or `null`.
struct Single {
    only: OnlyOne,
    write: WriteRecord,
}

impl Single {
    fn new(write: WriteRecord) -> Self {
        Self {
            only: OnlyOne::default(),
            write,
        }
    }
}

impl Render for Single {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.only.check()?;
        (self.write)(record, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if !self.only.seen {
            out.extend_from_slice(b"null\n");
        }
        Ok(())
    }
}
