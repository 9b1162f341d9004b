//! Runs a plan from its first request to its last record.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::task::LocalSet;

use crate::engine::cover::UsedPart;
use crate::engine::data::{data_of, run_facts};
use crate::engine::expectations::{ResultFacts, expectations};
use crate::engine::failures::records;
use crate::engine::gather::Gather;
use crate::engine::items::{FoundItems, resume};
use crate::engine::outcome::{FailedRun, Outcome, ResultKind, RunReport, is_partial};
use crate::engine::outlet::channel;
use crate::engine::records::{Deliver, KeyedRecord};
use crate::engine::run::Run;
use crate::engine::split::{Split, TaggedSite};
use crate::engine::stop::Crew;
use crate::engine::unmet::UnmetExpectations;
use crate::engine::walk::{Walker, let_out, read_all};
use crate::engine::{RunError, RunErrorKind, Session};
use crate::http::HeaderMap;
use crate::plan::{DataValues, Plan, Site};
use crate::project::failures;
use crate::template::Records;

/// Runs a plan, for the given items if there are any. If the session is stopped, completed work is
/// delivered.
///
/// # Errors
///
/// The first error, unless it concerns an item or a later page: then the other records are valid,
/// and the error is in the report.
pub async fn run(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    kind: ResultKind,
    found: Option<FoundItems>,
    deliver: &mut dyn Deliver,
) -> Result<RunReport, Box<FailedRun>> {
    session.levels().clear();
    let run = Rc::new(Run::new(plan, session, kind, read_all));
    let sites = found.map(|found| resume(&run, plan, found));
    complete(&run, plan, sites, deliver).await
}

/// Runs a plan for one item, or without items, beside other runs of the session.
///
/// # Errors
///
/// As [`run`].
pub async fn run_beside(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    site: Option<Site>,
    deliver: &mut dyn Deliver,
) -> Result<RunReport, Box<FailedRun>> {
    let run = Rc::new(Run::new(plan, session, ResultKind::Records, read_all));
    run.is_beside.set(site.is_some());
    complete(&run, plan, site.map(|site| vec![site]), deliver).await
}

async fn complete(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    sites: Option<Vec<Site>>,
    deliver: &mut dyn Deliver,
) -> Result<RunReport, Box<FailedRun>> {
    let report = LocalSet::new()
        .run_until(drive(run, plan, sites, deliver))
        .await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    report
}

async fn drive(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    sites: Option<Vec<Site>>,
    deliver: &mut dyn Deliver,
) -> Result<RunReport, Box<FailedRun>> {
    let crew = Crew::new(&run.panicked);
    run.set_tasks(&crew);
    let (outlet, mut inlet) = channel(&run.ahead, !run.session.is_unordered());
    let walker = Walker::start(run, &crew.member(), plan);
    match sites {
        None => crew.member().spawn(walker.walk(let_out(), outlet)),
        Some(sites) => {
            let sites = sites.into_iter();
            let items = sites.map(|site| TaggedSite { tag: None, site });
            let known = plan.feeds.len();
            let walk = walker.walk_each(items.collect(), known, let_out(), outlet);
            crew.member().spawn(walk);
        }
    }
    let mut collector = Collector::new(run, plan);
    let mut is_stopped = false;
    let mut is_new = false;
    loop {
        let mut batch = inlet.ready();
        if batch.is_none() {
            if std::mem::take(&mut is_new) {
                let paused = deliver.pause();
                paused.map_err(|error| {
                    collector.failed(collector.fault(RunErrorKind::Sink(error)))
                })?;
            }
            batch = tokio::select! {
                // In this order: what has been found is delivered before a failure ends the run.
                biased;
                // The tasks end, but their records are delivered first.
                () = run.session.stop().wait(), if !is_stopped => {
                    is_stopped = true;
                    crew.stop();
                    continue;
                }
                batch = inlet.next() => batch,
                () = run.failed() => None,
            };
        }
        collector.report_failures(deliver);
        let Some(batch) = batch else { break };
        is_new = true;
        if let Some(tag) = batch.tag {
            deliver.item(tag);
        }
        let taken = collector.take(batch.kept, deliver);
        taken.map_err(|error| collector.failed(error))?;
        if collector.is_full() {
            break;
        }
    }
    crew.stop();
    let finished = collector.finish(deliver).await;
    finished.map_err(|error| collector.failed(error))?;
    collector.report_failures(deliver);
    // A walk that failed or was stopped needs no `data`, and a part ends in no document.
    let is_over = is_stopped || run.has_failed() || run.is_of_part();
    let data = if is_over || plan.data.is_empty() {
        Arc::default()
    } else {
        data_of(run, plan).await
    };
    collector.report_failures(deliver);
    collector.report(is_stopped, data, None)
}

