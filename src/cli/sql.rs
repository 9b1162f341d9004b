//! `runner sql`: runs one statement over queries and saved files.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::error_hints;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::inputs;
use crate::cli::options::{self, CacheArgs, ConnectArgs, MessageArgs, ResultArgs, RunOptions};
use crate::cli::setup;
use crate::cli::{carry_out, run, store_place};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::name;
use crate::core::source::{Place, SourceFile, Span};
use crate::core::time::{TIME_EXAMPLE, parse_time};
use crate::decode::{self, BodyKind};
use crate::format::Format;
use crate::plan::{Input, Inputs, Plan};
use crate::project::query::{StatementTable, VarType};
use crate::project::table::{self, Table, TableFiles};
use crate::project::{Grounds, Parameter, Project, Query, load, statement_query};
use crate::sql;
use crate::store::{Opening, SHOWN_COLUMNS};

const EXAMPLES: &str = "\
Examples:
  runner sql 'select branch, count(*) as n from p group by branch' --from p=project-pipelines
  runner sql 'select * from jobs where seconds > :least' --from jobs=jobs.csv least=60
  runner sql 'select job from new where job not in (select job from old)' \\
      --from new=slowest-jobs --from old=last-week.ndjson -o csv
  runner sql 'select project, sum(credits) from u group by project' --from u='usage/*.csv.gz'
  runner sql --store 'select date(created_at) as day, count(*) as n from workflows group by day'
  jq -c '.[]' jobs.json | runner sql 'select avg(seconds) as mean from jobs' --from jobs=-

The statement is a single SELECT in SQLite's dialect. NAME=VALUE sets its parameter `:NAME`, and the
var NAME of queries that declare it. In CSV and TSV files, and in parameters that no query declares,
numbers without leading zeros are read as numbers, everything else as strings, and an unquoted empty
field or `\\N` as null. A column that contains a string is a column of strings.";

/// Options of `sql`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct SqlArgs {
    /// One SELECT, and its parameters: NAME=VALUE, NAME=@FILE, NAME:=JSON
    #[arg(value_name = "SELECT | NAME=VALUE")]
    pub words: Vec<String>,

    /// Name a table: a query by path or name, files (.ndjson, .jsonl, .json, .csv, .tsv, also with
    /// .gz or .zst; `*` matches several), or `-` for NDJSON from standard input (`csv:-`, `tsv:-`,
    /// `json:-` for other formats)
    #[arg(long, value_name = "NAME=SOURCE")]
    pub from: Vec<String>,

    /// Name the tables that `runner sync` keeps; `--store=STORE` chooses another store than the project's
    #[arg(long, value_name = "STORE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub store: Option<String>,

    /// Show the rows of the store as they were at a time
    #[arg(long, value_name = "TIME", requires = "store")]
    pub as_of: Option<String>,

    /// Read the statement from a file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,

    #[arg(short, long, value_name = "FORMAT", value_parser = options::row_format_name,
        help = options::format_help(|format| !format.shows_body() && !format.writes_metrics()))]
    pub output: Option<&'static Format>,

    #[command(flatten)]
    pub results: ResultArgs,

    /// Run as of a past time: RFC 3339, a date, or an age (`7d`)
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    /// Return at most this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    #[command(flatten)]
    cache: CacheArgs,

    #[command(flatten)]
    connect: ConnectArgs,

    #[command(flatten)]
    messages: MessageArgs,
}

