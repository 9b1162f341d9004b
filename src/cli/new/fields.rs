//! Header fields of a request that was sent elsewhere: which belong to the query, which are a
//! credential, and which any client adds.

use crate::cli::new::asked::Asked;
use crate::core::secret::{Secret, holds_token, is_secret_name};

/// The fields of a request, sorted.
#[derive(Debug, Default)]
pub struct Fields {
    /// Fields that belong to the query.
    pub own: Vec<(String, String)>,
    /// Fields with a credential. Their values are never written.
    pub secret: Vec<(String, Secret)>,
    /// The number of fields that every client adds by itself.
    pub noise: usize,
}

/// Names of fields that a client adds by itself.
const NOISE: [&str; 33] = [
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "baggage",
    "cache-control",
    "connection",
    "content-length",
    "dnt",
    "expect",
    "host",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "newrelic",
    "origin",
    "pragma",
    "priority",
    "proxy-connection",
    "referer",
    "request-id",
    "save-data",
    "sentry-trace",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "x-amzn-trace-id",
    "x-client-data",
    "x-requested-with",
];

/// Beginnings of such names; a name of HTTP/2 itself begins with a colon.
const NOISE_BEGINS: [&str; 5] = [":", "sec-", "x-b3-", "x-datadog-", "access-control-"];

/// Sorts the fields of a request. The type of its content is that of the body, not a field.
pub fn sorted(asked: &Asked) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in &asked.headers {
        let lower = name.to_ascii_lowercase();
        let is_noise = NOISE.contains(&lower.as_str())
            || NOISE_BEGINS.iter().any(|begin| lower.starts_with(begin))
            || lower == "accept" && is_usual_accept(value);
        if lower == "content-type" {
            continue;
        }
        if is_secret_name(name) || lower == "cookie" || holds_token(value) {
            fields
                .secret
                .push((name.clone(), Secret::new(value.as_str())));
        } else if is_noise {
            fields.noise += 1;
        } else {
            fields.own.push((name.clone(), value.clone()));
        }
    }
    fields
}

/// Returns true for what a client accepts unless it is told otherwise.
fn is_usual_accept(value: &str) -> bool {
    let first = value.split([',', ';']).next().unwrap_or_default().trim();
    ["*/*", "application/json", "text/html"].contains(&first)
}
