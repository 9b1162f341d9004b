//! Reads YAML documents into a checked project.
//!
//! A project is a folder with `resources/` and `queries/`. [`Project::open`] reads its resources;
//! [`Project::query_at`] and [`Project::query_named`] read one query and refuse what
//! [`Project::check`] would refuse. In the result ([`Query`], [`Resource`]), templates and selectors
//! are compiled and names are resolved, so nothing needs checking afterwards.
//!
//! This module knows nothing of runs: no values, no network.

mod check;
mod grammar;
mod graphql;
mod literal;
mod query_file;
mod resource_file;
mod retry;
mod sends;
mod settings;
mod size;
mod statement;
mod trust;
mod var_declaration;
mod yaml;

pub mod failures;
pub mod load;
pub mod query;
pub mod requirement;
pub mod table;
pub mod template;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::name;
use crate::core::source::{SourceFile, Text};
use crate::resource::{Resource, Speak};
use crate::template::Files;

pub use query::Query;
pub use resource_file::ResourceFile;
pub use sends::Sent;
use settings::Settings;
pub use statement::{Grounds, Parameter, query as statement_query};
pub use trust::Trust;

/// A folder with resources and queries.
pub struct Project {
    root: PathBuf,
    working_directory: PathBuf,
    formats: Vec<&'static str>,
    resources: Vec<ResourceFile>,
    /// Faults by resource file: a run only fails for the files it uses.
    resource_faults: Vec<(Arc<SourceFile>, Diagnostics)>,
    /// Faults without a particular file.
    faults: Diagnostics,
    settings: Settings,
    /// Faults of the project file. Any of them prevents all queries from running.
    settings_faults: Diagnostics,
    named: OnceCell<Vec<(String, PathBuf)>>,
    read: RefCell<BTreeMap<PathBuf, ReadQuery>>,
}

/// A query, or all its faults.
type ReadQuery = Result<Arc<Query>, Diagnostics>;

/// The maximum length of a chain of queries.
const LONGEST_CHAIN: usize = 256;

