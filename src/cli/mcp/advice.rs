//! Advice for a caller who needs fewer records, or a result in time.

use crate::cli::mcp::input_schema;
use crate::core::name;
use crate::project::Query;
use crate::project::query::{Var, VarType};

/// The maximum number of arguments that are named.
const MOST: usize = 3;

/// Names of vars that make a listing shorter, besides times and choices.
const NARROWING: [&str; 6] = ["branch", "days", "job", "limit", "status", "workflow"];

/// Returns the arguments by which a query gives fewer records: times first.
pub fn narrowing(query: &Query) -> Vec<&str> {
    let is_narrowing = |var: &&Var| {
        // A default from the surroundings, such as the project of the checkout, is rarely changed.
        let default = var.default.as_ref();
        let is_optional = default.is_some_and(|value| input_schema::constant(value).is_some());
        let has_name = NARROWING.iter().any(|name| var.name.contains(name));
        is_optional && (var.kind == VarType::Time || var.choices.is_some() || has_name)
    };
    let mut vars: Vec<&Var> = input_schema::arguments(query)
        .filter(is_narrowing)
        .collect();
    vars.sort_by_key(|var| {
        (
            var.kind != VarType::Time,
            !NARROWING.contains(&var.name.as_str()),
        )
    });
    vars.iter()
        .map(|var| var.name.as_str())
        .take(MOST)
        .collect()
}

/// The advice for an answer.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The way to fewer records: ``narrow with `since` ``.
    narrower: Option<String>,
    /// The way to count records without showing them.
    aggregate: Option<String>,
}

impl Advice {
    /// Returns the advice for a query, where the tool for statements has this name.
    pub fn of(query: &Query, sql_tool: &str) -> Self {
        if query.statement().is_some() && query.source.path().as_os_str().is_empty() {
            let words = "use `where`, `limit` or an aggregate in the statement";
            return Self {
                narrower: Some(words.to_owned()),
                aggregate: None,
            };
        }
        let names = narrowing(query);
        Self {
            narrower: (!names.is_empty()).then(|| format!("narrow with {}", name::one_of(&names))),
            aggregate: Some(format!("aggregate with the tool `{sql_tool}`")),
        }
    }

    /// Returns the advice where not all records are shown.
    pub fn for_records(&self) -> String {
        let parts: Vec<&str> = [&self.narrower, &self.aggregate]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        parts.join(", or ")
    }

    /// Returns the advice where there was no time for more.
    pub fn for_time(&self) -> &str {
        self.narrower
            .as_deref()
            .unwrap_or("narrow what is asked for")
    }
}
