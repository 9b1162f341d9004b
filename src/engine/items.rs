//! The items of a walk that writes: what feeds it only reads, so all of them are known before the
//! first write.

use std::rc::Rc;
use std::sync::Arc;

use tokio::task::LocalSet;

use crate::engine::ledger::Ledger;
use crate::engine::outlet::channel;
use crate::engine::run::{Run, Want};
use crate::engine::stop::Crew;
use crate::engine::walk::{Walker, let_out};
use crate::engine::{RunError, Session};
use crate::plan::{DataValues, Plan, Site};

/// What a run will ask for, and what of it could not be found.
#[derive(Default)]
pub struct Found {
    /// The names of every request, in the query's order.
    pub sites: Vec<Site>,
    /// What of the items is not whole.
    pub ledger: Ledger,
    /// What looks like a mistake and is none for sure.
    pub notes: Vec<String>,
    /// Requests that were made.
    pub requests: u64,
    /// What the queries of `data` gave.
    pub data: Arc<DataValues>,
}

/// Finds the items of a plan, as many as its limit allows, and sends none of its own requests.
/// Returns nothing if the session is told to stop.
///
/// # Errors
///
/// The first fault that leaves no items.
pub async fn find(plan: &Rc<Plan>, session: &Rc<Session>) -> Result<Option<Found>, RunError> {
    session.levels().clear();
    let run = Rc::new(Run::new(plan, session, Want::Items));
    let found = LocalSet::new().run_until(find_all(&run, plan)).await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    found
}

async fn find_all(run: &Rc<Run>, plan: &Rc<Plan>) -> Result<Option<Found>, RunError> {
    let crew = Crew::new(&run.panicked);
    run.set_tasks(&crew);
    let (outlet, mut inlet) = channel(&run.ahead, true);
    let walker = Walker::start(run, &crew.member(), plan, true);
    crew.member().spawn(walker.walk(let_out(), outlet));
    let mut order: Vec<u64> = Vec::new();
    while plan.limit.is_none_or(|most| order.len() < most) {
        let batch = tokio::select! {
            batch = inlet.next() => batch,
            () = run.session.stop().heard() => return Ok(None),
            () = run.failed() => None,
        };
        let Some(batch) = batch else { break };
        order.extend(batch.kept.iter().filter_map(|kept| kept.record.as_u64()));
    }
    crew.stop();
    order.truncate(plan.limit.unwrap_or(usize::MAX));
    let data = if run.has_failed() || plan.data.is_empty() {
        Arc::default()
    } else {
        tokio::select! {
            data = run.data_of(plan) => data,
            () = run.session.stop().heard() => return Ok(None),
        }
    };
    run.found(&order, data).map(Some)
}
