//! Pages of a list, and page tokens.
//!
//! A token is opaque, is only valid for one listing with its filters, and contains characters that
//! must be encoded in a URL (`+`, `/`, `=`), so that a client that does not encode them fails.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::random::mix;

/// A listing. Its tokens are not valid for any other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listing(u64);

impl Listing {
    /// Identifies a listing by `segments` and its filters, regardless of the page.
    pub fn new(seed: u64, call: &Call) -> Self {
        let mut hash = mix(seed, &[0x7061_6765]);
        for byte in call.path.bytes() {
            hash = mix(hash, &[u64::from(byte)]);
        }
        for (name, value) in &call.query {
            if matches!(
                name.as_str(),
                "page-token" | "page[cursor]" | "circle-token"
            ) {
                continue;
            }
            for byte in name.bytes().chain([0]).chain(value.bytes()) {
                hash = mix(hash, &[u64::from(byte)]);
            }
        }
        Self(hash)
    }

    /// Returns the token of the page that starts at `place`.
    pub fn token(self, place: u64) -> String {
        let check = mix(self.0, &[place]);
        let hidden = place ^ mix(self.0, &[check]);
        STANDARD.encode([hidden.to_be_bytes(), check.to_be_bytes()].concat())
    }

    /// Returns the position of a token, if it belongs to this listing.
    fn place(self, token: &str) -> Option<u64> {
        let bytes = STANDARD.decode(token).ok()?;
        let (hidden, check) = bytes.split_at_checked(8)?;
        let hidden = u64::from_be_bytes(hidden.try_into().ok()?);
        let check = u64::from_be_bytes(check.try_into().ok()?);
        let place = hidden ^ mix(self.0, &[check]);
        (mix(self.0, &[place]) == check).then_some(place)
    }

    /// Returns the requested start; `None` at the beginning.
    pub fn asked(self, call: &Call) -> Result<Option<u64>, Fault> {
        self.start(call.param("page-token"))
    }

    /// Returns the position of a token; `None` without one.
    pub fn start(self, token: Option<&str>) -> Result<Option<u64>, Fault> {
        let Some(token) = token else {
            return Ok(None);
        };
        match self.place(token) {
            Some(place) => Ok(Some(place)),
            None => Err(Fault::bad("The page-token is invalid for this request.")),
        }
    }
}

/// Returns the requested page of `all`; only its items are created.
pub(super) fn slice<T>(
    seed: u64,
    call: &Call,
    size: u32,
    all: &[T],
    item: impl FnMut(&T) -> Value,
) -> Outcome {
    let listing = Listing::new(seed, call);
    let begin = listing.asked(call)?.unwrap_or(0);
    let begin = usize::try_from(begin).unwrap_or(usize::MAX).min(all.len());
    let size = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
    let end = begin.saturating_add(size).min(all.len());
    let items: Vec<Value> = all[begin..end].iter().map(item).collect();
    let next = (end < all.len()).then(|| listing.token(end as u64));
    Ok(Answer::ok(
        json!({ "items": items, "next_page_token": next }),
    ))
}

/// Returns an unpaged list in the format of a page.
pub(super) fn whole(items: Vec<Value>) -> Answer {
    let mut list = json!({ "items": null, "next_page_token": null });
    list["items"] = Value::Array(items);
    Answer::ok(list)
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Method};

    use super::*;

    fn call(target: &str) -> Call {
        Call::new(Method::GET, target, &HeaderMap::new(), Vec::new())
    }

    #[test]
    fn a_token_leads_on_in_its_own_listing_only() {
        let main = Listing::new(1, &call("/p?branch=main"));
        let token = main.token(20);
        assert_eq!(main.place(&token), Some(20));
        assert_eq!(
            Listing::new(1, &call("/p?branch=other")).place(&token),
            None
        );
        assert_eq!(Listing::new(1, &call("/q?branch=main")).place(&token), None);
        assert_eq!(Listing::new(2, &call("/p?branch=main")).place(&token), None);
        assert_eq!(main.place("garbage"), None);
        assert_eq!(main.place(""), None);
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let all: Vec<u32> = (0..5).collect();
        let mut target = "/list".to_owned();
        let mut seen = Vec::new();
        loop {
            let answer = slice(1, &call(&target), 2, &all, |n| json!(n)).unwrap();
            let body = answer.json();
            seen.extend(body["items"].as_array().unwrap().clone());
            let Some(token) = body["next_page_token"].as_str() else {
                break;
            };
            let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
            target = format!("/list?page-token={token}");
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_wrong_token_is_refused() {
        let fault = slice(1, &call("/list?page-token=nope"), 2, &[1], |n| json!(n)).unwrap_err();
        assert_eq!(fault.status, 400);
    }
}
