//! Errors of statements, of the rows they compute, and of records.

use std::ops::Range;

/// An error of a statement or of a table of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// The cause.
    pub kind: SqlErrorKind,
    /// One sentence without a full stop, its subject in backticks.
    pub message: String,
    /// The bytes of the statement to underline. Errors of values have none, since SQLite does not
    /// report the position at which a function failed.
    pub range: Option<Range<usize>>,
    /// A hint on how to fix it.
    pub help: Option<String>,
}

/// The cause of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlErrorKind {
    /// The statement is not a read, is invalid, or names something that does not exist.
    Statement,
    /// Values: invalid parameters, a failed function, or a result that JSON cannot represent or
    /// that is too large.
    Values,
    /// Records that do not form a table.
    Records,
    /// The callback of [`crate::sql::Database::stop_when`] ended the statement.
    Stopped,
}

impl SqlError {
    /// Creates an error in the text of a statement.
    pub(super) fn statement(message: impl Into<String>, range: Option<Range<usize>>) -> Self {
        Self::new(SqlErrorKind::Statement, message, range)
    }

    /// Creates an error of values.
    pub(super) fn values(message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Values, message, None)
    }

    /// Creates an error of records.
    pub(super) fn records(message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Records, message, None)
    }

    pub(super) fn new(
        kind: SqlErrorKind,
        message: impl Into<String>,
        range: Option<Range<usize>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            range,
            help: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}
