//! Walks against servers with every kind of rate limit in use, with time paused.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use super::*;
use crate::http::retry::{Retry, RetryPolicy};
use crate::http::{Body, HeaderMap, HeaderName, Method, StatusCode};

const LATENCY: Duration = Duration::from_millis(20);
const CONCURRENCY: usize = 32;

/// The way a server counts.
#[derive(Clone, Copy)]
enum Counts {
    /// Not at all.
    Nothing,
    /// Tokens are refilled continuously.
    Bucket { rate: f64, burst: f64 },
    /// All requests are allowed again at once; the first window began this long ago.
    Window {
        limit: u32,
        length: Duration,
        began: Duration,
    },
}

/// The headers a server sends.
#[derive(Clone, Copy)]
enum Says {
    Nothing,
    /// `RateLimit-*`.
    Plain,
    /// `X-RateLimit-*-Second`, without a reset.
    Suffix,
}

struct Server {
    latency: Duration,
    /// The maximum random delay in each direction.
    jitter: Duration,
    random: Cell<u64>,
    counts: Counts,
    says: Says,
    started: Instant,
    tokens: Cell<f64>,
    at: Cell<Instant>,
    used: Cell<(u64, u32)>,
    refusals: Cell<u32>,
    answers: Cell<u32>,
    in_flight: Cell<usize>,
    most: Cell<usize>,
}

impl Server {
    fn new(counts: Counts, says: Says) -> Self {
        let tokens = match counts {
            Counts::Bucket { burst, .. } => burst,
            _ => 0.0,
        };
        Self {
            latency: LATENCY,
            jitter: Duration::ZERO,
            random: Cell::new(1),
            counts,
            says,
            started: Instant::now(),
            tokens: Cell::new(tokens),
            at: Cell::new(Instant::now()),
            used: Cell::new((0, 0)),
            refusals: Cell::new(0),
            answers: Cell::new(0),
            in_flight: Cell::new(0),
            most: Cell::new(0),
        }
    }

    async fn way(&self) {
        // Knuth's MMIX generator; any deterministic one will do.
        let random = self.random.get();
        let random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random.set(random);
        let chance = (random >> 40) as f64 / (1_u64 << 24) as f64;
        sleep(self.latency / 2 + self.jitter.mul_f64(chance)).await;
    }

    fn decide(&self) -> (StatusCode, HeaderMap) {
        let now = Instant::now();
        let (is_let_in, left, limit, reset, retry) = match self.counts {
            Counts::Nothing => (true, 0, 0, 0.0, 0.0),
            Counts::Bucket { rate, burst } => {
                let elapsed = (now - self.at.get()).as_secs_f64();
                let tokens = (self.tokens.get() + elapsed * rate).min(burst);
                let is_let_in = tokens + 1e-6 >= 1.0;
                let tokens = if is_let_in { tokens - 1.0 } else { tokens };
                self.tokens.set(tokens);
                self.at.set(now);
                (
                    is_let_in,
                    (tokens + 1e-6) as u32,
                    rate as u32,
                    (burst - tokens) / rate,
                    (1.0 - tokens) / rate,
                )
            }
            Counts::Window {
                limit,
                length,
                began,
            } => {
                let since = (now - self.started + began).as_nanos();
                let number = (since / length.as_nanos()) as u64;
                let rest = length.as_nanos() - since % length.as_nanos();
                let (known, used) = self.used.get();
                let used = if known == number { used } else { 0 };
                let is_let_in = used < limit;
                let used = used + u32::from(is_let_in);
                self.used.set((number, used));
                let rest = rest as f64 / 1e9;
                (is_let_in, limit - used, limit, rest, rest)
            }
        };
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: f64| {
            let value = format!("{}", value.ceil()).parse().expect("a value");
            headers.insert(HeaderName::from_static(name), value);
        };
        match self.says {
            Says::Nothing => {}
            Says::Plain => {
                set("ratelimit-limit", f64::from(limit));
                set("ratelimit-remaining", f64::from(left));
                set("ratelimit-reset", reset);
            }
            Says::Suffix => {
                set("x-ratelimit-limit-second", f64::from(limit));
                set("x-ratelimit-remaining-second", f64::from(left));
            }
        }
        if is_let_in {
            return (StatusCode::OK, headers);
        }
        set("retry-after", retry.max(1.0));
        self.refusals.set(self.refusals.get() + 1);
        (StatusCode::TOO_MANY_REQUESTS, headers)
    }
}

impl Transport for Rc<Server> {
    async fn send(&self, _: &Request) -> Result<Response, TransportError> {
        self.in_flight.set(self.in_flight.get() + 1);
        self.most.set(self.most.get().max(self.in_flight.get()));
        self.way().await;
        let (status, headers) = self.decide();
        self.way().await;
        self.in_flight.set(self.in_flight.get() - 1);
        self.answers.set(self.answers.get() + 1);
        Ok(Response {
            status,
            headers,
            body: Bytes::new(),
            received: 0,
            linked: None,
            elapsed: LATENCY,
        })
    }
}

