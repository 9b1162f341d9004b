//! Templates, conditions and selectors in YAML values.
//!
//! A text becomes a [`Template`] (with `{{ … }}` in it), an [`Expression`] (a bare condition such as
//! `row.status == "failed"`) or a [`selector::Selector`] (a JSONPath). All of them are parsed and
//! inspected once, by `check`. Rendering has no side effects, is strict about undefined names and
//! limited in fuel.
//!
//! A [`Template`] is rendered differently for each use: [`Template::text`], [`Template::segments`] for
//! a route, [`Template::json`] for a typed value. No other module uses minijinja.
//!
//! This module knows neither queries nor HTTP.

mod blocks;
mod bounds;
mod branches;
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
mod mentions;
mod objects;
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
mod unreadable;
mod value;
mod watched;

pub mod selector;

pub use bounds::under_way;
pub use branches::TakenBranches;
pub use document::{Document, DocumentKind, Files, join as join_path};
pub use error::{RenderError, SyntaxError};
pub use expression::Expression;
pub use mentions::{Comparison, Mention, Mentions, Presence, PresenceKind};
pub use objects::{Lookup, Records};
pub use scope::{Clock, ListOrText, ResponseFacts, Scope, Veil};
pub use text::{Piece, Template};
pub use unreadable::{Expected, UnreadableValues};
pub use watched::Absences;
