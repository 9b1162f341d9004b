//! The exchange with a recording, in place of servers. Nothing here can reach a network.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;

use crate::core::secret::Secret;
use crate::engine::exchange::{Exchange, Pending};
use crate::http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, TransportError,
    TransportErrorKind, header,
};
use crate::plan::RequestPlan;
use crate::recording::matching::{Library, Miss};
use crate::recording::{Answer, Ask, Broken, Content, Origin, Recorded};

/// Answers the requests of a run from a recording.
pub struct Replay {
    library: Rc<Library>,
    /// The time of the servers: the real one must not matter.
    now: SystemTime,
    asked: RefCell<Vec<Ask>>,
    misses: RefCell<Vec<Miss>>,
    /// The exchanges with the base URLs of their resources, if they are kept.
    exchanges: Option<RefCell<Vec<(Recorded, String)>>>,
}

impl Replay {
    /// Creates the exchange.
    pub fn new(library: Rc<Library>, now: Timestamp) -> Self {
        Self {
            library,
            now: now.into(),
            asked: RefCell::default(),
            misses: RefCell::default(),
            exchanges: None,
        }
    }

    /// Keeps the exchanges.
    #[must_use]
    pub fn keeping_exchanges(mut self) -> Self {
        self.exchanges = Some(RefCell::default());
        self
    }

    /// Returns the exchanges with the base URLs of their resources, if they were kept.
    pub fn take_exchanges(&self) -> Vec<(Recorded, String)> {
        let exchanges = self.exchanges.as_ref();
        exchanges.map_or_else(Vec::new, RefCell::take)
    }

    /// Returns the requests so far, in the order in which they were sent.
    pub fn asked(&self) -> Vec<Ask> {
        self.asked.borrow().clone()
    }

    /// Returns the requests without an answer.
    pub fn take_misses(&self) -> Vec<Miss> {
        self.misses.take()
    }

    async fn answer(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let method = request.method.as_str();
        let ask = Ask::of(method, plan.base_url(), &request.url, &request.body);
        self.asked.borrow_mut().push(ask.clone());
        let answer = match self.library.answer(&ask) {
            Ok(answer) => answer.clone(),
            Err(miss) => {
                let words = format!("no recorded answer for {} {}", ask.method, ask.target);
                self.misses.borrow_mut().push(miss);
                let kind = TransportErrorKind::Settings(words);
                return Err(TransportError::before(kind));
            }
        };
        if let Some(exchanges) = &self.exchanges {
            let recorded = Recorded {
                ask,
                of: Origin {
                    query: plan.query.name.clone(),
                    item: request.about.as_deref().map(str::to_owned),
                },
                answer: answer.clone(),
                place: None,
            };
            let base = plan.base_url().to_string();
            exchanges.borrow_mut().push((recorded, base));
        }
        // Lets other tasks run, as a network would.
        tokio::task::yield_now().await;
        let timeout = plan.resource().timeout;
        tokio::time::sleep(answer.delay.min(timeout)).await;
        let failed = |kind, may_have_acted| TransportError {
            kind,
            may_have_acted,
            causes: Vec::new(),
        };
        if answer.delay > timeout {
            return Err(failed(TransportErrorKind::Timeout(timeout), true));
        }
        match answer.broken {
            Some(Broken::Connection) => Err(failed(TransportErrorKind::Connect, false)),
            Some(Broken::Half) => Err(failed(TransportErrorKind::Broken, true)),
            None => response(&answer, request, self.now),
        }
    }
}

impl Exchange for Replay {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(self.answer(plan, request))
    }

    fn caller<'s>(&'s self, _: RequestPlan<'s>) -> Pending<'s, Secret> {
        Box::pin(async { Ok(Secret::new(String::new())) })
    }
}

fn response(
    answer: &Answer,
    request: &Request,
    now: SystemTime,
) -> Result<Response, TransportError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    if matches!(answer.body, Content::Json(_)) {
        let json = HeaderValue::from_static("application/json");
        headers.entry(header::CONTENT_TYPE).or_insert(json);
    }
    if matches!(answer.body, Content::Text(_)) {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.entry(header::CONTENT_TYPE).or_insert(text);
    }
    // The times in other fields are relative to it.
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
        headers.entry(header::DATE).or_insert(date);
    }
    let body = bytes_of(&answer.body);
    let mut response = Response {
        status: StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers,
        body,
        received: 0,
        linked: None,
        elapsed: Duration::ZERO,
    };
    let receiver = request.receiver.as_ref();
    if let Some(receiver) = receiver.filter(|_| response.status.is_success()) {
        let stored = |error: std::io::Error| {
            TransportError::before(TransportErrorKind::Storage(error.to_string()))
        };
        let body = std::mem::take(&mut response.body);
        if receiver.begin(&response.headers).map_err(stored)? {
            receiver.take(&body).map_err(stored)?;
            response.received = body.len() as u64;
        }
    }
    Ok(response)
}

fn bytes_of(content: &Content) -> Bytes {
    match content {
        Content::Empty => Bytes::new(),
        Content::Json(value) => Bytes::from(value.to_string()),
        Content::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
        Content::Bytes(bytes) => Bytes::copy_from_slice(bytes),
    }
}
