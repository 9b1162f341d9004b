//! Reads files of records: into the database of a statement, or as the records of a query.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::core::code::Code;
use crate::core::rows::{RowBatch, RowBuilder};
use crate::core::secret::Scrubber;
use crate::core::shutdown;
use crate::core::source::Place;
use crate::decode::add_record;
use crate::engine::RunErrorKind;
use crate::engine::stored::{self, StoredSource};
use crate::plan::Plan;
use crate::project::query::{FileRecords, FileTable, Statement};
use crate::project::table::{TableError, TableFiles, TableReader};
use crate::sql::{Database, Needs, SqlError, SqlErrorKind};
use crate::store::OpenStore;

/// The number of records read at a time.
const BATCH: usize = 512;

/// The number of batches that may be read ahead.
const AHEAD: usize = 4;

/// Stops the thread that reads files when it is dropped.
struct Reading(Arc<AtomicBool>);

impl Reading {
    fn start() -> (Self, Arc<AtomicBool>) {
        let is_over = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&is_over)), is_over)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A table to load, without borrowing from its query.
struct Source {
    name: String,
    files: TableFiles,
    place: Option<Place>,
}

/// The reason why a table was not loaded.
enum LoadError {
    Table(TableError),
    Sql(SqlError),
}

impl From<TableError> for LoadError {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl From<SqlError> for LoadError {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

/// Creates a database with the tables of files and of a store. Returns `None` if the process ends.
pub async fn load(
    plan: &Plan,
    sql: &Statement,
    tables: &[FileTable<'_>],
    stored: Option<(Arc<dyn OpenStore>, Vec<StoredSource>)>,
) -> Option<Result<Database, RunErrorKind>> {
    let (reading, is_over) = Reading::start();
    let (sender, receiver) = oneshot::channel();
    let sources: Vec<Source> = tables
        .iter()
        .map(|table| Source {
            name: table.name.to_owned(),
            files: table.files.clone(),
            place: table.place.cloned(),
        })
        .collect();
    let loading = Loading {
        root: plan.root.clone(),
        scrubber: plan.scrubber.clone(),
        needs: Needs::of(&sql.text.value),
        is_over,
    };
    let (now, place) = (plan.now(), sql.text.place.clone());
    tokio::task::spawn_blocking(move || {
        let result = loading.all(now, &sources, stored, &place);
        // The receiver is gone if the run has ended.
        let _ = sender.send(result);
    });
    let result = receiver.await.ok();
    drop(reading);
    result.and_then(Result::transpose)
}

/// The context of loading.
struct Loading {
    root: PathBuf,
    scrubber: Scrubber,
    /// The columns that the statement reads.
    needs: Needs,
    is_over: Arc<AtomicBool>,
}

impl Loading {
    fn all(
        &self,
        now: jiff::Timestamp,
        sources: &[Source],
        stored: Option<(Arc<dyn OpenStore>, Vec<StoredSource>)>,
        place: &Place,
    ) -> Result<Option<Database>, RunErrorKind> {
        let of_statement = |error: SqlError| RunErrorKind::Sql {
            words: error.message,
            place: place.clone(),
            help: error.help,
            is_stopped: error.kind == SqlErrorKind::Stopped,
        };
        let mut database = Database::new(now).map_err(of_statement)?;
        let is_over = Arc::clone(&self.is_over);
        database
            .stop_when(move || is_over.load(Ordering::Relaxed))
            .map_err(of_statement)?;
        if let Some((access, sources)) = stored {
            stored::add(&mut database, &*access, &sources)
                .map_err(stored::fault)?
                .map_err(of_statement)?;
        }
        for source in sources {
            match self.one(&database, source) {
                Ok(()) => {}
                Err(LoadError::Table(error)) => {
                    let Some(kind) = fault(error, source.place.as_ref()) else {
                        return Ok(None);
                    };
                    return Err(kind);
                }
                Err(LoadError::Sql(error)) => return Err(of_statement(error)),
            }
        }
        Ok(Some(database))
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || shutdown::is_requested()
    }

    /// Loads one table. Another thread reads ahead.
    fn one(&self, database: &Database, source: &Source) -> Result<(), LoadError> {
        let mut reader = source.files.open(&self.root, &|| self.is_over())?;
        let columns = reader.columns();
        let mut loader = database.loader(&source.name, columns.as_deref())?;
        let (sender, batches) = sync_channel(AHEAD);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut rows = RowBuilder::default();
                loop {
                    let next = self.next_rows(&mut reader, &mut rows).transpose();
                    let Some(batch) = next else { return };
                    let is_last = batch.is_err();
                    if sender.send(batch).is_err() || is_last {
                        return;
                    }
                }
            });
            for batch in batches {
                loader.push_rows(&batch?, &self.needs)?;
                if self.is_over() {
                    return Err(LoadError::Table(TableError::Stopped));
                }
            }
            Ok(())
        })?;
        loader.finish();
        Ok(())
    }

    /// Returns the next records. Secrets are masked, as in the records of a response.
    fn next_rows(
        &self,
        reader: &mut TableReader,
        rows: &mut RowBuilder,
    ) -> Result<Option<RowBatch>, TableError> {
        if self.scrubber.is_empty() {
            return reader.next_rows(rows);
        }
        let Some(batch) = reader.next_batch(BATCH)? else {
            return Ok(None);
        };
        for record in &scrubbed(&self.scrubber, batch) {
            add_record(record, rows);
        }
        Ok(rows.take())
    }
}

