//! The result of syncing a table.

use std::rc::Rc;

use crate::engine::RunError;
use crate::project::query::Keeping;
use crate::store::{RowCounts, StoreError};

/// The result of syncing a table.
#[derive(Debug)]
pub struct TableReport {
    /// The name of the table.
    pub table: String,
    /// The rows by what became of them.
    pub rows: RowCounts,
    /// The number of rows that are not done.
    pub unfinished: u64,
    /// The number of items asked again because they are young; `None` for a query without `revisit`.
    pub revisited: Option<u64>,
    /// The number of items that failed.
    pub missed: u64,
    /// The items that failed in many syncs in a row, with their last errors.
    pub missed_often: Vec<(String, String)>,
    /// The number of items that the API has forgotten.
    pub expired: u64,
    /// The number of requests, not counting retries.
    pub requests: u64,
    /// Probable mistakes.
    pub notes: Vec<String>,
    /// The first failure of an item.
    pub first_miss: Option<String>,
    /// The outcome.
    pub outcome: TableOutcome,
}

/// The outcome of syncing a table.
#[derive(Debug)]
pub enum TableOutcome {
    /// All that was due was asked.
    Complete,
    /// Some items failed: the next sync asks them again.
    Partial,
    /// The listing was cut: the next sync reads it again. The words say why.
    Cut(String),
    /// The sync of this table ended early; what was written stays.
    Failed(Box<SyncFailure>),
    /// The run was interrupted.
    Stopped,
}

/// A failure that ends the sync of a table.
#[derive(Debug)]
pub enum SyncFailure {
    /// An error of a request.
    Run(Rc<RunError>),
    /// An error of the store.
    Store(StoreError),
    /// The query cannot be kept as it is called.
    Query(String),
}

impl From<StoreError> for SyncFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl TableReport {
    /// Creates the report of a table before its sync.
    pub fn new(table: &str, revisits: bool) -> Self {
        Self {
            table: table.to_owned(),
            rows: RowCounts::default(),
            unfinished: 0,
            revisited: revisits.then_some(0),
            missed: 0,
            missed_often: Vec::new(),
            expired: 0,
            requests: 0,
            notes: Vec::new(),
            first_miss: None,
            outcome: TableOutcome::Complete,
        }
    }

    /// Adds rows that were written.
    pub fn add_rows(&mut self, counts: RowCounts, keeping: &Keeping) {
        self.rows += counts;
        self.expired += counts.expired;
        let owners = [
            (counts.doubled, "rows of one answer"),
            (counts.taken, "rows of several items or vars"),
        ];
        for (_, rows) in owners.iter().filter(|(count, _)| *count > 0) {
            self.note(format!(
                "in `{}`, {rows} had the same key ({}) and different values, and the last one was \
                 kept: does `key` tell rows apart?",
                self.table,
                key_words(keeping)
            ));
        }
    }

    /// Adds notes, except the one that is told as the reason for a failure.
    pub fn add_notes(&mut self, notes: Vec<String>, reason: Option<&String>) {
        let others = notes.into_iter().filter(|note| Some(note) != reason);
        others.for_each(|note| self.note(note));
    }

    /// Adds a note, once.
    fn note(&mut self, words: String) {
        const MOST: usize = 10;
        if self.notes.len() < MOST && !self.notes.contains(&words) {
            self.notes.push(words);
        }
    }
}

/// Returns the columns of the key for a message.
pub fn key_words(keeping: &Keeping) -> String {
    let names = keeping.key.iter();
    let names: Vec<String> = names.map(|name| format!("`{}`", name.value)).collect();
    names.join(", ")
}
