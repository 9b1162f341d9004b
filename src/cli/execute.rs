//! Runs plans in a session and writes their results. Knows nothing of the network.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::options::RunOptions;
use crate::cli::output::{ReportFacts, ResultContext, WriterDelivery, Writers};
use crate::cli::state::State;
use crate::cli::{confirm, outcome};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::engine::{
    self, FoundItems, Outcome, ResultKind, RunError, RunErrorKind, RunReport, Session, Write,
};
use crate::plan::{Plan, RequestPlan};

/// Refuses, before the first request, plans without permission to read or write, and those that
/// fail a further check; asks before single writes.
///
/// # Errors
///
/// The first refusal.
pub fn admit(
    plans: &[Rc<Plan>],
    options: &RunOptions,
    check: &dyn Fn(RequestPlan<'_>) -> Result<(), Failure>,
    app: &App,
) -> Result<(), Failure> {
    for plan in plans {
        for requests in plan.with_fed_by().into_iter().filter_map(Plan::requests) {
            refuse_reading(requests)?;
            check(requests)?;
        }
        confirm::admit(plan, options, app)?;
    }
    Ok(())
}

/// Returns true if plans may send equal requests, so that responses must be remembered.
pub fn remembers(plans: &[Rc<Plan>]) -> bool {
    let may_repeat = |plan: &Rc<Plan>| plan.query.with_fed_by().len() > 1 || plan.query.is_walk();
    plans.len() > 1 || plans.iter().any(may_repeat)
}

/// Refuses a reading method for a write-only resource.
fn refuse_reading(plan: RequestPlan<'_>) -> Result<(), Failure> {
    let reads = if plan.is_safe() {
        plan.call.method.to_string()
    } else if let Some(polled) = plan.call.polled_endpoint() {
        format!("GET {}", polled.source())
    } else {
        return Ok(());
    };
    if plan.resource().access.may_read() {
        return Ok(());
    }
    let words = format!(
        "the resource `{}` is write-only, and `{}` reads: {reads}",
        plan.resource().name,
        plan.query.name,
    );
    Err(Failure::new(Exit::Forbidden, Code::WriteOnly, words))
}

/// The run of plans, one after another.
pub struct Execution<'e> {
    plans: &'e [Rc<Plan>],
    options: &'e RunOptions,
    app: &'e Rc<App>,
    /// The number of completed plans.
    done: Cell<usize>,
    /// The writers of the running plan, until they are finished.
    writer: RefCell<Option<Writers>>,
    session: RefCell<Option<Rc<Session>>>,
    /// The result of the last run, for reports without a state.
    previous: Option<Value>,
    /// The items of the only plan, if they were found and approved before.
    approved: RefCell<Option<FoundItems>>,
    /// True if the first page of a listing is what was asked for.
    is_of_first_page: bool,
}

impl<'e> Execution<'e> {
    /// Creates the run of plans.
    pub fn new(plans: &'e [Rc<Plan>], options: &'e RunOptions, app: &'e Rc<App>) -> Self {
        Self {
            plans,
            options,
            app,
            done: Cell::default(),
            writer: RefCell::default(),
            session: RefCell::default(),
            previous: None,
            approved: RefCell::default(),
            is_of_first_page: false,
        }
    }

    /// Asks for the first page of a listing only: that there are more is a note.
    #[must_use]
    pub fn of_first_page(mut self) -> Self {
        self.is_of_first_page = true;
        self
    }

    /// Sets the items of the only plan, which were approved.
    #[must_use]
    pub fn with_approved(self, found: Option<FoundItems>) -> Self {
        self.approved.replace(found);
        self
    }

    /// Sets the result of the last run, for reports without a state.
    #[must_use]
    pub fn with_previous(mut self, previous: Option<Value>) -> Self {
        self.previous = previous;
        self
    }

    /// Returns the unconfirmed writes so far.
    pub fn unconfirmed(&self) -> Vec<Write> {
        let session = self.session.borrow();
        let session = session.as_ref();
        session.map_or_else(Vec::new, |session| session.writes().unconfirmed())
    }

