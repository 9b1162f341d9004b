//! The state of a store for people, and what removes rows.

use crate::store::cell::Cell;
use crate::store::connection::{Connection, placeholders, quoted};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::format;
use crate::store::handle::Store;
use crate::store::table::StoredTable;

/// The time of the last request of items that are given up, in microseconds since 1970: so late that
/// none of them is young. It is in the year 9999.
const NEVER_AGAIN: i64 = 253_402_300_799_000_000;

/// The state of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its size in bytes.
    pub size: i64,
    /// Its tables.
    pub tables: Vec<TableStatus>,
}

/// The state of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// The table.
    pub table: StoredTable,
    /// The number of rows, with those that are gone.
    pub rows: i64,
    /// The number of rows that are gone.
    pub gone: i64,
    /// The number of rows that are not done.
    pub unfinished: i64,
    /// The number of former versions.
    pub versions: i64,
    /// The number of items that failed.
    pub missed: i64,
    /// The number of items still to be asked.
    pub pending: i64,
    /// The earliest and the latest time of a row, in microseconds since 1970.
    pub range: Option<(i64, i64)>,
    /// The end of the last sync of any partition, in microseconds since 1970.
    pub synced_at: Option<i64>,
    /// The number of partitions whose listing was not read to its end.
    pub incomplete: i64,
}

impl Store {
    /// Returns the state of the store.
    ///
    /// # Errors
    ///
    /// If the database is not a store, or any error of the database.
    pub fn status(&mut self) -> Result<Status, StoreError> {
        let mut tables = Vec::new();
        for table in self.tables()? {
            tables.push(status_of(table, &mut *self.db)?);
        }
        Ok(Status {
            size: self.db.size()?,
            tables,
        })
    }

    /// Returns a table by its name or its query's.
    ///
    /// # Errors
    ///
    /// If there is none, or any error of the database.
    pub fn table_named(&mut self, name: &str) -> Result<StoredTable, StoreError> {
        let tables = self.tables()?;
        let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        let found = tables
            .into_iter()
            .find(|table| table.name == name || table.query == name);
        found.ok_or_else(|| {
            let near = crate::core::name::nearest(name, names.iter().map(String::as_str));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => {
                    "the store has no tables yet: run `runner sync`".to_owned()
                }
                None => format!(
                    "it has {}; `runner sync` adds the tables of other queries with `store`",
                    crate::core::name::one_of(&names).replace(" or ", " and ")
                ),
            };
            StoreError::new(
                StoreErrorKind::Usage,
                format!("the store has no table `{name}`"),
            )
            .help(hint)
        })
    }

    /// Takes the lock, so that no sync writes meanwhile.
    ///
    /// # Errors
    ///
    /// If a sync holds it, or any error of the database.
    pub fn lock(&mut self) -> Result<(), StoreError> {
        if self.db.lock()? {
            return Ok(());
        }
        let words = "a sync is writing to the store";
        Err(StoreError::new(StoreErrorKind::Locked, words).help("wait until it is done"))
    }

    /// Removes a table with everything that the store knows about it.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn forget_table(&mut self, table: &StoredTable) -> Result<(), StoreError> {
        self.db.transaction(|db| {
            let name = [Cell::from(table.name.as_str())];
            db.run(&format!("DROP TABLE {}", quoted(&table.name)))?;
            if table.history {
                db.run(&format!("DROP TABLE {}", quoted(&table.history_name())))?;
            }
            db.execute(
                "DELETE FROM runner_items WHERE partition IN \
                 (SELECT id FROM runner_partitions WHERE table_name = $1)",
                &name,
            )?;
            db.execute("DELETE FROM runner_partitions WHERE table_name = $1", &name)?;
            db.execute("DELETE FROM runner_tables WHERE name = $1", &name)?;
            Ok(())
        })
    }

    /// Removes a column with its values.
    ///
    /// # Errors
    ///
    /// If there is none, the key or the time of rows needs it, or any error of the database.
    pub fn forget_column(&mut self, table: &StoredTable, column: &str) -> Result<(), StoreError> {
        let Some(index) = table.position(column) else {
            let names = table.columns.iter().map(|column| column.name.as_str());
            let words = format!("the table `{}` has no column `{column}`", table.name);
            let mut error = StoreError::new(StoreErrorKind::Usage, words);
            error.help = crate::core::name::hint(column, names);
            return Err(error);
        };
        if table.key.iter().any(|name| name == column) || table.at.as_deref() == Some(column) {
            let words = format!(
                "`{column}` is the key or the time of rows of `{}`",
                table.name
            );
            return Err(StoreError::new(StoreErrorKind::Usage, words).help(format!(
                "remove the table: `runner store forget {}`",
                table.name
            )));
        }
        let mut next = table.clone();
        let removed = next.columns.remove(index);
        self.db.transaction(|db| {
            if removed.kind.is_some() {
                let mut names = vec![table.name.clone()];
                names.extend(table.history.then(|| table.history_name()));
                for name in names {
                    db.run(&format!(
                        "ALTER TABLE {} DROP COLUMN {}",
                        quoted(&name),
                        quoted(column)
                    ))?;
                }
            }
            next.save(db)
        })
    }

    /// Gives up the items of a table that failed: they are asked again only if they change. Returns
    /// their number.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn forget_missed(&mut self, table: &StoredTable) -> Result<u64, StoreError> {
        self.db.execute(
            "UPDATE runner_items SET misses = 0, error = NULL, pending = NULL, is_open = FALSE, \
             asked_at = $2 WHERE misses > 0 AND partition IN \
             (SELECT id FROM runner_partitions WHERE table_name = $1)",
            &[Cell::from(table.name.as_str()), Cell::Int(NEVER_AGAIN)],
        )
    }

    /// Removes rows of a time before this one, with their former versions. Returns the number of
    /// rows.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn forget_before(&mut self, table: &StoredTable, time: i64) -> Result<u64, StoreError> {
        self.db.transaction(|db| {
            let params = [Cell::Int(time)];
            let delete = |name: &str| format!("DELETE FROM {} WHERE _at < $1", quoted(name));
            let removed = db.execute(&delete(&table.name), &params)?;
            if table.history {
                db.execute(&delete(&table.history_name()), &params)?;
            }
            Ok(removed)
        })
    }

    /// Removes rows by their keys, with their former versions. Returns their number.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn forget_rows(&mut self, table: &StoredTable, keys: &[String]) -> Result<u64, StoreError> {
        self.db.transaction(|db| {
            let mut removed = 0;
            for keys in keys.chunks(db.most_params()) {
                let list = placeholders(1, keys.len());
                let params: Vec<Cell> = keys.iter().map(|key| Cell::from(key.as_str())).collect();
                let delete =
                    |name: &str| format!("DELETE FROM {} WHERE _key IN {list}", quoted(name));
                removed += db.execute(&delete(&table.name), &params)?;
                if table.history {
                    db.execute(&delete(&table.history_name()), &params)?;
                }
            }
            Ok(removed)
        })
    }

    /// Returns deleted space to the system.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn vacuum(&mut self) -> Result<(), StoreError> {
        self.db.vacuum()
    }

    /// Returns the time of the last sync, in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn last_sync_time(&mut self) -> Result<Option<i64>, StoreError> {
        format::get(&mut *self.db, "sync_at")
    }

    /// Returns the number of the last sync.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn last_sync(&mut self) -> Result<i64, StoreError> {
        Ok(format::get(&mut *self.db, "sync")?.unwrap_or(0))
    }
}

