//! The tools as clients list them.

use serde_json::{Value, json};

use crate::cli::mcp::answer;
use crate::cli::mcp::catalog::{Catalog, Effect, Tool};
use crate::cli::mcp::extra::{self, Extra};
use crate::cli::mcp::input_schema;
use crate::cli::mcp::tool_name;
use crate::project::Project;

/// Returns the definitions of all tools, sorted by name.
pub fn definitions(project: &Project, catalog: &Catalog) -> Vec<Value> {
    let tools = catalog.tools.iter().map(|tool| definition(tool, project));
    let extras = Extra::of(project).map(|extra| extra.definition(catalog));
    let mut all: Vec<Value> = tools.chain(extras).collect();
    all.sort_by(|left, right| left["name"].as_str().cmp(&right["name"].as_str()));
    all
}

/// Returns the definition of a query's tool.
fn definition(tool: &Tool, project: &Project) -> Value {
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
        "inputSchema": input_schema::of_query(query, writes),
        "annotations": annotations,
    });
    // A proposal and a document have no records.
    if !writes && query.report.is_none() && query.output != Some("raw") {
        let columns = extra::columns(project, query);
        definition["outputSchema"] = answer::schema(&columns);
    }
    definition
}
