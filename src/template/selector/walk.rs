//! Runs a checked path over a document, node by node, in the order of the RFC.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::ops::ControlFlow;

use regex::Regex;
use serde_json::Value;

use crate::core::json::{self, number};

use super::model::{Condition, Operand, Operator, Path, Pattern, Pick, Segment, Step, pattern};

/// Called for each node; `Break` ends the walk.
type Visit<'f, 'v> = &'f mut dyn FnMut(&'v Value) -> ControlFlow<()>;

/// A run over one document.
pub(super) struct Walk<'v> {
    root: &'v Value,
    /// The nodes of absolute paths in filters, such as `$.a[*]`, which are the same for each node.
    memos: Vec<OnceCell<Vec<&'v Value>>>,
    /// The last pattern that came from the document, which is mostly the same for all nodes.
    pattern: RefCell<Option<LastPattern>>,
}

struct LastPattern {
    source: String,
    whole: bool,
    regex: Option<Regex>,
}

impl Path {
    /// Returns the node of a singular path.
    pub(super) fn single<'v>(&self, start: &'v Value) -> Option<&'v Value> {
        self.segments
            .iter()
            .try_fold(start, |node, segment| match segment {
                Segment::Step(step) => step.of(node),
                Segment::Children(_) | Segment::Descendants(_) => None,
            })
    }
}

impl Path {
    /// Returns the names and indexes before the first segment that selects; for a singular path,
    /// everything except an index at the end. Returns `None` if it selects by name or at any depth.
    pub(super) fn chosen_from(&self) -> Option<&[Segment]> {
        let is_step = |segment: &Segment| matches!(segment, Segment::Step(_));
        let segments = self.segments.as_slice();
        let Some(at) = segments.iter().position(|segment| !is_step(segment)) else {
            return Some(match segments.split_last() {
                Some((Segment::Step(Step::Index(_)), before)) => before,
                _ => segments,
            });
        };
        let Segment::Children(picks) = &segments[at] else {
            return None;
        };
        let is_name = |pick: &Pick| matches!(pick, Pick::Step(Step::Name(_)));
        (!picks.iter().any(is_name)).then(|| &segments[..at])
    }

    /// Returns the first value that the path selects from.
    pub(super) fn list<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        let mut before = self.chosen_from()?.iter();
        before.try_fold(root, |node, segment| match segment {
            Segment::Step(step) => step.of(node),
            Segment::Children(_) | Segment::Descendants(_) => None,
        })
    }

    /// Returns all members of the first list that the path selects from.
    pub(super) fn members<'v>(&self, root: &'v Value) -> Option<Vec<&'v Value>> {
        let before = self.chosen_from()?;
        Some(match self.list(root) {
            None | Some(Value::Null) => Vec::new(),
            // A single record found by its names.
            Some(record) if before.len() == self.segments.len() && !record.is_array() => {
                vec![record]
            }
            Some(list) => Children::of(list).collect(),
        })
    }

    /// Moves the nodes of a path that finds items out of a document.
    pub(super) fn take_items(&self, root: &mut Value) -> Vec<Value> {
        let steps = match self.segments.split_last() {
            Some((_, steps)) if self.finds_items() => steps,
            _ => return Vec::new(),
        };
        let holder = steps.iter().try_fold(root, |node, step| match step {
            Segment::Step(Step::Name(name)) => node.get_mut(name),
            _ => None,
        });
        match holder.map(Value::take) {
            Some(Value::Array(items)) => items,
            Some(Value::Object(members)) => members.into_iter().map(|(_, member)| member).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the names up to the first one missing in a document, and the value that lacks it.
    pub(super) fn lacking<'s, 'v>(&'s self, root: &'v Value) -> Option<(Vec<&'s str>, &'v Value)> {
        let mut node = root;
        for (depth, segment) in self.segments.iter().enumerate() {
            let Segment::Step(Step::Name(name)) = segment else {
                return None;
            };
            let inner = match node {
                Value::Null => return None,
                Value::Object(members) => members.get(name),
                _ => None,
            };
            let Some(inner) = inner else {
                let names = self.segments[..=depth].iter();
                let names = names.filter_map(|segment| match segment {
                    Segment::Step(Step::Name(name)) => Some(name.as_str()),
                    _ => None,
                });
                return Some((names.collect(), node));
            };
            node = inner;
        }
        None
    }

    /// Returns true for names followed by all children.
    pub(super) fn finds_items(&self) -> bool {
        let is_name = |segment: &Segment| matches!(segment, Segment::Step(Step::Name(_)));
        self.segments.split_last().is_some_and(|(last, steps)| {
            matches!(last, Segment::Children(picks) if matches!(picks.as_slice(), [Pick::All]))
                && steps.iter().all(is_name)
        })
    }
}

impl Step {
    fn of<'v>(&self, node: &'v Value) -> Option<&'v Value> {
        match (self, node) {
            (Self::Name(name), Value::Object(members)) => members.get(name),
            (Self::Index(index), Value::Array(elements)) => {
                let from_end = || {
                    elements
                        .len()
                        .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
                };
                elements.get(usize::try_from(*index).ok().or_else(from_end)?)
            }
            _ => None,
        }
    }
}

