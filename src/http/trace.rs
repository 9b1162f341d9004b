//! Tells an observer of every attempt.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::http::pace::PauseReason;
use crate::http::{Request, Response, StatusCode, Transport, TransportError};

/// What happens on the wire, for those who watch.
#[derive(Debug)]
pub enum Event<'a> {
    /// An attempt begins.
    Sending(&'a Request),
    /// It has an answer.
    Answered(&'a Request, &'a Response),
    /// It has none.
    Failed(&'a Request, &'a TransportError, Duration),
    /// Nothing is sent: an earlier run was answered, that long ago, and its answer is good.
    Recalled(&'a Request, Duration),
    /// It will be made again.
    Retrying {
        /// The request.
        request: &'a Request,
        /// The answer that asks for it; `None` if there was none.
        status: Option<StatusCode>,
        /// How long it waits first.
        delay: Duration,
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// Whether the server said how long.
        asked: bool,
        /// True if the server refuses for a time, so that it waits with all others.
        is_refused: bool,
    },
    /// A route is deprecated or will be gone: reported once a run.
    Retiring {
        /// The resource's name.
        resource: &'a str,
        /// The method and the endpoint.
        route: &'a str,
        /// What the answer says of it.
        words: &'a str,
    },
    /// No request of a resource leaves for a while: told once, however many wait.
    Paused {
        /// How long.
        length: Duration,
        /// Why.
        reason: PauseReason,
    },
}

/// Somebody who watches.
pub trait Observe {
    /// Hears of an event.
    fn event(&self, event: &Event<'_>);
}

/// The layer right above the client.
pub struct Trace<T> {
    inner: T,
    observer: Rc<dyn Observe>,
}

impl<T> Trace<T> {
    /// Wraps a transport.
    pub fn new(inner: T, observer: Rc<dyn Observe>) -> Self {
        Self { inner, observer }
    }
}

impl<T: Transport> Transport for Trace<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let started = Instant::now();
        self.observer.event(&Event::Sending(request));
        request.delivery.begin();
        let result = self.inner.send(request).await;
        request.delivery.end(&result);
        self.observer.event(&match &result {
            Ok(response) => Event::Answered(request, response),
            Err(error) => Event::Failed(request, error, started.elapsed()),
        });
        result
    }
}
