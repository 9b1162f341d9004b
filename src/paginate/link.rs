//! `link`: `Link: <…>; rel="next"` (RFC 8288, section 3).

use crate::core::diagnostic::Diagnostics;
use crate::core::document::{Content, Node};
use crate::paginate::{Change, Form, Next, Page, Paginate, Style};

pub const FORM: Form = Form { key: "link", check };

/// A link to the next page.
#[derive(Debug, Clone, Copy)]
pub struct Link;

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    match &node.content {
        Content::Bool(true) | Content::Null => {}
        Content::Map(entries) if entries.is_empty() => {}
        _ => {
            faults.push(node.mismatch(FORM.key, "no settings: `paginate: link`"));
            return None;
        }
    }
    Some(Style::Link(Link))
}

impl Paginate for Link {
    fn next(&self, page: &Page<'_>) -> Next {
        let target = page
            .headers
            .get_all("link")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(next_target);
        let Some(target) = target else {
            return Next::End;
        };
        match page.url.join(target) {
            Err(_) => Next::Broken(format!(
                "the link to the next page, `{target}`, is not a URL"
            )),
            Ok(url) if url.origin() != page.url.origin() => Next::Broken(format!(
                "the link to the next page leads to another origin, `{}`, and was not followed",
                url.origin().ascii_serialization()
            )),
            Ok(url) => Next::More(Change::Url(url)),
        }
    }
}

/// The target of the link whose relations include `next`.
fn next_target(field: &str) -> Option<&str> {
    field.split('<').skip(1).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
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
        });
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::HeaderMap;

    fn next(field: &'static str) -> Next {
        let mut headers = HeaderMap::new();
        headers.insert("link", field.parse().expect("a value"));
        Link.next(&Page {
            url: &"https://api.test/v1/x?page=1".parse().expect("a URL"),
            headers: &headers,
            body: &Value::Null,
            rows: 1,
            pages: 1,
            total_rows: 1,
        })
    }

    fn to(url: &str) -> Next {
        Next::More(Change::Url(url.parse().expect("a URL")))
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        let field = "<https://api.test/v1/x?page=2>; rel=\"next\", <https://api.test/v1/x?page=9>; rel=\"last\"";
        assert_eq!(next(field), to("https://api.test/v1/x?page=2"));
        assert_eq!(
            next("<?a=1,2>; rel=\"prev\", </b>; rel=next"),
            to("https://api.test/b")
        );
        assert_eq!(next("<?page=1>; rel=\"prev\""), Next::End);
        assert_eq!(next("<?rel=next>; rel=\"first\""), Next::End);
    }

    #[test]
    fn another_origin_is_not_followed() {
        assert!(matches!(
            next("<https://evil.test/x>; rel=next"),
            Next::Broken(_)
        ));
        assert!(matches!(
            next("<http://api.test/x>; rel=next"),
            Next::Broken(_)
        ));
    }
}
