//! JSON Schemas of the files, for editors.
//!
//! They are made from the tables of keys that the readers use, so that both know the same keys. A
//! schema describes the form of a file; what a name, a template or a path means is left to `check`.
//!
//! The dialect is 2020-12, of which only those keywords are used that mean the same in draft-07, since
//! many editors stop there: no `$dynamicRef`, `prefixItems`, `unevaluatedProperties` or
//! `dependentRequired`, and no `$ref` at all, beside which draft-07 ignores other keywords.

mod rules;

use serde_json::{Map, Value, json};

use crate::core::key::{Key, NameKind, Rule, TextPattern, ValueForm};
use crate::core::markdown::without_targets;
use crate::project::grammar;

/// The dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A resource file.
    Resource,
    /// A query file.
    Query,
    /// A file of test cases.
    Test,
    /// The project file.
    Project,
}

/// The names that a schema suggests.
#[derive(Debug, Clone, Default)]
pub struct ProjectNames {
    /// Resources.
    pub resources: Vec<String>,
    /// Queries.
    pub queries: Vec<String>,
    /// Environments of the resources.
    pub environments: Vec<String>,
    /// Output formats.
    pub formats: Vec<&'static str>,
    /// The formats of snapshots.
    pub snapshot_formats: Vec<&'static str>,
}

/// Returns the schema of a kind of file.
pub fn schema(kind: FileKind, names: &ProjectNames) -> Value {
    let (title, description, form) = match kind {
        FileKind::Resource => (
            "Resource of runner",
            "A connection to an API: `resources/**/*.yaml`.",
            grammar::RESOURCE_FILE,
        ),
        FileKind::Query => (
            "Query of runner",
            "A request and the records to keep of its response, a SELECT or a report: `queries/**/*.yaml`.",
            grammar::QUERY_FILE,
        ),
        FileKind::Test => (
            "Test file of runner",
            "Cases of a query, which run without a network: `tests/**/*.yaml`.",
            grammar::FILE_OF_TESTS,
        ),
        FileKind::Project => (
            "Project file of runner",
            "Settings of a project: `runner.yaml`.",
            grammar::PROJECT_FILE,
        ),
    };
    let mut members = Map::new();
    members.insert("$schema".to_owned(), json!(DIALECT));
    members.insert("title".to_owned(), json!(title));
    members.insert("description".to_owned(), json!(description));
    members.extend(object(Schema { names }.of(&form)));
    if kind == FileKind::Project {
        // It also marks the root of a project, and may be empty then.
        members.insert("type".to_owned(), json!(["object", "null"]));
    }
    Value::Object(members)
}

fn object(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(members) => members,
        other => unreachable!("a schema is an object, not {other}"),
    }
}

/// The schemas of forms, with the names of a project.
struct Schema<'n> {
    names: &'n ProjectNames,
}

impl Schema<'_> {
    fn of(&self, form: &ValueForm) -> Value {
        match form {
            ValueForm::Any => json!({}),
            ValueForm::Text => json!({ "type": "string" }),
            ValueForm::Template => {
                json!({ "type": "string", "examples": ["{{ env.NAME }}", "{{ var }}"] })
            }
            ValueForm::Scalar | ValueForm::Expression => {
                json!({ "type": ["string", "number", "boolean"] })
            }
            ValueForm::Path => json!({
                "type": "string",
                "pattern": r"^\s*\$",
                "patternErrorMessage": "expected a JSONPath, which starts with `$`",
                "examples": ["$.items[*]", "$.id"],
            }),
            ValueForm::Pattern(pattern) => of_pattern(pattern),
            ValueForm::Bool => json!({ "type": "boolean" }),
            ValueForm::Integer(least, most) => {
                let mut schema = json!({ "type": "integer", "minimum": least });
                if *most != u64::MAX {
                    schema["maximum"] = json!(most);
                }
                schema
            }
            ValueForm::Words(words) => json!({ "enum": words }),
            ValueForm::WordsOf(words) => json!({ "enum": words() }),
            ValueForm::Name(kind) => self.name(*kind),
            ValueForm::Constant(value) => json!({ "enum": [value] }),
            ValueForm::Null => json!({ "type": "null" }),
            ValueForm::List(item) => json!({ "type": "array", "items": self.of(item) }),
            ValueForm::NonEmptyList(item) => {
                json!({ "type": "array", "items": self.of(item), "minItems": 1 })
            }
            ValueForm::OneOrMore(item) => json!({
                "anyOf": [self.of(item), { "type": "array", "items": self.of(item) }],
            }),
            ValueForm::Map(value) => {
                json!({ "type": "object", "additionalProperties": self.of(value) })
            }
            ValueForm::NonEmptyMap(value) => json!({
                "type": "object",
                "additionalProperties": self.of(value),
                "minProperties": 1,
            }),
            ValueForm::MapOf(names, value) => json!({
                "type": "object",
                "patternProperties": { *names: self.of(value) },
                "additionalProperties": false,
            }),
            ValueForm::Keys(keys, rules) => self.mapping(keys, rules),
            ValueForm::AllKeys(keys, rules) => self.mapping(&keys(), rules),
            ValueForm::OneKey(keys) => {
                let mut schema = self.mapping(&keys(), &[]);
                schema["minProperties"] = json!(1);
                schema["maxProperties"] = json!(1);
                schema
            }
            ValueForm::Either(forms) => {
                let all: Vec<Value> = forms.iter().map(|form| self.of(form)).collect();
                json!({ "anyOf": all })
            }
        }
    }

    /// Names are suggestions, except for formats, all of which are known.
    fn name(&self, kind: NameKind) -> Value {
        let names = match kind {
            NameKind::Format => return json!({ "enum": self.names.formats }),
            NameKind::SnapshotFormat => return json!({ "enum": self.names.snapshot_formats }),
            NameKind::Resource => &self.names.resources,
            NameKind::Query => &self.names.queries,
            NameKind::Environment => &self.names.environments,
        };
        if names.is_empty() {
            return json!({ "type": "string" });
        }
        json!({ "anyOf": [{ "enum": names }, { "type": "string" }] })
    }

    fn mapping(&self, keys: &[Key], rules: &[Rule]) -> Value {
        let properties: Map<String, Value> = keys
            .iter()
            .map(|key| (key.name.to_owned(), self.key(key)))
            .collect();
        let required: Vec<&str> = keys
            .iter()
            .filter(|key| key.is_required())
            .map(|key| key.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let rules: Vec<Value> = rules.iter().flat_map(rules::schemas).collect();
        if !rules.is_empty() {
            schema["allOf"] = json!(rules);
        }
        schema
    }

    fn key(&self, key: &Key) -> Value {
        let schema = self.of(&key.form);
        // A key with null counts as absent.
        let schema = if key.is_required() {
            schema
        } else {
            nullable(schema)
        };
        let description = described(key);
        if description.is_empty() {
            return schema;
        }
        let mut members = Map::new();
        members.insert("description".to_owned(), json!(description));
        members.extend(object(schema));
        Value::Object(members)
    }
}

