//! Kinds of API: the `type` of a resource.
//!
//! A kind provides the presets of a resource file and the conventions of its API: how a token is
//! sent, how lists are paged, how errors are reported, and what they probably mean. A new kind takes
//! one file with a `KIND` and one line in `kinds!`.
//!
//! [`Resource`] is a checked resource file. Reading YAML happens elsewhere.

mod error_body;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::auth::{Auth, TokenScheme};
use crate::core::source::{Place, SourceFile, Text};
use crate::http::pace::RateLimit;
use crate::http::retry::RetryPolicy;
use crate::http::{HeaderName, HeaderValue, Links, Method, StatusCode, header};
use crate::paginate::{Pagination, Style};
use crate::recording::Redaction;
use crate::template::Template;
use crate::template::selector::Selector;

pub use error_body::ErrorBody;

/// The conventions of a kind of API.
pub trait Speak: Sync {
    /// Returns the `type` in a resource file.
    fn kind(&self) -> &'static str;

    /// Returns the `api` in a resource file, if the kind has several.
    fn api(&self) -> Option<&'static str> {
        None
    }

    /// Returns the default base URL.
    fn base_url(&self) -> Option<&'static str> {
        None
    }

    /// Returns the scheme for `auth: { token: … }`.
    fn token_scheme(&self) -> Option<TokenScheme> {
        None
    }

    /// Returns the template of the default token, which is sent in the token scheme.
    fn default_token(&self) -> Option<&'static str> {
        None
    }

    /// Returns the header fields of every request, unless a file sets them.
    fn headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &JSON
    }

    /// Returns the hosts that addresses in its responses lead to, as in `links`.
    fn links(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the values in its responses that recordings do not keep, as in `redact`.
    fn redactions(&self) -> &'static [(&'static str, Redaction)] {
        &[]
    }

    /// Returns the pagination style for a safe request with this method. `route` is the path below
    /// the base URL.
    fn pagination(&self, method: &Method, route: &str) -> Option<Style>;

    /// Returns true for a request that is safe although its method is not: a search sent as a POST.
    /// `route` holds the segments below the base URL, with `{}` in place of a value.
    fn is_search(&self, _method: &Method, _route: &[&str]) -> bool {
        false
    }

    /// Returns true if the built-in description lacks parts of the API.
    fn is_known_in_part(&self) -> bool {
        false
    }

    /// Returns the host of the API, if there is only one.
    fn only_at(&self) -> Option<&'static str> {
        None
    }

    /// Returns the built-in description of the API as a compact text, if there is one.
    fn description(&self) -> Option<&'static str> {
        None
    }

    /// Returns true if a resource file can name a description of its API.
    fn takes_openapi(&self) -> bool {
        false
    }

    /// Returns the endpoint that `ping` requests, relative to the base URL; `None` if there is none
    /// that shows anything.
    fn health_check(&self) -> Option<&'static str> {
        Some("")
    }

    /// Returns the name of the token's user, from the response to the health check.
    fn who(&self, _answer: &Value) -> Option<String> {
        None
    }

    /// Returns the name of the API if every response to its health check names the user, so that
    /// any other response comes from a different server.
    fn always_names_user(&self) -> Option<&'static str> {
        None
    }

    /// Explains a status code on a path, if its meaning with this API is surprising.
    fn advice(&self, _status: StatusCode, _path: &str) -> Option<&'static str> {
        None
    }

    /// Returns hints for a missing token.
    fn token_hints(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the place of the embedded demo that imitates this kind of API, if one does.
    fn demo(&self) -> Option<DemoPlace> {
        None
    }

    /// Returns a function that recognizes final responses, if the kind has one.
    fn finality(&self) -> Option<IsFinal> {
        None
    }
}

/// A place of the embedded demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoPlace {
    /// A path on its API's origin.
    Api(&'static str),
    /// The origin of its storage.
    Storage,
}

/// The media type of the responses that queries can read.
static JSON: [(HeaderName, HeaderValue); 1] =
    [(header::ACCEPT, HeaderValue::from_static("application/json"))];

/// Returns true if a response to a GET of a route below the base URL shows that it will never
/// change. In doubt, returns false.
pub type IsFinal = fn(route: &str, answer: &Value) -> bool;

