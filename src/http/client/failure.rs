//! Classifies errors of the client.

use std::error::Error;
use std::io;

use crate::http::client::loopback::NotThisMachine;
use crate::http::{ClientOptions, TransportError, TransportErrorKind};

/// The maximum number of header fields in a response.
pub const MOST_FIELDS: usize = 1_000;
/// The maximum size of a response header in bytes: hyper's default for HTTP/1.1, used for HTTP/2
/// too.
pub const LONGEST_HEADER: u32 = 8_192 + 4_096 * 100;

/// Facts found in a chain of errors.
#[derive(Default)]
struct Facts {
    causes: Vec<String>,
    is_tls: bool,
    is_name: bool,
    is_elsewhere: bool,
    rule: Option<&'static str>,
}

impl Facts {
    fn of(error: &dyn Error) -> Self {
        let mut facts = Self::default();
        let mut source = error.source();
        while let Some(cause) = source {
            let words = cause.to_string();
            facts.is_tls |= cause.is::<rustls::Error>() || wraps_tls(cause);
            facts.is_name |= words.contains("dns error");
            facts.is_elsewhere |= cause.is::<NotThisMachine>();
            facts.rule = facts.rule.or_else(|| broken_rule(cause));
            if !facts.causes.iter().any(|known| known.contains(&words)) {
                facts.causes.push(words);
            }
            source = cause.source();
        }
        facts
    }
}

/// Classifies an error of reqwest.
pub fn of(error: &reqwest::Error, options: &ClientOptions) -> TransportError {
    let mut facts = Facts::of(error);
    let kind = if error.is_builder() {
        TransportErrorKind::Settings("the request is invalid".to_owned())
    } else if facts.is_elsewhere {
        let words = facts.causes.pop().unwrap_or_default();
        facts.causes.clear();
        TransportErrorKind::Settings(words)
    } else if error.is_connect() && error.is_timeout() {
        TransportErrorKind::ConnectTimeout(options.connect_timeout)
    } else if error.is_timeout() {
        TransportErrorKind::Timeout(options.timeout)
    } else if facts.is_tls {
        TransportErrorKind::Tls
    } else if facts.is_name {
        TransportErrorKind::Name
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if let Some(words) = facts.rule {
        TransportErrorKind::Malformed(words)
    } else {
        TransportErrorKind::Broken
    };
    TransportError {
        kind,
        may_have_acted: !error.is_connect(),
        causes: facts.causes,
    }
}

/// Returns the HTTP rule that a response violates, if that is the cause. A connection that merely
/// ended violates none, and only that is worth a retry.
fn broken_rule(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return if error.is_parse_too_large() {
            Some("the response header is too large: more than 1,000 fields or 408 KiB")
        } else {
            error.is_parse().then_some("the response is not valid HTTP")
        };
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        let is_rule = matches!(
            error.reason(),
            Some(
                h2::Reason::PROTOCOL_ERROR
                    | h2::Reason::FRAME_SIZE_ERROR
                    | h2::Reason::COMPRESSION_ERROR
            )
        );
        return (error.is_library() && is_rule)
            .then_some("the response is not valid HTTP/2, or its header is larger than 408 KiB");
    }
    let error = cause.downcast_ref::<io::Error>()?;
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
    )
    .then_some("the chunks of the response are not valid HTTP")
}

/// Returns true if an I/O error wraps a TLS error, at any depth.
fn wraps_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => inner.is::<rustls::Error>() || wraps_tls(inner),
        None => false,
    }
}
