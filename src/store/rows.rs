//! Writes rows: each exactly once, with what it was before if the table keeps that.

use std::collections::{HashMap, HashSet};

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::core::column::{ColumnType, shown};
use crate::core::source::floor_boundary;
use crate::store::cell::{Cell, micros};
use crate::store::connection::{Connection, placeholders, quoted};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::table::StoredTable;

/// A record of a query on its way into a table.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingRow {
    /// The record.
    pub record: Map<String, Value>,
    /// True if it does not change any more.
    pub is_done: bool,
}

/// The origin of rows, and the sync in which they came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The partition.
    pub partition: i64,
    /// The key of the item that they were found by, if the query has items.
    pub item: Option<&'a str>,
    /// The number of the sync.
    pub sync: i64,
    /// The time of the sync.
    pub time: &'a str,
}

/// The number of rows by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows that were not in the table.
    pub new: u64,
    /// Rows that differ from those in the table, or had been gone.
    pub changed: u64,
    /// Rows that the API no longer lists.
    pub gone: u64,
    /// Rows without a key: records that the API has forgotten.
    pub expired: u64,
    /// Rows with the key of another row of the same answer, and other values.
    pub doubled: u64,
    /// Rows with the key of a row of another item or other vars, and other values.
    pub taken: u64,
}

impl std::ops::AddAssign for RowCounts {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.gone += other.gone;
        self.expired += other.expired;
        self.doubled += other.doubled;
        self.taken += other.taken;
    }
}

/// A row ready to be written.
struct Ready {
    key: String,
    cells: Vec<Cell>,
    at: Option<i64>,
    is_done: bool,
}

/// A row in the table.
struct Known {
    cells: Vec<Cell>,
    is_done: bool,
    is_gone: bool,
    is_of_arrival: bool,
    /// The number of the sync in which it changed last.
    sync: Option<i64>,
}

/// The keys of rows that were written.
pub type Keys = HashSet<String>;

/// Writes rows and returns their keys. The caller holds a transaction.
///
/// # Errors
///
/// If a value does not fit its column, or any error of the database.
pub fn write(
    table: &mut StoredTable,
    rows: Vec<IncomingRow>,
    arrival: Arrival<'_>,
    db: &mut dyn Connection,
) -> Result<(RowCounts, Keys), StoreError> {
    let mut counts = RowCounts::default();
    decide_types(table, &rows, db)?;
    let mut order: Vec<String> = Vec::new();
    let mut ready: HashMap<String, Ready> = HashMap::new();
    for row in rows {
        let Some(row) = prepared(table, row)? else {
            counts.expired += 1;
            continue;
        };
        let key = row.key.clone();
        match ready.insert(key.clone(), row) {
            None => order.push(key),
            // A page that shifted while it was read repeats rows: the later one is newer.
            Some(before) => {
                counts.doubled += u64::from(before.cells != ready[&key].cells);
            }
        }
    }
    let width = table.existing().count() + FIXED;
    let chunk = (db.most_params() / width).max(1);
    for keys in order.chunks(chunk) {
        let known = known(table, keys, arrival, db)?;
        let mut fresh = Vec::new();
        for key in keys {
            let row = &ready[key];
            match known.get(key) {
                None => fresh.push(row),
                Some(known) => {
                    let differs = row.cells != known.cells;
                    counts.taken += u64::from(differs && !known.is_of_arrival);
                    let is_fresh = known.is_of_arrival && known.sync == Some(arrival.sync);
                    counts.doubled += u64::from(differs && is_fresh);
                    counts.changed += update(table, row, known, arrival, db)?;
                }
            }
        }
        counts.new += fresh.len() as u64;
        insert(table, &fresh, arrival, db)?;
    }
    Ok((counts, order.into_iter().collect()))
}

/// The number of the store's own columns in an INSERT.
const FIXED: usize = 8;

/// Decides the types of columns that have their first values.
fn decide_types(
    table: &mut StoredTable,
    rows: &[IncomingRow],
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    let mut open: Vec<(String, Option<ColumnType>)> = Vec::new();
    for row in rows {
        for (name, value) in &row.record {
            if value.is_null() {
                continue;
            }
            let position = table.position(name);
            let stored = position.map(|index| &table.columns[index]);
            match stored.map(|column| (column.kind, column.is_inferred)) {
                Some((Some(ColumnType::Int), true))
                    if value.is_number() && Cell::of(value, ColumnType::Int).is_none() =>
                {
                    table.widen(position.unwrap_or_default(), db)?;
                }
                Some((Some(_), _)) => {}
                None | Some((None, _)) => {
                    let kind = kind_of(value);
                    match open.iter_mut().find(|(known, _)| known == name) {
                        Some((_, known)) => *known = known.and_then(|known| both(known, kind)),
                        None => open.push((name.clone(), Some(kind))),
                    }
                }
            }
        }
    }
    for (name, kind) in open {
        table.add(&name, kind.unwrap_or(ColumnType::Json), true, db)?;
    }
    Ok(())
}

