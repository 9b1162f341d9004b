//! Forms of secrets that are searched for only before a file is kept: another case, also in a URL, and
//! hexadecimal digits. They are not masked in the results of runs.

use std::fmt::Write as _;

use aho_corasick::AhoCorasick;

use crate::core::percent;

/// The minimum length of a secret that is found in another case: shorter ones are words.
const SHORTEST: usize = 12;

/// The minimum number of bytes that are found as hexadecimal digits.
const SHORTEST_HEX: usize = 6;

/// Finds secrets in any case, and as hexadecimal digits.
#[derive(Debug)]
pub struct LooseForms(Option<AhoCorasick>);

impl LooseForms {
    /// Collects the forms of some secrets.
    pub(super) fn of<'s>(secrets: impl Iterator<Item = &'s String>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets {
            if secret.len() >= SHORTEST {
                forms.push(secret.clone());
                forms.push(percent::encode(secret));
            }
            if secret.len() >= SHORTEST_HEX {
                let mut digits = String::with_capacity(2 * secret.len());
                for byte in secret.bytes() {
                    let _ = write!(digits, "{byte:02x}");
                }
                forms.push(digits);
            }
        }
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&forms)
            .expect("secrets do not fill the memory with their forms");
        Self((!forms.is_empty()).then_some(finder))
    }

    /// Returns true if the bytes contain a secret.
    pub fn find(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|finder| finder.is_match(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_any_case_and_as_digits() {
        let secrets = ["CCIPAT_Abc4f9a81c7", "a/Secret+Value", "short1"].map(str::to_owned);
        let forms = LooseForms::of(secrets.iter());
        for text in [
            "x ccipat_abc4f9a81c7",
            "CCIPAT_ABC4F9A81C7",
            "a%2fsecret%2bvalue",
            "4343495041545f41626334663961383163373b",
            "4343495041545F4162633466396138316337",
            "73686f727431",
        ] {
            assert!(forms.find(text.as_bytes()), "{text}");
        }
        for text in ["SHORT1", "ccipat_", ""] {
            assert!(!forms.find(text.as_bytes()), "{text}");
        }
        assert!(!LooseForms::of([].iter()).find(b"x"));
    }
}
