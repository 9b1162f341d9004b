//! `JSONPath` (RFC 9535).
//!
//! [`Selector::parse`] converts a text to a [`Selector`] once; after that, `select` and `first` cannot
//! fail.
//!
//! `jsonpath-rust` parses the text, but is not relied on alone. It accepts spaces inside a name, the
//! legacy `in`, and ill-typed functions, and it returns the nodes of `$[*]['a','b']` in an order other
//! than the RFC's. So `lint` checks the text and suggests what to write instead, `compile` converts
//! the parsed path to our own checked model, and `walk` runs that.
//!
//! This module knows nothing of queries, rows or files: only text and JSON values.

mod compile;
mod fault;
mod lint;
mod model;
mod steps;
#[cfg(test)]
mod tests;
mod tokens;
mod walk;

use serde_json::Value;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use self::model::Path;
pub use self::steps::{PathStep, Reads, shown as shown_steps};
use self::walk::Walk;

/// A parsed and linted `JSONPath` (RFC 9535). Cheap to clone.
///
/// Invariant: the path is well-formed and well-typed (RFC 9535, section 2.1), its patterns are
/// compiled, and its size is bounded, so that running it can neither fail nor overflow the stack.
#[derive(Debug, Clone)]
pub struct Selector {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: String,
    path: Path,
    /// The number of absolute paths in its filters, each evaluated once per run.
    memos: usize,
}

/// An error in a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectorError {
    /// The message.
    pub message: String,
    /// The bytes of the source to underline: inside the source, on character boundaries, and empty
    /// only if the source is.
    pub range: Range<usize>,
    /// A hint. Any path it suggests is valid.
    pub help: Option<String>,
}

impl Selector {
    /// Parses and checks a path.
    ///
    /// # Errors
    ///
    /// If the text is not well-formed or not well-typed (RFC 9535, sections 2.1 and 2.4.3), contains an
    /// invalid regular expression, or is too large.
    pub fn parse(source: &str) -> Result<Self, SelectorError> {
        let (path, memos) =
            lint::check(source).map_err(|fault| fault.explain(source, lint::check))?;
        let source = source.to_owned();
        Ok(Self {
            inner: Arc::new(Inner {
                source,
                path,
                memos,
            }),
        })
    }

    /// Returns the source text.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Returns true for a singular query (RFC 9535, section 2.3.5.1): only names and indexes, so
    /// that it matches at most one node in any document.
    pub fn is_singular(&self) -> bool {
        self.inner.path.is_singular()
    }

    /// Returns true for names followed by all children, such as `$.items[*]`, so that
    /// [`Selector::take_items`] returns its nodes.
    pub fn finds_items(&self) -> bool {
        self.inner.path.finds_items()
    }

    /// Moves the nodes of such a path out of a document; returns none for any other path.
    pub fn take_items(&self, root: &mut Value) -> Vec<Value> {
        self.inner.path.take_items(root)
    }

    /// Returns true if [`Selector::members`] returns the members of a list: the path begins with
    /// names and indexes, and selects neither by several names nor at any depth.
    pub fn names_a_list(&self) -> bool {
        self.inner.path.chosen_from().is_some()
    }

    /// Returns all members of the first list that the path selects from, selected or not; `None` if
    /// it does not name one. They are those of `$.items` for `$.items[?@.open].id`, `$.items[:9]`
    /// and `$.items[*].parts[*]`.
    pub fn members<'a>(&self, root: &'a Value) -> Option<Vec<&'a Value>> {
        self.inner.path.members(root)
    }

    /// Returns the value whose members those are; `None` if the document lacks it, too.
    pub fn list<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.inner.path.list(root)
    }

    /// Returns the names up to the first one missing in the document, and the value that lacks it.
    /// Returns `None` if null, an index, a filter or a list of selectors comes first, since nothing
    /// is known below it.
    pub fn lacking<'s, 'v>(&'s self, root: &'v Value) -> Option<(Vec<&'s str>, &'v Value)> {
        self.inner.path.lacking(root)
    }

    /// Returns the paths that it reads in a document: its own, after those of its filters.
    pub fn reads(&self) -> Vec<Vec<PathStep>> {
        self.reads_all().paths
    }

    /// Returns those paths, and the words that its filters compare with.
    pub fn reads_all(&self) -> Reads {
        let mut found = Reads::default();
        self.inner.path.reads(&[], &mut found);
        found
    }

    /// Returns the nodes in the order of the RFC (sections 2.5.1.2 and 2.5.2.2), members of an
    /// object in document order. A node that is selected twice is returned twice.
    pub fn select<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut nodes = Vec::new();
        self.visit(root, &mut |node| {
            nodes.push(node);
            ControlFlow::Continue(())
        });
        nodes
    }

    /// Returns the first node. A singular path is looked up without allocating.
    pub fn first<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        if self.is_singular() {
            return self.inner.path.single(root);
        }
        let mut first = None;
        self.visit(root, &mut |node| {
            first = Some(node);
            ControlFlow::Break(())
        });
        first
    }

    fn visit<'a>(&self, root: &'a Value, found: &mut dyn FnMut(&'a Value) -> ControlFlow<()>) {
        // `Break` only means that the caller stopped early.
        let _ = Walk::new(root, self.inner.memos).visit(&self.inner.path, root, found);
    }
}
