//! What the demo shows and how it misbehaves.

use std::time::Duration;

use jiff::Timestamp;

/// The token that `--demo` sends; any other non-empty one is taken as well
/// unless [`Options::token`] names the only good one.
pub const TOKEN: &str = "demo-token";

/// The first of the two main projects; the other one is [`SECOND_SLUG`].
pub const PROJECT_SLUG: &str = "gh/acme/web";

/// The second of the two main projects.
pub const SECOND_SLUG: &str = "gh/acme/api";

/// The organisation both main projects belong to.
pub const ORG_SLUG: &str = "gh/acme";

/// The instant at which the demo's clock stands unless told otherwise: a
/// Wednesday at noon, so that the working day is half over.
pub const NOW: Timestamp = Timestamp::constant(1_789_560_000, 0);

/// What the demo shows and how it misbehaves.
///
/// Equal options and an equal order of requests give equal answers, byte for
/// byte, except where [`Options::ticking`] lets the clock run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything that looks random follows from it: ids, names, statuses.
    pub seed: u64,
    /// The demo's clock. It stands still, save that every writing request
    /// moves it on by one second, so that what was written later also looks
    /// later.
    pub now: Timestamp,
    /// Lets the clock run from `now` on in real time instead.
    pub ticking: bool,
    /// Pipelines of each main project before anything is triggered.
    pub pipelines: u32,
    /// Items on a page of pipelines, workflows, contexts; the lists of
    /// Insights have ten times as many, at most 250.
    pub page_size: u32,
    /// Every pipeline has exactly this many workflows of this many jobs, for
    /// benchmarks; otherwise they look like real ones.
    pub shape: Option<Shape>,
    /// Spreads names through the pipelines that break a careless program:
    /// markup, pipes, control characters, right-to-left text, 10,000 letters.
    pub hostile: bool,
    /// A running workflow is asked for by its id this many times, and is done
    /// at the next; `None`: it runs for ever. So waiting can be tried with a
    /// clock that stands still.
    pub settle_after: Option<u32>,
    /// Time that passes before each answer.
    pub latency: Duration,
    /// Refuses what comes faster with 429.
    pub rate_limit: Option<RateLimit>,
    /// Every n-th answer is this status instead, `(n, status)`; the request
    /// has then not been acted on.
    pub fail_every: Option<(u32, u16)>,
    /// The only accepted token; `None`: any non-empty one.
    pub token: Option<String>,
}

/// A token bucket: `burst` requests at once, then `requests` in each `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in each `per`.
    pub requests: u32,
    /// The span in which `requests` are allowed.
    pub per: Duration,
    /// Requests that may come at once after a pause.
    pub burst: u32,
}

/// A regular organisation, every pipeline alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Workflows of each pipeline, at most 500.
    pub workflows: u32,
    /// Jobs of each workflow, at most 500.
    pub jobs: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            now: NOW,
            ticking: false,
            pipelines: 240,
            page_size: 20,
            shape: None,
            hostile: false,
            settle_after: Some(3),
            latency: Duration::ZERO,
            rate_limit: None,
            fail_every: None,
            token: None,
        }
    }
}
