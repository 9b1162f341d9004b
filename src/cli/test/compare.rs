//! Compares a result with its snapshot, and explains the difference.

use std::borrow::Cow;

use serde_json::{Map, Value};
use similar::{ChangeTag, DiffOp, TextDiff};

use crate::core::json;
use crate::core::text::{one_line, printable, truncate_to_width};
use crate::project::Query;
use crate::recording::{Content, Recorded};

/// The maximum number of differing rows that are shown.
const MOST_ROWS: usize = 10;

/// The maximum number of lines of a text difference.
const MOST_LINES: usize = 60;

/// The number of unchanged lines around a change.
const AROUND: usize = 3;

/// The maximum width of a value in terminal columns.
const WIDTH: usize = 90;

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The kind of line.
    pub kind: LineKind,
    /// The text, without its sign.
    pub text: String,
}

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Only in the snapshot.
    Expected,
    /// Only in the result.
    Got,
    /// In both.
    Same,
    /// A heading or an explanation.
    Note,
}

impl Line {
    fn new(kind: LineKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// Returns the difference between a snapshot and a result; `None` if they are equal.
pub fn difference(
    expected: &[u8],
    got: &[u8],
    query: &Query,
    recorded: &[Recorded],
) -> Option<Vec<Line>> {
    // Git may convert line ends.
    let expected = String::from_utf8_lossy(expected).replace("\r\n", "\n");
    let got = String::from_utf8_lossy(got);
    if expected == got {
        return None;
    }
    let lists = (list(&expected), list(&got));
    if let (Some(expected), Some(got)) = &lists
        && let Some(lines) = by_columns(expected, got, query, recorded)
    {
        return Some(lines);
    }
    Some(match lists {
        (Some(expected), Some(got)) => by_lines(&row_lines(&expected), &row_lines(&got)),
        _ => by_lines(&expected, &got),
    })
}

/// Returns the records of a JSON result: a list, or the only one.
fn list(text: &str) -> Option<Vec<Value>> {
    match json::parse(text.as_bytes()).ok()? {
        Value::Array(rows) => Some(rows),
        row @ Value::Object(_) => Some(vec![row]),
        _ => None,
    }
}

fn row_lines(rows: &[Value]) -> String {
    let mut lines = String::new();
    for row in rows {
        lines.push_str(&row.to_string());
        lines.push('\n');
    }
    lines
}

/// Shows the columns that differ, if both have the same number of records and columns.
fn by_columns(
    expected: &[Value],
    got: &[Value],
    query: &Query,
    recorded: &[Recorded],
) -> Option<Vec<Line>> {
    if expected.len() != got.len() {
        return None;
    }
    let mut lines = Vec::new();
    let mut differing = 0;
    for (index, (before, after)) in expected.iter().zip(got).enumerate() {
        let (Value::Object(before), Value::Object(after)) = (before, after) else {
            return None;
        };
        let names = changed(before, after);
        if names.is_empty() {
            continue;
        }
        differing += 1;
        if differing > MOST_ROWS {
            continue;
        }
        let number = index + 1;
        lines.push(Line::new(
            LineKind::Note,
            format!(
                "record {number} of {}{}",
                got.len(),
                identity(after, &names)
            ),
        ));
        for name in names {
            let side = |kind, row: &Map<String, Value>| {
                let value = row.get(name).map_or("(no such column)".to_owned(), shown);
                Line::new(kind, format!("{name}: {value}"))
            };
            lines.push(side(LineKind::Expected, before));
            lines.push(side(LineKind::Got, after));
            lines.extend(origin(name, after, query, recorded));
        }
    }
    if differing == 0 {
        // Only the notation differs.
        return None;
    }
    if differing > MOST_ROWS {
        let more = differing - MOST_ROWS;
        lines.push(Line::new(
            LineKind::Note,
            format!("and {more} more records"),
        ));
    }
    Some(lines)
}

/// Returns the columns with different values or notations.
fn changed<'m>(before: &'m Map<String, Value>, after: &'m Map<String, Value>) -> Vec<&'m str> {
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let names = before.keys().chain(added);
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    names.filter(differs).map(String::as_str).collect()
}

/// Returns the first unchanged columns, by which people recognize a record.
fn identity(row: &Map<String, Value>, changed: &[&str]) -> String {
    let is_plain = |value: &Value| value.is_string() || value.is_number();
    let known = row
        .iter()
        .filter(|(name, value)| is_plain(value) && !changed.contains(&name.as_str()))
        .take(2)
        .map(|(name, value)| format!("{name}: {}", shown(value)));
    let known: Vec<String> = known.collect();
    if known.is_empty() {
        String::new()
    } else {
        format!(" ({})", known.join(", "))
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => one_line(text).into_owned(),
        other => other.to_string(),
    };
    truncate_to_width(&printable(&text), WIDTH).into_owned()
}

/// Explains where a value comes from: the line of the column, and the answer with the record.
fn origin(
    name: &str,
    row: &Map<String, Value>,
    query: &Query,
    recorded: &[Recorded],
) -> Option<Line> {
    let column = query
        .shape
        .extract
        .iter()
        .find(|column| column.name == name)?;
    let mut words = format!("from `{name}` at {}", column.place.short());
    if let Some(exchange) = answer_with(row, query, recorded) {
        words.push_str(&format!(
            ", in the answer to {} {}",
            exchange.ask.method, exchange.ask.target
        ));
        if let Some(place) = &exchange.place {
            words.push_str(&format!(" at {}", place.short()));
        }
    }
    Some(Line::new(LineKind::Note, format!("  {words}")))
}

/// Returns the answer that most values of a record are found in.
fn answer_with<'r>(
    row: &Map<String, Value>,
    query: &Query,
    recorded: &'r [Recorded],
) -> Option<&'r Recorded> {
    let own = recorded.iter().filter(|one| one.of.query == query.name);
    let scored = own.map(|one| {
        let found = row
            .values()
            .filter(|value| contains(&one.answer.body, value));
        (found.count(), one)
    });
    // The first of several.
    let best = scored.reduce(|best, one| if one.0 > best.0 { one } else { best });
    best.filter(|(count, _)| *count > 0).map(|(_, one)| one)
}

