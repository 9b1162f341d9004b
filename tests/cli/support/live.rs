//! An HTTP/1.1 server on loopback that answers by a function.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use super::exchange::Answer;
use super::wire::{Received, read_request, take_last_byte};

/// What becomes of a request.
pub enum Response {
    /// It is answered.
    Answer(Answer),
    /// It is never answered; the connection stays open until the client or the server ends.
    Hang,
}

/// A server that answers each request by a function, until it is dropped. A test that knows its
/// requests beforehand uses [`super::Server`].
#[must_use = "a server that is dropped at once answers nothing"]
pub struct LiveServer {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

type Respond = dyn Fn(&Received) -> Response + Send + Sync;

impl LiveServer {
    /// Listens on a port of its own.
    pub fn start(respond: impl Fn(&Received) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket");
        let is_stopped = Arc::new(AtomicBool::new(false));
        let respond: Arc<Respond> = Arc::new(respond);
        let acceptor = thread::spawn({
            let is_stopped = Arc::clone(&is_stopped);
            move || accept_all(&listener, &is_stopped, &respond)
        });
        Self {
            address,
            is_stopped,
            acceptor: Some(acceptor),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LiveServer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let joined = self.acceptor.take().map(JoinHandle::join);
        assert!(
            thread::panicking() || joined.is_none_or(|joined| joined.is_ok()),
            "a thread of the server panicked"
        );
    }
}

fn accept_all(listener: &TcpListener, is_stopped: &AtomicBool, respond: &Arc<Respond>) {
    let mut workers = Vec::new();
    let mut open: Vec<Weak<TcpStream>> = Vec::new();
    for stream in listener.incoming() {
        if is_stopped.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let stream = Arc::new(stream);
        open.retain(|stream| stream.strong_count() > 0);
        open.push(Arc::downgrade(&stream));
        let respond = Arc::clone(respond);
        let connection = workers.len();
        // An error means that the client or the server went away.
        workers.push(thread::spawn(move || {
            let _ = serve(&stream, connection, &*respond);
        }));
    }
    for stream in open.iter().filter_map(Weak::upgrade) {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let panicked = workers.into_iter().filter_map(|worker| worker.join().err());
    assert!(panicked.count() == 0, "a connection's thread panicked");
}

fn serve(mut stream: &TcpStream, connection: usize, respond: &Respond) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    while let Some(request) = read_request(stream, connection)? {
        let response = respond(&request);
        take_last_byte(stream)?;
        match response {
            Response::Answer(answer) => stream.write_all(&answer.bytes(&request.method))?,
            Response::Hang => return io::copy(&mut stream, &mut io::sink()).map(drop),
        }
        if request.wants_close() {
            break;
        }
    }
    Ok(())
}
