//! Changes of answers, and what queries read of them.

use serde_json::{Value, json};

use super::compare::{Recorded, compare};
use super::shape::Shape;
use crate::core::source::{Place, SourceFile, Span};
use crate::project::readings::{ComparedWord, Reading};
use crate::template::selector::Selector;

/// A reading of a path, whose place is its text. `required:` marks a required column, and words in
/// brackets are compared with: `$.status [failed]`.
fn reading(text: &str) -> Reading {
    let (text, is_required) = match text.strip_prefix("required:") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (path, words) = text.split_once(" [").unwrap_or((text, ""));
    let path = Selector::parse(path)
        .expect("a path")
        .reads()
        .pop()
        .expect("a path");
    let place = Place {
        file: SourceFile::new(text, "q.yaml", text),
        span: Span::new(0, text.len()),
    };
    Reading {
        base: 0,
        place: place.clone(),
        text: None,
        path,
        is_required,
        is_of_pages: false,
        words: words
            .trim_end_matches(']')
            .split(',')
            .map(|word| ComparedWord {
                word: word.to_owned(),
                place: place.clone(),
            })
            .collect(),
    }
}

fn shape(document: &Value) -> Shape {
    let mut shape = Shape::default();
    shape.add(document, &[]);
    shape
}

/// The findings: `error` or `note`, the message, and what reads it.
fn changes(before: &Value, now: &Value, reads: &[&str]) -> Vec<String> {
    let recorded = Recorded {
        asked: shape(before),
        all: shape(before),
    };
    let readings: Vec<Reading> = reads.iter().map(|text| reading(text)).collect();
    let findings = compare(&recorded, &shape(now), &readings);
    let lines = findings.into_iter().map(|finding| {
        let level = if finding.is_failure { "error" } else { "note" };
        let place = finding
            .place
            .map(|place| format!(" <- {}", place.file.text()));
        format!("{level}: {}{}", finding.message, place.unwrap_or_default())
    });
    lines.collect()
}

#[test]
fn only_what_is_read_fails() {
    let before = json!({"items": [{"id": 1, "duration": 7}, {"id": 2, "duration": 9}]});
    for (now, reads, expected) in [
        (
            json!({"items": [{"id": 1, "duration": "7s"}]}),
            vec!["$.items[*].duration", "$.items[*].id"],
            vec![
                "error: `$.items[*].duration` is now a string, was an integer <- $.items[*].duration",
            ],
        ),
        (
            json!({"items": [{"id": 1, "duration": "7s"}]}),
            vec!["$.items[*].id"],
            vec!["note: `$.items[*].duration` is now a string, was an integer; no query reads it"],
        ),
        (
            json!({"items": [{"id": 1, "duration": "7s"}, {"id": 2, "duration": 3}]}),
            vec!["$.items[*].duration"],
            vec![
                "error: `$.items[*].duration` is now sometimes a string, was an integer <- $.items[*].duration",
            ],
        ),
        (
            json!({"items": [{"id": 1, "duration": 7.5}]}),
            vec!["$.items[*].duration"],
            vec![
                "note: `$.items[*].duration` is now a number, was an integer <- $.items[*].duration",
            ],
        ),
        (
            json!({"items": [{"id": 1}, {"id": 2}]}),
            vec!["$.items[*].duration"],
            vec!["error: `$.items[*].duration` is gone <- $.items[*].duration"],
        ),
        (
            json!({"jobs": []}),
            vec!["$.items[*]"],
            vec![
                "error: `$.items` is gone <- $.items[*]",
                "note: `$.jobs` is new",
            ],
        ),
        (
            json!({"items": {"a": 1}}),
            vec!["$.items[*].id"],
            vec!["error: `$.items` is now an object, was a list <- $.items[*].id"],
        ),
        (
            json!({"items": [{"id": 1}, {"id": 2}]}),
            vec!["$..duration", "$.items[*].*"],
            vec!["error: `$.items[*].duration` is gone <- $..duration"],
        ),
    ] {
        assert_eq!(changes(&before, &now, &reads), expected, "{now}");
    }
}

