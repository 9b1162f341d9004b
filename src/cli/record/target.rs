//! Finds the case that a command line names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::core::file_ending::YAML;
use crate::project::testing::{Case, TestFile, Tests, name_fault};
use crate::project::{Project, Query, load, split_operation};

/// The folder of the queries of a project.
const QUERIES: &str = "queries";

/// The case to record.
pub struct Target {
    /// The query.
    pub query: Arc<Query>,
    /// The path of the test file.
    pub path: PathBuf,
    /// The test file, if it exists.
    pub file: Option<TestFile>,
    /// The name of the case.
    pub name: String,
}

impl Target {
    /// Finds `failed-jobs/usual`, `failed-jobs` or a path of a query.
    ///
    /// # Errors
    ///
    /// If there is no such query, or the test files have faults.
    pub fn find(word: &str, project: &Project, app: &App) -> Result<Self, Failure> {
        // Faults of other test files do not matter.
        let Tests {
            mut files, faults, ..
        } = project.tests(&[]);
        let path = setup::resolved(word, app);
        let is_query_file = load::is_yaml(&path) && path.is_file();
        let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        let by_name = |name: &str| names.iter().position(|known| known == name);
        let (start, name) = match word.rsplit_once('/') {
            _ if is_query_file || by_name(word).is_some() => (word, "usual"),
            Some((start, name)) if !name.is_empty() => (start, name),
            _ => (word, "usual"),
        };
        if let Some(words) = name_fault(name) {
            let words = format!("`{name}` cannot be a case: its name {words}");
            return Err(Failure::usage(Code::Case, words));
        }
        if let Some(index) = by_name(start).filter(|_| !is_query_file) {
            let file = files.swap_remove(index);
            let known = file.case(name).map(|case| case.name.clone());
            return Ok(Self {
                query: Arc::clone(&file.query),
                path: file.source.path().to_path_buf(),
                name: known.unwrap_or_else(|| name.to_owned()),
                file: Some(file),
            });
        }
        // `parts/approvers` is a query in a folder, or the case `approvers` of `parts`.
        let (query, name) = if is_query_file {
            (project.query_at(&path), name)
        } else if let Some(path) = in_folder(word, project) {
            (project.query_at(&path), "usual")
        } else if let Some(path) = in_folder(start, project) {
            (project.query_at(&path), name)
        } else {
            (project.query_named(start), name)
        };
        let query = query.map_err(Failure::from_diagnostics)?;
        if split_operation(&query.name).is_some() {
            let words = format!("`{}` has no file whose cases could be recorded", query.name);
            let help = format!("write it to one with `runner new {}`", query.name);
            return Err(Failure::usage(Code::Case, words).help(help));
        }
        let real = |query: &Query| load::real_path(query.source.path());
        let source = real(&query);
        let own = files.into_iter().find(|file| real(&file.query) == source);
        let default = project.tests_folder().join(mirrored(&query, project));
        let path = own
            .as_ref()
            .map_or(default, |file| file.source.path().to_path_buf());
        if own.is_none() && path.exists() {
            return Err(Failure::from_diagnostics(of_file(&path, faults, project)));
        }
        Ok(Self {
            path,
            name: own
                .as_ref()
                .and_then(|file| file.case(name))
                .map_or_else(|| name.to_owned(), |case| case.name.clone()),
            file: own,
            query,
        })
    }

    /// Returns the case, if it exists.
    pub fn case(&self) -> Option<&Case> {
        self.file.as_ref()?.case(&self.name)
    }
}

/// Returns the path of a query in a folder of `queries/` by its path below, without extension.
fn in_folder(word: &str, project: &Project) -> Option<PathBuf> {
    let below = project.root().join(QUERIES);
    let mut paths = YAML
        .iter()
        .map(|ending| below.join(format!("{word}.{ending}")));
    paths.find(|path| word.contains('/') && path.is_file())
}

/// Returns the path of the test file of a query below the folder of tests: its name, or in a folder
/// the path below `queries/`.
fn mirrored(query: &Query, project: &Project) -> PathBuf {
    let queries = project.root().join(QUERIES);
    let below = query.source.path().strip_prefix(queries).ok();
    let is_in_folder = |path: &&Path| path.components().count() > 1;
    below.filter(is_in_folder).map_or_else(
        || PathBuf::from(format!("{}.yaml", query.name)),
        |path| path.with_extension("yaml"),
    )
}

/// Returns the faults of one test file, or all of them if it has none of its own.
fn of_file(path: &Path, all: Diagnostics, project: &Project) -> Diagnostics {
    let own = project.tests(&[path.to_path_buf()]).faults;
    if own.is_empty() { all } else { own }
}
