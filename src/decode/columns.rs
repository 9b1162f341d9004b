//! The columns of separated values: names, types, and rows as records.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::delimited::{Row, Rows};
use super::number::is_number;
use super::{DecodeError, MOST_COLUMNS, STEP};
use crate::core::json;
use crate::core::rows::{RowBuilder, Scalar};

/// The message if a text is in a column of numbers.
const CHANGED: &str = "changed while it was read";

/// A column.
#[derive(Debug, Clone)]
struct Column {
    name: String,
    /// True if all fields are numbers. One text makes it a column of texts.
    is_number: bool,
}

/// The columns of a table: their names and types. Empty without a header.
#[derive(Debug, Clone, Default)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// Returns the names in order.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|column| column.name.clone()).collect()
    }

    /// Returns the first name that another table does not have.
    pub fn missing_in(&self, other: &Self) -> Option<&str> {
        let theirs: HashSet<&str> = other.0.iter().map(|column| &*column.name).collect();
        let mut names = self.0.iter().map(|column| &*column.name);
        names.find(|name| !theirs.contains(name))
    }

    /// Adds the types of a table with the same names: one text makes a column of texts.
    pub fn add(&mut self, other: &Self) {
        for column in &mut self.0 {
            let mut others = other.0.iter();
            let same = others.find(|other| other.name == column.name);
            column.is_number &= same.is_none_or(|same| same.is_number);
        }
    }

    /// Returns these columns in the order of a header.
    fn in_order_of(&self, header: Vec<Column>) -> Vec<Column> {
        let own = |name: &str| self.0.iter().find(|column| column.name == name);
        let columns = header.into_iter();
        columns
            .map(|column| own(&column.name).cloned().unwrap_or(column))
            .collect()
    }
}

/// Reads the columns that the header of a table names, without their types.
pub fn read_header(mut rows: Rows) -> Result<Columns, DecodeError> {
    while let Some(row) = rows.next()? {
        let columns = header(&row).map_err(|error| rows.explain(error))?;
        if !columns.is_empty() {
            return Ok(Columns(columns));
        }
    }
    Err(no_header())
}

/// The error for content without a single row. It is likely cut off: a table without records has its
/// header.
fn no_header() -> DecodeError {
    DecodeError::new("there is no header, the content is empty")
}

/// Reads all rows once for the types of the columns, and checks them.
#[derive(Debug)]
pub struct ColumnScan {
    rows: Rows,
    columns: Vec<Column>,
}

impl ColumnScan {
    pub fn new(rows: Rows) -> Self {
        Self {
            rows,
            columns: Vec::new(),
        }
    }

    /// Reads about a megabyte. Returns true at the end.
    pub fn step(&mut self) -> Result<bool, DecodeError> {
        let end = self.rows.bytes_read() + STEP;
        while self.rows.bytes_read() < end {
            let Some(row) = self.rows.next()? else {
                return if self.columns.is_empty() {
                    Err(no_header())
                } else {
                    Ok(true)
                };
            };
            let result = if self.columns.is_empty() {
                header(&row).map(|columns| self.columns = columns)
            } else if is_skipped(&row, self.columns.len()) {
                Ok(())
            } else {
                check_width(&row, self.columns.len()).map(|()| note(&row, &mut self.columns))
            };
            result.map_err(|error| self.rows.explain(error))?;
        }
        Ok(false)
    }

    /// Returns the columns.
    pub fn into_columns(self) -> Columns {
        Columns(self.columns)
    }
}

/// Returns the columns that a row names; none for an empty line.
fn header(row: &Row<'_>) -> Result<Vec<Column>, DecodeError> {
    let mut columns = Vec::new();
    if row.is_empty() {
        return Ok(columns);
    }
    let fault = |words: String| DecodeError::in_line(row.line, words);
    if row.width() > MOST_COLUMNS {
        let width = row.width();
        return Err(fault(format!(
            "the header has {width} columns, more than {MOST_COLUMNS}"
        )));
    }
    let mut seen = HashSet::new();
    for (index, name) in row.names().enumerate() {
        if name.is_empty() {
            return Err(fault(format!("column {} has no name", index + 1)));
        }
        if !seen.insert(name.clone()) {
            let shown = crate::core::text::printable(&name).into_owned();
            return Err(fault(format!("there are two columns `{shown}`")));
        }
        columns.push(Column {
            name: name.into_owned(),
            is_number: true,
        });
    }
    Ok(columns)
}

