//! An exchange that gives its first response twice, so that it can be looked at before it is shown.

use std::cell::RefCell;
use std::rc::Rc;

use crate::core::secret::Secret;
use crate::engine::{Exchange, Pending};
use crate::http::{Request, Response, TransportError};
use crate::plan::RequestPlan;

/// Passes requests on, except the second one, which gets the response to the first.
pub struct FirstResponse {
    inner: Rc<dyn Exchange>,
    state: RefCell<State>,
}

enum State {
    /// Nothing was sent.
    Unsent,
    /// The first response, to be given again.
    Kept(Box<Response>),
    /// It was given.
    Given,
}

impl FirstResponse {
    /// Creates the exchange.
    pub fn new(inner: Rc<dyn Exchange>) -> Self {
        Self {
            inner,
            state: RefCell::new(State::Unsent),
        }
    }

    async fn answer(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let is_first = match &mut *self.state.borrow_mut() {
            State::Unsent => true,
            state @ State::Kept(_) => {
                if let State::Kept(response) = std::mem::replace(state, State::Given) {
                    return Ok(*response);
                }
                false
            }
            State::Given => false,
        };
        let response = self.inner.send(plan, request).await?;
        if is_first {
            self.state.replace(State::Kept(Box::new(response.clone())));
        }
        Ok(response)
    }
}

impl Exchange for FirstResponse {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(self.answer(plan, request))
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        self.inner.caller(plan)
    }
}
