//! The facts about the records of a part: the last line of its file, and the summary of its run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The member of the last line of a part's file.
pub const FACTS: &str = "$part";

/// Facts about the records of a part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The identity of the plan.
    pub plan: String,
    /// The plan whose failed items this one asks for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The numbers of the parts.
    pub parts: Vec<u32>,
    /// The number of items.
    pub items: u64,
    /// The number of records.
    pub records: u64,
    /// The number of failures, with cut listings.
    pub failures: u64,
    /// The number of requests.
    pub requests: u64,
    /// True if nothing failed or was cut.
    pub complete: bool,
    /// The number of records of each item, by runs: the index of the first item, and the numbers.
    #[serde(default)]
    pub counts: Vec<(u32, Vec<u32>)>,
    /// The indices of the items whose records are incomplete.
    #[serde(default)]
    pub incomplete: Vec<u32>,
    /// The failures by kind.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The failures as records, if the query reads them.
    #[serde(default)]
    pub failed: Vec<Value>,
}

/// Failures of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// The query that failed.
    pub query: String,
    /// The error code.
    pub code: String,
    /// The number of failures.
    pub count: u64,
    /// The message of the first of them.
    pub example: String,
}
