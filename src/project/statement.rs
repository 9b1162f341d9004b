//! A statement given on the command line, as a query without a file.

use std::path::Path;
use std::sync::Arc;

use crate::core::diagnostic::Diagnostics;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::format::CsvOptions;
use crate::project::Project;
use crate::project::query::{Ask, Bounds, Data, Query, Shape, StatementTable, Var, VarType};
use crate::project::query_file;
use crate::project::table::Table;

/// The tables and parameters of a statement.
#[derive(Default)]
pub struct Grounds {
    /// Queries by table name.
    pub queries: Vec<(String, Arc<Query>)>,
    /// Existing tables.
    pub tables: Vec<Table>,
    /// Tables of the store.
    pub stored: Vec<StatementTable>,
    /// The parameters.
    pub vars: Vec<Parameter>,
}

/// A value for a statement or for a query it depends on.
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The type.
    pub kind: VarType,
    /// True if it is masked in all output.
    pub is_secret: bool,
}

impl Parameter {
    fn var(&self) -> Var {
        Var {
            name: self.name.clone(),
            description: None,
            kind: self.kind,
            default: None,
            required: true,
            choices: None,
            pattern: None,
            bounds: Bounds::default(),
            secret: self.is_secret,
            example: None,
        }
    }
}

impl Project {
    /// Creates a project without files, for statements that need none.
    pub fn without_files(folder: &Path, formats: &[&'static str]) -> Self {
        Self::at(folder.to_path_buf(), folder, formats)
    }
}

/// Creates a query from a statement.
///
/// # Errors
///
/// All faults of the statement.
pub fn query(source: &Arc<SourceFile>, grounds: Grounds) -> Result<Query, Diagnostics> {
    let place = Place {
        file: Arc::clone(source),
        span: Span::new(0, source.text().len()),
    };
    let names: Vec<String> = (grounds.queries.iter())
        .map(|(name, _)| name.clone())
        .collect();
    let data: Vec<Data> = (grounds.queries.into_iter())
        .map(|(name, query)| Data {
            name,
            query,
            vars: Vec::new(),
        })
        .collect();
    let mut faults = Diagnostics::new();
    for fault in data
        .iter()
        .filter_map(|data| query_file::writing_feed(&data.query))
    {
        faults.push(fault);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let vars: Vec<Var> = grounds.vars.iter().map(Parameter::var).collect();
    let text = Text::new(source.text(), &place);
    let ready = query_file::ReadyTables {
        files: grounds.tables,
        stored: grounds.stored,
    };
    let statement = query_file::statement(text, &data, &names, ready, &vars, &mut faults);
    let statement = statement.ok_or(faults)?;
    Ok(Query {
        name: "the statement".to_owned(),
        folder: None,
        description: None,
        source: Arc::clone(source),
        vars,
        require: Vec::new(),
        data,
        ask: Ask::Statement(statement),
        shape: Shape::default(),
        report: None,
        keeping: None,
        mcp: None,
        output: None,
        csv: CsvOptions::default(),
    })
}
