//! Renders the body of a request.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::core::json;
use crate::core::source::Place;
use crate::http::OCTETS;
use crate::http::{Body as Sent, Part, PartContent};
use crate::project::load;
use crate::project::query::{Body, GraphqlBody, MultipartField};
use crate::template::{RenderError, Scope, Template};

/// Renders a body.
pub fn render(body: Option<&Body>, scope: &Scope, root: &Path) -> Result<Sent, RenderError> {
    let Some(body) = body else {
        return Ok(Sent::Empty);
    };
    match body {
        Body::Json(value) => {
            // A value that renders to nothing means no body.
            Ok(match value.render(scope)? {
                Some(value) => bytes("application/json", value.to_string()),
                None => Sent::Empty,
            })
        }
        Body::Form(fields) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields {
                for text in {
                    let rendered = value.render(scope)?.unwrap_or(Value::Null);
                    scalars(name, &rendered, value.templates().first())?
                } {
                    form.append_pair(name, &text);
                }
            }
            Ok(bytes("application/x-www-form-urlencoded", form.finish()))
        }
        Body::Graphql(body) => graphql(body, scope),
        Body::Text(template) => Ok(bytes("text/plain; charset=utf-8", template.text(scope)?)),
        Body::File(template) => {
            let (_, content) = attachment(template, scope, root)?;
            Ok(Sent::Bytes {
                content_type: OCTETS.to_owned(),
                bytes: Bytes::from(content),
            })
        }
        Body::Multipart(fields) => {
            let mut parts = Vec::new();
            for (name, field) in fields {
                match field {
                    MultipartField::Value(value) => {
                        let rendered = value.render(scope)?.unwrap_or(Value::Null);
                        for text in scalars(name, &rendered, value.templates().first())? {
                            parts.push(Part {
                                name: name.clone(),
                                content: PartContent::Text(text),
                            });
                        }
                    }
                    MultipartField::File {
                        path,
                        file_name,
                        content_type,
                    } => parts.push(Part {
                        name: name.clone(),
                        content: file_part(
                            path,
                            file_name.as_ref(),
                            content_type.as_ref(),
                            scope,
                            root,
                        )?,
                    }),
                }
            }
            Ok(Sent::Multipart(parts))
        }
    }
}

fn graphql(body: &GraphqlBody, scope: &Scope) -> Result<Sent, RenderError> {
    let mut members = Map::new();
    members.insert("query".to_owned(), Value::from(&*body.document.value));
    if let Some(name) = &body.operation_name {
        members.insert("operationName".to_owned(), Value::from(name.as_str()));
    }
    let mut variables = Map::new();
    for (name, value) in &body.variables {
        if let Some(value) = value.render(scope)? {
            variables.insert(name.clone(), value);
        }
    }
    if !variables.is_empty() {
        members.insert("variables".to_owned(), Value::Object(variables));
    }
    Ok(bytes(
        "application/json",
        Value::Object(members).to_string(),
    ))
}

fn bytes(content_type: &str, content: String) -> Sent {
    Sent::Bytes {
        content_type: content_type.to_owned(),
        bytes: Bytes::from(content),
    }
}

/// Returns the texts of a form field: null drops it, a list repeats it.
fn scalars(
    name: &str,
    value: &Value,
    template: Option<&&Template>,
) -> Result<Vec<String>, RenderError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => {
            let texts: Result<Vec<_>, _> = items
                .iter()
                .map(|item| scalars(name, item, template))
                .collect();
            Ok(texts?.into_iter().flatten().collect())
        }
        Value::Object(_) => match template {
            Some(template) => Err(RenderError::new(
                template.place(),
                format!("the field `{name}` is an object, which a form cannot represent"),
            )),
            // A constant object was refused when the file was read.
            None => Ok(vec![value.to_string()]),
        },
        scalar => Ok(vec![json::plain(scalar)]),
    }
}

fn file_part(
    path: &Template,
    file_name: Option<&Template>,
    content_type: Option<&Template>,
    scope: &Scope,
    root: &Path,
) -> Result<PartContent, RenderError> {
    let (real, content) = attachment(path, scope, root)?;
    let own_name = real
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let file_name = match file_name {
        None => own_name,
        Some(template) => one_line(template, scope)?,
    };
    Ok(PartContent::File {
        file_name,
        path: real,
        content_type: content_type
            .map(|template| one_line(template, scope))
            .transpose()?,
        bytes: Bytes::from(content),
    })
}

/// Renders a text for a header of a multipart field.
fn one_line(template: &Template, scope: &Scope) -> Result<String, RenderError> {
    let text = template.text(scope)?;
    if text.chars().any(char::is_control) {
        let place: &Place = template.place();
        return Err(RenderError::new(
            place,
            "the value contains a line break or another control character",
        ));
    }
    Ok(text)
}

fn attachment(
    template: &Template,
    scope: &Scope,
    root: &Path,
) -> Result<(std::path::PathBuf, Vec<u8>), RenderError> {
    let path = template.text(scope)?;
    load::attachment(root, path.trim()).map_err(|words| RenderError::new(template.place(), words))
}
