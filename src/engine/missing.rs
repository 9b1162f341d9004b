//! Responses without the list that `rows` reads.

use serde_json::Value;

use crate::core::json::kind;
use crate::core::name;
use crate::core::text::one_line;
use crate::http::{Response, masked_addresses};
use crate::plan::RequestPlan;
use crate::resource::ErrorBody;

/// Returns a note for a first page that does not have the list that `rows` reads. The path is probably
/// wrong, and an empty list would hide it.
pub fn missing_rows(plan: RequestPlan<'_>, body: &Value) -> Option<String> {
    let path = plan.call.rows.as_ref()?;
    let got = absent(plan, body).or_else(|| match path.list(body)? {
        Value::Array(_) | Value::Object(_) => None,
        // Go encodes an empty list as null.
        Value::Null => said_instead(body),
        _ if path.is_singular() => None,
        other => Some(format!("its list is {}", kind(other))),
    })?;
    let words = format!("`rows: {}` matches nothing: {got}", path.source());
    Some(plan.scrubber.text(&words).into_owned())
}

/// Returns the reason why a first page without rows may not be an empty list; `None` if it is one, or
/// the file says what its status means.
pub fn doubt(plan: RequestPlan<'_>, response: &Response, body: Option<&Value>) -> Option<String> {
    let status = response.status.as_u16();
    match body {
        Some(body) => missing_rows(plan, body),
        None if plan.call.on_status.contains_key(&status) => None,
        None => Some(format!("the response has no body (status {status})")),
    }
}

/// Returns the reason why a page does not continue the list of the previous pages; `is_map` is true
/// if rows are the members of an object.
pub fn missing_list(plan: RequestPlan<'_>, body: &Value, is_map: bool) -> Option<String> {
    let path = plan.call.rows.as_ref()?;
    let got = absent(plan, body).or_else(|| match path.list(body) {
        None if !path.names_a_list() => None,
        Some(Value::Array(_)) => None,
        Some(Value::Object(_)) if is_map || path.is_singular() => None,
        Some(Value::Null) if !body.is_null() => said_instead(body),
        Some(other) => Some(format!("its list is {}", kind(other))),
        None => Some("the response has no list".to_owned()),
    })?;
    let words = format!("`rows: {}` matches no list: {got}", path.source());
    Some(plan.scrubber.text(&words).into_owned())
}

/// Returns true if the rows of a page are the members of an object.
pub fn is_map(plan: RequestPlan<'_>, body: &Value) -> bool {
    let list = plan.call.rows.as_ref().and_then(|path| path.list(body));
    matches!(list, Some(Value::Object(_)))
}

/// Reports that the response lacks the first name of `rows`.
fn absent(plan: RequestPlan<'_>, body: &Value) -> Option<String> {
    let path = plan.call.rows.as_ref()?.source().trim();
    if path == "$" {
        // The response itself, whatever it is.
        return None;
    }
    let name = path.strip_prefix('$')?.strip_prefix('.');
    let name = name.and_then(|names| names.split(['.', '[']).next());
    match body {
        Value::Object(members) => {
            let name = name.filter(|name| !matches!(*name, "" | "*"))?;
            if members.contains_key(name) {
                return None;
            }
            if members.is_empty() {
                return Some("the response is an empty object".to_owned());
            }
            let known: Vec<&str> = members.keys().map(String::as_str).take(12).collect();
            let known = name::one_of(&known).replace(" or ", " and ");
            Some(format!("the response has no `{name}`, only {known}"))
        }
        Value::Array(_) if name.is_none_or(|name| matches!(name, "" | "*")) => None,
        other => Some(format!("the response is {}", kind(other))),
    }
}

/// Reports the error message that a response has in place of a list.
fn said_instead(body: &Value) -> Option<String> {
    let message = ErrorBody::read(body).message?;
    Some(format!(
        "its list is null, and it says: {}",
        one_line(&masked_addresses(&message))
    ))
}
