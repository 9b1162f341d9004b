//! The order of a recording: that of the query, never that of time, so that a new recording of the
//! same answers is the same file.

use std::collections::HashMap;

use serde_json::Value;
use url::form_urlencoded;

use crate::core::json::plain;
use crate::core::percent;
use crate::recording::{Content, Recorded};

/// Sorts exchanges by query (those that feed others first), then by the place of their item in the
/// answers to the queries before, then as they were sent: the pages of an item follow each other.
pub fn sort(exchanges: Vec<Recorded>, queries: &[&str]) -> Vec<Recorded> {
    let rank = |recorded: &Recorded| {
        let query = &recorded.of.query;
        let rank = queries.iter().position(|name| name == query);
        rank.unwrap_or(queries.len())
    };
    let mut groups: Vec<Vec<Recorded>> = vec![Vec::new(); queries.len() + 1];
    for recorded in exchanges {
        groups[rank(&recorded)].push(recorded);
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut sorted = Vec::new();
    for mut group in groups {
        let key = |recorded: &Recorded| {
            let item = recorded.of.item.as_deref().unwrap_or_default();
            // An item is described by its name and id: `workflow 41e9b64b`.
            let words = item.split(' ');
            let place = words.filter_map(|word| places.get(word)).min();
            // Several items may have the same description. Numbers may be those of pages.
            let values = values(&recorded.ask.target);
            let values = values.iter().filter_map(|value| places.get(value));
            let values: Vec<usize> = values.copied().collect();
            (
                place.copied().unwrap_or(usize::MAX),
                item.to_owned(),
                values,
            )
        };
        group.sort_by_cached_key(key);
        for recorded in &group {
            if let Content::Json(body) = &recorded.answer.body {
                note(body, &mut places);
            }
        }
        sorted.extend(group);
    }
    sorted
}

/// Returns the segments of a path, and the values of its parameters except numbers.
fn values(target: &str) -> Vec<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments = path.split('/').map(percent::decode);
    let params = form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
    let is_number = |value: &String| value.bytes().all(|byte| byte.is_ascii_digit());
    let params = params.filter(|value| !is_number(value));
    segments.chain(params).collect()
}

/// Notes where each scalar first occurs.
fn note(value: &Value, places: &mut HashMap<String, usize>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| note(item, places)),
        Value::Object(members) => members.values().for_each(|member| note(member, places)),
        Value::String(_) | Value::Number(_) => {
            let next = places.len();
            places.entry(plain(value)).or_insert(next);
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::recording::{Answer, Ask, Origin};

    fn recorded(query: &str, item: Option<&str>, target: &str, body: Value) -> Recorded {
        Recorded {
            ask: Ask {
                method: "GET".to_owned(),
                target: target.to_owned(),
                sent: Content::Empty,
            },
            of: Origin {
                query: query.to_owned(),
                item: item.map(str::to_owned),
            },
            answer: Answer {
                status: 200,
                headers: Vec::new(),
                body: Content::Json(body),
                delay: std::time::Duration::ZERO,
                broken: None,
            },
            place: None,
        }
    }

    #[test]
    fn items_with_the_same_description_do_not_mix() {
        let list = recorded(
            "list",
            None,
            "/1",
            json!([{"login": "bert"}, {"login": "anna"}]),
        );
        let job = |target: &str| recorded("jobs", Some("user 1"), target, json!({}));
        let exchanges = vec![
            list,
            job("/u/anna?page=1"),
            job("/u/bert?page=1"),
            job("/u/anna?page=2"),
            job("/u/bert?page=2"),
        ];
        let sorted = sort(exchanges, &["list", "jobs"]);
        let targets: Vec<&str> = sorted.iter().map(|one| one.ask.target.as_str()).collect();
        assert_eq!(
            targets[1..],
            [
                "/u/bert?page=1",
                "/u/bert?page=2",
                "/u/anna?page=1",
                "/u/anna?page=2"
            ]
        );
    }

    #[test]
    fn time_does_not_matter() {
        let exchanges = vec![
            recorded("jobs", Some("workflow w2"), "/w2/1", json!({})),
            recorded("jobs", Some("workflow w1"), "/w1/1", json!({})),
            recorded("list", None, "/1", json!([{"id": "w1"}])),
            recorded("jobs", Some("workflow w2"), "/w2/2", json!({})),
            recorded("list", None, "/2", json!([{"id": "w2"}])),
            recorded("jobs", Some("workflow w1"), "/w1/2", json!({})),
        ];
        let sorted = sort(exchanges, &["list", "jobs"]);
        let targets: Vec<&str> = sorted.iter().map(|one| one.ask.target.as_str()).collect();
        assert_eq!(targets, ["/1", "/2", "/w1/1", "/w1/2", "/w2/1", "/w2/2"]);
    }
}
