//! An HTTP/1.1 server: reads a call, waits as configured, sends the response.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::demo::count::{COUNTS_PATH, Counters};
use crate::demo::gate::Gate;
use crate::demo::message::{Answer, Call};
use crate::demo::options::Options;
use crate::demo::route;
use crate::demo::world::World;
use crate::demo::world::id::Kind;

/// The maximum size of a body.
const MOST_BYTES: usize = 1 << 20;

/// The delay before retrying when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(10);
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// State shared by all connections.
#[derive(Debug)]
pub(super) struct Shared {
    /// The request counters.
    pub counters: Counters,
    state: Mutex<ServerState>,
    began: Instant,
    latency: Duration,
}

#[derive(Debug)]
struct ServerState {
    world: World,
    gate: Gate,
}

impl Shared {
    /// Creates the state of a new demo.
    pub fn new(options: Options) -> Self {
        Self {
            counters: Counters::default(),
            began: Instant::now(),
            latency: options.latency,
            state: Mutex::new(ServerState {
                gate: Gate::new(&options),
                world: World::new(options),
            }),
        }
    }

    /// Ignores poisoning: a panic in one response does not affect others.
    fn lock(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the demo on a listener, forever.
///
/// # Errors
///
/// If the listener fails; a failed connection only ends itself.
pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
    serve_shared(listener, Arc::new(Shared::new(options))).await
}

/// As [`serve`], with access to the shared state.
pub(super) async fn serve_shared(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                shared.counters.connect();
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
            Err(error) if is_passing(&error) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// Returns true if the peer disconnected before it was accepted, or there are too many connections.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    ) || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // Otherwise a response may be delayed by 40 ms, waiting for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&shared, request));
    // The client disconnected, or did not speak HTTP: there is no one to notify.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == COUNTS_PATH {
        let counts = shared.counters.read().show();
        return Ok(response(StatusCode::OK, &counts, Vec::new()));
    }
    let _in_flight = shared.counters.begin();
    let admission = shared.lock().gate.admit(shared.began.elapsed());
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await;
    let mut state = shared.lock();
    let answer = match (admission.refusal, body) {
        (Some(refusal), _) => refusal,
        (None, Err(_)) => Answer::message(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request body is too large.",
        ),
        (None, Ok(body)) => {
            let target = parts.uri.path_and_query();
            let target = target.map_or("/", |target| target.as_str());
            let body = body.to_bytes().to_vec();
            let call = Call::new(parts.method, target, &parts.headers, body);
            route::respond(&mut state.world, &call)
        }
    };
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        shared.counters.refuse();
    }
    let number = usize::try_from(admission.number).unwrap_or(usize::MAX);
    let mut headers = admission.headers;
    headers.extend(answer.headers);
    headers.push((
        "x-request-id",
        state.world.numbered_id(Kind::Request, number),
    ));
    drop(state);
    Ok(response(answer.status, &answer.body, headers))
}

fn response(
    status: StatusCode,
    body: &serde_json::Value,
    headers: Vec<(&'static str, String)>,
) -> Response<Full<Bytes>> {
    let body = Bytes::from(body.to_string());
    let length = body.len();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    map.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