fn contains(body: &Content, value: &Value) -> bool {
    match body {
        Content::Json(body) => is_in(body, value),
        _ => false,
    }
}

fn is_in(tree: &Value, value: &Value) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(|item| is_in(item, value)),
        Value::Object(members) => members.values().any(|member| is_in(member, value)),
        scalar => !scalar.is_null() && scalar == value,
    }
}

/// Shows changed lines with some around them.
fn by_lines(expected: &str, got: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(expected, got);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let (old, new) = (first.old_range().start, first.new_range().start);
            let heading = format!(
                "@@ -{},{} +{},{} @@",
                old + 1,
                last.old_range().end - old,
                new + 1,
                last.new_range().end - new
            );
            lines.push(Line::new(LineKind::Note, heading));
        }
        for op in &group {
            // Long lines are shown around the place where they begin to differ.
            let from = first_difference(&diff, op);
            for change in diff.iter_changes(op) {
                let kind = match change.tag() {
                    ChangeTag::Delete => LineKind::Expected,
                    ChangeTag::Insert => LineKind::Got,
                    ChangeTag::Equal => LineKind::Same,
                };
                let text = cropped(change.value().trim_end_matches('\n'), from);
                lines.push(Line::new(kind, printable(&text)));
                if change.missing_newline() {
                    lines.push(Line::new(LineKind::Note, "(no line break at the end)"));
                }
            }
        }
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(Line::new(LineKind::Note, format!("and {more} more lines")));
    }
    lines
}

/// The number of characters before the first difference of a long line.
const BEFORE: usize = 40;

/// The maximum number of characters of a line.
const LONGEST: usize = 160;

/// Returns the number of characters that the first lines of a change have in common.
fn first_difference(diff: &TextDiff<'_, '_, '_, str>, op: &DiffOp) -> usize {
    let old = diff.old_slices().get(op.old_range().start);
    let new = diff.new_slices().get(op.new_range().start);
    let (Some(old), Some(new)) = (old, new) else {
        return 0;
    };
    let pairs = old.chars().zip(new.chars());
    pairs.take_while(|(before, after)| before == after).count()
}

/// Returns the part of a long line around a place.
fn cropped(line: &str, around: usize) -> Cow<'_, str> {
    let length = line.chars().count();
    if length <= LONGEST {
        return Cow::Borrowed(line);
    }
    let start = around.saturating_sub(BEFORE).min(length - LONGEST);
    let part: String = line.chars().skip(start).take(LONGEST).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if start + LONGEST < length { "…" } else { "" };
    Cow::Owned(format!("{before}{part}{after}"))
}
