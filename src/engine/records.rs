//! Answers → records: rows, columns, conditions, order.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;

use serde_json::{Map, Number, Value, json};

use crate::core::secret::MASK;
use crate::engine::RunErrorKind;
use crate::http::Response;
use crate::plan::Plan;
use crate::project::query::{Column, ColumnSource, SortBy, Take, Unique};
use crate::template::Scope;

/// Names that keep their meaning in templates over records: a column of such a name is seen in the
/// result only.
const OWN_NAMES: [&str; 7] = ["env", "git", "now", "omit", "response", "row", "rows"];

/// Takes records as they come.
pub trait Deliver {
    /// Takes a record.
    ///
    /// # Errors
    ///
    /// If it has no place for it.
    fn record(&mut self, record: Value) -> io::Result<()>;

    /// Hears that no record comes for a while.
    ///
    /// # Errors
    ///
    /// As [`Deliver::record`].
    fn pause(&mut self) -> io::Result<()>;
}

/// Turns pages into records and delivers them; holds back only what an order or an expectation
/// needs.
pub struct Collector<'p> {
    plan: &'p Plan,
    /// What `unique` has seen.
    seen: HashSet<String>,
    /// What is to be sorted.
    unsorted: Vec<Kept>,
    /// What `expect` will see.
    rows: Vec<Value>,
    delivered: usize,
}

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageRead {
    /// Rows read.
    pub rows: u64,
    /// Whether nothing more is wanted, even if the listing goes on.
    pub is_enough: bool,
    /// Whether the page has more rows than may be read.
    pub is_capped: bool,
}

impl<'p> Collector<'p> {
    /// Nothing yet.
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            seen: HashSet::new(),
            unsorted: Vec::new(),
            rows: Vec::new(),
            delivered: 0,
        }
    }

    /// How many records were delivered.
    pub fn delivered(&self) -> usize {
        self.delivered
    }

    /// The records, if the query expects something of them.
    pub fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// Reads a page, no more of it than `most` rows.
    ///
    /// # Errors
    ///
    /// If a template fails on a value that is there, a required value is not, or a record cannot be
    /// delivered.
    pub fn page(
        &mut self,
        body: &Value,
        response: &Response,
        most: Option<u64>,
        deliver: &mut dyn Deliver,
    ) -> Result<PageRead, RunErrorKind> {
        let reader = Reader::new(self.plan, response);
        let mut read = PageRead::default();
        for row in rows(self.plan, body)? {
            if self.is_full() {
                read.is_enough = true;
                return Ok(read);
            }
            if most.is_some_and(|most| read.rows >= most) {
                read.is_capped = true;
                return Ok(read);
            }
            read.rows += 1;
            let item = reader.read(row)?;
            if reader.ends_the_listing(&item)? {
                read.is_enough = true;
                return Ok(read);
            }
            if reader.keeps(&item)? && reader.is_new(&item.record, &mut self.seen) {
                reader.check_required(&item.record)?;
                if self.plan.query.sort.is_empty() {
                    self.give(item.record, deliver)?;
                } else {
                    self.unsorted.push(item);
                }
            }
        }
        read.is_enough = self.is_full();
        Ok(read)
    }

    /// Delivers what was held back.
    ///
    /// # Errors
    ///
    /// As [`Collector::page`].
    pub fn finish(&mut self, deliver: &mut dyn Deliver) -> Result<(), RunErrorKind> {
        let mut unsorted = std::mem::take(&mut self.unsorted);
        sort(self.plan, &mut unsorted)?;
        for item in unsorted {
            if self.is_full() {
                break;
            }
            self.give(item.record, deliver)?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.plan.limit.is_some_and(|limit| self.delivered >= limit)
    }

    fn give(&mut self, mut record: Value, deliver: &mut dyn Deliver) -> Result<(), RunErrorKind> {
        self.plan.scrubber.json(&mut record);
        if !self.plan.query.expect.is_empty() {
            self.rows.push(record.clone());
        }
        self.delivered += 1;
        deliver.record(record).map_err(RunErrorKind::Sink)
    }
}

