//! The minijinja environments, created once per process.

use std::sync::OnceLock;

use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};

use crate::template::bounds::check_value;
use crate::template::filters::{self, SlashedPath};
use crate::template::order;
use crate::template::value::unsigned_zero;
use crate::template::watched::is_no_record;

/// The maximum number of instructions per rendering: enough for a large template, and a limit for
/// an endless one.
const FUEL: u64 = 5_000_000;

/// The filters of minijinja that templates may use. `safe`, `escape` and `pprint` are not included:
/// no value carries an escape mark here.
const BUILTIN_FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "zip",
];

const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// Names available to every template: functions, and `omit`.
pub const GLOBALS: &[&str] = &["now", "range", "dict", "namespace", "omit"];

/// The value `omit`: a type of its own, which no text can imitate.
#[derive(Debug)]
pub struct Omit;

impl minijinja::value::Object for Omit {
    fn repr(self: &std::sync::Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }

    fn is_true(self: &std::sync::Arc<Self>) -> bool {
        false
    }

    fn render(
        self: &std::sync::Arc<Self>,
        formatter: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        formatter.write_str("(omit)")
    }
}

/// Returns true if a value is `omit`, or contains it.
pub fn holds_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
        || matches!(value.kind(), ValueKind::Seq | ValueKind::Map)
            && value.try_iter().is_ok_and(|mut items| {
                items.any(|item| {
                    holds_omit(&item) || value.get_item(&item).is_ok_and(|inner| holds_omit(&inner))
                })
            })
}

/// The rules for undefined names and for comparisons of incomparable values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// For requests and reports: both are errors.
    Strict,
    /// For templates over records, which may lack fields: an undefined name is null, at any depth.
    Record,
    /// For conditions over records: a comparison of incomparable values is false, too.
    Condition,
}

/// Returns the environment for some rules.
pub fn environment(rules: Rules) -> &'static Environment<'static> {
    static STRICT: OnceLock<Environment<'static>> = OnceLock::new();
    static RECORD: OnceLock<Environment<'static>> = OnceLock::new();
    static CONDITION: OnceLock<Environment<'static>> = OnceLock::new();
    let (cell, behavior) = match rules {
        Rules::Strict => (&STRICT, UndefinedBehavior::Strict),
        Rules::Record => (&RECORD, UndefinedBehavior::Chainable),
        Rules::Condition => (&CONDITION, UndefinedBehavior::Chainable),
    };
    cell.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(behavior);
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(print);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        for name in ["safe", "escape", "e", "pprint"] {
            environment.remove_filter(name);
        }
        environment.add_test("none", is_null);
        environment.remove_global("debug");
        environment.add_global("omit", Value::from_object(Omit));
        filters::register(&mut environment);
        order::register(&mut environment, rules);
        environment
    })
}

/// Returns true for null and undefined, which are the same in a record.
fn is_null(value: &Value) -> bool {
    value.is_none() || value.is_undefined() || is_no_record(value)
}

/// Returns the names of all filters.
pub fn filter_names() -> impl Iterator<Item = &'static str> {
    BUILTIN_FILTERS.iter().copied().chain(filters::names())
}

/// Returns the names of the additional functions. Unlike [`GLOBALS`], they are only reserved where
/// they are called: a var may be named `today`.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    filters::functions()
}

/// Returns the names of all tests (`is …`).
pub fn test_names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().copied()
}

/// Prints values as in JSON (`true`, not `True`), and refuses those without a text.
fn print(output: &mut Output, _state: &mut State, value: &Value) -> Result<(), Error> {
    output.write_str(&to_text(value)?).map_err(Error::from)
}

/// Returns the text of a value in a template.
pub fn to_text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::new(
            ErrorKind::UndefinedError,
            "the value is undefined",
        )),
        ValueKind::None => Err(Error::new(
            ErrorKind::InvalidOperation,
            "null cannot be printed; add a default with `| default(\"…\", true)`",
        )),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            check_value(value)?;
            serde_json::to_string(value)
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
        }
        _ if value.downcast_object_ref::<Omit>().is_some() => Err(Error::new(
            ErrorKind::InvalidOperation,
            "`omit` removes a whole member of a body or a parameter, not a part of a text",
        )),
        _ if value.downcast_object_ref::<SlashedPath>().is_some() => Err(Error::new(
            ErrorKind::InvalidOperation,
            "`path` is for an endpoint: other values are encoded automatically",
        )),
        _ => Ok(unsigned_zero(value.clone()).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_filter_and_test_exists() {
        let mut state = environment(Rules::Strict).empty_state();
        for name in filter_names() {
            let known = state
                .apply_filter(name, &[Value::from("")])
                .err()
                .is_none_or(|error| error.kind() != ErrorKind::UnknownFilter);
            assert!(known, "{name}");
        }
        for name in test_names() {
            let known = state
                .perform_test(name, &[Value::from(1), Value::from(1)])
                .err()
                .is_none_or(|error| error.kind() != ErrorKind::UnknownTest);
            assert!(known, "{name}");
        }
    }

    #[test]
    fn every_listed_function_exists() {
        let globals: Vec<&str> = environment(Rules::Strict)
            .globals()
            .map(|(name, _)| name)
            .collect();
        for name in function_names() {
            assert!(globals.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_template_that_does_not_end_runs_out_of_fuel() {
        let source =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let error = environment(Rules::Strict)
            .render_str(source, Value::UNDEFINED)
            .expect_err("it must stop");
        assert_eq!(error.kind(), ErrorKind::OutOfFuel);
    }
}