impl Project {
    /// Opens the project that contains a file or folder, and reads its resources.
    ///
    /// # Errors
    ///
    /// If there is no project, or its owner is not trusted.
    pub fn open(
        start: &Path,
        working_directory: &Path,
        formats: &[&'static str],
        trust: &Trust,
    ) -> Result<Self, Diagnostic> {
        if load::leads_out(start) {
            return Err(load::outside(&load::shown(start, working_directory)));
        }
        let Some(root) = load::root_of(start) else {
            let place = load::shown(start, working_directory);
            let place = if place.is_empty() {
                ".".to_owned()
            } else {
                place
            };
            return Err(if start.exists() {
                Diagnostic::general(
                    Code::NoProject,
                    format!("no project found in `{place}` or its parents"),
                )
                .help("a project is a folder with `queries/`, `resources/` or a `runner.yaml`")
            } else {
                Diagnostic::general(Code::NoFile, format!("no file `{place}`"))
            });
        };
        let parts = load::PARTS.map(|part| root.join(part));
        let settings = root.join(settings::FILE_NAME);
        for path in parts.iter().chain([&root, &settings]) {
            trust.check(path, &root)?;
        }
        let mut project = Self::at(root, working_directory, formats);
        project.read_settings();
        project.read_resources(trust);
        Ok(project)
    }

    /// Opens the built-in project: the shipped resources and queries, for use outside of any
    /// project.
    pub fn built_in(working_directory: &Path, formats: &[&'static str], trust: &Trust) -> Self {
        let mut project = Self::at(PathBuf::from(load::BUILT_IN), working_directory, formats);
        project.read_resources(trust);
        project
    }

    /// Returns true if this is the built-in project.
    pub fn is_built_in(&self) -> bool {
        load::is_built_in(&self.root)
    }

    fn at(root: PathBuf, working_directory: &Path, formats: &[&'static str]) -> Self {
        Self {
            root,
            working_directory: std::fs::canonicalize(working_directory)
                .unwrap_or_else(|_| working_directory.to_path_buf()),
            formats: formats.to_vec(),
            resources: Vec::new(),
            resource_faults: Vec::new(),
            faults: Diagnostics::new(),
            settings: Settings::default(),
            settings_faults: Diagnostics::new(),
            named: OnceCell::new(),
            read: RefCell::default(),
        }
    }

    /// Returns the folder of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the resources that could be read.
    pub fn resources(&self) -> &[ResourceFile] {
        &self.resources
    }

    fn read_settings(&mut self) {
        let path = self.root.join(settings::FILE_NAME);
        if !path.exists() {
            let other = path.with_extension("yml");
            if other.exists() {
                let other = load::shown(&other, &self.working_directory);
                let words = format!("`{other}` is not read");
                let help = format!("the project file is named `{}`", settings::FILE_NAME);
                self.settings_faults
                    .push(Diagnostic::general(Code::ProjectFile, words).help(help));
            }
            return;
        }
        let faults = &mut self.settings_faults;
        if load::leads_out(&path) {
            faults.push(load::outside(&load::shown(&path, &self.working_directory)));
            return;
        }
        match load::source(&path, &self.working_directory) {
            // An empty file only marks the root.
            Ok(source) if is_blank(source.text()) => {}
            Ok(source) => {
                if let Some(node) = yaml::parse(&source, faults) {
                    self.settings = Settings::read(&node, faults);
                }
            }
            Err(fault) => faults.push(fault),
        }
    }

    fn read_resources(&mut self, trust: &Trust) {
        let folder = self.root.join("resources");
        for path in load::yaml_files(&self.root, "resources", &mut self.faults) {
            let source = match load::source(&path, &self.working_directory) {
                Ok(source) => source,
                Err(fault) => {
                    self.faults.push(fault);
                    continue;
                }
            };
            let mut faults = Diagnostics::new();
            let file = yaml::parse(&source, &mut faults).and_then(|node| {
                let (stem, sub) = (stem(&path), sub_folder(&folder, &path));
                resource_file::read(&node, &source, &stem, sub.as_deref(), &mut faults)
            });
            if let Some(file) = file {
                if file.runs_command()
                    && let Err(fault) = trust.check(&path, &self.root)
                {
                    faults.push(fault);
                }
                // Both files are at fault: a run must not use the wrong one.
                if let Some(first) = self.resources.iter().find(|other| other.name == file.name) {
                    let fault = duplicate("resource", &file.name, &first.place, source.name());
                    self.resource_faults
                        .push((Arc::clone(&first.source), fault.into()));
                    faults.push(duplicate(
                        "resource",
                        &file.name,
                        &file.place,
                        first.source.name(),
                    ));
                }
                self.resources.push(file);
            }
            if !faults.is_empty() {
                self.resource_faults.push((source, faults));
            }
        }
    }

    /// Returns the resource files that could not be read.
    pub fn broken_resources(&self) -> impl Iterator<Item = &SourceFile> {
        let is_read = |file: &SourceFile| {
            let mut known = self.resources.iter();
            known.any(|known| known.source.name() == file.name())
        };
        let files = self.resource_faults.iter().map(|(file, _)| &**file);
        files.filter(move |file| !is_read(file))
    }

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
    fn read_file(&self, path: &Path) -> Result<Arc<Query>, Diagnostics> {
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
        let source = load::source(&path, &self.working_directory)?;
        if path.starts_with(self.root.join("resources")) {
            let words = format!("`{}` is a resource, not a query", source.name());
            return Err(Diagnostic::general(Code::NotAQuery, words).into());
        }
        let way: Vec<PathBuf> = above.iter().chain([&path]).cloned().collect();
        let mut faults = Diagnostics::new();
        let Some(node) = yaml::parse(&source, &mut faults) else {
            return Err(faults);
        };
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
        Arc::new(move |path| load::template(&root, path))
    }

    /// Returns the path of a template from the project's folder: beside the query, or else from the
    /// root. Without a name, returns the path of the query.
    fn template_path(&self, name: Option<&str>, query: &Path) -> String {
        let own = query.strip_prefix(&self.root).unwrap_or(query);
        let own = own.to_string_lossy();
        match name {
            None => own.into_owned(),
            Some(name) => crate::template::join_path(name, &own, &|path| {
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
    fn path_of(&self, wanted: &str) -> Result<PathBuf, Diagnostic> {
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

    /// Returns all query files by name, cached.
    fn named(&self) -> &[(String, PathBuf)] {
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
        let mut faults = Diagnostics::new();
        let around = query_file::Surroundings {
            resources: vec![resource],
            broken_resources: Vec::new(),
            kinds: &|_| Vec::new(),
            formats: &self.formats,
            find: &|name| self.fed_by(name, &[]),
            files: self.files(),
            file_path: &|name| name.unwrap_or("ad-hoc").to_owned(),
            settings: &self.settings,
        };
        yaml::parse(&source, &mut faults)
            .and_then(|node| query_file::read(&node, &source, "ad-hoc", None, &around, &mut faults))
            .ok_or(faults)
    }

    /// Returns the resource of a query in an environment; `None` if it sends no request.
    ///
    /// # Errors
    ///
    /// If its file is invalid, or the environment does not exist.
    pub fn resource_of(
        &self,
        query: &Query,
        environment: Option<&str>,
    ) -> Result<Option<Resource>, Diagnostics> {
        let Some(call) = query.call() else {
            return Ok(None);
        };
        let name = &call.resource;
        let file = self
            .resources
            .iter()
            .find(|file| *file.name == *name.value)
            .ok_or_else(|| {
                let words = format!("no resource `{}`", name.value);
                let fault = Diagnostic::at(&name.place, Code::UnknownResource, words);
                Diagnostics::from(fault)
            })?;
        self.in_environment(file, environment).map(Some)
    }

    /// Returns a resource in an environment.
    ///
    /// # Errors
    ///
    /// As [`Project::resource_of`].
    pub fn in_environment(
        &self,
        file: &ResourceFile,
        environment: Option<&str>,
    ) -> Result<Resource, Diagnostics> {
        let faults = self
            .resource_faults
            .iter()
            .filter(|(source, _)| source.name() == file.source.name());
        if let Some((_, faults)) = faults.into_iter().next() {
            return Err(faults.clone());
        }
        let known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
        let usual = self.settings.environment.as_ref();
        let environment = environment.or(usual.map(|name| &*name.value));
        let resource = match environment {
            None => file.base.as_ref(),
            Some(name) => match file.environments.get(name) {
                Some(resource) => Some(resource),
                // The environment belongs to another resource: this one is the same everywhere.
                None if known.is_empty() && self.has_environment(name) => file.base.as_ref(),
                None => {
                    let fault = self.unknown_environment(file, name);
                    let written = usual.filter(|usual| std::ptr::eq(&raw const *usual.value, name));
                    return Err(match written {
                        Some(usual) => fault.moved_to(&usual.place),
                        None => fault,
                    }
                    .into());
                }
            },
        };
        resource.cloned().ok_or_else(|| {
            let words = format!("the resource `{}` requires an environment", file.name);
            Diagnostics::from(
                Diagnostic::at(&file.place, Code::NeedsEnvironment, words)
                    .help(format!("choose one with `--env`: {}", name::one_of(&known))),
            )
        })
    }

    fn has_environment(&self, name: &str) -> bool {
        self.resources
            .iter()
            .any(|file| file.environments.contains_key(name))
    }

    fn unknown_environment(&self, file: &ResourceFile, wanted: &str) -> Diagnostic {
        let mut known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
        if known.is_empty() {
            known = self
                .resources
                .iter()
                .flat_map(|file| file.environments.keys().map(String::as_str))
                .collect();
            known.sort_unstable();
            known.dedup();
        }
        let words = format!("the resource `{}` has no environment `{wanted}`", file.name);
        Diagnostic::at(&file.place, Code::UnknownEnvironment, words).help(if known.is_empty() {
            "no resource of the project has `environments`".to_owned()
        } else {
            format!(
                "available: {}",
                known
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        })
    }
}

/// Returns true if a YAML text contains only comments.
fn is_blank(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

/// Reads any YAML document, such as a vars file.
///
/// # Errors
///
/// All its faults.
pub fn document(path: &Path, working_directory: &Path) -> Result<Node, Diagnostics> {
    let source = load::source(path, working_directory)?;
    let mut faults = Diagnostics::new();
    let node = yaml::parse(&source, &mut faults);
    // Values of vars may be secret: no line of the file is shown.
    faults.conceal_since(0);
    node.ok_or(faults)
}

/// Adapts the fault of a name written in a file, where a path cannot be given instead.
fn in_a_file(mut fault: Diagnostic) -> Diagnostic {
    if fault.code == Code::DuplicateName {
        fault.help = vec!["give one of them another `name`".to_owned()];
    }
    fault
}

fn duplicate(
    kind: &str,
    name: &str,
    place: &crate::core::source::Place,
    first: &str,
) -> Diagnostic {
    let file = place.file.name();
    let words = format!("the {kind} name `{name}` of `{file}` is already used by `{first}`");
    Diagnostic::at(place, Code::DuplicateName, words)
}

/// Returns the start of a node's file, to report missing keys.
fn start(node: &Node) -> crate::core::source::Place {
    crate::core::source::Place {
        file: Arc::clone(&node.place.file),
        span: crate::core::source::Span::default(),
    }
}

/// Returns the `name` in the file, or the file stem.
fn file_name(node: &Node, stem: &str, faults: &mut Diagnostics) -> String {
    let Some(named) = node.get("name").filter(|name| !name.is_null()) else {
        return stem.to_owned();
    };
    let Some(text) = named.text("name", faults) else {
        return stem.to_owned();
    };
    let is_plain = !text.value.is_empty()
        && text
            .value
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if !is_plain {
        faults.push(named.mismatch("name", "letters, digits, `-`, `_` and `.`"));
    }
    text.value.to_string()
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Returns the folder of a file below its base, unless it is the base itself.
fn sub_folder(base: &Path, path: &Path) -> Option<String> {
    let relative = path.parent()?.strip_prefix(base).ok()?;
    (!relative.as_os_str().is_empty()).then(|| relative.display().to_string())
}

/// Parses a base URL.
///
/// # Errors
///
/// A message, if it is not `http` or `https`, or has parts that a base URL cannot have.
pub fn base_url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "a base URL begins with `https://`".to_owned(),
        error => format!("not a URL: {error}"),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "a base URL uses `http` or `https`, not `{}`",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a base URL cannot have a user or a password: put them in `auth`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL cannot have `?` or `#`: put parameters in `params`".to_owned());
    }
    Ok(url)
}
