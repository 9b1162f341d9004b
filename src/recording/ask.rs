//! The request of an exchange.

use std::fmt::Write as _;

use ring::digest;
use url::Url;

use crate::core::json;
use crate::core::text::hex;
use crate::http::{Body, Part, PartContent, without_user};
use crate::recording::layout::push_quoted;
use crate::recording::{Ask, Content};

impl Ask {
    /// Returns the request as it is recorded and matched.
    ///
    /// The target is the path below the base URL, with the parameters as they were sent. A URL of
    /// another origin, or outside of the base URL's path, is complete.
    pub fn of(method: &str, base_url: &Url, url: &Url, body: &Body) -> Self {
        Self {
            method: method.to_owned(),
            target: target(base_url, url),
            sent: content(body),
        }
    }

    /// Returns `METHOD target`, for messages.
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

fn target(base_url: &Url, url: &Url) -> String {
    let Some(path) = below(base_url, url) else {
        let mut url = without_user(url.clone());
        url.set_fragment(None);
        return url.into();
    };
    let path = if path.is_empty() { "/" } else { path };
    match url.query() {
        None | Some("") => path.to_owned(),
        Some(query) => format!("{path}?{query}"),
    }
}

/// Returns the path below the base URL: empty, or with a leading `/`.
pub fn below<'u>(base_url: &Url, url: &'u Url) -> Option<&'u str> {
    if url.origin() != base_url.origin() {
        return None;
    }
    let base = base_url.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn content(body: &Body) -> Content {
    match body {
        Body::Empty => Content::Empty,
        Body::Bytes {
            content_type,
            bytes,
        } => Content::of(bytes, content_type),
        Body::Multipart(parts) => Content::Text(parts.iter().map(part).collect()),
    }
}

impl Content {
    /// Converts the bytes of a body: JSON if the media type says so or if they are an object or a
    /// list, else text, else bytes.
    pub fn of(bytes: &[u8], media_type: &str) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if (is_json(media_type) || matches!(first, Some(b'{' | b'[')))
            && let Ok(value) = json::parse(bytes)
        {
            return Self::Json(value);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_vec()),
        }
    }
}

/// Returns true for the media types of JSON (RFC 6839, section 3.1).
pub fn is_json(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default().trim();
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "application/json" | "text/json") || name.ends_with("+json")
}

/// Describes a multipart field on one line: its boundary differs in each request, and a file may be
/// large.
fn part(part: &Part) -> String {
    let mut line = String::from("part ");
    push_quoted(&mut line, &part.name);
    match &part.content {
        PartContent::Text(text) => {
            line.push_str(": ");
            push_quoted(&mut line, text);
        }
        PartContent::File {
            file_name,
            content_type,
            bytes,
            path: _,
        } => {
            line.push_str(" file ");
            push_quoted(&mut line, file_name);
            if let Some(content_type) = content_type {
                line.push_str(" type ");
                push_quoted(&mut line, content_type);
            }
            let digest = digest::digest(&digest::SHA256, bytes);
            let _ = write!(line, " sha256 {}", hex(digest.as_ref()));
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn a_target_is_the_path_below_the_base_url() {
        for (base, sent, expected) in [
            (
                "https://circleci.com/api/v2",
                "https://circleci.com/api/v2/me",
                "/me",
            ),
            (
                "https://circleci.com/api/v2/",
                "https://circleci.com/api/v2/me?a=1&b=%2F",
                "/me?a=1&b=%2F",
            ),
            (
                "https://circleci.com/api/v2",
                "https://circleci.com/api/v2",
                "/",
            ),
            (
                "https://circleci.com/api/v2",
                "https://circleci.com/api/v2?page=2",
                "/?page=2",
            ),
            (
                "https://circleci.com/api/v2",
                "https://circleci.com/api/v20/me",
                "https://circleci.com/api/v20/me",
            ),
            (
                "https://circleci.com/api/v2",
                "https://circleci.com/private/x#y",
                "https://circleci.com/private/x",
            ),
            (
                "https://a.example",
                "https://a.example:8443/x",
                "https://a.example:8443/x",
            ),
            (
                "https://a.example",
                "http://u:p@b.example/x?y",
                "http://b.example/x?y",
            ),
            (
                "https://a.example",
                "https://a.example/x/gh%2Fa?",
                "/x/gh%2Fa",
            ),
        ] {
            let ask = Ask::of("GET", &url(base), &url(sent), &Body::Empty);
            assert_eq!(ask.target, expected, "{sent}");
            assert_eq!(ask.label(), format!("GET {expected}"));
        }
    }

    #[test]
    fn bodies_are_json_text_or_bytes() {
        let shown = |content_type: &str, bytes: &'static [u8]| {
            let body = Body::Bytes {
                content_type: content_type.to_owned(),
                bytes: Bytes::from_static(bytes),
            };
            let base = url("https://a.example");
            match Ask::of("POST", &base, &base, &body).sent {
                Content::Empty => "empty".to_owned(),
                Content::Json(value) => format!("json {value}"),
                Content::Text(text) => format!("text {text}"),
                Content::Bytes(bytes) => format!("bytes {}", bytes.len()),
            }
        };
        assert_eq!(shown("application/json", b"1.10"), "json 1.10");
        assert_eq!(
            shown("application/problem+json; charset=utf-8", b"null"),
            "json null"
        );
        assert_eq!(shown("text/plain", b" [1]"), "json [1]");
        assert_eq!(shown("text/plain", b"1"), "text 1");
        assert_eq!(shown("application/json", b"{x"), "text {x");
        assert_eq!(
            shown("application/x-www-form-urlencoded", b"a=1"),
            "text a=1"
        );
        assert_eq!(shown("application/octet-stream", b"\xff\x00"), "bytes 2");
        assert_eq!(shown("application/json", b""), "empty");
    }

    #[test]
    fn a_form_is_described_without_its_boundary() {
        let body = Body::Multipart(vec![
            Part {
                name: "note".to_owned(),
                content: PartContent::Text("two\nlines".to_owned()),
            },
            Part {
                name: "report".to_owned(),
                content: PartContent::File {
                    file_name: "a \"b\".txt".to_owned(),
                    path: "/home/me/a.txt".into(),
                    content_type: Some("text/plain".to_owned()),
                    bytes: Bytes::from_static(b"abc"),
                },
            },
        ]);
        let base = url("https://a.example");
        let Content::Text(text) = Ask::of("POST", &base, &base, &body).sent else {
            panic!("a text");
        };
        insta::assert_snapshot!(text, @r#"
        part "note": "two\nlines"
        part "report" file "a \"b\".txt" type "text/plain" sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
        "#);
    }
}
