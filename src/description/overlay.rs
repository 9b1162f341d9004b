//! Corrections of a description, in a file that people read and extend.
//!
//! ```yaml
//! GET /insights/{project-slug}/flaky-tests: { keys: both }
//! POST /runs/search: { safe: true }
//! GET /deploy/environments: { params: { page-size: { default: 100 } } }
//! GET /runs/{id}:
//!   id: getRun
//!   summary: Get a run
//!   answer: "{data:{id:uuid}}"
//! ```
//!
//! An entry whose route is unknown adds an operation.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::description::openapi::derived_id;
use crate::description::operation::{BodyKind, Operation, Parameter, ParameterPlace, RequestBody};
use crate::description::schema::{Member, Object, Schema, TextKind};
use crate::description::schema_text::parse_schema;

/// The methods of routes.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A fault of a file of corrections.
#[derive(Debug, PartialEq, Eq)]
pub struct OverlayFault {
    /// The keys that lead to its place, outermost first.
    pub keys: Vec<String>,
    /// The message.
    pub message: String,
}

impl OverlayFault {
    fn new(keys: &[&str], message: impl Into<String>) -> Self {
        Self {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            message: message.into(),
        }
    }

    fn below(mut self, key: &str) -> Self {
        self.keys.insert(0, key.to_owned());
        self
    }
}

impl From<&str> for OverlayFault {
    fn from(message: &str) -> Self {
        Self::new(&[], message)
    }
}

impl From<String> for OverlayFault {
    fn from(message: String) -> Self {
        Self::new(&[], message)
    }
}

impl fmt::Display for OverlayFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, key) in self.keys.iter().enumerate() {
            if depth == 0 {
                write!(formatter, "{key}: ")?;
            } else {
                write!(formatter, "`{key}`: ")?;
            }
        }
        formatter.write_str(&self.message)
    }
}

/// Applies corrections.
///
/// # Errors
///
/// The first fault, with the route and the key.
#[cfg(test)]
pub fn apply(operations: &mut Vec<Operation>, overlay: &Value) -> Result<(), OverlayFault> {
    for (route, corrections) in routes(overlay)? {
        let known = operations
            .iter()
            .position(|operation| operation.route() == *route);
        let index = known.unwrap_or(operations.len());
        if known.is_none() {
            operations.push(blank(route)?);
        }
        correct_all(&mut operations[index], route, corrections)?;
    }
    Ok(())
}

/// Returns the entries of a file of corrections.
///
/// # Errors
///
/// If it is not a mapping.
pub fn routes(overlay: &Value) -> Result<&Map<String, Value>, OverlayFault> {
    let entries = overlay.as_object();
    entries.ok_or_else(|| OverlayFault::from("expected a mapping of `METHOD /path`"))
}

/// Applies the corrections of a route to its operation.
///
/// # Errors
///
/// The first fault, with the route and the key.
pub fn correct_all(
    operation: &mut Operation,
    route: &str,
    corrections: &Value,
) -> Result<(), OverlayFault> {
    let corrections = corrections
        .as_object()
        .ok_or_else(|| OverlayFault::new(&[route], "expected a mapping"))?;
    for (key, value) in corrections {
        let fault = |fault: OverlayFault| fault.below(key).below(route);
        correct(operation, key, value).map_err(fault)?;
    }
    Ok(())
}

/// Creates an operation of which only the route is known.
///
/// # Errors
///
/// If it is none.
pub fn blank(route: &str) -> Result<Operation, OverlayFault> {
    let (method, path) = route
        .split_once(' ')
        .filter(|(method, path)| METHODS.contains(method) && path.starts_with('/'))
        .ok_or_else(|| OverlayFault::new(&[route], "expected `METHOD /path`"))?;
    let names = path.split('{').skip(1);
    let names = names.filter_map(|part| part.split('}').next());
    Ok(Operation {
        method: method.to_owned(),
        path: path.to_owned(),
        id: derived_id(method, path),
        tag: None,
        summary: None,
        deprecated: None,
        is_safe: matches!(method, "GET" | "HEAD" | "OPTIONS"),
        has_loose_keys: false,
        paginate: None,
        decode: None,
        secrets: Vec::new(),
        parameters: names
            .map(|name| parameter(name, ParameterPlace::Path))
            .collect(),
        body: None,
        answer: None,
    })
}

