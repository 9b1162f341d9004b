//! Bodies that are not held in memory.

use std::fmt;
use std::io;

use crate::http::HeaderMap;

/// Receives the body of a successful response while it arrives. A retried request begins again.
pub trait Receive: fmt::Debug {
    /// Returns the maximum length of the body as it arrives, in bytes. Without one, an endless body
    /// is only ended by the run.
    fn limit(&self) -> Option<u64> {
        None
    }

    /// Called when a successful response begins. Returns false if its body is not needed.
    ///
    /// # Errors
    ///
    /// If the body cannot be stored.
    fn begin(&self, headers: &HeaderMap) -> io::Result<bool>;

    /// Takes the next bytes, as they arrive: encoded, if the response has a `Content-Encoding`.
    ///
    /// # Errors
    ///
    /// As [`Receive::begin`].
    fn take(&self, bytes: &[u8]) -> io::Result<()>;
}
