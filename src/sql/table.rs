//! A table of records: its columns, and the original types of its values.

use std::collections::HashMap;

use serde_json::Value;

use super::error::SqlError;
use super::value;
use crate::core::column::ColumnType;
use crate::core::rows::Scalar;

/// A column and the kinds of values seen in it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a kind of value that was seen or not"
)]
#[derive(Debug, Clone)]
pub struct Column {
    /// The key in the records.
    key: String,
    /// The name in statements, which differs from the key if two keys differ in case only.
    pub name: String,
    /// True if all values are booleans; `None` while all are null.
    is_boolean: Option<bool>,
    has_nested: bool,
    /// True if a number is stored as text.
    has_long_number: bool,
    has_string: bool,
    /// True if a string reads as a list or an object.
    has_lookalike: bool,
    /// True if all values are JSON text.
    is_json: bool,
}

impl Column {
    fn new(key: &str, name: String) -> Self {
        Self {
            key: key.to_owned(),
            name,
            is_boolean: None,
            has_nested: false,
            has_long_number: false,
            has_string: false,
            has_lookalike: false,
            is_json: false,
        }
    }

    /// Records the kind of a value.
    pub fn note(&mut self, value: &Value) {
        if value.is_null() {
            return;
        }
        self.is_boolean = Some(value.is_boolean() && self.is_boolean != Some(false));
        match value {
            Value::Array(_) | Value::Object(_) => self.has_nested = true,
            Value::Number(number) => self.has_long_number |= value::is_kept_as_text(number),
            Value::String(text) => {
                self.has_string = true;
                self.has_lookalike = self.has_lookalike || value::nested(text).is_some();
            }
            _ => {}
        }
    }

    /// Records the kind of a scalar, as [`Column::note`] does.
    pub fn note_scalar(&mut self, value: Scalar<'_>) {
        if value == Scalar::Null {
            return;
        }
        let is_boolean = matches!(value, Scalar::Bool(_));
        self.is_boolean = Some(is_boolean && self.is_boolean != Some(false));
        match value {
            Scalar::Nested(_) => self.has_nested = true,
            Scalar::Number(text) => self.has_long_number |= value::is_long(text),
            Scalar::Text(text) => {
                self.has_string = true;
                self.has_lookalike = self.has_lookalike || value::nested(text).is_some();
            }
            Scalar::Null | Scalar::Bool(_) => {}
        }
    }

    /// Returns true if SQL sees strings instead of numbers, and the statement uses them
    /// (`is_named`) or they stay strings.
    pub fn turns_numbers_into_text(&self, is_named: bool) -> bool {
        self.has_long_number && (is_named || self.holds() != value::Holds::Numbers)
    }

    /// Returns the conversion back to JSON. If the column holds both a list and a string that reads
    /// as one, SQL cannot tell them apart, and both become strings.
    pub fn holds(&self) -> value::Holds {
        if self.is_json {
            value::Holds::Json
        } else if self.is_boolean == Some(true) {
            value::Holds::Booleans
        } else if self.has_nested && !self.has_lookalike {
            value::Holds::Nested
        } else if self.has_long_number && !self.has_string && !self.has_nested {
            value::Holds::Numbers
        } else {
            value::Holds::Plain
        }
    }
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Column indexes by lower-case name.
    by_name: HashMap<String, usize>,
    /// Column indexes by record key, for renamed columns.
    renamed: HashMap<String, usize>,
    /// True if the columns are unknown: no records and no declared columns.
    pub is_open: bool,
    /// True if SQLite's table has a [`Table::filler`].
    pub has_filler: bool,
}

impl Table {
    /// Creates a table without columns.
    ///
    /// # Errors
    ///
    /// If the name is invalid.
    pub fn new(name: &str) -> Result<Self, SqlError> {
        check_name("table", name)?;
        if name.to_ascii_lowercase().starts_with("sqlite_") {
            let message = format!("invalid table name `{name}`: SQLite reserves `sqlite_…`");
            return Err(SqlError::records(message));
        }
        Ok(Self {
            name: name.to_owned(),
            columns: Vec::new(),
            by_name: HashMap::new(),
            renamed: HashMap::new(),
            is_open: true,
            has_filler: true,
        })
    }

    /// Creates a table whose columns have types.
    ///
    /// # Errors
    ///
    /// As [`Table::add`].
    pub fn typed(name: &str, columns: &[(String, ColumnType)]) -> Result<Self, SqlError> {
        let mut table = Self {
            is_open: false,
            has_filler: false,
            ..Self::new(name)?
        };
        for (key, column_type) in columns {
            table.add(key)?;
            if let Some(column) = table.columns.last_mut() {
                column.is_boolean = Some(*column_type == ColumnType::Bool);
                column.is_json = *column_type == ColumnType::Json;
            }
        }
        Ok(table)
    }

    /// Adds a column. SQL cannot tell `id` and `ID` apart, so the second of them is named `ID_2`.
    ///
    /// # Errors
    ///
    /// If the name is invalid or already taken.
    pub fn add(&mut self, key: &str) -> Result<(), SqlError> {
        check_name("column", key)?;
        if self.position(key, 0).is_some() {
            let message = format!("table `{}` has two columns `{key}`", self.name);
            return Err(SqlError::records(message).help("give one of them another name"));
        }
        let place = self.columns.len();
        let mut name = key.to_owned();
        let mut number = 2;
        while self.by_name.contains_key(&fold(&name)) {
            name = format!("{key}_{number}");
            number += 1;
        }
        if name != key {
            self.renamed.insert(key.to_owned(), place);
        }
        self.by_name.insert(fold(&name), place);
        self.columns.push(Column::new(key, name));
        Ok(())
    }

    /// Returns a column by name, ignoring case as SQL does.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.by_name.get(&fold(name)).map(|at| &self.columns[*at])
    }

    /// Returns the index of the column with exactly this key. `guess` is tried first, since records
    /// mostly have their keys in the same order.
    pub fn position(&self, key: &str, guess: usize) -> Option<usize> {
        if self.columns.get(guess).is_some_and(|one| one.key == key) {
            return Some(guess);
        }
        let at = *self.by_name.get(&fold(key))?;
        if self.columns[at].key == key {
            return Some(at);
        }
        self.renamed.get(key).copied()
    }

    /// Returns the CREATE statement. SQL has no tables without columns, so such a table gets a
    /// filler column, which no result shows.
    pub fn create(&self) -> String {
        let mut columns: Vec<String> = self.columns.iter().map(|one| quote(&one.name)).collect();
        if self.has_filler {
            columns.push(quote(&self.filler()));
        }
        // Without a column type, SQLite stores each value unchanged.
        format!(
            "CREATE TABLE {} ({})",
            quote(&self.name),
            columns.join(", ")
        )
    }

    /// Returns the name of the filler column. It includes the table's name, so that a NATURAL JOIN
    /// of two open tables does not join on it.
    pub fn filler(&self) -> String {
        format!("(no column of {})", self.name)
    }
}

/// Quotes a name.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Folds case as SQLite does, for ASCII letters only.
pub fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn check_name(what: &str, name: &str) -> Result<(), SqlError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.contains('\0') {
        "it contains a NUL character"
    } else {
        return Ok(());
    };
    let shown = crate::core::text::printable(name).into_owned();
    let message = format!("invalid {what} name `{shown}`: {why}");
    Err(SqlError::records(message))
}
