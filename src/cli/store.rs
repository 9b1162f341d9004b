//! `runner store`: shows, shrinks or clears what is kept.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::options;
use crate::cli::store_export::{self, ExportArgs};
use crate::cli::store_place::{self, PlaceArgs};
use crate::cli::{error_hints, ping, setup};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::core::text::counted;
use crate::core::time::{DURATION_EXAMPLE, parse_duration};
use crate::format::{self, Format};
use crate::project::template::{self, Names};
use crate::store::cell::format_micros;
use crate::store::{
    Opening, SHOWN_COLUMNS, Store, StoreError, StoreErrorKind, StoredTable, TableStatus,
};
use crate::template::{Expression, RenderError, Scope};

const EXAMPLES: &str = "\
Examples:
  runner store status
  runner store export --parquet warehouse
  runner store vacuum --older 2y
  runner store forget jobs --column minutes
  runner store forget jobs --where 'branch == \"old\"'
  runner store forget workflows --yes";

const COLUMNS: [&str; 10] = [
    "table",
    "rows",
    "unfinished",
    "gone",
    "versions",
    "missed",
    "pending",
    "from",
    "to",
    "synced",
];

/// Options of `store`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, clap::Subcommand)]
enum StoreCommand {
    /// Show the tables and how complete they are
    Status {
        #[command(flatten)]
        place: PlaceArgs,

        #[arg(short, long, value_name = "FORMAT", value_parser = options::row_format_name,
            help = options::row_format_help())]
        output: Option<&'static Format>,
    },
    /// Write the tables as Parquet, CSV or NDJSON files, by month
    Export(ExportArgs),
    /// Remove old rows, and return deleted space to the system
    Vacuum {
        #[command(flatten)]
        place: PlaceArgs,

        /// Remove rows that are older, for example `2y` or `400d`
        #[arg(long, value_name = "AGE", value_parser = age)]
        older: Option<Duration>,

        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Remove a table, some of its rows, a column, or the items that keep failing
    Forget {
        /// The table
        table: String,

        /// Remove the rows for which this expression holds, for example `branch == "old"`
        #[arg(long = "where", value_name = "EXPRESSION", conflicts_with_all = ["column", "missed"])]
        condition: Option<String>,

        /// Remove this column only: the next syncs fill it again in the rows that they request
        #[arg(long, value_name = "NAME", conflicts_with = "missed")]
        column: Option<String>,

        /// Give up the items that failed, and keep all rows
        #[arg(long)]
        missed: bool,

        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,

        #[command(flatten)]
        place: PlaceArgs,
    },
}

/// Parses an age: a duration, or a number of years of 365 days.
fn age(text: &str) -> Result<Duration, String> {
    let years = text
        .strip_suffix('y')
        .and_then(|years| years.parse::<u32>().ok());
    let parsed = match years {
        Some(years) => Some(Duration::from_secs(u64::from(years) * 365 * 86_400)),
        None => parse_duration(text),
    };
    parsed
        .filter(|age| !age.is_zero())
        .ok_or_else(|| format!("expected `2y`, or {DURATION_EXAMPLE}"))
}

impl StoreArgs {
    /// Returns the format of errors.
    pub fn error_format(&self) -> ErrorFormat {
        self.place().messages.error_format
    }

    fn place(&self) -> &PlaceArgs {
        match &self.command {
            StoreCommand::Status { place, .. }
            | StoreCommand::Vacuum { place, .. }
            | StoreCommand::Forget { place, .. } => place,
            StoreCommand::Export(args) => &args.place,
        }
    }
}

