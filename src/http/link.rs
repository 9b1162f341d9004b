//! The header field `Link` (RFC 8288, section 3).

use crate::http::HeaderMap;

/// Returns the unresolved target of the first link with a relation.
pub fn target(headers: &HeaderMap, relation: &str) -> Option<String> {
    headers.get_all("link").iter().find_map(|value| {
        // A title may contain any byte.
        let field = String::from_utf8_lossy(value.as_bytes());
        let found = links(&field)
            .into_iter()
            .find(|link| link.has_relation(relation));
        found.map(|link| link.target.to_owned())
    })
}

/// One link of a field.
struct Link<'h> {
    target: &'h str,
    /// The first `rel`; later ones are ignored.
    relations: Option<String>,
    /// True if the link is about a resource other than the requested one.
    has_anchor: bool,
}

impl Link<'_> {
    fn has_relation(&self, relation: &str) -> bool {
        !self.has_anchor
            && self.relations.as_ref().is_some_and(|relations| {
                relations
                    .split_ascii_whitespace()
                    .any(|known| known.eq_ignore_ascii_case(relation))
            })
    }
}

/// Parses the links of one field, as far as it is valid.
fn links(field: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut rest = field;
    while let Some((_, from_target)) = rest.split_once('<') {
        let Some((target, parameters)) = from_target.split_once('>') else {
            break;
        };
        let mut link = Link {
            target: target.trim(),
            relations: None,
            has_anchor: false,
        };
        rest = parameters;
        while let Some(parameter) = rest.trim_start().strip_prefix(';') {
            let (name, value, after) = parameter_of(parameter);
            if name.eq_ignore_ascii_case("rel") {
                link.relations.get_or_insert(value);
            } else if name.eq_ignore_ascii_case("anchor") {
                link.has_anchor = true;
            }
            rest = after;
        }
        links.push(link);
    }
    links
}

/// Splits off the name and the value of a parameter.
fn parameter_of(text: &str) -> (&str, String, &str) {
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let Some(value) = rest.strip_prefix('=') else {
        return (name.trim(), String::new(), rest);
    };
    let value = value.trim_start();
    let (value, rest) = if let Some(quoted) = value.strip_prefix('"') {
        quoted_string(quoted)
    } else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        let (token, rest) = value.split_at(end);
        (token.trim_end().to_owned(), rest)
    };
    (name.trim(), value, rest)
}

/// Splits off a quoted string, after its first quote.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[&str], relation: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("link", field.parse().expect("a value"));
        }
        target(&headers, relation)
    }

    #[test]
    fn a_link_is_found_among_others() {
        let next = Some("/b?x=1,2;3".to_owned());
        for fields in [
            &["</b?x=1,2;3>; rel=\"next\""][..],
            &["</a>; rel=prev, </b?x=1,2;3>; rel=next"],
            &["</a>; rel=prev", "</b?x=1,2;3>;rel=next"],
            &["</a>; title=\"rel=next, <x>; rel=\\\"next\\\"\"; rel=prev, </b?x=1,2;3>; REL=Next"],
            &["</a>, </b?x=1,2;3> ; foo ; rel = \"last next\" ; rel=prev"],
        ] {
            assert_eq!(found(fields, "next"), next, "{fields:?}");
        }
        for field in [
            "</a>; rel=prev; rel=next",
            "</a>; rel=nextish",
            "</a>; rev=next",
            "</a>; rel=next; anchor=\"/other\"",
            "</a; rel=next",
            "",
        ] {
            assert_eq!(found(&[field], "next"), None, "{field}");
        }
    }
}
