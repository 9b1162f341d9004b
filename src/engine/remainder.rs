//! Detects responses that declare themselves to be part of a list.

use crate::http::{ContentRange, Request, Response, StatusCode};
use crate::plan::RequestPlan;

/// A declaration about the rest of a list.
pub enum Remainder {
    /// There is more, as described.
    Incomplete(String),
    /// There may be more, as described in a note.
    Unknown(String),
}

/// Returns the declaration of the last response of a listing; `None` if it is the end, declares
/// nothing, or was requested as a part. `members` is the number of list members received.
pub fn remainder(
    plan: RequestPlan<'_>,
    request: &Request,
    response: &Response,
    members: u64,
) -> Option<Remainder> {
    if request.headers.contains_key("range") || plan.goes_on_while().is_some() {
        return None;
    }
    if let Some(range) = ContentRange::of(&response.headers) {
        let has_more = range.has_more() && members < range.total;
        return has_more.then(|| {
            Remainder::Incomplete(format!(
                "the response ends with item {} of {} (`Content-Range`) and does not say how to continue",
                range.last.saturating_add(1),
                range.total
            ))
        });
    }
    let is_partial = response.status == StatusCode::PARTIAL_CONTENT;
    (is_partial && plan.style(request).is_none_or(|style| style.knows_of_more())).then(|| {
        Remainder::Unknown(format!(
            "the last response for `{}` is partial (206 Partial Content) without a total: there may be more items",
            plan.plan.query.name
        ))
    })
}
