//! The layer that puts the credential on every attempt.

use crate::auth::Credential;
use crate::core::secret::MASK;
use crate::http::request::with_param;
use crate::http::{HeaderValue, Request, Response, Transport, TransportError, TransportErrorKind};

/// Gives the credential of an attempt.
pub trait CredentialSource {
    /// The credential.
    ///
    /// # Errors
    ///
    /// In words, if there is none.
    fn credential(&self) -> impl Future<Output = Result<Credential, String>>;
}

/// Authenticates each attempt afresh, on the resource's own origin only.
pub struct Authenticated<T, S> {
    inner: T,
    source: S,
    origin: url::Origin,
}

impl<T, S> Authenticated<T, S> {
    /// Wraps a transport.
    pub fn new(inner: T, source: S, origin: url::Origin) -> Self {
        Self {
            inner,
            source,
            origin,
        }
    }
}

impl<T: Transport, S: CredentialSource> Transport for Authenticated<T, S> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        if request.url.origin() != self.origin {
            // No layer above asks for it; if one ever does, the token stays here.
            return self.inner.send(request).await;
        }
        let refused = |words| TransportError::before(TransportErrorKind::Credentials(words));
        let credential = self.source.credential().await.map_err(refused)?;
        let authenticated = apply(request, &credential).map_err(refused)?;
        self.inner.send(&authenticated).await
    }
}

/// The request with its credential; a header field that the query itself set wins.
///
/// # Errors
///
/// In words, if the credential cannot stand in a header.
pub fn apply(request: &Request, credential: &Credential) -> Result<Request, String> {
    let mut request = request.clone();
    match credential {
        Credential::None => {}
        Credential::Header(name, secret) => {
            if !request.headers.contains_key(name) {
                let mut value = HeaderValue::from_bytes(secret.expose().as_bytes())
                    .map_err(|_| "the token cannot stand in a header".to_owned())?;
                value.set_sensitive(true);
                request.headers.insert(name.clone(), value);
            }
        }
        Credential::Query(name, secret) => {
            // A link or a redirect may carry the one of the request before.
            let shown = request
                .shown_url
                .take()
                .unwrap_or_else(|| request.url.to_string());
            let (address, query) = shown.split_once('?').unwrap_or((&shown, ""));
            request.shown_url = Some(format!("{address}?{}", with_param(query, name, MASK)));
            request.set_param(name, secret.expose());
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;
    use crate::core::secret::Secret;
    use crate::http::{Body, HeaderMap, Method, StatusCode, header};

    /// Keeps the requests that reach it.
    #[derive(Default)]
    struct Wire(RefCell<Vec<Request>>);

    impl Transport for &Wire {
        async fn send(&self, request: &Request) -> Result<Response, TransportError> {
            self.0.borrow_mut().push(request.clone());
            Ok(Response {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: bytes::Bytes::new(),
                elapsed: Duration::ZERO,
            })
        }
    }

    struct Token(Credential);

    impl CredentialSource for Token {
        async fn credential(&self) -> Result<Credential, String> {
            Ok(self.0.clone())
        }
    }

    fn request(url: &str) -> Request {
        Request {
            method: Method::GET,
            url: url.parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: Body::Empty,
            accepted: Vec::new(),
            retry: None,
            is_safe: true,
            shown_url: None,
            is_next_page: false,
            delivery: crate::http::Delivery::default(),
        }
    }

    #[tokio::test]
    async fn the_credential_goes_to_its_own_origin_only() {
        let own: url::Url = "https://api.test/v1".parse().expect("a URL");
        for credential in [
            Credential::Header(header::AUTHORIZATION, Secret::new("Bearer t0ken")),
            Credential::Query("key".to_owned(), Secret::new("t0ken")),
        ] {
            let wire = Wire::default();
            let layer = Authenticated::new(&wire, Token(credential), own.origin());
            for (url, is_own) in [
                ("https://api.test/v1/x", true),
                ("https://api.test:443/other", true),
                ("http://api.test/v1/x", false),
                ("https://api.test:8443/v1/x", false),
                ("https://www.api.test/v1/x", false),
                ("https://api.test.evil.test/v1/x", false),
            ] {
                layer.send(&request(url)).await.expect("an answer");
                let sent = wire.0.borrow_mut().pop().expect("a request");
                let has_token = sent.url.as_str().contains("t0ken")
                    || sent.headers.contains_key(header::AUTHORIZATION);
                assert_eq!(has_token, is_own, "{url}");
            }
        }
    }
}
