//! The change that turns a request into the one for the next page.

use serde_json::{Map, Value};

use url::Url;

use crate::core::json;
use crate::http::{Body, HeaderName, HeaderValue, LONGEST_URL, Request, without_user};

/// The change that turns a request into the one for the next page.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A URL parameter.
    Param(String, String),
    /// A header field.
    Header(HeaderName, String),
    /// A member of the JSON body, by its path.
    Body(Vec<String>, Value),
    /// The whole URL.
    Url(Url),
}

impl Change {
    /// Applies the change.
    ///
    /// # Errors
    ///
    /// A message, if the request has no place for it.
    pub fn apply(self, request: &mut Request) -> Result<(), String> {
        match self {
            Self::Param(name, value) => request.set_param(&name, &value),
            Self::Url(url) => request.url = without_user(url),
            Self::Header(name, value) => {
                let value = HeaderValue::from_bytes(value.as_bytes())
                    .map_err(|_| format!("the cursor is not valid in the header `{name}`"))?;
                request.headers.insert(name, value);
            }
            Self::Body(keys, value) => {
                let Body::Bytes { bytes, .. } = &mut request.body else {
                    return Err(
                        "the next page is requested in a JSON body, and the query has none"
                            .to_owned(),
                    );
                };
                let mut body: Value = json::parse(bytes).map_err(|_| {
                    "the next page is requested in a JSON body, and the query's body is not JSON"
                        .to_owned()
                })?;
                set(&mut body, &keys, value);
                *bytes = body.to_string().into();
            }
        }
        let length = request.url.as_str().len();
        if length > LONGEST_URL {
            return Err(format!(
                "the URL of the next page has {length} bytes, more than {LONGEST_URL}"
            ));
        }
        Ok(())
    }
}

fn set(body: &mut Value, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else {
        *body = value;
        return;
    };
    if !body.is_object() {
        *body = Value::Object(Map::new());
    }
    if let Value::Object(members) = body {
        set(
            members.entry(first.clone()).or_insert(Value::Null),
            rest,
            value,
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::{HeaderMap, Method};

    fn request(url: &str) -> Request {
        Request {
            method: Method::POST,
            url: url.parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: Body::Bytes {
                content_type: "application/json".to_owned(),
                bytes: json!({"scope": 1, "page": {"limit": 20}})
                    .to_string()
                    .into(),
            },
            is_safe: true,
            accepted: Vec::new(),
            retry: None,
            shown_url: None,
            about: None,
            is_next_page: false,
            delivery: crate::http::Delivery::default(),
            receiver: None,
        }
    }

    #[test]
    fn a_parameter_is_replaced_and_the_others_stay() {
        let mut request = request("http://127.0.0.1/x?branch=a%2Fb&page%5Bcursor%5D=1&c");
        let change = Change::Param("page[cursor]".to_owned(), "2+/=".to_owned());
        change.apply(&mut request).expect("applied");
        assert_eq!(
            request.url.as_str(),
            "http://127.0.0.1/x?branch=a%2Fb&c&page%5Bcursor%5D=2%2B%2F%3D"
        );
    }

    #[test]
    fn a_cursor_goes_into_the_body() {
        let mut request = request("http://127.0.0.1/x");
        let keys = vec!["page".to_owned(), "cursor".to_owned()];
        Change::Body(keys, json!("next"))
            .apply(&mut request)
            .expect("applied");
        let Body::Bytes { bytes, .. } = &request.body else {
            panic!("a body");
        };
        let body: Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(
            body,
            json!({"scope": 1, "page": {"limit": 20, "cursor": "next"}})
        );
        request.body = Body::Empty;
        Change::Body(Vec::new(), json!(1))
            .apply(&mut request)
            .expect_err("no body");
    }
}
