//! A server behind a network in paused time, and the way to it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::cli::simulation::chance::Chance;
use crate::core::secret::Secret;
use crate::engine::{Exchange, Pending};
use crate::http::limit::{Budget, Limit, Patience};
use crate::http::pace::RateLimit;
use crate::http::retry::Retry;
use crate::http::trace::Trace;
use crate::http::{
    HeaderMap, Observe, Request, Response, StatusCode, Transport, TransportError,
    TransportErrorKind, header,
};
use crate::plan::RequestPlan;

/// The knowledge of a server.
pub trait Api {
    /// Returns the answer to a GET at a time: a document, or a status.
    fn answer(&self, url: &Url, now: Timestamp) -> Result<Value, u16>;
}

/// Successes without records.
const NONSENSE: [&[u8]; 4] = [
    br#"{ "message": "overloaded" }"#,
    br#"{ "items": { "message": "overloaded" } }"#,
    br#"{ "items": ["overloaded"] }"#,
    br#"{ "items": [{ "error": "overloaded" }] }"#,
];

/// The frequency of each misfortune of a request, in percent.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// It is slow, maybe too slow.
    pub slow: u64,
    /// It is lost, before or after it was served.
    pub lost: u64,
    /// The server fails.
    pub errors: u64,
    /// The server refuses it for a while.
    pub refusals: u64,
    /// The server fails however often it is tried.
    pub outages: u64,
    /// The answer is a success with something else than records.
    pub nonsense: u64,
}

impl Weather {
    /// Nothing happens.
    pub const CLEAR: Self = Self {
        slow: 0,
        lost: 0,
        errors: 0,
        refusals: 0,
        outages: 0,
        nonsense: 0,
    };

    /// Returns a random weather, clear in a part of the cases.
    pub fn of(chance: &Chance) -> Self {
        let part = |most: u64| {
            if chance.is(40) {
                chance.number(0..=most)
            } else {
                0
            }
        };
        Self {
            slow: part(20),
            lost: part(25),
            errors: part(35),
            refusals: part(20),
            outages: part(20),
            nonsense: 0,
        }
    }
}

/// The end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way, or nobody waits for it any more.
    Open,
    /// A document was received, which the server had at this time.
    Received(Timestamp),
    /// A status was received.
    Refused(u16),
    /// Nothing was received.
    Lost,
}

/// An attempt as the network saw it.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it was sent, since the beginning of the simulation.
    pub sent: Duration,
    /// The path, with its parameters.
    pub target: String,
    /// Its end.
    pub fate: Fate,
}

/// A server behind a network.
pub struct Network {
    api: Rc<dyn Api>,
    chance: Rc<Chance>,
    weather: Cell<Weather>,
    /// The time at the server when the simulation began, and that instant.
    began: Cell<(Timestamp, Option<Instant>)>,
    attempts: RefCell<Vec<Attempt>>,
    in_flight: Cell<usize>,
    /// The targets that were asked, with those that fail however often they are tried.
    outages: RefCell<BTreeMap<String, bool>>,
    /// The end of the pause that a refusal asked for.
    paused_until: Cell<Option<Instant>>,
    /// Misdeeds of the client.
    violations: RefCell<Vec<String>>,
}

impl Network {
    /// Creates the network of a server.
    pub fn new(api: Rc<dyn Api>, chance: &Rc<Chance>, now: Timestamp) -> Rc<Self> {
        Rc::new(Self {
            api,
            chance: Rc::clone(chance),
            weather: Cell::new(Weather::CLEAR),
            began: Cell::new((now, None)),
            attempts: RefCell::default(),
            in_flight: Cell::new(0),
            outages: RefCell::default(),
            paused_until: Cell::new(None),
            violations: RefCell::default(),
        })
    }

    /// Begins a run in another paused time, with a weather.
    pub fn begin(&self, now: Timestamp, weather: Weather) {
        self.weather.set(weather);
        self.began.set((now, Some(Instant::now())));
        self.attempts.borrow_mut().clear();
        self.outages.borrow_mut().clear();
        self.in_flight.set(0);
        self.paused_until.set(None);
    }

