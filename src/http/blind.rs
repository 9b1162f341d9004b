//! Estimates a rate limit that the server only reveals by refusing requests.
//!
//! The first excessive burst cannot be avoided. It shows about how many requests the server accepts
//! in the time of a pause; from then on, a local token bucket imitates the server's, slightly smaller,
//! and grows while no request is refused. Between two refusals the server's bucket went from empty to
//! empty, so the number of requests accepted in between measures its rate.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The number of sending times remembered.
const MEMORY: usize = 4_096;
/// After a pause of this length or more, the estimate waits for the next one.
const LONG_PAUSE: f64 = 5.0;
/// The allowance grows after this many requests sent at the full rate, and this much time.
const STEP: u32 = 3;
const STEP_TIME: Duration = Duration::from_millis(300);
/// The growth per step: large until the first refusal, since the first estimate may be far too low;
/// tiny afterwards, since the rate is nearly right.
const GROWTH: f64 = 1.25;
const TRIED_GROWTH: f64 = 1.01;
/// The lower bound of a measured rate, relative to the refused one: fast growth may have overshot.
const LOWEST: f64 = 0.75;
const TRIED_LOWEST: f64 = 0.9;
/// The fraction of the first burst that is used again, since all of it was too much.
const BURST_PART: f64 = 0.9;
/// The reduction of the burst after a refusal with tokens left.
const SMALLER_BURST: f64 = 0.7;
/// The fraction of a measured rate that is used, since the measured one was refused in the end.
const RATE_PART: f64 = 0.99;
/// The fraction of a pause's tokens that is counted: the server's clock may have started later.
const REFILL_PART: f64 = 0.9;
/// A pause refilled more than a burst if this much more was taken than the bucket holds. Less is
/// rounding.
const MORE_THAN_BURST: f64 = 1.05;
/// The tolerance for rounding: a wait for less than this would never end.
const ROUNDING: f64 = 1e-9;
/// The minimum time in seconds, which keeps rates finite.
const SHORTEST_TIME: f64 = 0.001;
/// The maximum wait in seconds. However low a rate is, one request is tried in this time.
const LONGEST_WAIT: f64 = 3_600.0;

/// The estimate of the server's bucket.
#[derive(Debug, Default)]
pub struct Blind {
    bucket: Option<Bucket>,
    /// The sending times of requests accepted since the last refusal.
    taken: VecDeque<Instant>,
    /// The pause to learn from once it is over: responses to requests sent before it arrive later
    /// than the refusal.
    lesson: Option<Lesson>,
    /// The number of refusals learned from.
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
    /// The time of the previous refusal, and the length of the pause after it.
    refused_at: Instant,
    pause: f64,
    /// True after a refusal at the full rate: then the rate is nearly right.
    is_tried: bool,
    /// The number of requests that waited for a token since the last growth, and its time.
    steps: u32,
    grown_at: Instant,
}

impl Blind {
    /// Records a refusal at `at`, which pauses all requests until `until`.
    pub fn refused(&mut self, at: Instant, until: Instant) {
        match &mut self.lesson {
            Some(lesson) => lesson.until = lesson.until.max(until),
            None => self.lesson = Some(Lesson { at, until }),
        }
    }

    /// Records that a request sent at this time was accepted.
    pub fn taken(&mut self, sent_at: Instant) {
        if self.taken.len() == MEMORY {
            self.taken.pop_front();
        }
        self.taken.push_back(sent_at);
    }

    /// Updates the estimate once a pause is over.
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
                // A run that starts late in a long window learns little by its end; the next
                // refusal is more informative.
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

    /// Returns the time at which the next request may be sent; `None` if now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let bucket = self.bucket.as_ref()?;
        let missing = 1.0 - bucket.at_hand(now);
        (missing > ROUNDING)
            .then(|| now + Duration::from_secs_f64((missing / bucket.rate).min(LONGEST_WAIT)))
    }

    /// Records that a request is sent.
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
            // The bucket was full before the end of the pause, so the pause refilled only a burst.
            measured = measured.max((taken - self.burst) / (elapsed - self.pause));
        }
        if was_burst {
            // Refused with tokens left: the server's bucket is smaller than estimated.
            self.burst = (self.burst * SMALLER_BURST).floor().max(1.0);
        }
        // While the rate grew, the server's bucket may have been full, so the measurement is too
        // low: the real rate is not far below the refused one.
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
