//! Pages of a listing: counting, and false ends.

use serde_json::{Value, json};

use crate::case::{Case, Seen, told};
use crate::support::Exchange;

const REST: &str = "type: rest\nbase_url: URL\nauth: none";

/// A query of an API without presets, as one record a line.
fn rest(yaml: &str) -> Case {
    Case::query(yaml).resource(REST).args(["-o", "ndjson"])
}

fn page(target: &str, answer: impl Into<Value>) -> Exchange {
    let answer: Value = answer.into();
    Exchange::get(target).answers(answer)
}

/// The ids of the records, and the exit code.
fn ids(seen: &Seen, exit: i32) -> Vec<u64> {
    let text = seen.outcome.assert_exit(exit).stdout_text();
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a record");
        record["id"].as_u64().expect("an id")
    };
    text.lines().map(id).collect()
}

fn rows(ids: impl IntoIterator<Item = u64>) -> Value {
    ids.into_iter().map(|id| json!({ "id": id })).collect()
}

mod counting {
    use super::*;

    #[test]
    fn a_filter_does_not_end_a_listing_of_numbered_pages() {
        let all: Vec<Value> = (1..9)
            .map(|id| json!({"id": id, "s": if [1, 6, 7].contains(&id) { "open" } else { "x" }}))
            .collect();
        for rows in [
            "$.items[?@.s == \"open\"]",
            "$.items[?@.s == \"open\", ?@.s == \"none\"]",
        ] {
            let mut pages: Vec<Exchange> = (1..5)
                .map(|n: usize| {
                    let items = &all[(n - 1) * 2..n * 2];
                    page(&format!("/a?page={n}"), json!({ "items": items }))
                })
                .collect();
            pages.push(page("/a?page=5", json!({"items": null})));
            let query = format!("endpoint: /a\npaginate: {{ page: {{}} }}\nrows: {rows}");
            assert_eq!(ids(&rest(&query).asks(pages), 0), [1, 6, 7], "{rows}");
        }
    }

    #[test]
    fn an_offset_counts_what_a_filter_leaves_out() {
        let all: Vec<Value> = (1..7)
            .map(|id| json!({"id": id, "s": if id == 2 { "x" } else { "open" }}))
            .collect();
        let pages = |step: usize| {
            let offsets = (0..=all.len()).step_by(step);
            let page_at = |offset: usize| {
                let items = &all[offset..(offset + step).min(all.len())];
                page(&format!("/b?offset={offset}"), json!({ "items": items }))
            };
            offsets.map(page_at).collect::<Vec<_>>()
        };
        for (rows, found) in [
            ("$.items[?@.s == \"open\"]", &[1, 3, 4, 5, 6][..]),
            ("$.items[:1]", &[1, 3, 5]),
            ("$.items[1]", &[2, 4, 6]),
            ("$.items[0, 1]", &[1, 2, 3, 4, 5, 6]),
        ] {
            let query = format!("endpoint: /b\npaginate: {{ offset: {{}} }}\nrows: '{rows}'");
            assert_eq!(ids(&rest(&query).asks(pages(2)), 0), found, "{rows}");
        }
    }