fn request(is_next_page: bool) -> Request {
    Request {
        method: Method::GET,
        url: "http://127.0.0.1/x".parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: Body::Empty,
        is_safe: true,
        accepted: Vec::new(),
        retry: None,
        shown_url: None,
        about: None,
        is_next_page,
        delivery: crate::http::Delivery::default(),
        receiver: None,
    }
}

/// Records the reported pauses.
#[derive(Default)]
struct Ear(RefCell<Vec<(Duration, PauseReason)>>);

impl Observe for Ear {
    fn event(&self, event: &Event<'_>) {
        if let Event::Paused { length, reason } = event {
            self.0.borrow_mut().push((*length, *reason));
        }
    }
}

type Stack = Retry<Limit<Rc<Server>>>;

fn stack(server: &Rc<Server>, ear: &Rc<Ear>) -> Rc<Stack> {
    let budget = Budget::new(CONCURRENCY, None, Patience::default());
    let observer: Rc<dyn Observe> = Rc::clone(ear) as _;
    Rc::new(Retry::new(
        Limit::new(Rc::clone(server), budget, Rc::clone(&observer)),
        RetryPolicy::default(),
        Rc::new(|| 1.0),
        None,
        observer,
    ))
}

async fn get(stack: &Stack, is_next_page: bool) {
    let response = stack.send(&request(is_next_page)).await.expect("an answer");
    assert_eq!(response.status, StatusCode::OK);
}

/// Ten chained pages of twenty children each, of two children each: 610 requests.
async fn walk(stack: Rc<Stack>) {
    let local = LocalSet::new();
    local
        .run_until(async move {
            let mut children = JoinSet::new();
            for page in 0..10 {
                get(&stack, page > 0).await;
                for _ in 0..20 {
                    let stack = Rc::clone(&stack);
                    children.spawn_local(async move {
                        get(&stack, false).await;
                        tokio::join!(get(&stack, false), get(&stack, false));
                    });
                }
            }
            while let Some(child) = children.join_next().await {
                child.expect("a child ends");
            }
        })
        .await;
}

struct Outcome {
    seconds: f64,
    refusals: u32,
    most: usize,
    pauses: Vec<(Duration, PauseReason)>,
}

async fn measure(counts: Counts, says: Says) -> Outcome {
    measure_of(Server::new(counts, says)).await
}

async fn measure_of(server: Server) -> Outcome {
    let server = Rc::new(server);
    let ear = Rc::new(Ear::default());
    let started = Instant::now();
    walk(stack(&server, &ear)).await;
    let outcome = Outcome {
        seconds: started.elapsed().as_secs_f64(),
        refusals: server.refusals.get(),
        most: server.most.get(),
        pauses: ear.0.take(),
    };
    assert_eq!(server.answers.get() - outcome.refusals, 610);
    assert!(outcome.most <= CONCURRENCY);
    outcome
}

/// Thirty requests a second, `burst` of which may come at once.
fn bucket(burst: f64) -> Counts {
    Counts::Bucket { rate: 30.0, burst }
}

/// Thirty requests in each second of a clock that was so far into one when the walk began.
fn window(began: u64) -> Counts {
    Counts::Window {
        limit: 30,
        length: Duration::from_secs(1),
        began: Duration::from_millis(began),
    }
}

