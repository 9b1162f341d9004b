//! The effect of a query's requests, given by `safe`, the method, the GraphQL operation or the kind
//! of API.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::http::{Method, is_safe_method};
use crate::project::query::{Address, Body};
use crate::project::query_file::request::RequestParts;
use crate::resource::Speak;
use crate::template::{Piece, Template};

/// The effect of the requests of a query.
pub struct Effect {
    /// The method, if it is valid.
    method: Option<Method>,
    /// True if the requests are safe (RFC 9110, section 9.2.1).
    pub is_safe: bool,
    /// True if they are safe only because the file says so.
    pub is_declared: bool,
    /// True if the kind of API knows which responses are final.
    pub has_finality: bool,
}

impl Effect {
    /// Determines the effect: from `safe`, or else the method, the GraphQL operation, or all kinds
    /// of API of the resource.
    pub fn read(
        safe: Option<&Node>,
        request: &RequestParts,
        kinds: &[&'static dyn Speak],
        faults: &mut Diagnostics,
    ) -> Self {
        let by_nature = is_safe(request, kinds);
        let is_safe = match safe {
            Some(node) => {
                let is_safe = node.boolean("safe", faults).unwrap_or(true);
                is_safe && !is_mutation(node, request, faults)
            }
            None => by_nature,
        };
        Self {
            method: request.method.clone(),
            is_safe,
            is_declared: is_safe && !by_nature,
            has_finality: kinds.iter().all(|kind| kind.finality().is_some()),
        }
    }

    /// Returns the method, if it writes.
    pub fn writes(&self) -> Option<&Method> {
        self.method.as_ref().filter(|_| !self.is_safe)
    }

    /// Returns true if the requests are safe although their method is not.
    pub fn is_search(&self) -> bool {
        self.is_safe && !self.method.as_ref().is_none_or(is_safe_method)
    }
}

/// Refuses a mutation that is declared safe: GraphQL itself says that it is not.
fn is_mutation(node: &Node, request: &RequestParts, faults: &mut Diagnostics) -> bool {
    let is_mutation = matches!(&request.body, Some(Body::Graphql(body)) if !body.is_query());
    if is_mutation {
        let words =
            "a GraphQL `mutation` writes, and `safe: true` declares that it changes nothing";
        faults.push(Diagnostic::at(&node.place, Code::Graphql, words).help("remove `safe`"));
    }
    is_mutation
}

fn is_safe(request: &RequestParts, kinds: &[&'static dyn Speak]) -> bool {
    // An invalid method is only reported once.
    let Some(method) = &request.method else {
        return true;
    };
    if is_safe_method(method) {
        return true;
    }
    match &request.body {
        Some(Body::Graphql(body)) => return body.is_query(),
        // An invalid document is only reported once.
        None if request.is_graphql => return true,
        _ => {}
    }
    let Some(Address::Endpoint(endpoint)) = &request.address else {
        return false;
    };
    let Some(route) = route(endpoint) else {
        return false;
    };
    let segments: Vec<&str> = route.split('/').collect();
    !kinds.is_empty() && kinds.iter().all(|kind| kind.is_search(method, &segments))
}

/// Returns the path of an endpoint with `{}` in place of each value; `None` if a value may span
/// several segments.
fn route(endpoint: &Template) -> Option<String> {
    let mut route = String::new();
    for piece in endpoint.pieces()? {
        match piece {
            Piece::Raw(raw) => route.push_str(raw),
            // The filter `path` keeps slashes.
            Piece::Hole(hole) if hole.keeps_slashes() => return None,
            Piece::Hole(_) => route.push_str("{}"),
        }
    }
    let path = route.split('?').next().unwrap_or_default();
    Some(path.strip_prefix('/').unwrap_or(path).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::source::{Place, SourceFile, Span, Text};

    #[test]
    fn a_value_is_one_segment_unless_it_may_be_several() {
        for (endpoint, expected) in [
            ("/runs/search", Some("runs/search")),
            ("runs/search?x=1/2", Some("runs/search")),
            ("/analysis/{{ kind }}", Some("analysis/{}")),
            ("/analysis/{{ kind }}-{{ kind }}", Some("analysis/{}-{}")),
            ("/runs/search/", Some("runs/search/")),
            ("/analysis/{{ kind | path }}", None),
        ] {
            let file = SourceFile::new("a.yaml", "", endpoint);
            let span = Span::new(0, endpoint.len());
            let text = Text::new(endpoint, &Place { file, span });
            let template = Template::parse(&text).expect("a template");
            assert_eq!(route(&template).as_deref(), expected, "{endpoint}");
        }
    }
}
