//! Retries failed attempts, if that is safe and may help.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::http::deadline;
use crate::http::{
    Event, Observe, Request, Response, StatusCode, Transport, TransportError, TransportErrorKind,
    headers, rate_headers,
};

/// The policy for retries.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first. Rate-limited attempts do not count
    /// against it (unless it is 1) and have their own cap, [`MOST_REFUSALS`].
    pub max_attempts: u32,
    /// The maximum delay before the first retry; it doubles with every further retry.
    pub base_delay: Duration,
    /// The maximum backoff. A delay requested by the server may be longer.
    pub max_delay: Duration,
    /// The longest requested delay to wait for; beyond it, the request fails with the time to
    /// retry.
    pub longest_requested: Duration,
    /// Statuses to retry in addition to the defaults. A write is only retried after one below 500,
    /// which means that the server has not acted.
    pub statuses: Vec<u16>,
}

/// The settings of a policy that a file overrides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetryChange {
    /// See [`RetryPolicy::max_attempts`].
    pub max_attempts: Option<u32>,
    /// See [`RetryPolicy::base_delay`].
    pub base_delay: Option<Duration>,
    /// See [`RetryPolicy::max_delay`].
    pub max_delay: Option<Duration>,
    /// See [`RetryPolicy::statuses`].
    pub statuses: Option<Vec<u16>>,
}

impl RetryChange {
    /// Returns a policy with these settings overriding its own.
    pub fn over(&self, policy: &RetryPolicy) -> RetryPolicy {
        RetryPolicy {
            max_attempts: self.max_attempts.unwrap_or(policy.max_attempts),
            base_delay: self.base_delay.unwrap_or(policy.base_delay),
            max_delay: self.max_delay.unwrap_or(policy.max_delay),
            longest_requested: policy.longest_requested,
            statuses: self
                .statuses
                .clone()
                .unwrap_or_else(|| policy.statuses.clone()),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(30),
            longest_requested: Duration::from_secs(2 * 3_600),
            statuses: Vec::new(),
        }
    }
}

/// The maximum number of rate-limited attempts.
pub const MOST_REFUSALS: u32 = 10;

/// The attempts so far, including the last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The number of rate-limited attempts.
    pub refused: u32,
    /// The number of other attempts.
    pub failed: u32,
}

impl Attempts {
    fn add(&mut self, result: &Result<Response, TransportError>) {
        if is_refused(result) {
            self.refused += 1;
        } else {
            self.failed += 1;
        }
    }

    fn all(self) -> u32 {
        self.refused + self.failed
    }
}

fn is_refused(result: &Result<Response, TransportError>) -> bool {
    result.as_ref().is_ok_and(Response::is_rate_limited)
}

/// The decision after an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// Return the result.
    Done,
    /// Retry when the rate limit allows, with the delay requested by the server, if any. All
    /// requests of the resource are paused.
    WithTheOthers(Option<Duration>),
    /// Retry after a delay that only concerns this request.
    After {
        /// The delay.
        delay: Duration,
        /// True if the server requested the delay.
        requested: bool,
    },
}

/// A random number in [0, 1) for jitter. Passed in, so that tests can choose it.
pub type Jitter = Rc<dyn Fn() -> f64>;

impl RetryPolicy {
    /// Decides what to do after an attempt.
    ///
    /// Connection errors, timeouts, rate limits, 408, 500, 502 to 504, 520 to 524 and the policy's own
    /// statuses are retried; a write only if the server cannot have acted. The delay is a random part
    /// of an exponentially growing time (full jitter), unless `Retry-After` gives one.
    pub fn decide(
        &self,
        attempts: Attempts,
        request: &Request,
        result: &Result<Response, TransportError>,
        jitter: f64,
        now: SystemTime,
    ) -> Decision {
        let is_refused = is_refused(result);
        let is_last = if is_refused && self.max_attempts > 1 {
            attempts.refused >= self.max_attempts.max(MOST_REFUSALS)
        } else if is_refused {
            true
        } else {
            attempts.failed >= self.max_attempts
        };
        if is_last {
            return Decision::Done;
        }
        let (again, requested) = match result {
            Ok(response) if self.is_accepted(request, response) => (false, None),
            Ok(response) if is_refused => (true, rate_headers::refusal(&response.headers, now)),
            Ok(response) => (
                self.may_help(response.status, request.is_safe),
                headers::retry_after(&response.headers, now),
            ),
            Err(error) => (
                is_passing(&error.kind) && (request.is_safe || !error.may_have_acted),
                None,
            ),
        };
        if !again || requested.is_some_and(|delay| delay > self.longest_requested) {
            return Decision::Done;
        }
        match requested {
            requested if is_refused => Decision::WithTheOthers(requested),
            Some(delay) => Decision::After {
                delay,
                requested: true,
            },
            None => Decision::After {
                delay: self.backoff(attempts.failed, jitter),
                requested: false,
            },
        }
    }

