//! The shape of JSON documents: the types, members and words seen in them.
//!
//! ```text
//! {"items": [{"id": 1, "status": "ok"}, {"id": 2}]}
//! → an object with `items`, a list of objects with `id`, an integer, and sometimes `status`
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::recording::redact::{HIDDEN, Rule};

/// The maximum number of different words that are kept.
const MOST_WORDS: usize = 50;

/// The maximum number of words of an enumeration.
const MOST_OF_ENUM: usize = 12;

/// The minimum number of texts in which an enumeration is recognized.
const FEWEST_OF_ENUM: usize = 4;

/// The maximum length of a word in bytes.
const LONGEST_WORD: usize = 40;

/// A type of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// A number with a fraction.
    Number,
    /// A string.
    String,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Type {
    /// Returns the name with its article.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::String => "a string",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// The shape of the values at one place.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// The number of values, without redacted ones.
    pub values: usize,
    /// The number of nulls.
    pub nulls: usize,
    /// The number of objects.
    pub objects: usize,
    /// The number of redacted values.
    pub redacted: usize,
    /// The types of values that are not null.
    pub types: BTreeSet<Type>,
    /// The members of objects.
    pub members: BTreeMap<String, Shape>,
    /// The elements of lists, and the members of objects whose names are values.
    pub element: Option<Box<Shape>>,
    /// The number of texts.
    texts: usize,
    /// The short texts, as long as there are few.
    words: BTreeSet<String>,
    /// True if there were more words, or long ones.
    has_other_texts: bool,
}

impl Shape {
    /// Adds a document. Values that the rules select are redacted, here and in recordings.
    pub fn add(&mut self, document: &Value, rules: &[Rule]) {
        let mut redacted = HashSet::new();
        for rule in rules {
            let nodes = rule.selector.select(document);
            redacted.extend(nodes.into_iter().map(std::ptr::from_ref));
        }
        self.fold(document, &redacted);
    }

    fn fold(&mut self, value: &Value, redacted: &HashSet<*const Value>) {
        if redacted.contains(&std::ptr::from_ref(value)) {
            self.redacted += 1;
            return;
        }
        self.values += 1;
        let kind = match value {
            Value::Null => {
                self.nulls += 1;
                return;
            }
            Value::Bool(_) => Type::Boolean,
            Value::Number(number) if number.to_string().contains(['.', 'e', 'E']) => Type::Number,
            Value::Number(_) => Type::Integer,
            Value::String(text) => {
                self.text(text);
                Type::String
            }
            Value::Array(items) => {
                for item in items {
                    self.element.get_or_insert_default().fold(item, redacted);
                }
                Type::List
            }
            Value::Object(members) => {
                self.objects += 1;
                for (name, member) in members {
                    if is_value(name) {
                        self.element.get_or_insert_default().fold(member, redacted);
                    } else {
                        let shape = self.members.entry(name.clone()).or_default();
                        shape.fold(member, redacted);
                    }
                }
                Type::Object
            }
        };
        self.types.insert(kind);
    }

    fn text(&mut self, text: &str) {
        if text == HIDDEN || text.starts_with("alias-") {
            return;
        }
        self.texts += 1;
        if text.len() > LONGEST_WORD {
            self.has_other_texts = true;
        } else if !self.words.contains(text) {
            if self.words.len() < MOST_WORDS {
                self.words.insert(text.to_owned());
            } else {
                self.has_other_texts = true;
            }
        }
    }

    /// Returns the number of values, redacted or not.
    pub fn count(&self) -> usize {
        self.values + self.redacted
    }

    /// Returns the number of texts that are not redacted.
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// Returns true if a text was seen.
    pub fn has_word(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Returns the words of an enumeration: few and repeated. `None` if the texts are none.
    pub fn words(&self) -> Option<&BTreeSet<String>> {
        let count = self.words.len();
        let is_word = |word: &String| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphabetic() || "_- ".contains(c))
        };
        let is_enum = !self.has_other_texts
            && self.texts >= FEWEST_OF_ENUM
            && count <= MOST_OF_ENUM
            && count * 2 <= self.texts
            && self.words.iter().all(is_word);
        is_enum.then_some(&self.words)
    }

    /// Returns all words, if there were no others.
    pub fn all_words(&self) -> Option<&BTreeSet<String>> {
        (!self.has_other_texts).then_some(&self.words)
    }
}

/// Returns true if a name of a member is not a name but a value: an id, a path, a number, a date.
fn is_value(name: &str) -> bool {
    let has_digit = name.bytes().any(|byte| byte.is_ascii_digit());
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-.@$".contains(c));
    let starts_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    !is_plain || starts_with_digit || has_digit && name.len() > 20
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::recording::Redaction;
    use crate::template::selector::Selector;

    fn shape(documents: &[Value]) -> Shape {
        let mut shape = Shape::default();
        for document in documents {
            shape.add(document, &[]);
        }
        shape
    }

    #[test]
    fn elements_are_merged() {
        let shape = shape(&[
            json!({"items": [{"id": 1, "a": null}, {"id": "x", "b": 1.5}]}),
            json!({"items": []}),
        ]);
        let items = &shape.members["items"];
        assert_eq!((items.values, items.objects), (2, 0));
        let element = items.element.as_deref().expect("elements");
        assert_eq!(element.objects, 2);
        let types = |name: &str| {
            element.members[name]
                .types
                .iter()
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(types("id"), [Type::Integer, Type::String]);
        assert_eq!(types("a"), []);
        assert_eq!(element.members["a"].nulls, 1);
        assert_eq!(types("b"), [Type::Number]);
    }

    #[test]
    fn members_named_by_values_are_elements() {
        let shape = shape(&[json!({
            "5034460f-c7c4-4c43-9457-de07e2029e7b": 1, "2026-01-01": 2, "src/a.rs": 3, "name": 4,
        })]);
        assert_eq!(shape.members.keys().collect::<Vec<_>>(), ["name"]);
        assert_eq!(shape.element.expect("elements").values, 3);
    }

    #[test]
    fn few_repeated_words_are_an_enumeration() {
        let words = |texts: &[&str]| {
            let shape = shape(&[json!(texts)]);
            let element = shape.element.expect("elements");
            element
                .words()
                .map(|words| words.iter().cloned().collect::<Vec<_>>().join(","))
        };
        let statuses = [
            "failed", "success", "success", "on_hold", "failed", "on_hold",
        ];
        assert_eq!(words(&statuses).as_deref(), Some("failed,on_hold,success"));
        assert_eq!(words(&["failed", "success"]), None);
        assert_eq!(words(&["job-1", "job-1", "job-2", "job-2"]), None);
        assert_eq!(words(&["a", "b", "c", "d"]), None);
    }

    #[test]
    fn redacted_values_have_no_type() {
        let rules = [Rule {
            selector: Selector::parse("$..email").expect("a path"),
            action: Redaction::Hide,
        }];
        let mut shape = Shape::default();
        shape.add(
            &json!([{"email": 1, "name": "alias-7"}, {"email": "x"}]),
            &rules,
        );
        let element = shape.element.expect("elements");
        assert_eq!(element.members["email"].redacted, 2);
        assert!(element.members["email"].types.is_empty());
        assert_eq!(element.members["name"].texts(), 0);
    }
}
