//! A limit of which the server says nothing until it refuses.
//!
//! The first burst that is too large cannot be avoided. From it follows about how many requests
//! the server takes in a pause's time; from then on a bucket of our own stands in for the
//! server's, a little smaller, and grows as long as nobody refuses. Between two refusals the
//! server's bucket went from empty to empty, so what it took in between is what it gives.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// As many sendings as are remembered.
const MEMORY: usize = 4_096;
/// After a pause of this length and more nothing is believed until the next one.
const LONG_PAUSE: f64 = 5.0;
/// When so many requests left as fast as allowed, and so much time has passed, a little more is
/// allowed.
const STEP: u32 = 3;
const STEP_TIME: Duration = Duration::from_millis(300);
/// How much more is allowed at a step: a quarter until the first refusal, since the first estimate
/// may be far too low; after one, which shows that the rate is nearly right, next to nothing.
const GROWTH: f64 = 1.25;
const TRIED_GROWTH: f64 = 1.01;
/// How far below the refused rate a measured one is believed: what grew fast may be far too high.
const LOWEST: f64 = 0.75;
const TRIED_LOWEST: f64 = 0.9;
/// The part of a first burst that is used again. It was refused, so all of it was too much.
const BURST_PART: f64 = 0.9;
/// The part of a burst that is left after a refusal with tokens in hand.
const SMALLER_BURST: f64 = 0.7;
/// The part of a measured rate that is used: the measured one was refused in the end.
const RATE_PART: f64 = 0.99;
/// The part of the tokens of a pause that is counted: the server's clock may have begun later.
const REFILL_PART: f64 = 0.9;
/// A pause gave more than a burst if this much more was taken than one holds. Less is rounding.
const MORE_THAN_BURST: f64 = 1.05;
/// What is missing of a token by rounding: a wait for it would never end.
const ROUNDING: f64 = 1e-9;
/// Seconds. No time is shorter, so that a rate is finite.
const SHORTEST_TIME: f64 = 0.001;
/// Seconds. However low a rate is, one request is tried in this time.
const LONGEST_WAIT: f64 = 3_600.0;

/// What is believed of the server's bucket.
#[derive(Debug, Default)]
pub struct Blind {
    bucket: Option<Bucket>,
    /// When the requests were sent that were not refused since the last refusal.
    taken: VecDeque<Instant>,
    /// The pause whose lesson is still to be learned: answers to what was sent before it began
    /// come later than the refusal.
    lesson: Option<Lesson>,
    /// Lessons so far.
    refusals: u32,
}

#[derive(Debug, Clone, Copy)]
struct Lesson {
    at: Instant,
    until: Instant,
}

#[derive(Debug)]
struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
    /// The refusal before, and how long the pause was that followed it.
    refused_at: Instant,
    pause: f64,
    /// Whether it was ever refused while it went at its rate: then the rate is nearly right.
    is_tried: bool,
    /// Requests that had to wait for a token since the rate grew, and when it did.
    steps: u32,
    grown_at: Instant,
}

impl Blind {
    /// Everybody waits until then, because a request was refused at `at`.
    pub fn refused(&mut self, at: Instant, until: Instant) {
        match &mut self.lesson {
            Some(lesson) => lesson.until = lesson.until.max(until),
            None => self.lesson = Some(Lesson { at, until }),
        }
    }

    /// A request that was sent then was not refused.
    pub fn taken(&mut self, sent_at: Instant) {
        if self.taken.len() == MEMORY {
            self.taken.pop_front();
        }
        self.taken.push_back(sent_at);
    }

    /// Learns, once a pause is over.
    pub fn advance(&mut self, now: Instant) {
        let Some(lesson) = self.lesson.filter(|lesson| lesson.until <= now) else {
            return;
        };
        self.lesson = None;
        let pause = (lesson.until - lesson.at).as_secs_f64().max(SHORTEST_TIME);
        match &mut self.bucket {
            None => {
                let recent = |sent: &&Instant| (lesson.at - **sent).as_secs_f64() <= pause.max(1.0);
                let taken = count(self.taken.iter().filter(recent).count());
                // Who comes late into a long window learns little of it by its end: the next one
                // tells more.
                self.refusals += 1;
                if taken < 1.0 || (pause > LONG_PAUSE && self.refusals == 1) {
                    self.taken.clear();
                    return;
                }
                let burst = (taken * BURST_PART).floor().max(1.0);
                self.bucket = Some(Bucket {
                    rate: burst / pause,
                    burst,
                    tokens: burst,
                    at: now,
                    refused_at: lesson.at,
                    pause,
                    is_tried: false,
                    steps: 0,
                    grown_at: now,
                });
            }
            Some(bucket) => bucket.learn(&lesson, count(self.taken.len()), pause, now),
        }
        self.taken.clear();
    }

    /// When one more request may leave; `None`: now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let bucket = self.bucket.as_ref()?;
        let missing = 1.0 - bucket.at_hand(now);
        (missing > ROUNDING)
            .then(|| now + Duration::from_secs_f64((missing / bucket.rate).min(LONGEST_WAIT)))
    }

    /// A request leaves.
    pub fn sent(&mut self, now: Instant) {
        let Some(bucket) = &mut self.bucket else {
            return;
        };
        bucket.tokens = bucket.at_hand(now) - 1.0;
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            return;
        }
        bucket.steps += 1;
        if bucket.steps >= STEP && now.duration_since(bucket.grown_at) >= STEP_TIME {
            bucket.steps = 0;
            bucket.grown_at = now;
            bucket.rate *= if bucket.is_tried {
                TRIED_GROWTH
            } else {
                GROWTH
            };
        }
    }
}

impl Bucket {
    fn at_hand(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + self.rate * elapsed).min(self.burst)
    }

    fn learn(&mut self, lesson: &Lesson, taken: f64, pause: f64, now: Instant) {
        let elapsed = (lesson.at - self.refused_at)
            .as_secs_f64()
            .max(SHORTEST_TIME);
        let since_pause = elapsed - self.pause;
        let was_burst = self.at_hand(lesson.at) >= 1.0 || since_pause < self.pause;
        let mut measured = taken / elapsed;
        if measured * self.pause > self.burst * MORE_THAN_BURST && elapsed > self.pause * 2.0 {
            // The bucket was full before the pause was over: the pause gave no more than a burst.
            measured = measured.max((taken - self.burst) / (elapsed - self.pause));
        }
        if was_burst {
            // Refused with tokens in hand: the server's bucket is smaller than was thought.
            self.burst = (self.burst * SMALLER_BURST).floor().max(1.0);
        }
        // While the rate grew the server's bucket may have been full, and then less was taken than
        // it gives: the rate is not far below the one that was refused.
        let floor = self.rate * if self.is_tried { TRIED_LOWEST } else { LOWEST };
        self.rate = self.rate.min(floor.max(measured * RATE_PART));
        self.is_tried = true;
        self.steps = 0;
        self.grown_at = now;
        self.tokens = (self.rate * (now - lesson.at).as_secs_f64() * REFILL_PART)
            .min(self.burst)
            .max(1.0);
        self.at = now;
        self.refused_at = lesson.at;
        self.pause = pause;
    }
}

fn count(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX))
}
