//! The trait of all layers, and errors without a response.

use std::time::Duration;

use crate::core::time::format_duration;
use crate::http::{Request, Response, StatusCode};

/// Sends a request and returns its response, whatever its status.
///
/// A run is single-threaded, so futures need not be `Send`.
pub trait Transport {
    /// Sends the request.
    ///
    /// # Errors
    ///
    /// If there is no complete response.
    fn send(&self, request: &Request) -> impl Future<Output = Result<Response, TransportError>>;
}

impl<T: Transport> Transport for &T {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }
}

/// An error without a response.
#[derive(Debug, Clone)]
pub struct TransportError {
    /// The kind of error.
    pub kind: TransportErrorKind,
    /// True if the request may have reached the server. Otherwise, even a write can be retried.
    pub may_have_acted: bool,
    /// The messages of lower layers, outermost first.
    pub causes: Vec<String>,
}

/// The kinds of error without a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// Connection refused or host unreachable.
    Connect,
    /// The host name has no address.
    Name,
    /// The TLS handshake failed, or a certificate is not trusted.
    Tls,
    /// The connection timed out.
    ConnectTimeout(Duration),
    /// The response timed out.
    Timeout(Duration),
    /// The connection ended before the response was complete.
    Broken,
    /// The response violates HTTP, with the rule.
    Malformed(&'static str),
    /// The body cannot be decoded, with the coding.
    Coding(String),
    /// The response is longer than allowed.
    TooLarge(u64),
    /// The body cannot be stored, with the reason.
    Storage(String),
    /// The URL is longer than allowed.
    UrlTooLong {
        /// Its length in bytes.
        length: usize,
        /// The maximum.
        most: usize,
    },
    /// The server's rate limit allows no request for this time, which is too long to wait for.
    Limited(Duration),
    /// A redirect that must not be followed, with the reason.
    Redirect(String),
    /// Authentication failed, with the reason.
    Credentials(String),
    /// The server is unavailable: the request behind a [`TokenEndpoint`](Self::TokenEndpoint) was
    /// answered with this status.
    Unavailable(StatusCode),
    /// The token endpoint did not respond, so the request was not sent.
    TokenEndpoint {
        /// Its URL, without secrets.
        url: String,
        /// The failure of the token request.
        kind: Box<TransportErrorKind>,
    },
    /// The resource's settings are invalid, with the reason.
    Settings(String),
    /// The budget that several processes share cannot be reached, with the reason.
    NoBudget(String),
}

impl TransportError {
    /// Creates an error that happened before anything was sent.
    pub fn before(kind: TransportErrorKind) -> Self {
        Self {
            kind,
            may_have_acted: false,
            causes: Vec::new(),
        }
    }
}

impl TransportErrorKind {
    /// The failure itself, at whichever server.
    pub fn root(&self) -> &Self {
        match self {
            Self::TokenEndpoint { kind, .. } => kind.root(),
            own => own,
        }
    }
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kind.fmt(formatter)
    }
}

impl std::fmt::Display for TransportErrorKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TransportErrorKind::Connect => formatter.write_str("cannot connect"),
            TransportErrorKind::Name => formatter.write_str("unknown host"),
            TransportErrorKind::Tls => formatter.write_str("the TLS handshake failed"),
            TransportErrorKind::ConnectTimeout(limit) => {
                write!(
                    formatter,
                    "the connection timed out after {}",
                    format_duration(*limit)
                )
            }
            TransportErrorKind::Timeout(limit) => {
                write!(
                    formatter,
                    "the response timed out after {}",
                    format_duration(*limit)
                )
            }
            TransportErrorKind::Broken => {
                formatter.write_str("the connection was closed before the response was complete")
            }
            TransportErrorKind::TooLarge(limit) => {
                write!(
                    formatter,
                    "the response is larger than `max_body` ({})",
                    megabytes(*limit)
                )
            }
            TransportErrorKind::UrlTooLong { length, most } => {
                write!(formatter, "the URL has {length} bytes, more than {most}")
            }
            TransportErrorKind::Malformed(words) => formatter.write_str(words),
            TransportErrorKind::Limited(wait) => {
                write!(
                    formatter,
                    "the server's rate limit allows no request for {}",
                    format_duration(*wait)
                )
            }
            TransportErrorKind::Storage(words) => {
                write!(formatter, "cannot store the body: {words}")
            }
            TransportErrorKind::Coding(words)
            | TransportErrorKind::Redirect(words)
            | TransportErrorKind::Credentials(words)
            | TransportErrorKind::NoBudget(words)
            | TransportErrorKind::Settings(words) => formatter.write_str(words),
            TransportErrorKind::Unavailable(status) => {
                let reason = status.canonical_reason().unwrap_or("");
                formatter.write_str(format!("{} {reason}", status.as_u16()).trim_end())
            }
            TransportErrorKind::TokenEndpoint { url, kind } => {
                write!(formatter, "the token endpoint `{url}`: {kind}")
            }
        }
    }
}

impl std::error::Error for TransportError {}

/// Formats a number of bytes for people.
pub fn megabytes(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    match bytes {
        bytes if bytes >= MIB && bytes % MIB == 0 => format!("{} MiB", bytes / MIB),
        bytes if bytes >= KIB && bytes % KIB == 0 => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}
