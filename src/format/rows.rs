//! Records as rows, for formats with columns.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::{FormatError, Shape};
use crate::core::text::truncate_to_width;

/// The column of records that are not objects.
const VALUE_COLUMN: &str = "value";

static NULL: Value = Value::Null;

/// The maximum number of collected columns: as many as an SQL table may have.
const MOST_COLUMNS: usize = 2_000;

/// The cost of a missing value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gaps {
    /// One byte, as in `csv`.
    Bytes,
    /// A cell, stored and padded.
    Cells,
}

impl Gaps {
    /// Returns the maximum number of missing values.
    fn most(self) -> usize {
        match self {
            Self::Bytes => 100_000_000,
            Self::Cells => 2_500_000,
        }
    }
}

/// The columns of a run: announced, or collected from the keys of the records in order of first
/// appearance.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
    known: bool,
    /// The number of missing values.
    gaps: usize,
    most_gaps: usize,
}

impl Columns {
    pub(super) fn new(shape: &Shape, gaps: Gaps) -> Self {
        let names = shape.columns.clone().unwrap_or_default();
        Self {
            names,
            places: HashMap::new(),
            known: shape.columns.is_some(),
            gaps: 0,
            most_gaps: gaps.most(),
        }
    }

    /// Returns true if all columns are known before the first record.
    pub(super) fn are_known(&self) -> bool {
        self.known
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the record's values in column order. A later record may add columns: earlier rows
    /// are then too short, and null from there on.
    pub(super) fn row<'r>(&mut self, record: &'r Value) -> Result<Vec<&'r Value>, FormatError> {
        match record {
            Value::Object(fields) if self.known => Ok(self
                .names
                .iter()
                .map(|name| fields.get(name).unwrap_or(&NULL))
                .collect()),
            _ if self.known => Err(no_columns(record)),
            Value::Object(fields) => {
                let mut row = vec![&NULL; self.names.len()];
                for (name, value) in fields {
                    self.place(name, value, &mut row)?;
                }
                self.gaps += row.len() - fields.len();
                if self.gaps > self.most_gaps {
                    return Err(FormatError::Sparse {
                        columns: self.names.len(),
                        most: self.most_gaps,
                    });
                }
                Ok(row)
            }
            _ => {
                let mut row = vec![&NULL; self.names.len()];
                self.place(VALUE_COLUMN, record, &mut row)?;
                Ok(row)
            }
        }
    }

    fn place<'r>(
        &mut self,
        name: &str,
        value: &'r Value,
        row: &mut Vec<&'r Value>,
    ) -> Result<(), FormatError> {
        if let Some(&place) = self.places.get(name) {
            row[place] = value;
        } else if self.names.len() == MOST_COLUMNS {
            return Err(FormatError::Columns { most: MOST_COLUMNS });
        } else {
            self.places.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
            row.push(value);
        }
        Ok(())
    }
}

/// Returns one record as keys and values: its columns, or, without `extract`, its fields, with
/// those of nested objects as `vcs.branch`.
pub(super) fn key_values<'r>(
    record: &'r Value,
    columns: Option<&[String]>,
) -> Result<Vec<(String, &'r Value)>, FormatError> {
    let Some(columns) = columns else {
        let mut pairs = Vec::new();
        flatten(String::new(), record, &mut pairs);
        return Ok(pairs);
    };
    let Value::Object(fields) = record else {
        return Err(no_columns(record));
    };
    Ok(columns
        .iter()
        .map(|name| (name.clone(), fields.get(name).unwrap_or(&NULL)))
        .collect())
}

/// Returns the text of a cell: a string as it is, a nested value as compact JSON. Null is `None`.
pub(super) fn cell_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        other => Some(Cow::Owned(other.to_string())),
    }
}

fn flatten<'r>(key: String, value: &'r Value, pairs: &mut Vec<(String, &'r Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let path = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(path, field, pairs);
            }
        }
        _ if key.is_empty() => pairs.push((VALUE_COLUMN.to_owned(), value)),
        _ => pairs.push((key, value)),
    }
}

fn no_columns(record: &Value) -> FormatError {
    FormatError::NoColumns {
        got: truncate_to_width(&record.to_string(), 60).into_owned(),
    }
}
