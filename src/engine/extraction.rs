//! The values of columns: taken from a row, and converted to the declared types.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::core::column::{self, ColumnType};
use crate::core::source::Place;
use crate::core::text::{one_line, truncate_to_width};
use crate::engine::RunErrorKind;
use crate::plan::Plan;
use crate::project::query::{Column, ColumnSource, OnMisfit, Shape, Take};
use crate::template::Scope;

/// The description of a value that must not be shown.
const HIDDEN: &str = "a value that is not shown, since it may contain a secret";

/// The treatment of a value that is not of its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is a [`Misfit`].
    Counts,
    /// It stays as it is: a mask stands for a secret that may be of the type.
    Stays,
}

/// A value that is not of its column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The index of the column in `extract`.
    column: usize,
    /// The value; `None` if it must not be shown.
    value: Option<Value>,
}

impl Misfit {
    /// Hides the value, since it may contain a part of a secret.
    pub fn without_value(self) -> Self {
        Self {
            value: None,
            ..self
        }
    }

    /// Returns true if a condition over records reads the column.
    pub fn is_compared(&self, shape: &Shape) -> bool {
        let name = &shape.extract[self.column].name;
        let mut conditions = shape.filter.iter().chain(&shape.stop_when);
        conditions.any(|condition| {
            let mut mentions = condition.mentions().iter_all();
            mentions.any(|mention| mention.root() == name)
        })
    }

    /// Puts what stands for the value in `typed` into the same record with secrets masked, whose masks
    /// may stand for such a value.
    pub fn replace(&self, plan: &Plan, masked: &mut Value, typed: &Value) {
        let column = &plan.query.shape.extract[self.column];
        let (Some(slot), Some(instead)) = (masked.get_mut(&column.name), typed.get(&column.name))
        else {
            return;
        };
        match (slot, instead) {
            (Value::Array(items), Value::Array(typed)) if column.is_list() => {
                let pairs = items.iter_mut().zip(typed);
                for (item, _) in pairs.filter(|(_, typed)| typed.is_null()) {
                    *item = Value::Null;
                }
            }
            (slot, instead) => *slot = instead.clone(),
        }
    }

    /// Describes the value, with secrets masked.
    fn shown(&self, plan: &Plan) -> String {
        let Some(value) = &self.value else {
            return HIDDEN.to_owned();
        };
        let mut value = value.clone();
        plan.scrubber.json(&mut value);
        column::shown(&value)
    }
}

/// The error about a value that is not of its column's type.
#[derive(Debug)]
pub struct MisfitError {
    /// The number of the record, unless there is only one.
    record: Option<u64>,
    /// The name of the column.
    column: String,
    /// Its path or template.
    path: String,
    declared: ColumnType,
    /// A description of the value.
    got: String,
    /// The place of the column.
    pub place: Place,
}

impl MisfitError {
    /// Hides the value, since it may contain a part of a secret.
    pub fn without_value(self) -> Self {
        Self {
            got: HIDDEN.to_owned(),
            ..self
        }
    }

    /// Returns the message.
    pub fn message(&self) -> String {
        let record = match self.record {
            Some(number) => format!("record {number}: "),
            None => String::new(),
        };
        let Self {
            column,
            path,
            declared,
            got,
            ..
        } = self;
        format!("{record}`{column}` (`{path}`) is declared `{declared}`, got {got}")
    }
}

/// Returns the error of a record, if one of its columns does not allow values of other types. `number`
/// is that of the record.
pub fn misfit_error(plan: &Plan, misfits: &[Misfit], number: Option<u64>) -> Option<MisfitError> {
    let columns = &plan.query.shape.extract;
    let is_refused = |misfit: &&Misfit| columns[misfit.column].on_misfit == OnMisfit::Fail;
    let misfit = misfits.iter().find(is_refused)?;
    let column = &columns[misfit.column];
    let path = match &column.source {
        ColumnSource::Path { selector, .. } => selector.source(),
        ColumnSource::Template(template) => template.source(),
    };
    Some(MisfitError {
        record: number,
        column: column.name.clone(),
        path: truncate_to_width(&one_line(path), 80).into_owned(),
        declared: column.declared?,
        got: misfit.shown(plan),
        place: column.place.clone(),
    })
}

/// The values that became null, by the index of their column: their number, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Misfits(BTreeMap<usize, (u64, Misfit)>);

