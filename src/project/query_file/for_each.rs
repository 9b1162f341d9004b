//! The `for_each` part of a query file: loops over items.

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::query::{Items, Loop, Query, Var, VarType};
use crate::project::query_file::files;
use crate::project::query_file::result::limit;
use crate::project::template::{Names, ValueTemplate, expression, template};
use crate::project::{grammar, var_declaration};

/// Finds a query by its name.
pub type FindQuery<'p> = &'p dyn Fn(&Text) -> Result<Arc<Query>, Diagnostics>;

/// Reads the loops, and returns the names available after them.
pub fn read(
    node: Option<&Node>,
    vars: &[Var],
    names: &Names,
    find: FindQuery<'_>,
    faults: &mut Diagnostics,
) -> (Vec<Loop>, Names) {
    let mut loops: Vec<Loop> = Vec::new();
    let mut names = names.clone();
    let Some(node) = node else {
        return (loops, names);
    };
    for entry in node.entries("for_each", faults) {
        if !var_declaration::check_name(entry, faults) {
            continue;
        }
        if vars.iter().any(|var| var.name == entry.key) {
            let words = format!("there is already a var `{}`", entry.key);
            faults.push(Diagnostic::at(&entry.key_place, Code::DuplicateName, words));
            continue;
        }
        let (read, of_item) = one(entry, vars, &names, find, faults);
        names = of_item;
        loops.extend(read);
    }
    (loops, names)
}

/// Reads one loop, and the names available beside its item.
fn one(
    entry: &Entry,
    vars: &[Var],
    names: &Names,
    find: FindQuery<'_>,
    faults: &mut Diagnostics,
) -> (Option<Loop>, Names) {
    let node = &entry.value;
    if !matches!(node.content, Content::Map(_)) {
        let expected = "`{query: NAME, vars: {…}}` or `{in: LIST}`, each with `where` and `limit`";
        let fault = Diagnostic::at(
            &node.place,
            Code::WrongType,
            format!("`{}` takes {expected}", entry.key),
        );
        let hint = node
            .as_text()
            .filter(|text| !text.value.contains("{{"))
            .map(|text| format!("write `{}: {{ query: {} }}`", entry.key, text.value));
        faults.push(fault.maybe_help(hint));
        return (None, names.with_element(&entry.key));
    }
    let mut fields = node.fields_of(&entry.key, grammar::FOR_EACH, faults);
    let items = items(entry, &mut fields, vars, names, find, faults);
    let of_item = match &items {
        Some(Items::Query { query, .. }) => names.with_item(&entry.key, query.columns()),
        Some(Items::List(_)) | None => names.with_element(&entry.key),
    };
    let filter = fields
        .get("where")
        .and_then(|node| expression(node, "where", &of_item, faults));
    let limit = fields
        .get("limit")
        .and_then(|node| limit(node, names, faults));
    fields.finish(faults);
    let read = items.map(|items| Loop {
        name: entry.key.clone(),
        place: entry.key_place.clone(),
        items,
        filter,
        limit,
    });
    (read, of_item)
}

fn items(
    entry: &Entry,
    fields: &mut Fields<'_>,
    vars: &[Var],
    names: &Names,
    find: FindQuery<'_>,
    faults: &mut Diagnostics,
) -> Option<Items> {
    let list = fields.get("in");
    let query = fields.get("query");
    let file = fields.get("file");
    let given = fields.get("vars");
    if let Some(file) = file {
        for (key, other) in [("in", list), ("query", query)] {
            if other.is_some() {
                let words = format!("`{}` has both `{key}` and `file`", entry.key);
                faults.push(Diagnostic::at(&file.place, Code::ForEach, words));
                return None;
            }
        }
        return files::read(file, given, faults).map(Items::of_files);
    }
    match (list, query) {
        (Some(list), None) => {
            if let Some(given) = given {
                let words = "`vars` needs a `query`, and this is a list";
                faults.push(Diagnostic::at(&given.place, Code::ForEach, words));
            }
            in_list(list, names, faults).map(Items::List)
        }
        (None, Some(query)) => called(query, given, vars, names, find, faults),
        (Some(list), Some(_)) => {
            let words = format!("`{}` has both `in` and `query`", entry.key);
            faults.push(Diagnostic::at(&list.place, Code::ForEach, words));
            None
        }
        (None, None) => {
            let words = format!("`{}` needs `query`, `file` or `in`", entry.key);
            faults.push(Diagnostic::at(&entry.key_place, Code::MissingKey, words));
            None
        }
    }
}

