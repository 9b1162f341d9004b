//! The arguments of a tool as a JSON Schema: the vars of its query.
//!
//! Only keywords that all known clients and models take: no `$ref`, no combinators, no list of types,
//! no `format`, and `items` for every array.

use serde_json::{Map, Value, json};

use crate::cli::describe::source_json;
use crate::core::json::plain;
use crate::project::Query;
use crate::project::query::{Var, VarType};
use crate::project::template::ValueTemplate;
use crate::template::Template;

/// The argument that limits the records of an answer, unless a var has its name.
pub const MAX_RECORDS: &str = "max_records";

/// The argument that confirms what a tool would send, unless a var has its name.
pub const CONFIRM: &str = "confirm";

/// Returns the name of an argument that a var does not use.
pub fn own_argument(query: &Query, name: &str) -> String {
    let mut own = name.to_owned();
    while query.var(&own).is_some() {
        own = format!("runner_{own}");
    }
    own
}

/// Returns the vars that are arguments: all that are not secret.
pub fn arguments(query: &Query) -> impl Iterator<Item = &Var> {
    query.vars.iter().filter(|var| !var.secret)
}

/// Returns the schema of the arguments of a tool that reads, or of one that writes. Some are needed
/// only where the server stands.
pub fn of_query(query: &Query, writes: bool, needed: &[String]) -> Value {
    let mut properties = Map::new();
    for var in arguments(query) {
        properties.insert(var.name.clone(), of_var(var));
    }
    if writes {
        let words = "only in the second call: the digest that the first one returned";
        let schema = json!({ "type": "string", "description": words });
        properties.insert(own_argument(query, CONFIRM), schema);
    } else if query.report.is_none() && query.var(MAX_RECORDS).is_none() {
        let words = "how many records to show";
        let schema = json!({ "type": "integer", "minimum": 1, "description": words });
        properties.insert(MAX_RECORDS.to_owned(), schema);
    }
    let required = arguments(query).filter(|var| var.required || needed.contains(&var.name));
    let required: Vec<&str> = required.map(|var| var.name.as_str()).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["additionalProperties"] = json!(false);
    schema
}

/// Returns the schema of a var.
fn of_var(var: &Var) -> Value {
    let mut schema = Map::new();
    let kind = match var.kind {
        VarType::Int if var.choices.is_none() => "integer",
        VarType::Number if var.choices.is_none() => "number",
        VarType::Bool if var.choices.is_none() => "boolean",
        VarType::List => "array",
        // Some clients only take strings as choices.
        _ => "string",
    };
    schema.insert("type".to_owned(), json!(kind));
    let mut words: Vec<String> = Vec::new();
    let description = var.description.as_deref().map(str::trim);
    words.extend(description.map(|text| text.trim_end_matches('.').to_owned()));
    words.extend(form(var.kind).map(str::to_owned));
    let mut of_text = Map::new();
    if let Some(choices) = &var.choices {
        let choices: Vec<String> = choices.iter().map(plain).collect();
        of_text.insert("enum".to_owned(), json!(choices));
    }
    if let Some(pattern) = &var.pattern {
        if is_portable(&pattern.source) {
            let source = format!("^(?:{})$", pattern.source);
            of_text.insert("pattern".to_owned(), json!(source));
        } else {
            words.push(format!("matches `{}`", pattern.source));
        }
    }
    if var.kind == VarType::List {
        of_text.insert("type".to_owned(), json!("string"));
        schema.insert("items".to_owned(), Value::Object(of_text));
    } else {
        schema.append(&mut of_text);
    }
    match var.kind {
        VarType::Int | VarType::Number if var.choices.is_none() => {
            let bounds = [("minimum", &var.bounds.min), ("maximum", &var.bounds.max)];
            for (keyword, bound) in bounds {
                if let Some(bound) = bound {
                    schema.insert(keyword.to_owned(), bound.written.clone());
                }
            }
        }
        _ => words.extend(var.bounds.words()),
    }
    words.extend(default(var, &mut schema));
    if let Some(example) = &var.example {
        words.push(format!("for example `{}`", plain(example)));
    }
    if !words.is_empty() {
        schema.insert("description".to_owned(), json!(words.join("; ")));
    }
    Value::Object(schema)
}

/// Describes the form of values that are texts in JSON.
fn form(kind: VarType) -> Option<&'static str> {
    match kind {
        VarType::Time => Some("RFC 3339, a date, `today`, or an age such as `7d`"),
        VarType::Duration => Some("such as `90s` or `1h30m`"),
        VarType::Json => Some("JSON, written as text"),
        VarType::String | VarType::Int | VarType::Number | VarType::Bool | VarType::List => None,
    }
}

/// Adds the default if it is a constant, or describes it.
fn default(var: &Var, schema: &mut Map<String, Value>) -> Option<String> {
    let default = var.default.as_ref()?;
    if let Some(value) = constant(default) {
        let is_text = schema.get("type").is_some_and(|kind| kind == "string");
        let value = match value {
            Value::Null => return None,
            Value::String(_) => value,
            other if is_text => json!(plain(&other)),
            other => other,
        };
        schema.insert("default".to_owned(), value);
        return None;
    }
    let source = match default {
        ValueTemplate::Template(template) => template.source().trim(),
        _ => "",
    };
    let words = match source {
        "{{ git.project_slug }}" => "default: the project of this checkout",
        "{{ git.branch }}" => "default: the branch of this checkout",
        _ => "optional: has a default",
    };
    Some(words.to_owned())
}

/// Returns the value of a default that is no template.
pub fn constant(default: &ValueTemplate) -> Option<Value> {
    let mut templates = default.templates().into_iter();
    let is_constant = templates.all(Template::is_constant);
    is_constant.then(|| source_json(default))
}

/// Returns true if a regular expression means the same in ECMA-262, as JSON Schema takes it.
fn is_portable(pattern: &str) -> bool {
    let others = [
        "(?", "\\p", "\\P", "[[:", "\\A", "\\z", "\\x{", "\\u{", "\\U", "&&", "--", "~~",
    ];
    !others.iter().any(|other| pattern.contains(other))
}

#[cfg(test)]
#[path = "input_schema/tests.rs"]
mod tests;
