//! `runner run`: the main job.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::output::{Through, Writer, cannot_write};
use crate::cli::setup::{self, ConnectArgs, TalkArgs, World};
use crate::cli::{explain, inputs, shown};
use crate::core::text::printable_lines;
use crate::engine::{self, Cut, Outcome, RunError, RunErrorKind, Session, Want};
use crate::format::Format;
use crate::plan::{Inputs, Plan};
use crate::project::{Project, Query};

const EXAMPLES: &str = "\
Examples:
  runner run queries/get-workflow.yaml workflow_id=5034460f-c7c4-4c43-9457
  runner run get-workflow workflow_id=5034460f-c7c4-4c43-9457 --demo
  runner run project-pipelines branch=main -o csv --out pipelines.csv
  runner run trigger-pipeline branch=main 'parameters:={\"deploy\": true}' --dry-run
  runner run get-workflow workflow_id=… --curl";

/// Options of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct RunArgs {
    /// Queries, by path or name, and their vars: NAME=VALUE, NAME=@FILE, NAME:=JSON
    #[arg(value_name = "QUERY | NAME=VALUE", required = true)]
    pub words: Vec<String>,

    /// The same as NAME=VALUE
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,

    /// Takes vars from a YAML file; those of the command line win
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<PathBuf>,

    /// Format: table, json, ndjson, yaml, csv, tsv, markdown or raw
    /// (default: table on a terminal, json elsewhere)
    #[arg(short, long, value_name = "FORMAT", value_parser = setup::format_name)]
    pub output: Option<&'static Format>,

    /// Writes to a file, whole or not at all; its ending says the format
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// At most this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Does not ask before a method that writes
    #[arg(short, long)]
    pub yes: bool,

    /// Prints the requests, secrets masked, and sends nothing
    #[arg(long, conflicts_with = "curl")]
    pub dry_run: bool,

    /// Prints a curl line that does the same, and sends nothing
    #[arg(long)]
    pub curl: bool,

    #[command(flatten)]
    connect: ConnectArgs,

    #[command(flatten)]
    talk: TalkArgs,
}

impl RunArgs {
    /// How errors are shown.
    pub fn error_format(&self) -> ErrorFormat {
        self.talk.error_format
    }
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &RunArgs, app: &Rc<App>) -> Result<Exit, Failure> {
    let words = inputs::sort_out(&args.words);
    if words.queries.is_empty() {
        return Err(Failure::usage("no-query", "no query is named").help(
            "give its path or name first: `runner run queries/get-workflow.yaml NAME=VALUE`",
        ));
    }
    let mut assignments = words.assignments;
    assignments.extend(args.vars.iter().cloned());
    let given = inputs::read(&args.vars_files, &assignments, &app.working_directory)?;
    let queries = queries(&words.queries, app)?;
    refuse_unknown_vars(&given, &queries)?;
    if args.out.is_some() && queries.len() > 1 {
        return Err(Failure::usage(
            "out",
            "`--out` takes the result of one query, got several",
        ));
    }
    let world = World::new(app, &args.connect)?;
    let mut plans = Vec::new();
    for (project, query) in queries {
        plans.push(plan(&project, query, &given, &world, args, app)?);
    }
    if args.dry_run || args.curl {
        return show(&plans, args, app);
    }
    for plan in &plans {
        plan.check_credential()
            .map_err(|error| explain::plan_error(error, &plan.resource, app))?;
        admit(plan, args, app)?;
    }
    let mut writers = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let place = (plans.len() > 1).then_some(index);
        writers.push(Writer::new(plan, args, place, app)?);
    }
    let done = Cell::new(0);
    let current = RefCell::new(None);
    let result = setup::block_on(&args.connect, app, args.talk, async |session| {
        let mut exit = Exit::Done;
        let mut first_failed = None;
        for (plan, writer) in plans.iter().zip(writers) {
            current.replace(Some(writer));
            match execute(plan, &session, &current, args, app).await {
                Ok(partial) => exit = exit.max(partial),
                // One failure does not lose the other answers.
                Err(failure) if plans.len() > 1 && failure.exit != Exit::Done => {
                    failure.show(app, args.talk.error_format);
                    first_failed = first_failed.or(Some(failure.exit));
                }
                // Nobody reads on; what failed before has failed all the same.
                Err(_) if first_failed.is_some() => break,
                Err(failure) => return Err(failure),
            }
            done.set(done.get() + 1);
        }
        Ok(first_failed.unwrap_or(exit))
    });
    result.map_err(|failure| how_far(failure, done.get(), &plans, current.take(), app))
}

