//! The state of items: those still to be asked, unfinished, missed, or young enough to be asked again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::store::cell::Cell;
use crate::store::connection::{Connection, placeholders};
use crate::store::error::StoreError;

/// An item that a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundItem {
    /// Its key.
    pub key: String,
    /// The item, as JSON.
    pub json: String,
    /// Its time, in microseconds since 1970.
    pub at: Option<i64>,
}

/// Why an item is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is new, or differs from what it was.
    New,
    /// It has rows that are not done.
    Unfinished,
    /// It is young: there may be more.
    Revisit,
    /// It failed before.
    Missed,
}

impl Reason {
    const ALL: [(&'static str, Self); 4] = [
        ("new", Self::New),
        ("unfinished", Self::Unfinished),
        ("revisit", Self::Revisit),
        ("missed", Self::Missed),
    ];

    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unfinished => "unfinished",
            Self::Revisit => "revisit",
            Self::Missed => "missed",
        }
    }
}

/// An item to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingItem {
    /// Its key.
    pub key: String,
    /// The item, as JSON.
    pub json: String,
    /// Its time, in microseconds since 1970: its own, or when it was first seen.
    pub at: i64,
    /// Why it is asked.
    pub reason: Reason,
    /// The number of syncs in a row in which it failed.
    pub misses: i64,
    /// True if it has answered before.
    pub has_answered: bool,
    /// The error of the last sync, if it failed.
    pub error: Option<String>,
}

/// The outcome of asking an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Its rows were written.
    Done,
    /// The API has forgotten it.
    Expired,
    /// It failed, for this reason.
    Missed(String),
}

/// Records items of a listing: new ones, and those that differ from what they were, are to be asked.
/// The caller holds a transaction.
///
/// # Errors
///
/// Any error of the database.
pub fn note(
    items: &[FoundItem],
    partition: i64,
    sync: i64,
    now: i64,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    const WIDTH: usize = 6;
    let items = unrepeated(items);
    for items in items.chunks((db.most_params() / WIDTH).min(200)) {
        let statement = format!(
            "INSERT INTO runner_items (partition, key, item, at, seen, pending) VALUES {} \
             ON CONFLICT (partition, key) DO UPDATE SET seen = excluded.seen, \
             pending = CASE WHEN runner_items.item = excluded.item THEN runner_items.pending \
             ELSE coalesce(runner_items.pending, excluded.pending) END, item = excluded.item",
            placeholders(items.len(), WIDTH)
        );
        let mut params = Vec::with_capacity(items.len() * WIDTH);
        for item in items {
            params.extend([
                Cell::Int(partition),
                Cell::from(item.key.as_str()),
                Cell::from(item.json.as_str()),
                Cell::Int(item.at.unwrap_or(now)),
                Cell::Int(sync),
                Cell::from(Reason::New.word()),
            ]);
        }
        db.execute(&statement, &params)?;
    }
    Ok(())
}

/// Returns each item once, as it was found last: a page that shifts while a listing is read repeats
/// items, and PostgreSQL does not update a row twice in one statement.
fn unrepeated(items: &[FoundItem]) -> Vec<&FoundItem> {
    let mut places = HashMap::new();
    let mut unrepeated: Vec<&FoundItem> = Vec::with_capacity(items.len());
    for item in items {
        match places.entry(item.key.as_str()) {
            Entry::Occupied(place) => unrepeated[*place.get()] = item,
            Entry::Vacant(place) => {
                place.insert(unrepeated.len());
                unrepeated.push(item);
            }
        }
    }
    unrepeated
}

/// Marks the items that the listing of a sync has, to be asked again whatever their age.
///
/// # Errors
///
/// Any error of the database.
pub fn mark_listed(partition: i64, sync: i64, db: &mut dyn Connection) -> Result<(), StoreError> {
    db.execute(
        "UPDATE runner_items SET pending = 'revisit' \
         WHERE partition = $1 AND seen = $2 AND pending IS NULL",
        &[Cell::Int(partition), Cell::Int(sync)],
    )?;
    Ok(())
}

