//! How records look: one file a format, one line of registration in [`FORMATS`].
//!
//! A [`Render`] is made for one run from its [`Shape`], is told `begin`, then each record, then
//! `finish`, and appends bytes to a buffer that its caller empties whenever it likes. It knows
//! nothing of streams, files and requests.
//!
//! A *record* format (`streams`) may be written out while records come: what stands there is of
//! use even if the run breaks off. A *document* format is one valid document or nothing, so its
//! bytes are held back until `finish`. A report is one more `Render`, built from its template and
//! therefore not in the list.
//!
//! What goes to a terminal is made safe here, for every format: [`Format::renderer`] puts the text
//! through [`printable_lines`], unless the format paints for terminals itself.

mod csv;
mod delimited;
mod html;
mod json;
mod key_value;
mod layout;
mod markdown;
mod ndjson;
mod paint;
mod raw;
mod rows;
mod table;
mod tsv;
mod yaml;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::delimited::CsvOptions;

use crate::core::text::printable_lines;

/// All formats, in the order in which help shows them.
pub static FORMATS: &[Format] = &[
    table::FORMAT,
    json::FORMAT,
    ndjson::FORMAT,
    yaml::FORMAT,
    csv::FORMAT,
    tsv::FORMAT,
    markdown::FORMAT,
    html::FORMAT,
    raw::FORMAT,
];

/// The format called `name`, as `--output` takes it.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The format of files that end in `extension` (without the dot), in either case.
pub fn by_extension(extension: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| {
        format
            .extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    })
}

/// What a format is told before the first record.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The columns in the order of the file, when the query has `extract`.
    pub columns: Option<Vec<String>>,
    /// The query yields one record, not a list. At most one record follows.
    pub single: bool,
    /// How `csv` and `tsv` are written.
    pub csv: CsvOptions,
    /// The terminal that will show the output, if one will.
    pub terminal: Option<Terminal>,
}

/// What a terminal can show.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Columns in a line.
    pub width: usize,
    /// Whether it takes colours, and `NO_COLOR` does not forbid them.
    pub color: bool,
}

/// A way to write records.
#[derive(Debug)]
pub struct Format {
    /// What `--output` and `output:` call it.
    pub name: &'static str,
    /// One line for help.
    pub about: &'static str,
    /// Endings of files that ask for it, without the dot.
    pub extensions: &'static [&'static str],
    /// Whether output may be written while records come (a record format) or only as a whole (a
    /// document format).
    pub streams: bool,
    /// Whether it writes for a terminal itself: safe text, perhaps coloured.
    paints: bool,
    render: fn(&Shape) -> Box<dyn Render>,
}

impl Format {
    /// A renderer for one run.
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

/// Turns the records of one run into bytes.
///
/// A record is any JSON value; with `extract` an object whose keys are the columns.
pub trait Render: Send {
    /// Comes once, before the first record.
    ///
    /// # Errors
    ///
    /// Fails if the format cannot express its beginning; none of today's formats does.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let _ = out;
        Ok(())
    }

    /// Takes one record. What it appends may lag behind: some formats hold records back.
    ///
    /// # Errors
    ///
    /// Fails if the record is not of the announced [`Shape`].
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError>;

    /// Appends what is held back only for looks, for a reader who waits while no record comes.
    /// Never needed for a right result.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Comes once, after the last record.
    ///
    /// # Errors
    ///
    /// Fails if the format cannot express its end; none of today's formats does.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError>;
}

/// A record that cannot be written: it does not suit the announced [`Shape`], which is a fault of the
/// program, or the records do not make a table.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// More than one record where one was announced.
    #[error("the query yields one record, got a second one")]
    SecondRecord,
    /// A record that has no columns where columns were announced.
    #[error("a record of a query with `extract` is an object, got `{got}`")]
    NoColumns {
        /// The record, cut to a readable length.
        got: String,
    },
    /// More columns than a table has.
    #[error(
        "the records have more than {most} different keys, and a table has at most {most} columns; name columns under `extract`, or write `-o ndjson`"
    )]
    Columns {
        /// The bound.
        most: usize,
    },
    /// Records that have little in common.
    #[error(
        "the records have too little in common for a table of {columns} columns: more than {most} cells would be empty; name columns under `extract`, or write `-o ndjson`"
    )]
    Sparse {
        /// The columns so far.
        columns: usize,
        /// The bound.
        most: usize,
    },
    /// A value that JSON cannot hold.
    #[error("the record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Shows the output of another format on a terminal.
///
/// The escapes are those of JSON, so JSON and NDJSON are still valid and mean the same. The other
/// formats show where something was hidden.
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

    fn flush(&mut self, out: &mut Vec<u8>) {
        self.inner.flush(&mut self.buffer);
        self.pass_on(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let result = self.inner.finish(&mut self.buffer);
        self.pass_on(out);
        result
    }
}

/// Refuses a second record where one was announced.
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
