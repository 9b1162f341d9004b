//! Reads template values in filters: numbers, times, time zones, options.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use crate::core::name;
use crate::core::text::one_line;
use crate::core::time::{self, Moment};
use crate::template::scope::{CLOCK, DOCUMENT};
use crate::template::unreadable::{Expected, UNREADABLE, Unreadable};

/// The maximum length of a value in a message.
const LONGEST_SHOWN: usize = 60;

/// Creates an error about the values of a filter.
pub fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Returns true for null and undefined.
pub fn is_null(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::None | ValueKind::Undefined)
}

/// Describes a value for a message: its kind, and its text unless that is long. It is not
/// truncated, since a part of a secret would not be recognized.
pub fn got(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "null".to_owned(),
        ValueKind::String if text.len() <= LONGEST_SHOWN => {
            format!("the string `{}`", one_line(text))
        }
        ValueKind::String => format!("a string of {} characters", text.chars().count()),
        ValueKind::Number | ValueKind::Bool => format!("`{}`", value.to_string().to_lowercase()),
        ValueKind::Seq | ValueKind::Iterable => "a list".to_owned(),
        ValueKind::Map => "a mapping".to_owned(),
        kind => format!("a {kind}"),
    }
}

/// Converts to a finite number; numeric strings count too.
///
/// # Errors
///
/// If it is not a number.
pub fn to_number(value: &Value) -> Result<f64, Error> {
    let number: Option<f64> = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None if value.kind() == ValueKind::Number => f64::try_from(value.clone()).ok(),
        None => None,
    };
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| wrong(format!("expected a number, got {}", got(value))))
}

/// Rounds a number to some decimals; integers become integer values.
pub fn rounded(number: f64, digits: i32) -> Value {
    let factor = 10_f64.powi(digits);
    let scaled = (number * factor).round() / factor;
    // Far beyond 2^53 there is nothing to round, and the factor would overflow.
    let number = if scaled.is_finite() { scaled } else { number };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and far below 2^53"
    )]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// A count as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "a list is far shorter than 2^53"
)]
pub fn count(length: usize) -> f64 {
    length as f64
}

/// A number that is not negative and far below 2^53 as an index; its fraction is dropped.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and callers compare the result with a length"
)]
pub fn index(number: f64) -> usize {
    number.max(0.0) as usize
}

/// Returns the time of the run.
///
/// # Errors
///
/// If the scope has no clock, as in constants.
pub fn now(state: &State) -> Result<Timestamp, Error> {
    state
        .lookup(CLOCK)
        .and_then(|now| now.call(&mut state.env().empty_state(), &[]).ok())
        .and_then(|now| time::parse_timestamp(now.as_str()?))
        .ok_or_else(|| wrong("no clock is available here"))
}

/// Parses a time from text (RFC 3339, `7d`, …) or from seconds since 1970.
///
/// # Errors
///
/// If it is invalid.
pub fn moment(state: &State, value: &Value) -> Result<Moment, Error> {
    if let Some(text) = value.as_str() {
        let now = now(state)?;
        return time::parse_moment(text, now).ok_or_else(|| {
            let words = time::TIME_EXAMPLE;
            wrong(if text.len() <= LONGEST_SHOWN {
                format!("`{text}` is not {words}")
            } else {
                format!(
                    "a string of {} characters is not {words}",
                    text.chars().count()
                )
            })
        });
    }
    let seconds = to_number(value)?;
    Moment::from_seconds(seconds)
        .ok_or_else(|| wrong(format!("{seconds} seconds since 1970 is out of range")))
}

/// Reads a time, or returns `default` if it is null or invalid, as [`converted`].
///
/// # Errors
///
/// As [`unreadable`].
pub fn moment_or(
    state: &State,
    value: &Value,
    default: Option<Value>,
) -> Result<Result<Moment, Value>, Error> {
    if is_null(value) {
        return Ok(Err(default.unwrap_or_else(|| Value::from(()))));
    }
    match moment(state, value) {
        Ok(moment) => Ok(Ok(moment)),
        Err(error) => unreadable(state, value, default, Expected::Time, error).map(Err),
    }
}

/// Converts the value of a filter whose only option is `default`, which replaces null and values that
/// cannot be read.
///
/// # Errors
///
/// As [`unreadable`].
pub fn converted(
    state: &State,
    value: &Value,
    options: &Kwargs,
    expected: Expected,
    convert: impl FnOnce(&Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let default: Option<Value> = options.get("default")?;
    options.assert_all_used()?;
    if is_null(value) {
        return Ok(default.unwrap_or_else(|| Value::from(())));
    }
    convert(value).or_else(|error| unreadable(state, value, default, expected, error))
}

/// Returns the result for a value that cannot be read or computed with: `default` if there is one.
///
/// Over a record and in a document it is null, and the value is recorded in the scope.
///
/// # Errors
///
/// Elsewhere the given error.
pub fn unreadable(
    state: &State,
    value: &Value,
    default: Option<Value>,
    expected: Expected,
    error: Error,
) -> Result<Value, Error> {
    if let Some(default) = default {
        return Ok(default);
    }
    match state.lookup(UNREADABLE) {
        Some(noted) if takes_null_for(state) => {
            if let Some(noted) = noted.downcast_object_ref::<Unreadable>() {
                noted.push(expected, got(value));
            }
            Ok(Value::from(()))
        }
        _ => Err(error),
    }
}

/// Returns true if a value that cannot be read is null.
fn takes_null_for(state: &State) -> bool {
    state.undefined_behavior() == UndefinedBehavior::Chainable || state.lookup(DOCUMENT).is_some()
}

/// Removes the sign of a negative zero.
pub fn unsigned_zero(value: Value) -> Value {
    match f64::try_from(value.clone()) {
        Ok(number) if number == 0.0 && number.is_sign_negative() && !value.is_integer() => {
            Value::from(0.0)
        }
        _ => value,
    }
}

/// Returns a time zone by its IANA name; UTC by default.
///
/// # Errors
///
/// If there is no time zone with that name.
pub fn zone(name: Option<&str>) -> Result<TimeZone, Error> {
    let Some(name) = name else {
        return Ok(TimeZone::UTC);
    };
    TimeZone::get(name).map_err(|_| {
        wrong(format!(
            "no time zone `{name}`; an example is `Europe/Berlin`"
        ))
    })
}

/// Creates a mapping.
pub fn mapping<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::from(BTreeMap::from(members))
}

/// Checks a word against a list of choices.
///
/// # Errors
///
/// If it is not one of them.
pub fn choice<'w>(option: &str, word: &str, words: &[&'w str]) -> Result<&'w str, Error> {
    words
        .iter()
        .copied()
        .find(|known| *known == word)
        .ok_or_else(|| {
            wrong(format!(
                "`{option}` takes {}, got `{word}`",
                name::one_of(words)
            ))
        })
}
