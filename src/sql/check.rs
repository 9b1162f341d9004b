//! Checks of a statement before there are records.

use jiff::Timestamp;
use rusqlite::Error;

use super::select::ResultColumn;
use super::statement::{Mention, Statement};
use super::{Database, SqlError};

/// The maximum number of tables in a statement checked without given tables.
const MOST_TABLES: usize = 100;

/// The names in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentions {
    /// The tables that are read, in the order of the text.
    pub tables: Vec<Mention>,
    /// The parameters, in the order of the text.
    pub params: Vec<Mention>,
    /// The result columns; incomplete if `*` includes a table with unknown columns.
    pub columns: Vec<String>,
}

/// Checks a statement against tables of which at most the columns are known.
///
/// Syntax, tables, parameters, functions and their argument counts are always checked; columns as
/// far as every table that could have them is known.
///
/// # Errors
///
/// As [`Database::select`] before its first row, except that parameters need no values; and if a
/// table name or column name is invalid.
pub fn check(sql: &str, tables: &[(&str, Option<&[String]>)]) -> Result<Mentions, SqlError> {
    // The clock only matters for values.
    let database = Database::new(Timestamp::UNIX_EPOCH)?;
    for (name, columns) in tables {
        database.loader(name, *columns)?.finish();
    }
    let statement = Statement::read(sql)?;
    let _watch = database.guard.watch();
    let prepared = database.prepare(&statement)?;
    database.mentions(&statement, &prepared)
}

/// Returns the names in a statement, for any tables.
///
/// # Errors
///
/// As [`check`] with every table the statement reads, its columns unknown.
pub fn mentions(sql: &str) -> Result<Mentions, SqlError> {
    let database = Database::new(Timestamp::UNIX_EPOCH)?;
    let statement = Statement::read(sql)?;
    let _watch = database.guard.watch();
    for _ in 0..MOST_TABLES {
        let Some(name) = database.missing_table(sql) else {
            break;
        };
        let _pause = database.guard.pause();
        database.loader(&name, None)?.finish();
    }
    let prepared = database.prepare(&statement)?;
    database.mentions(&statement, &prepared)
}

impl Database {
    fn missing_table(&self, sql: &str) -> Option<String> {
        let message = match self.connection.prepare(sql).err()? {
            Error::SqlInputError { msg, .. } => msg,
            Error::SqliteFailure(_, message) => message?,
            _ => return None,
        };
        let name = message.strip_prefix("no such table: ")?;
        Some(name.to_owned())
    }

    fn mentions(
        &self,
        statement: &Statement<'_>,
        prepared: &rusqlite::Statement<'_>,
    ) -> Result<Mentions, SqlError> {
        let mut tables: Vec<Mention> = self
            .tables
            .borrow()
            .values()
            .filter(|table| self.guard.has_read(&table.name))
            .filter_map(|table| {
                let token = statement.tokens.find(&table.name)?;
                Some(Mention {
                    name: table.name.clone(),
                    range: token.range.clone(),
                })
            })
            .collect();
        tables.sort_by_key(|table| table.range.start);
        let columns = self.result_columns(prepared, statement)?;
        Ok(Mentions {
            tables,
            params: statement.params(),
            columns: columns
                .into_iter()
                .filter(ResultColumn::is_shown)
                .map(|column| column.name)
                .collect(),
        })
    }
}
