//! A request as it will be sent.

use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use crate::core::percent;
use crate::core::secret::Scrubber;
use crate::http::retry::RetryPolicy;
use crate::http::{Delivery, HeaderMap, Method};

/// A rendered request. It can be sent again: nothing in it is used up.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method (RFC 9110, section 9).
    pub method: Method,
    /// The whole URL, with its query.
    pub url: Url,
    /// The header fields; values that are secret are marked so.
    pub headers: HeaderMap,
    /// What is sent after the header.
    pub body: Body,
    /// True if it changes nothing on the server (RFC 9110, section 9.2.1): it may be sent again, and
    /// its answer may be kept.
    pub is_safe: bool,
    /// Statuses that are the answer that is wanted, and no reason to try again.
    pub accepted: Vec<u16>,
    /// When to try again, if not as the resource says.
    pub retry: Option<Arc<RetryPolicy>>,
    /// The URL as it may be shown, where a secret stands in it.
    pub shown_url: Option<String>,
    /// Whether it continues a listing. The chain of pages decides how long a walk takes, so these
    /// requests have a queue of their own before the budget.
    pub is_next_page: bool,
    /// Its way to the server, where it writes.
    pub delivery: Delivery,
}

/// All that makes a request the same as another one to the same server, but the credential. Not to
/// be shown: headers and content may hold secrets.
#[derive(PartialEq, Eq, Hash)]
pub struct Identity<'r> {
    /// The method.
    pub method: &'r str,
    /// The whole URL.
    pub url: &'r str,
    /// The header fields in their order.
    pub headers: Vec<(&'r str, &'r [u8])>,
    /// The content; `None` for a form, whose bytes are not known before it is sent.
    pub content: Option<&'r [u8]>,
    /// The media type of the content, unless a header says otherwise.
    pub content_type: Option<&'r str>,
}

impl Request {
    /// Returns all by which an equal request is recognized.
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

/// The content of a request.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes with their media type.
    Bytes {
        /// The `Content-Type`, unless a header says otherwise.
        content_type: String,
        /// The content.
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
    /// The field's name.
    pub name: String,
    /// Its value.
    pub content: PartContent,
}

/// The value of a multipart field.
#[derive(Debug, Clone)]
pub enum PartContent {
    /// A text.
    Text(String),
    /// A file.
    File {
        /// The name that the server is told.
        file_name: String,
        /// Where it lies on this machine.
        path: std::path::PathBuf,
        /// Its media type.
        content_type: Option<String>,
        /// Its content.
        bytes: Bytes,
    },
}

/// The longest URL that can be sent, in bytes.
pub const LONGEST_URL: usize = 65_534;

/// Returns true for the methods whose content has a meaning (RFC 9110, section 9.3), so that a request
/// without any says so.
pub fn takes_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// The URL without the user and the password that a server put into it: as a link or a redirect it
/// leads to the same place, with the credential of the resource.
pub fn without_user(mut url: Url) -> Url {
    // Both fail only for a URL without a host, which holds neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Returns true for a method that changes nothing by its definition (RFC 9110, section 9.2.1).
/// `OPTIONS` is one too, yet no query needs it: what it says is up to the server.
pub fn is_safe_method(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The query of a URL with a parameter, instead of any of the same name; the value as it is.
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
    /// Sets a URL parameter, instead of any of the same name.
    pub fn set_param(&mut self, name: &str, value: &str) {
        let query = with_param(
            self.url.query().unwrap_or(""),
            name,
            &percent::encode(value),
        );
        self.url.set_query(Some(&query));
    }

    /// The URL without secrets.
    pub fn shown_url(&self, scrubber: &Scrubber) -> String {
        let url = self.shown_url.as_deref().unwrap_or(self.url.as_str());
        scrubber.text(url).into_owned()
    }

    /// `METHOD URL` for messages, without secrets, shortened to what a line holds.
    ///
    /// The order matters: a secret that the end of the line cuts is not recognised any more.
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
                is_next_page: false,
                delivery: Delivery::default(),
                is_safe: true,
                retry: None,
            };
            let label = request.label(&scrubber);
            assert!(!label.contains("can"), "{label}");
            assert!(label.len() <= 310, "{label}");
        }
    }
}
