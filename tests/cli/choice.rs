//! `where` and `limit` of a loop of `for_each`: the selection of items.

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Exchange, Outcome};

const PARENTS: &str = "resource: circleci\nendpoint: /parents\nrows: $.items[*]\n\
                       extract: { id: $.id, branch: $.branch }\n";

fn get(path: &str) -> Exchange {
    Exchange::get(&format!("/api/v2{path}"))
}

fn page(items: &[[&str; 2]], token: Option<&str>) -> Value {
    let items: Vec<Value> = items
        .iter()
        .map(|[id, branch]| json!({ "id": id, "branch": branch }))
        .collect();
    json!({ "items": items, "next_page_token": token })
}

fn one(id: &str) -> Exchange {
    get(&format!("/p/{id}")).answers(json!({ "id": id }))
}

/// Asks for each of `parents` of which the rest of the entry is true.
fn walk(choice: &str) -> Case {
    Case::query(&format!(
        "vars: {{ on: {{ default: main }}, most: {{ type: int, default: 2 }} }}\n\
         for_each: {{ parent: {{ query: parents, {choice} }} }}\nendpoint: /p/{{{{ parent.id }}}}"
    ))
    .file("queries/parents.yaml", PARENTS)
}

#[track_caller]
fn ids(outcome: &Outcome) -> Vec<String> {
    let records = outcome.assert_exit(0).stdout_json();
    let list = records.as_array().expect("a list of records").iter();
    list.map(|record| record["id"].as_str().unwrap_or("?").to_owned())
        .collect()
}

const LISTING: [[&str; 2]; 5] = [
    ["a", "dev"],
    ["b", "main"],
    ["c", "main"],
    ["d", "dev"],
    ["e", "main"],
];

#[test]
fn items_are_chosen_before_anything_is_requested() {
    for (choice, expected) in [
        ("where: parent.branch == on", vec!["b", "c", "e"]),
        ("limit: 2", vec!["a", "b"]),
        ("limit: \"{{ most }}\"", vec!["a", "b"]),
        ("where: parent.branch == on, limit: 2", vec!["b", "c"]),
        ("where: parent.branch == \"none\", limit: 2", vec![]),
    ] {
        let mut exchanges = vec![get("/parents").answers(page(&LISTING, None))];
        exchanges.extend(expected.iter().map(|id| one(id)));
        let seen = walk(choice).asks(exchanges);
        assert_eq!(ids(&seen.outcome), expected, "{choice}");
    }
}

#[test]
fn a_limit_that_is_reached_asks_for_no_further_page() {
    let seen = walk("where: parent.branch == on, limit: 3").asks(vec![
        get("/parents").answers(page(&LISTING[..3], Some("two"))),
        get("/parents?page-token=two").answers(page(&LISTING[3..], Some("never"))),
        one("b"),
        one("c"),
        one("e"),
    ]);
    assert_eq!(ids(&seen.outcome), ["b", "c", "e"]);
}

#[test]
fn the_feed_of_a_feed_requests_no_more_than_is_taken() {
    let seen = Case::query(
        "for_each: { child: { query: children, limit: 2 } }\nendpoint: /p/{{ child.id }}",
    )
    .file("queries/parents.yaml", PARENTS)
    .file(
        "queries/children.yaml",
        "resource: circleci\nfor_each: { parent: { query: parents } }\n\
         endpoint: /c/{{ parent.id }}\nrows: $.items[*]\nextract: { id: $.id }\n",
    )
    .settings("concurrency: 1")
    .asks(vec![
        get("/parents").answers(page(&LISTING[..1], Some("never"))),
        get("/parents?page-token=never")
            .answers(page(&LISTING[1..], None))
            .at_least(0),
        get("/c/a").answers(page(&[["x", ""], ["y", ""]], Some("never"))),
        get("/c/b").answers(page(&[["z", ""]], None)).at_least(0),
        one("x"),
        one("y"),
    ]);
    assert_eq!(ids(&seen.outcome), ["x", "y"]);
}

#[test]
fn the_items_of_a_list_are_chosen_too_and_later_names_see_earlier_ones() {
    let seen = Case::query(
        "for_each:\n  x: { in: [1, 2, 3], where: x > 1 }\n  \
         y: { in: [1, 2, 3], where: y != x, limit: 1 }\nendpoint: /p/{{ x }}/{{ y }}",
    )
    .asks(vec![
        get("/p/2/1").answers(json!({ "id": "21" })),
        get("/p/3/1").answers(json!({ "id": "31" })),
    ]);
    assert_eq!(ids(&seen.outcome), ["21", "31"]);
}

#[test]
fn a_second_query_is_chosen_from_for_each_item_before_it() {
    let seen = Case::query(
        "for_each:\n  x: { in: [dev, main] }\n  \
         parent: { query: parents, where: parent.branch == x, limit: 1 }\n\
         endpoint: /p/{{ parent.id }}",
    )
    .file("queries/parents.yaml", PARENTS)
    .asks(vec![
        // Equal requests of a run are sent once.
        get("/parents").answers(page(&LISTING, None)),
        one("a"),
        one("b"),
    ]);
    assert_eq!(ids(&seen.outcome), ["a", "b"]);
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_its_item_only() {
    let seen =
        Case::query("for_each: { x: { in: [2, a], where: x | int > 1 } }\nendpoint: /p/{{ x }}")
            .asks(vec![get("/p/2").answers(json!({ "id": "2" }))]);
    seen.outcome.assert_exit(6);
    insta::assert_snapshot!(told(&seen.outcome));
}

#[test]
fn a_limit_that_is_no_number_is_reported_before_anything_is_sent() {
    let outcome = walk("limit: \"{{ most }}\"")
        .args(["most=0"])
        .asks_nothing();
    insta::assert_snapshot!(told(outcome.assert_exit(2)));
}

#[test]
fn it_is_shown_which_items_are_taken() {
    let query = || walk("where: parent.branch == on, limit: \"{{ most }}\"");
    let dry_run = query().args(["--dry-run"]).asks_nothing();
    let list = Case::query(
        "for_each: { x: { in: [1, 2, 3], where: x > 1, limit: 1 } }\nendpoint: /p/{{ x }}",
    )
    .args(["--dry-run"])
    .asks_nothing();
    let project = query().project_at("http://127.0.0.1:1");
    let shown = |args: &[&str]| crate::support::Run::in_(&project).args(args).outcome();
    let text = shown(&["show", "q"]);
    let json = shown(&["show", "q", "-o", "json"]);
    let for_each = &json.stdout_json()["for_each"];
    assert_eq!(
        *for_each,
        json!([{
            "name": "parent", "query": "parents", "vars": {},
            "where": "parent.branch == on", "limit": "{{ most }}",
        }])
    );
    insta::assert_snapshot!(transcript([&dry_run, &list, &text]));
}
