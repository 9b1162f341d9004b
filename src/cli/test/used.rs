//! The parts of queries that a case uses.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::{Cover, UsedPart};
use crate::project::Query;

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The query.
    Query,
    /// A column with a value.
    Column(String),
    /// `where`, if it keeps a record.
    Kept,
    /// `where`, if it drops a record.
    Dropped,
    /// An entry of `on_status`.
    Status(u16),
    /// `poll`, if it asks again.
    PolledAgain,
    /// A condition of `expect` that does not hold.
    Unmet(String),
    /// The `where` of a loop, if it takes an item.
    Taken(String),
    /// The `where` of a loop, if it skips an item.
    Skipped(String),
    /// A branch of a template: its file, and the start of its tag there.
    Branch(String, usize),
}

impl Part {
    /// Returns true for a branch of a template, whichever query renders it.
    pub fn is_branch(&self) -> bool {
        matches!(self, Self::Branch(..))
    }
}

/// The used parts, by the path of the query.
#[derive(Debug, Default)]
pub struct Used(pub BTreeSet<(PathBuf, Part)>);

/// Notes the used parts of a run.
#[derive(Debug, Default)]
pub struct Notes(RefCell<Used>);

impl Notes {
    /// Returns the used parts.
    pub fn take(&self) -> Used {
        self.0.take()
    }
}

impl Cover for Notes {
    fn used(&self, query: &Query, used: UsedPart<'_>) {
        let mut notes = self.0.borrow_mut();
        let mut add = |part: Part| {
            notes.0.insert((query.source.path().to_path_buf(), part));
        };
        add(Part::Query);
        match used {
            UsedPart::Kept(record) => {
                add(Part::Kept);
                for (name, value) in record.as_object().into_iter().flatten() {
                    if !value.is_null() {
                        add(Part::Column(name.clone()));
                    }
                }
            }
            UsedPart::Dropped => add(Part::Dropped),
            UsedPart::Status(status) => add(Part::Status(status)),
            UsedPart::PolledAgain => add(Part::PolledAgain),
            UsedPart::Unmet(condition) => add(Part::Unmet(condition.to_owned())),
            UsedPart::Taken(name) => add(Part::Taken(name.to_owned())),
            UsedPart::Skipped(name) => add(Part::Skipped(name.to_owned())),
            UsedPart::Branch { file, start } => add(Part::Branch(file.to_owned(), start)),
        }
    }
}
