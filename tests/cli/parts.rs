//! Listings whose answers say that they are not whole: parts, and links that cannot be read.

use serde_json::{Value, json};

use crate::case::told;
use crate::listings::{get, ids, list};
use crate::support::{Answer, Exchange};

fn part(status: u16, range: &str, ids: &[u64]) -> Answer {
    let rows: Value = ids.iter().map(|id| json!({ "id": id })).collect();
    let answer = Answer::status(status).json(&rows);
    if range.is_empty() {
        answer
    } else {
        answer.header("content-range", range)
    }
}

#[test]
fn a_link_that_cannot_be_read_is_reported() {
    for field in [
        "</x?l=2; rel=\"next\"",
        "/x?l=2; rel=\"next\"",
        "</x?l=2>; rel='next'",
        "</x?l=2> rel=\"next\"",
    ] {
        let answer = part(200, "", &[1]).header("link", field);
        let seen = list("rows: $[*]").asks(vec![get("/x").answers(answer)]);
        let stderr = seen.outcome.assert_exit(6).stderr_text();
        assert!(
            stderr.contains("the `Link` header of the response mentions a next page"),
            "{stderr}"
        );
        assert_eq!(ids(&seen), [1]);
    }
}

#[test]
fn a_response_that_says_it_is_a_part_is_reported() {
    for (status, range) in [(206, "items 0-1/500"), (206, "0-1/500"), (200, "x 0-1/500")] {
        let answer = part(status, range, &[1, 2]);
        let seen = list("rows: $[*]").asks(vec![get("/x").answers(answer)]);
        let stderr = seen.outcome.assert_exit(6).stderr_text();
        assert!(stderr.contains("ends with item 2 of 500"), "{stderr}");
        assert_eq!(ids(&seen), [1, 2]);
    }
    // Also where nothing says how to go on, and in a document.
    for lines in ["method: POST\nsafe: true\nrows: $[*]", ""] {
        let exchange = match lines {
            "" => get("/x"),
            _ => Exchange::post("/x"),
        };
        let seen = list(lines).asks(vec![exchange.answers(part(206, "0-1/5", &[1, 2]))]);
        seen.outcome.assert_exit(6);
    }
}

#[test]
fn a_part_that_was_requested_is_no_fault() {
    for (lines, target) in [
        ("rows: $[*]\nlimit: 2", "/x"),
        ("rows: $[*]\nheaders: { Range: 0-1 }", "/x"),
        ("extract: { id: \"$[0].id\" }", "/x"),
        (
            "rows: $[*]\npaginate: { page: {}, while: \"false\" }",
            "/x?page=1",
        ),
    ] {
        let answer = part(206, "0-1/500", &[1, 2]);
        let seen = list(lines).asks(vec![get(target).answers(answer)]);
        seen.outcome.assert_exit(0);
    }
    let seen = list("rows: $[*]\npaginate: false").asks(vec![get("/x").answers(part(
        206,
        "0-1/500",
        &[1, 2],
    ))]);
    insta::assert_snapshot!(told(seen.outcome.assert_exit(0)));
}

#[test]
fn parts_are_the_pages_of_an_offset() {
    let offset = "rows: $[*]\npaginate: { offset: { size_param: limit, size: 2 } }";
    let pages = |last: Answer| {
        vec![
            get("/x?offset=0&limit=2").answers(part(206, "0-1/3", &[1, 2])),
            get("/x?limit=2&offset=2").answers(last),
        ]
    };
    let seen = list(offset).asks(pages(part(206, "2-2/3", &[3])));
    assert_eq!(seen.outcome.assert_exit(0).stderr_text(), "");
    assert_eq!(ids(&seen), [1, 2, 3]);
}

#[test]
fn a_part_of_unknown_length_is_noted() {
    for range in ["0-1/*", ""] {
        let seen = list("rows: $[*]").asks(vec![get("/x").answers(part(206, range, &[1, 2]))]);
        let stderr = seen.outcome.assert_exit(0).stderr_text();
        assert!(stderr.contains("206 Partial Content"), "{stderr}");
    }
    let seen = list("rows: $[*]").asks(vec![get("/x").answers(part(200, "0-1/*", &[1, 2]))]);
    assert_eq!(seen.outcome.assert_exit(0).stderr_text(), "");
}
