//! Expected requests and scripted responses.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::wire::Received;

type Predicate = Box<dyn Fn(&Received) -> bool + Send + Sync>;

/// One expected request and its answer; asked exactly once unless [`Exchange::times`] or
/// [`Exchange::at_least`] says otherwise.
///
/// A request goes to the first exchange of the list that fits it and is not used up, so several
/// exchanges for one target answer in their order, and those for different targets in any order.
#[must_use = "an exchange does nothing until a server is given it"]
pub struct Exchange {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) conditions: Vec<(String, Predicate)>,
    pub(super) reply: Reply,
    pub(super) at_least: usize,
    pub(super) at_most: usize,
    pub(super) together: usize,
}

impl Exchange {
    /// Expects a GET of a raw target, such as `/api/v2/me?x=a%20b`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Expects a POST to a raw target.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Expects any request: what came is looked at afterwards.
    pub fn any() -> Self {
        Self::new("*", "*")
    }

    /// Expects any method; answers an empty JSON object until told otherwise.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            conditions: Vec::new(),
            reply: Value::Object(serde_json::Map::new()).into(),
            at_least: 1,
            at_most: 1,
            together: 0,
        }
    }

    /// The answer: a JSON value, `(status, value)`, an [`Answer`], or a [`Fault`].
    pub fn answers(mut self, reply: impl Into<Reply>) -> Self {
        self.reply = reply.into();
        self
    }

    /// Exactly so often.
    pub fn times(mut self, count: usize) -> Self {
        (self.at_least, self.at_most) = (count, count);
        self
    }

    /// So often or more; 0 for a request that may come or not.
    pub fn at_least(mut self, count: usize) -> Self {
        (self.at_least, self.at_most) = (count, usize::MAX);
        self
    }

    /// At most so often, or not at all.
    pub fn up_to(mut self, count: usize) -> Self {
        (self.at_least, self.at_most) = (0, count);
        self
    }

    /// Only with this header.
    pub fn with_header(self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.when(&format!("`{name}: {value}`"), move |request| {
            request.header(name).as_deref() == Some(&value)
        })
    }

    /// Only without any such header.
    pub fn without_header(self, name: &'static str) -> Self {
        self.when(&format!("no `{name}`"), move |request| {
            request.header(name).is_none()
        })
    }

    /// Only with a body that is this JSON, the order of its keys aside.
    pub fn with_json(self, body: Value) -> Self {
        self.when(&format!("the body {body}"), move |request| {
            serde_json::from_slice::<Value>(&request.body).is_ok_and(|found| found == body)
        })
    }

    /// Only where the condition holds; `what` names it in the failure.
    pub fn when(
        mut self,
        what: &str,
        holds: impl Fn(&Received) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push((what.to_owned(), Box::new(holds)));
        self
    }

    /// Holds the answer back until so many requests have been in flight at once: a test of
    /// concurrency without a clock. That it never happens fails the test.
    pub fn together(mut self, count: usize) -> Self {
        self.together = count;
        self
    }

    pub(super) fn is_for(&self, request: &Received) -> bool {
        let is_any = self.method == "*";
        is_any || (self.method == request.method && self.target == request.target)
    }

    /// The conditions that a request does not meet.
    pub(super) fn unmet(&self, request: &Received) -> Vec<&str> {
        self.conditions
            .iter()
            .filter(|(_, holds)| !holds(request))
            .map(|(what, _)| what.as_str())
            .collect()
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.target)?;
        for (what, _) in &self.conditions {
            write!(out, " with {what}")?;
        }
        Ok(())
    }
}

/// What comes back: an answer or a fault.
pub enum Reply {
    /// A whole, well-formed answer.
    Answer(Answer),
    /// Anything else.
    Fault(Fault),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Answer::status(200).json(&value).into()
    }
}

impl From<(u16, Value)> for Reply {
    fn from((status, value): (u16, Value)) -> Self {
        Answer::status(status).json(&value).into()
    }
}

/// A whole answer.
#[must_use = "an answer does nothing until an exchange is given it"]
pub struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    chunk: Option<usize>,
    pub(super) delay: Duration,
}

impl Answer {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            chunk: None,
            delay: Duration::ZERO,
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }

    /// One more header; the value is sent as it is, whatever its bytes.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A JSON body.
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// A body of plain text.
    pub fn text(self, text: &str) -> Self {
        self.body("text/plain; charset=utf-8", text)
    }

    /// Any body.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends the body in chunks of so many bytes, without a length.
    pub fn chunked(mut self, size: usize) -> Self {
        self.chunk = Some(size);
        self
    }

    /// Waits before it answers; for order, prefer [`Exchange::together`].
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The bytes of the answer. What has no body by its nature (HEAD, 204, 304) gets none.
    pub(super) fn bytes(&self, method: &str) -> Vec<u8> {
        let length = self.body.len();
        let mut bytes = match self.chunk {
            _ if self.status == 204 => self.head(""),
            None => self.head(&format!("content-length: {length}\r\n")),
            Some(_) => self.head("transfer-encoding: chunked\r\n"),
        };
        if method == "HEAD" || matches!(self.status, 204 | 304) {
            return bytes;
        }
        match self.chunk {
            None => bytes.extend_from_slice(&self.body),
            Some(size) => {
                for chunk in self.body.chunks(size) {
                    bytes.extend(one_chunk(chunk));
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        bytes
    }

    /// Returns true if the answer announces that the connection closes after it.
    pub(super) fn closes(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case(b"close")
        })
    }

    fn head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n{framing}", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// A chunk in its transfer encoding.
pub(super) fn one_chunk(chunk: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
    bytes.extend_from_slice(chunk);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// What goes wrong on the wire. The connection ends with every one of them.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Takes the request and never answers, until the client or the server goes.
    Hang,
    /// A good JSON answer whose body comes in pieces, with a wait before each but the first. A
    /// long wait is a body that never comes: it ends with the server.
    Slow {
        /// The pieces of the body; the first goes out with the head.
        pieces: Vec<String>,
        /// The wait between two.
        wait: Duration,
    },
    /// The first half of this JSON body under the length of the whole, then an orderly close.
    HalfAnswer(String),
    /// Closes in order, after the request and before a byte of an answer.
    CloseAtOnce,
    /// Resets the connection after the request.
    Reset,
    /// Bytes that are not HTTP, then a close.
    Garbage,
    /// A JSON array in chunks that never ends, until the client hangs up.
    EndlessBody,
    /// A good answer with one header of so many bytes.
    HugeHeader(usize),
}

impl Fault {
    /// [`Fault::Slow`] with fewer words.
    pub fn slow<const N: usize>(pieces: [&str; N], wait: Duration) -> Self {
        let pieces = pieces.map(str::to_owned).to_vec();
        Self::Slow { pieces, wait }
    }
}
