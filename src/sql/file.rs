//! A table in a database file.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde_json::Value;

use super::load::Filling;
use super::table::quote;
use super::{Needs, SqlError, explain};

/// The time to wait for a database that another program is writing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of the attached database that a table is copied into.
const TARGET: &str = "target";

/// One table in a database file of its own, filled record by record.
///
/// Values are stored as in a table in memory: booleans as 0 and 1, lists and objects as JSON.
#[derive(Debug)]
pub struct TableFile {
    connection: Connection,
    filling: Filling,
}

impl TableFile {
    /// Creates a database with one table in an empty file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or the table name or a column name is invalid.
    pub fn create(path: &Path, table: &str, columns: Option<&[String]>) -> Result<Self, SqlError> {
        let connection = open(path).map_err(|error| explain::own(&error))?;
        let filling = Filling::begin(&connection, table, columns)?;
        Ok(Self {
            connection,
            filling,
        })
    }

    /// Adds one record.
    ///
    /// # Errors
    ///
    /// As [`super::load::Loader::push`], or if the file cannot be written.
    pub fn push(&mut self, record: &Value) -> Result<(), SqlError> {
        self.filling
            .push(&self.connection, record, &Needs::default())
    }

    /// Completes the table.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn finish(self) -> Result<(), SqlError> {
        self.connection.flush_prepared_statement_cache();
        let ended = self.connection.execute_batch("COMMIT");
        ended.map_err(|error| explain::own(&error))?;
        self.connection
            .close()
            .map_err(|(_, error)| explain::own(&error))
    }

    /// Completes the table and copies it into another database in one transaction, replacing the
    /// table of the same name.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or another program keeps it locked.
    pub fn finish_into(self, database: &Path) -> Result<(), SqlError> {
        self.connection.flush_prepared_statement_cache();
        let copied = self.copy_into(database);
        copied.map_err(|error| explain::own(&error))
    }

    fn copy_into(&self, database: &Path) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.execute_batch("COMMIT")?;
        connection.execute(
            &format!("ATTACH DATABASE ? AS {TARGET}"),
            [database.to_string_lossy()],
        )?;
        let name = quote(&self.filling.table.name);
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; DROP TABLE IF EXISTS {TARGET}.{name}"
        ))?;
        let made: String = connection.query_row(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'table'",
            [],
            |row| row.get(0),
        )?;
        let made = made.replacen("CREATE TABLE ", &format!("CREATE TABLE {TARGET}."), 1);
        connection.execute_batch(&format!(
            "{made}; INSERT INTO {TARGET}.{name} SELECT * FROM main.{name}; COMMIT"
        ))
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Not a URI: a path may begin with `file:`.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // No other process reads the file before it is complete, and an incomplete one is discarded.
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")?;
    Ok(connection)
}

/// Checks, before the first request, that a table can be written to a file.
///
/// # Errors
///
/// If the file is not a database, or has something other than a table of that name.
pub fn check_target(database: &Path, table: &str) -> Result<(), SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let kind: rusqlite::Result<Option<String>> = Connection::open_with_flags(database, flags)
        .and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection
                .query_row(
                    "SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type <> 'table'",
                    [table],
                    |row| row.get(0),
                )
                .optional()
        });
    match kind {
        Ok(None) => Ok(()),
        Ok(Some(kind)) => Err(SqlError::records(format!(
            "it has {} `{table}`, which a table of that name would replace",
            if kind == "index" {
                "an index"
            } else {
                "a view"
            }
        ))),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(SqlError::records("it is not an SQLite database"))
        }
        Err(error) => Err(explain::own(&error)),
    }
}
