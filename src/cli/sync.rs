//! `runner sync`: keeps the records of queries in a store.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::connect::{self, World};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::inputs;
use crate::cli::options::{self, ConnectArgs, MessageArgs};
use crate::cli::{error_hints, ping, run, setup, store_place};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::core::time::{TIME_EXAMPLE, format_duration, parse_time};
use crate::demo::{self, Story};
use crate::engine::sync::{
    Job, Redactor, StoreThread, SyncFailure, SyncOptions, TableOutcome, TableReport, sync_table,
};
use crate::engine::{ExecutionOptions, Session};
use crate::format::{self, Format};
use crate::http::masked_addresses;
use crate::plan::{Inputs, PlanError};
use crate::project::{Project, Query};
use crate::store::{Opening, RowCounts, SyncStart};

const EXAMPLES: &str = "\
Examples:
  runner sync                                # all queries with `store`
  runner sync workflows jobs                 # these, and the tables they depend on
  runner sync jobs --since 2025-11-01        # further back, newest first
  runner sync --store postgres://ci@db.example.com/ci
  runner sync --demo";

const COLUMNS: [&str; 8] = [
    "table",
    "new",
    "changed",
    "gone",
    "unfinished",
    "revisited",
    "missed",
    "requests",
];

/// Options of `sync`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct SyncArgs {
    /// Queries, by path or name (default: all with `store`), and vars: NAME=VALUE, NAME=@FILE, NAME:=JSON
    #[arg(value_name = "QUERY | NAME=VALUE")]
    pub words: Vec<String>,

    /// Set a var (same as NAME=VALUE)
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,

    /// Read vars from a YAML file (overridden by the command line)
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<PathBuf>,

    /// List back to this time, instead of the last complete sync
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Sync as of this time: for a server whose clock is not the real one
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    /// The store: a file, or `postgres://user@host/database`
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,

    #[arg(short, long, value_name = "FORMAT", value_parser = options::row_format_name,
        help = options::row_format_help())]
    pub output: Option<&'static Format>,

    #[command(flatten)]
    pub connect: ConnectArgs,

    #[command(flatten)]
    pub messages: MessageArgs,
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure that concerns all tables.
pub fn run(args: &SyncArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    app.shutdown.limit(args.connect.timeout);
    let words = inputs::sort_out(&args.words);
    let assignments = [words.assignments, args.vars.clone()].concat();
    let given = inputs::read(&args.vars_files, &assignments, &app.working_directory)?;
    if given.contains_key("since") {
        return Err(Failure::usage(Code::Store, "the store decides on `since`")
            .help("to list further back, use `--since TIME`")
            .into());
    }
    let (project, queries) = chosen(&words.queries, app)?;
    setup::note_built_in(&project, args.messages.quiet, app);
    let world = world(&project, args, app)?;
    let now = world.outside.clock.0;
    let options = SyncOptions {
        since: args
            .since
            .as_deref()
            .map(|text| time(text, now))
            .transpose()?,
        environment: args.connect.environment().map(str::to_owned),
    };
    let mut jobs = Vec::new();
    let mut known = BTreeSet::new();
    for query in queries {
        known.extend(query.vars.iter().map(|var| var.name.clone()));
        let job = job(&project, query, &given, &world, args, app)?;
        add_job(job, &project, &world, args, &mut jobs, app)?;
    }
    refuse_unknown_vars(&given, &known)?;
    // What is wrong with a call is known before the store is written to.
    for job in &jobs {
        let plan = job
            .bind(None)
            .map_err(|error| error_hints::plan_error_in(&error, &job.binding, app))?;
        for requests in plan
            .with_fed_by()
            .into_iter()
            .filter_map(crate::plan::Plan::requests)
        {
            requests
                .check_credential()
                .map_err(|error| error_hints::plan_error(&error, Some(requests.resource()), app))?;
        }
    }
    let address = store_place::address(args.store.as_deref(), args.connect.demo, &project, app)?;
    let access = store_place::access(address, app)?;
    let mut store = store_place::open(&access, Opening::Create, app)?;
    let sync = store.begin_sync(now.as_microsecond());
    let sync = sync.map_err(|error| store_place::failure(error, app))?;
    if let Some(behind) = sync.behind.filter(|behind| behind.as_secs() >= 60) {
        app.eprintln(&format!(
            "note: the clock is {} behind the last sync",
            format_duration(behind)
        ));
    }
    let salt = store.salt(fastrand::i64(..));
    let salt = salt.map_err(|error| store_place::failure(error, app))?;
    let store = StoreThread::start(store);
    let execution = ExecutionOptions {
        remembers: true,
        ..ExecutionOptions::default()
    };
    let reports = std::cell::RefCell::new(Vec::new());
    let result = connect::block_on_with(
        &args.connect,
        app,
        args.messages,
        Some(execution),
        &|live| Rc::new(Redactor::new(live, salt)),
        async |session: Rc<Session>| {
            sync_all(&jobs, &options, &sync, &store, &session, &reports, app).await
        },
    );
    drop(store);
    let reports = reports.into_inner();
    print(&reports, args, app)?;
    let exit = show(&reports, &jobs, args, app);
    match result {
        Ok(()) => Ok(exit),
        Err(failure) => {
            let words = "what was written is kept, and the next sync goes on from there";
            Err(failure.fact("progress", words).into())
        }
    }
}

