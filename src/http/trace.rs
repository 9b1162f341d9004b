//! Reports every attempt to an observer.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::http::pace::PauseReason;
use crate::http::shared::{Change, Terms};
use crate::http::{Request, Response, StatusCode, Transport, TransportError};

/// An event on the wire.
#[derive(Debug)]
pub enum Event<'a> {
    /// An attempt starts.
    Sending(&'a Request),
    /// A response arrived.
    Answered(&'a Request, &'a Response),
    /// The attempt failed without a response.
    Failed(&'a Request, &'a TransportError, Duration),
    /// A cached response of this age is used instead of sending the request.
    Recalled(&'a Request, Duration),
    /// The attempt will be retried.
    Retrying {
        /// The request.
        request: &'a Request,
        /// The status that causes the retry; `None` if there was no response.
        status: Option<StatusCode>,
        /// The delay.
        delay: Duration,
        /// The number of the next attempt, from 2.
        attempt: u32,
        /// True if the server requested the delay.
        requested: bool,
        /// True if the request was rate limited, so that all requests of the resource wait.
        is_refused: bool,
    },
    /// A route is deprecated or will be removed: reported once per run.
    Retiring {
        /// The name of the resource.
        resource: &'a str,
        /// The method and the endpoint.
        route: &'a str,
        /// The announcement in the response.
        words: &'a str,
    },
    /// The requests of a resource are paused: reported once, however many wait.
    Paused {
        /// The length of the pause.
        length: Duration,
        /// The reason.
        reason: PauseReason,
    },
    /// The use of the budget that several processes share has begun or ended.
    Budget {
        /// The change.
        change: Change,
        /// The reason, if the budget was lost.
        words: &'a str,
        /// The limits until it is back.
        alone: Option<Terms>,
        /// The number of processes when the budget was last reached.
        processes: u32,
    },
}

/// An observer of events.
pub trait Observe {
    /// Called for each event.
    fn event(&self, event: &Event<'_>);
}

/// The layer directly above the client.
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
