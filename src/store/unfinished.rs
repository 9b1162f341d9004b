//! Rows that are not done, which a listing finds again if it goes back far enough.

use crate::store::cell::Cell;
use crate::store::connection::{Connection, quoted};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::rows::Arrival;
use crate::store::table::StoredTable;

/// The age in microseconds up to which a row that is not done is listed in every sync.
const YOUNG: i64 = 7 * 86_400 * 1_000_000;

impl Store {
    /// Returns the time of the oldest row back to which a listing must go, since it is not done. Rows
    /// older than a week count less often, so that one that is never done does not make every listing
    /// long: once a quarter of their age has gone by since the listing at `position`.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn oldest_open(
        &mut self,
        table: &StoredTable,
        partition: i64,
        position: Option<i64>,
        now: i64,
    ) -> Result<Option<i64>, StoreError> {
        let statement = format!(
            "SELECT DISTINCT _at FROM {} WHERE _partition = $1 AND NOT _done AND _at IS NOT NULL \
             ORDER BY _at",
            quoted(&table.name)
        );
        let rows = self.db.all(&statement, &[Cell::Int(partition)])?;
        let mut times = rows.iter().filter_map(|row| row[0].as_int());
        Ok(times.find(|at| is_due(*at, position, now)))
    }

    /// Returns the number of rows of a partition that are not done.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn count_open(&mut self, table: &StoredTable, partition: i64) -> Result<u64, StoreError> {
        let statement = format!(
            "SELECT count(*) FROM {} WHERE _partition = $1 AND NOT _done",
            quoted(&table.name)
        );
        let row = self.db.first(&statement, &[Cell::Int(partition)])?;
        let count = row.and_then(|row| row[0].as_int()).unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Returns true if a row of a time is to be listed, which it was at the position if it was due then.
fn is_due(at: i64, position: Option<i64>, now: i64) -> bool {
    position.is_none_or(|position| step(now - at) != step(position - at) || now - at < YOUNG)
}

/// Returns the number of an age in a row of ages in which each is a quarter longer.
fn step(age: i64) -> i64 {
    let mut step = 0;
    let mut end = YOUNG;
    while age >= end {
        step += 1;
        end = end.saturating_add(end / 4);
        if end == i64::MAX {
            break;
        }
    }
    step
}

/// Returns true if an item has rows that are not done.
///
/// # Errors
///
/// Any error of the database.
pub fn has_open_rows(
    table: &StoredTable,
    arrival: Arrival<'_>,
    db: &mut dyn Connection,
) -> Result<bool, StoreError> {
    let statement = format!(
        "SELECT 1 FROM {} WHERE _partition = $1 AND _item = $2 AND NOT _done LIMIT 1",
        quoted(&table.name)
    );
    let params = [Cell::Int(arrival.partition), Cell::from(arrival.item)];
    Ok(db.first(&statement, &params)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600 * 1_000_000;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn old_rows_are_listed_less_often() {
        let syncs = |from: i64, until: i64| {
            let hours = (from..until).step_by(usize::try_from(HOUR).expect("a step"));
            hours
                .filter(|now| is_due(0, Some(now - HOUR), *now))
                .count()
        };
        assert_eq!(syncs(HOUR, 7 * DAY), 7 * 24 - 1, "every hour of a week");
        assert_eq!(syncs(7 * DAY, 8 * DAY), 1);
        assert_eq!(syncs(8 * DAY, 90 * DAY), 11);
        assert!(is_due(0, None, 90 * DAY), "before the first listing");
        assert!(is_due(0, Some(7 * DAY), 30 * DAY), "after a long pause");
        assert!(is_due(i64::MIN / 2, Some(0), i64::MAX / 2));
    }
}
