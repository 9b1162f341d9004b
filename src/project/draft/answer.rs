//! Rows and columns of an answer, for a query file that is written after a first look.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::core::name;
use crate::template::reserved;

/// Members that usually hold the records of a listing.
const LISTS: [&str; 9] = [
    "items", "data", "results", "values", "records", "rows", "entries", "elements", "nodes",
];

/// The maximum number of columns.
const MOST_COLUMNS: usize = 20;

/// The maximum number of records that are looked at.
const MOST_RECORDS: usize = 100;

/// Returns the JSONPath of the records in an answer that is a list: the answer itself, a member with
/// a usual name, or the only list beside counts and places in the listing.
pub fn rows_of(answer: &Value) -> Option<String> {
    let members = match answer {
        Value::Array(_) => return Some("$[*]".to_owned()),
        Value::Object(members) => members,
        _ => return None,
    };
    let is_list = |name: &&str| members.get(*name).is_some_and(Value::is_array);
    if let Some(name) = LISTS.iter().copied().find(is_list) {
        return Some(format!("$.{name}[*]"));
    }
    let mut lists = members.iter().filter(|(_, value)| value.is_array());
    let (name, list) = lists.next()?;
    let is_of_records = list
        .as_array()
        .is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object));
    let is_alone = lists.next().is_none()
        && members
            .iter()
            .all(|(other, value)| other == name || is_about_list(other, value));
    (is_of_records && is_alone).then(|| format!("${}[*]", step(name)))
}

/// Returns true for a member that describes a listing, not a record.
fn is_about_list(name: &str, value: &Value) -> bool {
    const ABOUT: [&str; 9] = [
        "next",
        "prev",
        "page",
        "paging",
        "pagination",
        "links",
        "_links",
        "meta",
        "cursor",
    ];
    let lower = name.to_lowercase();
    value.is_null()
        || value.is_number()
        || value.is_boolean()
        || ABOUT.iter().any(|word| lower.contains(word))
}

/// Returns the records of an answer at the path of [`rows_of`], or the answer itself.
pub fn records_of(answer: &Value) -> Vec<&Value> {
    let Some(path) = rows_of(answer) else {
        return vec![answer];
    };
    let list = match answer {
        Value::Array(items) => Some(items),
        Value::Object(members) => members
            .iter()
            .find(|(name, _)| format!("${}[*]", step(name)) == path)
            .and_then(|(_, list)| list.as_array()),
        _ => None,
    };
    list.map_or_else(Vec::new, |items| items.iter().collect())
}

/// Returns columns for records: their scalar members, and those one level below, in the order of the
/// answer. A member that some record lacks has a default.
pub fn columns_of(records: &[&Value]) -> Vec<(String, Value)> {
    let records: Vec<&Map<String, Value>> = records
        .iter()
        .take(MOST_RECORDS)
        .filter_map(|record| record.as_object())
        .collect();
    let mut names = BTreeSet::new();
    let mut columns = Vec::new();
    for path in paths(&records) {
        let values: Vec<Option<&Value>> = records.iter().map(|record| at(record, &path)).collect();
        let is_scalar = |value: &&Value| !value.is_object() && !value.is_array();
        if !values.iter().flatten().all(is_scalar) {
            continue;
        }
        let name = column_name(&path);
        if !names.insert(name.clone()) {
            continue;
        }
        let selector = path.iter().map(|name| step(name)).collect::<String>();
        let selector = format!("${selector}");
        let is_always_there = values
            .iter()
            .all(|value| value.is_some_and(|value| !value.is_null()));
        let source = if is_always_there {
            Value::from(selector)
        } else {
            json!({ "path": selector, "default": null })
        };
        columns.push((name, source));
        if columns.len() == MOST_COLUMNS {
            break;
        }
    }
    columns
}

/// Returns the paths of members and of those one level below, each once.
fn paths<'r>(records: &[&'r Map<String, Value>]) -> Vec<Vec<&'r str>> {
    let mut paths: Vec<Vec<&str>> = Vec::new();
    let mut known = BTreeSet::new();
    let mut add = |path: Vec<&'r str>| {
        if known.insert(path.clone()) {
            paths.push(path);
        }
    };
    for record in records {
        for (name, value) in *record {
            match value {
                Value::Object(inner) => {
                    for member in inner.keys() {
                        add(vec![name.as_str(), member.as_str()]);
                    }
                }
                _ => add(vec![name.as_str()]),
            }
        }
    }
    paths
}

fn at<'v>(record: &'v Map<String, Value>, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    let value = record.get(*first)?;
    rest.iter().try_fold(value, |value, name| value.get(name))
}

/// Returns a step of a JSONPath.
fn step(member: &str) -> String {
    if name::is_identifier(member) {
        return format!(".{member}");
    }
    let escaped = member.replace('\\', "\\\\").replace('\'', "\\'");
    format!("['{escaped}']")
}

/// Returns a column's name that templates can use.
fn column_name(path: &[&str]) -> String {
    let plain: String = path
        .join("_")
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => character,
            _ => '_',
        })
        .collect();
    let begins = plain.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if begins && !reserved::is_reserved(&plain) {
        plain
    } else {
        format!("_{plain}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_found_where_an_api_has_it() {
        for (answer, path) in [
            (json!([1]), Some("$[*]")),
            (
                json!({ "items": [], "next_page_token": null }),
                Some("$.items[*]"),
            ),
            (json!({ "data": [{}], "meta": {} }), Some("$.data[*]")),
            (
                json!({ "flaky_tests": [{ "a": 1 }], "total_flaky_tests": 1 }),
                Some("$.flaky_tests[*]"),
            ),
            (
                json!({ "my-list": [{}], "links": {} }),
                Some("$['my-list'][*]"),
            ),
            // A record with a list is a record.
            (json!({ "id": "1", "jobs": [{}] }), None),
            (json!({ "data": { "id": 1 } }), None),
            (json!({ "a": [{}], "b": [{}] }), None),
            (json!({ "tags": ["x"] }), None),
            (json!("text"), None),
        ] {
            assert_eq!(rows_of(&answer).as_deref(), path, "{answer}");
        }
        let answer = json!({ "my-list": [{ "a": 1 }] });
        assert_eq!(records_of(&answer), [&json!({ "a": 1 })]);
    }

    #[test]
    fn columns_are_the_scalars_of_records_and_of_their_objects() {
        let rows = [
            json!({ "id": 1, "vcs": { "branch": "main", "commit": { "a": 1 } }, "tags": ["x"], "at": null }),
            json!({ "id": 2, "vcs": { "tag": "v1" }, "row": true, "my-key": 1, "at": null }),
        ];
        let columns = columns_of(&rows.iter().collect::<Vec<_>>());
        let absent = |path: &str| json!({ "path": path, "default": null });
        let expected: Vec<(String, Value)> = [
            ("id", json!("$.id")),
            ("vcs_branch", absent("$.vcs.branch")),
            ("at", absent("$.at")),
            ("vcs_tag", absent("$.vcs.tag")),
            ("_row", absent("$.row")),
            ("my_key", absent("$['my-key']")),
        ]
        .map(|(name, source)| (name.to_owned(), source))
        .to_vec();
        assert_eq!(columns, expected);
        assert_eq!(columns_of(&[&json!("text")]), []);
        let wide: Map<String, Value> = (0..50).map(|n| (format!("c{n}"), n.into())).collect();
        assert_eq!(columns_of(&[&Value::Object(wide)]).len(), MOST_COLUMNS);
    }
}