/// Declares the kinds: a module each, and the list for grammar and messages.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        $(mod $kind;)+

        /// All kinds. The first of a `type` is the one without an `api`.
        pub static KINDS: &[&dyn Speak] = &[$($kind::KIND),+];
    };
}

kinds![circleci, circleci_v3, circleci_v1, circleci_artifacts, rest];

/// The default number of concurrent requests.
pub const CONCURRENCY: usize = 8;

/// A checked resource file.
#[derive(Clone)]
pub struct Resource {
    /// The name in queries.
    pub name: String,
    /// The folder in listings.
    pub folder: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// The file that it stands in.
    pub source: Arc<SourceFile>,
    /// The kind of API.
    pub kind: &'static dyn Speak,
    /// The base URL; endpoints are appended to its path.
    pub base_url: Template,
    /// The authentication.
    pub auth: Auth,
    /// Header fields sent with every request.
    pub headers: Vec<(HeaderName, Template)>,
    /// URL parameters sent with every request.
    pub params: Vec<(String, Template)>,
    /// The methods allowed.
    pub access: Access,
    /// The timeout of a complete response.
    pub timeout: Duration,
    /// The timeout of a connection.
    pub connect_timeout: Duration,
    /// The maximum size of a response in bytes.
    pub max_body: u64,
    /// The retry policy.
    pub retry: RetryPolicy,
    /// The rate limit.
    pub rate_limit: Option<RateLimit>,
    /// The maximum number of concurrent requests.
    pub concurrency: usize,
    /// The default pagination of its queries.
    pub paginate: Pagination,
    /// The hosts that an address from a response may lead to.
    pub links: Links,
    /// The values in responses that recordings do not keep.
    pub redact: Vec<(Selector, Redaction)>,
    /// The certificates.
    pub tls: TlsFiles,
    /// Its own proxy.
    pub proxy: Option<Template>,
    /// The address of the database with its budget, if several processes share its limit.
    pub budget: Option<Template>,
}

/// Certificate files, relative to the project's folder.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Additional root certificates.
    pub ca_file: Option<Text>,
    /// The client certificate.
    pub client_cert: Option<Text>,
    /// The key of the client certificate.
    pub client_key: Option<Text>,
    /// True to trust the system's root certificates too.
    pub system_certs: bool,
}

/// The access to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// All requests.
    #[default]
    ReadWrite,
    /// Safe requests only.
    ReadOnly,
    /// Writing requests only: a webhook takes messages and has nothing to read.
    WriteOnly,
}

impl Access {
    const ALL: [(&'static str, Self); 3] = [
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("write-only", Self::WriteOnly),
    ];

    /// Returns the names in files.
    pub fn names() -> [&'static str; 3] {
        Self::ALL.map(|(name, _)| name)
    }

    /// Returns the access with a name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, access)| *access)
    }

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::WriteOnly => "write-only",
        }
    }

    /// Returns true if safe requests are allowed.
    pub fn may_read(self) -> bool {
        self != Self::WriteOnly
    }

    /// Returns true if writing requests are allowed.
    pub fn may_write(self) -> bool {
        self != Self::ReadOnly
    }
}

impl Resource {
    /// Returns the start of the file, for faults without a line.
    pub fn place(&self) -> Place {
        Place {
            file: Arc::clone(&self.source),
            span: crate::core::source::Span::default(),
        }
    }

    /// Returns all templates rendered before a request is sent.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates_beside_auth()
            .chain(self.auth.templates())
            .chain(self.auth.open_templates())
    }

    /// As `templates`, without those of `auth`.
    pub fn templates_beside_auth(&self) -> impl Iterator<Item = &Template> {
        std::iter::once(&self.base_url)
            .chain(self.headers.iter().map(|(_, value)| value))
            .chain(self.params.iter().map(|(_, value)| value))
            .chain(&self.proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Selector};
    use crate::http::LinkHost;

    #[test]
    fn the_links_of_all_kinds_are_hosts() {
        for host in KINDS.iter().flat_map(|kind| kind.links()) {
            assert!(LinkHost::parse(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn the_redactions_of_all_kinds_are_paths() {
        for (path, _) in KINDS.iter().flat_map(|kind| kind.redactions()) {
            assert!(Selector::parse(path).is_ok(), "{path}");
        }
    }
}
