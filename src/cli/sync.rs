//! `runner sync`: keeps the records of queries in a store.

pub mod jobs;

use std::path::PathBuf;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::connect::{self, World};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::inputs;
use crate::cli::options::{self, ConnectArgs, MessageArgs};
use crate::cli::{error_hints, ping, setup, store_place};
use crate::core::code::Code;
use crate::core::time::{TIME_EXAMPLE, format_duration, parse_time};
use crate::demo::{self, Story};
use crate::engine::sync::{
    Job, Redactor, StoreThread, SyncFailure, SyncOptions, TableOutcome, TableReport, sync_table,
};
use crate::engine::{ExecutionOptions, Session};
use crate::format::{self, Format};
use crate::http::masked_addresses;
use crate::project::Project;
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
    let (project, queries) = jobs::chosen(&words.queries, app)?;
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
    let jobs = jobs::prepare(&project, queries, &given, &world, &args.connect, app)?;
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
    let exit = show(&reports, &jobs, args.messages, app);
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

/// Syncs the tables, each after those that it depends on, until one of them is interrupted.
///
/// # Errors
///
/// If a query cannot be bound. The failure of a table is in its report.
pub async fn sync_all(
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
pub fn show(reports: &[TableReport], jobs: &[Job], messages: MessageArgs, app: &App) -> Exit {
    let mut exit = Exit::Done;
    let mut is_partial = false;
    let mut worst = None;
    let note = |words: &str| {
        if !messages.quiet {
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
            .show(app, messages.error_format);
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
                    partial(&words, messages, app);
                } else if let Some(words) = report.first_miss.as_deref().filter(|_| often == 0) {
                    partial(&format!("`{table}`: {words}"), messages, app);
                }
            }
            TableOutcome::Cut(words) => {
                is_partial = true;
                let words = format!("`{table}`: {words}: the next sync lists it again");
                partial(&words, messages, app);
            }
            TableOutcome::Failed(failure) => {
                let failure = failed(failure, report, jobs, app);
                failure.show(app, messages.error_format);
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

fn partial(words: &str, messages: MessageArgs, app: &App) {
    Failure::new(
        Exit::Partial,
        Code::Partial,
        app.scrubber.text(words).into_owned(),
    )
    .show(app, messages.error_format);
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
