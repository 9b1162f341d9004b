//! `runner run`: runs queries.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::inputs::{self, Words};
use crate::cli::options::{self, CacheArgs, ConnectArgs, MessageArgs, ResultArgs, RunOptions};
use crate::cli::part::PartArgs;
use crate::cli::setup;
use crate::cli::shard::{self, ShardArg};
use crate::cli::{carry_out, dry_run, error_hints, part, store_place};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::format::Format;
use crate::plan::{Inputs, Plan};
use crate::project::{Project, Query};

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

    #[arg(short, long, value_name = "FORMAT", value_parser = options::format_name,
        help = options::format_help(|_| true))]
    pub output: Option<&'static Format>,

    #[command(flatten)]
    pub results: ResultArgs,

    /// Store the results in this folder, as `previous` for the report of the next run
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Run as of a past time: RFC 3339, a date, or an age (`7d`)
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    /// Return at most this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Send requests that write, without prompting for confirmation
    #[arg(short, long)]
    pub yes: bool,

    /// Stop at the first item that fails
    #[arg(long)]
    pub fail_fast: bool,

    /// Print records as they arrive, instead of in the query's order
    #[arg(long)]
    pub unordered: bool,

    /// List the items of a walk and print every request that would write, without sending it
    #[arg(long, conflicts_with_all = ["dry_run", "curl", "yes"])]
    pub preview: bool,

    /// Print the requests with masked secrets, and send nothing
    #[arg(long, conflicts_with = "curl")]
    pub dry_run: bool,

    /// Print the equivalent curl command, and send nothing
    #[arg(long)]
    pub curl: bool,

    /// Read kept rows from this store: a file, or `postgres://user@host/database`
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,

    /// Run parts of a plan: PLAN#3, PLAN#3,11, PLAN with --shard, or `-` for a part on standard input
    ///
    /// Prints NDJSON. The part ends with the process that started it, and with the reader of its
    /// records.
    #[arg(long, value_name = "PLAN#K", conflicts_with_all = [
        "words", "vars", "vars_files", "output", "columns", "csv", "state", "now", "limit", "yes",
        "fail_fast", "unordered", "preview", "dry_run", "curl", "store",
    ])]
    pub part: Option<String>,

    /// Walk one of N shares of the items, chosen by their key: K/N from 1, or `auto` in CI
    #[arg(long, value_name = "K/N", conflicts_with_all = ["limit", "preview", "dry_run", "curl"])]
    pub shard: Option<ShardArg>,

    #[command(flatten)]
    pub cache: CacheArgs,

    #[command(flatten)]
    pub connect: ConnectArgs,

    #[command(flatten)]
    pub messages: MessageArgs,
}

impl RunArgs {
    fn options(&self) -> RunOptions {
        RunOptions {
            output: self.output,
            results: self.results.clone(),
            state: self.state.clone(),
            store: self.store.clone(),
            yes: self.yes,
            fail_fast: self.fail_fast,
            unordered: self.unordered,
            preview: self.preview,
            cache: self.cache,
            connect: self.connect.clone(),
            messages: self.messages,
            shard: None,
        }
    }

    /// Returns the options of a part.
    fn of_part<'a>(&'a self, part: &'a str) -> Result<PartArgs<'a>, Failure> {
        let out = match self.results.out.as_slice() {
            [] => None,
            [out] => Some(out.as_path()),
            _ => {
                let words = "a part is written to one file, and `--out` is given several times";
                return Err(Failure::usage(Code::Out, words));
            }
        };
        Ok(PartArgs {
            part,
            shard: self.shard,
            out,
            cache: self.cache,
            connect: &self.connect,
            messages: self.messages,
        })
    }

    /// Returns the format of errors.
    pub fn error_format(&self) -> ErrorFormat {
        self.messages.error_format
    }
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &RunArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    // The limit includes reading, checking and showing.
    app.shutdown.limit(args.connect.timeout);
    if let Some(part) = &args.part {
        return Ok(part::run(&args.of_part(part)?, app));
    }
    let words = &args.words;
    if words.queries.is_empty() {
        return Err(Failure::usage(Code::NoQuery, "no query given")
            .help("add its path or name: `runner run queries/get-workflow.yaml NAME=VALUE`")
            .into());
    }
    let given = inputs::read(&args.vars_files, &words.assignments, &app.working_directory)?;
    let queries = queries(&words.queries, app)?;
    refuse_unknown_vars(&given, &queries)?;
    if let Some((project, _)) = queries.iter().find(|(project, _)| project.is_built_in()) {
        setup::note_built_in(project, args.messages.quiet, app);
    }
    if !args.results.out.is_empty() && queries.len() > 1 {
        return Err(Failure::usage(Code::Out, "`--out` is for a single query, got several").into());
    }
    let stored = queries.iter().find(|(_, query)| query.reads_store());
    let of_demo = match stored.filter(|_| args.connect.demo && args.now.is_none()) {
        Some((project, _)) => store_place::demo_time(args.store.as_deref(), project, app)?,
        None => None,
    };
    let now = args.now.as_deref().or(of_demo.as_deref());
    let world = World::new(app, &args.connect, args.messages, now)?;
    let mut plans = Vec::new();
    for (project, query) in queries {
        plans.push(Rc::new(plan(&project, query, &given, &world, args, app)?));
    }
    let mut options = args.options();
    if let Some(shard) = args.shard {
        let shard = shard.shard(app)?;
        shard::check(&plans, shard, args.messages, app)?;
        options.shard = Some(shard);
        options.connect.share = NonZeroU32::new(shard.count);
    }
    if args.dry_run || args.curl {
        return dry_run::show(&plans, args.curl, app);
    }
    if args.preview {
        return carry_out::preview(&plans, &options, app);
    }
    carry_out::carry_out(&plans, &options, app)
}

/// A query and its project.
type FoundQuery = (Rc<Project>, Arc<Query>);

/// Finds the queries and their projects.
fn queries(words: &[String], app: &App) -> Result<Vec<FoundQuery>, Failure> {
    let mut found: Vec<FoundQuery> = Vec::new();
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
        failure.help(format!("`{}` has no vars", first.name))
    } else {
        failure.help(format!(
            "write values as `NAME=VALUE`; `{}` has {}",
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
fn refuse_unknown_vars(given: &Inputs, queries: &[FoundQuery]) -> Result<(), Failure> {
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
        .map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
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
