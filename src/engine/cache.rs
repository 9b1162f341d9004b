//! Responses cached across runs, for queries with `cache`.
//!
//! The key is the whole request: method, URL, header fields, body and credential, so that no response
//! is shared between tokens. The [`Archive`] stores the bytes; a lost entry is requested again.
//!
//! A response is cached if it is successful (2xx, and accepted by the query) and contains no known
//! secret. Its freshness is decided on lookup, by the rule of the query.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::core::secret::{Secret, is_secret_param};
use crate::engine::packed::{packed, unpacked};
use crate::engine::response::{content, graphql_error, meaning};
use crate::http::{HeaderMap, HeaderName, Request, Response};
use crate::plan::RequestPlan;
use crate::project::query::{CacheRule, StatusMeaning};

/// The lifetime of a final response.
const FOR_GOOD: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A store that persists between runs.
pub trait Archive {
    /// Returns the bytes stored under a key, a list of parts.
    fn find(&self, key: &[&[u8]]) -> Option<Vec<u8>>;

    /// Stores bytes under a key, replacing any previous ones. They expire at `until`.
    fn put(&self, key: &[&[u8]], bytes: &[u8], until: SystemTime);
}

/// The cache of a run.
#[derive(Clone)]
pub struct Cache {
    /// The store.
    pub archive: Rc<dyn Archive>,
    /// Returns the current time.
    pub clock: Rc<dyn Fn() -> SystemTime>,
    /// True if cached responses are ignored and replaced.
    pub is_refreshing: bool,
}

impl Cache {
    /// Returns a fresh response and its age.
    pub fn find(
        &self,
        rule: CacheRule,
        plan: RequestPlan<'_>,
        request: &Request,
        caller: &Secret,
    ) -> Option<(Response, Duration)> {
        if self.is_refreshing || !request.is_safe {
            return None;
        }
        let bytes = self.archive.find(&key(plan, request, caller)?)?;
        let (kept_at, bytes) = bytes.split_first_chunk::<8>()?;
        let age = age(*kept_at, (self.clock)())?;
        let response = unpacked(bytes)?;
        let serves = match rule {
            CacheRule::For(most) => age <= most,
            CacheRule::Finished => is_final(plan, request, &response),
        };
        serves.then_some((response, age))
    }

    /// Stores a response if it is cacheable.
    pub fn keep(
        &self,
        rule: CacheRule,
        plan: RequestPlan<'_>,
        request: &Request,
        caller: &Secret,
        response: &Response,
    ) {
        let Some(key) = key(plan, request, caller) else {
            return;
        };
        let is_good = request.is_safe
            && response.status.is_success()
            && meaning(plan.call, response) != StatusMeaning::Fail
            && content(&plan, response).is_ok()
            && graphql_error(plan, request, response).is_none();
        if !is_good || (rule == CacheRule::Finished && !is_final(plan, request, response)) {
            return;
        }
        let answer = packed(&Response {
            headers: lasting(&response.headers),
            ..response.clone()
        });
        if plan.scrubber.finds(&answer) {
            return;
        }
        let now = (self.clock)();
        let useful = match rule {
            CacheRule::For(most) => most.min(FOR_GOOD),
            CacheRule::Finished => FOR_GOOD,
        };
        let mut bytes = stamp(now).to_vec();
        bytes.extend_from_slice(&answer);
        self.archive.put(&key, &bytes, now + useful);
    }
}

/// Encodes a time as milliseconds since 1970.
fn stamp(now: SystemTime) -> [u8; 8] {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    millis.to_be_bytes()
}

/// Returns the age of a stamp; `None` if it is in the future, which means that the clock was or is
/// wrong.
fn age(stamp: [u8; 8], now: SystemTime) -> Option<Duration> {
    let since = Duration::from_millis(u64::from_be_bytes(stamp));
    let then = SystemTime::UNIX_EPOCH.checked_add(since)?;
    now.duration_since(then).ok()
}

/// Returns the cache key of a request; `None` for a multipart body, whose bytes are not known yet.
fn key<'r>(
    plan: RequestPlan<'r>,
    request: &'r Request,
    caller: &'r Secret,
) -> Option<Vec<&'r [u8]>> {
    let identity = request.identity();
    let mut key = vec![identity.method.as_bytes(), identity.url.as_bytes()];
    key.push(caller.expose().as_bytes());
    // A client certificate identifies the caller, too.
    let certificate = plan.resource().tls.client_cert.as_ref();
    key.push(certificate.map_or(&b""[..], |path| path.value.as_bytes()));
    key.push(identity.content?);
    for (name, value) in identity.headers {
        key.extend([name.as_bytes(), value]);
    }
    Some(key)
}

/// Returns true if the kind of API knows that the response is final.
fn is_final(plan: RequestPlan<'_>, request: &Request, response: &Response) -> bool {
    plan.resource().kind.finality().is_some_and(|is_final| {
        let route = plan.route_of(request);
        response.json().is_ok_and(|answer| is_final(route, &answer))
    })
}

/// Returns the header fields that stay meaningful and contain no credential.
fn lasting(headers: &HeaderMap) -> HeaderMap {
    let mut lasting = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !is_passing(name)) {
        lasting.append(name, value.clone());
    }
    lasting
}

fn is_passing(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.contains("auth")
        || name.contains("cookie")
        || name.contains("ratelimit")
        || is_secret_param(name)
        || matches!(name, "retry-after" | "connection" | "keep-alive" | "date")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_of_a_time_to_come_has_no_age() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let later = now + Duration::from_secs(90);
        assert_eq!(age(stamp(now), later), Some(Duration::from_secs(90)));
        assert_eq!(age(stamp(now), now), Some(Duration::ZERO));
        assert_eq!(age(stamp(later), now), None);
        assert_eq!(age([0xff; 8], now), None);
    }

    #[test]
    fn header_fields_that_are_credentials_or_of_the_moment_are_left_out() {
        let mut headers = HeaderMap::new();
        for name in [
            "set-cookie",
            "www-authenticate",
            "authorization",
            "x-api-key",
            "circle-token",
            "x-ratelimit-remaining",
            "ratelimit-reset",
            "retry-after",
            "content-type",
            "link",
            "x-next-page-token",
            "x-request-id",
        ] {
            headers.append(name, "1".parse().expect("a value"));
        }
        headers.append("link", "2".parse().expect("a value"));
        let left = lasting(&headers);
        let names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "content-type",
                "link",
                "link",
                "x-next-page-token",
                "x-request-id"
            ]
        );
    }
}
