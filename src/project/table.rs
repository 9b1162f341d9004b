//! Files of records as tables for a statement.
//!
//! A file is read completely before the first request, so that its faults are reported first. The
//! caller reads the bytes; this module only knows formats.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::core::file_ending;
use crate::core::json;
use crate::decode::{BodyKind, DecodeError, Decoder};

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

    /// Returns the content for the decoder.
    fn body_kind(self) -> BodyKind {
        match self {
            Self::Ndjson => BodyKind::Ndjson,
            Self::Json => BodyKind::Json,
            Self::Csv => BodyKind::Csv,
            Self::Tsv => BodyKind::Tsv,
        }
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
    /// If the content is not of that format.
    pub fn read(name: &str, format: TableFormat, bytes: Vec<u8>) -> Result<Self, DecodeError> {
        let decoder = Decoder {
            kind: format.body_kind(),
            last: None,
            limit: LONGEST,
        };
        let mut content = decoder.start(Arc::new(Bytes::from(bytes)))?.finish()?;
        let columns = content.columns().map(<[String]>::to_vec);
        let mut records = Vec::new();
        while let Some(batch) = content.next_batch(usize::MAX)? {
            records.extend(batch);
        }
        if format == TableFormat::Json {
            records = document(records)?;
        }
        Ok(Self {
            name: name.to_owned(),
            columns: columns.or_else(|| columns_of(&records)),
            records: Arc::new(records),
        })
    }
}

/// Returns the keys of all records in order of first appearance, if all of them are objects.
fn columns_of(records: &[Value]) -> Option<Vec<String>> {
    let mut columns = serde_json::Map::new();
    for record in records {
        for key in record.as_object()?.keys() {
            if !columns.contains_key(key) {
                columns.insert(key.clone(), Value::Null);
            }
        }
    }
    let columns: Vec<String> = columns.into_iter().map(|(key, _)| key).collect();
    (!columns.is_empty()).then_some(columns)
}

/// Returns the records of a document.
fn document(mut values: Vec<Value>) -> Result<Vec<Value>, DecodeError> {
    match values.pop() {
        None => Ok(values),
        Some(Value::Array(records)) => Ok(records),
        Some(value @ Value::Object(_)) => Ok(vec![value]),
        Some(other) => {
            let kind = json::kind(&other);
            let words = format!("expected a list of records, got {kind}");
            Err(DecodeError::in_line(1, words))
        }
    }
}
