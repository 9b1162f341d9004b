//! `runner run`: runs queries.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::cache::{CacheArgs, Kept};
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::inputs::{self, Words};
use crate::cli::output::{Closing, Through, Told, Writers};
use crate::cli::progress::counted;
use crate::cli::setup::{self, ConnectArgs, TalkArgs, World};
use crate::cli::state::State;
use crate::cli::{confirm, explain, outcome, shown};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::core::text::printable_lines;
use crate::engine::{self, Manner, Report, RunError, RunErrorKind, Session, Want, Write};
use crate::format::{CsvOptions, Format};
use crate::plan::{Inputs, Plan, RequestPlan, ShownRequest};
use crate::project::{Project, Query};
use crate::template::RenderError;

const EXAMPLES: &str = "\
Examples:
  runner run queries/get-workflow.yaml workflow_id=5034460f-c7c4-4c43-9457
  runner run get-workflow workflow_id=5034460f-c7c4-4c43-9457 --demo
  runner run project-pipelines branch=main -o csv --out pipelines.csv
  runner run project-jobs --columns name,status,minutes --limit 20
  runner run trigger-pipeline branch=main 'parameters:={\"deploy\": true}' --dry-run
  runner run get-workflow workflow_id=… --curl";

/// Options of `run`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct RunArgs {
    #[command(flatten)]
    pub words: Words,

    /// Read vars from a YAML file (overridden by the command line)
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<PathBuf>,

    #[arg(short, long, value_name = "FORMAT", value_parser = setup::format_name,
        help = setup::format_help(|_| true))]
    pub output: Option<&'static Format>,

    /// Write to a file, whole or not at all; its ending says the format
    ///
    /// `.db`, `.sqlite` and `.sqlite3` write a table of an SQLite database.
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,

    /// Write only these columns, in this order
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Write CSV for a spreadsheet: `bom`, `separator=;`, `formulas=escape`, separated by commas
    #[arg(long, value_name = "OPTIONS")]
    pub csv: Option<CsvOptions>,

    /// Keep the results in this folder, for `previous` in the report of the next run
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Run as of a past time: RFC 3339, a date, or an age (`7d`)
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    /// Return at most this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Send requests that write without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Stop at the first item that fails
    #[arg(long)]
    pub fail_fast: bool,

    /// Print records as they arrive, not in the query's order
    #[arg(long)]
    pub unordered: bool,

    /// Find the items, print every request that would write, and write nothing
    #[arg(long, conflicts_with_all = ["dry_run", "curl", "yes"])]
    pub preview: bool,

    /// Print the requests, secrets masked, and send nothing
    #[arg(long, conflicts_with = "curl")]
    pub dry_run: bool,

    /// Print the equivalent curl command, and send nothing
    #[arg(long)]
    pub curl: bool,

    #[command(flatten)]
    pub cache: CacheArgs,

    #[command(flatten)]
    pub connect: ConnectArgs,

    #[command(flatten)]
    pub talk: TalkArgs,
}

impl RunArgs {
    /// Returns the format of errors.
    pub fn error_format(&self) -> ErrorFormat {
        self.talk.error_format
    }
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &RunArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    // The limit includes reading, checking and showing.
    app.ending.limit(args.connect.timeout);
    let words = &args.words;
    if words.queries.is_empty() {
        return Err(Failure::usage(Code::NoQuery, "no query is named")
            .help("give its path or name first: `runner run queries/get-workflow.yaml NAME=VALUE`")
            .into());
    }
    let given = inputs::read(&args.vars_files, &words.assignments, &app.working_directory)?;
    let queries = queries(&words.queries, app)?;
    refuse_unknown_vars(&given, &queries)?;
    if let Some((project, _)) = queries.iter().find(|(project, _)| project.is_built_in()) {
        setup::note_built_in(project, args.talk.quiet, app);
    }
    if !args.out.is_empty() && queries.len() > 1 {
        return Err(Failure::usage(
            Code::Out,
            "`--out` takes the result of one query, got several",
        )
        .into());
    }
    let world = World::new(app, &args.connect, args.talk, args.now.as_deref())?;
    let mut plans = Vec::new();
    for (project, query) in queries {
        plans.push(Rc::new(plan(&project, query, &given, &world, args, app)?));
    }
    if args.dry_run || args.curl {
        return show(&plans, args, app);
    }
    if args.preview {
        return preview(&plans, args, app);
    }
    carry_out(&plans, args, app)
}

