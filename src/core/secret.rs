//! Values that must not be seen, and the scrubber that keeps known ones out of what is shown.
//!
//! A [`Secret`] has no `Display` and no `Deref`: whoever wants its text says [`Secret::expose`],
//! and those places are few. A [`Scrubber`] replaces known values, in the encodings in which they
//! could come back, in texts that others made: answers, error messages, traces.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

use crate::core::percent;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// The shortest value that is scrubbed from foreign text. A shorter one would blot out ordinary
/// words (`a`, `1`, `yes`) and is too short to protect anything; where `runner` itself places a
/// secret it is masked whatever its length.
const SHORTEST: usize = 4;

/// A text that must not be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the place where it leaves the program.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

/// Replaces known secret values in texts. Clones share what they know: a token that a command
/// prints in the middle of a run is known to all of them.
#[derive(Clone, Default)]
pub struct Scrubber {
    /// Longest first, so that a secret inside another one does not leave the rest of it.
    needles: Arc<RwLock<Vec<String>>>,
    /// The values themselves, so that one that comes again costs nothing.
    learnt: Arc<RwLock<HashSet<String>>>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scrubber({} needles)", self.known().len())
    }
}

impl Scrubber {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a value with the forms in which it may come back.
    pub fn add(&self, secret: &Secret) {
        let text = secret.expose().trim();
        // A template may ask for the same variable a thousand times.
        let is_new = self
            .learnt
            .write()
            .is_ok_and(|mut learnt| learnt.insert(text.to_owned()));
        if text.len() < SHORTEST || !is_new {
            return;
        }
        self.learn(text.to_owned());
        self.learn_escaped(text);
        // JSON may be quoted in JSON once more.
        self.learn_escaped(&json_escaped(text));
        for form in [text.to_owned(), format!("{text}:"), format!(":{text}")] {
            self.learn(STANDARD.encode(&form));
            self.learn(STANDARD.encode(&form).trim_end_matches('=').to_owned());
            self.learn(URL_SAFE.encode(&form).trim_end_matches('=').to_owned());
        }
        for line in text.lines().map(str::trim) {
            // A key of several lines may come back line by line.
            if line.len() >= 16 {
                self.learn(line.to_owned());
            }
        }
        if let Ok(mut needles) = self.needles.write() {
            needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        }
    }

    /// Whether nothing was learnt.
    pub fn is_empty(&self) -> bool {
        self.known().is_empty()
    }

