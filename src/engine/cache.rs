//! Answers of earlier runs, for queries that say `cache`.
//!
//! What is asked makes the key: method, URL, header fields, content and credential, so that nobody is
//! given what another token may see. Where the bytes lie is the [`Archive`]'s business, and what it
//! loses is asked for again.
//!
//! An answer is kept if it is good (2xx, and the query takes it), and none of the known secrets
//! stands in it. Whether a kept one still serves is decided when it is found, by the rule of the
//! query that asks.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::auth::Credential;
use crate::core::secret::is_secret_name;
use crate::engine::answer::{content, meaning};
use crate::engine::packed::{packed, unpacked};
use crate::http::{Body, HeaderMap, HeaderName, Request, Response};
use crate::plan::Plan;
use crate::project::query::{CacheRule, StatusMeaning};

/// How long a final answer is of use.
const FOR_GOOD: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Where answers lie between runs.
pub trait Archive {
    /// What was put under a key, a list of pieces.
    fn find(&self, key: &[&[u8]]) -> Option<Vec<u8>>;

    /// Puts bytes under a key, in place of what was there. After `until` nobody wants them.
    fn put(&self, key: &[&[u8]], bytes: &[u8], until: SystemTime);
}

/// How a run uses what others have left.
#[derive(Clone)]
pub struct Cache {
    /// Where it lies.
    pub archive: Rc<dyn Archive>,
    /// What time it is.
    pub clock: Rc<dyn Fn() -> SystemTime>,
    /// Whether everything is asked anew, and replaced.
    pub is_refreshing: bool,
}

impl Cache {
    /// An answer that serves, and how old it is.
    pub fn find(
        &self,
        rule: CacheRule,
        plan: &Plan,
        request: &Request,
        credential: &Credential,
    ) -> Option<(Response, Duration)> {
        if self.is_refreshing || !request.is_safe() {
            return None;
        }
        let bytes = self.archive.find(&key(request, credential)?)?;
        let (millis, bytes) = bytes.split_first_chunk::<8>()?;
        let kept_at = Duration::from_millis(u64::from_be_bytes(*millis));
        let kept_at = SystemTime::UNIX_EPOCH.checked_add(kept_at)?;
        // One of a time to come was kept by a clock that was wrong.
        let age = (self.clock)().duration_since(kept_at).ok()?;
        let response = unpacked(bytes)?;
        let serves = match rule {
            CacheRule::For(most) => age <= most,
            CacheRule::Finished => is_final(plan, request, &response),
        };
        serves.then_some((response, age))
    }

    /// Keeps an answer, if it is one to keep.
    pub fn keep(
        &self,
        rule: CacheRule,
        plan: &Plan,
        request: &Request,
        credential: &Credential,
        response: &Response,
    ) {
        let Some(key) = key(request, credential) else {
            return;
        };
        let is_good = request.is_safe()
            && response.status.is_success()
            && meaning(plan, response) != StatusMeaning::Fail
            && content(plan, response).is_ok();
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
        let millis = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
        let mut bytes = millis.to_be_bytes().to_vec();
        bytes.extend_from_slice(&answer);
        self.archive.put(&key, &bytes, now + useful);
    }
}

/// What makes an answer the one to this request. Nothing for a body that is no text of ours.
fn key<'r>(request: &'r Request, credential: &'r Credential) -> Option<Vec<&'r [u8]>> {
    let mut key: Vec<&[u8]> = vec![request.method.as_str().as_bytes()];
    key.push(request.url.as_str().as_bytes());
    let (form, name, value) = match credential {
        Credential::None => ("none", "", ""),
        Credential::Header(name, secret) => ("header", name.as_str(), secret.expose()),
        Credential::Query(name, secret) => ("query", name.as_str(), secret.expose()),
    };
    key.extend([form.as_bytes(), name.as_bytes(), value.as_bytes()]);
    match &request.body {
        Body::Empty => key.push(b""),
        Body::Bytes { bytes, .. } => key.push(bytes),
        Body::Multipart(_) => return None,
    }
    for (name, value) in &request.headers {
        key.extend([name.as_str().as_bytes(), value.as_bytes()]);
    }
    Some(key)
}

/// Whether the kind of API knows that the answer is the last word.
fn is_final(plan: &Plan, request: &Request, response: &Response) -> bool {
    let base = plan.base_url().path().trim_end_matches('/');
    let route = request.url.path().strip_prefix(base);
    let known = plan.resource.kind.finality().zip(route);
    known.is_some_and(|(is_final, route)| {
        response.json().is_ok_and(|answer| is_final(route, &answer))
    })
}

/// The header fields that mean something later on too, and hold no credential.
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
        || is_secret_name(name)
        || matches!(name, "retry-after" | "connection" | "keep-alive" | "date")
}