/// Prints the requests that the plans would write.
fn preview(plans: &[Rc<Plan>], args: &RunArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    plans
        .iter()
        .try_for_each(|plan| confirm::check_preview(plan))?;
    admit(plans, args, app)?;
    let manner = Manner {
        fail_fast: args.fail_fast,
        remembers: true,
        ..Manner::default()
    };
    setup::block_on(
        &args.connect,
        app,
        args.talk,
        Some(manner),
        async |session| {
            let mut exit = Exit::Done;
            for plan in plans {
                exit = exit.max(confirm::preview(plan, &session, args, app).await?);
            }
            Ok(exit)
        },
    )
}

/// Refuses, before the first request, plans without a credential or permission to write; asks
/// before single writes.
fn admit(plans: &[Rc<Plan>], args: &RunArgs, app: &App) -> Result<(), Failure> {
    for plan in plans {
        for part in plan.with_fed_by() {
            if let Some(requests) = part.requests() {
                refuse_reading(requests)?;
                requests
                    .check_credential()
                    .map_err(|error| explain::plan_error(&error, Some(requests.resource()), app))?;
            }
        }
        confirm::admit(plan, args, app)?;
    }
    Ok(())
}

/// Runs the plans and writes their results.
///
/// # Errors
///
/// The first failure.
pub fn carry_out(plans: &[Rc<Plan>], args: &RunArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    admit(plans, args, app)?;
    let mut writers = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let place = (plans.len() > 1).then_some(index);
        writers.push(Writers::new(plan, args, place, app)?);
    }
    if args.csv.is_some() && !writers.iter().any(Writers::write_csv) {
        let words = "`--csv` says how CSV is written, and no output is CSV";
        return Err(Failure::usage(Code::Csv, words)
            .help("add `-o csv`, or `--out` with a `.csv` file")
            .into());
    }
    let states = states(plans, args, app)?;
    let done = Cell::new(0);
    let current = Current::default();
    let kept = kept(plans, args, app);
    let manner = Manner {
        fail_fast: args.fail_fast,
        unordered: args.unordered,
        remembers: plans.len() > 1
            || plans
                .iter()
                .any(|plan| plan.query.with_fed_by().len() > 1 || plan.query.is_walk()),
        cache: kept.as_ref().map(Kept::cache),
    };
    let result = setup::block_on(
        &args.connect,
        app,
        args.talk,
        Some(manner),
        async |session| {
            let mut is_partial = false;
            let mut first_failed = None;
            current.session.replace(Some(Rc::clone(&session)));
            // If one of several queries is refused, none is sent.
            let mut approved = Vec::new();
            for plan in plans {
                approved.push(confirm::approve(plan, &session, args, app).await?);
            }
            let parts = plans.iter().zip(approved).zip(writers).zip(&states);
            for (((plan, found), writer), state) in parts {
                current.writer.replace(Some(writer));
                let ended =
                    execute(plan, found, &session, &current, state.as_ref(), args, app).await;
                match ended {
                    Ok(Exit::Done) => {}
                    Ok(Exit::Partial) => is_partial = true,
                    Ok(failed) => first_failed = first_failed.or(Some(failed)),
                    // One failure does not discard the results of other queries.
                    Err(Stopped::Failed(failure)) if plans.len() > 1 => {
                        failure.show(app, args.talk.error_format);
                        first_failed = first_failed.or(Some(failure.exit));
                    }
                    // The reader is gone, but an earlier failure still counts.
                    Err(_) if first_failed.is_some() => break,
                    Err(stopped) => return Err(stopped),
                }
                done.set(done.get() + 1);
            }
            // Whatever failed altogether comes before what is incomplete.
            let others = if is_partial {
                Exit::Partial
            } else {
                Exit::Done
            };
            Ok(first_failed.unwrap_or(others))
        },
    );
    if let Some(kept) = kept {
        kept.finish(app, args.talk.quiet);
    }
    let result = result.map_err(|stopped| match stopped {
        Stopped::Closed => Stopped::Closed,
        Stopped::Failed(failure) => how_far(failure, done.get(), plans, &current, app).into(),
    });
    name_unconfirmed(result, &current.unconfirmed(), args, app)
}

