//! The result of a query, except its records.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::engine::RunError;
use crate::engine::ledger::Ledger;
use crate::engine::split::Incomplete;
use crate::engine::unmet::UnmetExpectations;
use crate::http::{HeaderMap, Response};
use crate::plan::DataValues;
use crate::template::Records;

/// The result of a query, except its records.
#[derive(Debug)]
pub struct RunReport {
    /// The number of records delivered.
    pub records: usize,
    /// The completeness of the listing.
    pub outcome: Outcome,
    /// The failures and cuts of a walk.
    pub ledger: Ledger,
    /// All failures as records, if the query reads them.
    pub failures: Records,
    /// True if the run was stopped before the walk was done.
    pub is_stopped: bool,
    /// The body of the first response; empty for a walk.
    pub body: Bytes,
    /// The header fields of the first response; empty for a walk.
    pub headers: HeaderMap,
    /// The time from sending the first request to the last byte of its response; zero for a walk.
    pub elapsed: Duration,
    /// Probable mistakes.
    pub notes: Vec<String>,
    /// The first reason why the records may not be all that there are, although nothing failed: a
    /// response without the list, or that may be a part of it.
    pub doubt: Option<String>,
    /// The results of `data`.
    pub data: Arc<DataValues>,
    /// The number of requests sent, not counting retries.
    pub requests: u64,
    /// The expectations that are not met, those of the query itself last. The records are valid
    /// regardless.
    pub unmet: UnmetExpectations,
    /// True if records are missing: of this run, or of parts that it merged.
    pub is_partial: bool,
    /// The items of a part whose records are incomplete.
    pub incomplete: Incomplete,
}

/// A run that ended without a result.
#[derive(Debug)]
pub struct FailedRun {
    /// The error that ended it.
    pub error: RunError,
    /// The number of requests sent, not counting retries.
    pub requests: u64,
    /// The failures and cuts before it.
    pub ledger: Ledger,
    /// The expectations of queries that it uses that were not met before it.
    pub unmet: UnmetExpectations,
}

impl RunReport {
    /// Returns true if nothing failed or was cut.
    pub fn is_whole(&self) -> bool {
        !self.is_partial
    }
}

/// Returns true if anything failed or was cut.
pub fn is_partial(outcome: &Outcome, ledger: &Ledger) -> bool {
    let is_listing_whole = matches!(outcome, Outcome::Complete | Outcome::FirstPage);
    !is_listing_whole || !ledger.is_empty()
}

/// The completeness of a listing.
#[derive(Debug)]
pub enum Outcome {
    /// All records, or as many as were requested.
    Complete,
    /// The query reads the first page only, and there are more.
    FirstPage,
    /// There are more records beyond a limit.
    Cut(Cut),
    /// A page after the first failed; the records before it were delivered.
    Broken(Box<RunError>),
}

/// The limit that cut a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After `max_pages`.
    Pages(u64),
    /// After `max_rows`.
    Rows(u64),
    /// Only the body of one response was requested.
    Content,
    /// The query has no `rows`.
    NoRows,
}

/// The kind of result that a run delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// Records.
    Records,
    /// The unchanged body.
    Content,
    /// The items of the query, without sending its requests.
    Items,
}

/// The first response of a query without items.
pub struct First {
    pub body: Bytes,
    pub response: Response,
    /// Its facts for expectations.
    pub json: Value,
}

/// The end of one item's requests.
pub enum End {
    /// They were sent.
    Done(Outcome),
    /// They failed before the first record.
    Failed(RunError),
    /// The reader is gone.
    Gone,
}

/// Returns the note about a listing of which only the first page was read.
pub fn first_page_note(query: &str) -> String {
    format!("the listing of `{query}` has more pages: `paginate: false` only reads the first")
}
