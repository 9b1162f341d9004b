//! Text of a copied command as templates.

use serde_json::Value;

use crate::cli::new::shell::{BEGIN, END};
use crate::project::draft::literal;

/// Returns a template that renders to a text, with shell variables read from the environment.
pub fn template(text: &str) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let Some((name, after)) = after.split_once(END) else {
            break;
        };
        whole.push_str(&literal(before));
        whole.push_str(&format!("{{{{ env.{name} }}}}"));
        rest = after;
    }
    whole.push_str(&literal(rest));
    whole
}

/// As [`template`], for all strings of a value.
pub fn value_template(value: &Value) -> Value {
    match value {
        Value::String(text) => template(text).into(),
        Value::Array(items) => items.iter().map(value_template).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), value_template(member)))
            .collect(),
        other => other.clone(),
    }
}

/// Returns the name of the only shell variable in a text.
pub fn variable(text: &str) -> Option<&str> {
    let (_, after) = text.split_once(BEGIN)?;
    let (name, rest) = after.split_once(END)?;
    (!rest.contains(BEGIN)).then_some(name)
}
