//! The types of result columns, as far as they follow from the tables and the text of a statement.

use jiff::Timestamp;

use super::statement::Statement;
use super::table::fold;
use super::token::TokenKind;
use super::{Database, SqlError};
use crate::core::column::{ColumnType, RecordColumn, TypeOrigin};

/// Returns the columns of a statement's result, with types of which every value is sure to be: those
/// of columns of the tables, of counts, and of functions that return JSON.
///
/// # Errors
///
/// As [`super::check()`].
pub fn result_schema(
    sql: &str,
    tables: &[(&str, Vec<RecordColumn>)],
) -> Result<Vec<RecordColumn>, SqlError> {
    // The clock only matters for values.
    let database = Database::new(Timestamp::UNIX_EPOCH)?;
    for (name, columns) in tables {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let names = (!names.is_empty()).then_some(names.as_slice());
        database.loader(name, names)?.finish();
    }
    let statement = Statement::read(sql)?;
    let _watch = database.guard.watch();
    let prepared = database.prepare(&statement)?;
    let count = prepared.column_count();
    let is_json = statement.json_columns(count);
    let is_count = statement.count_columns(count);
    let shown = database.result_columns(&prepared, &statement)?;
    // In a UNION, the first SELECT decides on the names, but not on the values.
    let has_several = statement.has_union();
    let known = database.tables.borrow();
    let origins = prepared.columns_with_metadata().map(|column| {
        let (table, name) = column.table_name().zip(column.origin_name())?;
        let table = known.get(&fold(table))?;
        let (_, columns) = tables.iter().find(|(name, _)| *name == table.name)?;
        let place = table.columns.iter().position(|one| one.name == name)?;
        columns.get(place)
    });
    let columns = origins.zip(shown).enumerate();
    let columns = columns.filter(|(_, (_, shown))| shown.is_shown());
    let columns = columns.map(|(index, (origin, shown))| {
        let computed = |column_type, is_nullable| RecordColumn {
            column_type: Some(column_type),
            is_nullable,
            origin: TypeOrigin::Computed,
            ..RecordColumn::unknown(&shown.name)
        };
        match origin {
            _ if has_several => RecordColumn::unknown(&shown.name),
            _ if is_count[index] => computed(ColumnType::Int, false),
            _ if is_json[index] => computed(ColumnType::Json, true),
            // An outer join makes any of them null.
            Some(column) => RecordColumn {
                name: shown.name,
                is_nullable: true,
                ..column.clone()
            },
            None => RecordColumn::unknown(&shown.name),
        }
    });
    Ok(columns.collect())
}

impl Statement<'_> {
    /// Returns, for each of the `count` result columns, true if its expression is a count.
    fn count_columns(&self, count: usize) -> Vec<bool> {
        self.columns_where(count, |expression| {
            let outer = self.outside_parentheses(expression);
            let outer = super::result_list::without_alias(&self.tokens, &outer);
            let is = |at: usize, word: &str| self.tokens.is(outer[at], word);
            let is_call = outer.len() >= 3 && is(1, "(") && is(2, ")");
            is_call && is(0, "count") && (outer.len() == 3 || is(3, "FILTER") || is(3, "OVER"))
        })
    }

    /// Returns true if the values of a result column may come from several SELECTs.
    fn has_union(&self) -> bool {
        let mut words = self.tokens.list.iter();
        words.any(|token| token.kind == TokenKind::Word && self.tokens.is(token, "UNION"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, column_type: ColumnType) -> RecordColumn {
        RecordColumn {
            column_type: Some(column_type),
            origin: TypeOrigin::Declared,
            is_nullable: false,
            ..RecordColumn::unknown(name)
        }
    }

    fn types(sql: &str) -> Vec<String> {
        let jobs = vec![
            column("name", ColumnType::Text),
            column("minutes", ColumnType::Number),
            column("ID", ColumnType::Int),
            column("id", ColumnType::Text),
        ];
        let schema = result_schema(sql, &[("jobs", jobs), ("other", Vec::new())]);
        let schema = schema.unwrap_or_else(|error| panic!("{sql}: {}", error.message));
        let shown = schema.iter().map(|column| {
            let column_type = column.column_type.map_or("-", ColumnType::name);
            let null = if column.is_nullable { "?" } else { "" };
            format!(
                "{} {column_type}{null} {}",
                column.name,
                column.origin.name()
            )
        });
        shown.collect()
    }

    #[test]
    fn a_column_of_a_table_keeps_its_type() {
        assert_eq!(
            types("select name, minutes as m, ID, id_2 from jobs order by 1"),
            [
                "name text? declared",
                "m number? declared",
                "ID int? declared",
                "id_2 text? declared",
            ]
        );
        assert_eq!(
            types("with x as (select * from jobs) select x.minutes from x left join other"),
            ["minutes number? declared"]
        );
    }

    #[test]
    fn counts_and_json_are_known_and_other_expressions_are_not() {
        assert_eq!(
            types(
                "select count(*) as n, count(distinct name) filter (where minutes > 1) m, \
                 json_group_array(name) as names, max(minutes) as longest, name || '' as text, \
                 count(*) + 1 as more from jobs"
            ),
            [
                "n int computed",
                "m int computed",
                "names json? computed",
                "longest -? unknown",
                "text -? unknown",
                "more -? unknown",
            ]
        );
    }

    #[test]
    fn a_union_and_tables_without_columns_have_no_types() {
        assert_eq!(
            types("select name from jobs union all select minutes from jobs"),
            ["name -? unknown"]
        );
        assert_eq!(types("select a from other"), ["a -? unknown"]);
    }
}
