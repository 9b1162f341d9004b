//! Reads YAML documents into a checked project.
//!
//! A project is a folder with `resources/` and `queries/`. [`Project::open`] reads its resources;
//! [`Project::query_at`] and [`Project::query_named`] read one query and refuse what
//! [`Project::check`] would refuse. In the result ([`Query`],
//! [`Resource`](crate::resource::Resource)), templates and selectors are compiled and names are
//! resolved, so nothing needs checking afterwards.
//!
//! This module knows nothing of runs: no values, no network.

mod by_route;
mod check;
mod database_url;
mod describe;
mod environment;
mod grammar;
mod graphql;
mod literal;
mod operations;
mod queries;
mod query_file;
mod record_schema;
mod redact;
mod resource_file;
mod retry;
pub mod schema;
mod sends;
mod settings;
mod size;
mod statement;
mod trust;
mod var_declaration;
mod variables;
mod yaml;

pub mod draft;
pub mod failures;
pub mod load;
pub mod query;
pub mod readings;
pub mod requirement;
pub mod table;
pub mod template;
pub mod testing;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use url::Url;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::source::{Place, SourceFile};

pub use check::{Checked, check_resource_text};
pub use operations::split_name as split_operation;
pub use query::Query;
pub use resource_file::ResourceFile;
pub use sends::Sent;
use settings::Settings;
pub use settings::StoreSettings;
pub use statement::{Grounds, Parameter, query as statement_query};
pub use trust::Trust;
pub use variables::variables_read_by;

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
    read: RefCell<BTreeMap<PathBuf, queries::ReadQuery>>,
    /// The templates that were read, by their path in the project.
    templates: Arc<Mutex<BTreeMap<PathBuf, String>>>,
    /// The descriptions of APIs that were read.
    descriptions: RefCell<BTreeMap<describe::DescriptionKey, describe::ReadDescription>>,
}

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
                .help("write a starter project with `runner init`")
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

    /// Opens the project of these files, by their path in it, which a plan carries.
    pub fn carried(
        files: impl IntoIterator<Item = (PathBuf, String)>,
        working_directory: &Path,
        formats: &[&'static str],
        trust: &Trust,
    ) -> Self {
        load::carry(files);
        let mut project = Self::at(PathBuf::from(load::CARRIED), working_directory, formats);
        project.read_settings();
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
            templates: Arc::default(),
            descriptions: RefCell::default(),
        }
    }

    /// Returns the folder of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn working_directory(&self) -> &Path {
        &self.working_directory
    }

    /// Returns the store that the project file names.
    ///
    /// # Errors
    ///
    /// All faults of the project file, such as a password that is written in it.
    pub fn store(&self) -> Result<Option<&StoreSettings>, Diagnostics> {
        if !self.settings_faults.is_empty() {
            return Err(self.settings_faults.clone());
        }
        Ok(self.settings.store.as_ref())
    }

    /// Returns the resources that could be read.
    pub fn resources(&self) -> &[ResourceFile] {
        &self.resources
    }

    fn read_settings(&mut self) {
        let path = self.root.join(settings::FILE_NAME);
        if !load::exists(&path) {
            let other = path.with_extension("yml");
            if load::exists(&other) {
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

    /// Returns the name of the first resource file with a fault, if there is one.
    pub fn faulty_resource(&self) -> Option<&str> {
        self.resource_faults.first().map(|(file, _)| file.name())
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

/// Returns the place of the value at a path of keys in a YAML file.
pub fn place_of_value(source: &Arc<SourceFile>, keys: &[&str]) -> Option<Place> {
    let root = yaml::parse(source, &mut Diagnostics::new())?;
    let node = keys.iter().try_fold(&root, |node, key| node.get(key))?;
    Some(node.place.clone())
}

fn duplicate(kind: &str, name: &str, place: &Place, first: &str) -> Diagnostic {
    let file = place.file.name();
    let words = format!("the {kind} name `{name}` of `{file}` is already used by `{first}`");
    Diagnostic::at(place, Code::DuplicateName, words)
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
