//! Converts JSON Schema, as OpenAPI uses it, to shapes.

use std::sync::Arc;

use serde_json::Value;

use crate::description::openapi::reference::At;
use crate::description::openapi::{OpenApi, sentence};
use crate::description::schema::{Member, Object, Others, Schema, TextKind};

/// The maximum depth; below it, nothing is known.
const DEEPEST: usize = 40;

/// The maximum number of words of an enumeration; a longer one is any value of its type.
const MOST_WORDS: usize = 500;

impl OpenApi {
    /// Converts a schema.
    pub(super) fn schema(&self, at: At<'_>) -> Schema {
        self.converted(at, 0)
    }

    fn converted(&self, at: At<'_>, depth: usize) -> Schema {
        if depth > DEEPEST {
            return Schema::Any;
        }
        let Some(reference) = at.value.get("$ref").and_then(Value::as_str) else {
            return self.written(at, depth);
        };
        let key = (at.document, reference.to_owned());
        match self.schemas.borrow().get(&key) {
            Some(Some(schema)) => return schema.clone(),
            // It contains itself.
            Some(None) => return Schema::Any,
            None => {}
        }
        self.schemas.borrow_mut().insert(key.clone(), None);
        let target = self.target(at.document, reference);
        let schema = self.converted(target, depth + 1);
        self.schemas.borrow_mut().insert(key, Some(schema.clone()));
        schema
    }

    /// Converts a schema that is not a reference.
    fn written(&self, at: At<'_>, depth: usize) -> Schema {
        if !at.value.is_object() {
            return Schema::Any;
        }
        let schema = self.not_null(at, depth);
        if at.get("nullable").value == &Value::Bool(true) {
            return schema.or_null();
        }
        schema
    }

    fn not_null(&self, at: At<'_>, depth: usize) -> Schema {
        let value = |key: &str| at.get(key).value;
        if !value("const").is_null() {
            return constant(value("const"));
        }
        if let Value::Array(words) = value("enum")
            && words.len() <= MOST_WORDS
        {
            return Schema::union(words.iter().map(constant));
        }
        if value("allOf").is_array() {
            let parts = at.get("allOf").items();
            let parts = parts.map(|part| self.converted(part, depth + 1));
            return all_of(self.typed(at, depth), parts.collect());
        }
        for key in ["oneOf", "anyOf"] {
            if value(key).is_array() {
                let alternatives = at.get(key).items();
                let alternatives: Vec<Schema> = alternatives
                    .map(|one| self.converted(one, depth + 1))
                    .collect();
                let base = self.typed(at, depth);
                let each = alternatives.into_iter().map(|one| match &base {
                    Schema::Object(_) => all_of(base.clone(), vec![one]),
                    _ => one,
                });
                return Schema::union(each);
            }
        }
        self.typed(at, depth)
    }

    /// Converts what `type` says. OpenAPI 3.1 allows a list of types.
    fn typed(&self, at: At<'_>, depth: usize) -> Schema {
        match at.get("type").value {
            Value::String(kind) => self.of_type(kind, at, depth),
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                Schema::union(kinds.map(|kind| self.of_type(kind, at, depth)))
            }
            _ if at.get("properties").value.is_object() => self.of_type("object", at, depth),
            _ if at.get("items").value.is_object() => self.of_type("array", at, depth),
            _ => Schema::Any,
        }
    }

    fn of_type(&self, kind: &str, at: At<'_>, depth: usize) -> Schema {
        match kind {
            "null" => Schema::Null,
            "boolean" => Schema::Bool,
            "integer" => Schema::Int,
            "number" => Schema::Number,
            "string" => Schema::Text(match at.get("format").value.as_str() {
                Some("date-time") => TextKind::Time,
                Some("date") => TextKind::Date,
                Some("uuid") => TextKind::Uuid,
                Some("uri" | "url") => TextKind::Url,
                Some("binary") => TextKind::Binary,
                _ => TextKind::Plain,
            }),
            "array" => Schema::List(Arc::new(self.converted(at.get("items"), depth + 1))),
            "object" => Schema::Object(Arc::new(self.object(at, depth))),
            _ => Schema::Any,
        }
    }

    fn object(&self, at: At<'_>, depth: usize) -> Object {
        let required: Vec<&str> = at
            .get("required")
            .items()
            .filter_map(|name| name.value.as_str())
            .collect();
        let members: Vec<Member> = at
            .get("properties")
            .members()
            .map(|(name, declared)| Member {
                name: name.into(),
                is_required: required.contains(&name),
                schema: self.converted(declared, depth + 1),
                description: declared
                    .get("description")
                    .value
                    .as_str()
                    .and_then(sentence)
                    .map(Into::into),
            })
            .collect();
        let others = match at.get("additionalProperties").value {
            Value::Bool(true) => Others::Any,
            Value::Object(schema) if schema.is_empty() => Others::Any,
            Value::Object(_) => {
                let each = self.converted(at.get("additionalProperties"), depth + 1);
                Others::Each(each)
            }
            // An object without members is a map of anything.
            Value::Bool(false) => Others::None,
            _ if members.is_empty() => Others::Any,
            _ => Others::None,
        };
        Object { members, others }
    }
}

/// Returns the shape of one value.
fn constant(value: &Value) -> Schema {
    match value {
        Value::Null => Schema::Null,
        Value::Bool(_) => Schema::Bool,
        Value::Number(number) if number.is_i64() || number.is_u64() => Schema::Int,
        Value::Number(_) => Schema::Number,
        Value::String(word) => Schema::Word(word.as_str().into()),
        Value::Array(_) | Value::Object(_) => Schema::Any,
    }
}

/// Joins shapes that must all hold: the members of objects are united, else the first that says
/// anything is taken.
fn all_of(base: Schema, parts: Vec<Schema>) -> Schema {
    let mut joined: Option<Object> = None;
    let mut other: Option<Schema> = None;
    let mut is_open = false;
    for part in std::iter::once(base).chain(parts) {
        match part.without_null() {
            Some(Schema::Object(object)) => {
                let joined = joined.get_or_insert_with(Object::default);
                for member in &object.members {
                    joined.members.retain(|known| known.name != member.name);
                    joined.members.push(member.clone());
                }
                match &object.others {
                    Others::None => {}
                    Others::Any if object.members.is_empty() => {}
                    others => joined.others = others.clone(),
                }
            }
            Some(Schema::Any) => {}
            // One of several objects: their members are not known for certain.
            None => is_open = true,
            Some(schema) => other = other.or_else(|| Some(schema.clone())),
        }
    }
    match (joined, other) {
        (Some(mut object), _) => {
            if is_open || object.members.is_empty() {
                object.others = Others::Any;
            }
            Schema::Object(Arc::new(object))
        }
        (None, Some(schema)) => schema,
        (None, None) => Schema::Any,
    }
}
