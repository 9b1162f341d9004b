//! Finds the test files of a project, and the queries that they test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::file_ending;
use crate::core::source::{Place, SourceFile, Text};
use crate::project::queries::in_a_file;
use crate::project::testing::orphans::Layout;
use crate::project::testing::{Tests, file, names, orphans};
use crate::project::{Project, Query, load, yaml};

/// The folder of test files, unless the project file names another one.
const FOLDER: &str = "tests";

/// A YAML file in the folder of tests.
struct Candidate {
    path: PathBuf,
    source: Arc<SourceFile>,
    /// `None` if it cannot be parsed.
    node: Option<Node>,
    faults: Diagnostics,
}

impl Project {
    /// Returns the folder of test files, which may not exist.
    pub fn tests_folder(&self) -> PathBuf {
        self.root.join(self.tests_part())
    }

    /// Returns the age at which recordings are old, if the project file limits it.
    pub fn tests_max_age(&self) -> Option<Duration> {
        self.settings.tests_max_age
    }

    /// Returns the name of the tests in a file: its path below the folder of tests without `.yaml`.
    pub fn name_of_tests(&self, path: &Path) -> String {
        let folder = path.with_extension("");
        let below = folder.strip_prefix(self.tests_folder());
        let names = below.unwrap_or(&folder).components();
        let names: Vec<_> = names
            .map(|name| name.as_os_str().to_string_lossy())
            .collect();
        names.join("/")
    }

    /// Reads and checks all test files of the project, or only those at or below some paths. A path
    /// in the folder of a test file's recordings stands for that file.
    pub fn tests(&self, below: &[PathBuf]) -> Tests {
        let mut tests = Tests {
            files: Vec::new(),
            faults: self.settings_faults.clone(),
            orphans: Diagnostics::new(),
            file_count: 0,
            case_count: 0,
        };
        if self.is_built_in() {
            return tests;
        }
        if let Some(folder) = &self.settings.tests_folder
            && !self.tests_folder().is_dir()
        {
            let words = format!("no folder `{}`", folder.value);
            let fault = Diagnostic::at(&folder.place, Code::NoFile, words);
            tests.faults.push(fault);
        }
        let all = load::all_files(&self.root, self.tests_part(), &mut tests.faults);
        let (candidates, layouts) = self.candidates(&all);
        let is_wanted = |path: &Path| {
            let folder = path.with_extension("");
            let is_around = |other: &PathBuf| path.starts_with(other) || other.starts_with(&folder);
            below.is_empty() || below.iter().any(is_around)
        };
        for candidate in &candidates {
            if is_wanted(&candidate.path) {
                self.read_tests(candidate, &mut tests);
            }
        }
        let known: BTreeSet<&Path> = candidates.iter().map(|known| &*known.path).collect();
        for path in all.iter().filter(|path| !known.contains(path.as_path())) {
            let is_wanted = below.is_empty() || below.iter().any(|other| path.starts_with(other));
            if let Some(fault) = orphans::fault(path, &layouts, self).filter(|_| is_wanted) {
                tests.orphans.push(fault);
            }
        }
        tests
            .files
            .sort_by(|left, right| left.name.cmp(&right.name));
        tests
    }

    /// Returns the names of all test files with those of their cases, without checking them.
    pub fn case_names(&self) -> Vec<(String, Vec<String>)> {
        if self.is_built_in() {
            return Vec::new();
        }
        let all = load::all_files(&self.root, self.tests_part(), &mut Diagnostics::new());
        let (candidates, _) = self.candidates(&all);
        let names = candidates.iter().filter_map(|candidate| {
            let cases = candidate.node.as_ref().and_then(file::entries)?;
            let cases = cases.iter().map(|case| case.key.clone()).collect();
            Some((self.name_of_tests(&candidate.path), cases))
        });
        names.collect()
    }

    /// Reads a test file from a text, as if it were at this path.
    pub fn tests_from(&self, path: &Path, text: &str) -> Tests {
        let mut tests = Tests {
            files: Vec::new(),
            faults: Diagnostics::new(),
            orphans: Diagnostics::new(),
            file_count: 0,
            case_count: 0,
        };
        let mut faults = Diagnostics::new();
        let name = load::shown(path, &self.working_directory);
        let source = SourceFile::new(name, path, text);
        let node = yaml::parse(&source, &mut faults);
        let candidate = Candidate {
            path: path.to_path_buf(),
            source,
            node,
            faults,
        };
        self.read_tests(&candidate, &mut tests);
        tests
    }

    /// Returns true if a file is in the folder of tests.
    pub(in crate::project) fn is_in_tests(&self, path: &Path) -> bool {
        !self.is_built_in() && path.starts_with(self.tests_folder())
    }

    fn tests_part(&self) -> &str {
        let folder = self.settings.tests_folder.as_ref();
        folder.map_or(FOLDER, |folder| &folder.value)
    }

