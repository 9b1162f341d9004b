//! The types of columns, as far as the description of the API knows them.

use std::rc::Rc;

use crate::description::{Description, Found, Operation, RouteMatch, Schema};
use crate::project::by_route::{reads_json, segments};
use crate::project::query::{Address, ColumnSource, Take};
use crate::project::{Project, Query};
use crate::template::selector::PathStep;

impl Project {
    /// Returns the shape of each column that is taken from a path of a described answer; without
    /// `extract`, that of each member of a described record, with null if it may be absent.
    pub fn column_schemas(&self, query: &Query) -> Vec<(String, Schema)> {
        let Some((operation, description)) = self.operation_behind(query) else {
            return Vec::new();
        };
        let operation: &Operation = description.operation(operation);
        let Some(answer) = &operation.answer else {
            return Vec::new();
        };
        let rows = query.rows().and_then(|rows| rows.reads().pop());
        let rows = rows.unwrap_or_default();
        if query.shape.extract.is_empty() {
            let Found::Known(found) = answer.follow(&rows, operation.has_loose_keys) else {
                return Vec::new();
            };
            return members(&Schema::union(found.into_iter().cloned()));
        }
        let mut known = Vec::new();
        for column in &query.shape.extract {
            let ColumnSource::Path { selector, take } = &column.source else {
                continue;
            };
            let schema = match take {
                Take::Count => Schema::Int,
                Take::All => continue,
                Take::First | Take::One => {
                    let Some(path) = selector.reads().pop() else {
                        continue;
                    };
                    let whole: Vec<PathStep> = rows.iter().cloned().chain(path).collect();
                    match answer.follow(&whole, operation.has_loose_keys) {
                        Found::Known(found) => Schema::union(found.into_iter().cloned()),
                        _ => continue,
                    }
                }
            };
            known.push((column.name.clone(), schema));
        }
        known
    }

    /// Returns the operation that a query sends.
    pub(super) fn operation_behind(&self, query: &Query) -> Option<(usize, Rc<Description>)> {
        let call = query.call().filter(|call| !call.is_undocumented)?;
        let (_, description) = self.described(&call.resource.value)?;
        let (method, endpoint) = match (&call.address, call.polled_endpoint()) {
            (_, Some(polled)) => ("GET", polled),
            (Address::Endpoint(endpoint), None) => (call.method.as_str(), endpoint),
            (Address::Url(_), None) => return None,
        };
        let segments = segments(endpoint).filter(|_| reads_json(call))?;
        match description.matching(method, &segments) {
            RouteMatch::One(index) => Some((index, description)),
            _ => None,
        }
    }
}

/// Returns the members of an object.
fn members(record: &Schema) -> Vec<(String, Schema)> {
    let Some(Schema::Object(object)) = record.without_null() else {
        return Vec::new();
    };
    let members = object.members.iter().map(|member| {
        let schema = member.schema.clone();
        let schema = if member.is_required {
            schema
        } else {
            schema.or_null()
        };
        (member.name.to_string(), schema)
    });
    members.collect()
}
