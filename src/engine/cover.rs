//! The parts of queries that a run uses, for the coverage of tests.

use serde_json::Value;

use crate::project::Query;

/// Takes note of used parts. A run without one has no cost.
pub trait Cover {
    /// Called each time that a run uses a part of a query.
    fn used(&self, query: &Query, part: UsedPart<'_>);
}

/// A used part of a query.
#[derive(Debug, Clone, Copy)]
pub enum UsedPart<'u> {
    /// A record that `where` kept.
    Kept(&'u Value),
    /// Rows that `where` dropped.
    Dropped,
    /// The status of an answer.
    Status(u16),
    /// Another request of `poll`, after the first.
    PolledAgain,
    /// A condition of `expect` that did not hold, as written.
    Unmet(&'u str),
    /// An item that the `where` of a loop took.
    Taken(&'u str),
    /// An item that the `where` of a loop skipped.
    Skipped(&'u str),
}
