//! The header fields of a response that a recording keeps.

use crate::core::secret::is_secret_name;

/// Names that are kept.
///
/// The list is positive, since every server invents fields, and most change with each response
/// (`Date`, request ids, rate limits, caches) or identify somebody (`Set-Cookie`). Kept are those
/// that decide how a body is read, where a listing goes on, and what an endpoint announces. A
/// recorder adds the fields that a query names.
const NAMES: [&str; 14] = [
    "content-disposition",
    "content-location",
    "content-range",
    "content-type",
    "deprecation",
    "link",
    "location",
    "sunset",
    "total-count",
    "x-count",
    "x-has-more",
    "x-more",
    "x-offset",
    "x-per-page",
];

/// Beginnings of names that are kept: positions and sizes of listings.
const PREFIXES: [&str; 11] = [
    "x-continuation",
    "x-cursor",
    "x-first",
    "x-last-page",
    "x-next",
    "x-page",
    "x-pagination",
    "x-paging",
    "x-prev",
    "x-result",
    "x-total",
];

/// Returns true if a header field of a response is part of a recording.
pub fn is_kept_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_position = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    // `X-Next-Page-Token` is a position, `X-Page-Secret` is not.
    let is_secret = is_secret_name(&name) && !is_position_token(&name);
    (NAMES.contains(&name.as_str()) || is_position) && !is_secret
}

fn is_position_token(name: &str) -> bool {
    ["-token", "-key", "-cursor"]
        .iter()
        .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_kept_and_facts_of_one_response_are_not() {
        for name in [
            "Content-Type",
            "link",
            "Location",
            "X-Next-Page",
            "X-Next-Page-Token",
            "X-Total",
            "X-Total-Count",
            "X-Page",
            "X-Pagination",
            "Sunset",
        ] {
            assert!(is_kept_header(name), "{name}");
        }
        for name in [
            "Set-Cookie",
            "Date",
            "ETag",
            "Authorization",
            "WWW-Authenticate",
            "X-RateLimit-Remaining",
            "RateLimit-Reset",
            "Retry-After",
            "X-Request-Id",
            "CF-Ray",
            "Age",
            "Via",
            "Cache-Control",
            "Content-Length",
            "X-Page-Secret",
            "X-Api-Key",
        ] {
            assert!(!is_kept_header(name), "{name}");
        }
    }
}
