//! The parts of queries that a run uses, for the coverage of tests.

use std::sync::Arc;

use serde_json::Value;

use crate::plan::{Facts, Plan, Rendered};
use crate::project::Query;
use crate::template::{Document, RenderError, TakenBranches};

/// Takes note of used parts. A run without one has no cost.
pub trait Cover {
    /// Called each time that a run uses a part of a query.
    fn used(&self, query: &Query, part: UsedPart<'_>);
}

/// A used part of a query.
#[derive(Debug, Clone, Copy)]
pub enum UsedPart<'u> {
    /// A record that `where` kept.
    Kept(&'u Value),
    /// Rows that `where` dropped.
    Dropped,
    /// The status of an answer.
    Status(u16),
    /// Another request of `poll`, after the first.
    PolledAgain,
    /// A condition of `expect` that did not hold, as written.
    Unmet(&'u str),
    /// An item that the `where` of a loop took.
    Taken(&'u str),
    /// An item that the `where` of a loop skipped.
    Skipped(&'u str),
    /// A branch of a template of the report.
    Branch {
        /// The file with the template.
        file: &'u str,
        /// The start of its tag in the template.
        start: usize,
    },
}

/// Renders a document, and takes note of the branches of its template, if that is wanted.
///
/// # Errors
///
/// As [`Plan::document`].
pub fn render(
    plan: &Plan,
    document: &Document,
    facts: Facts,
    cover: Option<&dyn Cover>,
) -> Result<Rendered, RenderError> {
    let Some(cover) = cover else {
        return plan.document(document, &facts);
    };
    let taken = Arc::new(TakenBranches::default());
    let facts = Facts {
        taken: Some(Arc::clone(&taken)),
        ..facts
    };
    let rendered = plan.document(document, &facts);
    for (file, start) in taken.take() {
        let file = &file;
        cover.used(&plan.query, UsedPart::Branch { file, start });
    }
    rendered
}