fn kind_of(value: &Value) -> ColumnType {
    match value {
        Value::Bool(_) => ColumnType::Bool,
        Value::Number(_) if Cell::of(value, ColumnType::Int).is_some() => ColumnType::Int,
        Value::Number(_) => ColumnType::Number,
        Value::String(_) => ColumnType::Text,
        Value::Null | Value::Array(_) | Value::Object(_) => ColumnType::Json,
    }
}

/// Returns the type of a column with values of two types; `None` if only JSON holds both.
fn both(one: ColumnType, other: ColumnType) -> Option<ColumnType> {
    let is_number = |kind| matches!(kind, ColumnType::Int | ColumnType::Number);
    if one == other {
        Some(one)
    } else if is_number(one) && is_number(other) {
        Some(ColumnType::Number)
    } else {
        None
    }
}

/// Converts a row. Returns `None` if a part of its key is missing.
fn prepared(table: &StoredTable, row: IncomingRow) -> Result<Option<Ready>, StoreError> {
    let IncomingRow {
        mut record,
        is_done,
    } = row;
    let Some(key) = key_text(&table.key, &record) else {
        return Ok(None);
    };
    let at = table.at.as_ref().and_then(|at| record.get(at));
    let at = match at {
        None | Some(Value::Null) => None,
        Some(value) => {
            let found = value.as_str().and_then(micros);
            Some(found.ok_or_else(|| {
                let at = table.at.as_deref().unwrap_or_default();
                let words = format!(
                    "`{at}` of the row `{key}` is the time of a row (`at`), and {} is not a time",
                    shown(value)
                );
                StoreError::new(StoreErrorKind::Misfit, words)
            })?)
        }
    };
    let mut cells = Vec::new();
    for (name, kind) in table.existing() {
        let value = record.remove(name).unwrap_or(Value::Null);
        cells.push(fitted(table, name, kind, value, &key)?);
    }
    Ok(Some(Ready {
        key,
        cells,
        at,
        is_done,
    }))
}

fn fitted(
    table: &StoredTable,
    name: &str,
    kind: ColumnType,
    value: Value,
    key: &str,
) -> Result<Cell, StoreError> {
    if value.as_str().is_some_and(|text| text.contains('\0')) {
        let words = format!(
            "`{name}` of the row `{}` of the table `{}` has a NUL character, which databases do not keep",
            key.replace('\0', "\\0"),
            table.name
        );
        let help = "remove it in the query, for example with `replace(\"\\u0000\", \"\")`";
        return Err(StoreError::new(StoreErrorKind::Misfit, words).help(help));
    }
    let fit = kind.fit(value);
    let cell = match &fit {
        Ok(value) => Cell::of(value, kind),
        Err(_) => None,
    };
    cell.ok_or_else(|| {
        let value = fit.unwrap_or_else(|value| value);
        let words = format!(
            "`{name}` of the table `{}` is `{kind}`, and {} of the row `{key}` does not fit",
            table.name,
            shown(&value)
        );
        let help = format!(
            "change the column in the query; if its type changes, drop the values with \
             `runner store forget {} --column {name}`",
            table.name
        );
        StoreError::new(StoreErrorKind::Misfit, words).help(help)
    })
}

/// Returns the text that identifies a row; `None` if a single column identifies it, or all do, and
/// they are null.
pub fn key_text(key: &[String], record: &Map<String, Value>) -> Option<String> {
    let values: Vec<&Value> = key
        .iter()
        .map(|name| record.get(name).unwrap_or(&Value::Null))
        .collect();
    if values.iter().all(|value| value.is_null()) {
        return None;
    }
    if let [Value::String(text)] = values.as_slice() {
        return Some(bounded_key(text.clone()));
    }
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        crate::core::json::write_identity(value, &mut text);
    }
    Some(bounded_key(text))
}

/// Returns a key that fits an index of PostgreSQL, which takes 2,704 bytes: the end of a longer one
/// is replaced with its hash.
pub fn bounded_key(mut key: String) -> String {
    const LONGEST: usize = 1_000;
    if key.len() <= LONGEST {
        return key;
    }
    let hash = digest(&SHA256, key.as_bytes());
    key.truncate(floor_boundary(&key, LONGEST / 2));
    key.push_str("…sha256:");
    key.push_str(&crate::core::text::hex(hash.as_ref()));
    key
}

