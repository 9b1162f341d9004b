//! Records as rows of columns, for the formats that have columns.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::{FormatError, Shape};
use crate::core::text::truncate_to_width;

/// The column of records that are not objects.
const VALUE_COLUMN: &str = "value";

static NULL: Value = Value::Null;

/// The columns of a run: announced, or gathered from the keys of the records in the order in which
/// they first appear.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
    known: bool,
}

impl Columns {
    pub(super) fn new(shape: &Shape) -> Self {
        let names = shape.columns.clone().unwrap_or_default();
        Self {
            names,
            places: HashMap::new(),
            known: shape.columns.is_some(),
        }
    }

    /// Whether all columns are known before the first record.
    pub(super) fn are_known(&self) -> bool {
        self.known
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The record's values in the order of the columns. Gathered columns may become more with a
    /// later record: rows before it are then too short, and null from there on.
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
                    self.place(name, value, &mut row);
                }
                Ok(row)
            }
            _ => {
                let mut row = vec![&NULL; self.names.len()];
                self.place(VALUE_COLUMN, record, &mut row);
                Ok(row)
            }
        }
    }

    fn place<'r>(&mut self, name: &str, value: &'r Value, row: &mut Vec<&'r Value>) {
        if let Some(&place) = self.places.get(name) {
            row[place] = value;
        } else {
            self.places.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
            row.push(value);
        }
    }
}

/// One record as keys and values: its columns, or, without `extract`, its fields with those of
/// nested objects behind dots (`vcs.branch`).
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

/// What stands in a cell: a string as it is, a nested value as compact JSON. Null is `None`.
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
