//! Listings of other APIs: numbers, offsets, links, addresses, and how they end.

use serde_json::{Value, json};

use crate::case::{Case, Seen, told};
use crate::support::{Answer, CANARY, Exchange};

/// A resource that is not CircleCI; one attempt, so that a failure is seen at once.
const REST: &str = "type: rest\nbase_url: URL\nauth: none\nretry: { max_attempts: 1 }";

pub fn get(target: &str) -> Exchange {
    Exchange::get(target)
}

pub fn list(more: &str) -> Case {
    Case::query(&format!("endpoint: /x\n{more}"))
        .resource(REST)
        .args(["-o", "ndjson"])
}

#[track_caller]
fn rows(seen: &Seen) -> Vec<Value> {
    let text = seen.outcome.stdout_text();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

#[track_caller]
pub fn ids(seen: &Seen) -> Vec<u64> {
    rows(seen)
        .iter()
        .map(|row| row["id"].as_u64().expect("an id"))
        .collect()
}

mod filters {
    use super::*;

    fn items(ids: &[(u64, &str)]) -> Value {
        let items = ids.iter().map(|(id, s)| json!({"id": id, "s": s}));
        json!({ "items": items.collect::<Vec<_>>() })
    }

    #[test]
    fn a_page_is_full_whatever_a_filter_leaves_of_it() {
        let seen = list("paginate: { page: {} }\nrows: $.items[?@.s == \"open\"]").asks(vec![
            get("/x?page=1").answers(items(&[(1, "open"), (2, "x")])),
            get("/x?page=2").answers(items(&[(3, "x"), (4, "x")])),
            get("/x?page=3").answers(items(&[(5, "x"), (6, "open")])),
            get("/x?page=4").answers(items(&[])),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1, 6]);
    }

    #[test]
    fn an_offset_counts_what_a_filter_leaves_out() {
        for path in [
            "$.items[?@.s == \"open\"]",
            "$.items[?@.s == \"open\"].inner[*]",
        ] {
            let inner = |id: u64, s: &str| json!({"id": id, "s": s, "inner": [{"id": id}]});
            let page = |rows: &[Value]| json!({ "items": rows });
            let seen = list(&format!("paginate: {{ offset: {{}} }}\nrows: {path}")).asks(vec![
                get("/x?offset=0").answers(page(&[inner(1, "open"), inner(2, "x")])),
                get("/x?offset=2").answers(page(&[inner(3, "open"), inner(4, "open")])),
                get("/x?offset=4").answers(page(&[inner(5, "x")])),
                get("/x?offset=5").answers(page(&[])),
            ]);
            seen.outcome.assert_exit(0);
            assert_eq!(ids(&seen), [1, 3, 4], "{path}");
        }
    }

    #[test]
    fn a_slice_takes_rows_and_leaves_the_offset() {
        let seen = list("paginate: { offset: {} }\nrows: $.items[0:1]").asks(vec![
            get("/x?offset=0").answers(items(&[(1, ""), (2, "")])),
            get("/x?offset=2").answers(items(&[(3, "")])),
            get("/x?offset=3").answers(items(&[])),
        ]);
        assert_eq!(ids(&seen), [1, 3]);
    }
}

mod ends {
    use super::*;

    fn cursor(more: &str) -> Case {
        let paginate = "paginate: { cursor: { path: $.next, param: c } }";
        list(&format!("{paginate}\nrows: $.items[*]\n{more}"))
    }

    fn page(id: u64, next: &Value) -> Value {
        json!({"items": [{"id": id}], "next": next, "asked_at": id})
    }

    #[test]
    fn rows_that_come_again_are_known_though_other_members_change() {
        let items = json!([{"id": 1}, {"id": 2}]);
        let answer = |at: u64| json!({"items": items, "at": at});
        let seen = list("paginate: { page: {} }\nrows: $.items[*]").asks(vec![
            get("/x?page=1").answers(answer(1)),
            get("/x?page=2").answers(answer(2)),
        ]);
        seen.outcome.assert_exit(6);
        assert_eq!(ids(&seen), [1, 2]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn equal_pages_of_rows_without_a_name_are_all_there() {
        let page = json!([{"s": "ok"}, {"s": "ok"}]);
        let seen = list("paginate: { offset: {} }\nrows: $[*]").asks(vec![
            get("/x?offset=0").answers(page.clone()),
            get("/x?offset=2").answers(page.clone()),
            get("/x?offset=4").answers(page),
            get("/x?offset=6").answers(json!([])),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(rows(&seen).len(), 6);
    }

    #[test]
    fn a_cursor_that_stays_with_nothing_new_is_the_end() {
        let seen = cursor("").asks(vec![
            get("/x").answers(page(1, &json!("a"))),
            get("/x?c=a").answers(json!({"items": [], "next": "a"})),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1]);
        let seen = cursor("").asks(vec![
            get("/x").answers(page(1, &json!("a"))),
            get("/x?c=a").answers(page(2, &json!("a"))),
        ]);
        seen.outcome.assert_exit(6);
        assert_eq!(ids(&seen), [1, 2]);
    }

    #[test]
    fn a_member_may_say_that_there_is_more() {
        let page = |id: u64, more: bool| json!({"items": [{"id": id}], "has_more": more});
        let paginate = "paginate: { page: { size_param: n, size: 2 }, while: $.has_more }";
        let seen = list(&format!("{paginate}\nrows: $.items[*]")).asks(vec![
            get("/x?page=1&n=2").answers(page(1, true)),
            get("/x?n=2&page=2").answers(json!({"items": [], "has_more": true})),
            get("/x?n=2&page=3").answers(page(3, false)),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1, 3]);
    }

    #[test]
    fn a_short_page_is_the_last_only_where_the_server_keeps_to_the_size() {
        let rows_of = |ids: &[u64]| {
            let rows = ids.iter().map(|id| json!({ "id": id }));
            rows.collect::<Value>()
        };
        let paginate = "paginate: { page: { size_param: n, size: 3 } }\nrows: $[*]";
        let capped = list(paginate).asks(vec![
            get("/x?page=1&n=3").answers(rows_of(&[1, 2])),
            get("/x?n=3&page=2").answers(rows_of(&[3, 4])),
            get("/x?n=3&page=3").answers(rows_of(&[])),
        ]);
        capped.outcome.assert_exit(0);
        assert_eq!(ids(&capped), [1, 2, 3, 4]);
        let kept = list(paginate).asks(vec![
            get("/x?page=1&n=3").answers(rows_of(&[1, 2, 3])),
            get("/x?n=3&page=2").answers(rows_of(&[4])),
        ]);
        assert_eq!(ids(&kept), [1, 2, 3, 4]);
    }

    #[test]
    fn a_later_page_without_content_is_tried_again_and_then_a_break() {
        let hollow = || get("/x?c=a").answers(Answer::status(200));
        let seen = cursor("").asks(vec![
            get("/x").answers(page(1, &json!("a"))),
            hollow(),
            get("/x?c=a").answers(page(2, &json!(null))),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1, 2]);
        let seen = cursor("").asks(vec![
            get("/x").answers(page(1, &json!("a"))),
            hollow().times(2),
        ]);
        seen.outcome.assert_exit(6);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn a_later_page_without_the_list_is_a_break() {
        let lost = [
            json!(null),
            json!({}),
            json!({"message": "try later"}),
            json!(7),
        ];
        let stderr: Vec<String> = lost
            .iter()
            .map(|lost| {
                let seen = cursor("").asks(vec![
                    get("/x").answers(page(1, &json!("a"))),
                    get("/x?c=a").answers(lost.clone()),
                ]);
                assert_eq!(ids(&seen), [1]);
                told(seen.outcome.assert_exit(6))
            })
            .collect();
        insta::assert_snapshot!(stderr.join("\n"));
        // A link promises a list, too.
        for lost in [json!(null), json!({})] {
            let link = Answer::status(200).header("link", "</x?page=2>; rel=next");
            let seen = list("rows: $[*]\npaginate: link").asks(vec![
                get("/x").answers(link.json(&json!([{"id": 1}]))),
                get("/x?page=2").answers(lost),
            ]);
            seen.outcome.assert_exit(6);
        }
    }

    #[test]
    fn an_empty_list_may_be_null_and_rows_may_be_the_members_of_an_object() {
        let seen = cursor("").asks(vec![
            get("/x").answers(page(1, &json!("a"))),
            get("/x?c=a").answers(json!({"items": null, "next": null})),
        ]);
        seen.outcome.assert_exit(0);
        let seen = cursor("").asks(vec![
            get("/x").answers(json!({"items": {"a": {"id": 1}}, "next": "a"})),
            get("/x?c=a").answers(json!({"items": {"b": {"id": 2}}})),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1, 2]);
    }

    #[test]
    fn a_first_page_with_something_else_in_place_of_the_list_is_noted() {
        for instead in [json!("internal error"), json!(0), json!(false)] {
            let seen = cursor("").asks(vec![get("/x").answers(json!({"items": instead}))]);
            let stderr = seen.outcome.assert_exit(0).stderr_text();
            assert!(stderr.contains("matches nothing: its list is "), "{stderr}");
        }
        let limited = json!({"items": null, "error": "rate limited"});
        let seen = cursor("").asks(vec![get("/x").answers(limited)]);
        let stderr = seen.outcome.assert_exit(0).stderr_text();
        assert!(stderr.contains("and it says: rate limited"), "{stderr}");
        let seen = list("rows: $").asks(vec![get("/x").answers(json!(5))]);
        assert_eq!(seen.outcome.assert_exit(0).stderr_text(), "");
        for body in [json!(null), json!(5), json!("text")] {
            let seen = list("rows: $[*]").asks(vec![get("/x").answers(body)]);
            let stderr = seen.outcome.assert_exit(0).stderr_text();
            assert!(
                stderr.contains("matches nothing: the response is "),
                "{stderr}"
            );
        }
    }

    #[test]
    fn a_condition_that_cannot_be_compared_breaks_the_listing() {
        let paginate =
            "paginate: { page: {}, while: \"response.body.page < response.body.pages\" }";
        for pages in [json!("3"), json!(null)] {
            let seen =
                list(&format!("rows: $.items[*]\n{paginate}"))
                    .asks(vec![get("/x?page=1").answers(
                        json!({"items": [{"id": 1}], "page": 1, "pages": pages}),
                    )]);
            assert_eq!(ids(&seen), [1]);
            let stderr = seen.outcome.assert_exit(6).stderr_text();
            assert!(
                stderr.contains("does not say if there are more pages"),
                "{stderr}"
            );
        }
    }

    #[test]
    fn null_beyond_the_last_number_is_an_empty_list() {
        let paginate = "paginate: { page: { param: page, size_param: n, size: 1 } }";
        let seen = list(&format!("rows: $[*]\n{paginate}")).asks(vec![
            get("/x?page=1&n=1").answers(json!([{"id": 1}])),
            get("/x?n=1&page=2").answers(json!(null)),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1]);
    }

    #[test]
    fn a_later_page_that_is_not_found_is_a_break_whatever_on_status_says() {
        let mut told_of = Vec::new();
        for (more, status) in [("on_status: { 404: empty }", 404), ("", 404), ("", 204)] {
            let seen = cursor(more).asks(vec![
                get("/x").answers(page(1, &json!("a"))),
                get("/x?c=a").answers(Answer::status(status)),
            ]);
            seen.outcome.assert_exit(6);
            assert_eq!(ids(&seen), [1]);
            told_of.push(told(&seen.outcome));
        }
        let walk = Case::query(
            "for_each: { i: { in: [7] } }\nendpoint: /x/{{ i }}\nrows: $.items[*]\n\
             paginate: { cursor: { path: $.next, param: c } }",
        )
        .resource(REST);
        let walk = walk.asks(vec![
            get("/x/7").answers(page(1, &json!("a"))),
            get("/x/7?c=a").answers(Answer::status(404)),
        ]);
        told_of.push(told(walk.outcome.assert_exit(6)));
        insta::assert_snapshot!(told_of.join("\n\n"));
    }
}

mod styles {
    use super::*;

    #[test]
    fn a_number_in_params_is_the_first_page() {
        let page = |ids: &[u64]| ids.iter().map(|id| json!({ "id": id })).collect::<Value>();
        for query in [
            "endpoint: /x\nparams: { page: 3 }",
            "endpoint: \"/x?page=3\"",
        ] {
            let lines = format!("{query}\npaginate: {{ page: {{}} }}\nrows: $[*]");
            let case = Case::query(&lines).resource(REST).args(["-o", "ndjson"]);
            let seen = case.asks(vec![
                get("/x?page=3").answers(page(&[3])),
                get("/x?page=4").answers(page(&[4])),
                get("/x?page=5").answers(page(&[])),
            ]);
            seen.outcome.assert_exit(0);
            assert_eq!(ids(&seen), [3, 4], "{query}");
        }
        // The resource's way, too.
        let seen = Case::query("endpoint: /x\nparams: { page: 3 }\nrows: $[*]")
            .resource(&format!("{REST}\npaginate: {{ page: {{}} }}"))
            .args(["-o", "ndjson"])
            .asks(vec![
                get("/x?page=3").answers(page(&[3])),
                get("/x?page=4").answers(page(&[])),
            ]);
        assert_eq!(ids(&seen), [3]);
    }

    #[test]
    fn an_address_in_the_content_is_followed() {
        let page = |id: u64, next: Value| json!({"results": [{"id": id}], "next": next});
        let seen = list("paginate: { next: $.next }\nrows: $.results[*]").asks(vec![
            get("/x").answers(page(1, json!("/x?page=2"))),
            get("/x?page=2").answers(page(2, json!("?page=3"))),
            get("/x?page=3").answers(page(3, json!(null))),
        ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1, 2, 3]);
        let seen = list("paginate: { next: $.next }\nrows: $.results[*]").asks(vec![
            get("/x").answers(page(1, json!("http://127.0.0.1:9/x?page=2"))),
        ]);
        seen.outcome.assert_exit(6);
    }

    #[test]
    fn an_offset_may_begin_at_one() {
        let page = |ids: &[u64]| {
            let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            json!({ "Resources": rows })
        };
        let paginate = "paginate: { offset: { param: startIndex, start: 1 } }";
        let seen = list(&format!("{paginate}\nrows: $.Resources[*]")).asks(vec![
            get("/x?startIndex=1").answers(page(&[1, 2])),
            get("/x?startIndex=3").answers(page(&[3])),
            get("/x?startIndex=4").answers(page(&[])),
        ]);
        assert_eq!(ids(&seen), [1, 2, 3]);
    }

    #[test]
    fn an_offset_goes_into_the_body_of_a_search() {
        let page = |ids: &[u64]| ids.iter().map(|id| json!({ "id": id })).collect::<Value>();
        let asked = |offset: u64, ids: &[u64]| {
            Exchange::post("/x")
                .with_json(json!({"limit": 2, "offset": offset, "q": "a"}))
                .answers(page(ids))
        };
        for body in ["{ limit: 2, offset: 0, q: a }", "{ limit: 2, q: a }"] {
            let seen = list(&format!(
                "method: POST\nsafe: true\nbody: {{ json: {body} }}\n\
                 paginate: {{ offset: {{ body: offset, size_body: limit, size: 2 }} }}\nrows: $[*]"
            ));
            let seen = seen.asks(vec![asked(0, &[1, 2]), asked(2, &[3])]);
            seen.outcome.assert_exit(0);
            assert_eq!(ids(&seen), [1, 2, 3]);
        }
    }

    #[test]
    fn a_key_in_a_link_or_a_redirect_is_replaced() {
        let resource = "type: rest\nbase_url: URL\n\
                        auth: { query: { name: api_key, value: \"{{ env.CIRCLE_TOKEN }}\" } }";
        let key = "canary_4f9a%2BZq%2F81c7d%3De2Xw~KmR5tB0y";
        assert_eq!(
            key.replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "="),
            CANARY
        );
        let answer = |link: Option<String>| {
            let answer = Answer::status(200);
            let answer = match link {
                Some(link) => answer.header("link", link),
                None => answer,
            };
            answer.json(&json!([{"id": 1}]))
        };
        let seen = Case::query("endpoint: /x\nrows: $[*]")
            .resource(resource)
            .asks(vec![
                get(&format!("/x?api_key={key}"))
                    .answers(answer(Some(format!("</x?api_key={key}&page=2>; rel=next")))),
                get(&format!("/x?page=2&api_key={key}")).answers(json!([{"id": 2}])),
            ]);
        seen.outcome.assert_exit(0);
        let moved = Answer::status(302).header("location", "/x?api_key=old&a=1");
        let seen = Case::query("endpoint: /m\nrows: $[*]")
            .resource(resource)
            .asks(vec![
                get(&format!("/m?api_key={key}")).answers(moved),
                get(&format!("/x?a=1&api_key={key}")).answers(json!([{"id": 2}])),
            ]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn a_next_page_that_no_style_reads_is_noted() {
        let rows_of = |more: Value| {
            let mut body = json!({"items": [{"id": 1}]});
            let members = more.as_object().expect("members");
            body.as_object_mut()
                .expect("an object")
                .extend(members.clone());
            body
        };
        for (more, path) in [
            (json!({"next": "/x?page=2"}), "`paginate: { next: $.next }`"),
            (json!({"@odata.nextLink": "/x?p=2"}), "$['@odata.nextLink']"),
            (
                json!({"_links": {"next": {"href": "/x"}}}),
                "$._links.next.href",
            ),
            (json!({"next_cursor": "abc"}), "path: $.next_cursor"),
            (json!({"has_more": true}), "while: $.has_more"),
        ] {
            let seen = list("rows: $.items[*]").asks(vec![get("/x").answers(rows_of(more))]);
            let stderr = seen.outcome.assert_exit(0).stderr_text();
            assert!(
                stderr.contains(path) && stderr.starts_with("note: "),
                "{stderr}"
            );
        }
        for last in [
            json!({"next": null}),
            json!({"has_more": false}),
            json!({"next_cursor": ""}),
            json!({"next": {"id": 2}}),
        ] {
            let seen = list("rows: $.items[*]").asks(vec![get("/x").answers(rows_of(last))]);
            assert_eq!(seen.outcome.assert_exit(0).stderr_text(), "");
        }
    }

    #[test]
    fn an_offset_that_counts_from_one_is_noted() {
        let page = |ids: &[u64]| ids.iter().map(|id| json!({ "id": id })).collect::<Value>();
        let seen = list("paginate: { offset: {} }\nrows: $[*]").asks(vec![
            get("/x?offset=0").answers(page(&[1, 2])),
            get("/x?offset=2").answers(page(&[2, 3])),
            get("/x?offset=4").answers(page(&[])),
        ]);
        insta::assert_snapshot!(told(seen.outcome.assert_exit(0)));
    }

    #[test]
    fn the_decision_log_goes_on_by_offset() {
        let page = |ids: &[u64]| ids.iter().map(|id| json!({ "id": id })).collect::<Value>();
        let route = "/api/v2/owner/o1/context/config/decision";
        let seen = Case::query("endpoint: /owner/o1/context/config/decision\nrows: $[*]")
            .args(["-o", "ndjson"])
            .asks(vec![
                get(&format!("{route}?offset=0")).answers(page(&[1, 2])),
                get(&format!("{route}?offset=2")).answers(page(&[])),
            ]);
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen), [1, 2]);
    }
}
