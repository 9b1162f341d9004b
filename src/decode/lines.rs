//! Lines of a text, as records or as JSON values.

use std::collections::VecDeque;
use std::ops::Range;

use serde_json::{Value, json};

use super::window::{Window, size};
use super::{Content, DecodeError, Records, STEP};
use crate::core::json as values;
use crate::core::rows::RowBuilder;

/// Splits a source into lines.
#[derive(Debug)]
pub struct Lines {
    window: Window,
    /// The number of the current line.
    number: u64,
    /// The length of the current line with its break.
    taken: usize,
    /// True if a carriage return alone ends a line.
    splits_at_returns: bool,
}

impl Lines {
    /// Splits at LF and CR LF, as for a text: a CR alone moves the cursor back.
    pub fn of_text(window: Window) -> Self {
        Self {
            window,
            number: 0,
            taken: 0,
            splits_at_returns: false,
        }
    }

    /// Splits at LF, CR LF and CR.
    pub fn of_values(window: Window) -> Self {
        Self {
            splits_at_returns: true,
            ..Self::of_text(window)
        }
    }

    /// Moves to the next line. Returns its range in [`Self::bytes`], without its break.
    fn next(&mut self) -> Result<Option<Range<usize>>, DecodeError> {
        self.window.take(self.taken);
        self.taken = 0;
        self.number += 1;
        let mut searched = 0;
        loop {
            let rest = self.window.rest();
            let found = if self.splits_at_returns {
                memchr::memchr2(b'\n', b'\r', &rest[searched..])
            } else {
                memchr::memchr(b'\n', &rest[searched..])
            };
            if let Some(at) = found.map(|at| searched + at) {
                // A return at the end of the window may be the first half of a break.
                let is_return = rest[at] == b'\r';
                if !is_return || at + 1 < rest.len() || self.window.is_complete() {
                    let is_pair = is_return && rest.get(at + 1) == Some(&b'\n');
                    self.taken = at + 1 + usize::from(is_pair);
                    let end = at - usize::from(!is_return && rest[..at].ends_with(b"\r"));
                    return Ok(Some(0..end));
                }
                searched = at;
            } else {
                searched = rest.len();
            }
            if self.window.is_complete() {
                self.taken = rest.len();
                return Ok((!rest.is_empty()).then_some(0..rest.len()));
            }
            if !self.window.has_room() {
                let most = size(self.window.longest());
                let message = format!("the line is longer than {most}");
                return Err(self
                    .window
                    .too_long(DecodeError::in_line(self.number, message)));
            }
            self.window.fill()?;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.window.rest()
    }

    /// Returns the current line with its break.
    fn with_break(&self) -> &[u8] {
        &self.window.rest()[..self.taken]
    }

    fn fault(&self, message: impl Into<String>) -> DecodeError {
        self.window
            .explain(DecodeError::in_line(self.number, message))
    }
}

/// A record per line.
#[derive(Debug)]
pub struct LineRecords(Lines);

impl LineRecords {
    pub fn new(lines: Lines) -> Self {
        Self(lines)
    }

    /// Reads up to `most` records, or about a megabyte.
    pub fn read(&mut self, most: usize, batch: &mut Vec<Value>) -> Result<(), DecodeError> {
        let end = self.0.window.bytes_read() + STEP;
        while batch.len() < most && self.0.window.bytes_read() < end {
            let Some(range) = self.0.next()? else { break };
            let line = String::from_utf8_lossy(&self.0.bytes()[range]);
            batch.push(record(self.0.number, &line));
        }
        Ok(())
    }
}

fn record(number: u64, line: &str) -> Value {
    json!({ "number": number, "line": line })
}

/// Describes the error of a value that should be alone on its line.
fn value_words(error: &values::ParseError) -> &'static str {
    if error.is_eof() {
        "the line ends within a value: in NDJSON, each line is a complete JSON value"
    } else {
        error.message()
    }
}

/// A JSON value per line. Empty lines are skipped.
#[derive(Debug)]
pub struct JsonLines(Lines);

impl JsonLines {
    pub fn new(window: Window) -> Self {
        Self(Lines::of_values(window))
    }

