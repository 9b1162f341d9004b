//! Finds known secrets in texts and masks them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde_json::Value;

use crate::core::secret::decoded::Decoded;
use crate::core::secret::forms::forms;
use crate::core::secret::{MASK, SHORTEST, Secret};

/// Above this total length of secrets, a slower but far smaller automaton is used.
const LARGE: usize = 16 * 1024;

/// The number of levels of escapes that are undone in search of a secret: a URL in a URL in HTML.
const DECODINGS: usize = 3;

/// Masks known secret values in texts. Clones share their values: a token printed by a command in
/// the middle of a run is known to all of them.
#[derive(Clone, Default)]
pub struct Scrubber {
    known: Arc<RwLock<Known>>,
    /// True once a mask replaced a secret in records or in a document.
    has_masked: Arc<AtomicBool>,
}

#[derive(Default)]
struct Known {
    /// The values themselves, so that adding one again costs nothing.
    values: HashSet<String>,
    /// Forms not yet in any needle set. They are batched until the next search, since a run learns
    /// its secrets one by one.
    fresh: BTreeSet<String>,
    /// Each at least twice as large as the next, so that adding a secret per item stays cheap.
    sets: Vec<Needles>,
}

/// Forms of secrets that are searched for together.
struct Needles {
    forms: BTreeSet<String>,
    /// Finds the first match quickly.
    first: AhoCorasick,
    /// Finds all matches, including overlapping ones.
    all: AhoCorasick,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scrubber({} sets)", self.known().sets.len())
    }
}

impl Scrubber {
    /// Creates a scrubber without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value in all forms in which it may come back.
    pub fn add(&self, secret: &Secret) {
        let text = secret.expose().trim();
        // A template may add the same variable a thousand times.
        if text.len() < SHORTEST || self.read().values.contains(text) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.values.insert(text.to_owned()) {
            known.fresh.append(&mut forms(text));
        }
    }

    /// Returns true if there are no values.
    pub fn is_empty(&self) -> bool {
        self.read().values.is_empty()
    }

