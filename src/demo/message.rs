//! Requests and responses of the demo's routes.
//!
//! Nothing here knows sockets: `server.rs` converts a request to a [`Call`] and sends the [`Answer`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// A parsed request, not routed yet.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The method as sent; routes treat HEAD as GET.
    pub method: Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The decoded query.
    pub query: Vec<(String, String)>,
    /// The token, from any of its possible places.
    pub token: Option<String>,
    /// The body as sent.
    pub body: Vec<u8>,
}

/// A response, without the headers common to all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Body,
    /// Additional headers.
    pub headers: Vec<(&'static str, String)>,
}

/// A body of a response.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// JSON.
    Json(Value),
    /// Bytes of another type.
    Raw {
        /// The media type.
        kind: &'static str,
        /// The content.
        bytes: Vec<u8>,
    },
}

/// An error response: a status and its `message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// The message in the body.
    pub message: String,
}

/// The result of a route.
pub(super) type Outcome = Result<Answer, Fault>;

impl Call {
    /// Parses the query and the token; `path_and_query` is the request target.
    pub fn new(method: Method, path_and_query: &str, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let token = token_of(headers, &query);
        Self {
            method,
            path: path.to_owned(),
            query,
            token,
            body,
        }
    }

    /// Returns the first value of a URL parameter, unless it is empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns true if a URL parameter is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.param(name) == Some("true")
    }

    /// Returns all values of a URL parameter; both `a=1&a=2` and `a=1,2` are lists.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.query
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// Returns the body as an object; an empty body is an empty object.
    pub fn object(&self) -> Result<Map<String, Value>, Fault> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Fault::bad("Unexpected request body provided.")),
            Err(_) => Err(Fault::bad("Malformed JSON in the request body.")),
        }
    }
}

/// Returns the token from `Circle-Token`, a bearer token, the user name of basic credentials, or
/// the deprecated URL parameter. An unreadable `Authorization` header is an empty token, which is
/// malformed rather than missing.
fn token_of(headers: &HeaderMap, query: &[(String, String)]) -> Option<String> {
    if let Some(token) = headers.get("circle-token") {
        return Some(token.to_str().unwrap_or_default().trim().to_owned());
    }
    if let Some(credentials) = headers.get(AUTHORIZATION) {
        let credentials = credentials.to_str().unwrap_or_default();
        return Some(token_of_credentials(credentials).unwrap_or_default());
    }
    query
        .iter()
        .find(|(name, _)| name == "circle-token")
        .map(|(_, token)| token.clone())
}

fn token_of_credentials(credentials: &str) -> Option<String> {
    let (scheme, rest) = credentials.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(rest.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, _password) = decoded.split_once(':')?;
    Some(user.to_owned())
}

impl Answer {
    /// Creates a 200 with a body.
    pub fn ok(body: Value) -> Self {
        Self::with(StatusCode::OK, body)
    }

    /// Creates a response with a status and a body.
    pub fn with(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Body::Json(body),
            headers: Vec::new(),
        }
    }

    /// Creates a 200 with bytes.
    pub fn raw(kind: &'static str, bytes: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            body: Body::Raw { kind, bytes },
            headers: Vec::new(),
        }
    }

    /// Takes the JSON body; null for bytes.
    pub fn into_json(self) -> Value {
        match self.body {
            Body::Json(body) => body,
            Body::Raw { .. } => Value::Null,
        }
    }

    /// Returns the JSON body; null for bytes.
    #[cfg(test)]
    pub fn json(&self) -> &Value {
        match &self.body {
            Body::Json(body) => body,
            Body::Raw { .. } => &Value::Null,
        }
    }

    /// Creates a response with a status and `{"message": …}`.
    pub fn message(status: StatusCode, message: &str) -> Self {
        Self::with(status, json!({ "message": message }))
    }
}

impl Fault {
    /// Creates a 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Creates a 404 with a message.
    pub fn missing(message: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.to_owned(),
        }
    }

    /// Creates any other error response.
    pub fn with(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
        }
    }
}

impl From<Fault> for Answer {
    fn from(fault: Fault) -> Self {
        Self::message(fault.status, &fault.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(&'static str, &str)], target: &str) -> Call {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Call::new(Method::GET, target, &map, Vec::new())
    }

    #[test]
    fn the_token_is_found_in_every_place() {
        let basic = format!("Basic {}", STANDARD.encode("abc:"));
        for (headers, target) in [
            (vec![("circle-token", "abc")], "/"),
            (vec![("authorization", "Bearer abc")], "/"),
            (vec![("authorization", "bearer abc")], "/"),
            (vec![("authorization", basic.as_str())], "/"),
            (vec![], "/?circle-token=abc"),
        ] {
            assert_eq!(call(&headers, target).token.as_deref(), Some("abc"));
        }
        assert_eq!(call(&[], "/").token, None);
        assert_eq!(call(&[("authorization", "Bearer")], "/").token.unwrap(), "");
    }

    #[test]
    fn parameters_are_decoded_and_lists_come_in_both_forms() {
        let call = call(
            &[],
            "/x?branch=a%2Fb%20c+d&n=1,2&n=3&empty=&all-branches=true",
        );
        assert_eq!(call.param("branch"), Some("a/b c d"));
        assert_eq!(call.list("n"), ["1", "2", "3"]);
        assert_eq!(call.param("empty"), None);
        assert!(call.flag("all-branches"));
    }

    #[test]
    fn a_body_is_an_object_or_refused() {
        let mut call = call(&[], "/");
        assert!(call.object().unwrap().is_empty());
        for body in ["[1]", "{", "\"x\""] {
            call.body = body.as_bytes().to_vec();
            assert_eq!(call.object().unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }
}
