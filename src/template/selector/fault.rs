//! Faults of a path, and their conversion to errors with suggestions.

use std::ops::Range;

use super::SelectorError;

/// The maximum number of consecutive faults that a suggestion fixes.
const MAX_FIXES: usize = 8;
/// The maximum length of a suggested path in bytes.
const MAX_PROPOSAL: usize = 200;

/// A fault at a place, possibly with a replacement.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    range: Range<usize>,
    fix: Option<(Range<usize>, String)>,
    note: Option<String>,
}

impl Fault {
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            range,
            fix: None,
            note: None,
        }
    }

    /// Adds a hint, used if there is no path to suggest.
    pub(super) fn note(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }

    /// Adds a replacement that fixes the fault.
    pub(super) fn fix(self, range: Range<usize>, text: impl Into<String>) -> Self {
        Self {
            fix: Some((range, text.into())),
            ..self
        }
    }

    /// Converts to an error, whose help suggests a path only if it passes `check`.
    pub(super) fn explain<T>(
        self,
        source: &str,
        check: fn(&str) -> Result<T, Self>,
    ) -> SelectorError {
        let proposal = proposal(source, self.fix, check).map(|path| format!("write `{path}`"));
        let help = proposal.or(self.note);
        SelectorError {
            message: self.message,
            range: within(source, self.range),
            help,
        }
    }
}

/// Returns the path with the fix, and with fixes for the faults it then still has, if that
/// succeeds.
fn proposal<T>(
    source: &str,
    mut fix: Option<(Range<usize>, String)>,
    check: fn(&str) -> Result<T, Fault>,
) -> Option<String> {
    let mut path = source.to_owned();
    for _ in 0..MAX_FIXES {
        let (range, text) = fix?;
        path.replace_range(range, &text);
        if path.len() > MAX_PROPOSAL {
            return None;
        }
        match check(&path) {
            Ok(_) => return Some(path),
            Err(fault) => fix = fault.fix,
        }
    }
    None
}

/// Returns the nearest range that can be underlined.
fn within(source: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(source.len().saturating_sub(1));
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    let end = range.end.max(start + 1).min(source.len());
    start
        ..(end..source.len())
            .find(|end| source.is_char_boundary(*end))
            .unwrap_or(source.len())
}

/// Shortens a piece of the source for a message.
pub(super) fn shown(text: &str) -> String {
    const MAX: usize = 40;
    let plain = |character: char| {
        if character.is_control() {
            '\u{fffd}'
        } else {
            character
        }
    };
    let mut shown: String = text.chars().take(MAX).map(plain).collect();
    if text.chars().nth(MAX).is_some() {
        shown.push('…');
    }
    shown
}
