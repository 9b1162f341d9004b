//! Runs plans: confirms writes, sends requests, writes the results.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::cache::RunCache;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::RunOptions;
use crate::cli::output::{ReportFacts, ResultContext, WriterDelivery, Writers};
use crate::cli::state::State;
use crate::cli::{confirm, connect, explain, outcome};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::engine::{
    self, Downloads, ExecutionOptions, ResultKind, RunError, RunErrorKind, RunReport, Session,
    Write,
};
use crate::plan::{Plan, RequestPlan};
use crate::sink::Folder;

/// Prints the requests that the plans would write.
pub fn preview(plans: &[Rc<Plan>], options: &RunOptions, app: &Rc<App>) -> Result<Exit, Stopped> {
    plans
        .iter()
        .try_for_each(|plan| confirm::check_preview(plan))?;
    admit(plans, options, app)?;
    let execution = ExecutionOptions {
        fail_fast: options.fail_fast,
        remembers: true,
        ..ExecutionOptions::default()
    };
    connect::block_on(
        &options.connect,
        app,
        options.messages,
        Some(execution),
        async |session| {
            let mut exit = Exit::Done;
            for plan in plans {
                exit = exit.max(confirm::preview(plan, &session, options, app).await?);
            }
            Ok(exit)
        },
    )
}

/// Refuses, before the first request, plans without a credential or permission to write; asks
/// before single writes.
fn admit(plans: &[Rc<Plan>], options: &RunOptions, app: &App) -> Result<(), Failure> {
    for plan in plans {
        for part in plan.with_fed_by() {
            if let Some(requests) = part.requests() {
                refuse_reading(requests)?;
                requests
                    .check_credential()
                    .map_err(|error| explain::plan_error(&error, Some(requests.resource()), app))?;
            }
        }
        confirm::admit(plan, options, app)?;
    }
    Ok(())
}

/// Runs the plans and writes their results.
///
/// # Errors
///
/// The first failure.
pub fn carry_out(plans: &[Rc<Plan>], options: &RunOptions, app: &Rc<App>) -> Result<Exit, Stopped> {
    admit(plans, options, app)?;
    let mut writers = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let place = (plans.len() > 1).then_some(index);
        writers.push(Writers::new(plan, options, place, app)?);
    }
    if options.results.csv.is_some() && !writers.iter().any(Writers::write_csv) {
        let words = "`--csv` has no effect: no output is CSV";
        return Err(Failure::usage(Code::Csv, words)
            .help("add `-o csv`, or `--out` with a `.csv` file")
            .into());
    }
    let states = states(plans, options, app)?;
    let execution = Execution {
        plans,
        options,
        app,
        done: Cell::default(),
        writer: RefCell::default(),
        session: RefCell::default(),
    };
    let cache = cache(plans, options, app);
    let engine_options = ExecutionOptions {
        fail_fast: options.fail_fast,
        unordered: options.unordered,
        remembers: plans.len() > 1
            || plans
                .iter()
                .any(|plan| plan.query.with_fed_by().len() > 1 || plan.query.is_walk()),
        cache: cache.as_ref().map(RunCache::cache),
        downloads: downloads(plans, options, app)?,
    };
    let result = connect::block_on(
        &options.connect,
        app,
        options.messages,
        Some(engine_options),
        async |session| execution.run(&session, writers, &states).await,
    );
    if let Some(cache) = cache {
        cache.finish(app, options.messages.quiet);
    }
    let result = result.map_err(|stopped| match stopped {
        Stopped::Closed => Stopped::Closed,
        Stopped::Failed(failure) => execution.how_far(failure).into(),
    });
    name_unconfirmed(result, &execution.unconfirmed(), options, app)
}

/// Returns the folder for downloads, if a query has them: `--out`, or the working directory.
fn downloads(
    plans: &[Rc<Plan>],
    options: &RunOptions,
    app: &App,
) -> Result<Option<Downloads>, Failure> {
    if !plans.iter().any(|plan| plan.query.is_download()) {
        return Ok(None);
    }
    let folder = match options.results.out.as_slice() {
        [] => Path::new(""),
        [folder] => folder.as_path(),
        _ => {
            let words = "downloads go to one folder, and `--out` is given several times";
            return Err(Failure::usage(Code::Out, words));
        }
    };
    Ok(Some(Downloads {
        folder: Rc::new(Folder::new(&app.working_directory, folder)),
        refreshes: options.cache.refresh,
    }))
}

/// Adds the requests that may have been carried out although no response confirms it, to any
/// result.
fn name_unconfirmed(
    result: Result<Exit, Stopped>,
    writes: &[Write],
    options: &RunOptions,
    app: &App,
) -> Result<Exit, Stopped> {
    if writes.is_empty() {
        return result;
    }
    match result {
        Err(Stopped::Failed(failure)) if failure.diagnostics.is_empty() => {
            Err(failure.unconfirmed(writes).may_have_written().into())
        }
        result => {
            let requests = counted(writes.len() as u64, "request");
            let words = format!("{requests} may have been carried out nevertheless");
            Failure::new(Exit::Partial, Code::Unconfirmed, words)
                .unconfirmed(writes)
                .help("check before sending anything again")
                .show(app, options.messages.error_format);
            match result {
                Err(Stopped::Failed(failure)) => Err(failure.into()),
                Ok(exit) if exit != Exit::Done => Ok(exit),
                _ => Ok(Exit::Partial),
            }
        }
    }
}

