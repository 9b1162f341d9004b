//! `min` and `max` of a var: the range of a number or a duration.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::json;
use crate::project::query::var_type::VarType;

/// The bounds of a var.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// The minimum.
    pub min: Option<Bound>,
    /// The maximum.
    pub max: Option<Bound>,
}

/// One bound.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The bound as written in the file: `30s`.
    pub written: Value,
    /// Its numeric value; of a duration, in seconds.
    size: Number,
}

impl Bounds {
    /// Reads both bounds; `typed` converts a value to the var's type.
    pub fn read(
        [min, max]: [Option<&Node>; 2],
        kind: VarType,
        typed: &dyn Fn(&Value) -> Result<Value, String>,
        faults: &mut Diagnostics,
    ) -> Self {
        let mut bound = |key: &str, node: Option<&Node>| {
            let node = node?;
            if !matches!(kind, VarType::Int | VarType::Number | VarType::Duration) {
                let words = format!(
                    "`{key}` is for the types `int`, `number` and `duration`, not `{}`",
                    kind.name()
                );
                faults.push(Diagnostic::at(&node.place, Code::VarBounds, words));
                return None;
            }
            let written = node.to_json();
            match typed(&written) {
                Ok(Value::Number(size)) => Some(Bound { written, size }),
                Ok(_) => {
                    faults.push(node.mismatch(key, "a number"));
                    None
                }
                Err(words) => {
                    faults.push(Diagnostic::at(&node.place, Code::VarType, words));
                    None
                }
            }
        };
        let bounds = Self {
            min: bound("min", min),
            max: bound("max", max),
        };
        if let (Some(min), Some(max), Some(node)) = (&bounds.min, &bounds.max, max)
            && json::number::compare(&min.size, &max.size).is_gt()
        {
            let words = "`max` is less than `min`";
            faults.push(Diagnostic::at(&node.place, Code::VarBounds, words));
        }
        bounds
    }

    /// Returns true if a value is within the bounds or is not a number.
    pub fn hold(&self, value: &Value) -> bool {
        let Value::Number(number) = value else {
            return true;
        };
        let lies = |bound: &Option<Bound>, wrong: Ordering| {
            bound
                .as_ref()
                .is_none_or(|bound| json::number::compare(number, &bound.size) != wrong)
        };
        lies(&self.min, Ordering::Less) && lies(&self.max, Ordering::Greater)
    }

    /// Describes the expected value: `a whole number from 1 to 100`.
    pub fn expected(&self, kind: VarType) -> String {
        let noun = match kind {
            VarType::Int => "an integer",
            VarType::Duration => "a duration",
            _ => "a number",
        };
        let of = if self.min.is_some() && self.max.is_some() {
            ""
        } else {
            "of "
        };
        format!("{noun} {of}{}", self.words().unwrap_or_default())
    }

    /// Describes the bounds, if there are any: `from 1 to 100`.
    pub fn words(&self) -> Option<String> {
        let plain = |bound: &Bound| json::plain(&bound.written);
        match (&self.min, &self.max) {
            (None, None) => None,
            (Some(min), None) => Some(format!("at least {}", plain(min))),
            (None, Some(max)) => Some(format!("at most {}", plain(max))),
            (Some(min), Some(max)) => Some(format!("from {} to {}", plain(min), plain(max))),
        }
    }
}
