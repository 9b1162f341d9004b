//! Walks: one request per record of another query, or per item of a list.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::case::{Case, Seen, told, transcript};
use crate::support::{Answer, Exchange, Fault, Outcome, Run, Server};

/// Retries without a noticeable delay.
const QUICK: &str = "retry: { base_delay: 1ms, max_delay: 2ms }";

/// One request at a time and none again: then failures come in the order of the items.
const ONE_BY_ONE: &str = "concurrency: 1\nretry: { max_attempts: 1 }";

const PARENTS: &str = "resource: circleci\nendpoint: /parents\nrows: $.items[*]\n";

fn get(path: &str) -> Exchange {
    Exchange::get(&format!("/api/v2{path}"))
}

/// The last page of a listing.
fn page(ids: &[&str]) -> Value {
    page_before(ids, None)
}

/// A page before the one of a token.
fn page_before(ids: &[&str], token: Option<&str>) -> Value {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "items": items, "next_page_token": token })
}

/// `q` asks for what lies below each record of `parents`.
fn walk(more: &str) -> Case {
    Case::query(&format!(
        "for_each: {{ parent: {{ query: parents }} }}\n\
         endpoint: /p/{{{{ parent.id }}}}\nrows: $.items[*]\n{more}"
    ))
    .file("queries/parents.yaml", PARENTS)
    .settings(QUICK)
}

/// The parents, and a page of children for each: `a` has `a1` and `a2`.
fn family(parents: &[&str]) -> Vec<Exchange> {
    let mut exchanges = vec![get("/parents").answers(page(parents))];
    exchanges.extend(parents.iter().map(|parent| children(parent)));
    exchanges
}

fn children(parent: &str) -> Exchange {
    let ids = [format!("{parent}1"), format!("{parent}2")];
    get(&format!("/p/{parent}")).answers(page(&[&ids[0], &ids[1]]))
}

/// The records' `id`s.
#[track_caller]
fn ids(outcome: &Outcome) -> Vec<String> {
    let records = outcome.stdout_json();
    let list = records.as_array().expect("a list of records");
    list.iter()
        .map(|record| record["id"].as_str().unwrap_or("?").to_owned())
        .collect()
}

/// Returns the number of requests for a target.
fn count(seen: &Seen, target: &str) -> usize {
    let target = format!("/api/v2{target}");
    let requests = seen.requests.iter();
    requests.filter(|request| request.target == target).count()
}

/// A query with a second loop, whose query runs anew for every item of the first.
fn rerun_for_every_item() -> Case {
    Case::query(
        "for_each:\n  x: { in: [a, b] }\n  \
             y: { query: middle, vars: { of: \"{{ x }}\" } }\n\
             endpoint: /y/{{ x }}/{{ y.id }}",
    )
    .file(
        "queries/middle.yaml",
        "resource: circleci\nvars: { of: { description: Whose } }\n\
             for_each:\n  n: { in: [1, 2] }\n  z: { query: bottom }\n\
             endpoint: /m/{{ n }}/{{ z.id }}\n",
    )
    .file(
        "queries/bottom.yaml",
        "resource: circleci\nvars: { of: { description: Whose } }\n\
             endpoint: /p/{{ of }}\nrows: $.items[*]\n",
    )
}

mod levels {
    use super::*;

    #[test]
    fn what_lies_below_each_record_comes_in_the_order_of_the_records() {
        let seen = walk("").asks(family(&["b", "a", "c"]));
        seen.outcome.assert_exit(0);
        assert_eq!(ids(&seen.outcome), ["b1", "b2", "a1", "a2", "c1", "c2"]);
        assert_eq!(seen.outcome.stderr_text(), "");
    }

    #[test]
    fn no_items_are_no_records_and_no_failure() {
        let seen = walk("").asks(vec![get("/parents").answers(page(&[]))]);
        seen.outcome.assert_exit(0);
        assert_eq!(seen.outcome.stdout_json(), json!([]));
        let nothing = walk("").asks(vec![
            get("/parents").answers(page(&["a", "b"])),
            get("/p/a").answers(page(&[])),
            get("/p/b").answers(page(&[])),
        ]);
        nothing.outcome.assert_exit(0);
        assert_eq!(nothing.outcome.stdout_json(), json!([]));
    }

    /// Projects, their pipelines, their workflows, and a request for each of these.
    fn four() -> Case {
        let level = |below: &str, item: &str| {
            format!(
                "resource: circleci\nfor_each: {{ {item}: {{ query: {item}s }} }}\n\
                 endpoint: /{item}/{{{{ {item}.id }}}}/{below}\nrows: $.items[*]\n\
                 extract: {{ id: $.id, way: \"{{{{ {item}.way }}}}/{{{{ row.id }}}}\" }}\n"
            )
        };
        Case::query(
            "for_each: { workflow: { query: workflows } }\n\
             endpoint: /workflow/{{ workflow.id }}/job\nrows: $.items[*]\n\
             extract: { id: $.id, way: \"{{ workflow.way }}/{{ row.id }}\" }",
        )
        .file(
            "queries/projects.yaml",
            "resource: circleci\nendpoint: /projects\nrows: $.items[*]\n\
             extract: { id: $.id, way: $.id }\n",
        )
        .file("queries/pipelines.yaml", level("pipeline", "project"))
        .file("queries/workflows.yaml", level("workflow", "pipeline"))
    }

    fn four_exchanges() -> Vec<Exchange> {
        vec![
            get("/projects").answers(page(&["P", "Q"])),
            get("/project/P/pipeline").answers(page_before(&["1"], Some("next"))),
            get("/project/P/pipeline?page-token=next").answers(page(&["2"])),
            get("/project/Q/pipeline").answers(page(&["3", "4"])),
            get("/pipeline/1/workflow").answers(page(&["w1", "w2"])),
            get("/pipeline/2/workflow").answers(page(&[])),
            get("/pipeline/3/workflow").answers(page(&["w3"])),
            get("/pipeline/4/workflow").answers(page(&["w4"])),
            get("/workflow/w1/job").answers(page(&["j1"])),
            get("/workflow/w2/job").answers(page_before(&["j2"], Some("next"))),
            get("/workflow/w2/job?page-token=next").answers(page(&["j3"])),
            get("/workflow/w3/job").answers(page(&["j4"])),
            get("/workflow/w4/job").answers(page(&["j5"])),
        ]
    }

