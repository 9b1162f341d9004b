//! Syncs of a store: their lock, their numbers, and how far each partition came.

use std::time::Duration;

use crate::store::cell::{Cell, format_sorted};
use crate::store::connection::{Connection, quoted};
use crate::store::coverage::{self, Coverage, Gone};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::format;
use crate::store::handle::Store;
use crate::store::items::{self, FoundItem, ItemOutcome, PendingItem};
use crate::store::rows::{self, Arrival, IncomingRow, Keys, RowCounts};
use crate::store::table::{self, StoredTable, TableDefinition};
use crate::store::unfinished;

/// A sync that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStart {
    /// Its number in this store.
    pub number: i64,
    /// Its start in microseconds since 1970: that of the clock, but later than the last one's.
    pub at: i64,
    /// The same as a time with six digits of a second.
    pub time: String,
    /// The time by which the clock is behind the start of the last sync.
    pub behind: Option<Duration>,
}

/// The rows of a table that one set of vars brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub id: i64,
    /// The start of the last sync that walked the listing without a hole.
    pub position: Option<i64>,
    /// The latest time of a listed item or row, by the server's clock.
    pub newest: Option<i64>,
    /// The time back to which an interrupted listing should have gone.
    pub listing_since: Option<i64>,
    /// True if the last listing was not walked to its end.
    pub is_listing: bool,
    /// The number of the sync up to which the changes of another table were noted as items.
    pub consumed: i64,
}

impl SyncStart {
    /// Returns the arrival of rows in this sync, of an item or of a listing.
    pub fn arrival<'a>(&'a self, partition: i64, item: Option<&'a str>) -> Arrival<'a> {
        Arrival {
            partition,
            item,
            sync: self.number,
            time: &self.time,
        }
    }
}

impl Partition {
    /// Returns the time from which a listing must be read again: the position, less an overlap for
    /// what became visible late. The server's clock counts where it is known, so that a fast clock
    /// here loses nothing. `None` if all of it must be read.
    pub fn since(&self, overlap: Duration) -> Option<i64> {
        let overlap = i64::try_from(overlap.as_micros()).unwrap_or(i64::MAX);
        let since = self.position.map(|position| {
            let since = self.newest.map_or(position, |newest| newest.min(position));
            since.saturating_sub(overlap)
        });
        if !self.is_listing {
            return since;
        }
        // An interrupted listing goes on; without a time it was to read everything.
        let listing = self.listing_since?;
        Some(since.map_or(listing, |since| since.min(listing)))
    }
}

impl Store {
    /// Takes the lock and begins a sync.
    ///
    /// # Errors
    ///
    /// If another sync holds the lock, or any error of the database.
    pub fn begin_sync(&mut self, now: i64) -> Result<SyncStart, StoreError> {
        if !self.db.lock()? {
            let words = "another sync is writing to the store";
            return Err(StoreError::new(StoreErrorKind::Locked, words)
                .help("wait until it is done, or use another store"));
        }
        self.db.transaction(|db| {
            let number = format::get(db, "sync")?.unwrap_or(0) + 1;
            let last = format::get(db, "sync_at")?;
            // Changes keep their order even if the clock was set back.
            let at = last.map_or(now, |last| now.max(last + 1));
            format::set(db, "sync", number)?;
            format::set(db, "sync_at", at)?;
            let behind = last.and_then(|last| u64::try_from(last - now).ok());
            Ok(SyncStart {
                number,
                at,
                time: format_sorted(at),
                behind: behind.map(Duration::from_micros),
            })
        })
    }

    /// Returns the table of a query, created or with new columns as the query says.
    ///
    /// # Errors
    ///
    /// If the query contradicts the table, or any error of the database.
    pub fn follow(&mut self, definition: &TableDefinition) -> Result<StoredTable, StoreError> {
        self.db.transaction(|db| table::follow(definition, db))
    }

