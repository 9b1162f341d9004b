//! The records themselves, in memory.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use serde_json::Value;

use crate::ending::{CloseContext, Ending, EndingError};

/// Collects records in a list that the caller shares.
#[derive(Debug, Clone, Default)]
pub struct Collected(Rc<RefCell<Vec<Value>>>);

impl Collected {
    /// Returns the records so far, and leaves none.
    pub fn take(&self) -> Vec<Value> {
        self.0.take()
    }
}

impl Ending for Collected {
    fn record(&mut self, record: Value) -> io::Result<()> {
        self.0.borrow_mut().push(record);
        Ok(())
    }

    fn close(&mut self, _context: &CloseContext<'_>) -> Result<(), EndingError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
