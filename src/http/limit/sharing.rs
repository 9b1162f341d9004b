//! Waits for the budget that a resource shares with other processes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::http::pace::{Pace, PauseReason, Wait};
use crate::http::shared::{
    Ask, Asking, Change, Demand, Grant, SharedBudget, SharedLimit, Step, Terms,
};
use crate::http::{Event, Observe, TransportError, TransportErrorKind};

/// The time after which a request without a permit looks again, unless a response arrives before.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The use of a shared budget by a resource.
pub struct Sharing {
    budget: Box<dyn SharedBudget>,
    limit: RefCell<SharedLimit>,
    /// A request that tries whether a lost budget is back.
    probe: RefCell<Option<(Ask, Asking)>>,
}

/// The result of a step.
pub enum Admission {
    /// The request may be sent.
    Send,
    /// It has to wait.
    Wait(Wait),
    /// Time has passed: everything has to be checked again.
    Again,
}

impl Sharing {
    /// Creates the use of a budget.
    pub fn new(budget: Box<dyn SharedBudget>, terms: Terms) -> Self {
        Self {
            budget,
            limit: RefCell::new(SharedLimit::new(terms)),
            probe: RefCell::default(),
        }
    }

    /// Takes a slot for a request that the limits of this process allow.
    pub async fn admit(
        &self,
        now: Instant,
        demand: Demand,
        pace: &RefCell<Pace>,
        observer: &dyn Observe,
    ) -> Result<Admission, TransportError> {
        if self.has_answered_probe(now).await {
            self.change(Some(Change::Regained), "", pace, observer);
            return Ok(Admission::Again);
        }
        let step = self.limit.borrow_mut().next(now, demand);
        let ask = match step {
            Step::Send => return Ok(Admission::Send),
            Step::Wait { until, is_pause } => {
                let reason = is_pause.then_some(PauseReason::RefusedElsewhere);
                return Ok(Admission::Wait(Wait { until, reason }));
            }
            Step::Alone => return Ok(self.admit_alone(now, demand)),
            Step::Ask(ask) => ask,
        };
        let answer = self.budget.ask(ask).await;
        self.take(&ask, answer, pace, observer)?;
        Ok(Admission::Again)
    }

    /// Decides without the budget; the rate is in [`Pace`].
    fn admit_alone(&self, now: Instant, demand: Demand) -> Admission {
        let alone = self.limit.borrow().alone();
        if alone.is_some_and(|alone| demand.in_use < alone.concurrency) {
            return Admission::Send;
        }
        let until = now + LOOK_AGAIN;
        Admission::Wait(Wait {
            until,
            reason: None,
        })
    }

    fn take(
        &self,
        ask: &Ask,
        answer: Result<Grant, TransportError>,
        pace: &RefCell<Pace>,
        observer: &dyn Observe,
    ) -> Result<(), TransportError> {
        let now = Instant::now();
        match answer {
            Ok(grant) => {
                let change = self.limit.borrow_mut().granted(ask, &grant, now);
                self.change(change, "", pace, observer);
            }
            Err(error) => {
                let mut limit = self.limit.borrow_mut();
                let is_lost = matches!(error.kind, TransportErrorKind::NoBudget(_));
                if limit.alone().is_none() || !is_lost {
                    return Err(error);
                }
                let change = limit.lost(now);
                drop(limit);
                self.change(change, &error.to_string(), pace, observer);
            }
        }
        Ok(())
    }

    /// Applies and reports a change.
    fn change(
        &self,
        change: Option<Change>,
        words: &str,
        pace: &RefCell<Pace>,
        observer: &dyn Observe,
    ) {
        let Some(change) = change else { return };
        let limit = self.limit.borrow();
        let alone = limit.alone().filter(|_| change == Change::Lost);
        let rate = alone.and_then(|alone| alone.rate);
        pace.borrow_mut().set_declared(rate, Instant::now());
        observer.event(&Event::Budget {
            change,
            words,
            alone,
            processes: limit.processes(),
        });
    }

    /// Tries a lost budget without waiting for it. Returns true if it is back.
    async fn has_answered_probe(&self, now: Instant) -> bool {
        let due = self.limit.borrow().probe(now);
        if let Some(ask) = due {
            let mut probe = self.probe.borrow_mut();
            probe.get_or_insert_with(|| (ask, self.budget.ask(ask)));
        }
        let answer = poll_fn(|context| {
            let mut probe = self.probe.borrow_mut();
            let polled = probe
                .as_mut()
                .map(|(ask, asking)| (*ask, asking.as_mut().poll(context)));
            match polled {
                Some((ask, Poll::Ready(answer))) => {
                    *probe = None;
                    Poll::Ready(Some((ask, answer)))
                }
                Some((_, Poll::Pending)) | None => Poll::Ready(None),
            }
        });
        match answer.await {
            None => false,
            Some((ask, Ok(grant))) => {
                let change = self.limit.borrow_mut().granted(&ask, &grant, now);
                change.is_some()
            }
            Some((_, Err(_))) => {
                self.limit.borrow_mut().lost(now);
                false
            }
        }
    }

    /// Reports a pause of this process to the others.
    pub fn refuse(&self, pause: Duration) {
        self.budget.refuse(pause);
    }

    /// Returns unused permits, since no request waits.
    pub fn idle(&self, in_use: usize) {
        if self.limit.borrow_mut().idle(in_use) {
            self.budget.keep(in_use);
        }
    }
}

#[cfg(test)]
mod tests;