    /// Returns the partition of a table for some vars, created if needed.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn partition(&mut self, table: &str, vars: &str) -> Result<Partition, StoreError> {
        self.db.transaction(|db| {
            if let Some(found) = find(table, vars, db)? {
                return Ok(found);
            }
            db.execute(
                "INSERT INTO runner_partitions (id, table_name, vars, is_listing, consumed) \
                 SELECT coalesce(max(id), 0) + 1, $1, $2, FALSE, 0 FROM runner_partitions",
                &[Cell::from(table), Cell::from(vars)],
            )?;
            find(table, vars, db)?.ok_or_else(|| {
                let words = "the store did not keep a partition";
                StoreError::new(StoreErrorKind::Database, words)
            })
        })
    }

    /// Records that a listing begins, back to a time. Until it ends, the next sync reads it again.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn begin_listing(&mut self, partition: i64, since: Option<i64>) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE runner_partitions SET is_listing = TRUE, listing_since = $2 WHERE id = $1",
            &[Cell::Int(partition), Cell::from(since)],
        )?;
        Ok(())
    }

    /// Records that a listing was read without a hole, and forgets finished items that it no longer
    /// has.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn end_listing(
        &mut self,
        partition: i64,
        sync: &SyncStart,
        newest: Option<i64>,
        revisit: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.db.transaction(|db| {
            db.execute(
                "UPDATE runner_partitions SET is_listing = FALSE, listing_since = NULL, position = $2 \
                 WHERE id = $1",
                &[Cell::Int(partition), Cell::Int(sync.at)],
            )?;
            if let Some(newest) = newest {
                db.execute(
                    "UPDATE runner_partitions SET newest = $2 \
                     WHERE id = $1 AND (newest IS NULL OR newest < $2)",
                    &[Cell::Int(partition), Cell::Int(newest)],
                )?;
            }
            items::prune(partition, sync.number, revisit, db)
        })
    }

    /// Records that the changes of another table were noted as items up to a sync.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn consume(&mut self, partition: i64, sync: i64) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE runner_partitions SET consumed = $2 WHERE id = $1",
            &[Cell::Int(partition), Cell::Int(sync)],
        )?;
        Ok(())
    }

    /// Records when a partition was synced last.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn end_partition(&mut self, partition: i64, sync: &SyncStart) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE runner_partitions SET synced_at = $2 WHERE id = $1",
            &[Cell::Int(partition), Cell::Int(sync.at)],
        )?;
        Ok(())
    }

    /// Records items of a listing.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn note_items(
        &mut self,
        partition: i64,
        sync: &SyncStart,
        found: &[FoundItem],
    ) -> Result<(), StoreError> {
        self.db
            .transaction(|db| items::note(found, partition, sync.number, sync.at, db))
    }

    /// Marks the items that the listing of this sync has.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn mark_listed(&mut self, partition: i64, sync: &SyncStart) -> Result<(), StoreError> {
        items::mark_listed(partition, sync.number, &mut *self.db)
    }

    /// Marks the items that are due.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn mark_due(
        &mut self,
        partition: i64,
        sync: &SyncStart,
        revisit: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.db
            .transaction(|db| items::mark_due(partition, sync.at, revisit, db))
    }

    /// Returns items to ask, the newest first.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn next_items(
        &mut self,
        partition: i64,
        sync: &SyncStart,
        most: usize,
    ) -> Result<Vec<PendingItem>, StoreError> {
        items::next(partition, sync.number, most, &mut *self.db)
    }

    /// Writes the rows of an item and its state, in one transaction.
    ///
    /// # Errors
    ///
    /// If a value does not fit its column, or any error of the database. Nothing is written then.
    pub fn write_item(
        &mut self,
        table: &mut StoredTable,
        arrival: Arrival<'_>,
        now: i64,
        rows: Vec<IncomingRow>,
        coverage: Coverage<'_>,
    ) -> Result<RowCounts, StoreError> {
        let item = arrival.item.unwrap_or_default();
        let mut next = table.clone();
        let counts = self.db.transaction(|db| {
            let (mut counts, keys) = rows::write(&mut next, rows, arrival, db)?;
            // What the API has forgotten is not gone.
            if let Coverage::Whole(whole) = coverage
                && counts.expired == 0
            {
                let missing = coverage::missing_of_item(&next, arrival, whole.since, &keys, db)?;
                counts.gone = coverage::end_missing(&next, &missing, whole.gone, arrival, db)?;
            }
            let outcome = match coverage {
                Coverage::Part(words) => ItemOutcome::Missed(words.to_owned()),
                Coverage::Whole(_) if counts.expired > 0 => ItemOutcome::Expired,
                Coverage::Whole(_) => ItemOutcome::Done,
            };
            let is_open = unfinished::has_open_rows(&next, arrival, db)?;
            items::finish(
                item,
                arrival.partition,
                arrival.sync,
                now,
                &outcome,
                is_open,
                db,
            )?;
            Ok(counts)
        })?;
        *table = next;
        Ok(counts)
    }

    /// Records that an item failed or is forgotten by the API.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn end_item(
        &mut self,
        table: &StoredTable,
        arrival: Arrival<'_>,
        now: i64,
        outcome: &ItemOutcome,
    ) -> Result<(), StoreError> {
        let item = arrival.item.unwrap_or_default();
        self.db.transaction(|db| {
            let is_open = unfinished::has_open_rows(table, arrival, db)?;
            items::finish(
                item,
                arrival.partition,
                arrival.sync,
                now,
                outcome,
                is_open,
                db,
            )
        })
    }

    /// Writes rows of a query without items.
    ///
    /// # Errors
    ///
    /// As [`Store::write_item`].
    pub fn write_rows(
        &mut self,
        table: &mut StoredTable,
        arrival: Arrival<'_>,
        rows: Vec<IncomingRow>,
    ) -> Result<(RowCounts, Keys), StoreError> {
        let mut next = table.clone();
        let written = self
            .db
            .transaction(|db| rows::write(&mut next, rows, arrival, db))?;
        *table = next;
        Ok(written)
    }

    /// Ends the rows from a time on that a whole listing does not have. Returns their number.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn end_missing(
        &mut self,
        table: &StoredTable,
        arrival: Arrival<'_>,
        since: Option<i64>,
        seen: &Keys,
        gone: Gone,
    ) -> Result<u64, StoreError> {
        self.db.transaction(|db| {
            let mut missing = Vec::new();
            let statement = format!(
                "SELECT _key FROM {} WHERE _partition = $1 AND _gone_at IS NULL AND (_at >= $2 OR $3)",
                quoted(&table.name)
            );
            let params = [
                Cell::Int(arrival.partition),
                Cell::Int(since.unwrap_or(i64::MIN)),
                // Rows without a time are in every listing that is read from its beginning.
                Cell::Bool(since.is_none()),
            ];
            db.each(&statement, &params, &mut |row| {
                if let Some(key) = row[0].as_text().filter(|key| !seen.contains(*key)) {
                    missing.push(key.to_owned());
                }
                Ok(())
            })?;
            coverage::end_missing(table, &missing, gone, arrival, db)
        })
    }

    /// Returns true if a table has rows.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn has_rows(&mut self, table: &StoredTable) -> Result<bool, StoreError> {
        let statement = format!("SELECT 1 FROM {} LIMIT 1", quoted(&table.name));
        Ok(self.db.first(&statement, &[])?.is_some())
    }

    /// Returns the number of missed items of a partition, and those that failed in at least `many`
    /// syncs in a row, with their last errors.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn missed(
        &mut self,
        partition: i64,
        many: i64,
    ) -> Result<(u64, Vec<(String, String)>), StoreError> {
        let row = self.db.first(
            "SELECT count(*) FROM runner_items WHERE partition = $1 AND misses > 0",
            &[Cell::Int(partition)],
        )?;
        let count = row.and_then(|row| row[0].as_int()).unwrap_or(0);
        let rows = self.db.all(
            "SELECT key, error FROM runner_items WHERE partition = $1 AND misses >= $2 \
             ORDER BY at DESC, key",
            &[Cell::Int(partition), Cell::Int(many)],
        )?;
        let text = |cell: &Cell| cell.as_text().unwrap_or_default().to_owned();
        let often = rows.iter().map(|row| (text(&row[0]), text(&row[1])));
        Ok((u64::try_from(count).unwrap_or(0), often.collect()))
    }
}

fn find(table: &str, vars: &str, db: &mut dyn Connection) -> Result<Option<Partition>, StoreError> {
    let row = db.first(
        "SELECT id, position, newest, listing_since, is_listing, consumed FROM runner_partitions \
         WHERE table_name = $1 AND vars = $2",
        &[Cell::from(table), Cell::from(vars)],
    )?;
    Ok(row.map(|row| Partition {
        id: row[0].as_int().unwrap_or_default(),
        position: row[1].as_int(),
        newest: row[2].as_int(),
        listing_since: row[3].as_int(),
        is_listing: row[4].is_true(),
        consumed: row[5].as_int().unwrap_or_default(),
    }))
}
