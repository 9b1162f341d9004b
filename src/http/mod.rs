//! Sends one request and returns one response.
//!
//! [`Transport`] is the trait of all layers, and the engine uses a stack of them:
//! `Retry(Limit(Follow(Auth(Trace(Split(Client))))))`. Each attempt takes a permit and is authenticated
//! afresh. [`Client`] is the only module that uses reqwest. [`retry::RetryPolicy`], a pure function,
//! decides what to do after an attempt.
//!
//! This module knows neither queries nor kinds of API.

pub mod blind;
pub mod client;
pub mod coding;
pub mod counted;
mod deadline;
mod delivery;
pub mod follow;
pub mod gate;
pub mod headers;
pub mod limit;
pub mod link;
pub mod links;
pub mod loopback;
mod masking;
mod options;
pub mod pace;
mod range;
pub mod rate_headers;
mod receive;
pub mod request;
pub mod response;
pub mod retirement;
pub mod retry;
pub mod shared;
pub mod split;
pub mod trace;
pub mod transport;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use client::{Client, TrustedRoots, plain_settings, trusted_roots};
pub use delivery::Delivery;
pub use links::{Destination, LinkHost, Links};
pub use masking::masked_addresses;
pub use options::{ClientCertificate, ClientOptions, Proxy, TlsOptions};
pub use range::ContentRange;
pub use receive::Receive;
pub use request::{
    Body, LONGEST_URL, OCTETS, Part, PartContent, Request, is_safe_method, takes_content,
    without_user,
};
pub use response::Response;
pub use trace::{Event, Observe};
pub use transport::{Transport, TransportError, TransportErrorKind};
