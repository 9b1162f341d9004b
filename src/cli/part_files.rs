//! The files of parts: what they have, and what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::part::open::short;
use crate::core::text::counted;
use crate::parts::{Facts, Hash, PlanOf};
use crate::project::load::lines::LineFile;
use crate::project::load::plain;

/// The file of a part.
#[derive(Debug)]
pub struct PartFile {
    /// Its name.
    pub path: PathBuf,
    /// Its lines.
    pub lines: LineFile,
    /// The position after its records.
    pub end: u64,
    /// The facts about its records.
    pub facts: Facts,
}

impl PartFile {
    /// Reads the facts of a file.
    fn read(path: &Path, app: &App) -> Result<Self, String> {
        let lines = LineFile::new(&app.working_directory.join(path))?;
        let last = lines
            .last()
            .map_err(|error| format!("cannot be read: {}", plain(&error)))?;
        let (line, end) = last.unwrap_or_default();
        let facts = Facts::read(&line)?;
        let file = Self {
            path: path.to_path_buf(),
            lines,
            end,
            facts,
        };
        let hash = file
            .hash()
            .map_err(|error| format!("cannot be read: {}", plain(&error)))?;
        let counted: u64 = file.items().map(|(_, count)| u64::from(count)).sum();
        if hash != file.facts.sha256 || counted != file.facts.records {
            return Err("is damaged: its records are not those of its facts".to_owned());
        }
        Ok(file)
    }

    /// Returns the hash of the records.
    fn hash(&self) -> io::Result<String> {
        let mut hash = Hash::default();
        io::copy(&mut self.lines.from(0)?.take(self.end), &mut hash)?;
        Ok(hash.finish())
    }

    /// Returns the items with the number of their records, in the order of the file.
    pub fn items(&self) -> impl Iterator<Item = (u32, u32)> {
        let runs = self.facts.counts.iter();
        runs.flat_map(|(first, counts)| (*first..).zip(counts.iter().copied()))
    }

    /// Returns the items whose records are complete.
    fn complete(&self) -> impl Iterator<Item = u32> {
        let incomplete: BTreeSet<u32> = self.facts.incomplete.iter().copied().collect();
        let items = self.items().map(|(index, _)| index);
        items.filter(move |index| !incomplete.contains(index))
    }
}

/// The files of a plan's parts.
#[derive(Debug, Default)]
pub struct PartFiles {
    /// The files that belong to the plan.
    pub files: Vec<PartFile>,
    /// The file of each item, by the item's index.
    pub chosen: BTreeMap<u32, usize>,
    /// The items whose records are incomplete, or in no file.
    pub wanting: BTreeSet<u32>,
    /// The parts that are in no file.
    pub missing: Vec<u32>,
    /// The parts whose records are incomplete.
    pub incomplete: Vec<u32>,
    /// The parts that several files have.
    pub doubled: Vec<u32>,
    /// Files that are not used, each with the reason.
    pub unused: Vec<String>,
}

impl PartFiles {
    /// Reads files, in any order.
    pub fn read(document: &PlanOf, paths: &[PathBuf], app: &App) -> Self {
        let mut read = Self::default();
        for path in paths {
            let file = PartFile::read(path, app);
            let file = file.and_then(|file| match refusal(document, &file) {
                None => Ok(file),
                Some(words) => Err(words),
            });
            match file {
                Ok(file) => read.files.push(file),
                Err(words) => read.unused.push(format!("`{}` {words}", path.display())),
            }
        }
        read.doubled = doubled(&read.files);
        read.choose(document);
        read
    }

    /// Chooses the file for each item: one in which it is complete, if there is one.
    fn choose(&mut self, document: &PlanOf) {
        let mut complete: BTreeMap<u32, usize> = BTreeMap::new();
        for (number, file) in self.files.iter().enumerate() {
            for (index, _) in file.items() {
                self.chosen.entry(index).or_insert(number);
            }
            for index in file.complete() {
                complete.entry(index).or_insert(number);
            }
        }
        self.chosen.extend(&complete);
        for part in document.parts.iter().flatten() {
            let items = || part.indexed().map(|(index, _)| index);
            let wanting = items().filter(|index| !complete.contains_key(index));
            self.wanting.extend(wanting);
            if items().any(|index| !self.chosen.contains_key(&index)) {
                self.missing.push(part.part);
            } else if items().any(|index| !complete.contains_key(&index)) {
                self.incomplete.push(part.part);
            }
        }
    }

    /// Returns true if all records are there, and nothing else.
    pub fn are_whole(&self) -> bool {
        self.wanting.is_empty() && self.unused.is_empty() && self.doubled.is_empty()
    }

    /// Returns the expectations of inner queries that are not met, each once.
    pub fn unmet(&self) -> BTreeSet<&String> {
        let files = self.files.iter();
        files.flat_map(|file| &file.facts.unmet).collect()
    }

    /// Returns the number of requests.
    pub fn requests(&self) -> u64 {
        self.files.iter().map(|file| file.facts.requests).sum()
    }

    /// Returns the files with items that no other file completes.
    fn incomplete(&self) -> impl Iterator<Item = &PartFile> {
        self.files.iter().filter(|file| {
            let mut incomplete = file.facts.incomplete.iter();
            incomplete.any(|index| self.wanting.contains(index))
        })
    }

    /// Returns the failures as records.
    pub fn failed(&self) -> Vec<Value> {
        let files = self.incomplete();
        files.flat_map(|file| file.facts.failed.clone()).collect()
    }

    /// Describes the failures by kind.
    pub fn groups(&self) -> Vec<String> {
        let files = self.incomplete();
        let groups = files.flat_map(|file| &file.facts.groups);
        let mut kinds: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
        for group in groups {
            let key = (group.query.as_str(), group.code.as_str());
            kinds.entry(key).or_insert((0, &group.example)).0 += group.count;
        }
        let words = kinds.into_iter().map(|((query, code), (count, example))| {
            let count = counted(count, "failure");
            format!("{count} of `{query}` [{code}]: {example}")
        });
        words.collect()
    }
}

/// Returns the reason why a file does not belong to a plan.
fn refusal(document: &PlanOf, file: &PartFile) -> Option<String> {
    let facts = &file.facts;
    if facts.plan != document.id && facts.of.as_ref() != Some(&document.id) {
        return Some(format!("is of another plan ({})", short(&facts.plan)));
    }
    let is_known = |(index, _): (u32, u32)| u64::from(index) < document.items;
    (!file.items().all(is_known)).then(|| "has items that the plan does not have".to_owned())
}

/// Returns the parts of one plan that several files have.
fn doubled(files: &[PartFile]) -> Vec<u32> {
    let mut seen: BTreeSet<(&str, u32)> = BTreeSet::new();
    let mut doubled = BTreeSet::new();
    for file in files {
        for part in &file.facts.parts {
            if !seen.insert((&file.facts.plan, *part)) {
                doubled.insert(*part);
            }
        }
    }
    doubled.into_iter().collect()
}
