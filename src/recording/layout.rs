//! Lays out JSON for review: on one line where it fits, else one member or item per line.
//!
//! The text is YAML, too. Whatever YAML does not allow in a text, and whatever an editor would not
//! show, is written as an escape.
//!
//! ```yaml
//! body:
//!   { "items": [
//!       { "id": "3e7019ef", "name": "build-image" },
//!       { "id": "70aa51c0", "name": "test" }
//!     ],
//!     "next_page_token": null
//!   }
//! ```

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The length of a line, in characters.
pub const WIDTH: usize = 100;

/// Words that YAML parsers read as a boolean or null (YAML 1.1 and 1.2).
const WORDS: [&str; 10] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan",
];

/// Appends `key: value`, with a line break at its end.
pub fn push_entry(text: &mut String, key: &str, value: &Value) {
    let start = text.len();
    let _ = write!(text, "{key}: ");
    let room = WIDTH - (text.len() - start);
    if push_line(text, value, room) {
        text.push('\n');
        return;
    }
    match value {
        Value::Array(items) => {
            text.truncate(start);
            let _ = write!(text, "{key}:\n  ");
            push_list(text, items, 2);
        }
        Value::Object(members) => {
            text.truncate(start);
            let _ = write!(text, "{key}:\n  ");
            push_object(text, members, 2);
        }
        scalar => push_scalar(text, scalar),
    }
    text.push('\n');
}

/// Appends a value that stands at a column, broken if it is too long. A character may follow it.
fn push_value(text: &mut String, value: &Value, indent: usize, column: usize) {
    if push_line(text, value, WIDTH.saturating_sub(column + 1)) {
        return;
    }
    match value {
        Value::Array(items) => push_list(text, items, indent),
        Value::Object(members) => push_object(text, members, indent),
        scalar => push_scalar(text, scalar),
    }
}

fn push_list(text: &mut String, items: &[Value], indent: usize) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_break(text, indent + 2);
        push_value(text, item, indent + 2, indent + 2);
    }
    push_break(text, indent);
    text.push(']');
}

fn push_object(text: &mut String, members: &Map<String, Value>, indent: usize) {
    text.push('{');
    for (index, (key, member)) in members.iter().enumerate() {
        if index > 0 {
            text.push(',');
            push_break(text, indent + 2);
        } else {
            text.push(' ');
        }
        let start = text.len();
        push_quoted(text, key);
        text.push(':');
        let column = indent + 3 + text[start..].chars().count();
        match member {
            // An object begins on a line of its own unless it fits, so that its members are in line.
            Value::Object(inner) => {
                let before = text.len();
                text.push(' ');
                if !push_line(text, member, WIDTH.saturating_sub(column + 1)) {
                    text.truncate(before);
                    push_break(text, indent + 4);
                    push_object(text, inner, indent + 4);
                }
            }
            other => {
                text.push(' ');
                push_value(text, other, indent + 2, column);
            }
        }
    }
    push_break(text, indent);
    text.push('}');
}

fn push_break(text: &mut String, indent: usize) {
    let _ = write!(text, "\n{:indent$}", "");
}

/// Appends a value on one line if it has no more characters than `room`; otherwise appends nothing
/// and returns false.
fn push_line(text: &mut String, value: &Value, room: usize) -> bool {
    let start = text.len();
    let fits = push_inline(text, value, start, room) && text[start..].chars().count() <= room;
    if !fits {
        text.truncate(start);
    }
    fits
}

/// Appends a value on one line. Stops and returns false once it is certainly too long.
fn push_inline(text: &mut String, value: &Value, start: usize, room: usize) -> bool {
    // A character has at most four bytes.
    let is_within = |text: &String| text.len() - start <= 4 * room;
    match value {
        Value::String(string) if string.len() > 4 * room => return false,
        Value::Number(number) if number.as_str().len() > room => return false,
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                if !is_within(text) || !push_inline(text, item, start, room) {
                    return false;
                }
            }
            text.push(']');
        }
        Value::Object(members) if members.is_empty() => text.push_str("{}"),
        Value::Object(members) => {
            text.push_str("{ ");
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                push_quoted(text, key);
                text.push_str(": ");
                if !is_within(text) || !push_inline(text, member, start, room) {
                    return false;
                }
            }
            text.push_str(" }");
        }
        scalar => push_scalar(text, scalar),
    }
    is_within(text)
}

