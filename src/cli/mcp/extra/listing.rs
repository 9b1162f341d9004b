//! `list_queries`: the queries that are tools.

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::mcp::answer::{Answer, Findings, Limits};
use crate::cli::mcp::catalog::Catalog;
use crate::cli::mcp::given::Given;

/// The records of an answer that lists queries or operations: these are short.
const MOST: usize = 1_000;

/// Lists the queries that are tools.
///
/// # Errors
///
/// If an argument is invalid.
pub fn list(given: &Given<'_>, catalog: &Catalog, limits: Limits) -> Result<Value, Failure> {
    let word = given.optional_text("word")?.unwrap_or_default();
    let word = word.to_lowercase();
    let records = catalog.tools.iter().filter_map(|tool| {
        let query = &tool.query;
        let about = query.description.clone().unwrap_or_default();
        let texts = [Some(&tool.name), Some(&query.name), query.folder.as_ref()];
        let mut texts = texts.into_iter().flatten().chain([&about]);
        let is_wanted = texts.any(|text| text.to_lowercase().contains(&word));
        is_wanted.then(|| {
            json!({
                "tool": tool.name,
                "query": query.name,
                "folder": query.folder,
                "description": about.trim(),
            })
        })
    });
    Ok(listed(
        &["tool", "query", "folder", "description"],
        records.collect(),
        limits,
    ))
}

/// Answers with a list.
pub fn listed(columns: &[&str], records: Vec<Value>, limits: Limits) -> Value {
    let findings = Findings {
        columns: Some(columns.iter().map(|name| (*name).to_owned()).collect()),
        total: Some(records.len() as u64),
        records,
        narrowing: "select by a word".to_owned(),
        ..Findings::default()
    };
    let limits = Limits {
        records: MOST,
        ..limits
    };
    Answer::new(&findings, limits).result()
}
