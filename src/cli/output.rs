//! Where the records of a query go, and how they look: settled before the first request.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::columns::Chosen;
use crate::cli::explain;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::progress::counted;
use crate::cli::run::RunArgs;
use crate::cli::setup::TalkArgs;
use crate::core::code::Code;
use crate::core::name;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::core::text::printable_lines;
use crate::engine::{Deliver, RunError, Want};
use crate::format::{FORMATS, Format, FormatError, Render, Shape, by_extension, by_name};
use crate::plan::{DataValues, Facts, Plan};
use crate::project::load;
use crate::sink::{self, FileSink, Sink, StdoutSink};
use crate::template::{Document, DocumentKind, Records, Template};

/// Turns records into bytes and writes them. A record format is written as records come, a
/// document when it is whole.
pub struct Writer {
    form: Form,
    sink: Box<dyn Sink>,
    buffer: Vec<u8>,
    records: usize,
    is_list: bool,
    /// Whether a person reads it as it is written.
    is_terminal: bool,
    file: Option<PathBuf>,
    app: Rc<App>,
}

/// How a result looks.
enum Form {
    /// As its records do.
    Records {
        format: &'static Format,
        renderer: Box<dyn Render>,
        chosen: Option<Chosen>,
    },
    /// As a report, which needs all records.
    Document {
        document: Document,
        rows: Vec<Value>,
    },
}

/// More than this is not held back by a record format.
const ENOUGH: usize = 64 * 1024;

/// What a result ends with.
pub struct Closing<'c> {
    /// The answer as it came, for the format that shows it.
    pub content: &'c [u8],
    /// What a report tells of, besides the records.
    pub report: Option<&'c Told>,
}

/// What a report tells of, besides the records.
pub struct Told {
    /// The plan that ends in it.
    pub plan: Rc<Plan>,
    /// What the queries of `data` gave.
    pub data: Arc<DataValues>,
    /// The facts of the run.
    pub run: Value,
    /// The failures of the run.
    pub failures: Records,
    /// What was kept of the last run.
    pub previous: Value,
}

impl Writer {
    /// Settles format and place. `index` is the place among several queries.
    pub fn new(
        plan: &Plan,
        args: &RunArgs,
        out: Option<&Path>,
        index: Option<usize>,
        app: &Rc<App>,
    ) -> Result<Self, Failure> {
        let is_stdout = |path: &Path| {
            path.as_os_str() == "-" || sink::is_stdout(&app.working_directory.join(path))
        };
        let file = out.filter(|path| !is_stdout(path));
        let looks = looks(plan, args, file, app)?;
        let sink: Box<dyn Sink> = match file {
            None => Box::new(StdoutSink),
            Some(path) => Box::new(file_sink(path, app)?),
        };
        let is_terminal = file.is_none() && app.stdout.is_terminal;
        let mut buffer = Vec::new();
        let form = match looks {
            Looks::Document(document) => Form::Document {
                document,
                rows: Vec::new(),
            },
            Looks::Records(format) => {
                let chosen = Chosen::new(&args.columns, plan)?;
                let names = chosen.as_ref().map(|chosen| chosen.names().to_vec());
                let mut renderer = format.renderer(&Shape {
                    columns: names.or_else(|| plan.query.columns()),
                    single: plan.query.yields_one(),
                    csv: args.csv.unwrap_or_default().or(plan.query.csv),
                    terminal: app.stdout.terminal().filter(|_| is_terminal),
                });
                if let Some(index) = index {
                    let separator = separator(format, &plan.query.name, index);
                    buffer.extend_from_slice(separator.as_bytes());
                }
                renderer
                    .begin(&mut buffer)
                    .map_err(|error| Failure::of_output(&io_error(error)))?;
                Form::Records {
                    format,
                    renderer,
                    chosen,
                }
            }
        };
        Ok(Self {
            form,
            sink,
            buffer,
            records: 0,
            is_list: !plan.query.yields_one(),
            is_terminal,
            file: file.map(Path::to_path_buf),
            app: Rc::clone(app),
        })
    }

    /// What of an answer the format shows.
    fn want(&self) -> Want {
        match &self.form {
            Form::Records { format, .. } if format.name == "raw" => Want::Content,
            _ => Want::Records,
        }
    }

    /// Whether it is of use before it is whole: a report is not, nor is a file.
    fn is_of_use(&self) -> bool {
        self.records > 0 && self.file.is_none() && matches!(self.form, Form::Records { .. })
    }

