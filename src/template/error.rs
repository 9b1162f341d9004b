//! Errors of templates: syntax and rendering.

use std::ops::Range;

use crate::core::code::Code;
use crate::core::source::Place;

/// A syntax error in a template.
#[derive(Debug, Clone)]
pub struct SyntaxError {
    /// The kind of error.
    pub code: Code,
    /// The message.
    pub message: String,
    /// The bytes of the template to underline.
    pub range: Range<usize>,
    /// A hint on how to fix it.
    pub help: Option<String>,
}

/// An error while rendering a template.
#[derive(Debug, Clone)]
pub struct RenderError {
    /// The message.
    pub message: String,
    /// The failed expression.
    pub place: Place,
    /// An undefined name, as written in the template (`env.CIRCLE_TOKEN`).
    pub undefined: Option<String>,
    /// A hint on how to fix it.
    pub help: Option<String>,
}

impl RenderError {
    /// Creates an error at a place.
    pub fn new(place: &Place, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: place.clone(),
            undefined: None,
            help: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for RenderError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place.short(), self.message)
    }
}

impl std::error::Error for RenderError {}
