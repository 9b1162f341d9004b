//! `runner plan`: divides a walk among several processes.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::cache::RunCache;
use crate::cli::connect::{self, World};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::inputs::{self, Words};
use crate::cli::options::{CacheArgs, ConnectArgs, MessageArgs, RunOptions};
use crate::cli::plan_document::{Division, Planned, facts_read, write};
use crate::cli::{again, carry_out, error_hints, outcome, plan_document, run};
use crate::core::code::Code;
use crate::core::text::{counted, one_line};
use crate::engine::{self, ExecutionOptions, FoundItems, Session, Split};
use crate::parts::PlanOf;
use crate::plan::Plan;
use crate::project::Query;
use crate::project::query::{Ask, Call};

const EXAMPLES: &str = "\
Examples:
  runner plan project-jobs since=90d --parts 8 --out plan.json
  runner run --part plan.json#3 --out part-3.ndjson    # on any machine, for each part
  runner merge plan.json part-*.ndjson --out jobs.csv
  runner plan --from-failures plan.json part-*.ndjson --out again.json";

/// The number of items per part below which a walk is divided at a level further in.
const ITEMS: usize = 4;

/// Options of `plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct PlanArgs {
    #[command(flatten)]
    pub words: Words,

    /// Read vars from a YAML file (overridden by the command line)
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<PathBuf>,

    /// Divide the walk into at most this many parts: about 4 for each process
    #[arg(long, value_name = "N", default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub parts: u32,

    /// Number of parts that run at the same time: each takes its share of the rate limit (default:
    /// all parts)
    #[arg(long, value_name = "N")]
    pub at_once: Option<NonZeroU32>,

    /// Plan what could be listed if the listing is incomplete
    #[arg(long)]
    pub allow_partial: bool,

    /// Plan the items of PLAN again that failed in these part files, or that none of them has
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["vars_files", "allow_partial", "now"])]
    pub from_failures: Option<PathBuf>,

    /// Write the plan to a file (default: standard output)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Plan as of a past time: RFC 3339, a date, or an age (`7d`)
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    #[command(flatten)]
    pub cache: CacheArgs,

    #[command(flatten)]
    pub connect: ConnectArgs,

    #[command(flatten)]
    pub messages: MessageArgs,
}

impl PlanArgs {
    fn division(&self) -> Division {
        Division {
            parts: self.parts,
            at_once: self.at_once,
        }
    }
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &PlanArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    app.shutdown.limit(args.connect.timeout);
    let document = match &args.from_failures {
        Some(plan) => again::plan(plan, &args.words, args.division(), app)?,
        None => of_query(args, app)?,
    };
    if args.messages.quiet {
        return write(&document, args.out.as_deref(), app);
    }
    for words in &document.missing {
        app.eprintln(&format!("missing: {words}"));
    }
    let exit = write(&document, args.out.as_deref(), app)?;
    for note in plan_document::notes(&document) {
        app.eprintln(&note);
    }
    app.eprintln(&plan_document::summary(&document));
    Ok(exit)
}

fn of_query(args: &PlanArgs, app: &Rc<App>) -> Result<PlanOf, Stopped> {
    let given = inputs::read(
        &args.vars_files,
        &args.words.assignments,
        &app.working_directory,
    )?;
    let [name] = args.words.queries.as_slice() else {
        let words = format!("`plan` takes one query, got {}", args.words.queries.len());
        return Err(Failure::usage(Code::NoQuery, words).into());
    };
    let (project, query) = run::find(name, app)?;
    let query = query.map_err(Failure::from_diagnostics)?;
    check(&query)?;
    let world = World::new(app, &args.connect, args.messages, args.now.as_deref())?;
    let binding = world.binding(&project, &query, &args.connect, app)?;
    let mut plan = Plan::bind(query, &binding, &given)
        .map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
    // Parts read everything: the merge limits the records.
    plan.limit = None;
    let plan = Rc::new(plan);
    check_plan(&plan)?;
    let plans = std::slice::from_ref(&plan);
    carry_out::admit(plans, &RunOptions::default(), app)?;
    let cache = carry_out::cache_of(plans, args.cache, args.connect.demo, args.messages, app);
    let execution = ExecutionOptions {
        remembers: true,
        cache: cache.as_ref().map(RunCache::cache),
        ..ExecutionOptions::default()
    };
    let work = async |session: Rc<Session>| list(&plan, &session, args, app).await;
    let listed = connect::block_on(&args.connect, app, args.messages, Some(execution), work);
    if let Some(cache) = cache {
        cache.finish(app, args.messages.quiet);
    }
    let (level, found, missing) = listed?;
    let files = project.files_of(&plan.query);
    let planned = Planned {
        plan: &plan,
        level: &level,
        found,
        given: &given,
        missing,
        git: facts_read(&world, &files),
        files,
        root: project.root(),
        connect: &args.connect,
        division: args.division(),
    };
    Ok(plan_document::document(planned, app)?)
}

