//! A table while it is synced.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::core::column::ColumnType;
use crate::engine::Session;
use crate::engine::sync::partition::{stored_feed, vars};
use crate::engine::sync::report::{SyncFailure, TableReport};
use crate::engine::sync::thread::StoreThread;
use crate::plan::{Binding, Input, Inputs, Plan, PlanError};
use crate::project::Query;
use crate::project::query::{Keeping, Var};
use crate::store::cell::{format_micros, micros};
use crate::store::{Gone, Partition, StoredTable, SyncStart};

/// Options of a sync.
#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// The time back to which listings go, in place of the store's positions.
    pub since: Option<Timestamp>,
    /// The environment of the resources.
    pub environment: Option<String>,
}

/// A query to sync, with all that binds it.
pub struct Job {
    /// The query.
    pub query: Arc<Query>,
    /// Its rule.
    pub keeping: Keeping,
    /// The context in which it is bound.
    pub binding: Rc<Binding>,
    /// The values of its vars.
    pub inputs: Inputs,
    /// Its columns, with their types as far as they are known.
    pub columns: Vec<(String, Option<ColumnType>)>,
}

impl Job {
    /// Returns the names of the vars that the call gives.
    pub fn given(&self) -> BTreeSet<String> {
        self.inputs.keys().cloned().collect()
    }

    /// Returns the table that its items come from, if they do: a query, with the values for it.
    ///
    /// # Errors
    ///
    /// As [`Plan::bind`].
    pub fn parent(&self) -> Result<Option<(Arc<Query>, Inputs)>, PlanError> {
        let plan = self.bind(None)?;
        let feed = stored_feed(&plan);
        Ok(feed.map(|feed| (Arc::clone(&feed.plan.query), feed.inputs(&self.given()))))
    }

    /// Returns the text that identifies the rows that it brings.
    ///
    /// # Errors
    ///
    /// As [`Plan::bind`].
    pub fn identity(&self, environment: Option<&str>) -> Result<String, PlanError> {
        Ok(vars(&*self.bind(None)?, &self.given(), environment))
    }

    /// Returns true if every item is asked in every sync: its request is for what is new, and nothing
    /// says when to ask it instead.
    pub fn asks_always(&self) -> bool {
        self.query.bounds_items() && self.keeping.revisit.is_none()
    }

    /// Binds the query for listings back to a time.
    ///
    /// # Errors
    ///
    /// As [`Plan::bind`].
    pub fn bind(&self, since: Option<i64>) -> Result<Rc<Plan>, PlanError> {
        let since = since.map(|since| Value::from(format_micros(since)));
        let mut inputs = self.inputs.clone();
        if let Some(since) = &since
            && self.query.vars.iter().any(Var::is_since)
        {
            inputs.insert("since".to_owned(), Input::Json(since.clone()));
        }
        let binding = Rc::new(self.binding.since(since));
        Plan::bind(Arc::clone(&self.query), &binding, &inputs).map(Rc::new)
    }
}

/// A table while it is synced.
pub struct Syncing<'s> {
    pub job: &'s Job,
    pub options: &'s SyncOptions,
    pub store: &'s StoreThread,
    pub session: &'s Rc<Session>,
    pub sync: &'s SyncStart,
    pub plan: Rc<Plan>,
    /// The plan of a first sync, for items that have never answered: they have no position, and their
    /// rows may be older.
    pub first: Rc<Plan>,
    pub table: StoredTable,
    pub partition: Partition,
    /// The time back to which listings go, in microseconds since 1970.
    pub since: Option<i64>,
    pub report: TableReport,
}

impl Syncing<'_> {
    /// Returns what becomes of rows that a whole answer no longer has.
    pub fn gone(&self) -> Gone {
        if self.job.keeping.marks_gone {
            Gone::Mark
        } else {
            Gone::Keep
        }
    }

    /// Returns true if the query, or one that it uses, takes the time back to which to list.
    pub fn is_bounded(&self) -> bool {
        let queries = self.plan.query.with_fed_by();
        queries
            .iter()
            .any(|query| query.vars.iter().any(Var::is_since))
    }

    /// Returns the time of a row, in microseconds since 1970.
    pub fn time_of(&self, record: &Map<String, Value>) -> Option<i64> {
        let at = self.job.keeping.at.as_ref()?;
        micros(record.get(&*at.value)?.as_str()?)
    }

    /// Returns the time from which on a whole answer with rows back to `oldest` has all of them;
    /// `None` if that is from the beginning.
    pub fn answers_since(&self, oldest: Option<i64>) -> Option<i64> {
        let query = &self.plan.query;
        let is_bounded = if query.is_walk() {
            query.bounds_items()
        } else {
            self.is_bounded()
        };
        let since = self.since.filter(|_| is_bounded);
        if query.stops_elsewhere() {
            // Other rows of the same time may be after the one that ended the listing.
            let oldest = oldest.map_or(i64::MAX, |oldest| oldest.saturating_add(1));
            return Some(since.map_or(oldest, |since| since.max(oldest)));
        }
        since
    }

    /// Returns the time back to which the listing goes; `None` without a bound.
    pub fn lists_since(&self) -> Option<i64> {
        let usual = || {
            let plans = self.plan.with_fed_by().into_iter();
            let bounded = plans.filter(|plan| plan.query.vars.iter().any(Var::is_since));
            let times = bounded.filter_map(|plan| micros(plan.vars.get("since")?.as_str()?));
            times.min()
        };
        self.since.or_else(usual)
    }

    /// Records that the listing was read without a hole.
    pub async fn end_listing(&self, newest: Option<i64>) -> Result<(), SyncFailure> {
        let (partition, sync) = (self.partition.id, self.sync.clone());
        let revisit = self.job.keeping.revisit;
        let ended = self
            .store
            .call(move |store| store.end_listing(partition, &sync, newest, revisit))
            .await;
        ended.map_err(SyncFailure::Store)
    }
}