impl SqlArgs {
    /// Returns the format of errors.
    pub fn error_format(&self) -> ErrorFormat {
        self.messages.error_format
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            output: self.output,
            results: self.results.clone(),
            cache: self.cache,
            connect: self.connect.clone(),
            messages: self.messages,
            store: self.store.clone().filter(|store| !store.is_empty()),
            ..RunOptions::default()
        }
    }
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &SqlArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    app.shutdown.limit(args.connect.timeout);
    let (statement, assignments) = statement(args, app)?;
    let mut given = inputs::read(&[], &assignments, &app.working_directory)?;
    let sources = sources(&args.from)?;
    let (project, queries) = queries(&sources, args.store.is_some(), app)?;
    refuse_missing_values(&queries, &given)?;
    // Faults of the statement are reported once all tables are known.
    if let Ok(mentions) = sql::mentions(statement.text()) {
        refuse_unknown_names(&mentions, &queries, &given, &statement)?;
    }
    let grounds = Grounds {
        vars: parameters(&queries, &mut given),
        tables: tables(&sources, app)?,
        stored: stored(&statement, args, &project, app)?,
        queries,
    };
    let query = statement_query(&statement, grounds).map_err(Failure::from_diagnostics)?;
    setup::note_built_in(&project, args.messages.quiet, app);
    let world = World::new(app, &args.connect, args.messages, args.now.as_deref())?;
    let binding = world.binding(&project, &query, &args.connect, app)?;
    let mut plan = Plan::bind(Arc::new(query), &binding, &given)
        .map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
    if let Some(limit) = args.limit {
        plan.limit_to(limit);
    }
    let result = carry_out::carry_out(&[Rc::new(plan)], &args.options(), app);
    let reads_plain_input = args.from.iter().any(|word| word.ends_with("=-"));
    result.map_err(|stopped| match stopped {
        Stopped::Failed(failure) if failure.code == Code::Table && reads_plain_input => failure
            .help("`-` reads NDJSON; for another format, use `json:-`, `csv:-` or `tsv:-`")
            .into(),
        stopped => stopped,
    })
}

/// Returns the statement and the assignments.
fn statement(args: &SqlArgs, app: &App) -> Result<(Arc<SourceFile>, Vec<String>), Failure> {
    let words = inputs::sort_out(&args.words);
    let mut others = words.queries.into_iter();
    let source = if let Some(path) = &args.file {
        load::source(&app.working_directory.join(path), &app.working_directory)?
    } else {
        let Some(text) = others.next() else {
            return Err(Failure::usage(Code::NoStatement, "no statement given")
                .help("add it in quotes: `runner sql 'select * from jobs' --from jobs=jobs.csv`"));
        };
        SourceFile::new("the statement", "", text)
    };
    match others.next() {
        None => Ok((source, words.assignments)),
        Some(word) => {
            let words = format!("`{word}` is neither the statement nor `NAME=VALUE`");
            Err(Failure::usage(Code::Assignment, words)
                .help("quote the statement, so that it is one argument"))
        }
    }
}

/// The source of a table.
struct Source<'a> {
    name: &'a str,
    from: From<'a>,
}

enum From<'a> {
    Query(&'a str),
    File(&'a str, BodyKind),
    StandardInput(BodyKind),
}

impl<'a> From<'a> {
    /// Reads `SOURCE`: `FORMAT:PATH`, a path with the extension of a table, `-`, or a query.
    fn read(word: &'a str) -> Self {
        let named = word.split_once(':');
        let named = named.and_then(|(kind, rest)| Some((table::kind_named(kind)?, rest)));
        match named {
            Some((kind, "-")) => Self::StandardInput(kind),
            Some((kind, path)) if !path.is_empty() => Self::File(path, kind),
            _ if word == "-" => Self::StandardInput(BodyKind::Ndjson),
            _ => match table::kind_of(Path::new(word)) {
                Some(kind) => Self::File(word, kind),
                None => Self::Query(word),
            },
        }
    }
}

fn sources(words: &[String]) -> Result<Vec<Source<'_>>, Failure> {
    let mut sources: Vec<Source<'_>> = Vec::new();
    for word in words {
        let wrong = |words: String| {
            Err(Failure::usage(
                Code::From,
                format!("`--from {word}`: {words}"),
            ))
        };
        let Some((name, from)) = word.split_once('=') else {
            let failure =
                Failure::usage(Code::From, format!("`--from {word}` is not `NAME=SOURCE`"));
            let stem = Path::new(word).file_stem().unwrap_or_default();
            let stem = stem.to_string_lossy().replace(['-', '.', ' '], "_");
            return Err(if name::is_identifier(&stem) {
                failure.help(format!("for example `--from {stem}={word}`"))
            } else {
                failure
            });
        };
        if !name::is_identifier(name) {
            let words = format!("`--from {word}`: `{name}` is not a valid table name");
            let failure = Failure::usage(Code::From, words);
            return Err(failure.help("use letters, digits and `_`"));
        }
        if sources
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name))
        {
            return wrong(format!("there is already a table `{name}`"));
        }
        if from.is_empty() {
            return wrong("the source is missing".to_owned());
        }
        let from = From::read(from);
        let is_input = |from: &From<'_>| matches!(from, From::StandardInput(_));
        if is_input(&from) && sources.iter().any(|other| is_input(&other.from)) {
            return wrong("standard input can only be read once".to_owned());
        }
        sources.push(Source { name, from });
    }
    Ok(sources)
}

