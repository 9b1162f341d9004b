//! The columns of a query file: `extract`.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::column::{self, ColumnType};
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::grammar;
use crate::project::query::{Column, ColumnSource, OnMisfit, Take};
use crate::project::template::{Names, record_template, selector};
use crate::template::Template;

/// Returns the expression that reads a column's value from `row`, if its path is a simple one.
pub fn row_form(column: &Column) -> Option<String> {
    let ColumnSource::Path { selector, .. } = &column.source else {
        return None;
    };
    let members = selector.source().trim().strip_prefix("$.")?;
    let is_plain = members.split('.').all(name::is_identifier);
    is_plain.then(|| format!("row.{members}"))
}

/// Reads the columns. `of_row` is available to each of them, and so are the columns before it.
pub fn extract(node: Option<&Node>, of_row: &Names, faults: &mut Diagnostics) -> Vec<Column> {
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
        declared: None,
        on_misfit: OnMisfit::default(),
        metric: None,
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
    read_type(&mut column, &mut fields, faults);
    let type_node = fields.get("type");
    // Its labels can name any column, so it is read after all of them.
    fields.get("metric");
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
    if let Some(node) = type_node {
        check_count(&column, node, faults);
    }
    if let Some(node) = default {
        fit_default(&mut column, node, faults);
    }
    Some(column)
}

/// Reads `type` and `on_misfit`.
fn read_type(column: &mut Column, fields: &mut Fields<'_>, faults: &mut Diagnostics) {
    let is_declared = fields.get("type").is_some();
    column.declared = fields.read("type", column_type, faults);
    let Some(node) = fields.get("on_misfit") else {
        return;
    };
    let words = OnMisfit::ALL.map(|(word, _)| word);
    let Some(word) = node.one_of("on_misfit", &words, faults) else {
        return;
    };
    let found = OnMisfit::ALL.iter().find(|(known, _)| *known == word);
    column.on_misfit = found.map_or_else(OnMisfit::default, |(_, on_misfit)| *on_misfit);
    let fault = |words: String| Diagnostic::at(&node.place, Code::ColumnType, words);
    let name = &column.name;
    if !is_declared {
        let words = format!("`on_misfit` has no effect: the column `{name}` has no `type`");
        faults.push(fault(words));
    } else if column.declared == Some(ColumnType::Json) {
        let words = format!("`on_misfit` has no effect: every value of `{name}` is `json`");
        faults.push(fault(words));
    } else if column.required && column.on_misfit == OnMisfit::Empty {
        let words = format!("`on_misfit: empty` has no effect: the column `{name}` is required");
        faults.push(fault(words).help("remove `on_misfit` or `required`"));
    }
}

/// Reads `type`, and suggests the type that a word from elsewhere means.
fn column_type(node: &Node, faults: &mut Diagnostics) -> Option<ColumnType> {
    let written = node.scalar();
    if let Some(found) = written.as_deref().and_then(ColumnType::named) {
        return Some(found);
    }
    let names = ColumnType::ALL.map(|(name, _)| name);
    let meant = written.as_deref().and_then(ColumnType::meant_by);
    let meant = meant.map(ColumnType::name);
    let near = meant.or_else(|| name::nearest(&written.unwrap_or_default(), names));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    faults.push(
        node.mismatch("type", &name::one_of(&names))
            .maybe_help(hint),
    );
    None
}

/// Refuses a type that a number of matches cannot have.
fn check_count(column: &Column, node: &Node, faults: &mut Diagnostics) {
    let is_count = matches!(
        &column.source,
        ColumnSource::Path {
            take: Take::Count,
            ..
        }
    );
    let Some(column_type) = column.declared.filter(|_| is_count) else {
        return;
    };
    let is_of_numbers = matches!(
        column_type,
        ColumnType::Int | ColumnType::Number | ColumnType::Json
    );
    if !is_of_numbers {
        let words = format!("`take: count` gives a number, and `type` is `{column_type}`");
        let help = "remove `type`: the count is an `int`";
        faults.push(Diagnostic::at(&node.place, Code::ColumnType, words).help(help));
    }
}

/// Converts the default to the declared type, or to a list of it.
fn fit_default(column: &mut Column, node: &Node, faults: &mut Diagnostics) {
    let Some(column_type) = column.declared else {
        return;
    };
    let default = column.default.take();
    let fitted = match default {
        Some(Value::Array(items)) if column.is_list() => {
            let items = items.into_iter().map(|item| column_type.fit(item));
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        Some(value) if column.is_list() && !value.is_null() => {
            let words = format!(
                "the column `{}` is a list, and its default is {}",
                column.name,
                column::shown(&value)
            );
            faults.push(Diagnostic::at(&node.place, Code::ColumnType, words));
            return;
        }
        Some(value) => column_type.fit(value),
        None => return,
    };
    match fitted {
        Ok(value) => column.default = Some(value),
        Err(value) => {
            let words = format!(
                "the default of `{}`, declared `{column_type}`, is {}",
                column.name,
                column::shown(&value)
            );
            faults.push(Diagnostic::at(&node.place, Code::ColumnType, words));
        }
    }
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
