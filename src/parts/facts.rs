//! The facts about the records of a part: the last line of its file, and the summary of its run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::json;

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
    /// The SHA-256 of the lines of the records.
    #[serde(default)]
    pub sha256: String,
    /// The number of records of each item, by runs: the index of the first item, and the numbers.
    #[serde(default)]
    pub counts: Vec<(u32, Vec<u32>)>,
    /// The indices of the items whose records are incomplete.
    #[serde(default)]
    pub incomplete: Vec<u32>,
    /// The failures by kind.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The expectations of inner queries that are not met.
    #[serde(default)]
    pub unmet: Vec<String>,
    /// The failures as records, if the query reads them.
    #[serde(default)]
    pub failed: Vec<Value>,
}

impl Facts {
    /// Reads the last line of a part's file.
    ///
    /// # Errors
    ///
    /// A message without the file's name, if it is another line.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let not_whole = "does not end with the facts of a part: it is no part's file, or not whole";
        let line = json::parse(line).ok();
        let facts = line.and_then(|mut line| line.as_object_mut()?.swap_remove(FACTS));
        let mut facts = facts.ok_or(not_whole)?;
        // The derived reader would write numbers anew.
        let failed = facts
            .as_object_mut()
            .and_then(|facts| facts.swap_remove("failed"));
        let read: Self = serde_json::from_value(facts)
            .map_err(|error| format!("has facts that this program does not read: {error}"))?;
        Ok(Self {
            failed: match failed {
                Some(Value::Array(failed)) => failed,
                _ => Vec::new(),
            },
            ..read
        })
    }
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
