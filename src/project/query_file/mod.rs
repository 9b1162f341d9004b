//! Reads a query file into a [`Query`].

mod cache;
mod call;
mod column;
mod content;
mod data;
mod effect;
mod ending;
mod files;
mod for_each;
mod graphql;
mod keeping;
mod metric;
mod named_file;
mod paging;
mod poll;
mod request;
mod result;
mod stored;
mod url;
mod writing;

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Fields, Node};
use crate::core::name;
use crate::core::source::{SourceFile, Text};
use crate::project::query::{Ask, Call, Query};
use crate::project::settings::Settings;
use crate::project::template::Names;
use crate::project::{grammar, literal, requirement, var_declaration};
use crate::resource::Speak;
use crate::template::Files;

pub use data::{ReadyTables, statement};
pub use for_each::{FindQuery, writing_feed};

/// The members of `run`.
pub const RUN: [&str; 4] = ["started", "requests", "failures", "partial"];

/// The context from other files.
pub struct Surroundings<'p> {
    /// The names of the resources.
    pub resources: Vec<&'p str>,
    /// The resource files that could not be read: a missing name may be defined in one of them.
    pub broken_resources: Vec<&'p str>,
    /// Returns the kinds of API of a resource, one for each of its environments.
    pub kinds: &'p dyn Fn(&str) -> Vec<&'static dyn Speak>,
    /// The names of the formats.
    pub formats: &'p [&'static str],
    /// Finds a query that this one depends on.
    pub find: FindQuery<'p>,
    /// Reads a file of the project.
    pub files: Files,
    /// Returns the path of a template from the project's folder; without a name, that of the query
    /// itself.
    pub file_path: &'p dyn Fn(Option<&str>) -> String,
    /// The shared settings of the project.
    pub settings: &'p Settings,
}