/// Adds the requests that may have been carried out although no response confirms it, to any
/// result.
fn name_unconfirmed(
    result: Result<Exit, Stopped>,
    writes: &[Write],
    args: &RunArgs,
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
            let words = format!("{requests} may have been carried out all the same");
            Failure::new(Exit::Partial, Code::Unconfirmed, words)
                .unconfirmed(writes)
                .help("look before anything is sent again")
                .show(app, args.talk.error_format);
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
fn kept(plans: &[Rc<Plan>], args: &RunArgs, app: &App) -> Option<Kept> {
    let is_wanted = plans
        .iter()
        .flat_map(|plan| plan.query.with_fed_by())
        .any(|query| query.call().is_some_and(|call| call.cache.is_some()));
    if !is_wanted || args.connect.demo {
        return None;
    }
    Kept::new(args.cache, app, args.talk.quiet)
}

/// The query that is running.
#[derive(Default)]
struct Current {
    /// Its writers, until they are finished.
    writer: RefCell<Option<Writers>>,
    session: RefCell<Option<Rc<Session>>>,
}

impl Current {
    /// Returns the unconfirmed writes so far.
    fn unconfirmed(&self) -> Vec<Write> {
        let session = self.session.borrow();
        let session = session.as_ref();
        session.map_or_else(Vec::new, |session| session.writes().unconfirmed())
    }
}

/// Delivers the records of an interrupted run, and reports its progress.
fn how_far(
    failure: Failure,
    done: usize,
    plans: &[Rc<Plan>],
    under_way: &Current,
    app: &App,
) -> Failure {
    let is_ended = matches!(failure.code, Code::Interrupted | Code::OutOfTime);
    let Some(current) = plans.get(done).filter(|_| is_ended) else {
        return failure;
    };
    let mut failure = failure;
    if plans.len() > 1 {
        let words = format!("{done} of {} queries were done", plans.len());
        failure = failure.fact("progress", words);
    }
    if let Some(session) = &*under_way.session.borrow() {
        if let Some(progress) = outcome::progress(session) {
            failure = failure.fact("progress", progress);
        }
        if let Some(state) = outcome::last_state(session, app) {
            failure = failure.fact("last_state", state);
        }
    }
    let writer = under_way.writer.take();
    if let Some(writer) = writer {
        let records = counted(writer.records() as u64, "record");
        let name = &current.query.name;
        let files = writer.files();
        if !files.is_empty() {
            failure = failure.fact("not_written", files.join(", "));
        }
        let words = match writer.finish_early(app) {
            Ok(true) => Some(format!("{records} of `{name}` came before that")),
            Ok(false) => None,
            Err(_) => Some(format!("{records} of `{name}` could not be written")),
        };
        if let Some(words) = words {
            failure = failure.fact("delivered", words);
        }
    }
    failure
}

/// A query and its project.
type Found = (Rc<Project>, Arc<Query>);

/// Finds the queries and their projects.
fn queries(words: &[String], app: &App) -> Result<Vec<Found>, Failure> {
    let mut found: Vec<Found> = Vec::new();
    for word in words {
        let (project, query) = find(word, app)?;
        let query = query.map_err(|faults| match found.first() {
            // A value without its name looks like another query.
            Some((_, first)) if !setup::is_path(word, app) => not_a_query(word, first),
            _ => Failure::from_diagnostics(faults),
        })?;
        found.push((Rc::new(project), query));
    }
    Ok(found)
}

/// Finds a query by its path or name, and its project.
///
/// # Errors
///
/// If there is no project.
pub fn find(word: &str, app: &App) -> Result<(Project, Result<Arc<Query>, Diagnostics>), Failure> {
    let path = setup::resolved(word, app);
    if setup::is_path(word, app) {
        let project = setup::project(&path, app)?;
        let query = project.query_at(&path);
        Ok((project, query))
    } else {
        let project = setup::project_here(app)?;
        let query = project.query_named(word);
        Ok((project, query))
    }
}

fn not_a_query(word: &str, first: &Query) -> Failure {
    let words = format!("`{word}` is neither a query nor `NAME=VALUE`");
    let names: Vec<&str> = first.vars.iter().map(|var| var.name.as_str()).collect();
    let failure = Failure::usage(Code::UnknownQuery, words);
    if names.is_empty() {
        failure.help(format!("`{}` takes no values", first.name))
    } else {
        failure.help(format!(
            "values are written `NAME=VALUE`; `{}` takes {}",
            first.name,
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ))
    }
}

/// Refuses values that none of several queries declares. A single query reports its own.
fn refuse_unknown_vars(given: &Inputs, queries: &[Found]) -> Result<(), Failure> {
    if queries.len() < 2 {
        return Ok(());
    }
    for wanted in given.keys() {
        if !queries.iter().any(|(_, query)| query.var(wanted).is_some()) {
            return Err(Failure::usage(
                Code::UnknownVar,
                format!("none of the queries has a var `{wanted}`"),
            ));
        }
    }
    Ok(())
}

fn plan(
    project: &Project,
    query: Arc<Query>,
    given: &Inputs,
    world: &World,
    args: &RunArgs,
    app: &App,
) -> Result<Plan, Failure> {
    let own = own_inputs(given.clone(), &query, args);
    let binding = world.binding(project, &query, &args.connect, app)?;
    let mut plan = Plan::bind(query, &binding, &own)
        .map_err(|error| explain::plan_error_in(&error, &binding, app))?;
    if let Some(limit) = args.limit {
        plan.limit_to(limit);
    }
    Ok(plan)
}

/// Returns the values that a query declares; for a single query, all values, so that the error for
/// an unknown name lists the known ones.
fn own_inputs(mut given: Inputs, query: &Query, args: &RunArgs) -> Inputs {
    if args.words.queries.len() > 1 {
        given.retain(|name, _| query.var(name).is_some());
    }
    given
}

fn show(plans: &[Rc<Plan>], args: &RunArgs, app: &App) -> Result<Exit, Stopped> {
    let mut is_first = true;
    for plan in plans {
        for (plan, about, request) in shown_requests(plan, args, app)? {
            let mut text = if args.curl {
                shown::curl(&request, plan).map_err(|words| {
                    Failure::usage(Code::Curl, words).help("`--dry-run` shows it masked")
                })?
            } else {
                format!("{about}{}", shown::dry_run(&request))
            };
            if app.stdout.is_terminal {
                text = printable_lines(&text).into_owned();
            }
            if !std::mem::take(&mut is_first) {
                text.insert(0, '\n');
            }
            app.print(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// A heading before a request of a walk, and the request.
type Shown<'p> = (RequestPlan<'p>, String, ShownRequest);

/// The requests of a plan, as far as they are known: of a walk, those that it begins with, and one
/// for each of its items.
fn shown_requests<'p>(
    plan: &'p Plan,
    args: &RunArgs,
    app: &App,
) -> Result<Vec<Shown<'p>>, Failure> {
    let explained = |error: &RenderError| explain::render_error(error, app);
    if let Some(requests) = plan.requests().filter(|plan| plan.data.is_empty()) {
        let sites = plan
            .listed_sites()
            .map_err(|error| explain::plan_error(&error, Some(requests.resource()), app))?;
        if let Some(sites) = sites {
            let shown = sites.iter().map(|site| {
                let request = requests.shown_request_at(site);
                request.map(|request| (requests, String::new(), request))
            });
            return shown
                .collect::<Result<_, _>>()
                .map_err(|error| explained(&error));
        }
    }
    if args.curl {
        let words = format!(
            "`{}` stands on other queries: no curl line does the same",
            plan.query.name
        );
        return Err(Failure::usage(Code::Curl, words).help("`--dry-run` shows its requests"));
    }
    let mut shown = Vec::new();
    let mut parts = plan.with_fed_by();
    // In the order of sending.
    parts.reverse();
    for part in parts.into_iter().filter_map(Plan::requests) {
        let about = if part.call.is_walk() {
            let items: Vec<String> = part.loops().iter().map(confirm::items_of).collect();
            format!(
                "# {}: for each {}\n",
                part.query.name,
                items.join(", and each ")
            )
        } else {
            format!("# {}\n", part.query.name)
        };
        let request = part.shown_request().map_err(|error| explained(&error))?;
        shown.push((part, about, request));
    }
    Ok(shown)
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

async fn execute(
    plan: &Rc<Plan>,
    found: Option<engine::Found>,
    session: &Rc<Session>,
    current: &Current,
    state: Option<&State>,
    args: &RunArgs,
    app: &Rc<App>,
) -> Result<Exit, Stopped> {
    let writer = &current.writer;
    let want = writer
        .borrow()
        .as_ref()
        .map_or(Want::Records, Writers::want);
    let mut through = Through {
        writer,
        plan,
        app,
        talk: args.talk,
        kept: state.map(|_| RefCell::default()),
    };
    let report = engine::run(plan, session, want, found, &mut through).await;
    let report = match report {
        Ok(report) => report,
        // A reader that has seen enough is not an error.
        Err(error) if has_closed_reader(&error) => return Err(Stopped::Closed),
        Err(error) => return Err(explain::run_error(&error, plan, app).into()),
    };
    for note in report.notes.iter().filter(|_| !args.talk.quiet) {
        app.say(&format!("note: {note}"));
    }
    if report.is_stopped {
        // The cause of the stop is reported elsewhere, with the records so far.
        outcome::tell(plan, &report, args.talk, app);
        return Err(Stopped::Closed);
    }
    let mut is_closed = false;
    if let Some(writer) = writer.borrow_mut().take() {
        let summaries = writer.summaries(app);
        let told = writer
            .have_report()
            .then(|| told(plan, &report, state, args));
        let closing = Closing {
            content: &report.body,
            report: told.as_ref(),
        };
        match writer.finish(&closing, app) {
            Ok(()) => {}
            // A closed reader is not an error, and other problems are still reported.
            Err(Stopped::Closed) => is_closed = true,
            Err(Stopped::Failed(failure)) => return Err(failure.into()),
        }
        for words in summaries.iter().filter(|_| !args.talk.quiet) {
            app.say(words);
        }
    }
    let exit = outcome::tell(plan, &report, args.talk, app);
    if let Some(state) = state {
        // An incomplete state would make missing records look removed, and an unread report is
        // still news in the next run.
        if exit == Exit::Done && !is_closed && report.failed_expectations.is_none() {
            let rows = through.kept.take().map(RefCell::into_inner);
            state.keep(plan, &report, &rows.unwrap_or_default())?;
        } else if !args.talk.quiet {
            let why = if exit == Exit::Done {
                "did not succeed"
            } else {
                "is not complete"
            };
            app.say(&format!(
                "note: the state stays as it was, since this run {why}"
            ));
        }
    }
    match report.failed_expectations {
        // The reader is gone: further queries are not run.
        None if is_closed && exit == Exit::Done => Err(Stopped::Closed),
        None => Ok(exit),
        Some(failed) => Err(explain::run_error(&failed, plan, app).into()),
    }
}

/// Opens the states of the queries, each locked until the run is over.
fn states(plans: &[Rc<Plan>], args: &RunArgs, app: &App) -> Result<Vec<Option<State>>, Failure> {
    let states = plans.iter().map(|plan| {
        let folder = args.state.as_ref();
        folder
            .map(|folder| State::open(folder, plan, app))
            .transpose()
    });
    states.collect()
}

/// Returns the facts for a report, besides its records.
fn told(plan: &Rc<Plan>, report: &Report, state: Option<&State>, args: &RunArgs) -> Told {
    Told {
        plan: Rc::clone(plan),
        data: Arc::clone(&report.data),
        run: engine::run_facts(plan, report.requests, !report.is_whole()),
        failures: report.failures.clone(),
        previous: state.map_or_else(|| serde_json::json!({}), |state| state.previous.clone()),
        is_quiet: args.talk.quiet,
    }
}

fn has_closed_reader(error: &RunError) -> bool {
    matches!(&error.kind, RunErrorKind::Sink(error)
        if error.kind() == std::io::ErrorKind::BrokenPipe)
}
