//! `runner ping`: checks connections and tokens.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::connect::{self, World};
use crate::cli::error_hints;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::options::{self, ConnectArgs, MessageArgs};
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::name;
use crate::engine::{self, Discard, ResultKind, RunReport, Session};
use crate::format::{self, Format, Shape};
use crate::http::HeaderMap;
use crate::plan::{Inputs, Plan};
use crate::project::{Project, ResourceFile};

const EXAMPLES: &str = "\
Examples:
  runner ping
  runner ping circleci --env staging
  runner ping --demo";

const COLUMNS: [&str; 6] = [
    "resource",
    "state",
    "who",
    "latency_ms",
    "limit_left",
    "reason",
];

/// Options of `ping`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct PingArgs {
    /// Resources by name (default: all)
    #[arg(value_name = "RESOURCE")]
    pub resources: Vec<String>,

    #[arg(short, long, value_name = "FORMAT", value_parser = options::row_format_name,
        help = options::row_format_help())]
    pub output: Option<&'static Format>,

    #[command(flatten)]
    connect: ConnectArgs,

    #[command(flatten)]
    messages: MessageArgs,
}

impl PingArgs {
    /// Returns the format of errors.
    pub fn error_format(&self) -> crate::cli::failure::ErrorFormat {
        self.messages.error_format
    }
}

/// Runs the verb.
///
/// # Errors
///
/// If there is no project, or no such resource. Failing resources are part of the result.
pub fn run(args: &PingArgs, app: &Rc<App>) -> Result<Exit, Failure> {
    let project = setup::project_here(app)?;
    let mut files = chosen(&project, &args.resources)?;
    if args.connect.demo && args.resources.is_empty() {
        // The demo only imitates some of them; without names, the others are skipped.
        files.retain(|file| {
            let resource = project.in_environment(file, args.connect.environment());
            resource.is_ok_and(|resource| World::can_answer_for(&resource))
        });
    }
    setup::note_built_in(&project, args.messages.quiet, app);
    let world = World::new(app, &args.connect, args.messages, None)?;
    let (rows, exit) =
        connect::block_on(&args.connect, app, args.messages, None, async |session| {
            let mut rows = Vec::new();
            let mut exit = Exit::Done;
            for file in files {
                let row = match not_asked(&project, file, args) {
                    Some(row) => Ok(row),
                    None => ask(&project, file, args, &world, &session, app).await,
                };
                let row = match row {
                    Ok(row) => row,
                    Err(failure) => {
                        failure.show(app, args.messages.error_format);
                        exit = exit.max(failure.exit);
                        let mut reason = Value::from(failure.words());
                        app.scrubber.json(&mut reason);
                        json!({"resource": file.name, "state": "failed", "reason": reason})
                    }
                };
                rows.push(row);
            }
            Ok::<_, Failure>((rows, exit))
        })?;
    let usual = || format::usual(app.stdout.is_terminal);
    let format = args.output.unwrap_or_else(usual);
    print_rows(&rows, &COLUMNS, format, app)?;
    Ok(exit)
}

fn chosen<'p>(project: &'p Project, names: &[String]) -> Result<Vec<&'p ResourceFile>, Failure> {
    let all = project.resources();
    if names.is_empty() {
        return if all.is_empty() {
            Err(
                Failure::usage(Code::NoResource, "the project has no resources")
                    .help("add `resources/circleci.yaml`"),
            )
        } else {
            Ok(all.iter().collect())
        };
    }
    names
        .iter()
        .map(|wanted| {
            all.iter().find(|file| file.name == *wanted).ok_or_else(|| {
                let failure =
                    Failure::usage(Code::UnknownResource, format!("no resource `{wanted}`"));
                match name::hint(wanted, all.iter().map(|file| file.name.as_str())) {
                    Some(hint) => failure.help(hint),
                    None => failure,
                }
            })
        })
        .collect()
}

