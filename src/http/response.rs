//! A response as it came.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;

use crate::core::json;
use crate::http::{HeaderMap, StatusCode, header, headers, rate_headers};

/// The names of JSON lines, without `x-`.
const JSON_LINES: [&str; 8] = [
    "ndjson",
    "jsonl",
    "jsonlines",
    "json-lines",
    "json-seq",
    "json-stream",
    "ldjson",
    "newline-delimited-json",
];

/// Begins each text of a sequence (RFC 7464); no JSON text holds it unescaped.
const RECORD_SEPARATOR: u8 = 0x1e;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The content, decompressed.
    pub body: Bytes,
    /// From sending the request to the last byte.
    pub elapsed: Duration,
}

impl Response {
    /// A header field as text; `None` if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns true if the server refuses the request for a time only: with 429, or as GitHub does
    /// with a 403 that says when to come again or that nothing is left.
    pub fn is_rate_limited(&self) -> bool {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::FORBIDDEN => {
                headers::retry_after(&self.headers, SystemTime::now()).is_some()
                    || rate_headers::is_used_up(&self.headers)
            }
            _ => false,
        }
    }

    /// The id under which the server logged the request, in the spellings that are in use.
    pub fn request_id(&self) -> Option<&str> {
        [
            "x-request-id",
            "request-id",
            "x-correlation-id",
            "x-amzn-requestid",
        ]
        .iter()
        .find_map(|name| self.header(name))
    }

    /// The content as JSON.
    ///
    /// # Errors
    ///
    /// Fails if it is something else, or has too many values.
    pub fn json(&self) -> Result<Value, json::ParseError> {
        json::parse(&self.body)
    }

    /// The content as one JSON text after another.
    ///
    /// # Errors
    ///
    /// As [`Response::json`], for the first text that is at fault.
    pub fn json_lines(&self) -> Result<Vec<Value>, json::ParseError> {
        if !self.body.contains(&RECORD_SEPARATOR) {
            return json::parse_many(&self.body);
        }
        let blank = |byte: &u8| {
            if *byte == RECORD_SEPARATOR {
                b'\n'
            } else {
                *byte
            }
        };
        json::parse_many(&self.body.iter().map(blank).collect::<Vec<_>>())
    }

    /// The content as text, for messages.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns true if the content is one JSON text after another: JSON lines under one of the names
    /// that are in use, or a JSON text sequence (RFC 7464).
    pub fn is_json_lines(&self) -> bool {
        let Some(media_type) = self.media_type() else {
            return false;
        };
        let media_type = media_type.to_ascii_lowercase();
        let Some((_, subtype)) = media_type.split_once('/') else {
            return false;
        };
        // `application/vnd.github.raw+ndjson` is what its suffix says (RFC 6838, section 4.2.8).
        let (_, suffix) = subtype.rsplit_once('+').unwrap_or(("", subtype));
        subtype == "stream+json"
            || JSON_LINES.contains(&suffix.strip_prefix("x-").unwrap_or(suffix))
    }

    /// The media type without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        let value = self.header(header::CONTENT_TYPE.as_str())?;
        Some(value.split(';').next().unwrap_or(value).trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_json_have_many_names() {
        let is_lines = |media_type: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, media_type.parse().expect("a value"));
            let response = Response {
                status: StatusCode::OK,
                headers,
                body: Bytes::new(),
                elapsed: Duration::ZERO,
            };
            response.is_json_lines()
        };
        for name in [
            "application/x-ndjson",
            "application/ndjson; charset=utf-8",
            "Application/X-NDJSON",
            "application/jsonl",
            "application/x-jsonlines",
            "application/json-lines",
            "application/json-seq",
            "application/geo+json-seq",
            "application/stream+json",
            "application/x-json-stream",
            "application/vnd.acme.v2+ndjson",
            "text/x-ndjson",
        ] {
            assert!(is_lines(name), "{name}");
        }
        for name in [
            "application/json",
            "application/vnd.api+json",
            "application/problem+json",
            "text/plain",
            "json",
        ] {
            assert!(!is_lines(name), "{name}");
        }
    }
}
