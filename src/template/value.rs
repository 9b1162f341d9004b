//! Values of templates as the filters read them: numbers, moments, time zones, options.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use crate::core::name;
use crate::core::text::one_line;
use crate::core::time::{self, Moment};
use crate::template::scope::{CLOCK, DOCUMENT, UNREADABLE, Unreadable};

/// The longest text that a message repeats.
const LONGEST_SHOWN: usize = 60;

/// A fault of the values that a filter was given.
pub fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Null, or missing.
pub fn is_null(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::None | ValueKind::Undefined)
}

/// A value as a message shows it: its kind, and its text unless that is long. It is not cut: a
/// piece of a secret would not be recognised any more.
pub fn got(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "null".to_owned(),
        ValueKind::String if text.len() <= LONGEST_SHOWN => {
            format!("the text `{}`", one_line(text))
        }
        ValueKind::String => format!("a text of {} characters", text.chars().count()),
        ValueKind::Number | ValueKind::Bool => format!("`{}`", value.to_string().to_lowercase()),
        ValueKind::Seq | ValueKind::Iterable => "a list".to_owned(),
        ValueKind::Map => "a mapping".to_owned(),
        kind => format!("a {kind}"),
    }
}

/// A finite number; a text that is one counts too.
///
/// # Errors
///
/// If it is none.
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

/// A number rounded to some digits; whole ones as integers.
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

/// The moment of the run.
///
/// # Errors
///
/// If the scope has no clock, as constants have none.
pub fn now(state: &State) -> Result<Timestamp, Error> {
    state
        .lookup(CLOCK)
        .and_then(|now| now.call(&mut state.env().empty_state(), &[]).ok())
        .and_then(|now| time::parse_timestamp(now.as_str()?))
        .ok_or_else(|| wrong("there is no clock here"))
}

/// A moment from text (RFC 3339, `7d`, …) or from seconds since 1970.
///
/// # Errors
///
/// If it is none.
pub fn moment(state: &State, value: &Value) -> Result<Moment, Error> {
    if let Some(text) = value.as_str() {
        let now = now(state)?;
        return time::parse_moment(text, now).ok_or_else(|| {
            let words = time::TIME_EXAMPLE;
            wrong(if text.len() <= LONGEST_SHOWN {
                format!("`{text}` is not {words}")
            } else {
                format!(
                    "a text of {} characters is not {words}",
                    text.chars().count()
                )
            })
        });
    }
    let seconds = to_number(value)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked by from_milliseconds"
    )]
    Moment::from_milliseconds((seconds * 1000.0).round() as i64)
        .ok_or_else(|| wrong(format!("{seconds} seconds since 1970 is out of range")))
}

/// A moment of a record, or what stands for it: `default` where it is null or no time.
///
/// Over a record and in a document, what is no time is null, and is noted in the scope; elsewhere it
/// is a fault.
///
/// # Errors
///
/// If it is no time, outside of records and documents and without a default.
pub fn moment_or(
    state: &State,
    value: &Value,
    default: Option<Value>,
) -> Result<Result<Moment, Value>, Error> {
    let null = || Value::from(());
    if is_null(value) {
        return Ok(Err(default.unwrap_or_else(null)));
    }
    match (moment(state, value), default) {
        (Ok(moment), _) => Ok(Ok(moment)),
        (Err(_), Some(default)) => Ok(Err(default)),
        (Err(error), None) => match state.lookup(UNREADABLE) {
            Some(noted) if takes_null_for(state) => {
                if let Some(noted) = noted.downcast_object_ref::<Unreadable>() {
                    noted.push(&got(value));
                }
                Ok(Err(null()))
            }
            _ => Err(error),
        },
    }
}

/// Returns true where what is no time is null.
fn takes_null_for(state: &State) -> bool {
    state.undefined_behavior() == UndefinedBehavior::Chainable || state.lookup(DOCUMENT).is_some()
}

/// A number that is no negative zero: `-0` is nothing that a person or an API means.
pub fn unsigned_zero(value: Value) -> Value {
    match f64::try_from(value.clone()) {
        Ok(number) if number == 0.0 && number.is_sign_negative() && !value.is_integer() => {
            Value::from(0.0)
        }
        _ => value,
    }
}

/// An IANA time zone by its name; UTC where none is said.
///
/// # Errors
///
/// If there is none of that name.
pub fn zone(name: Option<&str>) -> Result<TimeZone, Error> {
    let Some(name) = name else {
        return Ok(TimeZone::UTC);
    };
    TimeZone::get(name).map_err(|_| {
        wrong(format!(
            "there is no time zone `{name}`; one is `Europe/Berlin`"
        ))
    })
}

/// A mapping.
pub fn mapping<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::from(BTreeMap::from(members))
}

/// One of some words.
///
/// # Errors
///
/// If it is another word.
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
