//! Progress of a walk, by level.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::Value;

/// The progress of one query of a walk.
#[derive(Debug)]
pub struct Level {
    /// The query's name.
    pub query: String,
    /// See [`crate::plan::Plan::trail`].
    trail: String,
    /// The number of known items; 0 for a query without items.
    pub items: Cell<u64>,
    /// The number of completed items, including failed ones.
    pub done: Cell<u64>,
    /// The number of failed items.
    pub failed: Cell<u64>,
    /// The number of records found.
    pub records: Cell<u64>,
    /// The number of bytes received into files.
    pub bytes: Cell<u64>,
    /// The number of polls so far.
    pub polls: Cell<u64>,
    /// The records of the last poll.
    pub last_state: RefCell<Vec<Value>>,
}

impl Level {
    fn has_success(&self) -> bool {
        self.done.get() > self.failed.get()
    }

    /// Increases a counter.
    pub fn count(counter: &Cell<u64>, more: u64) {
        counter.set(counter.get() + more);
    }
}

/// The levels of a run, dependencies first.
#[derive(Debug, Default)]
pub struct Levels(RefCell<Vec<Rc<Level>>>);

impl Levels {
    /// Removes the levels of the previous run.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Returns the level of a plan, created on first use.
    pub fn of(&self, trail: &str, query: &str) -> Rc<Level> {
        let mut levels = self.0.borrow_mut();
        if let Some(known) = levels.iter().find(|level| level.trail == trail) {
            return Rc::clone(known);
        }
        let level = Rc::new(Level {
            query: query.to_owned(),
            trail: trail.to_owned(),
            items: Cell::default(),
            done: Cell::default(),
            failed: Cell::default(),
            records: Cell::default(),
            bytes: Cell::default(),
            polls: Cell::default(),
            last_state: RefCell::default(),
        });
        levels.push(Rc::clone(&level));
        // A deeper trail feeds a shallower one.
        levels.sort_by_key(|level| std::cmp::Reverse(level.trail.matches('/').count()));
        level
    }

    /// Returns true if no item succeeded: the requests of the run's query all failed, or there were
    /// none because its items could not be found.
    pub fn have_only_failed(&self) -> bool {
        let levels = self.0.borrow();
        let own = levels.iter().filter(|level| level.trail.is_empty());
        let sent: Vec<_> = own.filter(|level| level.done.get() > 0).collect();
        if sent.is_empty() {
            let mut walks = levels.iter().filter(|level| level.items.get() > 0);
            return !walks.any(|level| level.has_success());
        }
        !sent.iter().any(|level| level.has_success())
    }

    /// Returns all levels.
    pub fn all(&self) -> Vec<Rc<Level>> {
        self.0.borrow().clone()
    }
}
