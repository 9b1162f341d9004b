//! A limit that the server counts aloud: how many requests remain, and until when.
//!
//! Servers count in two ways and none of them says which. A *window* is full again at its reset
//! and gives nothing before; a *bucket* fills all the time, and its reset says when it is full or
//! when the next token comes. The difference shows in an answer to a request that was alone on the
//! wire: if more remain than the one before left, the limit refills. So the last requests of the
//! first window are kept for such a probe, and nothing is assumed before.
//!
//! Requests count by their number, in the order in which they were sent: a number in an answer
//! does not know of requests that left later, and answers overtake each other.

use std::time::Duration;

use tokio::time::Instant;

use crate::http::rate_headers::Allowance;

/// A request that was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticket {
    /// Its number, from 1.
    pub number: u64,
    /// When it was sent.
    pub at: Instant,
    /// How many others were on the wire then.
    pub beside: u32,
}

/// How the server counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Nothing has shown it yet.
    Unknown,
    /// Nothing comes back before the reset.
    Window,
    /// So many a second come back all the time.
    Bucket(f64),
}

/// One limit of a server.
#[derive(Debug)]
pub struct Counted {
    kind: Kind,
    /// The requests of a window, where the server says so.
    limit: f64,
    /// The most that ever remained, with the request that was told so.
    full: f64,
    /// What a new window was found to give.
    fresh: Option<f64>,
    /// What remains by the newest answer, or by assumption in a new window.
    left: f64,
    /// When that answer's request was sent. Its way to the server took as long as that of the next
    /// request will, so times of sending can be compared where times of answers cannot.
    at: Instant,
    /// The number of that request.
    newest: u64,
    /// What remained by the newest answer, whatever window it was.
    said: (f64, Instant),
    /// At the latest then there is a new window.
    edge: Instant,
    /// The length of a window, as far as known.
    window: Duration,
    /// Requests before this number belong to the window before.
    from: u64,
    /// Whether a new window has begun of which no answer has told.
    is_new: bool,
    /// Whether a bucket's rate was never measured.
    is_guess: bool,
    /// How often a bucket refused what it should have let in.
    strikes: u32,
    /// How much longer than the fastest the answers take, in seconds, on average.
    slack: f64,
    struck_at: Option<Instant>,
    /// From where the refill of a bucket is measured: time and tokens given until then.
    baseline: (Instant, f64),
}

/// A window of which nothing is known: the shortest that servers count in.
const SHORTEST: Duration = Duration::from_secs(1);
/// After so many it is believed to be no bucket.
const STRIKES: u32 = 2;
/// A longer time is none that a server means.
const LONGEST: Duration = Duration::from_secs(3_600);
/// So many tokens' time after the last request a bucket shows, although servers round.
const PROBE_TOKENS: u32 = 3;
/// A window gave nothing back in so many tokens' time, in which a bucket would have.
const WINDOW_TOKENS: u32 = 2;
/// What is not used while the kind of limit is unknown: a part of it, and no more than this.
const UNKNOWN_PART: f64 = 4.0;
const UNKNOWN_MOST: f64 = 2.0;
/// What is not used of a bucket: at most this part of it.
const BUCKET_PART: f64 = 5.0;
/// What is not used of a window: a part of it, and no more than this. Windows are large, and the
/// last requests of one are not worth a refusal.
const WINDOW_PART: f64 = 1_000.0;
const WINDOW_MOST: f64 = 10.0;
/// A limit of which no more than one in so many was there at once is a small bucket.
const SMALL_BUCKET: f64 = 2.0;
/// Found nearly full, a bucket may have been full for a while, and its rate is not seen.
const NEARLY_FULL: f64 = 0.9;
/// How much a refusal slows a bucket down: a rate that was guessed, and one that was measured.
const GUESS_TOO_FAST: f64 = 0.5;
const MEASURED_TOO_FAST: f64 = 0.9;
/// Seconds. A rate is measured over at least so long, and then from anew: it may change.
const SHORTEST_MEASURE: f64 = 0.25;
const LONGEST_MEASURE: f64 = 10.0;
/// Seconds. A measurement of this length is believed whole, a shorter one in part: counts are
/// rounded.
const WHOLE_MEASURE: f64 = 2.0;
/// Requests on the wire together blur a measurement if they are more than this part of it.
const CROWD: f64 = 0.3;
/// Seconds. No token takes less, so that a rate is finite.
const SHORTEST_TOKEN: f64 = 1e-6;