fn rows<'b>(plan: &Plan, body: &'b Value) -> Result<Vec<&'b Value>, RunErrorKind> {
    let Some(selector) = &plan.query.rows else {
        return Ok(vec![body]);
    };
    let nodes = selector.select(body);
    if let [Value::Array(_)] = nodes.as_slice()
        && selector.is_singular()
    {
        let path = selector.source();
        return Err(RunErrorKind::Rows {
            words: format!("`rows: {path}` finds one list, not its items"),
            help: format!("write `rows: {path}[*]`"),
        });
    }
    Ok(nodes)
}

/// A record with the row that it was made of.
struct Kept {
    record: Value,
    scope: Scope,
}

struct Reader<'p> {
    plan: &'p Plan,
    /// Vars and the response.
    scope: Scope,
}

impl<'p> Reader<'p> {
    fn new(plan: &'p Plan, response: &Response) -> Self {
        let facts = json!({ "status": response.status.as_u16() });
        Self {
            plan,
            scope: plan.scope().with("response", &facts),
        }
    }

    fn read(&self, row: &Value) -> Result<Kept, RunErrorKind> {
        let scope = if self.plan.query.uses_columns() {
            self.scope.with_row(row)
        } else {
            self.scope.clone()
        };
        if self.plan.query.extract.is_empty() {
            return Ok(Kept {
                record: row.clone(),
                scope,
            });
        }
        let mut record = Map::with_capacity(self.plan.query.extract.len());
        let mut seen = scope.clone();
        let is_used = self.plan.query.uses_columns();
        for column in &self.plan.query.extract {
            let mut value = column_value(column, row, &seen)?;
            if let ColumnSource::Template(template) = &column.source
                && !value.is_null()
                && self.plan.is_secret(template.mentions())
            {
                value = Value::from(MASK);
            }
            if is_used && !OWN_NAMES.contains(&column.name.as_str()) {
                seen = seen.with(&column.name, &value);
            }
            record.insert(column.name.clone(), value);
        }
        Ok(Kept {
            record: Value::Object(record),
            scope: seen,
        })
    }

    /// A record that is dropped need not be whole.
    fn check_required(&self, record: &Value) -> Result<(), RunErrorKind> {
        let lacking =
            self.plan.query.extract.iter().find(|column| {
                column.required && record.get(&column.name).is_none_or(Value::is_null)
            });
        match lacking {
            None => Ok(()),
            Some(column) => Err(RunErrorKind::Missing(
                format!(
                    "the column `{}` is required, and a record lacks it",
                    column.name
                ),
                column.place.clone(),
            )),
        }
    }

    fn ends_the_listing(&self, item: &Kept) -> Result<bool, RunErrorKind> {
        match &self.plan.query.stop_when {
            None => Ok(false),
            Some(condition) => condition.holds(&item.scope).map_err(RunErrorKind::Render),
        }
    }

    fn keeps(&self, item: &Kept) -> Result<bool, RunErrorKind> {
        match &self.plan.query.keep {
            None => Ok(true),
            Some(condition) => condition.holds(&item.scope).map_err(RunErrorKind::Render),
        }
    }

    fn is_new(&self, record: &Value, seen: &mut HashSet<String>) -> bool {
        match &self.plan.query.unique {
            None => true,
            Some(Unique::Record) => seen.insert(record.to_string()),
            Some(Unique::Columns(columns)) => {
                let key: Vec<&Value> = columns
                    .iter()
                    .map(|column| record.get(column).unwrap_or(&Value::Null))
                    .collect();
                seen.insert(json!(key).to_string())
            }
        }
    }
}

