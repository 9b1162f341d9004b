//! An exchange that counts responses, and that lets no further request write once it is closed: the
//! one that is under way ends first.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::core::secret::Secret;
use crate::engine::{Exchange, Pending};
use crate::http::{Request, Response};
use crate::plan::RequestPlan;

/// An exchange between a call and the servers.
pub struct Gate {
    inner: Rc<dyn Exchange>,
    answered: Cell<u64>,
    writing: Cell<u32>,
    is_closed: Cell<bool>,
    ended: Notify,
}

impl Gate {
    /// Creates an open gate.
    pub fn new(inner: Rc<dyn Exchange>) -> Self {
        Self {
            inner,
            answered: Cell::default(),
            writing: Cell::default(),
            is_closed: Cell::default(),
            ended: Notify::new(),
        }
    }

    /// Returns the number of responses so far, and of requests that failed.
    pub fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// Lets no further request write, and waits for those that are under way.
    pub async fn close(&self) {
        self.is_closed.set(true);
        while self.writing.get() > 0 {
            self.ended.notified().await;
        }
    }

    async fn write(&self, plan: RequestPlan<'_>, request: &Request) -> Sent {
        if self.is_closed.get() {
            // The call is stopped as soon as the others have ended.
            std::future::pending::<()>().await;
        }
        let _under_way = UnderWay::new(self);
        self.inner.send(plan, request).await
    }
}

/// The result of sending a request.
type Sent = Result<Response, crate::http::TransportError>;

/// Counts a request that writes while it is under way, also if it is abandoned.
struct UnderWay<'g>(&'g Gate);

impl<'g> UnderWay<'g> {
    fn new(gate: &'g Gate) -> Self {
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

impl Exchange for Gate {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(async move {
            let sent = if request.is_safe {
                self.inner.send(plan, request).await
            } else {
                self.write(plan, request).await
            };
            self.answered.set(self.answered.get() + 1);
            sent
        })
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        self.inner.caller(plan)
    }
}
