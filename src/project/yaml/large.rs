//! Reads a large YAML document, such as the description of an API, without places.
//!
//! Values are built from the events of the parser as they come, so that 10 MB take less than a
//! second. Scalars have the types of YAML's core schema, and merge keys (`<<`) are applied. As in
//! JSON, the last of several equal keys wins.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Mark, StrInput};
use serde_json::{Map, Number, Value};

use crate::core::json::{MOST_VALUES, number};

/// The maximum nesting depth, with aliases expanded.
const DEEPEST: usize = 127;

/// The maximum number of values that aliases stand for: they take memory, but not in the file.
const MOST_ALIASED: usize = 300_000;

/// The key of a merge.
const MERGE: &str = "<<";

/// Reads the first document of a text.
///
/// # Errors
///
/// A message with the line, if it is not valid YAML, nested too deep, or has too many values, with
/// aliases expanded.
pub fn large_value(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    builder.read(&mut parser)?;
    builder.root.ok_or_else(|| "the file is empty".to_owned())
}

/// Builds a value from events.
#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    root: Option<Value>,
    anchors: HashMap<usize, Anchored>,
    /// The number of values so far, with aliases expanded.
    count: usize,
    /// The number of those that aliases stand for.
    aliased: usize,
}

/// A list or mapping whose end is not read yet.
struct Open {
    content: Content,
    anchor: usize,
    /// The number of values before this one.
    count_before: usize,
    /// The depth of the values below this one.
    height: usize,
}

enum Content {
    List(Vec<Value>),
    Map {
        members: Map<String, Value>,
        key: Option<String>,
        merged: Vec<Value>,
    },
}

/// An anchored value.
struct Anchored {
    value: Value,
    count: usize,
    height: usize,
}