/// Runs the verb.
///
/// # Errors
///
/// If there is no store, or it cannot be read or written.
pub fn run(args: &StoreArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let place = args.place();
    let project = setup::project_here(app)?;
    let address = store_place::address(place.store.as_deref(), place.demo, &project, app)?;
    let shown = address.to_string();
    let access = store_place::access(address, app)?;
    let mut store = store_place::open(&access, Opening::Existing, app)?;
    match &args.command {
        StoreCommand::Status { output, .. } => {
            let usual = || format::usual(app.stdout.is_terminal);
            status(&mut store, &shown, output.unwrap_or_else(usual), place, app)?;
        }
        StoreCommand::Export(args) => store_export::run(args, &mut store, &project, app)?,
        StoreCommand::Vacuum { older, yes, .. } => vacuum(&mut store, *older, *yes, place, app)?,
        StoreCommand::Forget {
            table,
            condition,
            column,
            missed,
            yes,
            ..
        } => {
            let what = match (condition, column) {
                (Some(condition), _) => Forgotten::Rows(condition),
                (None, Some(column)) => Forgotten::Column(column),
                (None, None) if *missed => Forgotten::Missed,
                (None, None) => Forgotten::Table,
            };
            forget(&mut store, table, &what, *yes, place, app)?;
        }
    }
    Ok(Exit::Done)
}

fn status(
    store: &mut Store,
    address: &str,
    format: &Format,
    place: &PlaceArgs,
    app: &App,
) -> Result<(), Failure> {
    let status = store
        .status()
        .map_err(|error| store_place::failure(error, app))?;
    // A table has no room for three times.
    let is_table = format.name == "table";
    let rows = status.tables.iter().map(|table| row(table, is_table));
    let rows: Vec<Value> = rows.collect();
    ping::print_rows(&rows, &COLUMNS, format, app)?;
    if !place.messages.quiet {
        let size = crate::cli::progress::bytes(u64::try_from(status.size).unwrap_or(0));
        app.eprintln(&format!("store: {}, {size}", app.scrubber.text(address)));
    }
    for table in status.tables.iter().filter(|table| table.incomplete > 0) {
        app.eprintln(&format!(
            "note: the listing of `{}` was not read to its end: the next sync goes on",
            table.table.name
        ));
    }
    Ok(())
}

fn row(status: &TableStatus, is_table: bool) -> Value {
    let day = |micros: i64| {
        let mut time = format_micros(micros);
        if is_table {
            time.truncate("2026-11-24".len());
        }
        time
    };
    json!({
        "table": status.table.name,
        "rows": status.rows,
        "unfinished": status.unfinished,
        "gone": status.gone,
        "versions": status.table.history.then_some(status.versions),
        "missed": status.missed,
        "pending": status.pending,
        "from": status.range.map(|(from, _)| day(from)),
        "to": status.range.map(|(_, to)| day(to)),
        "synced": status.synced_at.map(format_micros),
    })
}

fn vacuum(
    store: &mut Store,
    older: Option<Duration>,
    yes: bool,
    place: &PlaceArgs,
    app: &App,
) -> Result<(), Failure> {
    let failed = |error| store_place::failure(error, app);
    store.lock().map_err(failed)?;
    let mut removed = 0;
    if let Some(older) = older {
        let age = i64::try_from(older.as_micros()).unwrap_or(i64::MAX);
        // The time of a question is easier to read without fractions.
        let now = store_place::now_of(store, place.demo, app)?;
        let time = now
            .as_second()
            .saturating_mul(1_000_000)
            .saturating_sub(age);
        confirm(
            &format!("Remove all rows before {}?", format_micros(time)),
            yes,
            app,
        )?;
        for table in store.tables().map_err(failed)? {
            removed += store.forget_before(&table, time).map_err(failed)?;
        }
    }
    store.vacuum().map_err(failed)?;
    if !place.messages.quiet {
        app.eprintln(&format!("removed {}", counted(removed, "row")));
    }
    Ok(())
}

