//! Detects signs of further pages that no pagination style reads.

use serde_json::Value;

use crate::paginate::{Choice, says_more};
use crate::plan::RequestPlan;

/// Common members for the URL of the next page, by path.
const ADDRESSES: [&[&str]; 12] = [
    &["next"],
    &["next_url"],
    &["nextUrl"],
    &["next_page_url"],
    &["nextLink"],
    &["@odata.nextLink"],
    &["links", "next"],
    &["_links", "next", "href"],
    &["paging", "next"],
    &["pagination", "next"],
    &["pagination", "next_url"],
    &["meta", "next"],
];

/// Common members for the cursor of the next page.
const CURSORS: [&[&str]; 7] = [
    &["next_cursor"],
    &["nextCursor"],
    &["next_page_token"],
    &["nextPageToken"],
    &["meta", "next_cursor"],
    &["pagination", "next_cursor"],
    &["response_metadata", "next_cursor"],
];

/// Common members that announce more pages.
const FLAGS: [&[&str]; 4] = [&["has_more"], &["hasMore"], &["has_next"], &["hasNextPage"]];

/// Returns a note if a listing without `paginate` ends although the response seems to announce more
/// pages.
pub fn unread_pages(plan: RequestPlan<'_>, body: &Value) -> Option<String> {
    let of_query = plan.call.paginate.as_ref();
    let choices = of_query.into_iter().chain([&plan.resource().paginate]);
    let is_auto = choices
        .into_iter()
        .all(|own| matches!(own.choice, Choice::Auto));
    if !is_auto || plan.call.is_single() {
        return None;
    }
    let find = |ways: &[&[&'static str]]| {
        let mut ways = ways.iter();
        ways.find_map(|way| {
            let member = way.iter().try_fold(body, |value, key| value.get(*key))?;
            says_more(member).then(|| (path_of(way), member.is_string()))
        })
    };
    let (path, help) = if let Some((path, true)) = find(&ADDRESSES) {
        let help = format!("`paginate: {{ next: {path} }}`");
        (path, help)
    } else if let Some((path, _)) = find(&CURSORS) {
        let help = format!("`paginate: {{ cursor: {{ path: {path}, param: NAME }} }}`");
        (path, help)
    } else {
        let (path, _) = find(&FLAGS)?;
        let help = format!("`paginate: {{ page: {{}}, while: {path} }}`");
        (path, help)
    };
    Some(format!(
        "the listing of `{}` was read as one page, but there seem to be more (`{path}`): set \
         `paginate`, for example {help}, or `paginate: false`",
        plan.query.name
    ))
}

/// Returns the JSONPath of a path.
fn path_of(way: &[&str]) -> String {
    way.iter().fold("$".to_owned(), |path, key| {
        if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            format!("{path}.{key}")
        } else {
            format!("{path}['{key}']")
        }
    })
}
