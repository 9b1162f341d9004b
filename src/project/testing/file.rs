//! Reads a test file.

use std::path::Path;
use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::source::SourceFile;
use crate::project::testing::{Case, TestFile, case, fit, like, names};
use crate::project::{Project, Query, grammar, literal};

/// The position of a test file.
pub struct Position<'p> {
    /// Its path without `.yaml`.
    pub folder: &'p Path,
    /// The path below the folder of tests, without `.yaml`.
    pub name: &'p str,
}

/// Reads a test file. Returns `None` if it has faults, which are added to `faults`.
pub fn read(
    node: &Node,
    source: &Arc<SourceFile>,
    position: &Position<'_>,
    project: &Project,
    faults: &mut Diagnostics,
) -> Option<TestFile> {
    let before = faults.len();
    let Some(entries) = entries(node) else {
        faults.push(not_a_test_file(node));
        return None;
    };
    literal::check(node, faults);
    let mut fields = node.fields_of("a test file", grammar::TEST_FILE, faults);
    let query = fields.text("query", faults);
    fields.get("cases");
    let is_misnamed = query.is_none() && node.get("query").is_some_and(|node| !node.is_null());
    fields.finish(faults);
    if entries.is_empty() {
        let words = "the file has no cases";
        let fault = Diagnostic::at(&node.file_start(), Code::MissingKey, words);
        faults.push(fault.help("add one, for example `cases: { usual: }`"));
    }
    let query = if is_misnamed {
        None
    } else {
        let found = project.tested_query(query.as_ref(), position.name, &node.file_start());
        found.map_err(|found| faults.extend(found)).ok()
    };
    let cases = cases(entries, query.as_deref(), project, faults);
    if faults.len() > before {
        return None;
    }
    Some(TestFile {
        source: Arc::clone(source),
        query: query?,
        cases,
        folder: position.folder.to_path_buf(),
        name: position.name.to_owned(),
    })
}

/// Returns the cases as written; `None` if the document is not that of a test file.
pub fn entries(node: &Node) -> Option<&[Entry]> {
    match &node.get("cases")?.content {
        Content::Map(entries) => Some(entries),
        Content::Null => Some(&[]),
        _ => None,
    }
}

fn not_a_test_file(node: &Node) -> Diagnostic {
    let words = match node.get("cases") {
        Some(cases) => return cases.mismatch("cases", "a mapping of names to cases"),
        None => "not a test file: it has no `cases`",
    };
    Diagnostic::at(&node.file_start(), Code::TestFile, words).help(
        "every YAML file in the folder of tests is a test file; choose another folder with \
        `tests: { folder: … }` in `runner.yaml`",
    )
}

fn cases(
    entries: &[Entry],
    query: Option<&Query>,
    project: &Project,
    faults: &mut Diagnostics,
) -> Vec<Case> {
    let around = case::Around {
        formats: &project.formats,
        columns: query.and_then(Query::columns),
    };
    let mut cases: Vec<Case> = Vec::new();
    let mut own_answers = Vec::new();
    for entry in entries {
        let mut case = case::read(entry, &around, faults);
        if let Some(first) = cases.iter().find(|other| other.slug == case.slug) {
            let words = format!(
                "the files of `{}` would have the same names as those of `{}`",
                case.name, first.name
            );
            faults.push(Diagnostic::at(&entry.key_place, Code::DuplicateName, words));
        }
        if let Some(query) = query {
            fit::own(&mut case, &entry.value, query, faults);
        }
        own_answers.push(case.overrides.len());
        cases.push(case);
    }
    let is_complete = like::resolve(&mut cases, entries, faults);
    let Some(query) = query else {
        return cases;
    };
    for (index, case) in cases.iter().enumerate() {
        fit::answers(case, own_answers[index], query, faults);
        let node = &entries[index].value;
        let is_mapping = matches!(node.content, Content::Map(_) | Content::Null);
        if is_complete[index] && is_mapping {
            fit::complete(case, node, query, project, faults);
        }
    }
    cases
}

/// Returns the slugs of the cases, each with true if the case has a snapshot in YAML.
pub fn slugs(node: &Node) -> Vec<(String, bool)> {
    let entries = entries(node).unwrap_or_default();
    let slugs = entries.iter().map(|entry| {
        let shows_yaml = entry.value.get("show").is_some_and(|show| {
            let mut formats = show.items().into_iter();
            formats.any(|format| format.scalar().as_deref() == Some("yaml"))
        });
        (names::slug(&entry.key), shows_yaml)
    });
    slugs.collect()
}
