//! Finds the queries of a project by path or name. Each is read once, since several others may depend
//! on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::name;
use crate::core::source::{SourceFile, Text};
use crate::project::draft::Draft;
use crate::project::settings::FILE_NAME as SETTINGS;
use crate::project::{Project, Query, load, operations, query_file, stem, sub_folder, yaml};
use crate::resource::Speak;
use crate::template::{Files, join_path};

/// A query, or all its faults.
pub type ReadQuery = Result<Arc<Query>, Diagnostics>;

/// The maximum length of a chain of queries.
const LONGEST_CHAIN: usize = 256;

impl Project {
    /// Returns all query files, sorted.
    pub fn query_files(&self, faults: &mut Diagnostics) -> Vec<PathBuf> {
        load::yaml_files(&self.root, "queries", faults)
    }

    /// Reads a query by its path.
    ///
    /// # Errors
    ///
    /// All its faults.
    pub fn query_at(&self, path: &Path) -> Result<Arc<Query>, Diagnostics> {
        if !self.settings_faults.is_empty() {
            return Err(self.settings_faults.clone());
        }
        self.read_file(path)
    }

    /// Reads a query, ignoring faults of the project file.
    pub(super) fn read_file(&self, path: &Path) -> Result<Arc<Query>, Diagnostics> {
        let path = load::real_path(path);
        // The fault of a cycle depends on the query it was found from.
        self.read.borrow_mut().retain(|_, read| read.is_ok());
        self.read_once(&path, &[])
    }

    /// Reads a query once, since several others may depend on it.
    fn read_once(&self, path: &Path, above: &[PathBuf]) -> ReadQuery {
        if let Some(known) = self.read.borrow().get(path) {
            return known.clone();
        }
        let read = self.read_query(path, above).map(Arc::new);
        self.read
            .borrow_mut()
            .insert(path.to_path_buf(), read.clone());
        read
    }

    /// Reads a query; `above` is the chain of its dependents, outermost first.
    fn read_query(&self, path: &Path, above: &[PathBuf]) -> Result<Query, Diagnostics> {
        let path = path.to_path_buf();
        let operation = operations::name_at(&path);
        let source = match operation {
            Some(_) => self.operation_source(&path)?,
            None => load::source(&path, &self.working_directory)?,
        };
        if path.starts_with(self.root.join("resources")) {
            let words = format!("`{}` is a resource, not a query", source.name());
            return Err(Diagnostic::general(Code::NotAQuery, words).into());
        }
        let way: Vec<PathBuf> = above.iter().chain([&path]).cloned().collect();
        let mut faults = Diagnostics::new();
        let Some(node) = yaml::parse(&source, &mut faults) else {
            return Err(faults);
        };
        if self.is_in_tests(&path) && node.get("cases").is_some() {
            let words = format!("`{}` is a test file, not a query", source.name());
            return Err(Diagnostic::general(Code::NotAQuery, words).into());
        }
        let around = query_file::Surroundings {
            resources: self
                .resources
                .iter()
                .map(|file| file.name.as_str())
                .collect(),
            broken_resources: self.broken_resources().map(SourceFile::name).collect(),
            kinds: &|name| self.kinds_of(name),
            formats: &self.formats,
            find: &|text| self.fed_by(text, &way),
            files: self.files(),
            file_path: &|name| self.template_path(name, &path),
            settings: &self.settings,
        };
        let sub = sub_folder(&self.root.join("queries"), &path);
        let query = query_file::read(
            &node,
            &source,
            &stem(&path),
            sub.as_deref(),
            &around,
            &mut faults,
        );
        let query = query.map(|mut query| {
            // An operation has no file that could name it.
            query.name = operation.unwrap_or(query.name);
            query
        });
        match query {
            Some(query) if faults.is_empty() => Ok(query),
            _ => Err(faults),
        }
    }

