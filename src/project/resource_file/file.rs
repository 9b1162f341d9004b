//! A resource with its environments, and the files that describe its API.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::source::{Place, SourceFile, Text};
use crate::project::grammar;
use crate::resource::{Resource, Speak};

/// A resource with its environments.
#[derive(Clone)]
pub struct ResourceFile {
    /// The name in queries.
    pub name: String,
    /// The file.
    pub source: Arc<SourceFile>,
    /// The place of the name, or the start of the file.
    pub place: Place,
    /// The resource without an environment; `None` if the file requires one.
    pub base: Option<Resource>,
    /// The resource in each environment, by name.
    pub environments: BTreeMap<String, Resource>,
    /// The description of the API, if the file names one.
    pub openapi: Option<OpenApiFiles>,
}

/// The files that describe an API.
#[derive(Debug, Clone)]
pub struct OpenApiFiles {
    /// The path of the OpenAPI document.
    pub document: Text,
    /// The path of its corrections.
    pub overlay: Option<Text>,
}

impl ResourceFile {
    /// Returns the kind of API, if all environments have the same.
    pub fn kind(&self) -> Option<&'static dyn Speak> {
        let mut kinds = (self.base.iter().chain(self.environments.values())).map(|one| one.kind);
        let first = kinds.next()?;
        let is_same =
            |other: &'static dyn Speak| (other.kind(), other.api()) == (first.kind(), first.api());
        kinds.all(is_same).then_some(first)
    }

    /// Returns true if its credential is printed by a program, in any environment.
    pub fn runs_command(&self) -> bool {
        self.base
            .iter()
            .chain(self.environments.values())
            .any(|resource| resource.auth.runs_program())
    }
}

/// Reads `openapi`: a path, or a mapping with the file of corrections.
pub(super) fn openapi(node: &Node, faults: &mut Diagnostics) -> Option<OpenApiFiles> {
    if !matches!(node.content, Content::Map(_)) {
        let document = node.text("openapi", faults)?;
        return Some(OpenApiFiles {
            document,
            overlay: None,
        });
    }
    let mut fields = node.fields_of("openapi", grammar::OPENAPI, faults);
    let document = fields.text("file", faults);
    let has_file = node.get("file").is_some();
    let overlay = fields.text("overlay", faults);
    fields.finish(faults);
    if !has_file {
        let words = "`openapi` needs `file`, for example `{ file: api.yaml }`";
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
    }
    Some(OpenApiFiles {
        document: document?,
        overlay,
    })
}
