//! The tools besides queries: to find and describe queries and operations, to check a file, and to
//! run a statement over queries.

mod checking;
mod description;
mod listing;
mod operations;
mod statement;

use serde_json::{Value, json};

use crate::cli::mcp::answer;
use crate::cli::mcp::catalog::Catalog;
use crate::project::Project;

pub use checking::check;
pub use description::{columns, described, show};
pub use listing::list;
pub use operations::find;
pub use statement::sql;

/// A tool besides queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// Checks the text of a file.
    Check,
    /// Finds operations of APIs.
    FindOperation,
    /// Lists the queries that are tools.
    ListQueries,
    /// Runs an operation.
    RunOperation,
    /// Describes a query or an operation.
    ShowQuery,
    /// Runs a statement over queries.
    Sql,
}

impl Extra {
    const ALL: [Self; 6] = [
        Self::Check,
        Self::FindOperation,
        Self::ListQueries,
        Self::RunOperation,
        Self::ShowQuery,
        Self::Sql,
    ];

    /// Returns those that a project has.
    pub fn of(project: &Project) -> impl Iterator<Item = Self> {
        let has_operations = project.described_resources().next().is_some();
        let is_of_use = move |extra: &Self| match extra {
            Self::FindOperation | Self::RunOperation => has_operations,
            Self::Check | Self::ListQueries | Self::ShowQuery | Self::Sql => true,
        };
        Self::ALL.into_iter().filter(is_of_use)
    }

    fn own_name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::FindOperation => "find_operation",
            Self::ListQueries => "list_queries",
            Self::RunOperation => "run_operation",
            Self::ShowQuery => "show_query",
            Self::Sql => "sql",
        }
    }

    /// Returns the name of the tool. A query keeps its name.
    pub fn name(self, catalog: &Catalog) -> String {
        let name = self.own_name();
        if catalog.tools.iter().any(|tool| tool.name == name) {
            format!("runner_{name}")
        } else {
            name.to_owned()
        }
    }

    /// Returns the tool as clients list it.
    pub fn definition(self, catalog: &Catalog) -> Value {
        let name = self.name(catalog);
        let asks_servers = matches!(self, Self::RunOperation | Self::Sql);
        let mut tool = json!({
            "name": name,
            "title": super::tool_name::title(&name),
            "description": self.description(),
            "inputSchema": self.input_schema(),
            "annotations": { "readOnlyHint": true, "openWorldHint": asks_servers },
        });
        if self.has_records() {
            tool["outputSchema"] = answer::schema(&[]);
        }
        tool
    }

    /// Returns true if its answers are records.
    fn has_records(self) -> bool {
        match self {
            Self::FindOperation | Self::ListQueries | Self::RunOperation | Self::Sql => true,
            Self::Check | Self::ShowQuery => false,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Check => {
                "Check the text of a query or resource file, as you would write it, without sending \
                 anything. Returns its faults with their places, or that there are none."
            }
            Self::FindOperation => {
                "Find operations of the described APIs (such as CircleCI's) that read, by words of \
                 their id, path, group or summary. Run one with `run_operation`."
            }
            Self::ListQueries => {
                "List the queries that are tools here, with their descriptions; `word` selects those \
                 that contain it."
            }
            Self::RunOperation => {
                "Run an operation that reads, by its name from `find_operation`. Its arguments are \
                 described by `show_query`."
            }
            Self::ShowQuery => {
                "Describe a query or an operation: its arguments, its request and the columns of its \
                 records."
            }
            Self::Sql => {
                "Run one SELECT (SQLite) over the results of queries: for counts, averages and joins \
                 over more records than an answer shows. Each table of `from` is a query of \
                 `list_queries`; `vars` are arguments of these queries, and `:name` in the statement."
            }
        }
    }

    fn input_schema(self) -> Value {
        let text = |words: &str| json!({ "type": "string", "description": words });
        let (properties, required) = match self {
            Self::Check => (
                json!({
                    "yaml": text("the text of the file"),
                    "kind": {
                        "type": "string",
                        "enum": ["query", "resource"],
                        "default": "query",
                        "description": "the kind of file",
                    },
                    "name": text("the name of the file, such as `slow-jobs.yaml`"),
                }),
                vec!["yaml"],
            ),
            Self::FindOperation => (
                json!({ "words": text("all must occur: `deploy component`") }),
                vec!["words"],
            ),
            Self::ListQueries => (json!({ "word": text("optional") }), vec![]),
            Self::RunOperation => (
                json!({
                    "operation": text("for example `circleci:getWorkflowById`"),
                    "arguments": {
                        "type": "object",
                        "description": "the arguments by name",
                        "additionalProperties": true,
                    },
                    "max_records": {
                        "type": "integer", "minimum": 1, "description": "how many records to show",
                    },
                }),
                vec!["operation"],
            ),
            Self::ShowQuery => (
                json!({ "name": text("of a query, a tool or an operation") }),
                vec!["name"],
            ),
            Self::Sql => (
                json!({
                    "select": text("one SELECT statement"),
                    "from": {
                        "type": "object",
                        "description": "table name → query, for example {\"jobs\": \"project-jobs\"}",
                        "additionalProperties": { "type": "string" },
                    },
                    "vars": {
                        "type": "object",
                        "description": "values by name",
                        "additionalProperties": true,
                    },
                    "max_records": {
                        "type": "integer", "minimum": 1, "description": "how many records to show",
                    },
                }),
                vec!["select", "from"],
            ),
        };
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema["additionalProperties"] = json!(false);
        schema
    }

    /// Returns the names of its arguments.
    pub fn arguments(self) -> Vec<String> {
        let schema = self.input_schema();
        let properties = schema["properties"].as_object();
        properties.map_or_else(Vec::new, |members| members.keys().cloned().collect())
    }
}
