//! Fills a table record by record.

use rusqlite::Connection;
use serde_json::Value;

use super::table::{Table, fold, quote};
use super::{Database, Needs, SqlError, SqlErrorKind, explain, value};
use crate::core::column::ColumnType;
use crate::core::records::RecordList;
use crate::core::rows::RowBatch;

/// The column of records that are not objects.
const VALUE: &str = "value";

/// The maximum number of columns of a table, as in SQLite.
const MOST_COLUMNS: usize = 2_000;

/// A table that is being filled.
///
/// Declared columns are the table's columns, in their order; other keys of a record are ignored.
/// Without declared columns, the table has the keys of all records in order of first appearance, so
/// a new key adds a column. A record that is not an object goes into the column `value`. Missing
/// keys are NULL.
///
/// Several tables may be filled at a time. [`Loader::finish`] publishes the table; before, a
/// statement may find it, but its booleans and lists are returned as numbers and strings.
#[derive(Debug)]
pub struct Loader<'a> {
    database: &'a Database,
    filling: Filling,
}

impl Database {
    /// Starts a table.
    ///
    /// # Errors
    ///
    /// If its name or a column name is invalid or already taken. Names that differ only in the
    /// case of ASCII letters are the same in SQL.
    pub fn loader(&self, name: &str, columns: Option<&[String]>) -> Result<Loader<'_>, SqlError> {
        self.refuse_twin(name)?;
        let filling = Filling::begin(&self.connection, name, columns)?;
        let loader = Loader {
            database: self,
            filling,
        };
        loader.publish();
        Ok(loader)
    }

    /// Refuses a name that another table has.
    pub(super) fn refuse_twin(&self, name: &str) -> Result<(), SqlError> {
        if let Some(other) = self.tables.borrow().get(&fold(name)) {
            let message = if other.name == name {
                format!("there are two tables `{name}`")
            } else {
                format!(
                    "the tables `{}` and `{name}` have the same name in SQL, which ignores case",
                    other.name
                )
            };
            return Err(SqlError::records(message).help("give one of them another name"));
        }
        Ok(())
    }
}

impl Database {
    /// Creates a table of a list of records and returns their number. Columns that are not needed
    /// stay NULL.
    ///
    /// # Errors
    ///
    /// As [`Database::load`], and if a stored record cannot be read.
    pub fn load_list(
        &self,
        name: &str,
        columns: Option<&[String]>,
        records: &RecordList,
        needs: &Needs,
    ) -> Result<usize, SqlError> {
        let mut loader = self.loader(name, columns)?;
        for block in records.blocks() {
            let block = block.map_err(|error| SqlError::values(error.to_string()))?;
            for record in &*block {
                loader.push_needed(record, needs)?;
            }
        }
        Ok(loader.finish())
    }
}

impl Loader<'_> {
    /// Adds one record.
    ///
    /// # Errors
    ///
    /// If two keys differ in case only, if there are more than 2,000 columns, if the declared
    /// columns have no `value` for a record that is not an object, if a value is larger than
    /// 100 MB, if memory is short, or if the statement was stopped.
    pub fn push(&mut self, record: &Value) -> Result<(), SqlError> {
        self.push_needed(record, &Needs::default())
    }

    /// Adds one record, as [`Loader::push`]. Columns that are not needed stay NULL.
    ///
    /// # Errors
    ///
    /// As [`Loader::push`].
    pub fn push_needed(&mut self, record: &Value, needs: &Needs) -> Result<(), SqlError> {
        let was_open = self.filling.table.is_open;
        self.filling
            .push(&self.database.connection, record, needs)?;
        if was_open && !self.filling.table.is_open {
            self.publish();
        }
        Ok(())
    }

    /// Adds rows of one builder, whose batches are added in their order. Columns that are not needed
    /// stay NULL.
    ///
    /// # Errors
    ///
    /// As [`Loader::push`].
    pub fn push_rows(&mut self, batch: &RowBatch, needs: &Needs) -> Result<(), SqlError> {
        let was_open = self.filling.table.is_open;
        self.filling
            .push_rows(&self.database.connection, batch, needs)?;
        if was_open && !self.filling.table.is_open {
            self.publish();
        }
        Ok(())
    }

    /// Completes the table and returns its number of records.
    pub fn finish(self) -> usize {
        self.publish();
        self.filling.count
    }

    /// Completes the table, whose columns have types that its values need not show.
    ///
    /// # Errors
    ///
    /// As [`Table::typed`].
    pub fn finish_as(self, columns: &[(String, ColumnType)]) -> Result<(), SqlError> {
        let name = &self.filling.table.name;
        let table = Table::typed(name, columns)?;
        self.database.tables.borrow_mut().insert(fold(name), table);
        Ok(())
    }

    /// Updates the database's copy of the table's metadata.
    fn publish(&self) {
        let table = &self.filling.table;
        let mut tables = self.database.tables.borrow_mut();
        tables.insert(fold(&table.name), table.clone());
    }
}

/// A table that is being filled, without its connection.
#[derive(Debug)]
pub(super) struct Filling {
    pub(super) table: Table,
    is_declared: bool,
    /// The INSERT statement; the connection keeps it prepared.
    insert: String,
    pub(super) count: usize,
    has_rows: bool,
    /// The columns of the keys of row batches, by number; `None` if a key is not stored.
    keys: Vec<Option<usize>>,
}

/// Adds the number of a record to an error.
fn in_record(error: SqlError, number: usize) -> SqlError {
    match error.kind {
        SqlErrorKind::Stopped => error,
        _ => SqlError {
            message: format!("record {number}: {}", error.message),
            ..error
        },
    }
}

