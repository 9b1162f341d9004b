//! The request part of a query file: method, endpoint, params, headers, body.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Node};
use crate::core::name;
use crate::core::percent;
use crate::core::secret::is_secret_param;
use crate::core::source::Text;
use crate::http::{HeaderName, Method};
use crate::project::query::{Address, Body, MultipartField};
use crate::project::query_file::{Surroundings, graphql, url};
use crate::project::resource_file::headers;
use crate::project::template::{Names, ValueTemplate, scalar_template, template};
use crate::project::{grammar, literal};
use crate::template::{Piece, Template};

/// The parts of the request that could be read.
pub struct RequestParts {
    pub method: Option<Method>,
    pub address: Option<Address>,
    pub params: Vec<(String, Option<ValueTemplate>)>,
    pub headers: Vec<(HeaderName, Option<Template>)>,
    /// True if the body is GraphQL, valid or not.
    pub is_graphql: bool,
    pub body: Option<Body>,
}

/// Reads the request.
pub fn read(
    fields: &mut Fields<'_>,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> RequestParts {
    let body_entry = fields.entry("body").filter(|entry| !entry.value.is_null());
    let is_graphql = body_entry.is_some_and(|entry| entry.value.get(graphql::FORM).is_some());
    let method = match fields.get("method") {
        None if is_graphql => Some(Method::POST),
        None => Some(Method::GET),
        Some(node) => node
            .one_of("method", &grammar::METHODS, faults)
            .and_then(|word| word.parse().ok()),
    };
    let endpoint_node = fields.get("endpoint");
    let url_entry = fields.entry("url").filter(|entry| !entry.value.is_null());
    let address = match (endpoint_node, url_entry) {
        (Some(node), None) => endpoint(node, names, faults).map(Address::Endpoint),
        (None, Some(entry)) => url::read(&entry.value, names, faults).map(Address::Url),
        (Some(_), Some(entry)) => {
            let words = "a query has either an `endpoint` or a `url`";
            faults.push(Diagnostic::at(&entry.key_place, Code::Url, words));
            None
        }
        (None, None) => None,
    };
    let params_entry = fields
        .entry("params")
        .filter(|entry| !entry.value.is_null());
    if url_entry.is_some() {
        url::refuse_beside(
            params_entry,
            method.as_ref(),
            fields.entry("method"),
            faults,
        );
    }
    let params = params(params_entry.map(|entry| &entry.value), names, faults);
    let headers = headers(fields.get("headers"), names, faults);
    // If the method is unknown, a body is assumed to be allowed.
    let known_method = method.clone().unwrap_or(Method::POST);
    let body = body_entry.and_then(|entry| body(entry, &known_method, names, around, faults));
    RequestParts {
        method,
        address,
        params,
        headers,
        is_graphql,
        body,
    }
}

/// Reads a path relative to the resource's base URL.
pub fn endpoint(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    let text = node.text("endpoint", faults)?;
    let trimmed = text.value.trim();
    let text = Text::new(trimmed, &text.place);
    let template = template(&text, names, faults)?;
    let Some(pieces) = template.pieces() else {
        faults.push(
            Diagnostic::at(
                &node.place,
                Code::Endpoint,
                "an endpoint cannot have statements, only `{{ … }}`",
            )
            .help("write `{{ a if b else c }}`, or put optional parts under `params`"),
        );
        return None;
    };
    let literal: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Raw(raw) => raw.as_str(),
            Piece::Hole(_) => "x",
        })
        .collect();
    let path = literal.split('?').next().unwrap_or_default();
    let problem =
        if literal.contains("://") && !literal.starts_with('/') || literal.starts_with("//") {
            Some(
                "an endpoint is relative to the resource's `base_url`, and cannot be on another \
                host",
            )
        } else if literal.contains('#') {
            Some("an endpoint cannot have `#`: a fragment is never sent")
        } else if literal.contains('\\') {
            Some("an endpoint cannot have `\\`")
        } else if literal.chars().any(char::is_control) {
            Some("an endpoint must be one line")
        } else if path.split('/').any(percent::is_dot_segment) {
            Some("an endpoint cannot have a `.` or `..` segment, which would change the path")
        } else {
            None
        };
    let query = literal.split_once('?').map_or("", |(_, query)| query);
    let holds_secret = query.split('&').any(|pair| {
        pair.split_once('=')
            .is_some_and(|(name, value)| is_secret_param(name) && value != "x" && !value.is_empty())
    });
    if holds_secret {
        faults.push(literal::literal(node));
        return None;
    }
    if let Some(words) = problem {
        faults.push(Diagnostic::at(&node.place, Code::Endpoint, words));
        return None;
    }
    Some(template)
}

