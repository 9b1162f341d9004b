//! Rows of a store: as the records of a query, or as tables of a statement.

use std::sync::Arc;

use serde_json::{Map, Number, Value};
use tokio::sync::mpsc;

use crate::core::column::ColumnType;
use crate::engine::{RunErrorKind, Session};
use crate::plan::Plan;
use crate::project::query::StoredRecords;
use crate::sql::{ATTACHED, Database, SqlError};
use crate::store::cell::{format_sorted, micros};
use crate::store::{
    OpenStore, SHOWN_COLUMNS, Selection, Store, StoreError, StoreErrorKind, StoredTable, view,
};

/// The number of records sent at a time.
const BATCH: usize = 256;

/// A table of a statement in the store.
#[derive(Debug, Clone)]
pub struct StoredSource {
    /// The name in the statement.
    pub name: String,
    /// The name in the store.
    pub table: String,
    /// The rows.
    pub selection: Selection,
}

/// Returns the rows that a plan's vars select.
pub fn selection(plan: &Plan) -> Selection {
    let time = |name: &str| plan.vars.get(name).and_then(Value::as_str).and_then(micros);
    Selection {
        as_of: time("as_of"),
        since: time("since"),
        until: time("until"),
        ..Selection::default()
    }
}

/// Returns the tables of a plan's statement that are in the store, except those whose rows are given.
pub fn sources(plan: &Plan, session: &Session) -> Vec<StoredSource> {
    let Some(statement) = plan.query.statement() else {
        return Vec::new();
    };
    let ready = statement.stored.iter().map(|table| StoredSource {
        name: table.name.clone(),
        table: table.table.clone(),
        selection: Selection {
            as_of: table.as_of.map(jiff::Timestamp::as_microsecond),
            ..Selection::default()
        },
    });
    let data = plan.query.data.iter().zip(&plan.data);
    let data = data.filter(|(data, _)| plan.query.is_streamed(data));
    let data = data.filter(|(data, _)| session.given(&data.query.name).is_none());
    let data = data.filter_map(|(data, fed_by)| {
        Some(StoredSource {
            name: data.name.clone(),
            table: data.query.stored()?.table.clone(),
            selection: selection(fed_by),
        })
    });
    ready.chain(data).collect()
}

/// Returns the access to the store of a session.
///
/// # Errors
///
/// If the session has none: it replays recorded answers.
pub fn access(session: &Session) -> Result<Arc<dyn OpenStore>, RunErrorKind> {
    session
        .store()
        .cloned()
        .ok_or_else(|| RunErrorKind::Stored {
            words: "there is no store in a test: give the rows under `given`".to_owned(),
            help: None,
            is_connection: false,
        })
}

/// Returns the error of a run for one of the store.
pub fn fault(error: StoreError) -> RunErrorKind {
    RunErrorKind::Stored {
        is_connection: error.kind == StoreErrorKind::Connection,
        words: error.message,
        help: error.help,
    }
}

fn table(store: &mut Store, name: &str, selection: &Selection) -> Result<StoredTable, StoreError> {
    let table = store.table_named(name)?;
    if selection.as_of.is_some() && !table.history {
        let words = format!("the table `{name}` has no former versions of its rows");
        return Err(StoreError::new(StoreErrorKind::Usage, words)
            .help("add `history: true` to `store` of its query: versions are kept from then on"));
    }
    Ok(table)
}

fn columns(table: &StoredTable) -> Vec<(String, ColumnType)> {
    let own = table.columns.iter().map(|column| {
        let kind = column.kind.unwrap_or(ColumnType::Text);
        (column.name.clone(), kind)
    });
    let shown = SHOWN_COLUMNS.map(|(name, kind)| (name.to_owned(), kind));
    own.chain(shown).collect()
}

