//! The tables that the store has for itself, and their version.

use crate::store::cell::Cell;
use crate::store::connection::Connection;
use crate::store::error::{StoreError, StoreErrorKind};

/// The version of the layout. Stores of a later one are refused.
const VERSION: i64 = 1;

/// Creates the tables, or checks the version of those that exist.
///
/// # Errors
///
/// If the store is of a later version, or any error of the database.
pub fn prepare(db: &mut dyn Connection) -> Result<(), StoreError> {
    if !db.has_table("runner_meta")? {
        #[expect(
            clippy::redundant_closure,
            reason = "the function is not general enough over lifetimes"
        )]
        db.creation(|db| create(db))?;
    }
    check(db)
}

fn create(db: &mut dyn Connection) -> Result<(), StoreError> {
    // Another process was first.
    if db.has_table("runner_meta")? {
        return Ok(());
    }
    let types = db.types();
    let (text, int, bool) = (types.text, types.int, types.bool);
    db.run(&format!(
        "CREATE TABLE runner_meta (name {text} NOT NULL PRIMARY KEY, value {int} NOT NULL); \
         CREATE TABLE runner_tables (name {text} NOT NULL PRIMARY KEY, query {text} NOT NULL, \
           columns {text} NOT NULL, key {text} NOT NULL, at {text}, history {bool} NOT NULL); \
         CREATE TABLE runner_partitions (id {int} NOT NULL PRIMARY KEY, table_name {text} NOT NULL, \
           vars {text} NOT NULL, position {int}, newest {int}, listing_since {int}, \
           is_listing {bool} NOT NULL, consumed {int} NOT NULL, synced_at {int}, \
           UNIQUE (table_name, vars)); \
         CREATE TABLE runner_items (partition {int} NOT NULL, key {text} NOT NULL, item {text} NOT NULL, \
           at {int} NOT NULL, seen {int} NOT NULL, pending {text}, asked_in {int} NOT NULL DEFAULT 0, \
           asked_at {int}, is_open {bool} NOT NULL DEFAULT FALSE, \
           is_expired {bool} NOT NULL DEFAULT FALSE, misses {int} NOT NULL DEFAULT 0, error {text}, \
           PRIMARY KEY (partition, key)); \
         CREATE INDEX runner_items_pending ON runner_items (partition, at) WHERE pending IS NOT NULL"
    ))?;
    set(db, "format", VERSION)
}

/// Checks the version of a store.
///
/// # Errors
///
/// If it is later, or the database is not a store.
pub fn check(db: &mut dyn Connection) -> Result<(), StoreError> {
    if !db.has_table("runner_meta")? {
        let words = "the database is not a store: `runner sync` has not written to it";
        return Err(StoreError::new(StoreErrorKind::Usage, words));
    }
    let version = get(db, "format")?.unwrap_or(0);
    if version > VERSION {
        let words = format!(
            "the store has format {version}, and this version of `runner` knows up to {VERSION}"
        );
        return Err(StoreError::new(StoreErrorKind::Usage, words)
            .help("use the version of `runner` that wrote it, or a later one"));
    }
    Ok(())
}

/// Returns a number of the store.
///
/// # Errors
///
/// Any error of the database.
pub fn get(db: &mut dyn Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let row = db.first(
        "SELECT value FROM runner_meta WHERE name = $1",
        &[Cell::from(name)],
    )?;
    Ok(row.and_then(|row| row.first().and_then(Cell::as_int)))
}

/// Sets a number of the store.
///
/// # Errors
///
/// Any error of the database.
pub fn set(db: &mut dyn Connection, name: &str, value: i64) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO runner_meta (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[Cell::from(name), Cell::Int(value)],
    )?;
    Ok(())
}
