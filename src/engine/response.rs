//! Interprets a response: records, no records, an error, or something unexpected.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Value;

use crate::core::json::{MOST_VALUES, ParseError};
use crate::core::secret::MASK;
use crate::core::text::one_line;
use crate::engine::{Refusal, Remedy, RunErrorKind};
use crate::http::retirement::Retirement;
use crate::http::{self, Request, Response, StatusCode, headers, masked_addresses, rate_headers};
use crate::plan::{Plan, RequestPlan};
use crate::project::query::{Body, Call, StatusMeaning};
use crate::resource::ErrorBody;
use crate::template::ResponseFacts;

/// Returns the meaning of a response's status for the query.
pub fn meaning(call: &Call, response: &Response) -> StatusMeaning {
    if response.status == StatusCode::FORBIDDEN && response.is_rate_limited() {
        // A `403` in `on_status` is about permissions, not rate limits.
        return StatusMeaning::Fail;
    }
    let status = response.status.as_u16();
    if let Some(meaning) = call.on_status.get(&status) {
        return *meaning;
    }
    match status {
        204 | 304 => StatusMeaning::Empty,
        200..=299 => StatusMeaning::Ok,
        _ => StatusMeaning::Fail,
    }
}

/// Returns true for a successful response with an empty body.
pub fn is_hollow(call: &Call, response: &Response) -> bool {
    response.status == StatusCode::OK
        && meaning(call, response) == StatusMeaning::Ok
        && response.body.iter().all(u8::is_ascii_whitespace)
}

/// Returns the error message in a body, as a clause.
pub fn message(plan: &Plan, body: &Value) -> Option<String> {
    let words = ErrorBody::read(body).message?;
    let words = plan.scrubber.text(&words);
    let words = masked_addresses(&words);
    Some(format!("the response says: {}", one_line(&words)))
}

/// Creates the error for an error response.
pub fn refusal(plan: RequestPlan<'_>, request: &Request, response: &Response) -> RunErrorKind {
    let text = plan.scrubber.text(&response.text()).into_owned();
    let says = match response.json() {
        Ok(mut body) => {
            plan.scrubber.json(&mut body);
            let mut says = ErrorBody::read(&body);
            if says.message.is_none() && says_something(&body) {
                // The body has an unknown shape: show its first line rather than nothing.
                says.message = first_line(&text);
            }
            says
        }
        Err(_) => ErrorBody {
            message: first_line(&text),
            ..ErrorBody::default()
        },
    };
    let is_rate_limited = response.is_rate_limited();
    refused(plan, request, response, says, is_rate_limited)
}

/// Returns the error that a GraphQL response reports, if any, whatever its status means and
/// whatever data it has; and the fault of a successful response that has no data.
pub fn graphql_error(
    plan: RequestPlan<'_>,
    request: &Request,
    response: &Response,
) -> Option<RunErrorKind> {
    /// The codes of servers that report a rate limit this way.
    const RATE_LIMITS: [&str; 2] = ["RATE_LIMITED", "THROTTLED"];
    let is_graphql = matches!(plan.call.body, Some(Body::Graphql(_)));
    // The request that is polled at another endpoint is none.
    let is_sent = matches!(request.body, http::Body::Bytes { .. });
    if !is_graphql || !is_sent {
        return None;
    }
    let is_success =
        response.status.is_success() && meaning(plan.call, response) == StatusMeaning::Ok;
    let says = if response.body.iter().all(u8::is_ascii_whitespace) {
        is_success.then(|| ErrorBody {
            message: Some("the response is empty".to_owned()),
            ..ErrorBody::default()
        })?
    } else {
        // What is not JSON is reported as such.
        let mut body = response.json().ok()?;
        plan.scrubber.json(&mut body);
        let missing = || ErrorBody::of_no_graphql(&body).filter(|_| is_success);
        ErrorBody::of_graphql(&body).or_else(missing)?
    };
    let is_rate_limited = (says.kind.as_deref()).is_some_and(|kind| RATE_LIMITS.contains(&kind));
    let mut kind = refused(plan, request, response, says, is_rate_limited);
    if let RunErrorKind::Refused(refusal) = &mut kind {
        refusal.is_graphql = true;
    }
    Some(kind)
}

