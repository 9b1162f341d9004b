//! `runner plan --from-failures`: plans the failed items of a plan again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::inputs::Words;
use crate::cli::part::open;
use crate::cli::part_files::PartFiles;
use crate::cli::plan_document::Division;
use crate::core::code::Code;
use crate::parts::{self, PlanOf};

/// Plans the items again whose records are incomplete in these files, or in none of them.
///
/// # Errors
///
/// If the plan cannot be read, or a file belongs to another one.
pub fn plan(path: &Path, words: &Words, division: Division, app: &App) -> Result<PlanOf, Failure> {
    let mut document = open::read_whole(path, app)?;
    if !document.complete {
        let words = "the plan itself is incomplete: what could not be listed is in no part";
        return Err(Failure::new(Exit::Partial, Code::PlanFile, words).help("make a new plan"));
    }
    let is_file = |word: &&String| !app.working_directory.join(word).is_file();
    if let Some(word) = words.assignments.iter().find(is_file) {
        let words = format!("a plan has its vars, and `{word}` would change them");
        return Err(Failure::usage(Code::PlanFile, words));
    }
    let files: Vec<PathBuf> = words
        .queries
        .iter()
        .chain(&words.assignments)
        .map(PathBuf::from)
        .collect();
    let read = PartFiles::read(&document, &files, app);
    if let Some(words) = read.unused.first() {
        return Err(Failure::usage(Code::PartFile, words.clone()));
    }
    let all = document.parts.take().unwrap_or_default();
    let wanting: &BTreeSet<u32> = &read.wanting;
    let mut items: Vec<_> = all
        .iter()
        .flat_map(parts::PartOf::indexed)
        .filter(|(index, _)| wanting.contains(index))
        .map(|(index, names)| (index, names.clone()))
        .collect();
    items.sort_by_key(|(index, _)| *index);
    let count = items.len() as u64;
    document.parts = Some(parts::divide(items, division.parts as usize));
    document.of = Some(document.id.clone());
    document.seconds = document
        .seconds
        .map(|seconds| (seconds * count).div_ceil(document.items.max(1)));
    document.items = count;
    document.requests = count;
    document.at_once = division.at_once(document.count());
    env!("CARGO_PKG_VERSION").clone_into(&mut document.runner);
    document.seal();
    Ok(document)
}
