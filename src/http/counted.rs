//! A rate limit that the server reports: the remaining requests, and the time of the reset.
//!
//! Servers count in two ways and do not say which. A *window* is full again at its reset and refills
//! nothing before; a *bucket* refills continuously, and its reset is the time when it is full or when
//! the next token comes. The difference shows in the response to a request that was alone on the
//! wire: if more requests remain than before, the limit is a bucket. The last requests of the first
//! window are reserved for this probe, and nothing is assumed before.
//!
//! Requests are numbered in the order of sending: a response does not account for requests sent
//! later, and responses may overtake each other.

use std::time::Duration;

use tokio::time::Instant;

use crate::http::rate_headers::Allowance;

/// A request that was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticket {
    /// The number, from 1.
    pub number: u64,
    /// The time of sending.
    pub at: Instant,
    /// The number of other requests on the wire at that time.
    pub beside: u32,
}

/// The way a server counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Not determined yet.
    Unknown,
    /// Refills at the reset only.
    Window,
    /// Refills continuously at this rate per second.
    Bucket(f64),
}

/// One limit of a server.
#[derive(Debug)]
pub struct Counted {
    kind: Kind,
    /// The reported size of a window.
    limit: f64,
    /// The largest number that ever remained.
    full: f64,
    /// The number found to be available in a new window.
    fresh: Option<f64>,
    /// The number that remains according to the newest response, or assumed in a new window.
    left: f64,
    /// The sending time of that response's request. Sending times are comparable, since the latency
    /// of the next request will be about the same; arrival times of responses are not.
    at: Instant,
    /// The number of that request.
    newest: u64,
    /// The number that remained according to the newest response, regardless of its window.
    reported: (f64, Instant),
    /// The latest start of the next window.
    edge: Instant,
    /// The length of a window, if known.
    window: Duration,
    /// Requests before this number belong to the previous window.
    from: u64,
    /// True if no response from the current window has arrived.
    is_new: bool,
    /// True if the rate of a bucket was never measured.
    is_guess: bool,
    /// The number of unexpected refusals by a bucket.
    strikes: u32,
    /// The average delay of responses beyond the fastest, in seconds.
    slack: f64,
    struck_at: Option<Instant>,
    /// The start of the refill measurement: time, and tokens given so far.
    baseline: (Instant, f64),
}

/// The assumed length of an unknown window: the shortest in use.
const SHORTEST: Duration = Duration::from_secs(1);
/// After this many refusals, the limit is no longer taken for a bucket.
const STRIKES: u32 = 2;
/// A longer time is not plausible.
const LONGEST: Duration = Duration::from_secs(3_600);
/// After the time of this many tokens since the last request, a refill is visible despite rounding.
const PROBE_TOKENS: u32 = 3;
/// A limit without a refill in the time of this many tokens is a window.
const WINDOW_TOKENS: u32 = 2;
/// The reserve while the kind is unknown: a fraction of the limit, and at most this many requests.
const UNKNOWN_PART: f64 = 4.0;
const UNKNOWN_MOST: f64 = 2.0;
/// The maximum reserve of a bucket, as a fraction of it.
const BUCKET_PART: f64 = 5.0;
/// The reserve of a window: a fraction of it, and at most this many requests. Windows are large,
/// and their last requests are not worth a refusal.
const WINDOW_PART: f64 = 1_000.0;
const WINDOW_MOST: f64 = 10.0;
/// A limit of which at most one in this many was available at once is a small bucket.
const SMALL_BUCKET: f64 = 2.0;
/// A bucket found nearly full may have been full for a while, so its rate cannot be measured.
const NEARLY_FULL: f64 = 0.9;
/// The slowdown of a bucket after a refusal, for a guessed rate and for a measured one.
const GUESS_TOO_FAST: f64 = 0.5;
const MEASURED_TOO_FAST: f64 = 0.9;
/// In seconds. A rate is measured over at least the first time, and restarted after the second,
/// since it may change.
const SHORTEST_MEASURE: f64 = 0.25;
const LONGEST_MEASURE: f64 = 10.0;
/// In seconds. A measurement of this length is fully trusted, a shorter one in part, since counts
/// are rounded.
const WHOLE_MEASURE: f64 = 2.0;
/// Concurrent requests blur a measurement if they are more than this fraction of it.
const CROWD: f64 = 0.3;
/// The minimum time of a token in seconds, which keeps rates finite.
const SHORTEST_TOKEN: f64 = 1e-6;

impl Counted {
    /// Creates the limit from its first response.
    pub fn new(ticket: Ticket, allowance: &Allowance) -> Self {
        let left = f64::from(allowance.remaining);
        let window = window(allowance, SHORTEST);
        Self {
            kind: Kind::Unknown,
            limit: allowance.limit.map_or(left + 1.0, f64::from),
            full: left + 1.0,
            fresh: None,
            left,
            at: ticket.at,
            newest: ticket.number,
            reported: (left, ticket.at),
            edge: ticket.at + window,
            window,
            from: 0,
            is_new: false,
            is_guess: false,
            strikes: 0,
            slack: 0.0,
            struck_at: None,
            baseline: (ticket.at, given(left, ticket.number)),
        }
    }

