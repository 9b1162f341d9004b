//! Finds the items of a walk without walking them: before a write, for a sync, and for a walk that is
//! divided among several processes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::LocalSet;

use crate::engine::Session;
use crate::engine::data::data_of;
use crate::engine::ledger::Ledger;
use crate::engine::outcome::{FailedRun, ResultKind};
use crate::engine::outlet::channel;
use crate::engine::run::Run;
use crate::engine::split::Split;
use crate::engine::stop::Crew;
use crate::engine::unmet::UnmetExpectations;
use crate::engine::walk::{Walker, let_out, read_all};
use crate::plan::{DataValues, Plan, Site};

/// The items of a run, and the failures in finding them.
#[derive(Default)]
pub struct FoundItems {
    /// The names for each request, in the query's order.
    pub sites: Vec<Site>,
    /// Failures and cuts in finding the items.
    pub ledger: Ledger,
    /// Probable mistakes.
    pub notes: Vec<String>,
    /// As in [`RunReport`](crate::engine::RunReport).
    pub doubt: Option<String>,
    /// The expectations of queries that feed the walk that are not met.
    pub unmet: UnmetExpectations,
    /// The number of requests sent.
    pub requests: u64,
    /// The results of `data`.
    pub data: Arc<DataValues>,
}

/// Finds the items of a plan, up to its limit, without sending any of its own requests. Returns
/// `None` if the session is stopped.
///
/// # Errors
///
/// The first error that prevents finding items.
pub async fn find(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
) -> Result<Option<FoundItems>, Box<FailedRun>> {
    session.levels().clear();
    let run = Rc::new(Run::new(plan, session, ResultKind::Items, read_all));
    let found = LocalSet::new().run_until(find_all(&run, plan)).await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    found
}

/// As [`find`], but of the items at a level of the walk, and without the results of `data`.
///
/// # Errors
///
/// As [`find`].
pub async fn find_at(
    plan: &Rc<Plan>,
    level: &Split,
    session: &Rc<Session>,
) -> Result<Option<FoundItems>, Box<FailedRun>> {
    session.levels().clear();
    let run = Rc::new(Run::new(plan, session, ResultKind::Items, read_all));
    run.split.set(level.place());
    let mut order: Vec<u64> = Vec::new();
    let mut take = |numbers: &[u64]| order.extend(numbers);
    let whole = LocalSet::new().run_until(list(&run, plan, &mut take)).await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    match whole {
        None => Ok(None),
        Some(()) => found(&run, &order, Arc::default()).map(Some),
    }
}

/// Finds the results of a plan's `data`, without any of its own requests. The result has no items.
///
/// # Errors
///
/// As [`find`].
pub async fn find_data(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
) -> Result<Option<FoundItems>, Box<FailedRun>> {
    session.levels().clear();
    let run = Rc::new(Run::new(plan, session, ResultKind::Items, read_all));
    let work = async {
        tokio::select! {
            // In this order, so that a run can be replayed.
            biased;
            () = run.session.stop().wait() => None,
            data = data_of(&run, plan) => Some(data),
            () = run.failed() => Some(Arc::default()),
        }
    };
    let data = LocalSet::new().run_until(work).await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    match data {
        None => Ok(None),
        Some(data) => found(&run, &[], data).map(Some),
    }
}

/// As [`find`], but passes the items on in batches as they are found, each once, and does not begin
/// the session's progress anew. The result has no items.
///
/// # Errors
///
/// As [`find`]. The items before it were passed on.
pub async fn find_each(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    take: &mut dyn FnMut(Vec<Site>),
) -> Result<Option<FoundItems>, Box<FailedRun>> {
    let run = Rc::new(Run::new(plan, session, ResultKind::Items, read_all));
    let mut pass = |order: &[u64]| {
        if let Some(found) = &run.found {
            let mut found = found.borrow_mut();
            let mut taken = Vec::with_capacity(order.len());
            for index in order
                .iter()
                .filter_map(|index| usize::try_from(*index).ok())
            {
                // What was passed on need not be held.
                taken.extend(
                    found
                        .get_mut(index)
                        .map(|site| std::mem::replace(site, plan.site())),
                );
            }
            take(taken);
        }
    };
    let whole = LocalSet::new().run_until(list(&run, plan, &mut pass)).await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    match whole {
        None => Ok(None),
        Some(()) => found(&run, &[], Arc::default()).map(Some),
    }
}

/// Lists the numbers of the items. Returns `None` if the session is stopped.
async fn list(run: &Rc<Run>, plan: &Rc<Plan>, take: &mut dyn FnMut(&[u64])) -> Option<()> {
    let crew = Crew::new(&run.panicked);
    run.set_tasks(&crew);
    let (outlet, mut inlet) = channel(&run.ahead, true);
    let walker = Walker::start(run, &crew.member(), plan);
    crew.member().spawn(walker.walk(let_out(), outlet));
    let mut count = 0;
    while plan.limit.is_none_or(|most| count < most) {
        let batch = tokio::select! {
            // In this order, so that a run can be replayed.
            biased;
            () = run.session.stop().wait() => return None,
            batch = inlet.next() => batch,
            () = run.failed() => None,
        };
        let Some(batch) = batch else { break };
        let numbers = batch.kept.iter().filter_map(|kept| kept.record.as_u64());
        let numbers: Vec<u64> = numbers.collect();
        count += numbers.len();
        take(&numbers);
    }
    crew.stop();
    Some(())
}

async fn find_all(run: &Rc<Run>, plan: &Rc<Plan>) -> Result<Option<FoundItems>, Box<FailedRun>> {
    let mut order: Vec<u64> = Vec::new();
    let whole = list(run, plan, &mut |numbers| order.extend(numbers)).await;
    if whole.is_none() {
        return Ok(None);
    }
    order.truncate(plan.limit.unwrap_or(usize::MAX));
    let data = if run.has_failed() || plan.data.is_empty() {
        Arc::default()
    } else {
        tokio::select! {
            // In this order, so that a run can be replayed.
            biased;
            () = run.session.stop().wait() => return Ok(None),
            data = data_of(run, plan) => data,
        }
    };
    found(run, &order, data).map(Some)
}

/// Returns the items found, in the order of the kept site numbers.
fn found(run: &Run, order: &[u64], data: Arc<DataValues>) -> Result<FoundItems, Box<FailedRun>> {
    let mut findings = run.findings.take();
    if let Some(error) = findings.fatal.take() {
        return Err(findings.into_failed(error, run.requests()));
    }
    let sites = run.found.as_ref().map(RefCell::take).unwrap_or_default();
    let order = order
        .iter()
        .filter_map(|number| usize::try_from(*number).ok());
    Ok(FoundItems {
        sites: order
            .filter_map(|index| sites.get(index).cloned())
            .collect(),
        ledger: findings.ledger,
        notes: findings.notes,
        doubt: findings.doubt,
        unmet: findings.unmet,
        requests: run.requests(),
        data,
    })
}

/// Continues a run with the items found.
pub fn resume(run: &Run, plan: &Plan, found: FoundItems) -> Vec<Site> {
    let mut findings = run.findings.borrow_mut();
    findings.ledger = found.ledger;
    findings.notes = found.notes;
    findings.doubt = found.doubt;
    findings.unmet = found.unmet;
    run.resume_from(found.requests);
    // The cell of a new run is empty.
    let _ = run.data.cell(plan).set(found.data);
    found.sites
}
