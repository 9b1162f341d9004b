//! Deduplicates the requests of a run: an equal request gets the response of the first one.
//!
//! Responses are kept for the whole run: a small part in memory, the rest in an unnamed file, so that
//! memory use does not grow on a long walk.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use tokio::sync::OnceCell;

use crate::engine::packed::{packed, unpacked};
use crate::http::{Request, Response, TransportError};

/// The maximum size of the responses kept in memory, in bytes.
const IN_MEMORY: usize = 4 * 1024 * 1024;

/// A store for byte strings. A lost one is requested again.
pub trait Shelf {
    /// Stores bytes and returns their position.
    fn push(&mut self, bytes: &[u8]) -> Option<u64>;

    /// Returns the bytes stored at a position.
    fn read(&mut self, at: u64) -> Option<Vec<u8>>;
}

/// Responses by request.
pub struct Once {
    /// Two independently keyed hashes: together they make a collision practically impossible.
    hashers: [RandomState; 2],
    state: RefCell<OnceState>,
}

struct OnceState {
    known: HashMap<Key, Known>,
    /// Responses in memory, oldest first.
    recent: VecDeque<(Key, usize)>,
    in_memory: usize,
    shelf: Box<dyn Shelf>,
}

type Key = (u64, u64);
type SendResult = Result<Response, TransportError>;

/// The state of a request's response.
enum Lookup {
    /// In memory, or pending.
    Cell(Rc<OnceCell<SendResult>>),
    /// Read from the file.
    Stored(Response),
}

enum Known {
    /// Pending, or received recently.
    Here(Rc<OnceCell<SendResult>>),
    /// Stored in the file.
    There(u64),
}

impl Once {
    /// Creates an empty store. Responses that do not fit in memory go to the shelf.
    pub fn new(shelf: Box<dyn Shelf>) -> Self {
        Self {
            hashers: Default::default(),
            state: RefCell::new(OnceState {
                known: HashMap::new(),
                recent: VecDeque::new(),
                in_memory: 0,
                shelf,
            }),
        }
    }

    /// Sends a request, or returns the earlier response. `place` distinguishes servers.
    pub async fn send<F: Future<Output = SendResult>>(
        &self,
        place: &str,
        request: &Request,
        send: impl FnOnce() -> F,
    ) -> SendResult {
        let key = self.key(place, request);
        let cell = match self.find(key) {
            Lookup::Cell(cell) => cell,
            Lookup::Stored(response) => return Ok(response),
        };
        let mut is_first = false;
        let result = cell
            .get_or_init(|| {
                is_first = true;
                send()
            })
            .await
            .clone();
        if is_first {
            self.keep(key, &result);
        }
        result
    }

    fn key(&self, place: &str, request: &Request) -> Key {
        let whole = (place, request.identity());
        let [first, second] = &self.hashers;
        (first.hash_one(&whole), second.hash_one(&whole))
    }

    /// Returns the cell for the response, or the response from the file.
    fn find(&self, key: Key) -> Lookup {
        let mut state = self.state.borrow_mut();
        match state.known.get(&key) {
            Some(Known::Here(cell)) => return Lookup::Cell(Rc::clone(cell)),
            Some(Known::There(at)) => {
                let at = *at;
                if let Some(response) = state.shelf.read(at).and_then(|bytes| unpacked(&bytes)) {
                    return Lookup::Stored(response);
                }
                // An unreadable file only costs one more request.
            }
            None => {}
        }
        let cell = Rc::new(OnceCell::new());
        state.known.insert(key, Known::Here(Rc::clone(&cell)));
        Lookup::Cell(cell)
    }

