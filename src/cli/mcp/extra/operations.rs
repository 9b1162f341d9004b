//! `find_operation`: operations of APIs that read.

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::mcp::answer::Limits;
use crate::cli::mcp::catalog;
use crate::cli::mcp::extra::listing::{NO_MATCH, SearchWords, listed};
use crate::cli::mcp::given::Given;
use crate::cli::mcp::options::ServeArgs;
use crate::description::Entry;
use crate::project::Project;

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
    let words = SearchWords::new(given.text("words")?);
    let found = served(project, args, |entry| {
        let route = entry.to_string();
        let texts = [
            Some(&entry.id),
            Some(&route),
            entry.tag.as_ref(),
            entry.summary.as_ref(),
        ];
        words.occur_in(texts.into_iter().flatten())
    });
    let records = found.into_iter().map(|(name, entry)| {
        json!({
            "operation": name,
            "request": entry.to_string(),
            "group": entry.tag,
            "summary": entry.summary,
        })
    });
    Ok(listed(
        &["operation", "request", "group", "summary"],
        records.collect(),
        NO_MATCH,
        limits,
    ))
}

/// Returns the operations that read and whose name without the resource is the wanted one, in any
/// case.
pub fn named(wanted: &str, project: &Project, args: &ServeArgs) -> Vec<String> {
    let id = wanted.split_once(':').map_or(wanted, |(_, id)| id);
    let found = served(project, args, |entry| entry.id.eq_ignore_ascii_case(id));
    found.into_iter().map(|(name, _)| name).collect()
}

/// Returns the operations that read and are wanted, with their names.
fn served(
    project: &Project,
    args: &ServeArgs,
    is_wanted: impl Fn(&Entry) -> bool,
) -> Vec<(String, Entry)> {
    let mut found = Vec::new();
    for (file, description) in project.described_resources() {
        let Ok(description) = description else {
            continue;
        };
        let entries = description.entries().iter();
        for entry in entries.filter(|entry| is_wanted(entry)) {
            let name = format!("{}:{}", file.name, entry.id);
            let query = project.query_named(&name).ok();
            if query.is_some_and(|query| catalog::operation(project, &query, args).is_ok()) {
                found.push((name, entry.clone()));
            }
        }
    }
    found
}
