//! How a listing goes on.
//!
//! A paginator answers from the page it is shown and has no state of a run.

use serde_json::Value;

use crate::http::HeaderMap;

/// What a query or resource asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pagination {
    /// As the kind of API does it.
    Auto,
    /// The first answer is the whole answer.
    Off,
}

/// How a kind of API says that there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// CircleCI v2: `next_page_token` beside `items`; null, empty or absent on the last page.
    NextPageToken,
    /// CircleCI v3: `page.next`, null on the last page.
    PageNext,
    /// `Link: <…>; rel="next"` (RFC 8288, section 3.3).
    Link,
}

impl Style {
    /// Whether more pages follow this answer.
    pub fn has_more(self, headers: &HeaderMap, body: &Value) -> bool {
        let is_token = |value: Option<&Value>| match value {
            Some(Value::String(token)) => !token.is_empty(),
            Some(Value::Number(_)) => true,
            _ => false,
        };
        match self {
            Self::NextPageToken => is_token(body.get("next_page_token")),
            Self::PageNext => is_token(body.get("page").and_then(|page| page.get("next"))),
            Self::Link => headers
                .get_all("link")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .any(has_next),
        }
    }
}

/// Whether a `Link` field has a link whose relations include `next`.
fn has_next(field: &str) -> bool {
    field.split('<').skip(1).any(|link| {
        let parameters = link.split_once('>').map_or("", |(_, rest)| rest);
        parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_end_matches(',')
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|relation| relation.eq_ignore_ascii_case("next"))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_means_more() {
        let more = |style: Style, body: Value| style.has_more(&HeaderMap::new(), &body);
        assert!(more(Style::NextPageToken, json!({"next_page_token": "x"})));
        for last in [
            json!({"next_page_token": null}),
            json!({"next_page_token": ""}),
            json!({}),
            json!([]),
        ] {
            assert!(!more(Style::NextPageToken, last));
        }
        assert!(more(Style::PageNext, json!({"page": {"next": "x"}})));
        assert!(!more(Style::PageNext, json!({"page": {"next": null}})));
    }

    #[test]
    fn a_link_to_the_next_page_means_more() {
        let more = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("link", value.parse().expect("a value"));
            Style::Link.has_more(&headers, &Value::Null)
        };
        assert!(more(
            "<https://x/?page=2>; rel=\"next\", <https://x/?page=9>; rel=\"last\""
        ));
        assert!(more("<https://x/?a=1,2>; rel=\"prev\", </b>; rel=next"));
        assert!(!more("<https://x/?page=1>; rel=\"prev\""));
        assert!(!more("<https://x/?rel=next>; rel=\"first\""));
    }
}
