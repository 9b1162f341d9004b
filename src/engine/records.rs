//! Turns responses into records: rows, columns, conditions.

use std::io;

use serde_json::{Map, Value};

use crate::core::json::MOST_VALUES;
use crate::core::secret::MASK;
use crate::core::shutdown;
use crate::engine::columns::{self, Lacking};
use crate::engine::extraction::{
    Misfit, Misfits, Unfit, column_value, fitted, is_time, misfit_error, time_key,
};
use crate::engine::response::{header_fields, response_facts};
use crate::engine::{Remedy, RunError, RunErrorKind, keys};
use crate::http::Response;
use crate::plan::Plan;
use crate::project::query::{ColumnSource, SortBy};
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

    /// Called with the item of a part that the next records belong to.
    fn item(&mut self, _: u32) {}
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

impl KeyedRecord {
    /// Sets the sort keys.
    #[must_use]
    pub fn with_keys(self, keys: Vec<Value>) -> Self {
        Self { keys, ..self }
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
    /// The values that became null, since they are not of their column's type.
    pub misfits: Misfits,
}

/// Reads rows that do not come from a response; `before` is the number of earlier ones.
///
/// # Errors
///
/// As [`read_page`].
pub fn read_rows(
    plan: &Plan,
    rows: &[Value],
    before: u64,
) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
    let reader = Reader {
        plan,
        scope: plan.scope().clone(),
        leaves_rows: false,
        may_hold_secrets: false,
        most_values: MOST_VALUES,
        before,
    };
    let rows: Vec<&Value> = rows.iter().collect();
    reader.read_all(&rows, None)
}

/// Reads at most `most` rows of a page; `before` is the number of rows of earlier pages.
///
/// # Errors
///
/// If a template or condition fails, or a value is not of its column's type.
pub fn read_page(
    plan: &Plan,
    scope: &Scope,
    body: &Value,
    response: &Response,
    most: Option<u64>,
    before: u64,
) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
    let mut reader = Reader::new(plan, scope, response);
    reader.before = before;
    reader.read_all(&rows(plan, body)?, most)
}

/// Reads a batch of rows of a decoded response; `before` is the number of rows of earlier batches.
///
/// # Errors
///
/// As [`read_page`].
pub fn read_batch(
    plan: &Plan,
    scope: &Scope,
    mut rows: Vec<Value>,
    response: &Response,
    before: u64,
) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
    let mut reader = Reader::new(plan, scope, response);
    reader.before = before;
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
    /// The number of rows before these.
    before: u64,
}

