//! A statement given on the command line, as a query without a file.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::diagnostic::Diagnostics;
use crate::core::document::{Content, Node};
use crate::core::source::{Place, SourceFile, Span};
use crate::project::query::{Query, VarType};
use crate::project::settings::Settings;
use crate::project::table::Table;
use crate::project::{Project, query_file, yaml};

/// The inputs of a statement.
#[derive(Default)]
pub struct Grounds {
    /// Queries by table name.
    pub queries: Vec<(String, Arc<Query>)>,
    /// Existing tables.
    pub tables: Vec<Table>,
    /// The parameters.
    pub vars: Vec<Parameter>,
}

/// A value for a statement or for a query it depends on.
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The type.
    pub kind: VarType,
    /// True if the value is masked wherever it is shown.
    pub is_secret: bool,
}

/// The file name of generated places in faults.
const MADE: &str = "--from";

impl Project {
    /// Creates a project without files, for a statement that needs none.
    pub fn without_files(folder: &Path, formats: &[&'static str]) -> Self {
        Self::at(folder.to_path_buf(), folder, formats)
    }

    /// Creates a query from a statement.
    ///
    /// # Errors
    ///
    /// All its faults.
    pub fn statement(
        &self,
        source: &Arc<SourceFile>,
        grounds: &Grounds,
    ) -> Result<Query, Diagnostics> {
        let made = SourceFile::new(MADE, "", made(grounds).to_string());
        let mut faults = Diagnostics::new();
        let around = query_file::Surroundings {
            resources: Vec::new(),
            broken_resources: Vec::new(),
            kinds: &|_| Vec::new(),
            formats: &self.formats,
            find: &|name| {
                let mut all = grounds.queries.iter();
                let found = all.find(|(known, _)| **known == *name.value);
                found
                    .map(|(_, query)| Arc::clone(query))
                    .ok_or_else(Diagnostics::new)
            },
            files: self.files(),
            file_path: &|name| name.unwrap_or("the statement").to_owned(),
            tables: &grounds.tables,
            settings: &Settings::default(),
        };
        let query = yaml::parse(&made, &mut faults).and_then(|mut node| {
            put(&mut node, source);
            query_file::read(&node, &made, "the statement", None, &around, &mut faults)
        });
        query.ok_or_else(|| without_made(faults))
    }
}

/// Generates the query file; its statement is inserted afterwards.
fn made(grounds: &Grounds) -> Value {
    let data: Map<String, Value> = grounds
        .queries
        .iter()
        .map(|(name, _)| (name.clone(), json!({ "query": name })))
        .collect();
    let vars: Map<String, Value> = grounds
        .vars
        .iter()
        .map(|var| {
            let declared = json!({"type": var.kind.name(), "secret": var.is_secret});
            (var.name.clone(), declared)
        })
        .collect();
    json!({"vars": vars, "data": data, "sql": ""})
}

/// Inserts a statement, with its place, into a query file.
fn put(node: &mut Node, source: &Arc<SourceFile>) {
    let Content::Map(entries) = &mut node.content else {
        return;
    };
    for entry in entries.iter_mut().filter(|entry| entry.key == "sql") {
        entry.value = Node {
            place: Place {
                file: Arc::clone(source),
                span: Span::new(0, source.text().len()),
            },
            content: Content::Text(source.text().to_owned()),
        };
    }
}

/// Removes the lines of the generated file from faults.
fn without_made(faults: Diagnostics) -> Diagnostics {
    let mut told = Diagnostics::new();
    for mut fault in faults.into_sorted() {
        fault.place = fault.place.filter(|place| place.file.name() != MADE);
        told.push(fault);
    }
    told
}