impl Counted {
    /// A limit of which the first answer told.
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
            said: (left, ticket.at),
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

    /// Begins a new window where the old one is over. `next` is the next request's number.
    pub fn advance(&mut self, now: Instant, next: u64) {
        if now < self.edge || matches!(self.kind, Kind::Bucket(_)) {
            return;
        }
        self.is_new = true;
        self.from = next;
        // The first time one request looks what a new window gives: a limit that is shown as a
        // window's may come back one by one.
        self.left = self.fresh.unwrap_or(1.0).max(1.0);
        self.at = now;
        self.edge = now + self.window;
    }

    /// When one more request may leave; `None`: now.
    pub fn wait(&self, now: Instant, in_flight: &[Ticket]) -> Option<Instant> {
        if let Kind::Bucket(rate) = self.kind {
            return self.wait_for_token(rate, now, in_flight);
        }
        let credit = self.left - count(in_flight.len());
        if credit >= 1.0 + self.reserve() {
            return None;
        }
        if self.kind == Kind::Unknown && in_flight.is_empty() && credit >= 1.0 {
            // A few tokens' time after the last request: by then a bucket shows.
            let probe = self.at + self.token() * PROBE_TOKENS;
            let probe = probe.min(self.edge);
            return (probe > now).then_some(probe);
        }
        Some(self.edge)
    }

    /// Whether the wait is one for the reset, so that it is worth telling.
    pub fn is_used_up(&self) -> bool {
        !matches!(self.kind, Kind::Bucket(_))
    }

