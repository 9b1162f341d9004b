//! The columns of records and their types.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Number, Value};

use crate::core::json::{self, number};
use crate::core::time::parse_written;

/// The type of the values in a column. Null belongs to every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColumnType {
    /// A string.
    Text,
    /// An integer of 64 bits.
    Int,
    /// A number within the range of a double, as written.
    Number,
    /// `true` or `false`.
    Bool,
    /// A moment: RFC 3339 in UTC, with a fraction only if there is one.
    Time,
    /// Any JSON value.
    Json,
}

impl ColumnType {
    /// All types by name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("text", Self::Text),
        ("int", Self::Int),
        ("number", Self::Number),
        ("bool", Self::Bool),
        ("time", Self::Time),
        ("json", Self::Json),
    ];

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Json => "json",
        }
    }

    /// Returns the type of a name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, column_type)| *column_type)
    }

    /// Returns the type that another name for it, from another language or format, means.
    pub fn meant_by(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "string" | "str" | "varchar" | "char" | "uuid" | "url" | "enum" => Some(Self::Text),
            "integer" | "int64" | "int32" | "bigint" | "long" => Some(Self::Int),
            "float" | "double" | "real" | "decimal" | "numeric" => Some(Self::Number),
            "boolean" | "flag" => Some(Self::Bool),
            "date" | "datetime" | "timestamp" | "timestamptz" => Some(Self::Time),
            "any" | "list" | "array" | "object" | "map" | "struct" => Some(Self::Json),
            other => Self::named(other),
        }
    }

    /// Converts a value to this type.
    ///
    /// - Null stays null.
    /// - `text`: a number or a boolean becomes its JSON text, as written (`1.10`).
    /// - `int`: `1.0` and `1e3` become `1` and `1000`.
    /// - `int`, `number`, `bool`: a string that is exactly their JSON text is read (`"42"`, not
    ///   `"042"` or `" 42"`).
    /// - `time`: a time with any offset becomes UTC; `+0000`, a space for the `T` and a missing offset
    ///   (UTC) are accepted, and a date is its midnight.
    ///
    /// # Errors
    ///
    /// The value, if it is of no such form.
    pub fn fit(self, value: Value) -> Result<Value, Value> {
        if value.is_null() {
            return Ok(value);
        }
        match self {
            Self::Json => Ok(value),
            Self::Text => match value {
                Value::String(_) => Ok(value),
                Value::Number(_) | Value::Bool(_) => Ok(Value::from(value.to_string())),
                other => Err(other),
            },
            Self::Bool => match value.as_str() {
                _ if value.is_boolean() => Ok(value),
                Some("true") => Ok(Value::Bool(true)),
                Some("false") => Ok(Value::Bool(false)),
                _ => Err(value),
            },
            Self::Int => match number_of(&value).and_then(|number| integer(&number)) {
                Some(whole) => Ok(Value::from(whole)),
                None => Err(value),
            },
            Self::Number => match number_of(&value).filter(|number| is_finite(number)) {
                Some(Cow::Borrowed(_)) => Ok(value),
                Some(Cow::Owned(number)) => Ok(Value::Number(number)),
                None => Err(value),
            },
            Self::Time => match value.as_str().and_then(parse_written) {
                Some(moment) => Ok(Value::from(moment.to_string())),
                None => Err(value),
            },
        }
    }
}

/// Returns a number, or the one that a string is.
fn number_of(value: &Value) -> Option<Cow<'_, Number>> {
    match value {
        Value::Number(number) => Some(Cow::Borrowed(number)),
        Value::String(text) => number::from_text(text).map(Cow::Owned),
        _ => None,
    }
}

fn integer(number: &Number) -> Option<i64> {
    number
        .as_i64()
        .or_else(|| number::canonical(number).parse().ok())
}

fn is_finite(number: &Number) -> bool {
    number.as_f64().is_some_and(f64::is_finite)
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The source of a column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeOrigin {
    /// The query file: every value has this type, or the run fails.
    Declared,
    /// The expression that yields the values, such as a count.
    Computed,
    /// The description of the API. It may lag behind: values can be of another type.
    Described,
    /// None.
    Unknown,
}

impl TypeOrigin {
    /// Returns the name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Computed => "computed",
            Self::Described => "described",
            Self::Unknown => "unknown",
        }
    }
}

/// A column of a query's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordColumn {
    /// The name.
    pub name: String,
    /// The type of its values, or of the elements of its lists; `None` if it is not known.
    pub column_type: Option<ColumnType>,
    /// True if each value is a list.
    pub is_list: bool,
    /// True if a value may be null, as far as is known. What only a description says does not bind.
    pub is_nullable: bool,
    /// The source of the type.
    pub origin: TypeOrigin,
}

impl RecordColumn {
    /// Creates a column of which only the name is known.
    pub fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            column_type: None,
            is_list: false,
            is_nullable: true,
            origin: TypeOrigin::Unknown,
        }
    }

    /// Returns the type of the column in a table, where lists are JSON.
    pub fn table_type(&self) -> Option<ColumnType> {
        if self.is_list {
            Some(ColumnType::Json)
        } else {
            self.column_type
        }
    }
}

