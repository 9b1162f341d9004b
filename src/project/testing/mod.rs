//! Test files (`tests/**/*.yaml`): cases of a query, run without a network.
//!
//! A case `usual` of `tests/failed-jobs.yaml` has its recorded answers in
//! `tests/failed-jobs/usual.answers.yaml`, and its snapshots beside them (`usual.json`).
//!
//! [`Project::tests`](crate::project::Project::tests) reads and checks all of them. A case is only
//! returned if everything known before a run is right: names of vars, values, columns of `given`,
//! requests of `answers`.

mod answer;
mod ask;
mod case;
mod file;
mod find;
mod fit;
mod forms;
mod like;
mod names;
mod orphans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::source::{Place, SourceFile};
use crate::project::requirement::Requirement;
use crate::project::{Query, load};
use crate::recording::Override;

pub use names::{fault as name_fault, slug};

/// The end of the name of a file with recorded answers, after the slug of its case.
pub const ANSWERS: &str = ".answers.yaml";

/// The test files of a project.
#[derive(Debug)]
pub struct Tests {
    /// The files without a fault, sorted by name.
    pub files: Vec<TestFile>,
    /// The faults of the others, of the project file, and of the tested queries.
    pub faults: Diagnostics,
    /// The recordings and snapshots without a case.
    pub orphans: Diagnostics,
    /// The number of files, with and without faults.
    pub file_count: usize,
    /// The number of their cases.
    pub case_count: usize,
}

/// The cases of one query.
#[derive(Debug)]
pub struct TestFile {
    /// The file.
    pub source: Arc<SourceFile>,
    /// The query.
    pub query: Arc<Query>,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
    /// The folder of its recordings and snapshots: the path of the file without `.yaml`.
    pub folder: PathBuf,
    /// The name of the tests: the path below the folder of tests, without `.yaml`.
    pub name: String,
}

impl TestFile {
    /// Returns the case with a name or slug.
    pub fn case(&self, wanted: &str) -> Option<&Case> {
        let mut cases = self.cases.iter();
        cases.find(|case| case.name == wanted || case.slug == wanted)
    }

    /// Returns the path of a case's own recording.
    pub fn answers_path(&self, case: &Case) -> PathBuf {
        self.folder.join(format!("{}{ANSWERS}", case.slug))
    }

    /// Returns the recordings that no case has any more, and the snapshots with their names, by their
    /// file extensions. Other files beside them are not those of a case.
    pub fn orphans(&self, root: &Path, extensions: &[&str]) -> Vec<PathBuf> {
        let Some(part) = self.folder.strip_prefix(root).ok().and_then(Path::to_str) else {
            return Vec::new();
        };
        let mut files = load::all_files(root, part, &mut Diagnostics::new());
        files.retain(|path| path.parent() == Some(&*self.folder));
        let slugs: Vec<String> = files
            .iter()
            .filter_map(|path| Some(names::file_name(path).strip_suffix(ANSWERS)?.to_owned()))
            .filter(|slug| !self.cases.iter().any(|case| case.slug == *slug))
            .collect();
        files.retain(|path| {
            let name = names::file_name(path);
            slugs.iter().any(|slug| {
                let rest = name.strip_prefix(slug.as_str());
                let extension = rest.and_then(|rest| rest.strip_prefix('.'));
                rest == Some(ANSWERS) || extension.is_some_and(|own| extensions.contains(&own))
            })
        });
        files
    }

    /// Returns the path of a snapshot with a file extension.
    pub fn snapshot_path(&self, case: &Case, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", case.slug))
    }

    /// Returns the paths of the recordings that a case can replay: its own, then those of the cases
    /// it starts from, nearest first. The first one that exists is used.
    pub fn recordings(&self, case: &Case) -> Vec<PathBuf> {
        let next = |case: &&Case| self.case(case.like.as_deref()?);
        let chain = std::iter::successors(Some(case), next);
        chain.map(|case| self.answers_path(case)).collect()
    }
}

/// One test.
///
/// It is complete: settings of the case named by `like` are included.
#[derive(Debug, Clone)]
pub struct Case {
    /// The name.
    pub name: String,
    /// The name in paths of files: lower case, with `-` for spaces.
    pub slug: String,
    /// The place of the name.
    pub place: Place,
    /// The place of the settings.
    pub body: Place,
    /// Values of the query's vars. A string is read as on the command line; any other value has its
    /// type.
    pub vars: Vec<(String, Value, Place)>,
    /// The time of the run.
    pub now: Option<Timestamp>,
    /// The place of `now`, if the case itself has it.
    pub now_place: Option<Place>,
    /// The environment variables that the files can read. There are no others.
    pub env: BTreeMap<String, String>,
    /// Facts about the repository: `branch`, `sha`, `project_slug`.
    pub git: BTreeMap<String, String>,
    /// The environment of the resources.
    pub environment: Option<String>,
    /// The case of the same file whose recording and settings this one starts from.
    pub like: Option<String>,
    /// Records in place of queries that this one uses.
    pub given: Vec<Given>,
    /// The result of the last run, for the report.
    pub previous: Option<Value>,
    /// Answers in place of recorded ones, the case's own first. The first that matches is used.
    pub overrides: Vec<Override>,
    /// The number of `overrides` that the case itself has.
    pub own_overrides: usize,
    /// The expected exit code.
    pub exit: u8,
    /// The place of `exit`, if it is in the file.
    pub exit_place: Option<Place>,
    /// Conditions on the result.
    pub expect: Vec<Requirement>,
    /// Formats of additional snapshots.
    pub show: Vec<&'static str>,
    /// The maximum number of records (`--limit`).
    pub limit: Option<u64>,
    /// The maximum number of elements of each list in its recording (`--keep`).
    pub keep: Option<u64>,
    /// The place of `keep`, if the case itself has it.
    pub keep_place: Option<Place>,
}

/// Records in place of a query.
#[derive(Debug, Clone)]
pub struct Given {
    /// The name of the query.
    pub query: String,
    /// The records, with all columns that the query declares.
    pub rows: Vec<Value>,
}
