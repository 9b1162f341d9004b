//! How far a walk has come, level by level, for those who watch.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::Value;

/// The requests of one query of a walk.
#[derive(Debug)]
pub struct Level {
    /// The query's name.
    pub query: String,
    /// Where it stands: see [`crate::plan::Plan::trail`].
    trail: String,
    /// Items that are known; nothing for a query that stands on none.
    pub items: Cell<u64>,
    /// Items that are done, failed ones among them.
    pub done: Cell<u64>,
    /// Items that failed.
    pub failed: Cell<u64>,
    /// Records found.
    pub records: Cell<u64>,
    /// How often was asked whether it is time to go on, where that is waited for.
    pub polls: Cell<u64>,
    /// The first record of the last round of a poll.
    pub last_state: RefCell<Option<Value>>,
}

impl Level {
    /// Counts one more.
    pub fn count(counter: &Cell<u64>, more: u64) {
        counter.set(counter.get() + more);
    }
}

/// The levels of a run, those that feed others first.
#[derive(Debug, Default)]
pub struct Levels(RefCell<Vec<Rc<Level>>>);

impl Levels {
    /// Forgets the levels of the run before.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// The level of a plan, made on first use.
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
            polls: Cell::default(),
            last_state: RefCell::default(),
        });
        levels.push(Rc::clone(&level));
        // What stands further down the trail feeds what stands above it.
        levels.sort_by_key(|level| std::cmp::Reverse(level.trail.matches('/').count()));
        level
    }

    /// All levels.
    pub fn all(&self) -> Vec<Rc<Level>> {
        self.0.borrow().clone()
    }
}
