//! Talks HTTP/1.1 and HTTP/2 over TCP and TLS. The only place that names reqwest.

use std::cell::OnceCell;
use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::{Host, Url};

use crate::http::{
    Body, PartContent, Request, Response, Transport, TransportError, TransportErrorKind, header,
};

/// The media type of a file of which nothing is known (RFC 2046, section 4.5.1).
pub const OCTETS: &str = "application/octet-stream";

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for a whole answer.
    pub timeout: Duration,
    /// The longest answer, in bytes after decompression.
    pub max_body: u64,
    /// Which proxy is used.
    pub proxy: Proxy,
    /// Which certificates are trusted and shown.
    pub tls: TlsOptions,
    /// The `User-Agent` where the request has none.
    pub user_agent: String,
}

/// Which proxy is used.
#[derive(Debug, Clone)]
pub enum Proxy {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.
    Environment,
    /// This one.
    Url(Url),
    /// None: the server is this machine.
    None,
}

/// Certificates, as PEM (RFC 7468).
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Trusted besides the roots of Mozilla's program.
    pub ca: Option<Vec<u8>>,
    /// The operating system's roots (or those of `SSL_CERT_FILE`) are trusted too.
    pub system: bool,
    /// Shown to the server: the certificate chain and its key.
    pub client: Option<ClientCertificate>,
}

/// A client's certificate and key, as PEM.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The chain, the client's own certificate first.
    pub chain: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientCertificate")
    }
}

/// The lowest layer. Connections are opened on the first request and kept.
pub struct Client {
    options: ClientOptions,
    inner: OnceCell<reqwest::Client>,
}

impl Client {
    /// A client that has not connected yet: certificates are loaded on the first `https` request.
    pub fn new(options: ClientOptions) -> Self {
        Self {
            options,
            inner: OnceCell::new(),
        }
    }

    fn reqwest(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        if let Some(client) = self.inner.get() {
            return Ok(client);
        }
        // A resource has one origin, so the first URL tells whether certificates are needed.
        let client = build(&self.options, url.scheme() == "https")
            .map_err(|words| TransportError::before(TransportErrorKind::Settings(words)))?;
        Ok(self.inner.get_or_init(|| client))
    }

    async fn exchange(&self, request: &Request) -> Result<Response, TransportError> {
        let started = Instant::now();
        let mut answer = self
            .outgoing(request)?
            .send()
            .await
            .map_err(|error| self.failure(&error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failure(&error))? {
            if (body.len() + chunk.len()) as u64 > self.options.max_body {
                return Err(TransportError {
                    kind: TransportErrorKind::TooLarge(self.options.max_body),
                    may_have_acted: true,
                    causes: Vec::new(),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: answer.status(),
            headers: answer.headers().clone(),
            body: body.freeze(),
            elapsed: started.elapsed(),
        })
    }

    fn outgoing(&self, request: &Request) -> Result<reqwest::RequestBuilder, TransportError> {
        let mut outgoing = self
            .reqwest(&request.url)?
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone());
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
                // The form's own type names its boundary: no other may stand beside it.
                let mut headers = request.headers.clone();
                headers.remove(header::CONTENT_TYPE);
                outgoing = self
                    .reqwest(&request.url)?
                    .request(request.method.clone(), request.url.clone())
                    .headers(headers);
                let mut form = reqwest::multipart::Form::new();
                for part in parts {
                    form = form.part(part.name.clone(), multipart(&part.content)?);
                }
                outgoing = outgoing.multipart(form);
            }
        }
        Ok(outgoing)
    }

    fn failure(&self, error: &reqwest::Error) -> TransportError {
        let mut causes: Vec<String> = Vec::new();
        let mut is_tls = false;
        let mut is_name = false;
        let mut source = error.source();
        while let Some(cause) = source {
            is_tls |= cause.is::<rustls::Error>();
            is_tls |= wraps_tls(cause);
            let words = cause.to_string();
            is_name |= words.contains("dns error");
            if !causes.iter().any(|known| known.contains(&words)) {
                causes.push(words);
            }
            source = cause.source();
        }
        let kind = if error.is_builder() {
            TransportErrorKind::Settings("the request cannot be sent as it is".to_owned())
        } else if error.is_connect() && error.is_timeout() {
            TransportErrorKind::ConnectTimeout(self.options.connect_timeout)
        } else if error.is_timeout() {
            TransportErrorKind::Timeout(self.options.timeout)
        } else if is_tls {
            TransportErrorKind::Tls
        } else if is_name {
            TransportErrorKind::Name
        } else if error.is_connect() {
            TransportErrorKind::Connect
        } else {
            TransportErrorKind::Broken
        };
        TransportError {
            kind,
            may_have_acted: !error.is_connect(),
            causes,
        }
    }
}

impl Transport for Client {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        // Our own limit and not reqwest's: it covers the whole answer and obeys a paused clock.
        match tokio::time::timeout(self.options.timeout, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(TransportError {
                kind: TransportErrorKind::Timeout(self.options.timeout),
                may_have_acted: true,
                causes: Vec::new(),
            }),
        }
    }
}

/// Whether an error of the operating system hides one of TLS, however deep.
fn wraps_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => inner.is::<rustls::Error>() || wraps_tls(inner),
        None => false,
    }
}

/// Whether a host is this machine, so that what is sent to it crosses no network.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
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
        .tls_backend_preconfigured(tls(&options.tls, is_secure)?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .user_agent(&options.user_agent)
        .tcp_nodelay(true)
        .referer(false);
    builder = match &options.proxy {
        Proxy::Environment => builder,
        Proxy::None => builder.no_proxy(),
        Proxy::Url(url) => builder.proxy(
            reqwest::Proxy::all(url.as_str())
                .map_err(|error| format!("the proxy cannot be used: {error}"))?,
        ),
    };
    builder
        .build()
        .map_err(|error| format!("the client cannot be built: {error}"))
}

/// The TLS settings. Without need no certificate is loaded: parsing the system's takes longer than
/// a whole request over loopback.
fn tls(options: &TlsOptions, is_secure: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if is_secure {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if options.system {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                let words = found.errors.first().map(ToString::to_string);
                return Err(format!(
                    "no certificate of the system could be loaded: {}",
                    words.as_deref().unwrap_or("there are none")
                ));
            }
            roots.add_parsable_certificates(found.certs);
        }
        if let Some(pem) = &options.ca {
            for certificate in certificates(pem, "tls.ca_file")? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("`tls.ca_file` is not usable: {error}"))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &options.client {
        Some(client) if is_secure => {
            let key = PrivateKeyDer::from_pem_slice(&client.key).map_err(|error| {
                format!("`tls.client_key` is not a private key in PEM: {error}")
            })?;
            builder
                .with_client_auth_cert(certificates(&client.chain, "tls.client_cert")?, key)
                .map_err(|error| format!("the client certificate cannot be used: {error}"))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(pem: &[u8], key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("`{key}` holds no certificate in PEM"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("`{key}` is not PEM: {error}")),
    }
}
