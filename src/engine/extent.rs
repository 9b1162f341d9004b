//! The part of a run that a failure concerns.

use std::cell::Cell;
use std::rc::Rc;

use crate::engine::FailedItem;

/// The part of a run that a failure concerns.
#[derive(Clone)]
pub enum Extent {
    /// The whole run.
    Run,
    /// The walk of a plan that others use, which fails as a whole.
    Walk(Rc<WalkState>),
    /// An item.
    Item,
}

/// The state of the walk of a plan that others use.
#[derive(Default)]
pub struct WalkState {
    has_failed: Cell<bool>,
    /// The item for which the plan was bound, if it depends on one.
    item: Option<Box<FailedItem>>,
}

impl Extent {
    /// Creates the extent of a walk of its own.
    pub fn of_walk(item: Option<Box<FailedItem>>) -> Self {
        Self::Walk(Rc::new(WalkState {
            item,
            ..WalkState::default()
        }))
    }

    /// Returns true if it is the whole run.
    pub fn is_run(&self) -> bool {
        matches!(self, Self::Run)
    }

    /// Records that the walk has failed.
    pub fn fail(&self) {
        if let Self::Walk(state) = self {
            state.has_failed.set(true);
        }
    }

    /// Returns true if the walk has failed as a whole, not only for some of its items.
    pub fn has_failed(&self) -> bool {
        matches!(self, Self::Walk(state) if state.has_failed.get())
    }

    /// Returns the item for which the plan of the walk was bound.
    pub fn item(&self) -> Option<Box<FailedItem>> {
        match self {
            Self::Walk(state) => state.item.clone(),
            Self::Run | Self::Item => None,
        }
    }
}