    /// Returns the time at the server.
    pub fn now(&self) -> Timestamp {
        self.began.get().0 + self.elapsed()
    }

    /// Returns the attempts of the run, in the order in which they were sent.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.borrow().clone()
    }

    /// Returns the misdeeds of the client.
    pub fn violations(&self) -> Vec<String> {
        self.violations.borrow().clone()
    }

    fn elapsed(&self) -> Duration {
        self.began
            .get()
            .1
            .map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// Returns true if the server always fails to answer a request.
    fn is_out(&self, request: &Request) -> bool {
        let mut outages = self.outages.borrow_mut();
        let is_out = || self.chance.is(self.weather.get().outages);
        *outages
            .entry(request.url.to_string())
            .or_insert_with(is_out)
    }

    /// Answers, and returns the time at the server if it is its document.
    async fn serve(
        &self,
        request: &Request,
        timeout: Duration,
    ) -> Result<(Response, Option<Timestamp>), TransportError> {
        let weather = self.weather.get();
        let latency = if self.chance.is(weather.slow) {
            self.chance.millis(1_000..=90_000)
        } else {
            self.chance.millis(2..=400)
        };
        let failure = |kind: TransportErrorKind, may_have_acted: bool| {
            Err(TransportError {
                may_have_acted,
                ..TransportError::before(kind)
            })
        };
        if self.chance.is(weather.lost) {
            let is_before = self.chance.is(50);
            sleep(latency.min(timeout) / 2).await;
            let kind = if is_before {
                TransportErrorKind::Connect
            } else {
                TransportErrorKind::Broken
            };
            return failure(kind, !is_before);
        }
        if latency >= timeout {
            sleep(timeout).await;
            return failure(TransportErrorKind::Timeout(timeout), true);
        }
        sleep(latency / 2).await;
        let now = self.now();
        let mut is_document = false;
        let mut headers = HeaderMap::new();
        let (status, body) = if self.chance.is(weather.refusals) {
            if self.chance.is(80) {
                let seconds = self.chance.number(1..=30);
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            (429, Bytes::new())
        } else if self.is_out(request) || self.chance.is(weather.errors) {
            (self.chance.one_of(&[500, 502, 503, 504]), Bytes::new())
        } else if self.chance.is(weather.nonsense) {
            (200, Bytes::from_static(self.chance.one_of(&NONSENSE)))
        } else {
            match self.api.answer(&request.url, now) {
                Ok(document) => {
                    is_document = true;
                    (200, document.to_string().into())
                }
                Err(status) => (status, Bytes::new()),
            }
        };
        sleep(latency / 2).await;
        let json = header::HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let response = Response {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body,
            received: 0,
            linked: None,
            elapsed: latency,
        };
        Ok((response, is_document.then_some(now)))
    }
}

/// A request on its way: it counts until somebody has its answer, or nobody wants it any more.
struct OnItsWay<'n>(&'n Network);

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

/// The way to the server with the limits of a resource.
struct Wire {
    network: Rc<Network>,
    concurrency: usize,
    timeout: Duration,
}

impl Transport for Wire {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let network = &self.network;
        let query = request.url.query();
        let target = query.map_or_else(
            || request.url.path().to_owned(),
            |query| format!("{}?{query}", request.url.path()),
        );
        let violation = |words: &str| {
            let words = format!("{target} at {:?}: {words}", network.elapsed());
            network.violations.borrow_mut().push(words);
        };
        if network
            .paused_until
            .get()
            .is_some_and(|until| Instant::now() < until)
        {
            violation("sent before the end of the pause that the server asked for");
        }
        network.in_flight.set(network.in_flight.get() + 1);
        let _on_its_way = OnItsWay(network);
        if network.in_flight.get() > self.concurrency {
            violation("more requests in flight than `concurrency`");
        }
        let number = network.attempts.borrow().len();
        network.attempts.borrow_mut().push(Attempt {
            sent: network.elapsed(),
            target: target.clone(),
            fate: Fate::Open,
        });
        let result = network.serve(request, self.timeout).await;
        network.attempts.borrow_mut()[number].fate = match &result {
            Ok((_, Some(now))) => Fate::Received(*now),
            Ok((response, None)) => Fate::Refused(response.status.as_u16()),
            Err(_) => Fate::Lost,
        };
        let (response, _) = result?;
        let seconds = response
            .header("retry-after")
            .and_then(|text| text.parse().ok());
        if let Some(seconds) = seconds {
            let until = Instant::now() + Duration::from_secs(seconds);
            let before = network.paused_until.get();
            network.paused_until.set(before.max(Some(until)));
        }
        Ok(response)
    }
}

