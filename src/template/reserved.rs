//! Names that mean something in every template.

/// What the program puts into the scopes of templates over records: a column of such a name is seen
/// in the result only.
const BESIDE_COLUMNS: [&str; 8] = [
    "env", "git", "now", "omit", "response", "row", "rows", "vars",
];

/// What it puts into those of reports and of statements besides.
const IN_REPORTS: [&str; 4] = ["data", "previous", "query", "run"];

/// Words and functions of the language.
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

/// Returns true for a name that no var can have.
pub fn is_reserved(name: &str) -> bool {
    [&LANGUAGE[..], &BESIDE_COLUMNS, &IN_REPORTS]
        .iter()
        .any(|names| names.contains(&name))
}

/// Returns true for a name that keeps its meaning beside a column that is called so.
pub fn is_beside_columns(name: &str) -> bool {
    BESIDE_COLUMNS.contains(&name)
}
