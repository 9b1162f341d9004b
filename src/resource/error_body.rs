//! Parses error responses in common formats.
//!
//! CircleCI v2 sends `message`, or `error` as text; v3 one `error` with `type`, `id`, `title`,
//! `detail` and `source`; GitHub `message`; problem details `title` and `detail` (RFC 9457); JSON:API
//! and others a list of `errors`; OAuth `error_description` (RFC 6749).

use serde_json::Value;

use crate::core::json;

/// The maximum number of errors shown from a list.
const MOST_SHOWN: usize = 3;

/// The parsed body of an error response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// The message, with the part of the request it is about.
    pub message: Option<String>,
    /// A JSON pointer to the part of the request it is about, such as `/page/limit`.
    pub pointer: Option<String>,
    /// The server's id of the error.
    pub id: Option<String>,
    /// The server's name for the kind of error.
    pub kind: Option<String>,
}

impl ErrorBody {
    /// Parses a body. Unknown fields are ignored.
    pub fn read(body: &Value) -> Self {
        let first = body.get("errors").and_then(|errors| errors.get(0));
        let error = object(body.get("error")).or_else(|| object(first));
        let of_error = |key| error.and_then(|error| text_or_number(error, key));
        Self {
            message: message(body),
            pointer: error.and_then(|error| text(error.get("source")?, "pointer")),
            id: of_error("id"),
            kind: of_error("type").or_else(|| of_error("code")),
        }
    }

    /// Parses the errors that a GraphQL response reports, whatever its status; `None` if there are
    /// none. Some servers report one that is not in a list.
    pub fn of_graphql(body: &Value) -> Option<Self> {
        let errors = match body.get("errors")? {
            Value::Null => return None,
            Value::Array(errors) => errors.as_slice(),
            other => std::slice::from_ref(other),
        };
        let first = errors.first()?;
        let path = first.get("path").and_then(Value::as_array);
        let path: Vec<String> = path.into_iter().flatten().map(json::plain).collect();
        let words = text(first, "message").or_else(|| first.as_str().map(str::to_owned));
        let message = words.map(|words| {
            let at = if path.is_empty() {
                String::new()
            } else {
                format!(" (at {})", path.join("."))
            };
            match errors.len() - 1 {
                0 => format!("{words}{at}"),
                more => format!("{words}{at}; and {more} more"),
            }
        });
        let extensions = first.get("extensions");
        Some(Self {
            message,
            pointer: (!path.is_empty()).then(|| format!("/{}", path.join("/"))),
            id: None,
            // GitHub has `type` instead.
            kind: extensions
                .and_then(|extensions| text_or_number(extensions, "code"))
                .or_else(|| text(first, "type")),
        })
    }

    /// Describes a successful response that is not one of GraphQL: it must have `data`, which is null
    /// only beside errors. `None` if it is one.
    pub fn of_no_graphql(body: &Value) -> Option<Self> {
        let says = Self::read(body);
        let fault = match body {
            Value::Object(members) => match members.get("data") {
                Some(Value::Null) => "its `data` is null, without `errors`".to_owned(),
                Some(_) => return None,
                None => "the response has no `data`".to_owned(),
            },
            other => format!("the response is {}, not an object", json::kind(other)),
        };
        let message = match &says.message {
            Some(words) => format!("{fault}, and says: {words}"),
            None => fault,
        };
        Some(Self {
            message: Some(message),
            ..says
        })
    }

    /// Maps each text.
    #[must_use]
    pub fn map(self, change: impl Fn(String) -> String) -> Self {
        Self {
            message: self.message.map(&change),
            pointer: self.pointer.map(&change),
            id: self.id.map(&change),
            kind: self.kind.map(&change),
        }
    }
}

fn message(body: &Value) -> Option<String> {
    if let Value::String(words) = body {
        return Some(words.clone());
    }
    let error = object(body.get("error"));
    let list = body.get("errors").and_then(Value::as_array);
    let all = || several(list?);
    if let Some(words) = text(body, "message") {
        return Some(match all().filter(|all| !words.contains(all)) {
            Some(all) => format!("{words}: {all}"),
            None => words,
        });
    }
    text(body, "error_description")
        .or_else(|| text(body, "error"))
        .or_else(|| error.and_then(one))
        .or_else(|| titled(body))
        .or_else(all)
}

/// Joins the messages of a list of errors.
fn several(errors: &[Value]) -> Option<String> {
    let known = |error: &Value| one(error).or_else(|| error.as_str().map(str::to_owned));
    let words: Vec<String> = errors.iter().filter_map(known).collect();
    let more = words.len().saturating_sub(MOST_SHOWN);
    let shown = words[..words.len() - more].join("; ");
    match more {
        0 => (!shown.is_empty()).then_some(shown),
        more => Some(format!("{shown}; and {more} more")),
    }
}

/// Returns the message of one error, with its place.
fn one(error: &Value) -> Option<String> {
    let words = titled(error)
        .or_else(|| text(error, "message"))
        .or_else(|| {
            Some(format!(
                "{}: {}",
                text(error, "field")?,
                text(error, "code")?
            ))
        })?;
    Some(match place(error) {
        Some(place) => format!("{words} ({place})"),
        None => words,
    })
}