enum Forgotten<'a> {
    Table,
    Rows(&'a str),
    Column(&'a str),
    Missed,
}

fn forget(
    store: &mut Store,
    name: &str,
    what: &Forgotten<'_>,
    yes: bool,
    place: &PlaceArgs,
    app: &App,
) -> Result<(), Failure> {
    let failed = |error| store_place::failure(error, app);
    store.lock().map_err(failed)?;
    let table = store.table_named(name).map_err(failed)?;
    let name = &table.name;
    let done = match what {
        Forgotten::Table => {
            let question = format!("Remove the table `{name}` with all its rows?");
            confirm(&question, yes, app)?;
            store.forget_table(&table).map_err(failed)?;
            format!("removed the table `{name}`")
        }
        Forgotten::Rows(condition) => {
            let keys = keys_where(store, &table, condition, app)?;
            let rows = counted(keys.len() as u64, "row");
            if !keys.is_empty() {
                confirm(&format!("Remove {rows} of `{name}`?"), yes, app)?;
            }
            store.forget_rows(&table, &keys).map_err(failed)?;
            format!("removed {rows} of `{name}`")
        }
        Forgotten::Column(column) => {
            let question = format!("Remove the column `{column}` of `{name}` with its values?");
            confirm(&question, yes, app)?;
            store.forget_column(&table, column).map_err(failed)?;
            format!("removed the column `{column}` of `{name}`")
        }
        Forgotten::Missed => {
            let count = store.forget_missed(&table).map_err(failed)?;
            format!("gave up {} of `{name}`", counted(count, "item"))
        }
    };
    if !place.messages.quiet {
        app.eprintln(&done);
    }
    Ok(())
}

/// Returns the keys of the rows for which a condition holds.
fn keys_where(
    store: &mut Store,
    table: &StoredTable,
    condition: &str,
    app: &App,
) -> Result<Vec<String>, Failure> {
    let file = SourceFile::new("--where", "", condition);
    let span = Span::new(0, condition.len());
    let text = Text::new(condition, &Place { file, span });
    let shown = SHOWN_COLUMNS.iter().map(|(name, _)| *name);
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let columns = columns.chain(shown);
    let names =
        Names::outside().with_record("row", Some(columns.clone().map(str::to_owned).collect()));
    let names = names.with_all(columns);
    let mut faults = Diagnostics::new();
    let Some(condition) = template::condition(&text, &names, &mut faults) else {
        return Err(Failure::from_diagnostics(faults));
    };
    let outside = World::outside_of(app).scope_with_secrets(&app.scrubber);
    let mut fault = None;
    let keys = store.keys_of(table, &mut |record| {
        let members = record.iter().map(|(name, value)| (name.as_str(), value));
        let scope = outside
            .with_all(members)
            .with_record("row", &Value::Object(record.clone()));
        decides(&condition, &scope).map_err(|error| {
            fault = Some(error);
            // Ends the statement; the other error says why.
            StoreError::new(StoreErrorKind::Usage, "the condition cannot be evaluated")
        })
    });
    if let Some(fault) = fault {
        return Err(error_hints::render_error(&fault, app));
    }
    keys.map_err(|error| store_place::failure(error, app))
}

/// Returns the value of a condition, which must be true or false where something is removed; a row
/// that lacks a value is not chosen.
fn decides(condition: &Expression, scope: &Scope) -> Result<bool, RenderError> {
    match condition.json_of_record(scope)? {
        Value::Bool(holds) => Ok(holds),
        Value::Null => Ok(false),
        other => {
            let kind = crate::core::json::kind(&other);
            let words = format!("the condition must be true or false, and it is {kind}");
            Err(RenderError::new(&condition.place(), words))
        }
    }
}

/// Asks before something is removed.
fn confirm(question: &str, yes: bool, app: &App) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !app.can_ask {
        let words = "nothing was removed: that needs `--yes` without a terminal";
        return Err(Failure::new(Exit::Forbidden, Code::NeedsYes, words));
    }
    if app.ask(question) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Forbidden,
        Code::Declined,
        "declined: nothing was removed",
    ))
}
