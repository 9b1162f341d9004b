//! `list_queries`: the queries that are tools.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::mcp::answer::{Answer, Findings, Limits};
use crate::cli::mcp::catalog::{Catalog, Effect, NotServed};
use crate::cli::mcp::given::Given;

/// Lists the queries that are tools.
///
/// # Errors
///
/// If an argument is invalid.
pub fn list(given: &Given<'_>, catalog: &Catalog, limits: Limits) -> Result<Value, Failure> {
    let words = SearchWords::new(given.optional_text("words")?.unwrap_or_default());
    let records = catalog.tools.iter().filter_map(|tool| {
        let query = &tool.query;
        let about = query.description.clone().unwrap_or_default();
        let texts = [Some(&tool.name), Some(&query.name), query.folder.as_ref()];
        let is_wanted = words.occur_in(texts.into_iter().flatten().chain([&about]));
        is_wanted.then(|| {
            json!({
                "tool": tool.name,
                "query": query.name,
                "effect": if tool.effect == Effect::Writes { "writes" } else { "reads" },
                "folder": query.folder,
                "description": about.trim(),
            })
        })
    });
    let nothing = if catalog.tools.is_empty() {
        &none_served(catalog)
    } else {
        NO_MATCH
    };
    Ok(listed(
        &["tool", "query", "effect", "folder", "description"],
        records.collect(),
        nothing,
        limits,
    ))
}

/// Says that there are no tools, and which files are at fault. Other reasons are the user's choice.
fn none_served(catalog: &Catalog) -> String {
    let faults = catalog.others.iter().filter_map(|(_, why)| match why {
        NotServed::Broken(_) | NotServed::NoResource(_) => Some(why.words()),
        _ => None,
    });
    let faults: BTreeSet<String> = faults.collect();
    if faults.is_empty() {
        return "no query is served".to_owned();
    }
    let faults = faults.into_iter().collect::<Vec<_>>().join("; ");
    format!("no query is served: {faults}")
}

/// Words that must all occur, in any case.
pub struct SearchWords(Vec<String>);

impl SearchWords {
    /// Reads the words of a text.
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace();
        Self(words.map(str::to_lowercase).collect())
    }

    /// Returns true if each word occurs in one of some texts.
    pub fn occur_in<'t>(&self, texts: impl IntoIterator<Item = &'t String>) -> bool {
        let texts: Vec<String> = texts.into_iter().map(|text| text.to_lowercase()).collect();
        let occurs = |word: &String| texts.iter().any(|text| text.contains(word));
        self.0.iter().all(occurs)
    }
}

/// The note of a list without records.
pub const NO_MATCH: &str = "nothing has these words: try fewer, or none";

/// Answers with a list; `nothing` is its note if there are no records.
pub fn listed(columns: &[&str], mut records: Vec<Value>, nothing: &str, limits: Limits) -> Value {
    let total = records.len() as u64;
    let notes = if records.is_empty() {
        vec![nothing.to_owned()]
    } else {
        Vec::new()
    };
    records.truncate(limits.records);
    let findings = Findings {
        columns: Some(columns.iter().map(|name| (*name).to_owned()).collect()),
        total: Some(total),
        records,
        notes,
        narrowing: "select with more words".to_owned(),
        is_local: true,
        ..Findings::default()
    };
    Answer::new(&findings, limits).result()
}
