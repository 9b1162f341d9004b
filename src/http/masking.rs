//! Masks the queries of addresses in texts: a presigned address is a secret.

use std::borrow::Cow;

/// Replaces the query of every address in a text with `***`. An address has a scheme or a slash, or its
/// query has the form `name=value`.
///
/// ```ignore
/// assert_eq!(masked_addresses("see https://h/a?sig=1."), "see https://h/a?***");
/// assert_eq!(masked_addresses("really?"), "really?");
/// ```
pub fn masked_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('?') {
        return text.into();
    }
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('?') {
        let (before, query) = (&rest[..at], &rest[at + 1..]);
        let start = before.rfind(is_around).map_or(0, |at| next(before, at));
        let address = &before[start..];
        // A text that begins with an address is one, even if there are spaces in its query.
        let is_whole =
            masked.is_empty() && is_address(address) && before[..start].trim().is_empty();
        let end = query.find(is_around).filter(|_| !is_whole);
        let query = &query[..end.unwrap_or(query.len())];
        masked.push_str(&rest[..=at]);
        if query.trim().is_empty() || !(is_address(address) || query.contains('=')) {
            masked.push_str(query);
        } else {
            masked.push_str("***");
        }
        rest = &rest[at + 1 + query.len()..];
    }
    masked.push_str(rest);
    masked.into()
}

fn is_address(text: &str) -> bool {
    text.contains('/')
}

/// Returns true for characters that separate an address from the text around it.
fn is_around(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "\"'`<>".contains(letter)
}

fn next(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queries_of_addresses_are_masked_anywhere() {
        for (text, masked) in [
            ("https://h/a?sig=1", "https://h/a?***"),
            ("HTTPS://h/a?sig=1&b=2#c", "HTTPS://h/a?***"),
            ("  https://h/a?sig=1 2", "  https://h/a?***"),
            ("https://h?s", "https://h?***"),
            ("/rel?sig=1", "/rel?***"),
            ("//h/x?sig=1", "//h/x?***"),
            ("ftp://h/x?sig=1", "ftp://h/x?***"),
            ("x?sig=1", "x?***"),
            ("?sig=1", "?***"),
            (
                "see http://h/?sig=1 and /b?c=2.",
                "see http://h/?*** and /b?***",
            ),
            ("<a href=\"/x?sig=1\">y</a>", "<a href=\"/x?***\">y</a>"),
            ("a\nhttps://h/a?x=1?y=2\nb", "a\nhttps://h/a?***\nb"),
        ] {
            assert_eq!(masked_addresses(text), masked);
        }
        for text in [
            "really?",
            "why? because",
            "a?b",
            "https://h/a",
            "https://h/a?",
            "é?é",
            "",
        ] {
            assert_eq!(masked_addresses(text), text);
        }
    }
}