    /// Parses all test files. A snapshot in YAML beside recordings is none.
    fn candidates(&self, all: &[PathBuf]) -> (Vec<Candidate>, BTreeMap<PathBuf, Layout>) {
        let is_candidate = |path: &&PathBuf| load::is_yaml(path) && !names::is_recording(path);
        let mut paths: Vec<&PathBuf> = all.iter().filter(is_candidate).collect();
        // A test file comes before the files in its folder.
        paths.sort_by_key(|path| path.components().count());
        let mut candidates = Vec::new();
        let mut layouts: BTreeMap<PathBuf, Layout> = BTreeMap::new();
        for path in paths {
            let layout = path.parent().and_then(|folder| layouts.get(folder));
            if layout.is_some_and(|layout| layout.is_yaml_snapshot(path)) {
                continue;
            }
            let mut candidate = self.candidate(path);
            // The snapshot of a case that is gone.
            let node = candidate.node.as_ref();
            if layout.is_some() && node.is_some_and(|node| node.get("cases").is_none()) {
                continue;
            }
            let slugs = candidate.node.as_ref().map(file::slugs);
            let folder = path.with_extension("");
            if let Some(first) = layouts.get(&folder) {
                let words = format!(
                    "`{}` has the same name as `{}`",
                    candidate.source.name(),
                    load::shown(&first.file, &self.working_directory)
                );
                let start = orphans::start(&candidate.source);
                let fault = Diagnostic::at(&start, Code::DuplicateName, words);
                candidate.faults.push(fault);
            } else {
                let file = path.clone();
                layouts.insert(folder, Layout { file, slugs });
            }
            candidates.push(candidate);
        }
        (candidates, layouts)
    }

    fn candidate(&self, path: &Path) -> Candidate {
        let mut faults = Diagnostics::new();
        let (source, node) = match load::source(path, &self.working_directory) {
            Ok(source) => {
                let node = yaml::parse(&source, &mut faults);
                (source, node)
            }
            Err(fault) => {
                faults.push(fault);
                let name = load::shown(path, &self.working_directory);
                (SourceFile::new(name, path, ""), None)
            }
        };
        Candidate {
            path: path.to_path_buf(),
            source,
            node,
            faults,
        }
    }

    fn read_tests(&self, candidate: &Candidate, tests: &mut Tests) {
        tests.file_count += 1;
        let mut faults = candidate.faults.clone();
        if let Some(node) = &candidate.node {
            tests.case_count += file::entries(node).map_or(0, <[_]>::len);
            let name = self.name_of_tests(&candidate.path);
            let position = file::Position {
                folder: &candidate.path.with_extension(""),
                name: &name,
            };
            let file = file::read(node, &candidate.source, &position, self, &mut faults);
            tests.files.extend(file.filter(|_| faults.is_empty()));
        }
        tests.faults.extend(faults);
    }

    /// Finds the query of a test file: the named one, or the one that the file is named after.
    pub(in crate::project) fn tested_query(
        &self,
        written: Option<&Text>,
        name_of_tests: &str,
        start: &Place,
    ) -> Result<Arc<Query>, Diagnostics> {
        let Some(written) = written else {
            let path = self.path_named_after(name_of_tests).map_err(|fault| {
                let fault = in_a_file(fault).moved_to(start);
                fault.help("or name the tested query: `query: NAME`")
            })?;
            return self.read_file(&path);
        };
        let is_path = written.value.contains('/') || load::is_yaml(Path::new(&*written.value));
        let path = if is_path {
            self.path_in_project(&written.value)
        } else {
            self.path_of(&written.value).map_err(in_a_file)
        };
        self.read_file(&path.map_err(|fault| fault.moved_to(&written.place))?)
    }

    /// Returns the file of the query that tests are named after: the one at the same place below
    /// `queries/`, or else the one with that name.
    fn path_named_after(&self, name_of_tests: &str) -> Result<PathBuf, Diagnostic> {
        let Some((_, last)) = name_of_tests.rsplit_once('/') else {
            return self.path_of(name_of_tests);
        };
        let at_same_place = file_ending::YAML
            .iter()
            .map(|ending| self.root.join(format!("queries/{name_of_tests}.{ending}")))
            .find(|path| path.is_file());
        at_same_place.map_or_else(|| self.path_of(last), Ok)
    }

    fn path_in_project(&self, written: &str) -> Result<PathBuf, Diagnostic> {
        let mut names = Path::new(written).components();
        let is_plain = names.all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let path = self.root.join(written);
        if !is_plain || load::leads_out(&path) {
            let words = format!("`{written}` is outside the project's folder, and is not read");
            return Err(Diagnostic::general(Code::Outside, words));
        }
        if !path.is_file() {
            let words = format!("no file `{written}`");
            let fault = Diagnostic::general(Code::NoFile, words);
            return Err(fault.help("a path is relative to the project's folder"));
        }
        Ok(path)
    }
}
