//! Detects columns whose path matches no record, usually because of a misspelled name.
//!
//! Only a name that an object lacks counts: a null member exists, and nothing is known about what
//! would be below null, in an empty list or behind a filter.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::core::json;
use crate::core::name;
use crate::engine::RunErrorKind;
use crate::plan::Plan;
use crate::project::query::{Column, ColumnSource};

/// The maximum number of members that a message lists.
const MOST_MEMBERS: usize = 12;

/// Missing columns by their index in `extract`, with a description of what the records have
/// instead.
pub type Lacking = BTreeMap<usize, Instead>;

/// A description of a missing column. Descriptions from several pages are ordered, so that the best
/// one wins regardless of page order: one that suggests a similar name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instead {
    is_list: bool,
    words: String,
}

/// The columns missing from all records so far; `None` before the first record.
#[derive(Debug, Default)]
pub struct ColumnsSeen(Option<Lacking>);

impl ColumnsSeen {
    /// Adds a page. A column present in one of its records is no longer missing.
    pub fn add(&mut self, page: Lacking) {
        match &mut self.0 {
            Some(lacking) => lacking.retain(|column, known| match page.get(column) {
                Some(other) => {
                    if other < known {
                        known.clone_from(other);
                    }
                    true
                }
                None => false,
            }),
            None => self.0 = Some(page),
        }
    }

    /// Returns the description of each missing column.
    pub fn into_words(self) -> impl Iterator<Item = String> {
        let lacking = self.0.unwrap_or_default();
        lacking.into_values().map(|instead| instead.words)
    }
}

/// Returns the indexes of columns that could be missing: those with a path and without a default. The
/// columns of an operation are all that its description knows, and many are optional.
pub fn with_path(plan: &Plan) -> Vec<usize> {
    if plan.query.is_operation() {
        return Vec::new();
    }
    let columns = plan.query.shape.extract.iter().enumerate();
    columns
        .filter(|(_, column)| {
            matches!(column.source, ColumnSource::Path { .. })
                && column.default.is_none()
                && !column.required
        })
        .map(|(place, _)| place)
        .collect()
}

/// Returns true if a row lacks a name in a column's path.
pub fn lacks(plan: &Plan, place: usize, row: &Value) -> bool {
    match &plan.query.shape.extract[place].source {
        ColumnSource::Path { selector, .. } => selector.lacking(row).is_some(),
        ColumnSource::Template(_) => false,
    }
}

/// Describes the columns that no row of a page has.
pub fn words(plan: &Plan, places: &[usize], row: &Value) -> Lacking {
    let columns = places.iter().filter_map(|place| {
        let column = &plan.query.shape.extract[*place];
        let mut instead = column_words(column, row)?;
        instead.words = plan.scrubber.text(&instead.words).into_owned();
        Some((*place, instead))
    });
    columns.collect()
}

fn column_words(column: &Column, row: &Value) -> Option<Instead> {
    let ColumnSource::Path { selector, .. } = &column.source else {
        return None;
    };
    let (path, holder) = selector.lacking(row)?;
    let name = path.last()?;
    let before = &path[..path.len() - 1];
    let near = match holder {
        Value::Object(members) => name::nearest(name, members.keys().map(String::as_str)),
        _ => None,
    };
    let instead = match holder {
        Value::Object(_) => {
            let whole = |member: &str| [before, &[member]].concat().join(".");
            match near {
                Some(near) => format!("they have `{}`", whole(near)),
                None if before.is_empty() => format!("they have {}", listed(holder)),
                None => format!("`{}` has {}", before.join("."), listed(holder)),
            }
        }
        other if before.is_empty() => format!("each is {}", json::kind(other)),
        other => format!("`{}` is {}", before.join("."), json::kind(other)),
    };
    let path = path.join(".");
    Some(Instead {
        is_list: near.is_none(),
        words: format!(
            "column `{}`: no record has `{path}`; {instead}",
            column.name
        ),
    })
}

/// Lists the first members of an object.
fn listed(value: &Value) -> String {
    let Value::Object(members) = value else {
        return json::kind(value).to_owned();
    };
    let known: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .take(MOST_MEMBERS)
        .collect();
    match members.len() {
        0 => "no members".to_owned(),
        all => {
            let more = if all > MOST_MEMBERS { ", …" } else { "" };
            format!("{}{more}", name::one_of(&known).replace(" or ", " and "))
        }
    }
}

/// Refuses a response that is a single record and has none of the columns: it is probably the wrong
/// response.
pub fn check_found(plan: &Plan, lacking: &Lacking, body: &Value) -> Result<(), RunErrorKind> {
    let columns = &plan.query.shape.extract;
    let Some(first) = columns.first().filter(|_| lacking.len() >= columns.len()) else {
        return Ok(());
    };
    let got = match body {
        Value::Object(_) => format!("it has {}", listed(body)),
        other => format!("it is {}", json::kind(other)),
    };
    let words = format!("the response has none of the columns; {got}");
    let words = plan.scrubber.text(&words).into_owned();
    Err(RunErrorKind::Missing(words, first.place.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(is_list: bool, words: &str) -> Lacking {
        let words = words.to_owned();
        Lacking::from([(0, Instead { is_list, words })])
    }

    #[test]
    fn the_nearest_member_is_named_whichever_page_came_first() {
        let pages = [
            page(true, "they have `id`"),
            page(false, "they have `state`"),
        ];
        let orders = [[&pages[0], &pages[1]], [&pages[1], &pages[0]]];
        for order in orders {
            let mut seen = ColumnsSeen::default();
            for page in order {
                seen.add(page.clone());
            }
            let words: Vec<String> = seen.into_words().collect();
            assert_eq!(words, ["they have `state`"]);
        }
    }
}