impl Filling {
    /// Creates the table.
    pub(super) fn begin(
        connection: &Connection,
        name: &str,
        columns: Option<&[String]>,
    ) -> Result<Self, SqlError> {
        let mut table = Table::new(name)?;
        for column in columns.unwrap_or_default() {
            table.add(column)?;
        }
        check_width(&table)?;
        table.is_open = table.columns.is_empty();
        table.has_filler = table.is_open;
        connection
            .execute_batch(&table.create())
            .map_err(|error| explain::own(&error))?;
        Ok(Self {
            is_declared: !table.is_open,
            insert: insert_into(&table),
            table,
            count: 0,
            has_rows: false,
            keys: Vec::new(),
        })
    }

    /// Adds one record, as [`Loader::push`].
    pub(super) fn push(
        &mut self,
        connection: &Connection,
        record: &Value,
        needs: &Needs,
    ) -> Result<(), SqlError> {
        self.count += 1;
        self.push_record(connection, record, needs)
            .map_err(|error| in_record(error, self.count))
    }

    fn push_rows(
        &mut self,
        connection: &Connection,
        batch: &RowBatch,
        needs: &Needs,
    ) -> Result<(), SqlError> {
        let before = self.count;
        for (row, key) in batch.fresh_keys() {
            if !self.is_declared {
                self.widen(connection, [key.as_str()])
                    .map_err(|error| in_record(error, before + row + 1))?;
            }
            let column = self.table.position(key, self.keys.len());
            let is_needed = |at: &usize| needs.has(&self.table.columns[*at].name);
            self.keys.push(column.filter(is_needed));
        }
        // `{}` as a first record is a row without columns.
        self.table.is_open = false;
        let explained = |error: rusqlite::Error| explain::own(&error);
        let mut statement = connection.prepare_cached(&self.insert).map_err(explained)?;
        for row in 0..batch.len() {
            self.count += 1;
            statement.clear_bindings();
            for (key, value) in batch.row(row) {
                if let Some(at) = self.keys[key] {
                    self.table.columns[at].note_scalar(value);
                    statement
                        .raw_bind_parameter(at + 1, value::BoundScalar(value))
                        .map_err(explained)?;
                }
            }
            statement
                .raw_execute()
                .map_err(|error| in_record(explained(error), self.count))?;
            self.has_rows = true;
        }
        Ok(())
    }

    fn push_record(
        &mut self,
        connection: &Connection,
        record: &Value,
        needs: &Needs,
    ) -> Result<(), SqlError> {
        if let Value::Object(object) = record {
            if !self.is_declared {
                self.widen(connection, object.keys().map(String::as_str))?;
            }
            let fields = object.iter().map(|(key, value)| (key.as_str(), value));
            self.insert(connection, fields, needs)
        } else if self.is_declared && self.table.position(VALUE, 0).is_none() {
            let kind = crate::core::json::kind(record);
            let message = format!("expected an object, got {kind}");
            Err(SqlError::records(message))
        } else {
            if !self.is_declared {
                self.widen(connection, [VALUE])?;
            }
            self.insert(connection, [(VALUE, record)], needs)
        }
    }

    /// Adds the missing columns.
    fn widen<'k>(
        &mut self,
        connection: &Connection,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<(), SqlError> {
        let before = self.table.columns.len();
        for (index, key) in keys.into_iter().enumerate() {
            if self.table.position(key, index).is_none() {
                self.table.add(key)?;
            }
        }
        if self.table.columns.len() == before {
            return Ok(());
        }
        check_width(&self.table)?;
        let name = quote(&self.table.name);
        let mut batch = String::new();
        if self.table.has_filler && !self.has_rows {
            self.table.has_filler = false;
            batch = format!("DROP TABLE {name}; {}", self.table.create());
        } else {
            for column in &self.table.columns[before..] {
                let column = quote(&column.name);
                batch.push_str(&format!("ALTER TABLE {name} ADD COLUMN {column};"));
            }
        }
        self.insert = insert_into(&self.table);
        connection
            .execute_batch(&batch)
            .map_err(|error| explain::own(&error))
    }

    fn insert<'v>(
        &mut self,
        connection: &Connection,
        fields: impl IntoIterator<Item = (&'v str, &'v Value)>,
        needs: &Needs,
    ) -> Result<(), SqlError> {
        // `{}` as a first record is a row without columns.
        self.table.is_open = false;
        self.try_insert(connection, fields, needs)
            .map_err(|error| explain::own(&error))?;
        self.has_rows = true;
        Ok(())
    }

    fn try_insert<'v>(
        &mut self,
        connection: &Connection,
        fields: impl IntoIterator<Item = (&'v str, &'v Value)>,
        needs: &Needs,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&self.insert)?;
        statement.clear_bindings();
        for (index, (key, value)) in fields.into_iter().enumerate() {
            if let Some(at) = self.table.position(key, index) {
                let column = &mut self.table.columns[at];
                column.note(value);
                if needs.has(&column.name) {
                    statement.raw_bind_parameter(at + 1, value::Bound(value))?;
                }
            }
        }
        statement.raw_execute()?;
        Ok(())
    }
}

/// Returns the INSERT statement.
fn insert_into(table: &Table) -> String {
    let width = table.columns.len().max(1);
    let columns: Vec<String> = if table.columns.is_empty() {
        vec![quote(&table.filler())]
    } else {
        table.columns.iter().map(|one| quote(&one.name)).collect()
    };
    format!(
        "INSERT INTO {} ({}) VALUES ({})",
        quote(&table.name),
        columns.join(", "),
        vec!["?"; width].join(", ")
    )
}

fn check_width(table: &Table) -> Result<(), SqlError> {
    if table.columns.len() <= MOST_COLUMNS {
        return Ok(());
    }
    let message = format!(
        "table `{}` has more than {MOST_COLUMNS} columns",
        table.name
    );
    Err(SqlError::records(message))
}
