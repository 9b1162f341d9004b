//! Operations of APIs, which are queries without a file: `circleci:listEnvironments`.

use crate::cli::app::App;
use crate::cli::complete::candidate::Candidate;
use crate::cli::setup;

/// Returns the operations that begin with a word that has a `:`, such as `circleci:list`. Each candidate
/// is the whole word.
pub fn operations(prefix: &str, app: &App) -> Vec<Candidate> {
    let Some((resource, id)) = prefix.split_once(':') else {
        return Vec::new();
    };
    let Ok(project) = setup::project_here(app) else {
        return Vec::new();
    };
    let Ok((file, description)) = project.described_resource(resource) else {
        return Vec::new();
    };
    let entries = description.entries().iter();
    entries
        .filter(|entry| entry.id.starts_with(id))
        .map(|entry| {
            let word = format!("{}:{}", file.name, entry.id);
            Candidate::described(word, entry.summary.clone())
        })
        .collect()
}