/// Adds tables of the store to a database. Called on a thread that may block.
///
/// # Errors
///
/// The inner error is the database's.
pub fn add(
    database: &mut Database,
    access: &dyn OpenStore,
    sources: &[StoredSource],
) -> Result<Result<(), SqlError>, StoreError> {
    let mut store = access.open()?;
    let file = access.file();
    if let Some(file) = file
        && let Err(error) = database.attach(file)
    {
        return Ok(Err(error));
    }
    for source in sources {
        let table = table(&mut store, &source.table, &source.selection)?;
        let columns = columns(&table);
        let added = match file {
            Some(_) => {
                let select = view(&table, Some(ATTACHED), &source.selection);
                // What is a union hides the types of its columns.
                if source.selection.as_of.is_some() {
                    database.copy(&source.name, &columns, &select)
                } else {
                    database.view(&source.name, &table.name, &columns, &select)
                }
            }
            None => load(database, &mut store, source, &table, &columns)?,
        };
        if added.is_err() {
            return Ok(added);
        }
    }
    Ok(Ok(()))
}

/// Loads rows from a server.
fn load(
    database: &Database,
    store: &mut Store,
    source: &StoredSource,
    table: &StoredTable,
    columns: &[(String, ColumnType)],
) -> Result<Result<(), SqlError>, StoreError> {
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let mut loader = match database.loader(&source.name, Some(&names)) {
        Ok(loader) => loader,
        Err(error) => return Ok(Err(error)),
    };
    let mut fault = None;
    store.each_record(table, &source.selection, &mut |mut record| {
        if fault.is_none() {
            as_in_file(&mut record, columns);
            fault = loader.push(&Value::Object(record)).err();
        }
        Ok(())
    })?;
    Ok(match fault {
        None => loader.finish_as(columns),
        Some(fault) => Err(fault),
    })
}

/// Gives values the form in which a statement sees them in a store that is a file.
fn as_in_file(record: &mut Map<String, Value>, columns: &[(String, ColumnType)]) {
    // Both have the same order.
    for ((name, value), (_, kind)) in record.iter_mut().zip(columns) {
        match (kind, &*value) {
            (ColumnType::Number, Value::Number(number)) => {
                let real = number.as_f64().and_then(Number::from_f64);
                *value = real.map_or(Value::Null, Value::Number);
            }
            (ColumnType::Json, found) if !found.is_null() => {
                *value = Value::String(found.to_string());
            }
            (ColumnType::Time, Value::String(text)) if is_shown(name) => {
                let time = micros(text).map(format_sorted);
                *value = time.map_or(Value::Null, Value::String);
            }
            _ => {}
        }
    }
}

/// Returns true for a column that the store adds.
fn is_shown(name: &str) -> bool {
    SHOWN_COLUMNS.iter().any(|(shown, _)| *shown == name)
}

/// A running reading of rows.
pub struct Reading(mpsc::Receiver<Result<Vec<Value>, RunErrorKind>>);

impl Reading {
    /// Starts reading the rows of a plan over a table.
    pub fn start(plan: &Plan, stored: &StoredRecords, access: Arc<dyn OpenStore>) -> Self {
        let (sender, receiver) = mpsc::channel(4);
        let (name, selection) = (stored.table.clone(), selection(plan));
        tokio::task::spawn_blocking(move || {
            let mut batch = Vec::new();
            // The error only ends the reading; the receiver is gone.
            let gone = || StoreError::new(StoreErrorKind::Usage, "no reader");
            let pass = |batch: &mut Vec<Value>| {
                let full = std::mem::take(batch);
                sender.blocking_send(Ok(full)).map_err(|_| gone())
            };
            let mut read = || {
                let mut store = access.open()?;
                let table = table(&mut store, &name, &selection)?;
                store.each_record(&table, &selection, &mut |record| {
                    batch.push(Value::Object(record));
                    if batch.len() >= BATCH {
                        pass(&mut batch)?;
                    }
                    Ok(())
                })?;
                pass(&mut batch)
            };
            if let Err(error) = read() {
                let _ = sender.blocking_send(Err(fault(error)));
            }
        });
        Self(receiver)
    }

    /// Returns the next rows; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Vec<Value>, RunErrorKind>> {
        self.0.recv().await
    }
}
