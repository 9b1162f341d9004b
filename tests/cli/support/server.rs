//! A scripted HTTP/1.1 server on loopback: one thread a connection, everything recorded.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::exchange::{Answer, Exchange, Fault, Reply, one_chunk};
use super::wire::{Received, read_request, take_last_byte};

/// How long the server waits for what a test says must happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that answers what it was told to, and fails the test on a request that nothing
/// expects and on an expectation that nothing used: at [`Server::finish`], or when it is dropped.
#[must_use = "a server that is dropped at once expects in vain"]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a port of its own.
    pub fn start(exchanges: Vec<Exchange>) -> Self {
        Self::start_with(|_| exchanges)
    }

    /// Like [`Server::start`], for answers that name the server's own URL.
    pub fn start_with(exchanges: impl FnOnce(&str) -> Vec<Exchange>) -> Self {
        let (listener, address) = listen();
        let expected = exchanges(&format!("http://{address}"))
            .into_iter()
            .map(|exchange| (Arc::new(exchange), 0))
            .collect();
        let shared = Arc::new(Shared::default());
        shared.state().expected = expected;
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept_all(&listener, &shared)
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// An address that refuses every connection for as long as the guard lives.
    pub fn refusing() -> Refusing {
        let (listener, address) = listen();
        let stream = TcpStream::connect(address).expect("loopback takes a connection");
        drop(listener);
        Refusing(stream)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.state().received.clone()
    }

    /// Waits until so many requests have come.
    pub fn wait_for_requests(&self, count: usize) {
        let come = self
            .shared
            .wait(PATIENCE, |state| state.received.len() >= count);
        assert!(come, "{count} requests did not come in {PATIENCE:?}");
    }

    /// Connections opened so far.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// The most requests that were waiting for their answers at one time. One that the client
    /// gave up counts until its end is seen here.
    pub fn max_in_flight(&self) -> usize {
        self.shared.state().max_in_flight
    }

    /// Stops, fails if requests and expectations do not agree, and gives the requests.
    pub fn finish(mut self) -> Vec<Received> {
        self.stop();
        if let Some(complaint) = self.complaint() {
            panic!("{complaint}");
        }
        mem::take(&mut self.shared.state().received)
    }

    /// Takes the connections and requests that are already here, then ends every thread.
    fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else {
            return;
        };
        let mut state = self.shared.state();
        let waker = TcpStream::connect(self.address).and_then(|stream| stream.local_addr());
        state.stopped_by = Some(waker.expect("the listener still lives"));
        drop(state);
        self.shared.changed.notify_all();
        if acceptor.join().is_err() {
            let complaint = "a thread of the server panicked".to_owned();
            self.shared.state().complaints.push(complaint);
        }
    }

    fn complaint(&self) -> Option<String> {
        let state = self.shared.state();
        let mut complaints = state.complaints.clone();
        for (exchange, used) in &state.expected {
            if *used < exchange.at_least {
                let wanted = exchange.at_least;
                complaints.push(format!("unused: {exchange} ({used} of {wanted} times)"));
            }
        }
        if complaints.is_empty() {
            return None;
        }
        let mut text = format!(
            "the scripted server is not content:\n{}",
            lines(&complaints)
        );
        let received: Vec<String> = state.received.iter().map(Received::line).collect();
        let _ = write!(text, "\nit was asked, in this order:\n{}", lines(&received));
        Some(text)
    }
}

impl Drop for Server {
    #[expect(
        clippy::print_stderr,
        reason = "what the server saw explains the panic"
    )]
    fn drop(&mut self) {
        if self.acceptor.is_none() {
            return;
        }
        self.stop();
        match self.complaint() {
            Some(complaint) if thread::panicking() => eprintln!("{complaint}"),
            Some(complaint) => panic!("{complaint}"),
            None => {}
        }
    }
}

/// A port on which nothing listens.
///
/// It is held as the near end of a connection, so that no other test can be given it meanwhile.
#[must_use = "the port is only held while this lives"]
pub struct Refusing(TcpStream);

impl Refusing {
    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        let address = self.0.local_addr().expect("a bound socket");
        format!("http://{address}")
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket");
    (listener, address)
}

fn lines(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("  - {item}")).collect();
    items.join("\n")
}

#[derive(Default)]
struct State {
    /// In the order of the test, with the number of uses.
    expected: Vec<(Arc<Exchange>, usize)>,
    received: Vec<Received>,
    complaints: Vec<String>,
    connections: usize,
    in_flight: usize,
    max_in_flight: usize,
    /// Where the connection came from that ends the accepting.
    stopped_by: Option<SocketAddr>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `holds` returns true, the server ends, or the time is up; returns true if it
    /// holds.
    fn wait(&self, limit: Duration, holds: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        while !holds(&state) && state.stopped_by.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        holds(&state)
    }

    /// Waits; an error if the server ends before the time does.
    fn pause(&self, time: Duration) -> io::Result<()> {
        if !time.is_zero() && self.wait(time, |state| state.stopped_by.is_some()) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn is_the_end(&self, stream: &TcpStream) -> bool {
        // The lock is held while the ending connection is made, so this cannot look too early.
        let stopped_by = self.state().stopped_by;
        stopped_by.is_some() && stopped_by == stream.peer_addr().ok()
    }

    /// Records a request and finds its exchange.
    fn record(&self, request: &Received) -> Option<Arc<Exchange>> {
        let mut state = self.state();
        state.received.push(request.clone());
        state.in_flight += 1;
        state.max_in_flight = state.max_in_flight.max(state.in_flight);
        self.changed.notify_all();
        let mut why = "nothing expects it".to_owned();
        for (exchange, used) in &mut state.expected {
            if !exchange.is_for(request) {
                continue;
            }
            let unmet = exchange.unmet(request);
            if !unmet.is_empty() {
                why = format!("it lacks {}", unmet.join(", "));
            } else if *used == exchange.at_most {
                why = format!("expected {used} times");
            } else {
                *used += 1;
                return Some(Arc::clone(exchange));
            }
        }
        let complaint = format!("unexpected: {} ({why})", request.line());
        state.complaints.push(complaint);
        None
    }

    fn complain(&self, complaint: String) {
        self.state().complaints.push(complaint);
    }
}

/// A request between its coming and the last write of its answer.
struct InFlight<'s>(&'s Shared);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

