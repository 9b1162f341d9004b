//! The tools as clients list them.

use serde_json::{Value, json};

use crate::cli::mcp::answer;
use crate::cli::mcp::catalog::{Catalog, Effect, Tool};
use crate::cli::mcp::extra::{self, Extra};
use crate::cli::mcp::input_schema;
use crate::cli::mcp::options::ServeArgs;
use crate::cli::mcp::tool_name;
use crate::plan::{Outside, vars_to_give};
use crate::project::Project;

/// Returns the definitions of all tools, sorted by name, for a server that stands somewhere.
pub fn definitions(
    project: &Project,
    catalog: &Catalog,
    args: &ServeArgs,
    outside: &Outside,
) -> Vec<Value> {
    let tools = catalog.tools.iter();
    let tools = tools.map(|tool| definition(tool, project, outside));
    let extras = Extra::of(project, args).map(|extra| extra.definition(project));
    let mut all: Vec<Value> = tools.chain(extras).collect();
    all.sort_by(|left, right| left["name"].as_str().cmp(&right["name"].as_str()));
    all
}

/// Returns the definition of a query's tool.
fn definition(tool: &Tool, project: &Project, outside: &Outside) -> Value {
    let query = &tool.query;
    let annotations = match tool.effect {
        Effect::Reads => json!({ "readOnlyHint": true, "openWorldHint": true }),
        Effect::DeclaredToRead => {
            json!({ "readOnlyHint": false, "destructiveHint": false, "openWorldHint": true })
        }
        Effect::Writes => {
            json!({ "readOnlyHint": false, "destructiveHint": true, "openWorldHint": true })
        }
    };
    let writes = tool.effect == Effect::Writes;
    let mut definition = json!({
        "name": tool.name,
        "title": tool_name::title(&tool.name),
        "description": extra::described(tool, project),
        "inputSchema": input_schema::of_query(query, writes, &vars_to_give(query, outside)),
        "annotations": annotations,
    });
    // A proposal and a document have no records.
    if !writes && query.report.is_none() && query.output != Some("raw") {
        let columns = extra::columns(project, query);
        definition["outputSchema"] = answer::schema(&columns);
    }
    definition
}
