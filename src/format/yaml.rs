//! `yaml`: one document, a sequence of the records or a mapping for the single record.
//!
//! Written by hand because parsers differ: in YAML 1.1, which Python's, Ruby's and Ansible's parsers
//! still use, an unquoted `no`, `1_000`, `12:30` or `2019-08-24` is not a string. Libraries for YAML
//! 1.2 leave those unquoted. Here a string is plain only if it is a string in both versions,
//! double-quoted as in JSON otherwise, and a block scalar if it has several lines.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{Format, FormatError, Render, Shape, Single};
use crate::core::file_ending;
use crate::core::yaml_text::{self, is_block, push_block, push_indent};

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
                    push_block(text, indent, out);
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

fn write_string(text: &str, out: &mut String) {
    if is_bare(text) {
        out.push_str(text);
        return;
    }
    yaml_text::push_quoted(text, out);
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
        && !yaml_text::is_other_type(text)
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