fn accept_all(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut workers = Vec::new();
    let mut open: Vec<Weak<TcpStream>> = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if shared.is_the_end(&stream) {
            break;
        }
        let stream = Arc::new(stream);
        open.push(Arc::downgrade(&stream));
        let connection = workers.len();
        shared.state().connections += 1;
        let shared = Arc::clone(shared);
        workers.push(thread::spawn(move || serve(&stream, connection, &shared)));
    }
    // What is already in a socket's buffer can still be read after this.
    for stream in open.iter().filter_map(Weak::upgrade) {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let panicked = workers.into_iter().filter_map(|worker| worker.join().err());
    assert!(panicked.count() == 0, "a connection's thread panicked");
}

fn serve(stream: &TcpStream, connection: usize, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    loop {
        let request = match read_request(stream, connection) {
            Ok(Some(request)) => request,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                shared.complain(format!("not an HTTP/1.1 request: {error}"));
                return;
            }
            Ok(None) | Err(_) => return,
        };
        match reply(stream, &request, shared) {
            Ok(GoesOn::Yes) if !request.wants_close() => {}
            // An error means that the client or the server went away, which is their right.
            Ok(GoesOn::Yes | GoesOn::No) | Err(_) => return,
        }
    }
}

/// The state of a connection after a response.
enum GoesOn {
    Yes,
    No,
}

fn reply(mut stream: &TcpStream, request: &Received, shared: &Shared) -> io::Result<GoesOn> {
    let exchange = shared.record(request);
    let in_flight = InFlight(shared);
    let Some(exchange) = exchange else {
        take_last_byte(stream)?;
        drop(in_flight);
        stream.write_all(&unexpected(request).bytes(&request.method))?;
        return Ok(GoesOn::Yes);
    };
    let together = exchange.together;
    if !shared.wait(PATIENCE, |state| state.max_in_flight >= together) {
        let line = request.line();
        shared.complain(format!("{line}: {together} were never in flight at once"));
    }
    match &exchange.reply {
        Reply::Answer(answer) => {
            shared.pause(answer.delay)?;
            take_last_byte(stream)?;
            drop(in_flight);
            stream.write_all(&answer.bytes(&request.method))?;
            Ok(if answer.closes() {
                GoesOn::No
            } else {
                GoesOn::Yes
            })
        }
        Reply::Fault(fault) => commit(fault, stream, in_flight).map(|()| GoesOn::No),
    }
}

/// 501 is an error to every client and none that a client tries again.
fn unexpected(request: &Received) -> Answer {
    let message = format!("the test's server does not expect {}", request.line());
    Answer::status(501).json(&serde_json::json!({ "message": message }))
}

fn commit(fault: &Fault, mut stream: &TcpStream, in_flight: InFlight<'_>) -> io::Result<()> {
    if matches!(fault, Fault::Reset) {
        return Ok(());
    }
    take_last_byte(stream)?;
    match fault {
        Fault::Hang => io::copy(&mut stream, &mut io::sink()).map(drop),
        Fault::Slow { pieces, wait } => dribble(pieces, *wait, stream, in_flight),
        Fault::HalfAnswer(body) => {
            drop(in_flight);
            let half = &body.as_bytes()[..body.len() / 2];
            stream.write_all(json_head(body.len()).as_bytes())?;
            stream.write_all(half)
        }
        Fault::CloseAtOnce | Fault::Reset => Ok(()),
        Fault::Garbage => {
            drop(in_flight);
            stream.write_all(b"\x00\xffthis is not HTTP\r\n\x1b[31m\r\n\r\n")
        }
        Fault::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 Scripted\r\ncontent-type: application/json\r\n")?;
            stream.write_all(b"transfer-encoding: chunked\r\n\r\n1\r\n[\r\n")?;
            let chunk = one_chunk("1,".repeat(8192).as_bytes());
            loop {
                stream.write_all(&chunk)?;
            }
        }
        Fault::HugeHeader(size) => {
            drop(in_flight);
            let value = "a".repeat(*size);
            let answer = Answer::status(200).header("x-huge", value);
            stream.write_all(&answer.json(&serde_json::json!({})).bytes("GET"))
        }
    }
}

fn dribble(
    pieces: &[String],
    wait: Duration,
    mut stream: &TcpStream,
    in_flight: InFlight<'_>,
) -> io::Result<()> {
    let length = pieces.iter().map(String::len).sum();
    let shared = in_flight.0;
    let mut in_flight = Some(in_flight);
    stream.write_all(json_head(length).as_bytes())?;
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            shared.pause(wait)?;
        }
        if index + 1 == pieces.len() {
            drop(in_flight.take());
        }
        stream.write_all(piece.as_bytes())?;
    }
    Ok(())
}

fn json_head(length: usize) -> String {
    format!(
        "HTTP/1.1 200 Scripted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}
