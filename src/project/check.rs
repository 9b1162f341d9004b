//! Checks all files without sending a request.

use std::path::{Path, PathBuf};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::source::SourceFile;
use crate::project::{Project, Query, Sent, load, resource_file, stem, yaml};

/// The result of a check.
pub struct Checked {
    /// The number of resource files.
    pub resources: usize,
    /// The number of query files.
    pub queries: usize,
    /// The number of test files.
    pub test_files: usize,
    /// The number of their cases.
    pub cases: usize,
    /// All faults.
    pub faults: Diagnostics,
    /// The variables that queries send, each with the name of the query's file.
    pub sends: Vec<(String, Sent)>,
}

impl Project {
    /// Checks all files of the project, or only those below some paths.
    pub fn check(&self, below: &[PathBuf]) -> Checked {
        let wanted =
            |path: &Path| below.is_empty() || below.iter().any(|folder| path.starts_with(folder));
        let mut checked = Checked {
            resources: 0,
            queries: 0,
            test_files: 0,
            cases: 0,
            faults: self.faults.clone(),
            sends: Vec::new(),
        };
        checked.faults.extend(self.settings_faults.clone());
        self.check_resources(&wanted, &mut checked.faults);
        let resources = self.root.join("resources");
        let files = load::yaml_files(&self.root, "resources", &mut Diagnostics::new());
        checked.resources = files.iter().filter(|path| wanted(path)).count();
        let mut named: Vec<(String, String)> = Vec::new();
        let (mut vars, mut is_unread) = (Vec::new(), false);
        let mut paths = self.query_files(&mut checked.faults);
        // A file given by its path may be outside `queries`.
        for path in below.iter().filter(|path| path.is_file()) {
            let is_other = path.starts_with(&resources) || self.is_in_tests(path);
            if !paths.contains(path) && !is_other {
                paths.push(path.clone());
            }
        }
        for path in paths {
            let is_wanted = wanted(&path);
            checked.queries += usize::from(is_wanted);
            let name = self.name_of(&path);
            let shown = load::shown(&path, &self.working_directory);
            if let Some((_, first)) = named.iter().find(|(other, _)| *other == name)
                && is_wanted
            {
                let words = format!("the name `{name}` of `{shown}` is already used by `{first}`");
                checked
                    .faults
                    .push(Diagnostic::general(Code::DuplicateName, words));
            }
            named.push((name, shown.clone()));
            if !is_wanted {
                continue;
            }
            match self.read_file(&path) {
                Ok(query) => {
                    self.check_route(&query, &mut checked.faults);
                    vars.extend(query.vars.iter().map(|var| var.name.clone()));
                    let sends = self.sends(&query).into_iter();
                    checked
                        .sends
                        .extend(sends.map(|sent| (shown.clone(), sent)));
                }
                Err(faults) => {
                    // Its vars are unknown.
                    is_unread = true;
                    checked.faults.extend(faults);
                }
            }
        }
        let tests = self.tests(below);
        checked.test_files = tests.file_count;
        checked.cases = tests.case_count;
        checked.faults.extend(tests.faults);
        checked.faults.extend(tests.orphans);
        if below.is_empty() {
            self.check_environment(&mut checked.faults);
            if !is_unread {
                self.settings.check_names(&vars, &mut checked.faults);
            }
        }
        checked
    }

    /// Checks the text of a query file that is not written yet: as `queries/NAME`.
    ///
    /// # Errors
    ///
    /// All its faults, with places in the text.
    pub fn check_query_text(&self, name: &str, text: &str) -> Result<Query, Diagnostics> {
        let source = SourceFile::new(name, "", text);
        let path = self.root.join("queries").join(name);
        let query = self.query_in_memory(&source, &stem(&path), Some(&path), None)?;
        let mut faults = Diagnostics::new();
        self.check_route(&query, &mut faults);
        if faults.is_empty() {
            Ok(query)
        } else {
            Err(faults)
        }
    }

    /// Checks the resources at wanted paths.
    fn check_resources(&self, wanted: &dyn Fn(&Path) -> bool, found: &mut Diagnostics) {
        for (source, faults) in &self.resource_faults {
            if wanted(source.path()) {
                found.extend(faults.clone());
            }
        }
        for file in self
            .resources
            .iter()
            .filter(|file| wanted(file.source.path()))
        {
            Self::check_server(file, found);
            if let Some(Err(fault)) = self.description_of(file) {
                found.push(fault);
            }
        }
    }
}

/// Checks the text of a resource file that is not written yet.
///
/// # Errors
///
/// All its faults, with places in the text.
pub fn check_resource_text(name: &str, text: &str) -> Result<(), Diagnostics> {
    let source = SourceFile::new(name, "", text);
    let mut faults = Diagnostics::new();
    if let Some(node) = yaml::parse(&source, &mut faults) {
        let stem = stem(Path::new(name));
        resource_file::read(&node, &source, &stem, None, &mut faults);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