/// Returns the outside: real, or a demo whose story goes on with each sync of its store.
fn world(project: &Project, args: &SyncArgs, app: &App) -> Result<World, Failure> {
    if !args.connect.demo {
        return World::new(app, &args.connect, args.messages, args.now.as_deref());
    }
    let address = store_place::address(args.store.as_deref(), true, project, app)?;
    let access = store_place::access(address, app)?;
    let mut store = store_place::open(&access, Opening::Create, app)?;
    let syncs = store
        .last_sync()
        .map_err(|error| store_place::failure(error, app))?;
    let moment = Story::WEEK.time_of_sync(u64::try_from(syncs).unwrap_or(0));
    let options = demo::Options {
        story: Some(Story::WEEK),
        now: moment,
        ..demo::Options::default()
    };
    World::of_demo(app, args.messages, options, moment)
}

fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    parse_time(text, now).ok_or_else(|| {
        let words = format!("`--since` takes {TIME_EXAMPLE}, got `{text}`");
        Failure::usage(Code::Now, words)
    })
}

async fn sync_all(
    jobs: &[Job],
    options: &SyncOptions,
    sync: &SyncStart,
    store: &StoreThread,
    session: &Rc<Session>,
    reports: &std::cell::RefCell<Vec<TableReport>>,
    app: &App,
) -> Result<(), Failure> {
    for job in jobs {
        session.levels().clear();
        let report = sync_table(job, options, sync, store, session)
            .await
            .map_err(|error| error_hints::plan_error_in(&error, &job.binding, app))?;
        let is_stopped = matches!(report.outcome, TableOutcome::Stopped);
        reports.borrow_mut().push(report);
        if is_stopped {
            break;
        }
    }
    Ok(())
}

