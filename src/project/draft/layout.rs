//! The layout of a query file: short mappings and lists on one line, everything else in blocks.

use serde_json::{Map, Value};

use crate::core::text::printable;
use crate::core::yaml_text::{
    is_block, is_other_type, needs_escapes, push_block, push_indent, push_quoted,
};

/// The length of a line, in characters, up to which a mapping or a list is written on it.
const WIDTH: usize = 100;

/// The number of entries up to which a mapping is written on one line.
const MOST_ON_A_LINE: usize = 2;

/// A file that is being written, entry by entry.
pub struct Layout {
    text: String,
}

/// The position of a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    /// On a line of its own, or as a key there.
    Block,
    /// Between braces or brackets.
    Flow,
}

impl Layout {
    /// Creates an empty file.
    pub fn new() -> Self {
        Self {
            text: String::new(),
        }
    }

    /// Appends a comment, each of its lines on one of its own.
    pub fn comment(&mut self, comment: &str) {
        for line in comment.lines() {
            self.text.push('#');
            if !line.is_empty() {
                self.text.push(' ');
                self.text.push_str(&printable(line));
            }
            self.text.push('\n');
        }
    }

    /// Appends an entry with a text, if there is one.
    pub fn text(&mut self, key: &str, text: Option<&str>) {
        self.value(key, text.map(Value::from));
    }

    /// Appends an entry, if there is a value.
    pub fn value(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.push_entry(key, &value, 0);
        }
    }

    /// Appends a mapping, one entry a line, unless it is empty.
    pub fn mapping(&mut self, key: &str, members: &Map<String, Value>) {
        if members.is_empty() {
            return;
        }
        push_string(key, Around::Block, &mut self.text);
        self.text.push_str(":\n");
        self.push_members(members, 2);
    }

    /// Appends a mapping with one entry, whose own entries have a line each.
    pub fn inner(&mut self, key: &str, inner: &str, value: &Value) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                self.text.push_str(key);
                self.text.push_str(":\n  ");
                self.text.push_str(inner);
                self.text.push_str(":\n");
                self.push_members(members, 4);
            }
            other => self.mapping(
                key,
                &[(inner.to_owned(), other.clone())].into_iter().collect(),
            ),
        }
    }

    /// Returns the file.
    pub fn finish(self) -> String {
        self.text
    }

    fn push_members(&mut self, members: &Map<String, Value>, indent: usize) {
        for (key, value) in members {
            push_indent(indent, &mut self.text);
            self.push_entry(key, value, indent);
        }
    }

    /// Appends `key: value` at the current column, and a line break.
    fn push_entry(&mut self, key: &str, value: &Value, indent: usize) {
        let start = self.text.len();
        push_string(key, Around::Block, &mut self.text);
        // A longer key needs an explicit mark (YAML 1.2, 7.4).
        if self.text.len() - start > 1000 {
            self.text.insert_str(start, "? ");
            self.text.push('\n');
            push_indent(indent, &mut self.text);
        }
        self.text.push(':');
        let column = indent + self.text[start..].chars().count() + 1;
        match value {
            Value::Object(members) if !members.is_empty() && !fits(value, column) => {
                self.text.push('\n');
                self.push_members(members, indent + 2);
            }
            Value::Array(items) if !items.is_empty() && !fits(value, column) => {
                self.text.push('\n');
                self.push_items(items, indent + 2);
            }
            other => {
                self.text.push(' ');
                self.push_line(other, indent + 2);
            }
        }
    }

    fn push_items(&mut self, items: &[Value], indent: usize) {
        for item in items {
            push_indent(indent, &mut self.text);
            self.text.push_str("- ");
            match item {
                Value::Object(members) if !members.is_empty() && !fits(item, indent + 2) => {
                    for (index, (key, value)) in members.iter().enumerate() {
                        if index > 0 {
                            push_indent(indent + 2, &mut self.text);
                        }
                        self.push_entry(key, value, indent + 2);
                    }
                }
                // A list in a list has a line of its own for its dash.
                Value::Array(inner) if !inner.is_empty() && !fits(item, indent + 2) => {
                    self.text.truncate(self.text.len() - 1);
                    self.text.push('\n');
                    self.push_items(inner, indent + 2);
                }
                other => self.push_line(other, indent + 2),
            }
        }
    }

    /// Appends a value on the current line; a text of several lines goes below it.
    fn push_line(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) if is_block(text) => push_block(text, indent, &mut self.text),
            Value::String(text) => push_string(text, Around::Block, &mut self.text),
            other => push_flow(other, &mut self.text),
        }
        self.text.push('\n');
    }
}

/// Returns true if a mapping or a list can stand on a line, from this column on.
fn fits(value: &Value, column: usize) -> bool {
    let is_short = match value {
        Value::Object(members) => members.len() <= MOST_ON_A_LINE,
        _ => true,
    };
    if !is_short || depth(value) > 2 || holds_lines(value) {
        return false;
    }
    let mut line = String::new();
    push_flow(value, &mut line);
    column + line.chars().count() <= WIDTH
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Returns true if a text has several lines, which is better read as a block.
fn holds_lines(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n'),
        Value::Array(items) => items.iter().any(holds_lines),
        Value::Object(members) => members.values().any(holds_lines),
        _ => false,
    }
}

/// Appends a value on one line.
fn push_flow(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) if members.is_empty() => out.push_str("{}"),
        Value::Object(members) => {
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "{ " } else { ", " });
                push_string(key, Around::Flow, out);
                out.push_str(": ");
                push_flow(member, out);
            }
            out.push_str(" }");
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                push_flow(item, out);
            }
            out.push(']');
        }
        Value::String(text) => push_string(text, Around::Flow, out),
        other => out.push_str(&other.to_string()),
    }
}

/// Appends a string: plain where every parser reads the same, else in the quotes that need fewer
/// escapes.
fn push_string(text: &str, around: Around, out: &mut String) {
    if is_plain(text, around) {
        out.push_str(text);
    } else if text.contains(['"', '\\']) && !text.contains('\'') && !needs_escapes(text) {
        out.push('\'');
        out.push_str(text);
        out.push('\'');
    } else {
        push_quoted(text, out);
    }
}

/// Returns true if every parser reads the unquoted text as this string.
fn is_plain(text: &str, around: Around) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let begins = first.is_alphanumeric() || "_/.($+".contains(first);
    begins
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !needs_escapes(text)
        && !is_other_type(text)
        && text.chars().all(|character| match character {
            ',' | '[' | ']' | '{' | '}' => around == Around::Block,
            // Between braces, some parsers end a plain key at any colon.
            ':' => around == Around::Block || text.contains("://"),
            ' '..='~' => true,
            _ => character.is_alphanumeric(),
        })
}
