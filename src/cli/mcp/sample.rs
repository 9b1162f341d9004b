//! The first records of a result. The others are counted, so that an answer can say how many there
//! are without holding them.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use serde_json::Value;

use crate::core::json;
use crate::ending::{CloseContext, Ending, EndingError};

/// The maximum size of the records that are kept, in bytes: more than any answer shows.
const LARGEST: usize = 4 << 20;

/// The first records of a result.
#[derive(Debug, Default)]
pub struct SampledRecords {
    /// The first records.
    pub first: Vec<Value>,
    /// The number of all records.
    pub total: u64,
    /// The memory of those that are kept.
    weight: usize,
}

/// Collects the first records of a result in a place that the caller shares.
#[derive(Debug, Clone)]
pub struct Sample {
    records: Rc<RefCell<SampledRecords>>,
    most: usize,
}

impl Sample {
    /// Creates a place for at most so many records.
    pub fn new(most: usize) -> Self {
        Self {
            records: Rc::default(),
            most,
        }
    }

    /// Returns the records so far, and leaves none.
    pub fn take(&self) -> SampledRecords {
        self.records.take()
    }
}

impl Ending for Sample {
    fn record(&mut self, record: Value) -> io::Result<()> {
        let mut records = self.records.borrow_mut();
        records.total += 1;
        if records.first.len() < self.most && records.weight < LARGEST {
            records.weight += json::weight(&record);
            records.first.push(record);
        }
        Ok(())
    }

    fn close(&mut self, _context: &CloseContext<'_>) -> Result<(), EndingError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