fn push_scalar(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => push_quoted(text, string),
        Value::Array(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// Appends a text in double quotes, with escapes that JSON and YAML share.
pub fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    push_escaped(text, value);
    text.push('"');
}

/// Appends a text as between double quotes.
pub fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other if is_hidden(other) => {
                let _ = write!(text, "\\u{:04x}", u32::from(other));
            }
            other => text.push(other),
        }
    }
}

/// Returns true for characters that YAML does not allow (section 5.1), that end a line in some
/// parsers, or that are invisible or change the direction of text. All of them have four digits.
pub fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fffe}' | '\u{ffff}')
}

/// Returns a text as a scalar inside a map, quoted only if it must be.
pub fn flow_scalar(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    let mut text = String::with_capacity(value.len() + 2);
    push_quoted(&mut text, value);
    text
}

/// Returns true if YAML reads the bare text as that string, inside a map and outside.
fn is_plain(value: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-./ ;=+@".contains(c);
    value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(is_word)
        && !value.ends_with(' ')
        && value.len() <= WIDTH
        && !WORDS.contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json;

    fn laid_out(source: &str) -> String {
        let value = json::parse(source.as_bytes()).expect(source);
        let mut text = String::new();
        push_entry(&mut text, "body", &value);
        text
    }

    #[test]
    fn short_values_take_one_line() {
        for source in [
            "null",
            "1.10",
            r#""text""#,
            "[]",
            "{}",
            "[1, 2, []]",
            r#"{ "items": [], "next_page_token": null }"#,
        ] {
            assert_eq!(laid_out(source), format!("body: {source}\n"));
        }
    }

    #[test]
    fn long_values_take_a_line_for_each_record() {
        let source = r#"{"items":[{"id":"3e7019ef","name":"build-image","status":"failed","job_number":1233672},{"id":"70aa51c0","name":"test","trigger":{"type":"webhook","actor":{"login":"a-long-login-name","avatar_url":"https://example.com/a-long-address-of-a-picture"}}}],"next_page_token":null}"#;
        insta::assert_snapshot!(laid_out(source), @r#"
        body:
          { "items": [
              { "id": "3e7019ef", "name": "build-image", "status": "failed", "job_number": 1233672 },
              { "id": "70aa51c0",
                "name": "test",
                "trigger":
                  { "type": "webhook",
                    "actor":
                      { "login": "a-long-login-name",
                        "avatar_url": "https://example.com/a-long-address-of-a-picture"
                      }
                  }
              }
            ],
            "next_page_token": null
          }
        "#);
    }

    #[test]
    fn a_line_has_at_most_a_hundred_characters() {
        for length in 80..100 {
            let source = format!("[\"{}\"]", "é".repeat(length));
            let text = laid_out(&source);
            let is_one_line = text.lines().count() == 1;
            assert_eq!(
                is_one_line,
                "body: [\"\"]".len() + length <= WIDTH,
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let mut text = String::new();
        push_quoted(
            &mut text,
            "é\u{7f}\u{85}\u{2028}\u{202e}\u{feff}\u{1b}\t\u{ffff}😀",
        );
        let expected = "\"é\\u007f\\u0085\\u2028\\u202e\\ufeff\\u001b\\t\\uffff😀\"";
        assert_eq!(text, expected);
    }

    #[test]
    fn scalars_are_quoted_where_yaml_reads_something_else() {
        for plain in [
            "failed-jobs",
            "workflow w1",
            "gh/acme/web",
            "application/json; charset=utf-8",
        ] {
            assert_eq!(flow_scalar(plain), plain);
        }
        for quoted in [
            "", "1", "41e9", "No", "null", "a: b", "a,b", "a #b", " a", "a ", "-a", "*a",
        ] {
            assert!(flow_scalar(quoted).starts_with('"'), "{quoted}");
        }
    }
}