/// Delivers what a run that was ended from outside has so far, and says how far it came.
fn how_far(
    failure: Failure,
    done: usize,
    plans: &[Plan],
    writer: Option<Writer>,
    app: &App,
) -> Failure {
    let is_ended = failure.exit == Exit::Interrupted || failure.code == "timeout";
    let Some(current) = plans.get(done).filter(|_| is_ended) else {
        return failure;
    };
    let mut failure = failure;
    if plans.len() > 1 {
        let words = format!("{done} of {} queries were done", plans.len());
        failure = failure.fact("progress", words);
    }
    if let Some(writer) = writer.filter(|writer| writer.records() > 0) {
        let records = counted(writer.records());
        let words = match writer.finish(&[], app) {
            Ok(()) => format!("{records} of `{}` came before that", current.query.name),
            Err(_) => format!("{records} of `{}` could not be written", current.query.name),
        };
        failure = failure.fact("delivered", words);
    }
    let is_told = failure
        .help
        .iter()
        .any(|help| help == explain::MAY_HAVE_WRITTEN);
    if current.query.is_safe() || is_told {
        failure
    } else {
        failure.help(explain::MAY_HAVE_WRITTEN)
    }
}

/// Finds the queries, each in its project.
fn queries(words: &[String], app: &App) -> Result<Vec<(Rc<Project>, Query)>, Failure> {
    let mut found: Vec<(Rc<Project>, Query)> = Vec::new();
    for word in words {
        let is_path = setup::is_path(word, app);
        let path = setup::resolved(word, app);
        let start: &Path = if is_path {
            &path
        } else {
            &app.working_directory
        };
        let project = Rc::new(setup::project(start, app)?);
        let query = if is_path {
            project.query_at(&path)
        } else {
            project.query_named(word)
        };
        let query = query.map_err(|faults| match found.first() {
            // A value without its name looks like one more query.
            Some((_, first)) if !is_path => not_a_query(word, first),
            _ => Failure::from_diagnostics(faults),
        })?;
        found.push((project, query));
    }
    Ok(found)
}