fn status_of(table: StoredTable, db: &mut dyn Connection) -> Result<TableStatus, StoreError> {
    let rows = db.first(
        &format!(
            "SELECT count(*), count(_gone_at), sum(CASE WHEN _done THEN 0 ELSE 1 END), \
             min(_at), max(_at) FROM {}",
            quoted(&table.name)
        ),
        &[],
    )?;
    let rows = rows.unwrap_or_default();
    let number = |row: &[Cell], index: usize| row.get(index).and_then(Cell::as_int);
    let mut versions = 0;
    if table.history {
        let statement = format!("SELECT count(*) FROM {}", quoted(&table.history_name()));
        let row = db.first(&statement, &[])?.unwrap_or_default();
        versions = number(&row, 0).unwrap_or(0);
    }
    let name = [Cell::from(table.name.as_str())];
    let items = db.first(
        "SELECT sum(CASE WHEN misses > 0 THEN 1 ELSE 0 END), \
         sum(CASE WHEN pending IS NULL OR misses > 0 THEN 0 ELSE 1 END) FROM runner_items \
         WHERE partition IN (SELECT id FROM runner_partitions WHERE table_name = $1)",
        &name,
    )?;
    let items = items.unwrap_or_default();
    let partitions = db.first(
        "SELECT max(synced_at), sum(CASE WHEN is_listing THEN 1 ELSE 0 END) \
         FROM runner_partitions WHERE table_name = $1",
        &name,
    )?;
    let partitions = partitions.unwrap_or_default();
    Ok(TableStatus {
        rows: number(&rows, 0).unwrap_or(0),
        gone: number(&rows, 1).unwrap_or(0),
        unfinished: number(&rows, 2).unwrap_or(0),
        versions,
        missed: number(&items, 0).unwrap_or(0),
        pending: number(&items, 1).unwrap_or(0),
        range: number(&rows, 3).zip(number(&rows, 4)),
        synced_at: number(&partitions, 0),
        incomplete: number(&partitions, 1).unwrap_or(0),
        table,
    })
}
