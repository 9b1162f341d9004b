//! Compares the declared types of columns with the description of the API.

use crate::core::code::Code;
use crate::core::column::ColumnType;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::source::Place;
use crate::description::{Schema, TextKind};
use crate::project::query::OnMisfit;
use crate::project::{Project, Query, yaml};

impl Project {
    /// Reports columns whose declared type no described value has, as warnings. A string of any form
    /// may be a number or a time, so only what is sure is reported.
    pub(super) fn check_types(&self, query: &Query, faults: &mut Diagnostics) {
        let columns = &query.shape.extract;
        if columns.iter().all(|column| column.declared.is_none()) {
            return;
        }
        let described = self.column_schemas(query);
        for column in columns {
            let Some(declared) = column.declared else {
                continue;
            };
            let found = described.iter().find(|(name, _)| *name == column.name);
            let Some((_, schema)) = found.filter(|(_, schema)| !may_fit(declared, schema)) else {
                continue;
            };
            let words = format!(
                "the column `{}` is declared `{declared}`, and the API describes {}",
                column.name,
                described_words(schema)
            );
            let place = type_place(query, &column.name).unwrap_or_else(|| column.place.clone());
            let consequence = match column.on_misfit {
                OnMisfit::Fail => "a run fails on such a value",
                OnMisfit::Empty => "such a value becomes null",
            };
            let help = format!("{consequence}: change `type`, or remove it");
            faults.push(
                Diagnostic::at(&place, Code::ApiType, words)
                    .help(help)
                    .warning(),
            );
        }
    }
}

/// Returns the place of `type` in a query file.
fn type_place(query: &Query, column: &str) -> Option<Place> {
    let document = yaml::parse(&query.source, &mut Diagnostics::new())?;
    let written = document.get("extract")?.get(column)?.get("type")?;
    Some(written.place.clone())
}

/// Returns false if no value of a shape, except null, can be of a type.
fn may_fit(declared: ColumnType, schema: &Schema) -> bool {
    let is_number = matches!(declared, ColumnType::Int | ColumnType::Number);
    let is_text = declared == ColumnType::Text;
    let fits = |one: &Schema| match one {
        _ if declared == ColumnType::Json => true,
        // A string of unknown form may be a number or a time.
        Schema::Any
        | Schema::Null
        | Schema::Union(_)
        | Schema::Text(TextKind::Plain | TextKind::Binary) => true,
        Schema::Bool => is_text || declared == ColumnType::Bool,
        Schema::Int | Schema::Number => is_text || is_number,
        Schema::Text(TextKind::Time | TextKind::Date) => is_text || declared == ColumnType::Time,
        Schema::Text(TextKind::Uuid | TextKind::Url) => is_text,
        Schema::Word(word) => declared.fit((&**word).into()).is_ok(),
        Schema::List(_) | Schema::Object(_) => false,
    };
    let mut others = schema.alternatives().iter();
    let is_always_null = *schema == Schema::Null;
    is_always_null || others.any(|one| *one != Schema::Null && fits(one))
}

/// Describes a shape for the message: `a time or a list`.
fn described_words(schema: &Schema) -> String {
    let mut words: Vec<&str> = Vec::new();
    for one in schema.alternatives() {
        let word = match one {
            Schema::Null => continue,
            Schema::Text(TextKind::Time) => "a time",
            Schema::Text(TextKind::Date) => "a date",
            Schema::Text(TextKind::Uuid) => "a UUID",
            Schema::Text(TextKind::Url) => "a URL",
            Schema::Word(_) => "a word",
            other => other.kind(),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::parse_schema;

    #[test]
    fn only_what_surely_does_not_fit_is_reported() {
        let fits = |declared: &str, schema: &str| {
            let declared = ColumnType::named(declared).expect("a type");
            may_fit(declared, &parse_schema(schema).expect("a shape"))
        };
        for (declared, schema) in [
            ("int", "int?"),
            ("int", "number"),
            ("int", "string"),
            ("int", r#""1"|"2""#),
            ("int", "time|int"),
            ("int", "any"),
            ("int", "null"),
            ("number", "int"),
            ("bool", "bool"),
            ("bool", r#""true"|"false""#),
            ("time", "date?"),
            ("time", "string"),
            ("text", "int"),
            ("text", "uuid"),
            ("text", "bool"),
            ("json", "[int]"),
            ("json", "{a:int}"),
        ] {
            assert!(fits(declared, schema), "{declared}: {schema}");
        }
        for (declared, schema) in [
            ("int", "time"),
            ("int", "bool?"),
            ("int", "uuid|url"),
            ("int", r#""ok"|"bad"?"#),
            ("number", "[number]"),
            ("bool", "int"),
            ("time", "int"),
            ("time", "uuid"),
            ("time", r#""ok""#),
            ("text", "[string]"),
            ("text", "{a:int}?"),
        ] {
            assert!(!fits(declared, schema), "{declared}: {schema}");
        }
    }
}
