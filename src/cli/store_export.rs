//! `runner store export`: tables as files for other programs.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::options;
use crate::cli::store_place::PlaceArgs;
use crate::cli::{ping, progress, store_place};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::core::time::{TIME_EXAMPLE, format_time, parse_time};
use crate::format::{self, Format};
use crate::project::{Project, load};
use crate::store::export::{
    self, ExportError, ExportFacts, ExportFormat, ExportPlan, FORMATS, TableExport,
};
use crate::store::{Selection, Store, StoredTable};

const EXAMPLES: &str = "\
Examples:
  runner store export --parquet warehouse                 # all tables
  runner store export --csv out jobs workflows
  runner store export --ndjson out jobs --since 2026-01-01
  runner store export --parquet out workflows --as-of 2026-11-01";

const COLUMNS: [&str; 6] = ["table", "rows", "files", "bytes", "from", "to"];

/// Options of `store export`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
#[command(group = clap::ArgGroup::new("format").required(true).args(["parquet", "csv", "ndjson"]))]
pub struct ExportArgs {
    /// The tables (default: all)
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,

    /// Write Parquet files to this folder: DIR/TABLE/month=2026-11/part.parquet
    #[arg(long, value_name = "DIR")]
    parquet: Option<PathBuf>,

    /// Write CSV files to this folder
    #[arg(long, value_name = "DIR")]
    csv: Option<PathBuf>,

    /// Write NDJSON files to this folder
    #[arg(long, value_name = "DIR")]
    ndjson: Option<PathBuf>,

    /// Only rows from this time on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// The rows as they were at this time (needs `history: true`)
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,

    #[arg(short, long, value_name = "FORMAT", value_parser = options::row_format_name,
        help = options::row_format_help())]
    output: Option<&'static Format>,

    /// Options of all verbs of `store`.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl ExportArgs {
    /// Returns the folder and the format of the files.
    ///
    /// # Errors
    ///
    /// If this build lacks the format.
    fn target(&self) -> Result<(&Path, &'static ExportFormat), Failure> {
        let given = [
            ("parquet", &self.parquet),
            ("csv", &self.csv),
            ("ndjson", &self.ndjson),
        ];
        let given = given
            .into_iter()
            .find_map(|(name, folder)| Some((name, folder.as_deref()?)));
        let (name, folder) = given.unwrap_or(("parquet", Path::new("")));
        let known = FORMATS.iter().find(|format| format.name == name);
        let format = known.ok_or_else(|| {
            let words = format!("this build of `runner` cannot write `--{name}`");
            Failure::usage(Code::Usage, words).help(format!(
                "build it with the feature `{name}`, or use `--csv` or `--ndjson`"
            ))
        })?;
        if folder.as_os_str().is_empty() {
            let words = format!("`--{name}` takes a folder, got an empty text");
            return Err(Failure::usage(Code::Usage, words));
        }
        Ok((folder, format))
    }
}

/// Exports tables.
///
/// # Errors
///
/// If the store cannot be read, or a file cannot be written.
pub fn run(
    args: &ExportArgs,
    store: &mut Store,
    project: &Project,
    app: &App,
) -> Result<(), Failure> {
    let (folder, format) = args.target()?;
    let now = store_place::now_of(store, args.place.demo, app)?;
    let time = |name: &str, text: &Option<String>| {
        text.as_deref()
            .map(|text| time(name, text, now))
            .transpose()
    };
    let since = time("--since", &args.since)?;
    let as_of = time("--as-of", &args.as_of)?;
    let tables = tables(args, store, app)?;
    let plan = ExportPlan {
        tables,
        is_whole: args.tables.is_empty(),
        selection: Selection {
            as_of: as_of.map(Timestamp::as_microsecond),
            since: since.map(Timestamp::as_microsecond),
            ..Selection::default()
        },
        format,
        facts: ExportFacts {
            format: format.name,
            time: whole_second(app.now),
            since: since.map(format_time),
            as_of: as_of.map(format_time),
        },
        working_directory: &app.working_directory,
        folder,
        projects: vec![project.root().to_path_buf()],
    };
    // A signal while files are replaced, which takes moments, does not stop that half-way.
    let exported = export::write(&plan, store, || app.shutdown.listen())
        .map_err(|error| failure(error, folder, format, app))?;
    app.shutdown.finish();
    let usual = || format::usual(app.stdout.is_terminal);
    let rows: Vec<Value> = exported.iter().map(row).collect();
    ping::print_rows(&rows, &COLUMNS, args.output.unwrap_or_else(usual), app)?;
    if !args.place.messages.quiet {
        notes(&plan, &exported, app);
    }
    Ok(())
}