/// Reads a query file. Faults are added to `faults`.
pub fn read(
    node: &Node,
    source: &Arc<SourceFile>,
    stem: &str,
    folder: Option<&str>,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Query> {
    if !matches!(node.content, Content::Map(_)) {
        faults.push(node.mismatch("a query file", "a mapping"));
        return None;
    }
    let before = faults.len();
    literal::check(node, faults);
    let name = super::file_name(node, stem, faults);
    let mut fields = node.fields_of("a query file", grammar::QUERY, faults);
    fields.get("name");
    let own_folder = fields.text("folder", faults);
    let description = fields.text("description", faults);
    let vars_node = fields.get("vars");
    let mut vars = var_declaration::read(vars_node, faults);
    around.settings.complete(&mut vars, &name, faults);
    let names = names_of_query(vars_node);
    let require = requirement::read(fields.get("require"), "require", &names, faults);
    let (for_each, of_item) =
        for_each::read(fields.get("for_each"), &vars, &names, around.find, faults);
    let data_node = fields.get("data");
    let data = data::data(data_node, &vars, &names, around, faults);
    let data_names = data_names(data_node);
    let of_query = with_data(&names, &data_names);
    let of_request = with_data(&of_item, &data_names);
    let mut result = result::read(&mut fields, &of_query, &of_item, faults);
    let extract = fields.get("extract");
    metric::read(extract, &mut result.shape.extract, &vars, &names, faults);
    let names = call::Scopes {
        query: &names,
        request: &of_request,
        record: &result.with_columns(&of_request),
    };
    let call = call::read(&mut fields, node, around, &names, for_each, &result, faults);
    let statement = fields.text("sql", faults).and_then(|text| {
        data::statement(
            text,
            &data,
            &data_names,
            data::ReadyTables::default(),
            &vars,
            faults,
        )
    });
    let ending = ending::read(&mut fields, &of_query, around, faults);
    let keeping = keeping::read(&mut fields, &of_query, call.as_ref(), &result.shape, faults);
    let mcp = mcp(&mut fields, call.as_ref(), faults);
    let has_address = fields.get("endpoint").or(fields.get("url")).is_some();
    if let Some(keeping) = &keeping {
        keeping::check_table(&name, keeping, faults);
    }
    fields.finish(faults);
    refuse_beside(node, has_address, faults);
    require_endpoint(node, has_address, around, faults);
    if faults.len() == before {
        let columns = &result.shape.extract;
        metric::check_output(ending.output, node.get("output"), columns, faults);
    }
    if faults.len() > before {
        return None;
    }
    let ask = match (call, statement) {
        (Some(call), _) => Ask::Request(Box::new(call)),
        (None, Some(statement)) => Ask::Statement(statement),
        (None, None) => Ask::Nothing,
    };
    Some(Query {
        name,
        folder: plain(own_folder).or_else(|| folder.map(str::to_owned)),
        description: plain(description),
        source: Arc::clone(source),
        vars,
        require,
        data,
        ask,
        shape: result.shape,
        report: ending.report,
        keeping,
        mcp,
        output: ending.output,
        csv: ending.csv,
    })
}

/// Reads `mcp`.
fn mcp(fields: &mut Fields<'_>, call: Option<&Call>, faults: &mut Diagnostics) -> Option<bool> {
    let node = fields.get("mcp")?;
    let is_tool = node.boolean("mcp", faults)?;
    if is_tool && call.is_some_and(|call| !call.is_safe) {
        let words = "`mcp: true` is for queries that change nothing, and this one writes";
        faults.push(Diagnostic::at(&node.place, Code::Mcp, words).help("remove `mcp`"));
        return None;
    }
    Some(is_tool)
}

fn plain(text: Option<Text>) -> Option<String> {
    text.map(|text| text.value.to_string())
}

/// Returns the names available to every template of a query. A var with a fault still counts as
/// declared, so that it is only reported once.
fn names_of_query(vars: Option<&Node>) -> Names {
    Names::outside().with_vars(vars.map_or_else(Vec::new, Node::keys))
}

/// Adds `data`, unless it is empty.
fn with_data(names: &Names, members: &[String]) -> Names {
    if members.is_empty() {
        return names.clone();
    }
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    names.with_members("data", &members)
}

/// Returns true if it has a replacement for an endpoint.
fn has_other_way(node: &Node) -> bool {
    node.get("sql").or_else(|| node.get("report")).is_some()
}

/// Requires an endpoint or what stands in its place, and a resource with it.
fn require_endpoint(
    node: &Node,
    has_endpoint: bool,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) {
    if !has_endpoint && !has_other_way(node) {
        let (words, help) = if node.get("data").is_none() {
            (
                "the query has no `endpoint`",
                "add one, for example `endpoint: /me`",
            )
        } else {
            (
                "the query has `data` but does not use it",
                "add `sql`, `report` or an `endpoint`",
            )
        };
        faults.push(Diagnostic::at(&node.file_start(), Code::MissingKey, words).help(help));
    }
    let has_resource = node.get("resource").is_some_and(|name| !name.is_null());
    if has_endpoint && !has_resource {
        let words = "the query has no `resource`";
        let known = &around.resources;
        let hint = (!known.is_empty()).then(|| format!("use one of {}", name::one_of(known)));
        faults.push(Diagnostic::at(&node.file_start(), Code::MissingKey, words).maybe_help(hint));
    }
}

/// Refuses keys that have no effect beside `sql`, or without a request.
fn refuse_beside(node: &Node, has_endpoint: bool, faults: &mut Diagnostics) {
    let has_sql = node.get("sql").is_some();
    if has_sql && has_endpoint {
        let words = "a query has either an `endpoint` or `sql`";
        let place = node.get("sql").map_or(&node.place, |sql| &sql.place);
        faults.push(
            Diagnostic::at(place, Code::Sql, words)
                .help("move the request to its own query, and add that under `data`"),
        );
        return;
    }
    if has_endpoint || !has_other_way(node) {
        return;
    }
    for key in grammar::OF_REQUESTS {
        if let Some(value) = node.get(key).filter(|value| !value.is_null()) {
            let words = format!("`{key}` is for requests, and the query has no `endpoint`");
            faults.push(Diagnostic::at(&value.place, Code::NoRequest, words));
        }
    }
}

/// Returns the names under `data`. An entry with a fault still counts, so that it is only reported
/// once.
fn data_names(node: Option<&Node>) -> Vec<String> {
    let names = node.map_or_else(Vec::new, Node::keys).into_iter();
    let names = names.filter(|name| name::is_identifier(name));
    names.map(str::to_owned).collect()
}
