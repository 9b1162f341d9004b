//! When one more request may leave.
//!
//! [`Pace`] is told what was sent and what was answered, and says from that whether a request may
//! leave now, or when to ask again. It never sleeps and asks no clock.
//!
//! What it weighs, the strictest first come: a pause after a refusal; the rate that the resource
//! file declares; the limits that the server counts aloud ([`Counted`]); the limit that only its
//! refusals tell of ([`Blind`]).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::http::blind::Blind;
use crate::http::counted::{Counted, Ticket};
use crate::http::limit::RateLimit;
use crate::http::rate_headers::{self, Allowance};
use crate::http::{HeaderMap, Response, StatusCode, headers};

/// Where nobody says how long: the first pause, and the longest after doubling.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    /// The server refused a request with this status.
    Refused(StatusCode),
    /// The server said that nothing, or next to nothing, remains until its reset.
    UsedUp,
}

/// A time in which no request of a resource leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Its end.
    pub until: Instant,
    /// Why.
    pub reason: PauseReason,
}

/// A request may not leave yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When to ask again, unless an answer comes before.
    pub until: Instant,
    /// Set if it is a pause of the server's making, and not just the gap between two requests.
    pub reason: Option<PauseReason>,
}

/// What an answer says of limits.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The status with which a request was refused for a time.
    pub refused: Option<StatusCode>,
    /// How long a refused request should wait, where the server says.
    pub asked: Option<Duration>,
    /// The limits that it counts.
    pub allowances: Vec<Allowance>,
}

impl Heard {
    /// Reads an answer; `now` is the time of day.
    pub fn from(response: &Response, now: SystemTime) -> Self {
        let fields: &HeaderMap = &response.headers;
        let refused = response.is_rate_limited().then_some(response.status);
        Self {
            refused,
            asked: refused
                .and_then(|_| rate_headers::refusal(fields, headers::date(fields).unwrap_or(now))),
            allowances: rate_headers::allowances(fields, now),
        }
    }

    /// Whether a limit that the server counts explains a refusal.
    fn is_counted(&self) -> bool {
        self.allowances
            .iter()
            .any(|allowance| allowance.remaining == 0)
    }
}

/// The facts about a resource's limits.
#[derive(Debug)]
pub struct Pace {
    declared: Option<Declared>,
    counted: BTreeMap<String, Counted>,
    blind: Blind,
    pause: Option<Pause>,
    /// When the last pause began: a refusal of what was sent before is no new one.
    paused_at: Option<Instant>,
    /// Pauses in a row, without a request that was let in.
    refusals: u32,
    sent: u64,
    /// What is on the wire, in the order of sending.
    in_flight: Vec<Ticket>,
    /// The shortest time in which an answer came.
    fastest: Option<Duration>,
}

impl Pace {
    /// No facts yet but the declared rate.
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
        }
    }

    /// Whether one more may leave: `None`, or else when to ask again.
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

    /// One leaves.
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

    /// An answer came.
    pub fn answered(&mut self, ticket: Ticket, now: Instant, heard: &Heard) {
        self.in_flight.retain(|other| other.number != ticket.number);
        for (name, counted) in &mut self.counted {
            if !heard.allowances.iter().any(|known| known.name == *name) && heard.refused.is_none()
            {
                counted.lost(ticket);
            }
        }
        let elapsed = now.saturating_duration_since(ticket.at);
        let fastest = self.fastest.map_or(elapsed, |known| known.min(elapsed));
        self.fastest = Some(fastest);
        let slack = elapsed.saturating_sub(fastest);
        let later = u32::try_from(self.sent - ticket.number).unwrap_or(u32::MAX);
        let overlaps = ticket.beside.saturating_add(later);
        for allowance in &heard.allowances {
            if let Some(counted) = self.counted.get_mut(&allowance.name) {
                counted.answered(ticket, overlaps, slack, allowance, heard.refused.is_some());
            } else {
                let counted = Counted::new(ticket, allowance);
                self.counted.insert(allowance.name.clone(), counted);
            }
        }
        if let Some(status) = heard.refused {
            self.refused(ticket, now, heard, status);
            return;
        }
        if self.paused_at.is_none_or(|at| ticket.at > at) {
            self.refusals = 0;
        }
        self.blind.taken(ticket.at);
    }

    /// No answer will come.
    pub fn lost(&mut self, ticket: Ticket) {
        self.in_flight.retain(|other| other.number != ticket.number);
        for counted in self.counted.values_mut() {
            counted.lost(ticket);
        }
    }

    /// The pause that holds now, if any.
    pub fn pause(&self, now: Instant) -> Option<Pause> {
        self.pause.filter(|pause| pause.until > now)
    }

    fn refused(&mut self, ticket: Ticket, now: Instant, heard: &Heard, status: StatusCode) {
        let is_new = self.paused_at.is_none_or(|at| ticket.at >= at);
        if is_new {
            self.refusals = self.refusals.saturating_add(1);
            self.paused_at = Some(now);
        }
        let doubled = 2_u32.saturating_pow(self.refusals.saturating_sub(1));
        let own = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        // "At once" is taken at its word once.
        let asked = heard
            .asked
            .filter(|asked| !asked.is_zero() || self.refusals == 1);
        let until = now + asked.unwrap_or(own);
        // Without a word of the server the pause that has begun stays as long as it is.
        let until = match self.pause {
            Some(known) if !is_new && asked.is_none() => known.until,
            Some(known) => known.until.max(until),
            None => until,
        };
        self.pause = Some(Pause {
            until,
            reason: PauseReason::Refused(status),
        });
        if !heard.is_counted() {
            self.blind.refused(now, until);
        }
    }
}

/// The rate that the resource file declares.
#[derive(Debug)]
struct Declared {
    rate: RateLimit,
    /// When the bucket would be full again, if nothing more were taken (the generic cell rate
    /// algorithm: one time stands for the number of tokens).
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
