//! Finds the case that a command line names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::project::testing::{Case, TestFile, Tests, name_fault};
use crate::project::{Project, Query, load};

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
        let query = if is_query_file {
            project.query_at(&path)
        } else {
            project.query_named(start)
        };
        let query = query.map_err(Failure::from_diagnostics)?;
        let own = files.into_iter().find(|file| file.query.name == query.name);
        let tests = project.tests_folder();
        let default = tests.join(format!("{}.yaml", query.name));
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

/// Returns the faults of one test file, or all of them if it has none of its own.
fn of_file(path: &Path, all: Diagnostics, project: &Project) -> Diagnostics {
    let own = project.tests(&[path.to_path_buf()]).faults;
    if own.is_empty() { all } else { own }
}
