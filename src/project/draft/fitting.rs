//! Values of a description as values of a var: descriptions write `"10"` for 10, and one element for
//! a list.

use serde_json::{Value, json};

use crate::core::json::number;
use crate::core::secret::is_secret_name;
use crate::core::time;
use crate::description::Schema;
use crate::project::draft::literal_value;
use crate::project::query::VarType;

/// Returns the value that a var of this type takes; `None` if it takes nothing like it. Strings are
/// templates that render to the text.
pub fn fitted(value: &Value, kind: VarType, schema: &Schema) -> Option<Value> {
    let value = typed(value, kind)?;
    let allows = |schema: &Schema, value: &Value| match schema.words() {
        Some(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        None => true,
    };
    let is_allowed = match (schema, &value) {
        (Schema::List(element), Value::Array(items)) => {
            items.iter().all(|item| allows(element, item))
        }
        (schema, value) => allows(schema, value),
    };
    // A template in a list or an object is not worth the trouble.
    let is_plain = value.is_string() || !value.to_string().contains("{{");
    (is_allowed && is_plain && !holds_secret(&value)).then(|| literal_value(&value))
}

/// Returns true if a member has the name of a secret: a file must not contain one, not even as an
/// example.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| is_secret_name(name) || holds_secret(value)),
        _ => false,
    }
}

fn typed(value: &Value, kind: VarType) -> Option<Value> {
    let of_text = |text: &str| match text.trim() {
        "true" => Some(json!(true)),
        "false" => Some(json!(false)),
        text => number::from_text(text).map(Value::Number),
    };
    let value = match (kind, value) {
        (VarType::Int | VarType::Number | VarType::Bool, Value::String(text)) => of_text(text)?,
        (VarType::String | VarType::Time, Value::Number(_) | Value::Bool(_)) => {
            Value::from(value.to_string())
        }
        (VarType::List, Value::Array(_)) => value.clone(),
        (VarType::List, _) => json!([value]),
        _ => value.clone(),
    };
    let fits = match kind {
        VarType::Int => value.as_i64().is_some(),
        VarType::Number => value.is_number(),
        VarType::Bool => value.is_boolean(),
        VarType::String | VarType::Duration => value.is_string(),
        VarType::Time => (value.as_str()).is_some_and(|text| time::parse_timestamp(text).is_some()),
        VarType::List => value.is_array(),
        VarType::Json => true,
    };
    fits.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::parse_schema;

    #[test]
    fn values_have_the_type_of_their_var() {
        for (value, kind, shape, expected) in [
            (json!("10"), VarType::Int, "int", Some(json!(10))),
            (json!("10.5"), VarType::Int, "int", None),
            (json!("many"), VarType::Number, "number", None),
            (json!("true"), VarType::Bool, "bool", Some(json!(true))),
            (json!(3), VarType::String, "string", Some(json!("3"))),
            (json!("a"), VarType::String, "\"a\"|\"b\"", Some(json!("a"))),
            (json!("c"), VarType::String, "\"a\"|\"b\"", None),
            (json!("a"), VarType::List, "[string]", Some(json!(["a"]))),
            (json!(["c"]), VarType::List, "[\"a\"]", None),
            (json!("yesterday"), VarType::Time, "time", None),
            (
                json!("{{a}}"),
                VarType::String,
                "string",
                Some(json!("{{ '{{' }}a}}")),
            ),
            (json!(["{{a}}"]), VarType::List, "[string]", None),
            (json!({"api_key": "k"}), VarType::Json, "{...}", None),
        ] {
            let schema = parse_schema(shape).expect("a shape");
            assert_eq!(fitted(&value, kind, &schema), expected, "{value} {shape}");
        }
    }
}