/// Runs a plan for items of a level: sends what follows from them, and delivers all their records in the
/// order of the items. The query's order, `unique`, `limit` and `expect` are left to [`merge`](crate::engine::merge).
///
/// # Errors
///
/// As [`run`].
pub async fn run_part(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    level: &Split,
    items: Vec<TaggedSite>,
    data: Arc<DataValues>,
    deliver: &mut dyn Deliver,
) -> Result<RunReport, Box<FailedRun>> {
    session.levels().clear();
    let mut run = Run::new(plan, session, ResultKind::Records, read_all);
    run.give_items(level, items);
    // The cell of a new run is empty.
    let _ = run.data.cell(plan).set(data);
    complete(&Rc::new(run), plan, None, deliver).await
}

/// Delivers records and assembles the report.
pub struct Collector<'r> {
    run: &'r Rc<Run>,
    plan: &'r Rc<Plan>,
    gather: Gather,
    /// The records for `expect`.
    rows: Vec<Value>,
    delivered: usize,
}

/// Facts about a run whose requests were sent elsewhere.
pub struct FactsOfParts {
    /// The number of requests.
    pub requests: u64,
    /// True if records are missing.
    pub is_partial: bool,
    /// The failures.
    pub failures: Records,
}

impl<'r> Collector<'r> {
    /// Creates the collector of a run before its first record.
    pub fn new(run: &'r Rc<Run>, plan: &'r Rc<Plan>) -> Self {
        let gather = if run.is_of_part() {
            Gather::of_part(plan)
        } else {
            Gather::new(plan)
        };
        Self {
            run,
            plan,
            gather,
            rows: Vec::new(),
            delivered: 0,
        }
    }

    /// Returns true if no more records are needed.
    pub fn is_full(&self) -> bool {
        self.gather.is_full()
    }

    /// Takes records, and delivers those that are ready.
    ///
    /// # Errors
    ///
    /// If they cannot be collected or delivered.
    pub fn take(
        &mut self,
        kept: Vec<KeyedRecord>,
        deliver: &mut dyn Deliver,
    ) -> Result<(), RunError> {
        let passed = self.gather.pass(kept);
        let records = passed.map_err(|kind| self.fault(kind))?;
        self.deliver(records, deliver)
    }