/// Returns true for an empty line. With one column, it may be a null; with more, it is ignored.
fn is_skipped(row: &Row<'_>, width: usize) -> bool {
    width > 1 && row.is_empty()
}

fn check_width(row: &Row<'_>, wanted: usize) -> Result<(), DecodeError> {
    let got = row.width();
    if got == wanted {
        return Ok(());
    }
    let noun = if got == 1 { "field" } else { "fields" };
    let words = format!("got {got} {noun}, but the header has {wanted}");
    Err(DecodeError::in_line(row.line, words))
}

fn note(row: &Row<'_>, columns: &mut [Column]) {
    for (column, field) in columns.iter_mut().zip(row.fields()) {
        if column.is_number && field.is_some_and(|text| !is_number(&text)) {
            column.is_number = false;
        }
    }
}

/// Rows as records, with the types of their columns.
#[derive(Debug)]
pub struct TypedRows {
    rows: Rows,
    /// The types, by name.
    known: Columns,
    /// The columns in the order of the header, once it was read.
    columns: Vec<Column>,
}

impl TypedRows {
    pub fn new(rows: Rows, known: Columns) -> Self {
        Self {
            rows,
            known,
            columns: Vec::new(),
        }
    }

    /// Reads up to `most` records, or about a megabyte.
    pub fn read(&mut self, most: usize, batch: &mut Vec<Value>) -> Result<(), DecodeError> {
        let end = self.rows.bytes_read() + STEP;
        while batch.len() < most && (batch.is_empty() || self.rows.bytes_read() < end) {
            let Some(row) = self.rows.next()? else { break };
            if self.columns.is_empty() {
                self.columns = self.known.in_order_of(header(&row)?);
                continue;
            }
            if is_skipped(&row, self.columns.len()) {
                continue;
            }
            check_width(&row, self.columns.len())?;
            batch.push(record(&row, &self.columns)?);
        }
        Ok(())
    }
}

impl TypedRows {
    /// Adds rows until the batch is full, or about a megabyte was read. Returns false at the end.
    pub fn read_rows(&mut self, rows: &mut RowBuilder) -> Result<bool, DecodeError> {
        let end = self.rows.bytes_read() + STEP;
        while !rows.is_full() && self.rows.bytes_read() < end {
            let Some(row) = self.rows.next()? else {
                return Ok(false);
            };
            if self.columns.is_empty() {
                self.columns = self.known.in_order_of(header(&row)?);
                continue;
            }
            if is_skipped(&row, self.columns.len()) {
                continue;
            }
            check_width(&row, self.columns.len())?;
            for (column, field) in self.columns.iter().zip(row.fields()) {
                let value = match &field {
                    None => Scalar::Null,
                    Some(text) if column.is_number => number(text, row.line)?,
                    Some(text) => Scalar::Text(text),
                };
                rows.cell(&column.name, value);
            }
            rows.end_row();
        }
        Ok(true)
    }
}

fn number(text: &str, line: u64) -> Result<Scalar<'_>, DecodeError> {
    if is_number(text) {
        return Ok(Scalar::Number(text));
    }
    Err(DecodeError::in_line(line, CHANGED))
}

fn record(row: &Row<'_>, columns: &[Column]) -> Result<Value, DecodeError> {
    let mut record = Map::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(row.fields()) {
        let value = match field {
            None => Value::Null,
            Some(text) if column.is_number => {
                let number = json::number::from_text(&text);
                let changed = || DecodeError::in_line(row.line, CHANGED);
                Value::Number(number.ok_or_else(changed)?)
            }
            Some(text) => Value::String(text.into_owned()),
        };
        record.insert(column.name.clone(), value);
    }
    Ok(Value::Object(record))
}
