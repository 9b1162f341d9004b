//! The result of a query besides its records, and how its parts ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::engine::RunError;
use crate::engine::ledger::Ledger;
use crate::http::{HeaderMap, Response};
use crate::plan::DataValues;
use crate::template::Records;

/// What a query gave, besides its records.
#[derive(Debug)]
pub struct Report {
    /// How many records were delivered.
    pub records: usize,
    /// How complete they are.
    pub outcome: Outcome,
    /// What of a walk failed or was cut.
    pub ledger: Ledger,
    /// All failures as records, if the query reads them.
    pub failures: Records,
    /// Whether the run was ended from outside before the walk was done.
    pub is_stopped: bool,
    /// The content of the first answer as it came; nothing of a walk.
    pub body: Bytes,
    /// The header fields of the first answer; none of a walk.
    pub headers: HeaderMap,
    /// From sending the first request to the last byte of its answer; nothing of a walk.
    pub elapsed: Duration,
    /// What looks like a mistake and is none for sure.
    pub notes: Vec<String>,
    /// What the queries of `data` gave.
    pub data: Arc<DataValues>,
    /// Requests that were made, attempts not counted.
    pub requests: u64,
    /// What the query expects and does not hold. The records are good all the same.
    pub failed_expectations: Option<RunError>,
}

impl Report {
    /// Whether nothing of what was asked for failed or was cut.
    pub fn is_whole(&self) -> bool {
        !is_partial(&self.outcome, &self.ledger)
    }
}

/// Returns true if something of what was asked for failed or was cut.
pub fn is_partial(outcome: &Outcome, ledger: &Ledger) -> bool {
    let is_listing_whole = matches!(outcome, Outcome::Complete | Outcome::FirstPage);
    !is_listing_whole || !ledger.is_empty()
}

/// How complete the records of a listing are.
#[derive(Debug)]
pub enum Outcome {
    /// All there are, or all that were asked for.
    Complete,
    /// The listing goes on, and the query wants its first page only.
    FirstPage,
    /// The listing goes on behind a cap.
    Cut(Cut),
    /// A page after the first could not be had: the records before it were delivered.
    Broken(RunError),
}

/// Why a listing is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After `max_pages`.
    Pages(u64),
    /// After `max_rows`.
    Rows(u64),
    /// The content of one answer was asked for.
    Content,
    /// The query does not say where the records stand.
    NoRows,
}

/// What of an answer is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Records.
    Records,
    /// The content as it came.
    Content,
    /// The items that a query is asked for, before it is asked.
    Items,
}

/// The first answer of a query that asks for no items.
pub struct First {
    pub body: Bytes,
    pub response: Response,
    /// What expectations may ask of it.
    pub json: Value,
}

/// How one item's requests ended.
pub enum End {
    /// They were made.
    Done(Outcome),
    /// They failed before there was anything.
    Failed(RunError),
    /// Nobody takes what comes.
    Gone,
}

/// What is told of a listing of which one page was asked for.
pub fn first_page_note(query: &str) -> String {
    format!("the listing of `{query}` goes on: `paginate: false` reads its first page only")
}
