//! The columns that failures have as records: in `run.failures` and in the table `failures`.

use crate::project::Query;
use crate::project::query::{Items, Loop};

/// The name of the table that a statement finds them in.
pub const TABLE: &str = "failures";

/// Returns true if a table of this name hides the table of failures.
pub fn is_table(name: &str) -> bool {
    name.eq_ignore_ascii_case(TABLE)
}

/// The columns of every failure that follow those of its item.
pub const OWN: [&str; 5] = ["status", "code", "message", "request", "item"];

/// The column before them all: the name of the query that failed.
pub const QUERY: &str = "query";

/// The columns of the failures of some queries. Between a failure's own columns are those of the
/// items that the queries are asked for, as far as their queries declare them; a column of an item
/// that has the name of one of a failure's own is found in `item` only.
pub fn columns<'q>(queries: impl IntoIterator<Item = &'q Query>) -> Vec<String> {
    let mut columns = vec![QUERY.to_owned()];
    for query in queries {
        for column in query.for_each.iter().flat_map(columns_of) {
            if !columns.contains(&column) && !OWN.contains(&column.as_str()) {
                columns.push(column);
            }
        }
    }
    columns.extend(OWN.map(str::to_owned));
    columns
}

/// The columns of the items of a name; of a list, the name itself.
fn columns_of(feed: &Loop) -> Vec<String> {
    match &feed.items {
        Items::Query { query, .. } => query.columns().unwrap_or_default(),
        Items::List(_) => vec![feed.name.clone()],
    }
}
