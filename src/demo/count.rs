//! Request counters, for benchmarks and tests of client behaviour.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// The path of the counters, outside the API and without a token.
pub(super) const COUNTS_PATH: &str = "/demo/counts";

/// The counts since the demo started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The number of connections opened.
    pub connections: u64,
    /// The number of requests received.
    pub requests: u64,
    /// The number of requests refused with 429.
    pub refusals: u64,
    /// The maximum number of concurrent requests.
    pub most_in_flight: u64,
}

/// The live counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
    refusals: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

/// A request in progress; dropping it ends it, also if the client disconnects.
#[derive(Debug)]
pub(super) struct InFlight<'c>(&'c Counters);

impl Counters {
    /// Counts a connection.
    pub fn connect(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request.
    pub fn begin(&self) -> InFlight<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
        InFlight(self)
    }

    /// Counts a refusal with 429.
    pub fn refuse(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the current counts.
    pub fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            refusals: self.refusals.load(Ordering::Relaxed),
            most_in_flight: self.most_in_flight.load(Ordering::Relaxed),
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// Formats the counts for [`COUNTS_PATH`].
    pub(super) fn show(self) -> Value {
        json!({
            "connections": self.connections,
            "requests": self.requests,
            "refusals": self.refusals,
            "most_in_flight": self.most_in_flight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_in_flight_is_kept() {
        let counters = Counters::default();
        let first = counters.begin();
        drop(counters.begin());
        drop(first);
        drop(counters.begin());
        assert_eq!(counters.read().most_in_flight, 2);
        assert_eq!(counters.read().requests, 3);
    }
}
