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
use crate::core::secret::{LooseForms, MASK, SHORTEST, Secret};

/// Above this total length of secrets, a slower but far smaller automaton is used.
const LARGE: usize = 16 * 1024;

/// The number of levels of escapes that are undone in search of a secret: a URL in a URL in HTML.
const DECODINGS: usize = 3;

/// The length of the pieces of a long text whose escapes are undone at a time, so that a response of
/// many megabytes is not in memory several times.
const PIECE: usize = 256 * 1024;

/// The maximum length of one escaped character: `&amp;amp;#x2F;`.
const LONGEST_ESCAPE: usize = 16;

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
    /// The length of the longest form.
    longest: usize,
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
            let mut forms = forms(text);
            let longest = forms.iter().map(String::len).max().unwrap_or(0);
            known.longest = known.longest.max(longest);
            known.fresh.append(&mut forms);
        }
    }

    /// Returns true if there are no values.
    pub fn is_empty(&self) -> bool {
        self.read().values.is_empty()
    }

    /// Returns the values in the forms that only matter for what is kept.
    pub fn loose_forms(&self) -> LooseForms {
        LooseForms::of(self.read().values.iter())
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
            || self.pieces(bytes, decodings).any(|piece| {
                Decoded::each(&bytes[piece])
                    .any(|decoded| self.finds_within(&decoded.bytes, decodings - 1))
            })
    }

    /// Returns the pieces of a text whose escapes may hide a secret. They overlap by the length of the
    /// longest one.
    fn pieces(&self, bytes: &[u8], decodings: usize) -> impl Iterator<Item = Range<usize>> {
        let may_reveal = decodings > 0 && !self.sets.is_empty();
        let end = if may_reveal { bytes.len() } else { 0 };
        let overlap = self.longest * LONGEST_ESCAPE;
        let starts = (0..end).step_by(PIECE);
        starts.map(move |start| start..end.min(start + PIECE + overlap))
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
        for piece in self.pieces(bytes, decodings) {
            let start = piece.start;
            for decoded in Decoded::each(&bytes[piece]) {
                let within = self.find_all(&decoded.bytes, decodings - 1);
                found.extend(within.into_iter().map(|range| {
                    let range = decoded.encoded(range);
                    start + range.start..start + range.end
                }));
            }
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
mod tests;
