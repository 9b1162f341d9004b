//! Records as tables: JSON records go in, one SELECT over them gives JSON records back.
//!
//! A [`Database`] lives in memory, for one run, inside the program ([SQLite](https://sqlite.org)).
//! It is filled with [`Database::load`] or, where records come page by page, with a [`Loader`];
//! then [`Database::select`] runs a statement. [`check`] says what can be said of a statement
//! before there are records.
//!
//! A statement is one read. It cannot change anything, reach a file or load code, and the same
//! records, parameters and clock give it the same result: `now()`, `datetime('now')` and
//! `current_timestamp` tell the time that the database was made with, `random()` is refused. (The
//! modifiers `localtime` and `utc` of SQLite's date functions do follow the machine's time zone.)
//! Parameters are bound, never pasted.
//!
//! # Values
//!
//! | JSON | SQL | and back |
//! | --- | --- | --- |
//! | null | NULL | null |
//! | boolean | 0 or 1 | a boolean, where the result column is a column of booleans |
//! | whole number | INTEGER; beyond 2^63-1 TEXT, so that no digit is lost | number; string |
//! | other number | REAL | number |
//! | string | TEXT | string, whatever it looks like |
//! | list, object | TEXT of JSON, for `->>` and `json_each` | nested, as follows |
//!
//! A text comes back as nested JSON where the result column *is* a column that held lists or
//! objects (through subqueries, too), or is written as a call of a function that makes JSON, such
//! as `json_group_array(…)`, or as `… -> …`. A text made by a subquery needs `json(…)` around it,
//! as it does inside SQLite. Of a UNION, the first SELECT decides.
//!
//! This module knows records; it does not know where they came from, nor queries or terminals.

mod aggregate;
mod check;
mod clock;
mod error;
mod explain;
mod file;
mod functions;
mod guard;
mod load;
mod params;
mod prepare;
mod result_list;
mod select;
mod statement;
mod table;
mod token;
mod value;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde_json::Value;

use guard::Guard;
use table::Table;

pub use check::{Mentions, check, mentions};
pub use error::{SqlError, SqlErrorKind};
pub use file::{TableFile, check_target};
pub use load::Loader;
pub use params::Params;
pub use statement::Mention;
pub use value::Row;

/// Steps of SQLite's machine between two looks at the caller's question: well under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// Tables of records in memory.
///
/// Everything happens inside one transaction that is never committed: nobody else sees the
/// tables, and each insert costs less.
pub struct Database {
    connection: Connection,
    guard: Arc<Guard>,
    no_times: functions::NoTimes,
    /// By name in lower case.
    tables: RefCell<BTreeMap<String, Table>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.borrow();
        formatter
            .debug_struct("Database")
            .field("tables", &tables.keys())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// An empty database, for which it is `now`.
    ///
    /// # Errors
    ///
    /// Fails if SQLite cannot be set up, which means that memory is short.
    pub fn new(now: Timestamp) -> Result<Self, SqlError> {
        Self::open(now).map_err(|error| explain::own(&error))
    }

    fn open(now: Timestamp) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        // `"x"` is a name and never a text, so that a slip does not pass as a text.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.execute_batch("PRAGMA temp_store = MEMORY; BEGIN")?;
        let no_times = functions::NoTimes::default();
        functions::register(&connection, now, &no_times)?;
        aggregate::register(&connection)?;
        clock::register(&connection, now)?;
        let guard = Guard::install(&mut connection)?;
        Ok(Self {
            connection,
            guard,
            no_times,
            tables: RefCell::default(),
        })
    }

    /// Has `is_over` asked again and again while a statement runs, from the thread that runs it.
    /// Once it says yes, the statement fails with [`SqlErrorKind::Stopped`].
    ///
    /// # Errors
    ///
    /// Fails if SQLite refuses; today it never does.
    pub fn stop_when(
        &mut self,
        is_over: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), SqlError> {
        self.connection
            .progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))
            .map_err(|error| explain::own(&error))
    }

    /// Takes the texts that functions met in place of times and took for NULL, by function: their
    /// number and the first.
    pub fn take_no_times(&self) -> BTreeMap<String, (usize, String)> {
        self.no_times.take()
    }

    /// Makes a table of records and gives their number. See [`Loader`] for what becomes of them.
    ///
    /// # Errors
    ///
    /// As [`Database::loader`] and [`Loader::push`].
    pub fn load<'r>(
        &self,
        name: &str,
        columns: Option<&[String]>,
        records: impl IntoIterator<Item = &'r Value>,
    ) -> Result<usize, SqlError> {
        let mut loader = self.loader(name, columns)?;
        for record in records {
            loader.push(record)?;
        }
        loader.finish()
    }
}
