//! Turns responses into records: rows, columns, conditions, order.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::core::ending;
use crate::core::json::{MOST_VALUES, number, write_identity};
use crate::core::secret::MASK;
use crate::engine::answer::{answer_facts, header_fields};
use crate::engine::columns::{self, Lacking};
use crate::engine::{Remedy, RunError, RunErrorKind};
use crate::http::Response;
use crate::plan::Plan;
use crate::project::query::{Column, ColumnSource, SortBy, Take, Unique};
use crate::template::selector::Selector;
use crate::template::{Answer, Expression, Scope, reserved};

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

/// A record with its sort keys.
pub struct KeyedRecord {
    /// The record; null while it is a row that is still part of its response.
    pub record: Value,
    /// The index among the rows of the page, of a record that is an unchanged row.
    row: Option<usize>,
    keys: Vec<Value>,
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

/// Collects records in the query's order. Only sorting holds records back.
pub struct Gather {
    plan: Rc<Plan>,
    /// The keys seen by `unique`.
    seen: HashSet<String>,
    /// The records to be sorted.
    unsorted: Vec<KeyedRecord>,
    passed: usize,
}

impl Gather {
    /// Creates an empty collection.
    pub fn new(plan: &Rc<Plan>) -> Self {
        Self {
            plan: Rc::clone(plan),
            seen: HashSet::new(),
            unsorted: Vec::new(),
            passed: 0,
        }
    }

    /// Returns true if no more records are needed.
    pub fn is_full(&self) -> bool {
        self.plan
            .record_limit()
            .is_some_and(|limit| self.passed >= limit)
    }

    /// Adds records and returns those that are ready.
    ///
    /// # Errors
    ///
    /// If a required value is missing.
    pub fn pass(&mut self, batch: Vec<KeyedRecord>) -> Result<Vec<Value>, RunErrorKind> {
        let mut passed = Vec::with_capacity(batch.len());
        for kept in batch {
            if self.is_full() {
                break;
            }
            if !self.plan.query.shape.sort.is_empty() {
                self.unsorted.push(kept);
            } else if self.is_new(&kept.record) {
                check_required(&self.plan, &kept.record)?;
                self.passed += 1;
                passed.push(kept.record);
            }
        }
        Ok(passed)
    }

