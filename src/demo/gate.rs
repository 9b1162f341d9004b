//! Checks before routing: rate limit, injected failures, token.
//!
//! Nothing here waits, so it can be tested without time.

use std::time::Duration;

use hyper::StatusCode;

use crate::demo::message::{Answer, Fault};
use crate::demo::options::{Options, RateLimit};

/// Counts requests and refuses some of them as configured.
#[derive(Debug)]
pub(super) struct Gate {
    bucket: Option<Bucket>,
    fail_every: Option<(u32, StatusCode)>,
    answers: u64,
}

/// The admission or refusal of a request, with headers for its response.
#[derive(Debug)]
pub(super) struct Admission {
    /// The request's number, from 1.
    pub number: u64,
    /// `RateLimit-*`, if there is a limit.
    pub headers: Vec<(&'static str, String)>,
    /// The response that replaces the route's.
    pub refusal: Option<Answer>,
}

impl Gate {
    /// Creates a gate with a full bucket.
    pub fn new(options: &Options) -> Self {
        let fail_every = options.fail_every.and_then(|(every, status)| {
            let status = StatusCode::from_u16(status).ok()?;
            (every > 0).then_some((every, status))
        });
        Self {
            bucket: options.rate_limit.map(Bucket::new),
            fail_every,
            answers: 0,
        }
    }

    /// Decides on a request; `now` is the time since the demo started.
    pub fn admit(&mut self, now: Duration) -> Admission {
        self.answers += 1;
        let mut admission = Admission {
            number: self.answers,
            headers: Vec::new(),
            refusal: None,
        };
        if let Some(bucket) = &mut self.bucket {
            let wait = bucket.take(now);
            admission.headers = bucket.headers();
            if let Some(wait) = wait {
                admission
                    .headers
                    .push(("retry-after", whole_seconds(wait).max(1).to_string()));
                admission.refusal = Some(Answer::message(
                    StatusCode::TOO_MANY_REQUESTS,
                    "Rate limit exceeded.",
                ));
                return admission;
            }
        }
        if let Some((every, status)) = self.fail_every
            && self.answers.is_multiple_of(u64::from(every))
        {
            let text = match status {
                StatusCode::INTERNAL_SERVER_ERROR => "Internal server error.",
                status => status.canonical_reason().unwrap_or("Error."),
            };
            admission.refusal = Some(Answer::message(status, text));
        }
        admission
    }
}

/// A token bucket in thousandths of a token, refilled by the times passed to it.
#[derive(Debug)]
struct Bucket {
    limit: RateLimit,
    /// The time per token in nanoseconds.
    refill: u128,
    /// The available tokens, in nanoseconds of refill time.
    credit: u128,
    last: Duration,
}

impl Bucket {
    fn new(limit: RateLimit) -> Self {
        let refill = (limit.per.as_nanos() / u128::from(limit.requests.max(1))).max(1);
        Self {
            limit,
            refill,
            credit: refill * u128::from(limit.burst.max(1)),
            last: Duration::ZERO,
        }
    }

    /// Takes a token, or returns the time until one is available.
    fn take(&mut self, now: Duration) -> Option<Duration> {
        let full = self.refill * u128::from(self.limit.burst.max(1));
        self.credit = (self.credit + now.saturating_sub(self.last).as_nanos()).min(full);
        self.last = self.last.max(now);
        if self.credit >= self.refill {
            self.credit -= self.refill;
            return None;
        }
        Some(nanoseconds(self.refill - self.credit))
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let full = self.refill * u128::from(self.limit.burst.max(1));
        vec![
            ("ratelimit-limit", self.limit.requests.to_string()),
            (
                "ratelimit-remaining",
                (self.credit / self.refill).to_string(),
            ),
            (
                "ratelimit-reset",
                whole_seconds(nanoseconds(full - self.credit)).to_string(),
            ),
        ]
    }
}

fn nanoseconds(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Rounds up, so that a client that waits this long is not too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Refuses a missing, empty or wrong token.
pub(super) fn authenticate(token: Option<&str>, accepted: Option<&str>) -> Result<(), Fault> {
    let refused = |message| Err(Fault::with(StatusCode::UNAUTHORIZED, message));
    match (token, accepted) {
        (None, _) => refused("You must log in first."),
        (Some(""), _) => refused("Invalid token provided."),
        (Some(token), Some(accepted)) if token != accepted => refused("Invalid token provided."),
        (Some(_), _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(admission: &'a Admission, name: &str) -> Option<&'a str> {
        let (_, value) = admission.headers.iter().find(|(key, _)| *key == name)?;
        Some(value)
    }

    #[test]
    fn the_bucket_gives_its_burst_and_then_its_rate() {
        let mut gate = Gate::new(&Options {
            rate_limit: Some(RateLimit {
                requests: 10,
                per: Duration::from_secs(1),
                burst: 2,
            }),
            ..Options::default()
        });
        let at = Duration::from_millis;
        assert!(gate.admit(at(0)).refusal.is_none());
        let second = gate.admit(at(0));
        assert!(second.refusal.is_none());
        assert_eq!(header(&second, "ratelimit-limit"), Some("10"));
        assert_eq!(header(&second, "ratelimit-remaining"), Some("0"));
        assert_eq!(header(&second, "ratelimit-reset"), Some("1"));
        let third = gate.admit(at(50));
        assert_eq!(third.refusal.as_ref().unwrap().status, 429);
        assert_eq!(header(&third, "retry-after"), Some("1"));
        assert!(gate.admit(at(100)).refusal.is_none());
        assert!(gate.admit(at(100)).refusal.is_some());
    }

    #[test]
    fn every_nth_answer_fails() {
        let mut gate = Gate::new(&Options {
            fail_every: Some((3, 503)),
            ..Options::default()
        });
        let failed: Vec<bool> = (0..7)
            .map(|_| gate.admit(Duration::ZERO).refusal.is_some())
            .collect();
        assert_eq!(failed, [false, false, true, false, false, true, false]);
    }

    #[test]
    fn tokens() {
        assert!(authenticate(Some("any"), None).is_ok());
        assert!(authenticate(Some("good"), Some("good")).is_ok());
        assert!(authenticate(Some("bad"), Some("good")).is_err());
        assert!(authenticate(Some(""), None).is_err());
        assert_eq!(
            authenticate(None, None).unwrap_err().message,
            "You must log in first."
        );
    }
}
