//! Chooses the [`Ending`] of a result, its format and its place, from options, query and terminal,
//! before the first request.

use std::io;
use std::path::Path;
use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::metrics;
use crate::cli::options::RunOptions;
use crate::core::code::Code;
use crate::core::name;
use crate::ending::{Content, ENDINGS, Ending, FileKind, Formatted, Output, Report, Table};
use crate::format::{self, FORMATS, Format, Shape, by_extension, by_name};
use crate::plan::Plan;
use crate::project::load;
use crate::project::query::Call;
use crate::sink::{self, FileSink, MemorySink, Sink, StdoutSink};
use crate::template::{Document, DocumentKind};

/// Returns the ending for a query's result: in `file`, or on standard output. `index` is the
/// position among several queries.
///
/// # Errors
///
/// If the format does not match the query, or the file cannot be written.
pub fn ending(
    plan: &Plan,
    options: &RunOptions,
    file: Option<&Path>,
    index: Option<usize>,
    app: &Rc<App>,
) -> Result<Box<dyn Ending>, Failure> {
    let looks = looks(plan, options, file, app)?;
    if let (Looks::Other(kind), Some(path)) = (&looks, file) {
        let columns = columns(plan, options);
        let table = Table {
            name: plan.query.table_name(),
            columns: columns.as_deref(),
        };
        let opened = kind.open(&app.working_directory.join(path), &table);
        return opened.map_err(|error| not_writable(path, &error));
    }
    let sink: Box<dyn Sink> = match file {
        None => Box::new(StdoutSink),
        Some(path) => {
            let created = FileSink::create(&app.working_directory.join(path));
            Box::new(created.map_err(|error| not_writable(path, &error))?)
        }
    };
    let is_terminal = file.is_none() && app.stdout.is_terminal;
    let terminal = Rc::clone(app);
    let output = Output {
        sink,
        is_terminal,
        before_write: Box::new(move || {
            if is_terminal {
                terminal.clear_progress();
            }
        }),
    };
    Ok(match looks {
        Looks::Document(document) => Box::new(Report::new(*document, output)),
        Looks::Records(format) if format.shows_body() => Box::new(Content::new(format, output)),
        Looks::Records(format) => {
            refuse_several(format, index)?;
            let chosen_none = options.results.columns.is_empty();
            let shape = Shape {
                columns: columns(plan, options),
                single: plan.query.yields_one(),
                csv: options.results.csv.unwrap_or_default().or(plan.query.csv),
                metrics: metrics::columns(format, plan, &options.results.columns, app)?,
                terminal: app.stdout.terminal().filter(|_| is_terminal),
                // Chosen columns are all shown.
                page_width: chosen_none.then(|| app.page_width()),
            };
            let before = index.map(|index| (format.separator)(&plan.query.name, index));
            let before = before.unwrap_or_default();
            let formatted = Formatted::new(format, &shape, &before, output);
            Box::new(formatted.map_err(|error| Failure::of_output(&error))?)
        }
        Looks::Other(kind) => {
            let words = format!("{} must be written to a file", kind.name);
            return Err(Failure::usage(Code::Out, words));
        }
    })
}

/// A result in memory.
pub struct InMemory {
    /// The ending that fills it.
    pub ending: Box<dyn Ending>,
    /// The bytes.
    pub bytes: MemorySink,
    /// The extension of a file with such content.
    pub extension: &'static str,
}

