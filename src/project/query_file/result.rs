//! The result part of a query file: rows, columns, conditions, order, expectations.

use std::collections::BTreeMap;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::query::{
    Column, ColumnSource, Limit, Shape, SortBy, SortKey, StatusMeaning, Take, Unique,
};
use crate::project::query_file::RUN;
use crate::project::template::{Names, expression, record_template, selector, template};
use crate::project::{grammar, requirement};
use crate::template::Template;
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

/// Returns the expression that reads a column's value from `row`, if its path is a simple one.
fn row_form(column: &Column) -> Option<String> {
    let ColumnSource::Path { selector, .. } = &column.source else {
        return None;
    };
    let members = selector.source().trim().strip_prefix("$.")?;
    let is_plain = members.split('.').all(name::is_identifier);
    is_plain.then(|| format!("row.{members}"))
}

fn extract(node: Option<&Node>, of_row: &Names, faults: &mut Diagnostics) -> Vec<Column> {
    let Some(node) = node else { return Vec::new() };
    let mut columns: Vec<Column> = Vec::new();
    let mut names = of_row.clone();
    for entry in node.entries("extract", faults) {
        if let Some(column) = column(entry, &names, faults) {
            names.push_column(&column.name, row_form(&column));
            columns.push(column);
        }
    }
    columns
}

fn column(entry: &Entry, names: &Names, faults: &mut Diagnostics) -> Option<Column> {
    let mut column = Column {
        name: entry.key.clone(),
        place: entry.value.place.clone(),
        source: ColumnSource::Template(Template::parse(&Text::new("", &entry.key_place)).ok()?),
        default: None,
        required: false,
    };
    let Content::Map(_) = &entry.value.content else {
        column.source = column_source(&entry.key, &entry.value, None, names, faults)?;
        return Some(column);
    };
    let mut fields = entry.value.fields_of(&entry.key, grammar::COLUMN, faults);
    let path = fields.get("path");
    let words: Vec<&str> = Take::ALL.iter().map(|(word, _)| *word).collect();
    let take = fields
        .one_of("take", &words, faults)
        .and_then(|word| Take::ALL.iter().find(|(known, _)| *known == word))
        .map(|(_, take)| *take);
    // Null is a default too: the column may be absent.
    let default = fields.entry("default").map(|entry| &entry.value);
    column.default = default.map(Node::to_json);
    column.required = fields.boolean("required", faults).unwrap_or(false);
    fields.finish(faults);
    if let Some(default) = default {
        if default.scalar().is_some_and(|text| text.contains("{{")) {
            let words = "a default cannot have templates";
            faults.push(Diagnostic::at(&default.place, Code::NoTemplateHere, words));
        }
        if column.required && !default.is_null() {
            let words = format!("the column `{}` is required and has a default", entry.key);
            faults.push(Diagnostic::at(&default.place, Code::RequiredDefault, words));
        }
    }
    let Some(path) = path else {
        let words = format!("the column `{}` has no `path`", entry.key);
        faults.push(Diagnostic::at(&entry.value.place, Code::MissingKey, words));
        return None;
    };
    column.source = column_source("path", path, take, names, faults)?;
    Some(column)
}

fn column_source(
    key: &str,
    node: &Node,
    take: Option<Take>,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<ColumnSource> {
    let Some(text) = node.as_text() else {
        faults.push(node.mismatch(key, "a JSONPath such as `$.id`, or a template"));
        return None;
    };
    if text.value.trim_start().starts_with('$') {
        let selector = selector(&text, faults)?;
        let take = take.unwrap_or(if selector.is_singular() {
            Take::First
        } else {
            Take::All
        });
        return Some(ColumnSource::Path { selector, take });
    }
    if text.value.contains("{{") || text.value.contains("{%") {
        if take.is_some() {
            let words = "`take` is for a JSONPath, and this is a template";
            faults.push(Diagnostic::at(&node.place, Code::Take, words));
        }
        return record_template(&text, names, faults).map(ColumnSource::Template);
    }
    let bare = text.value.trim_start_matches('.');
    faults.push(
        node.mismatch(
            key,
            "a JSONPath, which starts with `$`, or a template with `{{ … }}`",
        )
        .help(format!("write `$.{bare}`")),
    );
    None
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
