//! The extent of answers, and the end of rows that they lack.

use crate::store::cell::Cell;
use crate::store::connection::{Connection, quoted};
use crate::store::error::StoreError;
use crate::store::rows::{Arrival, Keys};
use crate::store::table::StoredTable;

/// The extent of an answer about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage<'a> {
    /// It has all rows.
    Whole(WholeAnswer),
    /// There may be more, for this reason: the item is missed.
    Part(&'a str),
}

/// The extent of a whole answer about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeAnswer {
    /// The time of its oldest rows, in microseconds since 1970; without one, it has all rows.
    pub since: Option<i64>,
    /// The treatment of rows that it lacks.
    pub gone: Gone,
}

/// The treatment of rows that a whole answer no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// They are marked with the time.
    Mark,
    /// They stay as they are.
    Keep,
}

/// Ends rows that a whole answer no longer has. Returns their number.
///
/// # Errors
///
/// Any error of the database.
pub fn end_missing(
    table: &StoredTable,
    missing: &[String],
    gone: Gone,
    arrival: Arrival<'_>,
    db: &mut dyn Connection,
) -> Result<u64, StoreError> {
    // They are not asked for again in either case.
    let (sets, own) = match gone {
        Gone::Mark => (
            format!(
                "_gone_at = {}, _sync = $2, _done = TRUE",
                db.cast_time("$1")
            ),
            vec![Cell::from(arrival.time), Cell::Int(arrival.sync)],
        ),
        Gone::Keep => ("_done = TRUE".to_owned(), Vec::new()),
    };
    for keys in missing.chunks(db.most_params() - own.len()) {
        let list: Vec<String> = (0..keys.len())
            .map(|index| format!("${}", index + own.len() + 1))
            .collect();
        let statement = format!(
            "UPDATE {} SET {sets} WHERE _key IN ({})",
            quoted(&table.name),
            list.join(", ")
        );
        let keys = keys.iter().map(|key| Cell::from(key.as_str()));
        let params: Vec<Cell> = own.iter().cloned().chain(keys).collect();
        db.execute(&statement, &params)?;
    }
    Ok(if gone == Gone::Mark {
        missing.len() as u64
    } else {
        0
    })
}

/// Returns the keys of rows of an item, from a time on, that its answer lacks.
///
/// # Errors
///
/// Any error of the database.
pub fn missing_of_item(
    table: &StoredTable,
    arrival: Arrival<'_>,
    since: Option<i64>,
    keys: &Keys,
    db: &mut dyn Connection,
) -> Result<Vec<String>, StoreError> {
    let bound = since.map_or_else(String::new, |since| format!(" AND _at >= {since}"));
    let statement = format!(
        "SELECT _key FROM {} WHERE _partition = $1 AND _item = $2 AND _gone_at IS NULL{bound}",
        quoted(&table.name)
    );
    let params = [Cell::Int(arrival.partition), Cell::from(arrival.item)];
    let mut missing = Vec::new();
    db.each(&statement, &params, &mut |row| {
        if let Some(key) = row[0].as_text().filter(|key| !keys.contains(*key)) {
            missing.push(key.to_owned());
        }
        Ok(())
    })?;
    Ok(missing)
}
