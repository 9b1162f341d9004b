//! Conversion between JSON and SQL values.

use rusqlite::types::{Null, ToSql, ToSqlOutput, ValueRef};
use serde_json::{Map, Number, Value};

use super::error::SqlError;
use crate::core::json;
use crate::core::rows::Scalar;

/// Converts a JSON value: null to NULL, booleans to 0 and 1, integers to INTEGER, other numbers to
/// REAL, strings to TEXT, lists and objects to TEXT of JSON.
///
/// An integer beyond 64 bits, or a number beyond the largest double, is stored as TEXT: REAL would
/// make different numbers equal. It is converted back to the same number.
pub fn to_sql(value: &Value) -> ToSqlOutput<'_> {
    match value {
        Value::Null => ToSqlOutput::from(Null),
        Value::Bool(flag) => ToSqlOutput::from(i64::from(*flag)),
        Value::Number(number) if is_kept_as_text(number) => ToSqlOutput::from(number.as_str()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ToSqlOutput::from(whole),
            (None, real) => ToSqlOutput::from(real.unwrap_or(f64::MAX)),
        },
        Value::String(text) => ToSqlOutput::from(text.as_str()),
        Value::Array(_) | Value::Object(_) => ToSqlOutput::from(value.to_string()),
    }
}

/// Converts a scalar, as [`to_sql`] does.
pub fn scalar_to_sql(value: Scalar<'_>) -> ToSqlOutput<'_> {
    match value {
        Scalar::Null => ToSqlOutput::from(Null),
        Scalar::Bool(flag) => ToSqlOutput::from(i64::from(flag)),
        Scalar::Text(text) | Scalar::Nested(text) => ToSqlOutput::from(text),
        Scalar::Number(text) => {
            if let Ok(whole) = text.parse::<i64>() {
                return ToSqlOutput::from(whole);
            }
            match real(text) {
                Some(real) => ToSqlOutput::from(real),
                None => ToSqlOutput::from(text),
            }
        }
    }
}

/// Returns true if the number in a text is stored as text.
pub fn is_long(text: &str) -> bool {
    // Short integers are most of all numbers.
    let is_short = text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    !is_short && text.parse::<i64>().is_err() && real(text).is_none()
}

/// Returns a number with a fraction or an exponent, if it is within the range of a double.
fn real(text: &str) -> Option<f64> {
    let is_whole = !text.contains(['.', 'e', 'E']);
    let real = text.parse().ok().filter(|real: &f64| real.is_finite());
    real.filter(|_| !is_whole)
}

/// Returns true if a number is stored as text.
pub fn is_kept_as_text(number: &Number) -> bool {
    number.as_i64().is_none() && (json::number::is_whole(number) || number.as_f64().is_none())
}

/// A value to bind.
pub struct Bound<'a>(pub &'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(to_sql(self.0))
    }
}

/// A scalar to bind.
pub struct BoundScalar<'a>(pub Scalar<'a>);

impl ToSql for BoundScalar<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(scalar_to_sql(self.0))
    }
}

/// The kind of values in a result column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Plain SQL values.
    Plain,
    /// 0 and 1 that were booleans.
    Booleans,
    /// Texts that were lists or objects.
    Nested,
    /// Strings that were numbers beyond the range of SQL.
    Numbers,
    /// JSON text from a JSON function.
    Json,
}

/// Converts a value of the result column `name` to JSON.
///
/// # Errors
///
/// JSON has no bytes and no infinite numbers.
pub fn to_json(value: ValueRef<'_>, holds: Holds, name: &str) -> Result<Value, SqlError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(whole) => Ok(match (holds, whole) {
            (Holds::Booleans, 0) => Value::Bool(false),
            (Holds::Booleans, 1) => Value::Bool(true),
            _ => Value::from(whole),
        }),
        // Adding 0 removes the sign of `-0`.
        ValueRef::Real(real) => Number::from_f64(real + 0.0)
            .map(Value::Number)
            .ok_or_else(|| {
                SqlError::values(format!(
                    "column `{name}` contains an infinite number, which JSON cannot represent"
                ))
            }),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| {
                SqlError::values(format!(
                    "column `{name}` contains a string that is not UTF-8"
                ))
            })?;
            Ok(from_text(text, holds))
        }
        ValueRef::Blob(_) => Err(SqlError::values(format!(
            "column `{name}` contains bytes, which JSON cannot represent"
        ))
        .help("convert them with `hex(…)`, or the result of `jsonb…(…)` with `json(…)`")),
    }
}

fn from_text(text: &str, holds: Holds) -> Value {
    let parsed = match holds {
        Holds::Plain | Holds::Booleans => None,
        Holds::Nested => nested(text),
        Holds::Numbers => json::number::from_text(text).map(Value::Number),
        Holds::Json => json::parse(text.as_bytes()).ok(),
    };
    parsed.unwrap_or_else(|| Value::from(text))
}

/// Parses a list or an object.
pub fn nested(text: &str) -> Option<Value> {
    let first = text.trim_start().as_bytes().first()?;
    if matches!(first, b'[' | b'{') {
        json::parse(text.as_bytes()).ok()
    } else {
        None
    }
}

/// A row of a result.
pub type Row = Map<String, Value>;

/// Returns the kind of an SQL value with its article, for messages.
pub fn kind(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(whole) => format!("the number {whole}"),
        // Avoids 300 zeros for `1e300`.
        ValueRef::Real(real) if real.abs() >= 1e16 => format!("the number {real:e}"),
        ValueRef::Real(real) => format!("the number {real}"),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let text = crate::core::text::one_line(&text);
            let short: String = text.chars().take(60).collect();
            let more = if text.chars().count() > 60 { "…" } else { "" };
            format!("`{short}{more}`")
        }
        ValueRef::Blob(_) => "bytes".to_owned(),
    }
}
