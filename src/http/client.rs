//! HTTP/1.1 and HTTP/2 over TCP and TLS. The only module that uses reqwest.

mod failure;
mod loopback;
mod tls;

pub use tls::{TrustedRoots, plain_settings, trusted_roots};

use std::cell::OnceCell;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use url::Url;

use crate::http::coding::{self, CodingError};
use crate::http::{
    Body, ClientOptions, HeaderMap, HeaderValue, LONGEST_URL, OCTETS, PartContent, Proxy, Receive,
    Request, Response, Transport, TransportError, TransportErrorKind, header, takes_content,
    without_user,
};

/// The bytes of a streamed body that must arrive within each timeout.
const LEAST_PROGRESS: u64 = 16 << 10;

/// The innermost layer. Connections are opened on demand and reused.
pub struct Client {
    options: ClientOptions,
    /// For `https`.
    secure: OnceCell<reqwest::Client>,
    /// For `http`, which needs no certificates.
    plain: OnceCell<reqwest::Client>,
}

impl Client {
    /// Creates a client without connecting: certificates are loaded on the first `https` request.
    pub fn new(options: ClientOptions) -> Self {
        Self {
            options,
            secure: OnceCell::new(),
            plain: OnceCell::new(),
        }
    }

    fn reqwest(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        let is_secure = url.scheme() == "https";
        let cell = if is_secure { &self.secure } else { &self.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = build(&self.options, is_secure)
            .map_err(|words| TransportError::before(TransportErrorKind::Settings(words)))?;
        Ok(cell.get_or_init(|| client))
    }

    async fn exchange(&self, request: &Request) -> Result<Response, TransportError> {
        let started = Instant::now();
        let sending = self.outgoing(request)?.send();
        let answer = if request.receiver.is_some() {
            let sent = tokio::time::timeout(self.options.timeout, sending).await;
            sent.map_err(|_| self.timed_out())?
        } else {
            sending.await
        };
        let answer = answer.map_err(|error| failure::of(&error, &self.options))?;
        let (head, body) = ::http::Response::from(answer).into_parts();
        let mut headers = head.headers;
        if let Some(receiver) = request
            .receiver
            .as_ref()
            .filter(|_| head.status.is_success())
        {
            let received = self
                .receive(body, head.version, &headers, &**receiver)
                .await?;
            return Ok(Response {
                status: head.status,
                headers,
                body: Bytes::new(),
                received,
                linked: None,
                elapsed: started.elapsed(),
            });
        }
        let body = self.whole(body, head.version).await?;
        let body = match coding::decode(body, &mut headers, self.options.max_body) {
            Ok(body) => body,
            // The status is more useful than a body that cannot be decoded.
            Err(CodingError::Unreadable { .. })
                if is_failure(head.status) && !request.accepted.contains(&head.status.as_u16()) =>
            {
                Bytes::new()
            }
            Err(error) => return Err(self.undecoded(error)),
        };
        Ok(Response {
            status: head.status,
            headers,
            body,
            received: 0,
            linked: None,
            elapsed: started.elapsed(),
        })
    }

    /// Passes a body on while it arrives, and returns its length. A large one takes longer than any
    /// response in memory may, so the timeout applies to each [`LEAST_PROGRESS`] of it: a pause between
    /// two bytes would never end a body that trickles in.
    async fn receive(
        &self,
        mut body: reqwest::Body,
        version: ::http::Version,
        headers: &HeaderMap,
        receiver: &dyn Receive,
    ) -> Result<u64, TransportError> {
        let stored = |result: std::io::Result<bool>| {
            let failed = |error: std::io::Error| TransportErrorKind::Storage(error.to_string());
            result.map_err(|error| after_sending(failed(error), None))
        };
        let too_long = |length| receiver.limit().filter(|limit| length > *limit);
        let too_large = |limit| after_sending(TransportErrorKind::TooLarge(limit), None);
        if let Some(limit) = body.size_hint().exact().and_then(too_long) {
            return Err(too_large(limit));
        }
        if !stored(receiver.begin(headers))? {
            return Ok(0);
        }
        let (mut length, mut awaited) = (0, LEAST_PROGRESS);
        let timeout = self.options.timeout;
        let mut deadline = tokio::time::Instant::now() + timeout;
        loop {
            let Ok(frame) = tokio::time::timeout_at(deadline, body.frame()).await else {
                return Err(self.timed_out());
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| failure::of(&error, &self.options))?;
            if let Ok(chunk) = frame.into_data() {
                length += chunk.len() as u64;
                if let Some(limit) = too_long(length) {
                    return Err(too_large(limit));
                }
                stored(receiver.take(&chunk).map(|()| true))?;
            }
            if length >= awaited {
                awaited = length + LEAST_PROGRESS;
                deadline = tokio::time::Instant::now() + timeout;
            }
        }
        check_end(&body, version)?;
        Ok(length)
    }

    fn timed_out(&self) -> TransportError {
        after_sending(TransportErrorKind::Timeout(self.options.timeout), None)
    }

    /// Reads a body to its end.
    async fn whole(
        &self,
        mut body: reqwest::Body,
        version: ::http::Version,
    ) -> Result<Bytes, TransportError> {
        let mut content = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| failure::of(&error, &self.options))?;
            let Ok(chunk) = frame.into_data() else {
                continue;
            };
            if (content.len() + chunk.len()) as u64 > self.options.max_body {
                return Err(self.too_large());
            }
            content.extend_from_slice(&chunk);
        }
        check_end(&body, version)?;
        Ok(content.freeze())
    }

    fn too_large(&self) -> TransportError {
        after_sending(TransportErrorKind::TooLarge(self.options.max_body), None)
    }

    fn undecoded(&self, error: CodingError) -> TransportError {
        match error {
            CodingError::TooLarge => self.too_large(),
            CodingError::Unreadable { words, cause } => {
                after_sending(TransportErrorKind::Coding(words), cause)
            }
        }
    }

    fn outgoing(&self, request: &Request) -> Result<reqwest::RequestBuilder, TransportError> {
        let url = sendable(&request.url)?;
        let mut headers = request.headers.clone();
        if let Body::Multipart(_) = &request.body {
            // The multipart content type includes its boundary and must be the only one.
            headers.remove(header::CONTENT_TYPE);
        }
        if takes_content(&request.method) && request.body.is_empty() {
            // An empty body must be declared (RFC 9110, section 8.6).
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut outgoing = self
            .reqwest(&url)?
            .request(request.method.clone(), url)
            .headers(headers);
        match &request.body {
            Body::Empty => {}
            Body::Bytes {
                content_type,
                bytes,
            } => {
                if !request.headers.contains_key(header::CONTENT_TYPE) {
                    outgoing = outgoing.header(header::CONTENT_TYPE, content_type);
                }
                outgoing = outgoing.body(bytes.clone());
            }
            Body::Multipart(parts) => {
                let mut form = reqwest::multipart::Form::new().percent_encode_noop();
                for part in parts {
                    form = form.part(field_name(&part.name), multipart(&part.content)?);
                }
                outgoing = outgoing.multipart(form);
            }
        }
        Ok(outgoing)
    }
}

