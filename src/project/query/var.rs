//! The inputs of a query.

use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::project::query::bound::Bounds;
use crate::project::query::var_type::VarType;
use crate::project::template::ValueTemplate;

/// An input of a query.
#[derive(Debug, Clone)]
pub struct Var {
    /// The name in templates.
    pub name: String,
    /// A description for people.
    pub description: Option<String>,
    /// The type.
    pub kind: VarType,
    /// The default value.
    pub default: Option<ValueTemplate>,
    /// True if a value must be given.
    pub required: bool,
    /// The allowed values.
    pub choices: Option<Vec<Value>>,
    /// The pattern that the whole text must match.
    pub pattern: Option<Pattern>,
    /// The range of a number or a duration.
    pub bounds: Bounds,
    /// True if its value is masked in all output.
    pub secret: bool,
    /// An example value.
    pub example: Option<Value>,
}

impl Var {
    /// Creates an optional time.
    pub fn time(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            kind: VarType::Time,
            default: None,
            required: false,
            choices: None,
            pattern: None,
            bounds: Bounds::default(),
            secret: false,
            example: None,
        }
    }

    /// Returns true if it bounds how far a listing goes back: the time `since`.
    pub fn is_since(&self) -> bool {
        self.name == "since" && self.kind == VarType::Time
    }
}

/// A regular expression with its source.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The source as written in the file.
    pub source: String,
    /// The compiled expression, anchored at both ends.
    pub regex: Regex,
}

/// Returns a duration as in templates: seconds, as an integer if possible.
pub fn seconds(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 {
        Value::from(duration.as_secs())
    } else {
        Value::from(duration.as_secs_f64())
    }
}
