//! What can be wrong with a template: when it is read, and when it is rendered.

use std::ops::Range;

use crate::core::code::Code;
use crate::core::source::Place;

/// A template that cannot be understood.
#[derive(Debug, Clone)]
pub struct SyntaxError {
    /// The kind of fault.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// The bytes of the template to underline.
    pub range: Range<usize>,
    /// What would do.
    pub help: Option<String>,
}

/// A template that cannot be rendered with the values it was given.
#[derive(Debug, Clone)]
pub struct RenderError {
    /// What is wrong.
    pub message: String,
    /// The expression that failed.
    pub place: Place,
    /// A name that the scope does not have, as the template wrote it (`env.CIRCLE_TOKEN`).
    pub undefined: Option<String>,
    /// What would do.
    pub help: Option<String>,
}

impl RenderError {
    /// A fault at a place.
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
