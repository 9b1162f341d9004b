//! Reads the records of part files in the order of the walk, with one file open at a time.

use std::io::{self, BufRead as _};
use std::rc::Rc;

use serde_json::Value;

use crate::cli::part_files::{PartFile, PartFiles};
use crate::core::json;
use crate::engine::{FactsOfParts, RecordsOfParts};
use crate::parts::{FACTS, Facts};
use crate::plan::Plan;
use crate::project::failures;
use crate::project::load::lines::LineReader;
use crate::template::Records;

/// The number of records that are read at a time.
const BATCH: usize = 256;

/// The records of parts in the order of the walk.
pub struct InOrder<'p> {
    plan: &'p Rc<Plan>,
    parts: &'p PartFiles,
    is_partial: bool,
    cursors: Vec<Cursor>,
    /// The items that are still to be read, each with its file.
    left: Box<dyn Iterator<Item = (u32, usize)> + 'p>,
    /// The number of records left of an item that is read from a file.
    reading: Option<(usize, u32)>,
    open: Option<(usize, LineReader)>,
}

/// A position in a file.
struct Cursor {
    /// The items that follow, with the number of their records; the next one last.
    items: Vec<(u32, u32)>,
    /// In bytes.
    position: u64,
}

impl<'p> InOrder<'p> {
    /// Starts reading.
    pub fn new(plan: &'p Rc<Plan>, parts: &'p PartFiles, is_partial: bool) -> Self {
        let cursors = parts.files.iter().map(|file| {
            let mut items: Vec<(u32, u32)> = file.items().collect();
            items.reverse();
            Cursor { items, position: 0 }
        });
        Self {
            plan,
            parts,
            is_partial,
            cursors: cursors.collect(),
            left: Box::new(parts.chosen.iter().map(|(index, file)| (*index, *file))),
            reading: None,
            open: None,
        }
    }

    /// Goes to the records of an item, and returns their number.
    fn find(&mut self, index: u32, number: usize) -> io::Result<u32> {
        while let Some((known, count)) = self.cursors[number].items.pop() {
            if known == index {
                return Ok(count);
            }
            for _ in 0..count {
                self.line(number)?;
            }
        }
        Err(damaged(
            &self.parts.files[number],
            "has not the items of its facts in order",
        ))
    }

    /// Reads the next line of a file.
    fn line(&mut self, number: usize) -> io::Result<Vec<u8>> {
        let file = &self.parts.files[number];
        let cursor = &mut self.cursors[number];
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.open = Some((number, file.lines.from(cursor.position)?));
        }
        let mut line = Vec::new();
        if let Some((_, reader)) = &mut self.open {
            reader.read_until(b'\n', &mut line)?;
        }
        cursor.position += line.len() as u64;
        if line.last() != Some(&b'\n') || cursor.position > file.end {
            return Err(damaged(file, "has fewer records than its facts say"));
        }
        Ok(line)
    }

    /// Refuses files with records that their facts do not know. What a limit left unread is not known.
    fn check_ends(&self) -> io::Result<()> {
        for (file, cursor) in self.parts.files.iter().zip(&self.cursors) {
            if cursor.items.is_empty() && cursor.position != file.end {
                return Err(damaged(file, "has more records than its facts say"));
            }
        }
        Ok(())
    }
}

/// A file whose records are not those of its facts.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is damaged: it {why}")]
pub struct Damaged {
    path: String,
    why: &'static str,
}

fn damaged(file: &PartFile, why: &'static str) -> io::Error {
    io::Error::other(Damaged {
        path: file.path.display().to_string(),
        why,
    })
}

impl RecordsOfParts for InOrder<'_> {
    fn next(&mut self) -> io::Result<Option<Vec<Value>>> {
        let mut records = Vec::new();
        while records.len() < BATCH {
            let Some((number, left)) = self.reading.filter(|(_, left)| *left > 0) else {
                let Some((index, number)) = self.left.next() else {
                    break;
                };
                self.reading = Some((number, self.find(index, number)?));
                continue;
            };
            let line = self.line(number)?;
            let record = json::parse(&line);
            let file = &self.parts.files[number];
            let record = record.map_err(|_| damaged(file, "has a line that is not JSON"))?;
            // A record may have such a member, too.
            if record.get(FACTS).is_some()
                && Facts::read(&line).is_ok_and(|facts| facts.plan == file.facts.plan)
            {
                return Err(damaged(file, "has facts between its records"));
            }
            records.push(record);
            self.reading = Some((number, left - 1));
        }
        if records.is_empty() {
            self.check_ends()?;
            return Ok(None);
        }
        Ok(Some(records))
    }

    fn facts(&mut self) -> FactsOfParts {
        FactsOfParts {
            requests: self.parts.requests(),
            is_partial: self.is_partial,
            failures: Records {
                list: self.parts.failed().into(),
                columns: Some(failures::columns(self.plan.query.with_fed_by())),
            },
        }
    }
}
