//! Compiles a parsed path to the checked model: functions well-typed (RFC 9535, section 2.4.3),
//! patterns compiled, sizes bounded.
//!
//! The model of `jsonpath-rust` has no places. Only functions can be faulty here, and they are visited
//! in the order of the text, so their places are passed as a list.

use std::ops::Range;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Literal, Segment as Parsed,
    Selector, SingularQuery, SingularQuerySegment, Test, TestFunction,
};
use serde_json::{Number, Value};

use super::fault::{Fault, shown};
use super::model::{Condition, Operand, Operator, Path, Pattern, Pick, Segment, Step, pattern};

/// No document that can be parsed is deeper, so a longer path would never match.
const MAX_SEGMENTS: usize = 128;
/// Each `..` may multiply the nodes by the depth of the document.
const MAX_DESCENTS: usize = 4;
/// The maximum product of the numbers of selectors in brackets: `[*, *]` matches each node twice.
const MAX_COMBINATIONS: usize = 1000;

/// Returns the checked path and the number of its memos. `functions` are the places of the function
/// expressions in the order of the text, `length` is that of the text.
pub(super) fn compile(
    query: JpQuery,
    functions: Vec<Range<usize>>,
    length: usize,
) -> Result<(Path, usize), Fault> {
    let (functions, all) = (functions.into_iter(), 0..length);
    let mut compiler = Compiler {
        functions,
        all,
        memos: 0,
        descents: 0,
        combinations: 1,
    };
    let mut path = compiler.path(true, query.segments)?;
    // It was visited last, after its filters.
    compiler.memos -= usize::from(path.memo.take().is_some());
    Ok((path, compiler.memos))
}

struct Compiler {
    functions: std::vec::IntoIter<Range<usize>>,
    all: Range<usize>,
    memos: usize,
    descents: usize,
    combinations: usize,
}

impl Compiler {
    fn path(&mut self, absolute: bool, segments: Vec<Parsed>) -> Result<Path, Fault> {
        if segments.len() > MAX_SEGMENTS {
            let message = format!("the path is deeper than any document ({MAX_SEGMENTS} levels)");
            return Err(Fault::new(self.all.clone(), message));
        }
        let segments = segments.into_iter().map(|segment| self.segment(segment));
        let mut path = Path {
            absolute,
            segments: segments.collect::<Result<_, _>>()?,
            memo: None,
        };
        if absolute && !path.is_singular() {
            path.memo = Some(self.memos);
            self.memos += 1;
        }
        Ok(path)
    }

    fn segment(&mut self, segment: Parsed) -> Result<Segment, Fault> {
        let selectors = match segment {
            Parsed::Selector(Selector::Name(name)) => return Ok(Segment::Step(Step::Name(name))),
            Parsed::Selector(Selector::Index(index)) => {
                return Ok(Segment::Step(Step::Index(index)));
            }
            Parsed::Selector(selector) => vec![selector],
            Parsed::Selectors(selectors) => selectors,
            Parsed::Descendant(segment) => {
                self.descents += 1;
                self.bounded()?;
                return Ok(match self.segment(*segment)? {
                    Segment::Step(step) => Segment::Descendants(vec![Pick::Step(step)]),
                    Segment::Children(picks) | Segment::Descendants(picks) => {
                        Segment::Descendants(picks)
                    }
                });
            }
        };
        self.combinations = self.combinations.saturating_mul(selectors.len());
        self.bounded()?;
        let picks = selectors.into_iter().map(|selector| self.pick(selector));
        Ok(Segment::Children(picks.collect::<Result<_, _>>()?))
    }

    fn bounded(&self) -> Result<(), Fault> {
        if self.descents <= MAX_DESCENTS && self.combinations <= MAX_COMBINATIONS {
            return Ok(());
        }
        let message = "the path matches the same nodes repeatedly";
        let note = "use at most four `..`, and few selectors in each bracket";
        Err(Fault::new(self.all.clone(), message).note(note))
    }

    fn pick(&mut self, selector: Selector) -> Result<Pick, Fault> {
        Ok(match selector {
            Selector::Name(name) => Pick::Step(Step::Name(name)),
            Selector::Index(index) => Pick::Step(Step::Index(index)),
            Selector::Wildcard => Pick::All,
            Selector::Slice(start, end, step) => Pick::Slice {
                start,
                end,
                step: step.unwrap_or(1),
            },
            Selector::Filter(filter) => Pick::Filter(self.condition(filter)?),
        })
    }

    fn condition(&mut self, filter: Filter) -> Result<Condition, Fault> {
        let (condition, not) = match filter {
            Filter::Or(filters) => return Ok(Condition::Any(self.conditions(filters)?)),
            Filter::And(filters) => return Ok(Condition::All(self.conditions(filters)?)),
            Filter::Atom(FilterAtom::Filter { expr, not }) => (self.condition(*expr)?, not),
            Filter::Atom(FilterAtom::Test { expr, not }) => (self.test(*expr)?, not),
            Filter::Atom(FilterAtom::Comparison(comparison)) => (self.compare(*comparison)?, false),
        };
        Ok(if not {
            Condition::Not(Box::new(condition))
        } else {
            condition
        })
    }

    fn conditions(&mut self, filters: Vec<Filter>) -> Result<Vec<Condition>, Fault> {
        filters
            .into_iter()
            .map(|filter| self.condition(filter))
            .collect()
    }