impl<'v> Walk<'v> {
    pub(super) fn new(root: &'v Value, memos: usize) -> Self {
        let memos = std::iter::repeat_with(OnceCell::new).take(memos).collect();
        Self {
            root,
            memos,
            pattern: RefCell::new(None),
        }
    }

    /// Visits the nodes of a path, which begins at the root or at the current node.
    pub(super) fn visit(
        &self,
        path: &Path,
        current: &'v Value,
        found: Visit<'_, 'v>,
    ) -> ControlFlow<()> {
        let start = if path.absolute { self.root } else { current };
        let Some(memo) = path.memo.and_then(|memo| self.memos.get(memo)) else {
            return self.segments(&path.segments, start, found);
        };
        let nodes = memo.get_or_init(|| {
            let mut nodes = Vec::new();
            let _ = self.segments(&path.segments, start, &mut |node| {
                nodes.push(node);
                ControlFlow::Continue(())
            });
            nodes
        });
        nodes.iter().try_for_each(|node| found(node))
    }

    fn segments(
        &self,
        mut segments: &[Segment],
        mut node: &'v Value,
        found: Visit<'_, 'v>,
    ) -> ControlFlow<()> {
        while let Some((segment, rest)) = segments.split_first() {
            match segment {
                Segment::Step(step) => match step.of(node) {
                    Some(child) => (segments, node) = (rest, child),
                    None => return ControlFlow::Continue(()),
                },
                Segment::Children(picks) => return self.children(picks, rest, node, found),
                Segment::Descendants(picks) => {
                    // A node comes before its children, and these come in document order. The stack
                    // has an entry for each level, not for each node.
                    self.children(picks, rest, node, found)?;
                    let mut levels = vec![Children::of(node)];
                    while let Some(level) = levels.last_mut() {
                        let Some(child) = level.next() else {
                            levels.pop();
                            continue;
                        };
                        if child.is_array() || child.is_object() {
                            self.children(picks, rest, child, found)?;
                            levels.push(Children::of(child));
                        }
                    }
                    return ControlFlow::Continue(());
                }
            }
        }
        found(node)
    }

    fn children(
        &self,
        picks: &[Pick],
        rest: &[Segment],
        node: &'v Value,
        found: Visit<'_, 'v>,
    ) -> ControlFlow<()> {
        for pick in picks {
            match pick {
                Pick::Step(step) => {
                    step.of(node).map_or(ControlFlow::Continue(()), |child| {
                        self.segments(rest, child, found)
                    })?;
                }
                Pick::All => {
                    Children::of(node).try_for_each(|child| self.segments(rest, child, found))?;
                }
                Pick::Slice { start, end, step } => slice(node, *start, *end, *step)
                    .try_for_each(|child| self.segments(rest, child, found))?,
                Pick::Filter(condition) => Children::of(node)
                    .filter(|child| self.holds(condition, child))
                    .try_for_each(|child| self.segments(rest, child, found))?,
            }
        }
        ControlFlow::Continue(())
    }

    fn holds(&self, condition: &Condition, node: &'v Value) -> bool {
        match condition {
            Condition::Any(conditions) => conditions
                .iter()
                .any(|condition| self.holds(condition, node)),
            Condition::All(conditions) => conditions
                .iter()
                .all(|condition| self.holds(condition, node)),
            Condition::Not(condition) => !self.holds(condition, node),
            Condition::Exists(path) => self
                .visit(path, node, &mut |_| ControlFlow::Break(()))
                .is_break(),
            Condition::Compare(left, operator, right) => {
                let (left, right) = (self.value(left, node), self.value(right, node));
                compare(left.as_deref(), *operator, right.as_deref())
            }
            Condition::Matches {
                subject,
                pattern,
                whole,
            } => self
                .value(subject, node)
                .is_some_and(|subject| match (&*subject, pattern) {
                    (Value::String(text), Pattern::Known(regex)) => regex.is_match(text),
                    (Value::String(text), Pattern::Given(source)) => self
                        .value(source, node)
                        .is_some_and(|source| self.matches(text, source.as_str(), *whole)),
                    _ => false,
                }),
        }
    }