fn of_pattern(pattern: &TextPattern) -> Value {
    let mut schema = json!({
        "type": "string",
        "pattern": pattern.regex,
        "patternErrorMessage": format!("expected {}", pattern.expected),
    });
    if !pattern.examples.is_empty() {
        schema["examples"] = json!(pattern.examples);
    }
    schema
}

/// Accepts null too.
fn nullable(mut schema: Value) -> Value {
    match &mut schema["type"] {
        Value::String(name) => {
            schema["type"] = json!([name, "null"]);
        }
        Value::Array(names) => names.push(json!("null")),
        _ => {
            object_mut(&mut schema).shift_remove("type");
            if let Some(Value::Array(words)) = schema.get_mut("enum") {
                words.push(Value::Null);
            } else if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
                forms.push(json!({ "type": "null" }));
            }
        }
    }
    schema
}

fn object_mut(schema: &mut Value) -> &mut Map<String, Value> {
    schema.as_object_mut().expect("a schema is an object")
}

/// Returns the meaning of a key, its type and its default.
fn described(key: &Key) -> String {
    let of_default = Some(key.default).filter(|text| !text.starts_with("required"));
    let of_type = Some(key.takes).filter(|text| !text.starts_with("see "));
    let parts = [
        ("", Some(key.doc)),
        ("Takes: ", of_type),
        ("Default: ", of_default),
    ];
    let parts = parts.into_iter().filter_map(|(label, text)| {
        let text = text.filter(|text| !text.is_empty())?;
        Some(format!("{label}{}", without_targets(text)))
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [FileKind; 4] = [
        FileKind::Resource,
        FileKind::Query,
        FileKind::Test,
        FileKind::Project,
    ];

    /// Keywords that mean the same in draft-07 and in 2020-12.
    const KEYWORDS: [&str; 24] = [
        "patternErrorMessage",
        "minItems",
        "$schema",
        "title",
        "description",
        "examples",
        "errorMessage",
        "type",
        "enum",
        "const",
        "pattern",
        "minimum",
        "maximum",
        "properties",
        "patternProperties",
        "additionalProperties",
        "required",
        "minProperties",
        "maxProperties",
        "items",
        "allOf",
        "anyOf",
        "if",
        "then",
    ];

    fn hold_keywords(schema: &Value) {
        let Value::Object(members) = schema else {
            assert!(schema.is_boolean(), "{schema}");
            return;
        };
        for (keyword, value) in members {
            assert!(
                KEYWORDS.contains(&keyword.as_str()) || keyword == "not",
                "{keyword}"
            );
            match keyword.as_str() {
                "properties" | "patternProperties" => {
                    value
                        .as_object()
                        .expect("schemas")
                        .values()
                        .for_each(hold_keywords);
                }
                "allOf" | "anyOf" => {
                    value
                        .as_array()
                        .expect("schemas")
                        .iter()
                        .for_each(hold_keywords);
                }
                "items" | "if" | "then" | "not" | "additionalProperties" => hold_keywords(value),
                _ => {}
            }
        }
    }

    #[test]
    fn only_keywords_that_editors_know_are_used() {
        for kind in KINDS {
            hold_keywords(&schema(kind, &ProjectNames::default()));
        }
    }

    #[test]
    fn every_key_of_a_file_has_a_description() {
        for kind in KINDS {
            let schema = schema(kind, &ProjectNames::default());
            for (key, value) in schema["properties"].as_object().expect("keys") {
                assert!(value["description"].is_string(), "{key}");
            }
        }
    }

    #[test]
    fn names_of_a_project_are_suggested_and_others_accepted() {
        let names = ProjectNames {
            resources: vec!["circleci".to_owned()],
            ..ProjectNames::default()
        };
        let schema = schema(FileKind::Query, &names);
        assert_eq!(
            schema["properties"]["resource"]["anyOf"],
            json!([{ "enum": ["circleci"] }, { "type": "string" }, { "type": "null" }])
        );
    }
}
