//! The `graphql` body of a query file: a document with its variables.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::name;
use crate::core::secret::holds_token;
use crate::core::source::{Place, Text};
use crate::paginate::{Choice, Pagination, RequestPlace};
use crate::project::graphql::{Operation, OperationKind, operations};
use crate::project::query::{Body, GraphqlBody};
use crate::project::query_file::{Surroundings, named_file};
use crate::project::template::{Names, ValueTemplate};
use crate::project::{grammar, literal};

/// The key of this kind of body.
pub const FORM: &str = "graphql";

/// The member of the body that holds the variables.
const VARIABLES: &str = "variables";

/// Reads the document and its variables.
pub fn read(
    form: &Entry,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<GraphqlBody> {
    let node = &form.value;
    if !matches!(node.content, Content::Map(_)) {
        faults.push(
            node.mismatch(FORM, "a mapping")
                .help("write `graphql: { query: … }`"),
        );
        return None;
    }
    let mut fields = node.fields_of(FORM, grammar::GRAPHQL, faults);
    let inline = fields.get("query");
    let file = fields.get("query_file");
    let operation = fields.get("operation");
    let operation = operation.map(|node| node.text("operation", faults));
    let given = fields.get(VARIABLES);
    fields.finish(faults);
    let entries = given.map_or(&[][..], |node| node.entries(VARIABLES, faults));
    let variables = variables(entries, names, faults);
    let document = match (inline, file) {
        (Some(node), None) if matches!(node.content, Content::Map(_)) => {
            faults.push(
                node.mismatch("query", "a string")
                    .help("quote it, or write it below `query: |`"),
            );
            None
        }
        (Some(node), None) => node.text("query", faults),
        (None, Some(node)) => document_file(node, around, faults),
        (Some(_), Some(file)) => {
            let words = "`graphql` has both `query` and `query_file`";
            faults.push(Diagnostic::at(&file.place, Code::Graphql, words));
            None
        }
        (None, None) => {
            let words = "`graphql` needs `query` or `query_file`";
            faults.push(Diagnostic::at(&form.key_place, Code::MissingKey, words));
            None
        }
    }?;
    let all = match operations(&document.value) {
        Ok(all) => all,
        Err(error) => {
            let place = document.locate(error.range);
            let fault = Diagnostic::at(&place, Code::Graphql, error.message);
            faults.push(fault.maybe_help(error.help));
            return None;
        }
    };
    let name = match operation {
        None => None,
        Some(name) => Some(name?),
    };
    let chosen = chosen(all, name.as_ref(), &document, faults)?;
    refuse_undeclared(entries, &chosen, faults);
    Some(GraphqlBody {
        document,
        operation: chosen,
        operation_name: name.map(|name| name.value.to_string()),
        variables: variables?,
    })
}

fn variables(
    entries: &[Entry],
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Vec<(String, ValueTemplate)>> {
    let values: Vec<Option<(String, ValueTemplate)>> = entries
        .iter()
        .map(|entry| {
            let value = ValueTemplate::read(&entry.value, names, faults)?;
            Some((entry.key.clone(), value))
        })
        .collect();
    values.into_iter().collect()
}

/// Reads a document from a file of the project.
fn document_file(node: &Node, around: &Surroundings<'_>, faults: &mut Diagnostics) -> Option<Text> {
    let text = node.text("query_file", faults)?;
    let document = named_file::read(node, &text.value, Code::CannotRead, around, faults)?;
    if holds_token(&document.value) {
        faults.push(literal::literal(node));
        return None;
    }
    Some(document)
}

/// Returns the operation that the server carries out.
fn chosen(
    mut all: Vec<Operation>,
    name: Option<&Text>,
    document: &Text,
    faults: &mut Diagnostics,
) -> Option<Operation> {
    let names: Vec<&str> = all.iter().filter_map(|one| one.name.as_deref()).collect();
    let index = match name {
        Some(name) => {
            let index = all
                .iter()
                .position(|one| one.name.as_deref() == Some(&*name.value));
            if index.is_none() {
                let words = format!("the document has no operation `{}`", name.value);
                faults.push(
                    Diagnostic::at(&name.place, Code::Graphql, words)
                        .maybe_help(name::hint(&name.value, names)),
                );
            }
            index?
        }
        None if all.len() > 1 => {
            let words = "the document has several operations";
            let place = document.locate(all[1].range.clone());
            let help = format!("choose one: `operation: {}`", names[0]);
            faults.push(Diagnostic::at(&place, Code::Graphql, words).help(help));
            return None;
        }
        None => 0,
    };
    let operation = all.swap_remove(index);
    if operation.kind == OperationKind::Subscription {
        let words = "a subscription has no end, and cannot be sent as one request";
        let place = document.locate(operation.range);
        faults.push(
            Diagnostic::at(&place, Code::Graphql, words)
                .help("use a `query`, and `poll` to repeat it"),
        );
        return None;
    }
    Some(operation)
}

/// Refuses values of variables that the operation does not declare.
fn refuse_undeclared(entries: &[Entry], operation: &Operation, faults: &mut Diagnostics) {
    for entry in entries {
        if operation.variable(&entry.key).is_none() {
            faults.push(undeclared(&entry.key, &entry.key_place, operation));
        }
    }
}

fn undeclared(variable: &str, place: &Place, operation: &Operation) -> Diagnostic {
    let words = format!("the operation declares no variable `${variable}`");
    let known = operation.variables.iter().map(|known| known.name.as_str());
    let help = match name::nearest(variable, known) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => name::is_identifier(variable)
            .then(|| format!("declare it: `{}`", operation.declaration_of(variable))),
    };
    Diagnostic::at(place, Code::Graphql, words).maybe_help(help)
}

/// Checks a GraphQL body against the pagination of its query: a required variable has a value, and
/// the pagination sets declared variables.
pub fn check(
    node: &Node,
    body: Option<&Body>,
    paginate: Option<&Pagination>,
    faults: &mut Diagnostics,
) {
    let Some(Body::Graphql(body)) = body else {
        return;
    };
    let places = match paginate.map(|paginate| &paginate.choice) {
        Some(Choice::Style(style)) => style.places(),
        _ => Vec::new(),
    };
    let mut paged = Vec::new();
    for place in &places {
        let RequestPlace::Body(keys) = place else {
            continue;
        };
        let at = paginate_place(node);
        match keys.as_slice() {
            [first, variable, ..] if first == VARIABLES => {
                paged.push(variable);
                if body.operation.variable(variable).is_none() {
                    faults.push(undeclared(variable, at, &body.operation));
                }
            }
            _ => {
                let words = format!("`{}` is not a variable of the GraphQL body", keys.join("."));
                let last = keys.last().map_or("after", String::as_str);
                let help = format!("write `body: {VARIABLES}.{last}`");
                faults.push(Diagnostic::at(at, Code::Paginate, words).help(help));
            }
        }
    }
    for variable in body
        .operation
        .variables
        .iter()
        .filter(|known| known.is_required)
    {
        let name = &variable.name;
        if paged.contains(&name) || body.variables.iter().any(|(given, _)| given == name) {
            continue;
        }
        let words = format!("the variable `${name}` has no value");
        let help = format!("add it: `{VARIABLES}: {{ {name}: … }}`");
        let place = body.document.locate(variable.range.clone());
        faults.push(Diagnostic::at(&place, Code::Graphql, words).help(help));
    }
}

/// Returns the place of the member that `paginate` sets in the body.
fn paginate_place(node: &Node) -> &Place {
    let Some(paginate) = node.get("paginate") else {
        return &node.place;
    };
    let Content::Map(entries) = &paginate.content else {
        return &paginate.place;
    };
    let place = entries
        .iter()
        .find_map(|entry| entry.value.get("body"))
        .map(|body| &body.place);
    place.unwrap_or(&paginate.place)
}
