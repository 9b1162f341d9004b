//! The attempt to sign, as available to templates.

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::http::{Body, Request, header};
use crate::template::{Scope, Template};

/// The name of the attempt in templates.
pub const NAME: &str = "request";

/// Reads a member of the attempt.
type Read = fn(&Request, SystemTime) -> Result<Value, String>;

/// The members of the attempt, as sent.
const MEMBERS: [(&str, Read); 7] = [
    ("body", |request, _| Ok(body(request)?.into())),
    ("headers", |request, _| Ok(fields(request))),
    ("method", |request, _| Ok(request.method.as_str().into())),
    ("path", |request, _| Ok(request.url.path().into())),
    ("query", |request, _| {
        Ok(request.url.query().unwrap_or_default().into())
    }),
    ("timestamp", |_, now| Ok(seconds(now).into())),
    ("url", |request, _| Ok(url(request).into())),
];

/// Returns the names of the members.
pub fn members() -> [&'static str; MEMBERS.len()] {
    MEMBERS.map(|(name, _)| name)
}

/// Returns true if a template uses the attempt.
pub fn is_in(template: &Template) -> bool {
    template.mentions().has(NAME)
}

/// Returns a scope in which these templates can use the attempt. Members they do not use are not
/// read, since a body may be large.
///
/// # Errors
///
/// A message, if a member they use is not available.
pub fn seen(
    scope: &Scope,
    templates: &[&Template],
    request: &Request,
    now: SystemTime,
) -> Result<Scope, String> {
    let is_mentioned = |member: &str| {
        templates.iter().any(|template| {
            let mut mentions = template.mentions().iter();
            mentions.any(|mention| {
                let named = mention.path.get(1);
                mention.root() == NAME && named.is_none_or(|name| name == member)
            })
        })
    };
    let mut attempt = Map::new();
    for (name, read) in MEMBERS {
        if is_mentioned(name) {
            attempt.insert(name.to_owned(), read(request, now)?);
        }
    }
    Ok(scope.with_record(NAME, &Value::Object(attempt)))
}

fn seconds(now: SystemTime) -> u64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn url(request: &Request) -> String {
    let mut url = request.url.clone();
    url.set_fragment(None);
    url.to_string()
}

fn body(request: &Request) -> Result<&str, String> {
    match &request.body {
        Body::Empty => Ok(""),
        Body::Bytes { bytes, .. } => std::str::from_utf8(bytes)
            .map_err(|_| "the body is not UTF-8, so `request.body` cannot be signed".to_owned()),
        // Its boundary is chosen when it is sent.
        Body::Multipart(_) => {
            Err("`request.body` of a `multipart` body cannot be signed".to_owned())
        }
    }
}

/// Returns the header fields by lower-case name.
fn fields(request: &Request) -> Value {
    let mut fields = Map::new();
    if let Body::Bytes { content_type, .. } = &request.body {
        let name = header::CONTENT_TYPE.as_str();
        fields.insert(name.to_owned(), content_type.as_str().into());
    }
    for (name, value) in &request.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        fields.insert(name.as_str().to_owned(), value.into());
    }
    Value::Object(fields)
}
