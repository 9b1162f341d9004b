//! Reads the records of several files as one table.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use crate::core::rows::{RowBatch, RowBuilder};
use crate::decode::{BodyKind, ByteSource, Columns, DecodeError, Decoder, Records};

/// The reason why a table cannot be read.
#[derive(Debug)]
pub enum TableError {
    /// There is no such file, or it cannot be read.
    CannotRead(String),
    /// The content of a file is not what it should be.
    Content(String),
    /// The process ends.
    Stopped,
}

impl TableError {
    fn of_content(shown: &str, error: &DecodeError) -> Self {
        Self::Content(error.about(shown))
    }
}

/// A file with its name for messages.
pub type NamedSource = (String, Arc<dyn ByteSource>);

/// Reads the records of a table.
#[derive(Debug)]
pub struct TableReader {
    decoder: Decoder,
    /// The files that are not opened yet.
    sources: VecDeque<NamedSource>,
    columns: Columns,
    current: Option<(String, Records)>,
}

impl TableReader {
    /// Reads the types of the columns.
    pub fn open(
        decoder: Decoder,
        sources: Vec<NamedSource>,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Self, TableError> {
        let columns = if matches!(decoder.kind, BodyKind::Csv | BodyKind::Tsv) {
            all_columns(decoder, &sources, is_over)?
        } else {
            Columns::default()
        };
        Ok(Self {
            decoder,
            sources: sources.into(),
            columns,
            current: None,
        })
    }

    /// Returns the columns, if the files have a header.
    pub fn columns(&self) -> Option<Vec<String>> {
        Some(self.columns.names()).filter(|names| !names.is_empty())
    }

    /// Returns the next records, at most `most` of them; `None` at the end.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is damaged.
    pub fn next_batch(&mut self, most: usize) -> Result<Option<Vec<Value>>, TableError> {
        loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some((shown, records)) = &mut self.current else {
                return Ok(None);
            };
            let fault = |error: &DecodeError| TableError::of_content(shown, error);
            match records.next_batch(most).map_err(|error| fault(&error))? {
                None => self.current = None,
                Some(batch) => return Ok(Some(batch)),
            }
        }
    }
}

impl TableReader {
    /// Returns the next records as rows; `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`TableReader::next_batch`].
    pub fn next_rows(&mut self, rows: &mut RowBuilder) -> Result<Option<RowBatch>, TableError> {
        loop {
            if rows.is_full() {
                return Ok(rows.take());
            }
            if self.current.is_none() && !self.open_next()? {
                return Ok(rows.take());
            }
            if let Some((shown, records)) = &mut self.current {
                let fault = |error: DecodeError| TableError::of_content(shown, &error);
                if !records.read_rows(rows).map_err(fault)? {
                    self.current = None;
                }
            }
        }
    }

    /// Opens the next file. Returns false if there is none.
    fn open_next(&mut self) -> Result<bool, TableError> {
        let Some((shown, source)) = self.sources.pop_front() else {
            return Ok(false);
        };
        let records = open(self.decoder, source, &self.columns);
        let records = records.map_err(|error| TableError::of_content(&shown, &error))?;
        self.current = Some((shown, records));
        Ok(true)
    }
}

fn open(
    decoder: Decoder,
    source: Arc<dyn ByteSource>,
    columns: &Columns,
) -> Result<Records, DecodeError> {
    match decoder.kind {
        BodyKind::Csv | BodyKind::Tsv => decoder.typed(&*source, columns.clone()),
        BodyKind::Json => decoder.list(&*source),
        _ => decoder.start(source)?.finish(),
    }
}

/// Returns the columns of all files. They have the same names, and a text in one file makes a column
/// of texts in all.
fn all_columns(
    decoder: Decoder,
    sources: &[NamedSource],
    is_over: &dyn Fn() -> bool,
) -> Result<Columns, TableError> {
    let mut all = Columns::default();
    let mut first: Option<&str> = None;
    for (shown, source) in sources {
        let fault = |error: DecodeError| TableError::of_content(shown, &error);
        let mut scan = decoder.start(Arc::clone(source)).map_err(fault)?;
        while !scan.step().map_err(fault)? {
            if is_over() {
                return Err(TableError::Stopped);
            }
        }
        let columns = scan.into_columns().map_err(fault)?;
        let missing = |columns: &Columns, other: &Columns, shown: &str, other_shown: &str| {
            let name = columns.missing_in(other)?;
            let name = crate::core::text::printable(name);
            Some(TableError::Content(format!(
                "{other_shown}: there is no column `{name}`, which {shown} has; \
                 the files of a table have the same columns"
            )))
        };
        match first {
            // An empty file has no header.
            _ if columns.names().is_empty() => {}
            None => {
                all = columns;
                first = Some(shown);
            }
            Some(first) => {
                let fault = missing(&all, &columns, first, shown)
                    .or_else(|| missing(&columns, &all, shown, first));
                if let Some(fault) = fault {
                    return Err(fault);
                }
                all.add(&columns);
            }
        }
    }
    Ok(all)
}
