//! Asks the items that are due, and writes each with its state in one transaction.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::{JoinSet, LocalSet};

use crate::engine::sync::done::rows;
use crate::engine::sync::listing::cut_words;
use crate::engine::sync::partition::site;
use crate::engine::sync::report::{SyncFailure, TableOutcome};
use crate::engine::sync::syncing::Syncing;
use crate::engine::{
    Deliver, Outcome, RunError, RunErrorKind, Session, first_page_note, run_beside,
};
use crate::plan::{Plan, Site};
use crate::store::{
    Coverage, ItemOutcome, PendingItem, Reason, StoreError, StoreErrorKind, WholeAnswer,
};

/// The number of items read from the store at a time.
const CHUNK: usize = 256;

/// The age from which a missing item is one that the API has forgotten, if the query has no
/// `revisit`.
const OLD: Duration = Duration::from_secs(30 * 86_400);

/// The number of items that may fail in a row before the server counts as broken.
const HOPELESS: usize = 20;

/// The answer about an item.
enum Answer {
    /// Its records; `cut` says why there may be more.
    Records {
        records: Vec<Value>,
        cut: Option<String>,
    },
    /// It failed.
    Failed(Rc<RunError>),
    /// The run was interrupted.
    Stopped,
}

struct Asked {
    item: PendingItem,
    answer: Answer,
    requests: u64,
    notes: Vec<String>,
}

/// Collects records.
struct Collect(Vec<Value>);

