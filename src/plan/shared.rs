//! Plans shared by several others.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use crate::plan::{Input, Inputs, Plan};
use crate::project::Query;

/// The number of entries before those of dropped plans are swept: each item of a walk may bind a
/// plan.
const MOST_DEAD: usize = 1_024;

/// The plans bound so far, by query and inputs, held weakly.
#[derive(Default)]
pub struct SharedPlans {
    bound: RefCell<Bound>,
    ids: Cell<u64>,
}

/// Identifies a plan among those of its binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(u64);

#[derive(Default)]
struct Bound {
    plans: BTreeMap<PlanKey, Weak<Plan>>,
    /// The number of entries that triggers the next sweep.
    next_sweep: usize,
}

/// The file and the inputs of a query.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanKey {
    path: PathBuf,
    inputs: String,
}

impl PlanKey {
    /// Creates the key of a query with these inputs.
    pub fn new(query: &Query, inputs: &Inputs) -> Self {
        let inputs = inputs.iter().map(|(name, input)| match input {
            Input::Text(text) | Input::Environment(text) => format!("{name:?} is {text:?}"),
            Input::Json(value) => format!("{name:?} = {value}"),
            Input::Number(_, written) => format!("{name:?} = {written}"),
            Input::Secret(value) => format!("{name:?} = secret {value}"),
        });
        Self {
            path: query.source.path().to_path_buf(),
            inputs: inputs.collect::<Vec<_>>().join(", "),
        }
    }
}

impl SharedPlans {
    /// Returns a new unique id.
    pub fn new_id(&self) -> PlanId {
        let id = self.ids.get();
        self.ids.set(id + 1);
        PlanId(id)
    }

    /// Returns the plan for a key, if it is still in use.
    pub fn find(&self, key: &PlanKey) -> Option<Rc<Plan>> {
        self.bound.borrow().plans.get(key)?.upgrade()
    }

    /// Adds a plan.
    pub fn insert(&self, key: PlanKey, plan: &Rc<Plan>) {
        let mut bound = self.bound.borrow_mut();
        if bound.plans.len() >= bound.next_sweep {
            bound.plans.retain(|_, plan| plan.strong_count() > 0);
            bound.next_sweep = bound.plans.len() + MOST_DEAD;
        }
        bound.plans.insert(key, Rc::downgrade(plan));
    }
}