type Stack = Retry<Limit<Trace<Wire>>>;

/// An exchange over a simulated network: with the layers that time and failures concern.
pub struct Simulated {
    network: Rc<Network>,
    observer: Rc<dyn Observe>,
    stacks: RefCell<BTreeMap<PathBuf, Rc<Stack>>>,
}

impl Simulated {
    /// Creates the way to a network.
    pub fn new(network: &Rc<Network>, observer: &Rc<dyn Observe>) -> Self {
        Self {
            network: Rc::clone(network),
            observer: Rc::clone(observer),
            stacks: RefCell::default(),
        }
    }

    fn stack(&self, plan: RequestPlan<'_>) -> Rc<Stack> {
        let resource = plan.resource();
        let key = resource.source.path().to_path_buf();
        let mut stacks = self.stacks.borrow_mut();
        let stack = stacks.entry(key).or_insert_with(|| {
            let wire = Wire {
                network: Rc::clone(&self.network),
                concurrency: resource.concurrency,
                timeout: resource.timeout,
            };
            let traced = Trace::new(wire, Rc::clone(&self.observer));
            let patience = Patience {
                longest: Some(resource.retry.longest_requested),
                deadline: None,
            };
            let budget = Budget::new(resource.concurrency, resource.rate_limit, patience);
            let chance = Rc::clone(&self.network.chance);
            Rc::new(Retry::new(
                Limit::new(traced, budget, Rc::clone(&self.observer)),
                resource.retry.clone(),
                Rc::new(move || chance.fraction()),
                None,
                Rc::clone(&self.observer),
            ))
        });
        Rc::clone(stack)
    }
}

impl Exchange for Simulated {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(async move { self.stack(plan).send(request).await })
    }

    fn caller<'s>(&'s self, _: RequestPlan<'s>) -> Pending<'s, Secret> {
        Box::pin(async { Ok(Secret::new("simulated")) })
    }
}

/// Asserts what holds for the attempts of every run: a declared rate, the number of attempts, and that
/// an equal request is not sent again.
pub fn check_attempts(
    attempts: &[Attempt],
    rate: Option<RateLimit>,
    max_attempts: u32,
    asks_once: bool,
) {
    if let Some(rate) = rate {
        // The tokens of any interval: those saved before it, and those of its time.
        let times: Vec<Duration> = attempts.iter().map(|attempt| attempt.sent).collect();
        let each = rate.per / rate.requests;
        for (first, from) in times.iter().enumerate() {
            for (count, to) in times[first..].iter().enumerate() {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                let took = to.saturating_sub(*from) + Duration::from_millis(2);
                let needed = each * count.saturating_sub(rate.burst - 1);
                assert!(
                    took >= needed,
                    "{count} more requests within {took:?}: {rate:?}"
                );
            }
        }
    }
    let mut of_target: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        of_target.entry(&attempt.target).or_default().push(attempt);
    }
    for (target, attempts) in of_target.iter().filter(|_| asks_once) {
        let is_failed =
            |attempt: &&&Attempt| !matches!(attempt.fate, Fate::Refused(429) | Fate::Received(_));
        let failed = attempts.iter().filter(is_failed).count();
        assert!(
            failed <= max_attempts as usize,
            "{target} was tried {failed} times: {attempts:#?}"
        );
        let received = attempts
            .iter()
            .position(|attempt| matches!(attempt.fate, Fate::Received(_)));
        assert!(
            received.is_none_or(|place| place == attempts.len() - 1),
            "{target} was asked again: {attempts:#?}"
        );
    }
}
