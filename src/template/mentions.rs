//! The names that a template uses.

use std::ops::Range;

/// The names that a template needs from its scope.
#[derive(Debug, Clone, Default)]
pub struct Mentions {
    pub(super) list: Vec<Mention>,
    /// Uses of names that the template sets itself, before or after.
    pub(super) shadowed: Vec<Mention>,
    pub(super) presences: Vec<Presence>,
    pub(super) comparisons: Vec<Comparison>,
}

/// A value that is compared with words: `row.status == "failed"`, `status in ["a", "b"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The value.
    pub of: Mention,
    /// The words, each with its bytes in the template.
    pub words: Vec<(String, Range<usize>)>,
}

/// A test if a value is present: `NAME is defined`, `"key" in NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The tested value.
    pub of: Mention,
    /// The kind of test.
    pub kind: PresenceKind,
    /// True if the test holds for a present value.
    pub is_positive: bool,
}

/// A kind of presence test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceKind {
    /// `is defined`, `is undefined`.
    Defined,
    /// `in`, with the key if it is a literal.
    Key(Option<String>),
}

/// A use of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The name with its attributes: `["env", "CIRCLE_TOKEN"]`.
    pub path: Vec<String>,
    /// The bytes in the template.
    pub range: Range<usize>,
}

impl Mention {
    /// Returns the first name.
    pub fn root(&self) -> &str {
        &self.path[0]
    }
}

impl Mentions {
    /// Returns all uses, in the order of the template.
    pub fn iter(&self) -> impl Iterator<Item = &Mention> {
        self.list.iter()
    }

    /// Returns all uses, including those of names that the template sets itself: before it does, they
    /// are those of the scope.
    pub fn iter_all(&self) -> impl Iterator<Item = &Mention> {
        self.list.iter().chain(&self.shadowed)
    }

    /// Returns the attributes used of a root: the `NAME` of every `env.NAME`.
    pub fn attributes<'a>(&'a self, root: &'a str) -> impl Iterator<Item = &'a str> {
        self.list
            .iter()
            .filter(move |mention| mention.root() == root)
            .filter_map(|mention| mention.path.get(1).map(String::as_str))
    }

    /// Returns true if a root is used.
    pub fn has(&self, root: &str) -> bool {
        self.list.iter().any(|mention| mention.root() == root)
    }

    /// Returns all presence tests.
    pub fn presences(&self) -> impl Iterator<Item = &Presence> {
        self.presences.iter()
    }

    /// Returns all comparisons with words.
    pub fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.comparisons.iter()
    }

    pub(super) fn extend(&mut self, other: Mentions) {
        self.list.extend(other.list);
        self.shadowed.extend(other.shadowed);
        self.presences.extend(other.presences);
        self.comparisons.extend(other.comparisons);
    }
}
