//! The rule by which `runner sync` keeps the records of a query.

use std::time::Duration;

use crate::core::source::{Place, Text};
use crate::template::Expression;

/// The rule of `store`.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The place of the rule.
    pub place: Place,
    /// The columns that identify a row.
    pub key: Vec<Text>,
    /// The column with the time of a row.
    pub at: Option<Text>,
    /// The condition under which a row does not change any more; without it, none does.
    pub done: Option<Expression>,
    /// The age up to which items are asked again.
    pub revisit: Option<Duration>,
    /// True to keep former versions of rows.
    pub history: bool,
    /// True to mark rows that a whole listing no longer has.
    pub marks_gone: bool,
}
