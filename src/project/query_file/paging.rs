//! Checks `paginate` against the rest of a query file.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::paginate::{Choice, Pagination, RequestPlace};
use crate::template::selector::Selector;

/// Checks the pagination against the rest of its query.
pub fn check(
    node: &Node,
    paginate: Option<&Pagination>,
    rows: Option<&Selector>,
    faults: &mut Diagnostics,
) {
    if let (Some(paginate), Some(rows)) = (paginate, rows) {
        refuse_unknown_list(node, paginate, rows, faults);
        refuse_two_places(node, paginate, faults);
    }
}

/// Refuses pagination by counting if `rows` does not name the list to count.
fn refuse_unknown_list(
    node: &Node,
    paginate: &Pagination,
    rows: &Selector,
    faults: &mut Diagnostics,
) {
    let Choice::Style(style) = &paginate.choice else {
        return;
    };
    if style.knows_of_more() || style.list().is_some() || rows.names_a_list() {
        return;
    }
    let place = node
        .get("paginate")
        .map_or(&node.place, |paginate| &paginate.place);
    let words = format!(
        "`rows: {}` does not name the list that is paged, so its end cannot be found",
        rows.source()
    );
    faults.push(
        Diagnostic::at(place, Code::Paginate, words)
            .help("set `list`, for example `{ offset: { list: $.groups } }`"),
    );
}

/// Refuses a page number that is set in the body but sent in the URL by `paginate`: the same page
/// would be returned again and again.
fn refuse_two_places(node: &Node, paginate: &Pagination, faults: &mut Diagnostics) {
    let Choice::Style(style) = &paginate.choice else {
        return;
    };
    let body = node.get("body").and_then(|body| {
        let variables = || body.get("graphql")?.get("variables");
        body.get("json").or_else(variables)
    });
    let in_params = |name: &str| {
        node.get("params")
            .is_some_and(|params| params.get(name).is_some())
    };
    for (place, _) in style.first() {
        let RequestPlace::Param(name) = place else {
            continue;
        };
        let Some(value) = body
            .and_then(|body| body.get(&name))
            .filter(|_| !in_params(&name))
        else {
            continue;
        };
        let words = format!("`{name}` is in the body, and `paginate` sends it in the URL");
        let help = "use `body` instead of `param`, and `size_body` instead of `size_param`, to \
            send numbers in the body: `{ offset: { body: offset, size_body: limit, size: 50 } }`";
        faults.push(Diagnostic::at(&value.place, Code::Paginate, words).help(help));
    }
}