/// Queries by table name.
pub type NamedQueries = Vec<(String, Arc<Query>)>;

/// Returns the query of a statement over other queries alone. Values of its own parameters get the
/// types that they look like.
///
/// # Errors
///
/// If a value is missing or unknown, or the statement is wrong.
pub fn over_queries(
    statement: &Arc<SourceFile>,
    queries: NamedQueries,
    given: &mut Inputs,
) -> Result<Query, Failure> {
    refuse_missing_values(&queries, given)?;
    let mentions = sql::mentions(statement.text());
    if let Ok(mentions) = mentions {
        refuse_unknown_names(&mentions, &queries, given, statement)?;
    }
    let grounds = Grounds {
        vars: parameters(&queries, given),
        tables: Vec::new(),
        stored: Vec::new(),
        queries,
    };
    statement_query(statement, grounds).map_err(Failure::from_diagnostics)
}

/// Finds the queries and their project; files alone need none.
fn queries(
    sources: &[Source<'_>],
    uses_store: bool,
    app: &App,
) -> Result<(Project, NamedQueries), Failure> {
    let mut queries = NamedQueries::new();
    let mut project: Option<Project> = None;
    for source in sources {
        let From::Query(word) = source.from else {
            continue;
        };
        let (own, query) = run::find(word, app).map_err(|failure| or_a_file(failure, word))?;
        let query = query.map_err(|faults| or_a_file(Failure::from_diagnostics(faults), word))?;
        if let Some(first) = project.as_ref().filter(|first| first.root() != own.root()) {
            let words = format!(
                "the queries of a statement must be in one project, and `{word}` is not in `{}`",
                first.root().display()
            );
            return Err(Failure::usage(Code::From, words));
        }
        project = Some(own);
        queries.push((source.name.to_owned(), query));
    }
    let project = match project {
        Some(project) => project,
        None if uses_store => setup::project_here(app)?,
        None => Project::without_files(&app.working_directory, &options::format_names()),
    };
    Ok((project, queries))
}

/// Adds the hint that an unknown query may be meant as a file.
fn or_a_file(mut failure: Failure, word: &str) -> Failure {
    let endings: Vec<String> = table::endings()
        .map(|ending| format!(".{ending}"))
        .collect();
    let wanted = [Code::UnknownQuery, Code::NoProject, Code::NoFile];
    let mut faults = failure.diagnostics.iter_mut();
    if let Some(fault) = faults.find(|fault| wanted.contains(&fault.code)) {
        let words = format!(
            "a file of records has the extension {}",
            name::one_of(&endings)
        );
        fault.help.push(words);
        if word.contains(['*', '?']) {
            let words = format!(
                "files of a pattern have it in the pattern, or name their format: `csv:{word}`"
            );
            fault.help.push(words);
        }
    }
    failure
}

/// Refuses missing required values, since there is no query file to provide them.
fn refuse_missing_values(queries: &NamedQueries, given: &Inputs) -> Result<(), Failure> {
    for (_, query) in queries {
        let mut required = query.vars.iter().filter(|var| var.required);
        if let Some(var) = required.find(|var| !given.contains_key(&var.name)) {
            let words = format!("`{}` needs a value for `{}`", query.name, var.name);
            let example = var.example.as_ref().filter(|_| !var.secret);
            let example = example.map_or_else(|| "…".to_owned(), crate::core::json::plain);
            return Err(Failure::usage(Code::MissingVar, words)
                .help(format!("for example `{}={example}`", var.name)));
        }
    }
    Ok(())
}

/// Checks that every value is a parameter of the statement or a var of a query, and that every
/// parameter has a value.
fn refuse_unknown_names(
    mentions: &sql::Mentions,
    queries: &NamedQueries,
    given: &Inputs,
    statement: &Arc<SourceFile>,
) -> Result<(), Failure> {
    let params = mentions.params.iter().map(|param| param.name.as_str());
    let vars = queries.iter().flat_map(|(_, query)| &query.vars);
    let known: Vec<&str> = params.chain(vars.map(|var| var.name.as_str())).collect();
    for name in given.keys() {
        if !known.contains(&name.as_str()) {
            let words = format!("neither the statement nor one of its queries uses `{name}`");
            let fault = Diagnostic::general(Code::UnknownVar, words);
            let hint = name::hint(name, known.iter().copied());
            return Err(fault.maybe_help(hint).into());
        }
    }
    for param in &mentions.params {
        if !given.contains_key(&param.name) {
            let place = Place {
                file: Arc::clone(statement),
                span: Span::new(param.range.start, param.range.end),
            };
            let words = format!("`:{}` has no value", param.name);
            let fault = Diagnostic::at(&place, Code::MissingVar, words);
            return Err(fault.help(format!("add `{}=VALUE`", param.name)).into());
        }
    }
    Ok(())
}

/// Returns the types of the values: declared by the queries, or inferred.
fn parameters(queries: &NamedQueries, given: &mut Inputs) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for (name, input) in given {
        let declared = || queries.iter().filter_map(|(_, query)| query.var(name));
        let kind = match (declared().next(), &*input) {
            (Some(var), _) => var.kind,
            (None, Input::Text(text) | Input::Environment(text)) => {
                match decode::looks_like(text.clone()) {
                    Value::String(_) => VarType::String,
                    number => {
                        *input = Input::Json(number);
                        VarType::Json
                    }
                }
            }
            (None, Input::Json(_) | Input::Number(..) | Input::Secret(_)) => VarType::Json,
        };
        parameters.push(Parameter {
            name: name.clone(),
            kind,
            is_secret: declared().any(|var| var.secret),
        });
    }
    parameters
}

