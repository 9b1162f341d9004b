//! Faults in files.
//!
//! Checks push into [`Diagnostics`] and go on, so that one `check` shows all faults at once.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::core::code::Code;
use crate::core::secret::Literals;
use crate::core::source::Place;

/// The severity of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// The file is wrong.
    #[default]
    Error,
    /// It is probably wrong.
    Warning,
    /// It is worth knowing.
    Note,
}

impl Severity {
    /// Returns the name in messages and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One fault in a file.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The kind of fault.
    pub code: Code,
    /// One sentence without a full stop, its subject in backticks.
    pub message: String,
    /// The place to underline, if the fault has one.
    pub place: Option<Place>,
    /// Related facts, one per line: `request: GET /me`.
    pub facts: Vec<String>,
    /// Hints on how to fix it.
    pub help: Vec<String>,
    /// True if the source line must not be shown because it contains a secret.
    pub is_concealed: bool,
    /// True if the file is valid but its effect is refused.
    pub is_refusal: bool,
}

impl Diagnostic {
    /// Creates a fault at a place.
    pub fn at(place: &Place, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: Some(place.clone()),
            facts: Vec::new(),
            help: Vec::new(),
            is_concealed: false,
            is_refusal: false,
        }
    }

    /// Creates a fault without a place, such as a file that cannot be read.
    pub fn general(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            facts: Vec::new(),
            help: Vec::new(),
            is_concealed: false,
            is_refusal: false,
        }
    }

    /// Makes the fault a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Makes the fault a note.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// Marks the fault as a refusal.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.is_refusal = true;
        self
    }

    /// Hides the source line.
    #[must_use]
    pub fn concealed(mut self) -> Self {
        self.is_concealed = true;
        self
    }

    /// Hides the source line if the condition holds.
    #[must_use]
    pub fn concealed_if(mut self, is_concealed: bool) -> Self {
        self.is_concealed |= is_concealed;
        self
    }

    /// Removes the secrets of the file: a line that contains one is hidden, and its value is masked
    /// in every text.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        if let Cow::Owned(clean) = Literals::of_message(&self.message)
            .values()
            .text(&self.message)
        {
            self.message = clean;
        }
        let Some(place) = &self.place else {
            return self;
        };
        let literals = place.file.literals();
        let line = place.file.line_column(place.span.start).line - 1;
        self.is_concealed |= literals.is_in_line(line);
        let texts = self.help.iter_mut().chain(&mut self.facts);
        for text in texts.chain([&mut self.message]) {
            if let Cow::Owned(clean) = literals.values().text(text) {
                *text = clean;
            }
        }
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help.extend(help.map(Into::into));
        self
    }

    fn line(&self) -> Option<(String, usize)> {
        let place = self.place.as_ref()?;
        let line = place.file.line_column(place.span.start).line;
        Some((place.file.name().to_owned(), line))
    }

    /// Moves the fault to a place.
    #[must_use]
    pub fn moved_to(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    fn sort_key(&self) -> (String, usize) {
        self.place.as_ref().map_or_else(
            || (String::new(), 0),
            |place| (place.file.name().to_owned(), place.span.start),
        )
    }
}

/// All faults found so far.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// File, offset and message of each listed fault.
    known: HashSet<(String, usize, String)>,
}

impl Diagnostics {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault. Duplicates (same message, same place) are dropped: two environments of a
    /// resource can produce the same fault.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let diagnostic = diagnostic.guarded();
        let (file, start) = diagnostic.sort_key();
        let key = (file, start, diagnostic.message.clone());
        if self.known.insert(key) {
            self.list.push(diagnostic);
        }
    }

    /// Adds all faults of another list.
    pub fn extend(&mut self, other: Diagnostics) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
    }

    /// Hides the source lines of all faults after the first `before`, because they may contain a
    /// secret.
    pub fn conceal_since(&mut self, before: usize) {
        for diagnostic in self.list.iter_mut().skip(before) {
            diagnostic.is_concealed = true;
        }
    }

    /// Returns true if there are no faults.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns an iterator over the faults.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Returns the number of faults.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Sorts the faults by file and line. A line hidden by one fault is hidden in all.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(Diagnostic::sort_key);
        let hidden: HashSet<(String, usize)> = self
            .list
            .iter()
            .filter(|diagnostic| diagnostic.is_concealed)
            .filter_map(Diagnostic::line)
            .collect();
        if !hidden.is_empty() {
            for diagnostic in &mut self.list {
                diagnostic.is_concealed |=
                    diagnostic.line().is_some_and(|line| hidden.contains(&line));
            }
        }
        self.list
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        let mut diagnostics = Self::new();
        diagnostics.push(diagnostic);
        diagnostics
    }
}
