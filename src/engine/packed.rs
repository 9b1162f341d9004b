//! Serializes responses.

use std::time::Duration;

use bytes::Bytes;

use crate::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

/// Serializes a response: status, header fields, an empty line, body.
pub fn packed(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(response.body.len() + 1_024);
    bytes.extend_from_slice(&response.status.as_u16().to_be_bytes());
    let nanos = u64::try_from(response.elapsed.as_nanos()).unwrap_or(u64::MAX);
    bytes.extend_from_slice(&nanos.to_be_bytes());
    for (name, value) in &response.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(&response.body);
    bytes
}

/// Deserializes a response; `None` if the bytes are invalid.
pub fn unpacked(bytes: &[u8]) -> Option<Response> {
    let (status, rest) = bytes.split_first_chunk::<2>()?;
    let (nanos, mut rest) = rest.split_first_chunk::<8>()?;
    let mut headers = HeaderMap::new();
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', line)?;
        headers.append(
            HeaderName::from_bytes(&line[..colon]).ok()?,
            HeaderValue::from_bytes(&line[colon + 1..]).ok()?,
        );
    }
    Some(Response {
        status: StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?,
        headers,
        body: Bytes::copy_from_slice(rest),
        received: 0,
        linked: None,
        elapsed: Duration::from_nanos(u64::from_be_bytes(*nanos)),
    })
}
