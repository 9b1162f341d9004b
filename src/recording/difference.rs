//! The difference between two requests, in words.

use serde_json::Value;

use crate::core::json;
use crate::core::text::{one_line, truncate_to_width};
use crate::recording::Content;
use crate::recording::json_path::JsonPath;

/// The width of a value in a message.
const SHOWN: usize = 60;

/// The side that a request was compared with.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// A recorded request.
    Recorded,
    /// The `sent` of an override.
    Written,
}

impl Known {
    fn was(self) -> &'static str {
        match self {
            Self::Recorded => "recorded was",
            Self::Written => "`sent` is",
        }
    }
}

/// Returns the first difference between a body and the one it was compared with, in words.
pub fn body_difference(asked: &Content, known: &Content, kind: Known) -> String {
    let words = match (asked, known) {
        (Content::Json(asked), Content::Json(known)) => {
            first_difference(&mut JsonPath::root(), asked, known, kind.was())
        }
        _ => None,
    };
    let words =
        words.unwrap_or_else(|| format!("is {}, recorded was {}", content(asked), content(known)));
    if words.starts_with("is ") {
        format!("the body {words}")
    } else {
        format!("the body: {words}")
    }
}

fn content(content: &Content) -> String {
    match content {
        Content::Empty => "empty".to_owned(),
        Content::Json(value) => shown(value),
        Content::Text(text) => shown(&Value::from(text.as_str())),
        Content::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    // A value may be large: only its beginning is laid out.
    let end = crate::core::source::floor_boundary(&text, 8 * SHOWN);
    let text = one_line(&text[..end]).into_owned();
    format!("`{}`", truncate_to_width(&text, SHOWN))
}

fn first_difference(
    path: &mut JsonPath,
    asked: &Value,
    known: &Value,
    was: &str,
) -> Option<String> {
    match (asked, known) {
        (Value::Object(asked), Value::Object(known)) => {
            for (name, known) in known {
                let found = path.at_member(name, |path| match asked.get(name) {
                    Some(asked) => first_difference(path, asked, known, was),
                    None => Some(format!(
                        "`{}` is absent, {was} {}",
                        path.as_str(),
                        shown(known)
                    )),
                });
                if found.is_some() {
                    return found;
                }
            }
            let (name, asked) = asked.iter().find(|(name, _)| !known.contains_key(*name))?;
            path.at_member(name, |path| {
                Some(format!(
                    "`{}` is {}, {was} none",
                    path.as_str(),
                    shown(asked)
                ))
            })
        }
        (Value::Array(asked), Value::Array(known)) => {
            for (index, (asked, known)) in asked.iter().zip(known).enumerate() {
                let found = path.at_item(index, |path| first_difference(path, asked, known, was));
                if found.is_some() {
                    return found;
                }
            }
            (asked.len() != known.len()).then(|| {
                format!(
                    "the length of `{}` is {}, {was} {}",
                    path.as_str(),
                    asked.len(),
                    known.len()
                )
            })
        }
        (asked, known) if json::equal(asked, known) => None,
        (asked, known) => Some(format!(
            "`{}` is {}, {was} {}",
            path.as_str(),
            shown(asked),
            shown(known)
        )),
    }
}
