//! Comparison operators: numbers with numbers, strings with strings, lists with lists.
//!
//! minijinja orders any two values: null is less than any number, a string greater. So a missing field
//! would satisfy `row.minutes < 5`. Here such pairs are incomparable: a condition is false
//! ([`Rules::Condition`]), and a template fails with both sides in the message.
//!
//! Operators are rewritten to these functions as tests: see [`crate::template::rewrite`].

use std::cmp::Ordering;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, State, Value, tests};

use crate::template::environment::Rules;
use crate::template::records::items_or_column;
use crate::template::value::{got, is_null, wrong};

/// The tests for `a < b < c`, with alternating operators and operands.
pub const CHAINED: [&str; 2] = ["runner_chained", "runner_chained_under_not"];

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// All operators, each with its names as a test, and the name of its test under a `not`.
    const ALL: [(Self, &'static str, [&'static str; 2], &'static str); 4] = [
        (Self::Less, "<", ["lt", "lessthan"], "runner_lt_under_not"),
        (Self::AtMost, "<=", ["le", "le"], "runner_le_under_not"),
        (
            Self::Greater,
            ">",
            ["gt", "greaterthan"],
            "runner_gt_under_not",
        ),
        (Self::AtLeast, ">=", ["ge", "ge"], "runner_ge_under_not"),
    ];

    /// Returns the comparison for an operator or a test name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(_, operator, names, _)| *operator == name || names.contains(&name))
            .map(|(comparison, ..)| *comparison)
    }

    /// Returns the name of its test.
    pub fn test(self, is_negated: bool) -> &'static str {
        let (_, _, names, negated) = Self::ALL[self as usize];
        if is_negated { negated } else { names[0] }
    }

    fn operator(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn suits(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// Compares two values. If they are incomparable, a condition yields `without`.
    fn compare(
        self,
        state: &State,
        left: &Value,
        right: &Value,
        rules: Rules,
        without: bool,
    ) -> Result<bool, Error> {
        if rules == Rules::Strict {
            for value in [left, right] {
                refuse_undefined(state, value)?;
            }
        }
        match order(left, right) {
            Some(order) => Ok(self.suits(order)),
            None if rules == Rules::Condition => Ok(without),
            None => Err(no_order(self.operator(), left, right)),
        }
    }
}

/// Registers the tests and the filters `max`, `min` and `sort`.
pub fn register(environment: &mut Environment<'static>, rules: Rules) {
    for (comparison, operator, names, negated) in Comparison::ALL {
        // Under a `not`, the whole condition must be false too.
        let variants = [(operator, false), (names[0], false), (names[1], false)];
        for (name, without) in variants.into_iter().chain([(negated, true)]) {
            environment.add_test(name, move |state: &State, left: &Value, right: &Value| {
                comparison.compare(state, left, right, rules, without)
            });
        }
    }
    for (name, without) in CHAINED.into_iter().zip([false, true]) {
        environment.add_test(
            name,
            move |state: &State, first: &Value, rest: Rest<Value>| {
                chained(state, first, &rest, rules, without)
            },
        );
    }
    environment.add_filter("max", max);
    environment.add_filter("min", min);
    environment.add_filter("sort", sort);
}

/// Returns the order of two values; `None` if they are incomparable.
pub fn order(left: &Value, right: &Value) -> Option<Ordering> {
    use ValueKind::{Bool, Iterable, Number, Seq, String};
    match (left.kind(), right.kind()) {
        (Number, Number) | (String, String) | (Bool, Bool) => Some(left.cmp(right)),
        (Seq | Iterable, Seq | Iterable) => {
            let (mut left, mut right) = (left.try_iter().ok()?, right.try_iter().ok()?);
            loop {
                match (left.next(), right.next()) {
                    (Some(left), Some(right)) => match order(&left, &right)? {
                        Ordering::Equal => {}
                        other => return Some(other),
                    },
                    (left, right) => return Some(left.is_some().cmp(&right.is_some())),
                }
            }
        }
        _ => None,
    }
}

fn no_order(operator: &str, left: &Value, right: &Value) -> Error {
    let help = if is_null(left) || is_null(right) {
        "; add a default with `| default(…)`"
    } else if left.kind() == ValueKind::String || right.kind() == ValueKind::String {
        "; convert the string with `| float`, or a time with `| time`"
    } else {
        ""
    };
    wrong(format!(
        "`{operator}` cannot compare {} with {}{help}",
        kind_and_value(left),
        kind_and_value(right)
    ))
}

/// Describes a value with its kind: ``the number `5` ``.
fn kind_and_value(value: &Value) -> String {
    match value.kind() {
        ValueKind::Number => format!("the number {}", got(value)),
        ValueKind::Bool => format!("the boolean {}", got(value)),
        _ => got(value),
    }
}

/// Fails with minijinja's message, which names the variable, if the value is undefined.
fn refuse_undefined(state: &State, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        tests::is_in(state, &Value::from(()), value)?;
    }
    Ok(())
}

