//! Recognizes numbers in the fields of tables.

use serde_json::Value;

use crate::core::json::number;

/// Returns true if a text is a number in JSON (no `+`, no leading zeros) that SQL can compute with:
/// an integer of 64 bits, or a number with a fraction or an exponent within the range of a double.
/// Its notation is kept, so `1.50` is a number like `1.5`.
///
/// Longer integers are ids, and SQL would store them as text beside numbers.
pub fn is_number(text: &str) -> bool {
    if number::length(text) != Some(text.len()) {
        return false;
    }
    if !text.contains(['.', 'e', 'E']) {
        return text.len() < 19 || text.parse::<i64>().is_ok();
    }
    // Without an exponent, so few digits are below the largest double.
    let is_plain = text.len() < 300 && !text.contains(['e', 'E']);
    is_plain || text.parse().is_ok_and(f64::is_finite)
}

/// Converts a text to a number if [`is_number`]; otherwise returns the text.
pub fn looks_like(text: String) -> Value {
    match number::from_text(&text).filter(|_| is_number(&text)) {
        Some(number) => Value::Number(number),
        None => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_those_of_json_in_any_notation() {
        for number in [
            "0",
            "-0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "1.5",
            "1.50",
            "0.00",
            "-3.50",
            "100.00",
            "-0.25",
            "0.1000000000000000000001",
            "1e5",
            "2E+3",
            "1.10e-7",
            "0.0",
        ] {
            assert!(is_number(number), "{number}");
            let value = looks_like(number.to_owned());
            assert_eq!(value.to_string(), number);
        }
        let digits = "9".repeat(400);
        for text in [
            "",
            "007",
            "-01",
            "+1",
            "1.",
            ".5",
            "-",
            "1 ",
            " 1",
            "0x1",
            "1_000",
            "1,000",
            "1e999",
            "-1e999",
            &format!("{digits}.5"),
            "NaN",
            "inf",
            "true",
            "9223372036854775808",
            "00.5",
            "1.2.3",
            "5e",
            "2026-11-02",
        ] {
            assert!(!is_number(text), "{text}");
            assert_eq!(looks_like(text.to_owned()), json!(text));
        }
    }
}
