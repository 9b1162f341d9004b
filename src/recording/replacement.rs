//! Recognizes the replacements of redacted values, which no server knows.
//!
//! They are words that people may use, too: `hidden` and the numbers of aliases only count where
//! values are redacted.

use serde_json::Value;

use crate::core::percent;
use crate::recording::redact::{BEFORE_FIRST, HIDDEN};
use crate::recording::{Ask, Content};

/// The maximum number of aliases of a recording that are recognized.
const MOST_NUMBERS: u64 = 10_000;

/// Returns the first replacement in a text, alone or as a part: `gh/alias-1/web`, `?login=hidden`.
pub fn in_text(text: &str, is_redacted: bool) -> Option<String> {
    let text = percent::decode(text);
    let is_of_word = |letter: char| letter.is_alphanumeric() || "-_".contains(letter);
    let mut words = text.split(|letter| !is_of_word(letter));
    let found = words.find(|word| {
        let alias = word.strip_prefix("alias-");
        let is_alias = alias.is_some_and(|number| number.parse::<u64>().is_ok());
        is_alias || is_redacted && (*word == HIDDEN || is_number_of_alias(word))
    });
    found.map(str::to_owned)
}

/// Returns the first replacement in a value, at any depth.
pub fn in_value(value: &Value, is_redacted: bool) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => in_text(number.as_str(), is_redacted),
        Value::String(text) => in_text(text, is_redacted),
        Value::Array(items) => items.iter().find_map(|item| in_value(item, is_redacted)),
        Value::Object(members) => members
            .values()
            .find_map(|member| in_value(member, is_redacted)),
    }
}

/// Returns the first replacement in a request.
pub fn in_ask(ask: &Ask, is_redacted: bool) -> Option<String> {
    in_text(&ask.target, is_redacted).or_else(|| match &ask.sent {
        Content::Json(value) => in_value(value, is_redacted),
        Content::Text(text) => in_text(text, is_redacted),
        Content::Empty | Content::Bytes(_) => None,
    })
}

fn is_number_of_alias(word: &str) -> bool {
    let number = word.parse::<u64>().unwrap_or(0);
    (BEFORE_FIRST + 1..=BEFORE_FIRST + MOST_NUMBERS).contains(&number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replacements_are_recognized() {
        for text in [
            "/user/alias-1/x",
            "/x?alias-12",
            "/gh%2Falias-3%2Fweb/x",
            "alias-1@x",
        ] {
            assert!(in_text(text, false).is_some(), "{text}");
        }
        for text in ["/user?login=hidden", "hidden", "/jobs/1000001"] {
            assert!(in_text(text, true).is_some(), "{text}");
            assert!(in_text(text, false).is_none(), "{text}");
        }
        for text in [
            "/user/alias-x",
            "/hidden-things",
            "/x?a=b",
            "my-alias-1",
            "/x/1000000",
        ] {
            assert!(in_text(text, true).is_none(), "{text}");
        }
        let value = json!([{"a": 1, "b": ["x", 1_000_002]}]);
        assert_eq!(in_value(&value, true).as_deref(), Some("1000002"));
        assert_eq!(in_value(&value, false), None);
    }
}
