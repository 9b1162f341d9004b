//! Writes a recording as an answers file; [`crate::recording::read`] is the inverse.
//!
//! The file is a YAML stream, one document an exchange. Each value has one spelling, so that an
//! unchanged answer is an unchanged text.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::core::time::format_time;
use crate::recording::layout::{
    WIDTH, flow_scalar, is_hidden, push_entry, push_escaped, push_quoted,
};
use crate::recording::{Broken, Content, Origin, Recorded, Recording};

/// The length of a line of base64.
const BASE64_LINE: usize = 92;

/// Returns the answers file of a recording.
///
/// Header fields of one name are written together, at the place of the first.
pub fn text(recording: &Recording) -> String {
    let mut text = String::from("--- # runner answers 1");
    if let Some(time) = recording.recorded {
        let _ = write!(text, " · recorded {}", format_time(time));
    }
    if !recording.resources.is_empty() {
        let _ = write!(text, " · {}", recording.resources.join(", "));
    }
    text.push('\n');
    for (index, recorded) in recording.exchanges.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        push_exchange(&mut text, recorded);
    }
    text
}

/// Appends one document without its separator.
pub fn push_exchange(text: &mut String, recorded: &Recorded) {
    let ask = &recorded.ask;
    push_ask(text, &ask.method, &ask.target);
    push_origin(text, &recorded.of);
    match &ask.sent {
        Content::Empty => {}
        Content::Json(value) => push_entry(text, "sent", value),
        Content::Text(value) => push_text(text, "sent_text", value),
        Content::Bytes(bytes) => push_bytes(text, "sent_base64", bytes),
    }
    let answer = &recorded.answer;
    let _ = writeln!(text, "status: {}", answer.status);
    push_headers(text, &answer.headers);
    if !answer.delay.is_zero() {
        let _ = writeln!(text, "delay: {}", duration(answer.delay));
    }
    match answer.broken {
        None => {}
        Some(Broken::Connection) => text.push_str("broken: connection\n"),
        Some(Broken::Half) => text.push_str("broken: half\n"),
    }
    match &answer.body {
        Content::Empty => {}
        Content::Json(value) => push_entry(text, "body", value),
        Content::Text(value) => push_text(text, "text", value),
        Content::Bytes(bytes) => push_bytes(text, "base64", bytes),
    }
}

fn push_ask(text: &mut String, method: &str, target: &str) {
    let is_plain = target
        .chars()
        .all(|c| c.is_alphanumeric() || (c.is_ascii_graphic() && c != '\\'))
        && !target.ends_with(':')
        && !target.is_empty();
    text.push_str("ask: ");
    if is_plain {
        let _ = writeln!(text, "{method} {target}");
    } else {
        push_quoted(text, &format!("{method} {target}"));
        text.push('\n');
    }
}

fn push_origin(text: &mut String, of: &Origin) {
    let query = (!of.query.is_empty()).then_some(("query", of.query.as_str()));
    let item = of.item.as_deref().map(|item| ("item", item));
    let members: Vec<String> = [query, item]
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}: {}", flow_scalar(value)))
        .collect();
    if !members.is_empty() {
        let _ = writeln!(text, "of: {{ {} }}", members.join(", "));
    }
}

fn push_headers(text: &mut String, headers: &[(String, String)]) {
    let mut grouped: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, value) in headers {
        let value = flow_scalar(value);
        match grouped.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value),
            None => grouped.push((name, vec![value])),
        }
    }
    if grouped.is_empty() {
        return;
    }
    let members: Vec<String> = grouped
        .iter()
        .map(|(name, values)| match values.as_slice() {
            [value] => format!("{}: {value}", flow_scalar(name)),
            values => format!("{}: [{}]", flow_scalar(name), values.join(", ")),
        })
        .collect();
    let line = format!("headers: {{ {} }}", members.join(", "));
    if line.chars().count() <= WIDTH {
        let _ = writeln!(text, "{line}");
    } else {
        let _ = writeln!(text, "headers:\n  {{ {}\n  }}", members.join(",\n    "));
    }
}

/// Returns a duration that is read as the same number of milliseconds.
fn duration(delay: Duration) -> String {
    let milliseconds = delay.as_millis();
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

/// Appends a text: as a block if that keeps every character visible, else in quotes.
fn push_text(text: &mut String, key: &str, value: &str) {
    if is_block(value) {
        // The first line must not decide on the indentation if it begins with blanks.
        let indent = if value.starts_with([' ', '\n']) {
            "2"
        } else {
            ""
        };
        let content = value.trim_end_matches('\n');
        let chomp = match value.len() - content.len() {
            0 => "-",
            1 => "",
            _ => "+",
        };
        let _ = writeln!(text, "{key}: |{indent}{chomp}");
        for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
            if !line.is_empty() {
                text.push_str("  ");
                text.push_str(line);
            }
            text.push('\n');
        }
        return;
    }
    let _ = write!(text, "{key}: \"");
    for (index, line) in value.split_inclusive('\n').enumerate() {
        let mut line = line;
        if index > 0 {
            // A backslash joins a line with the next, without the blanks that begin it.
            text.push_str("\\\n  ");
            if let Some(rest) = line.strip_prefix(' ') {
                text.push_str("\\u0020");
                line = rest;
            }
        }
        push_escaped(text, line);
    }
    text.push_str("\"\n");
}

/// Returns true if a text of several lines can be written as it is. Editors remove blanks at the
/// end of a line.
fn is_block(value: &str) -> bool {
    let content = value.trim_matches('\n');
    content.contains('\n')
        && !value
            .chars()
            .any(|c| is_hidden(c) && !matches!(c, '\n' | '\t'))
        && !value
            .split('\n')
            .any(|line| line.ends_with([' ', '\t']) || line.starts_with('\t'))
}

fn push_bytes(text: &mut String, key: &str, bytes: &[u8]) {
    let encoded = STANDARD.encode(bytes);
    let _ = write!(text, "{key}: \"");
    let mut rest = encoded.as_str();
    while rest.len() > BASE64_LINE {
        let (line, next) = rest.split_at(BASE64_LINE);
        let _ = write!(text, "{line}\\\n  ");
        rest = next;
    }
    let _ = writeln!(text, "{rest}\"");
}