    /// Returns true if the bytes contain a secret.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.known().finds(bytes)
    }

    /// Returns true if a JSON text may contain a secret: as it is, or hidden by escapes that only
    /// parsing resolves.
    pub fn may_stand_in_json(&self, json: &[u8]) -> bool {
        !self.is_empty() && (self.finds(json) || hides_ascii(json))
    }

    /// Masks the secrets in a text.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.known().text(text)
    }

    /// Masks the secrets in bytes. Overlapping matches are masked as one.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.known().bytes(bytes)
    }

    /// Masks the secrets in all strings, keys and numbers of a JSON value.
    pub fn json(&self, value: &mut Value) {
        if !self.is_empty() {
            self.known().json(value);
        }
    }

    /// Returns a masked copy of a response record; `None` if it contains no secret.
    pub fn record(&self, record: &Value) -> Option<Value> {
        let known = self.known();
        if !known.stands_in(record) {
            return None;
        }
        self.note_mask();
        let mut clean = record.clone();
        known.json(&mut clean);
        Some(clean)
    }

    /// Returns true if one of the records contains a secret.
    pub fn stand_in(&self, records: &[Value]) -> bool {
        let known = self.known();
        !known.sets.is_empty() && records.iter().any(|record| known.stands_in(record))
    }

    /// Notes that a mask replaced a secret in a record or a document.
    pub fn note_mask(&self) {
        self.has_masked.store(true, Ordering::Relaxed);
    }

    /// Returns true if a mask replaced a secret in a record or a document. From then on, `***` in
    /// one of them may be a masked secret and must not be sent.
    pub fn has_masked(&self) -> bool {
        self.has_masked.load(Ordering::Relaxed)
    }

    /// Returns the known values, with all pending forms indexed.
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        if !self.read().fresh.is_empty() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.gather();
        }
        self.read()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        // Nothing panics while it holds the lock; if the lock were poisoned, the data would still
        // be valid.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn gather(&mut self) {
        let mut forms = std::mem::take(&mut self.fresh);
        while let Some(last) = self.sets.pop() {
            if last.forms.len() >= 2 * forms.len() {
                self.sets.push(last);
                break;
            }
            forms.extend(last.forms);
        }
        self.sets.extend(Needles::new(forms));
    }

    fn finds(&self, bytes: &[u8]) -> bool {
        self.finds_within(bytes, DECODINGS)
    }

    fn finds_within(&self, bytes: &[u8], decodings: usize) -> bool {
        self.sets.iter().any(|set| set.first.is_match(bytes))
            || self
                .decoded(bytes, decodings)
                .any(|decoded| self.finds_within(&decoded.bytes, decodings - 1))
    }

    /// Returns the bytes without their escapes, as far as that can reveal a secret.
    fn decoded(&self, bytes: &[u8], decodings: usize) -> impl Iterator<Item = Decoded> {
        let may_reveal = decodings > 0 && !self.sets.is_empty();
        may_reveal
            .then(|| Decoded::each(bytes))
            .into_iter()
            .flatten()
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // The needles are text, so matches begin and end on character boundaries, as escapes do.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let found = self.find_all(bytes, DECODINGS);
        if found.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let mut rest = 0;
        for range in found {
            clean.extend_from_slice(&bytes[rest..range.start]);
            clean.extend_from_slice(MASK.as_bytes());
            rest = range.end;
        }
        clean.extend_from_slice(&bytes[rest..]);
        Cow::Owned(clean)
    }

    fn stands_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.finds(text.as_bytes()),
            Value::Array(items) => items.iter().any(|item| self.stands_in(item)),
            Value::Object(members) => members
                .iter()
                .any(|(key, member)| self.finds(key.as_bytes()) || self.stands_in(member)),
            Value::Number(number) => self.text(&number.to_string()) == MASK,
            Value::Null | Value::Bool(_) => false,
        }
    }

    fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.json(member));
                if members.keys().any(|key| self.finds(key.as_bytes())) {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(key, member)| (self.text(&key).into_owned(), member))
                        .collect();
                }
            }
            Value::Number(number) => {
                // A secret of digits may be part of any larger number.
                if self.text(&number.to_string()) == MASK {
                    *value = Value::from(MASK);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Returns the ranges of all secrets in order, overlapping ones merged.
    fn find_all(&self, bytes: &[u8], decodings: usize) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for decoded in self.decoded(bytes, decodings) {
            let within = self.find_all(&decoded.bytes, decodings - 1);
            found.extend(within.into_iter().map(|range| decoded.encoded(range)));
        }
        for set in &self.sets {
            if let Some(first) = set.first.find(bytes) {
                // There is no match before the first one.
                let start = first.start();
                let all = set.all.find_overlapping_iter(&bytes[start..]);
                found.extend(all.map(|one| start + one.start()..start + one.end()));
            }
        }
        found.sort_by_key(|range| (range.start, range.end));
        found.dedup_by(|next, last| {
            let overlaps = next.start < last.end;
            if overlaps {
                last.end = last.end.max(next.end);
            }
            overlaps
        });
        found
    }
}

impl Needles {
    /// Returns `None` if there are no forms.
    fn new(forms: BTreeSet<String>) -> Option<Self> {
        if forms.is_empty() {
            return None;
        }
        let size: usize = forms.iter().map(String::len).sum();
        let small = (size > LARGE).then_some(AhoCorasickKind::ContiguousNFA);
        let build = |match_kind: MatchKind, kind| {
            AhoCorasick::builder()
                .match_kind(match_kind)
                .kind(kind)
                .build(&forms)
                .expect("secrets do not fill the memory with their forms")
        };
        Some(Self {
            // With this match kind, the search can skip between candidates.
            first: build(MatchKind::LeftmostLongest, small),
            all: build(MatchKind::Standard, Some(AhoCorasickKind::ContiguousNFA)),
            forms,
        })
    }
}

