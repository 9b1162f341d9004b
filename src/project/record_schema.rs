//! The columns of a query's records and their types: as declared in its file, computed, or described
//! by the API.

use std::collections::{BTreeMap, HashMap};

use crate::core::column::{ColumnType, RecordColumn, TypeOrigin};
use crate::description::{Schema, TextKind};
use crate::project::query::{Column, ColumnSource, Statement, Take};
use crate::project::{Project, Query, failures};
use crate::sql;

/// The columns of queries, by their address.
type Known = HashMap<*const Query, Vec<RecordColumn>>;

impl Project {
    /// Returns the columns of a query's records in their order, as far as they are known before a
    /// run; none if nothing is known, and for a query without records.
    ///
    /// Without `extract`, the columns of a request are the members that the API's description lists.
    pub fn record_schema(&self, query: &Query) -> Vec<RecordColumn> {
        self.schema_within(query, &mut Known::new())
    }

    fn schema_within(&self, query: &Query, known: &mut Known) -> Vec<RecordColumn> {
        if !query.shape.extract.is_empty() {
            let described: BTreeMap<String, Schema> =
                self.column_schemas(query).into_iter().collect();
            let columns = query.shape.extract.iter();
            let columns = columns.map(|column| of_column(column, described.get(&column.name)));
            return columns.collect();
        }
        if query.call().is_some() {
            let described = self.column_schemas(query).into_iter();
            let columns = described.map(|(name, schema)| of_member(name, &schema));
            return columns.collect();
        }
        let names = query.columns().unwrap_or_default();
        let typed = match query.statement().filter(|_| !names.is_empty()) {
            Some(statement) => self.of_statement(query, statement, known),
            None => Vec::new(),
        };
        names.iter().map(|name| known_as(&typed, name)).collect()
    }

    /// Returns the columns of a statement's result.
    fn of_statement(
        &self,
        query: &Query,
        statement: &Statement,
        known: &mut Known,
    ) -> Vec<RecordColumn> {
        let unknown = |names: &[String]| -> Vec<RecordColumn> {
            names
                .iter()
                .map(|name| RecordColumn::unknown(name))
                .collect()
        };
        let mut tables: Vec<(&str, Vec<RecordColumn>)> = Vec::new();
        for data in &query.data {
            // Several ways may lead to a query.
            let key = std::ptr::from_ref(&*data.query);
            let schema = match known.get(&key) {
                Some(schema) => schema.clone(),
                None => self.schema_within(&data.query, known),
            };
            // A table has only the columns that the query names.
            let names = data.query.columns().unwrap_or_default();
            let columns = names.iter().map(|name| known_as(&schema, name));
            tables.push((&data.name, columns.collect()));
            known.insert(key, schema);
        }
        let given = statement.tables.iter();
        tables.extend(given.map(|table| {
            let names = table.columns.as_deref().unwrap_or_default();
            (table.name.as_str(), unknown(names))
        }));
        if !tables.iter().any(|(name, _)| failures::is_table(name)) {
            let columns = failures::columns(query.with_fed_by());
            tables.push((failures::TABLE, unknown(&columns)));
        }
        // The statement was checked when the query was read.
        sql::result_schema(&statement.text.value, &tables).unwrap_or_default()
    }
}

/// Returns the column of a name.
fn known_as(schema: &[RecordColumn], name: &str) -> RecordColumn {
    let known = schema.iter().find(|column| column.name == name);
    known
        .cloned()
        .unwrap_or_else(|| RecordColumn::unknown(name))
}

/// Returns a column of `extract`.
fn of_column(column: &Column, described: Option<&Schema>) -> RecordColumn {
    let has_value = column.required
        || column
            .default
            .as_ref()
            .is_some_and(|value| !value.is_null());
    let take = match &column.source {
        ColumnSource::Path { take, .. } => Some(*take),
        ColumnSource::Template(_) => None,
    };
    let (found, origin) = match (column.declared, described) {
        (Some(declared), _) => (Some(declared), TypeOrigin::Declared),
        (None, _) if take == Some(Take::Count) => (Some(ColumnType::Int), TypeOrigin::Computed),
        (None, Some(schema)) => of_schema(schema),
        (None, None) => (None, TypeOrigin::Unknown),
    };
    let is_always_there = match take {
        Some(Take::Count) => true,
        // A list without elements is missing only if the file has a default for it.
        Some(Take::All) => column.default.is_none(),
        // Null is of every declared type.
        _ => column.declared.is_none() && described.is_some_and(|schema| !schema.takes_null()),
    };
    RecordColumn {
        name: column.name.clone(),
        column_type: found,
        is_list: column.is_list(),
        is_nullable: !(has_value || is_always_there),
        origin,
    }
}

/// Returns a member of a described record.
fn of_member(name: String, schema: &Schema) -> RecordColumn {
    let (column_type, origin) = of_schema(schema);
    RecordColumn {
        name,
        column_type,
        is_list: false,
        is_nullable: schema.takes_null(),
        origin,
    }
}

/// Returns the type that all values of a shape have, if there is one.
fn described_type(schema: &Schema) -> Option<ColumnType> {
    let mut found: Option<ColumnType> = None;
    for one in schema.alternatives() {
        let next = match one {
            Schema::Any => return None,
            Schema::Null => continue,
            Schema::Bool => ColumnType::Bool,
            Schema::Int => ColumnType::Int,
            Schema::Number => ColumnType::Number,
            Schema::Text(TextKind::Time) => ColumnType::Time,
            Schema::Text(_) | Schema::Word(_) => ColumnType::Text,
            Schema::List(_) | Schema::Object(_) | Schema::Union(_) => ColumnType::Json,
        };
        found = Some(match (found, next) {
            (None, next) => next,
            (Some(found), next) if found == next => found,
            (Some(ColumnType::Int | ColumnType::Number), ColumnType::Int | ColumnType::Number) => {
                ColumnType::Number
            }
            (Some(ColumnType::Text | ColumnType::Time), ColumnType::Text | ColumnType::Time) => {
                ColumnType::Text
            }
            _ => ColumnType::Json,
        });
    }
    found
}

fn of_schema(schema: &Schema) -> (Option<ColumnType>, TypeOrigin) {
    match described_type(schema) {
        None => (None, TypeOrigin::Unknown),
        found => (found, TypeOrigin::Described),
    }
}
