//! A query without items: one listing of rows.

use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::engine::sync::done::row;
use crate::engine::sync::listing::cut_words;
use crate::engine::sync::report::{SyncFailure, TableOutcome};
use crate::engine::sync::syncing::Syncing;
use crate::engine::sync::thread::StoreThread;
use crate::engine::{Deliver, Outcome, RunError, first_page_note, run_beside};
use crate::plan::Plan;
use crate::store::cell::micros;
use crate::store::{
    IncomingRow, Keys, RowCounts, Store, StoreError, StoreErrorKind, StoredTable, SyncStart,
};

/// The number of rows written in one transaction.
const BATCH: usize = 500;

/// The rows written so far, counted on the store's thread.
struct Written {
    table: StoredTable,
    counts: RowCounts,
    keys: Keys,
    /// The first error; nothing is written after it.
    error: Option<StoreError>,
}

/// Writes records in batches as they come.
struct Writer<'s> {
    plan: &'s Plan,
    store: &'s StoreThread,
    sync: &'s SyncStart,
    partition: i64,
    at: Option<&'s str>,
    batch: Vec<IncomingRow>,
    written: Arc<Mutex<Written>>,
    newest: Option<i64>,
    oldest: Option<i64>,
    last: Option<oneshot::Receiver<()>>,
    fault: Option<RunError>,
}

impl Writer<'_> {
    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.batch);
        let (partition, sync) = (self.partition, self.sync.clone());
        let written = Arc::clone(&self.written);
        self.last = Some(self.store.begin(move |store| {
            let mut written = locked(&written);
            written.write(store, partition, &sync, rows);
        }));
    }
}

impl Written {
    fn write(
        &mut self,
        store: &mut Store,
        partition: i64,
        sync: &SyncStart,
        rows: Vec<IncomingRow>,
    ) {
        if self.error.is_some() {
            return;
        }
        let arrival = sync.arrival(partition, None);
        match store.write_rows(&mut self.table, arrival, rows) {
            Ok((counts, keys)) => {
                self.counts += counts;
                self.keys.extend(keys);
            }
            Err(error) => self.error = Some(error),
        }
    }
}

/// A panic elsewhere leaves the counts valid.
fn locked(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deliver for Writer<'_> {
    fn record(&mut self, record: Value) -> io::Result<()> {
        let at = self
            .at
            .and_then(|at| record.get(at))
            .and_then(Value::as_str)
            .and_then(micros);
        if let Some(at) = at {
            self.newest = self.newest.max(Some(at));
            self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        }
        match row(self.plan, record) {
            Ok(row) => self.batch.push(row),
            Err(kind) => {
                self.fault.get_or_insert(RunError::of_plan(self.plan, kind));
                return Err(io::Error::other("a record cannot be kept"));
            }
        }
        if self.batch.len() >= BATCH {
            self.flush();
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the rows of a listing.
///
/// # Errors
///
/// If the listing fails before its first row, or the store does.
pub async fn sync(job: &mut Syncing<'_>) -> Result<TableOutcome, SyncFailure> {
    let (partition, since) = (job.partition.id, job.lists_since());
    job.store
        .call(move |store| store.begin_listing(partition, since))
        .await?;
    let plan = Rc::clone(&job.plan);
    let written = Arc::new(Mutex::new(Written {
        table: job.table.clone(),
        counts: RowCounts::default(),
        keys: Keys::default(),
        error: None,
    }));
    let mut writer = Writer {
        plan: &plan,
        store: job.store,
        sync: job.sync,
        partition,
        at: job.job.keeping.at.as_ref().map(|at| &*at.value),
        batch: Vec::new(),
        written: Arc::clone(&written),
        newest: None,
        oldest: None,
        last: None,
        fault: None,
    };
    let ran = run_beside(&plan, job.session, None, &mut writer).await;
    // What was read is kept, whatever failed later.
    writer.flush();
    let (newest, oldest, fault) = (writer.newest, writer.oldest, writer.fault.take());
    if let Some(last) = writer.last.take() {
        let _ = last.await;
    }
    let (counts, keys, error) = {
        let mut written = locked(&written);
        job.table = written.table.clone();
        (
            written.counts,
            std::mem::take(&mut written.keys),
            written.error.take(),
        )
    };
    job.report.add_rows(counts, &job.job.keeping);
    if let Some(fault) = fault {
        return Err(SyncFailure::Run(Rc::new(fault)));
    }
    if let Some(error) = error {
        return Err(SyncFailure::Store(error));
    }
    let report = match ran {
        Ok(report) => report,
        Err(failed) => {
            job.report.requests += failed.requests;
            return match newest {
                None => Err(SyncFailure::Run(Rc::new(failed.error))),
                Some(_) => Ok(TableOutcome::Cut(failed.error.message())),
            };
        }
    };
    job.report.requests += report.requests;
    job.report.add_notes(report.notes, report.doubt.as_ref());
    if report.is_stopped {
        return Ok(TableOutcome::Stopped);
    }
    let name = &plan.query.name;
    let cut = match report.outcome {
        Outcome::Complete => None,
        Outcome::FirstPage => Some(first_page_note(name)),
        Outcome::Cut(cut) => Some(cut_words(name, cut)),
        Outcome::Broken(error) => Some(error.message()),
    };
    let failed = report
        .ledger
        .failures()
        .first()
        .map(|failures| failures.example.message());
    let cut = cut.or(failed).or_else(|| {
        let cuts = report.ledger.cuts().first()?;
        Some(cut_words(&cuts.query, cuts.cut))
    });
    let cut = cut.or(report.doubt);
    if let Some(words) = cut {
        return Ok(TableOutcome::Cut(words));
    }
    if let Some(error) = report.unmet.errors.into_iter().next() {
        return Err(SyncFailure::Run(Rc::new(error)));
    }
    end(job, keys, newest, oldest).await?;
    Ok(TableOutcome::Complete)
}

/// Ends a whole listing: rows that it lacks have ended.
async fn end(
    job: &mut Syncing<'_>,
    keys: Keys,
    newest: Option<i64>,
    oldest: Option<i64>,
) -> Result<(), SyncFailure> {
    // A listing that is not bounded ends where the API forgets: older rows are not gone.
    let has_time = job.job.keeping.at.is_some();
    let since = match job.answers_since(oldest) {
        Some(since) => Some(since),
        None if has_time => Some(oldest.unwrap_or(i64::MAX)),
        None => None,
    };
    if job.report.rows.expired > 0 {
        // What the API has forgotten is not gone.
        return job.end_listing(newest).await;
    }
    let (table, partition, sync) = (job.table.clone(), job.partition.id, job.sync.clone());
    let gone = job.gone();
    let ended = job
        .store
        .call(move |store| {
            let arrival = sync.arrival(partition, None);
            store.end_missing(&table, arrival, since, &keys, gone)
        })
        .await;
    job.report.rows.gone += ended.map_err(|error| match error.kind {
        StoreErrorKind::Misfit => SyncFailure::Query(error.message),
        _ => SyncFailure::Store(error),
    })?;
    job.end_listing(newest).await
}
