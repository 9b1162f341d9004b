//! Compares two lists of records by a key.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use std::collections::{HashMap, VecDeque};

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};
use serde_json::Value as Json;

use crate::template::records::{Records, names};
use crate::template::value::{is_null, mapping, wrong};

/// The functions of this module.
pub const FUNCTIONS: &[&str] = &["diff"];

/// Registers the functions.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_function("diff", diff);
}

/// `diff(previous, rows, key="test_name")`: `{added, removed, changed, kept, is_first}`.
///
/// `key` is the column, or the columns, that identify a record; `compare` lists the columns whose
/// changes count, all by default. `changed` holds `{before, after}`, `kept` the unchanged records.
/// Records that share a key are paired in order. If the previous list is null, `is_first` is true,
/// and all records are kept.
fn diff(before: &Value, now: &Value, options: Kwargs) -> Result<Value, Error> {
    let key = names(&options, "key")?;
    let compare = names(&options, "compare")?;
    options.assert_all_used()?;
    if key.is_empty() {
        return Err(wrong(
            "`diff` needs the columns that identify records: `key=\"test_name\"`",
        ));
    }
    let now = Entry::list(now, &key, &compare)?;
    let is_first = is_null(before);
    let (mut added, mut changed, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut removed = Vec::new();
    if is_first {
        kept.extend(now.into_iter().map(|entry| entry.record));
    } else {
        let before = Entry::list(before, &key, &compare)?;
        let mut known: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (index, entry) in before.iter().enumerate() {
            known.entry(&entry.key).or_default().push_back(index);
        }
        let mut is_matched = vec![false; before.len()];
        for entry in now {
            let earlier = known
                .get_mut(entry.key.as_str())
                .and_then(VecDeque::pop_front);
            match earlier {
                None => added.push(entry.record),
                Some(index) => {
                    is_matched[index] = true;
                    if before[index].compared == entry.compared {
                        kept.push(entry.record);
                    } else {
                        changed.push(mapping([
                            ("before", before[index].record.clone()),
                            ("after", entry.record),
                        ]));
                    }
                }
            }
        }
        let gone = before.iter().zip(&is_matched).filter(|(_, found)| !**found);
        removed.extend(gone.map(|(entry, _)| entry.record.clone()));
    }
    Ok(mapping([
        ("added", Value::from(added)),
        ("removed", Value::from(removed)),
        ("changed", Value::from(changed)),
        ("kept", Value::from(kept)),
        ("is_first", Value::from(is_first)),
    ]))
}

/// A record with its key and the values to compare.
struct Entry {
    record: Value,
    key: String,
    compared: Vec<(String, Json)>,
}

impl Entry {
    fn list(value: &Value, key: &[String], compare: &[String]) -> Result<Vec<Self>, Error> {
        let records = Records::read("diff", value)?;
        let json =
            |value: &Value| serde_json::to_value(value).map_err(|error| wrong(error.to_string()));
        let column = |name: &String| -> Result<Vec<Json>, Error> {
            records.column(name)?.iter().map(json).collect()
        };
        let keys: Vec<Vec<Json>> = key.iter().map(column).collect::<Result<_, _>>()?;
        // A column that no record has any more is a change too, so this is not checked against the
        // records.
        let mut compared: Vec<String> = compare.to_vec();
        if compared.is_empty() {
            compared = records.keys().to_vec();
            compared.sort();
        }
        let columns: Vec<Vec<Json>> = compared
            .iter()
            .map(|name| column(name).or_else(|_| Ok(vec![Json::Null; records.len()])))
            .collect::<Result<_, Error>>()?;
        Ok(records
            .iter()
            .enumerate()
            .map(|(index, record)| Self {
                record: record.clone(),
                key: keys
                    .iter()
                    .map(|column| column[index].clone())
                    .collect::<Json>()
                    .to_string(),
                // Null and missing are the same.
                compared: compared
                    .iter()
                    .zip(&columns)
                    .filter(|(_, column)| !column[index].is_null())
                    .map(|(name, column)| (name.clone(), column[index].clone()))
                    .collect(),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::testing::{render, render_with};

    fn summary(before: &serde_json::Value, now: &serde_json::Value, options: &str) -> String {
        let source = format!(
            "{{% set d = diff(before, now, {options}) %}}\
             +{{{{ d.added | map(attribute='n') | join(',') }}}} \
             -{{{{ d.removed | map(attribute='n') | join(',') }}}} \
             ~{{% for c in d.changed %}}{{{{ c.before.n }}}}>{{{{ c.after.n }}}},{{% endfor %}} \
             ={{{{ d.kept | map(attribute='n') | join(',') }}}} {{{{ d.is_first }}}}"
        );
        render_with(&source, &json!({"before": before, "now": now}))
    }

    #[test]
    fn records_are_distinguished_by_their_key() {
        let before = json!([{"n": "a", "s": 1}, {"n": "b", "s": 1}, {"n": "c", "s": null}]);
        let now = json!([{"n": "d", "s": 1}, {"n": "b", "s": 2}, {"n": "c"}]);
        assert_eq!(summary(&before, &now, "key='n'"), "+d -a ~b>b, =c false");
        assert_eq!(
            summary(&before, &now, "key=['n', 's']"),
            "+d,b -a,b ~ =c false"
        );
        assert_eq!(
            summary(&before, &now, "key='n', compare='n'"),
            "+d -a ~ =b,c false"
        );
    }

    #[test]
    fn the_first_time_nothing_is_new() {
        let now = json!([{"n": "a"}]);
        assert_eq!(summary(&json!(null), &now, "key='n'"), "+ - ~ =a true");
        assert_eq!(summary(&json!([]), &now, "key='n'"), "+a - ~ = false");
        assert_eq!(summary(&now, &json!([]), "key='n'"), "+ -a ~ = false");
    }

    #[test]
    fn twins_are_paired_in_their_order() {
        let before = json!([{"n": "a", "s": 1}, {"n": "a", "s": 2}]);
        let now = json!([{"n": "a", "s": 1}, {"n": "a", "s": 3}, {"n": "a", "s": 4}]);
        assert_eq!(summary(&before, &now, "key='n'"), "+a - ~a>a, =a false");
    }

    #[test]
    fn wrong_input_is_named() {
        assert!(render("{{ diff([], []) }}").contains("`key=\"test_name\"`"));
        assert_eq!(
            render("{{ diff(none, [{'name': 1}], key='nmae') }}"),
            "error: no record has a column `nmae`; did you mean `name`?"
        );
        assert_eq!(
            render("{{ diff('x', [], key='n') }}"),
            "error: `diff` takes a list of records, got the string `x`"
        );
    }
}
