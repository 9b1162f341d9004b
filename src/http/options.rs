//! Options of a client.

use std::time::Duration;

use url::Url;

/// Options of a client.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The timeout of a connection.
    pub connect_timeout: Duration,
    /// The timeout of a complete response, or of a part of a streamed one.
    pub timeout: Duration,
    /// The maximum size of a response, in bytes after decompression.
    pub max_body: u64,
    /// The proxy.
    pub proxy: Proxy,
    /// The certificates.
    pub tls: TlsOptions,
    /// The default `User-Agent`.
    pub user_agent: String,
}

/// The choice of a proxy.
#[derive(Debug, Clone)]
pub enum Proxy {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as in curl.
    Environment,
    /// A given proxy.
    Url(Url),
    /// No proxy, since the server is local.
    None,
}

/// Certificates, as PEM (RFC 7468).
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Root certificates in addition to Mozilla's.
    pub ca: Option<Vec<u8>>,
    /// True to trust the operating system's roots (or those of `SSL_CERT_FILE`) too.
    pub system: bool,
    /// The client certificate.
    pub client: Option<ClientCertificate>,
}

/// A client's certificate and key, as PEM.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The chain, starting with the client's own certificate.
    pub chain: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientCertificate")
    }
}