    /// Starts a new window if the old one is over. `next` is the number of the next request.
    pub fn advance(&mut self, now: Instant, next: u64) {
        if now < self.edge || matches!(self.kind, Kind::Bucket(_)) {
            return;
        }
        self.is_new = true;
        self.from = next;
        // In the first new window, a single request probes how many are available: the reported
        // window may in fact be a bucket.
        self.left = self.fresh.unwrap_or(1.0).max(1.0);
        self.at = now;
        self.edge = now + self.window;
    }

    /// Returns the time at which the next request may be sent; `None` if now.
    pub fn wait(&self, now: Instant, in_flight: &[Ticket]) -> Option<Instant> {
        if let Kind::Bucket(rate) = self.kind {
            return self.wait_for_token(rate, now, in_flight);
        }
        let credit = self.left - count(in_flight.len());
        if credit >= 1.0 + self.reserve() {
            return None;
        }
        if self.kind == Kind::Unknown && in_flight.is_empty() && credit >= 1.0 {
            // After the time of a few tokens since the last request, a bucket shows a refill.
            let probe = self.at + self.token() * PROBE_TOKENS;
            let probe = probe.min(self.edge);
            return (probe > now).then_some(probe);
        }
        Some(self.edge)
    }

    /// Returns true if the wait lasts until the reset, so that it is worth reporting.
    pub fn is_used_up(&self) -> bool {
        !matches!(self.kind, Kind::Bucket(_))
    }