    /// What a person is told of the result, which shows it badly or not at all.
    fn summary(&self, app: &App) -> Option<String> {
        let (count, is_table) = match &self.form {
            Form::Document { .. } => (None, false),
            Form::Records { format, .. } => (Some(self.records), format.name == "table"),
        };
        if let Some(path) = self.file.as_ref().filter(|_| app.stderr.is_terminal) {
            let what = count.map_or_else(
                || "report".to_owned(),
                |count| counted(count as u64, "record"),
            );
            return Some(format!("{what} written to {}", path.display()));
        }
        let is_empty_table = self.records == 0 && self.is_list && is_table;
        is_empty_table.then(|| "no records".to_owned())
    }

    /// Makes the rest, and writes nothing yet.
    fn close(&mut self, closing: &Closing<'_>) -> Result<(), Failure> {
        let is_content = self.want() == Want::Content;
        match &mut self.form {
            Form::Records { .. } if is_content => {
                let content = self.app.scrubber.bytes(closing.content);
                self.buffer = if self.is_terminal {
                    let text = String::from_utf8_lossy(&content);
                    printable_lines(&text).into_owned().into_bytes()
                } else {
                    content.into_owned()
                };
            }
            Form::Records {
                renderer, chosen, ..
            } => {
                if let Some(chosen) = chosen {
                    chosen.check(self.records)?;
                }
                renderer
                    .finish(&mut self.buffer)
                    .map_err(|error| Failure::of_output(&io_error(error)))?;
            }
            Form::Document { document, rows } => {
                let Some(told) = closing.report else {
                    return Ok(());
                };
                let facts = Facts {
                    rows: told.plan.records(Arc::new(std::mem::take(rows))),
                    data: Arc::clone(&told.data),
                    run: told.run.clone(),
                    failures: told.failures.clone(),
                    previous: told.previous.clone(),
                };
                let text = told
                    .plan
                    .document(document, &facts)
                    .map_err(|error| explain::render_error(&error, &self.app))?;
                let text = if self.is_terminal {
                    printable_lines(&text).into_owned()
                } else {
                    text
                };
                self.buffer = text.into_bytes();
            }
        }
        Ok(())
    }

    /// Writes what was made.
    fn write_last(mut self) -> Result<(), Stopped> {
        self.clear_the_way();
        let written = self.sink.write(&self.buffer);
        written
            .and_then(|()| self.sink.finish())
            .map_err(|error| Stopped::from_output(&named(self.file.as_ref(), error)))
    }