/// Sorts stably by the query's keys. Null comes last in either direction.
fn sort(plan: &Plan, kept: &mut Vec<Kept>) -> Result<(), RunErrorKind> {
    if plan.query.sort.is_empty() {
        return Ok(());
    }
    let keys = &plan.query.sort;
    let mut keyed = Vec::with_capacity(kept.len());
    for item in kept.drain(..) {
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(match &key.by {
                SortBy::Column(name) => item.record.get(name).cloned().unwrap_or(Value::Null),
                SortBy::Expression(expression) => expression
                    .json_of_record(&item.scope)
                    .map_err(RunErrorKind::Render)?,
            });
        }
        keyed.push((values, item));
    }
    keyed.sort_by(|(left, _), (right, _)| {
        keys.iter()
            .zip(left.iter().zip(right))
            .map(|(key, (left, right))| compare(left, right, key.descending))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    kept.extend(keyed.into_iter().map(|(_, item)| item));
    Ok(())
}

/// The value of a column in a record.
fn column_value(column: &Column, row: &Value, scope: &Scope) -> Result<Value, RunErrorKind> {
    let missing = |words: String| RunErrorKind::Missing(words, column.place.clone());
    let value = match &column.source {
        ColumnSource::Template(template) => template
            .json_of_record(scope)
            .map_err(RunErrorKind::Render)?,
        ColumnSource::Path { selector, take } => match take {
            Take::First => selector.first(row).cloned().unwrap_or(Value::Null),
            Take::One => {
                let nodes = selector.select(row);
                if nodes.len() > 1 {
                    return Err(missing(format!(
                        "`{}` finds {} values in a record where one is expected",
                        selector.source(),
                        nodes.len()
                    )));
                }
                nodes.first().map_or(Value::Null, |node| (*node).clone())
            }
            Take::All => selector.select(row).into_iter().cloned().collect(),
            Take::Count => Value::from(selector.select(row).len()),
        },
    };
    let is_missing = match (&value, &column.source) {
        (Value::Null, _) => true,
        // A path that finds nothing is missing where the file says what that means.
        (
            Value::Array(items),
            ColumnSource::Path {
                take: Take::All, ..
            },
        ) => items.is_empty() && (column.required || column.default.is_some()),
        _ => false,
    };
    if !is_missing {
        return Ok(value);
    }
    Ok(column.default.clone().unwrap_or(Value::Null))
}

/// A number as a whole part and a fraction: integers of 64 bits do not fit a float, and comparing
/// some numbers as floats and some as integers would be no order at all.
fn size(number: &Number) -> (i128, f64) {
    if let Some(whole) = number.as_i64() {
        return (whole.into(), 0.0);
    }
    if let Some(whole) = number.as_u64() {
        return (whole.into(), 0.0);
    }
    let float = number.as_f64().unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` stops at the bounds of i128"
    )]
    let whole = float.floor() as i128;
    // Beyond the bounds the size of the float itself decides.
    let fraction = if float.abs() < 1e38 {
        float - float.floor()
    } else {
        float
    };
    (whole, fraction)
}

/// Orders two values: numbers by size, texts by their characters, kinds apart.
fn compare(left: &Value, right: &Value, descending: bool) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    };
    if left.is_null() || right.is_null() {
        return left.is_null().cmp(&right.is_null());
    }
    let order = match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => size(left)
            .partial_cmp(&size(right))
            .unwrap_or(Ordering::Equal),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (left, right) => rank(left)
            .cmp(&rank(right))
            .then_with(|| left.to_string().cmp(&right.to_string())),
    };
    if descending { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: &Value, descending: bool) -> Value {
        let mut list = values.as_array().cloned().unwrap_or_default();
        list.sort_by(|left, right| compare(left, right, descending));
        Value::Array(list)
    }

    #[test]
    fn null_is_last_and_large_integers_keep_their_order() {
        assert_eq!(
            sorted(&json!([3, null, 1, 2.5]), false),
            json!([1, 2.5, 3, null])
        );
        assert_eq!(
            sorted(&json!([3, null, 1, 2.5]), true),
            json!([3, 2.5, 1, null])
        );
        let large = json!([u64::MAX, u64::MAX - 1, i64::MAX]);
        assert_eq!(
            sorted(&large, false),
            json!([i64::MAX, u64::MAX - 1, u64::MAX])
        );
        let near = json!([
            9_007_199_254_740_993_i64,
            9_007_199_254_740_992.0,
            1e300,
            -1e300
        ]);
        assert_eq!(
            sorted(&near, false),
            json!([
                -1e300,
                9_007_199_254_740_992.0,
                9_007_199_254_740_993_i64,
                1e300
            ])
        );
        assert_eq!(
            sorted(&json!(["b", "a", 1, true]), false),
            json!([true, 1, "a", "b"])
        );
    }
}
