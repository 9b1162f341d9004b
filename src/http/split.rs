//! Separate connections to the resource's own origin and to linked hosts.

use url::Origin;

use crate::http::loopback::is_loopback;
use crate::http::{Client, Request, Response, Transport, TransportError, TransportErrorKind};

/// Sends requests to other origins over clients of their own: a client certificate and a proxy are
/// for the resource only.
pub struct Split {
    own: Client,
    origin: Origin,
    /// For linked hosts on this machine.
    local: Client,
    /// For all other linked hosts, if the proxy settings are valid.
    remote: Result<Client, String>,
}

impl Split {
    /// Creates the clients; `origin` is the resource's own.
    pub fn new(own: Client, origin: Origin, local: Client, remote: Result<Client, String>) -> Self {
        Self {
            own,
            origin,
            local,
            remote,
        }
    }
}

impl Transport for Split {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let client = if request.url.origin() == self.origin {
            &self.own
        } else if is_loopback(&request.url) {
            &self.local
        } else {
            self.remote.as_ref().map_err(|words| {
                TransportError::before(TransportErrorKind::Settings(words.clone()))
            })?
        };
        client.send(request).await
    }
}