    /// Returns the kinds of API of a resource, one for each of its environments.
    fn kinds_of(&self, name: &str) -> Vec<&'static dyn Speak> {
        let files = self.resources.iter().filter(|file| file.name == name);
        files
            .flat_map(|file| file.base.iter().chain(file.environments.values()))
            .map(|resource| resource.kind)
            .collect()
    }

    /// Returns a reader of project files for templates.
    fn files(&self) -> Files {
        let root = self.root.clone();
        let read = Arc::clone(&self.templates);
        Arc::new(move |path| {
            let text = load::template(&root, path)?;
            if let Some(text) = &text {
                let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                read.insert(PathBuf::from(path), text.clone());
            }
            Ok(text)
        })
    }

    /// Returns the files that a query, its dependencies and their resources consist of, by their path
    /// in the project, with their texts.
    pub fn files_of(&self, query: &Query) -> BTreeMap<PathBuf, String> {
        let queries = query.with_fed_by();
        let resources = queries.iter().filter_map(|query| query.call());
        let resources = resources.flat_map(|call| {
            let named = self.resources.iter();
            named.filter(|file| *file.name == *call.resource.value)
        });
        let settings = load::source(&self.root.join(SETTINGS), &self.working_directory).ok();
        let sources = queries.iter().map(|query| &query.source);
        let sources = sources.chain(resources.map(|file| &file.source));
        let mut files: BTreeMap<PathBuf, String> = sources
            .chain(&settings)
            // Operations, files of records and the store have none.
            .filter_map(|source| {
                let path = Path::new(source.path()).strip_prefix(&self.root).ok()?;
                Some((path.to_path_buf(), source.text().to_owned()))
            })
            .collect();
        let templates = self
            .templates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (path, text) in templates.iter() {
            files.insert(path.clone(), text.clone());
        }
        files
    }

    /// Returns the path of a template from the project's folder: beside the query, or else from the
    /// root. Without a name, returns the path of the query.
    fn template_path(&self, name: Option<&str>, query: &Path) -> String {
        let own = query.strip_prefix(&self.root).unwrap_or(query);
        let own = own.to_string_lossy();
        match name {
            None => own.into_owned(),
            Some(name) => join_path(name, &own, &|path| {
                !matches!(load::template(&self.root, path), Ok(None))
            }),
        }
    }

    /// Reads a query named in the file of another one.
    fn fed_by(&self, name: &Text, way: &[PathBuf]) -> Result<Arc<Query>, Diagnostics> {
        let path = self
            .path_of(&name.value)
            .map_err(|fault| Diagnostics::from(in_a_file(fault).moved_to(&name.place)))?;
        let path = load::real_path(&path);
        if let Some(first) = way.iter().position(|known| *known == path) {
            let names: Vec<String> = way[first..]
                .iter()
                .chain([&path])
                .map(|path| format!("`{}`", self.name_of(path)))
                .collect();
            let words = format!("the queries depend on each other: {}", names.join(" → "));
            return Err(Diagnostic::at(&name.place, Code::Cycle, words).into());
        }
        if way.len() >= LONGEST_CHAIN {
            let words =
                format!("more than {LONGEST_CHAIN} queries depend on each other in a chain");
            return Err(Diagnostic::at(&name.place, Code::TooDeep, words).into());
        }
        self.read_once(&path, way)
    }

    /// Returns the file of the query with this name, which must be unique.
    pub(super) fn path_of(&self, wanted: &str) -> Result<PathBuf, Diagnostic> {
        if let Some(path) = self.operation_path(wanted) {
            return path;
        }
        let named = self.named();
        let found: Vec<&PathBuf> = named
            .iter()
            .filter(|(name, _)| name == wanted)
            .map(|(_, path)| path)
            .collect();
        match found.as_slice() {
            [path] => Ok((*path).clone()),
            [] => {
                let words = format!("no query `{wanted}`");
                let known = named.iter().map(|(name, _)| name.as_str());
                let hint = name::hint(wanted, known)
                    .unwrap_or_else(|| "list all queries with `runner list`".to_owned());
                let mut unread = Diagnostics::new();
                self.query_files(&mut unread);
                let mut fault = Diagnostic::general(Code::UnknownQuery, words).help(hint);
                if self.is_built_in() {
                    fault = fault.help(
                        "outside of a project, only the built-in queries are \
                        available",
                    );
                }
                if !self.is_built_in() && load::is_built_in_query(wanted) {
                    fault = fault.help(format!(
                        "`{wanted}` is a built-in query, and a project has only its own: copy it and the \
                         queries it uses from runner's `queries` folder, or run it outside of a project"
                    ));
                }
                // The name may be defined in a file that could not be read.
                Err(unread
                    .into_sorted()
                    .into_iter()
                    .fold(fault, |fault, unread| {
                        fault.help(format!("not searched: {}", unread.message))
                    }))
            }
            several => {
                let files: Vec<String> = several
                    .iter()
                    .map(|path| load::shown(path, &self.working_directory))
                    .collect();
                let words = format!("several queries are named `{wanted}`: {}", files.join(", "));
                Err(Diagnostic::general(Code::DuplicateName, words).help("use the path of one"))
            }
        }
    }

    /// Returns true if a query has this name.
    pub fn has_query(&self, name: &str) -> bool {
        self.named().iter().any(|(known, _)| known == name)
    }

    /// Returns the names of all queries, even of invalid ones, sorted by file.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.named().iter().map(|(name, _)| name.as_str())
    }

    /// Returns the description of a query file, even if the rest of it is invalid.
    pub fn description_at(&self, path: &Path) -> Option<String> {
        let source = load::source(path, &self.working_directory).ok()?;
        let node = yaml::parse(&source, &mut Diagnostics::new())?;
        node.get("description")?.scalar()
    }

    /// Returns all query files by name, cached.
    pub fn named(&self) -> &[(String, PathBuf)] {
        self.named.get_or_init(|| {
            self.query_files(&mut Diagnostics::new())
                .into_iter()
                .map(|path| (self.name_of(&path), path))
                .collect()
        })
    }

    /// Reads a query by its name.
    ///
    /// # Errors
    ///
    /// If no query or several queries have that name, and all faults of the query.
    pub fn query_named(&self, wanted: &str) -> Result<Arc<Query>, Diagnostics> {
        self.query_at(&self.path_of(wanted)?)
    }

    /// Returns the name of a query file, even if the rest of it is invalid.
    pub fn name_of(&self, path: &Path) -> String {
        if let Some(name) = operations::name_at(path) {
            return name;
        }
        let named = load::source(path, &self.working_directory)
            .ok()
            .filter(|source| source.text().contains("name:"))
            .and_then(|source| yaml::parse(&source, &mut Diagnostics::new()))
            .and_then(|node| node.get("name")?.scalar());
        named.unwrap_or_else(|| stem(path))
    }

    /// Creates a query for one endpoint of a resource, without a file.
    ///
    /// # Errors
    ///
    /// If the endpoint is invalid.
    pub fn ad_hoc_query(&self, resource: &str, endpoint: &str) -> Result<Query, Diagnostics> {
        let text = serde_json::json!({"resource": resource, "endpoint": endpoint}).to_string();
        let source = SourceFile::new(format!("{resource} {endpoint}"), "", text);
        self.query_in_memory(&source, "ad-hoc", None, None)
    }

    /// Creates the query of a draft, without a file. `new_resource` is the name of a resource that is
    /// not written yet.
    ///
    /// # Errors
    ///
    /// All its faults, with places in its text.
    pub fn drafted_query(
        &self,
        draft: &Draft,
        name: &str,
        new_resource: Option<&str>,
    ) -> Result<Query, Diagnostics> {
        let source = SourceFile::new("the request", "", draft.to_yaml());
        self.query_in_memory(&source, name, None, new_resource)
    }

    pub(super) fn query_in_memory(
        &self,
        source: &Arc<SourceFile>,
        name: &str,
        path: Option<&Path>,
        new_resource: Option<&str>,
    ) -> Result<Query, Diagnostics> {
        let mut faults = Diagnostics::new();
        let around = query_file::Surroundings {
            resources: self
                .resources
                .iter()
                .map(|file| file.name.as_str())
                .chain(new_resource)
                .collect(),
            broken_resources: self.broken_resources().map(SourceFile::name).collect(),
            kinds: &|name| self.kinds_of(name),
            formats: &self.formats,
            find: &|name| self.fed_by(name, &[]),
            files: self.files(),
            file_path: &|name| match path {
                Some(path) => self.template_path(name, path),
                None => name.unwrap_or("ad-hoc").to_owned(),
            },
            settings: &self.settings,
        };
        let query = yaml::parse(source, &mut faults)
            .and_then(|node| query_file::read(&node, source, name, None, &around, &mut faults));
        match query {
            Some(query) if faults.is_empty() => Ok(query),
            _ => Err(faults),
        }
    }
}

/// Adapts the fault of a name written in a file, where a path cannot be given instead.
pub(super) fn in_a_file(mut fault: Diagnostic) -> Diagnostic {
    if fault.code == Code::DuplicateName {
        fault.help = vec!["give one of them another `name`".to_owned()];
    }
    fault
}
