//! Writes the results of a query.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::columns::{Chosen, listed};
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::options::{MessageArgs, RunOptions};
use crate::cli::{choose, error_hints};
use crate::core::code::Code;
use crate::core::records::RecordList;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::core::text::counted;
use crate::ending::{self, Ending, EndingError, Shows};
use crate::engine::{self, Cover, Deliver, ResultKind, RunError};
use crate::format::{MetricError, Shortened};
use crate::plan::{DataValues, Facts, Plan};
use crate::project::load;
use crate::sink;
use crate::template::{Document, Records, RenderError, Template};

/// Writes the result of a query to one place.
pub struct Writer {
    ending: Box<dyn Ending>,
    /// The columns of `--columns`.
    chosen: Option<Chosen>,
    records: usize,
    is_list: bool,
    file: Option<PathBuf>,
}

/// The facts for completing a result.
pub struct ResultContext<'c> {
    /// The response body, for the format `raw`.
    pub content: &'c [u8],
    /// The facts for a report.
    pub report: Option<&'c ReportFacts>,
}

/// The facts for a report, besides its records.
pub struct ReportFacts {
    /// The plan of the report.
    pub plan: Rc<Plan>,
    /// The results of `data`.
    pub data: Arc<DataValues>,
    /// Facts about the run.
    pub run: Value,
    /// The failures of the run.
    pub failures: Records,
    /// The stored result of the last run.
    pub previous: Value,
    /// True to suppress notes.
    pub is_quiet: bool,
    /// Takes note of the used parts of the template.
    pub cover: Option<Rc<dyn Cover>>,
}

impl ReportFacts {
    /// Renders a document over the records of the query.
    fn render(
        &self,
        document: &Document,
        records: RecordList,
        app: &App,
    ) -> Result<String, RenderError> {
        let facts = Facts {
            rows: self.plan.records(records),
            data: Arc::clone(&self.data),
            run: self.run.clone(),
            failures: self.failures.clone(),
            previous: self.previous.clone(),
            taken: None,
        };
        let rendered = engine::render(&self.plan, document, facts, self.cover.as_deref())?;
        for note in engine::unreadable_notes(&self.plan.query.name, &rendered.unreadable) {
            if !self.is_quiet {
                app.eprintln(&format!("note: {}", app.scrubber.text(&note)));
            }
        }
        Ok(rendered.text)
    }
}

impl Writer {
    /// Opens the output. `index` is the position among several queries.
    fn new(
        plan: &Plan,
        options: &RunOptions,
        out: Option<&Path>,
        index: Option<usize>,
        app: &Rc<App>,
    ) -> Result<Self, Failure> {
        let is_stdout = |path: &Path| {
            path.as_os_str() == "-" || sink::is_stdout(&app.working_directory.join(path))
        };
        let file = out.filter(|path| !is_stdout(path));
        Ok(Self {
            ending: choose::ending(plan, options, file, index, app)?,
            chosen: Chosen::new(&options.results.columns, plan)?,
            records: 0,
            // What writes may have succeeded without a record.
            is_list: !plan.query.yields_one() && plan.is_safe(),
            file: file.map(Path::to_path_buf),
        })
    }

    /// Returns true if an incomplete result is useful: a report or a file is not.
    fn is_of_use(&self) -> bool {
        self.records > 0 && self.file.is_none() && self.ending.shows() == Shows::Records
    }

    /// Returns a message about a result that cannot be seen in the output. For a closed writer.
    fn summary(&self, app: &App) -> Option<String> {
        let shortened = self.ending.shortened();
        if let Some(note) = shortened.and_then(|shortened| room_note(shortened, app.page_width())) {
            return Some(note);
        }
        let is_document = self.ending.shows() == Shows::Document;
        if let Some(path) = self.file.as_ref().filter(|_| app.stderr.is_terminal) {
            let what = if is_document {
                "report".to_owned()
            } else {
                counted(self.records as u64, "record")
            };
            return Some(format!("{what} written to {}", path.display()));
        }
        let format = self
            .ending
            .format()
            .filter(|_| self.records == 0 && self.is_list);
        format?.when_empty.map(str::to_owned)
    }

    /// Completes the result without writing it.
    fn close(&mut self, context: &ResultContext<'_>, app: &App) -> Result<(), Failure> {
        let render = |document: &Document, records| match context.report {
            Some(facts) => facts.render(document, records, app),
            None => Ok(String::new()),
        };
        let context = ending::CloseContext {
            content: &app.scrubber.bytes(context.content),
            render: &render,
        };
        if let Some(chosen) = &self.chosen {
            chosen.check(self.records)?;
        }
        let closed = self.ending.close(&context);
        closed.map_err(|error| match error {
            EndingError::Render(error) => error_hints::render_error(&error, app),
            EndingError::Write(error) => Failure::of_output(&error),
        })
    }

