//! The layer that authenticates every attempt.

use std::rc::Rc;

use crate::auth::{Held, Wallet};
use crate::http::{Request, Response, StatusCode, Transport, TransportError};

/// Authenticates each attempt afresh, on the resource's own origin only.
pub struct Authenticated<T> {
    inner: T,
    wallet: Rc<Wallet>,
    origin: url::Origin,
}

impl<T> Authenticated<T> {
    /// Wraps a transport.
    pub fn new(inner: T, wallet: Rc<Wallet>, origin: url::Origin) -> Self {
        Self {
            inner,
            wallet,
            origin,
        }
    }
}

impl<T: Transport> Transport for Authenticated<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        if request.url.origin() != self.origin {
            // No layer above sends requests elsewhere; if one ever does, the token is not sent.
            return self.inner.send(request).await;
        }
        let held = self.wallet.held().await?;
        let mut attempt = request.clone();
        self.wallet.sign(&mut attempt, &held)?;
        let response = self.inner.send(&attempt).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            held.worked();
            return Ok(response);
        }
        // Boxed to keep the future of a request small, since this is rare.
        let renewed = Box::pin(self.again(request, &held)).await?;
        Ok(renewed.unwrap_or(response))
    }
}

impl<T: Transport> Authenticated<T> {
    /// Sends a refused request again, once, if there is another credential. A 401 means that the
    /// request was not carried out (RFC 9110, section 15.5.2), so that even a write can be
    /// repeated.
    async fn again(
        &self,
        request: &Request,
        refused: &Rc<Held>,
    ) -> Result<Option<Response>, TransportError> {
        let Some(renewed) = self.wallet.renewed(refused).await? else {
            return Ok(None);
        };
        let mut attempt = request.clone();
        self.wallet.sign(&mut attempt, &renewed)?;
        let response = self.inner.send(&attempt).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            renewed.worked();
        }
        Ok(Some(response))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::auth::testing::wallet;
    use crate::auth::{
        Authenticate, Context, Credential, CredentialError, Obtained, Obtaining, unusable,
    };
    use crate::core::secret::Secret;
    use crate::http::{HeaderMap, Method, header};
    use crate::template::{RenderError, Scope, Template};

    /// Records the requests and refuses certain tokens.
    #[derive(Default)]
    struct Wire {
        sent: RefCell<Vec<Request>>,
        refused: RefCell<Vec<String>>,
    }

    impl Wire {
        fn refusing(tokens: &[&str]) -> Self {
            let refused = tokens.iter().map(|token| format!("Bearer {token}"));
            Self {
                refused: RefCell::new(refused.collect()),
                ..Self::default()
            }
        }

        fn tokens(&self) -> Vec<String> {
            let sent = self.sent.borrow();
            let tokens = sent
                .iter()
                .map(|request| token_of(request)["Bearer ".len()..].to_owned());
            tokens.collect()
        }
    }

    fn token_of(request: &Request) -> String {
        let value = request.headers.get(header::AUTHORIZATION);
        let value = value.expect("a credential").to_str().expect("a text");
        value.to_owned()
    }

    impl Transport for &Wire {
        async fn send(&self, request: &Request) -> Result<Response, TransportError> {
            // Lets concurrent requests go first.
            tokio::task::yield_now().await;
            self.sent.borrow_mut().push(request.clone());
            let is_refused = request.headers.contains_key(header::AUTHORIZATION)
                && self.refused.borrow().contains(&token_of(request));
            let status = if is_refused {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::OK
            };
            Ok(Response {
                status,
                headers: HeaderMap::new(),
                body: bytes::Bytes::new(),
                received: 0,
                linked: None,
                elapsed: Duration::ZERO,
            })
        }
    }

    /// A kind of `auth` with numbered tokens: `token-1`, `token-2`.
    #[derive(Debug, Default)]
    struct Counted {
        given: AtomicU32,
        lifetime: Option<Duration>,
        is_fixed: bool,
        fails: bool,
        in_query: bool,
    }

    impl Authenticate for Counted {
        fn templates(&self) -> Vec<&Template> {
            Vec::new()
        }

        fn ready(&self, _: &Scope) -> Result<(), CredentialError> {
            Ok(())
        }

        fn obtain<'a>(&'a self, _: Context<'a>) -> Obtaining<'a> {
            Box::pin(async {
                tokio::task::yield_now().await;
                let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
                if self.fails {
                    return Err(unusable("there is none"));
                }
                let number = if self.is_fixed { 1 } else { number };
                let token = Secret::new(format!("token-{number}"));
                Ok(Obtained {
                    credential: if self.in_query {
                        Credential::param("key", token)
                    } else {
                        Credential::header(header::AUTHORIZATION, "Bearer ", token)
                    },
                    until: self.lifetime.map(|lifetime| Instant::now() + lifetime),
                })
            })
        }

