//! A table of records: its columns, and what its values were before SQL kept them.

use std::collections::HashMap;

use serde_json::Value;

use super::error::SqlError;
use super::value;

/// A column and what was seen in it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a kind of value that was seen or not"
)]
#[derive(Debug, Clone)]
pub struct Column {
    /// The key of the records.
    key: String,
    /// The name in statements: another one where keys differ in case only.
    pub name: String,
    /// Whether all values are booleans; unknown before there is one that is not null.
    is_boolean: Option<bool>,
    has_nested: bool,
    /// A number that is kept as text, and a string.
    has_long_number: bool,
    has_string: bool,
    /// A string that reads as a list or an object.
    has_lookalike: bool,
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
        }
    }

    /// Takes notice of a value.
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

    /// How its values come back. Where a list and a string that reads as one stand in the same
    /// column, SQL cannot tell them apart: both come back as texts.
    pub fn holds(&self) -> value::Holds {
        if self.is_boolean == Some(true) {
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
    /// Column by its name in lower case.
    by_name: HashMap<String, usize>,
    /// Column by the key of the records, where it has another name.
    renamed: HashMap<String, usize>,
    /// Nothing is known of its columns: no record came, and none were declared.
    pub is_open: bool,
    /// Whether SQLite's table has a [`Table::filler`].
    pub has_filler: bool,
}

impl Table {
    /// A table without columns yet.
    ///
    /// # Errors
    ///
    /// Fails if no table can have that name.
    pub fn new(name: &str) -> Result<Self, SqlError> {
        check_name("table", name)?;
        if name.to_ascii_lowercase().starts_with("sqlite_") {
            let message = format!("no table can be called `{name}`: SQLite keeps `sqlite_…`");
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

    /// Adds a column. SQL cannot tell `id` and `ID` apart, so the second of them is called `ID_2`.
    ///
    /// # Errors
    ///
    /// Fails if no column can have that name, or if there is one already.
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

    /// A column as SQL finds it: case does not matter.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.by_name.get(&fold(name)).map(|at| &self.columns[*at])
    }

    /// Where the column of exactly this key stands. Records have their keys mostly in the same
    /// order, so the caller's guess is looked at first.
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

    /// The statement that makes it. SQL knows no table without columns, so one that has none yet
    /// gets a filler, which no result shows.
    pub fn create(&self) -> String {
        let mut columns: Vec<String> = self.columns.iter().map(|one| quote(&one.name)).collect();
        if self.has_filler {
            columns.push(quote(&self.filler()));
        }
        // No types: without one, SQLite keeps each value as it was given.
        format!(
            "CREATE TABLE {} ({})",
            quote(&self.name),
            columns.join(", ")
        )
    }

    /// The name of the column that stands for none. It has the table's name in it, so that a
    /// NATURAL JOIN of two open tables does not join by it.
    pub fn filler(&self) -> String {
        format!("(no column of {})", self.name)
    }
}

/// A name in a statement.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// SQLite ignores the case of ASCII letters only.
pub fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn check_name(what: &str, name: &str) -> Result<(), SqlError> {
    let why = if name.is_empty() {
        "it has no letter"
    } else if name.contains('\0') {
        "it has a NUL character in it"
    } else {
        return Ok(());
    };
    let shown = crate::core::text::printable(name).into_owned();
    let message = format!("no {what} can be called `{shown}`: {why}");
    Err(SqlError::records(message))
}
