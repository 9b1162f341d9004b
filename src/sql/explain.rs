//! SQLite's messages, reworded with a place and a hint.
//!
//! SQLite reports errors as English sentences (`resolve.c`, `parse.y`, `build.c`). The common ones
//! are reworded; all others are passed on.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::{Error, ErrorCode};

use super::error::{SqlError, SqlErrorKind};
use super::guard::{LONGEST_VALUE, MOST_MEMORY};
use super::table::Table;
use super::token::{Token, Tokens};
use super::{aggregate, functions};
use crate::core::name;

/// The maximum number of tables that a message lists.
const MOST_LISTED: usize = 12;

/// Returns true if the error needs the list of functions.
pub fn is_about_a_function(error: &Error) -> bool {
    matches!(error, Error::SqlInputError { msg, .. } if msg.starts_with("no such function"))
}

/// Returns SQLite's message about a statement and the byte offset of the error. There is no offset
/// in ON clauses.
pub fn parts(error: &Error) -> Option<(&str, Option<usize>)> {
    match error {
        Error::SqlInputError { msg, offset, .. } => {
            Some((msg.as_str(), usize::try_from(*offset).ok()))
        }
        Error::SqliteFailure(code, Some(message)) if code.code == ErrorCode::Unknown => {
            Some((message.as_str(), None))
        }
        _ => None,
    }
}

/// Returns the missing column of a message, and true if it is written in `"…"`.
pub fn missing_column(message: &str) -> Option<(&str, bool)> {
    let column = message.strip_prefix("no such column: ")?;
    // `no such column: "x" - should this be a string literal in single-quotes?`
    Some(match between(column, "\"", "\" - should this be") {
        Some(inner) => (inner, true),
        None => (column, false),
    })
}

/// Returns the column of a USING clause that one of the tables lacks.
pub fn missing_join_column(message: &str) -> Option<&str> {
    between(
        message,
        "cannot join using column ",
        " - column not present",
    )
}

/// Converts an error that SQLite found in a statement.
pub fn statement(
    tokens: &Tokens<'_>,
    error: &Error,
    tables: &BTreeMap<String, Table>,
    functions: &[String],
) -> SqlError {
    let Some((message, offset)) = parts(error) else {
        return own(error);
    };
    let token = offset.and_then(|offset| tokens.at(offset));
    let explainer = Explainer {
        tokens,
        token: token.map(|at| &tokens.list[at]),
        tables,
        functions,
    };
    explainer.explain(message)
}

/// Converts an error in one of our own statements, or one that is not about a statement's text.
pub fn own(error: &Error) -> SqlError {
    let kind = SqlErrorKind::Values;
    let Error::SqliteFailure(code, message) = error else {
        return SqlError::new(kind, quoted(&error.to_string()), None);
    };
    match code.code {
        ErrorCode::OperationInterrupted => {
            SqlError::new(SqlErrorKind::Stopped, "the statement was stopped", None)
        }
        ErrorCode::TooBig => SqlError::values(format!(
            "a value is larger than {} MB",
            LONGEST_VALUE / 1_000_000
        )),
        ErrorCode::OutOfMemory => SqlError::values(format!(
            "tables and results need more than {} MB of memory",
            MOST_MEMORY / 1_000_000
        )),
        // No statement writes to anything but the temporary file.
        ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => {
            let why = message.as_deref().unwrap_or("disk I/O error");
            SqlError::values(format!(
                "the tables do not fit into memory, and the temporary file cannot be used: {why}"
            ))
            .help("free some space, or set `TMPDIR` to another folder")
        }
        _ => {
            let message = message.clone().unwrap_or_else(|| error.to_string());
            SqlError::new(kind, quoted(&message), None)
        }
    }
}

/// The subject of a message of SQLite.
struct Explainer<'a> {
    tokens: &'a Tokens<'a>,
    /// The token at SQLite's offset.
    token: Option<&'a Token>,
    tables: &'a BTreeMap<String, Table>,
    functions: &'a [String],
}

