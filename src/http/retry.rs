//! Makes an attempt again where that helps and does no harm.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::http::{
    Event, Observe, Request, Response, StatusCode, Transport, TransportError, TransportErrorKind,
    headers,
};

/// When to try again and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// The longest first wait; each further one may be twice as long.
    pub base_delay: Duration,
    /// No own wait is longer. What a server asks for may be.
    pub max_delay: Duration,
    /// A server that asks for a longer wait is not waited for: it is told when it may be tried
    /// again.
    pub longest_asked: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(30),
            longest_asked: Duration::from_secs(2 * 3_600),
        }
    }
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The result stands.
    Done,
    /// Try again after this long.
    After {
        /// The wait.
        delay: Duration,
        /// Whether the server said how long.
        asked: bool,
    },
}

/// A number from 0 up to 1, for jitter. Passed in, so that tests can choose it.
pub type Jitter = Rc<dyn Fn() -> f64>;

impl RetryPolicy {
    /// Decides after the `attempt`th attempt (from 1).
    ///
    /// Connection errors, timeouts, 408, 429, 500 and 502 to 504 are tried again; a write only if
    /// the server cannot have acted: never connected, or 429. The wait grows twofold with full
    /// jitter (a random part of it, but no less than half), unless `Retry-After` says how long.
    pub fn decide(
        &self,
        attempt: u32,
        request: &Request,
        result: &Result<Response, TransportError>,
        jitter: f64,
        now: SystemTime,
    ) -> Decision {
        if attempt >= self.max_attempts {
            return Decision::Done;
        }
        let (again, asked) = match result {
            Ok(response) if request.accepted.contains(&response.status.as_u16()) => (false, None),
            Ok(response) => (
                may_help(response.status, request.is_safe()),
                headers::retry_after(&response.headers, now),
            ),
            Err(error) => (
                is_passing(&error.kind) && (request.is_safe() || !error.may_have_acted),
                None,
            ),
        };
        if !again || asked.is_some_and(|delay| delay > self.longest_asked) {
            return Decision::Done;
        }
        match asked {
            Some(delay) => Decision::After { delay, asked: true },
            None => Decision::After {
                delay: self.backoff(attempt, jitter),
                asked: false,
            },
        }
    }

    fn backoff(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt - 1);
        let longest = self.base_delay.saturating_mul(doubled).min(self.max_delay);
        // From half to all of it: a delay near zero would be no delay.
        longest.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

fn may_help(status: StatusCode, is_safe: bool) -> bool {
    match status.as_u16() {
        429 => true,
        408 | 500 | 502 | 503 | 504 => is_safe,
        _ => false,
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
        | TransportErrorKind::TooLarge(_)
        | TransportErrorKind::Redirect(_)
        | TransportErrorKind::Credentials(_)
        | TransportErrorKind::Settings(_) => false,
    }
}

/// The outermost layer: sleeps as the policy decides.
pub struct Retry<T> {
    inner: T,
    policy: RetryPolicy,
    jitter: Jitter,
    /// When the whole run must be over.
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

    /// Whether a wait would end after the run must be over: then waiting is of no use.
    fn is_too_long(&self, delay: Duration) -> bool {
        self.deadline
            .is_some_and(|deadline| tokio::time::Instant::now() + delay >= deadline)
    }
}

impl<T: Transport> Transport for Retry<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut attempt = 1;
        loop {
            let result = self.inner.send(request).await;
            let decision = self.policy.decide(
                attempt,
                request,
                &result,
                (self.jitter)(),
                SystemTime::now(),
            );
            match decision {
                Decision::After { delay, asked } if !self.is_too_long(delay) => {
                    attempt += 1;
                    self.observer.event(&Event::Retrying {
                        request,
                        status: result.as_ref().ok().map(|response| response.status),
                        delay,
                        attempt,
                        asked,
                    });
                    tokio::time::sleep(delay).await;
                }
                _ => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::http::{Body, HeaderMap, Method};

    fn request(method: Method) -> Request {
        Request {
            method,
            url: "http://127.0.0.1/x".parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: Body::Empty,
            accepted: Vec::new(),
            shown_url: None,
        }
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
        RetryPolicy::default().decide(attempt, &request(method), result, 1.0, now)
    }

    fn again(method: Method, result: &Result<Response, TransportError>) -> bool {
        decide(method, 1, result) != Decision::Done
    }

    #[test]
    fn reads_are_tried_again_where_it_may_help() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(again(Method::GET, &answer(status, None)), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 409, 501, 505] {
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
    fn waits_double_and_the_server_has_the_last_word() {
        let wait = |attempt, result: &_| match decide(Method::GET, attempt, result) {
            Decision::After { delay, asked } => Some((delay.as_millis(), asked)),
            Decision::Done => None,
        };
        assert_eq!(wait(1, &answer(503, None)), Some((200, false)));
        assert_eq!(wait(2, &answer(503, None)), Some((400, false)));
        assert_eq!(wait(3, &answer(503, None)), Some((800, false)));
        assert_eq!(wait(4, &answer(503, None)), None);
        assert_eq!(wait(1, &answer(429, Some("3600"))), Some((3_600_000, true)));
        assert_eq!(wait(1, &answer(429, Some("86400"))), None);
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
        let retry = Retry::new(
            Script(std::cell::RefCell::new(script.to_vec())),
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
        assert_eq!(run(&[503, 500, 200], None).await, (200, millis(600)));
        assert_eq!(run(&[503; 4], None).await, (503, millis(1400)));
        assert_eq!(run(&[429, 200], None).await, (200, millis(60_000)));
        // A wait that would outlast the run is not begun.
        assert_eq!(run(&[429], Some(millis(5_000))).await, (429, millis(0)));
    }
}
