//! Turns responses into records: rows, columns, conditions.

use std::io;

use serde_json::{Map, Value};

use crate::core::json::MOST_VALUES;
use crate::core::secret::MASK;
use crate::core::shutdown;
use crate::engine::columns::{self, Lacking};
use crate::engine::response::{header_fields, response_facts};
use crate::engine::{Remedy, RunError, RunErrorKind};
use crate::http::Response;
use crate::plan::Plan;
use crate::project::query::{Column, ColumnSource, SortBy, Take};
use crate::template::selector::Selector;
use crate::template::{Expression, ResponseFacts, Scope, reserved};

/// Returns true if a name keeps its meaning beside a column of the same name: reserved names, and
/// the query's items, whose columns `check` knows.
pub fn keeps_its_meaning(plan: &Plan, name: &str) -> bool {
    reserved::is_beside_columns(name)
        || name == "data" && !plan.query.data.is_empty()
        || plan.loops().iter().any(|feed| feed.name == name)
}

/// Receives records.
pub trait Deliver {
    /// Takes a record.
    ///
    /// # Errors
    ///
    /// If the record cannot be written.
    fn record(&mut self, record: Value) -> io::Result<()>;

    /// Called when no record is ready.
    ///
    /// # Errors
    ///
    /// As [`Deliver::record`].
    fn pause(&mut self) -> io::Result<()>;

    /// Called when an item of a walk fails; the walk continues.
    fn failed(&mut self, _: &RunError) {}
}

/// Discards records: for runs of which only the response matters.
pub struct Discard;

impl Deliver for Discard {
    fn record(&mut self, _: Value) -> io::Result<()> {
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A record with its sort keys.
pub struct KeyedRecord {
    /// The record; null while it is a row that is still part of its response.
    pub record: Value,
    /// The index among the rows of the page, of a record that is an unchanged row.
    row: Option<usize>,
    pub keys: Vec<Value>,
}

impl KeyedRecord {
    /// Creates a record without sort keys.
    pub fn new(record: Value) -> Self {
        Self {
            record,
            row: None,
            keys: Vec::new(),
        }
    }
}

/// The result of reading a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRead {
    /// The number of rows read.
    pub rows: u64,
    /// The number of rows that `where` dropped.
    pub dropped: u64,
    /// True if no more records are needed, even if the listing continues.
    pub is_enough: bool,
    /// True if the page has more rows than may be read.
    pub is_capped: bool,
    /// The columns that none of the rows has.
    pub lacking: Lacking,
}

/// Reads rows that do not come from a response.
///
/// # Errors
///
/// As [`read_page`].
pub fn read_rows(
    plan: &Plan,
    rows: &[Value],
) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
    let reader = Reader {
        plan,
        scope: plan.scope().clone(),
        leaves_rows: false,
        may_hold_secrets: false,
        most_values: MOST_VALUES,
    };
    let rows: Vec<&Value> = rows.iter().collect();
    reader.read_all(&rows, None)
}

/// Reads at most `most` rows of a page.
///
/// # Errors
///
/// If a template or condition fails.
pub fn read_page(
    plan: &Plan,
    scope: &Scope,
    body: &Value,
    response: &Response,
    most: Option<u64>,
) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
    let reader = Reader::new(plan, scope, response);
    reader.read_all(&rows(plan, body)?, most)
}

/// Reads a batch of rows of a decoded response.
///
/// # Errors
///
/// As [`read_page`].
pub fn read_batch(
    plan: &Plan,
    scope: &Scope,
    mut rows: Vec<Value>,
    response: &Response,
) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
    let mut reader = Reader::new(plan, scope, response);
    reader.may_hold_secrets = plan.scrubber.stand_in(&rows);
    reader.leaves_rows = !reader.may_hold_secrets && plan.query.shape.extract.is_empty();
    let seen: Vec<&Value> = rows.iter().collect();
    let (mut kept, read) = reader.read_all(&seen, None)?;
    for kept in &mut kept {
        if let Some(row) = kept.row.take().and_then(|place| rows.get_mut(place)) {
            kept.record = row.take();
        }
    }
    Ok((kept, read))
}

/// Moves rows out of their response into the records: copying a large page would double the memory.
pub fn take_rows(plan: &Plan, kept: &mut [KeyedRecord], mut body: Value) {
    if kept.iter().all(|kept| kept.row.is_none()) {
        return;
    }
    let mut rows = match plan.query.rows() {
        Some(rows) => rows.take_items(&mut body),
        None => vec![body],
    };
    for kept in kept {
        if let Some(row) = kept.row.take().and_then(|place| rows.get_mut(place)) {
            kept.record = row.take();
        }
    }
}

