//! What of a walk is not whole: failures, counted by kind with one example each, and cuts.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use crate::engine::{Cut, RunError};

/// Failures and cuts.
#[derive(Debug, Default)]
pub struct Ledger {
    failures: Vec<Failures>,
    cuts: Vec<Cuts>,
    /// Failures that are not reported yet.
    fresh: Vec<Rc<RunError>>,
    /// All failures, if they are kept.
    all: Option<Vec<Rc<RunError>>>,
    /// What was noted: an item that several parts of a query stand on fails once.
    known: HashSet<u64>,
}

/// Failures of one kind.
#[derive(Debug)]
pub struct Failures {
    class: String,
    /// How many there were.
    pub count: u64,
    /// The first of them.
    pub example: Rc<RunError>,
}

/// Listings that were cut alike.
#[derive(Debug)]
pub struct Cuts {
    /// The query's name.
    pub query: String,
    /// How they were cut.
    pub cut: Cut,
    /// How many there were.
    pub count: u64,
}

impl Ledger {
    /// A ledger that keeps all failures, and not only one of each kind, if `keeps_all` is true.
    pub fn new(keeps_all: bool) -> Self {
        Self {
            all: keeps_all.then(Vec::new),
            ..Self::default()
        }
    }

    /// Notes a failure.
    pub fn fail(&mut self, error: RunError) {
        let class = error.kind.class();
        let label = error.item.as_ref().map(|item| &item.label);
        let mut hasher = DefaultHasher::new();
        (&error.query, label, &error.request, &class).hash(&mut hasher);
        let is_told_apart = error.item.is_some() && error.request.is_some();
        if is_told_apart && !self.known.insert(hasher.finish()) {
            return;
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

    /// Notes a cut.
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

    /// The failures by kind, in the order in which the kinds came up.
    pub fn failures(&self) -> &[Failures] {
        &self.failures
    }

    /// All failures, if they are kept.
    pub fn all(&self) -> &[Rc<RunError>] {
        self.all.as_deref().unwrap_or_default()
    }

    /// The cuts.
    pub fn cuts(&self) -> &[Cuts] {
        &self.cuts
    }

    /// How many failures there were.
    pub fn count(&self) -> u64 {
        self.failures.iter().map(|failures| failures.count).sum()
    }

    /// Whether all is whole.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.cuts.is_empty()
    }

    /// The failures that nobody was told of yet.
    pub fn take_fresh(&mut self) -> Vec<Rc<RunError>> {
        std::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{FailedItem, RunErrorKind};

    fn failure(item: &str) -> RunError {
        RunError {
            query: "q".to_owned(),
            resource: "r".to_owned(),
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
        for item in ["a", "b", "a"] {
            ledger.fail(failure(item));
        }
        assert_eq!(ledger.count(), 2);
        assert_eq!(ledger.failures().len(), 1);
        assert_eq!(ledger.take_fresh().len(), 2);
        assert!(ledger.take_fresh().is_empty());
    }
}
