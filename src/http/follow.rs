//! Follows safe redirects.

use url::{Origin, Url};

use crate::http::links::without_query;
use crate::http::{
    Destination, LONGEST_URL, Links, Method, Request, Response, StatusCode, Transport,
    TransportError, TransportErrorKind, header, without_user,
};

/// The same limit as in browsers.
const MOST: usize = 10;

/// Follows redirects of GET and HEAD on the same origin (RFC 9110, section 15.4), and to the hosts
/// of `links`, without any credential.
///
/// A redirect to another origin is an error: the token must not be sent there, and a response
/// without it would not be the one requested.
pub struct Follow<T> {
    inner: T,
    links: Links,
    own: Origin,
}

impl<T> Follow<T> {
    /// Wraps a transport; `own` is the resource's origin.
    pub fn new(inner: T, links: Links, own: Origin) -> Self {
        Self { inner, links, own }
    }

    /// Returns the redirected request; `None` if the response is not a redirect.
    fn next(
        &self,
        request: &Request,
        response: &Response,
    ) -> Result<Option<Request>, TransportError> {
        if !is_redirect(response.status) {
            return Ok(None);
        }
        let status = response.status.as_u16();
        let Some(location) = response.header(header::LOCATION.as_str()) else {
            return Err(refused(format!(
                "redirected ({status}) without a `Location`"
            )));
        };
        let target = request.url.join(location).map_err(|_| {
            let location = crate::http::masked_addresses(location);
            refused(format!(
                "redirected ({status}) to `{location}`, which is not a URL"
            ))
        })?;
        let is_same = target.origin() == request.url.origin();
        let is_linked = !is_same && self.leads_to_linked(request, &target, status)?;
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(refused(format!(
                "a {} was redirected ({status}) to `{}`, which was not followed",
                request.method,
                without_query(&target)
            )));
        }
        let length = target.as_str().len();
        if length > LONGEST_URL {
            return Err(refused(format!(
                "redirected ({status}) to a URL of {length} bytes, more than {LONGEST_URL}"
            )));
        }
        Ok(Some(if is_linked {
            request.to_linked_host(target)
        } else {
            let mut following = request.clone();
            following.url = without_user(target);
            if following.url.origin() != self.own {
                following.shown_url = Some(without_query(&following.url));
            }
            following
        }))
    }

    /// Returns true if another origin is a host of `links`.
    fn leads_to_linked(
        &self,
        request: &Request,
        target: &Url,
        status: u16,
    ) -> Result<bool, TransportError> {
        let target = without_user(target.clone());
        let problem = match self.links.destination(&target, &self.own) {
            Ok(Destination::Linked) => return Ok(true),
            // There the credential would be added, and a linked host would choose the request.
            Ok(Destination::Own) => format!(
                "`{}` redirected ({status}) back to the resource, which was not followed",
                without_query(&request.url)
            ),
            Err(refusal) => match refusal.line() {
                Some(line) => format!(
                    "redirected ({status}) to another origin, `{}`, which was not followed; to \
                     allow it without a credential, add {line} to the resource's file",
                    without_query(&target)
                ),
                None => format!(
                    "redirected ({status}) to another origin, which was not followed: {}",
                    refusal.words
                ),
            },
        };
        Err(refused(problem))
    }
}

impl<T: Transport> Transport for Follow<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut response = self.inner.send(request).await?;
        let Some(mut current) = self.next(request, &response)? else {
            return Ok(response);
        };
        for _ in 0..MOST {
            response = self.inner.send(&current).await?;
            if current.url.origin() != self.own {
                response.linked = Some(Box::new(current.url.clone()));
            }
            match self.next(&current, &response)? {
                None => return Ok(response),
                Some(following) => current = following,
            }
        }
        Err(refused(format!(
            "more than {MOST} redirects, the last to `{}`",
            without_query(&current.url)
        )))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

fn refused(words: String) -> TransportError {
    TransportError {
        kind: TransportErrorKind::Redirect(words),
        may_have_acted: true,
        causes: Vec::new(),
    }
}
