//! Failures as records: `run.failures` in documents and expectations, and the table `failures` in
//! statements.

use serde_json::{Map, Value};

use crate::engine::RunError;
use crate::plan::Plan;
use crate::project::failures::{OWN, QUERY};
use crate::template::Records;

/// Returns the failures as records with these columns, with secrets masked.
pub fn records<'e>(
    plan: &Plan,
    columns: Vec<String>,
    failures: impl IntoIterator<Item = &'e RunError>,
) -> Records {
    let record = |error: &RunError| {
        let mut record = record(error, &columns);
        plan.scrubber.json(&mut record);
        record
    };
    Records {
        list: failures.into_iter().map(record).collect::<Vec<_>>().into(),
        columns: Some(columns),
    }
}

fn record(error: &RunError, columns: &[String]) -> Value {
    let members = columns.iter().map(|column| {
        let value = match column.as_str() {
            QUERY => Value::from(error.query.clone()),
            own if OWN.contains(&own) => own_value(error, own),
            other => item_value(error, other),
        };
        (column.clone(), value)
    });
    Value::Object(members.collect())
}

/// Returns a column that every failure has.
fn own_value(error: &RunError, column: &str) -> Value {
    match column {
        "status" => error.status().into(),
        "code" => error.code().to_string().into(),
        "message" => error.message().into(),
        "request" => error.request.clone().into(),
        _ => error.item.as_ref().map_or(Value::Null, |item| {
            Value::Object(item.names.iter().cloned().collect::<Map<_, _>>())
        }),
    }
}

/// Returns a column of the item; of several items, the innermost that has it.
fn item_value(error: &RunError, column: &str) -> Value {
    let names = error.item.iter().flat_map(|item| item.names.iter().rev());
    let mut found = names.filter_map(|(name, item)| match item {
        Value::Object(members) if members.contains_key(column) => members.get(column),
        _ => (name == column).then_some(item),
    });
    found.next().cloned().unwrap_or(Value::Null)
}
