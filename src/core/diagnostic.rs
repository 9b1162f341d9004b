//! Faults in files: what, where, what was got, what would do.
//!
//! Checks push into [`Diagnostics`] and go on, so that one `check` shows all faults at once.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::core::code::Code;
use crate::core::secret::Literals;
use crate::core::source::Place;

/// One fault in a file.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The kind of fault.
    pub code: Code,
    /// One sentence without a full stop, its subject in backticks.
    pub message: String,
    /// The place to underline, if the fault has one.
    pub place: Option<Place>,
    /// Facts that belong to the fault, a line each: `request: GET /me`.
    pub facts: Vec<String>,
    /// What would do.
    pub help: Vec<String>,
    /// Whether the line of the file must not be shown, since a secret stands in it.
    pub is_concealed: bool,
    /// True if nothing is wrong with the file but what it would do is refused.
    pub is_refusal: bool,
}

impl Diagnostic {
    /// A fault at a place.
    pub fn at(place: &Place, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: Some(place.clone()),
            facts: Vec::new(),
            help: Vec::new(),
            is_concealed: false,
            is_refusal: false,
        }
    }

    /// A fault that no line of a file shows, such as a file that cannot be read.
    pub fn general(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: None,
            facts: Vec::new(),
            help: Vec::new(),
            is_concealed: false,
            is_refusal: false,
        }
    }

    /// Marks it as a refusal.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.is_refusal = true;
        self
    }

    /// Names the place without showing its line.
    #[must_use]
    pub fn concealed(mut self) -> Self {
        self.is_concealed = true;
        self
    }

    /// Names the place without showing its line, on a condition.
    #[must_use]
    pub fn concealed_if(mut self, is_concealed: bool) -> Self {
        self.is_concealed |= is_concealed;
        self
    }

    /// The fault without the secrets of its file: a line that holds one is not shown, and no word
    /// repeats it.
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
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    fn line(&self) -> Option<(String, usize)> {
        let place = self.place.as_ref()?;
        let line = place.file.line_column(place.span.start).line;
        Some((place.file.name().to_owned(), line))
    }

    /// The same at a place of a file.
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
    /// File, place and words of those in the list.
    known: HashSet<(String, usize, String)>,
}

impl Diagnostics {
    /// No fault yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; the same words at the same place are kept once (two environments of a resource
    /// can show the same fault).
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let diagnostic = diagnostic.guarded();
        let (file, start) = diagnostic.sort_key();
        let key = (file, start, diagnostic.message.clone());
        if self.known.insert(key) {
            self.list.push(diagnostic);
        }
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Diagnostics) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
    }

    /// Hides the lines of all faults since there were `before` of them: a secret may stand there.
    pub fn conceal_since(&mut self, before: usize) {
        for diagnostic in self.list.iter_mut().skip(before) {
            diagnostic.is_concealed = true;
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// In the order of files and lines. A line that one fault hides is hidden by all.
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
