//! The schemas of conditions on the keys of a mapping.
//!
//! Exclusions are written as `if` and `then`, not as `not`, for which editors say no more than that a
//! schema is not allowed. `errorMessage` is known to editors, and ignored by others.

use serde_json::{Map, Value, json};

use crate::core::key::Rule;
use crate::core::name;

/// Returns the schemas of a rule, all of which must hold.
pub fn schemas(rule: &Rule) -> Vec<Value> {
    match rule {
        Rule::AnyOf(keys) => vec![any_of(keys)],
        Rule::AtMostOne(keys) => at_most_one(keys),
        Rule::AtMostOneOf(keys) => at_most_one(&keys()),
        Rule::Needs(key, others) => vec![json!({ "if": present(key), "then": all_of(others) })],
        Rule::NeedsAny(key, others) => vec![json!({ "if": present(key), "then": any_of(others) })],
        Rule::Excludes(key, others) => {
            let message = format!("not allowed beside `{key}`");
            vec![json!({ "if": present(key), "then": absent(others, &message) })]
        }
        Rule::OnlyWith(keys, others) => {
            let message = format!("only allowed with {}", name::one_of(keys));
            vec![json!({ "if": { "not": any_of(keys) }, "then": absent(others, &message) })]
        }
        Rule::NeedsAnyFor(key, value, others) => {
            vec![json!({ "if": is_value(key, value), "then": any_of(others) })]
        }
        Rule::ExcludesFor(key, value, others) => {
            let message = format!("not allowed with `{key}: {value}`");
            vec![json!({ "if": is_value(key, value), "then": absent(others, &message) })]
        }
        Rule::NotEmpty => vec![json!({ "minProperties": 1 })],
    }
}

fn is_value(key: &str, value: &str) -> Value {
    json!({ "required": [key], "properties": { key: { "const": value } } })
}

/// A key is there, and not null.
fn present(key: &str) -> Value {
    json!({ "required": [key], "properties": { key: { "not": { "type": "null" } } } })
}

fn all_of(keys: &[&str]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), json!({ "not": { "type": "null" } })))
        .collect();
    json!({ "required": keys, "properties": properties })
}

fn any_of(keys: &[&str]) -> Value {
    let all: Vec<Value> = keys.iter().map(|key| present(key)).collect();
    json!({ "anyOf": all })
}

fn absent(keys: &[&str], message: &str) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let schema = json!({ "type": "null", "errorMessage": format!("`{key}` is {message}") });
            ((*key).to_owned(), schema)
        })
        .collect();
    json!({ "properties": properties })
}

fn at_most_one(keys: &[&str]) -> Vec<Value> {
    let rule = |(index, key): (usize, &&str)| {
        let message = format!("not allowed beside `{key}`");
        json!({ "if": present(key), "then": absent(&keys[index + 1..], &message) })
    };
    let firsts = &keys[..keys.len().saturating_sub(1)];
    firsts.iter().enumerate().map(rule).collect()
}