    #[test]
    fn four_levels_hand_their_columns_down() {
        let seen = four().asks(four_exchanges());
        seen.outcome.assert_exit(0);
        let ways: Vec<String> = seen
            .outcome
            .stdout_json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|record| record["way"].as_str().expect("a text").to_owned())
            .collect();
        assert_eq!(
            ways,
            [
                "P/1/w1/j1",
                "P/1/w2/j2",
                "P/1/w2/j3",
                "Q/3/w3/j4",
                "Q/4/w4/j5"
            ]
        );
    }

    #[test]
    fn one_request_at_a_time_is_enough_for_four_levels() {
        let server = Server::start(four_exchanges());
        let outcome = four().settings("concurrency: 1").outcome_at(&server.url());
        assert_eq!(ids(outcome.assert_exit(0)), ["j1", "j2", "j3", "j4", "j5"]);
        assert_eq!(server.max_in_flight(), 1);
        server.finish();
    }

    #[test]
    fn several_names_multiply_the_last_one_fastest() {
        let seen = Case::query(
            "for_each:\n  letter: { in: [x, y] }\n  parent: { query: parents }\n  \
             number: { in: [1, 2] }\n\
             endpoint: /p/{{ letter }}/{{ parent.id }}/{{ number }}",
        )
        .file("queries/parents.yaml", PARENTS)
        .settings("concurrency: 1")
        .asks(
            std::iter::once(get("/parents").answers(page(&["a", "b"])))
                .chain(["x", "y"].into_iter().flat_map(|letter| {
                    ["a/1", "a/2", "b/1", "b/2"].map(|rest| {
                        get(&format!("/p/{letter}/{rest}"))
                            .answers(json!({ "id": format!("{letter}/{rest}") }))
                    })
                }))
                .collect(),
        );
        assert_eq!(
            ids(seen.outcome.assert_exit(0)),
            [
                "x/a/1", "x/a/2", "x/b/1", "x/b/2", "y/a/1", "y/a/2", "y/b/1", "y/b/2"
            ]
        );
        assert_eq!(count(&seen, "/parents"), 1);
    }

    #[test]
    fn a_name_that_mentions_an_earlier_one_is_walked_anew_for_each() {
        let seen = Case::query(
            "for_each:\n  parent: { query: parents }\n  \
             child: { query: below, vars: { of: \"{{ parent.id }}\" } }\n\
             endpoint: /c/{{ parent.id }}/{{ child.id }}",
        )
        .file("queries/parents.yaml", PARENTS)
        .file(
            "queries/below.yaml",
            "resource: circleci\nvars: { of: { description: Whose } }\n\
             endpoint: /p/{{ of }}\nrows: $.items[*]\n",
        )
        .asks(
            family(&["a", "b"])
                .into_iter()
                .chain(
                    ["a/a1", "a/a2", "b/b1", "b/b2"]
                        .map(|way| get(&format!("/c/{way}")).answers(json!({ "id": way }))),
                )
                .collect(),
        );
        assert_eq!(
            ids(seen.outcome.assert_exit(0)),
            ["a/a1", "a/a2", "b/b1", "b/b2"]
        );
    }

    /// With a second loop, a query that is rerun for every item depends on that item too.
    #[test]
    fn what_is_walked_anew_shares_nothing_with_the_item_before() {
        let seen = rerun_for_every_item().settings("concurrency: 1").asks(
            [children("a"), children("b")]
                .into_iter()
                .chain(
                    [
                        "1/a1", "1/a2", "2/a1", "2/a2", "1/b1", "1/b2", "2/b1", "2/b2",
                    ]
                    .map(|way| {
                        let id = way.replace('/', "");
                        get(&format!("/m/{way}")).answers(json!({ "id": id }))
                    }),
                )
                .chain(
                    [
                        "a/1a1", "a/1a2", "a/2a1", "a/2a2", "b/1b1", "b/1b2", "b/2b1", "b/2b2",
                    ]
                    .map(|way| get(&format!("/y/{way}")).answers(json!({ "id": way }))),
                )
                .collect(),
        );
        assert_eq!(
            ids(seen.outcome.assert_exit(0)),
            [
                "a/1a1", "a/1a2", "a/2a1", "a/2a2", "b/1b1", "b/1b2", "b/2b1", "b/2b2"
            ]
        );
    }

    #[test]
    fn lists_hold_scalars_and_objects_and_come_from_anywhere() {
        let seen = Case::query(
            "vars: { letters: { type: list, default: [a, b] }, empty: { type: list, required: false } }\n\
             for_each:\n  letter: { in: \"{{ letters }}\" }\n  \
             thing: { in: [{ name: n1, deep: { x: 1 } }, { name: \"{{ letter }}\", deep: {} }] }\n\
             endpoint: /l/{{ letter }}/{{ thing.name }}\nparams: { x: \"{{ thing.deep.x }}\" }",
        )
        .asks(vec![
            get("/l/a/n1?x=1").answers(json!({ "id": 1 })),
            get("/l/a/a").answers(json!({ "id": 2 })),
            get("/l/b/n1?x=1").answers(json!({ "id": 3 })),
            get("/l/b/b").answers(json!({ "id": 4 })),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{ "id": 1 }, { "id": 2 }, { "id": 3 }, { "id": 4 }])
        );
        for list in [
            "[]",
            "\"{{ empty }}\"",
            "\"{{ [1, 2] | select('>', 5) | list }}\"",
        ] {
            let outcome = Case::query(&format!(
                "vars: {{ empty: {{ type: list, required: false }} }}\n\
                 for_each: {{ item: {{ in: {list} }} }}\nendpoint: /x/{{{{ item }}}}"
            ))
            .asks_nothing();
            assert_eq!(outcome.assert_exit(0).stdout_json(), json!([]));
        }
    }

    #[test]
    fn what_is_no_list_is_reported() {
        let all = ["\"{{ 5 }}\"", "\"{{ 'abc' }}\"", "\"{{ {'a': 1} }}\""].map(|list| {
            let outcome = Case::query(&format!(
                "for_each: {{ item: {{ in: {list} }} }}\nendpoint: /x/{{{{ item }}}}"
            ))
            .asks_nothing();
            outcome.assert_exit(2);
            outcome
        });
        insta::assert_snapshot!(transcript(&all));
    }
}

mod items {
    use super::*;

