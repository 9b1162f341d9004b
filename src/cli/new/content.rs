//! The body of a request that was sent elsewhere, as that of a query.

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::cli::new::asked::{Asked, AskedBody, AskedPart};
use crate::cli::new::text::{template, value_template};
use crate::core::json;
use crate::core::secret::{holds_token, is_secret_param};
use crate::project::draft::DraftBody;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A body, and what it needs.
pub struct Content {
    /// The body.
    pub body: DraftBody,
    /// The media type, if it is not that of such a body.
    pub media_type: Option<String>,
    /// Notes for the user.
    pub notes: Vec<String>,
}

/// Returns the body of a request. Values of secret members are read from the environment.
pub fn content(asked: &Asked) -> Option<Content> {
    let given = asked.header("content-type").map(str::to_owned);
    let media_type = given.as_deref().unwrap_or(FORM);
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let mut notes = Vec::new();
    let (body, usual) = match asked.body.as_ref()? {
        AskedBody::File(path) => (DraftBody::File(template(path)), None),
        AskedBody::Multipart(parts) => {
            let mut fields = Vec::new();
            for (name, part) in parts {
                fields.push((name.clone(), field(name, part, &mut notes)));
            }
            return Some(Content {
                body: DraftBody::Multipart(fields),
                media_type: None,
                notes,
            });
        }
        AskedBody::Text(text) => text_body(text, media_type, &mut notes),
    };
    // Without a field, curl says that it is a form.
    let content_type = match &usual {
        Some(usual) if *usual == media_type || given.is_none() => None,
        _ => given.or_else(|| Some(FORM.to_owned())),
    };
    Some(Content {
        body,
        media_type: content_type,
        notes,
    })
}

/// Returns a text as a body, and the media type that such a body has.
fn text_body(
    text: &str,
    media_type: &str,
    notes: &mut Vec<String>,
) -> (DraftBody, Option<&'static str>) {
    let is_json = media_type.ends_with("json");
    let parsed = json::parse(text.as_bytes()).ok();
    let is_document = |value: &Value| value.is_object() || value.is_array();
    if let Some(value) = parsed.filter(|value| is_json || is_document(value)) {
        if !is_json {
            notes.push("the body is JSON, and is sent as such".to_owned());
        }
        if let Some(graphql) = graphql(&value) {
            return (graphql, Some(JSON));
        }
        let value = without_secrets(&value, notes);
        return (DraftBody::Json(value), Some(JSON));
    }
    if media_type == FORM && text.contains('=') {
        let mut fields: Vec<(String, Value)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = secret_or(&name, &value, notes);
            match fields.iter_mut().find(|(known, _)| *known == name) {
                None => fields.push((name.into_owned(), value)),
                Some((_, Value::Array(values))) => values.push(value),
                Some((_, first)) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        return (DraftBody::Form(fields), Some(FORM));
    }
    (DraftBody::Text(template(text)), Some("text/plain"))
}

/// Returns a JSON body as it is, even if it is a request of GraphQL.
pub fn as_json(asked: &Asked) -> Option<DraftBody> {
    let Some(AskedBody::Text(text)) = &asked.body else {
        return None;
    };
    let value = json::parse(text.as_bytes()).ok()?;
    Some(DraftBody::Json(without_secrets(&value, &mut Vec::new())))
}

/// Returns the request of GraphQL that a document is.
fn graphql(value: &Value) -> Option<DraftBody> {
    let members = value.as_object()?;
    let is_known = |name: &str| ["query", "variables", "operationName"].contains(&name);
    let query = members.get("query")?.as_str()?;
    if !query.contains('{') || !members.keys().all(|name| is_known(name)) {
        return None;
    }
    let mut graphql = Map::new();
    graphql.insert("query".to_owned(), query.into());
    if let Some(operation) = members.get("operationName").filter(|name| name.is_string()) {
        graphql.insert("operation".to_owned(), operation.clone());
    }
    let variables = members.get("variables");
    if let Some(variables) =
        variables.filter(|value| value.as_object().is_some_and(|all| !all.is_empty()))
    {
        graphql.insert("variables".to_owned(), value_template(variables));
    }
    Some(DraftBody::Graphql(graphql))
}

/// As [`value_template`], with secret members read from the environment.
fn without_secrets(value: &Value, notes: &mut Vec<String>) -> Value {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| without_secrets(item, notes))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| {
                let member = match member {
                    Value::String(text) => secret_or(key, text, notes),
                    other => without_secrets(other, notes),
                };
                (key.clone(), member)
            })
            .collect(),
        Value::String(text) if holds_token(text) => secret_or("token", text, notes),
        other => value_template(other),
    }
}

/// Variables that are set on every machine, with other values.
const USUAL_VARIABLES: [&str; 10] = [
    "EDITOR", "HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "USER",
];

/// Returns true for the names of signatures and sessions.
fn is_of_session(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "assertion",
        "code_verifier",
        "hmac",
        "session",
        "session_id",
        "sessionid",
        "sid",
        "sig",
        "signature",
    ];
    NAMES.contains(&name.to_lowercase().as_str())
}

/// Returns the template that reads a secret from the environment.
pub fn from_environment(name: &str, notes: &mut Vec<String>) -> Value {
    let variable: String = name
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => character.to_ascii_uppercase(),
            _ => '_',
        })
        .collect();
    let variable = if USUAL_VARIABLES.contains(&variable.as_str()) {
        format!("API_{variable}")
    } else {
        variable
    };
    notes.push(format!(
        "the value of `{name}` is not written: it is read from `{variable}`"
    ));
    format!("{{{{ env.{variable} }}}}").into()
}

/// Returns the template of a value; that of a secret reads the environment.
fn secret_or(name: &str, value: &str, notes: &mut Vec<String>) -> Value {
    let is_secret = is_secret_param(name) || is_of_session(name) || holds_token(value);
    let text = template(value);
    if !is_secret || value.is_empty() || text.contains("{{ env.") {
        return text.into();
    }
    from_environment(name, notes)
}

fn field(name: &str, part: &AskedPart, notes: &mut Vec<String>) -> Value {
    match part {
        AskedPart::Text(text) => secret_or(name, text, notes),
        AskedPart::File {
            path,
            content_type,
            file_name,
        } => {
            let mut field = json!({ "file": template(path) });
            if let Some(content_type) = content_type {
                field["content_type"] = template(content_type).into();
            }
            if let Some(file_name) = file_name {
                field["file_name"] = template(file_name).into();
            }
            field
        }
    }
}