/// Reads batches until `give` refuses one.
fn read_ahead(
    mut reader: TableReader,
    mut give: impl FnMut(Result<Vec<Value>, TableError>) -> bool,
) {
    loop {
        let batch = reader.next_batch(BATCH).transpose();
        let Some(batch) = batch else { return };
        let is_last = batch.is_err();
        if !give(batch) || is_last {
            return;
        }
    }
}

fn fault(error: TableError, place: Option<&Place>) -> Option<RunErrorKind> {
    let (code, words) = match error {
        TableError::CannotRead(words) => (Code::CannotRead, words),
        TableError::Content(words) => (Code::Table, words),
        TableError::Stopped => return None,
    };
    Some(RunErrorKind::Table {
        code,
        words,
        place: place.cloned(),
    })
}

/// The records of files, read by a thread of their own.
pub struct Batches {
    batches: mpsc::Receiver<Result<Vec<Value>, RunErrorKind>>,
    _reading: Reading,
}

impl Batches {
    /// Starts to read.
    pub fn read(plan: &Rc<Plan>, records: &FileRecords) -> Self {
        let (reading, is_over) = Reading::start();
        let (sender, batches) = mpsc::channel(AHEAD);
        let FileRecords { files, place } = records.clone();
        let (root, scrubber) = (plan.root.clone(), plan.scrubber.clone());
        tokio::task::spawn_blocking(move || {
            let give = |batch: Result<Vec<Value>, TableError>| {
                let batch = match batch {
                    Ok(batch) => Ok(scrubbed(&scrubber, batch)),
                    Err(error) => match fault(error, Some(&place)) {
                        Some(kind) => Err(kind),
                        None => return false,
                    },
                };
                sender.blocking_send(batch).is_ok()
            };
            let is_over = || is_over.load(Ordering::Relaxed) || shutdown::is_requested();
            match files.open(&root, &is_over) {
                Ok(reader) => read_ahead(reader, give),
                Err(error) => {
                    give(Err(error));
                }
            }
        });
        Self {
            batches,
            _reading: reading,
        }
    }

    /// Returns the next records; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Vec<Value>, RunErrorKind>> {
        self.batches.recv().await
    }
}

fn scrubbed(scrubber: &Scrubber, mut batch: Vec<Value>) -> Vec<Value> {
    if scrubber.stand_in(&batch) {
        for record in &mut batch {
            if let Some(clean) = scrubber.record(record) {
                *record = clean;
            }
        }
    }
    batch
}
