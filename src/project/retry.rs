//! The `retry` part of a resource file or a query file.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::http::retry::RetryChange;
use crate::project::grammar;

/// Reads the part. Missing keys leave the policy unchanged.
pub fn read(node: &Node, faults: &mut Diagnostics) -> RetryChange {
    let mut fields = node.fields_of("retry", grammar::RETRY, faults);
    let max_attempts = fields
        .integer("max_attempts", 1..=100, faults)
        .and_then(|number| u32::try_from(number).ok());
    let base_delay = fields.duration("base_delay", faults);
    let max_delay = fields.duration("max_delay", faults);
    let statuses = fields.get("statuses").map(|node| statuses(node, faults));
    fields.finish(faults);
    RetryChange {
        max_attempts,
        base_delay,
        max_delay,
        statuses,
    }
}

fn statuses(node: &Node, faults: &mut Diagnostics) -> Vec<u16> {
    let read = |item: &&Node| item.integer("statuses", 400..=599, faults);
    let found = node.items().iter().filter_map(read).collect::<Vec<_>>();
    found
        .into_iter()
        .filter_map(|status| u16::try_from(status).ok())
        .collect()
}

/// Reads the part in a query file. A request that writes is not retried after a 5xx status.
pub fn of_query(
    node: Option<&Node>,
    writes: bool,
    faults: &mut Diagnostics,
) -> Option<RetryChange> {
    let node = node?;
    let change = read(node, faults);
    let own = change.statuses.iter().flatten();
    for status in own.filter(|status| writes && **status >= 500) {
        let words = format!(
            "the query writes, and a {status} may mean that the request was \
            carried out"
        );
        let place = node.get("statuses").map_or(&node.place, |node| &node.place);
        faults.push(Diagnostic::at(place, Code::Retry, words).help(
            "only requests that change nothing are retried then: set `safe: true` if that is the \
             case",
        ));
    }
    Some(change)
}
