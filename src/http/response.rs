//! A response as received.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use crate::core::json;
use crate::http::{HeaderMap, StatusCode, header, headers, rate_headers};

/// Media subtypes of JSON lines, without `x-`.
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

/// Starts each text of a sequence (RFC 7464); it is not allowed unescaped in JSON.
const RECORD_SEPARATOR: u8 = 0x1e;

/// A complete response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The decompressed body; empty if a [`Receive`](crate::http::Receive) took it.
    pub body: Bytes,
    /// The number of bytes that a [`Receive`](crate::http::Receive) took.
    pub received: u64,
    /// The address on a linked host that responded, after a redirect.
    pub linked: Option<Box<Url>>,
    /// The time from sending the request to the last byte.
    pub elapsed: Duration,
}

impl Response {
    /// Returns the length of the body in bytes.
    pub fn length(&self) -> u64 {
        self.body.len() as u64 + self.received
    }

    /// Returns a header field as text; `None` if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns true if the request was rate limited: a 429, or as on GitHub a 403 with a time to
    /// retry or with nothing remaining.
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

    /// Returns the server's id of the request, from any of the common header fields.
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

    /// Parses the body as JSON.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or has too many values.
    pub fn json(&self) -> Result<Value, json::ParseError> {
        json::parse(&self.body)
    }

    /// Parses the body as a sequence of JSON texts.
    ///
    /// # Errors
    ///
    /// As [`Response::json`], for the first invalid text.
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

    /// Returns the body as text, for messages.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns true if the body is a sequence of JSON texts: JSON lines under any common name, or a
    /// JSON text sequence (RFC 7464).
    pub fn is_json_lines(&self) -> bool {
        let Some(media_type) = self.media_type() else {
            return false;
        };
        let media_type = media_type.to_ascii_lowercase();
        let Some((_, subtype)) = media_type.split_once('/') else {
            return false;
        };
        // `application/vnd.github.raw+ndjson` is defined by its suffix (RFC 6838, section 4.2.8).
        let (_, suffix) = subtype.rsplit_once('+').unwrap_or(("", subtype));
        subtype == "stream+json"
            || JSON_LINES.contains(&suffix.strip_prefix("x-").unwrap_or(suffix))
    }

    /// Returns the media type without its parameters.
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
                received: 0,
                linked: None,
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
