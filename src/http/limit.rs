//! The rate limit and concurrency limit of a resource, shared by all its requests in a run, and
//! pauses requested by the server.
//!
//! The [`Gate`] decides which request is next, [`Pace`] decides when; this module waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::http::counted::Ticket;
use crate::http::deadline;
use crate::http::gate::{Gate, Lane, Permit};
use crate::http::pace::{LimitReport, Pace, Pause, PauseReason, RateLimit, Wait};
use crate::http::shared::{Demand, SharedBudget, Terms};
use crate::http::{
    Event, Observe, Request, Response, Transport, TransportError, TransportErrorKind,
};

use sharing::{Admission, Sharing};

/// Limits on waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    /// The longest pause to wait for.
    pub longest: Option<Duration>,
    /// The latest end of a pause to wait for.
    pub deadline: Option<Instant>,
}

/// The shortest pause to report. A server that allows a few requests per second causes shorter ones
/// all the time.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A clock with millisecond resolution would never reach a smaller step.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The shared state.
pub struct Budget {
    gate: Gate,
    pace: RefCell<Pace>,
    /// Wakes the holder of the turn early: a response may change the time it waits for.
    changed: Notify,
    patience: Patience,
    /// The last pause reported.
    reported: Cell<Option<Pause>>,
    /// The budget shared with other processes.
    sharing: Option<Sharing>,
}

impl Budget {
    /// Creates a budget of `concurrency` concurrent requests and, if declared, a rate.
    pub fn new(concurrency: usize, rate: Option<RateLimit>, patience: Patience) -> Rc<Self> {
        Rc::new(Self {
            gate: Gate::new(concurrency),
            pace: RefCell::new(Pace::new(rate)),
            changed: Notify::new(),
            patience,
            reported: Cell::new(None),
            sharing: None,
        })
    }

    /// Creates the part of a budget that several processes divide. Nothing can be sent at once: the
    /// process before this one may have sent it.
    pub fn of_share(concurrency: usize, rate: Option<RateLimit>, patience: Patience) -> Rc<Self> {
        let budget = Self::new(concurrency, rate, patience);
        budget.pace.borrow_mut().set_declared(rate, Instant::now());
        budget
    }

    /// Creates a budget that other processes share.
    pub fn shared(shared: Box<dyn SharedBudget>, terms: Terms, patience: Patience) -> Rc<Self> {
        Rc::new(Self {
            gate: Gate::new(terms.concurrency),
            pace: RefCell::new(Pace::new(None)),
            changed: Notify::new(),
            patience,
            reported: Cell::new(None),
            sharing: Some(Sharing::new(shared, terms)),
        })
    }

    #[cfg(test)]
    /// Returns the number of requests on the wire.
    pub fn in_flight(&self) -> usize {
        self.gate.in_use()
    }

    /// Waits until the next request may be sent.
    async fn admit(
        &self,
        lane: Lane,
        observer: &dyn Observe,
    ) -> Result<(Permit<'_>, Sent<'_>), TransportError> {
        let turn = self.gate.turn(lane).await;
        loop {
            let now = Instant::now();
            let mut wait = self.pace.borrow_mut().ready(now);
            if let (Some(sharing), None) = (&self.sharing, wait) {
                let demand = Demand {
                    in_use: self.gate.in_use(),
                    waiting: self.gate.waiting() + 1,
                    latency: self.pace.borrow().latency(),
                };
                let admission = sharing.admit(now, demand, &self.pace, observer);
                match Box::pin(admission).await? {
                    Admission::Send => {}
                    Admission::Wait(until) => wait = Some(until),
                    Admission::Again => continue,
                }
            }
            let Some(wait) = wait else {
                let ticket = self.pace.borrow_mut().sent(now);
                self.reported.set(None);
                let sent = Sent {
                    budget: self,
                    ticket: Some(ticket),
                };
                return Ok((turn.leave(), sent));
            };
            let length = wait.until - now;
            if self.patience.is_over(wait, now) {
                return Err(TransportError::before(TransportErrorKind::Limited(length)));
            }
            self.report(wait, length, observer);
            let until = wait.until.max(now + SHORTEST_WAIT);
            tokio::select! {
                // In this order, so that a run can be replayed.
                biased;
                () = tokio::time::sleep_until(until) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Reports a pause, unless it continues one already reported.
    fn report(&self, wait: Wait, length: Duration, observer: &dyn Observe) {
        let Some(reason) = wait.reason else {
            return;
        };
        if reason == PauseReason::UsedUp && length < WORTH_TELLING {
            return;
        }
        let until = wait.until;
        let reported = self.reported.replace(Some(Pause { until, reason }));
        if reported.is_none_or(|reported| reported.reason != reason) {
            observer.event(&Event::Paused { length, reason });
        }
    }
}

impl Patience {
    fn is_over(&self, wait: Wait, now: Instant) -> bool {
        wait.reason.is_some()
            && (self
                .longest
                .is_some_and(|longest| wait.until - now > longest)
                || deadline::earliest(self.deadline).is_some_and(|deadline| wait.until >= deadline))
    }
}

/// A request on the wire. If dropped without a response, it is counted as lost.
struct Sent<'a> {
    budget: &'a Budget,
    ticket: Option<Ticket>,
}

impl Sent<'_> {
    fn answered(mut self, report: &LimitReport) {
        if let Some(ticket) = self.ticket.take() {
            let now = Instant::now();
            let mut pace = self.budget.pace.borrow_mut();
            pace.answered(ticket, now, report);
            if let (Some(sharing), Some(_)) = (&self.budget.sharing, report.refused)
                && let Some(until) = pace.paused_until(now)
            {
                sharing.refuse(until - now);
            }
            self.budget.changed.notify_one();
        }
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.budget.pace.borrow_mut().lost(ticket);
            self.budget.changed.notify_one();
        }
    }
}

/// Returns permits of other processes once this one has nothing to send.
struct Leaving<'a>(&'a Budget);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(sharing) = self.0.sharing.as_ref().filter(|_| self.0.gate.is_idle()) {
            sharing.idle(self.0.gate.in_use());
        }
    }
}

/// The layer that takes a permit before each attempt.
pub struct Limit<T> {
    inner: T,
    budget: Rc<Budget>,
    observer: Rc<dyn Observe>,
}

impl<T> Limit<T> {
    /// Wraps a transport.
    pub fn new(inner: T, budget: Rc<Budget>, observer: Rc<dyn Observe>) -> Self {
        Self {
            inner,
            budget,
            observer,
        }
    }
}

impl<T: Transport> Transport for Limit<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let lane = if request.is_next_page {
            Lane::NextPage
        } else {
            Lane::Ordinary
        };
        // Dropped after the permit.
        let _leaving = Leaving(&self.budget);
        let (permit, sent) = self.budget.admit(lane, &*self.observer).await?;
        // Boxed to keep the many waiting futures small.
        let response = Box::pin(self.inner.send(request)).await?;
        let report = LimitReport::from(&response, SystemTime::now());
        sent.answered(&report);
        drop(permit);
        Ok(response)
    }
}

mod sharing;

#[cfg(test)]
mod tests;
