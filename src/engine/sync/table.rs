//! The sync of one table.

use std::rc::Rc;
use std::time::Duration;

use crate::engine::Session;
use crate::engine::sync::listing::{Listed, list};
use crate::engine::sync::partition::table_definition;
use crate::engine::sync::report::{SyncFailure, TableOutcome, TableReport, key_words};
use crate::engine::sync::syncing::{Job, SyncOptions, Syncing};
use crate::engine::sync::thread::StoreThread;
use crate::engine::sync::{flat, item};
use crate::plan::PlanError;
use crate::store::SyncStart;

/// The overlap of listings: records can become visible late.
const OVERLAP: Duration = Duration::from_secs(3_600);

/// The number of syncs in a row after which a failing item is reported apart.
const MANY_MISSES: i64 = 5;

/// Syncs a table. What was written stays, whatever fails later.
pub async fn sync_table(
    job: &Job,
    options: &SyncOptions,
    sync: &SyncStart,
    store: &StoreThread,
    session: &Rc<Session>,
) -> Result<TableReport, PlanError> {
    let definition = table_definition(&job.query, &job.keeping, job.columns.clone());
    let name = definition.name.clone();
    let revisits = job.keeping.revisit.is_some() || job.asks_always();
    let mut report = TableReport::new(&name, revisits);
    let identity = job.identity(options.environment.as_deref())?;
    let now = sync.at;
    let opened = store
        .call(move |store| {
            let table = store.follow(&definition)?;
            let partition = store.partition(&name, &identity)?;
            let oldest = store.oldest_open(&table, partition.id, partition.position, now)?;
            Ok((table, partition, oldest))
        })
        .await;
    let (table, partition, oldest) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            report.outcome = TableOutcome::Failed(Box::new(SyncFailure::Store(error)));
            return Ok(report);
        }
    };
    let since = partition.since(OVERLAP);
    // Rows that only a listing back to their time finds again: those of a query without items, and
    // those of items whose own requests are bounded.
    let oldest = oldest.filter(|_| job.query.loops().is_empty() || job.query.bounds_items());
    let since = since.map(|since| oldest.map_or(since, |oldest| oldest.min(since)));
    // A later time would leave a hole between the last listing and this one.
    let asked_for = options.since.map(jiff::Timestamp::as_microsecond);
    let since = match asked_for {
        Some(given) => Some(since.map_or(given, |since| since.min(given))),
        None => since,
    };
    let mut syncing = Syncing {
        job,
        options,
        store,
        session,
        sync,
        plan: job.bind(since)?,
        first: job.bind(asked_for)?,
        table,
        partition,
        since,
        report,
    };
    let result = if job.query.loops().is_empty() {
        flat::sync(&mut syncing).await
    } else {
        with_items(&mut syncing).await
    };
    let ended = syncing.finish().await;
    let mut report = syncing.report;
    match result.and_then(|outcome| ended.map(|has_rows| (outcome, has_rows))) {
        Ok((_, false)) if report.rows.expired > 0 => {
            report.expired = 0;
            report.outcome = TableOutcome::Failed(Box::new(without_key(job)));
        }
        Ok((outcome, _)) => report.outcome = outcome,
        Err(failure) => report.outcome = TableOutcome::Failed(Box::new(failure)),
    }
    Ok(report)
}

async fn with_items(syncing: &mut Syncing<'_>) -> Result<TableOutcome, SyncFailure> {
    let listed = list(syncing).await?;
    // Items whose own requests are bounded by the position need it until all of them have answered.
    let is_needed = syncing.plan.query.bounds_items();
    match listed {
        Listed::Stopped => return Ok(TableOutcome::Stopped),
        Listed::Whole(newest) if !is_needed => syncing.end_listing(newest).await?,
        Listed::Whole(_) | Listed::Cut(_) => {}
    }
    let outcome = item::ask_all(syncing).await?;
    Ok(match (outcome, listed) {
        (TableOutcome::Complete | TableOutcome::Partial, Listed::Cut(words)) => {
            TableOutcome::Cut(words)
        }
        (TableOutcome::Complete, Listed::Whole(newest)) if is_needed => {
            syncing.end_listing(newest).await?;
            TableOutcome::Complete
        }
        (outcome, _) => outcome,
    })
}

/// Returns the failure of a table that got records and has no rows.
fn without_key(job: &Job) -> SyncFailure {
    SyncFailure::Query(format!(
        "no record of `{}` has a value in {}, its `key`",
        job.query.name,
        key_words(&job.keeping)
    ))
}

impl Syncing<'_> {
    /// Completes the report with what the store knows. Returns true if the table has rows.
    async fn finish(&mut self) -> Result<bool, SyncFailure> {
        let (table, partition, sync) = (self.table.clone(), self.partition.id, self.sync.clone());
        let known = self
            .store
            .call(move |store| {
                store.end_partition(partition, &sync)?;
                let unfinished = store.count_open(&table, partition)?;
                let missed = store.missed(partition, MANY_MISSES)?;
                Ok((unfinished, missed, store.has_rows(&table)?))
            })
            .await;
        let (unfinished, (missed, often), has_rows) = known.map_err(SyncFailure::Store)?;
        self.report.unfinished = unfinished;
        self.report.missed = missed;
        self.report.missed_often = often;
        Ok(has_rows)
    }
}
