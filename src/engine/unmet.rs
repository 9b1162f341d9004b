//! The expectations that are not met: one error for each use of a query.

use crate::engine::{RunError, RunErrorKind};

/// The maximum number of errors kept: each item of a walk may have one.
const MOST_UNMET: usize = 10;

/// Expectations that are not met, in the order in which they were evaluated.
#[derive(Debug, Default)]
pub struct UnmetExpectations {
    /// One error for each use of a query, up to a maximum.
    pub errors: Vec<RunError>,
    /// The number of further ones.
    pub more: u64,
}

impl UnmetExpectations {
    /// Adds an error, unless an equal one is known.
    pub fn add(&mut self, error: RunError) {
        if self.errors.iter().any(|known| is_equal(known, &error)) {
            return;
        }
        if self.errors.len() < MOST_UNMET {
            self.errors.push(error);
        } else {
            self.more += 1;
        }
    }

    /// Adds an error that is always kept.
    pub fn add_last(&mut self, error: RunError) {
        self.errors.push(error);
    }

    /// Returns true if all expectations are met.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

/// Returns true if two errors read the same: a query that several others use with different vars
/// may fail in the same way.
fn is_equal(one: &RunError, other: &RunError) -> bool {
    let label = |error: &RunError| error.item.as_ref().map(|item| item.label.clone());
    let is_same_kind = match (&one.kind, &other.kind) {
        (RunErrorKind::Expectation(one), RunErrorKind::Expectation(other)) => one == other,
        _ => false,
    };
    is_same_kind
        && one.query == other.query
        && one.request == other.request
        && label(one) == label(other)
}
