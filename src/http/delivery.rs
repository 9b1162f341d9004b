//! The delivery of a request that writes, seen from outside of the layers that send it.

use std::cell::Cell;
use std::rc::Rc;

use crate::http::{Response, TransportError};

/// Tells if a request may have been carried out although no answer says so. All copies of a request
/// share it. Requests that only read need none, and have one that says nothing.
#[derive(Debug, Clone, Default)]
pub struct Delivery(Option<Rc<Cell<bool>>>);

impl Delivery {
    /// The delivery of a request that was not sent yet.
    pub fn tracked() -> Self {
        Self(Some(Rc::default()))
    }

    /// Notes that the request is handed to the client.
    pub fn begin(&self) {
        self.set(true);
    }

    /// Notes the end of an attempt.
    pub fn end(&self, result: &Result<Response, TransportError>) {
        self.set(may_have_acted(result));
    }

    /// Returns true if the request was sent, and nothing says what became of it.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|state| state.get())
    }

    fn set(&self, is_open: bool) {
        if let Some(state) = &self.0 {
            state.set(is_open);
        }
    }
}

/// Returns true if a server may have acted on a request and failed to say so (RFC 9110, 15.6).
fn may_have_acted(result: &Result<Response, TransportError>) -> bool {
    match result {
        Ok(response) => response.status.is_server_error(),
        Err(error) => error.may_have_acted,
    }
}