/// Returns the row of a resource that cannot be checked, such as a webhook.
fn not_asked(project: &Project, file: &ResourceFile, args: &PingArgs) -> Option<Value> {
    let environment = args.connect.environment();
    let resource = project.in_environment(file, environment).ok()?;
    let reason = if !resource.access.may_read() {
        "write-only: nothing to read"
    } else if resource.kind.health_check().is_none() {
        "it has nothing to check"
    } else {
        return None;
    };
    Some(json!({ "resource": file.name, "state": "skipped", "reason": reason }))
}

async fn ask(
    project: &Project,
    file: &ResourceFile,
    args: &PingArgs,
    world: &World,
    session: &Rc<Session>,
    app: &App,
) -> Result<Value, Failure> {
    let resource = project
        .in_environment(file, args.connect.environment())
        .map_err(|faults| args.connect.explain(faults, app))?;
    let kind = resource.kind;
    let query = project
        .ad_hoc_query(&file.name, kind.health_check().unwrap_or_default())
        .map_err(Failure::from_diagnostics)?;
    let binding = world.bound_to(project, [(file.name.clone(), resource)], app)?;
    let plan = Plan::bind(Arc::new(query), &binding, &Inputs::new())
        .map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
    if let Some(requests) = plan.requests() {
        requests
            .check_credential()
            .map_err(|error| error_hints::plan_error(&error, Some(requests.resource()), app))?;
    }
    let plan = Rc::new(plan);
    let answer = engine::run(&plan, session, ResultKind::Content, None, &mut Discard)
        .await
        .map_err(|failed| error_hints::run_error(&failed.error, &plan, app))?;
    let body: Value = crate::core::json::parse(&answer.body).unwrap_or(Value::Null);
    let who = kind.who(&body);
    if let (None, Some(api)) = (&who, kind.always_names_user()) {
        let words = format!("the response from {} is not that of {api}", file.name);
        let base_url = plan.requests().map_or("", |plan| plan.base_url().as_str());
        return Err(Failure::new(Exit::Refused, Code::NotJson, words)
            .fact("request", format!("GET {base_url}"))
            .help("check that `base_url` is that of the API"));
    }
    let mut who = Value::from(who);
    app.scrubber.json(&mut who);
    Ok(json!({
        "resource": file.name,
        "state": "ok",
        "who": who,
        "latency_ms": u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX),
        "limit_left": limit_left(&answer),
    }))
}

/// Returns the smallest number of requests remaining, of all limits in the response.
fn limit_left(answer: &RunReport) -> Option<u64> {
    let headers: &HeaderMap = &answer.headers;
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str().strip_prefix("x-").unwrap_or(name.as_str());
            name == "ratelimit-remaining" || name.starts_with("ratelimit-remaining-")
        })
        .filter_map(|(_, value)| value.to_str().ok()?.trim().parse().ok())
        .min()
}

/// Prints rows with these columns.
///
/// # Errors
///
/// If they cannot be printed.
pub fn print_rows(
    rows: &[Value],
    columns: &[&str],
    format: &Format,
    app: &App,
) -> Result<(), Failure> {
    let wrong = |words: String| Failure::usage(Code::CannotWrite, words);
    let mut out = Vec::new();
    let mut renderer = format.renderer(&Shape {
        columns: Some(columns.iter().map(|name| (*name).to_owned()).collect()),
        terminal: app.stdout.terminal(),
        ..Shape::default()
    });
    let result = renderer
        .begin(&mut out)
        .and_then(|()| {
            rows.iter()
                .try_for_each(|row| renderer.record(&full(row, columns), &mut out))
        })
        .and_then(|()| renderer.finish(&mut out));
    result.map_err(|error| wrong(error.to_string()))?;
    app.print_to_any(&String::from_utf8_lossy(&out))
}

/// Returns a row with all columns.
fn full(row: &Value, columns: &[&str]) -> Value {
    columns
        .iter()
        .map(|column| {
            let value = row.get(column).cloned().unwrap_or(Value::Null);
            ((*column).to_owned(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
