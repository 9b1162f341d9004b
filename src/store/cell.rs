//! Values in a database.

use serde_json::{Number, Value};

use crate::core::column::ColumnType;
use crate::core::json::number;
use crate::core::time::{Moment, parse_written};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Another number.
    Real(f64),
    /// A string, a time in its normal form, or JSON.
    Text(String),
}

impl Cell {
    /// Converts a value for a column. Returns `None` if it does not fit the type or could not be
    /// read back unchanged.
    pub fn of(value: &Value, kind: ColumnType) -> Option<Self> {
        match (kind, value) {
            (_, Value::Null) => Some(Self::Null),
            (ColumnType::Json, value) => Some(Self::Text(value.to_string())),
            (ColumnType::Text, Value::String(text)) => Some(Self::Text(text.clone())),
            (ColumnType::Bool, Value::Bool(flag)) => Some(Self::Bool(*flag)),
            (ColumnType::Int, Value::Number(number)) => whole(number).map(Self::Int),
            (ColumnType::Number, Value::Number(number)) => real(number).map(Self::Real),
            (ColumnType::Time, Value::String(text)) => normal_time(text).map(Self::Text),
            _ => None,
        }
    }

    /// Converts it to JSON, given the type of its column.
    pub fn to_json(&self, kind: ColumnType) -> Value {
        match (self, kind) {
            (Self::Null, _) => Value::Null,
            (Self::Bool(flag), _) => Value::Bool(*flag),
            // SQLite has no booleans.
            (Self::Int(number), ColumnType::Bool) => Value::Bool(*number != 0),
            // A column of integers that was widened, in SQLite.
            (Self::Int(number), ColumnType::Number) => {
                #[expect(clippy::cast_precision_loss, reason = "the column holds doubles")]
                let real = *number as f64;
                real_to_json(real)
            }
            (Self::Int(number), _) => Value::from(*number),
            (Self::Real(number), _) => real_to_json(*number),
            (Self::Text(text), ColumnType::Json) => {
                crate::core::json::parse(text.as_bytes()).unwrap_or_else(|_| text.as_str().into())
            }
            // Times of the store itself have six digits of a second in SQLite.
            (Self::Text(text), ColumnType::Time) => {
                Value::from(normal_time(text).unwrap_or_else(|| text.clone()))
            }
            (Self::Text(text), _) => Value::from(text.as_str()),
        }
    }

    /// Returns the text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        }
    }

    /// Returns true for a true boolean.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || matches!(self, Self::Int(number) if *number != 0)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

fn whole(number: &Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    // `1.0` and `1e3` are integers too.
    number::is_whole(number)
        .then(|| number::canonical(number).parse().ok())
        .flatten()
}

/// Returns the nearest double, if it is written as the same number.
fn real(number: &Number) -> Option<f64> {
    let real = number.as_f64().filter(|real| real.is_finite())?;
    let Value::Number(back) = real_to_json(real) else {
        return None;
    };
    number::compare(&back, number).is_eq().then_some(real)
}

/// The numbers up to which a double holds every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns a number as most programs write it: an integer without `.0`.
fn real_to_json(real: f64) -> Value {
    if real.fract() == 0.0 && real.abs() <= EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is an integer within the range"
        )]
        return Value::from(real as i64);
    }
    Number::from_f64(real).map_or(Value::Null, Value::Number)
}

/// Returns a time in its normal form: UTC, with as many digits of a second as it has, at most six.
pub fn normal_time(text: &str) -> Option<String> {
    Some(format_micros(micros(text)?))
}

/// Returns the microseconds since 1970 of a time.
pub fn micros(text: &str) -> Option<i64> {
    let moment = parse_written(text)?;
    i64::try_from(moment.since_1970().as_micros()).ok()
}

/// Formats microseconds since 1970 as a time with six digits of a second: as texts, such times have
/// their order.
pub fn format_sorted(micros: i64) -> String {
    let text = format_micros(micros);
    let Some((seconds, rest)) = text
        .trim_end_matches('Z')
        .split_at_checked("2026-01-01T00:00:00".len())
    else {
        return text;
    };
    format!("{seconds}.{:0<6}Z", rest.trim_start_matches('.'))
}

/// Formats microseconds since 1970 as a time in its normal form.
pub fn format_micros(micros: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_microsecond(micros) else {
        return Moment::from_milliseconds(micros / 1_000)
            .map_or_else(String::new, |moment| format!("{}Z", moment.utc()));
    };
    time.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_back_unchanged() {
        for (kind, value) in [
            (ColumnType::Text, json!("1.10")),
            (ColumnType::Int, json!(i64::MAX)),
            (ColumnType::Int, json!(-7)),
            (ColumnType::Number, json!(0.1)),
            (ColumnType::Number, json!(2)),
            (ColumnType::Number, json!(-9_007_199_254_740_992_i64)),
            (ColumnType::Number, json!(1e300)),
            (ColumnType::Bool, json!(true)),
            (ColumnType::Time, json!("2026-11-25T09:00:00Z")),
            (ColumnType::Time, json!("2026-11-25T09:00:00.125Z")),
            (ColumnType::Json, json!({ "b": [1, null], "a": 1.50 })),
            (ColumnType::Json, json!(null)),
        ] {
            let cell = Cell::of(&value, kind).expect("it fits");
            assert_eq!(cell.to_json(kind), value);
        }
    }

    #[test]
    fn what_would_change_does_not_fit() {
        let long =
            crate::core::json::parse(b"[12345678901234567890123, 0.12345678901234567890123]");
        let long = long.expect("JSON");
        for (kind, value) in [
            (ColumnType::Text, json!(1)),
            (ColumnType::Int, json!("1")),
            (ColumnType::Int, json!(1.5)),
            (ColumnType::Int, long[0].clone()),
            (ColumnType::Number, long[0].clone()),
            (ColumnType::Number, long[1].clone()),
            (ColumnType::Bool, json!(1)),
            (ColumnType::Time, json!("soon")),
            (ColumnType::Time, json!(1_764_061_200)),
        ] {
            assert_eq!(Cell::of(&value, kind), None, "{kind:?} {value}");
        }
    }

    #[test]
    fn times_have_one_form() {
        for (text, normal) in [
            ("2026-11-25T09:00:00Z", "2026-11-25T09:00:00Z"),
            ("2026-11-25T10:00:00+01:00", "2026-11-25T09:00:00Z"),
            ("2026-11-25T09:00:00+0000", "2026-11-25T09:00:00Z"),
            ("2026-11-25T09:00:00.500Z", "2026-11-25T09:00:00.5Z"),
        ] {
            assert_eq!(normal_time(text).as_deref(), Some(normal), "{text}");
        }
        assert_eq!(normal_time("yesterday"), None);
    }
}