impl Transport for Client {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        if request.receiver.is_some() {
            return self.exchange(request).await;
        }
        // Not reqwest's timeout: this one covers the whole response and works with a paused clock.
        match tokio::time::timeout(self.options.timeout, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out()),
        }
    }
}

/// Refuses a body without its end: reqwest takes a stream reset with `NO_ERROR` for a complete one,
/// but only `END_STREAM` completes a response (RFC 9113, section 8.1).
fn check_end(body: &reqwest::Body, version: ::http::Version) -> Result<(), TransportError> {
    if version == ::http::Version::HTTP_2 && !body.is_end_stream() {
        return Err(after_sending(
            TransportErrorKind::Broken,
            Some("the stream was reset before its end".to_owned()),
        ));
    }
    Ok(())
}

/// Creates an error that happened after the request was sent.
fn after_sending(kind: TransportErrorKind, cause: Option<String>) -> TransportError {
    TransportError {
        kind,
        may_have_acted: true,
        causes: cause.into_iter().collect(),
    }
}

fn is_failure(status: ::http::StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Removes user and password from the URL; if a link or a redirect contained them, the client would
/// send them as `Authorization`.
fn sendable(url: &Url) -> Result<Url, TransportError> {
    let length = url.as_str().len();
    if length > LONGEST_URL {
        let most = LONGEST_URL;
        let kind = TransportErrorKind::UrlTooLong { length, most };
        return Err(TransportError::before(kind));
    }
    Ok(without_user(url.clone()))
}

/// Encodes the name of a multipart field: UTF-8 (RFC 7578, section 5.1), with the three special
/// characters escaped as in browsers.
fn field_name(name: &str) -> String {
    name.replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace('"', "%22")
}

fn multipart(content: &PartContent) -> Result<reqwest::multipart::Part, TransportError> {
    match content {
        PartContent::Text(text) => Ok(reqwest::multipart::Part::text(text.clone())),
        PartContent::File {
            file_name,
            content_type,
            bytes,
            ..
        } => {
            let length = bytes.len() as u64;
            let part = reqwest::multipart::Part::stream_with_length(bytes.clone(), length)
                .file_name(file_name.clone());
            let media_type = content_type.as_deref().unwrap_or(OCTETS);
            part.mime_str(media_type).map_err(|_| {
                let words = format!("`{media_type}` is not a media type");
                TransportError::before(TransportErrorKind::Settings(words))
            })
        }
    }
}

fn build(options: &ClientOptions, is_secure: bool) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::settings(&options.tls, is_secure)?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .user_agent(&options.user_agent)
        .default_headers(HeaderMap::from_iter([(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static(coding::ACCEPTED),
        )]))
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_max_headers(failure::MOST_FIELDS)
        .http2_max_header_list_size(failure::LONGEST_HEADER)
        .tcp_nodelay(true)
        .referer(false);
    if !is_secure {
        builder = builder.dns_resolver(loopback::Pinned);
    }
    builder = match &options.proxy {
        Proxy::Environment => builder,
        Proxy::None => builder.no_proxy(),
        Proxy::Url(url) => builder.proxy(
            reqwest::Proxy::all(url.as_str())
                .map_err(|error| format!("cannot use the proxy: {error}"))?,
        ),
    };
    builder
        .build()
        .map_err(|error| format!("cannot create the HTTP client: {error}"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[derive(Debug, Default)]
    struct Bounded(Cell<u64>);

    impl Receive for Bounded {
        fn limit(&self) -> Option<u64> {
            Some(1 << 20)
        }

        fn begin(&self, _: &HeaderMap) -> std::io::Result<bool> {
            Ok(true)
        }

        fn take(&self, bytes: &[u8]) -> std::io::Result<()> {
            self.0.set(self.0.get() + bytes.len() as u64);
            Ok(())
        }
    }

    /// Requests a streamed body that begins with this head and never ends.
    async fn endless(head: &'static str) -> (TransportErrorKind, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
            std::future::pending::<()>().await;
        };
        let client = Client::new(ClientOptions {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            max_body: 1 << 30,
            proxy: Proxy::None,
            tls: crate::http::TlsOptions::default(),
            user_agent: "test".to_owned(),
        });
        let receiver = Rc::new(Bounded::default());
        let url = format!("http://127.0.0.1:{port}/").parse().expect("a URL");
        let mut request = Request::new(::http::Method::GET, url);
        request.receiver = Some(Rc::clone(&receiver) as _);
        let error = tokio::select! {
            sent = client.send(&request) => sent.expect_err("too large"),
            () = server => unreachable!("it goes on"),
        };
        (error.kind, receiver.0.get())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_endless_body_is_refused_while_it_arrives() {
        let (kind, taken) = endless("HTTP/1.1 200 OK\r\n\r\n").await;
        assert_eq!(kind, TransportErrorKind::TooLarge(1 << 20));
        assert!(taken <= 1 << 20, "{taken}");
        // Before its first byte, if its length is announced.
        let (kind, taken) = endless("HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n").await;
        assert_eq!(kind, TransportErrorKind::TooLarge(1 << 20));
        assert_eq!(taken, 0);
    }
}
