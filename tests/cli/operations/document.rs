//! CircleCI's OpenAPI document, read without the program: samples of its schemas, and what is wrong
//! with a request by them.

use std::fs;

use serde_json::{Map, Value, json};

use crate::support::Received;

/// A UUID.
pub const UUID: &str = "5034460f-c7c4-4c43-9457-de07e2029e7b";

/// Parameters that are lists, and objects in the document.
pub const LISTS: [&str; 3] = ["branches", "workflow-names", "project-names"];

/// The document.
pub struct Document(Value);

/// An operation of the document.
pub struct Described<'d> {
    pub method: String,
    pub path: &'d str,
    pub id: &'d str,
    pub parameters: Vec<&'d Value>,
    operation: &'d Value,
}

impl Document {
    pub fn v2() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/description/circleci");
        let text = fs::read_to_string(format!("{folder}/v2.openapi.json")).expect("the document");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    pub fn operations(&self) -> Vec<Described<'_>> {
        let mut operations = Vec::new();
        let paths = self.0["paths"].as_object().expect("paths");
        for (path, item) in paths {
            for method in ["get", "post", "put", "patch", "delete"] {
                let operation = &item[method];
                if operation.is_null() {
                    continue;
                }
                let lists = [&operation["parameters"], &item["parameters"]];
                let parameters = lists.into_iter().filter_map(Value::as_array).flatten();
                operations.push(Described {
                    method: method.to_uppercase(),
                    path,
                    id: operation["operationId"].as_str().expect("an id"),
                    parameters: parameters.map(|one| self.resolved(one)).collect(),
                    operation,
                });
            }
        }
        operations
    }

    fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let target = self.0.pointer(reference.trim_start_matches('#'));
                self.resolved(target.expect("a target"))
            }
            None => value,
        }
    }

    /// The schema of the body, and whether it is required.
    pub fn body<'d>(&'d self, operation: &Described<'d>) -> Option<(&'d Value, bool)> {
        let body = self.resolved(&operation.operation["requestBody"]);
        let schema = body.pointer("/content/application~1json/schema")?;
        let schema = self.resolved(schema);
        let has_required = !schema["required"].is_null();
        Some((schema, body["required"] == true || has_required))
    }

    /// Status and sample of the answer.
    pub fn answer(&self, operation: &Described<'_>) -> (u16, Option<Value>) {
        let responses = operation.operation["responses"].as_object();
        let found = responses
            .into_iter()
            .flatten()
            .find(|(status, _)| status.starts_with('2'));
        let (status, response) = found.expect("a success");
        let schema = self
            .resolved(response)
            .pointer("/content/application~1json/schema");
        let sample = schema.map(|schema| self.sample(schema, 0));
        (status.parse().unwrap_or(200), sample)
    }

    /// A value that a schema takes, with all its members.
    pub fn sample(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolved(schema);
        if depth > 12 {
            return Value::Null;
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut all = Map::new();
            for part in parts {
                match self.sample(part, depth + 1) {
                    Value::Object(members) => all.extend(members),
                    other => return other,
                }
            }
            return all.into();
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(first) = schema[key].get(0) {
                return self.sample(first, depth + 1);
            }
        }
        match schema["type"].as_str() {
            Some("boolean") => json!(true),
            Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("number") => json!(1.5),
            Some("array") => json!([self.sample(&schema["items"], depth + 1)]),
            Some("string") => match schema["format"].as_str() {
                Some("date-time") => json!("2026-01-02T03:04:05Z"),
                Some("date") => json!("2026-01-02"),
                Some("uuid") => json!(UUID),
                Some("uri") => json!("https://example.com/hook"),
                _ => json!("text"),
            },
            _ => {
                let members = schema["properties"].as_object().into_iter().flatten();
                let members =
                    members.map(|(name, member)| (name.clone(), self.sample(member, depth + 1)));
                Value::Object(members.collect())
            }
        }
    }

    /// Collects what a schema does not take.
    pub fn faults(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            found.push(format!("{at}: {value} is none of {words:?}"));
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.faults(part, value, at, found);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(parts) = schema[key].as_array() {
                let fits = parts.iter().any(|part| {
                    let mut inner = Vec::new();
                    self.faults(part, value, at, &mut inner);
                    inner.is_empty()
                });
                if !fits {
                    found.push(format!("{at}: {value} fits none of `{key}`"));
                }
            }
        }
        let is_typed = match schema["type"].as_str() {
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64(),
            Some("number") => value.is_number(),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !is_typed {
            found.push(format!("{at}: {value} is not of type {}", schema["type"]));
        }
        if let Some("uuid") = schema["format"].as_str()
            && value.as_str().is_some_and(|text| text.len() != UUID.len())
        {
            found.push(format!("{at}: {value} is no UUID"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.faults(&schema["items"], item, &format!("{at}[{index}]"), found);
        }
        let Some(members) = value.as_object() else {
            return;
        };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().expect("a name")) {
                found.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, member) in members {
            let inside = format!("{at}.{name}");
            match schema["properties"].get(name) {
                Some(declared) => self.faults(declared, member, &inside, found),
                None if schema["additionalProperties"].is_object() => {
                    self.faults(&schema["additionalProperties"], member, &inside, found);
                }
                None if schema["properties"].is_object() => {
                    found.push(format!("{inside} is not declared"));
                }
                None => {}
            }
        }
    }

    /// Lists what is wrong with a request.
    pub fn complaints(&self, operation: &Described<'_>, request: &Received) -> Vec<String> {
        let mut found = Vec::new();
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let path = path.strip_prefix("/api/v2").unwrap_or(path);
        if request.method != operation.method || !is_route(path, operation.path) {
            found.push(format!("{} is another route", request.line()));
        }
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        for (name, text) in &pairs {
            let declared = operation.parameter("query", name);
            match declared {
                Some(_) if LISTS.contains(&name.as_str()) => {}
                Some(parameter) => self.text(&parameter["schema"], text, name, &mut found),
                None => found.push(format!("the parameter `{name}` is not declared")),
            }
        }
        for parameter in &operation.parameters {
            let is_given = pairs.iter().any(|(name, _)| parameter["name"] == *name);
            if parameter["in"] == "query" && parameter["required"] == true && !is_given {
                found.push(format!("the parameter {} is missing", parameter["name"]));
            }
        }
        match self.body(operation) {
            None if request.body.is_empty() => {}
            None => found.push("a body is not declared".to_owned()),
            Some((_, is_required)) if request.body.is_empty() => {
                if is_required {
                    found.push("the body is missing".to_owned());
                }
            }
            Some((schema, _)) => {
                let media = request.header("content-type").unwrap_or_default();
                if !media.starts_with("application/json") {
                    found.push(format!("the body is {media}"));
                }
                self.faults(schema, &request.json(), "body", &mut found);
            }
        }
        found
    }

    /// Compares a value of a URL, which has no types.
    fn text(&self, schema: &Value, text: &str, name: &str, found: &mut Vec<String>) {
        let schema = self.resolved(schema);
        match schema["type"].as_str() {
            Some("array") => self.text(&schema["items"], text, name, found),
            Some("string") => self.faults(schema, &json!(text), name, found),
            _ => match serde_json::from_str(text) {
                Ok(value) => self.faults(schema, &value, name, found),
                Err(_) => found.push(format!("{name}: `{text}` is not {}", schema["type"])),
            },
        }
    }
}

impl Described<'_> {
    pub fn parameter(&self, place: &str, name: &str) -> Option<&Value> {
        let parameters = self.parameters.iter().copied();
        parameters
            .into_iter()
            .find(|known| known["in"] == place && known["name"] == name)
    }
}

/// Returns true if a path has the segments of a template.
pub fn is_route(path: &str, template: &str) -> bool {
    let (parts, expected) = (path.split('/'), template.split('/'));
    let fits = |part: &str, expected: &str| {
        part == expected || (expected.starts_with('{') && !part.is_empty())
    };
    parts.clone().count() == expected.clone().count()
        && parts
            .zip(expected)
            .all(|(part, expected)| fits(part, expected))
}
