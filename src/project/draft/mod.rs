//! Query files that the program writes: from one request, a curl command, a recording or an operation of
//! an API.
//!
//! A [`Draft`] holds the values of the keys, and [`Draft::to_yaml`] lays them out as a person would.
//! Strings are what the file will say, so they are templates; text from elsewhere is passed through
//! [`literal()`] first.
//!
//! ```ignore
//! let draft = Draft {
//!     description: Some("One workflow".to_owned()),
//!     resource: Some("circleci".to_owned()),
//!     vars: vec![DraftVar::required("workflow_id")],
//!     endpoint: "/workflow/{{ workflow_id }}".to_owned(),
//!     extract: vec![("id".to_owned(), json!("$.id"))],
//!     ..Draft::default()
//! };
//! write(draft.to_yaml());
//! ```

mod answer;
mod fitting;
mod layout;
mod literal;
mod operation;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::layout::Layout;
use crate::http::Method;
use crate::project::query::VarType;

pub use self::answer::{columns_of, records_of, rows_of};
pub use self::literal::{literal, literal_value};
pub use self::operation::of_operation;

/// A query file to be written. A key whose value is empty is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Lines of comments at the top.
    pub comments: Vec<String>,
    /// The name, if it is not the stem of the file.
    pub name: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// The name of the resource.
    pub resource: Option<String>,
    /// The inputs.
    pub vars: Vec<DraftVar>,
    /// The method; GET is left out.
    pub method: Method,
    /// True if the request changes nothing; none if the method tells.
    pub safe: Option<bool>,
    /// The path below the resource's base URL, as a template.
    pub endpoint: String,
    /// True to silence the note about a route that the API's description lacks.
    pub undocumented: bool,
    /// URL parameters.
    pub params: Vec<(String, Value)>,
    /// Header fields, as templates.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<DraftBody>,
    /// The confirmation prompt.
    pub confirm: Option<String>,
    /// The pagination, if it differs from the resource's.
    pub paginate: Option<Value>,
    /// The format of the response body, if it is not JSON.
    pub decode: Option<String>,
    /// The JSONPath of the records.
    pub rows: Option<String>,
    /// Columns: a JSONPath, a template or a mapping.
    pub extract: Vec<(String, Value)>,
}

/// The body of a request to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftBody {
    /// A JSON value; its strings are templates.
    Json(Value),
    /// Fields of a URL-encoded form.
    Form(Vec<(String, Value)>),
    /// Fields of a multipart form: a value, or a mapping with `file`.
    Multipart(Vec<(String, Value)>),
    /// Text, as a template.
    Text(String),
    /// The path of a file, as a template.
    File(String),
    /// A GraphQL request: `query`, `operation` and `variables`.
    Graphql(Map<String, Value>),
}

/// A var to be declared.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftVar {
    /// The name in templates.
    pub name: String,
    /// A description for people.
    pub description: Option<String>,
    /// The type.
    pub kind: VarType,
    /// The default value, which can be null; without one, the var is required.
    pub default: Option<Value>,
    /// The allowed values; none for any value.
    pub choices: Vec<Value>,
    /// The pattern that the whole text must match.
    pub pattern: Option<String>,
    /// The smallest value.
    pub min: Option<Value>,
    /// The largest value.
    pub max: Option<Value>,
    /// True if the value is masked in all output.
    pub secret: bool,
    /// An example value.
    pub example: Option<Value>,
}

impl DraftVar {
    /// Creates a string that must be given.
    pub fn required(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            kind: VarType::String,
            default: None,
            choices: Vec::new(),
            pattern: None,
            min: None,
            max: None,
            secret: false,
            example: None,
        }
    }

    /// Returns the declaration: only the default where nothing else is said and its type is seen.
    fn declaration(&self) -> Value {
        let mut members = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(key.to_owned(), value);
            }
        };
        put("description", self.description.clone().map(Value::from));
        let kind = (self.kind != VarType::String).then(|| self.kind.name().into());
        put("type", kind.clone());
        put(
            "enum",
            (!self.choices.is_empty()).then(|| Value::Array(self.choices.clone())),
        );
        put("default", self.default.clone());
        put("pattern", self.pattern.clone().map(Value::from));
        put("min", self.min.clone());
        put("max", self.max.clone());
        put("secret", self.secret.then_some(Value::Bool(true)));
        put("example", self.example.clone());
        let said = members.len() - usize::from(kind.is_some());
        match &self.default {
            Some(default) if said == 1 && shown_kind(default) == Some(self.kind) => default.clone(),
            _ if members.is_empty() => serde_json::json!({ "required": true }),
            _ => Value::Object(members),
        }
    }
}

/// Returns the type that a default declares without `type`; `None` if it needs a declaration.
fn shown_kind(default: &Value) -> Option<VarType> {
    match default {
        Value::Bool(_) => Some(VarType::Bool),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(VarType::Int),
        Value::Number(_) => Some(VarType::Number),
        Value::Array(_) => Some(VarType::List),
        Value::Null | Value::String(_) => Some(VarType::String),
        Value::Object(_) => None,
    }
}

/// Writes a resource file with these keys, in order.
pub fn resource_yaml(entries: &[(String, Value)]) -> String {
    let mut layout = Layout::new();
    for (key, value) in entries {
        layout.value(key, Some(value.clone()));
    }
    layout.finish()
}

impl Draft {
    /// Writes the file, in the order of keys that the shipped queries have.
    pub fn to_yaml(&self) -> String {
        let mut layout = Layout::new();
        for comment in &self.comments {
            layout.comment(comment);
        }
        layout.text("name", self.name.as_deref());
        layout.text("description", self.description.as_deref());
        layout.text("resource", self.resource.as_deref());
        let vars = self
            .vars
            .iter()
            .map(|var| (var.name.clone(), var.declaration()));
        layout.mapping("vars", &vars.collect());
        if self.method != Method::GET {
            layout.text("method", Some(self.method.as_str()));
        }
        layout.value("safe", self.safe.map(Value::Bool));
        layout.text("endpoint", Some(&self.endpoint));
        layout.value(
            "undocumented",
            self.undocumented.then_some(Value::Bool(true)),
        );
        layout.mapping("params", &self.params.iter().cloned().collect());
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.as_str().into()));
        layout.mapping("headers", &headers.collect());
        if let Some(body) = &self.body {
            let (form, content) = body.parts();
            layout.inner("body", form, &content);
        }
        layout.text("confirm", self.confirm.as_deref());
        layout.value("paginate", self.paginate.clone());
        layout.text("decode", self.decode.as_deref());
        layout.text("rows", self.rows.as_deref());
        layout.mapping("extract", &self.extract.iter().cloned().collect());
        layout.finish()
    }
}

impl DraftBody {
    /// Returns the key under `body` and its value.
    fn parts(&self) -> (&'static str, Value) {
        match self {
            Self::Json(value) => ("json", value.clone()),
            Self::Form(fields) => ("form", fields.iter().cloned().collect()),
            Self::Multipart(fields) => ("multipart", fields.iter().cloned().collect()),
            Self::Text(text) => ("text", text.as_str().into()),
            Self::File(path) => ("file", path.as_str().into()),
            Self::Graphql(members) => ("graphql", Value::Object(members.clone())),
        }
    }
}