    /// Returns true if the query accepts the status. A 403 that means a rate limit is never
    /// accepted, and the policy's own statuses are retried regardless.
    fn is_accepted(&self, request: &Request, response: &Response) -> bool {
        let status = response.status.as_u16();
        let is_limit = response.status == StatusCode::FORBIDDEN && response.is_rate_limited();
        request.accepted.contains(&status) && !is_limit && !self.statuses.contains(&status)
    }

    fn may_help(&self, status: StatusCode, is_safe: bool) -> bool {
        let is_usual = matches!(status.as_u16(), 408 | 500 | 502..=504 | 520..=524);
        let is_own = self.statuses.contains(&status.as_u16());
        (is_usual || is_own) && is_safe || is_own && status.is_client_error()
    }

    fn backoff(&self, failed: u32, jitter: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let longest = self.base_delay.saturating_mul(doubled).min(self.max_delay);
        // Spreads out requests that failed together.
        longest.mul_f64(jitter.clamp(0.001, 1.0))
    }
}

fn is_passing(kind: &TransportErrorKind) -> bool {
    match kind {
        TransportErrorKind::Connect
        | TransportErrorKind::Name
        | TransportErrorKind::ConnectTimeout(_)
        | TransportErrorKind::Timeout(_)
        | TransportErrorKind::Broken => true,
        TransportErrorKind::Tls
        | TransportErrorKind::Malformed(_)
        | TransportErrorKind::Coding(_)
        | TransportErrorKind::TooLarge(_)
        | TransportErrorKind::Storage(_)
        | TransportErrorKind::UrlTooLong { .. }
        | TransportErrorKind::Limited(_)
        | TransportErrorKind::Redirect(_)
        | TransportErrorKind::Credentials(_)
        // The token request has attempts of its own.
        | TransportErrorKind::TokenEndpoint { .. }
        | TransportErrorKind::Unavailable(_)
        | TransportErrorKind::NoBudget(_)
        | TransportErrorKind::Settings(_) => false,
    }
}

/// The outermost layer: waits and retries according to the policy.
pub struct Retry<T> {
    inner: T,
    policy: RetryPolicy,
    jitter: Jitter,
    /// The deadline of the whole run.
    deadline: Option<tokio::time::Instant>,
    observer: Rc<dyn Observe>,
}

impl<T> Retry<T> {
    /// Wraps a transport.
    pub fn new(
        inner: T,
        policy: RetryPolicy,
        jitter: Jitter,
        deadline: Option<tokio::time::Instant>,
        observer: Rc<dyn Observe>,
    ) -> Self {
        Self {
            inner,
            policy,
            jitter,
            deadline,
            observer,
        }
    }

    /// Returns true if a wait would end after the deadline, so that it would be useless.
    fn is_too_long(&self, delay: Duration) -> bool {
        let deadline = deadline::earliest(self.deadline);
        deadline.is_some_and(|deadline| tokio::time::Instant::now() + delay >= deadline)
    }
}