fn parameter(name: &str, place: ParameterPlace) -> Parameter {
    Parameter {
        place,
        name: name.into(),
        is_required: place == ParameterPlace::Path,
        schema: Schema::Text(TextKind::Plain),
        description: None,
        default: None,
        example: None,
    }
}

fn correct(operation: &mut Operation, key: &str, value: &Value) -> Result<(), OverlayFault> {
    let text = || value.as_str().ok_or("expected a string");
    let flag = || value.as_bool().ok_or("expected `true` or `false`");
    match key {
        "id" => text()?.clone_into(&mut operation.id),
        "tag" => operation.tag = Some(text()?.to_owned()),
        "summary" => operation.summary = Some(text()?.to_owned()),
        "secrets" => {
            let names = value.as_array().ok_or("expected a list")?.iter();
            operation.secrets = names.filter_map(Value::as_str).map(str::to_owned).collect();
        }
        "decode" => operation.decode = Some(text()?.to_owned()),
        "deprecated" => operation.deprecated = Some(text()?.to_owned()),
        "safe" => operation.is_safe = flag()?,
        "keys" if value == "both" => operation.has_loose_keys = true,
        "keys" => return Err("expected `both`".into()),
        // For people.
        "from" | "note" => {}
        "paginate" => operation.paginate = Some(value.clone()),
        "fields" => {
            for (path, shape) in value.as_object().ok_or("expected a mapping")? {
                let shape = shape.as_str().ok_or("expected shapes")?;
                let answer = operation.answer.take().unwrap_or(Schema::Any);
                let steps: Vec<&str> = path.trim_start_matches("$.").split('.').collect();
                operation.answer = Some(answer.with_field(&steps, &parse_schema(shape)?));
            }
        }
        "words" => {
            for (name, words) in value.as_object().ok_or("expected a mapping")? {
                let words = words.as_array().ok_or("expected lists")?.iter();
                let words: Vec<Schema> = words
                    .filter_map(Value::as_str)
                    .map(|word| Schema::Word(word.into()))
                    .collect();
                let answer = operation.answer.take().unwrap_or(Schema::Any);
                operation.answer = Some(answer.with_words(name, &words));
            }
        }
        "answer" if value.is_null() => operation.answer = None,
        "answer" => operation.answer = Some(parse_schema(text()?)?),
        "body" if value.is_null() => operation.body = None,
        "body" => {
            let is_required = operation.body.as_ref().is_some_and(|body| body.is_required);
            operation.body = Some(RequestBody {
                kind: BodyKind::Json,
                is_required,
                schema: parse_schema(text()?)?,
                example: operation.body.take().and_then(|body| body.example),
            });
        }
        "body_required" => {
            let body = operation.body.as_mut().ok_or("there is no `body`")?;
            body.is_required = flag()?;
        }
        "body_example" => {
            let body = operation.body.as_mut().ok_or("there is no `body`")?;
            body.example = Some(value.clone());
        }
        "params" => {
            let params = value.as_object().ok_or("expected a mapping")?;
            for (name, corrections) in params {
                let fault = |fault: String| OverlayFault::new(&[name], fault);
                correct_parameter(operation, name, corrections).map_err(fault)?;
            }
        }
        _ => return Err("unknown key".into()),
    }
    Ok(())
}

impl Schema {
    /// Adds a member at a path: `items[*]`, `name`.
    fn with_field(&self, steps: &[&str], shape: &Self) -> Self {
        let Some((step, rest)) = steps.split_first() else {
            return shape.clone();
        };
        let Self::Object(object) = self else {
            return self.clone();
        };
        let (name, is_list) = match step.strip_suffix("[*]") {
            Some(name) => (name, true),
            None => (*step, false),
        };
        let mut object = Object::clone(object);
        match object
            .members
            .iter_mut()
            .find(|member| &*member.name == name)
        {
            Some(member) => {
                member.schema = match &member.schema {
                    Self::List(element) if is_list => {
                        Self::List(Arc::new(element.with_field(rest, shape)))
                    }
                    other => other.with_field(rest, shape),
                };
            }
            None => object.members.push(Member {
                name: name.into(),
                is_required: false,
                schema: shape.clone(),
                description: None,
            }),
        }
        Self::Object(Arc::new(object))
    }

