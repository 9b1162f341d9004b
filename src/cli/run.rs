//! `runner run`: the main job.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::setup::{self, ConnectArgs, TalkArgs, World};
use crate::cli::{explain, inputs, shown};
use crate::core::name;
use crate::core::text::printable_lines;
use crate::engine::{self, Answer, Outcome, Session, Want};
use crate::format::{FORMATS, Format, FormatError, Shape, by_extension, by_name};
use crate::plan::{Inputs, Plan};
use crate::project::{Project, Query};
use crate::sink::{FileSink, Sink, StdoutSink};

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
        admit(plan, args, app)?;
    }
    let mut sinks = Vec::new();
    for plan in &plans {
        sinks.push(target(plan, args, app)?);
    }
    let done = Cell::new(0);
    let result = setup::block_on(&args.connect, app, args.talk, async |session| {
        let mut exit = Exit::Done;
        for (index, (plan, target)) in plans.iter().zip(sinks).enumerate() {
            if plans.len() > 1 {
                separate(plan, index, &target, app).map_err(|error| cannot_write(&error))?;
            }
            exit = exit.max(execute(plan, &session, target, args, app).await?);
            done.set(done.get() + 1);
        }
        Ok(exit)
    });
    result.map_err(|failure| how_far(failure, done.get(), &plans))
}

