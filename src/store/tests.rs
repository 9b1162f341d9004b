//! One suite for both kinds of database.

#[path = "../../tests/postgres/mod.rs"]
pub mod server;

mod export;
mod items;
mod limits;
mod rows;
mod syncs;
mod tables;
mod upkeep;
mod values;

use std::path::Path;

use serde_json::{Map, Value};

use crate::core::column::ColumnType;
use crate::store::{
    Coverage, Gone, IncomingRow, Opening, RowCounts, Selection, Store, StoreAddress, StoreError,
    StoredTable, SyncStart, TableDefinition, WholeAnswer,
};

/// 2025-11-25T09:00:00Z in microseconds.
const T0: i64 = 1_764_061_200_000_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Runs cases on a store in a file, and on one in PostgreSQL if there is one.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $case() { super::$case(&crate::store::tests::Place::file()); })*
        }
        mod postgresql {
            $(#[test] fn $case() {
                if let Some(place) = crate::store::tests::Place::server() {
                    super::$case(&place);
                }
            })*
        }
    };
}
use on_both;

/// An address at which no store is yet.
struct Place {
    address: StoreAddress,
    _folder: Option<tempfile::TempDir>,
    database: Option<server::Database>,
}

impl Place {
    fn file() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            address: StoreAddress::File(folder.path().join("store.db")),
            _folder: Some(folder),
            database: None,
        }
    }

    fn server() -> Option<Self> {
        let database = server::database()?;
        let address = StoreAddress::parse(&database.url(), Path::new("/"));
        Some(Self {
            address: address.expect("a URL"),
            _folder: None,
            database: Some(database),
        })
    }

    fn open(&self) -> Store {
        self.try_open(Opening::Create).expect("a store")
    }

    /// Another address of the same kind.
    fn another(&self) -> Option<Self> {
        match self.database {
            None => Some(Self::file()),
            Some(_) => Self::server(),
        }
    }

    fn try_open(&self, opening: Opening) -> Result<Store, StoreError> {
        self.address.open(opening, None)
    }
}

/// Returns the definition of a table `runs`: key `id`, time `at`, with history.
fn definition(columns: &[(&str, Option<ColumnType>)]) -> TableDefinition {
    let columns = columns.iter();
    TableDefinition {
        name: "runs".to_owned(),
        query: "runs".to_owned(),
        columns: columns
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect(),
        key: vec!["id".to_owned()],
        at: Some("at".to_owned()),
        history: true,
    }
}

/// A table `runs` in a store, and the sync that writes to it.
struct Fixture {
    store: Store,
    table: StoredTable,
    partition: i64,
    sync: SyncStart,
}

impl Fixture {
    fn new(place: &Place) -> Self {
        Self::with(
            place,
            &definition(&[("id", None), ("at", None), ("status", None)]),
        )
    }

    fn with(place: &Place, definition: &TableDefinition) -> Self {
        let mut store = place.open();
        let sync = store.begin_sync(T0).expect("a sync");
        let table = store.follow(definition).expect("a table");
        let partition = store.partition(&table.name, "{}").expect("a partition").id;
        Self {
            store,
            table,
            partition,
            sync,
        }
    }

    /// Begins the next sync.
    fn begin(&mut self, now: i64) {
        self.sync = self.store.begin_sync(now).expect("a sync");
    }

    /// Defines the table anew.
    fn follow(&mut self, definition: &TableDefinition) -> Result<(), StoreError> {
        self.table = self.store.follow(definition)?;
        Ok(())
    }

    /// Writes rows of an item, of which the answer is whole.
    fn write_item(&mut self, item: &str, rows: Vec<IncomingRow>) -> Result<RowCounts, StoreError> {
        let whole = WholeAnswer {
            since: None,
            gone: Gone::Mark,
        };
        self.write_item_with(item, rows, Coverage::Whole(whole))
    }

    fn write_item_with(
        &mut self,
        item: &str,
        rows: Vec<IncomingRow>,
        coverage: Coverage<'_>,
    ) -> Result<RowCounts, StoreError> {
        let sync = self.sync.clone();
        let arrival = sync.arrival(self.partition, Some(item));
        self.store
            .write_item(&mut self.table, arrival, self.sync.at, rows, coverage)
    }

    /// Writes rows without an item.
    fn write(&mut self, rows: Vec<IncomingRow>) -> Result<RowCounts, StoreError> {
        let sync = self.sync.clone();
        let arrival = sync.arrival(self.partition, None);
        let (counts, _) = self.store.write_rows(&mut self.table, arrival, rows)?;
        Ok(counts)
    }

    /// Returns the rows without the columns of the store, by time and key.
    fn rows(&mut self) -> Vec<Value> {
        plain(self.records(&Selection::default()))
    }

    /// Returns the rows as of a time, by their `id`.
    fn rows_as_of(&mut self, time: i64) -> Vec<Value> {
        let selection = Selection {
            as_of: Some(time),
            ..Selection::default()
        };
        let mut rows = plain(self.records(&selection));
        rows.sort_by_key(|row| row["id"].to_string());
        rows
    }

    fn records(&mut self, selection: &Selection) -> Vec<Map<String, Value>> {
        let mut records = Vec::new();
        self.store
            .each_record(&self.table, selection, &mut |record| {
                records.push(record);
                Ok(())
            })
            .expect("rows");
        records
    }

    /// Returns a column of all rows.
    fn column(&mut self, name: &str) -> Vec<Value> {
        let records = self.records(&Selection::default());
        records
            .into_iter()
            .map(|mut record| record.remove(name).unwrap_or_default())
            .collect()
    }
}

fn plain(records: Vec<Map<String, Value>>) -> Vec<Value> {
    let records = records.into_iter().map(|mut record| {
        record.retain(|name, _| !name.starts_with('_'));
        Value::Object(record)
    });
    records.collect()
}

/// Returns a row that is done.
fn done(record: Value) -> IncomingRow {
    row(record, true)
}

/// Returns a row that is not done.
fn open(record: Value) -> IncomingRow {
    row(record, false)
}

fn row(record: Value, is_done: bool) -> IncomingRow {
    let Value::Object(record) = record else {
        panic!("a row is an object");
    };
    IncomingRow { record, is_done }
}

fn counts(new: u64, changed: u64, gone: u64) -> RowCounts {
    RowCounts {
        new,
        changed,
        gone,
        ..RowCounts::default()
    }
}
