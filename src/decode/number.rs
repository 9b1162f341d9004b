//! Recognises numbers in the fields of tables.

use serde_json::{Number, Value};

use crate::core::json::number;

/// Returns true if a text is a number in this program's own spelling, so that reading it loses
/// nothing: not `007`, `1.10` or `5e10`, which may be a version or a commit id.
pub fn is_number(text: &str) -> bool {
    is_plain_number(text.as_bytes()).unwrap_or_else(|| is_exact(text))
}

/// Decides the usual cases without a conversion: integers of up to 18 digits, and decimals of up to
/// 15 digits, which a double represents exactly enough to be printed as they are.
fn is_plain_number(text: &[u8]) -> Option<bool> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let first = *digits.first()?;
    if !first.is_ascii_digit() {
        return Some(false);
    }
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let whole = digits.iter().take_while(is_digit).count();
    if first == b'0' && whole > 1 {
        return Some(false);
    }
    if whole == digits.len() {
        return (whole <= 18).then_some(first != b'0' || text.len() == 1);
    }
    let fraction = digits[whole..].strip_prefix(b".")?;
    let count = fraction.iter().take_while(is_digit).count();
    let is_decimal = count == fraction.len() && count > 0;
    // Numbers close to zero are written with an exponent.
    let is_usual = first != b'0' && whole + count <= 15;
    (is_decimal && is_usual).then(|| fraction == b"0" || !fraction.ends_with(b"0"))
}

fn is_exact(text: &str) -> bool {
    match looks_like(text.to_owned()) {
        Value::Number(number) => {
            let float = || number.as_f64().and_then(Number::from_f64);
            number.is_i64() || float().is_some_and(|float| float.as_str() == text)
        }
        _ => false,
    }
}

/// Converts a text to a number if it is one in JSON (no `+`, no leading zeros) and no digit of an
/// integer would be lost; otherwise returns the text.
pub fn looks_like(text: String) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    let has_leading_zero = digits.starts_with('0') && whole > 1;
    // JSON would accept trailing white space.
    let ends_well = text.ends_with(|last: char| last.is_ascii_digit());
    if whole == 0 || has_leading_zero || !ends_well || text == "-0" {
        return Value::String(text);
    }
    match number::from_text(&text) {
        Some(number) if number.is_i64() || number.is_f64() => Value::Number(number),
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_those_that_json_writes() {
        for number in [
            "0",
            "-1",
            "9223372036854775807",
            "1.5",
            "-0.25",
            "2e3",
            "0.0",
        ] {
            assert!(looks_like(number.to_owned()).is_number(), "{number}");
        }
        for text in [
            "007",
            "+1",
            "1.",
            ".5",
            "-",
            "-0",
            "1 ",
            "0x1",
            "1_000",
            "1e999",
            "NaN",
            "true",
            "9223372036854775808",
            "00.5",
            "1.2.3",
            "2026-11-02",
        ] {
            assert_eq!(looks_like(text.to_owned()), json!(text));
        }
    }

    #[test]
    fn the_short_way_decides_as_the_exact_one() {
        let wholes = [
            "",
            "-",
            "0",
            "-0",
            "1",
            "-7",
            "10",
            "007",
            "123456",
            "999999999999",
        ];
        let signs = ["", ".", "..", "e", "-", " ", "x", ".0", ".00"];
        let fractions = [
            "",
            "0",
            "5",
            "50",
            "05",
            "00001",
            "123456789",
            "5e3",
            "1.2",
            "9999999",
        ];
        let mut count = 0;
        for whole in wholes {
            for sign in signs {
                for fraction in fractions {
                    let text = format!("{whole}{sign}{fraction}");
                    if let Some(is_number) = is_plain_number(text.as_bytes()) {
                        assert_eq!(is_number, is_exact(&text), "{text}");
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 400, "{count}");
        for text in [
            "123456789012345678",
            "1.50",
            "1.5",
            "-12.25",
            "12.0",
            "1e5",
            "-0.0",
        ] {
            assert_eq!(is_number(text), is_exact(text), "{text}");
        }
    }
}