impl Explainer<'_> {
    fn explain(&self, message: &str) -> SqlError {
        let after = |start: &str| message.strip_prefix(start).map(str::trim);
        if message == "incomplete input" {
            let last = self.tokens.list.last().map(|token| token.range.clone());
            return SqlError::statement("the statement is incomplete", last);
        }
        if let Some(word) = between(message, "near \"", "\": syntax error") {
            let message = format!("unexpected `{word}`");
            return SqlError::statement(message, self.place(word));
        }
        if let Some(table) = after("no such table:") {
            return self.no_table(table);
        }
        if let Some((column, is_quoted)) = missing_column(message) {
            return self.no_column(column, is_quoted);
        }
        if let Some(column) = missing_join_column(message) {
            let message = format!("column `{column}` is not in both of the joined tables");
            return SqlError::statement(message, self.place(column));
        }
        if let Some(column) = after("ambiguous column name:") {
            let message = format!("column `{column}` is in more than one table");
            return SqlError::statement(message, self.place(column))
                .help(format!("qualify it, such as `t.{column}`"));
        }
        if let Some(function) = after("no such function:") {
            let known = self.functions.iter().map(String::as_str);
            let meant =
                name::nearest(function, known).map(|near| format!("did you mean `{near}`?"));
            let message = format!("no function `{function}`");
            return SqlError::statement(message, self.place(function)).maybe_help(meant);
        }
        if let Some(function) = between(message, "wrong number of arguments to function ", "()") {
            let message = format!("wrong number of arguments to `{function}`");
            let usage = functions::USAGE.iter().chain(aggregate::USAGE);
            let usage = usage
                .filter(|usage| usage.starts_with(&format!("{}(", function.to_ascii_lowercase())))
                .map(|usage| format!("call it as `{usage}`"))
                .next();
            return SqlError::statement(message, self.place(function)).maybe_help(usage);
        }
        if let Some(function) = after("misuse of aggregate:")
            .or_else(|| after("misuse of aggregate function"))
            .map(|function| function.trim_end_matches("()"))
        {
            let message = format!("the aggregate function `{function}` is not allowed here");
            return SqlError::statement(message, self.place(function))
                .help("use it in the result, in HAVING or in ORDER BY");
        }
        let place = self.token.map(|token| token.range.clone());
        SqlError::statement(quoted(message), place)
    }

    fn no_table(&self, table: &str) -> SqlError {
        let known: Vec<&str> = self.tables.values().map(|one| one.name.as_str()).collect();
        let wanted = table.rsplit('.').next().unwrap_or(table);
        let listed = match known.as_slice() {
            [] => "there are no tables".to_owned(),
            [only] => format!("the only one is `{only}`"),
            many if many.len() <= MOST_LISTED => format!("the tables are {}", all_of(many)),
            many => format!("there are {} tables", many.len()),
        };
        let meant = name::nearest(wanted, known).map(|near| format!("did you mean `{near}`?"));
        let message = format!("no table `{table}`; {listed}");
        SqlError::statement(message, self.place(wanted)).maybe_help(meant)
    }

    fn no_column(&self, column: &str, is_quoted: bool) -> SqlError {
        let wanted = column.rsplit('.').next().unwrap_or(column);
        let known: Vec<&str> = self
            .tables
            .values()
            .filter(|table| self.tokens.find(&table.name).is_some())
            .flat_map(|table| table.columns.iter().map(|one| one.name.as_str()))
            .collect();
        let hint = if is_quoted && name::nearest(wanted, known.iter().copied()).is_none() {
            Some(format!("put a string in single quotes: `'{column}'`"))
        } else {
            name::hint(wanted, known)
        };
        let from = self.token.map_or(0, |token| token.range.start);
        let path = self.tokens.path(column, from);
        let place = path.map(|(range, _)| range).or_else(|| self.place(wanted));
        SqlError::statement(format!("no column `{column}`"), place).maybe_help(hint)
    }

    /// Returns SQLite's position, or the first occurrence of the name.
    fn place(&self, name: &str) -> Option<Range<usize>> {
        self.token
            .or_else(|| self.tokens.find(name))
            .map(|token| token.range.clone())
    }
}

/// Formats names as "`a`, `b` and `c`".
fn all_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(start)?;
    rest.find(end).map(|at| &rest[..at])
}

/// Replaces SQLite's quotation marks.
fn quoted(message: &str) -> String {
    message.replace('"', "`")
}
