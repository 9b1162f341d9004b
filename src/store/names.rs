//! The names of tables and columns that both kinds of database can have.

use crate::core::column::ColumnType;
use crate::store::error::{StoreError, StoreErrorKind};

/// The columns that every table has besides those of its query.
pub const OWN_COLUMNS: [&str; 9] = [
    "_key",
    "_partition",
    "_item",
    "_at",
    "_done",
    "_sync",
    "_first_seen",
    "_changed_at",
    "_gone_at",
];

/// The columns of [`OWN_COLUMNS`] that statements see, with their types.
pub const SHOWN_COLUMNS: [(&str, ColumnType); 4] = [
    ("_first_seen", ColumnType::Time),
    ("_changed_at", ColumnType::Time),
    ("_gone_at", ColumnType::Time),
    ("_done", ColumnType::Bool),
];

/// The ending of the table with former versions of rows.
pub const HISTORY: &str = "_history";

/// The maximum length of a column's name. PostgreSQL cuts longer ones.
const LONGEST_COLUMN: usize = 63;

/// The maximum length of a table's name: indexes have longer ones (`_history.key`).
const LONGEST_TABLE: usize = 50;

/// The maximum number of columns. PostgreSQL has at most 1,600, with those of the store and those
/// that were removed.
const MOST_COLUMNS: usize = 1_500;

/// The columns that SQLite or PostgreSQL has in every table, so that none can be added.
const SYSTEM_COLUMNS: [&str; 9] = [
    "rowid", "oid", "_rowid_", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid",
];

/// Checks that a table can have a name.
///
/// # Errors
///
/// If the store uses it itself.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    if name.len() > LONGEST_TABLE {
        let words = format!(
            "the name of a table has at most {LONGEST_TABLE} bytes, and `{name}` has {}",
            name.len()
        );
        return Err(StoreError::new(StoreErrorKind::Usage, words).help("rename the query"));
    }
    let lower = name.to_lowercase();
    let is_own = lower.starts_with("runner_") || lower.starts_with("sqlite_");
    if is_own || lower.starts_with("pg_") || lower.ends_with(HISTORY) {
        let words = format!("a table cannot be named `{name}`: the store uses such names itself");
        return Err(StoreError::new(StoreErrorKind::Usage, words).help("rename the query"));
    }
    Ok(())
}

/// Checks that a table can have a column.
///
/// # Errors
///
/// If the name is none, the store or SQL could not tell it from another, or the table is full.
pub fn check_column<'c>(
    table: &str,
    mut columns: impl ExactSizeIterator<Item = &'c str> + Clone,
    name: &str,
) -> Result<(), StoreError> {
    let fold = |name: &str| name.to_lowercase();
    let fault = |words: String| {
        Err(StoreError::new(StoreErrorKind::Schema, words).help("give the column another name"))
    };
    if name.is_empty() {
        return fault(format!("a column of the table `{table}` has no name"));
    }
    if name.contains('\0') {
        return fault(format!(
            "the column `{}` has a NUL character in its name, which databases do not keep",
            name.replace('\0', "\\0")
        ));
    }
    if columns.len() >= MOST_COLUMNS && !columns.clone().any(|column| column == name) {
        let words = format!(
            "a table has at most {MOST_COLUMNS} columns, and `{name}` is one more of `{table}`"
        );
        let help = "list the columns that you need under `extract` in the query";
        return Err(StoreError::new(StoreErrorKind::Schema, words).help(help));
    }
    if name.len() > LONGEST_COLUMN {
        return fault(format!(
            "the name of a column has at most {LONGEST_COLUMN} bytes, and `{name}` has {}",
            name.len()
        ));
    }
    let folded = fold(name);
    let is_of = |names: &[&str]| names.contains(&folded.as_str());
    if is_of(&OWN_COLUMNS) || is_of(&["_from", "_to"]) {
        return fault(format!("the store has a column `{name}` of its own"));
    }
    if is_of(&SYSTEM_COLUMNS) {
        return fault(format!("databases have a column `{name}` of their own"));
    }
    match columns.find(|column| *column != name && fold(column) == folded) {
        Some(twin) => fault(format!(
            "the columns `{twin}` and `{name}` of the table `{table}` differ in case only"
        )),
        None => Ok(()),
    }
}
