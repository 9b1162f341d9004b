//! What is made once of each plan of a run, however many others stand on it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::sync::OnceCell;

use crate::plan::Plan;

/// Values by the address of their plan. Each entry keeps its plan alive, so that the address is
/// never that of another one.
pub struct Memo<T>(RefCell<HashMap<*const Plan, Entry<T>>>);

struct Entry<T> {
    _plan: Rc<Plan>,
    cell: Rc<OnceCell<T>>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Memo<T> {
    /// The cell of a plan's value.
    pub fn cell(&self, plan: &Rc<Plan>) -> Rc<OnceCell<T>> {
        let mut entries = self.0.borrow_mut();
        let entry = entries.entry(Rc::as_ptr(plan)).or_insert_with(|| Entry {
            _plan: Rc::clone(plan),
            cell: Rc::default(),
        });
        Rc::clone(&entry.cell)
    }
}