    /// Progress and result never stand in each other's lines.
    fn clear_the_way(&self) {
        if self.is_terminal {
            self.app.clear_progress();
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        let streams = match &self.form {
            Form::Records { format, .. } => format.streams,
            Form::Document { .. } => false,
        };
        if streams && !self.buffer.is_empty() {
            self.clear_the_way();
            self.sink
                .write(&self.buffer)
                .map_err(|error| named(self.file.as_ref(), error))?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn record(&mut self, record: Value) -> io::Result<()> {
        if self.want() == Want::Content {
            // What stands in the answer is looked at, and shown as the answer only.
            return Ok(());
        }
        self.records += 1;
        match &mut self.form {
            Form::Document { rows, .. } => rows.push(record),
            Form::Records {
                renderer, chosen, ..
            } => {
                let record = match chosen {
                    Some(chosen) => chosen.of(record),
                    None => record,
                };
                renderer
                    .record(&record, &mut self.buffer)
                    .map_err(io_error)?;
            }
        }
        if self.buffer.len() >= ENOUGH {
            self.write_out()?;
        }
        Ok(())
    }
}

/// The writers of one query: several files may take the same result.
pub struct Writers(Vec<Writer>);

impl Writers {
    /// Settles all formats and places. `index` is the place among several queries.
    pub fn new(
        plan: &Plan,
        args: &RunArgs,
        index: Option<usize>,
        app: &Rc<App>,
    ) -> Result<Self, Failure> {
        if args.out.is_empty() {
            return Ok(Self(vec![Writer::new(plan, args, None, index, app)?]));
        }
        let mut writers = Vec::new();
        let mut paths: Vec<PathBuf> = Vec::new();
        for out in &args.out {
            let path = dated(out, plan, app)?;
            let real = load::real_path(&app.working_directory.join(&path));
            if paths.contains(&real) {
                let words = format!(
                    "`--out {}` names a file that is named already",
                    path.display()
                );
                return Err(Failure::usage(Code::Out, words));
            }
            writers.push(Writer::new(plan, args, Some(&path), index, app)?);
            paths.push(real);
        }
        Ok(Self(writers))
    }

    /// What of an answer the formats show.
    pub fn want(&self) -> Want {
        match self.0.as_slice() {
            [only] => only.want(),
            _ => Want::Records,
        }
    }

    /// Whether any of them shows a report.
    pub fn have_report(&self) -> bool {
        self.0
            .iter()
            .any(|writer| matches!(writer.form, Form::Document { .. }))
    }

    /// Returns true if any of them writes CSV or TSV.
    pub fn write_csv(&self) -> bool {
        self.0.iter().any(|writer| match &writer.form {
            Form::Records { format, .. } => matches!(format.name, "csv" | "tsv"),
            Form::Document { .. } => false,
        })
    }

    /// How many records came.
    pub fn records(&self) -> usize {
        self.0.first().map_or(0, |writer| writer.records)
    }

    /// The files that stay as they were.
    pub fn files(&self) -> Vec<String> {
        let files = self.0.iter().filter_map(|writer| writer.file.as_ref());
        files.map(|file| file.display().to_string()).collect()
    }

    /// What a person is told of the results.
    pub fn summaries(&self, app: &App) -> Vec<String> {
        self.0
            .iter()
            .filter_map(|writer| writer.summary(app))
            .collect()
    }

    /// Writes the rest of all. A report that cannot be made leaves every file as it was.
    pub fn finish(mut self, closing: &Closing<'_>) -> Result<(), Stopped> {
        self.0
            .iter_mut()
            .try_for_each(|writer| writer.close(closing))?;
        self.0.into_iter().try_for_each(Writer::write_last)
    }

    /// Writes what is of use though it is not whole: to standard output, for a file stays as it was.
    /// Says whether there was anything.
    pub fn finish_early(self) -> Result<bool, Stopped> {
        let closing = Closing {
            content: &[],
            report: None,
        };
        let mut is_any = false;
        for mut writer in self.0.into_iter().filter(Writer::is_of_use) {
            writer.close(&closing)?;
            writer.write_last()?;
            is_any = true;
        }
        Ok(is_any)
    }

    fn record(&mut self, record: Value) -> io::Result<()> {
        if let Some((last, others)) = self.0.split_last_mut() {
            for writer in others {
                writer.record(record.clone())?;
            }
            last.record(record)?;
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        self.0.iter_mut().try_for_each(Writer::write_out)
    }
}

/// A path in which templates may stand: `report-{{ now() | date("%Y-%m-%d") }}.md`.
fn dated(out: &Path, plan: &Plan, app: &App) -> Result<PathBuf, Failure> {
    let text = out.to_string_lossy();
    if !text.contains("{{") {
        return Ok(out.to_path_buf());
    }
    let file = SourceFile::new("--out", "", text.as_ref());
    let span = Span::new(0, text.len());
    let wrong = |words: String| Failure::usage(Code::Out, format!("`--out {text}`: {words}"));
    let template =
        Template::parse(&Text::new(text.as_ref(), &Place { file, span })).map_err(|errors| {
            let words = errors.into_iter().next().map(|error| error.message);
            wrong(words.unwrap_or_default())
        })?;
    if plan.is_secret(template.mentions()) {
        return Err(wrong("a secret has no place in a path".to_owned()));
    }
    let path = template
        .text(plan.scope())
        .map_err(|error| explain::render_error(&error, app))?;
    Ok(PathBuf::from(path))
}

/// What a result looks like: a report, or its records.
enum Looks {
    Document(Document),
    Records(&'static Format),
}

fn looks(plan: &Plan, args: &RunArgs, file: Option<&Path>, app: &App) -> Result<Looks, Failure> {
    let asked = args.output.filter(|_| args.out.len() < 2);
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
        // A place without an ending (`/dev/stdout`) says nothing of the kind.
        (None, Some(file)) if file.extension().is_none() => documents.first().cloned(),
        (None, Some(file)) => DocumentKind::of_file(&file.to_string_lossy()).and_then(|kind| {
            let text = || of_kind(DocumentKind::Text).cloned();
            let as_kind = || text().map(|document| document.written_as(kind));
            of_kind(kind).cloned().or_else(as_kind)
        }),
        (None, None) => documents.first().cloned(),
    };
    if let Some(document) = named {
        if !args.columns.is_empty() {
            let words = format!(
                "`--columns` chooses columns of records, and `{}` ends in a report",
                plan.query.name
            );
            let help = plan
                .query
                .has_records()
                .then_some("`-o csv` and the like give its records");
            let failure = Failure::usage(Code::Columns, words);
            return Err(match help {
                Some(help) => failure.help(help),
                None => failure,
            });
        }
        return Ok(Looks::Document(document));
    }
    let format = match file {
        None => {
            let usual = if app.stdout.is_terminal {
                "table"
            } else {
                "json"
            };
            let own = plan.output().and_then(by_name);
            let format = asked.or(own).or(by_name(usual));
            format.unwrap_or(&FORMATS[0])
        }
        Some(path) if sink::is_stream(&app.working_directory.join(path)) => {
            let own = plan.output().and_then(by_name);
            asked.or(own).or(by_name("json")).unwrap_or(&FORMATS[0])
        }
        Some(path) => file_format(path, asked, plan)?,
    };
    if !plan.query.has_records() {
        let kinds: Vec<&str> = documents
            .iter()
            .map(|document| document.kind().format())
            .collect();
        let words = format!(
            "`{}` has no records of its own to show as `{}`",
            plan.query.name, format.name
        );
        return Err(Failure::usage(Code::NoRecords, words).help(format!(
            "its report is {}; its `data` are queries that can be run by themselves",
            name::one_of(&kinds)
        )));
    }
    if format.name == "raw" && (plan.query.is_walk() || !plan.query.asks()) {
        let words = format!("`raw` shows one answer, and `{}` has many", plan.query.name);
        return Err(Failure::usage(Code::Raw, words).help("`-o ndjson` gives its records"));
    }
    if format.name == "raw" && !args.columns.is_empty() {
        let words = "`raw` shows the answer as it came, which has no columns to choose";
        return Err(Failure::usage(Code::Columns, words));
    }
    if format.name == "raw" && args.out.len() > 1 {
        let words = "`raw` goes to one place only";
        return Err(Failure::usage(Code::Raw, words));
    }
    Ok(Looks::Records(format))
}

/// A writer that outlives the run it serves, so that what it holds is not lost when a run is ended.
pub struct Through<'w> {
    /// The writer, while there is one.
    pub writer: &'w RefCell<Option<Writers>>,
    /// Whose records come.
    pub plan: &'w Plan,
    /// Where failures are told.
    pub app: &'w App,
    /// How they are told.
    pub talk: TalkArgs,
    /// The records, where they are kept for the next run.
    pub kept: Option<RefCell<Vec<Value>>>,
}

impl Deliver for Through<'_> {
    fn record(&mut self, record: Value) -> io::Result<()> {
        if let Some(kept) = &self.kept {
            kept.borrow_mut().push(record.clone());
        }
        match self.writer.borrow_mut().as_mut() {
            Some(writer) => writer.record(record),
            None => Ok(()),
        }
    }

    fn pause(&mut self) -> io::Result<()> {
        match self.writer.borrow_mut().as_mut() {
            Some(writer) => writer.pause(),
            None => Ok(()),
        }
    }

    fn failed(&mut self, error: &RunError) {
        match self.talk.error_format {
            ErrorFormat::Json => {
                explain::item_error(error, self.plan, self.app).show(self.app, ErrorFormat::Json);
            }
            ErrorFormat::Text if self.talk.verbose > 0 => {
                let failure = explain::item_error(error, self.plan, self.app);
                let item = error.item.as_ref();
                let item = item.map_or("a request", |item| &item.label);
                self.app.say(&format!(
                    "{}: {item} failed: {}",
                    error.query, failure.message
                ));
            }
            ErrorFormat::Text => {}
        }
    }
}

fn file_format(
    path: &Path,
    asked: Option<&'static Format>,
    plan: &Plan,
) -> Result<&'static Format, Failure> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let own = plan.output().and_then(by_name);
    let format = asked.or(ending.and_then(by_extension)).or(own);
    format.ok_or_else(|| {
        let known: Vec<&str> = FORMATS
            .iter()
            .flat_map(|format| format.extensions)
            .copied()
            .collect();
        let words = format!("the ending of `{}` names no format", path.display());
        let hint = format!("end it in {}, or say `-o FORMAT`", name::one_of(&known));
        Failure::usage(Code::Out, words).help(hint)
    })
}

fn file_sink(path: &Path, app: &App) -> Result<FileSink, Failure> {
    FileSink::create(&app.working_directory.join(path)).map_err(|error| {
        let why = load::plain(&error);
        Failure::usage(
            Code::Out,
            format!("`{}` cannot be written: {why}", path.display()),
        )
    })
}

/// Sets the results of several queries apart, in a way that a reader of the format understands.
fn separator(format: &Format, name: &str, index: usize) -> String {
    let gap = if index > 0 { "\n" } else { "" };
    match format.name {
        "table" => format!("{gap}{name}\n\n"),
        "markdown" => format!("{gap}## {name}\n\n"),
        "yaml" => "---\n".to_owned(),
        "csv" | "tsv" => gap.to_owned(),
        // One document after the other: readers of JSON take them one by one.
        _ => String::new(),
    }
}

/// The error of a file with its name.
fn named(file: Option<&PathBuf>, error: io::Error) -> io::Error {
    match file {
        None => error,
        Some(path) => {
            let why = load::plain(&error);
            let words = format!("`{}` cannot be written: {why}", path.display());
            io::Error::new(error.kind(), words)
        }
    }
}

fn io_error(error: FormatError) -> io::Error {
    io::Error::other(error)
}
