//! The arguments of a tool that is not a query.

use serde_json::{Map, Value};

use crate::cli::failure::Failure;
use crate::cli::mcp::extra::Extra;
use crate::cli::mcp::input_schema;
use crate::core::code::Code;
use crate::core::json::{kind, plain};
use crate::core::{json, name};

/// The arguments of a tool that is not a query.
pub struct Given<'g> {
    arguments: &'g Map<String, Value>,
}

impl<'g> Given<'g> {
    /// Reads the arguments of a tool.
    ///
    /// # Errors
    ///
    /// The first argument that it does not have.
    pub fn new(extra: Extra, arguments: &'g Map<String, Value>) -> Result<Self, Failure> {
        let known = extra.arguments();
        for given in arguments.keys() {
            if !known.contains(given) {
                let words = format!("there is no argument `{given}`");
                let hint = name::hint(given, known.iter().map(String::as_str));
                let failure = Failure::usage(Code::UnknownVar, words);
                return Err(failure.helps(hint.into_iter().collect()));
            }
        }
        Ok(Self { arguments })
    }

    fn wrong(name: &str, expected: &str, value: &Value) -> Failure {
        let words = format!("`{name}` takes {expected}, got {}", kind(value));
        Failure::usage(Code::Var, words)
    }

    fn value(&self, name: &str) -> Option<&'g Value> {
        self.arguments.get(name).filter(|value| !value.is_null())
    }

    /// Returns a text, if it is given.
    ///
    /// # Errors
    ///
    /// If it is no text.
    pub fn optional_text(&self, name: &str) -> Result<Option<&'g str>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(text).filter(|text| !text.is_empty()).map(|t| &**t))
            }
            Some(other) => Err(Self::wrong(name, "a string", other)),
        }
    }

    /// Returns a text.
    ///
    /// # Errors
    ///
    /// If it is missing, empty, or no text.
    pub fn text(&self, name: &str) -> Result<&'g str, Failure> {
        self.optional_text(name)?
            .ok_or_else(|| Failure::usage(Code::MissingVar, format!("`{name}` needs a value")))
    }

    /// Returns an object; an absent one is empty, and one may be written as JSON text.
    ///
    /// # Errors
    ///
    /// If it is no object.
    pub fn object(&self, name: &str) -> Result<Map<String, Value>, Failure> {
        match self.value(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members.clone()),
            Some(Value::String(text)) if text.is_empty() => Ok(Map::new()),
            Some(Value::String(text)) => match json::parse(text.as_bytes()) {
                Ok(Value::Object(members)) => Ok(members),
                _ => Err(Self::wrong(name, "an object", &Value::from(text.as_str()))),
            },
            Some(other) => Err(Self::wrong(name, "an object", other)),
        }
    }

    /// Returns the number of records to show, if it is given.
    ///
    /// # Errors
    ///
    /// If it is no number above 0.
    pub fn most_records(&self) -> Result<Option<usize>, Failure> {
        self.value(input_schema::MAX_RECORDS)
            .map_or(Ok(None), most_records)
    }
}

/// Reads a number of records; null and an empty text are none.
///
/// # Errors
///
/// If it is no number above 0.
pub fn most_records(value: &Value) -> Result<Option<usize>, Failure> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        other => other
            .as_u64()
            .and_then(|number| usize::try_from(number).ok()),
    };
    if let Some(number) = number.filter(|number| *number > 0) {
        return Ok(Some(number));
    }
    let words = format!(
        "`{}` takes a number from 1, got `{}`",
        input_schema::MAX_RECORDS,
        plain(value)
    );
    Err(Failure::usage(Code::Var, words))
}