    #[test]
    fn an_item_is_seen_wherever_its_request_is() {
        let seen = Case::query(
            "for_each: { parent: { query: parents } }\nmethod: POST\nsafe: true\n\
             endpoint: /p/{{ parent.id }}\n\
             params: { name: \"{{ parent.name }}\", none: \"{{ parent.nothing }}\", \
             lacks: \"{{ parent.lacks }}\", deep: \"{{ parent.deep.list }}\" }\n\
             headers: { X-Name: \"{{ parent.name }}\" }\n\
             body: { json: { all: \"{{ parent.deep }}\", text: \"<{{ parent.id }}>\" } }\n\
             rows: $.items[*]\n\
             where: row.n > parent.least\n\
             extract: { of: \"{{ parent.name }}\", n: $.n, more: \"{{ row.n - parent.least }}\" }\n\
             sort: [-parent.rank, n]",
        )
        .file("queries/parents.yaml", PARENTS)
        .args(["--yes"])
        .asks(vec![
            get("/parents").answers(json!({ "items": [
                { "id": 1, "name": "é/ü", "nothing": null, "deep": { "list": [1, 2] },
                  "least": 1, "rank": 1 },
                { "id": 2, "name": "b", "deep": {}, "least": 0, "rank": 2 },
            ]})),
            Exchange::post("/api/v2/p/1?name=%C3%A9%2F%C3%BC&deep=1&deep=2")
                .with_json(json!({ "all": { "list": [1, 2] }, "text": "<1>" }))
                .answers(json!({ "items": [{ "n": 3 }, { "n": 1 }, { "n": 2 }] })),
            Exchange::post("/api/v2/p/2?name=b")
                .with_header("x-name", "b")
                .with_json(json!({ "all": {}, "text": "<2>" }))
                .answers(json!({ "items": [{ "n": 5 }, { "n": 4 }] })),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([
                { "of": "b", "n": 4, "more": 4 },
                { "of": "b", "n": 5, "more": 5 },
                { "of": "é/ü", "n": 2, "more": 1 },
                { "of": "é/ü", "n": 3, "more": 2 },
            ])
        );
    }

    /// `extract: {workflow: "{{ workflow.name }}"}` is what one writes first.
    #[test]
    fn a_column_may_have_the_name_of_the_item() {
        let seen = walk(
            "extract: { parent: \"{{ parent.id }}\", again: \"{{ parent.id }}\", id: $.id }\n\
             where: parent.id != \"b\"",
        )
        .asks(family(&["a", "b"]));
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([
                { "parent": "a", "again": "a", "id": "a1" },
                { "parent": "a", "again": "a", "id": "a2" },
            ])
        );
    }

