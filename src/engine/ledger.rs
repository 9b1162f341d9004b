//! The failures of a walk, grouped by kind with one example each, and its cut listings.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use crate::engine::{Cut, RunError};

/// Failures and cuts.
#[derive(Debug, Default)]
pub struct Ledger {
    failures: Vec<Failures>,
    cuts: Vec<Cuts>,
    /// Failures not reported yet.
    fresh: Vec<Rc<RunError>>,
    /// All failures, if they are kept.
    all: Option<Vec<Rc<RunError>>>,
    /// Recorded failures by hash.
    known: HashMap<u64, Alike>,
}

/// Failures that look alike: of the same query, item and request.
#[derive(Debug, Default)]
struct Alike {
    recorded: u64,
    /// The number of them by part of the query, which is a [`crate::plan::Plan::trail`].
    by_part: HashMap<String, u64>,
}

impl Alike {
    /// Counts a failure in a part. Returns true if it is more than in any other part: an item that
    /// several parts depend on fails once, and two similar items in one part fail twice.
    fn add(&mut self, part: &str) -> bool {
        let count = self.by_part.entry(part.to_owned()).or_default();
        *count += 1;
        let is_new = *count > self.recorded;
        self.recorded = self.recorded.max(*count);
        is_new
    }
}

/// Failures of one kind.
#[derive(Debug)]
pub struct Failures {
    class: String,
    /// The number of failures.
    pub count: u64,
    /// The first of them.
    pub example: Rc<RunError>,
}

/// Listings that were cut in the same way.
#[derive(Debug)]
pub struct Cuts {
    /// The query's name.
    pub query: String,
    /// The kind of cut.
    pub cut: Cut,
    /// The number of listings.
    pub count: u64,
}

impl Ledger {
    /// Creates a ledger that keeps all failures if `keeps_all` is true, otherwise one of each kind.
    pub fn new(keeps_all: bool) -> Self {
        Self {
            all: keeps_all.then(Vec::new),
            ..Self::default()
        }
    }

    /// Records a failure.
    pub fn fail(&mut self, error: RunError) {
        let class = error.kind.class();
        let label = error.item.as_ref().map(|item| &item.label);
        let mut hasher = DefaultHasher::new();
        (&error.query, label, &error.request, &class).hash(&mut hasher);
        let is_told_apart = error.item.is_some() && error.request.is_some();
        if is_told_apart {
            let alike = self.known.entry(hasher.finish()).or_default();
            if !alike.add(&error.part) {
                return;
            }
        }
        let error = Rc::new(error);
        self.fresh.push(Rc::clone(&error));
        if let Some(all) = &mut self.all {
            all.push(Rc::clone(&error));
        }
        let known = self
            .failures
            .iter_mut()
            .find(|known| known.class == class && known.example.query == error.query);
        match known {
            Some(known) => known.count += 1,
            None => self.failures.push(Failures {
                class,
                count: 1,
                example: error,
            }),
        }
    }

    /// Records a cut.
    pub fn cut(&mut self, query: &str, cut: Cut) {
        let known = self
            .cuts
            .iter_mut()
            .find(|known| known.query == query && known.cut == cut);
        match known {
            Some(known) => known.count += 1,
            None => self.cuts.push(Cuts {
                query: query.to_owned(),
                cut,
                count: 1,
            }),
        }
    }

    /// Returns the failures by kind, in order of first occurrence.
    pub fn failures(&self) -> &[Failures] {
        &self.failures
    }

    /// Returns all failures, if they are kept.
    pub fn all(&self) -> &[Rc<RunError>] {
        self.all.as_deref().unwrap_or_default()
    }

    /// Returns the cuts.
    pub fn cuts(&self) -> &[Cuts] {
        &self.cuts
    }

    /// Returns the number of failures.
    pub fn count(&self) -> u64 {
        self.failures.iter().map(|failures| failures.count).sum()
    }

    /// Returns true if nothing failed or was cut.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.cuts.is_empty()
    }

    /// Takes the failures that have not been reported yet.
    pub fn take_fresh(&mut self) -> Vec<Rc<RunError>> {
        std::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{FailedItem, RunErrorKind};

    fn failure(item: &str, part: &str) -> RunError {
        RunError {
            part: part.to_owned(),
            query: "q".to_owned(),
            resource: Some("r".to_owned()),
            request: Some(format!("GET http://127.0.0.1/{item}")),
            item: Some(Box::new(FailedItem {
                label: item.to_owned(),
                names: Vec::new(),
            })),
            is_later_page: false,
            kind: RunErrorKind::Listing("broken".to_owned()),
        }
    }

    #[test]
    fn an_item_that_several_parts_stand_on_fails_once() {
        let mut ledger = Ledger::default();
        for (item, part) in [("a", "/x"), ("b", "/x"), ("a", "/y")] {
            ledger.fail(failure(item, part));
        }
        assert_eq!(ledger.count(), 2);
        assert_eq!(ledger.failures().len(), 1);
        assert_eq!(ledger.take_fresh().len(), 2);
        assert!(ledger.take_fresh().is_empty());
    }

    #[test]
    fn items_of_one_part_that_look_alike_are_counted_each() {
        let mut ledger = Ledger::new(true);
        for part in ["/x", "/x", "/y", "/y", "/y"] {
            ledger.fail(failure("a", part));
        }
        assert_eq!(ledger.count(), 3);
        assert_eq!(ledger.all().len(), 3);
    }
}
