//! Reads rows: as they are, or as they were.

use serde_json::{Map, Value};

use crate::core::column::ColumnType;
use crate::store::cell::{Cell, format_sorted};
use crate::store::connection::quoted;
use crate::store::error::StoreError;
use crate::store::format;
use crate::store::handle::Store;
use crate::store::names::SHOWN_COLUMNS;
use crate::store::table::{self, StoredTable};

/// The rows to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selection {
    /// The time as of which rows are read, in microseconds since 1970; now without one.
    pub as_of: Option<i64>,
    /// The earliest time of a row.
    pub since: Option<i64>,
    /// The time before which rows are.
    pub until: Option<i64>,
    /// The partition.
    pub partition: Option<i64>,
    /// Only rows that changed in a later sync.
    pub changed_after: Option<i64>,
}

/// Returns a SELECT over the columns that statements see. `schema` is that of an attached database.
pub fn view(table: &StoredTable, schema: Option<&str>, selection: &Selection) -> String {
    select(table, schema, selection, &[])
}

/// Returns a SELECT over the columns that statements see, after others of the table.
fn select(
    table: &StoredTable,
    schema: Option<&str>,
    selection: &Selection,
    before: &[&str],
) -> String {
    let prefix = schema.map_or_else(String::new, |schema| format!("{}.", quoted(schema)));
    let mut conditions = Vec::new();
    if let Some(since) = selection.since {
        conditions.push(format!("_at >= {since}"));
    }
    if let Some(until) = selection.until {
        conditions.push(format!("_at < {until}"));
    }
    let mut current = conditions.clone();
    if let Some(partition) = selection.partition {
        current.push(format!("_partition = {partition}"));
    }
    if let Some(sync) = selection.changed_after {
        current.push(format!("_sync > {sync}"));
    }
    // One after the other: a table may have no columns yet.
    let list = |own: &[&str]| {
        let columns = table.columns.iter().map(|column| match column.kind {
            // In a file, a column of integers that was widened holds integers.
            Some(ColumnType::Number) if schema.is_some() => {
                let name = quoted(&column.name);
                format!("CAST({name} AS REAL) AS {name}")
            }
            Some(_) => quoted(&column.name),
            // Without a value so far, it is not in the database.
            None => format!("NULL AS {}", quoted(&column.name)),
        });
        let before = before.iter().map(|name| (*name).to_owned());
        let own = own.iter().map(|name| (*name).to_owned());
        let list: Vec<String> = before.chain(columns).chain(own).collect();
        list.join(", ")
    };
    let all = |conditions: &[String]| {
        if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        }
    };
    let name = format!("{prefix}{}", quoted(&table.name));
    let Some(as_of) = selection.as_of else {
        let own = SHOWN_COLUMNS.map(|(name, _)| name);
        return format!("SELECT {} FROM {name}{}", list(&own), all(&current));
    };
    let time = format!("'{}'", format_sorted(as_of));
    current.push(format!(
        "_changed_at <= {time} AND (_gone_at IS NULL OR _gone_at > {time})"
    ));
    conditions.push(format!("_from <= {time} AND {time} < _to"));
    format!(
        "SELECT {} FROM {name}{} UNION ALL SELECT {} FROM {prefix}{}{}",
        list(&["_first_seen", "_changed_at", "NULL AS _gone_at", "_done"]),
        all(&current),
        list(&["_first_seen", "_from", "NULL", "_done"]),
        quoted(&table.history_name()),
        all(&conditions)
    )
}

/// Decides on a record.
type Chooser<'c> = dyn FnMut(&Map<String, Value>) -> Result<bool, StoreError> + 'c;

/// Returns the columns of a row with their types.
fn typed_columns(table: &StoredTable) -> Vec<(&str, ColumnType)> {
    let own = table.columns.iter().map(|column| {
        let kind = column.kind.unwrap_or(ColumnType::Json);
        (column.name.as_str(), kind)
    });
    own.chain(SHOWN_COLUMNS).collect()
}

fn record(columns: &[(&str, ColumnType)], row: &[Cell]) -> Map<String, Value> {
    let members = columns.iter().zip(row);
    members
        .map(|((name, kind), cell)| ((*name).to_owned(), cell.to_json(*kind)))
        .collect()
}

impl Store {
    /// Returns the tables, by name.
    ///
    /// # Errors
    ///
    /// If the database is not a store, or any error of the database.
    pub fn tables(&mut self) -> Result<Vec<StoredTable>, StoreError> {
        format::check(&mut *self.db)?;
        table::all(&mut *self.db)
    }

    /// Passes on rows as records, ordered by time and key.
    ///
    /// # Errors
    ///
    /// Any error of the database, and of `take`.
    pub fn each_record(
        &mut self,
        table: &StoredTable,
        selection: &Selection,
        take: &mut dyn FnMut(Map<String, Value>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let columns = typed_columns(table);
        self.each_row(table, selection, &mut |row| take(record(&columns, &row)))
    }

    /// Returns the keys of the rows that are chosen by their records.
    ///
    /// # Errors
    ///
    /// Any error of the database, and of `takes`.
    pub fn keys_of(
        &mut self,
        table: &StoredTable,
        takes: &mut Chooser<'_>,
    ) -> Result<Vec<String>, StoreError> {
        let columns = typed_columns(table);
        let statement = select(table, None, &Selection::default(), &["_key"]);
        let mut keys = Vec::new();
        self.db.each(&statement, &[], &mut |row| {
            if takes(&record(&columns, &row[1..]))? {
                keys.extend(row[0].as_text().map(str::to_owned));
            }
            Ok(())
        })?;
        Ok(keys)
    }

    /// Passes on rows: the columns of the table in their order, then [`SHOWN_COLUMNS`].
    ///
    /// # Errors
    ///
    /// Any error of the database, and of `take`.
    pub fn each_row(
        &mut self,
        table: &StoredTable,
        selection: &Selection,
        take: &mut dyn FnMut(Vec<Cell>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = view(table, None, selection);
        if selection.as_of.is_none() {
            statement.push_str(&format!(" ORDER BY {}", self.db.order()));
        }
        self.db.each(&statement, &[], take)
    }

    /// Passes on rows as [`Store::each_row`], each with its time in microseconds since 1970, ordered by
    /// time and key also as of an earlier time. Rows without a time are the first.
    ///
    /// # Errors
    ///
    /// Any error of the database, and of `take`.
    pub fn each_row_in_time(
        &mut self,
        table: &StoredTable,
        selection: &Selection,
        take: &mut dyn FnMut(Option<i64>, Vec<Cell>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = select(table, None, selection, &["_at", "_key"]);
        if selection.as_of.is_some() {
            // A union is ordered by its columns only.
            statement = format!("SELECT * FROM ({statement}) AS found");
        }
        statement.push_str(&format!(" ORDER BY {}", self.db.order()));
        self.db.each(&statement, &[], &mut |mut row| {
            let time = row[0].as_int();
            row.drain(..2);
            take(time, row)
        })
    }

    /// Runs work that reads only: all of it sees the store as it is now, whatever a sync writes
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// The error of the work, or any error of the database.
    pub fn reading<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.db.begin_reading()?;
        let result = work(self);
        // It has changed nothing.
        let _ = self.db.run("ROLLBACK");
        result
    }
}
