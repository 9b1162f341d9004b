//! The requests that a query and the queries it uses can send, by method and path.

use std::collections::BTreeSet;

use crate::core::percent;
use crate::project::Query;
use crate::project::query::{Address, Items};
use crate::project::testing::ask::AskPattern;
use crate::template::{Piece, Template};

/// The form of some requests.
#[derive(Debug, Clone)]
pub struct RequestForm {
    method: String,
    /// The segments of the path; `None` for a URL from a response, which may be any.
    path: Option<Vec<Segment>>,
}

/// A segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Literal texts with a value between each two of them.
    One(Vec<String>),
    /// One or more segments: a value that can have slashes.
    Many,
}

impl RequestForm {
    /// Returns the forms of all requests of a query and of those it uses, except the queries in
    /// `given`, which are not run.
    pub fn all(query: &Query, given: &[&str]) -> Vec<Self> {
        let mut forms = Vec::new();
        let mut seen = BTreeSet::new();
        collect(query, given, &mut seen, &mut forms);
        forms
    }

    /// Returns true if a request that a pattern is for can have this form.
    pub fn suits(&self, pattern: &AskPattern) -> bool {
        if self.method != pattern.method {
            return false;
        }
        match &self.path {
            None => true,
            Some(_) if pattern.is_url() => false,
            Some(path) => matches(path, &pattern.segments()),
        }
    }

    /// Formats the form as a pattern: `GET /workflow/*/job`; `None` if it may be any URL.
    pub fn shown(&self) -> Option<String> {
        let segments = self.path.as_ref()?.iter().map(|segment| match segment {
            Segment::One(texts) if texts.len() == 1 => texts[0].as_str(),
            Segment::One(_) | Segment::Many => "*",
        });
        let path = segments.collect::<Vec<_>>().join("/");
        Some(format!("{} /{path}", self.method))
    }
}

fn collect<'q>(
    query: &'q Query,
    given: &[&str],
    seen: &mut BTreeSet<*const Query>,
    forms: &mut Vec<RequestForm>,
) {
    if !seen.insert(std::ptr::from_ref(query)) {
        return;
    }
    if let Some(call) = query.call() {
        forms.push(RequestForm {
            method: call.method.to_string(),
            path: match &call.address {
                Address::Endpoint(template) => path(template),
                Address::Url(_) => None,
            },
        });
        forms.extend(call.polled_endpoint().map(|template| RequestForm {
            method: "GET".to_owned(),
            path: path(template),
        }));
    }
    let feeds = query.loops().iter().filter_map(|feed| match &feed.items {
        Items::Query { query, .. } => Some(&**query),
        Items::List(_) => None,
    });
    let used: Vec<&'q Query> = feeds
        .chain(query.data.iter().map(|data| &*data.query))
        .collect();
    for query in used {
        if !given.contains(&query.name.as_str()) {
            collect(query, given, seen, forms);
        }
    }
}

/// Returns the segments of an endpoint without its parameters; `None` if it cannot be known.
fn path(template: &Template) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut texts = vec![String::new()];
    let mut has_slashes = false;
    let mut close = |texts: &mut Vec<String>, has_slashes: &mut bool| {
        let texts = std::mem::replace(texts, vec![String::new()]);
        let decoded = texts.iter().map(|text| percent::decode(text)).collect();
        segments.push(if std::mem::take(has_slashes) {
            Segment::Many
        } else {
            Segment::One(decoded)
        });
    };
    let mut is_start = true;
    'pieces: for piece in template.pieces()? {
        match piece {
            Piece::Raw(raw) => {
                let raw = raw.as_str();
                let raw = if is_start {
                    raw.trim_start_matches('/')
                } else {
                    raw
                };
                for letter in raw.chars() {
                    match letter {
                        '?' => break 'pieces,
                        '/' => close(&mut texts, &mut has_slashes),
                        _ => texts.last_mut()?.push(letter),
                    }
                }
            }
            Piece::Hole(hole) => {
                // The filter `path` keeps slashes.
                has_slashes |= hole.source().contains("path");
                texts.push(String::new());
            }
        }
        is_start = false;
    }
    close(&mut texts, &mut has_slashes);
    Some(segments)
}