fn not_a_query(word: &str, first: &Query) -> Failure {
    let words = format!("`{word}` is neither a query nor `NAME=VALUE`");
    let names: Vec<&str> = first.vars.iter().map(|var| var.name.as_str()).collect();
    let failure = Failure::usage("unknown-query", words);
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

/// Several queries share the values: each takes those that it declares, and every value must be
/// declared by one of them. A single query reports its own.
fn refuse_unknown_vars(given: &Inputs, queries: &[(Rc<Project>, Query)]) -> Result<(), Failure> {
    if queries.len() < 2 {
        return Ok(());
    }
    for wanted in given.keys() {
        if !queries.iter().any(|(_, query)| query.var(wanted).is_some()) {
            return Err(Failure::usage(
                "unknown-var",
                format!("none of the queries has a var `{wanted}`"),
            ));
        }
    }
    Ok(())
}

fn plan(
    project: &Project,
    query: Query,
    given: &Inputs,
    world: &World,
    args: &RunArgs,
    app: &App,
) -> Result<Plan, Failure> {
    let resource = project
        .resource_of(&query, args.connect.environment())
        .map_err(|faults| args.connect.explain(faults, app))?;
    let resource = world.resource(resource)?;
    let own = own_inputs(given.clone(), &query, args);
    let seen = resource.clone();
    Plan::bind(
        query,
        resource,
        &own,
        &world.outside,
        project.root(),
        &app.scrubber,
    )
    .map_err(|error| explain::plan_error(error, &seen, app))
    .map(|mut plan| {
        if let Some(limit) = args.limit {
            plan.limit_to(limit);
        }
        plan
    })
}

/// The values that a query declares; all of them if it is the only one, so that a wrong name is
/// told with the names it has.
fn own_inputs(mut given: Inputs, query: &Query, args: &RunArgs) -> Inputs {
    if inputs::sort_out(&args.words).queries.len() > 1 {
        given.retain(|name, _| query.var(name).is_some());
    }
    given
}

fn show(plans: &[Plan], args: &RunArgs, app: &App) -> Result<Exit, Failure> {
    for (index, plan) in plans.iter().enumerate() {
        let request = plan
            .shown_request()
            .map_err(|error| explain::render_error(&error, app))?;
        let mut text = if args.curl {
            shown::curl(&request, plan).map_err(|words| {
                Failure::usage("curl", words).help("`--dry-run` shows it masked")
            })?
        } else {
            shown::dry_run(&request)
        };
        if app.stdout.is_terminal {
            text = printable_lines(&text).into_owned();
        }
        if index > 0 {
            text.insert(0, '\n');
        }
        app.print(&text).map_err(|error| cannot_write(&error))?;
    }
    Ok(Exit::Done)
}

/// Refuses a method that writes, or asks, before a byte is sent.
fn admit(plan: &Plan, args: &RunArgs, app: &App) -> Result<(), Failure> {
    if plan.query.is_safe() {
        return Ok(());
    }
    let request = plan
        .shown_request()
        .map_err(|error| explain::render_error(&error, app))?;
    let action = format!(
        "{} {}",
        request.method,
        crate::plan::disguise::masked_url(&request.url)
    );
    if plan.resource.read_only {
        return Err(Failure::new(
            Exit::Forbidden,
            "read-only",
            format!(
                "the resource `{}` is read-only, and this writes: {action}",
                plan.resource.name
            ),
        ));
    }
    if args.yes {
        return Ok(());
    }
    let question = plan
        .question()
        .map_err(|error| explain::render_error(&error, app))?;
    if !app.can_ask {
        let failure = Failure::new(
            Exit::Forbidden,
            "needs-yes",
            format!("this writes, and there is nobody to ask: {action}"),
        );
        let failure = match question {
            Some(question) => failure.fact("question", question),
            None => failure,
        };
        return Err(failure.help("run it with `--yes`, or look at it first with `--dry-run`"));
    }
    app.say(&shown::dry_run(&request));
    if app.ask(question.as_deref().unwrap_or("Send this?")) {
        Ok(())
    } else {
        Err(Failure::new(Exit::Forbidden, "declined", "not sent"))
    }
}

async fn execute(
    plan: &Plan,
    session: &Session,
    writer: &RefCell<Option<Writer>>,
    args: &RunArgs,
    app: &App,
) -> Result<Exit, Failure> {
    let want = writer.borrow().as_ref().map_or(Want::Records, Writer::want);
    let report = engine::run(plan, session, want, &mut Through(writer)).await;
    let report = match report {
        Ok(report) => report,
        // A reader that has seen enough is no error.
        Err(error) if has_closed_reader(&error) => return Err(Failure::closed()),
        Err(error) => return Err(explain::run_error(error, &plan.resource, app)),
    };
    if let Some(note) = report.note.as_ref().filter(|_| !args.talk.quiet) {
        app.say(&format!("note: {note}"));
    }
    let mut is_closed = false;
    if let Some(writer) = writer.borrow_mut().take() {
        let told = writer.summary(app);
        match writer.finish(&report.body, app) {
            Ok(()) => {}
            // A reader that has seen enough is no error, and what else is wrong is told all the same.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => is_closed = true,
            Err(error) => return Err(cannot_write(&error)),
        }
        if let Some(words) = told.filter(|_| !args.talk.quiet) {
            app.say(&words);
        }
    }
    let exit = tell_outcome(plan, report.outcome, report.records, args, app);
    match report.failed_expectations {
        // Nobody reads on: what comes next is not run.
        None if is_closed && exit == Exit::Done => Err(Failure::closed()),
        None => Ok(exit),
        Some(failed) => Err(explain::run_error(failed, &plan.resource, app)),
    }
}

fn has_closed_reader(error: &RunError) -> bool {
    matches!(&error.kind, RunErrorKind::Sink(error)
        if error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Says what is not whole.
fn tell_outcome(plan: &Plan, outcome: Outcome, count: usize, args: &RunArgs, app: &App) -> Exit {
    let name = &plan.query.name;
    let records = counted(count);
    let (words, help) = match outcome {
        Outcome::Complete => return Exit::Done,
        Outcome::FirstPage => {
            if !args.talk.quiet {
                app.say(&format!(
                    "note: the listing of `{name}` goes on: `paginate: false` reads its first page only"
                ));
            }
            return Exit::Done;
        }
        Outcome::Broken(error) => {
            let mut failure = explain::run_error(error, &plan.resource, app);
            failure.message = format!(
                "the listing of `{name}` breaks off after {records}: {}",
                failure.message
            );
            failure.exit = Exit::Partial;
            failure.show(app, args.talk.error_format);
            return Exit::Partial;
        }
        Outcome::Cut(Cut::Pages(most)) => (
            format!("the listing of `{name}` is cut after {records}: `max_pages` is {most}"),
            "raise `max_pages`, or ask for less with `limit` or `stop_when`",
        ),
        Outcome::Cut(Cut::Rows(most)) => (
            format!("the listing of `{name}` is cut after {records}: `max_rows` is {most}"),
            "raise `max_rows`, or ask for less with `limit` or `stop_when`",
        ),
        Outcome::Cut(Cut::Content) => (
            format!("`-o raw` shows the first page of `{name}`, and there are more"),
            "another format reads all pages; `paginate: false` says that the first one is enough",
        ),
        Outcome::Cut(Cut::NoRows) => (
            format!("the answer to `{name}` is the first page of a listing, and there are more"),
            "`rows` says where the records stand, for example `rows: $.items[*]`",
        ),
    };
    Failure::new(Exit::Partial, "cut", words)
        .help(help)
        .show(app, args.talk.error_format);
    Exit::Partial
}

fn counted(count: usize) -> String {
    let noun = if count == 1 { "record" } else { "records" };
    format!("{count} {noun}")
}
