//! The keys of records that a store keeps.

use serde_json::Value;

use crate::core::json;
use crate::engine::RunErrorKind;
use crate::plan::Plan;
use crate::project::query::{ColumnSource, Keeping};

/// Refuses a record to be kept without its key. A key that is null is that of a record which the API has
/// forgotten; if there is nothing in its place, the row is something else, such as an error message.
///
/// # Errors
///
/// If the row has nothing where the key comes from.
pub fn check(
    plan: &Plan,
    keeping: &Keeping,
    row: &Value,
    record: &Value,
) -> Result<(), RunErrorKind> {
    for name in &keeping.key {
        if record
            .get(&*name.value)
            .is_some_and(|value| !value.is_null())
        {
            return Ok(());
        }
    }
    for name in &keeping.key {
        let mut columns = plan.query.shape.extract.iter();
        let column = columns.find(|column| column.name == *name.value);
        let (is_there, source) = match column.map(|column| &column.source) {
            Some(ColumnSource::Path { selector, .. }) => {
                (selector.first(row).is_some(), selector.source())
            }
            Some(ColumnSource::Template(template)) => (row.is_object(), template.source()),
            None => (row.get(&*name.value).is_some(), &*name.value),
        };
        if !is_there {
            let kind = json::kind(row);
            let words = format!(
                "a record is {kind} without `{source}`, the `key` of `store`: it cannot be kept"
            );
            let place = column.map_or_else(|| name.place.clone(), |column| column.place.clone());
            return Err(RunErrorKind::Missing(words, place));
        }
    }
    Ok(())
}
