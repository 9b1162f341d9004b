//! Reserved names.

/// Names in the scope of templates over records: a column with such a name is only visible in the
/// result.
const BESIDE_COLUMNS: [&str; 8] = [
    "env", "git", "now", "omit", "response", "row", "rows", "vars",
];

/// Additional names in the scope of reports and statements.
const IN_REPORTS: [&str; 4] = ["data", "previous", "query", "run"];

/// Keywords and functions of the language.
const LANGUAGE: [&str; 17] = [
    "False",
    "None",
    "True",
    "and",
    "dict",
    "else",
    "false",
    "if",
    "in",
    "is",
    "loop",
    "namespace",
    "none",
    "not",
    "or",
    "range",
    "true",
];

/// Returns true if no var can have the name.
pub fn is_reserved(name: &str) -> bool {
    [&LANGUAGE[..], &BESIDE_COLUMNS, &IN_REPORTS]
        .iter()
        .any(|names| names.contains(&name))
}

/// Returns true if the name keeps its meaning beside a column of the same name.
pub fn is_beside_columns(name: &str) -> bool {
    BESIDE_COLUMNS.contains(&name)
}
