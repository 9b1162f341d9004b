//! Faults in files: what, where, what was got, what would do.
//!
//! Checks push into [`Diagnostics`] and go on, so that one `check` shows all faults at once.

use std::borrow::Cow;

use crate::core::source::Place;

/// One fault in a file.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// A stable kebab-case name of the kind of fault, such as `unknown-key`.
    pub code: Cow<'static, str>,
    /// One sentence without a full stop, its subject in backticks.
    pub message: String,
    /// The place to underline, if the fault has one.
    pub place: Option<Place>,
    /// What to write under the caret.
    pub label: Option<String>,
    /// Other places that belong to the fault, each with its words.
    pub related: Vec<(Place, String)>,
    /// Facts that belong to the fault, a line each: `request: GET /me`.
    pub facts: Vec<String>,
    /// What would do.
    pub help: Vec<String>,
    /// Whether the line of the file must not be shown, since a secret stands in it.
    pub is_concealed: bool,
}

impl Diagnostic {
    /// A fault at a place.
    pub fn at(
        place: &Place,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            place: Some(place.clone()),
            label: None,
            related: Vec::new(),
            facts: Vec::new(),
            help: Vec::new(),
            is_concealed: false,
        }
    }

    /// A fault that no line of a file shows, such as a file that cannot be read.
    pub fn general(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            place: None,
            label: None,
            related: Vec::new(),
            facts: Vec::new(),
            help: Vec::new(),
            is_concealed: false,
        }
    }

    /// Names the place without showing its line.
    #[must_use]
    pub fn concealed(mut self) -> Self {
        self.is_concealed = true;
        self
    }

    /// Adds words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
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

    /// Adds another place that belongs to the fault.
    #[must_use]
    pub fn related(mut self, place: &Place, words: impl Into<String>) -> Self {
        self.related.push((place.clone(), words.into()));
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
}

impl Diagnostics {
    /// No fault yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; the same words at the same place are kept once (two environments of a resource
    /// can show the same fault).
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let key = diagnostic.sort_key();
        let known = self.list.iter().any(|other| {
            other.code == diagnostic.code
                && other.message == diagnostic.message
                && other.sort_key() == key
        });
        if !known {
            self.list.push(diagnostic);
        }
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Diagnostics) {
        for diagnostic in other.list {
            self.push(diagnostic);
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

    /// In the order of files and lines.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(Diagnostic::sort_key);
        self.list
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            list: vec![diagnostic],
        }
    }
}
