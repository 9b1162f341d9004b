//! The place of a token or a number in the request for the next page.

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::core::json;
use crate::http::{Body, HeaderName, Request};
use crate::paginate::{Change, word};

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPlace {
    /// A URL parameter.
    Param(String),
    /// A header field.
    Header(HeaderName),
    /// A member of the JSON body, by its path.
    Body(Vec<String>),
}

impl RequestPlace {
    /// Reads the name of a URL parameter.
    pub fn param(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Self> {
        word(node, key, faults).map(Self::Param)
    }

    /// Reads the path of a member of the body: `page.cursor`.
    pub fn body(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Self> {
        let text = word(node, key, faults)?;
        let keys = text.trim_start_matches("$.").split('.');
        Some(Self::Body(keys.map(str::to_owned).collect()))
    }

    /// Returns the change that sets this place to a value.
    pub fn change(&self, value: &Value) -> Change {
        match self {
            Self::Param(name) => Change::Param(name.clone(), json::plain(value)),
            Self::Header(name) => Change::Header(name.clone(), json::plain(value)),
            Self::Body(keys) => Change::Body(keys.clone(), value.clone()),
        }
    }

    /// Returns the integer at this place of a request.
    pub fn number_in(&self, request: &Request) -> Option<u64> {
        match self {
            Self::Param(name) => {
                let mut pairs = request.url.query_pairs();
                let (_, value) = pairs.find(|(known, _)| known == name)?;
                value.parse().ok()
            }
            Self::Header(name) => request.headers.get(name)?.to_str().ok()?.parse().ok(),
            Self::Body(keys) => match member(request, keys)? {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64(),
            },
        }
    }

    /// Returns the integer at this place of a request, for a listing that counts on from it.
    ///
    /// # Errors
    ///
    /// A message, if it holds something else.
    pub fn number_of(&self, request: &Request) -> Result<Option<u64>, String> {
        let number = self.number_in(request);
        if number.is_none() && self.is_set_in(request) {
            let name = match self {
                Self::Param(name) => name.clone(),
                Self::Header(name) => name.to_string(),
                Self::Body(keys) => keys.join("."),
            };
            return Err(format!(
                "`{name}` of the request is not an integer, so the listing cannot continue from it"
            ));
        }
        Ok(number)
    }

    /// Returns true if a request has a value other than null at this place.
    pub fn is_set_in(&self, request: &Request) -> bool {
        match self {
            Self::Param(name) => request.url.query_pairs().any(|(known, _)| known == *name),
            Self::Header(name) => request.headers.contains_key(name),
            Self::Body(keys) => member(request, keys).is_some_and(|value| !value.is_null()),
        }
    }
}

fn member(request: &Request, keys: &[String]) -> Option<Value> {
    let Body::Bytes { bytes, .. } = &request.body else {
        return None;
    };
    let body: Value = json::parse(bytes).ok()?;
    let found = keys.iter().try_fold(&body, |value, key| value.get(key))?;
    Some(found.clone())
}
