//! The `poll` part of a query file: until when it asks again.

use std::time::Duration;

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::project::query::Poll;
use crate::project::template::{Names, expression};

/// How long a query asks that does not say so.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Reads the part. `names` is what each request sees, and the columns.
pub fn read(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Poll> {
    let names = names.with_all(["rows", "row", "response"]);
    if !matches!(node.content, Content::Map(_)) {
        let hint = node
            .as_text()
            .map(|text| format!("write `poll: {{ until: {} }}`", text.value));
        faults.push(node.mismatch("poll", "a mapping").maybe_help(hint));
        return None;
    }
    let mut fields = node.fields("poll", faults);
    let until_node = fields.get("until");
    let until = until_node.and_then(|node| expression(node, "until", &names, faults));
    let every_node = fields.get("every");
    let every = every_node.and_then(|node| duration(node, "every", faults));
    let timeout = match fields.get("timeout") {
        None => Some(USUAL_TIMEOUT),
        Some(node) => duration(node, "timeout", faults),
    };
    fields.finish(faults);
    if until_node.is_none() {
        let words = "`poll` needs `until`";
        faults.push(
            Diagnostic::at(&node.place, "missing-key", words)
                .help("say what must hold, for example `until: row.status == \"success\"`"),
        );
    }
    Some(Poll {
        until: until?,
        every,
        timeout: timeout?,
    })
}

fn duration(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Duration> {
    let duration = node.duration(key, faults)?;
    if duration.is_zero() {
        let words = format!("`{key}` is more than no time");
        faults.push(Diagnostic::at(&node.place, "poll", words));
        return None;
    }
    Some(duration)
}
