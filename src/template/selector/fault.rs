//! What is wrong with a path, and the error that a person gets for it.

use std::ops::Range;

use super::SelectorError;

/// How many faults a proposed path puts right, one after the other.
const MAX_FIXES: usize = 8;
/// Bytes of a proposed path, beyond which nobody reads it.
const MAX_PROPOSAL: usize = 200;

/// Something wrong at a place, and perhaps the text that would do in some place.
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

    /// What helps if there is no path to propose.
    pub(super) fn note(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }

    /// The fault goes away if the range becomes this text.
    pub(super) fn fix(self, range: Range<usize>, text: impl Into<String>) -> Self {
        Self {
            fix: Some((range, text.into())),
            ..self
        }
    }

    /// The error, whose help proposes a path only if it passes the `check`.
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

/// The path with the fix, and with those of the faults that it then still has, if that ends well.
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

/// The nearest range that can be underlined.
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

/// A piece of the source inside a message.
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