#[test]
fn null_only_matters_where_a_value_is_required() {
    let before = json!([{"a": 1}, {"a": 2}]);
    let read = ["required:$[*].a", "$[*]['a']"];
    assert_eq!(
        changes(&before, &json!([{"a": null}]), &read),
        [
            "error: `$[*].a` is now null <- $[*].a",
            "note: `$[*].a` is now null <- $[*]['a']",
        ]
    );
    assert_eq!(
        changes(
            &before,
            &json!([{"a": null}, {"a": 3}]),
            &["required:$[*].a"]
        ),
        ["error: `$[*].a` is now sometimes null <- $[*].a"]
    );
    assert_eq!(
        changes(&before, &json!([{}, {"a": 3}]), &["$[*].a"]),
        ["note: `$[*].a` is now sometimes missing <- $[*].a"]
    );
    // It was known to be null, or to be missing.
    let before = json!([{"a": null}, {"a": 2}, {}]);
    assert!(changes(&before, &json!([{"a": null}]), &["required:$[*].a"]).is_empty());
    assert!(changes(&before, &json!([{}]), &["required:$[*].a"]).is_empty());
    // Nothing is known about the type of null.
    assert!(changes(&json!({"a": null}), &json!({"a": {"b": 1}}), &["$.a"]).is_empty());
}

#[test]
fn words_are_notes() {
    let before = json!(["failed", "success", "success", "failed", "success"]);
    let now = json!(["success", "blocked"]);
    assert_eq!(
        changes(&before, &now, &["$[*] [failed,other]"]),
        [
            "note: `$[*]` has the new word `blocked` <- $[*] [failed,other]",
            "note: `$[*]` was `failed` in the recording, and is in none of the live answers \
             <- $[*] [failed,other]",
        ]
    );
    // Names are no enumeration, and words that nothing reads no news.
    assert!(changes(&json!(["a", "b", "c", "d"]), &json!(["e"]), &["$[*]"]).is_empty());
    assert!(changes(&before, &now, &[]).is_empty());
}

#[test]
fn an_empty_list_is_no_change() {
    let before = json!({"items": [{"id": 1}]});
    assert_eq!(
        changes(&before, &json!({"items": []}), &["$.items[*].id"]),
        ["note: `$.items` is empty now: nothing in it was compared <- $.items[*].id"]
    );
    assert!(changes(&json!({"items": []}), &before, &["$.items[*].id"]).is_empty());
}

#[test]
fn optional_members_are_told_from_lost_ones() {
    let recorded = Recorded {
        asked: shape(&json!([{"id": 1, "tag": "x"}])),
        all: shape(&json!([{"id": 1, "tag": "x"}, {"id": 2}])),
    };
    let live = shape(&json!([{"id": "3"}]));
    let findings = compare(&recorded, &live, &[reading("$[*].tag")]);
    let messages: Vec<String> = findings
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(
        messages,
        ["`$[*].id` is now a string, was an integer; no query reads it"]
    );
}

#[test]
fn a_last_page_may_have_no_token() {
    let finds_pages = |before: &Value| {
        let recorded = Recorded {
            asked: shape(before),
            all: shape(before),
        };
        let mut token = reading("$.next");
        token.is_of_pages = true;
        let findings = compare(&recorded, &shape(&json!({})), &[token]);
        findings.iter().any(|finding| finding.is_failure)
    };
    assert!(!finds_pages(&json!({"next": "t"})));
    assert!(finds_pages(&json!({"next": null})));
}

#[test]
fn a_column_does_not_answer_for_its_rows() {
    let before = json!({"items": [{"id": 1}]});
    let recorded = Recorded {
        asked: shape(&before),
        all: shape(&before),
    };
    let mut column = reading("$.items[*].id");
    column.base = 2;
    let readings = [reading("$.items[*]"), column];
    let findings = compare(&recorded, &shape(&json!({})), &readings);
    assert_eq!(findings.len(), 1);
}
