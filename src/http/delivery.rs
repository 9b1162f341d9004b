//! The delivery state of a request that writes.

use std::cell::Cell;
use std::rc::Rc;

use crate::http::{Response, TransportError};

/// Records if a request may have been carried out although no response confirms it. Shared by all
/// copies of a request. Safe requests have an empty one.
#[derive(Debug, Clone, Default)]
pub struct Delivery(Option<Rc<Cell<bool>>>);

impl Delivery {
    /// Creates the state of a request that was not sent yet.
    pub fn tracked() -> Self {
        Self(Some(Rc::default()))
    }

    /// Records that the request is passed to the client.
    pub fn begin(&self) {
        self.set(true);
    }

    /// Records the end of an attempt.
    pub fn end(&self, result: &Result<Response, TransportError>) {
        self.set(may_have_acted(result));
    }

    /// Returns true if the request was sent and its result is unknown.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|state| state.get())
    }

    fn set(&self, is_open: bool) {
        if let Some(state) = &self.0 {
            state.set(is_open);
        }
    }
}

/// Returns true if a server may have acted on a request without confirming it (RFC 9110, 15.6).
fn may_have_acted(result: &Result<Response, TransportError>) -> bool {
    match result {
        Ok(response) => response.status.is_server_error(),
        Err(error) => error.may_have_acted,
    }
}
