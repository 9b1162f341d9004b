//! What a statement may do: read tables, call functions that always give the same.
//!
//! SQLite asks the guard about each action while it prepares a statement
//! (<https://sqlite.org/c3ref/set_authorizer.html>). Its answer is no unless the action is known to
//! be a read. The program's own statements, which make and fill tables, run while the guard rests.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

/// Bytes of a text, a nested value or a row.
pub const LONGEST_VALUE: i32 = 100_000_000;

/// Bytes that all databases of the process may hold at once: enough for some millions of records
/// (100,000 of eight short columns take 10 MB), and less than a small machine of a CI has.
pub const MOST_MEMORY: i64 = 1_000_000_000;

const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1_000_000),
    (Limit::SQLITE_LIMIT_COLUMN, 2_000),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 500),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 200),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    // The time for a pattern grows with the square of its length.
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Functions that give something else at each call, or reach outside.
const REFUSED_FUNCTIONS: [(&str, &str); 4] = [
    ("random", "the same records must give the same result"),
    ("randomblob", "the same records must give the same result"),
    ("load_extension", "a statement loads no code"),
    ("fts3_tokenizer", "a statement loads no code"),
];

/// Why an action was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The word of the statement that asked for it.
    pub word: String,
    pub message: String,
}

/// Watches the statements of one connection.
#[derive(Debug, Default)]
pub struct Guard {
    is_watching: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
    reads: Mutex<BTreeSet<String>>,
}

/// The guard watches as long as this lives.
pub struct Watch<'a>(&'a Guard);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.is_watching.store(false, Ordering::Relaxed);
    }
}

/// The guard rests as long as this lives.
pub struct Pause<'a>(&'a Guard);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.is_watching.store(true, Ordering::Relaxed);
    }
}

impl Guard {
    /// Sets the limits of a connection and puts a guard before it, which rests at first.
    ///
    /// # Errors
    ///
    /// Fails if SQLite cannot be set up.
    pub fn install(connection: &mut Connection) -> rusqlite::Result<Arc<Self>> {
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        // For the process, and it can only be lowered (<https://sqlite.org/pragma.html>).
        connection.execute_batch(&format!("PRAGMA hard_heap_limit = {MOST_MEMORY}"))?;
        let guard = Arc::new(Self::default());
        let own = Arc::clone(&guard);
        connection.authorizer(Some(move |context: AuthContext<'_>| own.judge(&context)))?;
        Ok(guard)
    }

    /// Begins to watch, forgetting what was seen before.
    pub fn watch(&self) -> Watch<'_> {
        *lock(&self.refusal) = None;
        lock(&self.reads).clear();
        self.is_watching.store(true, Ordering::Relaxed);
        Watch(self)
    }

    /// Rests for a statement of the program itself; what was seen is kept.
    pub fn pause(&self) -> Pause<'_> {
        self.is_watching.store(false, Ordering::Relaxed);
        Pause(self)
    }

    /// What was refused since the guard began to watch.
    pub fn refusal(&self) -> Option<Refusal> {
        lock(&self.refusal).clone()
    }

    /// Whether a table was read since the guard began to watch. Tables that the statement makes
    /// itself (`WITH x AS …`) may be among them.
    pub fn has_read(&self, table: &str) -> bool {
        lock(&self.reads).contains(&table.to_ascii_lowercase())
    }

    fn judge(&self, context: &AuthContext<'_>) -> Authorization {
        if !self.is_watching.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        let refusal = match context.action {
            AuthAction::Select | AuthAction::Recursive => return Authorization::Allow,
            AuthAction::Read { table_name, .. } => {
                let table = table_name.to_ascii_lowercase();
                if !is_internal(&table) {
                    lock(&self.reads).insert(table);
                    return Authorization::Allow;
                }
                Refusal {
                    word: table_name.to_owned(),
                    message: format!("`{table_name}` is refused: it is no table of records"),
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
                    message: format!("`{word}` is refused: a statement here only reads"),
                }
            }
        };
        // One action leads to others; the first is what the statement said.
        lock(&self.refusal).get_or_insert(refusal);
        Authorization::Deny
    }
}

/// Tables of SQLite itself; they tell of the database, not of records.
fn is_internal(table: &str) -> bool {
    ["sqlite_", "pragma_"]
        .iter()
        .any(|own| table.starts_with(own))
        || table == "dbstat"
}

/// The keyword that asks for an action.
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

/// A panic elsewhere leaves these sets as good as they were.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
