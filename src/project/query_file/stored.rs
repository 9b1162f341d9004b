//! `store` under `data`: rows that `runner sync` keeps.

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Entry, Node};
use crate::project::query::{Query, StoredRecords};
use crate::project::query_file::Surroundings;
use crate::project::template::{Names, ValueTemplate};
use crate::store::{SHOWN_COLUMNS, table_name};

/// The keys that bound the rows.
pub const TIMES: [&str; 3] = ["since", "until", "as_of"];

/// The query of an entry, and the values of its vars.
pub type StoredCall = (Arc<Query>, Vec<(String, ValueTemplate)>);

/// Reads an entry. `others` are keys that contradict it.
pub fn read(
    name: &str,
    node: &Node,
    others: [Option<&Node>; 3],
    times: [Option<&Entry>; 3],
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<StoredCall> {
    if let Some(other) = others.into_iter().flatten().next() {
        let words = format!("`{name}` has `store` and another source");
        faults.push(Diagnostic::at(&other.place, Code::Store, words));
        return None;
    }
    let text = node.text("store", faults)?;
    let query = match (around.find)(&text) {
        Ok(query) => query,
        Err(own) => {
            faults.extend(own);
            return None;
        }
    };
    let keeping = query.keeping.as_ref();
    if let [_, _, Some(as_of)] = times
        && keeping.is_some_and(|keeping| !keeping.history)
    {
        let words = format!("`{}` keeps no former versions", query.name);
        let help = "add `history: true` to its `store`: they are kept from then on";
        faults.push(Diagnostic::at(&as_of.key_place, Code::Store, words).help(help));
        return None;
    }
    if keeping.is_none() {
        let words = format!("`{}` is not kept: it has no `store`", query.name);
        let help = "use `query` to run it, or add `store: { key: id }` to it";
        faults.push(Diagnostic::at(&text.place, Code::Store, words).help(help));
        return None;
    }
    let mut vars = Vec::new();
    for entry in times.into_iter().flatten() {
        let value = ValueTemplate::read(&entry.value.as_written(), names, faults)?;
        vars.push((entry.key.clone(), value));
    }
    let own = SHOWN_COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let columns = query.columns();
    let stored = StoredRecords {
        table: table_name(&query.name),
        columns: columns.map(|columns| columns.into_iter().chain(own).collect()),
    };
    Some((Arc::new(Query::of_store(&query.name, stored)), vars))
}
