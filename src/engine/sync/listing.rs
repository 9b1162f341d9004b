//! The set "new": items that a listing finds, or that changed in another table.

use std::rc::Rc;

use crate::core::text::counted;
use crate::engine::sync::partition::{StoredFeed, found_item, stored_feed, vars};
use crate::engine::sync::report::SyncFailure;
use crate::engine::sync::syncing::Syncing;
use crate::engine::{Cut, find_each};
use crate::plan::Plan;
use crate::store::{FoundItem, SHOWN_COLUMNS, Selection, table_name};

/// The outcome of a listing.
pub enum Listed {
    /// It was read to its end, with the latest time of an item.
    Whole(Option<i64>),
    /// It was cut; the words say why.
    Cut(String),
    /// The run was interrupted.
    Stopped,
}

/// Notes the items of the set "new".
///
/// # Errors
///
/// If the listing fails before its first item, or the store does.
pub async fn list(job: &mut Syncing<'_>) -> Result<Listed, SyncFailure> {
    let plan = Rc::clone(&job.plan);
    match stored_feed(&plan) {
        Some(feed) => of_table(job, &plan, &feed).await.map(Listed::Whole),
        None => of_requests(job, &plan).await,
    }
}

/// Notes the items that requests list.
async fn of_requests(job: &mut Syncing<'_>, plan: &Rc<Plan>) -> Result<Listed, SyncFailure> {
    let (partition, since) = (job.partition.id, job.lists_since());
    job.store
        .call(move |store| store.begin_listing(partition, since))
        .await?;
    let mut newest = None;
    let mut has_secret = false;
    let mut fault = None;
    let mut writes = Vec::new();
    let found = {
        let (store, sync) = (job.store, job.sync.clone());
        find_each(plan, job.session, &mut |sites| {
            let items: Option<Vec<FoundItem>> =
                sites.iter().map(|site| found_item(plan, site)).collect();
            let Some(items) = items else {
                has_secret = true;
                return;
            };
            newest = newest.max(items.iter().filter_map(|item| item.at).max());
            let sync = sync.clone();
            writes.push(store.begin(move |store| store.note_items(partition, &sync, &items)));
        })
        .await
    };
    for write in writes {
        let result = write
            .await
            .expect("the thread of the store answers or has panicked");
        fault = fault.or(result.err());
    }
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    if has_secret {
        return Err(secret_items(plan));
    }
    let found = match found {
        Ok(None) => return Ok(Listed::Stopped),
        Ok(Some(found)) => found,
        Err(failed) => {
            job.report.requests += failed.requests;
            return match newest {
                None => Err(SyncFailure::Run(Rc::new(failed.error))),
                Some(_) => Ok(Listed::Cut(failed.error.message())),
            };
        }
    };
    job.report.requests += found.requests;
    job.report.add_notes(found.notes, found.doubt.as_ref());
    if let Some(failures) = found.ledger.failures().first() {
        return Ok(Listed::Cut(failures.example.message()));
    }
    if let Some(cuts) = found.ledger.cuts().first() {
        return Ok(Listed::Cut(cut_words(&cuts.query, cuts.cut)));
    }
    if let Some(words) = found.doubt {
        return Ok(Listed::Cut(words));
    }
    Ok(Listed::Whole(newest))
}

/// Returns the failure for items that a store must not keep.
fn secret_items(plan: &Plan) -> SyncFailure {
    SyncFailure::Query(format!(
        "the items of `{}` are secret, and a store would keep them",
        plan.query.name
    ))
}

/// Returns the words for a listing that was cut.
pub fn cut_words(query: &str, cut: Cut) -> String {
    match cut {
        Cut::Pages(pages) => {
            let pages = counted(pages, "page");
            format!("the listing of `{query}` goes on after {pages} (`max_pages`)")
        }
        Cut::Rows(rows) => {
            let rows = counted(rows, "row");
            format!("the listing of `{query}` goes on after {rows} (`max_rows`)")
        }
        Cut::Content | Cut::NoRows => {
            format!("the listing of `{query}` has more pages than the first")
        }
    }
}

/// Notes the rows of another table that changed since they were noted last.
async fn of_table(
    job: &mut Syncing<'_>,
    plan: &Rc<Plan>,
    feed: &StoredFeed<'_>,
) -> Result<Option<i64>, SyncFailure> {
    let parent = table_name(&feed.plan.query.name);
    let query = feed.plan.query.name.clone();
    let given = feed.given(&job.job.given());
    let vars = vars(feed.plan, &given, job.options.environment.as_deref());
    let consumed = Some(job.partition.consumed).filter(|_| !job.job.asks_always());
    let changed = job
        .store
        .call(move |store| {
            let last = store.last_sync()?;
            let tables = store.tables()?;
            let Some(table) = tables.into_iter().find(|table| table.name == parent) else {
                return Ok((last, None));
            };
            let partition = store.partition(&table.name, &vars)?;
            let selection = Selection {
                partition: Some(partition.id),
                changed_after: consumed,
                ..Selection::default()
            };
            let mut records = Vec::new();
            store.each_record(&table, &selection, &mut |record| {
                if record
                    .get("_gone_at")
                    .is_none_or(serde_json::Value::is_null)
                {
                    records.push(record);
                }
                Ok(())
            })?;
            Ok((last, Some(records)))
        })
        .await;
    let (last, records) = changed.map_err(SyncFailure::Store)?;
    let Some(records) = records else {
        let words =
            format!("the items come from the table `{query}`, which the store does not have");
        return Err(SyncFailure::Query(words));
    };
    let mut items = Vec::new();
    for mut record in records {
        record.retain(|name, _| !SHOWN_COLUMNS.iter().any(|(own, _)| own == name));
        let item = serde_json::Value::Object(record);
        let site = plan.site_with(&plan.site(), feed.name, &item);
        let takes = Plan::takes(&plan.loops()[0], &site);
        let takes = takes.map_err(|error| SyncFailure::Query(error.message))?;
        if takes {
            items.push(found_item(plan, &site).ok_or_else(|| secret_items(plan))?);
        }
    }
    let (partition, sync) = (job.partition.id, job.sync.clone());
    let newest = items.iter().filter_map(|item| item.at).max();
    let noted = job
        .store
        .call(move |store| {
            store.note_items(partition, &sync, &items)?;
            store.consume(partition, last)
        })
        .await;
    noted.map_err(SyncFailure::Store)?;
    Ok(newest)
}