    /// Whether a secret stands in the bytes.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        matches!(self.bytes(bytes), Cow::Owned(_))
    }

    /// The text without the secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for needle in self.known().iter() {
            if memchr::memmem::find(text.as_bytes(), needle.as_bytes()).is_some() {
                text = Cow::Owned(text.replace(needle, MASK));
            }
        }
        text
    }

    /// The bytes without the secrets.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut bytes = Cow::Borrowed(bytes);
        for needle in self.known().iter() {
            if memchr::memmem::find(&bytes, needle.as_bytes()).is_some() {
                bytes = Cow::Owned(replace_bytes(&bytes, needle.as_bytes()));
            }
        }
        bytes
    }

    /// Replaces the secrets in all strings, keys and numbers of a JSON value.
    pub fn json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.json(member));
                if members
                    .keys()
                    .any(|key| matches!(self.text(key), Cow::Owned(_)))
                {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(key, member)| (self.text(&key).into_owned(), member))
                        .collect();
                }
            }
            Value::Number(number) => {
                let text = number.to_string();
                if self.known().contains(&text) {
                    *value = Value::from(MASK);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Learns a text in the escapes of URLs, JSON and HTML, in the ways in which servers write them.
    fn learn_escaped(&self, text: &str) {
        let percent = percent::encode(text);
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for form in [percent, form] {
            self.learn(lower_escapes(&form));
            self.learn(form);
        }
        let json = json_escaped(text);
        self.learn(json.replace('/', "\\/"));
        for escaped in ["+&<>'", "+&<>'="] {
            for is_lower in [false, true] {
                let unicode = unicode_escapes(&json, escaped, is_lower);
                self.learn(unicode.replace('/', "\\/"));
                self.learn(unicode);
            }
        }
        self.learn(json);
        let html = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let quoted = html.replace('"', "&quot;");
        self.learn(quoted.replace('\'', "&#39;"));
        // As minijinja writes it.
        self.learn(quoted.replace('\'', "&#x27;").replace('/', "&#x2f;"));
        self.learn(html);
    }

    fn learn(&self, needle: String) {
        if let Ok(mut needles) = self.needles.write()
            && !needle.is_empty()
            && !needles.contains(&needle)
        {
            needles.push(needle);
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, Vec<String>> {
        // Nothing panics while it holds the lock, so it cannot be poisoned; if it were, what is
        // known would still be right.
        self.needles
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a variable of this name usually holds a credential.
pub fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "token",
        "secret",
        "passw",
        "passphrase",
        "apikey",
        "access_key",
        "credential",
        "webhook",
        "authorization",
        "bearer",
        "jwt",
        "signature",
    ];
    const ENDINGS: [&str; 7] = ["_key", "_pat", "_pass", "_pwd", "_auth", "_bot", "_dsn"];
    const WHOLE: [&str; 4] = ["cookie", "pass", "pwd", "pat"];
    let name = name.to_ascii_lowercase().replace('-', "_");
    // A cursor is called a token, and is none.
    let is_cursor = ["page", "next", "cursor"]
        .iter()
        .any(|word| name.contains(word));
    !is_cursor
        && (WORDS.iter().any(|word| name.contains(word))
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
            || WHOLE.contains(&name.as_str()))
}

/// As it stands between the quotes of a JSON text.
fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON whose writer escapes some characters as `\uXXXX` that need not be.
fn unicode_escapes(json: &str, which: &str, is_lower: bool) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if which.contains(character) {
            let code = u32::from(character);
            escaped.push_str(&if is_lower {
                format!("\\u{code:04x}")
            } else {
                format!("\\u{code:04X}")
            });
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Percent-encoding with lower-case digits, which some servers write.
fn lower_escapes(text: &str) -> String {
    let mut lowered = String::with_capacity(text.len());
    let mut digits = 0;
    for character in text.chars() {
        if character == '%' {
            digits = 2;
            lowered.push(character);
        } else if digits > 0 {
            digits -= 1;
            lowered.push(character.to_ascii_lowercase());
        } else {
            lowered.push(character);
        }
    }
    lowered
}

fn replace_bytes(bytes: &[u8], needle: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = 0;
    for found in memchr::memmem::find_iter(bytes, needle) {
        clean.extend_from_slice(&bytes[rest..found]);
        clean.extend_from_slice(MASK.as_bytes());
        rest = found + needle.len();
    }
    clean.extend_from_slice(&bytes[rest..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scrubber(secret: &str) -> Scrubber {
        let scrubber = Scrubber::new();
        scrubber.add(&Secret::new(secret));
        scrubber
    }

    #[test]
    fn every_encoding_of_a_secret_is_masked() {
        let scrubber = scrubber("ca/na ry\"1");
        for form in [
            "ca/na ry\"1",
            "ca%2Fna%20ry%221",
            "ca%2Fna+ry%221",
            "ca/na ry\\\"1",
            "ca\\/na ry\\\"1",
            "ca%2fna%20ry%221",
            "ca/na ry\\\\\\\"1",
            "ca/na ry&quot;1",
            &STANDARD.encode("ca/na ry\"1:"),
            &STANDARD.encode("ca/na ry\"1"),
        ] {
            assert_eq!(scrubber.text(&format!("a {form} b")), "a *** b", "{form}");
        }
    }

    #[test]
    fn json_is_scrubbed_in_values_keys_and_numbers() {
        let scrubber = scrubber("123456");
        let mut value = json!({"x123456": ["123456", 123_456, 1]});
        scrubber.json(&mut value);
        assert_eq!(value, json!({"x***": ["***", "***", 1]}));
    }

    #[test]
    fn a_short_secret_does_not_blot_out_words() {
        assert_eq!(scrubber("1").text("1 of 10"), "1 of 10");
    }

    #[test]
    fn bytes_that_are_not_text_are_scrubbed_too() {
        let bytes = [b"\xff".as_slice(), b"canary", b"\xfe"].concat();
        assert_eq!(scrubber("canary").bytes(&bytes).as_ref(), b"\xff***\xfe");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "Secret(***)");
        assert!(!format!("{:?}", scrubber("canary")).contains("canary"));
    }

    #[test]
    fn names_of_credentials_are_known() {
        assert!(is_secret_name("CIRCLE_TOKEN"));
        assert!(is_secret_name("X-Api-Key"));
        assert!(!is_secret_name("HOME"));
    }
}
