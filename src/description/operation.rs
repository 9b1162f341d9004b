//! One operation of an API: what is sent and what is answered.

use std::sync::Arc;

use serde_json::Value;

use crate::description::Entry;
use crate::description::schema::Schema;

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The method, in capitals.
    pub method: String,
    /// The path, with parameters in braces.
    pub path: String,
    /// The id.
    pub id: String,
    /// The group.
    pub tag: Option<String>,
    /// The summary, in one line.
    pub summary: Option<String>,
    /// Set if it is deprecated: what to use instead, perhaps empty.
    pub deprecated: Option<String>,
    /// True if it changes nothing, whatever its method.
    pub is_safe: bool,
    /// True if `-` and `_` are interchangeable in the names of its answer: its API is known to answer
    /// differently from its document.
    pub has_loose_keys: bool,
    /// The pagination, as in a query file, if it differs from the usual one of the API.
    pub paginate: Option<Value>,
    /// The format of the answer, as in a query file, if it is not JSON.
    pub decode: Option<String>,
    /// The parameters and members of the body whose values are secret.
    pub secrets: Vec<String>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The body of the request.
    pub body: Option<RequestBody>,
    /// The answer of a success; `None` if there is no JSON, or nothing is known.
    pub answer: Option<Schema>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its place in the request.
    pub place: ParameterPlace,
    /// Its name.
    pub name: Arc<str>,
    /// True if a request without it is refused.
    pub is_required: bool,
    /// The shape of its value.
    pub schema: Schema,
    /// The meaning.
    pub description: Option<Arc<str>>,
    /// The value to send if nothing else is known.
    pub default: Option<Value>,
    /// An example.
    pub example: Option<Value>,
}

/// The place of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterPlace {
    /// A segment of the path.
    Path,
    /// The query of the URL.
    Query,
    /// A header field.
    Header,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestBody {
    /// Its media type.
    pub kind: BodyKind,
    /// True if a request without it is refused.
    pub is_required: bool,
    /// The shape of its content.
    pub schema: Schema,
    /// An example.
    pub example: Option<Value>,
}

/// The kind of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json` and its relatives.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// Anything else: text or bytes.
    Other,
}

impl BodyKind {
    /// All by name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("json", Self::Json),
        ("form", Self::Form),
        ("multipart", Self::Multipart),
        ("other", Self::Other),
    ];

    /// Returns the name.
    #[cfg(test)]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("json", |(name, _)| name)
    }
}

impl RequestBody {
    /// Returns true if a request without it is refused: by what the description says, or since it has
    /// members that are required.
    pub fn is_needed(&self) -> bool {
        let has_required = |schema: &Schema| match schema {
            Schema::Object(object) => object.members.iter().any(|member| member.is_required),
            _ => false,
        };
        let alternatives = self.schema.alternatives();
        self.is_required || !alternatives.is_empty() && alternatives.iter().all(has_required)
    }
}

impl Operation {
    /// Returns the parameters at a place.
    pub fn parameters_at(&self, place: ParameterPlace) -> impl Iterator<Item = &Parameter> {
        let parameters = self.parameters.iter();
        parameters.filter(move |parameter| parameter.place == place)
    }

    /// Returns what lists show of it.
    pub fn entry(&self) -> Entry {
        Entry {
            method: self.method.clone(),
            path: self.path.clone(),
            id: self.id.clone(),
            tag: self.tag.clone(),
            summary: self.summary.clone(),
        }
    }

    /// Returns `METHOD /path`.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