fn params(
    node: Option<&Node>,
    names: &Names,
    faults: &mut Diagnostics,
) -> Vec<(String, Option<ValueTemplate>)> {
    let Some(node) = node else { return Vec::new() };
    let mut params = Vec::new();
    for entry in node.entries("params", faults) {
        if entry.value.is_null() {
            params.push((entry.key.clone(), None));
            continue;
        }
        if let Some(value) = flat_value(entry, names, faults) {
            if is_secret_param(&entry.key) && literal::is_literal(&value.templates()) {
                faults.push(literal::literal(&entry.value));
            }
            params.push((entry.key.clone(), Some(value)));
        }
    }
    params
}

fn flat_value(entry: &Entry, names: &Names, faults: &mut Diagnostics) -> Option<ValueTemplate> {
    if !is_flat(&entry.value) {
        let expected = "a value or a list of values";
        faults.push(entry.value.mismatch(&entry.key, expected));
        return None;
    }
    ValueTemplate::read(&entry.value.as_written(), names, faults)
}

fn is_flat(node: &Node) -> bool {
    match &node.content {
        Content::Map(_) => false,
        Content::List(items) => items
            .iter()
            .all(|item| !matches!(item.content, Content::Map(_) | Content::List(_))),
        _ => true,
    }
}

fn body(
    entry: &Entry,
    method: &Method,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Body> {
    if matches!(*method, Method::GET | Method::HEAD) {
        faults.push(
            Diagnostic::at(
                &entry.key_place,
                Code::Body,
                format!("a {method} cannot have a body (RFC 9110, section 9.3.1)"),
            )
            .help("set `method: POST`, or send the values as `params`"),
        );
        return None;
    }
    let forms: Vec<&str> = grammar::BODY.iter().map(|key| key.name).collect();
    let expected = format!("one of {}", name::one_of(&forms));
    let form = match &entry.value.content {
        Content::Map(entries) if entries.len() == 1 => &entries[0],
        _ => {
            faults.push(
                entry
                    .value
                    .mismatch("body", &expected)
                    .help("write `body: { json: { … } }`"),
            );
            return None;
        }
    };
    let value = &form.value;
    match form.key.as_str() {
        "json" => ValueTemplate::read(value, names, faults).map(Body::Json),
        "form" => {
            let mut fields = Vec::new();
            for field in value.entries("form", faults) {
                let value = flat_value(field, names, faults);
                fields.extend(value.map(|value| (field.key.clone(), value)));
            }
            Some(Body::Form(fields))
        }
        "multipart" => {
            let mut fields = Vec::new();
            for field in value.entries("multipart", faults) {
                let read = multipart_field(&field.value, names, faults)?;
                fields.push((field.key.clone(), read));
            }
            Some(Body::Multipart(fields))
        }
        "text" => scalar_template(value, "text", names, faults).map(Body::Text),
        "file" => {
            let path = value.text("file", faults)?;
            template(&path, names, faults).map(Body::File)
        }
        graphql::FORM => {
            let body = graphql::read(form, names, around, faults);
            if *method != Method::POST {
                let words = format!("GraphQL is sent with POST, not {method}");
                faults.push(
                    Diagnostic::at(&entry.key_place, Code::Graphql, words)
                        .help("remove `method`: it is POST by default"),
                );
            }
            body.map(|body| Body::Graphql(Box::new(body)))
        }
        other => {
            let words = format!("no kind of `body` is named `{other}`");
            faults.push(
                Diagnostic::at(&form.key_place, Code::UnknownKey, words)
                    .maybe_help(name::hint(other, forms)),
            );
            None
        }
    }
}

fn multipart_field(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<MultipartField> {
    if !matches!(node.content, Content::Map(_)) {
        if !is_flat(node) {
            faults.push(node.mismatch("multipart", "a value, or `{file: …}`"));
            return None;
        }
        return ValueTemplate::read(&node.as_written(), names, faults).map(MultipartField::Value);
    }
    let mut fields = node.fields_of("multipart", grammar::MULTIPART_FILE, faults);
    let mut part = |key: &'static str, faults: &mut Diagnostics| {
        fields
            .text(key, faults)
            .and_then(|text| template(&text, names, faults))
    };
    let path = part("file", faults);
    let file_name = part("file_name", faults);
    let content_type = part("content_type", faults);
    fields.finish(faults);
    if node.get("file").is_none() {
        let words = "a field that is a mapping needs `file`";
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
    }
    Some(MultipartField::File {
        path: path?,
        file_name,
        content_type,
    })
}
