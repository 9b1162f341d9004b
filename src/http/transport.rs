//! The trait that every layer has, and how an attempt fails without an answer.

use std::time::Duration;

use crate::core::time::format_duration;
use crate::http::{Request, Response};

/// Sends a request and gives its answer, whatever its status.
///
/// The run is driven by one thread, so futures need not be `Send`.
pub trait Transport {
    /// Sends the request.
    ///
    /// # Errors
    ///
    /// If there is no whole answer.
    fn send(&self, request: &Request) -> impl Future<Output = Result<Response, TransportError>>;
}

impl<T: Transport> Transport for &T {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub struct TransportError {
    /// The kind of failure.
    pub kind: TransportErrorKind,
    /// Whether the request may have reached the server. Where it did not, even a write can be sent
    /// again.
    pub may_have_acted: bool,
    /// What lower layers said, outermost first.
    pub causes: Vec<String>,
}

/// The kinds of failure without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// No connection: refused, unreachable.
    Connect,
    /// The host's name has no address.
    Name,
    /// The TLS handshake failed, or a certificate is not trusted.
    Tls,
    /// No connection in time.
    ConnectTimeout(Duration),
    /// No whole answer in time.
    Timeout(Duration),
    /// The connection broke before the answer was whole.
    Broken,
    /// The answer breaks a rule of HTTP; the words say which.
    Malformed(&'static str),
    /// The content of the answer cannot be decoded; the words name the coding.
    Coding(String),
    /// The answer is longer than allowed.
    TooLarge(u64),
    /// The URL is longer than can be sent.
    UrlTooLong {
        /// Its length in bytes.
        length: usize,
        /// The most.
        most: usize,
    },
    /// The server's limit allows no request for so long, which is longer than anybody waits.
    Limited(Duration),
    /// A redirect that must not be followed; the words say why.
    Redirect(String),
    /// The request could not be authenticated; the words say why.
    Credentials(String),
    /// The client could not be built from the resource's settings; the words say why.
    Settings(String),
}

impl TransportError {
    /// A failure before anything was sent.
    pub fn before(kind: TransportErrorKind) -> Self {
        Self {
            kind,
            may_have_acted: false,
            causes: Vec::new(),
        }
    }
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            TransportErrorKind::Connect => formatter.write_str("cannot connect"),
            TransportErrorKind::Name => formatter.write_str("the host's name is not known"),
            TransportErrorKind::Tls => formatter.write_str("no secure connection"),
            TransportErrorKind::ConnectTimeout(limit) => {
                write!(
                    formatter,
                    "no connection within {}",
                    format_duration(*limit)
                )
            }
            TransportErrorKind::Timeout(limit) => {
                write!(
                    formatter,
                    "no whole answer within {}",
                    format_duration(*limit)
                )
            }
            TransportErrorKind::Broken => {
                formatter.write_str("the connection broke before the answer was whole")
            }
            TransportErrorKind::TooLarge(limit) => {
                write!(
                    formatter,
                    "the answer is longer than `max_body` ({})",
                    megabytes(*limit)
                )
            }
            TransportErrorKind::UrlTooLong { length, most } => {
                write!(
                    formatter,
                    "the URL has {length} bytes, and no more than {most} can be sent"
                )
            }
            TransportErrorKind::Malformed(words) => formatter.write_str(words),
            TransportErrorKind::Limited(wait) => {
                write!(
                    formatter,
                    "the server's limit allows no request for {}",
                    format_duration(*wait)
                )
            }
            TransportErrorKind::Coding(words)
            | TransportErrorKind::Redirect(words)
            | TransportErrorKind::Credentials(words)
            | TransportErrorKind::Settings(words) => formatter.write_str(words),
        }
    }
}

impl std::error::Error for TransportError {}

/// A number of bytes for people.
pub fn megabytes(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    match bytes {
        bytes if bytes >= MIB && bytes % MIB == 0 => format!("{} MiB", bytes / MIB),
        bytes if bytes >= KIB && bytes % KIB == 0 => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}