    /// Writes the rest.
    fn write_last(self) -> Result<(), Stopped> {
        let Self { ending, file, .. } = self;
        let written = ending.finish();
        written.map_err(|error| Stopped::from_output(&named(file.as_ref(), error)))
    }

    fn record(&mut self, record: Value) -> io::Result<()> {
        // Records inside a raw body are not counted.
        if self.ending.shows() != Shows::Content {
            self.records += 1;
        }
        let record = match &mut self.chosen {
            Some(chosen) => chosen.of(record),
            None => record,
        };
        let taken = self.ending.record(record);
        taken.map_err(|error| named(self.file.as_ref(), error))
    }

    fn pause(&mut self) -> io::Result<()> {
        let paused = self.ending.pause();
        paused.map_err(|error| named(self.file.as_ref(), error))
    }
}

/// The writers of one query, one per output.
pub struct Writers(Vec<Writer>);

impl Writers {
    /// Opens all outputs. `index` is the position among several queries.
    pub fn new(
        plan: &Plan,
        options: &RunOptions,
        index: Option<usize>,
        app: &Rc<App>,
    ) -> Result<Self, Failure> {
        // The records of downloads are printed: `--out` is the folder of the files.
        if options.results.out.is_empty() || plan.query.is_download() {
            return Ok(Self(vec![Writer::new(plan, options, None, index, app)?]));
        }
        let mut writers = Vec::new();
        let mut paths: Vec<PathBuf> = Vec::new();
        for out in &options.results.out {
            let path = dated(out, plan, app)?;
            let real = load::real_path(&app.working_directory.join(&path));
            if paths.contains(&real) {
                let words = format!("`--out {}` is given twice", path.display());
                return Err(Failure::usage(Code::Out, words));
            }
            writers.push(Writer::new(plan, options, Some(&path), index, app)?);
            paths.push(real);
        }
        Ok(Self(writers))
    }

    /// Collects the result in memory.
    pub fn in_memory(plan: &Plan, endings: Vec<Box<dyn Ending>>) -> Self {
        let writers = endings.into_iter().map(|ending| Writer {
            ending,
            chosen: None,
            records: 0,
            is_list: !plan.query.yields_one(),
            file: None,
        });
        Self(writers.collect())
    }

    /// Returns the part of the response that the outputs need.
    pub fn result_kind(&self) -> ResultKind {
        match self.0.as_slice() {
            [only] if only.ending.shows() == Shows::Content => ResultKind::Content,
            _ => ResultKind::Records,
        }
    }

    /// Returns true if an output is a report.
    pub fn have_report(&self) -> bool {
        let mut writers = self.0.iter();
        writers.any(|writer| writer.ending.shows() == Shows::Document)
    }

    /// Returns true if an output is CSV or TSV.
    pub fn write_csv(&self) -> bool {
        let mut formats = self.0.iter().filter_map(|writer| writer.ending.format());
        formats.any(|format| format.delimiter.is_some())
    }

    /// Returns the number of records so far.
    pub fn records(&self) -> usize {
        self.0.first().map_or(0, |writer| writer.records)
    }

    /// Returns the files that are unchanged so far.
    pub fn files(&self) -> Vec<String> {
        let files = self.0.iter().filter_map(|writer| writer.file.as_ref());
        files.map(|file| file.display().to_string()).collect()
    }

    /// Returns messages about the results.
    pub fn summaries(&self, app: &App) -> Vec<String> {
        let of_writer = |writer: &Writer| {
            let note = writer.ending.note().map(|note| format!("note: {note}"));
            note.into_iter().chain(writer.summary(app))
        };
        self.0.iter().flat_map(of_writer).collect()
    }

    /// Completes all outputs. If a report fails, all files stay unchanged.
    pub fn close(&mut self, context: &ResultContext<'_>, app: &App) -> Result<(), Failure> {
        let mut writers = self.0.iter_mut();
        writers.try_for_each(|writer| writer.close(context, app))
    }

    /// Writes the rest of all outputs.
    pub fn finish(self) -> Result<(), Stopped> {
        self.0.into_iter().try_for_each(Writer::write_last)
    }

