//! Records as rows of a table, with the condition `done`.

use serde_json::Value;

use crate::engine::RunErrorKind;
use crate::plan::Plan;
use crate::store::IncomingRow;

/// Converts records to rows.
///
/// # Errors
///
/// As [`row`].
pub fn rows(plan: &Plan, records: Vec<Value>) -> Result<Vec<IncomingRow>, RunErrorKind> {
    records
        .into_iter()
        .map(|record| row(plan, record))
        .collect()
}

/// Converts a record to a row.
///
/// # Errors
///
/// If the condition cannot be evaluated, or the record is not an object.
pub fn row(plan: &Plan, record: Value) -> Result<IncomingRow, RunErrorKind> {
    let is_done = is_done(plan, &record)?;
    match record {
        Value::Object(record) => Ok(IncomingRow { record, is_done }),
        other => {
            let kind = crate::core::json::kind(&other);
            let words = format!("a table has columns, and the record is {kind}: add `extract`");
            Err(RunErrorKind::Listing(words))
        }
    }
}

/// Returns true if a record does not change any more.
fn is_done(plan: &Plan, record: &Value) -> Result<bool, RunErrorKind> {
    let keeping = plan.query.keeping.as_ref();
    let Some(done) = keeping.and_then(|keeping| keeping.done.as_ref()) else {
        return Ok(true);
    };
    let scope = match record {
        Value::Object(members) if !plan.query.shape.extract.is_empty() => {
            let names = members.iter();
            let names = names.map(|(name, value)| (name.as_str(), value));
            plan.scope().with_all(names)
        }
        _ => plan.scope().with_record("row", record),
    };
    done.holds(&scope).map_err(RunErrorKind::Render)
}
