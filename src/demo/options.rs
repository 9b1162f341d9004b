//! Options of the demo: its data and its misbehaviour.

use std::time::Duration;

use jiff::Timestamp;

use crate::demo::story::Story;

/// The token sent with `--demo`; any other non-empty one is accepted too, unless [`Options::token`]
/// is set.
pub const TOKEN: &str = "demo-token";

/// The first of the two main projects; the other one is [`SECOND_SLUG`].
pub const PROJECT_SLUG: &str = "gh/acme/web";

/// The second of the two main projects.
pub const SECOND_SLUG: &str = "gh/acme/api";

/// The organization of both main projects.
pub const ORG_SLUG: &str = "gh/acme";

/// An organization of the GitHub App: its slug and those of its projects have ids.
pub const APP_ORG_SLUG: &str = "circleci/0c2e5b7a-93d1-4f68-8a4e-1b7d6c5f2e90";

/// A project of the GitHub App, whose artifacts are private.
pub const APP_SLUG: &str =
    "circleci/0c2e5b7a-93d1-4f68-8a4e-1b7d6c5f2e90/5d8f1a62-7b3c-4e09-9c1d-4a6b2e8f7031";

/// A project of the GitHub App in which little goes well.
pub const ODD_SLUG: &str =
    "circleci/0c2e5b7a-93d1-4f68-8a4e-1b7d6c5f2e90/e17c4b90-2a5d-46f3-b8e6-93d0c7a1f524";

/// The default time of the demo's clock: a Wednesday at noon, so that the working day is half over.
pub const NOW: Timestamp = Timestamp::constant(1_789_560_000, 0);

/// Options of the demo: its data and its misbehaviour.
///
/// Equal options and an equal order of requests give equal responses, byte for byte, unless
/// [`Options::ticking`] is set.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed of everything that looks random: ids, names, statuses.
    pub seed: u64,
    /// The time of the clock. It stands still, except that every write advances it by one second,
    /// so that later writes have later times. With a story, requests move it too.
    pub now: Timestamp,
    /// The story whose state at the time of the clock is shown. It has its own pipelines: `pipelines`,
    /// `shape`, `settle_after` and `ticking` are ignored.
    pub story: Option<Story>,
    /// True to let the clock run from `now` in real time.
    pub ticking: bool,
    /// The initial number of pipelines of each main project.
    pub pipelines: u32,
    /// The page size of pipelines, workflows and contexts; lists of Insights have ten times as many
    /// items, at most 250.
    pub page_size: u32,
    /// Makes all pipelines alike, with this many workflows and jobs, for benchmarks; by default
    /// they look realistic.
    pub shape: Option<Shape>,
    /// True to use names that break careless programs: markup, pipes, control characters,
    /// right-to-left text, 10,000 letters.
    pub hostile: bool,
    /// The number of requests for a running workflow before it is done; `None` if it runs forever.
    /// This allows polling although the clock stands still.
    pub settle_after: Option<u32>,
    /// The delay before each response.
    pub latency: Duration,
    /// The rate limit, enforced with 429.
    pub rate_limit: Option<RateLimit>,
    /// Replaces every n-th response with a status, `(n, status)`; the request is not carried out
    /// then.
    pub fail_every: Option<(u32, u16)>,
    /// The only accepted token; `None` for any non-empty one.
    pub token: Option<String>,
}

/// A token bucket: `burst` requests at once, then `requests` per `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests per `per`.
    pub requests: u32,
    /// The period.
    pub per: Duration,
    /// The number of requests allowed at once after a pause.
    pub burst: u32,
}

/// The shape of regular pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The number of workflows per pipeline, at most 500.
    pub workflows: u32,
    /// The number of jobs per workflow, at most 500.
    pub jobs: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            now: NOW,
            story: None,
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