    /// Completes and writes all outputs. Returns true if their reader is gone.
    pub fn complete(
        mut self,
        context: &ResultContext<'_>,
        is_quiet: bool,
        app: &App,
    ) -> Result<bool, Stopped> {
        self.close(context, app)?;
        let summaries = self.summaries(app);
        let is_closed = match self.finish() {
            Ok(()) => false,
            // A closed reader is not an error, and other problems are still reported.
            Err(Stopped::Closed) => true,
            Err(stopped) => return Err(stopped),
        };
        for words in summaries.iter().filter(|_| !is_quiet) {
            app.eprintln(words);
        }
        Ok(is_closed)
    }

    /// Completes useful output of an interrupted run: on standard output only, files stay
    /// unchanged. Returns true if there was any.
    pub fn finish_early(self, app: &App) -> Result<bool, Stopped> {
        let context = ResultContext {
            content: &[],
            report: None,
        };
        let mut is_any = false;
        for mut writer in self.0.into_iter().filter(Writer::is_of_use) {
            writer.close(&context, app)?;
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
        self.0.iter_mut().try_for_each(Writer::pause)
    }
}

/// Returns the note about columns that a page has no room for.
fn room_note(shortened: &Shortened, width: usize) -> Option<String> {
    let mut parts = Vec::new();
    if !shortened.hidden.is_empty() {
        let count = counted(shortened.hidden.len() as u64, "column");
        let verb = if shortened.hidden.len() == 1 {
            "is"
        } else {
            "are"
        };
        parts.push(format!(
            "{count} {verb} left out: {}",
            listed(&shortened.hidden)
        ));
    }
    if !shortened.cut.is_empty() {
        let verb = if shortened.cut.len() == 1 {
            "is"
        } else {
            "are"
        };
        parts.push(format!("{} {verb} cut", listed(&shortened.cut)));
    }
    (!parts.is_empty()).then(|| {
        format!(
            "note: to fit {width} characters, {}; see all with `--columns`, `COLUMNS=200` or `-o csv`",
            parts.join(", and ")
        )
    })
}

/// Renders a path with templates: `report-{{ now() | date("%Y-%m-%d") }}.md`.
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
        return Err(wrong("a path must not contain a secret".to_owned()));
    }
    let path = template
        .text(plan.scope())
        .map_err(|error| error_hints::render_error(&error, app))?;
    Ok(PathBuf::from(path))
}

/// A writer that outlives its run, so that records it holds are not lost when the run is
/// interrupted.
pub struct WriterDelivery<'w> {
    /// The writers, until they are finished.
    pub writer: &'w RefCell<Option<Writers>>,
    /// The plan of the records.
    pub plan: &'w Plan,
    /// The app, for reporting failures.
    pub app: &'w App,
    /// The reporting options.
    pub messages: MessageArgs,
    /// The records, if they are stored for the next run.
    pub stored: Option<RefCell<Vec<Value>>>,
}

impl WriterDelivery<'_> {
    /// Ignores a closed reader during downloads: their files are wanted, not only their records.
    fn unless_closed(&self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error)
                if error.kind() == io::ErrorKind::BrokenPipe && self.plan.query.is_download() =>
            {
                Ok(())
            }
            result => result,
        }
    }
}

impl Deliver for WriterDelivery<'_> {
    fn record(&mut self, record: Value) -> io::Result<()> {
        if let Some(stored) = &self.stored {
            stored.borrow_mut().push(record.clone());
        }
        match self.writer.borrow_mut().as_mut() {
            Some(writer) => self.unless_closed(writer.record(record)),
            None => Ok(()),
        }
    }

    fn pause(&mut self) -> io::Result<()> {
        match self.writer.borrow_mut().as_mut() {
            Some(writer) => self.unless_closed(writer.pause()),
            None => Ok(()),
        }
    }

    fn failed(&mut self, error: &RunError) {
        match self.messages.error_format {
            ErrorFormat::Json => {
                error_hints::item_error(error, self.plan, self.app)
                    .show(self.app, ErrorFormat::Json);
            }
            ErrorFormat::Text if self.messages.verbose > 0 => {
                let failure = error_hints::item_error(error, self.plan, self.app);
                let item = error.item.as_ref();
                let item = item.map_or("a request", |item| &item.label);
                self.app.eprintln(&format!(
                    "{}: {item} failed: {}",
                    error.query, failure.message
                ));
            }
            ErrorFormat::Text => {}
        }
    }
}

/// Adds the file's name to an I/O error.
pub fn named(file: Option<&PathBuf>, error: io::Error) -> io::Error {
    match file {
        // The records are at fault, not the file.
        Some(_) if MetricError::of(&error).is_some() => error,
        None => error,
        Some(path) => {
            let why = load::plain(&error);
            let words = format!("cannot write `{}`: {why}", path.display());
            io::Error::new(error.kind(), words)
        }
    }
}