/// Returns true if a JSON text escapes ASCII needlessly: `\u0041`, `\/`.
fn hides_ascii(json: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', json).any(|at| match json.get(at + 1) {
        Some(b'/') => true,
        Some(b'u') => json
            .get(at + 2..at + 5)
            .is_some_and(|code| code.starts_with(b"00") && code[2] < b'8' && code[2] > b'1'),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use serde_json::json;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let scrubber = Scrubber::new();
        for secret in secrets {
            scrubber.add(&Secret::new(*secret));
        }
        scrubber
    }

    #[test]
    fn every_encoding_of_a_secret_is_masked() {
        let scrubber = scrubber(&["ca/na ry\"1'x"]);
        for form in [
            "ca/na ry\"1'x",
            "ca%2Fna%20ry%221%27x",
            "ca%2Fna+ry%221%27x",
            "ca%2fna%20ry%221%27x",
            "ca/na%20ry%221%27x",
            "ca%252Fna%2520ry%25221%2527x",
            "ca%252fna%2520ry%25221%2527x",
            "ca/na ry\\\"1'x",
            "ca\\/na ry\\\"1'x",
            "ca/na ry\\\\\\\"1'x",
            "ca/na ry&quot;1&#39;x",
            "ca/na ry&quot;1&#x27;x",
            "ca/na ry&#34;1&#39;x",
            "ca/na ry&#34;1&apos;x",
            "ca/na ry&#x22;1&#x27;x",
            "ca&#x2f;na ry&quot;1&#x27;x",
            &STANDARD.encode("ca/na ry\"1'x:"),
            &STANDARD.encode("ca/na ry\"1'x"),
            &URL_SAFE.encode("ca/na ry\"1'x"),
        ] {
            assert_eq!(scrubber.text(&format!("a {form} b")), "a *** b", "{form}");
        }
    }

    #[test]
    fn a_secret_is_masked_however_much_of_it_is_percent_encoded() {
        let scrubber = scrubber(&["K7/b+P$x!(y) z's&\"\u{e9}%41"]);
        for form in [
            // JavaScript's encodeURIComponent and encodeURI, once and twice.
            "K7%2Fb%2BP%24x!(y)%20z's%26%22%C3%A9%2541",
            "K7/b+P$x!(y)%20z's&%22%C3%A9%2541",
            "K7%252Fb%252BP%2524x!(y)%2520z's%2526%2522%25C3%25A9%252541",
            "K7/b+P$x!(y)%2520z's&%2522%25C3%25A9%252541",
            // Python's quote, once and twice, and inside one more URL.
            "K7/b%2BP%24x%21%28y%29%20z%27s%26%22%C3%A9%2541",
            "K7/b%252BP%2524x%2521%2528y%2529%2520z%2527s%2526%2522%25C3%25A9%252541",
            "K7%2Fb%25252BP%252524x%252521%252528y%252529%252520z%252527s%252526%252522%2525C3%2525A9%25252541",
            // A form, lower-case digits, and HTML around a URL.
            "K7%2Fb%2BP%24x%21%28y%29+z%27s%26%22%C3%A9%2541",
            "K7%2fb%2bP%24x!(y)%20z's%26%22%c3%a9%2541",
            "K7%2Fb%2BP%24x!(y)%20z&#39;s%26%22%C3%A9%2541",
            "K7/b+P$x!(y)%20z&#x27;s&amp;%22%C3%A9%2541",
            "K7&#x2F;b&#43;P&#x24;x!(y) z&apos;s&amp;&quot;&#233;%41",
            "K7/b+P$x!(y) z&amp;#39;s&amp;amp;&amp;quot;\u{e9}%41",
        ] {
            assert_eq!(
                scrubber.text(&format!("a%20{form}%zz")),
                "a%20***%zz",
                "{form}"
            );
            assert!(scrubber.finds(form.as_bytes()), "{form}");
        }
        // What only resembles it stays.
        for other in ["K7%2Fb%2BP%24x", "K7%2Gb", "100%", "a%2Fb%2Bc"] {
            assert_eq!(scrubber.text(other), other);
        }
    }

    #[test]
    fn base64_that_is_percent_encoded_is_masked() {
        let secret = "canary?>~4f9a\u{ff}81c7";
        let scrubber = scrubber(&[secret]);
        let encoded = STANDARD.encode(secret);
        assert!(encoded.contains('/') && encoded.ends_with('='), "{encoded}");
        for form in [
            encoded
                .replace('/', "%2F")
                .replace('+', "%2B")
                .replace('=', "%3D"),
            encoded.replace('=', "%3d"),
            encoded
                .replace('/', "%252F")
                .replace('+', "%252B")
                .replace('=', "%253D"),
        ] {
            assert_eq!(scrubber.text(&format!("?auth={form}&x=1")), "?auth=***&x=1");
        }
    }

    #[test]
    fn base64_around_a_secret_leaves_nothing_of_it() {
        let secret = "canary/4f9a+81c7";
        let scrubber = scrubber(&[secret]);
        for before in ["", "a", "ab", "abc"] {
            let encoded = STANDARD.encode(format!("{before}{secret}{before}"));
            let shown = scrubber.text(&encoded).into_owned();
            let (start, end) = shown.split_once("***").expect("it is masked");
            assert!(start.len() <= 5 && end.len() <= 7, "{encoded}: {shown}");
        }
    }

    #[test]
    fn a_secret_inside_another_one_leaves_nothing_of_it() {
        for secrets in [["hunter", "hunter-two"], ["hunter-two", "hunter"]] {
            assert_eq!(scrubber(&secrets).text("a hunter-two b"), "a *** b");
        }
        // Also for values added after the first search.
        let known = scrubber(&["hunter"]);
        assert_eq!(known.text("hunter-two"), "***-two");
        known.add(&Secret::new("hunter-two"));
        assert_eq!(known.text("hunter-two, hunter"), "***, ***");
    }

    #[test]
    fn secrets_that_overlap_are_cut_out_as_one() {
        let known = scrubber(&["abcdef", "defghijk"]);
        assert_eq!(known.text("x abcdefghijk x"), "x *** x");
        assert_eq!(known.text("x abcdefdefghijk x"), "x ****** x");
    }

    #[test]
    fn thousands_of_secrets_are_found() {
        let known = Scrubber::new();
        for number in 0..200 {
            let secret = format!("secret-{number:05}-x");
            known.add(&Secret::new(secret.as_str()));
            assert_eq!(known.text(&secret), MASK);
        }
        assert_eq!(known.text("a secret-00042-x b"), "a *** b");
        assert!(known.known().sets.len() < 9);
    }

    #[test]
    fn json_is_scrubbed_in_values_keys_and_numbers() {
        let mut value = json!({"x123456": ["123456", 123_456, 1, 1_234_567]});
        scrubber(&["123456"]).json(&mut value);
        assert_eq!(value, json!({"x***": ["***", "***", 1, 1_234_567]}));
    }

    #[test]
    fn json_that_may_hold_a_secret_is_told_by_its_bytes() {
        let known = scrubber(&["canary"]);
        for (json, may) in [
            (r#"{"a": "canary"}"#, true),
            (r#"{"a": "c\u0061nary"}"#, true),
            (r#"{"a": "a\/b"}"#, true),
            (r#"{"a": "caf\u00e9 \n \" \ud83d\ude00"}"#, false),
            (r#"{"a": "Canary"}"#, false),
            (r#"{"a": "\u"#, false),
        ] {
            assert_eq!(known.may_stand_in_json(json.as_bytes()), may, "{json}");
        }
        let nothing = Scrubber::new();
        assert!(!nothing.may_stand_in_json(br#"{"a": "\/"}"#));
    }

    #[test]
    fn a_short_secret_does_not_blot_out_words() {
        assert_eq!(scrubber(&["1"]).text("1 of 10"), "1 of 10");
        assert_eq!(scrubber(&["pass1"]).text("cGFz cHBh"), "cGFz cHBh");
    }

    #[test]
    fn bytes_that_are_not_text_are_scrubbed_too() {
        let bytes = [b"\xff".as_slice(), b"canary", b"\xfe"].concat();
        let known = scrubber(&["canary"]);
        assert_eq!(known.bytes(&bytes).as_ref(), b"\xff***\xfe");
        assert!(!format!("{known:?}").contains("canary"));
    }
}