/// A row as it was read.
struct ReadRow {
    record: Value,
    /// The scope of conditions over the record.
    scope: Scope,
    /// The values that are not of their column's type.
    misfits: Vec<Misfit>,
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
            before: 0,
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
            let (verdict, misfits) = self.judge(row, place)?;
            for misfit in misfits {
                read.misfits.add(misfit);
            }
            match verdict {
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
    fn judge(&self, row: &Value, place: usize) -> Result<(Verdict, Vec<Misfit>), RunErrorKind> {
        let scrubbed = if self.may_hold_secrets {
            self.plan.scrubber.record(row)
        } else {
            None
        };
        let Some(scrubbed) = scrubbed else {
            return self.judge_as_it_is(row, place);
        };
        let (verdict, misfits) = match self.judge_as_it_is(row, place) {
            Ok(judged) => judged,
            Err(RunErrorKind::Misfit(error)) => {
                return Err(RunErrorKind::Misfit(Box::new(error.without_value())));
            }
            // The error message could contain a part of the secret.
            Err(_) => return self.judge_as_it_is(&scrubbed, place),
        };
        // The noted values could contain a part of it, too.
        drop(self.scope.take_unreadable());
        let misfits: Vec<Misfit> = misfits.into_iter().map(Misfit::without_value).collect();
        let verdict = match verdict {
            Verdict::Keep(mut kept) => {
                let mut record = self.read(&scrubbed, Unfit::Stays)?.record;
                for misfit in &misfits {
                    misfit.replace(self.plan, &mut record, &kept.record);
                }
                kept.record = record;
                Verdict::Keep(kept)
            }
            verdict => verdict,
        };
        Ok((verdict, misfits))
    }

    /// Also returns the values that are not of their column's type and became null. In a record that
    /// is not kept, only columns that a condition reads count.
    fn judge_as_it_is(
        &self,
        row: &Value,
        place: usize,
    ) -> Result<(Verdict, Vec<Misfit>), RunErrorKind> {
        let shape = &self.plan.query.shape;
        let ReadRow {
            record,
            scope,
            misfits,
        } = self.read(row, Unfit::Counts)?;
        let refuse = |misfits: &[Misfit]| {
            let number = (!self.plan.query.is_single()).then(|| self.before + place as u64 + 1);
            match misfit_error(self.plan, misfits, number) {
                Some(error) => Err(RunErrorKind::Misfit(Box::new(error))),
                None => Ok(()),
            }
        };
        let (compared, others): (Vec<Misfit>, Vec<Misfit>) =
            (misfits.into_iter()).partition(|misfit| misfit.is_compared(shape));
        refuse(&compared)?;
        if Self::holds(shape.stop_when.as_ref(), false, &scope)? {
            return Ok((Verdict::Stop, compared));
        }
        if !Self::holds(shape.filter.as_ref(), true, &scope)? {
            return Ok((Verdict::Drop, compared));
        }
        refuse(&others)?;
        if let Some(keeping) = &self.plan.query.keeping {
            keys::check(self.plan, keeping, row, &record)?;
        }
        let seen = if self.leaves_rows { row } else { &record };
        let keys = sort_keys(self.plan, seen, &scope)?;
        let row = self.leaves_rows.then_some(place);
        let kept = KeyedRecord { record, row, keys };
        Ok((Verdict::Keep(kept), [compared, others].concat()))
    }

    /// Reads a row.
    fn read(&self, row: &Value, unfit: Unfit) -> Result<ReadRow, RunErrorKind> {
        let uses = self.plan.uses();
        let scope = if uses.has_row() {
            self.scope
                .with_row_members(row, &|member| uses.has_member(member))
        } else {
            self.scope.clone()
        };
        let mut misfits = Vec::new();
        if self.leaves_rows || self.plan.query.shape.extract.is_empty() {
            let record = if self.leaves_rows {
                Value::Null
            } else {
                row.clone()
            };
            return Ok(ReadRow {
                record,
                scope,
                misfits,
            });
        }
        let mut record = Map::with_capacity(self.plan.query.shape.extract.len());
        let mut seen = scope;
        for (index, column) in self.plan.query.shape.extract.iter().enumerate() {
            let mut value = column_value(column, row, &seen)?;
            if let ColumnSource::Template(template) = &column.source
                && !value.is_null()
                && self.plan.is_secret(template.mentions())
            {
                self.plan.scrubber.note_mask();
                value = Value::from(MASK);
            } else if let Some(column_type) = column.declared {
                value = fitted(index, column, column_type, value, unfit, &mut misfits);
            }
            if uses.has_column(&column.name) && !keeps_its_meaning(self.plan, &column.name) {
                seen = seen.with(&column.name, &value);
            }
            record.insert(column.name.clone(), value);
        }
        Ok(ReadRow {
            record: Value::Object(record),
            scope: seen,
            misfits,
        })
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
}

/// Returns the sort keys of a record. Null sorts last in either direction.
///
/// # Errors
///
/// If an expression cannot be evaluated.
pub fn sort_keys(plan: &Plan, record: &Value, scope: &Scope) -> Result<Vec<Value>, RunErrorKind> {
    let keys = plan.query.shape.sort.iter();
    keys.map(|key| match &key.by {
        SortBy::Column(name) => {
            let value = record.get(name).cloned().unwrap_or(Value::Null);
            Ok(if is_time(plan, name) {
                time_key(value)
            } else {
                value
            })
        }
        SortBy::Expression(expression) => expression
            .json_of_record(scope)
            .map_err(RunErrorKind::Render),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::core::source::{Place, SourceFile, Span};
    use crate::engine::gather::tests::plan;
    use crate::project::query::{Column, OnMisfit, Take};

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
            declared: None,
            on_misfit: OnMisfit::default(),
            metric: None,
        };
        let plan = plan(
            |query| query.shape.extract = vec![column("a"), column("b")],
            None,
        );
        let row = json!({ "a": 1 });
        let read = |rows: usize| {
            let reader = Reader {
                before: 0,
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
