//! Converts JSON values for templates.
//!
//! minijinja computes with 128-bit integers and doubles. Any other number, or one that would be
//! written differently (`1.10`, `1e400`), is rounded for computing; [`is_exact`] detects this, so that
//! an expression that only passes a value on can take it from the JSON.

use minijinja::Value;
use minijinja::value::Serde;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value as Json};

/// Converts a JSON value; objects become plain mappings.
pub fn from_json(value: &Json) -> Value {
    match value {
        Json::Number(number) => from_number(number),
        other => Value::from(Serde(Computable(other))),
    }
}

/// A JSON value with computable numbers; `serde_json` would serialize numbers as mappings.
struct Computable<'j>(&'j Json);

impl Serialize for Computable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Number(number) => from_number(number).serialize(serializer),
            Json::Array(items) => serializer.collect_seq(items.iter().map(Computable)),
            Json::Object(members) => serializer.collect_map(
                members
                    .iter()
                    .map(|(key, member)| (key, Computable(member))),
            ),
            other => other.serialize(serializer),
        }
    }
}

fn from_number(number: &Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_u64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_i128() {
        return Value::from(whole);
    }
    // Beyond the largest double, `parse` returns infinity, which compares as the number would.
    Value::from(number.as_str().parse::<f64>().unwrap_or(f64::NAN))
}

/// Returns true if templates write every number in a value exactly as in JSON.
pub fn is_exact(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::String(_) => true,
        Json::Number(number) => is_written_alike(number.as_str()),
        Json::Array(items) => items.iter().all(is_exact),
        Json::Object(members) => members.values().all(is_exact),
    }
}

/// Returns true for integers of up to 38 digits, and decimals of up to 15 digits without an
/// exponent or a needless zero, which survive a double. Others may too, but checking them costs
/// more than keeping them.
fn is_written_alike(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let Some((whole, fraction)) = digits.split_once('.') else {
        return digits.len() <= 38 && text != "-0" && !digits.contains(['e', 'E']);
    };
    whole.len() + fraction.len() <= 15
        && (fraction == "0" || !fraction.ends_with('0'))
        && !fraction.starts_with("0000")
        && !fraction.contains(['e', 'E'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json::number;

    #[test]
    fn what_is_written_alike_is_written_alike() {
        for text in [
            "0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "99999999999999999999999999999999999999",
            "1.0",
            "0.1",
            "-0.5",
            "0.0001",
            "123456789012.125",
            "99999999999999.9",
            "1.10",
            "1.00",
            "1e5",
            "1E400",
            "-0",
            "-0.0",
            "0.00001",
            "1e-7",
            "123456789.1234567890123",
            "100000000000000000000000000000000000000000",
        ] {
            let number = number::from_text(text).expect(text);
            let value = from_number(&number);
            let (printed, json) = (
                value.to_string(),
                serde_json::to_string(&value).expect(text),
            );
            if is_written_alike(text) {
                assert_eq!((printed.as_str(), json.as_str()), (text, text));
            }
        }
        assert!(is_written_alike("0.93") && is_written_alike("12.5"));
    }
}
