//! Files of records as tables for a statement.
//!
//! A file is read completely before the first request, so that its faults are reported first. The
//! caller reads the bytes; this module only knows formats.

mod delimited;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::core::file_ending;
use crate::core::json;

pub use delimited::looks_like;

/// The maximum file size, since records are held in memory.
pub const LONGEST: u64 = 256 * 1024 * 1024;

/// A table of records, by its name in a statement.
#[derive(Debug, Clone)]
pub struct Table {
    /// The name.
    pub name: String,
    /// The columns, if all records are objects.
    pub columns: Option<Vec<String>>,
    /// The records.
    pub records: Arc<Vec<Value>>,
}

/// The format of a file of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// One record per line.
    Ndjson,
    /// A list of records, or one record.
    Json,
    /// A header and one record per line, as in RFC 4180.
    Csv,
    /// The same with tabs, and escapes instead of quotes.
    Tsv,
}

impl TableFormat {
    /// All formats with their file extensions.
    const ALL: [(&'static [&'static str], Self); 4] = [
        (file_ending::NDJSON, Self::Ndjson),
        (file_ending::JSON, Self::Json),
        (file_ending::CSV, Self::Csv),
        (file_ending::TSV, Self::Tsv),
    ];

    /// Returns all file extensions.
    pub fn endings() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .iter()
            .flat_map(|(endings, _)| endings.iter().copied())
    }

    /// Returns the format for a file's extension.
    pub fn of_file(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| known.contains(&ending.as_str()))
            .map(|(_, format)| *format)
    }
}

impl Table {
    /// Reads records.
    ///
    /// # Errors
    ///
    /// A message with the line, without the file's name.
    pub fn read(name: &str, format: TableFormat, bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let lines = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]);
            format!("line {}: not UTF-8", lines.count() + 1)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (columns, records) = match format {
            TableFormat::Ndjson => of_objects(lines(text)?),
            TableFormat::Json => of_objects(document(text)?),
            TableFormat::Csv => delimited::csv(text)?,
            TableFormat::Tsv => delimited::tsv(text)?,
        };
        Ok(Self {
            name: name.to_owned(),
            columns,
            records: Arc::new(records),
        })
    }
}

/// Columns, if known, and records.
type Content = (Option<Vec<String>>, Vec<Value>);

/// Returns the keys of all records in order of first appearance.
fn of_objects(records: Vec<Value>) -> Content {
    let mut columns = serde_json::Map::new();
    for record in &records {
        let Value::Object(members) = record else {
            return (None, records);
        };
        for key in members.keys() {
            if !columns.contains_key(key) {
                columns.insert(key.clone(), Value::Null);
            }
        }
    }
    let columns: Vec<String> = columns.into_iter().map(|(key, _)| key).collect();
    ((!columns.is_empty()).then_some(columns), records)
}

fn lines(text: &str) -> Result<Vec<Value>, String> {
    let mut records = Vec::new();
    for (index, line) in delimited::lines(text).enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let record = json::parse(line.as_bytes()).map_err(|error| {
            let words = error.message();
            format!("line {}, column {}: {words}", index + 1, error.column())
        })?;
        records.push(record);
    }
    Ok(records)
}

fn document(text: &str) -> Result<Vec<Value>, String> {
    let value = json::parse(text.as_bytes()).map_err(|error| {
        let words = error.message();
        format!("line {}, column {}: {words}", error.line(), error.column())
    })?;
    match value {
        Value::Array(records) => Ok(records),
        Value::Object(_) => Ok(vec![value]),
        other => {
            let kind = json::kind(&other);
            Err(format!("line 1: expected a list of records, got {kind}"))
        }
    }
}
