//! The normalized path of a value, for messages.

use std::fmt::Write as _;

use crate::core::name::is_identifier;

/// A position in a JSON value: `$.items[2].url`. Steps are pushed and popped while walking.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: String,
}

impl JsonPath {
    /// Creates the path of the whole value.
    pub fn root() -> Self {
        Self {
            text: "$".to_owned(),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Calls a function with the path of a member.
    pub fn at_member<T>(&mut self, name: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.text.len();
        if is_identifier(name) {
            let _ = write!(self.text, ".{name}");
        } else {
            let name = name.replace('\\', "\\\\").replace('\'', "\\'");
            let _ = write!(self.text, "['{name}']");
        }
        let result = walk(self);
        self.text.truncate(length);
        result
    }

    /// Calls a function with the path of an item of a list.
    pub fn at_item<T>(&mut self, index: usize, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.text.len();
        let _ = write!(self.text, "[{index}]");
        let result = walk(self);
        self.text.truncate(length);
        result
    }
}
