//! Numbers with arbitrary precision.
//!
//! A number is its text: `1.10`, `1e400` and a thirty-digit integer are kept as written.
//! Comparison uses all digits, without rounding.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Number;

/// Returns the length in bytes of the JSON number at the start of the text, if there is one.
pub fn length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let count = bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        (count > 0).then_some(from + count)
    };
    let start = usize::from(bytes.first() == Some(&b'-'));
    let mut at = digits(start)?;
    if bytes[start] == b'0' && at > start + 1 {
        return None;
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let is_signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(is_signed))?;
    }
    Some(at)
}

/// Parses a JSON number.
pub fn from_text(text: &str) -> Option<Number> {
    (length(text) == Some(text.len())).then(|| trusted(text))
}

/// Returns true if a number is written without a fraction or exponent.
pub fn is_whole(number: &Number) -> bool {
    !number.as_str().contains(['.', 'e', 'E'])
}

/// Creates a number from text that is known to be one.
///
/// `Number::from_str` would write `1E5` as `1e+5`. The unchecked constructor is public only for
/// tests of `serde_json`; the tests here notice if an update removes it or adds checks.
pub(super) fn trusted(text: &str) -> Number {
    Number::from_string_unchecked(text.to_owned())
}

/// Compares two numbers exactly.
pub fn compare(left: &Number, right: &Number) -> Ordering {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return left.cmp(&right);
    }
    Decimal::new(left.as_str()).compare(&Decimal::new(right.as_str()))
}

/// Returns a text shared by equal numbers: `1`, `1.0` and `10e-1` are all `1`.
pub fn canonical(number: &Number) -> Cow<'_, str> {
    let text = number.as_str();
    let is_plain = !text.starts_with("-0")
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit());
    if is_plain && text.len() < 19 {
        return Cow::Borrowed(text);
    }
    let decimal = Decimal::new(text);
    let digits: String = decimal.digits().map(char::from).collect();
    let sign = if decimal.is_negative { "-" } else { "" };
    match usize::try_from(decimal.magnitude) {
        _ if digits.is_empty() => Cow::Borrowed("0"),
        // An integer of ordinary length, written without an exponent.
        Ok(length) if (digits.len()..19).contains(&length) => {
            Cow::Owned(format!("{sign}{digits:0<length$}"))
        }
        _ => Cow::Owned(format!("{sign}0.{digits}e{}", decimal.magnitude)),
    }
}

/// ±0.d₁d₂d₃… × 10^magnitude, without leading or trailing zeros.
struct Decimal<'t> {
    is_negative: bool,
    /// The digits, possibly with a decimal point between them.
    significant: &'t str,
    magnitude: i64,
}

impl<'t> Decimal<'t> {
    fn new(text: &'t str) -> Self {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, digits) = match exponent.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, exponent.trim_start_matches('+')),
        };
        // An exponent that overflows i64 is capped far beyond any other number, at a tenth of the
        // range, so that adding the mantissa's length cannot overflow.
        let most = i64::MAX / 10;
        let size = digits.parse().unwrap_or(most).min(most);
        let exponent = if negative { -size } else { size };
        let point = mantissa.find('.').unwrap_or(mantissa.len());
        let significant = mantissa.trim_start_matches(['0', '.']);
        let first = mantissa.len() - significant.len();
        let places = |count: usize| i64::try_from(count).unwrap_or(most);
        let magnitude = if first < point {
            places(point - first)
        } else {
            -places(first.saturating_sub(point + 1))
        };
        let significant = if mantissa.contains('.') {
            significant.trim_end_matches(['0', '.'])
        } else {
            significant.trim_end_matches('0')
        };
        Self {
            is_negative: is_negative && !significant.is_empty(),
            significant,
            magnitude: if significant.is_empty() {
                0
            } else {
                magnitude + exponent
            },
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.significant.bytes().filter(|byte| *byte != b'.')
    }

    fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.significant.is_empty(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let order = sign(self).cmp(&sign(other));
        if order.is_ne() || sign(self) == 0 {
            return order;
        }
        // Of equal magnitude, digits are compared from the left; a prefix is less.
        let size = self
            .magnitude
            .cmp(&other.magnitude)
            .then_with(|| self.digits().cmp(other.digits()));
        if self.is_negative {
            size.reverse()
        } else {
            size
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        from_text(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_number_is_what_json_says() {
        for text in ["0", "-0", "1.10", "1E5", "1e+05", "1e-7", "-12.5", "1e400"] {
            assert_eq!(number(text).to_string(), text);
        }
        for text in [
            "", "-", "01", "1.", ".5", "1e", "+1", "1 ", "0x1", "1_000", "nan", "--1",
        ] {
            assert!(from_text(text).is_none(), "{text}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_all_their_digits() {
        let ascending = [
            "-1e400",
            "-123456789012345678901234567890",
            "-10",
            "-9.5",
            "-0.001",
            "0",
            "1e-400",
            "0.0999",
            "0.1",
            "0.10000000000000000001",
            "1",
            "1.05",
            "1.1",
            "9",
            "10",
            "10.5",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "18446744073709551615",
            "18446744073709551616",
            "123456789012345678901234567890",
            "1e400",
            "1e99999999999999999999",
        ];
        for (place, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                let order = compare(&number(left), &number(right));
                assert_eq!(order, place.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn equal_numbers_are_one() {
        for equal in [
            ["1", "1.0", "10e-1", "0.1E+1"],
            ["0", "-0", "0.000", "0e7"],
            ["1e5", "100000", "100000.0", "1E5"],
            ["-1.10", "-1.1", "-11e-1", "-0.0110e2"],
            ["1e30", "1000000000000000000000000000000", "10e29", "0.1e31"],
        ] {
            for text in equal {
                assert_eq!(
                    compare(&number(text), &number(equal[0])),
                    Ordering::Equal,
                    "{text}"
                );
                assert_eq!(
                    canonical(&number(text)),
                    canonical(&number(equal[0])),
                    "{text}"
                );
            }
        }
        assert_eq!(canonical(&number("9007199254740993")), "9007199254740993");
        assert_ne!(canonical(&number("1.1")), canonical(&number("11")));
        assert_eq!(canonical(&number("1e5")), "100000");
    }
}
