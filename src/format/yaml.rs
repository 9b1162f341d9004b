//! `yaml`: one document, a sequence of the records or a mapping for the single record.
//!
//! Written by hand because parsers differ: in YAML 1.1, which Python's, Ruby's and Ansible's parsers
//! still use, an unquoted `no`, `1_000`, `12:30` or `2019-08-24` is not a string. Libraries for YAML
//! 1.2 leave those unquoted. Here a string is plain only if it is a string in both versions,
//! double-quoted as in JSON otherwise, and a block scalar if it has several lines.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::{Format, FormatError, Render, Shape, Single};
use crate::core::file_ending;
use crate::core::text::characters;

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::YAML,
    separator: |_, _| "---\n".to_owned(),
    ..Format::new("yaml", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    if shape.single {
        Box::new(Single::new(|record, out| {
            let mut text = String::new();
            write_node(record, After::Nothing, 0, &mut text);
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }))
    } else {
        Box::new(YamlList::default())
    }
}

#[derive(Default)]
struct YamlList {
    begun: bool,
}

impl Render for YamlList {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.begun = true;
        let mut text = String::from("-");
        write_node(record, After::Dash, 2, &mut text);
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if !self.begun {
            out.extend_from_slice(b"[]\n");
        }
        Ok(())
    }
}

/// The text before a node on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Key,
    Dash,
}

/// Appends the node and a line break. Lines after the first are indented by `indent`.
fn write_node(node: &Value, after: After, indent: usize, out: &mut String) {
    match node {
        Value::Object(fields) if !fields.is_empty() => write_mapping(fields, after, indent, out),
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                begin_entry(index, after, indent, out);
                out.push('-');
                write_node(item, After::Dash, indent + 2, out);
            }
        }
        scalar => {
            if after != After::Nothing {
                out.push(' ');
            }
            match scalar {
                Value::String(text) if is_block(text) && after != After::Nothing => {
                    write_block(text, indent, out);
                }
                Value::String(text) => write_string(text, out),
                Value::Number(number) => out.push_str(&number_text(number)),
                other => out.push_str(&other.to_string()),
            }
            out.push('\n');
        }
    }
}

/// Formats a number as in JSON. In YAML 1.1, a float has a point and a signed exponent, so `1e20`
/// becomes `1.0e+20`.
fn number_text(number: &Number) -> Cow<'_, str> {
    let text = number.as_str();
    let Some(at) = text.find(['e', 'E']) else {
        return text.into();
    };
    let (digits, exponent) = (&text[..at], &text[at + 1..]);
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) {
        ""
    } else {
        "+"
    };
    format!("{digits}{point}{}{sign}{exponent}", &text[at..=at]).into()
}

fn write_mapping(fields: &Map<String, Value>, after: After, indent: usize, out: &mut String) {
    for (index, (key, value)) in fields.iter().enumerate() {
        begin_entry(index, after, indent, out);
        let start = out.len();
        write_string(key, out);
        // A longer key needs an explicit mark (YAML 1.2, 7.4).
        if out.len() - start > 1000 {
            out.insert_str(start, "? ");
            out.push('\n');
            push_indent(indent, out);
        }
        out.push(':');
        write_node(value, After::Key, indent + 2, out);
    }
}

/// Starts an entry: the first one goes after a dash, but below a key.
fn begin_entry(index: usize, after: After, indent: usize, out: &mut String) {
    match after {
        After::Dash if index == 0 => out.push(' '),
        After::Key if index == 0 => {
            out.push('\n');
            push_indent(indent, out);
        }
        _ => push_indent(indent, out),
    }
}

fn push_indent(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn write_string(text: &str, out: &mut String) {
    if is_bare(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for (character, hidden) in with_hidden(text) {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if hidden => {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "\\U{:08x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Appends a block scalar, with an indicator for its trailing newlines.
fn write_block(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    out.push('|');
    match text.len() - body.len() {
        0 => out.push('-'),
        1 => {}
        _ => out.push('+'),
    }
    // Every scalar ends with a newline.
    let lines = text.strip_suffix('\n').unwrap_or(text);
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            push_indent(indent, out);
            out.push_str(line);
        }
    }
}

/// Returns true for several lines that survive a block scalar exactly: no leading space, no
/// trailing spaces, nothing to escape.
fn is_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n'])
        && text
            .split('\n')
            .all(|line| !line.ends_with(' ') && with_hidden(line).all(|(_, hidden)| !hidden))
}

/// Returns true if every parser reads the unquoted text as this string.
fn is_bare(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let begins = first.is_alphanumeric() || matches!(first, '_' | '/' | '.' | '(' | '+');
    begins
        && !text.ends_with([' ', ':'])
        && text.chars().all(is_bare_character)
        && !text.contains(": ")
        && !text.contains(" #")
        && !is_word(text)
        && !looks_like_number(text)
        && !looks_like_time(text)
}

/// Returns true for letters and digits of every script, and for marks without meaning inside a
/// plain scalar.
fn is_bare_character(character: char) -> bool {
    match character {
        ' ' | '_' | '-' | '.' | '/' | '+' | '@' | '(' | ')' | ',' | ';' | ':' | '#' | '\''
        | '=' | '<' | '>' | '!' | '?' | '*' | '&' | '~' | '$' | '^' | '%' | '"' => true,
        _ => character.is_alphanumeric(),
    }
}

/// Returns true for words that mean a boolean or null in some parser.
fn is_word(text: &str) -> bool {
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Returns true for integers, floats, sexagesimal numbers, and some texts that resemble them.
fn looks_like_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let lower = digits.to_ascii_lowercase();
    if lower.starts_with("0x") || matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let numeric =
        |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | ',' | ':' | 'e' | '+' | '-');
    let based = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '_');
    lower.strip_prefix("0o").is_some_and(based)
        || lower.strip_prefix("0b").is_some_and(based)
        || (lower.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && lower.chars().all(numeric))
}

/// Returns true for a date with a time; a date alone already looks like a number.
fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "-:.+TtZz ".contains(c))
}

/// Returns the characters, each with true if it must be escaped: unsafe on a terminal, or refused
/// by parsers.
fn with_hidden(text: &str) -> impl Iterator<Item = (char, bool)> {
    characters(text).map(|(character, hidden)| {
        (
            character,
            hidden || matches!(character, '\u{fffe}' | '\u{ffff}'),
        )
    })
}