    /// Delivers the records of an interrupted run, and reports its progress.
    pub fn how_far(&self, mut failure: Failure) -> Failure {
        let done = self.done.get();
        let is_ended = matches!(failure.code, Code::Interrupted | Code::OutOfTime);
        let Some(current) = self.plans.get(done).filter(|_| is_ended) else {
            return failure;
        };
        if self.plans.len() > 1 {
            let words = format!("{done} of {} queries were completed", self.plans.len());
            failure = failure.fact("progress", words);
        }
        if let Some(session) = &*self.session.borrow() {
            if let Some(progress) = outcome::progress(session) {
                failure = failure.fact("progress", progress);
            }
            if let Some(state) = outcome::last_state(session, self.app) {
                failure = failure.fact("last_state", state);
            }
        }
        if let Some(writer) = self.writer.take() {
            let records = counted(writer.records() as u64, "record");
            let name = &current.query.name;
            let files = writer.files();
            if !files.is_empty() {
                failure = failure.fact("not_written", files.join(", "));
            }
            let words = match writer.finish_early(self.app) {
                Ok(true) => Some(format!("{records} of `{name}` were printed before")),
                Ok(false) => None,
                Err(_) => Some(format!("{records} of `{name}` could not be written")),
            };
            if let Some(words) = words {
                failure = failure.fact("delivered", words);
            }
        }
        failure
    }

    /// Runs the plans. A complete failure takes precedence over an incomplete result.
    ///
    /// # Errors
    ///
    /// The failure of a single plan; of several, all are shown.
    pub async fn run(
        &self,
        session: &Rc<Session>,
        writers: Vec<Writers>,
        states: &[Option<State>],
    ) -> Result<Exit, Stopped> {
        self.session.replace(Some(Rc::clone(session)));
        // If one of several queries is refused, none is sent.
        let mut approved = Vec::new();
        for plan in self.plans {
            let found = match self.approved.take() {
                Some(found) => Some(found),
                None => confirm::approve(plan, session, self.options, self.app).await?,
            };
            approved.push(found);
        }
        let mut exit = Exit::Done;
        let mut first_failed = None;
        let parts = self.plans.iter().zip(approved).zip(writers).zip(states);
        for (((plan, found), writer), state) in parts {
            self.writer.replace(Some(writer));
            match self.run_plan(plan, found, session, state.as_ref()).await {
                Ok(Exit::Done) => {}
                Ok(Exit::Partial) => exit = Exit::Partial,
                Ok(failed) => first_failed = first_failed.or(Some(failed)),
                // One failure does not discard the results of other queries.
                Err(Stopped::Failed(failure)) if self.plans.len() > 1 => {
                    failure.show(self.app, self.options.messages.error_format);
                    first_failed = first_failed.or(Some(failure.exit));
                }
                // The reader is gone, but an earlier failure still counts.
                Err(_) if first_failed.is_some() => break,
                Err(stopped) => return Err(stopped),
            }
            self.done.set(self.done.get() + 1);
        }
        Ok(first_failed.unwrap_or(exit))
    }