    /// Adds words to all enumerations that are members of this name.
    fn with_words(&self, name: &str, words: &[Self]) -> Self {
        match self {
            Self::List(element) => Self::List(Arc::new(element.with_words(name, words))),
            Self::Union(list) => Self::union(list.iter().map(|one| one.with_words(name, words))),
            Self::Object(object) => {
                let mut object = Object::clone(object);
                for member in &mut object.members {
                    member.schema = if &*member.name == name && member.schema.words().is_some() {
                        Self::union([member.schema.clone()].into_iter().chain(words.to_vec()))
                    } else {
                        member.schema.with_words(name, words)
                    };
                }
                Self::Object(Arc::new(object))
            }
            other => other.clone(),
        }
    }
}

/// Corrects a parameter, or adds one to the query. Null removes it; a string is its shape.
fn correct_parameter(operation: &mut Operation, name: &str, value: &Value) -> Result<(), String> {
    let known = operation
        .parameters
        .iter()
        .position(|parameter| &*parameter.name == name);
    if value.is_null() {
        let index = known.ok_or("there is no such parameter")?;
        operation.parameters.remove(index);
        return Ok(());
    }
    let index = known.unwrap_or(operation.parameters.len());
    if known.is_none() {
        operation
            .parameters
            .push(parameter(name, ParameterPlace::Query));
    }
    let parameter = &mut operation.parameters[index];
    if let Some(shape) = value.as_str() {
        parameter.schema = parse_schema(shape)?;
        return Ok(());
    }
    for (key, value) in value.as_object().unwrap_or(&Map::new()) {
        let text = || {
            value
                .as_str()
                .ok_or_else(|| format!("`{key}`: expected a string"))
        };
        match key.as_str() {
            "shape" => parameter.schema = parse_schema(text()?)?,
            "description" => parameter.description = Some(text()?.into()),
            "default" => parameter.default = Some(value.clone()),
            "example" => parameter.example = Some(value.clone()),
            "required" => parameter.is_required = value == true,
            _ => return Err(format!("unknown key `{key}`")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn corrections_change_and_add_operations() {
        let mut operations = vec![blank("GET /a/{id}").expect("a route")];
        let overlay = json!({
            "GET /a/{id}": {
                "id": "getA", "keys": "both", "answer": "{a:int}",
                "params": {
                    "id": "uuid",
                    "page-size": {"shape": "int", "default": 100, "required": true},
                },
            },
            "POST /a/search": {"safe": true, "body": "{q:string}", "body_required": true},
        });
        apply(&mut operations, &overlay).expect("good corrections");
        let first = &operations[0];
        assert_eq!(first.id, "getA");
        assert!(first.has_loose_keys);
        assert_eq!(first.parameters[0].schema.to_string(), "uuid");
        assert_eq!(first.parameters[1].default, Some(json!(100)));
        assert_eq!(operations[1].id, "postASearch");
        assert!(operations[1].is_safe);
        assert!(
            operations[1]
                .body
                .as_ref()
                .is_some_and(|body| body.is_required)
        );
    }

    #[test]
    fn a_malformed_correction_names_its_place() {
        for (overlay, fault) in [
            (json!([]), "expected a mapping of `METHOD /path`"),
            (json!({"a": {}}), "a: expected `METHOD /path`"),
            (json!({"GET /": 1}), "GET /: expected a mapping"),
            (
                json!({"GET /": {"sage": true}}),
                "GET /: `sage`: unknown key",
            ),
            (
                json!({"GET /": {"safe": 1}}),
                "GET /: `safe`: expected `true` or `false`",
            ),
            (
                json!({"GET /": {"answer": "{"}}),
                "GET /: `answer`: expected a name at `` (byte 1)",
            ),
            (
                json!({"GET /": {"params": {"a": {"type": 1}}}}),
                "GET /: `params`: `a`: unknown key `type`",
            ),
        ] {
            let applied = apply(&mut Vec::new(), &overlay);
            let found = applied.expect_err("malformed").to_string();
            assert_eq!(found, fault);
        }
    }
}
