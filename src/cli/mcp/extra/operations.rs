//! `find_operation`: operations of APIs that read.

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::mcp::answer::Limits;
use crate::cli::mcp::catalog;
use crate::cli::mcp::extra::listing::listed;
use crate::cli::mcp::given::Given;
use crate::cli::mcp::options::ServeArgs;
use crate::description::Entry;
use crate::project::Project;

/// The maximum number of operations that are looked at: each is read like a query file.
const MOST: usize = 60;

/// Finds operations that read.
///
/// # Errors
///
/// If an argument is invalid.
pub fn find(
    given: &Given<'_>,
    project: &Project,
    args: &ServeArgs,
    limits: Limits,
) -> Result<Value, Failure> {
    let words = given.text("words")?.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut records = Vec::new();
    for (file, description) in project.described_resources() {
        let Ok(description) = description else {
            continue;
        };
        let entries = description.entries().iter();
        let found = entries.filter(|entry| has_words(entry, &words)).take(MOST);
        for entry in found {
            let name = format!("{}:{}", file.name, entry.id);
            let query = project.query_named(&name).ok();
            let is_served =
                query.is_some_and(|query| catalog::operation(project, &query, args).is_ok());
            if is_served {
                records.push(json!({
                    "operation": name,
                    "request": entry.to_string(),
                    "group": entry.tag,
                    "summary": entry.summary,
                }));
            }
        }
    }
    Ok(listed(
        &["operation", "request", "group", "summary"],
        records,
        limits,
    ))
}

/// Returns true if all words occur in what is known of an operation.
fn has_words(entry: &Entry, words: &[&str]) -> bool {
    let route = entry.to_string();
    let texts = [
        Some(&entry.id),
        Some(&route),
        entry.tag.as_ref(),
        entry.summary.as_ref(),
    ];
    let texts: Vec<String> = texts
        .into_iter()
        .flatten()
        .map(|text| text.to_lowercase())
        .collect();
    let occurs = |word: &&str| texts.iter().any(|text| text.contains(*word));
    words.iter().all(occurs)
}
