//! `runner new`: writes a query file from a request that was sent elsewhere.
//!
//! A curl command or an entry of an archive becomes an [`asked::Asked`], which [`make()`] turns into a
//! draft of a query, and of a resource if the project has none for the address. Credentials are not
//! written, and existing files are not changed.

mod address_parts;
mod asked;
mod content;
mod curl;
mod fields;
mod har;
mod make;
mod resource;
mod shell;
mod text;

use std::path::{Path, PathBuf};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::inputs;
use crate::cli::new::asked::Asked;
use crate::cli::new::make::{Made, make};
use crate::cli::new_query::NewQuery;
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::json;
use crate::core::secret::holds_token;
use crate::project::draft::{Draft, DraftBody};
use crate::project::{Project, load, split_operation};

const EXAMPLES: &str = "\
Examples:
  runner new circleci:listEnvironments       # writes queries/list-environments.yaml
  runner new pipelines --curl 'curl https://circleci.com/api/v2/project/gh/acme/web/pipeline'
  runner new pipelines --curl -              # pasted into standard input, ended by Ctrl-D
  runner new pipelines --har network.har --match /pipeline
  runner new pipelines --curl - --dry-run    # print the file instead of writing it

In a browser, the network panel of the developer tools has \"Copy as cURL\" and \"Save as HAR\".
Tokens and cookies are never written.";

/// The maximum size of a curl command, in bytes.
const LONGEST_COMMAND: u64 = 1024 * 1024;

/// The maximum size of an archive, in bytes.
const LONGEST_ARCHIVE: u64 = 256 * 1024 * 1024;

/// Options of `new`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct NewArgs {
    /// Operation of an API (`circleci:listEnvironments`), if the query is made of one, and the name of
    /// the query: `queries/NAME.yaml` is written
    #[arg(value_name = "OPERATION|NAME", num_args = 1..=2, required = true)]
    pub names: Vec<String>,

    /// Take the request of a curl command, or of one on standard input (`-`)
    #[arg(
        long,
        value_name = "COMMAND",
        allow_hyphen_values = true,
        conflicts_with = "har"
    )]
    pub curl: Option<String>,

    /// Take the request and the columns of its answer from an HTTP archive
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,

    /// Choose the request of the archive by its number
    #[arg(long, value_name = "N", requires = "har")]
    pub entry: Option<usize>,

    /// Choose the request of the archive whose method and address contain this text
    #[arg(
        long = "match",
        value_name = "TEXT",
        requires = "har",
        conflicts_with = "entry"
    )]
    pub matching: Option<String>,

    /// Resource of the query (default: the one that the address belongs to)
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,

    /// Print the files, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
}

/// Runs the verb.
///
/// # Errors
///
/// If the request is not understood, or a file exists or cannot be written.
pub fn run(args: &NewArgs, app: &App) -> Result<Exit, Stopped> {
    let project = setup::project_here(app)?;
    let (operation, name) = chosen(args)?;
    let new_query = NewQuery::new(&name, &project, app)?;
    if let Some(operation) = operation {
        return of_operation(operation, &new_query, args, &project, app);
    }
    let asked = match (&args.curl, &args.har) {
        (Some(command), _) => of_curl(command)?,
        (None, Some(path)) => of_har(path, args, app)?,
        (None, None) => {
            let words = "nothing to make the query of";
            return Err(Failure::usage(Code::NoQuery, words)
                .help(
                    "name an operation of an API, such as `circleci:listEnvironments` (listed by \
                     `runner list circleci:`)",
                )
                .help("or add `--curl 'curl …'` or `--har FILE`")
                .help("or send a request and keep it with `runner api ENDPOINT --save NAME`")
                .into());
        }
    };
    let made = make(&asked, args.resource.as_deref(), &project, app)?;
    let made = without_broken_graphql(made, &asked, &new_query);
    if args.dry_run {
        return print(&made, &new_query, app);
    }
    new_query.check(&made.draft, made.resource.is_some())?;
    if let Some(resource) = &made.resource {
        let path = write_resource(resource, &project, app)?;
        if !args.quiet {
            app.eprintln(&format!("wrote {path}"));
            let variables = resource.variables.join("`, `");
            if !variables.is_empty() {
                app.eprintln(&format!("  its credential is read from `{variables}`"));
            }
        }
    }
    new_query.write_beside(
        &made.draft,
        made.resource.is_some(),
        &made.notes,
        args.quiet,
        app,
    )?;
    Ok(Exit::Done)
}

/// Returns the operation, if there is one, and the name of the query, which is that of the operation
/// if no other is given.
fn chosen(args: &NewArgs) -> Result<(Option<&str>, String), Failure> {
    let is_operation = |word: &str| split_operation(word).is_some();
    match args.names.as_slice() {
        [name] if !is_operation(name) => Ok((None, name.clone())),
        [operation] => {
            let (_, id) = split_operation(operation).unwrap_or_default();
            Ok((Some(operation), with_hyphens(id)))
        }
        [operation, name] if is_operation(operation) => Ok((Some(operation), name.clone())),
        names => {
            let first = names.first().map_or("", String::as_str);
            let words = format!("`{first}` is not the name of an operation");
            let help =
                "an operation is named by its resource and its id: `circleci:listEnvironments`";
            Err(Failure::usage(Code::Usage, words).help(help))
        }
    }
}

