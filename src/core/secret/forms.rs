//! Encodings in which a secret may come back: escaped for JSON, changed by a URL parser, or in base64.
//! Percent-encoding and HTML are not among them: the scrubber undoes them in the text it searches.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

use crate::core::secret::SHORTEST;

/// The minimum length of a base64 piece that is masked on its own. Shorter ones occur in ordinary
/// words.
const SHORTEST_BASE64: usize = 8;

/// Returns all forms of a secret, including the text itself.
pub fn forms(text: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([text.to_owned()]);
    add_escaped(text, &mut forms);
    // JSON may be embedded in JSON once more.
    add_escaped(&json_escaped(text), &mut forms);
    for form in [text.to_owned(), format!("{text}:"), format!(":{text}")] {
        for encoded in [STANDARD.encode(&form), URL_SAFE.encode(&form)] {
            forms.insert(encoded.trim_end_matches('=').to_owned());
            forms.insert(encoded);
        }
    }
    for shift in 0..3 {
        let piece = base64_within(text, shift);
        if piece.len() >= SHORTEST_BASE64 {
            forms.insert(piece.replace('+', "-").replace('/', "_"));
            forms.insert(piece);
        }
    }
    for line in text.lines().map(str::trim) {
        // A multi-line key may come back line by line.
        if line.len() >= 16 {
            forms.insert(line.to_owned());
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// Adds the JSON escapes of a text, in every variant that servers write.
fn add_escaped(text: &str, forms: &mut BTreeSet<String>) {
    // The data of an HTML form has `+` for a space.
    forms.insert(text.replace(' ', "+"));
    let json = json_escaped(text);
    for escaped in ["", "+&<>'", "+&<>'="] {
        for is_lower in [false, true] {
            let ascii = unicode_escapes(&json, |c| escaped.contains(c) || !c.is_ascii(), is_lower);
            let unicode = unicode_escapes(&json, |c| escaped.contains(c), is_lower);
            for json in [ascii, unicode] {
                forms.insert(json.replace('/', "\\/"));
                forms.insert(json);
            }
        }
    }
    add_url(text, forms);
    // CSV quoting.
    forms.insert(text.replace('"', "\"\""));
}

/// Adds a text as a URL parser serializes it when it was put into a URL unescaped.
fn add_url(text: &str, forms: &mut BTreeSet<String>) {
    let Ok(mut url) = url::Url::parse("https://x/") else {
        return;
    };
    url.set_query(Some(text));
    forms.extend(url.query().map(str::to_owned));
    url.set_path(text);
    forms.insert(url.path()[1..].to_owned());
    if url.set_password(Some(text)).is_ok() {
        forms.extend(url.password().map(str::to_owned));
    }
}

/// Returns the part of a base64 text that depends on `text` alone, when `shift` bytes (modulo 3)
/// precede it.
fn base64_within(text: &str, shift: usize) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(text.as_bytes());
    let encoded = STANDARD.encode(&bytes);
    let first = (shift * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    encoded.get(first..whole).unwrap_or_default().to_owned()
}

/// Escapes text as between the quotes of a JSON string.
fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Escapes further characters of JSON as `\uXXXX`.
fn unicode_escapes(json: &str, is_escaped: impl Fn(char) -> bool, is_lower: bool) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if !is_escaped(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&if is_lower {
                format!("\\u{unit:04x}")
            } else {
                format!("\\u{unit:04X}")
            });
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_token_has_few_forms() {
        // The text itself and base64 in its alignments: every form adds to the cost of scrubbing a
        // response.
        let count = forms("CCIPAT_FERZRjN3x0123456789").len();
        assert!(count <= 16, "{count}");
    }

    #[test]
    fn base64_is_found_at_every_alignment() {
        let forms = forms("canary+4f9a/81c7");
        for before in ["", "a", "ab", "abc", "user:"] {
            for engine in [STANDARD, URL_SAFE] {
                let encoded = engine.encode(format!("{before}canary+4f9a/81c7!"));
                let is_found = forms.iter().any(|form| encoded.contains(form.as_str()));
                assert!(is_found, "{encoded}");
            }
        }
    }
}
