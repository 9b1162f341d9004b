//! The budget of a resource: requests in flight, requests in a time, and pauses that the server
//! asked for. All requests of a run to one resource share it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::http::{Request, Response, StatusCode, Transport, TransportError, headers};

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

/// The shared state.
pub struct Budget {
    in_flight: Semaphore,
    rate: Option<RateLimit>,
    /// When the bucket would be full again, if nothing more were taken (the generic cell rate
    /// algorithm: one time stands for the number of tokens).
    full_at: Cell<Option<Instant>>,
    paused_until: Cell<Option<Instant>>,
}

impl Budget {
    /// A budget of `concurrency` requests in flight and, if declared, a rate.
    pub fn new(concurrency: usize, rate: Option<RateLimit>) -> Rc<Self> {
        Rc::new(Self {
            in_flight: Semaphore::new(concurrency.max(1)),
            rate,
            full_at: Cell::new(None),
            paused_until: Cell::new(None),
        })
    }

    /// Waits for the moment at which one more request may leave.
    async fn admit(&self) {
        loop {
            let now = Instant::now();
            let wait_until = match self.paused_until.get() {
                Some(until) if until > now => until,
                _ => match self.take(now) {
                    None => return,
                    Some(until) => until,
                },
            };
            tokio::time::sleep_until(wait_until).await;
        }
    }

    /// Takes a token; if there is none, the moment at which there will be one.
    fn take(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate?;
        let interval = rate.per / rate.requests.max(1);
        let full_at = self.full_at.get().map_or(now, |at| at.max(now));
        let allowed_at = (full_at + interval).checked_sub(interval * rate.burst.max(1))?;
        if allowed_at > now {
            return Some(allowed_at);
        }
        self.full_at.set(Some(full_at + interval));
        None
    }

    /// One 429 pauses everyone.
    fn pause(&self, length: Duration) {
        let until = Instant::now() + length;
        let later = self
            .paused_until
            .get()
            .map_or(until, |known| known.max(until));
        self.paused_until.set(Some(later));
    }
}

/// The layer that takes from the budget before each attempt.
pub struct Limit<T> {
    inner: T,
    budget: Rc<Budget>,
}

impl<T> Limit<T> {
    /// Wraps a transport.
    pub fn new(inner: T, budget: Rc<Budget>) -> Self {
        Self { inner, budget }
    }
}

impl<T: Transport> Transport for Limit<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let _permit = self.budget.in_flight.acquire().await;
        self.budget.admit().await;
        let response = self.inner.send(request).await?;
        if response.status == StatusCode::TOO_MANY_REQUESTS
            && let Some(wait) = headers::retry_after(&response.headers, SystemTime::now())
        {
            self.budget.pause(wait);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let rate = RateLimit {
            requests: 10,
            per: Duration::from_secs(1),
            burst: 3,
        };
        let budget = Budget::new(8, Some(rate));
        let started = Instant::now();
        let mut times = Vec::new();
        for _ in 0..6 {
            budget.admit().await;
            times.push(started.elapsed().as_millis());
        }
        assert_eq!(times, [0, 0, 0, 100, 200, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everyone_back() {
        let budget = Budget::new(8, None);
        budget.pause(Duration::from_secs(5));
        budget.pause(Duration::from_secs(2));
        let started = Instant::now();
        budget.admit().await;
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