/// Turns an id or a route into the name of a query: `listEnvironments` → `list-environments`.
fn with_hyphens(id: &str) -> String {
    let mut name = String::new();
    let mut was_lower = false;
    for character in id.chars() {
        let is_upper = character.is_uppercase();
        if (is_upper && was_lower) || (!character.is_alphanumeric() && !name.ends_with('-')) {
            name.push('-');
        }
        if character.is_alphanumeric() {
            name.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase() || character.is_numeric();
    }
    name.trim_matches('-').to_owned()
}

/// Writes the query of an operation.
fn of_operation(
    operation: &str,
    new_query: &NewQuery<'_>,
    args: &NewArgs,
    project: &Project,
    app: &App,
) -> Result<Exit, Stopped> {
    if args.curl.is_some() || args.har.is_some() {
        let words = "a query is made of an operation, a curl command or an archive, not of two";
        return Err(Failure::usage(Code::Usage, words).into());
    }
    let draft = project.operation_draft(operation).map_err(Failure::from)?;
    if args.dry_run {
        app.print(&draft.to_yaml())?;
        return Ok(Exit::Done);
    }
    new_query.check(&draft, false)?;
    new_query.write_beside(&draft, false, &[], args.quiet, app)?;
    Ok(Exit::Done)
}

/// Reads the request of a curl command.
fn of_curl(command: &str) -> Result<Asked, Failure> {
    let wrong = |words: String| Failure::usage(Code::Curl, format!("`--curl`: {words}"));
    let text = if command == "-" {
        let bytes = inputs::standard_input(LONGEST_COMMAND);
        let text = bytes.and_then(load::bounded::text);
        text.map_err(|words| wrong(format!("standard input {words}")))?
    } else {
        command.to_owned()
    };
    curl::read(&text).map_err(wrong)
}

/// Reads the chosen request of an archive.
fn of_har(path: &Path, args: &NewArgs, app: &App) -> Result<Asked, Failure> {
    let shown = path.display();
    let wrong = |words: String| Failure::usage(Code::Har, format!("`{shown}`: {words}"));
    let bytes = load::bounded::regular(&app.working_directory.join(path), LONGEST_ARCHIVE);
    let archive = json::parse(&bytes.map_err(wrong)?);
    let archive = archive.map_err(|error| wrong(format!("it is not JSON: {error}")))?;
    let mut entries = har::entries(&archive).map_err(wrong)?;
    if entries.is_empty() {
        let words = "no request in it has an answer that is JSON".to_owned();
        return Err(wrong(words).help("save it with the contents of the answers"));
    }
    let all = entries.len();
    if let Some(number) = args.entry {
        entries.retain(|entry| entry.number == number);
    }
    if let Some(text) = &args.matching {
        entries.retain(|entry| format!("{} {}", entry.method, entry.url).contains(text));
    }
    match entries.as_slice() {
        [only] => only.asked().map_err(wrong),
        [] => Err(
            wrong(format!("none of its {all} requests is the chosen one"))
                .help("without `--entry` and `--match`, they are listed"),
        ),
        several => {
            let words = format!("choose one of {} requests", several.len());
            let lines = several.iter().take(MOST_LISTED).map(|entry| {
                let url = without_secrets(entry.url);
                format!(
                    "--entry {}: {} {url} ({})",
                    entry.number, entry.method, entry.status
                )
            });
            let mut failure = wrong(words).helps(lines.collect());
            if several.len() > MOST_LISTED {
                let more = several.len() - MOST_LISTED;
                failure = failure.help(format!("and {more} more: narrow them with `--match TEXT`"));
            }
            Err(failure)
        }
    }
}

/// Returns an address without its user, its query and segments that look like tokens.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (origin, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = origin.rsplit('@').next().unwrap_or_default();
    let segments = path
        .split('/')
        .map(|part| if holds_token(part) { "***" } else { part });
    let path = segments.collect::<Vec<_>>().join("/");
    format!("{scheme}://{host}/{path}")
}

/// The maximum number of requests that are listed.
const MOST_LISTED: usize = 30;

/// Sends what looks like GraphQL, but has a document with faults, as the JSON that it is.
fn without_broken_graphql(made: Made, asked: &Asked, query: &NewQuery<'_>) -> Made {
    let is_graphql = matches!(made.draft.body, Some(DraftBody::Graphql(_)));
    if !is_graphql || query.check(&made.draft, made.resource.is_some()).is_ok() {
        return made;
    }
    let body = content::as_json(asked);
    Made {
        draft: Draft {
            body: body.or(made.draft.body.clone()),
            ..made.draft
        },
        ..made
    }
}

/// Prints the files.
fn print(made: &Made, query: &NewQuery<'_>, app: &App) -> Result<Exit, Stopped> {
    let mut text = String::new();
    if let Some(resource) = &made.resource {
        text.push_str(&format!("# resources/{}.yaml\n", resource.name));
        text.push_str(&resource.to_yaml());
        text.push('\n');
    }
    text.push_str(&format!("# {}\n{}", query.shown(), made.draft.to_yaml()));
    query.check(&made.draft, made.resource.is_some())?;
    app.print(&text)?;
    for note in &made.notes {
        app.eprintln(note);
    }
    Ok(Exit::Done)
}

fn write_resource(
    resource: &resource::NewResource,
    project: &Project,
    app: &App,
) -> Result<String, Failure> {
    let path = project
        .root()
        .join("resources")
        .join(format!("{}.yaml", resource.name));
    let shown = load::shown(&path, &app.working_directory);
    crate::cli::new_query::write_file(&path, &shown, &resource.to_yaml())?;
    Ok(shown)
}