/// The time of a client that knows the limit.
fn best(burst: f64) -> f64 {
    (610.0 - burst) / 30.0
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_is_slower() {
    // The first request alone, then 21, then 32 at a time.
    let outcome = measure(Counts::Nothing, Says::Nothing).await;
    assert!((outcome.seconds - 0.42).abs() < 1e-9, "{}", outcome.seconds);
    assert_eq!(outcome.most, CONCURRENCY);
    let hour = Counts::Window {
        limit: 5_000,
        length: Duration::from_secs(3_600),
        began: Duration::from_secs(60),
    };
    let outcome = measure(hour, Says::Plain).await;
    assert!((outcome.seconds - 0.42).abs() < 1e-9, "{}", outcome.seconds);
    assert!(outcome.pauses.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_counted_aloud_is_used_up_and_not_hit() {
    let cases = [
        ("bucket of 30", bucket(30.0), Says::Plain, 30.0),
        ("bucket of 60", bucket(60.0), Says::Plain, 60.0),
        ("bucket of 5", bucket(5.0), Says::Plain, 5.0),
        ("bucket of 30, suffix", bucket(30.0), Says::Suffix, 30.0),
        ("bucket of 5, suffix", bucket(5.0), Says::Suffix, 5.0),
        ("window", window(0), Says::Plain, 30.0),
        ("window under way", window(370), Says::Plain, 30.0),
        ("window nearly over", window(900), Says::Plain, 30.0),
        ("window, suffix", window(0), Says::Suffix, 30.0),
    ];
    for (name, counts, says, burst) in cases {
        let outcome = measure(counts, says).await;
        let seconds = outcome.seconds;
        assert!(seconds <= best(burst) * 1.05, "{name}: {seconds} s");
        assert_eq!(outcome.refusals, 0, "{name}");
        assert!(outcome.pauses.is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn responses_that_overtake_each_other_do_no_great_harm() {
    let cases = [
        ("bucket of 30", bucket(30.0), 30.0),
        ("bucket of 5", bucket(5.0), 5.0),
        ("window", window(370), 30.0),
    ];
    for (name, counts, burst) in cases {
        for seed in 1..=10 {
            let mut server = Server::new(counts, Says::Plain);
            server.jitter = Duration::from_millis(30);
            server.random = Cell::new(seed << 40);
            let outcome = measure_of(server).await;
            let seconds = outcome.seconds;
            // A refusal costs a whole second here, in which a small bucket overflows.
            let overflow = f64::from(outcome.refusals);
            let allowed = best(burst) * 1.05 + overflow;
            assert!(seconds <= allowed, "{name}: {seconds} s");
            assert!(outcome.refusals <= 3, "{name}: {}", outcome.refusals);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_only_refuses_is_learned() {
    let outcome = measure(bucket(30.0), Says::Nothing).await;
    let seconds = outcome.seconds;
    assert!(seconds <= best(30.0) * 1.1, "{seconds} s");
    // 23 of them belong to the first burst, about which nothing could be known.
    assert!(outcome.refusals <= 30, "{}", outcome.refusals);
    // Each pause is reported once.
    assert!(outcome.pauses.len() <= 8, "{}", outcome.pauses.len());
    let second = Duration::from_secs(1);
    assert_eq!(
        outcome.pauses[0],
        (second, PauseReason::Refused(StatusCode::TOO_MANY_REQUESTS))
    );
}

#[tokio::test(start_paused = true)]
async fn an_hour_that_is_nearly_used_up_is_used_up_and_then_waited_for() {
    let mut server = Server::new(
        Counts::Window {
            limit: 5_000,
            length: Duration::from_secs(3_600),
            began: Duration::from_secs(3_000),
        },
        Says::Plain,
    );
    server.used = Cell::new((0, 4_900));
    let outcome = measure_of(server).await;
    // 100 at once, and the rest when the hour is over.
    assert!(
        (600.0..602.0).contains(&outcome.seconds),
        "{}",
        outcome.seconds
    );
    assert_eq!(outcome.refusals, 0);
    assert_eq!(outcome.pauses.len(), 1, "{:?}", outcome.pauses);
    let (length, reason) = outcome.pauses[0];
    assert_eq!(reason, PauseReason::UsedUp);
    assert_eq!(length.as_secs(), 599);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_came_back_in_an_idle_time_are_used() {
    for says in [Says::Plain, Says::Nothing] {
        let server = Rc::new(Server::new(bucket(30.0), says));
        let stack = stack(&server, &Rc::new(Ear::default()));
        walk(Rc::clone(&stack)).await;
        let refusals = server.refusals.get();
        sleep(Duration::from_secs(10)).await;
        let started = Instant::now();
        let local = LocalSet::new();
        for _ in 0..20 {
            let stack = Rc::clone(&stack);
            local.spawn_local(async move { get(&stack, false).await });
        }
        local.await;
        let seconds = started.elapsed().as_secs_f64();
        assert!(seconds < 0.1, "{seconds} s");
        assert_eq!(server.refusals.get(), refusals);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_outlasts_the_run_is_not_waited_for() {
    let server = Rc::new(Server::new(
        Counts::Window {
            limit: 1,
            length: Duration::from_secs(3_600),
            began: Duration::ZERO,
        },
        Says::Plain,
    ));
    let patience = Patience {
        longest: None,
        deadline: Some(Instant::now() + Duration::from_secs(60)),
    };
    let budget = Budget::new(2, None, patience);
    let ear: Rc<dyn Observe> = Rc::new(Ear::default());
    let limit = Limit::new(Rc::clone(&server), Rc::clone(&budget), ear);
    assert!(limit.send(&request(false)).await.is_ok());
    let error = limit.send(&request(false)).await.expect_err("no answer");
    assert!(matches!(error.kind, TransportErrorKind::Limited(_)));
    assert!(!error.may_have_acted);
    assert_eq!(budget.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_declared_rate_holds_beside_what_the_server_says() {
    let server = Rc::new(Server::new(bucket(30.0), Says::Plain));
    let rate = RateLimit {
        requests: 10,
        per: Duration::from_secs(1),
        burst: 3,
    };
    let budget = Budget::new(8, Some(rate), Patience::default());
    let limit = Limit::new(server, budget, Rc::new(Ear::default()));
    let started = Instant::now();
    let mut times = Vec::new();
    for _ in 0..6 {
        limit.send(&request(false)).await.expect("an answer");
        times.push(started.elapsed().as_millis());
    }
    assert_eq!(times, [20, 40, 60, 120, 220, 320]);
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_leaves_the_budget_as_it_was() {
    let server = Rc::new(Server::new(Counts::Nothing, Says::Nothing));
    let budget = Budget::new(1, None, Patience::default());
    let limit = Limit::new(server, Rc::clone(&budget), Rc::new(Ear::default()));
    let soon = Duration::from_millis(5);
    let request = request(true);
    assert!(
        tokio::time::timeout(soon, limit.send(&request))
            .await
            .is_err()
    );
    assert_eq!(budget.in_flight(), 0);
    assert!(limit.send(&request).await.is_ok());
}
