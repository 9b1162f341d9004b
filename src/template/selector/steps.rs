//! The paths that a selector reads, as plain steps: for questions about the shape of a document.

use serde_json::Value;

use super::model::{Condition, Operand, Operator, Path, Pattern, Pick, Segment, Step};

/// A step of a path through the shape of a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStep {
    /// A member.
    Name(String),
    /// Any element of a list, or any member.
    Each,
    /// Any number of steps.
    Deep,
}

/// The paths and words that a selector reads.
#[derive(Debug, Default)]
pub struct Reads {
    /// The paths: its own, after those of its filters.
    pub paths: Vec<Vec<PathStep>>,
    /// The paths that filters compare with a word, with the word.
    pub compared: Vec<(Vec<PathStep>, String)>,
}

/// Formats steps as a path: `$.items[*].id`.
pub fn shown(steps: &[PathStep]) -> String {
    let mut text = String::from("$");
    for (index, step) in steps.iter().enumerate() {
        let is_after_deep = index > 0 && steps[index - 1] == PathStep::Deep;
        match step {
            PathStep::Deep => text.push_str(".."),
            PathStep::Each => text.push_str("[*]"),
            PathStep::Name(name) if crate::core::name::is_identifier(name) => {
                if !is_after_deep {
                    text.push('.');
                }
                text.push_str(name);
            }
            PathStep::Name(name) => text.push_str(&format!("['{name}']")),
        }
    }
    text
}

impl Path {
    /// Adds the paths that this one reads, with those of its filters, below some steps.
    pub(super) fn reads(&self, from: &[PathStep], found: &mut Reads) {
        let mut ends = vec![from.to_vec()];
        for segment in &self.segments {
            let (picks, is_deep) = match segment {
                Segment::Step(step) => {
                    for end in &mut ends {
                        end.push(step.kind());
                    }
                    continue;
                }
                Segment::Children(picks) => (picks, false),
                Segment::Descendants(picks) => (picks, true),
            };
            let mut next: Vec<Vec<PathStep>> = Vec::new();
            for mut end in ends {
                if is_deep {
                    end.push(PathStep::Deep);
                }
                for pick in picks {
                    let mut picked = end.clone();
                    picked.push(pick.kind());
                    if let Pick::Filter(condition) = pick {
                        condition.reads(&picked, found);
                    }
                    if !next.contains(&picked) {
                        next.push(picked);
                    }
                }
            }
            ends = next;
        }
        found.paths.extend(ends);
    }
}

impl Step {
    fn kind(&self) -> PathStep {
        match self {
            Self::Name(name) => PathStep::Name(name.clone()),
            Self::Index(_) => PathStep::Each,
        }
    }
}

impl Pick {
    fn kind(&self) -> PathStep {
        match self {
            Self::Step(step) => step.kind(),
            Self::All | Self::Slice { .. } | Self::Filter(_) => PathStep::Each,
        }
    }
}

impl Condition {
    fn reads(&self, from: &[PathStep], found: &mut Reads) {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                for part in parts {
                    part.reads(from, found);
                }
            }
            Self::Not(inner) => inner.reads(from, found),
            Self::Exists(path) => path.reads_in_filter(from, found),
            Self::Compare(left, operator, right) => {
                left.reads(from, found);
                right.reads(from, found);
                if matches!(operator, Operator::Equal | Operator::NotEqual) {
                    left.compared(right, from, found);
                    right.compared(left, from, found);
                }
            }
            Self::Matches {
                subject, pattern, ..
            } => {
                subject.reads(from, found);
                if let Pattern::Given(operand) = pattern {
                    operand.reads(from, found);
                }
            }
        }
    }
}

impl Path {
    fn reads_in_filter(&self, from: &[PathStep], found: &mut Reads) {
        let from = if self.absolute { &[] } else { from };
        self.reads(from, found);
    }
}

impl Operand {
    /// Adds a comparison of a single node with a word.
    fn compared(&self, with: &Self, from: &[PathStep], found: &mut Reads) {
        if let (Self::Single(path), Self::Literal(Value::String(word))) = (self, with) {
            let mut reads = Reads::default();
            path.reads_in_filter(from, &mut reads);
            let paths = reads.paths.into_iter();
            found
                .compared
                .extend(paths.map(|path| (path, word.clone())));
        }
    }

    fn reads(&self, from: &[PathStep], found: &mut Reads) {
        match self {
            Self::Literal(_) => {}
            Self::Single(path) | Self::Count(path) | Self::Value(path) => {
                path.reads_in_filter(from, found);
            }
            Self::Length(inner) => inner.reads(from, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::selector::{Selector, shown_steps};

    #[test]
    fn a_selector_knows_what_it_reads() {
        for (path, expected) in [
            ("$", vec!["$"]),
            ("$.items[*].id", vec!["$.items[*].id"]),
            (
                "$.items[0]['a','b c']",
                vec!["$.items[*].a", "$.items[*]['b c']"],
            ),
            (
                "$.items[?@.open && $.total > 1].id",
                vec!["$.items[*].open", "$.total", "$.items[*].id"],
            ),
            ("$..email", vec!["$..email"]),
            (
                "$.a[?count(@.b[*]) > 1 && match(@.c, 'x')]",
                vec!["$.a[*].b[*]", "$.a[*].c", "$.a[*]"],
            ),
        ] {
            let selector = Selector::parse(path).expect("a path");
            let reads = selector.reads();
            let shown: Vec<String> = reads.iter().map(|steps| shown_steps(steps)).collect();
            assert_eq!(shown, expected, "{path}");
        }
    }

    #[test]
    fn a_selector_knows_the_words_of_its_filters() {
        let path = "$.items[?@.status == 'failed' || 'x' != @.a.b && @.n == 1].id";
        let selector = Selector::parse(path).expect("a path");
        let compared = selector.reads_all().compared;
        let compared: Vec<(String, &str)> = compared
            .iter()
            .map(|(path, word)| (shown_steps(path), word.as_str()))
            .collect();
        let expected = [("$.items[*].status", "failed"), ("$.items[*].a.b", "x")];
        assert_eq!(
            compared,
            expected.map(|(path, word)| (path.to_owned(), word))
        );
    }
}