/// Refuses a record that lacks a required value. Records that are dropped are not checked.
pub fn check_required(plan: &Plan, record: &Value) -> Result<(), RunErrorKind> {
    let mut columns = plan.query.shape.extract.iter();
    let lacking = columns
        .find(|column| column.required && record.get(&column.name).is_none_or(Value::is_null));
    match lacking {
        None => Ok(()),
        Some(column) => Err(RunErrorKind::Missing(
            format!(
                "the required column `{}` is missing in a record",
                column.name
            ),
            column.place.clone(),
        )),
    }
}

/// Refuses records that lack a required value.
pub fn check_all_required(plan: &Plan, kept: &[KeyedRecord]) -> Result<(), RunErrorKind> {
    kept.iter()
        .try_for_each(|kept| check_required(plan, &kept.record))
}

fn rows<'b>(plan: &Plan, body: &'b Value) -> Result<Vec<&'b Value>, RunErrorKind> {
    let Some(selector) = plan.query.rows() else {
        return Ok(vec![body]);
    };
    let nodes = selector.select(body);
    if let [Value::Array(_)] = nodes.as_slice()
        && selector.is_singular()
    {
        let path = selector.source();
        return Err(RunErrorKind::Rows {
            words: format!("`rows: {path}` matches a list, not its items"),
            help: format!("write `rows: {path}[*]`"),
        });
    }
    Ok(nodes)
}

/// Creates the error for many small rows with a long `extract`.
fn too_many_values(most: usize) -> RunErrorKind {
    RunErrorKind::Unreadable {
        words: format!("the records of one response have more than {most} values, the maximum"),
        remedy: Some(Remedy::AskForLess),
    }
}

struct Reader<'p> {
    plan: &'p Plan,
    /// Vars, items and the response.
    scope: Scope,
    /// True if an unchanged row stays in the response until [`take_rows`].
    leaves_rows: bool,
    /// True if the rows may contain a secret. The response is searched as a whole, so that rows
    /// need no search of their own if it has none.
    may_hold_secrets: bool,
    /// The maximum number of values that `extract` may produce per page.
    most_values: usize,
}

/// The decision about a row.
enum Verdict {
    Stop,
    Keep(KeyedRecord),
    Drop,
}

impl<'p> Reader<'p> {
    fn new(plan: &'p Plan, scope: &Scope, response: &Response) -> Self {
        let facts = ResponseFacts {
            headers: plan
                .uses()
                .has_headers()
                .then(|| header_fields(plan, response)),
            ..response_facts(response)
        };
        let may_hold_secrets = plan.scrubber.may_stand_in_json(&response.body);
        Self {
            plan,
            scope: scope.with_response(&facts),
            leaves_rows: !may_hold_secrets
                && plan.query.shape.extract.is_empty()
                && plan.query.rows().is_none_or(Selector::finds_items),
            may_hold_secrets,
            most_values: MOST_VALUES,
        }
    }

