//! What can be said of a statement before there are records.

use jiff::Timestamp;
use rusqlite::Error;

use super::select::ResultColumn;
use super::statement::{Mention, Statement};
use super::{Database, SqlError};

/// Tables that a statement may name where none are given.
const MOST_TABLES: usize = 100;

/// What a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentions {
    /// The tables that are read, in the order in which the text names them.
    pub tables: Vec<Mention>,
    /// The parameters, in the order in which the text names them.
    pub params: Vec<Mention>,
    /// The columns of the result. Not all, where it says `*` of a table whose columns are unknown.
    pub columns: Vec<String>,
}

/// Checks a statement against tables of which only the columns are known, or not even these.
///
/// Syntax, tables, parameters, functions and their number of arguments are checked in any case;
/// columns as far as every table that could have them is known.
///
/// # Errors
///
/// As [`Database::select`] before its first row, save that parameters need no values; and if a
/// table cannot have its name or its columns.
pub fn check(sql: &str, tables: &[(&str, Option<&[String]>)]) -> Result<Mentions, SqlError> {
    // A clock is needed for values only.
    let database = Database::new(Timestamp::UNIX_EPOCH)?;
    for (name, columns) in tables {
        database.loader(name, *columns)?.finish()?;
    }
    let statement = Statement::read(sql)?;
    let _watch = database.guard.watch();
    let prepared = database.prepare(&statement)?;
    database.mentions(&statement, &prepared)
}

/// Tells what a statement names, whatever tables there will be.
///
/// # Errors
///
/// As [`check`] with every table that the statement asks for, its columns unknown.
pub fn mentions(sql: &str) -> Result<Mentions, SqlError> {
    let database = Database::new(Timestamp::UNIX_EPOCH)?;
    let statement = Statement::read(sql)?;
    let _watch = database.guard.watch();
    for _ in 0..MOST_TABLES {
        let Some(name) = database.missing_table(sql) else {
            break;
        };
        let _pause = database.guard.pause();
        database.loader(&name, None)?.finish()?;
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
