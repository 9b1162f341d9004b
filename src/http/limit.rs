//! The budget of a resource: requests in flight, requests in a time, and pauses that the server
//! asked for. All requests of a run to one resource share it.
//!
//! The [`Gate`] says who is next, [`Pace`] says when; here they are waited for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::http::counted::Ticket;
use crate::http::gate::{Gate, Lane, Permit};
use crate::http::pace::{Heard, Pace, Pause, PauseReason, Wait};
use crate::http::{
    Event, Observe, Request, Response, Transport, TransportError, TransportErrorKind,
};

/// At most `requests` in `per`, of which `burst` may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub requests: u32,
    /// In which time.
    pub per: Duration,
    /// How many at once.
    pub burst: u32,
}

/// What is not waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    /// A longer pause is not waited for.
    pub longest: Option<Duration>,
    /// A pause that ends later is not waited for.
    pub deadline: Option<Instant>,
}

/// A server that gives a few requests a second does so all the time: only a pause of this length is
/// one.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A clock that counts in milliseconds would never reach a smaller step.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The shared state.
pub struct Budget {
    gate: Gate,
    pace: RefCell<Pace>,
    /// Who has the turn waits for this beside its clock: an answer may change what it waits for.
    changed: Notify,
    patience: Patience,
    /// The last pause that was told.
    told: Cell<Option<Pause>>,
}

impl Budget {
    /// A budget of `concurrency` requests in flight and, if declared, a rate.
    pub fn new(concurrency: usize, rate: Option<RateLimit>, patience: Patience) -> Rc<Self> {
        Rc::new(Self {
            gate: Gate::new(concurrency),
            pace: RefCell::new(Pace::new(rate)),
            changed: Notify::new(),
            patience,
            told: Cell::new(None),
        })
    }

    /// How many requests are on the wire.
    pub fn in_flight(&self) -> usize {
        self.gate.in_use()
    }

    /// How many wait for their turn.
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    /// Until when everybody waits and why, if anybody does.
    pub fn pause(&self) -> Option<Pause> {
        let now = Instant::now();
        let pause = self.pace.borrow().pause(now);
        pause.or(self.told.get().filter(|pause| pause.until > now))
    }

    /// Waits for the moment at which one more request may leave.
    async fn admit(
        &self,
        lane: Lane,
        observer: &dyn Observe,
    ) -> Result<(Permit<'_>, Sent<'_>), TransportError> {
        let turn = self.gate.turn(lane).await;
        loop {
            let now = Instant::now();
            let wait = self.pace.borrow_mut().ready(now);
            let Some(wait) = wait else {
                let ticket = self.pace.borrow_mut().sent(now);
                self.told.set(None);
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
            self.tell(wait, length, observer);
            let until = wait.until.max(now + SHORTEST_WAIT);
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Tells of a pause that somebody waits for, unless it goes on from one that was told.
    fn tell(&self, wait: Wait, length: Duration, observer: &dyn Observe) {
        let Some(reason) = wait.reason else {
            return;
        };
        if reason == PauseReason::UsedUp && length < WORTH_TELLING {
            return;
        }
        let until = wait.until;
        let told = self.told.replace(Some(Pause { until, reason }));
        if told.is_none_or(|told| told.reason != reason) {
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
                || self.deadline.is_some_and(|deadline| wait.until >= deadline))
    }
}

/// A request on the wire. Dropped without an answer, it is counted as lost.
struct Sent<'a> {
    budget: &'a Budget,
    ticket: Option<Ticket>,
}

impl Sent<'_> {
    fn answered(mut self, heard: &Heard) {
        if let Some(ticket) = self.ticket.take() {
            let now = Instant::now();
            self.budget.pace.borrow_mut().answered(ticket, now, heard);
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

/// The layer that takes from the budget before each attempt.
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
        let (permit, sent) = self.budget.admit(lane, &*self.observer).await?;
        // Boxed, so that the many that wait for their turn are small.
        let response = Box::pin(self.inner.send(request)).await?;
        let heard = Heard::from(&response, SystemTime::now());
        sent.answered(&heard);
        drop(permit);
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