/// Returns the queries to sync, each after those that it depends on.
fn chosen(names: &[String], app: &App) -> Result<(Rc<Project>, Vec<Arc<Query>>), Failure> {
    let mut project = None;
    let mut wanted: Vec<Arc<Query>> = Vec::new();
    for name in names {
        let (found, query) = run::find(name, app)?;
        let query = query.map_err(Failure::from_diagnostics)?;
        if query.keeping.is_none() {
            let words = format!("`{}` is not kept: it has no `store`", query.name);
            return Err(Failure::usage(Code::Store, words).help(
                "add `store: { key: id }` to the query, with the column that identifies a row",
            ));
        }
        project.get_or_insert(Rc::new(found));
        wanted.push(query);
    }
    let project = match project {
        Some(project) => project,
        None => Rc::new(setup::project_here(app)?),
    };
    if names.is_empty() {
        for name in project.query_names().map(str::to_owned).collect::<Vec<_>>() {
            match project.query_named(&name) {
                Ok(query) if query.keeping.is_some() => wanted.push(query),
                // Its table would silently be left out.
                Err(faults) if keeps_rows(&faults) => {
                    return Err(Failure::from_diagnostics(faults));
                }
                // Another query with a fault has no part in this.
                Ok(_) | Err(_) => {}
            }
        }
        if wanted.is_empty() {
            return Err(
                Failure::usage(Code::Store, "no query of the project has `store`").help(
                    "add `store: { key: id }` to a query, with the column that identifies a row",
                ),
            );
        }
    }
    Ok((project, wanted))
}

/// Returns true if the faults are those of a file with `store`.
fn keeps_rows(faults: &Diagnostics) -> bool {
    let mut places = faults.iter().filter_map(|fault| fault.place.as_ref());
    places.any(|place| {
        place
            .file
            .text()
            .lines()
            .any(|line| line.starts_with("store:"))
    })
}

/// Adds a query after the kept ones that its items come from, with the vars that it gives them.
fn add_job(
    job: Job,
    project: &Rc<Project>,
    world: &World,
    args: &SyncArgs,
    jobs: &mut Vec<Job>,
    app: &App,
) -> Result<(), Failure> {
    let failed =
        |error: PlanError, job: &Job| error_hints::plan_error_in(&error, &job.binding, app);
    let identity = job.identity(None).map_err(|error| failed(error, &job))?;
    let is_known = |known: &Job| {
        known.query.source.path() == job.query.source.path()
            && known.identity(None).is_ok_and(|known| known == identity)
    };
    if jobs.iter().any(is_known) {
        return Ok(());
    }
    if let Some((parent, inputs)) = job.parent().map_err(|error| failed(error, &job))? {
        let parent = self::job(project, parent, &inputs, world, args, app)?;
        add_job(parent, project, world, args, jobs, app)?;
    }
    jobs.push(job);
    Ok(())
}

fn job(
    project: &Rc<Project>,
    query: Arc<Query>,
    given: &Inputs,
    world: &World,
    args: &SyncArgs,
    app: &App,
) -> Result<Job, Failure> {
    let binding = world.binding(project, &query, &args.connect, app)?;
    let mut inputs = given.clone();
    inputs.retain(|name, _| query.var(name).is_some());
    let columns = project.record_schema(&query).into_iter();
    let columns = columns.map(|column| {
        let kind = column.table_type();
        (column.name, kind)
    });
    let keeping = query
        .keeping
        .clone()
        .ok_or_else(|| Failure::usage(Code::Store, format!("`{}` is not kept", query.name)))?;
    Ok(Job {
        columns: columns.collect(),
        keeping,
        binding,
        inputs,
        query,
    })
}

fn refuse_unknown_vars(given: &Inputs, known: &BTreeSet<String>) -> Result<(), Failure> {
    for name in given.keys() {
        if !known.contains(name) {
            let words = format!("none of the queries has a var `{name}`");
            return Err(Failure::usage(Code::UnknownVar, words));
        }
    }
    Ok(())
}

/// Prints the table of what was done.
fn print(reports: &[TableReport], args: &SyncArgs, app: &App) -> Result<(), Failure> {
    let rows: Vec<Value> = reports
        .iter()
        .map(|report| {
            json!({
                "table": report.table,
                "new": report.rows.new,
                "changed": report.rows.changed,
                "gone": report.rows.gone,
                "unfinished": report.unfinished,
                "revisited": report.revisited,
                "missed": report.missed,
                "requests": report.requests,
            })
        })
        .collect();
    let usual = || format::usual(app.stdout.is_terminal);
    let format = args.output.unwrap_or_else(usual);
    ping::print_rows(&rows, &COLUMNS, format, app)
}

