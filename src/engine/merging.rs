//! Completes a walk whose records were found in parts.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::drive::{Collector, FactsOfParts};
use crate::engine::outcome::{FailedRun, ResultKind, RunReport};
use crate::engine::records::{Deliver, KeyedRecord, keeps_its_meaning, sort_keys};
use crate::engine::run::Run;
use crate::engine::walk::read_all;
use crate::engine::{RunErrorKind, Session};
use crate::plan::{DataValues, Plan};
use crate::project::query::SortBy;
use crate::template::Scope;

/// The records of parts.
pub trait RecordsOfParts {
    /// Returns the next records, in the order of the walk; `None` at the end.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    fn next(&mut self) -> io::Result<Option<Vec<Value>>>;

    /// Returns the facts about how they were found, after the last of them.
    fn facts(&mut self) -> FactsOfParts;
}

/// Completes the walk of a plan: its order, `unique`, `limit` and `expect`. Sends no requests.
///
/// # Errors
///
/// If the records cannot be read, collected or delivered, or an expectation cannot be evaluated.
pub async fn merge(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    parts: &mut dyn RecordsOfParts,
    data: Arc<DataValues>,
    deliver: &mut dyn Deliver,
) -> Result<RunReport, Box<FailedRun>> {
    let run = Rc::new(Run::new(plan, session, ResultKind::Records, read_all));
    let mut collector = Collector::new(&run, plan);
    let mut is_stopped = false;
    while !collector.is_full() {
        let records = parts.next().map_err(RunErrorKind::Sink);
        let kept = records.and_then(|records| keyed(plan, records));
        let kept = kept.map_err(|kind| collector.failed(collector.fault(kind)))?;
        let Some(kept) = kept else { break };
        let taken = collector.take(kept, deliver);
        taken.map_err(|error| collector.failed(error))?;
        // A signal ends the run between batches.
        tokio::task::yield_now().await;
        if session.stop().is_set() {
            is_stopped = true;
            break;
        }
    }
    let finished = collector.finish(deliver).await;
    finished.map_err(|error| collector.failed(error))?;
    collector.report(is_stopped, data, Some(parts.facts()))
}

/// Adds the sort keys.
fn keyed(
    plan: &Plan,
    records: Option<Vec<Value>>,
) -> Result<Option<Vec<KeyedRecord>>, RunErrorKind> {
    let Some(records) = records else {
        return Ok(None);
    };
    if plan.query.shape.sort.is_empty() {
        return Ok(Some(records.into_iter().map(KeyedRecord::new).collect()));
    }
    let kept = records.into_iter().map(|record| {
        let keys = sort_keys(plan, &record, &scope_of(plan, &record))?;
        Ok(KeyedRecord::new(record).with_keys(keys))
    });
    kept.collect::<Result<_, _>>().map(Some)
}

/// Returns the scope of sort keys over a record.
fn scope_of(plan: &Plan, record: &Value) -> Scope {
    let uses = plan.uses();
    let mut scope = plan.scope().clone();
    if plan.query.shape.extract.is_empty() {
        return scope.with_row_members(record, &|member| uses.has_member(member));
    }
    for (name, value) in record.as_object().into_iter().flatten() {
        if uses.has_column(name) && !keeps_its_meaning(plan, name) {
            scope = scope.with(name, value);
        }
    }
    scope
}

/// Returns the first sort key that a record alone does not tell.
pub fn key_beyond_records(plan: &Plan) -> Option<&str> {
    let has_row = plan.query.shape.extract.is_empty();
    let is_beyond = |name: &str| match name {
        "response" => true,
        "row" => !has_row,
        name => plan.loops().iter().any(|feed| feed.name == name),
    };
    plan.query.shape.sort.iter().find_map(|key| match &key.by {
        SortBy::Column(_) => None,
        SortBy::Expression(expression) => {
            let mut mentions = expression.mentions().iter_all();
            let is_beyond = mentions.any(|mention| is_beyond(mention.root()));
            is_beyond.then(|| expression.source())
        }
    })
}
