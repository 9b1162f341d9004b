//! The `data` and `sql` parts of a query file: results of other queries, and a statement over them.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::query::{Data, Items, Statement, StatementTable, Var};
use crate::project::query_file::for_each::called;
use crate::project::query_file::{Surroundings, files, stored};
use crate::project::table::Table;
use crate::project::template::Names;
use crate::project::var_declaration;
use crate::project::{failures, grammar};
use crate::sql;

/// Reads `data`.
pub fn data(
    node: Option<&Node>,
    vars: &[Var],
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Vec<Data> {
    let Some(node) = node else { return Vec::new() };
    let mut all: Vec<Data> = Vec::new();
    for entry in node.entries("data", faults) {
        if !var_declaration::check_name(entry, faults) {
            continue;
        }
        let mut fields = entry.value.fields_of(&entry.key, grammar::DATA, faults);
        let query = fields.get("query");
        let file = fields.get("file");
        let table = fields.get("store");
        let given = fields.get("vars");
        let times = stored::TIMES.map(|time| fields.entry(time));
        if !matches!(entry.value.content, Content::Map(_)) {
            continue;
        }
        fields.finish(faults);
        if let Some(table) = table {
            let others = [query, file, given];
            let stored = stored::read(&entry.key, table, others, times, names, around, faults);
            if let Some((query, vars)) = stored {
                all.push(Data {
                    name: entry.key.clone(),
                    query,
                    vars,
                });
            }
            continue;
        }
        if let Some(time) = times.into_iter().flatten().next() {
            let words = format!("`{}` is for `store`", time.key);
            faults.push(Diagnostic::at(&time.key_place, Code::Store, words));
        }
        let read = match (query, file) {
            (Some(query), None) => called(query, given, vars, names, around.find, faults),
            (None, Some(file)) => files::read(file, given, faults).map(Items::of_files),
            (Some(_), Some(file)) => {
                let words = format!("`{}` has both `query` and `file`", entry.key);
                faults.push(Diagnostic::at(&file.place, Code::TableFile, words));
                None
            }
            (None, None) => {
                let words = format!("`{}` needs `query`, `file` or `store`", entry.key);
                faults.push(Diagnostic::at(&entry.key_place, Code::MissingKey, words));
                None
            }
        };
        if let Some(Items::Query { query, vars }) = read {
            all.push(Data {
                name: entry.key.clone(),
                query,
                vars,
            });
        }
    }
    all
}

/// Tables of a statement besides those of `data`.
#[derive(Debug, Default)]
pub struct ReadyTables {
    /// Those of files.
    pub files: Vec<Table>,
    /// Those of the store.
    pub stored: Vec<StatementTable>,
}

/// Checks a SELECT over the tables of `data`, all of whose names are in `names`, and over `ready`
/// tables. Its parameters are vars.
pub fn statement(
    text: Text,
    data: &[Data],
    names: &[String],
    ready: ReadyTables,
    vars: &[Var],
    faults: &mut Diagnostics,
) -> Option<Statement> {
    let columns: Vec<Option<Vec<String>>> = names
        .iter()
        .map(|name| data.iter().find(|data| data.name == *name)?.query.columns())
        .collect();
    let mut tables: Vec<(&str, Option<&[String]>)> = names
        .iter()
        .zip(&columns)
        .map(|(name, columns)| (name.as_str(), columns.as_deref()))
        .collect();
    let known = ready.files.iter();
    tables.extend(known.map(|table| (table.name.as_str(), table.columns.as_deref())));
    let stored = ready.stored.iter();
    tables.extend(stored.map(|table| (table.name.as_str(), table.columns.as_deref())));
    let failed = failures::columns(data.iter().flat_map(|data| data.query.with_fed_by()));
    let is_hidden = tables.iter().any(|(name, _)| failures::is_table(name));
    if !names.is_empty() && !is_hidden {
        tables.push((failures::TABLE, Some(&failed)));
    }
    let mentions = match sql::check(&text.value, &tables) {
        Ok(mentions) => mentions,
        Err(error) => {
            let place = match error.range {
                Some(range) => text.locate(range),
                None => text.place.clone(),
            };
            faults.push(Diagnostic::at(&place, Code::Sql, error.message).maybe_help(error.help));
            return None;
        }
    };
    let known: Vec<&str> = vars.iter().map(|var| var.name.as_str()).collect();
    let mut is_good = true;
    for param in &mentions.params {
        if !known.contains(&param.name.as_str()) {
            is_good = false;
            let words = format!("`:{}` is not declared under `vars`", param.name);
            faults.push(
                Diagnostic::at(
                    &text.locate(param.range.clone()),
                    Code::UndeclaredName,
                    words,
                )
                .maybe_help(name::hint(&param.name, known.iter().copied())),
            );
        }
    }
    is_good.then_some(Statement {
        text,
        columns: mentions.columns,
        tables: ready.files,
        stored: ready.stored,
    })
}
