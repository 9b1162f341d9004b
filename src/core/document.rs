//! A YAML document as written: values with their places, and readers that convert them to types and
//! report faults.
//!
//! Readers push faults and go on, so that one check shows all of them. Parsing text into a
//! [`Node`] happens elsewhere.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::key::Key;
use crate::core::name;
use crate::core::source::{Place, Span, Text};
use crate::core::time::{DURATION_EXAMPLE, parse_duration};

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The place of the value.
    pub place: Place,
    /// The value.
    pub content: Content,
}

/// The kinds of YAML values (the core schema of YAML 1.2).
#[derive(Debug, Clone)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer or a float, with its original spelling.
    Number(Number, String),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in source order.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The place of the key.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Returns the kind of the value with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Number(..) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }

    /// Returns true if the value is null.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// Returns the start of the file, to report missing keys.
    pub fn file_start(&self) -> Place {
        Place {
            file: Arc::clone(&self.place.file),
            span: Span::default(),
        }
    }

    /// Returns a scalar as text in its original spelling.
    pub fn scalar(&self) -> Option<String> {
        match &self.content {
            Content::Bool(value) => Some(value.to_string()),
            Content::Number(_, raw) => Some(raw.clone()),
            Content::Text(value) => Some(value.clone()),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Returns a copy in which every number is text in its original spelling.
    #[must_use]
    pub fn as_written(&self) -> Self {
        let content = match &self.content {
            Content::Number(_, raw) => Content::Text(raw.clone()),
            Content::List(items) => Content::List(items.iter().map(Self::as_written).collect()),
            other => other.clone(),
        };
        Self {
            place: self.place.clone(),
            content,
        }
    }

    /// Converts the value to JSON.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value, _) => Value::Number(value.clone()),
            Content::Text(value) => Value::String(value.clone()),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// Returns the value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// Returns the text with its place, if this is text.
    pub fn as_text(&self) -> Option<Text> {
        match &self.content {
            Content::Text(value) => Some(Text::new(value.as_str(), &self.place)),
            _ => None,
        }
    }

    /// Creates the fault "`key` takes …, got …", with a hint for unquoted templates.
    pub fn mismatch(&self, key: &str, expected: &str) -> Diagnostic {
        let got = match self.scalar() {
            Some(text) if text.chars().count() <= 60 => format!("`{text}`"),
            _ => self.kind().to_owned(),
        };
        let diagnostic = Diagnostic::at(
            &self.place,
            Code::WrongType,
            if key.contains(' ') {
                // A whole file has no key.
                format!("{key} takes {expected}, got {got}")
            } else {
                format!("`{key}` takes {expected}, got {got}")
            },
        );
        diagnostic.maybe_help(quoting_hint(&self.place))
    }

    /// Reads text.
    pub fn text(&self, key: &str, faults: &mut Diagnostics) -> Option<Text> {
        let text = self.as_text();
        if text.is_none() {
            let quotable = matches!(self.content, Content::Bool(_) | Content::Number(..));
            let hint = quotable.then(|| "quote it to make it a string".to_owned());
            faults.push(self.mismatch(key, "a string").maybe_help(hint));
        }
        text
    }

    /// Reads an integer within bounds.
    pub fn integer(
        &self,
        key: &str,
        bounds: RangeInclusive<u64>,
        faults: &mut Diagnostics,
    ) -> Option<u64> {
        if let Content::Number(number, _) = &self.content
            && let Some(number) = number.as_u64()
            && bounds.contains(&number)
        {
            return Some(number);
        }
        let expected = if *bounds.end() == u64::MAX {
            format!("an integer of at least {}", bounds.start())
        } else {
            format!("an integer from {} to {}", bounds.start(), bounds.end())
        };
        faults.push(self.mismatch(key, &expected));
        None
    }

    /// Reads a boolean.
    pub fn boolean(&self, key: &str, faults: &mut Diagnostics) -> Option<bool> {
        if let Content::Bool(value) = self.content {
            return Some(value);
        }
        faults.push(self.mismatch(key, "`true` or `false`"));
        None
    }

    /// Reads a duration.
    pub fn duration(&self, key: &str, faults: &mut Diagnostics) -> Option<Duration> {
        if let Content::Text(text) = &self.content
            && let Some(duration) = parse_duration(text)
        {
            return Some(duration);
        }
        let hint = match &self.content {
            Content::Number(_, number) => Some(format!("write `{number}s` for seconds")),
            _ => None,
        };
        faults.push(self.mismatch(key, DURATION_EXAMPLE).maybe_help(hint));
        None
    }

    /// Reads one of a closed list of words.
    pub fn one_of<'a>(
        &self,
        key: &str,
        words: &[&'a str],
        faults: &mut Diagnostics,
    ) -> Option<&'a str> {
        let found = match &self.content {
            Content::Text(text) => words.iter().find(|word| **word == text.as_str()),
            _ => None,
        };
        if let Some(word) = found {
            return Some(word);
        }
        let near = self.scalar().and_then(|text| {
            name::nearest(&text, words.iter().copied())
                .map(|near| format!("did you mean `{near}`?"))
        });
        faults.push(self.mismatch(key, &name::one_of(words)).maybe_help(near));
        None
    }

    /// Returns the items of a list; a single value counts as a list of one.
    pub fn items(&self) -> Vec<&Node> {
        match &self.content {
            Content::List(items) => items.iter().collect(),
            Content::Null => Vec::new(),
            _ => vec![self],
        }
    }

    /// Returns the keys, if this is a mapping.
    pub fn keys(&self) -> Vec<&str> {
        match &self.content {
            Content::Map(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Reads the entries of a mapping.
    pub fn entries<'n>(&'n self, key: &str, faults: &mut Diagnostics) -> &'n [Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::Null => &[],
            _ => {
                faults.push(self.mismatch(key, "a mapping"));
                &[]
            }
        }
    }

    /// Reads a mapping with known keys.
    pub fn fields<'n>(&'n self, key: &str, faults: &mut Diagnostics) -> Fields<'n> {
        Fields {
            entries: self.entries(key, faults),
            known: BTreeSet::new(),
            grammar: None,
        }
    }

    /// Reads a mapping with the keys of a table. The reader must request all of them.
    pub fn fields_of<'n>(
        &'n self,
        key: &str,
        grammar: &'static [Key],
        faults: &mut Diagnostics,
    ) -> Fields<'n> {
        Fields {
            grammar: Some(grammar),
            ..self.fields(key, faults)
        }
    }
}

