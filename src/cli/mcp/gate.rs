//! An exchange that counts responses, and that lets no further request write once it is closed: one
//! that was sent is answered first, and one that still waits for its turn is not sent.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::core::secret::Secret;
use crate::engine::{Exchange, Pending};
use crate::http::{Request, Response, StatusCode, TransportError, TransportErrorKind};
use crate::plan::RequestPlan;

/// An exchange between a call and the servers.
pub struct WriteGate {
    inner: Rc<dyn Exchange>,
    answered: Cell<u64>,
    written: Cell<u64>,
    was_unauthorized: Cell<bool>,
    writing: Cell<u32>,
    is_closed: Cell<bool>,
    closed: Notify,
    ended: Notify,
}

impl WriteGate {
    /// Creates an open gate.
    pub fn new(inner: Rc<dyn Exchange>) -> Self {
        Self {
            inner,
            answered: Cell::default(),
            written: Cell::default(),
            was_unauthorized: Cell::default(),
            writing: Cell::default(),
            is_closed: Cell::default(),
            closed: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// Returns the number of responses so far, and of requests that failed.
    pub fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// Returns the number of responses to requests that write.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// Returns true if a server did not accept the credential, or there was none.
    pub fn was_unauthorized(&self) -> bool {
        self.was_unauthorized.get()
    }

    /// Lets no further request write, and waits for the responses to those that were sent.
    pub async fn close(&self) {
        self.is_closed.set(true);
        self.closed.notify_waiters();
        while self.writing.get() > 0 {
            self.ended.notified().await;
        }
    }

    async fn write(&self, plan: RequestPlan<'_>, request: &Request) -> Sent {
        let under_way = UnderWay::new(self);
        tokio::select! {
            biased;
            () = self.closed_before(request) => {}
            sent = self.inner.send(plan, request) => return sent,
        }
        drop(under_way);
        // The call is stopped as soon as the others have ended.
        std::future::pending().await
    }

    /// Waits until the gate is closed while a request was not sent.
    async fn closed_before(&self, request: &Request) {
        while !self.is_closed.get() || request.delivery.is_open() {
            self.closed.notified().await;
        }
    }
}

/// The result of sending a request.
type Sent = Result<Response, TransportError>;

/// Returns true if a credential was refused, or could not be had.
fn is_unauthorized(sent: &Sent) -> bool {
    match sent {
        Ok(response) => response.status == StatusCode::UNAUTHORIZED,
        Err(error) => matches!(
            error.kind,
            TransportErrorKind::Credentials(_) | TransportErrorKind::TokenEndpoint { .. }
        ),
    }
}

/// Counts a request that writes while it is under way, also if it is abandoned.
struct UnderWay<'g>(&'g WriteGate);

impl<'g> UnderWay<'g> {
    fn new(gate: &'g WriteGate) -> Self {
        gate.writing.set(gate.writing.get() + 1);
        Self(gate)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.writing.set(self.0.writing.get() - 1);
        self.0.ended.notify_one();
    }
}

impl Exchange for WriteGate {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(async move {
            let sent = if request.is_safe {
                self.inner.send(plan, request).await
            } else {
                self.write(plan, request).await
            };
            self.answered.set(self.answered.get() + 1);
            if !request.is_safe && sent.is_ok() {
                self.written.set(self.written.get() + 1);
            }
            if is_unauthorized(&sent) {
                self.was_unauthorized.set(true);
            }
            sent
        })
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        self.inner.caller(plan)
    }
}