/// Reads the rows with these keys.
fn known(
    table: &StoredTable,
    keys: &[String],
    arrival: Arrival<'_>,
    db: &mut dyn Connection,
) -> Result<HashMap<String, Known>, StoreError> {
    let columns = after_commas(table);
    let width = table.existing().count();
    let statement = format!(
        "SELECT _key, _done, _gone_at, _partition, _item, _sync{} FROM {} WHERE _key IN {}",
        columns,
        quoted(&table.name),
        placeholders(1, keys.len())
    );
    let params: Vec<Cell> = keys.iter().map(|key| Cell::from(key.as_str())).collect();
    let mut known = HashMap::new();
    let kinds: Vec<ColumnType> = table.existing().map(|(_, kind)| kind).collect();
    db.each(&statement, &params, &mut |mut row| {
        let mut cells = row.split_off(row.len() - width);
        for (cell, kind) in cells.iter_mut().zip(&kinds) {
            normalize(cell, *kind);
        }
        let is_of_arrival =
            row[3].as_int() == Some(arrival.partition) && row[4].as_text() == arrival.item;
        let (is_done, sync) = (row[1].is_true(), row[5].as_int());
        if let Cell::Text(key) = std::mem::replace(&mut row[0], Cell::Null) {
            known.insert(
                key,
                Known {
                    cells,
                    is_done,
                    is_gone: row[2] != Cell::Null,
                    is_of_arrival,
                    sync,
                },
            );
        }
        Ok(())
    })?;
    Ok(known)
}

/// Returns the columns of a table, each after a comma.
fn after_commas(table: &StoredTable) -> String {
    let mut text = String::new();
    for (name, _) in table.existing() {
        text.push_str(", ");
        text.push_str(&quoted(name));
    }
    text
}

/// Gives a value as SQLite stores it the form in which it arrives.
fn normalize(cell: &mut Cell, kind: ColumnType) {
    match (&*cell, kind) {
        (Cell::Int(number), ColumnType::Bool) => *cell = Cell::Bool(*number != 0),
        (Cell::Int(number), ColumnType::Number) => {
            #[expect(clippy::cast_precision_loss, reason = "the column holds doubles")]
            let real = *number as f64;
            *cell = Cell::Real(real);
        }
        _ => {}
    }
}

fn insert(
    table: &StoredTable,
    rows: &[&Ready],
    arrival: Arrival<'_>,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = after_commas(table);
    let width = table.existing().count() + FIXED;
    let statement = format!(
        "INSERT INTO {} (_key, _partition, _item, _at, _done, _sync, _first_seen, _changed_at{columns}) \
         VALUES {}",
        quoted(&table.name),
        placeholders(rows.len(), width)
    );
    let mut params = Vec::with_capacity(rows.len() * width);
    for row in rows {
        params.extend([
            Cell::from(row.key.as_str()),
            Cell::Int(arrival.partition),
            Cell::from(arrival.item),
            Cell::from(row.at),
            Cell::Bool(row.is_done),
            Cell::Int(arrival.sync),
            Cell::from(arrival.time),
            Cell::from(arrival.time),
        ]);
        params.extend(row.cells.iter().cloned());
    }
    db.execute(&statement, &params)?;
    Ok(())
}

/// Updates a row if it differs. Returns 1 if its values changed or it had been gone.
fn update(
    table: &StoredTable,
    row: &Ready,
    known: &Known,
    arrival: Arrival<'_>,
    db: &mut dyn Connection,
) -> Result<u64, StoreError> {
    let is_changed = row.cells != known.cells || known.is_gone;
    if !is_changed && row.is_done == known.is_done && known.is_of_arrival {
        return Ok(0);
    }
    if is_changed && table.history {
        remember(table, &row.key, arrival.time, db)?;
    }
    let mut params = vec![
        Cell::Int(arrival.partition),
        Cell::from(arrival.item),
        Cell::from(row.at),
        Cell::Bool(row.is_done),
    ];
    let mut sets = "_partition = $1, _item = $2, _at = $3, _done = $4".to_owned();
    if is_changed {
        sets.push_str(", _gone_at = NULL, _sync = $5, _changed_at = $6");
        params.extend([Cell::Int(arrival.sync), Cell::from(arrival.time)]);
        for ((name, _), cell) in table.existing().zip(&row.cells) {
            params.push(cell.clone());
            sets.push_str(&format!(", {} = ${}", quoted(name), params.len()));
        }
    }
    params.push(Cell::from(row.key.as_str()));
    let statement = format!(
        "UPDATE {} SET {sets} WHERE _key = ${}",
        quoted(&table.name),
        params.len()
    );
    db.execute(&statement, &params)?;
    Ok(u64::from(is_changed))
}

/// Keeps a row as it was until now.
fn remember(
    table: &StoredTable,
    key: &str,
    time: &str,
    db: &mut dyn Connection,
) -> Result<(), StoreError> {
    let columns = after_commas(table);
    // A row that was gone existed until then.
    let end = db.cast_time("$1");
    let statement = format!(
        "INSERT INTO {} (_key, _from, _to, _at, _done, _first_seen{columns}) \
         SELECT _key, _changed_at, coalesce(_gone_at, {end}), _at, _done, _first_seen{columns} \
         FROM {} WHERE _key = $2",
        quoted(&table.history_name()),
        quoted(&table.name),
    );
    db.execute(&statement, &[Cell::from(time), Cell::from(key)])?;
    Ok(())
}
