//! The layer that puts the credential on every attempt.

use crate::auth::Credential;
use crate::core::percent;
use crate::core::secret::MASK;
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
            let pair = format!(
                "{}={}",
                percent::encode(name),
                percent::encode(secret.expose())
            );
            let query = match request.url.query() {
                Some(query) if !query.is_empty() => format!("{query}&{pair}"),
                _ => pair,
            };
            let shown = request
                .shown_url
                .take()
                .unwrap_or_else(|| request.url.to_string());
            let separator = if shown.contains('?') { '&' } else { '?' };
            request.shown_url = Some(format!(
                "{shown}{separator}{}={MASK}",
                percent::encode(name)
            ));
            request.url.set_query(Some(&query));
        }
    }
    Ok(request)
}
