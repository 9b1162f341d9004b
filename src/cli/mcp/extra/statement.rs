//! `sql`: one SELECT over the results of queries.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::cli::mcp::arguments::is_beyond_doubles;
use crate::cli::mcp::catalog::{Catalog, Effect, Tool, operation};
use crate::cli::mcp::extra::Extra;
use crate::cli::mcp::given::Given;
use crate::cli::mcp::server::{CallPlace, Server};
use crate::cli::sql::over_queries;
use crate::core::code::Code;
use crate::core::json::plain;
use crate::core::name;
use crate::core::source::SourceFile;
use crate::plan::{Input, Inputs, Plan, vars_to_give};
use crate::project::split_operation;

/// Binds a statement over the tools of a project that read.
///
/// # Errors
///
/// If an argument or the statement is wrong, or a table is not such a tool.
pub fn sql(
    given: &Given<'_>,
    server: &Server,
    place: &CallPlace,
    catalog: &Catalog,
) -> Result<Rc<Plan>, Failure> {
    let statement = SourceFile::new("the statement", "", given.text("select")?);
    let mut queries = Vec::new();
    let mut needed = BTreeSet::new();
    for (table, source) in given.object("from")? {
        if !name::is_identifier(&table) {
            let words = format!("`{table}` is not a valid table name");
            let failure = Failure::usage(Code::From, words);
            return Err(failure.help("use letters, digits and `_`"));
        }
        let source = plain(&source);
        let tool = match catalog.tool(&source) {
            Some(tool) if tool.effect != Effect::Writes => Some(tool.clone()),
            Some(_) => None,
            None => read_operation(&source, server, place),
        };
        let Some(tool) = tool else {
            let words = format!("`{source}` is neither a query nor an operation that reads");
            let tools = catalog.tools.iter();
            let readers = tools.filter(|tool| tool.effect != Effect::Writes);
            let near = name::nearest(&source, readers.map(|tool| tool.query.name.as_str()));
            let failure = Failure::usage(Code::From, words);
            return Err(match near {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("list the queries with `list_queries`"),
            });
        };
        needed.extend(vars_to_give(&tool.query, &place.world.outside));
        queries.push((table, Arc::clone(&tool.query)));
    }
    let mut inputs = Inputs::new();
    for (name, value) in given.object("vars")? {
        let vars = queries.iter().flat_map(|(_, query)| &query.vars);
        let declared: Vec<_> = vars.filter(|var| var.name == name).collect();
        if declared.iter().any(|var| var.secret) {
            let words = format!("`{name}` is no argument");
            return Err(Failure::usage(Code::UnknownVar, words));
        }
        if is_beyond_doubles(&value) {
            let words = format!("`{name}` takes a number beyond 2^53 as text");
            return Err(Failure::usage(Code::Var, words));
        }
        let input = match value {
            Value::Null => continue,
            Value::String(text) => Input::Text(text),
            Value::Number(number) if !declared.is_empty() => Input::Text(number.to_string()),
            Value::Bool(flag) if !declared.is_empty() => Input::Text(flag.to_string()),
            other => Input::Json(other),
        };
        inputs.insert(name, input);
    }
    let missing: Vec<String> = needed
        .into_iter()
        .filter(|name| !inputs.contains_key(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let words = format!("`vars` lacks {}", missing.join(", "));
        let failure = Failure::usage(Code::MissingVar, words);
        return Err(failure.help("describe the queries with `show_query`"));
    }
    let query = over_queries(&statement, queries, &mut inputs)?;
    let plan = server.plan(place, &Arc::new(query), &inputs)?;
    for (data, table) in plan.data.iter().zip(&plan.query.data) {
        if let Some(most) = data.record_limit() {
            place.app.eprintln(&format!(
                "note: `{}` asks for at most {most} records (`limit`): the table may lack some",
                table.name
            ));
        }
    }
    Ok(plan)
}

/// Returns an operation that reads.
fn read_operation(name: &str, server: &Server, place: &CallPlace) -> Option<Tool> {
    let project = &place.project;
    let mut extras = Extra::of(project, &server.args);
    if split_operation(name).is_none() || !extras.any(|extra| extra == Extra::RunOperation) {
        return None;
    }
    let query = project.query_named(name).ok()?;
    let is_operation = query.is_operation();
    is_operation.then(|| operation(project, &query, &server.args).ok())?
}
