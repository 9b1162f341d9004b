//! Writes the records of a part: lines of JSON on standard output, or a file that ends with the facts
//! about them.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::output::named;
use crate::engine::Deliver;
use crate::format::{self, Render, Shape};
use crate::parts::{FACTS, Facts, Hash, PartOf};
use crate::plan::Plan;
use crate::sink::{FileSink, Sink, StdoutSink, is_stdout};

/// The number of bytes that are written together.
const BUFFER: usize = 64 << 10;

/// The longest time for which records are held back.
const HELD: Duration = Duration::from_secs(1);

/// The records of a part.
pub struct PartRecords {
    sink: Box<dyn Sink>,
    render: Box<dyn Render>,
    /// The file, unless they go to standard output.
    file: Option<PathBuf>,
    buffer: Vec<u8>,
    written: Instant,
    item: Option<u32>,
    records: u64,
    counts: BTreeMap<u32, u32>,
    hash: Hash,
}

impl PartRecords {
    /// Opens the output.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn open(out: Option<&Path>, plan: &Plan, app: &App) -> Result<Self, Failure> {
        let file = out.filter(|path| {
            path.as_os_str() != "-" && !is_stdout(&app.working_directory.join(path))
        });
        let sink: Box<dyn Sink> = match file {
            None => Box::new(StdoutSink),
            Some(path) => {
                let sink = FileSink::create(&app.working_directory.join(path));
                let named = |error| named(Some(&path.to_path_buf()), error);
                Box::new(sink.map_err(|error| Failure::of_output(&named(error)))?)
            }
        };
        let shape = Shape {
            columns: plan.query.columns(),
            ..Shape::default()
        };
        Ok(Self {
            sink,
            render: format::NDJSON.renderer(&shape),
            file: file.map(Path::to_path_buf),
            buffer: Vec::new(),
            written: Instant::now(),
            item: None,
            records: 0,
            counts: BTreeMap::new(),
            hash: Hash::default(),
        })
    }

    /// Returns true if the records go to standard output.
    pub fn is_stream(&self) -> bool {
        self.file.is_none()
    }

    /// Returns the number of records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns the number of records of each item, by runs.
    pub fn counts(&self, parts: &[&PartOf]) -> Vec<(u32, Vec<u32>)> {
        let runs = parts.iter().flat_map(|part| &part.runs);
        let mut counts: Vec<(u32, Vec<u32>)> = runs
            .map(|run| {
                let count = |index| self.counts.get(&index).copied().unwrap_or(0);
                (run.first, (run.first..run.end()).map(count).collect())
            })
            .collect();
        counts.sort_by_key(|(first, _)| *first);
        counts
    }

    /// Writes the rest, and the facts after the records of a file.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or the reader is gone.
    pub fn finish(mut self, facts: &Facts) -> Result<(), Stopped> {
        let finish = || {
            self.write()?;
            if self.file.is_some() {
                let facts = Facts {
                    sha256: self.hash.finish(),
                    ..facts.clone()
                };
                let line = format!("{}\n", json!({ FACTS: facts }));
                self.sink.write(line.as_bytes())?;
            }
            self.sink.finish()
        };
        finish().map_err(|error| Stopped::from_output(&error))
    }

    fn write(&mut self) -> io::Result<()> {
        self.written = Instant::now();
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.hash.write_all(&self.buffer)?;
        let written = self.sink.write(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| named(self.file.as_ref(), error))
    }
}

impl Deliver for PartRecords {
    fn record(&mut self, record: Value) -> io::Result<()> {
        self.records += 1;
        if let Some(item) = self.item {
            *self.counts.entry(item).or_default() += 1;
        }
        let rendered = self.render.record(&record, &mut self.buffer);
        rendered.map_err(io::Error::other)?;
        if self.buffer.len() >= BUFFER || self.written.elapsed() >= HELD {
            self.write()?;
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        self.write()
    }

    fn item(&mut self, index: u32) {
        self.item = Some(index);
    }
}
