//! The seam between a run and the servers it asks.

use std::future::Future;
use std::pin::Pin;

use crate::core::secret::Secret;
use crate::http::{Request, Response, TransportError};
use crate::plan::RequestPlan;

/// A response that may have to be waited for.
pub type Pending<'s, T> = Pin<Box<dyn Future<Output = Result<T, TransportError>> + 's>>;

/// Turns the requests of a run into responses: over the network, or from a recording.
pub trait Exchange {
    /// Sends a request of a plan and returns its final response, after redirects and retries.
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response>;

    /// Returns a value that is different for callers who may get different responses.
    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret>;
}
