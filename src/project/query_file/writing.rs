//! Keys that are not allowed in a query that writes.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};

/// Keys that select among the records of a response, when the request has already been sent.
const CHOICES: [&str; 4] = ["where", "unique", "stop_when", "sort"];

/// Refuses keys that would only select the output of a query that writes, and a `paginate` that
/// would repeat its request.
pub fn refuse_choices(node: &Node, writes: bool, faults: &mut Diagnostics) {
    if !writes {
        return;
    }
    let has_items = node.get("for_each").is_some();
    for entry in CHOICES.iter().filter_map(|key| said(node, key)) {
        let words = format!(
            "the query writes, and `{}` would only filter the output, not the requests",
            entry.key
        );
        let help = if has_items {
            "filter before sending: with `where` in `for_each`, or in the query that provides the \
             items"
        } else {
            "remove it: the single request is sent regardless"
        };
        faults.push(
            Diagnostic::at(&entry.key_place, Code::Writes, words)
                .help(help)
                .help(SAFE),
        );
    }
    // Polling only reads, whatever the first request does.
    let polls = node.get("poll").and_then(|poll| poll.get("endpoint"));
    let pages = said(node, "paginate").filter(|entry| polls.is_none() && goes_on(&entry.value));
    if let Some(entry) = pages {
        let words = "the query writes, and `paginate` would repeat it for every page";
        faults.push(
            Diagnostic::at(&entry.key_place, Code::Writes, words)
                .help("remove it, or set `paginate: false`")
                .help(SAFE),
        );
    }
}

const SAFE: &str = "if the request changes nothing, such as a search, set `safe: true`";

/// Returns the entry of a key, unless its value is that without the key.
fn said<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    let Content::Map(entries) = &node.content else {
        return None;
    };
    let mut entries = entries.iter();
    entries.find(|entry| entry.key == key && !says_nothing(entry))
}

fn says_nothing(entry: &Entry) -> bool {
    match entry.value.content {
        Content::Null => true,
        // `where: false` selects nothing, although all requests are sent.
        Content::Bool(false) => ["unique", "paginate"].contains(&entry.key.as_str()),
        _ => false,
    }
}

/// Returns true if the value of `paginate` is not allowed for a write.
fn goes_on(value: &Node) -> bool {
    match &value.content {
        Content::Text(word) => word != "auto",
        _ => true,
    }
}