    #[test]
    fn an_item_cannot_change_the_route() {
        let seen = walk("").asks(vec![
            get("/parents").answers(page(&["gh/acme", "..", "a?b#c", "", "good"])),
            get("/p/gh%2Facme").answers(page(&["1"])),
            get("/p/a%3Fb%23c").answers(page(&["2"])),
            get("/p/good").answers(page(&["3"])),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["1", "2", "3"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn the_fields_of_a_record_without_columns_may_be_missing() {
        let seen = Case::query(
            "for_each: { parent: { query: parents } }\n\
             endpoint: /p/{{ parent.id }}/{{ parent.missing }}\nrows: $.items[*]",
        )
        .file("queries/parents.yaml", PARENTS)
        .asks(vec![get("/parents").answers(page(&["a", "b"]))]);
        assert_eq!(seen.outcome.assert_exit(2).stdout_json(), json!([]));
        insta::assert_snapshot!(told(&seen.outcome));
    }
}

mod vars {
    use super::*;

    const FED: &str = "resource: circleci\n\
        vars: { branch: main, since: { required: false }, most: { type: int, default: 5 } }\n\
        endpoint: /parents\n\
        params: { branch: \"{{ branch }}\", since: \"{{ since }}\", most: \"{{ most }}\" }\n\
        rows: $.items[*]\n";

    fn fed(head: &str) -> Case {
        Case::query(&format!("{head}\nendpoint: /p/{{{{ parent.id }}}}"))
            .file("queries/parents.yaml", FED)
    }

    #[test]
    fn vars_of_the_same_name_are_passed_on_and_null_leaves_the_default() {
        for (head, args, target) in [
            (
                "for_each: { parent: { query: parents } }",
                vec![],
                "branch=main&most=5",
            ),
            (
                "vars: { branch: dev, other: x }\nfor_each: { parent: { query: parents } }",
                vec![],
                "branch=dev&most=5",
            ),
            (
                "vars: { branch: dev }\nfor_each: { parent: { query: parents } }",
                vec!["branch=typed"],
                "branch=typed&most=5",
            ),
            (
                "vars: { branch: dev }\n\
                 for_each: { parent: { query: parents, vars: { branch: null } } }",
                vec![],
                "branch=main&most=5",
            ),
            (
                "vars: { branch: { required: false } }\nfor_each: { parent: { query: parents } }",
                vec![],
                "branch=main&most=5",
            ),
            (
                "vars: { b: dev }\nfor_each: { parent: { query: parents, \
                 vars: { branch: \"x-{{ b }}\", most: 7, since: \"{{ none }}\" } } }",
                vec![],
                "branch=x-dev&most=7",
            ),
        ] {
            fed(head)
                .args(args)
                .asks(vec![get(&format!("/parents?{target}")).answers(page(&[]))])
                .outcome
                .assert_exit(0);
        }
    }

    #[test]
    fn a_value_that_does_not_suit_is_reported_before_anything_is_sent() {
        let wrong = [
            fed("for_each: { parent: { query: parents, vars: { most: many } } }"),
            fed("vars: { most: many }\nfor_each: { parent: { query: parents } }"),
        ]
        .map(|case| {
            let outcome = case.asks_nothing();
            outcome.assert_exit(2);
            outcome
        });
        insta::assert_snapshot!(transcript(&wrong));
    }

    #[test]
    fn a_value_that_an_item_does_not_have_fails_that_item() {
        let seen = Case::query(
            "for_each:\n  x: { in: [{ n: 1 }, { n: many }, { n: 2 }] }\n  \
             parent: { query: parents, vars: { most: \"{{ x.n }}\" } }\n\
             endpoint: /p/{{ parent.id }}/{{ x.n }}",
        )
        .file("queries/parents.yaml", FED)
        .asks(vec![
            get("/parents?branch=main&most=1").answers(page(&["a"])),
            get("/parents?branch=main&most=2").answers(page(&["b"])),
            get("/p/a/1").answers(json!({ "id": "a" })),
            get("/p/b/2").answers(json!({ "id": "b" })),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["a", "b"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }
}

mod secrets {
    use super::*;

    const VALUE: &str = "hunter2-of-the-walk";

    fn case(query: &str) -> Case {
        Case::query(query)
            .file(
                "queries/parents.yaml",
                "resource: circleci\nvars: { plain: { required: false } }\nendpoint: /parents\n\
                 params: { given: \"{{ plain }}\" }\nrows: $.items[*]\n\
                 extract: { id: $.id, given: \"{{ plain }}\" }\n",
            )
            .settings("retry: { max_attempts: 1 }")
            .with(|run| run.env("PLAIN", VALUE).secret(VALUE))
    }

    const PASSED_ON: &str = "vars: { plain: { secret: true, default: \"{{ env.PLAIN }}\" } }\n\
        for_each: { parent: { query: parents } }\nendpoint: /p/{{ parent.id }}\n\
        rows: $.items[*]\nextract: { id: $.id, given: \"{{ parent.given }}\" }";

    #[test]
    fn a_secret_that_is_passed_on_is_sent_and_never_shown() {
        let target = format!("/parents?given={VALUE}");
        let good = case(PASSED_ON).args(["-vv"]).asks(vec![
            get(&target).answers(json!({ "items": [{ "id": "a", "echo": VALUE }] })),
            get("/p/a").answers(json!({ "items": [{ "id": VALUE }] })),
        ]);
        good.outcome.assert_exit(0);
        let refused = case(PASSED_ON).asks(vec![
            get(&target).answers((403, json!({ "message": format!("bad {VALUE}") }))),
        ]);
        refused.outcome.assert_exit(4);
        let dry = case(PASSED_ON).args(["--dry-run"]).asks_nothing();
        dry.assert_exit(0);
        insta::assert_snapshot!(transcript([&refused.outcome, &dry]));
        let records = good.outcome.stdout_json();
        assert_eq!(records, json!([{ "id": "***", "given": "***" }]));
    }

    #[test]
    fn a_secret_that_vars_gives_is_secret_below() {
        let query = "for_each: { parent: { query: parents, \
                     vars: { plain: \"{{ env.MY_TOKEN }}-x\" } } }\nendpoint: /p/{{ parent.id }}";
        let with_token = |case: Case| case.with(|run| run.env("MY_TOKEN", VALUE));
        let target = format!("/parents?given={VALUE}-x");
        let refused = with_token(case(query)).args(["-v"]).asks(vec![
            get(&target).answers((404, json!({ "message": "no" }))),
        ]);
        refused.outcome.assert_exit(3);
        with_token(case(query)).args(["--dry-run"]).asks_nothing();
    }

    /// The pieces of a secret are as secret as the whole.
    #[test]
    fn items_that_are_made_of_a_secret_are_secret() {
        let query = "vars: { keys: { secret: true, default: \"{{ env.KEYS }}\" } }\n\
            for_each: { key: { in: \"{{ keys | split(\\\",\\\") }}\" } }\n\
            endpoint: /p\nparams: { q: \"{{ key }}\" }\nextract: { id: $.id, sent: \"{{ key }}\" }";
        let keyed = |case: Case| {
            case.with(|run| {
                run.env("KEYS", "first-of-the-keys,second-of-the-keys")
                    .secret("first-of-the-keys")
                    .secret("second-of-the-keys")
            })
        };
        let seen = keyed(case(query).settings(ONE_BY_ONE))
            .args(["-vv"])
            .asks(vec![
                get("/p?q=first-of-the-keys").answers(json!({ "id": 1 })),
                get("/p?q=second-of-the-keys").answers((404, json!({ "message": "no" }))),
            ]);
        seen.outcome.assert_exit(6);
        let dry = keyed(case(query)).args(["--dry-run"]).asks_nothing();
        dry.assert_exit(0);
        insta::assert_snapshot!(transcript([&seen.outcome, &dry]));
    }
}

mod feeds {
    use super::*;

    fn fed(more: &str) -> Case {
        Case::query(
            "for_each: { parent: { query: parents } }\n\
             endpoint: /p/{{ parent.id }}\nrows: $.items[*]\nextract: { id: $.id }",
        )
        .file("queries/parents.yaml", format!("{PARENTS}{more}\n"))
    }

    #[test]
    fn what_a_fed_query_drops_or_orders_is_dropped_and_ordered_for_the_walk() {
        let listing = ["c", "a", "b", "a", "d"];
        for (more, expected) in [
            ("sort: id\nunique: true", vec!["a", "b", "c", "d"]),
            ("sort: -id\nlimit: 2", vec!["d", "c"]),
            ("limit: 2", vec!["c", "a"]),
            ("unique: true\nlimit: 3", vec!["c", "a", "b"]),
            ("where: row.id > \"b\"", vec!["c", "d"]),
            ("stop_when: row.id == \"b\"", vec!["c", "a"]),
        ] {
            let mut exchanges = vec![get("/parents").answers(page(&listing))];
            exchanges.extend(
                expected
                    .iter()
                    .map(|id| get(&format!("/p/{id}")).answers(page(&[id]))),
            );
            let seen = fed(more).asks(exchanges);
            assert_eq!(ids(seen.outcome.assert_exit(0)), expected, "{more}");
        }
    }

    #[test]
    fn a_fed_query_whose_record_lacks_what_is_required_gives_no_item() {
        let parent = "resource: circleci\nendpoint: /parent\n\
                      extract: { id: { path: $.id, required: true } }\n";
        let seen = walk("")
            .file("queries/parents.yaml", parent)
            .asks(vec![get("/parent").answers(json!({ "message": "none" }))]);
        let told = seen.outcome.assert_exit(1).stderr_text();
        assert!(
            told.contains("the required column `id` is missing"),
            "{told}"
        );
    }

    #[test]
    fn a_fed_query_that_has_enough_asks_for_no_further_page() {
        for more in ["limit: 2", "stop_when: row.id == \"c\"", "paginate: false"] {
            let seen = fed(more).asks(vec![
                get("/parents").answers(page_before(&["a", "b", "c"], Some("never"))),
                children("a"),
                children("b"),
                children("c").at_least(0),
            ]);
            seen.outcome.assert_exit(0);
            if more == "paginate: false" {
                insta::assert_snapshot!(told(&seen.outcome));
            }
        }
    }

    #[test]
    fn the_feed_of_a_feed_may_be_cut_too() {
        let seen =
            Case::query("for_each: { child: { query: children } }\nendpoint: /c/{{ child.id }}")
                .file("queries/parents.yaml", format!("{PARENTS}sort: -id\n"))
                .file(
                    "queries/children.yaml",
                    "resource: circleci\nfor_each: { parent: { query: parents } }\n\
             endpoint: /p/{{ parent.id }}\nrows: $.items[*]\nlimit: 3\n",
                )
                .settings("concurrency: 1")
                .asks(vec![
                    get("/parents").answers(page(&["a", "b", "c"])),
                    children("c"),
                    children("b"),
                    children("a").at_least(0),
                    get("/c/c1").answers(json!({ "id": "c1" })),
                    get("/c/c2").answers(json!({ "id": "c2" })),
                    get("/c/b1").answers(json!({ "id": "b1" })),
                ]);
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["c1", "c2", "b1"]);
    }

    #[test]
    fn where_few_records_are_wanted_few_items_are_requested() {
        let names: Vec<String> = (0..200).map(|index| format!("p{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (more, args) in [("limit: 5", vec![]), ("", vec!["--limit", "5"])] {
            let mut exchanges = vec![
                get("/parents").answers(page_before(&names, Some("next"))),
                get("/parents?page-token=next")
                    .answers(page(&[]))
                    .at_least(0),
            ];
            exchanges.extend(names.iter().map(|name| children(name).at_least(0)));
            let seen = walk(more)
                .settings("concurrency: 2")
                .args(args)
                .asks(exchanges);
            assert_eq!(
                ids(seen.outcome.assert_exit(0)),
                ["p01", "p02", "p11", "p12", "p21"]
            );
            let asked = seen.requests.len();
            assert!(asked <= 10, "{asked} requests for five records");
        }
    }

    #[test]
    fn a_walk_is_sorted_made_unique_and_cut_as_a_whole() {
        let exchanges = || {
            vec![
                get("/parents").answers(page(&["a", "b", "c"])),
                get("/p/a").answers(page(&["3", "1"])),
                get("/p/b").answers(page(&["2", "3"])),
                get("/p/c").answers(page(&["4", "1"])),
            ]
        };
        for (more, expected) in [
            ("sort: id", vec!["1", "1", "2", "3", "3", "4"]),
            ("sort: -id\nunique: true\nlimit: 3", vec!["4", "3", "2"]),
            ("unique: [id]", vec!["3", "1", "2", "4"]),
        ] {
            let seen = walk(more).asks(exchanges());
            assert_eq!(ids(seen.outcome.assert_exit(0)), expected, "{more}");
        }
    }

    /// `stop_when` ends the listing of its item and no other.
    #[test]
    fn enough_of_one_item_is_not_enough_of_all() {
        let seen = walk("stop_when: row.id is endingwith(\"2\")").asks(family(&["a", "b"]));
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["a1", "b1"]);
    }
}

mod order {
    use super::*;

    #[test]
    fn the_slowest_item_comes_first_all_the_same() {
        let slow = Answer::status(200)
            .json(&page(&["a1"]))
            .after(Duration::from_millis(60));
        let exchanges = |slow: Answer| {
            vec![
                get("/parents").answers(page(&["a", "b", "c"])),
                get("/p/a").answers(slow),
                children("b"),
                children("c"),
            ]
        };
        let seen = walk("").asks(exchanges(slow));
        assert_eq!(
            ids(seen.outcome.assert_exit(0)),
            ["a1", "b1", "b2", "c1", "c2"]
        );
        let slow = Answer::status(200)
            .json(&page(&["a1"]))
            .after(Duration::from_millis(60));
        let seen = walk("").args(["--unordered"]).asks(exchanges(slow));
        let found = ids(seen.outcome.assert_exit(0));
        assert_eq!(found.last().map(String::as_str), Some("a1"), "{found:?}");
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 5);
    }

    /// The server gives neither the second page nor the child before both were asked for.
    #[test]
    fn children_start_while_the_next_page_is_coming() {
        let seen = walk("").asks(vec![
            get("/parents").answers(page_before(&["a"], Some("next"))),
            get("/parents?page-token=next")
                .answers(page(&["b"]))
                .together(2),
            children("a").together(2),
            children("b"),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["a1", "a2", "b1", "b2"]);
    }

    #[test]
    fn no_more_requests_are_in_flight_than_the_resource_allows() {
        let names: Vec<String> = (0..40).map(|index| format!("p{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut exchanges = vec![get("/parents").answers(page(&names))];
        exchanges.extend(names.iter().map(|name| children(name).together(3)));
        let server = Server::start(exchanges);
        let outcome = walk("")
            .settings("concurrency: 3")
            .outcome_at(&server.url());
        assert_eq!(ids(outcome.assert_exit(0)).len(), 80);
        assert_eq!(server.max_in_flight(), 3);
        assert!(server.connections() <= 3, "{}", server.connections());
        server.finish();
    }

    /// The person sees the first item's records while the server holds back the second's.
    #[test]
    fn a_record_is_printed_as_soon_as_those_before_it_are() {
        let seen = walk("")
            .settings("concurrency: 1")
            .args(["-o", "ndjson"])
            .with(|run| run.terminal(80).answer("\"a2\"}", "\x03"))
            .asks(vec![
                get("/parents").answers(page(&["a", "b"])),
                children("a"),
                get("/p/b").answers(Fault::Hang),
            ]);
        seen.outcome.assert_exit(130);
    }
}

mod once {
    use super::*;

    #[test]
    fn equal_items_are_requested_once_and_give_their_records_each_time() {
        let seen = Case::query(
            "for_each: { item: { in: [a, b, a, a] } }\nendpoint: /p/{{ item }}\nrows: $.items[*]",
        )
        .asks(vec![children("a"), children("b")]);
        assert_eq!(
            ids(seen.outcome.assert_exit(0)),
            ["a1", "a2", "b1", "b2", "a1", "a2", "a1", "a2"]
        );
    }

    #[test]
    fn two_queries_with_equal_requests_share_the_response() {
        let seen = Case::query(
            "for_each: { x: { query: parents }, y: { query: twins } }\n\
             endpoint: /c/{{ x.id }}/{{ y.id }}",
        )
        .file("queries/parents.yaml", PARENTS)
        .file(
            "queries/twins.yaml",
            format!("{PARENTS}extract: {{ id: $.id }}\n"),
        )
        .asks(vec![
            get("/parents").answers(page(&["a"])),
            get("/c/a/a").answers(json!({ "id": "aa" })),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["aa"]);
    }

    #[test]
    fn several_queries_of_one_call_share_the_responses() {
        let seen = walk("")
            .args(["parents", "-o", "ndjson"])
            .asks(family(&["a"]));
        seen.outcome.assert_exit(0);
        assert_eq!(
            seen.outcome.stdout_text(),
            "{\"id\":\"a1\"}\n{\"id\":\"a2\"}\n{\"id\":\"a\"}\n"
        );
    }

    /// A different header makes a different request.
    #[test]
    fn what_differs_in_anything_is_requested_again() {
        let seen = Case::query(
            "for_each: { item: { in: [a, b, a] } }\nendpoint: /p\nheaders: { X-Of: \"{{ item }}\" }",
        )
        .settings("concurrency: 1")
        .asks(vec![
            get("/p").with_header("x-of", "a").answers(json!({ "id": 1 })),
            get("/p").with_header("x-of", "b").answers(json!({ "id": 2 })),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{ "id": 1 }, { "id": 2 }, { "id": 1 }])
        );
    }

    /// A failure for one item is shared by an equal one without a further request.
    #[test]
    fn a_failure_is_shared_too() {
        let seen = Case::query("for_each: { item: { in: [a, a] } }\nendpoint: /p/{{ item }}")
            .settings(ONE_BY_ONE)
            .asks(vec![get("/p/a").answers((500, json!({ "message": "no" })))]);
        seen.outcome.assert_exit(3);
        insta::assert_snapshot!(told(&seen.outcome));
    }
}

mod failures {
    use super::*;

    #[test]
    fn a_token_that_expires_on_the_way_ends_the_walk() {
        let outcome = walk("")
            .settings("concurrency: 1")
            .asks(vec![
                get("/parents").answers(page(&["a", "b", "c"])),
                children("a"),
                get("/p/b").answers((401, json!({ "message": "expired" }))),
            ])
            .outcome;
        // `c` is not asked for: the server would say that nobody expects it.
        let stderr = outcome.assert_exit(4).stderr_text();
        assert!(stderr.contains("error[http-401]"), "{stderr}");
    }

    fn broken() -> Vec<Exchange> {
        vec![
            get("/parents").answers(page(&[
                "ok", "gone", "down", "text", "half", "cut", "dropped", "gone2", "last",
            ])),
            children("ok"),
            get("/p/gone").answers((404, json!({ "message": "Workflow not found" }))),
            get("/p/down").answers((500, json!({ "message": "Internal" }))),
            get("/p/text").answers(Answer::status(200).text("hello\n")),
            get("/p/half").answers(Answer::status(200).body("application/json", "{\"items\": [")),
            get("/p/cut").answers(Fault::HalfAnswer(page(&["x"]).to_string())),
            get("/p/dropped").answers(Fault::CloseAtOnce),
            get("/p/gone2").answers((404, json!({ "message": "Workflow not found" }))),
            children("last"),
        ]
    }

    #[test]
    fn one_bad_item_does_not_lose_the_others() {
        let seen = walk("").settings(ONE_BY_ONE).asks(broken());
        assert_eq!(
            ids(seen.outcome.assert_exit(6)),
            ["ok1", "ok2", "last1", "last2"]
        );
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn failures_are_objects_for_programs_and_a_summary_comes_last() {
        let seen = walk("")
            .settings(ONE_BY_ONE)
            .args(["--error-format", "json"])
            .asks(broken());
        seen.outcome.assert_exit(6);
        let lines = seen.outcome.stderr_text();
        let objects: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is an object"))
            .collect();
        assert_eq!(objects.len(), 8);
        assert_eq!(objects[7]["code"], "partial");
        assert_eq!(objects[7]["failures"], 7);
        assert_eq!(objects[7]["records"], 4);
        assert!(objects.iter().all(|object| object["exit_code"] == 6));
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn what_passes_is_tried_again() {
        let seen = walk("").asks(vec![
            get("/parents").answers(page(&["a", "b", "c"])),
            get("/p/a").answers((503, json!({}))),
            children("a"),
            get("/p/b").answers(Fault::CloseAtOnce),
            children("b"),
            get("/p/c").answers(Fault::HalfAnswer(page(&["x"]).to_string())),
            children("c"),
        ]);
        assert_eq!(
            ids(seen.outcome.assert_exit(0)),
            ["a1", "a2", "b1", "b2", "c1", "c2"]
        );
        assert_eq!(seen.outcome.stderr_text(), "");
    }

    #[test]
    fn fail_fast_ends_at_the_first_failure() {
        let seen = walk("")
            .settings(ONE_BY_ONE)
            .args(["--fail-fast", "-o", "ndjson"])
            .asks(vec![
                get("/parents").answers(page(&["a", "gone", "b", "c"])),
                children("a"),
                get("/p/gone").answers((404, json!({ "message": "Workflow not found" }))),
                children("b").at_least(0),
                children("c").at_least(0),
            ]);
        assert!(seen.requests.len() <= 4, "it went on");
        insta::assert_snapshot!(seen.outcome.snapshot());
    }

    #[test]
    fn a_status_may_mean_nothing_or_a_response() {
        let seen = walk("on_status: { 404: empty, 409: ok }").asks(vec![
            get("/parents").answers(page(&["a", "gone", "busy"])),
            children("a"),
            get("/p/gone").answers((404, json!({ "message": "no" }))),
            get("/p/busy").answers((409, page(&["held"]))),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["a1", "a2", "held"]);
        assert_eq!(seen.outcome.stderr_text(), "");
    }

    #[test]
    fn without_its_root_a_walk_fails_as_any_query_does() {
        let cases: [(Exchange, i32); 4] = [
            (
                get("/parents").answers((500, json!({ "message": "down" }))),
                3,
            ),
            (
                get("/parents").answers((401, json!({ "message": "who?" }))),
                4,
            ),
            (
                get("/parents").answers(Answer::status(200).text("hello")),
                3,
            ),
            (get("/parents").answers(Fault::CloseAtOnce), 5),
        ];
        let outcomes = cases.map(|(exchange, code)| {
            let seen = walk("").settings(ONE_BY_ONE).asks(vec![exchange]);
            seen.outcome.assert_exit(code);
            seen.outcome
        });
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn a_root_that_breaks_off_gives_what_it_had() {
        let seen = walk("").settings(ONE_BY_ONE).asks(vec![
            get("/parents").answers(page_before(&["a"], Some("next"))),
            get("/parents?page-token=next").answers((500, json!({ "message": "down" }))),
            children("a"),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["a1", "a2"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn a_later_page_of_an_item_that_fails_keeps_the_pages_before_it() {
        let seen = walk("").settings(ONE_BY_ONE).asks(vec![
            get("/parents").answers(page(&["a", "b"])),
            get("/p/a").answers(page_before(&["a1"], Some("stale"))),
            get("/p/a?page-token=stale").answers((404, json!({ "message": "no such token" }))),
            children("b"),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["a1", "b1", "b2"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn cuts_of_items_are_counted() {
        let seen = walk("paginate: { max_pages: 1 }")
            .settings(ONE_BY_ONE)
            .asks(vec![
                get("/parents").answers(page(&["a", "b", "c"])),
                get("/p/a").answers(page_before(&["a1"], Some("next"))),
                get("/p/b").answers(page_before(&["b1"], Some("next"))),
                get("/p/c").answers(page(&["c1"])),
            ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["a1", "b1", "c1"]);
        let rows = walk("paginate: { max_rows: 1 }")
            .settings(ONE_BY_ONE)
            .asks(vec![
                get("/parents").answers(page(&["a", "b"])),
                children("a"),
                get("/p/b").answers(page(&["b1"])),
            ]);
        assert_eq!(ids(rows.outcome.assert_exit(6)), ["a1", "b1"]);
        insta::assert_snapshot!(transcript([&seen.outcome, &rows.outcome]));
    }

    #[test]
    fn all_items_may_fail() {
        let seen = walk("").settings(ONE_BY_ONE).asks(vec![
            get("/parents").answers(page(&["a", "b"])),
            get("/p/a").answers((404, json!({ "message": "no a" }))),
            get("/p/b").answers((404, json!({ "message": "no b" }))),
        ]);
        assert_eq!(seen.outcome.assert_exit(3).stdout_json(), json!([]));
        insta::assert_snapshot!(told(&seen.outcome));
    }

    /// The exit code is that of the most frequent failure, and 6 as soon as one item succeeded.
    #[test]
    fn the_exit_code_is_that_of_the_failures_if_nothing_succeeded() {
        let p = |id: &str, status: u16| {
            get(&format!("/p/{id}")).answers((status, json!({ "message": "no" })))
        };
        let code = |answers: [Exchange; 3]| {
            let first = get("/parents").answers(page(&["a", "b", "c"]));
            let asks = [first].into_iter().chain(answers).collect();
            walk("").settings(ONE_BY_ONE).asks(asks).outcome
        };
        code([p("a", 403), p("b", 404), p("c", 403)]).assert_exit(4);
        code([p("a", 404), p("b", 404), p("c", 403)]).assert_exit(3);
        let empty = get("/p/b").answers(page(&[]));
        code([p("a", 404), empty, p("c", 404)]).assert_exit(6);
        let outcome = walk("")
            .settings(ONE_BY_ONE)
            .args(["--error-format", "json"])
            .asks(vec![
                get("/parents").answers(page(&["a"])),
                p("a", 500).at_least(1),
            ])
            .outcome;
        let told = outcome.assert_exit(3).stderr_text();
        assert!(told.contains("`q` has no result: 1 failure"), "{told}");
    }

    #[test]
    fn a_failure_in_the_middle_of_three_levels_costs_its_subtree() {
        let seen =
            Case::query("for_each: { child: { query: children } }\nendpoint: /c/{{ child.id }}")
                .file("queries/parents.yaml", PARENTS)
                .file(
                    "queries/children.yaml",
                    "resource: circleci\nfor_each: { parent: { query: parents } }\n\
                 endpoint: /p/{{ parent.id }}\nrows: $.items[*]\n",
                )
                .settings(ONE_BY_ONE)
                .asks(vec![
                    get("/parents").answers(page(&["a", "b"])),
                    get("/p/a").answers((404, json!({ "message": "no" }))),
                    children("b"),
                    get("/c/b1").answers(json!({ "id": "b1" })),
                    get("/c/b2").answers((404, json!({ "message": "no" }))),
                ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["b1"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn a_second_name_whose_query_fails_fails_the_walk() {
        let seen = Case::query(
            "for_each: { n: { in: [1, 2] }, parent: { query: parents } }\n\
             endpoint: /p/{{ n }}/{{ parent.id }}",
        )
        .file("queries/parents.yaml", PARENTS)
        .settings(ONE_BY_ONE)
        .asks(vec![
            get("/parents").answers((500, json!({ "message": "down" }))),
        ]);
        insta::assert_snapshot!(seen.outcome.snapshot());
        seen.outcome.assert_exit(3);
    }

    /// A failure in a dependency of one item does not affect the others.
    #[test]
    fn a_failure_below_what_is_walked_anew_costs_that_item() {
        let seen = rerun_for_every_item().settings(ONE_BY_ONE).asks(vec![
            get("/p/a").answers((404, json!({ "message": "no a" }))),
            get("/p/b").answers(page(&["b1"])),
            get("/m/1/b1").answers(json!({ "id": "1" })),
            get("/m/2/b1").answers(json!({ "id": "2" })),
            get("/y/b/1").answers(json!({ "id": "b1" })),
            get("/y/b/2").answers(json!({ "id": "b2" })),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["b1", "b2"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn one_429_pauses_everybody_and_loses_nothing() {
        let names: Vec<String> = (0..12).map(|index| format!("p{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut exchanges = family(&names);
        let limited = Answer::status(429)
            .header("retry-after", "1")
            .json(&json!({}));
        exchanges.insert(6, get("/p/p5").answers(limited));
        let started = std::time::Instant::now();
        let seen = walk("").settings("concurrency: 2").asks(exchanges);
        let expected: Vec<String> = names
            .iter()
            .flat_map(|name| [format!("{name}1"), format!("{name}2")])
            .collect();
        assert_eq!(ids(seen.outcome.assert_exit(0)), expected);
        assert!(started.elapsed() >= Duration::from_secs(1));
    }

    #[test]
    fn expectations_are_about_the_records_of_all_items() {
        let seen = walk("expect:\n  - rows | length == 4\n  - rows | length == 5")
            .asks(family(&["a", "b"]));
        insta::assert_snapshot!(told(seen.outcome.assert_exit(1)));
    }

    #[test]
    fn a_record_that_lacks_what_is_required_fails_the_run() {
        let seen = walk("extract: { id: $.id, name: { path: $.name, required: true } }")
            .settings(ONE_BY_ONE)
            .asks(vec![
                get("/parents").answers(page(&["a", "b"])),
                children("a"),
                children("b").at_least(0),
            ]);
        insta::assert_snapshot!(told(seen.outcome.assert_exit(1)));
    }
}

mod writing {
    use super::*;

    fn posts() -> Case {
        Case::query(
            "for_each: { item: { in: [a, b, a] } }\nmethod: POST\nendpoint: /p/{{ item }}\n\
             body: { json: { id: \"{{ item }}\" } }",
        )
    }

    fn post(id: &str) -> Exchange {
        Exchange::post(&format!("/api/v2/p/{id}")).with_json(json!({ "id": id }))
    }

    #[test]
    fn a_write_is_sent_for_every_item_equal_ones_too() {
        let seen = posts().args(["--yes"]).asks(vec![
            post("a").times(2).answers(json!({ "id": "a" })),
            post("b").answers(json!({ "id": "b" })),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["a", "b", "a"]);
    }

    #[test]
    fn nobody_writes_unasked() {
        let plain = posts().asks_nothing();
        let read_only = posts()
            .settings("access: read-only")
            .args(["--yes"])
            .asks_nothing();
        let feed =
            Case::query("for_each: { item: { query: creates } }\nendpoint: /x/{{ item.id }}")
                .file(
                    "queries/creates.yaml",
                    "resource: circleci\nmethod: POST\nendpoint: /p\n",
                )
                .args(["--yes"])
                .asks_nothing();
        let all = [plain, read_only, feed];
        for outcome in &all {
            outcome.assert_exit(7);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_person_is_asked_once_for_all_items() {
        let seen = posts()
            .with(|run| run.terminal(100).answer("[y/N] ", "y\n"))
            .asks(vec![
                post("a").times(2).answers(json!({ "id": "a" })),
                post("b").answers(json!({ "id": "b" })),
            ]);
        insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn what_was_typed_before_the_question_is_no_answer() {
        let late = Answer::status(200).json(&json!({"items": [{"id": "b"}]}));
        let seen = Case::query(
            "for_each: { i: { query: list } }\nmethod: DELETE\nendpoint: /x/{{ i.id }}",
        )
        .file(
            "queries/list.yaml",
            "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
        )
        .args(["-v"])
        .with(|run| {
            let run = run.terminal(100);
            run.answer("/list", "y\n").answer("[y/N] ", "n\n")
        })
        .asks(vec![
            Exchange::get("/api/v2/list")
                .answers(json!({"items": [{"id": "a"}], "next_page_token": "t"})),
            Exchange::get("/api/v2/list?page-token=t")
                .answers(late.after(Duration::from_millis(500))),
        ]);
        seen.outcome.assert_exit(7);
    }

    #[test]
    fn a_write_that_fails_is_not_repeated_and_the_others_are_made() {
        let seen = posts().settings(QUICK).args(["--yes"]).asks(vec![
            post("a").times(2).answers(json!({ "id": "a" })),
            post("b").answers(Fault::CloseAtOnce),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(6)), ["a", "a"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }
}

mod asking {
    use super::*;

    #[test]
    fn the_content_of_many_responses_is_not_shown_as_it_came() {
        let outcome = walk("").args(["-o", "raw"]).asks_nothing();
        insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
    }

    #[test]
    fn a_dry_run_shows_the_requests_as_far_as_they_are_known() {
        let query = walk("params: { of: \"{{ parent.id | upper }}\", n: 1 }")
            .args(["--dry-run"])
            .asks_nothing();
        let list = Case::query(
            "for_each: { x: { in: [a, b/c] }, y: { in: [1, 2] } }\nmethod: POST\n\
             endpoint: /p/{{ x }}\nbody: { json: { y: \"{{ y }}\" } }",
        )
        .args(["--dry-run"])
        .asks_nothing();
        let dependent = Case::query(
            "for_each:\n  parent: { query: parents }\n  \
             child: { query: below, vars: { of: \"{{ parent.id }}\" } }\n\
             endpoint: /c/{{ parent.id }}/{{ child.id }}",
        )
        .file("queries/parents.yaml", PARENTS)
        .file(
            "queries/below.yaml",
            "resource: circleci\nvars: { of: { description: Whose } }\n\
             endpoint: /p/{{ of }}\nrows: $.items[*]\n",
        )
        .args(["--dry-run"])
        .asks_nothing();
        let curl = walk("").args(["--curl"]).asks_nothing();
        for outcome in [&query, &list, &dependent] {
            outcome.assert_exit(0);
        }
        curl.assert_exit(2);
        insta::assert_snapshot!(transcript([&query, &list, &dependent, &curl]));
    }

    #[test]
    fn verbosity_reports_every_request_and_counts_them() {
        let seen = walk("")
            .settings(ONE_BY_ONE)
            .args(["-v"])
            .asks(family(&["a", "b"]));
        seen.outcome.assert_exit(0);
        let stderr = seen.outcome.stderr_text();
        assert_eq!(stderr.lines().count(), 4, "{stderr}");
        assert!(stderr.contains("3 requests"), "{stderr}");
    }
}

mod ends {
    use super::*;

    /// `a` and `c` are done, `b` and `d` never are.
    fn stuck() -> (Server, Case) {
        let server = Server::start(vec![
            get("/parents").answers(page(&["a", "b", "c", "d", "e"])),
            children("a"),
            get("/p/b").answers(Fault::Hang),
            children("c"),
            get("/p/d").answers(Fault::Hang),
        ]);
        (server, walk("").settings("concurrency: 2"))
    }

    #[test]
    fn an_interrupt_delivers_what_is_done_in_order() {
        let (server, case) = stuck();
        let project = case.project_at(&server.url());
        let running = Run::in_(&project).args(["run", "q"]).start();
        server.wait_for_requests(5);
        running.interrupt();
        let outcome = running.finish();
        assert_eq!(ids(outcome.assert_exit(130)), ["a1", "a2", "c1", "c2"]);
        insta::assert_snapshot!(told(&outcome));
        server.finish();
    }

    #[test]
    fn a_file_stays_as_it_was_after_an_interrupt() {
        let (server, case) = stuck();
        let project = case.project_at(&server.url());
        project.write("out.json", "of yesterday");
        let running = Run::in_(&project)
            .args(["run", "q", "--out", "out.json"])
            .start();
        server.wait_for_requests(5);
        running.interrupt();
        let outcome = running.finish();
        outcome.assert_exit(130);
        assert_eq!(project.read("out.json").as_deref(), Some("of yesterday"));
        insta::assert_snapshot!(outcome.snapshot());
        server.finish();
    }

    #[test]
    fn a_walk_that_takes_too_long_delivers_what_is_done() {
        let (server, case) = stuck();
        let outcome = case.args(["--timeout", "1200ms"]).outcome_at(&server.url());
        assert_eq!(ids(outcome.assert_exit(5)), ["a1", "a2", "c1", "c2"]);
        insta::assert_snapshot!(told(&outcome));
        server.finish();
    }

    #[test]
    fn failures_are_reported_after_an_interrupt_too() {
        let server = Server::start(vec![
            get("/parents").answers(page(&["a", "gone", "b"])),
            children("a"),
            get("/p/gone").answers((404, json!({ "message": "no" }))),
            get("/p/b").answers(Fault::Hang),
        ]);
        let project = walk("").settings(ONE_BY_ONE).project_at(&server.url());
        let running = Run::in_(&project).args(["run", "q"]).start();
        server.wait_for_requests(4);
        running.interrupt();
        let outcome = running.finish();
        insta::assert_snapshot!(outcome.assert_exit(130).snapshot());
        server.finish();
    }

    #[test]
    fn a_file_is_written_whole_when_items_failed() {
        let server = Server::start(vec![
            get("/parents").answers(page(&["a", "gone"])),
            children("a"),
            get("/p/gone").answers((404, json!({ "message": "no" }))),
        ]);
        let project = walk("").settings(ONE_BY_ONE).project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["run", "q", "--out", "out.csv"])
            .outcome();
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
        assert_eq!(project.read("out.csv").as_deref(), Some("id\na1\na2\n"));
        server.finish();
    }
}
