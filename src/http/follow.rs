//! Follows safe redirects.

use crate::http::{
    LONGEST_URL, Method, Request, Response, StatusCode, Transport, TransportError,
    TransportErrorKind, header, without_user,
};

/// The same limit as in browsers.
const MOST: usize = 10;

/// Follows redirects of GET and HEAD on the same origin (RFC 9110, section 15.4).
///
/// A redirect to another origin is an error: the token must not be sent there, and a response
/// without it would not be the one requested.
pub struct Follow<T> {
    inner: T,
}

impl<T> Follow<T> {
    /// Wraps a transport.
    pub fn new(inner: T) -> Self {
        Self { inner }
    }
}

impl<T: Transport> Transport for Follow<T> {
    async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut current = request.clone();
        for _ in 0..=MOST {
            let response = self.inner.send(&current).await?;
            match next(&current, &response)? {
                None => return Ok(response),
                Some(following) => current = following,
            }
        }
        Err(refused(format!(
            "more than {MOST} redirects, the last to `{}`",
            shown(&current.url)
        )))
    }
}

/// Returns the redirected request; `None` if the response is not a redirect.
fn next(request: &Request, response: &Response) -> Result<Option<Request>, TransportError> {
    let is_redirect = matches!(
        response.status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect {
        return Ok(None);
    }
    let status = response.status.as_u16();
    let Some(location) = response.header(header::LOCATION.as_str()) else {
        return Err(refused(format!(
            "redirected ({status}) without a `Location`"
        )));
    };
    let target = request.url.join(location).map_err(|_| {
        refused(format!(
            "redirected ({status}) to `{location}`, which is not a URL"
        ))
    })?;
    if target.origin() != request.url.origin() {
        return Err(refused(format!(
            "redirected ({status}) to another origin, `{}`, which was not followed",
            shown(&target)
        )));
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(refused(format!(
            "a {} was redirected ({status}) to `{}`, which was not followed",
            request.method,
            shown(&target)
        )));
    }
    let length = target.as_str().len();
    if length > LONGEST_URL {
        return Err(refused(format!(
            "redirected ({status}) to a URL of {length} bytes, more than {LONGEST_URL}"
        )));
    }
    let mut following = request.clone();
    following.url = without_user(target);
    Ok(Some(following))
}

fn refused(words: String) -> TransportError {
    TransportError {
        kind: TransportErrorKind::Redirect(words),
        may_have_acted: true,
        causes: Vec::new(),
    }
}

/// Returns the URL without its query, which often contains a signature.
fn shown(url: &url::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