/// Returns the part of the request that an error is about: `source` in CircleCI v3 and JSON:API.
fn place(error: &Value) -> Option<String> {
    let source = error.get("source")?;
    let mut parts: Vec<String> = ["parameter", "header"]
        .iter()
        .filter_map(|key| Some(format!("{key} {}", text(source, key)?)))
        .collect();
    parts.extend(text(source, "pointer"));
    parts.extend(text_or_number(source, "offset").map(|offset| format!("offset {offset}")));
    if let Some(words) = text(source, "error") {
        let at = parts.join(", ");
        return Some(if at.is_empty() {
            words
        } else {
            format!("{at}: {words}")
        });
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn titled(value: &Value) -> Option<String> {
    match (text(value, "title"), text(value, "detail")) {
        (Some(title), Some(detail)) => Some(format!("{title}: {detail}")),
        (title, detail) => title.or(detail),
    }
}

fn object(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| value.is_object())
}

fn text(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn text_or_number(value: &Value, key: &str) -> Option<String> {
    text(value, key).or_else(|| value.get(key)?.as_number().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_of_an_error_is_found_in_every_shape() {
        for (body, message) in [
            (
                json!({"message": "Project not found."}),
                "Project not found.",
            ),
            (json!({"error": "forbidden"}), "forbidden"),
            (
                json!({"error": {"title": "Invalid", "detail": "limit"}}),
                "Invalid: limit",
            ),
            (json!({"error": {"message": "no"}}), "no"),
            (json!({"title": "Out of credit"}), "Out of credit"),
            (json!({"errors": [{"message": "first"}]}), "first"),
            (json!({"errors": ["plain"]}), "plain"),
            (
                json!({"error": "invalid_grant", "error_description": "expired"}),
                "expired",
            ),
            (json!("text"), "text"),
            (
                json!({"errors": [{"title": "Invalid", "source": {"parameter": "limit"}}, "b"]}),
                "Invalid (parameter limit); b",
            ),
            (
                json!({"message": "Validation Failed", "errors": [{"field": "title", "code": "missing"}]}),
                "Validation Failed: title: missing",
            ),
            (json!({"message": "bad", "errors": ["bad"]}), "bad"),
            (
                json!({"errors": ["a", "b", "c", "d", "e"]}),
                "a; b; c; and 2 more",
            ),
        ] {
            let read = ErrorBody::read(&body);
            assert_eq!(read.message.as_deref(), Some(message), "{body}");
        }
        for body in [json!({}), json!({"message": ""}), json!([]), json!(null)] {
            assert_eq!(ErrorBody::read(&body), ErrorBody::default(), "{body}");
        }
    }

    #[test]
    fn the_errors_of_graphql_are_all_but_null_and_an_empty_list() {
        let errors = |errors: Value| ErrorBody::of_graphql(&json!({ "errors": errors }));
        for none in [json!(null), json!([])] {
            assert_eq!(errors(none.clone()), None, "{none}");
        }
        // Not as the specification has it, but errors nevertheless.
        for (one, message) in [
            (json!("text"), Some("text")),
            (json!({ "message": "text" }), Some("text")),
            (json!({}), None),
            (json!(true), None),
        ] {
            let read = errors(one.clone()).expect("an error");
            assert_eq!(read.message.as_deref(), message, "{one}");
        }
        let read = errors(json!([
            {
                "message": "Field 'x' is missing",
                "path": ["items", 1, "x"],
                "extensions": {"code": "undefinedField"},
            },
            {"message": "second"},
        ]));
        let read = read.expect("errors");
        assert_eq!(
            read.message.as_deref(),
            Some("Field 'x' is missing (at items.1.x); and 1 more")
        );
        assert_eq!(read.pointer.as_deref(), Some("/items/1/x"));
        assert_eq!(read.kind.as_deref(), Some("undefinedField"));
        let github = errors(json!([{"type": "NOT_FOUND", "message": "no"}]));
        assert_eq!(github.expect("errors").kind.as_deref(), Some("NOT_FOUND"));
        let text = errors(json!(["x"])).expect("errors");
        assert_eq!(text.message.as_deref(), Some("x"));
        assert_eq!(errors(json!([{}])), Some(ErrorBody::default()));
    }

    #[test]
    fn the_place_the_id_and_the_kind_are_kept() {
        let v3 = json!({"error": {
            "type": "invalid_request",
            "id": "0b3c",
            "title": "Invalid filter",
            "detail": "the expression cannot be read",
            "source": {"pointer": "/filter", "offset": 12, "error": "unexpected `)`"},
        }});
        let read = ErrorBody::read(&v3);
        assert_eq!(
            read.message.as_deref(),
            Some(
                "Invalid filter: the expression cannot be read (/filter, offset 12: unexpected `)`)"
            )
        );
        assert_eq!(read.pointer.as_deref(), Some("/filter"));
        assert_eq!(read.id.as_deref(), Some("0b3c"));
        assert_eq!(read.kind.as_deref(), Some("invalid_request"));
        let json_api = json!({"errors": [{
            "id": 7,
            "code": "blank",
            "title": "Name is blank",
            "source": {"pointer": "/data/attributes/name"},
        }]});
        let read = ErrorBody::read(&json_api);
        assert_eq!(
            read.message.as_deref(),
            Some("Name is blank (/data/attributes/name)")
        );
        assert_eq!(read.pointer.as_deref(), Some("/data/attributes/name"));
        assert_eq!(read.id.as_deref(), Some("7"));
        assert_eq!(read.kind.as_deref(), Some("blank"));
    }
}
