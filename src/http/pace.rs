//! Decides when the next request may be sent.
//!
//! [`Pace`] is updated with every request and response, and returns if a request may be sent now, or
//! when to ask again. It never sleeps and reads no clock.
//!
//! It considers, strictest first: a pause after a refusal; the rate declared in the resource file;
//! the limits that the server reports ([`Counted`]); and the limit estimated from its refusals
//! ([`Blind`]).

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::http::blind::Blind;
use crate::http::counted::{Counted, Ticket};
use crate::http::rate_headers::{self, Allowance};
use crate::http::{HeaderMap, Response, StatusCode, headers};

/// At most `requests` per `per`, with up to `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests.
    pub requests: u32,
    /// The period.
    pub per: Duration,
    /// The maximum burst.
    pub burst: u32,
}

impl RateLimit {
    /// Returns the part of one of several processes. The rate is divided exactly.
    #[must_use]
    pub fn divided(self, processes: NonZeroU32) -> Self {
        Self {
            per: self.per.saturating_mul(processes.get()),
            burst: (self.burst / processes.get()).max(1),
            ..self
        }
    }
}

/// The first pause if the server gives no time, and the maximum after doubling.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The reason for a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    /// The server refused a request with this status.
    Refused(StatusCode),
    /// According to the server, next to nothing remains until its reset.
    UsedUp,
    /// The server refused a request of another process that shares the limit.
    RefusedElsewhere,
}

/// A time during which no request of a resource is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The end of the pause.
    pub until: Instant,
    /// The reason.
    pub reason: PauseReason,
}

/// A wait before the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The time to ask again, unless a response arrives before.
    pub until: Instant,
    /// The reason, if it is a pause caused by the server and not just the interval between
    /// requests.
    pub reason: Option<PauseReason>,
}

/// The facts about limits in a response.
#[derive(Debug, Clone, Default)]
pub struct LimitReport {
    /// The status, if the request was rate limited.
    pub refused: Option<StatusCode>,
    /// The delay requested by the server.
    pub requested: Option<Duration>,
    /// The limits reported.
    pub allowances: Vec<Allowance>,
}

impl LimitReport {
    /// Reads a response; `now` is the time of day.
    pub fn from(response: &Response, now: SystemTime) -> Self {
        let fields: &HeaderMap = &response.headers;
        let refused = response.is_rate_limited().then_some(response.status);
        Self {
            refused,
            requested: refused
                .and_then(|_| rate_headers::refusal(fields, headers::date(fields).unwrap_or(now))),
            allowances: rate_headers::allowances(fields, now),
        }
    }

    /// Returns true if a reported limit explains a refusal.
    fn is_counted(&self) -> bool {
        self.allowances
            .iter()
            .any(|allowance| allowance.remaining == 0)
    }
}

/// The state of a resource's limits.
#[derive(Debug)]
pub struct Pace {
    declared: Option<Declared>,
    counted: BTreeMap<String, Counted>,
    blind: Blind,
    pause: Option<Pause>,
    /// The start of the last pause: a refusal of a request sent before it does not start a new one.
    paused_at: Option<Instant>,
    /// The number of consecutive pauses without an accepted request.
    refusals: u32,
    sent: u64,
    /// The requests on the wire, in the order of sending.
    in_flight: Vec<Ticket>,
    /// The shortest response time.
    fastest: Option<Duration>,
    /// The response time, smoothed.
    usual: Option<Duration>,
}

impl Pace {
    /// Creates the state with the declared rate.
    pub fn new(declared: Option<RateLimit>) -> Self {
        Self {
            declared: declared.map(|rate| Declared {
                rate,
                full_at: None,
            }),
            counted: BTreeMap::new(),
            blind: Blind::default(),
            pause: None,
            paused_at: None,
            refusals: 0,
            sent: 0,
            in_flight: Vec::new(),
            fastest: None,
            usual: None,
        }
    }

    /// Replaces the declared rate during the run, as if all its requests had just been sent.
    pub fn set_declared(&mut self, rate: Option<RateLimit>, now: Instant) {
        self.declared = rate.map(|rate| {
            let mut declared = Declared {
                rate,
                full_at: None,
            };
            let used = declared.interval().saturating_mul(rate.burst.max(1));
            declared.full_at = now.checked_add(used);
            declared
        });
    }

    /// Returns the usual response time; zero before the first response.
    pub fn latency(&self) -> Duration {
        self.usual.unwrap_or_default()
    }

    /// Returns the end of the pause after a refusal, if there is one.
    pub fn paused_until(&self, now: Instant) -> Option<Instant> {
        let until = self.pause.map(|pause| pause.until);
        until.filter(|until| *until > now)
    }