impl<T: Transport> Transport for Retry<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let policy = request.retry.as_deref().unwrap_or(&self.policy);
        let mut attempts = Attempts::default();
        loop {
            let result = self.inner.send(request).await;
            attempts.add(&result);
            let decision = policy.decide(
                attempts,
                request,
                &result,
                (self.jitter)(),
                SystemTime::now(),
            );
            let (delay, requested) = match decision {
                Decision::Done => return result,
                Decision::WithTheOthers(requested) => {
                    (requested.unwrap_or_default(), requested.is_some())
                }
                Decision::After { delay, requested } => (delay, requested),
            };
            if self.is_too_long(delay) {
                return result;
            }
            self.observer.event(&Event::Retrying {
                request,
                status: result.as_ref().ok().map(|response| response.status),
                delay,
                attempt: attempts.all() + 1,
                requested,
                is_refused: matches!(decision, Decision::WithTheOthers(_)),
            });
            if let Decision::After { delay, .. } = decision {
                tokio::time::sleep(delay).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::http::limit::{Budget, Limit, Patience};
    use crate::http::{HeaderMap, Method};

    fn request(method: Method) -> Request {
        Request::new(method, "http://127.0.0.1/x".parse().expect("a URL"))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the policy takes results")]
    fn answer(status: u16, retry_after: Option<&'static str>) -> Result<Response, TransportError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().expect("a value"));
        }
        Ok(Response {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: Bytes::new(),
            received: 0,
            linked: None,
            elapsed: Duration::ZERO,
        })
    }

    fn failure(kind: TransportErrorKind, may_have_acted: bool) -> Result<Response, TransportError> {
        Err(TransportError {
            kind,
            may_have_acted,
            causes: Vec::new(),
        })
    }

    fn decide(method: Method, attempt: u32, result: &Result<Response, TransportError>) -> Decision {
        let now = SystemTime::UNIX_EPOCH;
        let attempts = Attempts {
            refused: attempt,
            failed: attempt,
        };
        RetryPolicy::default().decide(attempts, &request(method), result, 1.0, now)
    }

    fn again(method: Method, result: &Result<Response, TransportError>) -> bool {
        decide(method, 1, result) != Decision::Done
    }

    #[test]
    fn reads_are_tried_again_where_it_may_help() {
        for status in [408, 429, 500, 502, 503, 504, 520, 522, 524] {
            assert!(again(Method::GET, &answer(status, None)), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 409, 501, 505, 519, 525] {
            assert!(!again(Method::GET, &answer(status, None)), "{status}");
        }
        assert!(again(
            Method::GET,
            &failure(TransportErrorKind::Broken, true)
        ));
        assert!(!again(
            Method::GET,
            &failure(TransportErrorKind::Tls, false)
        ));
        assert!(!again(
            Method::GET,
            &failure(TransportErrorKind::TooLarge(1), true)
        ));
    }

    #[test]
    fn a_status_that_the_query_accepts_is_an_answer() {
        let mut request = request(Method::GET);
        request.accepted = vec![404, 429, 503];
        let attempts = Attempts {
            refused: 0,
            failed: 1,
        };
        let now = SystemTime::UNIX_EPOCH;
        let decide = |status| {
            let result = answer(status, None);
            RetryPolicy::default().decide(attempts, &request, &result, 1.0, now)
        };
        assert_eq!(decide(503), Decision::Done);
        assert_eq!(decide(429), Decision::Done);
        assert_ne!(decide(502), Decision::Done);
    }

    #[test]
    fn a_write_is_tried_again_only_if_the_server_cannot_have_acted() {
        assert!(again(Method::POST, &answer(429, None)));
        assert!(!again(Method::POST, &answer(503, None)));
        assert!(!again(Method::POST, &answer(503, Some("1"))));
        assert!(!again(Method::DELETE, &answer(500, None)));
        assert!(again(
            Method::POST,
            &failure(TransportErrorKind::Connect, false)
        ));
        assert!(!again(
            Method::POST,
            &failure(TransportErrorKind::Broken, true)
        ));
        assert!(!again(
            Method::PUT,
            &failure(TransportErrorKind::Timeout(Duration::from_secs(1)), true)
        ));
    }

    #[test]
    fn own_statuses_are_tried_again_for_a_write_below_500_only() {
        let change = RetryChange {
            max_attempts: Some(2),
            statuses: Some(vec![409, 530]),
            ..RetryChange::default()
        };
        let policy = change.over(&RetryPolicy::default());
        let again = |method, status, failed| {
            let attempts = Attempts { refused: 0, failed };
            let mut request = request(method);
            request.accepted = vec![409];
            let now = SystemTime::UNIX_EPOCH;
            policy.decide(attempts, &request, &answer(status, None), 1.0, now) != Decision::Done
        };
        assert!(again(Method::GET, 409, 1) && again(Method::GET, 530, 1));
        assert!(!again(Method::GET, 409, 2), "two attempts in all");
        assert!(again(Method::POST, 409, 1) && !again(Method::POST, 530, 1));
        assert!(again(Method::GET, 503, 1) && !again(Method::GET, 404, 1));
        let none = RetryChange {
            statuses: Some(Vec::new()),
            ..RetryChange::default()
        };
        assert_eq!(none.over(&policy).statuses, Vec::<u16>::new());
        assert_eq!(none.over(&policy).max_attempts, 2);
    }

    #[test]
    fn a_403_with_a_word_on_when_to_come_again_is_a_refusal_for_a_time() {
        let second = Some(Duration::from_secs(1));
        let limited = answer(403, Some("1"));
        assert_eq!(
            decide(Method::POST, 1, &limited),
            Decision::WithTheOthers(second)
        );
        let mut request = request(Method::GET);
        request.accepted = vec![403];
        let decide = |result| {
            let now = SystemTime::UNIX_EPOCH;
            let attempts = Attempts {
                refused: 1,
                failed: 0,
            };
            RetryPolicy::default().decide(attempts, &request, result, 1.0, now)
        };
        assert_eq!(decide(&limited), Decision::WithTheOthers(second));
        assert_eq!(decide(&answer(403, None)), Decision::Done);
    }

    #[test]
    fn waits_double_and_the_server_has_the_last_word() {
        let wait = |attempt, result: &_| match decide(Method::GET, attempt, result) {
            Decision::After { delay, requested } => Some((delay.as_millis(), requested)),
            _ => None,
        };
        assert_eq!(wait(1, &answer(503, None)), Some((100, false)));
        assert_eq!(wait(2, &answer(503, None)), Some((200, false)));
        assert_eq!(wait(4, &answer(503, None)), Some((800, false)));
        assert_eq!(wait(5, &answer(503, None)), None);
        assert_eq!(wait(1, &answer(503, Some("7"))), Some((7_000, true)));
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(3, 0.5).as_millis(), 200);
        assert!(!policy.backoff(3, 0.0).is_zero());
        assert_eq!(policy.backoff(40, 1.0), policy.max_delay);
    }

    #[test]
    fn who_is_refused_waits_with_the_others_and_may_be_refused_often() {
        let refused = |attempt, seconds| decide(Method::GET, attempt, &answer(429, seconds));
        let hour = Duration::from_secs(3_600);
        assert_eq!(
            refused(1, Some("3600")),
            Decision::WithTheOthers(Some(hour))
        );
        assert_eq!(refused(9, None), Decision::WithTheOthers(None));
        assert_eq!(refused(10, None), Decision::Done);
        // Two hours are the longest.
        let longest = RetryPolicy::default().longest_requested;
        assert_eq!(
            refused(1, Some("7200")),
            Decision::WithTheOthers(Some(longest))
        );
        assert_eq!(refused(1, Some("7201")), Decision::Done);
        let once = RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        };
        let attempts = Attempts {
            refused: 1,
            failed: 0,
        };
        let now = SystemTime::UNIX_EPOCH;
        let decision = once.decide(
            attempts,
            &request(Method::GET),
            &answer(429, None),
            1.0,
            now,
        );
        assert_eq!(decision, Decision::Done);
    }

    /// Answers with a list of statuses.
    struct Script(std::cell::RefCell<Vec<u16>>);

    impl Transport for Script {
        async fn send(&self, _: &Request) -> Result<Response, TransportError> {
            let status = self.0.borrow_mut().remove(0);
            answer(status, (status == 429).then_some("60"))
        }
    }

    struct Nobody;

    impl Observe for Nobody {
        fn event(&self, _: &Event<'_>) {}
    }

    async fn run(script: &[u16], deadline: Option<Duration>) -> (u16, Duration) {
        let started = tokio::time::Instant::now();
        let script = Script(std::cell::RefCell::new(script.to_vec()));
        let budget = Budget::new(1, None, Patience::default());
        let retry = Retry::new(
            Limit::new(script, budget, Rc::new(Nobody)),
            RetryPolicy::default(),
            Rc::new(|| 1.0),
            deadline.map(|limit| started + limit),
            Rc::new(Nobody),
        );
        let response = retry.send(&request(Method::GET)).await.expect("an answer");
        (response.status.as_u16(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn the_layer_waits_and_gives_up() {
        let millis = Duration::from_millis;
        assert_eq!(run(&[503, 500, 200], None).await, (200, millis(300)));
        assert_eq!(run(&[503; 5], None).await, (503, millis(1500)));
        assert_eq!(run(&[429, 200], None).await, (200, millis(60_000)));
        // Rate-limited attempts are counted separately.
        assert_eq!(
            run(&[429, 503, 503, 503, 503, 429, 200], None).await,
            (200, millis(121_500))
        );
        // They have a cap of their own.
        assert_eq!(run(&[429; 10], None).await, (429, millis(540_000)));
        // A wait beyond the deadline is not started.
        assert_eq!(run(&[429], Some(millis(5_000))).await, (429, millis(0)));
    }

    /// Keeps the numbers of attempts that are announced.
    struct Numbers(std::cell::RefCell<Vec<u32>>);

    impl Observe for Numbers {
        fn event(&self, event: &Event<'_>) {
            if let Event::Retrying { attempt, .. } = event {
                self.0.borrow_mut().push(*attempt);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_of_both_kinds_are_numbered_together() {
        let numbers = Rc::new(Numbers(std::cell::RefCell::default()));
        let retry = Retry::new(
            Script(std::cell::RefCell::new(vec![503, 429, 429, 500, 200])),
            RetryPolicy::default(),
            Rc::new(|| 1.0),
            None,
            Rc::clone(&numbers) as Rc<dyn Observe>,
        );
        let response = retry.send(&request(Method::GET)).await.expect("an answer");
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(*numbers.0.borrow(), [2, 3, 4, 5]);
    }
}
