//! The tools besides queries: to find and describe queries and operations, to check a file, and to
//! run a statement over queries.

mod checking;
mod description;
mod listing;
mod operations;
mod statement;

use serde_json::{Value, json};

use crate::cli::mcp::answer;
use crate::cli::mcp::input_schema;
use crate::cli::mcp::options::ServeArgs;
use crate::cli::mcp::tool_name::{RUN_OPERATION, of_query, title};
use crate::core::pattern;
use crate::project::Project;

pub use checking::check;
pub use description::{columns, described, show};
pub use listing::list;
pub use operations::{find, named};
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

    /// Returns those that are served. Operations are left out if `--only` chooses queries and does not
    /// name `run_operation`.
    pub fn of(project: &Project, args: &ServeArgs) -> impl Iterator<Item = Self> {
        let mut only = args.only.iter();
        let is_chosen =
            args.only.is_empty() || only.any(|only| pattern::matches(only, RUN_OPERATION));
        let has_operations = is_chosen && project.described_resources().next().is_some();
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
            Self::RunOperation => RUN_OPERATION,
            Self::ShowQuery => "show_query",
            Self::Sql => "sql",
        }
    }

    /// Returns the name of the tool. A query keeps its name.
    pub fn name(self, project: &Project) -> String {
        let mut name = self.own_name().to_owned();
        let queries = project.named();
        let is_taken = |name: &str| {
            let mut queries = queries.iter();
            queries.any(|(query, _)| of_query(query).is_ok_and(|query| query == name))
        };
        while is_taken(&name) {
            name = format!("runner_{name}");
        }
        name
    }

    /// Returns the tool as clients list it.
    pub fn definition(self, project: &Project) -> Value {
        let name = self.name(project);
        let asks_servers = matches!(self, Self::RunOperation | Self::Sql);
        let mut tool = json!({
            "name": name,
            "title": title(&name),
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
                "List the queries that are tools here, with their descriptions; `words` selects those \
                 that contain them."
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
                 `list_queries` or an operation; `vars` are arguments of these queries, and `:name` in \
                 the statement. The table `failures` has the requests that failed."
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
            Self::ListQueries => (
                json!({ "words": text("all must occur: `flaky branch`") }),
                vec![],
            ),
            Self::RunOperation => (
                json!({
                    "operation": text("for example `circleci:getWorkflowById`"),
                    "arguments": {
                        "type": "object",
                        "description": "the arguments by name",
                        "additionalProperties": true,
                    },
                    input_schema::MAX_RECORDS: {
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
                    input_schema::MAX_RECORDS: {
                        "type": "integer", "minimum": 1, "description": "how many records to show",
                    },
                }),
                vec!["select"],
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
