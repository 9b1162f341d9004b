//! The arguments of a call as the inputs of a query. Clients send lists, numbers and objects as JSON
//! text, and null or an empty string for what is optional: both are accepted where the type of the
//! var leaves no doubt.

use serde_json::{Map, Number, Value};

use crate::cli::failure::Failure;
use crate::cli::mcp::input_schema;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::json::{kind, number, plain};
use crate::core::name;
use crate::core::time::{DURATION_EXAMPLE, TIME_EXAMPLE};
use crate::plan::{Input, Inputs, Outside, vars_to_give};
use crate::project::Query;
use crate::project::query::{Var, VarType};

/// The largest integer that every JSON implementation keeps (RFC 8259, section 6).
const LARGEST: u64 = (1 << 53) - 1;

/// Returns true if a JSON number may have been rounded, or will be, on its way through a client.
pub fn is_beyond_doubles(value: &Value) -> bool {
    match value {
        Value::Number(number) if number::is_whole(number) => match number.as_i64() {
            Some(integer) => integer.unsigned_abs() > LARGEST,
            None => true,
        },
        // Any other number is kept if its double is written the same.
        Value::Number(number) => {
            let double = number.as_f64().and_then(Number::from_f64);
            double.is_none_or(|double| number::compare(number, &double).is_ne())
        }
        _ => false,
    }
}

/// Converts the arguments of a call.
///
/// # Errors
///
/// All arguments that the query does not have, or that are of another type.
pub fn inputs(query: &Query, arguments: &Map<String, Value>) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    let mut faults = Vec::new();
    for (name, value) in arguments {
        let mut vars = input_schema::arguments(query);
        let Some(var) = vars.find(|var| var.name == *name) else {
            let known = input_schema::arguments(query).map(|var| var.name.as_str());
            let words = format!("`{}` has no argument `{name}`", query.name);
            let hint = name::hint(name, known);
            faults.push(Diagnostic::general(Code::UnknownVar, words).maybe_help(hint));
            continue;
        };
        match input(var, value) {
            Ok(None) => {}
            Ok(Some(input)) => {
                inputs.insert(name.clone(), input);
            }
            Err(words) => {
                let words = format!("`{name}` takes {words}");
                faults.push(Diagnostic::general(Code::Var, words));
            }
        }
    }
    if faults.is_empty() {
        Ok(inputs)
    } else {
        Err(Failure::from_list(faults))
    }
}

/// Checks that a call gives all that is needed where the server stands: a default may need a
/// checkout or a variable of the environment.
///
/// # Errors
///
/// All arguments that are missing.
pub fn check_needed(query: &Query, given: &Inputs, outside: &Outside) -> Result<(), Failure> {
    let needed = vars_to_give(query, outside).into_iter();
    let missing = needed.filter(|name| !given.contains_key(name));
    let faults: Vec<Diagnostic> = missing
        .filter_map(|name| {
            let var = input_schema::arguments(query).find(|var| var.name == name)?;
            let words = format!("the argument `{name}` is missing");
            let about = var.description.as_deref().map(str::trim).map(str::to_owned);
            let fault = Diagnostic::general(Code::MissingVar, words).maybe_help(about);
            let example = var.example.as_ref();
            let example = example.map(|example| format!("for example `{}`", plain(example)));
            Some(fault.maybe_help(example))
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::from_list(faults))
    }
}

/// Describes the values of a type.
fn expected(kind: VarType) -> &'static str {
    match kind {
        VarType::String => "a string",
        VarType::Int => "an integer",
        VarType::Number => "a number",
        VarType::Bool => "`true` or `false`",
        VarType::List => "a list of strings",
        VarType::Time => TIME_EXAMPLE,
        VarType::Duration => DURATION_EXAMPLE,
        VarType::Json => "JSON",
    }
}

/// Returns a whole number without its fraction: `2.0` is an integer in JSON Schema.
fn whole(value: &Value) -> Option<Value> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "larger numbers are refused"
    )]
    let integer = number as i64;
    Some(integer.into())
}

/// Converts an argument; `None` if it is absent.
fn input(var: &Var, value: &Value) -> Result<Option<Input>, String> {
    let is_text_needed = var.required && var.kind == VarType::String;
    if is_beyond_doubles(value) {
        return Err(format!(
            "a number beyond 2^53 as text, since clients round it: \"{value}\""
        ));
    }
    let is_fitting = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() && !is_text_needed => return Ok(None),
        Value::String(_) => true,
        Value::Array(_) => matches!(var.kind, VarType::List | VarType::Json),
        Value::Object(_) => var.kind == VarType::Json,
        Value::Number(_) => !matches!(var.kind, VarType::Bool | VarType::List | VarType::Time),
        Value::Bool(_) => matches!(var.kind, VarType::String | VarType::Bool | VarType::Json),
    };
    if !is_fitting {
        return Err(format!("{}, got {}", expected(var.kind), kind(value)));
    }
    Ok(Some(match (var.kind, value) {
        (_, Value::String(text)) => Input::Text(text.clone()),
        (VarType::String, other) => Input::Text(other.to_string()),
        (VarType::Int, other) => Input::Json(whole(other).unwrap_or_else(|| other.clone())),
        (_, other) => Input::Json(other.clone()),
    }))
}

#[cfg(test)]
#[path = "arguments/tests.rs"]
mod tests;