        fn can_renew(&self) -> bool {
            true
        }

        fn shown(&self, _: &Scope, _: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
            Ok(Credential::default())
        }

        fn words(&self) -> String {
            String::new()
        }
    }

    fn request(method: Method, url: &str) -> Request {
        Request::new(method, url.parse().expect("a URL"))
    }

    fn layer(wire: &Wire, auth: Counted) -> Authenticated<&Wire> {
        let own: url::Url = "https://api.test/v1".parse().expect("a URL");
        Authenticated::new(wire, wallet(auth), own.origin())
    }

    async fn status(layer: &Authenticated<&Wire>, method: Method) -> u16 {
        let request = request(method, "https://api.test/v1/x");
        let response = layer.send(&request).await.expect("an answer");
        response.status.as_u16()
    }

    #[tokio::test]
    async fn the_credential_goes_to_its_own_origin_only() {
        for in_query in [false, true] {
            let wire = Wire::default();
            let auth = Counted {
                in_query,
                ..Counted::default()
            };
            let layer = layer(&wire, auth);
            for (url, is_own) in [
                ("https://api.test/v1/x", true),
                ("https://api.test:443/other", true),
                ("http://api.test/v1/x", false),
                ("https://api.test:8443/v1/x", false),
                ("https://www.api.test/v1/x", false),
                ("https://api.test.evil.test/v1/x", false),
            ] {
                let request = request(Method::GET, url);
                layer.send(&request).await.expect("an answer");
                let sent = wire.sent.borrow_mut().pop().expect("a request");
                let has_token = sent.url.as_str().contains("token-1")
                    || sent.headers.contains_key(header::AUTHORIZATION);
                assert_eq!(has_token, is_own, "{url}");
            }
        }
    }

    #[tokio::test]
    async fn requests_that_start_together_obtain_one_credential() {
        let wire = Wire::default();
        let layer = layer(&wire, Counted::default());
        let get = || status(&layer, Method::GET);
        assert_eq!(tokio::join!(get(), get(), get()), (200, 200, 200));
        assert_eq!(wire.tokens(), ["token-1"; 3]);
    }

    #[tokio::test]
    async fn a_refused_credential_is_renewed_once_for_all() {
        let wire = Wire::refusing(&["token-1"]);
        let layer = layer(&wire, Counted::default());
        let get = || status(&layer, Method::GET);
        // A write too: a 401 means that it was not carried out.
        let post = status(&layer, Method::POST);
        assert_eq!(tokio::join!(get(), post, get()), (200, 200, 200));
        let mut tokens = wire.tokens();
        tokens.sort();
        let both = ["token-1", "token-2"].map(|token| [token; 3]);
        assert_eq!(tokens, both.concat());
        wire.refused.borrow_mut().push("Bearer token-2".to_owned());
        assert_eq!(get().await, 200);
        assert_eq!(wire.tokens()[6..], ["token-2", "token-3"]);
    }

    #[tokio::test]
    async fn a_renewed_credential_that_never_worked_is_not_renewed_again() {
        let wire = Wire::refusing(&["token-1", "token-2", "token-3"]);
        let layer = layer(&wire, Counted::default());
        for _ in 0..3 {
            assert_eq!(status(&layer, Method::GET).await, 401);
        }
        assert_eq!(wire.tokens(), ["token-1", "token-2", "token-2", "token-2"]);
    }

    #[tokio::test]
    async fn a_credential_that_stays_the_same_is_not_sent_again() {
        let wire = Wire::refusing(&["token-1"]);
        let auth = Counted {
            is_fixed: true,
            ..Counted::default()
        };
        let layer = layer(&wire, auth);
        for _ in 0..2 {
            assert_eq!(status(&layer, Method::GET).await, 401);
        }
        assert_eq!(wire.tokens(), ["token-1"; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_has_ended_is_obtained_anew() {
        let wire = Wire::default();
        let auth = Counted {
            lifetime: Some(Duration::from_secs(60)),
            ..Counted::default()
        };
        let layer = layer(&wire, auth);
        for seconds in [0, 30, 29, 1, 59, 1] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert_eq!(status(&layer, Method::GET).await, 200);
        }
        let tokens = wire.tokens();
        let numbers: Vec<&str> = tokens
            .iter()
            .map(|token| &token["token-".len()..])
            .collect();
        assert_eq!(numbers, ["1", "1", "1", "2", "2", "3"]);
    }

    #[tokio::test]
    async fn a_failure_stays() {
        let wire = Wire::default();
        let auth = Counted {
            fails: true,
            ..Counted::default()
        };
        let layer = layer(&wire, auth);
        let request = request(Method::GET, "https://api.test/v1/x");
        let results = tokio::join!(layer.send(&request), layer.send(&request));
        assert!(results.0.is_err() && results.1.is_err());
        assert!(wire.sent.borrow().is_empty());
    }
}
