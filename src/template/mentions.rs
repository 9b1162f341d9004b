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
    /// The paths that are tested with `is defined` or `in`, or have a default: `rows[5].id`. A
    /// computed index is `[*]`, and a computed member `.*`.
    pub(super) tested: Vec<String>,
    /// The names that the template sets; those of loops with the list: `row` → `["data", "jobs"]`.
    pub(super) bindings: Vec<(String, Option<Vec<String>>)>,
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

    /// Returns the uses of members of a list's records in loops over it: `row.name` with
    /// `{% for row in data.jobs %}`, unless the name is set in another way, too.
    pub fn members_in_loops<'a>(
        &'a self,
        list: &'a [&'a str],
    ) -> impl Iterator<Item = &'a Mention> {
        self.shadowed.iter().filter(move |mention| {
            let mut bindings = self.bindings.iter();
            let is_of_list = |(name, of): &(String, Option<Vec<String>>)| {
                name != mention.root() || of.as_ref().is_some_and(|of| of == list)
            };
            mention.path.len() > 1 && bindings.all(is_of_list)
        })
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

    /// Returns true if something that may not be there is tested with `is defined`, has a default, or
    /// is looked for with `in`.
    pub fn expects_absence_of(&self, path: &str) -> bool {
        let any_index = with_any_index(path);
        let any_member = |path: &str| {
            let (record, _) = path.rsplit_once('.')?;
            Some(format!("{record}.*"))
        };
        let paths = [Some(path.to_owned()), any_member(path)].into_iter();
        let paths = paths.chain([any_member(&any_index), Some(any_index.clone())]);
        let paths: Vec<String> = paths.flatten().collect();
        self.tested.iter().any(|tested| {
            paths.iter().any(|path| {
                let rest = tested.strip_prefix(path.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        })
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
        self.tested.extend(other.tested);
        self.bindings.extend(other.bindings);
    }
}

/// `rows[5].tags[0]` → `rows[*].tags[*]`.
fn with_any_index(path: &str) -> String {
    let mut parts = path.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(']').map_or("", |(_, rest)| rest);
        text.push_str("[*]");
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::with_any_index;

    #[test]
    fn any_index_is_a_star() {
        assert_eq!(with_any_index("rows[5].tags[-1]"), "rows[*].tags[*]");
        assert_eq!(with_any_index("row.a"), "row.a");
    }
}
