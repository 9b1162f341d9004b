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

/// Returns true if a field mentions a relation in an invalid part: a missing `<`, `>` or quote.
pub fn is_unreadable(headers: &HeaderMap, relation: &str) -> bool {
    headers.get_all("link").iter().any(|value| {
        let field = String::from_utf8_lossy(value.as_bytes());
        unread(&field).iter().any(|text| mentions(text, relation))
    })
}

/// Returns true if a text contains `rel=` with a relation, in any quotes or none.
fn mentions(text: &str, relation: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.match_indices("rel").any(|(at, name)| {
        let is_word = !text[..at].ends_with(|c: char| c.is_alphanumeric() || "-_".contains(c));
        let value = text[at + name.len()..].trim_start().strip_prefix('=');
        is_word
            && value.is_some_and(|value| {
                let value = value.trim_start().trim_start_matches(['"', '\'']);
                let end = value.find(['"', '\'', ';', ',', '>']);
                value[..end.unwrap_or(value.len())]
                    .split_ascii_whitespace()
                    .any(|known| known == relation)
            })
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
    parse(field).0
}

/// Returns the parts of a field that are not valid.
fn unread(field: &str) -> Vec<&str> {
    parse(field).1
}

fn parse(field: &str) -> (Vec<Link<'_>>, Vec<&str>) {
    let mut links = Vec::new();
    let mut unread = Vec::new();
    let mut rest = field;
    while let Some((before, from_target)) = rest.split_once('<') {
        let Some((target, parameters)) = from_target.split_once('>') else {
            break;
        };
        unread.push(before);
        let mut link = Link {
            target: target.trim(),
            relations: None,
            has_anchor: false,
        };
        rest = parameters;
        while let Some(parameter) = rest.trim_start().strip_prefix(';') {
            let (name, value, after) = parameter_of(parameter);
            let is_relation = name.eq_ignore_ascii_case("rel");
            let text = &parameter[..parameter.len() - after.len()];
            if is_relation && value.starts_with('\'') || !is_relation && !is_closed(text) {
                unread.push(text);
            }
            if is_relation {
                link.relations.get_or_insert(value);
            } else if name.eq_ignore_ascii_case("anchor") {
                link.has_anchor = true;
            }
            rest = after;
        }
        links.push(link);
    }
    unread.push(rest);
    (links, unread)
}

/// Returns true if the value of a parameter is not quoted, or its quotes are closed.
fn is_closed(parameter: &str) -> bool {
    let value = parameter.split_once('=').map_or("", |(_, value)| value);
    let value = value.trim();
    !value.starts_with('"') || value.len() > 1 && value.ends_with('"')
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
    fn a_relation_that_cannot_be_read_is_noticed() {
        let is_unreadable = |field: &str| {
            let mut headers = HeaderMap::new();
            headers.append("link", field.parse().expect("a value"));
            is_unreadable(&headers, "next")
        };
        for field in [
            "</a?l=2; rel=\"next\"",
            "/b?l=2; rel=\"next\"",
            "</d?l=2>; rel='next'",
            "</f?l=2> rel=\"next\"",
            "</2>; title=\"x; rel=next",
            "rel=next",
            "</1>; rel=prev, /2; REL = last Next",
            "</1>; rel=prev, </2; rel=\"next\"",
            "</1>; rel=prev, next; rel=next, </3>; rel=last",
        ] {
            assert!(is_unreadable(field), "{field}");
        }
        for field in [
            "",
            "</a>; rel=prev; rel=next",
            "</a>; rel=nextish",
            "</a>; rev=next",
            "</a>; title=\"rel=next\"; rel=prev",
            "</a>; title='rel=next'; rel=prev",
            "</a?rel=next>; rel=\"first\"",
            "</a>; rel=next; anchor=\"/other\"",
            "junk, </a>; rel=prev, ",
            "</a>; rel=\"next",
        ] {
            assert!(!is_unreadable(field), "{field}");
        }
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
