//! The canary: a token that is in every run and may come out of none.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The value of `CIRCLE_TOKEN` unless a test sets another. It has what must be encoded in a URL,
/// and no look of a real token's prefix, which a message might rightly name.
pub const CANARY: &str = "canary_4f9a+Zq/81c7d=e2Xw~KmR5tB0y";

/// A piece of a secret of this length is a leak too: a message cut short hides nothing.
const PIECE: usize = 10;

/// The forms of one secret that are looked for.
pub(super) struct Secret {
    forms: Vec<String>,
}

impl Secret {
    pub(super) fn new(value: &str) -> Self {
        assert!(value.len() >= 8, "`{value}` is too short to be looked for");
        let percent = percent_encoded(value);
        let reversed = value.chars().rev().collect();
        let hex = value.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        });
        let mut forms = vec![
            value.to_owned(),
            value.to_uppercase(),
            value.to_lowercase(),
            reversed,
            hex.to_lowercase(),
            hex,
            percent.to_lowercase(),
            percent,
        ];
        for shift in 0..3 {
            let encoded = base64_within(value, shift);
            forms.push(encoded.replace('+', "-").replace('/', "_"));
            forms.push(encoded);
        }
        Self { forms }
    }

    /// The first piece of the secret that the text holds.
    pub(super) fn leak_in(&self, text: &str) -> Option<&str> {
        self.forms.iter().find_map(|form| {
            let length = form.len().min(PIECE);
            (0..=form.len() - length)
                .filter_map(|start| form.get(start..start + length))
                .find(|piece| text.contains(piece))
        })
    }

    /// Like [`Secret::leak_in`], for everything below a folder; the path is in front.
    pub(super) fn leak_below(&self, folder: &Path) -> Option<String> {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            let kind = entry.file_type().ok()?;
            let leak = if kind.is_dir() {
                self.leak_below(&path)
            } else if kind.is_file() {
                let text = fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                self.leak_in(&text)
                    .map(|piece| format!("{}: {piece}", path.display()))
            } else {
                None
            };
            if leak.is_some() {
                return leak;
            }
        }
        None
    }
}

fn percent_encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The part of a base64 text that only depends on `value`, where `shift` bytes stand before it.
/// So `TOKEN`, `TOKEN:` and `user:TOKEN` are all found.
fn base64_within(value: &str, shift: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(value.as_bytes());
    let letter = |index: usize| {
        let bit = index * 6;
        let high = u16::from(bytes[bit / 8]) << 8;
        let low = bytes.get(bit / 8 + 1).copied().map_or(0, u16::from);
        let six = ((high | low) >> (10 - bit % 8)) & 63;
        char::from(LETTERS[usize::from(six)])
    };
    let first = (shift * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    (first..whole).map(letter).collect()
}
