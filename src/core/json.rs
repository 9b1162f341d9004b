//! JSON values: parsing, numbers, and helpers.

mod list;
pub mod number;
mod packed;
mod parse;

use serde_json::Value;

pub use self::list::{ListParser, Step};
pub use self::packed::{pack, unpack};
pub use self::parse::{MOST_VALUES, ParseError, parse, parse_many, parse_row};

/// Returns the kind of a JSON value with its article, for messages.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Estimates the memory a value takes, in bytes.
pub fn weight(value: &Value) -> usize {
    const NODE: usize = 40;
    NODE + match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| NODE + key.len() + weight(member))
            .sum(),
    }
}

/// Returns true if two values are equal. Numbers are compared by value: `1` equals `1.0`.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number::compare(left, right).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(name).is_some_and(|other| equal(value, other)))
        }
        (left, right) => left == right,
    }
}

/// Appends a text that equal values share: JSON with every number in canonical form.
pub fn write_identity(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => text.push_str(&number::canonical(number)),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_identity(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (key, member) in members {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_identity(member, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// Converts a scalar to plain text: strings unquoted, everything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