    #[test]
    fn a_list_at_any_depth_is_counted_if_the_file_says_which() {
        let query = "endpoint: /x\npaginate: { offset: { list: $.groups } }\nrows: $..items[*]";
        let pages = vec![
            page(
                "/x?offset=0",
                json!({"groups": [{"items": []}, {"items": rows([1, 2, 3])}]}),
            ),
            page("/x?offset=2", json!({"groups": [{"items": []}]})),
            page("/x?offset=3", json!({"groups": []})),
        ];
        assert_eq!(ids(&rest(query).asks(pages), 0), [1, 2, 3]);
        // The style of the resource is not known where the query is checked.
        let resource = format!("{REST}\npaginate: {{ offset: {{}} }}");
        let pages = vec![page("/x?offset=0", json!({"items": rows([1])}))];
        let case = Case::query("endpoint: /x\nrows: $..items[*]").resource(&resource);
        let seen = case.args(["-o", "ndjson"]).asks(pages);
        assert_eq!(ids(&seen, 6), [1]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn a_page_and_an_offset_go_into_a_json_body() {
        let post =
            |body: Value, answer: Value| Exchange::post("/x").with_json(body).answers(answer);
        let query = "method: POST\nsafe: true\nendpoint: /x\nrows: $[*]\n\
             body: { json: { limit: 2, offset: 0 } }\n\
             paginate: { offset: { body: offset, size_body: limit, size: 2 } }";
        let pages = vec![
            post(json!({"limit": 2, "offset": 0}), rows([1, 2])),
            post(json!({"limit": 2, "offset": 2}), rows([3])),
        ];
        assert_eq!(ids(&rest(query).asks(pages), 0), [1, 2, 3]);
        let query = "method: POST\nsafe: true\nendpoint: /x\nrows: $[*]\n\
             body: { json: { q: a } }\npaginate: { page: { body: page.number, start: 0 } }";
        let pages = vec![
            post(json!({"q": "a", "page": {"number": 0}}), rows([1])),
            post(json!({"q": "a", "page": {"number": 1}}), rows([2])),
            post(json!({"q": "a", "page": {"number": 2}}), json!([])),
        ];
        assert_eq!(ids(&rest(query).asks(pages), 0), [1, 2]);
    }

    #[test]
    fn a_listing_begins_where_the_query_says() {
        let query = |line: &str| {
            let pages = vec![
                page("/x?page=3", rows([3])),
                page("/x?page=4", rows([4])),
                page("/x?page=5", json!([])),
            ];
            let yaml = format!("{line}\npaginate: {{ page: {{}} }}\nrows: $[*]");
            ids(&rest(&yaml).asks(pages), 0)
        };
        for line in [
            "endpoint: /x\nparams: { page: 3 }",
            "endpoint: /x?page=3",
            "vars: { from: 3 }\nendpoint: /x\nparams: { page: \"{{ from }}\" }",
        ] {
            assert_eq!(query(line), [3, 4], "{line}");
        }
        // What a resource says of every request counts as well.
        let resource = format!(
            "{REST}\nparams: {{ n: 2 }}\npaginate: {{ page: {{ size_param: n, size: 50 }} }}"
        );
        let pages = vec![
            page("/x?n=2&page=1", rows([1, 2])),
            page("/x?n=2&page=2", rows([3])),
        ];
        let case = Case::query("endpoint: /x\nrows: $[*]").resource(&resource);
        assert_eq!(ids(&case.args(["-o", "ndjson"]).asks(pages), 0), [1, 2, 3]);
    }

    #[test]
    fn a_short_page_is_no_end_unless_the_server_keeps_to_the_size() {
        const QUERY: &str =
            "endpoint: /x\nrows: $[*]\npaginate: { page: { size_param: n, size: 3 } }";
        let at = |n: u64, answer: Value| page(&format!("/x?page={n}&n=3"), answer);
        let at_next = |n: u64, answer: Value| page(&format!("/x?n=3&page={n}"), answer);
        // A server that gives two at most.
        let capped = vec![
            at(1, rows([1, 2])),
            at_next(2, rows([3, 4])),
            at_next(3, rows([5])),
            at_next(4, json!([])),
        ];
        assert_eq!(ids(&rest(QUERY).asks(capped), 0), [1, 2, 3, 4, 5]);
        let kept = vec![at(1, rows([1, 2, 3])), at_next(2, rows([4]))];
        assert_eq!(ids(&rest(QUERY).asks(kept), 0), [1, 2, 3, 4]);
        // There may be no page after a short one.
        let short = vec![
            at(1, rows([1])),
            Exchange::get("/x?n=3&page=2").answers((404, json!({"detail": "Invalid page."}))),
        ];
        assert_eq!(ids(&rest(QUERY).asks(short), 0), [1]);
        let full = vec![
            at(1, rows([1, 2, 3])),
            Exchange::get("/x?n=3&page=2").answers((404, json!({"detail": "Invalid page."}))),
        ];
        assert_eq!(ids(&rest(QUERY).asks(full), 6), [1, 2, 3]);
    }
}

mod endings {
    use super::*;

    #[test]
    fn a_server_that_ignores_the_page_is_noticed() {
        for (first, begin) in [("page", 1), ("offset", 0)] {
            let (style, next) = (format!("{{ {first}: {{}} }}"), format!("{first}=2"));
            let answer = |n: u64| json!({"items": rows([7, 8]), "request_id": n});
            let pages = vec![
                page(&format!("/x?{first}={begin}"), answer(1)),
                page(&format!("/x?{next}"), answer(2)),
            ];
            let query = format!("endpoint: /x\nrows: $.items[*]\npaginate: {style}");
            let seen = rest(&query).asks(pages);
            assert_eq!(ids(&seen, 6), [7, 8]);
            assert!(told(&seen.outcome).contains("the same rows were returned twice"));
        }
        // One row is enough, even without an id: what a counter asks for never comes twice.
        let query = "endpoint: /x\nrows: $[*]\npaginate: { page: {} }";
        let one = || json!([{"label": "a"}]);
        let pages = vec![page("/x?page=1", one()), page("/x?page=2", one())];
        let outcome = rest(query).asks(pages).outcome;
        assert_eq!(outcome.assert_exit(6).stdout_text(), "{\"label\":\"a\"}\n");
        // The filter leaves nothing of it, and it is the same page all the same.
        let query = "endpoint: /x\nrows: $[?@.id > 9]\npaginate: { page: {} }";
        let pages = vec![page("/x?page=1", rows([1])), page("/x?page=2", rows([1]))];
        assert_eq!(ids(&rest(query).asks(pages), 6), [0; 0]);
    }

    #[test]
    fn equal_pages_of_equal_rows_are_all_read() {
        let same = || json!([{"id": 1}, {"id": 1}]);
        let query = "endpoint: /x\nrows: $[*]\npaginate: { offset: {} }";
        let pages = vec![
            page("/x?offset=0", same()),
            page("/x?offset=2", same()),
            page("/x?offset=4", same()),
            page("/x?offset=6", json!([])),
        ];
        assert_eq!(ids(&rest(query).asks(pages), 0), [1; 6]);
    }

    #[test]
    fn a_member_of_the_response_says_if_there_is_more() {
        let answer = |id: u64, more: Value| json!({"data": rows([id]), "has_more": more});
        for condition in ["$.has_more", "response.body.has_more"] {
            let query = format!(
                "endpoint: /x\nrows: $.data[*]\n\
                 paginate: {{ cursor: {{ path: '$.data[-1].id', param: after }}, while: {condition} }}"
            );
            let pages = vec![
                page("/x", answer(1, json!(true))),
                page("/x?after=1", answer(2, json!(false))),
            ];
            assert_eq!(ids(&rest(&query).asks(pages), 0), [1, 2], "{condition}");
        }
        let query = "endpoint: /x\nrows: $.data[*]\n\
             paginate: { page: {}, while: response.body.page < response.body.total }";
        let numbered = |n: u64| json!({"data": if n == 2 { rows([]) } else { rows([n]) }, "page": n, "total": 3});
        let pages = (1..4).map(|n| page(&format!("/x?page={n}"), numbered(n)));
        assert_eq!(ids(&rest(query).asks(pages.collect()), 0), [1, 3]);
        let query = "endpoint: /x\nrows: $.data[*]\n\
             paginate: { cursor: { path: $.next, param: c }, while: $.has_more }";
        let lost = vec![page("/x", answer(1, json!(true)))];
        let seen = rest(query).asks(lost);
        assert_eq!(ids(&seen, 6), [1]);
        let slip = rest("endpoint: /x\nrows: $.data[*]\npaginate: { page: {}, while: $.more }")
            .asks(vec![page("/x?page=1", answer(1, json!(true)))]);
        assert_eq!(ids(&slip, 0), [1]);
        insta::assert_snapshot!(format!("{}\n{}", told(&seen.outcome), told(&slip.outcome)));
    }

    #[test]
    fn a_condition_of_the_resource_belongs_to_its_style() {
        let resource = format!("{REST}\npaginate: {{ page: {{}}, while: $.more }}");
        let case = |lines: &str| {
            let query = format!("endpoint: /x\nrows: $.items[*]\n{lines}");
            Case::query(&query)
                .resource(&resource)
                .args(["-o", "ndjson"])
        };
        let pages = vec![
            page("/x?page=1", json!({"items": [], "more": true})),
            page("/x?page=2", json!({"items": rows([2]), "more": false})),
        ];
        assert_eq!(ids(&case("").asks(pages), 0), [2]);
        let pages = vec![
            page("/x?offset=0", json!({"items": rows([1]), "more": false})),
            page("/x?offset=1", json!({"items": []})),
        ];
        assert_eq!(ids(&case("paginate: { offset: {} }").asks(pages), 0), [1]);
    }

    #[test]
    fn a_first_page_of_what_only_counts_is_not_reported_as_a_part() {
        let route = "/api/v2/owner/o/context/config/decision";
        let query = "endpoint: /owner/o/context/config/decision\nrows: $[*]\npaginate: false";
        let seen = Case::query(query)
            .args(["-o", "ndjson"])
            .asks(vec![page(route, rows([1]))]);
        assert_eq!(ids(&seen, 0), [1]);
        assert_eq!(seen.outcome.stderr_text(), "");
    }
}