/// Evaluates `a < b <= c`: the operands after the first, each preceded by its operator.
fn chained(
    state: &State,
    first: &Value,
    rest: &[Value],
    rules: Rules,
    without: bool,
) -> Result<bool, Error> {
    let mut left = first;
    for pair in rest.chunks_exact(2) {
        let (operator, right) = (pair[0].as_str().unwrap_or_default(), &pair[1]);
        let holds = match (operator, Comparison::named(operator)) {
            (_, Some(comparison)) => comparison.compare(state, left, right, rules, without)?,
            ("==", _) => left == right,
            ("!=", _) => left != right,
            ("in", _) => tests::is_in(state, left, right)?,
            _ => !tests::is_in(state, left, right)?,
        };
        if !holds {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

/// `rows | map(attribute="minutes") | max`; `rows | max(attribute="minutes")` returns the record.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]
fn max(value: &Value, options: Kwargs) -> Result<Value, Error> {
    extreme("max", value, &options, Ordering::Greater)
}

/// As `max`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]
fn min(value: &Value, options: Kwargs) -> Result<Value, Error> {
    extreme("min", value, &options, Ordering::Less)
}

/// Returns the first item with the extreme key; nulls are ignored, and an empty list yields null.
fn extreme(
    filter: &str,
    value: &Value,
    options: &Kwargs,
    wanted: Ordering,
) -> Result<Value, Error> {
    let column: Option<String> = options.get("attribute")?;
    let is_case_sensitive = options
        .get::<Option<bool>>("case_sensitive")?
        .unwrap_or(false);
    options.assert_all_used()?;
    let keys = items_or_column(filter, value, column.as_deref())?;
    let mut most: Option<(Value, Value)> = None;
    for (key, item) in keys.into_iter().zip(value.try_iter()?) {
        if is_null(&key) {
            continue;
        }
        let key = folded(key, is_case_sensitive);
        let is_more = match &most {
            None => true,
            Some((_, most)) => {
                order(&key, most).ok_or_else(|| mixed(filter, most, &key))? == wanted
            }
        };
        if is_more {
            most = Some((item, key));
        }
    }
    Ok(most.map_or_else(|| Value::from(()), |(item, _)| item))
}

/// As in minijinja, but with null last in either direction, as in the `sort` of a query.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]
fn sort(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let keys = Keys::read(&options)?;
    let is_reversed = options.get::<Option<bool>>("reverse")?.unwrap_or(false);
    options.assert_all_used()?;
    let mut list: Vec<(Vec<Value>, Value)> = sortable(value)?
        .into_iter()
        .map(|item| (keys.of(&item), item))
        .collect();
    for place in 0..keys.paths.len().max(1) {
        let mut present = list
            .iter()
            .map(|(key, _)| &key[place])
            .filter(|key| !is_null(key));
        if let Some(first) = present.next()
            && let Some(other) = present.find(|key| order(first, key).is_none())
        {
            return Err(mixed("sort", first, other));
        }
    }
    list.sort_by(|(left, _), (right, _)| {
        left.iter()
            .zip(right)
            .map(|(left, right)| match (is_null(left), is_null(right)) {
                (false, false) => {
                    let order = order(left, right).unwrap_or(Ordering::Equal);
                    if is_reversed { order.reverse() } else { order }
                }
                (left, right) => left.cmp(&right),
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    Ok(list.into_iter().map(|(_, item)| item).collect())
}

fn sortable(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(value.try_iter()?.collect()),
        _ => Err(wrong(format!("`sort` takes a list, got {}", got(value)))),
    }
}

fn folded(key: Value, is_case_sensitive: bool) -> Value {
    match key.as_str() {
        Some(text) if !is_case_sensitive => Value::from(text.to_lowercase()),
        _ => key,
    }
}

fn mixed(filter: &str, left: &Value, right: &Value) -> Error {
    wrong(format!(
        "`{filter}` takes values of a single kind, got {} and {}",
        kind_and_value(left),
        kind_and_value(right)
    ))
}

/// The keys by which items are compared.
struct Keys {
    /// Paths into an item; if empty, the item itself.
    paths: Vec<Vec<String>>,
    is_case_sensitive: bool,
}

impl Keys {
    fn read(options: &Kwargs) -> Result<Self, Error> {
        let attribute: Option<String> = options.get("attribute")?;
        let paths = attribute.iter().flat_map(|paths| paths.split(','));
        Ok(Self {
            paths: paths
                .map(|path| path.trim().split('.').map(str::to_owned).collect())
                .collect(),
            is_case_sensitive: options
                .get::<Option<bool>>("case_sensitive")?
                .unwrap_or(false),
        })
    }

    fn of(&self, item: &Value) -> Vec<Value> {
        if self.paths.is_empty() {
            return vec![folded(item.clone(), self.is_case_sensitive)];
        }
        let keys = self.paths.iter().map(|path| {
            let steps = path.iter();
            let key = steps.fold(item.clone(), |value, step| match step.parse::<usize>() {
                Ok(index) => value.get_item_by_index(index).unwrap_or_default(),
                Err(_) => value.get_attr(step).unwrap_or_default(),
            });
            folded(key, self.is_case_sensitive)
        });
        keys.collect()
    }
}