impl Deliver for Collect {
    fn record(&mut self, record: Value) -> io::Result<()> {
        self.0.push(record);
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Asks all items that are due.
///
/// # Errors
///
/// The first failure that would be that of every item.
pub async fn ask_all(job: &mut Syncing<'_>) -> Result<TableOutcome, SyncFailure> {
    let (partition, sync) = (job.partition.id, job.sync.clone());
    let revisit = job.job.keeping.revisit;
    let asks_always = job.job.asks_always();
    job.store
        .call(move |store| {
            store.mark_due(partition, &sync, revisit)?;
            if asks_always {
                store.mark_listed(partition, &sync)?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    LocalSet::new().run_until(ask_in_turn(job)).await
}

async fn ask_in_turn(job: &mut Syncing<'_>) -> Result<TableOutcome, SyncFailure> {
    let most = most_at_once(&job.plan);
    let level = job.session.levels().of("", &job.plan.query.name);
    let mut queue: VecDeque<PendingItem> = VecDeque::new();
    let mut running: JoinSet<Asked> = JoinSet::new();
    let mut in_flight: Vec<String> = Vec::new();
    let mut is_all_read = false;
    let mut failed_in_a_row = 0;
    let mut has_answered = false;
    let mut has_missed = false;
    let mut is_stopped = false;
    // A failure of all items: no more are asked, but what is under way is written.
    let mut of_all: Option<Rc<RunError>> = None;
    loop {
        let is_over = is_stopped || of_all.is_some();
        if queue.is_empty() && !is_all_read && !is_over {
            queue = next_items(job, &in_flight).await?;
            is_all_read = queue.is_empty();
            level.items.set(level.items.get() + queue.len() as u64);
        }
        while !is_over && running.len() < most {
            let Some(item) = queue.pop_front() else { break };
            in_flight.push(item.key.clone());
            let plan = if item.has_answered {
                Rc::clone(&job.plan)
            } else {
                Rc::clone(&job.first)
            };
            running.spawn_local(ask(plan, Rc::clone(job.session), item));
        }
        let asked = match running.join_next().await {
            None if is_over || queue.is_empty() && is_all_read => break,
            None => continue,
            Some(asked) => asked.map_err(|error| SyncFailure::Query(error.to_string()))?,
        };
        level.done.set(level.done.get() + 1);
        in_flight.retain(|key| *key != asked.item.key);
        job.report.requests += asked.requests;
        let words = match &asked.answer {
            Answer::Records { cut, .. } => cut.as_ref(),
            Answer::Failed(_) | Answer::Stopped => None,
        };
        job.report.add_notes(asked.notes, words);
        match asked.answer {
            Answer::Stopped => is_stopped = true,
            Answer::Records { records, cut } => {
                failed_in_a_row = 0;
                has_answered = true;
                level
                    .records
                    .set(level.records.get() + records.len() as u64);
                has_missed |= !write(job, asked.item, records, cut).await?;
            }
            Answer::Failed(error) if error.kind.is_of_all() => {
                // If it is the item's fault after all, the next sync begins with others.
                miss(job, &asked.item, error.message()).await?;
                of_all.get_or_insert(error);
            }
            Answer::Failed(error) => {
                let is_miss = fail(job, &asked.item, &error).await?;
                has_missed |= is_miss;
                level.failed.set(level.failed.get() + u64::from(is_miss));
                failed_in_a_row += usize::from(is_miss);
                // The others stay due for the next sync.
                let is_unreachable = error.kind.is_of_server() && !has_answered;
                if failed_in_a_row >= HOPELESS || is_unreachable {
                    of_all.get_or_insert(error);
                }
            }
        }
    }
    if let Some(error) = of_all {
        return Err(SyncFailure::Run(error));
    }
    Ok(if is_stopped {
        TableOutcome::Stopped
    } else if has_missed {
        TableOutcome::Partial
    } else {
        TableOutcome::Complete
    })
}

fn most_at_once(plan: &Plan) -> usize {
    let concurrency = plan
        .requests()
        .map_or(1, |plan| plan.resource().concurrency);
    // An item whose request waits for a permit is cheap; one that waits for the store is not.
    (concurrency * 2).clamp(2, 128)
}

async fn next_items(
    job: &Syncing<'_>,
    in_flight: &[String],
) -> Result<VecDeque<PendingItem>, SyncFailure> {
    let (partition, sync) = (job.partition.id, job.sync.clone());
    let most = CHUNK + in_flight.len();
    let items = job
        .store
        .call(move |store| store.next_items(partition, &sync, most))
        .await?;
    Ok(items
        .into_iter()
        .filter(|item| !in_flight.contains(&item.key))
        .collect())
}

async fn ask(plan: Rc<Plan>, session: Rc<Session>, item: PendingItem) -> Asked {
    let Some(site) = site(&plan, &item.json) else {
        let words = "the item is of another version of the query's `for_each`".to_owned();
        let error = RunError::of_plan(&plan, RunErrorKind::Listing(words));
        return Asked {
            item,
            answer: Answer::Failed(Rc::new(error)),
            requests: 0,
            notes: Vec::new(),
        };
    };
    let mut collect = Collect(Vec::new());
    let report = run_beside(&plan, &session, Some(site), &mut collect).await;
    let (answer, requests, notes) = match report {
        Err(failed) => (
            Answer::Failed(Rc::new(failed.error)),
            failed.requests,
            Vec::new(),
        ),
        Ok(report) if report.is_stopped => (Answer::Stopped, report.requests, Vec::new()),
        Ok(report) => {
            let failures = report.ledger.failures().first();
            let unmet = report.unmet.errors.into_iter().next().map(Rc::new);
            let cuts = report.ledger.cuts().first();
            let name = &plan.query.name;
            let failed = failures
                .map(|failures| Rc::clone(&failures.example))
                .or(unmet);
            let answer = match (failed, report.outcome) {
                (Some(error), _) => Answer::Failed(error),
                (None, Outcome::Broken(error)) => Answer::Failed(Rc::new(*error)),
                (None, Outcome::Cut(cut)) => cut_answer(collect.0, cut_words(name, cut)),
                (None, Outcome::FirstPage) => cut_answer(collect.0, first_page_note(name)),
                (None, Outcome::Complete) => Answer::Records {
                    records: collect.0,
                    cut: cuts
                        .map(|cuts| cut_words(&cuts.query, cuts.cut))
                        .or(report.doubt),
                },
            };
            (answer, report.requests, report.notes)
        }
    };
    Asked {
        item,
        answer,
        requests,
        notes,
    }
}

fn cut_answer(records: Vec<Value>, words: String) -> Answer {
    Answer::Records {
        records,
        cut: Some(words),
    }
}

/// Writes the records of an item. Returns false if they could not be kept: then the item is missed.
async fn write(
    job: &mut Syncing<'_>,
    item: PendingItem,
    records: Vec<Value>,
    cut: Option<String>,
) -> Result<bool, SyncFailure> {
    let rows = match rows(&job.plan, records) {
        Ok(rows) => rows,
        Err(kind) => {
            let error = RunError::of_plan(&job.plan, kind);
            return miss(job, &item, error.message()).await.map(|()| false);
        }
    };
    let times = rows.iter().filter_map(|row| job.time_of(&row.record));
    let whole = WholeAnswer {
        since: job.answers_since(times.min()),
        gone: job.gone(),
    };
    let why = cut.clone();
    let mut table = job.table.clone();
    let (partition, sync) = (job.partition.id, job.sync.clone());
    let key = item.key.clone();
    let written = job
        .store
        .call(move |store| {
            let arrival = sync.arrival(partition, Some(&key));
            let coverage = match &why {
                Some(words) => Coverage::Part(words),
                None => Coverage::Whole(whole),
            };
            let counts = store.write_item(&mut table, arrival, sync.at, rows, coverage)?;
            Ok::<_, StoreError>((table, counts))
        })
        .await;
    let counts = match written {
        Ok((table, counts)) => {
            job.table = table;
            counts
        }
        Err(error) if error.kind == StoreErrorKind::Misfit => {
            let words = match error.help {
                None => error.message,
                Some(help) => format!("{} ({help})", error.message),
            };
            return miss(job, &item, words).await.map(|()| false);
        }
        Err(error) => return Err(error.into()),
    };
    job.report.add_rows(counts, &job.job.keeping);
    if item.reason == Reason::Revisit
        && let Some(revisited) = &mut job.report.revisited
    {
        *revisited += 1;
    }
    if let Some(words) = cut {
        first_miss(job, &item, &words);
        return Ok(false);
    }
    Ok(true)
}

/// Records the failure of an item. Returns false if the API has only forgotten it.
async fn fail(
    job: &mut Syncing<'_>,
    item: &PendingItem,
    error: &RunError,
) -> Result<bool, SyncFailure> {
    let old = job.job.keeping.revisit.unwrap_or(OLD);
    let age = u64::try_from(job.sync.at - item.at).unwrap_or(0);
    let is_missing = matches!(error.status(), Some(404 | 410));
    let is_old = Duration::from_micros(age) >= old;
    let words = error.message();
    // A young one may have been deleted, or the access was lost for a while.
    let is_confirmed = item.has_answered && item.error.as_ref() == Some(&words);
    if !is_missing || !is_old && !is_confirmed {
        miss(job, item, words).await?;
        return Ok(true);
    }
    job.report.expired += 1;
    end(job, item, ItemOutcome::Expired).await?;
    Ok(false)
}

async fn miss(job: &mut Syncing<'_>, item: &PendingItem, words: String) -> Result<(), SyncFailure> {
    first_miss(job, item, &words);
    end(job, item, ItemOutcome::Missed(words)).await
}

/// Reports the first item that is missed.
fn first_miss(job: &mut Syncing<'_>, item: &PendingItem, words: &str) {
    let site = site(&job.plan, &item.json);
    let about = site.as_ref().and_then(Site::about).unwrap_or("an item");
    job.report
        .first_miss
        .get_or_insert_with(|| format!("{about}: {words}"));
}

async fn end(
    job: &Syncing<'_>,
    item: &PendingItem,
    outcome: ItemOutcome,
) -> Result<(), SyncFailure> {
    let (partition, sync) = (job.partition.id, job.sync.clone());
    let (table, key) = (job.table.clone(), item.key.clone());
    let ended = job
        .store
        .call(move |store| {
            let arrival = sync.arrival(partition, Some(&key));
            store.end_item(&table, arrival, sync.at, &outcome)
        })
        .await;
    ended.map_err(SyncFailure::Store)
}