    /// Runs a plan and writes its result.
    async fn run_plan(
        &self,
        plan: &Rc<Plan>,
        found: Option<FoundItems>,
        session: &Rc<Session>,
        state: Option<&State>,
    ) -> Result<Exit, Stopped> {
        let messages = self.options.messages;
        let kind = self
            .writer
            .borrow()
            .as_ref()
            .map_or(ResultKind::Records, Writers::result_kind);
        let mut delivery = WriterDelivery {
            writer: &self.writer,
            plan,
            app: self.app,
            messages,
            stored: state.map(|_| RefCell::default()),
        };
        let report = engine::run(plan, session, kind, found, &mut delivery).await;
        let report = match report {
            Ok(report) => report,
            // A reader that has seen enough is not an error.
            Err(failed) if has_closed_reader(&failed.error) => {
                let unmet = outcome::report_unmet(plan, &failed.unmet, messages, self.app);
                return Err(unmet.map_or(Stopped::Closed, Stopped::Failed));
            }
            Err(failed) => {
                // As JSON, each was reported when it happened.
                if messages.error_format == ErrorFormat::Text {
                    outcome::report_before_unsent(plan, &failed, ErrorFormat::Text, self.app);
                }
                return Err(outcome::report_failed(plan, &failed, messages, self.app).into());
            }
        };
        for note in report.notes.iter().filter(|_| !messages.quiet) {
            self.app.eprintln(&format!("note: {note}"));
        }
        if report.is_stopped {
            // The cause of the stop is reported elsewhere, with the records so far.
            outcome::report_run(plan, &report, session, messages, self.app);
            return Err(Stopped::Closed);
        }
        let is_closed = self.finish_writers(plan, &report, state)?;
        let report = self.of_one_page(report);
        let exit = outcome::report_run(plan, &report, session, messages, self.app);
        if let Some(state) = state {
            // An incomplete state would make missing records look removed, and an unread report is
            // still news in the next run.
            if exit == Exit::Done && !is_closed && report.unmet.is_empty() {
                let rows = delivery.stored.take().map(RefCell::into_inner);
                state.keep(plan, &report, &rows.unwrap_or_default())?;
            } else if !messages.quiet {
                let why = if exit == Exit::Done {
                    "did not succeed"
                } else {
                    "is incomplete"
                };
                self.app.eprintln(&format!(
                    "note: the state is unchanged, since this run {why}"
                ));
            }
        }
        match outcome::report_unmet(plan, &report.unmet, messages, self.app) {
            // The reader is gone: further queries are not run.
            None if is_closed && exit == Exit::Done => Err(Stopped::Closed),
            None => Ok(exit),
            Some(failure) => Err(failure.into()),
        }
    }

    /// Replaces the cut after a first page that was asked for by a note.
    fn of_one_page(&self, report: RunReport) -> RunReport {
        if !self.is_of_first_page || !matches!(report.outcome, Outcome::Cut(_)) {
            return report;
        }
        if !self.options.messages.quiet {
            let words = "note: there are more pages: add `--all`, or `--limit N`";
            self.app.eprintln(words);
        }
        RunReport {
            outcome: Outcome::Complete,
            ..report
        }
    }

    /// Finishes the writers of a plan. Returns true if their reader is gone.
    fn finish_writers(
        &self,
        plan: &Rc<Plan>,
        report: &RunReport,
        state: Option<&State>,
    ) -> Result<bool, Stopped> {
        let Some(writer) = self.writer.take() else {
            return Ok(false);
        };
        let facts = writer
            .have_report()
            .then(|| self.report_facts(plan, report, state));
        let context = ResultContext {
            content: &report.body,
            report: facts.as_ref(),
        };
        writer.complete(&context, self.options.messages.quiet, self.app)
    }

    /// Returns the facts for a report, besides its records.
    fn report_facts(
        &self,
        plan: &Rc<Plan>,
        report: &RunReport,
        state: Option<&State>,
    ) -> ReportFacts {
        let previous = state.map(|state| &state.previous);
        let previous = previous.or(self.previous.as_ref()).cloned();
        ReportFacts {
            plan: Rc::clone(plan),
            data: Arc::clone(&report.data),
            run: engine::run_facts(plan, report.requests, !report.is_whole()),
            failures: report.failures.clone(),
            previous: previous.unwrap_or_else(|| json!({})),
            is_quiet: self.options.messages.quiet,
            cover: self
                .session
                .borrow()
                .as_ref()
                .and_then(|session| session.shared_cover()),
        }
    }
}

fn has_closed_reader(error: &RunError) -> bool {
    matches!(&error.kind, RunErrorKind::Sink(error)
        if error.kind() == std::io::ErrorKind::BrokenPipe)
}
