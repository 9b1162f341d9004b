//! Checks a case against the tested query.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::name;
use crate::core::source::Place;
use crate::project::query::VarType;
use crate::project::testing::ask::AskPattern;
use crate::project::testing::case::OF_PREVIOUS;
use crate::project::testing::forms::RequestForm;
use crate::project::testing::{Case, Given};
use crate::project::{Project, Query};

/// The exit code of a run that lacks a value or an environment.
const USAGE: u8 = 2;

/// Checks what a case itself says, and converts values as the query needs them.
pub fn own(case: &mut Case, node: &Node, query: &Query, faults: &mut Diagnostics) {
    vars(case, node, query, faults);
    given(case, node, query, faults);
    previous(node, query, faults);
}

/// Checks a complete case: what it says itself, and what it takes from others.
pub fn complete(
    case: &Case,
    node: &Node,
    query: &Query,
    project: &Project,
    faults: &mut Diagnostics,
) {
    missing_vars(case, query, faults);
    environment(case, node, query, project, faults);
}

fn entries<'n>(node: &'n Node, key: &str) -> &'n [Entry] {
    match node.get(key).map(|node| &node.content) {
        Some(Content::Map(entries)) => entries,
        _ => &[],
    }
}

fn vars(case: &mut Case, node: &Node, query: &Query, faults: &mut Diagnostics) {
    // The value is only checked: any time will do.
    let now = case.now.unwrap_or(Timestamp::UNIX_EPOCH);
    for entry in entries(node, "vars") {
        let Some(var) = query.var(&entry.key) else {
            let words = format!("`{}` has no var `{}`", query.name, entry.key);
            let known = query.vars.iter().map(|var| var.name.as_str());
            let hint = name::hint(&entry.key, known);
            let fault = Diagnostic::at(&entry.key_place, Code::UnknownVar, words);
            faults.push(fault.maybe_help(hint));
            continue;
        };
        let accepted = match &entry.value.content {
            Content::Text(text) => var.parse(text, now),
            Content::Number(_, written) if var.kind == VarType::String => {
                let written = Value::from(written.as_str());
                let vars = case.vars.iter_mut().filter(|(name, ..)| *name == entry.key);
                vars.for_each(|(_, value, _)| *value = written.clone());
                var.accept(&written, Some(now))
            }
            _ => var.accept(&entry.value.to_json(), Some(now)),
        };
        if let Err(words) = accepted {
            let fault = Diagnostic::at(&entry.value.place, Code::VarType, words);
            faults.push(fault.concealed_if(var.secret));
        }
    }
}

fn given(case: &mut Case, node: &Node, query: &Query, faults: &mut Diagnostics) {
    let used: Vec<&Query> = query
        .with_fed_by()
        .into_iter()
        .filter(|used| !std::ptr::eq(*used, query) && used.files().is_none())
        .collect();
    for entry in entries(node, "given") {
        let Some(stands_for) = used.iter().find(|used| used.name == entry.key) else {
            let words = format!("`{}` does not use a query `{}`", query.name, entry.key);
            let hint = if used.is_empty() {
                Some("it uses no other query".to_owned())
            } else {
                name::hint(&entry.key, used.iter().map(|used| used.name.as_str()))
            };
            let fault = Diagnostic::at(&entry.key_place, Code::Given, words);
            faults.push(fault.maybe_help(hint));
            continue;
        };
        let Some(columns) = stands_for.columns() else {
            continue;
        };
        for row in entry.value.items() {
            row_fits(row, stands_for, &columns, faults);
        }
        let given = case
            .given
            .iter_mut()
            .filter(|given| given.query == entry.key);
        given.for_each(|given| complete_rows(given, &columns));
    }
}

fn row_fits(row: &Node, query: &Query, columns: &[String], faults: &mut Diagnostics) {
    let Content::Map(members) = &row.content else {
        faults.push(row.mismatch("a record", "a mapping of columns to values"));
        return;
    };
    for member in members {
        if !columns.contains(&member.key) {
            let words = format!("`{}` has no column `{}`", query.name, member.key);
            let hint = name::hint(&member.key, columns.iter().map(String::as_str));
            let fault = Diagnostic::at(&member.key_place, Code::UnknownColumn, words);
            faults.push(fault.maybe_help(hint));
        }
    }
}

