//! The descriptions of the APIs that a project's resources use: built in, or read from files of the
//! project. Each is read once, and only by what asks for it.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::json;
use crate::core::source::{SourceFile, Text};
use crate::description::{Description, OpenApi};
use crate::project::resource_file::OpenApiFiles;
use crate::project::{Project, ResourceFile, load, yaml};
use crate::resource::Speak;
use crate::template::{Piece, Template};

/// The maximum size of an OpenAPI document with the files that it refers to.
const LONGEST_DOCUMENT: u64 = 32 * 1024 * 1024;

/// A description, or the reason why it cannot be used.
pub type ReadDescription = Result<Rc<Description>, Diagnostic>;

/// The source of a description.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DescriptionKey {
    /// The address of a built-in text.
    BuiltIn(usize),
    /// The path of a resource file.
    ResourceFile(PathBuf),
}

impl Project {
    /// Returns the description of a resource's API, if there is one.
    pub fn description_of(&self, file: &ResourceFile) -> Option<ReadDescription> {
        let Some(files) = &file.openapi else {
            return self.built_in_description(file.kind()?).map(Ok);
        };
        let key = DescriptionKey::ResourceFile(file.source.path().to_path_buf());
        if let Some(known) = self.descriptions.borrow().get(&key) {
            return Some(known.clone());
        }
        let read = self.read_openapi(file, files).map(Rc::new);
        self.descriptions.borrow_mut().insert(key, read.clone());
        Some(read)
    }

    /// Returns the description that is built in for a kind of API.
    pub(super) fn built_in_description(&self, kind: &'static dyn Speak) -> Option<Rc<Description>> {
        let text = kind.description()?;
        let mut known = self.descriptions.borrow_mut();
        let key = DescriptionKey::BuiltIn(text.as_ptr() as usize);
        let read = known.entry(key).or_insert_with(|| {
            let read = Description::from_compact(text);
            Ok(Rc::new(
                read.expect("a test reads the built-in descriptions"),
            ))
        });
        read.clone().ok()
    }

    fn read_openapi(
        &self,
        file: &ResourceFile,
        files: &OpenApiFiles,
    ) -> Result<Description, Diagnostic> {
        let base_url = file.base.iter().chain(file.environments.values()).next();
        let base_path = base_url.and_then(|resource| path_of(&resource.base_url));
        let name = &files.document;
        let fault = |words: String| {
            let words = format!("`{}` cannot be used: {words}", name.value);
            Diagnostic::at(&name.place, Code::OpenApi, words)
        };
        let path = self.beside(file, &name.value);
        let mut left = LONGEST_DOCUMENT;
        let text = load::description(&self.root, &path, &mut left);
        let text = text.map_err(|words| of_file(name, &words))?;
        let root = parsed(&path, &text).map_err(|words| of_file(name, &words))?;
        drop(text);
        let folder = path.parent().unwrap_or(&path);
        let mut read_file = |relative: &str| {
            let path = folder.join(relative);
            let read = load::description(&self.root, &path, &mut left);
            let value = read.and_then(|text| parsed(&path, &text));
            value.map_err(|words| format!("it refers to `{relative}`, which {words}"))
        };
        let document = OpenApi::read(root, base_path.as_deref(), &mut read_file).map_err(fault)?;
        match &files.overlay {
            None => Ok(Description::from_openapi(document)),
            Some(overlay) => Self::corrected(document, &self.overlay(file, overlay)?),
        }
    }

    /// Reads the file of corrections.
    fn overlay(&self, file: &ResourceFile, name: &Text) -> Result<Arc<SourceFile>, Diagnostic> {
        let path = self.beside(file, &name.value);
        let text = load::description(&self.root, &path, &mut load::LONGEST_FILE.clone());
        let shown = load::shown(&path, &self.working_directory);
        Ok(SourceFile::new(
            shown,
            &path,
            text.map_err(|words| of_file(name, &words))?,
        ))
    }

    fn corrected(document: OpenApi, overlay: &Arc<SourceFile>) -> Result<Description, Diagnostic> {
        let mut faults = Diagnostics::new();
        let Some(node) = yaml::parse(overlay, &mut faults) else {
            let first = faults.into_sorted().into_iter().next();
            return Err(first.unwrap_or_else(|| {
                Diagnostic::general(Code::OpenApi, format!("`{}` is not YAML", overlay.name()))
            }));
        };
        Description::from_corrected(document, &node.to_json()).map_err(|fault| {
            let mut place = &node;
            for key in &fault.keys {
                place = place.get(key).unwrap_or(place);
            }
            let words = fault.to_string();
            Diagnostic::at(&place.place, Code::OpenApi, words)
        })
    }

    /// Returns the path of a file named in a resource file: beside it, or else from the root.
    fn beside(&self, file: &ResourceFile, name: &str) -> PathBuf {
        let own = file.source.path().parent().map(|folder| folder.join(name));
        own.filter(|path| path.exists())
            .unwrap_or_else(|| self.root.join(name))
    }
}

/// Returns the fault of a file that cannot be read.
fn of_file(name: &Text, words: &str) -> Diagnostic {
    let words = format!("`{}` {words}", name.value);
    Diagnostic::at(&name.place, Code::OpenApi, words)
}

/// Parses a document: JSON if it begins like an object, YAML otherwise.
fn parsed(path: &Path, text: &str) -> Result<Value, String> {
    if text.contains('\0') {
        return Err("is not a text file (it contains NUL bytes)".to_owned());
    }
    if !text.trim_start().starts_with('{') {
        return yaml::large_value(text).map_err(|words| format!("is not YAML: {words}"));
    }
    match json::parse(text.as_bytes()) {
        Ok(value) => Ok(value),
        // A YAML mapping can have braces.
        Err(_) if load::is_yaml(path) => {
            yaml::large_value(text).map_err(|words| format!("is not YAML: {words}"))
        }
        Err(fault) => Err(format!("is not JSON: {fault}")),
    }
}

/// Returns the path of a base URL, as far as it is constant. `None` if it begins with a value, which
/// may hold any path.
fn path_of(base_url: &Template) -> Option<String> {
    if base_url.is_constant() {
        return Url::parse(base_url.source())
            .ok()
            .map(|url| url.path().to_owned());
    }
    let pieces = base_url.pieces()?;
    let text: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Raw(raw) => raw.as_str(),
            Piece::Hole(_) => "*",
        })
        .collect();
    let rest = text
        .split_once("://")
        .map_or(text.as_str(), |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let begins_with_value = matches!(pieces.first(), Some(Piece::Hole(_)));
    (!begins_with_value || !path.is_empty()).then(|| format!("/{path}"))
}
