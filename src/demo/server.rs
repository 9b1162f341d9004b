//! An HTTP/1.1 server: reads a call, waits as configured, sends the response.
//!
//! It listens twice: for the API, and for the storage on an origin of its own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::demo::clock::CLOCK_PATH;
use crate::demo::count::{COUNTS_PATH, Counters};
use crate::demo::gate::Gate;
use crate::demo::message::{Answer, Body, Call};
use crate::demo::options::Options;
use crate::demo::world::World;
use crate::demo::world::id::Kind;
use crate::demo::{clock, route, storage};

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
    /// Creates the state of a new demo, with the address of its storage.
    pub fn new(options: Options, storage: SocketAddr) -> Self {
        let gate = Gate::new(&options);
        let latency = options.latency;
        let mut world = World::new(options);
        world.storage_origin = format!("http://{storage}");
        Self {
            counters: Counters::default(),
            began: Instant::now(),
            latency,
            state: Mutex::new(ServerState { world, gate }),
        }
    }

    /// Ignores poisoning: a panic in one response does not affect others.
    fn lock(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the demo on its listeners, forever.
///
/// # Errors
///
/// If a listener fails; a failed connection only ends itself.
pub async fn serve(listeners: Listeners, options: Options) -> io::Result<()> {
    let shared = Arc::new(Shared::new(options, listeners.storage.local_addr()?));
    serve_shared(listeners, shared).await
}

/// The listeners of a demo.
pub struct Listeners {
    /// For the API.
    pub api: TcpListener,
    /// For the storage.
    pub storage: TcpListener,
}

impl Listeners {
    /// Adds a listener for the storage to that of the API: on the next port, or on a free one if
    /// that is in use.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn with_storage(api: TcpListener) -> io::Result<Self> {
        let mut address = api.local_addr()?;
        address.set_port(address.port().wrapping_add(1));
        let storage = match TcpListener::bind(address).await {
            Ok(storage) => storage,
            Err(_) => TcpListener::bind((address.ip(), 0)).await?,
        };
        Ok(Self { api, storage })
    }
}

/// As [`serve`], with access to the shared state.
pub(super) async fn serve_shared(listeners: Listeners, shared: Arc<Shared>) -> io::Result<()> {
    let Listeners { api, storage } = listeners;
    tokio::select! {
        result = accept(&api, |stream| {
            shared.counters.connect();
            tokio::spawn(converse(stream, Arc::clone(&shared), Side::Api));
        }) => result,
        result = accept(&storage, |stream| {
            tokio::spawn(converse(stream, Arc::clone(&shared), Side::Storage));
        }) => result,
    }
}

/// The side of the demo that a connection is for.
#[derive(Debug, Clone, Copy)]
enum Side {
    Api,
    Storage,
}

async fn accept(listener: &TcpListener, take: impl Fn(TcpStream)) -> io::Result<()> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => take(stream),
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

async fn converse(stream: TcpStream, shared: Arc<Shared>, side: Side) {
    // Otherwise a response may be delayed by 40 ms, waiting for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| async {
        Ok::<_, Infallible>(match side {
            Side::Api => answer(&shared, request).await,
            Side::Storage => fetch(&shared, &request),
        })
    });
    // The client disconnected, or did not speak HTTP: there is no one to notify.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Answers a request to the storage, which is neither counted nor limited.
fn fetch(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (target, headers) = (target(request.uri()), request.headers());
    let call = Call::new(request.method().clone(), target, headers, Vec::new());
    let answer = storage::respond(&shared.lock().world, &call, target, headers);
    response(answer.status, answer.body, answer.headers)
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() == COUNTS_PATH {
        let counts = shared.counters.read().show();
        return response(StatusCode::OK, Body::Json(counts), Vec::new());
    }
    if request.uri().path() == CLOCK_PATH {
        return set_clock(shared, request).await;
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
            let body = body.to_bytes().to_vec();
            let call = Call::new(parts.method, target(&parts.uri), &parts.headers, body);
            let answer = route::respond(&mut state.world, &call);
            state.world.pass_request();
            answer
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
    response(answer.status, answer.body, headers)
}

/// Answers a request for the clock, which is neither counted nor limited.
async fn set_clock(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await;
    let body = body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec());
    let call = Call::new(parts.method, target(&parts.uri), &parts.headers, body);
    let answer = clock::respond(&mut shared.lock().world, &call);
    response(answer.status, answer.body, answer.headers)
}

fn response(
    status: StatusCode,
    body: Body,
    headers: Vec<(&'static str, String)>,
) -> Response<Full<Bytes>> {
    let (kind, body) = match body {
        Body::Json(body) => ("application/json", Bytes::from(body.to_string())),
        Body::Raw { kind, bytes } => (kind, Bytes::from(bytes)),
    };
    let length = body.len();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    map.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