    /// Delivers the records that were held back.
    ///
    /// # Errors
    ///
    /// As [`Collector::take`].
    pub async fn finish(&mut self, deliver: &mut dyn Deliver) -> Result<(), RunError> {
        while let Some(records) = self.gather.rest().map_err(|kind| self.fault(kind))? {
            self.deliver(records, deliver)?;
            // A signal ends the run between batches.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn deliver(&mut self, records: Vec<Value>, deliver: &mut dyn Deliver) -> Result<(), RunError> {
        for mut record in records {
            self.plan.scrubber.json(&mut record);
            if !self.plan.query.shape.expect.is_empty() && !self.run.is_of_part() {
                self.rows.push(record.clone());
            }
            self.delivered += 1;
            deliver
                .record(record)
                .map_err(|error| self.fault(RunErrorKind::Sink(error)))?;
        }
        Ok(())
    }

    /// Returns an error of the whole run.
    pub fn fault(&self, kind: RunErrorKind) -> RunError {
        let request = self.run.findings.borrow().request.clone();
        RunError {
            request,
            ..RunError::of_plan(self.plan, kind)
        }
    }

    /// Returns the result of a run that an error ended.
    pub fn failed(&self, error: RunError) -> Box<FailedRun> {
        let findings = self.run.findings.take();
        findings.into_failed(error, self.run.requests())
    }

    fn report_failures(&self, deliver: &mut dyn Deliver) {
        let fresh = self.run.findings.borrow_mut().ledger.take_fresh();
        for error in fresh {
            deliver.failed(&error);
        }
    }

    /// Evaluates the expectations, and assembles the report.
    ///
    /// # Errors
    ///
    /// The failure that ended the run, or an expectation that cannot be evaluated.
    pub fn report(
        self,
        is_stopped: bool,
        data: Arc<DataValues>,
        of_parts: Option<FactsOfParts>,
    ) -> Result<RunReport, Box<FailedRun>> {
        let mut findings = self.run.findings.take();
        if let Some(error) = findings.fatal.take() {
            return Err(findings.into_failed(error, self.run.requests()));
        }
        if self.run.is_beside.get() {
            findings.forget_columns();
        }
        let notes = findings.take_notes(&self.plan.query.name);
        let request = findings.request.take();
        let fault = |kind| RunError {
            request: request.clone(),
            ..RunError::of_plan(self.plan, kind)
        };
        let (body, headers, elapsed) = match &findings.first {
            None => (Bytes::new(), HeaderMap::new(), Duration::ZERO),
            Some(first) => (
                first.body.clone(),
                first.response.headers.clone(),
                first.response.elapsed,
            ),
        };
        let outcome = findings.outcome.take().unwrap_or(Outcome::Complete);
        let sent = self.run.requests();
        let columns = failures::columns(self.plan.query.with_fed_by());
        let failed = findings.ledger.all().iter().map(|error| &**error);
        // The plan's own broken listing is not in the ledger.
        let broken = match &outcome {
            Outcome::Broken(error) => Some(&**error),
            _ => None,
        };
        let found = FactsOfParts {
            requests: sent,
            is_partial: is_partial(&outcome, &findings.ledger),
            failures: records(self.plan, columns, failed.chain(broken)),
        };
        let FactsOfParts {
            requests,
            is_partial,
            failures,
        } = of_parts.unwrap_or(found);
        let facts = ResultFacts {
            records: self.rows,
            answer: findings
                .first
                .as_ref()
                .map(|first| (&first.response, &first.json)),
            data: &data,
            run: &run_facts(self.plan, requests, is_partial),
            failures: &failures,
        };
        // Expectations cannot be checked for a stopped run, and are about the records of all parts.
        let own = if is_stopped {
            findings.unmet = UnmetExpectations::default();
            Ok(Vec::new())
        } else if self.run.is_of_part() {
            Ok(Vec::new())
        } else {
            expectations(self.plan, facts)
        };
        match own {
            Ok(own) if own.is_empty() => {}
            Ok(own) => {
                if let Some(cover) = self.run.session.cover() {
                    for unmet in &own {
                        cover.used(&self.plan.query, UsedPart::Unmet(&unmet.that));
                    }
                }
                let error = fault(RunErrorKind::Expectation(own));
                findings.unmet.add_last(error);
            }
            Err(kind) => return Err(findings.into_failed(fault(kind), requests)),
        }
        Ok(RunReport {
            records: self.delivered,
            outcome,
            ledger: findings.ledger,
            failures,
            is_stopped,
            body,
            headers,
            elapsed,
            notes,
            doubt: findings.doubt,
            requests,
            data,
            unmet: findings.unmet,
            is_partial,
            incomplete: self.run.part.incomplete.take(),
        })
    }
}
