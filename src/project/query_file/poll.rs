//! The `poll` part of a query file.

use std::time::Duration;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::project::grammar;
use crate::project::query::Poll;
use crate::project::query_file::call::Scopes;
use crate::project::query_file::effect::Effect;
use crate::project::query_file::request;
use crate::project::query_file::result::RESPONSE;
use crate::project::template::expression;

/// The default timeout.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Reads the part.
pub fn read(
    entry: Option<&Entry>,
    names: &Scopes<'_>,
    effect: &Effect,
    faults: &mut Diagnostics,
) -> Option<Poll> {
    let entry = entry.filter(|entry| !entry.value.is_null())?;
    let node = &entry.value;
    let of_condition = names
        .record
        .with("rows")
        .with_record("row", None)
        .with_members("response", &RESPONSE);
    if !matches!(node.content, Content::Map(_)) {
        let hint = node
            .as_text()
            .map(|text| format!("write `poll: {{ until: {} }}`", text.value));
        faults.push(node.mismatch("poll", "a mapping").maybe_help(hint));
        return None;
    }
    let mut fields = node.fields_of("poll", grammar::POLL, faults);
    let until_node = fields.get("until");
    let until = until_node.and_then(|node| expression(node, "until", &of_condition, faults));
    let every_node = fields.get("every");
    let every = every_node.and_then(|node| duration(node, "every", faults));
    let timeout = match fields.get("timeout") {
        None => Some(USUAL_TIMEOUT),
        Some(node) => duration(node, "timeout", faults),
    };
    let endpoint_node = fields.get("endpoint");
    let endpoint = endpoint_node
        .and_then(|node| request::endpoint(node, &names.request.with_record("row", None), faults));
    fields.finish(faults);
    if let Some(method) = effect.writes().filter(|_| endpoint_node.is_none()) {
        let words = format!("`poll` repeats the request, and `{method}` writes");
        faults.push(Diagnostic::at(&entry.key_place, Code::PollWrites, words).help(
            "add the endpoint to poll, for example `endpoint: /jobs/{{ row.id }}`: the request is \
             then sent once, and `row` is its response",
        ));
    }
    if until_node.is_none() {
        let words = "`poll` needs `until`";
        faults.push(
            Diagnostic::at(&node.place, Code::MissingKey, words)
                .help("add the condition, for example `until: row.status == \"success\"`"),
        );
    }
    Some(Poll {
        until: until?,
        endpoint,
        every,
        timeout: timeout?,
    })
}

fn duration(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Duration> {
    let duration = node.duration(key, faults)?;
    if duration.is_zero() {
        let words = format!("`{key}` must be longer than 0");
        faults.push(Diagnostic::at(&node.place, Code::Poll, words));
        return None;
    }
    Some(duration)
}