/// Refuses queries whose walks cannot be divided.
fn check(query: &Query) -> Result<(), Failure> {
    let name = &query.name;
    let refuse = |words: String| Failure::usage(Code::NotInParts, words);
    if !query.is_safe() {
        let words = format!("`{name}` writes, and a part may run twice: it is not run in parts");
        return Err(Failure::new(Exit::Forbidden, Code::NotInParts, words)
            .help("run it with `runner run`, which asks before it writes"));
    }
    if query.reads_store() {
        let words = format!("`{name}` reads a store, which other machines do not have");
        return Err(refuse(words));
    }
    match &query.ask {
        Ask::Request(_) => {}
        Ask::Statement(_) => {
            let words = format!("`{name}` is a statement over other queries, and has no items");
            return Err(refuse(words).help(
                "run a query that it reads in parts, and the statement over the merged file: \
                 `runner sql`",
            ));
        }
        Ask::Files(_) | Ask::Stored(_) | Ask::Nothing => {
            return Err(refuse(format!("`{name}` sends no requests of its own")));
        }
    }
    let sends_files = |query: &&Query| query.call().is_some_and(Call::sends_files);
    if let Some(sender) = query.with_fed_by().into_iter().find(sends_files) {
        let words = format!(
            "`{}` sends a file, which a plan does not carry",
            sender.name
        );
        return Err(refuse(words));
    }
    if query.is_download() {
        let words = format!("`{name}` downloads files, which a part's file cannot hold");
        return Err(refuse(words).help("divide its items with `runner run --shard K/N`"));
    }
    Ok(())
}

/// Refuses plans whose records cannot be put in order.
fn check_plan(plan: &Rc<Plan>) -> Result<(), Failure> {
    if let Some(key) = engine::key_beyond_records(plan) {
        let name = &plan.query.name;
        let words = format!(
            "`{name}` sorts by `{key}`, which a record does not tell: parts cannot be merged"
        );
        return Err(Failure::usage(Code::NotInParts, words)
            .help("add a column with the value, and sort by it"));
    }
    Ok(())
}

/// The level at which a walk is divided, its items, and what is missing.
type Listed = (Split, FoundItems, Vec<String>);

/// Lists the items at the outermost level that has enough of them, and what `data` reads.
async fn list(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    args: &PlanArgs,
    app: &Rc<App>,
) -> Result<Listed, Stopped> {
    let failed = |failed: Box<engine::FailedRun>| {
        Stopped::from(outcome::report_failed(plan, &failed, args.messages, app))
    };
    let levels = engine::levels(plan);
    let enough = args.parts as usize * ITEMS;
    let mut chosen = None;
    for level in levels {
        let found = engine::find_at(plan, &level, session)
            .await
            .map_err(failed)?;
        let Some(found) = found else {
            return Err(Stopped::Closed);
        };
        if plan_document::has_signed_address(&found) {
            // They are secret, and expire: the parts find them anew.
            if chosen.is_some() {
                break;
            }
            let words = format!(
                "the items of `{}` have signed addresses, which are secret and expire",
                plan.query.name
            );
            return Err(Failure::new(Exit::Forbidden, Code::NotInParts, words)
                .help("divide the walk by each process: `runner run --shard K/N`")
                .into());
        }
        let is_enough = found.sites.len() >= enough;
        chosen = Some((level, found));
        if is_enough {
            break;
        }
    }
    let Some((level, mut found)) = chosen else {
        let words = format!(
            "the walk of `{}` has no level to divide it at",
            plan.query.name
        );
        return Err(Failure::usage(Code::NotInParts, words).into());
    };
    let mut missing = missing(plan, &found, args, app)?;
    if !plan.data.is_empty() {
        let data = engine::find_data(plan, session).await.map_err(failed)?;
        let Some(data) = data else {
            return Err(Stopped::Closed);
        };
        missing.extend(self::missing(plan, &data, args, app)?);
        found.data = data.data;
    }
    for note in found.notes.iter().filter(|_| !args.messages.quiet) {
        app.eprintln(&format!("note: {note}"));
    }
    Ok((level, found, missing))
}

/// Returns what is missing in a listing, if that is allowed.
fn missing(
    plan: &Plan,
    found: &FoundItems,
    args: &PlanArgs,
    app: &App,
) -> Result<Vec<String>, Failure> {
    let ledger = &found.ledger;
    if ledger.is_empty() && found.doubt.is_none() && found.unmet.is_empty() {
        return Ok(Vec::new());
    }
    if !args.allow_partial {
        if let Some(unmet) = outcome::report_unmet(plan, &found.unmet, args.messages, app) {
            return Err(unmet.help("nothing is planned: `--allow-partial` plans what was listed"));
        }
        outcome::report_items(plan, found, args.messages, app);
        if let Some(doubt) = &found.doubt {
            app.eprintln(&format!("error: {doubt}"));
        }
        let words = format!(
            "the items of `{}` are incomplete: nothing is planned",
            plan.query.name
        );
        return Err(Failure::new(Exit::Partial, Code::Partial, words)
            .help("run it again, or plan what was listed with `--allow-partial`"));
    }
    let failures = ledger.failures().iter().map(|failures| {
        let example = error_hints::run_error(&failures.example, plan, app);
        let count = counted(failures.count, "failure");
        let query = &failures.example.query;
        one_line(&format!("{count} of `{query}`: {}", example.message)).into_owned()
    });
    let cuts = ledger.cuts().iter();
    let cuts = cuts.map(|cut| format!("the listing of `{}` was cut", cut.query));
    let unmet = found.unmet.errors.iter();
    let unmet = unmet.map(|error| error_hints::run_error(error, plan, app).message);
    let others = cuts.chain(found.doubt.clone()).chain(unmet);
    Ok(failures.chain(others).collect())
}
