//! Values computed once per plan of a run, however many others depend on it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::sync::OnceCell;

use crate::plan::{Plan, PlanId};

/// Values by plan.
pub struct Memo<T>(RefCell<HashMap<PlanId, Rc<OnceCell<T>>>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Memo<T> {
    /// Returns the cell for a plan's value.
    pub fn cell(&self, plan: &Plan) -> Rc<OnceCell<T>> {
        let mut cells = self.0.borrow_mut();
        Rc::clone(cells.entry(plan.id).or_default())
    }
}
