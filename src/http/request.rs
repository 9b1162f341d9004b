//! A rendered request.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use crate::core::percent;
use crate::core::secret::Scrubber;
use crate::http::links::without_query;
use crate::http::retry::RetryPolicy;
use crate::http::{Delivery, HeaderMap, Method, Receive, header};

/// A rendered request. It can be sent repeatedly.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method (RFC 9110, section 9).
    pub method: Method,
    /// The complete URL, including its query.
    pub url: Url,
    /// The header fields; secret values are marked sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// True if it is safe (RFC 9110, section 9.2.1): it may be retried, and its response may be
    /// cached.
    pub is_safe: bool,
    /// Statuses that are a normal response for the query and need no retry.
    pub accepted: Vec<u16>,
    /// The retry policy, if it differs from the resource's.
    pub retry: Option<Arc<RetryPolicy>>,
    /// The URL for display, if it contains a secret.
    pub shown_url: Option<String>,
    /// The item of a walk that it is for: `workflow 41e9b64b`.
    pub about: Option<Rc<str>>,
    /// True if it continues a listing. The chain of pages determines the duration of a walk, so
    /// these requests have a queue of their own.
    pub is_next_page: bool,
    /// The delivery state, if it writes.
    pub delivery: Delivery,
    /// The receiver of the body of a successful response; without one, it is held in memory.
    pub receiver: Option<Rc<dyn Receive>>,
}

/// Everything that identifies a request to a server, except the credential. Not for display:
/// headers and body may contain secrets.
#[derive(PartialEq, Eq, Hash)]
pub struct Identity<'r> {
    /// The method.
    pub method: &'r str,
    /// The complete URL.
    pub url: &'r str,
    /// The header fields in order.
    pub headers: Vec<(&'r str, &'r [u8])>,
    /// The body; `None` for a multipart body, whose bytes are not known before it is sent.
    pub content: Option<&'r [u8]>,
    /// The media type of the body, unless a header overrides it.
    pub content_type: Option<&'r str>,
}

impl Request {
    /// Creates a request without header fields and content, safe if its method is.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            is_safe: is_safe_method(&method),
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
            accepted: Vec::new(),
            retry: None,
            shown_url: None,
            about: None,
            is_next_page: false,
            delivery: Delivery::default(),
            receiver: None,
        }
    }

    /// Returns the identity of the request.
    pub fn identity(&self) -> Identity<'_> {
        let (content, content_type) = match &self.body {
            Body::Empty => (Some(&[][..]), None),
            Body::Bytes {
                content_type,
                bytes,
            } => (Some(&bytes[..]), Some(content_type.as_str())),
            Body::Multipart(_) => (None, None),
        };
        Identity {
            method: self.method.as_str(),
            url: self.url.as_str(),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect(),
            content,
            content_type,
        }
    }
}

/// The body of a request.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// Bytes with a media type.
    Bytes {
        /// The `Content-Type`, unless a header overrides it.
        content_type: String,
        /// The bytes.
        bytes: Bytes,
    },
    /// `multipart/form-data` (RFC 7578).
    Multipart(Vec<Part>),
}

impl Body {
    /// Returns true if no byte is sent.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes { bytes, .. } => bytes.is_empty(),
            Self::Multipart(_) => false,
        }
    }
}

/// One field of a multipart body.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name of the field.
    pub name: String,
    /// The value.
    pub content: PartContent,
}

/// The value of a multipart field.
#[derive(Debug, Clone)]
pub enum PartContent {
    /// Text.
    Text(String),
    /// A file.
    File {
        /// The file name sent to the server.
        file_name: String,
        /// The path on this machine.
        path: std::path::PathBuf,
        /// The media type.
        content_type: Option<String>,
        /// The content of the file.
        bytes: Bytes,
    },
}

/// The media type of unknown files (RFC 2046, section 4.5.1).
pub const OCTETS: &str = "application/octet-stream";

/// The maximum length of a URL in bytes.
pub const LONGEST_URL: usize = 65_534;

/// Returns true for methods whose body has a meaning (RFC 9110, section 9.3), so that an empty one
/// must be declared.
pub fn takes_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Removes the user and password that a server put into a URL, so that the resource's own
/// credential is used.
pub fn without_user(mut url: Url) -> Url {
    // Both fail only for a URL without a host, which has neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Returns true for a safe method (RFC 9110, section 9.2.1). `OPTIONS` is safe too, but no query
/// needs it.
pub fn is_safe_method(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns the query of a URL with a parameter set, replacing any of the same name.
pub fn with_param(query: &str, name: &str, value: &str) -> String {
    let own = percent::encode(name);
    let is_other = |pair: &&str| {
        let key = pair.split('=').next().unwrap_or(pair);
        key != own && percent::decode(key) != name
    };
    let mut pairs: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(is_other)
        .collect();
    let pair = format!("{own}={value}");
    pairs.push(&pair);
    pairs.join("&")
}

impl Request {
    /// Sets a URL parameter, replacing any of the same name.
    pub fn set_param(&mut self, name: &str, value: &str) {
        let query = with_param(
            self.url.query().unwrap_or(""),
            name,
            &percent::encode(value),
        );
        self.url.set_query(Some(&query));
    }

    /// Returns the request for another host: without any header field that may hold a secret, and
    /// with the query hidden in messages, since it may be a signature.
    #[must_use]
    pub fn to_linked_host(&self, url: Url) -> Self {
        let url = without_user(url);
        let mut headers = HeaderMap::new();
        for name in [header::ACCEPT, header::RANGE, header::IF_RANGE] {
            if let Some(value) = self.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        Self {
            shown_url: Some(without_query(&url)),
            url,
            headers,
            body: Body::Empty,
            ..self.clone()
        }
    }

    /// Returns the URL without secrets.
    pub fn shown_url(&self, scrubber: &Scrubber) -> String {
        let url = self.shown_url.as_deref().unwrap_or(self.url.as_str());
        scrubber.text(url).into_owned()
    }

    /// Returns `METHOD URL` for messages, without secrets, truncated to one line.
    ///
    /// The URL is scrubbed first: a truncated secret would not be recognized.
    pub fn label(&self, scrubber: &Scrubber) -> String {
        let mut url = self.shown_url(scrubber);
        if let Some((at, _)) = url.char_indices().nth(300) {
            url.truncate(at);
            url.push('…');
        }
        format!("{} {url}", self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::secret::Secret;

    #[test]
    fn a_label_is_scrubbed_before_it_is_cut() {
        let scrubber = Scrubber::new();
        scrubber.add(&Secret::new("canary-4f9a81c7"));
        for length in 250..310 {
            let cursor = "a".repeat(length);
            let url = format!("https://x/?cursor={cursor}&key=canary-4f9a81c7&page=2");
            let request = Request {
                method: Method::GET,
                url: Url::parse(&url).expect("a URL"),
                headers: HeaderMap::new(),
                body: Body::Empty,
                accepted: Vec::new(),
                shown_url: None,
                about: None,
                is_next_page: false,
                delivery: Delivery::default(),
                receiver: None,
                is_safe: true,
                retry: None,
            };
            let label = request.label(&scrubber);
            assert!(!label.contains("can"), "{label}");
            assert!(label.len() <= 310, "{label}");
        }
    }
}
