//! Percent-encoding (RFC 3986, section 2.1) of values in URLs.

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

/// Everything but the unreserved characters of RFC 3986, section 2.3. Those cannot end a segment, a
/// query value or a URL, and no server reads them in two ways (as it may read `+` as a space).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes text as one path segment or query value, including `/`, `?`, `&`, `%`, `+` and spaces.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Decodes a part of a URL, for comparisons; invalid UTF-8 is replaced.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns the one spelling of a part of a URL: decoded and encoded again. Works on bytes, so that
/// different invalid UTF-8 stays different.
pub fn normalized(text: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    percent_encode(&bytes, RESERVED).to_string()
}

/// Returns true if a path segment is `.` or `..`, percent-encoded or not: URL parsers resolve both.
pub fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(
            encode("feature/a b&c#1+é%41"),
            "feature%2Fa%20b%26c%231%2B%C3%A9%2541"
        );
        assert_eq!(encode("a-b._~9"), "a-b._~9");
    }

    #[test]
    fn spellings_of_one_text_are_one() {
        for text in ["a/b@c", "a%2Fb%40c", "a%2fb@c", "%61/b%40c"] {
            assert_eq!(normalized(text), "a%2Fb%40c", "{text}");
        }
        assert_eq!(normalized("100%"), "100%25");
        assert_ne!(normalized("%ff"), normalized("%fe"));
    }
}