    /// Keeps a response, and moves older ones to the file.
    fn keep(&self, key: Key, result: &SendResult) {
        let mut state = self.state.borrow_mut();
        let size = result.as_ref().map_or(0, |response| response.body.len()) + 1_024;
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

impl OnceState {
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
#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use std::time::Duration;

    use crate::engine::packed::unpacked;
    use crate::http::{Body, HeaderMap, HeaderValue, Method, StatusCode, TransportErrorKind};

    use super::*;

    /// A shelf in memory whose entries can be lost.
    #[derive(Clone, Default)]
    struct Memory {
        pieces: Rc<RefCell<Vec<Vec<u8>>>>,
        is_full: Rc<Cell<bool>>,
    }

    impl Shelf for Memory {
        fn push(&mut self, bytes: &[u8]) -> Option<u64> {
            if self.is_full.get() {
                return None;
            }
            let mut pieces = self.pieces.borrow_mut();
            pieces.push(bytes.to_vec());
            Some(pieces.len() as u64 - 1)
        }

        fn read(&mut self, at: u64) -> Option<Vec<u8>> {
            let at = usize::try_from(at).ok()?;
            self.pieces.borrow().get(at).cloned()
        }
    }

    fn get(path: &str) -> Request {
        Request {
            method: Method::GET,
            url: format!("http://127.0.0.1{path}").parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: Body::Empty,
            is_safe: true,
            accepted: Vec::new(),
            retry: None,
            is_next_page: false,
            delivery: crate::http::Delivery::default(),
            receiver: None,
            shown_url: None,
            about: None,
        }
    }

    fn response(body: Vec<u8>) -> Response {
        let mut headers = HeaderMap::new();
        headers.append("link", HeaderValue::from_static("<a:b>; rel=\"next\""));
        headers.append("link", HeaderValue::from_static(""));
        headers.append(
            "x-bytes",
            HeaderValue::from_bytes(b"\xe9 :").expect("a value"),
        );
        Response {
            status: StatusCode::NOT_FOUND,
            headers,
            body: body.into(),
            received: 0,
            linked: None,
            elapsed: Duration::from_millis(5),
        }
    }

    /// Requests a path; the response has the given size, and each request is counted.
    async fn fetch(once: &Once, path: &str, size: usize, sent: &Cell<u32>) -> SendResult {
        once.send("here", &get(path), || async {
            sent.set(sent.get() + 1);
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(response(vec![b'x'; size]))
        })
        .await
    }

    #[test]
    fn a_response_is_packed_whole() {
        for body in [&b""[..], b"\n\n:", b"{\"a\": 1}\n", b"\0\xff"] {
            let before = response(body.to_vec());
            let after = unpacked(&packed(&before)).expect("a response");
            assert_eq!(after.status, before.status);
            assert_eq!(after.headers, before.headers);
            assert_eq!(after.body, before.body);
            assert_eq!(after.elapsed, before.elapsed);
        }
        let whole = packed(&response(Vec::new()));
        for end in 0..whole.len() {
            assert!(unpacked(&whole[..end]).is_none(), "half a response");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn equal_requests_share_a_response_that_is_still_coming() {
        let (once, sent) = (Once::new(Box::new(Memory::default())), Cell::new(0));
        let (first, second, other) = tokio::join!(
            fetch(&once, "/a", 1, &sent),
            fetch(&once, "/a", 2, &sent),
            fetch(&once, "/b", 3, &sent),
        );
        assert_eq!(first.expect("a response").body.len(), 1);
        assert_eq!(second.expect("a response").body.len(), 1);
        assert_eq!(other.expect("a response").body.len(), 3);
        let late = fetch(&once, "/a", 4, &sent).await.expect("a response");
        assert_eq!((late.body.len(), sent.get()), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_differs_in_place_method_or_header_is_another_request() {
        let (once, sent) = (Once::new(Box::new(Memory::default())), Cell::new(0));
        let count = || async {
            sent.set(sent.get() + 1);
            Ok(response(Vec::new()))
        };
        let mut head = get("/a");
        head.method = Method::HEAD;
        let mut with_header = get("/a");
        with_header
            .headers
            .insert("x", HeaderValue::from_static("1"));
        for (place, request) in [
            ("here", &get("/a")),
            ("there", &get("/a")),
            ("here", &head),
            ("here", &with_header),
            ("here", &get("/a?")),
        ] {
            for _ in 0..2 {
                let _ = once.send(place, request, count).await;
            }
        }
        assert_eq!(sent.get(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_waiting_leaves_the_request_to_the_next() {
        let (once, sent) = (Once::new(Box::new(Memory::default())), Cell::new(0));
        {
            let first = fetch(&once, "/a", 1, &sent);
            let gives_up = tokio::time::timeout(Duration::from_millis(1), first);
            let (gave_up, second) = tokio::join!(gives_up, fetch(&once, "/a", 2, &sent));
            assert!(gave_up.is_err());
            assert_eq!(second.expect("a response").body.len(), 2);
        }
        assert_eq!(sent.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_shared_and_stays() {
        let (once, sent) = (Once::new(Box::new(Memory::default())), Cell::new(0));
        for _ in 0..3 {
            let request = get("/a");
            let answer = once.send("here", &request, || async {
                sent.set(sent.get() + 1);
                Err(TransportError::before(TransportErrorKind::Connect))
            });
            assert!(answer.await.is_err());
        }
        // Errors are small: they stay in memory when responses move out.
        for index in 0..4 {
            let path = format!("/large/{index}");
            let _ = fetch(&once, &path, IN_MEMORY / 2, &sent).await;
        }
        assert!(fetch(&once, "/a", 1, &sent).await.is_err());
        assert_eq!(sent.get(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_in_memory_lies_on_the_shelf() {
        let shelf = Memory::default();
        let (once, sent) = (Once::new(Box::new(shelf.clone())), Cell::new(0));
        let size = IN_MEMORY / 4;
        for index in 0..6 {
            let _ = fetch(&once, &format!("/{index}"), size + index, &sent).await;
        }
        assert_eq!(shelf.pieces.borrow().len(), 3);
        assert!(once.state.borrow().in_memory <= IN_MEMORY);
        for index in 0..6 {
            let again = fetch(&once, &format!("/{index}"), 0, &sent).await;
            let again = again.expect("a response");
            assert_eq!(again.body.len(), size + index);
            assert_eq!(again.status, StatusCode::NOT_FOUND);
        }
        // A response larger than the limit is moved out at once.
        let _ = fetch(&once, "/huge", IN_MEMORY + 1, &sent).await;
        let huge = fetch(&once, "/huge", 0, &sent).await.expect("a response");
        assert_eq!((huge.body.len(), sent.get()), (IN_MEMORY + 1, 7));
        assert_eq!(once.state.borrow().in_memory, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_shelf_loses_is_requested_again() {
        let shelf = Memory::default();
        let (once, sent) = (Once::new(Box::new(shelf.clone())), Cell::new(0));
        let _ = fetch(&once, "/lost", IN_MEMORY, &sent).await;
        shelf.pieces.borrow_mut().clear();
        let again = fetch(&once, "/lost", 1, &sent).await.expect("a response");
        assert_eq!((again.body.len(), sent.get()), (1, 2));
        shelf.is_full.set(true);
        let _ = fetch(&once, "/refused", IN_MEMORY, &sent).await;
        let again = fetch(&once, "/refused", 2, &sent)
            .await
            .expect("a response");
        assert_eq!((again.body.len(), sent.get()), (2, 4));
        // A repeated request is known again.
        let _ = fetch(&once, "/refused", 3, &sent).await;
        assert_eq!(sent.get(), 4);
    }
}
