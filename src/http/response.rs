//! A response as it came.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::core::json;
use crate::http::{HeaderMap, StatusCode, header};

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

    /// The content as text, for messages.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The media type without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        let value = self.header(header::CONTENT_TYPE.as_str())?;
        Some(value.split(';').next().unwrap_or(value).trim())
    }
}