/// Returns the tables of the store that the statement may read.
fn stored(
    statement: &SourceFile,
    args: &SqlArgs,
    project: &Project,
    app: &App,
) -> Result<Vec<StatementTable>, Failure> {
    let Some(given) = &args.store else {
        return Ok(Vec::new());
    };
    let given = Some(given.as_str()).filter(|given| !given.is_empty());
    let address = store_place::address(given, args.connect.demo, project, app)?;
    let access = store_place::access(address, app)?;
    let mut store = store_place::open(&access, Opening::Existing, app)?;
    let now = store_place::now_of(&mut store, args.connect.demo, app)?;
    let as_of = args.as_of.as_deref().map(|text| {
        parse_time(text, now).ok_or_else(|| {
            let words = format!("`--as-of` takes {TIME_EXAMPLE}, got `{text}`");
            Failure::usage(Code::Now, words)
        })
    });
    let as_of = as_of.transpose()?;
    let tables = store.tables();
    let tables = tables.map_err(|error| store_place::failure(error, app))?;
    let text = statement.text().to_lowercase();
    // As of a time, a table is copied: only those that the statement may mean.
    let is_wanted = |name: &str| as_of.is_none() || text.contains(&name.to_lowercase());
    let tables = tables.into_iter().filter(|table| is_wanted(&table.name));
    let own = || SHOWN_COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    Ok(tables
        .map(|table| StatementTable {
            columns: Some(
                (table.columns.into_iter().map(|column| column.name))
                    .chain(own())
                    .collect(),
            ),
            name: table.name.clone(),
            table: table.name,
            as_of,
        })
        .collect())
}

/// Returns the tables of files.
fn tables(sources: &[Source<'_>], app: &App) -> Result<Vec<Table>, Failure> {
    let mut tables = Vec::new();
    for source in sources {
        let files = match source.from {
            From::Query(_) => continue,
            From::StandardInput(kind) => {
                let input = inputs::StandardInput::open(kind);
                let input = input.map_err(|words| {
                    Failure::usage(Code::CannotRead, format!("standard input {words}"))
                })?;
                TableFiles::stream("standard input", Arc::new(input), kind)
            }
            From::File(word, kind) => TableFiles::anywhere(word, setup::resolved(word, app), kind),
        };
        tables.push(Table {
            name: source.name.to_owned(),
            columns: files.header(&app.working_directory),
            files,
        });
    }
    Ok(tables)
}