impl Builder {
    /// Pulls events one by one, since the parser's own loop recurses at every level.
    fn read(&mut self, parser: &mut Parser<'_, StrInput<'_>>) -> Result<(), String> {
        while let Some(event) = parser.next_event() {
            let (event, mark) = event
                .map_err(|error| format!("{} in line {}", error.info(), error.marker().line()))?;
            if event == Event::DocumentEnd {
                break;
            }
            self.event(event).map_err(|words| at(words, mark))?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.add_count(1, 0)?;
                let is_text = tag.as_ref().is_some_and(|tag| tag.suffix == "str");
                let is_plain = style == ScalarStyle::Plain && !is_text;
                if self.is_at_key() && anchor == 0 {
                    self.set_key(text.into_owned());
                    return Ok(());
                }
                let value = if is_plain {
                    plain(&text)
                } else {
                    Value::String(text.into_owned())
                };
                self.add(value, anchor, 1, 0)
            }
            Event::Alias(anchor) => {
                let Some(known) = self.anchors.get(&anchor) else {
                    return Err("an alias stands inside its own anchor");
                };
                let (count, height) = (known.count, known.height);
                self.add_count(count, height)?;
                self.aliased += count;
                if self.aliased > MOST_ALIASED {
                    return Err("its aliases stand for more than 300,000 values");
                }
                let value = self.anchors[&anchor].value.clone();
                self.add(value, 0, count, height)
            }
            Event::SequenceStart(anchor, _) => self.open(Content::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => {
                let content = Content::Map {
                    members: Map::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.open(content, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// Counts values, and the depth of the innermost open one.
    fn add_count(&mut self, count: usize, height: usize) -> Result<(), &'static str> {
        self.count = self.count.saturating_add(count);
        if self.count > MOST_VALUES {
            return Err("there are more than 3,000,000 values");
        }
        if self.stack.len() + height > DEEPEST {
            return Err("it is nested more than 127 levels deep");
        }
        Ok(())
    }

    fn open(&mut self, content: Content, anchor: usize) -> Result<(), &'static str> {
        let count_before = self.count;
        self.add_count(1, 1)?;
        self.stack.push(Open {
            content,
            anchor,
            count_before,
            height: 0,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::List(items) => Value::Array(items),
            Content::Map {
                mut members,
                merged,
                ..
            } => {
                for value in merged {
                    merge(value, &mut members);
                }
                Value::Object(members)
            }
        };
        self.add(
            value,
            open.anchor,
            self.count - open.count_before,
            open.height + 1,
        )
    }

    fn is_at_key(&self) -> bool {
        let open = self.stack.last();
        open.is_some_and(|open| matches!(open.content, Content::Map { key: None, .. }))
    }

    fn set_key(&mut self, text: String) {
        if let Some(Open {
            content: Content::Map { key, .. },
            ..
        }) = self.stack.last_mut()
        {
            *key = Some(text);
        }
    }

    fn add(
        &mut self,
        value: Value,
        anchor: usize,
        count: usize,
        height: usize,
    ) -> Result<(), &'static str> {
        if anchor > 0 {
            let value = value.clone();
            let anchored = Anchored {
                value,
                count,
                height,
            };
            self.anchors.insert(anchor, anchored);
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.content {
            Content::List(items) => items.push(value),
            Content::Map {
                members,
                key,
                merged,
            } => match key.take() {
                Some(name) if name == MERGE => merged.push(value),
                Some(name) => {
                    members.insert(name, value);
                }
                None => match value {
                    Value::Array(_) | Value::Object(_) => return Err("a key must be a scalar"),
                    Value::String(text) => *key = Some(text),
                    other => *key = Some(other.to_string()),
                },
            },
        }
        Ok(())
    }
}

fn at(words: &str, mark: Mark) -> String {
    format!("{words} (line {})", mark.start.line())
}

/// Adds the members of a merged mapping, or of each one of a list, that are not set.
fn merge(value: Value, members: &mut Map<String, Value>) {
    match value {
        Value::Object(merged) => {
            for (name, value) in merged {
                members.entry(name).or_insert(value);
            }
        }
        Value::Array(list) => list.into_iter().for_each(|value| merge(value, members)),
        _ => {}
    }
}

/// Returns the value of a plain scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || "-+.".contains(first));
    if is_number && let Some(number) = plain_number(text) {
        return Value::Number(number);
    }
    Value::String(text.to_owned())
}

fn plain_number(text: &str) -> Option<Number> {
    let whole = |digits: &str, base: u32| i64::from_str_radix(digits, base).ok().map(Number::from);
    if let Some(digits) = text.strip_prefix("0x") {
        return whole(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return whole(digits, 8);
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    number::from_text(unsigned).or_else(|| {
        let is_leading = unsigned.starts_with('.');
        let padded = if is_leading {
            format!("0{unsigned}")
        } else {
            unsigned.replace("-.", "-0.")
        };
        number::from_text(padded.strip_suffix('.').unwrap_or(&padded))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        large_value(text).map_or_else(|words| format!("! {words}"), |value| value.to_string())
    }

    #[test]
    fn values_are_those_of_the_core_schema() {
        for (text, expected) in [
            ("{a: 1, b: [x, 'y', \"z\"]}", r#"{"a":1,"b":["x","y","z"]}"#),
            (
                "a: no\nb: yes\nc: true\nd: ~\ne:",
                r#"{"a":"no","b":"yes","c":true,"d":null,"e":null}"#,
            ),
            (
                "200: {}\n'201': {}\ntrue: 1",
                r#"{"200":{},"201":{},"true":1}"#,
            ),
            (
                "[1.10, 0x1f, 0o17, .5, -.5, +3, 1e3, 007, 1.2.3, .inf]",
                r#"[1.10,31,15,0.5,-0.5,3,1e3,"007","1.2.3",".inf"]"#,
            ),
            ("!!str 3.0", r#""3.0""#),
            ("a: |\n  one\n  two\n", r#"{"a":"one\ntwo\n"}"#),
            (
                "a: &x {k: v}\nb: *x\nc: {<<: *x, k: w, m: 1}",
                r#"{"a":{"k":"v"},"b":{"k":"v"},"c":{"k":"w","m":1}}"#,
            ),
            ("&k a: 1\nb: *k", r#"{"a":1,"b":"a"}"#),
            ("a: 1\na: 2", r#"{"a":2}"#),
            ("a: 1\n---\nb: 2", r#"{"a":1}"#),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn hostile_documents_are_refused() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (next, last) in "bcdefghi".chars().zip("abcdefgh".chars()) {
            let list = vec![format!("*{last}"); 10].join(",");
            bomb.push_str(&format!("{next}: &{next} [{list}]\n"));
        }
        for (text, expected) in [
            (
                bomb.as_str(),
                "! its aliases stand for more than 300,000 values (line 6)",
            ),
            (&"[".repeat(1_000_000), "! "),
            (&"- ".repeat(100_000), "! it is nested more than 127 levels"),
            (&"{a: ".repeat(500), "! "),
            ("a: &a [*a]", "! "),
            ("[a]: b", "! a key must be a scalar (line 1)"),
            ("a: [", "! "),
            ("", "! the file is empty"),
        ] {
            let read = read(text);
            assert!(read.starts_with(expected), "{read}");
        }
    }
}
