//! Kinds of API: what a `type` means.
//!
//! A kind gives the presets of a resource file and knows the manners of its API: how a token is
//! sent, how a listing goes on, where an error's message stands, what an error probably means. A
//! new kind is a file and a line in [`KINDS`].
//!
//! [`Resource`] is a checked resource file. How YAML becomes one is not known here.

mod circleci;
mod circleci_v3;
mod error_body;
mod rest;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::auth::{Auth, TokenScheme};
use crate::core::source::{Place, SourceFile, Text};
use crate::http::limit::RateLimit;
use crate::http::retry::RetryPolicy;
use crate::http::{HeaderName, Method, StatusCode};
use crate::paginate::{Pagination, Style};
use crate::template::Template;

pub use error_body::ErrorBody;

/// The manners of a kind of API.
pub trait Speak: Sync {
    /// The `type` of a resource file.
    fn kind(&self) -> &'static str;

    /// The `api` of a resource file, where the kind has several.
    fn api(&self) -> Option<&'static str>;

    /// The base URL where the file has none.
    fn base_url(&self) -> Option<&'static str>;

    /// How `auth: { token: … }` is sent.
    fn token_scheme(&self) -> Option<TokenScheme>;

    /// The template of the token where the file has no `auth`.
    fn default_token(&self) -> Option<&'static str>;

    /// How a listing goes on that a safe request with this method asks for. `route` is the path below
    /// the base URL.
    fn pagination(&self, method: &Method, route: &str) -> Option<Style>;

    /// Returns true for a request that changes nothing although its method may: a search that is
    /// sent as a POST. `route` holds the segments below the base URL, `{}` in place of a value.
    fn is_search(&self, _method: &Method, _route: &[&str]) -> bool {
        false
    }

    /// What `ping` asks for, relative to the base URL.
    fn health_check(&self) -> &'static str;

    /// Who the token is, from the answer to the health check.
    fn who(&self, answer: &Value) -> Option<String>;

    /// What a status of a path probably means with this API, where it is not what one would think.
    fn advice(&self, status: StatusCode, path: &str) -> Option<&'static str>;

    /// How to tell an answer that will never be another one, where anything is known of that.
    fn finality(&self) -> Option<IsFinal>;
}

/// Whether an answer to a GET of a route below the base URL says by itself that it is the last word:
/// what it tells of is over and done. In doubt it is not.
pub type IsFinal = fn(route: &str, answer: &Value) -> bool;

/// All kinds. The first of a `type` is the one without an `api`.
pub static KINDS: &[&dyn Speak] = &[&circleci::CircleCi, &circleci_v3::CircleCiV3, &rest::Rest];

/// A checked resource file.
#[derive(Clone)]
pub struct Resource {
    /// How queries refer to it.
    pub name: String,
    /// For people.
    pub folder: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The file that it stands in.
    pub source: Arc<SourceFile>,
    /// The kind of API.
    pub kind: &'static dyn Speak,
    /// Where endpoints begin; its path is kept.
    pub base_url: Template,
    /// Who asks.
    pub auth: Auth,
    /// Sent with every request.
    pub headers: Vec<(HeaderName, Template)>,
    /// Sent with every request.
    pub params: Vec<(String, Template)>,
    /// The methods that it takes.
    pub access: Access,
    /// The longest wait for a whole answer.
    pub timeout: Duration,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest answer in bytes.
    pub max_body: u64,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How many requests in which time.
    pub rate_limit: Option<RateLimit>,
    /// Requests in flight.
    pub concurrency: usize,
    /// The default of its queries.
    pub paginate: Pagination,
    /// Which certificates are trusted and shown.
    pub tls: TlsFiles,
    /// A proxy of its own.
    pub proxy: Option<Template>,
    /// The names of its environments.
    pub environments: Vec<String>,
}

/// Certificate files, relative to the project's folder.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Trusted besides the built-in roots.
    pub ca_file: Option<Text>,
    /// Shown to the server.
    pub client_cert: Option<Text>,
    /// Its key.
    pub client_key: Option<Text>,
    /// The system's roots are trusted too.
    pub system_certs: bool,
}

/// What may be sent to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Everything.
    #[default]
    ReadWrite,
    /// What changes nothing.
    ReadOnly,
    /// What writes: a webhook takes messages and has nothing to read.
    WriteOnly,
}

impl Access {
    const ALL: [(&'static str, Self); 3] = [
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("write-only", Self::WriteOnly),
    ];

    /// The names in files.
    pub fn names() -> [&'static str; 3] {
        Self::ALL.map(|(name, _)| name)
    }

    /// The access of a name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, access)| *access)
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::WriteOnly => "write-only",
        }
    }

    /// Returns true if requests that change nothing are let through.
    pub fn may_read(self) -> bool {
        self != Self::WriteOnly
    }

    /// Returns true if requests that write are let through.
    pub fn may_write(self) -> bool {
        self != Self::ReadOnly
    }
}

impl Resource {
    /// The file's first place, for faults that no line shows.
    pub fn place(&self) -> Place {
        Place {
            file: Arc::clone(&self.source),
            span: crate::core::source::Span::default(),
        }
    }

    /// All templates that are rendered before a request leaves.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        std::iter::once(&self.base_url)
            .chain(self.auth.templates())
            .chain(self.headers.iter().map(|(_, value)| value))
            .chain(self.params.iter().map(|(_, value)| value))
            .chain(&self.proxy)
    }
}
