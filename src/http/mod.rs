//! One request, one response.
//!
//! [`Transport`] is the one trait of this floor, and a stack of it is what the engine drives:
//! `Retry(Limit(Follow(Auth(Trace(Client)))))`. Each attempt takes its place in the budget and is
//! authenticated afresh. [`Client`] talks; reqwest has its home there and nothing else names it.
//! What to do after an attempt is decided by [`retry::RetryPolicy`], a pure function.
//!
//! This module knows neither queries nor kinds of API.

pub mod blind;
pub mod client;
pub mod coding;
pub mod counted;
mod delivery;
pub mod follow;
pub mod gate;
pub mod headers;
pub mod limit;
pub mod link;
pub mod pace;
pub mod rate_headers;
pub mod request;
pub mod response;
pub mod retirement;
pub mod retry;
pub mod trace;
pub mod transport;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use client::{Client, ClientOptions, Proxy, TlsOptions};
pub use delivery::Delivery;
pub use request::{
    Body, LONGEST_URL, Part, PartContent, Request, is_safe_method, takes_content, without_user,
};
pub use response::Response;
pub use trace::{Event, Observe};
pub use transport::{Transport, TransportError, TransportErrorKind};
