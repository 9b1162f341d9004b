//! An exchange that records what another one answers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::core::json;
use crate::core::secret::Secret;
use crate::engine::exchange::{Exchange, Pending};
use crate::http::{HeaderMap, Receive, Request, Response, TransportError};
use crate::plan::RequestPlan;
use crate::recording::headers::is_kept_header;
use crate::recording::{Answer, Ask, Content, Origin, Recorded};

/// The maximum size of a body that is kept, in bytes. More cannot be in a recording anyway.
const LONGEST_KEPT: usize = 8 * 1024 * 1024;

/// Passes requests on and keeps the answers.
pub struct Recorder {
    inner: Rc<dyn Exchange>,
    taken: RefCell<Vec<Recorded>>,
    /// The maximum length of lists in answers, if it is limited.
    keep: Option<usize>,
}

impl Recorder {
    /// Records what `inner` answers. Lists in JSON answers are cut to `keep` elements before the run
    /// sees them.
    pub fn new(inner: Rc<dyn Exchange>, keep: Option<usize>) -> Self {
        Self {
            inner,
            taken: RefCell::default(),
            keep,
        }
    }

    /// Returns the exchanges in the order in which they were answered.
    pub fn take(&self) -> Vec<Recorded> {
        self.taken.take()
    }

    async fn record(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let tee = request.receiver.as_ref().map(|receiver| {
            Rc::new(Tee {
                inner: Rc::clone(receiver),
                taken: RefCell::default(),
            })
        });
        let mut sent = request.clone();
        if let Some(tee) = &tee {
            sent.receiver = Some(Rc::clone(tee) as Rc<dyn Receive>);
        }
        let mut response = self.inner.send(plan, &sent).await?;
        let body = match &tee {
            Some(tee) if response.received > 0 => Bytes::from(tee.taken.take()),
            _ => response.body.clone(),
        };
        let mut body = content(&body);
        if let (Some(keep), Content::Json(value)) = (self.keep, &mut body)
            && cut(value, keep)
        {
            response.body = Bytes::from(value.to_string());
        }
        let headers = response.headers.iter();
        let headers = headers.filter(|(name, _)| is_kept_header(name.as_str()));
        let headers = headers.filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let method = request.method.as_str();
        self.taken.borrow_mut().push(Recorded {
            ask: Ask::of(method, plan.base_url(), &request.url, &request.body),
            of: Origin {
                query: plan.query.name.clone(),
                item: request.about.as_deref().map(str::to_owned),
            },
            answer: Answer {
                status: response.status.as_u16(),
                headers: headers.collect(),
                body,
                delay: Duration::ZERO,
                broken: None,
            },
            place: None,
        });
        Ok(response)
    }
}

impl Exchange for Recorder {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(self.record(plan, request))
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        self.inner.caller(plan)
    }
}

/// Copies a body that is not held in memory.
#[derive(Debug)]
struct Tee {
    inner: Rc<dyn Receive>,
    taken: RefCell<Vec<u8>>,
}

impl Receive for Tee {
    fn begin(&self, headers: &HeaderMap) -> io::Result<bool> {
        self.taken.borrow_mut().clear();
        self.inner.begin(headers)
    }

    fn take(&self, bytes: &[u8]) -> io::Result<()> {
        let mut taken = self.taken.borrow_mut();
        if taken.len() + bytes.len() > LONGEST_KEPT {
            return Err(io::Error::other("the body is too large for a recording"));
        }
        taken.extend_from_slice(bytes);
        self.inner.take(bytes)
    }
}

fn content(body: &[u8]) -> Content {
    if body.is_empty() {
        return Content::Empty;
    }
    // A number or a word alone would lose its spaces.
    let is_document = matches!(body.first(), Some(b'{' | b'['));
    if is_document && let Ok(value) = json::parse(body) {
        return Content::Json(value);
    }
    match std::str::from_utf8(body) {
        Ok(text) => Content::Text(text.to_owned()),
        Err(_) => Content::Bytes(body.to_vec()),
    }
}

/// Cuts all lists to a length. Returns true if any was longer.
fn cut(value: &mut Value, keep: usize) -> bool {
    match value {
        Value::Array(items) => {
            let is_longer = items.len() > keep;
            items.truncate(keep);
            let cut = items.iter_mut().map(|item| cut(item, keep));
            cut.fold(is_longer, |any, one| any | one)
        }
        Value::Object(members) => {
            let cut = members.values_mut().map(|member| cut(member, keep));
            cut.fold(false, |any, one| any | one)
        }
        _ => false,
    }
}