/// Returns true if some path has both forms. Each step keeps the numbers of segments of the pattern
/// that the segments so far can take.
fn matches(path: &[Segment], pattern: &[&str]) -> bool {
    let mut ends = vec![false; pattern.len() + 1];
    ends[0] = true;
    for segment in path {
        let mut next = vec![false; ends.len()];
        for at in 0..pattern.len() {
            next[at + 1] = match segment {
                Segment::One(texts) => ends[at] && is_one(texts, pattern[at]),
                Segment::Many => ends[at] || next[at],
            };
        }
        ends = next;
    }
    ends[pattern.len()]
}

/// Returns true if a segment of a pattern can be these texts with values between them.
fn is_one(texts: &[String], pattern: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let segment = percent::decode(pattern);
    let (Some(first), Some(last)) = (texts.first(), texts.last()) else {
        return false;
    };
    if texts.len() == 1 {
        return segment == *first;
    }
    let Some(rest) = segment.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
        return false;
    };
    for text in &texts[1..texts.len() - 1] {
        let Some(at) = rest.find(text.as_str()) else {
            return false;
        };
        rest = &rest[at + text.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::source::{Place, SourceFile, Span, Text};

    fn form(endpoint: &str) -> RequestForm {
        let place = Place {
            file: SourceFile::new("q.yaml", "q.yaml", endpoint),
            span: Span::new(0, endpoint.len()),
        };
        let template = Template::parse(&Text::new(endpoint, &place)).expect("a template");
        RequestForm {
            method: "GET".to_owned(),
            path: path(&template),
        }
    }

    fn suits(endpoint: &str, ask: &str) -> bool {
        form(endpoint).suits(&AskPattern::parse(ask).expect("a pattern"))
    }

    #[test]
    fn patterns_are_compared_by_segment() {
        for (endpoint, ask) in [
            ("/me", "GET /me"),
            ("me", "GET /me?a=b"),
            ("", "GET /"),
            ("/workflow/{{ id }}/job", "GET /workflow/w1/job"),
            ("/workflow/{{ id }}/job?x={{ y }}", "GET /workflow/*/job"),
            ("/{{ a }}", "GET /*"),
            ("/me", "GET /*"),
            (
                "/project/{{ slug }}/pipeline",
                "GET /project/gh%2Fa%2Fb/pipeline",
            ),
            (
                "/project/{{ slug | path }}/pipeline",
                "GET /project/gh/a/b/pipeline",
            ),
            (
                "/project/{{ slug | path }}/pipeline",
                "GET /project/*/pipeline",
            ),
            ("/{{ a | path }}/{{ b | path }}", "GET /1/2/3/4"),
            ("/x/job-{{ n }}.json", "GET /x/job-7.json"),
            ("/a%20b", "GET /a%20b"),
        ] {
            assert!(suits(endpoint, ask), "{endpoint} {ask}");
        }
        for (endpoint, ask) in [
            ("/me", "POST /me"),
            ("/me", "GET /me/"),
            ("/me", "GET https://a.example.com/me"),
            ("/workflow/{{ id }}/job", "GET /workflow/*/jobs"),
            ("/workflow/{{ id }}/job", "GET /workflow/job"),
            (
                "/project/{{ slug }}/pipeline",
                "GET /project/gh/a/b/pipeline",
            ),
            (
                "/project/{{ slug | path }}/pipeline",
                "GET /project/pipeline",
            ),
            ("/{{ a | path }}/{{ b | path }}", "GET /1"),
            ("/x/job-{{ n }}.json", "GET /x/job-7.xml"),
        ] {
            assert!(!suits(endpoint, ask), "{endpoint} {ask}");
        }
    }

    #[test]
    fn many_values_with_slashes_take_no_time() {
        let endpoint = "/{{ a | path }}".repeat(40);
        let ask = format!("GET {}", "/x".repeat(80));
        assert!(suits(&endpoint, &ask));
        assert!(!suits(&format!("{endpoint}/y"), &ask));
    }

    #[test]
    fn forms_are_shown_as_patterns() {
        let shown = |endpoint: &str| form(endpoint).shown();
        assert_eq!(
            shown("/workflow/{{ id }}/job?a=1").as_deref(),
            Some("GET /workflow/*/job")
        );
        assert_eq!(shown("x/job-{{ n }}").as_deref(), Some("GET /x/*"));
    }
}
