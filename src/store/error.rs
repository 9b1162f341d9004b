//! Errors of a store.

/// An error of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// The kind.
    pub kind: StoreErrorKind,
    /// The error in one line.
    pub message: String,
    /// A way out.
    pub help: Option<String>,
}

/// The kind of an error of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The address or a table's name cannot be used.
    Usage,
    /// Another sync holds the lock.
    Locked,
    /// The database cannot be reached, or the connection was lost.
    Connection,
    /// The database refuses the credentials.
    Credentials,
    /// A value does not fit its column.
    Misfit,
    /// A definition contradicts the table.
    Schema,
    /// The disk is full, or the file cannot be read or written.
    Storage,
    /// Any other error of the database.
    Database,
}

impl StoreError {
    /// Creates an error.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
        }
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(self, words: impl Into<String>) -> Self {
        Self {
            help: Some(words.into()),
            ..self
        }
    }
}