    /// Reads up to `most` values, or about a megabyte.
    pub fn read(&mut self, most: usize, batch: &mut Vec<Value>) -> Result<(), DecodeError> {
        let end = self.0.window.bytes_read() + STEP;
        while batch.len() < most && (batch.is_empty() || self.0.window.bytes_read() < end) {
            let Some(range) = self.0.next()? else { break };
            let Ok(line) = std::str::from_utf8(&self.0.bytes()[range]) else {
                return Err(self.0.fault("not UTF-8"));
            };
            if line.trim().is_empty() {
                continue;
            }
            let value = values::parse(line.as_bytes()).map_err(|error| DecodeError {
                column: Some(error.column()),
                ..self.0.fault(value_words(&error))
            })?;
            batch.push(value);
        }
        Ok(())
    }
}

impl JsonLines {
    /// Adds rows until the batch is full, or about a megabyte was read. Returns false at the end.
    pub fn read_rows(&mut self, rows: &mut RowBuilder) -> Result<bool, DecodeError> {
        let end = self.0.window.bytes_read() + STEP;
        while !rows.is_full() && self.0.window.bytes_read() < end {
            let Some(range) = self.0.next()? else {
                return Ok(false);
            };
            let Ok(line) = std::str::from_utf8(&self.0.bytes()[range]) else {
                return Err(self.0.fault("not UTF-8"));
            };
            if line.trim().is_empty() {
                continue;
            }
            values::parse_row(line, rows).map_err(|error| DecodeError {
                column: Some(error.column()),
                ..self.0.fault(value_words(&error))
            })?;
            rows.end_row();
        }
        Ok(true)
    }
}

/// The last lines of a text.
#[derive(Debug)]
pub struct Tail {
    lines: Lines,
    most: usize,
    /// True for a record per line.
    is_list: bool,
    kept: VecDeque<(u64, Vec<u8>)>,
    /// The length of the kept lines.
    length: u64,
}

impl Tail {
    pub fn new(lines: Lines, most: usize, is_list: bool) -> Self {
        Self {
            lines,
            most,
            is_list,
            kept: VecDeque::new(),
            length: 0,
        }
    }

    /// Reads about a megabyte. Returns true at the end.
    pub fn step(&mut self) -> Result<bool, DecodeError> {
        let end = self.lines.window.bytes_read() + STEP;
        while self.lines.window.bytes_read() < end {
            let Some(range) = self.lines.next()? else {
                return Ok(true);
            };
            let line = if self.is_list {
                &self.lines.bytes()[range]
            } else {
                self.lines.with_break()
            };
            // The oldest line's buffer is used again.
            let mut kept = if self.kept.len() < self.most {
                Vec::new()
            } else {
                self.kept.pop_front().unwrap_or_default().1
            };
            self.length -= kept.len() as u64;
            if self.most == 0 {
                continue;
            }
            kept.clear();
            kept.extend_from_slice(line);
            self.length += kept.len() as u64;
            self.kept.push_back((self.lines.number, kept));
            let whole = self.lines.window.whole();
            if self.length > whole {
                let (last, most) = (self.most, size(whole));
                let words = format!("the last {last} lines are longer than {most}");
                return Err(DecodeError {
                    exceeds_whole: true,
                    ..DecodeError::new(words)
                });
            }
        }
        Ok(false)
    }

    /// Returns the records.
    pub fn into_records(self) -> Records {
        if self.is_list {
            return Records::new(None, Content::Tail(TailRecords(self.kept)));
        }
        let text: Vec<u8> = self.kept.into_iter().flat_map(|(_, line)| line).collect();
        Records::ready([super::whole::text_record(text)])
    }
}

/// A record per line that was kept. A record takes several times the memory of its line.
#[derive(Debug)]
pub struct TailRecords(VecDeque<(u64, Vec<u8>)>);

impl TailRecords {
    /// Takes up to `most` records.
    pub fn read(&mut self, most: usize, batch: &mut Vec<Value>) {
        let lines = self.0.drain(..most.min(self.0.len()));
        batch.extend(lines.map(|(number, line)| record(number, &String::from_utf8_lossy(&line))));
    }
}
