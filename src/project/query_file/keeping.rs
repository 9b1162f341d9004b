//! `store` in a query file: how its records are kept.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Fields, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::grammar;
use crate::project::query::{Call, Keeping, Shape};
use crate::project::template::{Names, expression};
use crate::store::{OWN_COLUMNS, check_name, table_name};

/// Reads the rule. `names` is available to the query as a whole.
pub fn read(
    fields: &mut Fields<'_>,
    names: &Names,
    call: Option<&Call>,
    shape: &Shape,
    faults: &mut Diagnostics,
) -> Option<Keeping> {
    let node = fields.get("store")?;
    if !matches!(node.content, Content::Map(_)) {
        faults.push(node.mismatch("store", "a mapping with the `key` of a row"));
        return None;
    }
    let columns: Vec<&str> = shape
        .extract
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let mut own = node.fields_of("store", grammar::STORE, faults);
    let key = own.get("key").map(|node| key(node, &columns, faults));
    let at = own
        .text("at", faults)
        .and_then(|text| column("at", text, &columns, faults));
    let of_row = names_of_row(names, &columns);
    let done = own
        .get("done")
        .and_then(|node| expression(node, "done", &of_row, faults));
    let revisit_node = own.get("revisit");
    let revisit = own.duration("revisit", faults);
    let history = own.boolean("history", faults).unwrap_or(false);
    let gone = own.one_of("gone", &["keep", "mark"], faults);
    own.finish(faults);
    if let Some(node) = revisit_node.filter(|_| call.is_none_or(|call| call.for_each.is_empty())) {
        let words = "`revisit` is about the items of `for_each`, and the query has none";
        faults.push(Diagnostic::at(&node.place, Code::Store, words));
    }
    refuse_beside(fields, node, call, shape, faults);
    for column in &columns {
        if OWN_COLUMNS.contains(column) {
            let words = format!("the store has a column `{column}` of its own");
            faults.push(Diagnostic::at(&node.place, Code::Store, words));
        }
    }
    let Some(key) = key else {
        let words = "`store` has no `key`";
        faults.push(
            Diagnostic::at(&node.place, Code::MissingKey, words)
                .help("add the column that identifies a row, for example `key: id`"),
        );
        return None;
    };
    Some(Keeping {
        place: node.place.clone(),
        key,
        at,
        done,
        revisit,
        history,
        marks_gone: gone == Some("mark"),
    })
}

/// Refuses a query whose name no table can have.
pub fn check_table(query: &str, keeping: &Keeping, faults: &mut Diagnostics) {
    if let Err(error) = check_name(&table_name(query)) {
        let fault = Diagnostic::at(&keeping.place, Code::Store, error.message);
        faults.push(fault.maybe_help(error.help));
    }
}

/// Returns the names for `done`: the columns, or without columns the record as `row`.
fn names_of_row(names: &Names, columns: &[&str]) -> Names {
    let mut names = names.clone();
    if columns.is_empty() {
        return names.with_record("row", None);
    }
    for column in columns {
        names.push_column(column, None);
    }
    names
}

fn key(node: &Node, columns: &[&str], faults: &mut Diagnostics) -> Vec<Text> {
    let mut key = Vec::new();
    if node.items().is_empty() {
        faults.push(Diagnostic::at(
            &node.place,
            Code::Store,
            "`key` names no column",
        ));
    }
    for node in node.items() {
        let text = node.text("key", faults);
        key.extend(text.and_then(|text| column("key", text, columns, faults)));
    }
    key
}

fn column(key: &str, text: Text, columns: &[&str], faults: &mut Diagnostics) -> Option<Text> {
    if columns.is_empty() || columns.contains(&&*text.value) {
        return Some(text);
    }
    let words = format!(
        "`{key}` names the column `{}`, which `extract` does not have",
        text.value
    );
    faults.push(
        Diagnostic::at(&text.place, Code::UnknownColumn, words)
            .maybe_help(name::hint(&text.value, columns.iter().copied())),
    );
    None
}

/// Refuses what cannot be kept: a document, a write, a part of a listing.
fn refuse_beside(
    fields: &mut Fields<'_>,
    node: &Node,
    call: Option<&Call>,
    shape: &Shape,
    faults: &mut Diagnostics,
) {
    let mut refuse = |words: &str, help: &str| {
        faults.push(Diagnostic::at(&node.place, Code::Store, words).help(help));
    };
    if fields.get("report").is_some() {
        refuse(
            "the query has a `report`, and `store` keeps records",
            "move the report to a query of its own, with `data: { NAME: { store: TABLE } }`",
        );
    }
    if shape.limit.is_some() {
        refuse(
            "the query has a `limit`, and `store` keeps all records",
            "remove `limit`; a var `since` of type `time` bounds how far a first sync goes back",
        );
    }
    let Some(call) = call else { return };
    if !call.is_safe {
        refuse(
            "the query writes, and a sync only reads",
            "if the request changes nothing, say `safe: true`",
        );
    }
    if call.download.is_some() {
        refuse(
            "the query downloads files, and `store` keeps records",
            "remove `store`",
        );
    }
    if call.for_each.iter().any(|feed| feed.limit.is_some()) {
        refuse(
            "`for_each` has a `limit`, and `store` keeps the records of all items",
            "remove `limit`",
        );
    }
}
