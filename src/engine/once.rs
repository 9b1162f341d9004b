//! Equal requests of a run are sent once: whoever comes second gets the first one's answer.
//!
//! What was answered is kept for as long as the run lasts, a little of it in memory and the rest in
//! a file without a name, so that a long walk does not grow.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OnceCell;

use crate::http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, TransportError,
};

/// Bytes of answers that are kept in memory.
const IN_MEMORY: usize = 4 * 1024 * 1024;

/// Takes pieces of bytes and gives them back. What it loses is asked for again.
pub trait Shelf {
    /// Puts bytes down, and says where.
    fn push(&mut self, bytes: &[u8]) -> Option<u64>;

    /// The bytes that were put at a place.
    fn read(&mut self, at: u64) -> Option<Vec<u8>>;
}

/// Answers by request.
pub struct Once {
    /// Two hashes with keys of their own: together, two different requests are never taken for one.
    hashers: [RandomState; 2],
    state: RefCell<State>,
}

struct State {
    known: HashMap<Key, Known>,
    /// Answers in memory, the oldest first.
    recent: VecDeque<(Key, usize)>,
    in_memory: usize,
    shelf: Box<dyn Shelf>,
}

type Key = (u64, u64);
type Answer = Result<Response, TransportError>;

enum Known {
    /// It is being asked, or was answered a short while ago.
    Here(Rc<OnceCell<Answer>>),
    /// It lies in the file.
    There(u64),
}

impl Once {
    /// No answers. Those that do not fit in memory go on the shelf.
    pub fn new(shelf: Box<dyn Shelf>) -> Self {
        Self {
            hashers: Default::default(),
            state: RefCell::new(State {
                known: HashMap::new(),
                recent: VecDeque::new(),
                in_memory: 0,
                shelf,
            }),
        }
    }

    /// Sends a request, or gives what was answered before. `place` tells the servers apart.
    pub async fn send<F: Future<Output = Answer>>(
        &self,
        place: &str,
        request: &Request,
        send: impl FnOnce() -> F,
    ) -> Answer {
        let key = self.key(place, request);
        let cell = match self.find(key) {
            Ok(cell) => cell,
            Err(answer) => return answer,
        };
        let mut is_first = false;
        let answer = cell
            .get_or_init(|| {
                is_first = true;
                send()
            })
            .await
            .clone();
        if is_first {
            self.keep(key, &answer);
        }
        answer
    }

    fn key(&self, place: &str, request: &Request) -> Key {
        let headers: Vec<(&str, &[u8])> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let whole = (
            place,
            request.method.as_str(),
            request.url.as_str(),
            headers,
        );
        let [first, second] = &self.hashers;
        (first.hash_one(&whole), second.hash_one(&whole))
    }

    /// The cell that the answer comes to, or the answer from the file.
    fn find(&self, key: Key) -> Result<Rc<OnceCell<Answer>>, Answer> {
        let mut state = self.state.borrow_mut();
        match state.known.get(&key) {
            Some(Known::Here(cell)) => return Ok(Rc::clone(cell)),
            Some(Known::There(at)) => {
                let at = *at;
                if let Some(response) = state.shelf.read(at).and_then(|bytes| unpacked(&bytes)) {
                    return Err(Ok(response));
                }
                // A file that cannot be read costs one more request and nothing else.
            }
            None => {}
        }
        let cell = Rc::new(OnceCell::new());
        state.known.insert(key, Known::Here(Rc::clone(&cell)));
        Ok(cell)
    }

    /// Keeps an answer, and moves older ones into the file.
    fn keep(&self, key: Key, answer: &Answer) {
        let mut state = self.state.borrow_mut();
        let size = answer.as_ref().map_or(0, |response| response.body.len()) + 1_024;
        state.recent.push_back((key, size));
        state.in_memory += size;
        while state.in_memory > IN_MEMORY {
            let Some((old, size)) = state.recent.pop_front() else {
                break;
            };
            state.in_memory -= size;
            state.move_out(old);
        }
    }
}

impl State {
    fn move_out(&mut self, key: Key) {
        let packed = match self.known.get(&key) {
            Some(Known::Here(cell)) => match cell.get() {
                Some(Ok(response)) => packed(response),
                _ => return,
            },
            _ => return,
        };
        match self.shelf.push(&packed) {
            Some(at) => self.known.insert(key, Known::There(at)),
            None => self.known.remove(&key),
        };
    }
}

/// An answer as bytes: status, header fields, an empty line, content.
fn packed(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(response.body.len() + 1_024);
    bytes.extend_from_slice(&response.status.as_u16().to_be_bytes());
    let nanos = u64::try_from(response.elapsed.as_nanos()).unwrap_or(u64::MAX);
    bytes.extend_from_slice(&nanos.to_be_bytes());
    for (name, value) in &response.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(&response.body);
    bytes
}

fn unpacked(bytes: &[u8]) -> Option<Response> {
    let (status, rest) = bytes.split_first_chunk::<2>()?;
    let (nanos, mut rest) = rest.split_first_chunk::<8>()?;
    let mut headers = HeaderMap::new();
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', line)?;
        headers.append(
            HeaderName::from_bytes(&line[..colon]).ok()?,
            HeaderValue::from_bytes(&line[colon + 1..]).ok()?,
        );
    }
    Some(Response {
        status: StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?,
        headers,
        body: Bytes::copy_from_slice(rest),
        elapsed: Duration::from_nanos(u64::from_be_bytes(*nanos)),
    })
}
