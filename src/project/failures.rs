//! The columns of failures as records: in `run.failures` and in the table `failures`.

use crate::project::Query;
use crate::project::query::{Items, Loop};

/// The name of the table in statements.
pub const TABLE: &str = "failures";

/// Returns true if a table with this name hides the table of failures.
pub fn is_table(name: &str) -> bool {
    name.eq_ignore_ascii_case(TABLE)
}

/// The columns that follow those of the items.
pub const OWN: [&str; 5] = ["status", "code", "message", "request", "item"];

/// The first column: the name of the failed query.
pub const QUERY: &str = "query";

/// Returns the columns of the failures of some queries. The declared columns of the items are
/// between a failure's own columns; an item column that has the name of one of those is only found
/// in `item`.
pub fn columns<'q>(queries: impl IntoIterator<Item = &'q Query>) -> Vec<String> {
    let mut columns = vec![QUERY.to_owned()];
    for query in queries {
        for column in query.loops().iter().flat_map(columns_of) {
            if !columns.contains(&column) && !OWN.contains(&column.as_str()) {
                columns.push(column);
            }
        }
    }
    columns.extend(OWN.map(str::to_owned));
    columns
}

/// Returns the columns of a loop's items; for a list, the name itself.
fn columns_of(feed: &Loop) -> Vec<String> {
    match &feed.items {
        Items::Query { query, .. } => query.columns().unwrap_or_default(),
        Items::List(_) => vec![feed.name.clone()],
    }
}