fn time(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    parse_time(text, now).ok_or_else(|| {
        let words = format!("`{name}` takes {TIME_EXAMPLE}, got `{text}`");
        Failure::usage(Code::Now, words)
    })
}

/// Formats a time without a fraction.
fn whole_second(time: Timestamp) -> String {
    format_time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

/// Returns the tables to export.
fn tables(args: &ExportArgs, store: &mut Store, app: &App) -> Result<Vec<StoredTable>, Failure> {
    let failed = |error| store_place::failure(error, app);
    let mut tables: Vec<StoredTable> = Vec::new();
    if args.tables.is_empty() {
        tables = store.tables().map_err(failed)?;
    }
    for name in &args.tables {
        let table = store.table_named(name).map_err(failed)?;
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    let without = tables.iter().find(|table| !table.history);
    if let Some(table) = without.filter(|_| args.as_of.is_some()) {
        let name = &table.name;
        let words = format!("`--as-of` needs former versions of rows, and `{name}` has none");
        return Err(Failure::usage(Code::Store, words).help(format!(
            "name tables of queries that have `history: true`, or add it to `{}`",
            table.query
        )));
    }
    Ok(tables)
}

fn row(export: &TableExport) -> Value {
    let months = || export.files.iter().filter_map(|file| file.month.as_deref());
    json!({
        "table": export.name,
        "rows": export.rows,
        "files": export.files.len(),
        "bytes": export.files.iter().map(|file| file.written.bytes).sum::<u64>(),
        "from": months().min(),
        "to": months().max(),
    })
}

fn notes(plan: &ExportPlan<'_>, exported: &[TableExport], app: &App) {
    if plan.selection.since.is_some() {
        for table in plan.tables.iter().filter(|table| table.at.is_none()) {
            app.eprintln(&format!(
                "note: `--since` does not apply to `{}`: its rows have no time",
                table.name
            ));
        }
    }
    let files: usize = exported.iter().map(|table| table.files.len()).sum();
    let bytes = exported.iter().flat_map(|table| &table.files);
    let bytes = progress::bytes(bytes.map(|file| file.written.bytes).sum());
    app.eprintln(&format!(
        "exported {} to {} in `{}`, {bytes}",
        counted(exported.iter().map(|table| table.rows).sum(), "row"),
        counted(files as u64, "file"),
        app.scrubber.text(&plan.folder.display().to_string()),
    ));
}

fn failure(error: ExportError, folder: &Path, format: &ExportFormat, app: &App) -> Failure {
    let shown = |name: &str| folder.join(name).display().to_string();
    match error {
        ExportError::Store(error) => store_place::failure(error, app),
        ExportError::File(name, error) => {
            let path = name.map_or_else(|| folder.display().to_string(), |name| shown(&name));
            let words = format!("cannot write `{path}`: {}", load::plain(&error));
            Failure::usage(Code::CannotWrite, words)
        }
        ExportError::Refused(name, words) => {
            let words = format!("cannot write `{}`: {words}", shown(&name));
            let failure = Failure::usage(Code::CannotWrite, words);
            failure.help(format!("export to another folder: `--{} DIR`", format.name))
        }
    }
}
