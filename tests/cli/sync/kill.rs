//! Ends the program at a point of its work.

use std::thread;
use std::time::Duration;

use crate::support::{Outcome, Run};
use crate::sync::model::Model;

/// The moment at which a run is killed.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// The number of the request that is not answered any more, from 1.
    pub request: usize,
    /// The time after it, in which the answers before it are worked on.
    pub after: Duration,
}

impl Kill {
    /// Chooses a moment: one of the first `most` requests, and up to three milliseconds later.
    pub fn choose(most: usize, rng: &mut fastrand::Rng) -> Self {
        Self {
            request: rng.usize(1..=most),
            after: Duration::from_micros(rng.u64(0..3_000)),
        }
    }
}

/// Runs a program against a model and kills it at a moment. Returns its outcome if it ended before.
/// After a kill, requests hang until [`Model::hang_at`] is called: some of the killed program may
/// reach the model late.
pub fn killed(run: Run<'_>, model: &Model, kill: Kill) -> Option<Outcome> {
    model.hang_at(Some(kill.request));
    let mut running = run.start();
    let outcome = loop {
        if model.wait_for_hanging(Duration::from_millis(2)) {
            // Nothing tells how far the work on answers has come, which is the point.
            thread::sleep(kill.after);
            running.kill();
            return None;
        }
        if running.has_ended() {
            break running.finish();
        }
    };
    model.hang_at(None);
    Some(outcome)
}