    /// Updates the limit from a response. `overlaps` is the number of requests on the wire at some
    /// time during this one; `slack` is its delay beyond the fastest response, and so the maximum
    /// by which the next request may have been counted before it.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        overlaps: u32,
        slack: Duration,
        allowance: &Allowance,
        was_refused: bool,
    ) {
        let left = f64::from(allowance.remaining);
        let used = if was_refused { 0.0 } else { 1.0 };
        self.full = self.full.max(left + used);
        if let Some(limit) = allowance.limit {
            self.limit = f64::from(limit);
        }
        if ticket.number < self.from {
            return;
        }
        if ticket.number < self.newest {
            // Overtaken: it may have been counted after the one that overtook it.
            self.left = self.left.min(left);
            self.reported.0 = self.reported.0.min(left);
            return;
        }
        self.slack += (slack.as_secs_f64() - self.slack) * 0.1;
        let is_first = self.is_new;
        if was_refused {
            // The estimate was too high.
            self.fresh = None;
            self.slow_down(ticket);
        } else {
            if is_first && overlaps == 0 {
                self.fresh = Some(left + used);
            }
            if overlaps == 0 {
                self.classify(ticket, slack, left + used, is_first);
            }
        }
        let edge = ticket.at + slack + window(allowance, self.window);
        let is_another = is_first || left > self.reported.0 + f64::from(overlaps);
        if is_another {
            // The response belongs to another window.
            self.edge = edge;
        } else {
            self.edge = self.edge.min(edge);
        }
        self.window = self.window.max(window(allowance, SHORTEST));
        self.is_new = false;
        // The order in which concurrent requests are counted is unknown.
        let is_together = match self.kind {
            Kind::Bucket(_) => ticket.at == self.at && overlaps > 0,
            Kind::Unknown | Kind::Window => !is_another,
        };
        self.left = if is_together {
            left.min(self.left)
        } else {
            left
        };
        self.reported = (self.left, ticket.at);
        self.at = ticket.at;
        self.newest = ticket.number;
        self.measure(ticket, overlaps, was_refused);
    }

    /// Records that a request ended without a response about this limit.
    pub fn lost(&mut self, ticket: Ticket) {
        if ticket.number >= self.from {
            self.left = (self.left - 1.0).max(0.0);
            if self.is_new && ticket.number == self.from {
                self.edge = self.edge.min(ticket.at + SHORTEST);
            }
        }
    }

    /// Simulates the bucket from the newest response through all requests sent after it.
    fn wait_for_token(&self, rate: f64, now: Instant, in_flight: &[Ticket]) -> Option<Instant> {
        let full = self.full.max(self.left);
        let mut tokens = self.left;
        let mut at = self.at;
        let mut older = 0.0_f64;
        for ticket in in_flight {
            if ticket.number < self.newest {
                older += 1.0;
                continue;
            }
            let elapsed = ticket.at.saturating_duration_since(at).as_secs_f64();
            tokens = (tokens + rate * elapsed).min(full) - 1.0;
            at = at.max(ticket.at);
        }
        // A request that was overtaken may not be counted yet.
        let needed = 1.0 + self.reserve().max(older.min((full / 2.0).floor()));
        let until = at + seconds((needed - tokens).max(0.0) / rate);
        (until > now).then_some(until)
    }

    /// Returns the reserve. Other programs may use the same token, and a count rounded down at the
    /// wrong moment must not cause a refusal.
    fn reserve(&self) -> f64 {
        if self.is_new && self.fresh.is_none() {
            return 0.0;
        }
        match self.kind {
            Kind::Unknown => (self.full / UNKNOWN_PART).floor().min(UNKNOWN_MOST),
            // If latencies vary, a request may arrive before its token does.
            Kind::Bucket(rate) => {
                let most = (self.full / BUCKET_PART).floor();
                (1.0 + (rate * self.slack).ceil() + f64::from(self.strikes)).min(most)
            }
            Kind::Window => (self.full / WINDOW_PART).floor().min(WINDOW_MOST),
        }
    }

    /// Determines the kind of limit. `found` is the number available before a request that was
    /// alone on the wire.
    fn classify(&mut self, ticket: Ticket, slack: Duration, found: f64, is_first: bool) {
        if matches!(self.kind, Kind::Bucket(_)) || self.strikes >= STRIKES {
            return;
        }
        let (reported, at) = self.reported;
        let elapsed = ticket.at.saturating_duration_since(at);
        let came_back = found - reported;
        if found >= self.full {
            // A window that was reset and a bucket that was refilled look the same here. But a
            // limit that was never fully available at once is a small bucket.
            if came_back >= 1.0 && self.full * SMALL_BUCKET <= self.limit {
                self.kind = Kind::Bucket(1.0 / self.token().as_secs_f64().max(SHORTEST_TOKEN));
                self.is_guess = true;
            }
            return;
        }
        if came_back >= 1.0 && !elapsed.is_zero() && found < NEARLY_FULL * self.full {
            // The response was delayed, so it saw more refill than its sending time suggests.
            let elapsed = elapsed + slack * 2;
            self.kind = Kind::Bucket(came_back / elapsed.as_secs_f64());
            self.baseline = (at, given(reported, self.newest));
        } else if self.kind == Kind::Unknown && !is_first && elapsed >= self.token() * WINDOW_TOKENS
        {
            self.kind = Kind::Window;
        }
    }

    /// Slows a bucket down after an unexpected refusal.
    fn slow_down(&mut self, ticket: Ticket) {
        let Kind::Bucket(rate) = self.kind else {
            return;
        };
        // Concurrent refusals count as one.
        if self
            .struck_at
            .is_some_and(|at| ticket.at < at + SHORTEST / 2)
        {
            return;
        }
        self.struck_at = Some(ticket.at);
        self.strikes += 1;
        // A window that was partly used when first seen looks like a bucket.
        self.kind = if self.strikes >= STRIKES && self.full * SMALL_BUCKET > self.limit {
            Kind::Window
        } else {
            Kind::Bucket(
                rate * if self.is_guess {
                    GUESS_TOO_FAST
                } else {
                    MEASURED_TOO_FAST
                },
            )
        };
    }

    /// Returns the time per token of a bucket that refills one window's limit per window.
    fn token(&self) -> Duration {
        self.window.div_f64(self.limit.max(1.0))
    }

    /// Measures the refill rate of a bucket, over a time in which it was not full.
    fn measure(&mut self, ticket: Ticket, overlaps: u32, was_refused: bool) {
        let Kind::Bucket(rate) = self.kind else {
            return;
        };
        let now_given = given(self.left, ticket.number);
        let (since, then_given) = self.baseline;
        let elapsed = ticket.at.saturating_duration_since(since).as_secs_f64();
        let is_full = self.left + 1.0 >= self.full;
        if was_refused || is_full || elapsed > LONGEST_MEASURE {
            self.baseline = (ticket.at, now_given);
        }
        let measured = (now_given - then_given) / elapsed;
        // With many concurrent requests, the order of counting is uncertain.
        let is_crowd = f64::from(overlaps) > CROWD * (now_given - then_given);
        if !was_refused && !is_crowd && measured > 0.0 && elapsed >= SHORTEST_MEASURE {
            let measured = if is_full {
                measured.max(rate)
            } else {
                measured
            };
            // Over a short time, rounded counts make the rate uncertain.
            let weight = (elapsed / WHOLE_MEASURE).min(1.0);
            self.kind = Kind::Bucket(rate + (measured - rate) * weight);
            self.is_guess &= is_full;
        }
    }
}

/// Returns the total ever available: remaining and taken.
fn given(left: f64, number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no run sends 2^53 requests")]
    let taken = number as f64;
    left + taken
}

/// Returns the time until the reset. A reset of zero was rounded down: servers count in whole
/// seconds.
fn window(allowance: &Allowance, known: Duration) -> Duration {
    match (allowance.reset, allowance.window) {
        (Some(reset), _) if reset.is_zero() => SHORTEST,
        (Some(reset), _) => reset,
        (None, Some(window)) => window,
        (None, None) => known,
    }
}

fn count(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST)
}