/// Adds to a run that was ended from outside how far it came.
fn how_far(failure: Failure, done: usize, plans: &[Plan]) -> Failure {
    let is_ended = failure.exit == Exit::Interrupted || failure.code == "timeout";
    let Some(current) = plans.get(done).filter(|_| is_ended) else {
        return failure;
    };
    let failure = if plans.len() > 1 {
        let words = format!("{done} of {} queries were done", plans.len());
        failure.fact("progress", words)
    } else {
        failure
    };
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
            shown::curl(&request, plan)
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
        crate::plan::disguise::masked(&request.url)
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

/// Where the records of a plan go, and how they look.
struct Target {
    format: &'static Format,
    sink: Box<dyn Sink>,
    /// Whether a person reads it as it is written.
    is_terminal: bool,
    file: Option<PathBuf>,
}

fn target(plan: &Plan, args: &RunArgs, app: &App) -> Result<Target, Failure> {
    let file = args.out.as_ref().filter(|path| path.as_os_str() != "-");
    let own = plan.output().and_then(by_name);
    let Some(path) = file else {
        let usual = if app.stdout.is_terminal {
            "table"
        } else {
            "json"
        };
        return Ok(Target {
            format: args
                .output
                .or(own)
                .or(by_name(usual))
                .unwrap_or(&FORMATS[0]),
            sink: Box::new(StdoutSink),
            is_terminal: app.stdout.is_terminal,
            file: None,
        });
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    let Some(format) = args.output.or(ending.and_then(by_extension)).or(own) else {
        let known: Vec<&str> = FORMATS
            .iter()
            .flat_map(|format| format.extensions)
            .copied()
            .collect();
        return Err(Failure::usage(
            "out",
            format!("the ending of `{}` names no format", path.display()),
        )
        .help(format!(
            "end it in {}, or say `-o FORMAT`",
            name::one_of(&known)
        )));
    };
    let sink = FileSink::create(&app.working_directory.join(path)).map_err(|error| {
        Failure::usage(
            "out",
            format!(
                "`{}` cannot be written: {}",
                path.display(),
                crate::project::load::plain(&error)
            ),
        )
    })?;
    Ok(Target {
        format,
        sink: Box::new(sink),
        is_terminal: false,
        file: Some(path.clone()),
    })
}

async fn execute(
    plan: &Plan,
    session: &Session,
    target: Target,
    args: &RunArgs,
    app: &App,
) -> Result<Exit, Failure> {
    let want = if target.format.name == "raw" {
        Want::Content
    } else {
        Want::Records
    };
    let answer = engine::run(plan, session, want)
        .await
        .map_err(|error| explain::run_error(error, &plan.resource, app))?;
    let count = answer.records.len();
    if let Some(note) = answer.note.as_ref().filter(|_| !args.talk.quiet) {
        app.say(&format!("note: {note}"));
    }
    let is_list = !plan.query.is_single();
    let file = target.file.clone();
    let is_table = target.format.name == "table";
    match write(plan, &answer, target, app) {
        Ok(()) => {}
        // A reader that has seen enough is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        Err(error) => return Err(cannot_write(&error)),
    }
    if !args.talk.quiet {
        if let Some(path) = file.filter(|_| app.stderr.is_terminal) {
            let records = if count == 1 { "record" } else { "records" };
            app.say(&format!("{count} {records} written to {}", path.display()));
        } else if count == 0 && is_list && is_table {
            app.say("no records");
        }
    }
    let exit = tell_outcome(plan, answer.outcome, count, args, app);
    match answer.failed_expectations {
        None => Ok(exit),
        Some(failed) => Err(explain::run_error(failed, &plan.resource, app)),
    }
}

/// Says what is not whole.
fn tell_outcome(plan: &Plan, outcome: Outcome, count: usize, args: &RunArgs, app: &App) -> Exit {
    match outcome {
        Outcome::Complete => Exit::Done,
        Outcome::FirstPage => {
            if !args.talk.quiet {
                app.say(&format!(
                    "note: the listing of `{}` goes on: `paginate: false` reads its first page only",
                    plan.query.name
                ));
            }
            Exit::Done
        }
        Outcome::Cut => {
            Failure::new(
                Exit::Partial,
                "cut",
                format!(
                    "the listing of `{}` is cut after {count} records: the API has more pages, \
                     and this version of runner reads the first one only",
                    plan.query.name
                ),
            )
            .help(format!(
                "`--limit {count}` is satisfied with these; `paginate: false` in the file says \
                 that the first page is enough"
            ))
            .show(app, args.talk.error_format);
            Exit::Partial
        }
    }
}

fn write(plan: &Plan, answer: &Answer, mut target: Target, app: &App) -> std::io::Result<()> {
    let mut out = Vec::new();
    if target.format.name == "raw" {
        let body = app.scrubber.bytes(&answer.body);
        if target.is_terminal {
            let text = String::from_utf8_lossy(&body);
            out.extend_from_slice(printable_lines(&text).as_bytes());
        } else {
            out.extend_from_slice(&body);
        }
    } else {
        render(plan, &answer.records, &target, &mut out, app)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
    }
    target.sink.write(&out)?;
    target.sink.finish()
}

fn render(
    plan: &Plan,
    records: &[Value],
    target: &Target,
    out: &mut Vec<u8>,
    app: &App,
) -> Result<(), FormatError> {
    let mut renderer = target.format.renderer(&Shape {
        columns: plan.query.columns(),
        single: plan.query.is_single(),
        terminal: app.stdout.terminal().filter(|_| target.is_terminal),
    });
    renderer.begin(out)?;
    for record in records {
        renderer.record(record, out)?;
    }
    renderer.finish(out)
}

/// Sets the results of several queries apart, in a way that a reader of the format understands.
fn separate(plan: &Plan, index: usize, target: &Target, app: &App) -> std::io::Result<()> {
    let name = &plan.query.name;
    let gap = if index > 0 { "\n" } else { "" };
    match target.format.name {
        "table" => app.print(&format!("{gap}{name}\n\n")),
        "markdown" => app.print(&format!("{gap}## {name}\n\n")),
        "yaml" => app.print("---\n"),
        "csv" | "tsv" => app.print(gap),
        // One document after the other: readers of JSON take them one by one.
        _ => Ok(()),
    }
}

fn cannot_write(error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        // Nobody reads any more: nothing to say, and nothing wrong.
        return Failure::new(Exit::Done, "closed", "");
    }
    Failure::usage(
        "cannot-write",
        format!(
            "the result cannot be written: {}",
            crate::project::load::plain(error)
        ),
    )
}