/// Describes a value for a message, such as the string `soon`, or a list.
pub fn shown(value: &Value) -> String {
    /// The maximum number of characters of a value.
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => return json::kind(other).to_owned(),
    };
    let text = crate::core::text::one_line(&text);
    let mut short: String = text.chars().take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    match value {
        Value::String(_) if text.is_empty() => "an empty string".to_owned(),
        Value::String(_) => format!("the string `{short}`"),
        Value::Number(_) => format!("the number {short}"),
        _ => format!("`{short}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Value {
        json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn names_are_read_back() {
        for (name, column_type) in ColumnType::ALL {
            assert_eq!(column_type.name(), name);
            assert_eq!(ColumnType::named(name), Some(column_type));
            assert_eq!(ColumnType::meant_by(name), Some(column_type));
        }
        assert_eq!(ColumnType::named("string"), None);
        assert_eq!(ColumnType::meant_by("Integer"), Some(ColumnType::Int));
        assert_eq!(ColumnType::meant_by("tim"), None);
    }

    #[test]
    fn a_type_takes_what_fits_and_nothing_else() {
        let cases = [
            (ColumnType::Text, r#""1.10""#, Some(r#""1.10""#)),
            (ColumnType::Text, "1.10", Some(r#""1.10""#)),
            (ColumnType::Text, "true", Some(r#""true""#)),
            (ColumnType::Text, "[1]", None),
            (ColumnType::Text, "{}", None),
            (ColumnType::Int, "1", Some("1")),
            (ColumnType::Int, "-0", Some("0")),
            (ColumnType::Int, "1.0", Some("1")),
            (ColumnType::Int, "-12.5e1", Some("-125")),
            (ColumnType::Int, "1e3", Some("1000")),
            (
                ColumnType::Int,
                "9223372036854775807",
                Some("9223372036854775807"),
            ),
            (
                ColumnType::Int,
                "-9223372036854775808",
                Some("-9223372036854775808"),
            ),
            (ColumnType::Int, "9223372036854775808", None),
            (ColumnType::Int, "1e300", None),
            (ColumnType::Int, "1.5", None),
            (ColumnType::Int, r#""42""#, Some("42")),
            (ColumnType::Int, r#""4.0""#, Some("4")),
            (ColumnType::Int, r#""042""#, None),
            (ColumnType::Int, r#"" 42""#, None),
            (ColumnType::Int, r#""""#, None),
            (ColumnType::Int, r#""soon""#, None),
            (ColumnType::Int, "true", None),
            (ColumnType::Int, "[1]", None),
            (ColumnType::Number, "1.50", Some("1.50")),
            (
                ColumnType::Number,
                "12345678901234567890",
                Some("12345678901234567890"),
            ),
            (ColumnType::Number, r#""1.50""#, Some("1.50")),
            (ColumnType::Number, "1e999", None),
            (ColumnType::Number, r#""NaN""#, None),
            (ColumnType::Number, "false", None),
            (ColumnType::Bool, "false", Some("false")),
            (ColumnType::Bool, r#""true""#, Some("true")),
            (ColumnType::Bool, r#""yes""#, None),
            (ColumnType::Bool, "1", None),
            (
                ColumnType::Time,
                r#""2026-11-02T10:00:00.500+02:00""#,
                Some(r#""2026-11-02T08:00:00.5Z""#),
            ),
            (
                ColumnType::Time,
                r#""2026-11-02T10:00:00+0000""#,
                Some(r#""2026-11-02T10:00:00Z""#),
            ),
            (
                ColumnType::Time,
                r#""2026-11-02""#,
                Some(r#""2026-11-02T00:00:00Z""#),
            ),
            (
                ColumnType::Time,
                r#""9999-12-31T23:59:59Z""#,
                Some(r#""9999-12-31T23:59:59Z""#),
            ),
            (ColumnType::Time, r#""7d""#, None),
            (ColumnType::Time, r#""today""#, None),
            (ColumnType::Time, "1762077600", None),
            (ColumnType::Json, r#"{"a":[1]}"#, Some(r#"{"a":[1]}"#)),
        ];
        for (column_type, given, expected) in cases {
            let value = parsed(given);
            let fitted = column_type.fit(value.clone());
            let expected = expected.map(parsed).ok_or(value);
            assert_eq!(fitted, expected, "{column_type}: {given}");
        }
        for (_, column_type) in ColumnType::ALL {
            assert_eq!(column_type.fit(Value::Null), Ok(Value::Null));
        }
    }

    #[test]
    fn a_value_that_fits_stays_the_same_when_fitted_again() {
        for value in ["1.0", "2026-11-02T10:00:00+0200", "12.50", "true"] {
            for (_, column_type) in ColumnType::ALL {
                if let Ok(once) = column_type.fit(json!(value)) {
                    assert_eq!(column_type.fit(once.clone()), Ok(once), "{column_type}");
                }
            }
        }
    }

    #[test]
    fn lists_are_json_in_tables() {
        let column = RecordColumn {
            column_type: Some(ColumnType::Int),
            ..RecordColumn::unknown("a")
        };
        assert_eq!(column.table_type(), Some(ColumnType::Int));
        let list = RecordColumn {
            is_list: true,
            ..column
        };
        assert_eq!(list.table_type(), Some(ColumnType::Json));
    }

    #[test]
    fn values_are_described_shortly() {
        let text = "x".repeat(70);
        for (value, expected) in [
            (json!("soon"), "the string `soon`".to_owned()),
            (json!(""), "an empty string".to_owned()),
            (json!(text), format!("the string `{}…`", "x".repeat(60))),
            (json!(1.5), "the number 1.5".to_owned()),
            (json!(true), "`true`".to_owned()),
            (json!([1]), "a list".to_owned()),
            (json!({}), "an object".to_owned()),
        ] {
            assert_eq!(shown(&value), expected);
        }
    }
}
