//! Where the records of a query go, and how they look: settled before the first request.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::outcome;
use crate::cli::run::RunArgs;
use crate::cli::setup::TalkArgs;
use crate::core::name;
use crate::core::text::printable_lines;
use crate::engine::{Deliver, RunError, Want};
use crate::format::{FORMATS, Format, FormatError, Render, Shape, by_extension, by_name};
use crate::plan::Plan;
use crate::project::load;
use crate::sink::{FileSink, Sink, StdoutSink};

/// Turns records into bytes and writes them. A record format is written as records come, a
/// document format when it is whole.
pub struct Writer {
    format: &'static Format,
    renderer: Box<dyn Render>,
    sink: Box<dyn Sink>,
    buffer: Vec<u8>,
    records: usize,
    is_list: bool,
    /// Whether a person reads it as it is written.
    is_terminal: bool,
    file: Option<PathBuf>,
    app: Rc<App>,
}

/// More than this is not held back by a record format.
const ENOUGH: usize = 64 * 1024;

impl Writer {
    /// Settles format and place. `index` is the place among several queries.
    pub fn new(
        plan: &Plan,
        args: &RunArgs,
        index: Option<usize>,
        app: &Rc<App>,
    ) -> Result<Self, Failure> {
        let own = plan.output().and_then(by_name);
        let file = args.out.as_ref().filter(|path| path.as_os_str() != "-");
        let (format, sink): (_, Box<dyn Sink>) = match file {
            None => {
                let usual = if app.stdout.is_terminal {
                    "table"
                } else {
                    "json"
                };
                let format = args.output.or(own).or(by_name(usual));
                (format.unwrap_or(&FORMATS[0]), Box::new(StdoutSink))
            }
            Some(path) => file_target(path, args, own, app)?,
        };
        if format.name == "raw" && plan.query.is_walk() {
            let words = format!("`raw` shows one answer, and `{}` has many", plan.query.name);
            return Err(Failure::usage("raw", words).help("`-o ndjson` gives its records"));
        }
        let is_terminal = file.is_none() && app.stdout.is_terminal;
        let mut renderer = format.renderer(&Shape {
            columns: plan.query.columns(),
            single: plan.query.yields_one(),
            terminal: app.stdout.terminal().filter(|_| is_terminal),
        });
        let mut buffer = Vec::new();
        if let Some(index) = index {
            buffer.extend_from_slice(separator(format, &plan.query.name, index).as_bytes());
        }
        renderer
            .begin(&mut buffer)
            .map_err(|error| cannot_write(&io::Error::other(error)))?;
        Ok(Self {
            format,
            renderer,
            sink,
            buffer,
            records: 0,
            is_list: !plan.query.yields_one(),
            is_terminal,
            file: file.cloned(),
            app: Rc::clone(app),
        })
    }

    /// What of an answer the format shows.
    pub fn want(&self) -> Want {
        if self.format.name == "raw" {
            Want::Content
        } else {
            Want::Records
        }
    }

    /// How many records came.
    pub fn records(&self) -> usize {
        self.records
    }

    /// What a person is told of the result, which shows it badly or not at all.
    pub fn summary(&self, app: &App) -> Option<String> {
        let count = self.records;
        if let Some(path) = self.file.as_ref().filter(|_| app.stderr.is_terminal) {
            let noun = if count == 1 { "record" } else { "records" };
            return Some(format!("{count} {noun} written to {}", path.display()));
        }
        let is_empty_table = count == 0 && self.is_list && self.format.name == "table";
        is_empty_table.then(|| "no records".to_owned())
    }

    /// Writes the rest. `content` is the answer as it came, for the format that shows it.
    pub fn finish(mut self, content: &[u8], app: &App) -> io::Result<()> {
        self.clear_the_way();
        if self.want() == Want::Content {
            let content = app.scrubber.bytes(content);
            if self.is_terminal {
                let text = String::from_utf8_lossy(&content);
                self.sink.write(printable_lines(&text).as_bytes())?;
            } else {
                self.sink.write(&content)?;
            }
            return self.sink.finish();
        }
        self.renderer.finish(&mut self.buffer).map_err(io_error)?;
        let written = self.sink.write(&self.buffer);
        written
            .and_then(|()| self.sink.finish())
            .map_err(|error| named(self.file.as_ref(), error))
    }

    /// Progress and result never stand in each other's lines.
    fn clear_the_way(&self) {
        if self.is_terminal {
            self.app.clear_progress();
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if self.format.streams && !self.buffer.is_empty() {
            self.clear_the_way();
            self.sink
                .write(&self.buffer)
                .map_err(|error| named(self.file.as_ref(), error))?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl Deliver for Writer {
    fn record(&mut self, record: Value) -> io::Result<()> {
        if self.want() == Want::Content {
            // What stands in the answer is looked at, and shown as the answer only.
            return Ok(());
        }
        self.records += 1;
        self.renderer
            .record(&record, &mut self.buffer)
            .map_err(io_error)?;
        if self.buffer.len() >= ENOUGH {
            self.write_out()?;
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

/// A writer that outlives the run it serves, so that what it holds is not lost when a run is ended.
pub struct Through<'w> {
    /// The writer, while there is one.
    pub writer: &'w RefCell<Option<Writer>>,
    /// Whose records come.
    pub plan: &'w Plan,
    /// Where failures are told.
    pub app: &'w App,
    /// How they are told.
    pub talk: TalkArgs,
}

impl Deliver for Through<'_> {
    fn record(&mut self, record: Value) -> io::Result<()> {
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
                outcome::item_failure(error, self.plan, self.app).show(self.app, ErrorFormat::Json);
            }
            ErrorFormat::Text if self.talk.verbose > 0 => {
                let failure = outcome::item_failure(error, self.plan, self.app);
                let item = error.item.as_deref().unwrap_or("a request");
                self.app.say(&format!(
                    "{}: {item} failed: {}",
                    error.query, failure.message
                ));
            }
            ErrorFormat::Text => {}
        }
    }
}

fn file_target(
    path: &PathBuf,
    args: &RunArgs,
    own: Option<&'static Format>,
    app: &App,
) -> Result<(&'static Format, Box<dyn Sink>), Failure> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let Some(format) = args.output.or(ending.and_then(by_extension)).or(own) else {
        let known: Vec<&str> = FORMATS
            .iter()
            .flat_map(|format| format.extensions)
            .copied()
            .collect();
        let words = format!("the ending of `{}` names no format", path.display());
        let hint = format!("end it in {}, or say `-o FORMAT`", name::one_of(&known));
        return Err(Failure::usage("out", words).help(hint));
    };
    let sink = FileSink::create(&app.working_directory.join(path)).map_err(|error| {
        let why = load::plain(&error);
        Failure::usage(
            "out",
            format!("`{}` cannot be written: {why}", path.display()),
        )
    })?;
    Ok((format, Box::new(sink)))
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

/// The failure of writing the result.
pub fn cannot_write(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::closed();
    }
    let words = match error.get_ref() {
        // It names its file already.
        Some(own) => own.to_string(),
        None => format!("the result cannot be written: {}", load::plain(error)),
    };
    Failure::usage("cannot-write", words)
}
