//! The results of a query on their way to their places.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::columns::Chosen;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::progress::counted;
use crate::cli::run::RunArgs;
use crate::cli::setup::TalkArgs;
use crate::cli::{choose, explain};
use crate::core::code::Code;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::ending::{self, Ending, EndingError, Shows};
use crate::engine::{self, Deliver, RunError, Want};
use crate::plan::{DataValues, Facts, Plan};
use crate::project::load;
use crate::sink;
use crate::template::{Document, Records, RenderError, Template};

/// The result of a query on its way to one place.
pub struct Writer {
    ending: Box<dyn Ending>,
    /// The columns of `--columns`.
    chosen: Option<Chosen>,
    records: usize,
    is_list: bool,
    file: Option<PathBuf>,
}

/// The facts that a result ends with.
pub struct Closing<'c> {
    /// The answer as it came, for the format that shows it.
    pub content: &'c [u8],
    /// The facts of a report, besides the records.
    pub report: Option<&'c Told>,
}

/// The facts of a report, besides the records.
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
    /// True if notes are not wanted.
    pub is_quiet: bool,
}

impl Told {
    /// Renders a document over the records of the query.
    fn render(
        &self,
        document: &Document,
        records: Vec<Value>,
        app: &App,
    ) -> Result<String, RenderError> {
        let facts = Facts {
            rows: self.plan.records(Arc::new(records)),
            data: Arc::clone(&self.data),
            run: self.run.clone(),
            failures: self.failures.clone(),
            previous: self.previous.clone(),
        };
        let rendered = self.plan.document(document, &facts)?;
        for (template, met) in &rendered.unreadable {
            let note = engine::no_times(&self.plan.query.name, template, met);
            if !self.is_quiet {
                app.say(&format!("note: {}", app.scrubber.text(&note)));
            }
        }
        Ok(rendered.text)
    }
}

impl Writer {
    /// Settles format and place. `index` is the place among several queries.
    fn new(
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
        Ok(Self {
            ending: choose::ending(plan, args, file, index, app)?,
            chosen: Chosen::new(&args.columns, plan)?,
            records: 0,
            is_list: !plan.query.yields_one(),
            file: file.map(Path::to_path_buf),
        })
    }

    /// Returns true if it is of use before it is whole: a report is not, nor is a file.
    fn is_of_use(&self) -> bool {
        self.records > 0 && self.file.is_none() && self.ending.shows() == Shows::Records
    }

    /// What a person is told of the result, which shows it badly or not at all.
    fn summary(&self, app: &App) -> Option<String> {
        let is_document = self.ending.shows() == Shows::Document;
        if let Some(path) = self.file.as_ref().filter(|_| app.stderr.is_terminal) {
            let what = if is_document {
                "report".to_owned()
            } else {
                counted(self.records as u64, "record")
            };
            return Some(format!("{what} written to {}", path.display()));
        }
        let is_table = self
            .ending
            .format()
            .is_some_and(|format| format.name == "table");
        let is_empty_table = self.records == 0 && self.is_list && is_table;
        is_empty_table.then(|| "no records".to_owned())
    }

    /// Makes the rest, and writes nothing yet.
    fn close(&mut self, closing: &Closing<'_>, app: &App) -> Result<(), Failure> {
        let render = |document: &Document, records| match closing.report {
            Some(told) => told.render(document, records, app),
            None => Ok(String::new()),
        };
        let closing = ending::Closing {
            content: &app.scrubber.bytes(closing.content),
            render: &render,
        };
        if let Some(chosen) = &self.chosen {
            chosen.check(self.records)?;
        }
        let closed = self.ending.close(&closing);
        closed.map_err(|error| match error {
            EndingError::Render(error) => explain::render_error(&error, app),
            EndingError::Write(error) => Failure::of_output(&error),
        })
    }

    /// Writes what was made.
    fn write_last(self) -> Result<(), Stopped> {
        let Self { ending, file, .. } = self;
        let written = ending.finish();
        written.map_err(|error| Stopped::from_output(&named(file.as_ref(), error)))
    }

    fn record(&mut self, record: Value) -> io::Result<()> {
        // What stands in an answer that is shown as it came is looked at only.
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
            [only] if only.ending.shows() == Shows::Content => Want::Content,
            _ => Want::Records,
        }
    }

    /// Whether any of them shows a report.
    pub fn have_report(&self) -> bool {
        let mut writers = self.0.iter();
        writers.any(|writer| writer.ending.shows() == Shows::Document)
    }

    /// Returns true if any of them writes CSV or TSV.
    pub fn write_csv(&self) -> bool {
        let formats = self.0.iter().filter_map(|writer| writer.ending.format());
        formats
            .map(|format| format.name)
            .any(|name| matches!(name, "csv" | "tsv"))
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
    pub fn finish(mut self, closing: &Closing<'_>, app: &App) -> Result<(), Stopped> {
        self.0
            .iter_mut()
            .try_for_each(|writer| writer.close(closing, app))?;
        self.0.into_iter().try_for_each(Writer::write_last)
    }

    /// Writes what is of use though it is not whole: to standard output, for a file stays as it was.
    /// Says whether there was anything.
    pub fn finish_early(self, app: &App) -> Result<bool, Stopped> {
        let closing = Closing {
            content: &[],
            report: None,
        };
        let mut is_any = false;
        for mut writer in self.0.into_iter().filter(Writer::is_of_use) {
            writer.close(&closing, app)?;
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