/// Gives every record all columns, in the order of the query.
fn complete_rows(given: &mut Given, columns: &[String]) {
    for row in &mut given.rows {
        let Value::Object(members) = row else {
            continue;
        };
        let value = |column: &String| members.get(column).cloned().unwrap_or_default();
        let complete = columns.iter().map(|column| (column.clone(), value(column)));
        *row = Value::Object(complete.collect::<Map<_, _>>());
    }
}

fn previous(node: &Node, query: &Query, faults: &mut Diagnostics) {
    let Some(previous) = node.get("previous").filter(|node| !node.is_null()) else {
        return;
    };
    let documents = query.report.iter().flat_map(|report| &report.documents);
    let mut readers = documents.filter(|document| document.mentions().has("previous"));
    if readers.next().is_none() {
        let words = format!(
            "`previous` has no effect: `{}` has no report that reads it",
            query.name
        );
        faults.push(Diagnostic::at(&previous.place, Code::Previous, words));
        return;
    }
    let of_data = query.data.iter().map(|data| data.name.as_str());
    let known: Vec<&str> = of_data.chain(OF_PREVIOUS).collect();
    for entry in entries(node, "previous") {
        if !known.contains(&entry.key.as_str()) {
            let words = format!("a previous run of `{}` has no `{}`", query.name, entry.key);
            let hint = name::hint(&entry.key, known.iter().copied());
            let fault = Diagnostic::at(&entry.key_place, Code::Previous, words);
            faults.push(fault.maybe_help(hint));
        }
    }
}

/// Checks that the query sends the requests of a case's own answers, which are the first `own` ones.
pub fn answers(case: &Case, own: usize, query: &Query, faults: &mut Diagnostics) {
    let given: Vec<&str> = case
        .given
        .iter()
        .map(|given| given.query.as_str())
        .collect();
    let forms = RequestForm::all(query, &given);
    for answer in case.overrides.iter().take(own) {
        let pattern = AskPattern {
            method: answer.method.clone(),
            target: answer.target.clone(),
        };
        if !forms.iter().any(|form| form.suits(&pattern)) {
            faults.push(unasked(&pattern, &answer.place, &forms, query));
        }
    }
}

fn unasked(
    pattern: &AskPattern,
    place: &Place,
    forms: &[RequestForm],
    query: &Query,
) -> Diagnostic {
    let ask = format!("{} {}", pattern.method, pattern.target);
    let words = format!("`{}` never sends `{ask}`", query.name);
    let fault = Diagnostic::at(place, Code::UnaskedAnswer, words);
    if forms.is_empty() {
        return fault.help("it sends no request in this case");
    }
    let mut shown: Vec<String> = forms.iter().filter_map(RequestForm::shown).collect();
    shown.sort();
    shown.dedup();
    let path = ask.split('?').next().unwrap_or_default();
    let fault = fault.maybe_help(name::hint(path, shown.iter().map(String::as_str)));
    if pattern.is_url() {
        return fault.help("write the path below `base_url`: a complete URL is for another host");
    }
    fault
}

/// Reports vars without a value, unless the case expects a run to be refused.
fn missing_vars(case: &Case, query: &Query, faults: &mut Diagnostics) {
    if case.exit == USAGE {
        return;
    }
    for var in query.vars.iter().filter(|var| var.required) {
        let variable = format!("RUNNER_VAR_{}", var.name.to_uppercase());
        let has_value = case.vars.iter().any(|(name, ..)| *name == var.name);
        if !has_value && !case.env.contains_key(&variable) {
            let words = format!("the case has no value for `{}`", var.name);
            let example = var.example.as_ref().filter(|_| !var.secret);
            let value = example.map_or_else(|| "…".to_owned(), crate::core::json::plain);
            let help = format!("add `vars: {{ {}: {value} }}`", var.name);
            faults.push(Diagnostic::at(&case.place, Code::MissingVar, words).help(help));
        }
    }
}

/// Reports an environment that a resource does not have, or one that it needs.
fn environment(
    case: &Case,
    node: &Node,
    query: &Query,
    project: &Project,
    faults: &mut Diagnostics,
) {
    let place = node
        .get("environment")
        .map_or(&case.place, |node| &node.place);
    for query in query.with_fed_by() {
        let Err(found) = project.resource_of(query, case.environment.as_deref()) else {
            continue;
        };
        for mut fault in found.into_sorted() {
            match fault.code {
                Code::UnknownEnvironment => {}
                Code::NeedsEnvironment if case.exit != USAGE => {
                    fault.help = vec!["name one under `environment`".to_owned()];
                }
                // Reported with the resource.
                _ => continue,
            }
            faults.push(fault.moved_to(place));
        }
    }
}