/// Returns the endings of a query's result in memory: its own form (its documents, or its records as
/// JSON), and further formats.
///
/// # Errors
///
/// If a format does not match the query.
pub fn in_memory(
    plan: &Plan,
    further: &[&'static Format],
    app: &App,
) -> Result<Vec<InMemory>, Failure> {
    let report = plan.query.report.as_ref();
    let documents = report.map_or(&[][..], |report| &report.documents);
    let output = |bytes: &MemorySink| Output {
        sink: Box::new(bytes.clone()),
        is_terminal: false,
        before_write: Box::new(|| {}),
    };
    let mut all = Vec::new();
    for document in documents {
        let bytes = MemorySink::default();
        all.push(InMemory {
            ending: Box::new(Report::new(document.clone(), output(&bytes))),
            bytes,
            extension: document.kind().extension(),
        });
    }
    if documents.is_empty() && shows_body(plan) {
        let bytes = MemorySink::default();
        all.push(InMemory {
            ending: Box::new(Content::new(format::RAW, output(&bytes))),
            bytes,
            extension: "txt",
        });
        return Ok(all);
    }
    let own = documents.is_empty().then_some(format::JSON);
    for format in own.iter().copied().chain(further.iter().copied()) {
        refuse_without_records(plan, format.name, documents)?;
        let bytes = MemorySink::default();
        let shape = Shape {
            columns: plan.query.columns(),
            single: plan.query.yields_one(),
            csv: plan.query.csv,
            metrics: metrics::columns(format, plan, &[], app)?,
            terminal: None,
            page_width: None,
        };
        let formatted = Formatted::new(format, &shape, "", output(&bytes));
        all.push(InMemory {
            ending: Box::new(formatted.map_err(|error| Failure::of_output(&error))?),
            bytes,
            extension: format.extensions.first().copied().unwrap_or(format.name),
        });
    }
    Ok(all)
}

/// Returns true if a query prints the body of its response instead of records.
pub fn shows_body(plan: &Plan) -> bool {
    let format = plan.output().and_then(by_name);
    format.is_some_and(Format::shows_body)
}

/// Returns the columns of the records, if known: the chosen ones, or all of the query's.
fn columns(plan: &Plan, options: &RunOptions) -> Option<Vec<String>> {
    if options.results.columns.is_empty() {
        plan.query.columns()
    } else {
        Some(options.results.columns.clone())
    }
}

/// The presentation of a result.
enum Looks {
    /// A report.
    Document(Box<Document>),
    /// Records in a format.
    Records(&'static Format),
    /// A binary file.
    Other(&'static FileKind),
}

fn looks(
    plan: &Plan,
    options: &RunOptions,
    file: Option<&Path>,
    app: &App,
) -> Result<Looks, Failure> {
    let asked = options.output.filter(|_| options.results.out.len() < 2);
    let documents = plan
        .query
        .report
        .as_ref()
        .map_or(&[][..], |report| &report.documents);
    let of_kind = |kind: DocumentKind| documents.iter().find(|document| document.kind() == kind);
    let named = match (asked, file) {
        (Some(format), _) => documents
            .iter()
            .find(|document| document.kind().format() == format.name)
            .cloned(),
        // A place without an extension (`/dev/stdout`) does not determine the kind.
        (None, Some(file)) if file.extension().is_none() => documents.first().cloned(),
        (None, Some(file)) => DocumentKind::of_file(&file.to_string_lossy()).and_then(|kind| {
            let text = || of_kind(DocumentKind::Text).cloned();
            let as_kind = || text().map(|document| document.written_as(kind));
            of_kind(kind).cloned().or_else(as_kind)
        }),
        (None, None) => documents.first().cloned(),
    };
    if let Some(document) = named {
        refuse_columns_of_report(plan, options)?;
        return Ok(Looks::Document(Box::new(document)));
    }
    let working_directory = &app.working_directory;
    let path = file.filter(|path| !sink::is_stream(&working_directory.join(path)));
    let own = plan.output().and_then(by_name);
    let kind = path.and_then(FileKind::of_file);
    if let Some(kind) = kind.filter(|_| asked.is_none()) {
        refuse_without_records(plan, kind.name, documents)?;
        return Ok(Looks::Other(kind));
    }
    let format = if let Some(path) = path {
        file_format(path, asked, own)?
    } else {
        let is_seen = file.is_none() && app.stdout.is_terminal;
        asked.or(own).unwrap_or_else(|| format::usual(is_seen))
    };
    refuse_without_records(plan, format.name, documents)?;
    if format.shows_body() {
        refuse_body(plan, options, format)?;
    }
    Ok(Looks::Records(format))
}

/// Refuses a format that nothing can follow, if there are several queries.
fn refuse_several(format: &Format, index: Option<usize>) -> Result<(), Failure> {
    if index.is_none() || !format.writes_metrics() {
        return Ok(());
    }
    let words = format!("`{}` is for a single query, got several", format.name);
    Err(Failure::usage(Code::Out, words).help("run them one by one, each with its own `--out`"))
}

/// Refuses to print the body if there is not exactly one response, or if records are requested.
fn refuse_body(plan: &Plan, options: &RunOptions, format: &Format) -> Result<(), Failure> {
    let name = format.name;
    if plan.query.call().is_none_or(Call::is_walk) {
        let query = &plan.query.name;
        let words = format!("`{name}` prints a single response, and `{query}` has several");
        return Err(Failure::usage(Code::Raw, words).help("print its records with `-o ndjson`"));
    }
    if !options.results.columns.is_empty() {
        let words = format!("`{name}` prints the unchanged response, which has no columns");
        return Err(Failure::usage(Code::Columns, words));
    }
    if options.results.out.len() > 1 {
        let words = format!("`{name}` takes a single `--out`");
        return Err(Failure::usage(Code::Raw, words));
    }
    Ok(())
}

/// Refuses `--columns` for a report.
fn refuse_columns_of_report(plan: &Plan, options: &RunOptions) -> Result<(), Failure> {
    if options.results.columns.is_empty() {
        return Ok(());
    }
    let name = &plan.query.name;
    let words = format!("`--columns` is for records, and `{name}` prints a report");
    let failure = Failure::usage(Code::Columns, words);
    Err(if plan.query.has_records() {
        failure.help("print its records, for example with `-o csv`")
    } else {
        failure
    })
}

/// Refuses to show a query as records that only has a report.
fn refuse_without_records(
    plan: &Plan,
    format: &str,
    documents: &[Document],
) -> Result<(), Failure> {
    if plan.query.has_records() {
        return Ok(());
    }
    let kinds: Vec<&str> = documents
        .iter()
        .map(|document| document.kind().format())
        .collect();
    let name = &plan.query.name;
    let words = format!("`{name}` has no records to print as `{format}`");
    Err(Failure::usage(Code::NoRecords, words).help(format!(
        "its report is {}; the queries under `data` can be run on their own",
        name::one_of(&kinds)
    )))
}

fn file_format(
    path: &Path,
    asked: Option<&'static Format>,
    own: Option<&'static Format>,
) -> Result<&'static Format, Failure> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let format = asked.or(ending.and_then(by_extension)).or(own);
    format.ok_or_else(|| {
        let formats = FORMATS.iter().flat_map(|format| format.extensions);
        let others = ENDINGS.iter().flat_map(|kind| kind.extensions);
        let known: Vec<&str> = formats.chain(others).copied().collect();
        let words = format!(
            "the extension of `{}` is not that of a format",
            path.display()
        );
        let hint = format!(
            "use the extension {}, or add `-o FORMAT`",
            name::one_of(&known)
        );
        Failure::usage(Code::Out, words).help(hint)
    })
}

fn not_writable(path: &Path, error: &io::Error) -> Failure {
    let why = load::plain(error);
    let words = format!("cannot write `{}`: {why}", path.display());
    Failure::usage(Code::Out, words)
}
