//! Several processes with one budget, in paused time.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;

use tokio::task::LocalSet;
use tokio::time::sleep;

use super::*;
use crate::http::limit::{Budget, Limit, Patience};
use crate::http::pace::RateLimit;
use crate::http::retry::{Retry, RetryPolicy};
use crate::http::{
    Body, Delivery, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    Transport,
};

const LATENCY: Duration = Duration::from_millis(60);
const RATE: u32 = 30;

/// The budget, as the database keeps it.
struct Shared {
    tat: Cell<Instant>,
    refused_until: Cell<Instant>,
    processes: u32,
    permits: usize,
    is_reachable: Cell<bool>,
    questions: Cell<u32>,
}

impl Shared {
    fn new(processes: u32) -> Rc<Self> {
        Rc::new(Self {
            tat: Cell::new(Instant::now()),
            refused_until: Cell::new(Instant::now()),
            processes,
            permits: 4,
            is_reachable: Cell::new(true),
            questions: Cell::new(0),
        })
    }

    fn answer(&self, ask: Ask) -> Result<Grant, TransportError> {
        if !self.is_reachable.get() {
            let kind = TransportErrorKind::NoBudget("no budget".to_owned());
            return Err(TransportError::before(kind));
        }
        self.questions.set(self.questions.get() + 1);
        let now = Instant::now();
        let mut grant = Grant {
            permits: ask.permits.min(self.permits),
            processes: self.processes,
            pause: self.refused_until.get().saturating_duration_since(now),
            ..Grant::default()
        };
        let first = self.tat.get().max(self.refused_until.get()).max(now);
        if ask.slots > 0 && first < now + Duration::from_secs(2) {
            grant.slots = ask.slots;
            grant.first = i64::try_from((first - now).as_micros()).expect("soon");
            self.tat.set(first + ask.gap * ask.slots);
        } else {
            grant.ask_again = Duration::from_millis(50);
        }
        Ok(grant)
    }
}

struct Handle(Rc<Shared>);

impl SharedBudget for Handle {
    fn ask(&self, ask: Ask) -> Asking {
        let shared = Rc::clone(&self.0);
        Box::pin(async move {
            sleep(Duration::from_millis(1)).await;
            shared.answer(ask)
        })
    }

    fn refuse(&self, pause: Duration) {
        let until = Instant::now() + pause;
        self.0
            .refused_until
            .set(self.0.refused_until.get().max(until));
    }

    fn keep(&self, _: usize) {}
}

/// A server that counts, and refuses the request of a number for three seconds.
#[derive(Default)]
struct Server {
    arrivals: RefCell<Vec<Instant>>,
    refuses: Cell<usize>,
    in_flight: Cell<usize>,
    most: Cell<usize>,
}

struct Wire(Rc<Server>);

impl Transport for Wire {
    async fn send(&self, _: &Request) -> Result<Response, TransportError> {
        let server = &self.0;
        server.arrivals.borrow_mut().push(Instant::now());
        let is_refused = server.arrivals.borrow().len() == server.refuses.get();
        server.in_flight.set(server.in_flight.get() + 1);
        server
            .most
            .set(server.most.get().max(server.in_flight.get()));
        sleep(LATENCY).await;
        server.in_flight.set(server.in_flight.get() - 1);
        let mut headers = HeaderMap::new();
        let mut status = StatusCode::OK;
        if is_refused {
            status = StatusCode::TOO_MANY_REQUESTS;
            let name = HeaderName::from_static("retry-after");
            headers.insert(name, HeaderValue::from_static("3"));
        }
        Ok(Response {
            status,
            headers,
            body: bytes::Bytes::new(),
            received: 0,
            linked: None,
            elapsed: LATENCY,
        })
    }
}

fn request() -> Request {
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
        is_next_page: false,
        delivery: Delivery::default(),
        receiver: None,
    }
}

/// The changes that were reported.
#[derive(Default)]
struct Heard(RefCell<Vec<Change>>);

impl Observe for Heard {
    fn event(&self, event: &Event<'_>) {
        if let Event::Budget { change, .. } = event {
            self.0.borrow_mut().push(*change);
        }
    }
}

type Stack = Retry<Limit<Wire>>;

/// A process with the budget.
fn process(shared: &Rc<Shared>, server: &Rc<Server>, share: Option<u32>) -> (Rc<Stack>, Rc<Heard>) {
    let terms = Terms {
        rate: Some(RateLimit {
            requests: RATE,
            per: Duration::from_secs(1),
            burst: 1,
        }),
        concurrency: 16,
        share: share.and_then(NonZeroU32::new),
    };
    let heard = Rc::new(Heard::default());
    let observer: Rc<dyn Observe> = Rc::clone(&heard) as _;
    let shared = Box::new(Handle(Rc::clone(shared)));
    let budget = Budget::shared(shared, terms, Patience::default());
    let limit = Limit::new(Wire(Rc::clone(server)), budget, Rc::clone(&observer));
    let jitter = Rc::new(|| 1.0);
    let stack = Retry::new(limit, RetryPolicy::default(), jitter, None, observer);
    (Rc::new(stack), heard)
}

