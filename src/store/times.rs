//! The times of rows, after their query has named another column for them.

use crate::core::column::ColumnType;
use crate::store::cell::{Cell, micros};
use crate::store::connection::{Connection, quoted};
use crate::store::error::StoreError;

/// The number of keys whose rows are read at once.
const PAGE: usize = 500;

/// The times of rows, each with the key and the text of the value that it was read from.
type Times = Vec<[Cell; 3]>;

/// Reads the times of all rows of tables again, from a column. What is no time becomes none. The caller
/// holds a transaction.
///
/// # Errors
///
/// Any error of the database.
pub fn read_again(
    tables: impl Iterator<Item = String>,
    column: Option<(&str, ColumnType)>,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    for table in tables {
        let table = quoted(&table);
        db.run(&format!(
            "UPDATE {table} SET _at = NULL WHERE _at IS NOT NULL"
        ))?;
        if let Some((column, kind)) = column {
            read_column(&table, &quoted(column), kind, db)?;
        }
    }
    Ok(())
}

/// Reads the times of a table without any from a column. Both names are quoted.
fn read_column(
    table: &str,
    column: &str,
    kind: ColumnType,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    let mut last: Option<String> = None;
    loop {
        let later = last.as_ref().map_or("", |_| "WHERE _key > $1");
        let lower: Vec<Cell> = last.iter().map(|key| Cell::from(key.as_str())).collect();
        let ends = format!(
            "SELECT max(_key) FROM \
             (SELECT DISTINCT _key FROM {table} {later} ORDER BY _key LIMIT {PAGE}) AS page"
        );
        let end = db.first(&ends, &lower)?;
        let end = end.and_then(|row| row.first()?.as_text().map(str::to_owned));
        let Some(end) = end else {
            return Ok(());
        };
        let (later, upper) = last
            .as_ref()
            .map_or(("", "$1"), |_| ("_key > $1 AND ", "$2"));
        let rows = format!(
            "SELECT _key, CAST({column} AS text), {column} FROM {table} \
             WHERE {later}_key <= {upper} AND {column} IS NOT NULL"
        );
        let mut params = lower;
        params.push(Cell::from(end.as_str()));
        let mut times = Times::new();
        db.each(&rows, &params, &mut |row| {
            let Ok([key, text, value]) = <[Cell; 3]>::try_from(row) else {
                return Ok(());
            };
            // The same value as when a row arrives.
            if let Some(time) = value.to_json(kind).as_str().and_then(micros) {
                times.push([key, text, Cell::Int(time)]);
            }
            Ok(())
        })?;
        write(table, column, &times, db)?;
        last = Some(end);
    }
}

/// Writes times, many with one statement. Both names are quoted.
fn write(
    table: &str,
    column: &str,
    times: &Times,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    for times in times.chunks(db.most_params() / 3) {
        let values: Vec<String> = (0..times.len())
            .map(|row| {
                let first = row * 3 + 1;
                let (second, third) = (first + 1, first + 2);
                format!(
                    "(CAST(${first} AS text), CAST(${second} AS text), CAST(${third} AS bigint))"
                )
            })
            .collect();
        // Former versions of a row are told apart by the value.
        let statement = format!(
            "UPDATE {table} SET _at = \"new times\".column3 FROM (VALUES {}) AS \"new times\" \
             WHERE {table}._key = \"new times\".column1 \
             AND CAST({table}.{column} AS text) = \"new times\".column2",
            values.join(", ")
        );
        let params: Vec<Cell> = times.iter().flatten().cloned().collect();
        db.execute(&statement, &params)?;
    }
    Ok(())
}