/// Reads a literal list, or a template that yields one.
fn in_list(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<ValueTemplate> {
    match &node.content {
        Content::List(_) => ValueTemplate::read(node, names, faults),
        Content::Text(text) if text.contains("{{") => {
            let text = Text::new(text.as_str(), &node.place);
            template(&text, names, faults).map(ValueTemplate::Template)
        }
        _ => {
            faults.push(node.mismatch("in", "a list, or a template that yields one"));
            None
        }
    }
}

/// Returns the fault of a query that writes, to a server or to files, but feeds another one.
pub fn writing_feed(query: &Query) -> Option<Diagnostic> {
    let words = format!("`{}` writes, so it cannot feed another query", query.name);
    let help = "run it on its own; if its requests change nothing, set `safe: true` in its file";
    if query.is_download() {
        let words = format!(
            "`{}` writes files, so it cannot feed another query",
            query.name
        );
        let fault = Diagnostic::general(Code::FeedWrites, words);
        return Some(fault.refused().help("run it on its own"));
    }
    (!query.is_safe()).then(|| {
        Diagnostic::general(Code::FeedWrites, words)
            .refused()
            .help(help)
    })
}

/// Reads a dependency on another query, with the vars passed to it.
pub fn called(
    node: &Node,
    given: Option<&Node>,
    vars: &[Var],
    names: &Names,
    find: FindQuery<'_>,
    faults: &mut Diagnostics,
) -> Option<Items> {
    let text = node.text("query", faults)?;
    let found = match find(&text) {
        Ok(query) => query,
        Err(own) => {
            faults.extend(own);
            return None;
        }
    };
    if let Some(fault) = writing_feed(&found) {
        faults.push(fault.moved_to(&text.place));
    }
    let known: Vec<&str> = found.vars.iter().map(|var| var.name.as_str()).collect();
    let mut values = Vec::new();
    for entry in given.map_or(&[][..], |node| node.entries("vars", faults)) {
        if !known.contains(&entry.key.as_str()) {
            let words = format!("`{}` has no var `{}`", found.name, entry.key);
            let hint = name::hint(&entry.key, known.iter().copied())
                .unwrap_or_else(|| "it has none".to_owned());
            faults.push(Diagnostic::at(&entry.key_place, Code::UnknownVar, words).help(hint));
            continue;
        }
        let is_text = |var: &Var| var.name == entry.key && var.kind == VarType::String;
        let value = if found.vars.iter().any(is_text) {
            ValueTemplate::read(&entry.value.as_written(), names, faults)
        } else {
            ValueTemplate::read(&entry.value, names, faults)
        };
        if let Some(value) = value {
            values.push((entry.key.clone(), value));
        }
    }
    let is_given = |name: &str| {
        given.is_some_and(|node| node.get(name).is_some())
            || vars.iter().any(|own| own.name == name)
    };
    for var in found.vars.iter().filter(|var| var.required) {
        if !is_given(&var.name) {
            let words = format!("`{}` needs a value for `{}`", found.name, var.name);
            let help = format!(
                "set it under `vars`, or declare a var `{}`, which is passed on",
                var.name
            );
            faults.push(Diagnostic::at(&node.place, Code::MissingVar, words).help(help));
        }
    }
    Some(Items::Query {
        query: found,
        vars: values,
    })
}