/// Sends so many requests of each process, and meanwhile does something else.
async fn send(stacks: &[Rc<Stack>], count: usize, meanwhile: impl Future<Output = ()> + 'static) {
    let local = LocalSet::new();
    for stack in stacks {
        for _ in 0..count {
            let stack = Rc::clone(stack);
            local.spawn_local(async move {
                let response = stack.send(&request()).await.expect("an answer");
                assert_eq!(response.status, StatusCode::OK);
            });
        }
    }
    local.spawn_local(meanwhile);
    local.await;
}

/// Returns the largest number of arrivals in any second.
fn most_in_a_second(arrivals: &[Instant]) -> usize {
    let second = Duration::from_secs(1);
    let within = |from: &Instant| {
        let until = *from + second;
        let at = arrivals.iter();
        at.filter(|at| **at >= *from && **at < until).count()
    };
    arrivals.iter().map(within).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn processes_together_keep_the_rate_and_use_it_up() {
    let (shared, server) = (Shared::new(4), Rc::new(Server::default()));
    let stacks: Vec<Rc<Stack>> = (0..4).map(|_| process(&shared, &server, None).0).collect();
    let started = Instant::now();
    send(&stacks, 75, async {}).await;
    let seconds = started.elapsed().as_secs_f64();
    assert!(seconds <= 299.0 / 30.0 * 1.02 + 0.06, "{seconds} s");
    let arrivals = server.arrivals.borrow();
    assert_eq!(arrivals.len(), 300);
    let most = most_in_a_second(&arrivals);
    assert!(most <= 31, "{most}");
    // Several slots a question; a process that waits asks for pauses four times a second.
    let questions = shared.questions.get();
    assert!(questions < 220, "{questions}");
}

#[tokio::test(start_paused = true)]
async fn permits_bound_the_requests_of_a_process() {
    let shared = Shared::new(1);
    let server = Rc::new(Server::default());
    let (stack, _) = process(&shared, &server, None);
    // Four permits with 60 ms each would do 66 a second.
    send(&[stack], 60, async {}).await;
    assert!(server.most.get() <= 4, "{}", server.most.get());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_pauses_all() {
    let (shared, server) = (Shared::new(3), Rc::new(Server::default()));
    server.refuses.set(40);
    let stacks: Vec<Rc<Stack>> = (0..3).map(|_| process(&shared, &server, None).0).collect();
    send(&stacks, 30, async {}).await;
    let arrivals = server.arrivals.borrow();
    assert_eq!(arrivals.len(), 91);
    let refused_at = arrivals[39] + LATENCY;
    let pause = Duration::from_secs(3);
    let within = arrivals
        .iter()
        .filter(|at| **at > refused_at && **at < refused_at + pause);
    // At most what was under way within a quarter of a second.
    assert!(within.clone().count() <= 8, "{}", within.count());
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_lost_leaves_a_part_and_comes_back() {
    let (shared, server) = (Shared::new(4), Rc::new(Server::default()));
    let (stack, heard) = process(&shared, &server, None);
    let started = Instant::now();
    send(&[stack], 300, async move {
        sleep(Duration::from_secs(2)).await;
        shared.is_reachable.set(false);
        sleep(Duration::from_secs(8)).await;
        shared.is_reachable.set(true);
    })
    .await;
    let changes = [Change::Joined, Change::Lost, Change::Regained];
    assert_eq!(*heard.0.borrow(), changes);
    let arrivals = server.arrivals.borrow();
    let between = |from: u64, until: u64| {
        let times = started + Duration::from_secs(from)..started + Duration::from_secs(until);
        arrivals.iter().filter(|at| times.contains(at)).count()
    };
    // 30 a second alone, then a quarter of it, then all again, once the others have noticed it, too.
    assert!((29..=31).contains(&between(0, 1)), "{}", between(0, 1));
    let alone = between(3, 10);
    assert!((50..=54).contains(&alone), "{alone}");
    assert!((29..=31).contains(&between(18, 19)), "{}", between(18, 19));
}

#[tokio::test(start_paused = true)]
async fn a_run_does_not_begin_without_a_budget_and_a_share() {
    let (shared, server) = (Shared::new(4), Rc::new(Server::default()));
    shared.is_reachable.set(false);
    let (stack, heard) = process(&shared, &server, None);
    let error = stack.send(&request()).await.expect_err("no budget");
    assert!(matches!(error.kind, TransportErrorKind::NoBudget(_)));
    assert!(!error.may_have_acted);
    assert!(server.arrivals.borrow().is_empty() && heard.0.borrow().is_empty());
    let (stack, heard) = process(&shared, &server, Some(10));
    send(&[stack], 4, async {}).await;
    assert_eq!(*heard.0.borrow(), [Change::Lost]);
    let arrivals = server.arrivals.borrow();
    let gaps = arrivals.windows(2).map(|pair| pair[1] - pair[0]);
    let third = Duration::from_millis(333);
    assert!(gaps.clone().all(|gap| gap >= third), "{gaps:?}");
}
