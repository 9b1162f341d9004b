//! Restricts statements to reading tables and calling deterministic functions.
//!
//! SQLite asks the guard about each action while it prepares a statement
//! (<https://sqlite.org/c3ref/set_authorizer.html>). Every action is denied unless it is known to be
//! a read. Our own statements, which create and fill tables, run while the guard is paused.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use super::attach::ATTACHED;

/// The maximum size of a text, a nested value or a row, in bytes.
pub const LONGEST_VALUE: i32 = 100_000_000;

/// The maximum memory of all databases of the process, in bytes: enough for some millions of
/// records (100,000 with eight short columns take 10 MB), and less than a small CI machine has.
pub const MOST_MEMORY: i64 = 1_000_000_000;

const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1_000_000),
    (Limit::SQLITE_LIMIT_COLUMN, 2_000),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 500),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 200),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    // Matching time grows with the square of the pattern's length.
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Functions that are not deterministic or reach outside the database.
const REFUSED_FUNCTIONS: [(&str, &str); 4] = [
    ("random", "results must be reproducible"),
    ("randomblob", "results must be reproducible"),
    ("load_extension", "a statement must not load code"),
    ("fts3_tokenizer", "a statement must not load code"),
];

/// A denied action.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The keyword, table or function that caused it.
    pub word: String,
    pub message: String,
}

/// The authorizer of one connection.
#[derive(Debug, Default)]
pub struct Guard {
    is_watching: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
    reads: Mutex<BTreeSet<String>>,
}

/// Keeps the guard active while it lives.
pub struct Watch<'a>(&'a Guard);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.is_watching.store(false, Ordering::Relaxed);
    }
}

/// Keeps the guard paused while it lives.
pub struct Pause<'a>(&'a Guard);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.is_watching.store(true, Ordering::Relaxed);
    }
}

impl Guard {
    /// Sets the limits of a connection and installs a guard, paused at first.
    ///
    /// # Errors
    ///
    /// If SQLite cannot be set up.
    pub fn install(connection: &mut Connection) -> rusqlite::Result<Arc<Self>> {
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        // Per process, and it can only be lowered (<https://sqlite.org/pragma.html>).
        connection.execute_batch(&format!("PRAGMA hard_heap_limit = {MOST_MEMORY}"))?;
        let guard = Arc::new(Self::default());
        let own = Arc::clone(&guard);
        connection.authorizer(Some(move |context: AuthContext<'_>| own.judge(&context)))?;
        Ok(guard)
    }

    /// Activates the guard and clears its record.
    pub fn watch(&self) -> Watch<'_> {
        *lock(&self.refusal) = None;
        lock(&self.reads).clear();
        self.is_watching.store(true, Ordering::Relaxed);
        Watch(self)
    }

    /// Pauses the guard for one of our own statements, keeping its record.
    pub fn pause(&self) -> Pause<'_> {
        self.is_watching.store(false, Ordering::Relaxed);
        Pause(self)
    }

    /// Returns the first denied action since the guard was activated.
    pub fn refusal(&self) -> Option<Refusal> {
        lock(&self.refusal).clone()
    }

    /// Returns true if a table was read since the guard was activated. Tables defined by the
    /// statement itself (`WITH x AS …`) may be included.
    pub fn has_read(&self, table: &str) -> bool {
        lock(&self.reads).contains(&table.to_ascii_lowercase())
    }

    fn judge(&self, context: &AuthContext<'_>) -> Authorization {
        if !self.is_watching.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        let refusal = match context.action {
            AuthAction::Select | AuthAction::Recursive => return Authorization::Allow,
            AuthAction::Read {
                table_name,
                column_name,
            } => {
                let table = table_name.to_ascii_lowercase();
                // Of an attached database, only what a view shows.
                let is_shown = context.database_name != Some(ATTACHED)
                        || context.accessor.is_some()
                        // `count(*)` reads no column, and has no view.
                        || column_name.is_empty() && !table.starts_with("runner_");
                if is_shown && !is_internal(&table) {
                    lock(&self.reads).insert(table);
                    return Authorization::Allow;
                }
                Refusal {
                    word: table_name.to_owned(),
                    message: format!("`{table_name}` is refused: it is not a table of records"),
                }
            }
            AuthAction::Function { function_name } => {
                let refused = REFUSED_FUNCTIONS
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(function_name));
                let Some((_, why)) = refused else {
                    return Authorization::Allow;
                };
                Refusal {
                    word: function_name.to_owned(),
                    message: format!("`{function_name}` is refused: {why}"),
                }
            }
            other => {
                let word = verb(&other);
                Refusal {
                    word: word.to_owned(),
                    message: format!("`{word}` is refused: a statement can only read"),
                }
            }
        };
        // One action leads to others; the first is the one written in the statement.
        lock(&self.refusal).get_or_insert(refusal);
        Authorization::Deny
    }
}

/// Returns true for SQLite's own tables, which describe the database.
fn is_internal(table: &str) -> bool {
    ["sqlite_", "pragma_"]
        .iter()
        .any(|own| table.starts_with(own))
        || table == "dbstat"
}

/// Returns the keyword of an action.
fn verb(action: &AuthAction<'_>) -> &'static str {
    match action {
        AuthAction::Insert { .. } => "INSERT",
        AuthAction::Update { .. } => "UPDATE",
        AuthAction::Delete { .. } => "DELETE",
        AuthAction::Pragma { .. } => "PRAGMA",
        AuthAction::Attach { .. } => "ATTACH",
        AuthAction::Detach { .. } => "DETACH",
        AuthAction::AlterTable { .. } => "ALTER",
        AuthAction::Reindex { .. } => "REINDEX",
        AuthAction::Analyze { .. } => "ANALYZE",
        AuthAction::Savepoint { .. } => "SAVEPOINT",
        AuthAction::Transaction { .. } => "BEGIN",
        AuthAction::DropIndex { .. }
        | AuthAction::DropTable { .. }
        | AuthAction::DropTempIndex { .. }
        | AuthAction::DropTempTable { .. }
        | AuthAction::DropTempTrigger { .. }
        | AuthAction::DropTempView { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropVtable { .. } => "DROP",
        _ => "CREATE",
    }
}

/// A panic elsewhere leaves these sets valid.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