/// Shows notes and failures, and returns the exit code.
fn show(reports: &[TableReport], jobs: &[Job], args: &SyncArgs, app: &App) -> Exit {
    let mut exit = Exit::Done;
    let mut is_partial = false;
    let mut worst = None;
    let note = |words: &str| {
        if !args.messages.quiet {
            app.eprintln(&app.scrubber.text(words));
        }
    };
    for report in reports {
        let table = &report.table;
        for words in &report.notes {
            note(&format!("note: {words}"));
        }
        if report.expired > 0 {
            let whose = if report.expired == 1 { "its" } else { "their" };
            note(&format!(
                "note: `{table}`: the API has forgotten {}: {whose} rows are kept",
                crate::core::text::counted(report.expired, "item")
            ));
        }
        let often = report.missed_often.len() as u64;
        if let Some((key, error)) = report.missed_often.first() {
            // An item without an id has its members as its key, which may be presigned addresses.
            let words = format!(
                "`{table}`: {} failed in at least 5 syncs in a row, for example {}: {error}",
                crate::core::text::counted(often, "item"),
                masked_addresses(&key.replace('\n', " "))
            );
            Failure::new(
                Exit::Partial,
                Code::Partial,
                app.scrubber.text(&words).into_owned(),
            )
            .help(format!(
                "`runner store forget {table} --missed` gives them up"
            ))
            .show(app, args.messages.error_format);
            is_partial = true;
        }
        match &report.outcome {
            TableOutcome::Complete | TableOutcome::Stopped => {}
            TableOutcome::Partial => {
                is_partial = true;
                if report.missed > often {
                    let first = report.first_miss.as_deref().unwrap_or_default();
                    let words = format!(
                        "`{table}`: {} failed, and the next sync asks again, for example {first}",
                        crate::core::text::counted(report.missed - often, "item")
                    );
                    partial(&words, args, app);
                } else if let Some(words) = report.first_miss.as_deref().filter(|_| often == 0) {
                    partial(&format!("`{table}`: {words}"), args, app);
                }
            }
            TableOutcome::Cut(words) => {
                is_partial = true;
                let words = format!("`{table}`: {words}: the next sync lists it again");
                partial(&words, args, app);
            }
            TableOutcome::Failed(failure) => {
                let failure = failed(failure, report, jobs, app);
                failure.show(app, args.messages.error_format);
                worst = worst.or(Some(failure.exit));
            }
        }
    }
    if is_partial {
        exit = Exit::Partial;
    }
    match worst {
        // What some tables got stays valid.
        Some(worst) if has_brought_nothing(reports) => worst,
        Some(_) => Exit::Partial,
        None => exit,
    }
}

/// Returns true if every table has failed, or had nothing to ask.
fn has_brought_nothing(reports: &[TableReport]) -> bool {
    reports.iter().all(|report| {
        let is_failed = matches!(report.outcome, TableOutcome::Failed(_));
        is_failed || report.requests == 0 && report.rows == RowCounts::default()
    })
}

fn partial(words: &str, args: &SyncArgs, app: &App) {
    Failure::new(
        Exit::Partial,
        Code::Partial,
        app.scrubber.text(words).into_owned(),
    )
    .show(app, args.messages.error_format);
}

fn failed(failure: &SyncFailure, report: &TableReport, jobs: &[Job], app: &App) -> Failure {
    let failure = match failure {
        SyncFailure::Store(error) => store_place::failure(error.clone(), app),
        SyncFailure::Query(words) => Failure::usage(Code::Store, words.clone()),
        SyncFailure::Run(error) => {
            let job = jobs
                .iter()
                .find(|job| crate::store::table_name(&job.query.name) == report.table);
            match job.and_then(|job| job.bind(None).ok()) {
                Some(plan) => error_hints::run_error(error, &plan, app),
                None => Failure::new(Exit::Refused, Code::Store, error.message()),
            }
        }
    };
    failure.fact("table", report.table.clone())
}