fn refused(
    plan: RequestPlan<'_>,
    request: &Request,
    response: &Response,
    says: ErrorBody,
    is_rate_limited: bool,
) -> RunErrorKind {
    // A redirect may have led to a linked host.
    let url = response.linked.as_deref().unwrap_or(&request.url);
    let is_own = plan.is_own(url);
    // A storage server may repeat the signature that it refuses.
    let signature = url.query().filter(|query| !query.is_empty() && !is_own);
    let unsigned = |words: &str| match signature {
        Some(query) => words.replace(query, MASK),
        None => words.to_owned(),
    };
    RunErrorKind::Refused(Box::new(Refusal {
        status: response.status,
        says: says.map(|words| shortened(&unsigned(&words), 500)),
        request_id: response.request_id().map(|id| one_line(id).into_owned()),
        advice: plan
            .resource()
            .kind
            .advice(response.status, request.url.path())
            .filter(|_| !is_rate_limited && is_own),
        retry_after: if is_rate_limited {
            rate_headers::refusal(&response.headers, SystemTime::now())
        } else {
            headers::retry_after(&response.headers, SystemTime::now())
        },
        is_rate_limited,
        is_linked: !is_own,
        retirement: Retirement::of(&response.headers, &request.url)
            .map(|retirement| retirement.words(plan.now())),
        is_graphql: false,
    }))
}

/// Returns true if a value contains any text or number.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(members) => members.values().any(says_something),
    }
}

/// Returns the first line of a text, for messages; `None` for HTML, whose first line is useless.
fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    if line.starts_with('<') {
        let title = between(text, "<title>", "</title>")?;
        return Some(shortened(title, 200));
    }
    Some(shortened(line, 200))
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// Prepares foreign text for a message. The queries of addresses are masked before it is truncated.
fn shortened(line: &str, most: usize) -> String {
    let line = masked_addresses(line);
    let line = one_line(&line);
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.into_owned(),
    }
}

/// Parses the body as JSON; `None` if it is empty.
///
/// # Errors
///
/// If it is not JSON.
pub fn content(plan: &Plan, response: &Response) -> Result<Option<Value>, RunErrorKind> {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let parsed = if response.is_json_lines() {
        response.json_lines().map(Value::Array)
    } else {
        response.json()
    };
    parsed
        .map(Some)
        .map_err(|error| unreadable(plan, response, &error))
}

/// Masks secrets repeated in the body.
pub fn scrubbed(plan: &Plan, response: &Response, content: &Value) -> Value {
    let scrubbed = if plan.scrubber.may_stand_in_json(&response.body) {
        plan.scrubber.record(content)
    } else {
        None
    };
    scrubbed.unwrap_or_else(|| content.clone())
}

fn unreadable(plan: &Plan, response: &Response, error: &ParseError) -> RunErrorKind {
    if error.is_too_many() {
        return RunErrorKind::Unreadable {
            words: format!("the response has more than {MOST_VALUES} values, the maximum"),
            remedy: Some(Remedy::AskForLess),
        };
    }
    let media_type = response.media_type().map_or_else(
        || "without a content type".to_owned(),
        |media_type| format!("`{}`", one_line(media_type)),
    );
    let text = plan.scrubber.text(&response.text()).into_owned();
    let is_json = text.trim_start().starts_with(['{', '[']);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let shown = first.map_or_else(String::new, |line| {
        format!(", begins: {}", shortened(line, 200))
    });
    let is_cut = error.is_eof();
    let words = if is_cut && is_json {
        format!("the JSON of the response is truncated ({error}){shown}")
    } else if is_json {
        format!("the JSON of the response is invalid ({error}){shown}")
    } else {
        format!(
            "the response is not JSON ({}, {media_type}){shown}",
            response.status.as_u16()
        )
    };
    let is_page = first.is_some_and(|line| line.starts_with('<'));
    let table = match response.media_type() {
        Some("text/csv") => Some("csv"),
        Some("text/tab-separated-values") => Some("tsv"),
        _ => None,
    };
    RunErrorKind::Unreadable {
        words,
        remedy: if is_page {
            Some(Remedy::OtherAddress)
        } else if let Some(kind) = table {
            Some(Remedy::Decode(kind))
        } else {
            // The body of a walk cannot be shown.
            ((!is_cut || !is_json) && plan.is_sole_request()).then_some(Remedy::LookAtIt)
        },
    }
}

/// Returns the facts of a response that are free to compute.
pub fn response_facts(response: &Response) -> ResponseFacts<'static> {
    ResponseFacts {
        status: response.status.as_u16(),
        ..ResponseFacts::default()
    }
}

/// Returns all facts of a response.
pub fn all_response_facts<'b>(
    plan: &Plan,
    response: &Response,
    body: &'b Value,
) -> ResponseFacts<'b> {
    ResponseFacts {
        headers: Some(header_fields(plan, response)),
        elapsed_ms: Some(u64::try_from(response.elapsed.as_millis()).unwrap_or(u64::MAX)),
        body: Some(body),
        ..response_facts(response)
    }
}

/// Returns the header fields of a response, with secrets masked. The values of a repeated field are
/// joined by commas (RFC 9110, section 5.3).
pub fn header_fields(plan: &Plan, response: &Response) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &response.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        let text = plan.scrubber.text(&text);
        fields
            .entry(name.as_str().to_owned())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&text);
            })
            .or_insert_with(|| text.into_owned());
    }
    fields
}
