//! Text from elsewhere as a template that renders to exactly that text.

use std::borrow::Cow;

use serde_json::Value;

/// Returns a template for a literal text: `{{`, `{%` and `{#` are written as expressions. Another
/// expression may follow it.
pub fn literal(text: &str) -> Cow<'_, str> {
    let needs_escape = ["{{", "{%", "{#"].iter().any(|start| text.contains(start));
    if !needs_escape && !text.ends_with(['\n', '\r', '{']) {
        return Cow::Borrowed(text);
    }
    // The last line break of a template is dropped (as in Jinja).
    let (body, end) = match (text.strip_suffix('\n'), text.strip_suffix('\r')) {
        (Some(body), _) => (body, r"{{ '\n' }}"),
        (None, Some(body)) => (body, r"{{ '\r' }}"),
        (None, None) => (text, ""),
    };
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = body;
    while let Some(at) = rest.find('{') {
        escaped.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, is_escaped) = match rest.as_bytes().get(1) {
            Some(b'{' | b'%' | b'#') => (2, true),
            // With what follows, it could begin an expression.
            None => (1, true),
            Some(_) => (1, false),
        };
        let (brace, after) = rest.split_at(length);
        if is_escaped {
            escaped.push_str("{{ '");
            escaped.push_str(brace);
            escaped.push_str("' }}");
        } else {
            escaped.push_str(brace);
        }
        rest = after;
    }
    escaped.push_str(rest);
    escaped.push_str(end);
    Cow::Owned(escaped)
}

/// As [`literal`], for all strings of a value. Keys are no templates.
pub fn literal_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(literal(text).into_owned()),
        Value::Array(items) => items.iter().map(literal_value).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), literal_value(member)))
            .collect(),
        other => other.clone(),
    }
}