    /// Returns the sorted records, without duplicates.
    ///
    /// # Errors
    ///
    /// As [`Gather::pass`].
    pub fn finish(&mut self) -> Result<Vec<Value>, RunErrorKind> {
        let mut unsorted = std::mem::take(&mut self.unsorted);
        let keys = &self.plan.query.shape.sort;
        unsorted.sort_by(|left, right| {
            keys.iter()
                .zip(left.keys.iter().zip(&right.keys))
                .map(|(key, (left, right))| compare(left, right, key.descending))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        let mut records = Vec::new();
        for kept in unsorted {
            if self.is_full() {
                break;
            }
            if self.is_new(&kept.record) {
                check_required(&self.plan, &kept.record)?;
                self.passed += 1;
                records.push(kept.record);
            }
        }
        Ok(records)
    }

    fn is_new(&mut self, record: &Value) -> bool {
        match &self.plan.query.shape.unique {
            None => true,
            Some(Unique::Record) => {
                let mut key = String::new();
                write_identity(record, &mut key);
                self.seen.insert(key)
            }
            Some(Unique::Columns(columns)) => {
                let mut key = String::new();
                for column in columns {
                    write_identity(record.get(column).unwrap_or(&Value::Null), &mut key);
                    key.push(',');
                }
                self.seen.insert(key)
            }
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
        let facts = Answer {
            headers: plan
                .uses()
                .has_headers()
                .then(|| header_fields(plan, response)),
            ..answer_facts(response)
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
            if ending::is_asked() {
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
                Verdict::Drop => {}
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

/// Compares two values: numbers by value, strings by character, types separately.
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
        (Value::Number(left), Value::Number(right)) => number::compare(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (left, right) => rank(left)
            .cmp(&rank(right))
            .then_with(|| left.to_string().cmp(&right.to_string())),
    };
    if descending { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;

    use crate::core::secret::Scrubber;
    use crate::core::source::{Place, SourceFile, Span};
    use crate::http::{HeaderMap, StatusCode};
    use crate::plan::{Binding, Inputs, Outside, SharedPlans};
    use crate::project::query::SortKey;
    use crate::project::{Project, Query, Trust};
    use crate::template::Clock;

    use super::*;

    /// Creates a plan for a changed query of this repository's own resource.
    fn plan(change: impl FnOnce(&mut Query), limit: Option<u64>) -> Rc<Plan> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project =
            Project::open(root, root, &[], &Trust::new(&BTreeMap::new())).expect("this project");
        let mut query = project.ad_hoc_query("circleci", "/x").expect("a query");
        change(&mut query);
        let resource = project.resource_of(&query, None).expect("resources");
        let resource = resource.expect("a resource");
        let binding = Binding {
            resources: BTreeMap::from([(resource.name.clone(), Arc::new(resource))]),
            outside: Outside {
                clock: Clock(Timestamp::UNIX_EPOCH),
                env: Arc::default(),
                git: Arc::new(|_| None),
            },
            root: root.to_path_buf(),
            scrubber: Scrubber::new(),
            plans: SharedPlans::default(),
        };
        let bound = Plan::bind(Arc::new(query), &Rc::new(binding), &Inputs::new());
        let Ok(mut plan) = bound else {
            panic!("the plan is not bound")
        };
        if let Some(limit) = limit {
            plan.limit_to(limit);
        }
        Rc::new(plan)
    }

    fn by(column: &str, descending: bool) -> SortKey {
        SortKey {
            by: SortBy::Column(column.to_owned()),
            descending,
        }
    }

    /// Returns the result of gathering these batches, and the number of batches in it.
    fn gathered(plan: &Rc<Plan>, batches: &[Value]) -> (Value, usize) {
        let response = Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            elapsed: Duration::ZERO,
        };
        let mut gather = Gather::new(plan);
        let mut found = Vec::new();
        let mut taken = 0;
        for batch in batches {
            if gather.is_full() {
                break;
            }
            taken += 1;
            let mut kept = Vec::new();
            for record in batch.as_array().expect("a list") {
                let page = read_page(plan, plan.scope(), record, &response, None);
                let (mut records, _) = page.expect("a page");
                take_rows(plan, &mut records, record.clone());
                kept.extend(records);
            }
            found.extend(gather.pass(kept).expect("they are whole"));
        }
        found.extend(gather.finish().expect("they are whole"));
        (Value::from(found), taken)
    }

    #[test]
    fn a_limit_counts_what_passes_and_asks_for_no_more() {
        let batches = [json!([1, 2]), json!([2, 3]), json!([4])];
        let plain = |limit| plan(|_| {}, limit);
        assert_eq!(
            gathered(&plain(None), &batches),
            (json!([1, 2, 2, 3, 4]), 3)
        );
        assert_eq!(gathered(&plain(Some(2)), &batches), (json!([1, 2]), 1));
        assert_eq!(gathered(&plain(Some(3)), &batches), (json!([1, 2, 2]), 2));
        assert_eq!(gathered(&plain(Some(9)), &batches).1, 3);
        let unique = plan(|query| query.shape.unique = Some(Unique::Record), Some(3));
        assert_eq!(gathered(&unique, &batches), (json!([1, 2, 3]), 2));
    }

    #[test]
    fn an_order_needs_all_and_a_limit_comes_after_it() {
        let batches = [
            json!([{ "a": 2, "b": 1 }, { "a": 1, "b": 1 }]),
            json!([{ "a": 1, "b": 2 }, { "b": 3 }, { "a": 2, "b": 1, "c": 0 }]),
        ];
        let sorted = |limit| {
            plan(
                |query| query.shape.sort = vec![by("a", false), by("b", true)],
                limit,
            )
        };
        let whole = json!([
            { "a": 1, "b": 2 },
            { "a": 1, "b": 1 },
            // Equal records keep their order.
            { "a": 2, "b": 1 },
            { "a": 2, "b": 1, "c": 0 },
            { "b": 3 },
        ]);
        assert_eq!(gathered(&sorted(None), &batches), (whole.clone(), 2));
        let first: Value = whole.as_array().expect("a list")[..2].to_vec().into();
        assert_eq!(gathered(&sorted(Some(2)), &batches), (first, 2));
    }

    #[test]
    fn of_equal_records_the_first_counts_also_across_batches() {
        let batches = [
            json!([{ "a": 1, "b": 1 }, { "a": null, "b": 2 }]),
            json!([{ "b": 3 }, { "a": 1, "b": 4 }, { "a": "1", "b": 5 }]),
        ];
        let unique = plan(
            |query| query.shape.unique = Some(Unique::Columns(vec!["a".to_owned()])),
            None,
        );
        // A missing field is null, and a string is not a number.
        assert_eq!(
            gathered(&unique, &batches).0,
            json!([{ "a": 1, "b": 1 }, { "a": null, "b": 2 }, { "a": "1", "b": 5 }])
        );
        let sorted = plan(
            |query| {
                query.shape.unique = Some(Unique::Columns(vec!["a".to_owned()]));
                query.shape.sort = vec![by("b", true)];
            },
            Some(1),
        );
        assert_eq!(gathered(&sorted, &batches).0, json!([{ "a": "1", "b": 5 }]));
        // The first in the new order, not the first that came.
        let sorted = plan(
            |query| {
                query.shape.unique = Some(Unique::Columns(vec!["a".to_owned()]));
                query.shape.sort = vec![by("b", true)];
            },
            Some(2),
        );
        assert_eq!(
            gathered(&sorted, &batches).0,
            json!([{ "a": "1", "b": 5 }, { "a": 1, "b": 4 }])
        );
    }

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
