//! Files of records: what was saved before, or came from elsewhere, as a table for a statement.
//!
//! A file is read whole before the first request, so that what is wrong with it is told first. The
//! bytes are handed in: this knows forms, not files.

mod delimited;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::core::file_ending;
use crate::core::json;

pub use delimited::looks_like;

/// No file of records is longer: they are held in memory.
pub const LONGEST: u64 = 256 * 1024 * 1024;

/// Records by the name under which a statement reads them.
#[derive(Debug, Clone)]
pub struct Table {
    /// The name.
    pub name: String,
    /// Its columns, where all records are objects.
    pub columns: Option<Vec<String>>,
    /// The records.
    pub records: Arc<Vec<Value>>,
}

/// How records stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// A record a line.
    Ndjson,
    /// A list of records, or one record.
    Json,
    /// A header and a record a line, after RFC 4180.
    Csv,
    /// The same with tabs, and escapes in place of quotes.
    Tsv,
}

impl TableFormat {
    /// All formats, with the endings of their files.
    const ALL: [(&'static [&'static str], Self); 4] = [
        (file_ending::NDJSON, Self::Ndjson),
        (file_ending::JSON, Self::Json),
        (file_ending::CSV, Self::Csv),
        (file_ending::TSV, Self::Tsv),
    ];

    /// All endings of files.
    pub fn endings() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .iter()
            .flat_map(|(endings, _)| endings.iter().copied())
    }

    /// What the ending of a file says.
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
    /// In words, with the line, and without the file's name.
    pub fn read(name: &str, format: TableFormat, bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let lines = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]);
            format!("line {}: this is not UTF-8", lines.count() + 1)
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

/// Columns, where they are known, and records.
type Content = (Option<Vec<String>>, Vec<Value>);

/// The keys of all records in the order in which they came first.
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