/// Returns the cache, if a query uses it. Responses of the demo are not cached, since they are not
/// real.
fn cache(plans: &[Rc<Plan>], options: &RunOptions, app: &App) -> Option<RunCache> {
    let is_wanted = plans
        .iter()
        .flat_map(|plan| plan.query.with_fed_by())
        .any(|query| query.call().is_some_and(|call| call.cache.is_some()));
    if !is_wanted || options.connect.demo {
        return None;
    }
    RunCache::new(options.cache, app, options.messages.quiet)
}

/// The run of plans, one after another.
struct Execution<'e> {
    plans: &'e [Rc<Plan>],
    options: &'e RunOptions,
    app: &'e Rc<App>,
    /// The number of completed plans.
    done: Cell<usize>,
    /// The writers of the running plan, until they are finished.
    writer: RefCell<Option<Writers>>,
    session: RefCell<Option<Rc<Session>>>,
}

impl Execution<'_> {
    /// Returns the unconfirmed writes so far.
    fn unconfirmed(&self) -> Vec<Write> {
        let session = self.session.borrow();
        let session = session.as_ref();
        session.map_or_else(Vec::new, |session| session.writes().unconfirmed())
    }

    /// Delivers the records of an interrupted run, and reports its progress.
    fn how_far(&self, mut failure: Failure) -> Failure {
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
    async fn run(
        &self,
        session: &Rc<Session>,
        writers: Vec<Writers>,
        states: &[Option<State>],
    ) -> Result<Exit, Stopped> {
        self.session.replace(Some(Rc::clone(session)));
        // If one of several queries is refused, none is sent.
        let mut approved = Vec::new();
        for plan in self.plans {
            approved.push(confirm::approve(plan, session, self.options, self.app).await?);
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
        found: Option<engine::FoundItems>,
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
            Err(error) if has_closed_reader(&error) => return Err(Stopped::Closed),
            Err(error) => return Err(explain::run_error(&error, plan, self.app).into()),
        };
        for note in report.notes.iter().filter(|_| !messages.quiet) {
            self.app.eprintln(&format!("note: {note}"));
        }
        if report.is_stopped {
            // The cause of the stop is reported elsewhere, with the records so far.
            outcome::report_run(plan, &report, messages, self.app);
            return Err(Stopped::Closed);
        }
        let is_closed = self.finish_writers(plan, &report, state)?;
        let exit = outcome::report_run(plan, &report, messages, self.app);
        if let Some(state) = state {
            // An incomplete state would make missing records look removed, and an unread report is
            // still news in the next run.
            if exit == Exit::Done && !is_closed && report.failed_expectations.is_none() {
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
        match report.failed_expectations {
            // The reader is gone: further queries are not run.
            None if is_closed && exit == Exit::Done => Err(Stopped::Closed),
            None => Ok(exit),
            Some(failed) => Err(explain::run_error(&failed, plan, self.app).into()),
        }
    }

    /// Finishes the writers of a plan. Returns true if their reader is gone.
    fn finish_writers(
        &self,
        plan: &Rc<Plan>,
        report: &RunReport,
        state: Option<&State>,
    ) -> Result<bool, Stopped> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(false);
        };
        let facts = writer
            .have_report()
            .then(|| report_facts(plan, report, state, self.options));
        let context = ResultContext {
            content: &report.body,
            report: facts.as_ref(),
        };
        writer.close(&context, self.app)?;
        let summaries = writer.summaries(self.app);
        let is_closed = match writer.finish() {
            Ok(()) => false,
            // A closed reader is not an error, and other problems are still reported.
            Err(Stopped::Closed) => true,
            Err(stopped) => return Err(stopped),
        };
        let is_quiet = self.options.messages.quiet;
        for words in summaries.iter().filter(|_| !is_quiet) {
            self.app.eprintln(words);
        }
        Ok(is_closed)
    }
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

/// Opens the states of the queries, each locked until the run is over.
fn states(
    plans: &[Rc<Plan>],
    options: &RunOptions,
    app: &App,
) -> Result<Vec<Option<State>>, Failure> {
    let states = plans.iter().map(|plan| {
        let folder = options.state.as_ref();
        folder
            .map(|folder| State::open(folder, plan, app))
            .transpose()
    });
    states.collect()
}

/// Returns the facts for a report, besides its records.
fn report_facts(
    plan: &Rc<Plan>,
    report: &RunReport,
    state: Option<&State>,
    options: &RunOptions,
) -> ReportFacts {
    ReportFacts {
        plan: Rc::clone(plan),
        data: Arc::clone(&report.data),
        run: engine::run_facts(plan, report.requests, !report.is_whole()),
        failures: report.failures.clone(),
        previous: state.map_or_else(|| serde_json::json!({}), |state| state.previous.clone()),
        is_quiet: options.messages.quiet,
    }
}

fn has_closed_reader(error: &RunError) -> bool {
    matches!(&error.kind, RunErrorKind::Sink(error)
        if error.kind() == std::io::ErrorKind::BrokenPipe)
}