    fn compare(&mut self, comparison: Comparison) -> Result<Condition, Fault> {
        let (left, operator, right) = match comparison {
            Comparison::Eq(left, right) => (left, Operator::Equal, right),
            Comparison::Ne(left, right) => (left, Operator::NotEqual, right),
            Comparison::Lt(left, right) => (left, Operator::Less, right),
            Comparison::Lte(left, right) => (left, Operator::LessOrEqual, right),
            Comparison::Gt(left, right) => (left, Operator::Greater, right),
            Comparison::Gte(left, right) => (left, Operator::GreaterOrEqual, right),
        };
        Ok(Condition::Compare(
            self.comparable(left)?,
            operator,
            self.comparable(right)?,
        ))
    }

    fn comparable(&mut self, comparable: Comparable) -> Result<Operand, Fault> {
        let (absolute, steps) = match comparable {
            Comparable::Literal(literal) => return self.literal(literal),
            Comparable::Function(function) => return self.function(function),
            Comparable::SingularQuery(SingularQuery::Current(steps)) => (false, steps),
            Comparable::SingularQuery(SingularQuery::Root(steps)) => (true, steps),
        };
        let steps = steps.into_iter().map(|step| match step {
            SingularQuerySegment::Name(name) => Parsed::Selector(Selector::Name(name)),
            SingularQuerySegment::Index(index) => Parsed::Selector(Selector::Index(index)),
        });
        Ok(Operand::Single(self.path(absolute, steps.collect())?))
    }

    fn literal(&self, literal: Literal) -> Result<Operand, Fault> {
        let too_large = || {
            Fault::new(
                self.all.clone(),
                "it contains a number that JSON cannot \
            represent",
            )
        };
        Ok(Operand::Literal(match literal {
            Literal::Int(number) => number.into(),
            Literal::Float(number) => Number::from_f64(number).ok_or_else(too_large)?.into(),
            Literal::String(text) => text.into(),
            Literal::Bool(truth) => truth.into(),
            Literal::Null => Value::Null,
        }))
    }

    /// Returns the place of the next function.
    fn place(&mut self) -> Range<usize> {
        self.functions.next().unwrap_or_else(|| self.all.clone())
    }

    /// Compiles a test expression: a path, or a function of type `LogicalType`.
    fn test(&mut self, test: Test) -> Result<Condition, Fault> {
        let function = match test {
            Test::RelQuery(segments) => return Ok(Condition::Exists(self.path(false, segments)?)),
            Test::AbsQuery(query) => {
                return Ok(Condition::Exists(self.path(true, query.segments)?));
            }
            Test::Function(function) => *function,
        };
        let place = self.place();
        let (whole, subject, source) = match function {
            TestFunction::Match(subject, source) => (true, subject, source),
            TestFunction::Search(subject, source) => (false, subject, source),
            TestFunction::Custom(name, _) => return Err(unknown(place, &name)),
            TestFunction::Length(_) | TestFunction::Count(_) | TestFunction::Value(_) => {
                return Err(
                    Fault::new(place, "the result of this function must be compared")
                        .note("for example `length(@.name) > 3`"),
                );
            }
        };
        let subject = self.value(subject, &place)?;
        let pattern = match self.value(source, &place)? {
            Operand::Literal(Value::String(source)) => {
                let message = || format!("`{}` is not a regular expression", shown(&source));
                let regex = pattern(&source, whole);
                Pattern::Known(regex.ok_or_else(|| Fault::new(place, message()))?)
            }
            operand => Pattern::Given(operand),
        };
        Ok(Condition::Matches {
            subject,
            pattern,
            whole,
        })
    }

    /// Compiles a function of type `ValueType`.
    fn function(&mut self, function: TestFunction) -> Result<Operand, Fault> {
        let place = self.place();
        Ok(match function {
            TestFunction::Length(value) => Operand::Length(Box::new(self.value(*value, &place)?)),
            TestFunction::Count(nodes) => Operand::Count(self.nodes(nodes, &place)?),
            TestFunction::Value(nodes) => Operand::Value(self.nodes(nodes, &place)?),
            TestFunction::Custom(name, _) => return Err(unknown(place, &name)),
            TestFunction::Match(..) | TestFunction::Search(..) => {
                return Err(Fault::new(
                    place,
                    "this function returns true or false, not a value",
                ));
            }
        })
    }

    /// Compiles an argument of type `ValueType`.
    fn value(&mut self, argument: FnArg, place: &Range<usize>) -> Result<Operand, Fault> {
        let path = match argument {
            FnArg::Literal(literal) => return self.literal(literal),
            FnArg::Filter(_) => return Err(condition_given(place)),
            FnArg::Test(test) => match *test {
                Test::Function(function) => return self.function(*function),
                Test::RelQuery(segments) => self.path(false, segments)?,
                Test::AbsQuery(query) => self.path(true, query.segments)?,
            },
        };
        if path.is_singular() {
            return Ok(Operand::Single(path));
        }
        let message = "this function takes a single value, and its path may match several";
        let note = "use `value(…)` for the only node of a path, or `count(…)` to count its nodes";
        Err(Fault::new(place.clone(), message).note(note))
    }

    /// Compiles an argument of type `NodesType`.
    fn nodes(&mut self, argument: FnArg, place: &Range<usize>) -> Result<Path, Fault> {
        if let FnArg::Test(test) = argument {
            match *test {
                Test::RelQuery(segments) => return self.path(false, segments),
                Test::AbsQuery(query) => return self.path(true, query.segments),
                Test::Function(_) => {}
            }
        }
        let message = "this function takes a path";
        Err(Fault::new(place.clone(), message).note("for example `count(@.jobs[*]) > 1`"))
    }
}

fn condition_given(place: &Range<usize>) -> Fault {
    Fault::new(
        place.clone(),
        "a function argument cannot be a condition or in parentheses",
    )
}

fn unknown(place: Range<usize>, name: &str) -> Fault {
    Fault::new(place, format!("no function `{name}`"))
}