    /// Learns from an answer. `overlaps` is the number of requests that were on the wire at some
    /// time while this one was; `slack` is how much longer it took than the fastest, and so how much
    /// later than the next one it may have been counted.
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
            // Overtaken. It may have been counted later than the one that overtook it.
            self.left = self.left.min(left);
            self.said.0 = self.said.0.min(left);
            return;
        }
        self.slack += (slack.as_secs_f64() - self.slack) * 0.1;
        let is_first = self.is_new;
        if was_refused {
            // Whatever was believed, it was too much.
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
        let is_another = is_first || left > self.said.0 + f64::from(overlaps);
        if is_another {
            // The window that this answer belongs to is another one.
            self.edge = edge;
        } else {
            self.edge = self.edge.min(edge);
        }
        self.window = self.window.max(window(allowance, SHORTEST));
        self.is_new = false;
        // Of requests that are on the wire together nobody knows which is counted last.
        let is_together = match self.kind {
            Kind::Bucket(_) => ticket.at == self.at && overlaps > 0,
            Kind::Unknown | Kind::Window => !is_another,
        };
        self.left = if is_together {
            left.min(self.left)
        } else {
            left
        };
        self.said = (self.left, ticket.at);
        self.at = ticket.at;
        self.newest = ticket.number;
        self.measure(ticket, overlaps, was_refused);
    }

    /// A request is gone of which no answer tells this limit.
    pub fn lost(&mut self, ticket: Ticket) {
        if ticket.number >= self.from {
            self.left = (self.left - 1.0).max(0.0);
            if self.is_new && ticket.number == self.from {
                self.edge = self.edge.min(ticket.at + SHORTEST);
            }
        }
    }

    /// Plays the bucket on from the newest answer through all that left after it.
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
        // Who was overtaken on the way may not be counted yet.
        let needed = 1.0 + self.reserve().max(older.min((full / 2.0).floor()));
        let until = at + seconds((needed - tokens).max(0.0) / rate);
        (until > now).then_some(until)
    }

    /// What is not used. Another program may use the same token, and a count that was rounded down
    /// at the wrong moment must not end in a refusal.
    fn reserve(&self) -> f64 {
        if self.is_new && self.fresh.is_none() {
            return 0.0;
        }
        match self.kind {
            Kind::Unknown => (self.full / UNKNOWN_PART).floor().min(UNKNOWN_MOST),
            // Where the ways to the server differ, a request may meet the tokens of a moment before.
            Kind::Bucket(rate) => {
                let most = (self.full / BUCKET_PART).floor();
                (1.0 + (rate * self.slack).ceil() + f64::from(self.strikes)).min(most)
            }
            Kind::Window => (self.full / WINDOW_PART).floor().min(WINDOW_MOST),
        }
    }

    /// `found` is what there was before a request that was alone on the wire.
    fn classify(&mut self, ticket: Ticket, slack: Duration, found: f64, is_first: bool) {
        if matches!(self.kind, Kind::Bucket(_)) || self.strikes >= STRIKES {
            return;
        }
        let (said, at) = self.said;
        let elapsed = ticket.at.saturating_duration_since(at);
        let came_back = found - said;
        if found >= self.full {
            // All at once, or filled meanwhile: it looks the same. But a window whose limit was
            // never there at once is a small bucket.
            if came_back >= 1.0 && self.full * SMALL_BUCKET <= self.limit {
                self.kind = Kind::Bucket(1.0 / self.token().as_secs_f64().max(SHORTEST_TOKEN));
                self.is_guess = true;
            }
            return;
        }
        if came_back >= 1.0 && !elapsed.is_zero() && found < NEARLY_FULL * self.full {
            // Longer on the way, it saw more come back than its time of sending tells.
            let elapsed = elapsed + slack * 2;
            self.kind = Kind::Bucket(came_back / elapsed.as_secs_f64());
            self.baseline = (at, given(said, self.newest));
        } else if self.kind == Kind::Unknown && !is_first && elapsed >= self.token() * WINDOW_TOKENS
        {
            self.kind = Kind::Window;
        }
    }

    /// A request was refused although a bucket should have had a token for it.
    fn slow_down(&mut self, ticket: Ticket) {
        let Kind::Bucket(rate) = self.kind else {
            return;
        };
        // What was refused together is one refusal.
        if self
            .struck_at
            .is_some_and(|at| ticket.at < at + SHORTEST / 2)
        {
            return;
        }
        self.struck_at = Some(ticket.at);
        self.strikes += 1;
        // A window, part of which was taken when it was looked at, looks like a bucket.
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

    /// How long a token takes in a bucket that gives a window's requests in a window.
    fn token(&self) -> Duration {
        self.window.div_f64(self.limit.max(1.0))
    }

    /// Measures how fast a bucket fills, over a time in which it was not full.
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
        // In a crowd nobody knows which were counted before this one.
        let is_crowd = f64::from(overlaps) > CROWD * (now_given - then_given);
        if !was_refused && !is_crowd && measured > 0.0 && elapsed >= SHORTEST_MEASURE {
            let measured = if is_full {
                measured.max(rate)
            } else {
                measured
            };
            // Over a short time the rounded count makes the rate uncertain.
            let weight = (elapsed / WHOLE_MEASURE).min(1.0);
            self.kind = Kind::Bucket(rate + (measured - rate) * weight);
            self.is_guess &= is_full;
        }
    }
}

/// All that was ever given: what is left and what was taken.
fn given(left: f64, number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no run sends 2^53 requests")]
    let taken = number as f64;
    left + taken
}

/// How long until the reset. One that is due was rounded down: servers count in whole seconds.
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
