//! Descriptions of APIs: the operations, their parameters, and the shapes of bodies and answers.
//!
//! A [`Description`] lists its operations by method, path and id, and reads one when it is asked
//! for, so that a large document costs little. The descriptions of CircleCI are [built in](circleci)
//! as [compact texts](compact), generated from its OpenAPI document and a file of corrections
//! ([`overlay`]); for other APIs, [`openapi`] reads a document of the project.
//!
//! A description lags behind its API: what it does not mention may exist.

mod compact;
#[cfg(test)]
mod generate;
mod openapi;
mod operation;
mod overlay;
mod route;
mod schema;
mod schema_text;

pub mod circleci;

use std::cell::OnceCell;
use std::fmt;

use serde_json::Value;

#[cfg(test)]
pub use generate::write;
pub use openapi::OpenApi;
pub use operation::{BodyKind, Operation, Parameter, ParameterPlace, RequestBody};
pub use overlay::OverlayFault;
#[cfg(test)]
pub use overlay::apply as apply_overlay;
pub use route::{RouteMatch, Segment};
pub use schema::{Found, Member, Object, Others, Schema, TextKind};
#[cfg(test)]
pub use schema_text::parse_schema;

use compact::Compact;

/// The operations of an API.
pub struct Description {
    entries: Vec<Entry>,
    source: Source,
    read: Vec<OnceCell<Operation>>,
}

/// The name and route of an operation, known before the rest of it is read.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The method, in capitals.
    pub method: String,
    /// The path, with parameters in braces.
    pub path: String,
    /// The id: an identifier that is unique in the description.
    pub id: String,
    /// The group.
    pub tag: Option<String>,
    /// The summary, in one line.
    pub summary: Option<String>,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

/// The text of the operations.
enum Source {
    Compact(Compact),
    OpenApi(OpenApi),
}

impl Description {
    /// Reads a compact text.
    ///
    /// # Errors
    ///
    /// A message with the line, if the text is malformed.
    pub fn from_compact(text: &'static str) -> Result<Self, String> {
        let (compact, entries) = Compact::read(text)?;
        Ok(Self::new(entries, Source::Compact(compact)))
    }

    /// Takes the operations of an OpenAPI document.
    pub fn from_openapi(document: OpenApi) -> Self {
        let entries = document.entries();
        Self::new(entries, Source::OpenApi(document))
    }

    /// Corrects an OpenAPI document. Its operations are named by their routes as it writes them;
    /// others are added to it. Only those that are named are converted.
    ///
    /// # Errors
    ///
    /// The first fault of the corrections.
    pub fn from_corrected(mut document: OpenApi, overlay: &Value) -> Result<Self, OverlayFault> {
        let mut entries = document.entries();
        let mut corrected = Vec::new();
        for (route, corrections) in overlay::routes(overlay)? {
            let known = document.index_of(route);
            let mut operation = match known {
                Some(index) => document.operation(index),
                None => overlay::blank(route)?,
            };
            let id = operation.id.clone();
            overlay::correct_all(&mut operation, route, corrections)?;
            if known.is_none() {
                operation.path.insert_str(0, document.prefix());
            }
            if known.is_none() || operation.id != id {
                operation.id = document.unique_id(&operation.id);
            }
            let entry = operation.entry();
            let index = known.unwrap_or(entries.len());
            if index < entries.len() {
                entries[index] = entry;
            } else {
                entries.push(entry);
            }
            corrected.push((index, operation));
        }
        let description = Self::new(entries, Source::OpenApi(document));
        for (index, operation) in corrected {
            // Routes are unique, so that each is set once.
            let _ = description.read[index].set(operation);
        }
        Ok(description)
    }

    fn new(entries: Vec<Entry>, source: Source) -> Self {
        let read = entries.iter().map(|_| OnceCell::new()).collect();
        Self {
            entries,
            source,
            read,
        }
    }

    /// Returns the operations, in the order of the document.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns an operation by its index among the entries.
    pub fn operation(&self, index: usize) -> &Operation {
        self.read[index].get_or_init(|| match &self.source {
            Source::Compact(compact) => compact.operation(index),
            Source::OpenApi(document) => document.operation(index),
        })
    }

    /// Returns the index of an operation by its id or by `METHOD /path`.
    pub fn find(&self, name: &str) -> Option<usize> {
        if let Some((method, path)) = name.split_once(' ') {
            let path = path.trim();
            let is_it = |entry: &Entry| {
                entry.method.eq_ignore_ascii_case(method)
                    && entry.path.trim_matches('/') == path.trim_matches('/')
            };
            return self.entries.iter().position(is_it);
        }
        self.entries.iter().position(|entry| entry.id == name)
    }
}