    /// An invalid regular expression matches nothing (RFC 9535, section 2.4.6).
    fn matches(&self, text: &str, source: Option<&str>, whole: bool) -> bool {
        let Some(source) = source else { return false };
        let mut last = self.pattern.borrow_mut();
        if last
            .as_ref()
            .is_none_or(|last| last.source != source || last.whole != whole)
        {
            *last = Some(LastPattern {
                source: source.to_owned(),
                whole,
                regex: pattern(source, whole),
            });
        }
        last.as_ref()
            .and_then(|last| last.regex.as_ref())
            .is_some_and(|regex| regex.is_match(text))
    }

    /// Returns the value, or Nothing.
    fn value<'o>(&'o self, operand: &'o Operand, node: &'v Value) -> Option<Cow<'o, Value>> {
        match operand {
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
            Operand::Single(path) => path
                .single(if path.absolute { self.root } else { node })
                .map(Cow::Borrowed),
            Operand::Length(operand) => match &*self.value(operand, node)? {
                Value::String(text) => Some(Cow::Owned(text.chars().count().into())),
                Value::Array(elements) => Some(Cow::Owned(elements.len().into())),
                Value::Object(members) => Some(Cow::Owned(members.len().into())),
                Value::Null | Value::Bool(_) | Value::Number(_) => None,
            },
            Operand::Count(path) => {
                let mut count = 0_usize;
                let _ = self.visit(path, node, &mut |_| {
                    count += 1;
                    ControlFlow::Continue(())
                });
                Some(Cow::Owned(count.into()))
            }
            Operand::Value(path) => {
                let mut only = None;
                let one = self.visit(path, node, &mut |node| match only.replace(node) {
                    None => ControlFlow::Continue(()),
                    Some(_) => ControlFlow::Break(()),
                });
                only.filter(|_| one.is_continue()).map(Cow::Borrowed)
            }
        }
    }
}

enum Children<'v> {
    Elements(std::slice::Iter<'v, Value>),
    Members(serde_json::map::Values<'v>),
}

impl<'v> Children<'v> {
    fn of(node: &'v Value) -> Self {
        match node {
            Value::Array(elements) => Self::Elements(elements.iter()),
            Value::Object(members) => Self::Members(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Elements([].iter())
            }
        }
    }
}

impl<'v> Iterator for Children<'v> {
    type Item = &'v Value;

    fn next(&mut self) -> Option<&'v Value> {
        match self {
            Self::Elements(elements) => elements.next(),
            Self::Members(members) => members.next(),
        }
    }
}

/// Returns the elements of a slice (RFC 9535, section 2.3.4.2).
fn slice(
    node: &Value,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
) -> impl Iterator<Item = &Value> {
    let elements = node.as_array().map_or(&[][..], Vec::as_slice);
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let place = |index: i64| if index < 0 { length + index } else { index };
    let (first, last) = if step < 0 {
        (
            start.map_or(length - 1, place).clamp(-1, length - 1),
            end.map_or(-1, place).clamp(-1, length - 1),
        )
    } else {
        (
            start.map_or(0, place).clamp(0, length),
            end.map_or(length, place).clamp(0, length),
        )
    };
    let within = move |index: &i64| {
        if step < 0 {
            *index > last
        } else {
            step > 0 && *index < last
        }
    };
    std::iter::successors(Some(first), move |index| index.checked_add(step))
        .take_while(within)
        .filter_map(|index| elements.get(usize::try_from(index).ok()?))
}

/// Compares as in RFC 9535, section 2.3.5.2.2; `None` is Nothing.
fn compare(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::Less => less(left, right),
        Operator::LessOrEqual => less(left, right) || equal(left, right),
        Operator::Greater => less(right, left),
        Operator::GreaterOrEqual => less(right, left) || equal(left, right),
    }
}

fn less(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => {
            number::compare(left, right).is_lt()
        }
        // UTF-8 sorts like code points.
        (Some(Value::String(left)), Some(Value::String(right))) => left < right,
        _ => false,
    }
}

/// Unlike `==`, treats 1 and 1.0 as equal.
fn equal(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => json::equal(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}