    /// Returns the wait before the next request; `None` if it may be sent now.
    pub fn ready(&mut self, now: Instant) -> Option<Wait> {
        if let Some(pause) = self.pause {
            if pause.until > now {
                return Some(Wait {
                    until: pause.until,
                    reason: Some(pause.reason),
                });
            }
            self.pause = None;
        }
        self.blind.advance(now);
        let gap = |until| Wait {
            until,
            reason: None,
        };
        let mut strictest = self.blind.wait(now).map(gap);
        let mut add = |wait: Option<Wait>| {
            if wait.map(|wait| wait.until) > strictest.map(|wait| wait.until) {
                strictest = wait;
            }
        };
        if let Some(declared) = &self.declared {
            add(declared.wait(now).map(gap));
        }
        for counted in self.counted.values_mut() {
            counted.advance(now, self.sent + 1);
            add(counted.wait(now, &self.in_flight).map(|until| Wait {
                until,
                reason: (self.in_flight.is_empty() && counted.is_used_up())
                    .then_some(PauseReason::UsedUp),
            }));
        }
        strictest
    }

    /// Records that a request is sent.
    pub fn sent(&mut self, now: Instant) -> Ticket {
        if let Some(declared) = &mut self.declared {
            declared.take(now);
        }
        self.blind.sent(now);
        self.sent += 1;
        let ticket = Ticket {
            number: self.sent,
            at: now,
            beside: u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX),
        };
        self.in_flight.push(ticket);
        ticket
    }

    /// Records a response.
    pub fn answered(&mut self, ticket: Ticket, now: Instant, report: &LimitReport) {
        self.in_flight.retain(|other| other.number != ticket.number);
        for (name, counted) in &mut self.counted {
            if !report.allowances.iter().any(|known| known.name == *name)
                && report.refused.is_none()
            {
                counted.lost(ticket);
            }
        }
        let elapsed = now.saturating_duration_since(ticket.at);
        let fastest = self.fastest.map_or(elapsed, |known| known.min(elapsed));
        self.fastest = Some(fastest);
        let usual = self
            .usual
            .map_or(elapsed, |known| (known * 3 + elapsed) / 4);
        self.usual = Some(usual);
        let slack = elapsed.saturating_sub(fastest);
        let later = u32::try_from(self.sent - ticket.number).unwrap_or(u32::MAX);
        let overlaps = ticket.beside.saturating_add(later);
        for allowance in &report.allowances {
            if let Some(counted) = self.counted.get_mut(&allowance.name) {
                counted.answered(ticket, overlaps, slack, allowance, report.refused.is_some());
            } else {
                let counted = Counted::new(ticket, allowance);
                self.counted.insert(allowance.name.clone(), counted);
            }
        }
        if let Some(status) = report.refused {
            self.refused(ticket, now, report, status);
            return;
        }
        if self.paused_at.is_none_or(|at| ticket.at > at) {
            self.refusals = 0;
        }
        self.blind.taken(ticket.at);
    }

    /// Records that a request ended without a response.
    pub fn lost(&mut self, ticket: Ticket) {
        self.in_flight.retain(|other| other.number != ticket.number);
        for counted in self.counted.values_mut() {
            counted.lost(ticket);
        }
    }

    fn refused(&mut self, ticket: Ticket, now: Instant, report: &LimitReport, status: StatusCode) {
        let is_new = self.paused_at.is_none_or(|at| ticket.at >= at);
        if is_new {
            self.refusals = self.refusals.saturating_add(1);
            self.paused_at = Some(now);
        }
        let doubled = 2_u32.saturating_pow(self.refusals.saturating_sub(1));
        let own = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        // A requested delay of zero is only followed once.
        let requested = report
            .requested
            .filter(|requested| !requested.is_zero() || self.refusals == 1);
        let until = now + requested.unwrap_or(own);
        // Without a delay from the server, the current pause keeps its end.
        let until = match self.pause {
            Some(known) if !is_new && requested.is_none() => known.until,
            Some(known) => known.until.max(until),
            None => until,
        };
        self.pause = Some(Pause {
            until,
            reason: PauseReason::Refused(status),
        });
        if !report.is_counted() {
            self.blind.refused(now, until);
        }
    }
}

/// The rate declared in the resource file.
#[derive(Debug)]
struct Declared {
    rate: RateLimit,
    /// The time at which the bucket would be full again if no more tokens were taken (generic cell
    /// rate algorithm: one time represents the number of tokens).
    full_at: Option<Instant>,
}

impl Declared {
    fn wait(&self, now: Instant) -> Option<Instant> {
        let interval = self.interval();
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let allowed_at = (full_at + interval).checked_sub(interval * self.rate.burst.max(1))?;
        (allowed_at > now).then_some(allowed_at)
    }

    fn take(&mut self, now: Instant) {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        self.full_at = Some(full_at + self.interval());
    }

    fn interval(&self) -> Duration {
        self.rate.per / self.rate.requests.max(1)
    }
}
