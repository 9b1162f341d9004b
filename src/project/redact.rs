//! `redact` of a resource file: values that recordings do not keep.

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::core::source::{Place, Text};
use crate::project::template::selector;
use crate::recording::Redaction;
use crate::resource::Speak;
use crate::template::selector::Selector;

/// The kinds of redaction by name.
const KINDS: [(&str, Redaction); 2] = [("hide", Redaction::Hide), ("alias", Redaction::Alias)];

/// Reads a mapping of paths, and adds those that the kind of API knows. Null keeps the values of a
/// path, also one of the kind's.
pub fn read(
    node: Option<&Node>,
    kind: &dyn Speak,
    place: &Place,
    faults: &mut Diagnostics,
) -> Vec<(Selector, Redaction)> {
    let mut redactions = Vec::new();
    let entries = node.map_or(&[][..], |node| node.entries("redact", faults));
    let words = KINDS.map(|(word, _)| word);
    for entry in entries {
        let path = selector(&Text::new(entry.key.as_str(), &entry.key_place), faults);
        if entry.value.is_null() {
            continue;
        }
        let word = entry.value.one_of(&entry.key, &words, faults);
        let found = word.and_then(|word| KINDS.iter().find(|(known, _)| *known == word));
        if let (Some(path), Some((_, redaction))) = (path, found) {
            redactions.push((path, *redaction));
        }
    }
    for (path, redaction) in kind.redactions() {
        if entries.iter().any(|entry| entry.key.trim() == *path) {
            continue;
        }
        // A test parses those of all kinds.
        let path = selector(&Text::new(*path, place), faults);
        redactions.extend(path.map(|path| (path, *redaction)));
    }
    redactions
}
