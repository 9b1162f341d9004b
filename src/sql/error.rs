//! What can be wrong with a statement, with the rows it computes, and with records.

use std::ops::Range;

/// Why a statement or a table of records failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What is at fault.
    pub kind: SqlErrorKind,
    /// One sentence without a full stop, its subject in backticks.
    pub message: String,
    /// The bytes of the statement to underline. Faults of values have none, since SQLite does not
    /// say where it was when a function failed.
    pub range: Option<Range<usize>>,
    /// What would do.
    pub help: Option<String>,
}

/// What is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlErrorKind {
    /// The text of the statement: it is no read, or cannot be understood, or names what is not
    /// there.
    Statement,
    /// Values: those of parameters, or what a function made of them, or a result that JSON cannot
    /// hold or that is too large.
    Values,
    /// Records that do not make a table.
    Records,
    /// The caller's own question (see [`crate::sql::Database::stop_when`]) ended the statement.
    Stopped,
}

impl SqlError {
    /// A fault in the text of a statement.
    pub(super) fn statement(message: impl Into<String>, range: Option<Range<usize>>) -> Self {
        Self::new(SqlErrorKind::Statement, message, range)
    }

    /// A fault of values.
    pub(super) fn values(message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Values, message, None)
    }

    /// A fault of records.
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