impl Misfits {
    /// Adds a value.
    pub fn add(&mut self, misfit: Misfit) {
        let known = self.0.entry(misfit.column);
        known.or_insert_with(|| (0, misfit)).0 += 1;
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The words of a note about values of one column that became null.
#[derive(Debug)]
struct MisfitNote {
    count: u64,
    column: String,
    declared: ColumnType,
    is_list: bool,
    /// True if the column has a default, which stands for null.
    has_default: bool,
    /// A description of the first value.
    first: String,
}

/// The values of a query that became null, by the index of their column.
#[derive(Debug, Default)]
pub struct MisfitNotes(BTreeMap<usize, MisfitNote>);

impl MisfitNotes {
    /// Adds the values of a page.
    pub fn add(&mut self, plan: &Plan, page: &Misfits) {
        for (index, (count, first)) in &page.0 {
            let column = &plan.query.shape.extract[*index];
            let Some(declared) = column.declared else {
                continue;
            };
            let known = self.0.entry(*index).or_insert_with(|| MisfitNote {
                count: 0,
                column: column.name.clone(),
                declared,
                is_list: column.is_list(),
                has_default: column
                    .default
                    .as_ref()
                    .is_some_and(|value| !value.is_null()),
                first: first.shown(plan),
            });
            known.count += count;
        }
    }

    /// Returns a sentence about each column.
    pub fn into_words(self) -> impl Iterator<Item = String> {
        self.0.into_values().map(|note| {
            let MisfitNote {
                count,
                column,
                declared,
                first,
                ..
            } = note;
            let (one, several) = if note.is_list {
                ("an element", "elements")
            } else {
                ("a value", "values")
            };
            let became = if note.has_default && !note.is_list {
                "the default"
            } else {
                "null"
            };
            if count == 1 {
                format!("{one} of `{column}` is not `{declared}` and became {became}: {first}")
            } else {
                format!(
                    "{count} {several} of `{column}` are not `{declared}` and became {became} \
                     (the first is {first})"
                )
            }
        })
    }
}

/// Converts a value, or the elements of a list, to the declared type of their column.
pub fn fitted(
    index: usize,
    column: &Column,
    column_type: ColumnType,
    value: Value,
    unfit: Unfit,
    misfits: &mut Vec<Misfit>,
) -> Value {
    let mut one = |value: Value, instead: &Value| match column_type.fit(value) {
        Ok(value) => value,
        Err(value) if unfit == Unfit::Stays => value,
        Err(value) => {
            misfits.push(Misfit {
                column: index,
                value: Some(value.clone()),
            });
            match column.on_misfit {
                OnMisfit::Fail => value,
                OnMisfit::Empty => instead.clone(),
            }
        }
    };
    match value {
        Value::Array(items) if column.is_list() => {
            let items = items.into_iter().map(|item| one(item, &Value::Null));
            items.collect()
        }
        value => one(value, column.default.as_ref().unwrap_or(&Value::Null)),
    }
}

/// Returns true if a column is declared to hold times.
pub fn is_time(plan: &Plan, name: &str) -> bool {
    let mut columns = plan.query.shape.extract.iter();
    let column = columns.find(|column| column.name == name);
    column.is_some_and(|column| column.declared == Some(ColumnType::Time) && !column.is_list())
}

/// Returns a sort key for a time in UTC: without the `Z`, which would sort `09:00:00Z` after
/// `09:00:00.5Z`, the order of the texts is that of the times.
pub fn time_key(value: Value) -> Value {
    match value {
        Value::String(mut text) if text.ends_with('Z') => {
            text.pop();
            Value::String(text)
        }
        other => other,
    }
}

/// Returns the value of a column as it is found.
///
/// # Errors
///
/// If a template fails, or a path matches more values than it may.
pub fn column_value(column: &Column, row: &Value, scope: &Scope) -> Result<Value, RunErrorKind> {
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

    use super::*;

    #[test]
    fn sort_keys_of_times_have_the_order_of_the_times() {
        let ascending = [
            "2026-11-02T08:59:59.999Z",
            "2026-11-02T09:00:00Z",
            "2026-11-02T09:00:00.5Z",
            "2026-11-02T09:00:00.51Z",
            "2026-11-02T09:00:01Z",
        ];
        let keys = ascending.map(|text| time_key(json!(text)).to_string());
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(time_key(json!(null)), json!(null));
    }
}
