//! `JSONPath` (RFC 9535): which parts of an answer are meant.
//!
//! A path is text in a file. [`Selector::parse`] turns it into a [`Selector`], once, and after that
//! nothing about it can be wrong: `select` and `first` have no error.
//!
//! `jsonpath-rust` reads the text, but is not trusted alone. It accepts blanks inside a name, the
//! legacy `in`, and ill-typed functions, and it returns the nodes of `$[*]['a','b']` in another
//! order than the RFC. So `lint` looks at the text and says what to write instead, `compile`
//! turns the parsed path into our own checked model, and `walk` runs that.
//!
//! This module knows nothing of queries, rows or files: only of text and of JSON values.

mod compile;
mod fault;
mod lint;
mod model;
#[cfg(test)]
mod tests;
mod tokens;
mod walk;

use serde_json::Value;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use self::model::Path;
use self::walk::Walk;

/// A `JSONPath` (RFC 9535) that was parsed and linted. Cheap to clone.
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
    /// How many paths from the root its filters hold, each evaluated once a run.
    memos: usize,
}

/// Why a text is not a path that this program runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectorError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the source to underline: inside the source, on character boundaries, and empty
    /// only if the source is.
    pub range: Range<usize>,
    /// What would do. A path that it proposes is one that parses.
    pub help: Option<String>,
}

impl Selector {
    /// Parses a path and checks all that can be known without a document.
    ///
    /// # Errors
    ///
    /// If the text is not well-formed or not well-typed (RFC 9535, sections 2.1 and 2.4.3), holds a
    /// pattern that is no regular expression, or is larger than any path in use.
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

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Whether it is a singular query (RFC 9535, section 2.3.5.1): only names and indexes, so that
    /// it finds at most one node in any document.
    pub fn is_singular(&self) -> bool {
        self.inner.path.is_singular()
    }

    /// Returns true if it is names and then all children, such as `$.items[*]`, so that
    /// [`Selector::take_items`] gives its nodes.
    pub fn finds_items(&self) -> bool {
        self.inner.path.finds_items()
    }

    /// Moves the nodes of a path that finds items out of a document; none of another path.
    pub fn take_items(&self, root: &mut Value) -> Vec<Value> {
        self.inner.path.take_items(root)
    }

    /// Returns true if [`Selector::members`] finds the members of a list: the path begins with names
    /// and indexes, and chooses neither by several names nor at any depth.
    pub fn names_a_list(&self) -> bool {
        self.inner.path.chosen_from().is_some()
    }

    /// All members of the first list that the path chooses from, chosen or not; nothing if it does not
    /// name one. They are those of `$.items` for `$.items[?@.open].id`, `$.items[:9]` and
    /// `$.items[*].parts[*]`.
    pub fn members<'a>(&self, root: &'a Value) -> Option<Vec<&'a Value>> {
        self.inner.path.members(root)
    }

    /// Returns the names up to the first that the document lacks, and the value that lacks it. Nothing
    /// where null, an index, a filter or a list of picks comes first: what is below is not known.
    pub fn lacking<'s, 'v>(&'s self, root: &'v Value) -> Option<(Vec<&'s str>, &'v Value)> {
        self.inner.path.lacking(root)
    }

    /// The nodes in the order of the RFC (sections 2.5.1.2 and 2.5.2.2), members of an object in
    /// the order of the document. A node that is selected twice is there twice.
    pub fn select<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut nodes = Vec::new();
        self.visit(root, &mut |node| {
            nodes.push(node);
            ControlFlow::Continue(())
        });
        nodes
    }

    /// The first node. For a singular path that is the value, and looking it up allocates nothing.
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
        // `Break` is the caller's way to stop early, so there is nothing to learn from it here.
        let _ = Walk::new(root, self.inner.memos).visit(&self.inner.path, root, found);
    }
}
