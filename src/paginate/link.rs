//! `link`: `Link: <…>; rel="next"` (RFC 8288, section 3).

use std::sync::Arc;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::{Content, Node};
use crate::core::key::ValueForm;
use crate::http::link;
use crate::paginate::{Form, Next, Page, Paginate, Style, follow};

pub const FORM: Form = Form {
    key: "link",
    check,
    alone: Some(Link::preset),
    takes: ValueForm::Either(&[
        ValueForm::Constant(true),
        ValueForm::Null,
        ValueForm::Keys(&[], &[]),
    ]),
    doc: "the next page is at the URL of the header field `Link` (RFC 8288)",
};

/// A link to the next page.
#[derive(Debug, Clone, Copy)]
pub struct Link;

impl Link {
    /// Creates the known style of a kind of API.
    pub fn preset() -> Style {
        Arc::new(Self)
    }
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    match &node.content {
        Content::Bool(true) | Content::Null => {}
        Content::Map(entries) if entries.is_empty() => {}
        _ => {
            faults.push(node.mismatch(FORM.key, "no settings: `paginate: link`"));
            return None;
        }
    }
    Some(Link::preset())
}

impl Paginate for Link {
    fn decide(&self, page: &Page<'_>) -> Next {
        let target = link::target(page.headers, "next");
        match target {
            None if link::is_unreadable(page.headers, "next") => Next::Broken(
                "the `Link` header of the response mentions a next page, but is invalid".to_owned(),
            ),
            None => page.end_without("link to a next page"),
            Some(target) => follow(page, &target),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::{HeaderMap, HeaderValue};
    use crate::paginate::Change;
    use crate::paginate::tests::{first_page, request};

    fn next_of(fields: &[&[u8]]) -> Next {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("link", HeaderValue::from_bytes(field).expect("a value"));
        }
        Link.next(&Page {
            headers: &headers,
            ..first_page(
                &request("https://api.test/v1/x?page=1"),
                &Value::Null,
                &HeaderMap::new(),
            )
        })
    }

    fn next(field: &str) -> Next {
        next_of(&[field.as_bytes()])
    }

    fn to(url: &str) -> Next {
        Next::More(Change::Url(url.parse().expect("a URL")))
    }

    #[test]
    fn whatever_stands_in_a_field_is_read_as_the_rfc_says() {
        for field in [
            "</2>; title=\"a, <b>; rel=\\\"prev\\\"\"; rel=next",
            "</2>;rel=\"start Next\"",
            "</2> ; REL = \"NEXT\" ; title*=UTF-8''x",
            "</1>; rel=prev; title=\"x>; rel=next\", </2>; rel=\"next\"",
            "</1>; rel=prev; rel=next, </2>; rel=next",
            "</1>; rel=next; anchor=\"/other\", </2>; rel=next",
            "</1>; rel=\"nextish\", </2>; rel=next; hreflang",
            "junk, </2>; rel=next",
            ", ,</2>; ; rel=next",
            "< /2 >;rel=next,",
        ] {
            assert_eq!(next(field), to("https://api.test/2"), "{field}");
        }
        for field in ["", "<", "</2", "</2>; rel=prev, junk"] {
            assert_eq!(next(field), Next::End, "{field}");
        }
        for field in ["</2>; title=\"rel=next", "</2>, rel=next", "rel=next"] {
            assert!(matches!(next(field), Next::Broken(_)), "{field}");
        }
        let fields: [&[u8]; 3] = [
            b"</1>; rel=prev",
            b"</3>; title=\"\xe9\"; rel=last",
            b"</2>; rel=next",
        ];
        assert_eq!(next_of(&fields), to("https://api.test/2"));
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
    fn a_link_that_is_no_address_is_named_by_its_scheme() {
        for scheme in ["javascript", "file", "data", "mailto"] {
            let words =
                format!("the link to the next page begins with `{scheme}:`, and was not followed");
            assert_eq!(
                next(&format!("<{scheme}:///x>; rel=next")),
                Next::Broken(words)
            );
        }
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