/// Returns a hint if an unquoted template begins at a place.
pub fn quoting_hint(place: &Place) -> Option<&'static str> {
    let is_template = place.file.text()[place.span.start..].starts_with("{{");
    is_template.then_some("a value that begins with `{{` must be quoted: `\"{{ … }}\"`")
}

/// A mapping read key by key. Keys that are not in its table, or without one were never requested,
/// are unknown.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: &'n [Entry],
    known: BTreeSet<&'static str>,
    grammar: Option<&'static [Key]>,
}

impl<'n> Fields<'n> {
    /// Returns the value of a key, or `None` if it is absent or null.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|node| !node.is_null())
    }

    /// Returns the entry of a key, even if its value is null.
    pub fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        self.known.insert(key);
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Reads a value, unless it is absent or null.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(&'n Node, &mut Diagnostics) -> Option<T>,
        faults: &mut Diagnostics,
    ) -> Option<T> {
        reader(self.get(key)?, faults)
    }

    /// Reads text, as [`Node::text`].
    pub fn text(&mut self, key: &'static str, faults: &mut Diagnostics) -> Option<Text> {
        self.get(key)?.text(key, faults)
    }

    /// Reads a boolean, as [`Node::boolean`].
    pub fn boolean(&mut self, key: &'static str, faults: &mut Diagnostics) -> Option<bool> {
        self.get(key)?.boolean(key, faults)
    }

    /// Reads a duration, as [`Node::duration`].
    pub fn duration(&mut self, key: &'static str, faults: &mut Diagnostics) -> Option<Duration> {
        self.get(key)?.duration(key, faults)
    }

    /// Reads an integer within bounds, as [`Node::integer`].
    pub fn integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        faults: &mut Diagnostics,
    ) -> Option<u64> {
        self.get(key)?.integer(key, bounds, faults)
    }

    /// Reads one of a closed list of words, as [`Node::one_of`].
    pub fn one_of<'a>(
        &mut self,
        key: &'static str,
        words: &[&'a str],
        faults: &mut Diagnostics,
    ) -> Option<&'a str> {
        self.get(key)?.one_of(key, words, faults)
    }

    /// Reports all unknown keys.
    pub fn finish(self, faults: &mut Diagnostics) {
        let known = match self.grammar {
            None => self.known,
            Some(grammar) => {
                let known = grammar.iter().map(|key| key.name).collect();
                // A key known to only one of them would be read and refused, or accepted and
                // ignored.
                debug_assert_eq!(self.known, known, "the reader and the table of keys");
                known
            }
        };
        for entry in self.entries {
            if !known.contains(entry.key.as_str()) {
                faults.push(
                    Diagnostic::at(
                        &entry.key_place,
                        Code::UnknownKey,
                        format!("unknown key `{}`", entry.key),
                    )
                    .maybe_help(name::hint(&entry.key, known.iter().copied())),
                );
            }
        }
    }
}
