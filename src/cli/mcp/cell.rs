//! The cells of an answer. They were written by other people: nothing in them may control a terminal
//! or hide from a reader.

use serde_json::Value;

use crate::cli::mcp::arguments::is_beyond_doubles;
use crate::core::markdown;
use crate::core::text::printable_lines;

/// Makes a value fit for an answer: text without control characters and with at most `longest`
/// characters, nested values as JSON text, and numbers that clients would round as text. Returns true
/// beside it if it was cut.
pub fn of_value(value: &Value, longest: usize) -> (Value, bool) {
    match value {
        Value::Number(number) if is_beyond_doubles(value) => (number.to_string().into(), false),
        Value::Null | Value::Bool(_) | Value::Number(_) => (value.clone(), false),
        Value::String(text) => of_text(text, longest),
        Value::Array(_) | Value::Object(_) => of_text(&value.to_string(), longest),
    }
}

fn of_text(text: &str, longest: usize) -> (Value, bool) {
    let (text, is_cut) = cut(text, longest);
    (text.into(), is_cut)
}

/// Removes control characters from a text, and cuts it with a final `…` if it is longer than
/// `longest` characters.
pub fn cut(text: &str, longest: usize) -> (String, bool) {
    // A long text is not cleaned as a whole to be thrown away.
    let room = text.char_indices().nth(longest * 2).map(|(at, _)| at);
    let clean = printable_lines(&text[..room.unwrap_or(text.len())]).into_owned();
    let is_cut = room.is_some() || clean.chars().nth(longest).is_some();
    if !is_cut {
        return (clean, false);
    }
    let short: String = clean.chars().take(longest.saturating_sub(1)).collect();
    (format!("{short}…"), true)
}

/// Returns a cell for a Markdown table.
pub fn markdown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => markdown::escape(text),
        other => other.to_string(),
    }
}