/// Marks the items that are due: unfinished and missed ones, and young ones by age. An item is asked
/// again after a quarter of the age that it had when it was last asked, and once more when it is no
/// longer young.
///
/// # Errors
///
/// Any error of the database.
pub fn mark_due(
    partition: i64,
    now: i64,
    revisit: Option<Duration>,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    db.execute(
        "UPDATE runner_items SET pending = CASE WHEN misses > 0 THEN 'missed' ELSE 'unfinished' END \
         WHERE partition = $1 AND pending IS NULL AND (misses > 0 OR (is_open AND NOT is_expired))",
        &[Cell::Int(partition)],
    )?;
    // Without `revisit` no item is young, even one of a server whose clock is ahead.
    let revisit = revisit.map_or(i64::MIN, |age| {
        i64::try_from(age.as_micros()).unwrap_or(i64::MAX)
    });
    db.execute(
        "UPDATE runner_items SET pending = 'revisit' \
         WHERE partition = $1 AND pending IS NULL AND (\
         (asked_at - at < $2 AND (($3 - asked_at) * 4 >= asked_at - at OR $3 - at >= $2)) \
         OR (is_open AND is_expired AND ($3 - asked_at) * 4 >= asked_at - at))",
        &[Cell::Int(partition), Cell::Int(revisit), Cell::Int(now)],
    )?;
    Ok(())
}

/// Returns items to ask that were not asked in this sync, the newest first, and those that failed
/// before after all others: they must not keep others from being asked.
///
/// # Errors
///
/// Any error of the database.
pub fn next(
    partition: i64,
    sync: i64,
    most: usize,
    db: &mut dyn Connection,
) -> Result<Vec<PendingItem>, StoreError> {
    let mut rows = Vec::new();
    for condition in ["misses = 0", "misses > 0"] {
        let statement = format!(
            "SELECT key, item, at, pending, misses, asked_at, error FROM runner_items \
             WHERE partition = $1 AND pending IS NOT NULL AND asked_in < $2 AND {condition} \
             ORDER BY at DESC, key LIMIT {}",
            most - rows.len()
        );
        rows.extend(db.all(&statement, &[Cell::Int(partition), Cell::Int(sync)])?);
    }
    let items = rows.into_iter().filter_map(|row| {
        let reason = row[3].as_text()?;
        let (_, reason) = Reason::ALL.iter().find(|(word, _)| *word == reason)?;
        Some(PendingItem {
            key: row[0].as_text()?.to_owned(),
            json: row[1].as_text()?.to_owned(),
            at: row[2].as_int()?,
            reason: *reason,
            misses: row[4].as_int()?,
            has_answered: row[5].as_int().is_some(),
            error: row[6].as_text().map(str::to_owned),
        })
    });
    Ok(items.collect())
}

/// Records the outcome of asking an item. The caller holds a transaction.
///
/// # Errors
///
/// Any error of the database.
pub fn finish(
    key: &str,
    partition: i64,
    sync: i64,
    now: i64,
    outcome: &ItemOutcome,
    is_open: bool,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    let item = [Cell::Int(partition), Cell::from(key), Cell::Int(sync)];
    match outcome {
        ItemOutcome::Done | ItemOutcome::Expired => {
            let [partition, key, sync] = item;
            let is_expired = *outcome == ItemOutcome::Expired;
            db.execute(
                "UPDATE runner_items SET pending = NULL, misses = 0, error = NULL, asked_in = $3, \
                 asked_at = $4, is_open = $5, is_expired = $6 WHERE partition = $1 AND key = $2",
                &[
                    partition,
                    key,
                    sync,
                    Cell::Int(now),
                    Cell::Bool(is_open),
                    Cell::Bool(is_expired),
                ],
            )?;
        }
        ItemOutcome::Missed(error) => {
            let [partition, key, sync] = item;
            db.execute(
                "UPDATE runner_items SET pending = 'missed', misses = misses + 1, error = $4, \
                 asked_in = $3 WHERE partition = $1 AND key = $2",
                &[partition, key, sync, Cell::from(error.as_str())],
            )?;
        }
    }
    Ok(())
}

/// Removes items that are finished, no longer young, and that the last whole listing did not have.
///
/// # Errors
///
/// Any error of the database.
pub fn prune(
    partition: i64,
    sync: i64,
    revisit: Option<Duration>,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    let revisit = revisit.map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    db.execute(
        "DELETE FROM runner_items WHERE partition = $1 AND seen < $2 AND pending IS NULL \
         AND misses = 0 AND NOT is_open AND asked_at - at >= $3",
        &[Cell::Int(partition), Cell::Int(sync), Cell::Int(revisit)],
    )?;
    Ok(())
}
