//! Templates, conditions and selectors: what a file's author writes inside a YAML value.
//!
//! A text of a file becomes a [`Template`] (text with `{{ … }}` in it), an [`Expression`] (a bare
//! condition such as `row.status == "failed"`) or a [`selector::Selector`] (a JSONPath). All of
//! them are parsed and inspected once, by `check`; rendering is pure, strict about undefined
//! names, limited in fuel, reads no file and sends no request.
//!
//! What a value becomes depends on where it goes, so a [`Template`] is rendered by the question
//! that its user has: [`Template::text`], [`Template::segments`] for a route, [`Template::json`]
//! for a typed value. minijinja has its home here; nothing else in the program names it.
//!
//! This module knows neither queries nor HTTP.

mod blocks;
mod bounds;
mod calendar;
mod chart;
mod convert;
mod difference;
mod document;
mod environment;
mod error;
mod escape;
mod expression;
mod filters;
mod inspect;
mod order;
mod records;
pub mod reserved;
mod rewrite;
mod route;
mod scope;
mod statistics;
mod syntax;
mod tables;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub mod selector;

pub use bounds::under_way;
pub use document::{Document, DocumentKind, Files, join as join_path};
pub use error::{RenderError, SyntaxError};
pub use expression::Expression;
pub use inspect::{Mention, Mentions, Presence, PresenceKind};
pub use scope::{Answer, Clock, Hides, ListOrText, Lookup, Records, Scope};
pub use text::{Piece, Template};
