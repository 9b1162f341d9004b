//! Runs a statement and returns its rows as JSON objects.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::Value;

use super::attach::ATTACHED;
use super::statement::Statement;
use super::value::{self, Holds, Row};
use super::{Database, Params, SqlError, explain};
use crate::core::secret::MASK;

/// A column of a result.
#[derive(Debug)]
pub(super) struct ResultColumn {
    pub name: String,
    pub holds: Holds,
    /// True for the filler of a table without columns.
    is_hidden: bool,
}

impl Database {
    /// Runs one read and passes each row to `row`, until that breaks. A row is an object with the
    /// result columns as keys, in order.
    ///
    /// Booleans in `params` are bound as 0 and 1, lists and objects as JSON text, secrets as `***`.
    /// Parameters that the statement does not name are ignored.
    ///
    /// # Errors
    ///
    /// If the statement is not one read (see [`crate::sql`]), names something that does not exist or a
    /// parameter without a value, or has two result columns of one name; later, if a function or
    /// JSON cannot take a value, or if it was stopped. Rows already passed on are not withdrawn.
    pub fn select<B>(
        &self,
        sql: &str,
        params: &Params,
        mut row: impl FnMut(Row) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, SqlError> {
        let statement = Statement::read(sql)?;
        let _watch = self.guard.watch();
        let mut prepared = self.prepare(&statement)?;
        let columns = self.result_columns(&prepared, &statement)?;
        let is_secret = statement.columns_that_mention(&params.secrets, columns.len());
        params.bind(&mut prepared, &statement)?;
        let mut rows = prepared.raw_query();
        while let Some(found) = rows.next().map_err(|error| explain::own(&error))? {
            let mut object = Row::with_capacity(columns.len());
            for (index, column) in columns.iter().enumerate() {
                if !column.is_hidden {
                    let value = found.get_ref(index).map_err(|error| explain::own(&error))?;
                    let value = match value::to_json(value, column.holds, &column.name)? {
                        Value::Null => Value::Null,
                        _ if is_secret[index] => Value::from(MASK),
                        value => value,
                    };
                    object.insert(column.name.clone(), value);
                }
            }
            if let ControlFlow::Break(reason) = row(object) {
                return Ok(ControlFlow::Break(reason));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the columns of a result, with the conversion of their values.
    pub(super) fn result_columns(
        &self,
        prepared: &rusqlite::Statement<'_>,
        statement: &Statement<'_>,
    ) -> Result<Vec<ResultColumn>, SqlError> {
        let (tables, attached) = (self.tables.borrow(), self.attached.borrow());
        let is_json = statement.json_columns(prepared.column_count());
        let columns: Vec<ResultColumn> = prepared
            .columns_with_metadata()
            .zip(is_json)
            .map(|(column, is_json)| {
                let origin = column.table_name().zip(column.origin_name());
                let is_attached = column.database_name() == Some(ATTACHED);
                let tables = if is_attached { &attached } else { &tables };
                let table = origin.and_then(|(table, _)| tables.get(&super::table::fold(table)));
                let known = table
                    .zip(origin)
                    .and_then(|(table, (_, name))| table.column(name));
                let is_filler =
                    |table: &super::Table, name: &str| table.has_filler && table.filler() == name;
                ResultColumn {
                    name: column.name().to_owned(),
                    holds: match known {
                        _ if is_json => Holds::Json,
                        Some(known) => known.holds(),
                        None => Holds::Plain,
                    },
                    is_hidden: table
                        .zip(origin)
                        .is_some_and(|(table, (_, name))| is_filler(table, name)),
                }
            })
            .collect();
        let mut seen = HashMap::new();
        for (index, column) in columns.iter().filter(|one| !one.is_hidden).enumerate() {
            if let Some(first) = seen.insert(column.name.as_str(), index + 1) {
                let message = format!(
                    "the result has two columns `{}`, the {first}. and the {}.",
                    column.name,
                    index + 1
                );
                return Err(SqlError::statement(message, None)
                    .help("give one of them another name with `AS`"));
            }
        }
        Ok(columns)
    }
}

impl ResultColumn {
    /// Returns true if the column appears in rows.
    pub(super) fn is_shown(&self) -> bool {
        !self.is_hidden
    }
}
