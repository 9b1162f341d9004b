//! Records as tables: load JSON records, query them with one SELECT, and get JSON records back.
//!
//! A [`Database`] lives in memory or in a temporary file, for one run ([SQLite](https://sqlite.org) is built in). It is
//! filled with [`Database::load`] or, page by page, with a [`load::Loader`]; then [`Database::select`]
//! runs a statement. [`check()`] checks a statement before there are records.
//!
//! A statement is one read. It cannot change anything, reach a file or load code, and its result
//! depends only on records, parameters and clock: `now()`, `datetime('now')` and `current_timestamp`
//! return the time the database was created with, and `random()` is refused. (The modifiers
//! `localtime` and `utc` of SQLite's date functions do depend on the machine's time zone.)
//! Parameters are bound, never interpolated.
//!
//! # Values
//!
//! | JSON | SQL | back to JSON |
//! | --- | --- | --- |
//! | null | NULL | null |
//! | boolean | 0 or 1 | a boolean, if the result column is a column of booleans |
//! | integer | INTEGER; beyond 2^63-1 TEXT, so that no digit is lost | number; string |
//! | other number | REAL | number |
//! | string | TEXT | string, whatever it looks like |
//! | list, object | TEXT of JSON, for `->>` and `json_each` | nested, as follows |
//!
//! Text becomes nested JSON again if the result column *is* a column that held lists or objects (also
//! through subqueries), or is written as a call of a function that returns JSON, such as
//! `json_group_array(…)`, or as `… -> …`. Text from a subquery needs `json(…)` around it, as it does
//! inside SQLite. In a UNION, the first SELECT decides.
//!
//! This module knows nothing of queries, terminals, or the source of its records.

mod aggregate;
mod attach;
mod check;
mod clock;
mod error;
mod explain;
mod file;
mod functions;
mod guard;
mod load;
mod needs;
mod params;
mod prepare;
mod result_list;
mod result_types;
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

pub use attach::ATTACHED;
pub use check::{Mentions, check, mentions};
pub use error::{SqlError, SqlErrorKind};
pub use file::{TableFile, check_target};
pub use needs::Needs;
pub use params::Params;
pub use result_types::result_schema;
pub use value::Row;

/// Instructions of SQLite's virtual machine between two calls of the stop callback: well under a
/// millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// The memory for pages of the database, in KiB. Beyond it, they go to a temporary file.
const CACHE: u32 = 64 << 10;

/// Tables of records, in memory or in a private temporary file if they are large.
///
/// Everything happens inside one transaction that is never committed, which makes inserts cheaper.
pub struct Database {
    connection: Connection,
    guard: Arc<Guard>,
    no_times: functions::NoTimes,
    /// Tables by lower-case name.
    tables: RefCell<BTreeMap<String, Table>>,
    /// Tables of an attached database, by lower-case name.
    attached: RefCell<BTreeMap<String, Table>>,
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
    /// Creates an empty database with `now` as the current time.
    ///
    /// # Errors
    ///
    /// If SQLite cannot be set up, which means that memory is short.
    pub fn new(now: Timestamp) -> Result<Self, SqlError> {
        Self::open(now).map_err(|error| explain::own(&error))
    }

    fn open(now: Timestamp) -> rusqlite::Result<Self> {
        // An empty name is a private temporary file, which SQLite creates once the cache is full and
        // no other process can open. `DEFENSIVE` would refuse a database without a journal.
        let mut connection = Connection::open("")?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE}"
        ))?;
        // `"x"` is always a name and never a string, so that a typo is not read as one.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.execute_batch("BEGIN")?;
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
            attached: RefCell::default(),
        })
    }

    /// Calls `is_over` repeatedly while a statement runs, on the same thread. Once it returns true,
    /// the statement fails with [`SqlErrorKind::Stopped`].
    ///
    /// # Errors
    ///
    /// If SQLite refuses; currently it never does.
    pub fn stop_when(
        &mut self,
        is_over: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), SqlError> {
        self.connection
            .progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))
            .map_err(|error| explain::own(&error))
    }

    /// Takes the strings that functions read as NULL because they are not times, by function: their
    /// count and the first.
    pub fn take_no_times(&self) -> BTreeMap<String, (usize, String)> {
        self.no_times.take()
    }

    /// Returns the columns, as `table.column`, whose numbers beyond 64 bits are strings for a statement.
    pub fn numbers_as_text(&self, statement: &str) -> Vec<String> {
        let tokens = token::Tokens::read(statement).ok();
        let is_named = |name: &str| {
            let tokens = tokens.as_ref();
            tokens.is_some_and(|tokens| tokens.find(name).is_some())
        };
        let tables = self.tables.borrow();
        let columns = tables
            .values()
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)));
        columns
            .filter(|(_, column)| column.turns_numbers_into_text(is_named(&column.name)))
            .map(|(table, column)| format!("{}.{}", table.name, column.name))
            .collect()
    }

    /// Creates a table of records and returns their number. See [`load::Loader`] for how they are stored.
    ///
    /// # Errors
    ///
    /// As [`Database::loader`] and [`load::Loader::push`].
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
        Ok(loader.finish())
    }
}
