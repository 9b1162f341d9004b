//! The result part of a query file: rows, columns, conditions, order, expectations.

use std::collections::BTreeMap;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Fields, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::query::{Limit, Shape, SortBy, SortKey, StatusMeaning, Unique};
use crate::project::query_file::RUN;
use crate::project::query_file::column::{extract, row_form};
use crate::project::requirement;
use crate::project::template::{Names, expression, selector, template};
use crate::template::selector::Selector;

/// The members of `response` in conditions on the whole response.
pub const RESPONSE: [&str; 4] = ["status", "headers", "elapsed_ms", "body"];

/// The members of `response` beside a record.
const RESPONSE_OF_RECORD: [&str; 2] = ["status", "headers"];

/// The parts of the result that could be read.
pub struct ResultParts {
    pub rows: Option<Selector>,
    pub shape: Shape,
    pub on_status: BTreeMap<u16, StatusMeaning>,
}

impl ResultParts {
    /// Adds the names of the columns.
    pub fn with_columns(&self, names: &Names) -> Names {
        let mut names = names.clone();
        for column in &self.shape.extract {
            names.push_column(&column.name, row_form(column));
        }
        names
    }
}

/// Reads the result. `names` is available to the query as a whole, `of_item` to each request.
pub fn read(
    fields: &mut Fields<'_>,
    names: &Names,
    of_item: &Names,
    faults: &mut Diagnostics,
) -> ResultParts {
    let rows = fields
        .text("rows", faults)
        .and_then(|text| selector(&text, faults));
    let asks = fields
        .get("endpoint")
        .or_else(|| fields.get("url"))
        .is_some();
    let mut of_row = of_item.with_record("row", None);
    if asks {
        of_row = of_row.with_members("response", &RESPONSE_OF_RECORD);
    }
    let extract_node = fields.get("extract");
    let extract = extract(extract_node, &of_row, faults);
    // A column with a fault still counts, so that it is only reported once.
    let columns: Vec<&str> = extract_node.map_or_else(Vec::new, Node::keys);
    let mut of_record = of_row;
    for name in &columns {
        let read = extract.iter().find(|column| column.name == *name);
        of_record.push_column(name, read.and_then(row_form));
    }
    let filter = fields
        .get("where")
        .and_then(|node| expression(node, "where", &of_record, faults));
    let stop_when = fields
        .get("stop_when")
        .and_then(|node| expression(node, "stop_when", &of_record, faults));
    let sort = sort(fields.get("sort"), &columns, &of_record, faults);
    let limit = fields
        .get("limit")
        .and_then(|node| limit(node, names, faults));
    let unique = fields
        .get("unique")
        .and_then(|node| unique(node, &columns, faults));
    // A walk has many responses, and no item at the end.
    let names = names.with("rows").with_record("row", None);
    let mut of_result = names.with_members("run", &RUN);
    if asks && fields.get("for_each").is_none() {
        of_result = of_result.with_members("response", &RESPONSE);
    }
    let expect = requirement::read(fields.get("expect"), "expect", &of_result, faults);
    ResultParts {
        rows,
        shape: Shape {
            extract,
            filter,
            stop_when,
            sort,
            limit,
            unique,
            expect,
        },
        on_status: on_status(fields.get("on_status"), faults),
    }
}

fn sort(
    node: Option<&Node>,
    columns: &[&str],
    names: &Names,
    faults: &mut Diagnostics,
) -> Vec<SortKey> {
    let Some(node) = node else { return Vec::new() };
    let mut keys = Vec::new();
    for item in node.items() {
        let Some(text) = item.text("sort", faults) else {
            continue;
        };
        let (descending, by) = match text.value.trim().strip_prefix('-') {
            Some(rest) => (true, rest.trim()),
            None => (false, text.value.trim()),
        };
        if columns.contains(&by) || (columns.is_empty() && name::is_identifier(by)) {
            let by = SortBy::Column(by.to_owned());
            keys.push(SortKey { by, descending });
            continue;
        }
        if name::is_identifier(by) {
            faults.push(
                Diagnostic::at(
                    &item.place,
                    Code::UnknownColumn,
                    format!("no column `{by}` to sort by"),
                )
                .maybe_help(name::hint(by, columns.iter().copied())),
            );
            continue;
        }
        let inner = Node {
            place: item.place.clone(),
            content: Content::Text(by.to_owned()),
        };
        if let Some(expression) = expression(&inner, "sort", names, faults) {
            let by = SortBy::Expression(expression);
            keys.push(SortKey { by, descending });
        }
    }
    keys
}

/// Reads a maximum number of records or items.
pub fn limit(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Limit> {
    match &node.content {
        Content::Text(text) if text.contains("{{") => {
            let text = Text::new(text.as_str(), &node.place);
            template(&text, names, faults).map(Limit::Template)
        }
        _ => node
            .integer("limit", 1..=u64::MAX, faults)
            .map(Limit::Number),
    }
}

fn unique(node: &Node, columns: &[&str], faults: &mut Diagnostics) -> Option<Unique> {
    match &node.content {
        Content::Bool(true) => return Some(Unique::Record),
        Content::Bool(false) => return None,
        _ => {}
    }
    let mut names = Vec::new();
    for item in node.items() {
        let text = item.text("unique", faults)?;
        if !columns.is_empty() && !columns.contains(&&*text.value) {
            faults.push(
                Diagnostic::at(
                    &item.place,
                    Code::UnknownColumn,
                    format!("no column `{}`", text.value),
                )
                .maybe_help(name::hint(&text.value, columns.iter().copied())),
            );
        }
        names.push(text.value.to_string());
    }
    Some(Unique::Columns(names))
}

fn on_status(node: Option<&Node>, faults: &mut Diagnostics) -> BTreeMap<u16, StatusMeaning> {
    let mut meanings = BTreeMap::new();
    let Some(node) = node else { return meanings };
    let words: Vec<&str> = StatusMeaning::ALL.iter().map(|(word, _)| *word).collect();
    for entry in node.entries("on_status", faults) {
        let status = entry.key.parse::<u16>().ok();
        let Some(status) = status.filter(|status| (100..=599).contains(status)) else {
            faults.push(Diagnostic::at(
                &entry.key_place,
                Code::OnStatus,
                format!("`{}` is not a status code from 100 to 599", entry.key),
            ));
            continue;
        };
        let meaning = entry
            .value
            .one_of(&entry.key, &words, faults)
            .and_then(|word| StatusMeaning::ALL.iter().find(|(known, _)| *known == word));
        if let Some((_, meaning)) = meaning {
            meanings.insert(status, *meaning);
        }
    }
    meanings
}
