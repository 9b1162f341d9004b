//! Conditions of `expect` over what is not there.

use super::*;

const ANSWER: &str =
    "    answers: [{ ask: GET /list, body: { items: [{ id: 1, name: [x] }, { id: 2 }] } }]\n";

fn expecting(condition: &str) -> Outcome {
    let cases = format!("  usual:\n{ANSWER}    expect:\n      - {condition:?}\n");
    test(&project(LIST, &cases), &[])
}

#[test]
fn what_is_not_there_fails_an_expectation() {
    for (condition, words) in [
        (
            "rows[5].id is none",
            "there is no `rows[5]`: the list has 2 elements",
        ),
        ("rows[5] is none", "there is no `rows[5]`"),
        ("rows[-3].id is none", "there is no `rows[-3]`"),
        ("rows[exit + 7].id != 3", "there is no `rows[7]`"),
        (
            "rows[0].nmae is none",
            "`rows[0]` has no `nmae`; did you mean `name`?",
        ),
        (
            "rows[0].name[1] is none",
            "there is no `rows[0].name[1]`: the list has 1 element",
        ),
        ("row.name[1] is none", "there is no `row.name[1]`"),
        ("not rows[2].name", "there is no `rows[2]`"),
        (
            "requests[1].method is none",
            "there is no `requests[1]`: the list has 1 element",
        ),
        (
            "requests[0].mehtod is none",
            "`requests[0]` has no `mehtod`; did you mean `method`?",
        ),
        (
            "messages[0] is none",
            "there is no `messages[0]`: the list has 0 elements",
        ),
        (
            "rows | map(attribute='nmae') | first is none",
            "has no `nmae`",
        ),
    ] {
        let outcome = expecting(condition);
        outcome.assert_exit(1);
        let text = outcome.stdout_text();
        assert!(text.contains(words), "{condition}: {text}");
    }
}

#[test]
fn what_is_tested_or_not_reached_may_be_absent() {
    for condition in [
        "rows[5] is undefined",
        "rows[5] is not defined and rows[5].id is none",
        "rows[5].id | default(7) == 7",
        "rows | length < 5 or rows[5].id is none",
        "rows[exit + 7] is undefined",
        "'nmae' not in rows[0]",
        "text not in rows[exit]",
        "rows[1].name is none",
        "rows[-1].id == 2",
        "requests[0].sent is none and requests | length == 1",
        "requests[3] is undefined",
        "rows[0:9] | length == 2",
        "rows | selectattr('id', 'eq', 2) | list | length == 1",
        "rows == [{'id': 1, 'name': ['x']}, {'id': 2, 'name': none}]",
        "rows[0].name == ['x'] and 'x' in row.name",
        "rows | sum(attribute='id') == 3 and rows | tojson | length > 9",
        "row.items() | list | length == 2",
    ] {
        let outcome = expecting(condition);
        assert_eq!(outcome.exit, 0, "{}", outcome.snapshot());
    }
}

#[test]
fn without_records_there_is_no_row() {
    let empty = |condition: &str| {
        let answer = "    answers: [{ ask: GET /list, body: { items: [] } }]\n";
        let cases = format!("  usual:\n{answer}    expect:\n      - {condition:?}\n");
        test(&project(LIST, &cases), &[])
    };
    let outcome = empty("row.name is none");
    outcome.assert_exit(1);
    let text = outcome.stdout_text();
    let words = "there is no `row.name`, since there is no record (`row.name is none`)";
    assert!(text.contains(words), "{text}");
    for condition in [
        "row is none",
        "rows == []",
        "not rows or row.name is none",
        "not row",
    ] {
        let outcome = empty(condition);
        assert_eq!(outcome.exit, 0, "{}", outcome.snapshot());
    }
}