    fn read_all(
        &self,
        rows: &[&Value],
        most: Option<u64>,
    ) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
        let query = &self.plan.query;
        let mut values = 0;
        let mut read = PageRead::default();
        let mut unfound = columns::with_path(self.plan);
        // Once the limit is reached, remaining rows are not evaluated, so errors in them go
        // unreported.
        let enough = self
            .plan
            .record_limit()
            .filter(|_| query.shape.sort.is_empty() && query.shape.unique.is_none());
        // Without a condition the number of records is known: growing the vector would take twice
        // the memory.
        let mut kept = match query.shape.filter {
            None => Vec::with_capacity(rows.len().min(enough.unwrap_or(usize::MAX))),
            Some(_) => Vec::new(),
        };
        for (place, row) in rows.iter().enumerate() {
            // The run is ending and ignores the rest.
            if shutdown::is_requested() {
                break;
            }
            if enough.is_some_and(|enough| kept.len() >= enough) {
                break;
            }
            if most.is_some_and(|most| read.rows >= most) {
                read.is_capped = true;
                break;
            }
            read.rows += 1;
            // Usually empty after the first row.
            unfound.retain(|column| columns::lacks(self.plan, *column, row));
            match self.judge(row, place)? {
                Verdict::Stop => {
                    read.is_enough = true;
                    break;
                }
                Verdict::Keep(record) => {
                    values += query.shape.extract.len();
                    if values > self.most_values {
                        return Err(too_many_values(self.most_values));
                    }
                    kept.push(record);
                }
                Verdict::Drop => read.dropped += 1,
            }
        }
        if let Some(row) = rows.first().filter(|_| read.rows > 0) {
            read.lacking = columns::words(self.plan, &unfound, row);
        }
        Ok((kept, read))
    }

    /// Judges the row as received, and builds the record from the masked row: a template could
    /// transform a secret beyond recognition.
    fn judge(&self, row: &Value, place: usize) -> Result<Verdict, RunErrorKind> {
        let scrubbed = if self.may_hold_secrets {
            self.plan.scrubber.record(row)
        } else {
            None
        };
        let Some(scrubbed) = scrubbed else {
            return self.judge_as_it_is(row, place);
        };
        let Ok(verdict) = self.judge_as_it_is(row, place) else {
            // The error message could contain a part of the secret.
            return self.judge_as_it_is(&scrubbed, place);
        };
        // The noted values could contain a part of it, too.
        drop(self.scope.take_unreadable());
        Ok(match verdict {
            Verdict::Keep(kept) => Verdict::Keep(KeyedRecord {
                record: self.read(&scrubbed)?.0,
                ..kept
            }),
            verdict => verdict,
        })
    }

    fn judge_as_it_is(&self, row: &Value, place: usize) -> Result<Verdict, RunErrorKind> {
        let query = &self.plan.query;
        let (record, scope) = self.read(row)?;
        if Self::holds(query.shape.stop_when.as_ref(), false, &scope)? {
            return Ok(Verdict::Stop);
        }
        if !Self::holds(query.shape.filter.as_ref(), true, &scope)? {
            return Ok(Verdict::Drop);
        }
        let seen = if self.leaves_rows { row } else { &record };
        let keys = self.keys(seen, &scope)?;
        let row = self.leaves_rows.then_some(place);
        Ok(Verdict::Keep(KeyedRecord { record, row, keys }))
    }

    /// Returns the record of a row, and the scope of conditions over it.
    fn read(&self, row: &Value) -> Result<(Value, Scope), RunErrorKind> {
        let uses = self.plan.uses();
        let scope = if uses.has_row() {
            self.scope
                .with_row_members(row, &|member| uses.has_member(member))
        } else {
            self.scope.clone()
        };
        if self.leaves_rows {
            return Ok((Value::Null, scope));
        }
        if self.plan.query.shape.extract.is_empty() {
            return Ok((row.clone(), scope));
        }
        let mut record = Map::with_capacity(self.plan.query.shape.extract.len());
        let mut seen = scope;
        for column in &self.plan.query.shape.extract {
            let mut value = column_value(column, row, &seen)?;
            if let ColumnSource::Template(template) = &column.source
                && !value.is_null()
                && self.plan.is_secret(template.mentions())
            {
                self.plan.scrubber.note_mask();
                value = Value::from(MASK);
            }
            if uses.has_column(&column.name) && !keeps_its_meaning(self.plan, &column.name) {
                seen = seen.with(&column.name, &value);
            }
            record.insert(column.name.clone(), value);
        }
        Ok((Value::Object(record), seen))
    }

    fn holds(
        condition: Option<&Expression>,
        without: bool,
        scope: &Scope,
    ) -> Result<bool, RunErrorKind> {
        condition.map_or(Ok(without), |condition| {
            condition.holds(scope).map_err(RunErrorKind::Render)
        })
    }

    /// Returns the sort keys of a record. Null sorts last in either direction.
    fn keys(&self, record: &Value, scope: &Scope) -> Result<Vec<Value>, RunErrorKind> {
        let keys = self.plan.query.shape.sort.iter();
        keys.map(|key| match &key.by {
            SortBy::Column(name) => Ok(record.get(name).cloned().unwrap_or(Value::Null)),
            SortBy::Expression(expression) => expression
                .json_of_record(scope)
                .map_err(RunErrorKind::Render),
        })
        .collect()
    }
}

/// Returns the value of a column.
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
                        "`{}` matches {} values in a record, expected one",
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
        // A `take: all` path without matches counts as missing if the file has a default or
        // requires a value.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::core::source::{Place, SourceFile, Span};
    use crate::engine::gather::tests::plan;

    use super::*;

    #[test]
    fn the_values_that_a_page_becomes_are_counted() {
        let column = |name: &str| Column {
            name: name.to_owned(),
            place: Place {
                file: SourceFile::new("q.yaml", "q.yaml", ""),
                span: Span::new(0, 0),
            },
            source: ColumnSource::Path {
                selector: Selector::parse("$.a").expect("a path"),
                take: Take::First,
            },
            default: None,
            required: false,
        };
        let plan = plan(
            |query| query.shape.extract = vec![column("a"), column("b")],
            None,
        );
        let row = json!({ "a": 1 });
        let read = |rows: usize| {
            let reader = Reader {
                plan: &plan,
                scope: plan.scope().clone(),
                leaves_rows: false,
                may_hold_secrets: false,
                most_values: 4,
            };
            reader.read_all(&vec![&row; rows], None)
        };
        assert_eq!(read(2).expect("four values").0.len(), 2);
        let Err(RunErrorKind::Unreadable { words, .. }) = read(3) else {
            panic!("six values are made")
        };
        assert!(words.contains("more than 4 values"), "{words}");
    }
}
