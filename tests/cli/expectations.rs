//! Expectations of queries that others use: as items of a walk, and in `data`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::case::{Case, Seen, told, transcript};
use crate::support::{Answer, Exchange, Outcome, Run, Server};

/// One request at a time: then failures come in the order of the items.
const ONE_BY_ONE: &str = "concurrency: 1\nretry: { max_attempts: 1 }";

const PARENTS: &str = "resource: circleci\nendpoint: /parents\nrows: $.items[*]\n";

/// An expectation in the words of its author.
const THREE: &str = "expect:\n  that: rows | length == 3\n  \
                     message: \"{{ rows | length }} parents instead of 3\"\n";

fn get(path: &str) -> Exchange {
    Exchange::get(&format!("/api/v2{path}"))
}

fn post(path: &str) -> Exchange {
    Exchange::post(&format!("/api/v2{path}")).answers(json!({ "id": "posted" }))
}

fn page(ids: &[&str]) -> Value {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "items": items, "next_page_token": null })
}

fn one(id: &str) -> Exchange {
    get(&format!("/p/{id}")).answers(json!({ "id": id }))
}

/// `q` requests each record of `parents`, which has more lines.
fn walk(parents: &str) -> Case {
    Case::query("for_each: { parent: { query: parents } }\nendpoint: /p/{{ parent.id }}")
        .file("queries/parents.yaml", format!("{PARENTS}{parents}"))
        .settings(ONE_BY_ONE)
}

#[track_caller]
fn ids(outcome: &Outcome) -> Vec<String> {
    let records = outcome.stdout_json();
    let list = records.as_array().expect("a list of records").iter();
    list.map(|record| record["id"].as_str().unwrap_or("?").to_owned())
        .collect()
}

/// Asserts that a message is in standard error so many times.
#[track_caller]
fn assert_said(outcome: &Outcome, words: &str, times: usize) {
    let stderr = outcome.stderr_text();
    assert_eq!(stderr.matches(words).count(), times, "{words}: {stderr}");
}

mod of_items {
    use super::*;

    #[test]
    fn a_feed_that_does_not_meet_them_is_walked_and_the_run_fails() {
        let case = |args: &[&str]| {
            let exchanges = vec![
                get("/parents").answers(page(&["a", "b"])),
                one("a"),
                one("b"),
            ];
            let args = args.iter().copied();
            walk(THREE).args(args).asks(exchanges).outcome
        };
        let all = [case(&[]), case(&["--error-format", "json"])];
        for outcome in &all {
            assert_eq!(ids(outcome.assert_exit(1)), ["a", "b"]);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_feed_that_meets_them_is_walked() {
        let names = ["a", "b", "c"];
        let mut exchanges = vec![get("/parents").answers(page(&names))];
        exchanges.extend(names.map(one));
        let seen = walk(THREE).asks(exchanges);
        assert_eq!(ids(seen.outcome.assert_exit(0)), names);
        assert_eq!(told(&seen.outcome), "--- exit 0");
    }

    /// Neither a limit beside the item nor that of the walk ends the feed before.
    #[test]
    fn they_are_about_all_records_however_few_are_wanted() {
        let exchanges = || {
            vec![
                get("/parents").answers(json!({
                    "items": [{ "id": "a" }, { "id": "b" }], "next_page_token": "more"
                })),
                get("/parents?page-token=more").answers(page(&["c"])),
                one("a"),
                one("b").at_least(0),
                one("c").at_least(0),
            ]
        };
        let of_walk = walk(THREE).args(["--limit", "1"]).asks(exchanges());
        let of_loop =
            Case::query("for_each: { p: { query: parents, limit: 1 } }\nendpoint: /p/{{ p.id }}")
                .file("queries/parents.yaml", format!("{PARENTS}{THREE}"))
                .asks(exchanges());
        for seen in [of_walk, of_loop] {
            assert_eq!(ids(seen.outcome.assert_exit(0)), ["a"]);
        }
    }

    #[test]
    fn their_records_are_selected_and_ordered_before() {
        let seen = walk(
            "where: row.id != \"d\"\nunique: true\nsort: -id\nlimit: 2\n\
             expect: rows | length == 2 and row.id == \"c\"",
        )
        .asks(vec![
            get("/parents").answers(page(&["a", "b", "b", "c", "d"])),
            one("c"),
            one("b"),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(0)), ["c", "b"]);
    }

    #[test]
    fn a_feed_of_a_feed_has_them_too() {
        let seen =
            Case::query("for_each: { child: { query: children } }\nendpoint: /c/{{ child.id }}")
                .file(
                    "queries/children.yaml",
                    "resource: circleci\nfor_each: { parent: { query: parents } }\n\
                     endpoint: /p/{{ parent.id }}\n",
                )
                .file("queries/parents.yaml", format!("{PARENTS}{THREE}"))
                .asks(vec![
                    get("/parents").answers(page(&["a"])),
                    one("a"),
                    get("/c/a").answers(json!({ "id": "a" })),
                ]);
        assert_eq!(ids(seen.outcome.assert_exit(1)), ["a"]);
        assert_said(&seen.outcome, "1 parents instead of 3", 1);
    }

    /// The second name walks `parents` for each item of the first, and it is one walk.
    #[test]
    fn a_feed_that_is_walked_again_says_it_once() {
        for more in ["", ", limit: 1"] {
            let seen = Case::query(&format!(
                "for_each:\n  n: {{ in: [1, 2] }}\n  parent: {{ query: parents{more} }}\n\
                 endpoint: /{{{{ n }}}}/{{{{ parent.id }}}}"
            ))
            .file("queries/parents.yaml", format!("{PARENTS}{THREE}"))
            .asks(vec![
                get("/parents").answers(page(&["a"])),
                get("/1/a").answers(json!({ "id": "1" })),
                get("/2/a").answers(json!({ "id": "2" })),
            ]);
            assert_eq!(ids(seen.outcome.assert_exit(1)), ["1", "2"]);
            assert_said(&seen.outcome, "1 parents instead of 3", 1);
        }
    }

    #[test]
    fn own_expectations_are_reported_beside_them() {
        let seen = walk("expect: rows | length == 3\n")
            .file(
                "queries/q.yaml",
                "resource: circleci\nfor_each: { parent: { query: parents } }\n\
                 endpoint: /p/{{ parent.id }}\nexpect: rows | length == 2\n",
            )
            .asks(vec![get("/parents").answers(page(&["a"])), one("a")]);
        insta::assert_snapshot!(told(seen.outcome.assert_exit(1)));
    }

    /// As with own expectations: the failures are reported, and the exit code is 1.
    #[test]
    fn an_item_that_fails_is_reported_beside_them() {
        let seen = walk(THREE).asks(vec![
            get("/parents").answers(page(&["a", "b"])),
            one("a"),
            get("/p/b").answers((404, json!({ "message": "none" }))),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(1)), ["a"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn a_failure_that_ends_the_run_comes_last() {
        let seen = walk(THREE).args(["--fail-fast"]).asks(vec![
            get("/parents").answers(page(&["a"])),
            get("/p/a").answers((404, json!({ "message": "none" }))),
        ]);
        insta::assert_snapshot!(told(seen.outcome.assert_exit(3)));
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_told_too() {
        let exchanges = vec![get("/parents").answers(page(&["a"])), one("a")];
        let seen = walk(THREE)
            .args(["-o", "ndjson"])
            .with(|run| run.stdout_closed_after(0))
            .asks(exchanges);
        seen.outcome.assert_exit(1);
        assert_said(&seen.outcome, "1 parents instead of 3", 1);
    }

    #[test]
    fn one_that_cannot_be_evaluated_ends_the_run() {
        let seen = walk("expect: rows | sum(\"id\") == 3\n").asks(vec![
            get("/parents").answers(page(&["a"])),
            one("a").at_least(0),
        ]);
        seen.outcome.assert_exit(2);
        assert_said(&seen.outcome, "queries/parents.yaml", 1);
    }

    #[test]
    fn a_secret_in_their_message_is_masked() {
        let seen = Case::query(
            "vars: { key: { secret: true } }\n\
             for_each: { parent: { query: parents } }\nendpoint: /p/{{ parent.id }}",
        )
        .file(
            "queries/parents.yaml",
            format!(
                "vars: {{ key: null }}\n{PARENTS}headers: {{ X-Key: \"{{{{ key }}}}\" }}\n\
                 expect: {{ that: \"false\", message: \"{{{{ key }}}} {{{{ row.id }}}}\" }}\n"
            ),
        )
        .args(["key=abcdefgh1234"])
        .asks(vec![
            get("/parents").answers(page(&["abcdefgh1234"])),
            get("/p/%2A%2A%2A").at_least(0).answers(json!({})),
        ]);
        let told = told(seen.outcome.assert_exit(1));
        assert!(!told.contains("abcdefgh"), "{told}");
        assert!(told.contains("*** ***"), "{told}");
    }
}

mod of_dependent_items {
    use super::*;

    /// `q` requests each child of each parent, and `children` is bound for each parent.
    fn dependent(children: &str) -> Case {
        Case::query(
            "for_each:\n  parent: { query: parents }\n  \
             child: { query: children, vars: { of: \"{{ parent.id }}\" } }\n\
             endpoint: /c/{{ child.id }}",
        )
        .file("queries/parents.yaml", PARENTS)
        .file(
            "queries/children.yaml",
            format!("resource: circleci\nvars: {{ of: {{}} }}\nendpoint: /p/{{{{ of }}}}\nrows: $.items[*]\n{children}"),
        )
        .settings(ONE_BY_ONE)
    }

    const SOME: &str = "expect:\n  that: rows\n  message: \"{{ of }} has no children\"\n";

    fn children(parent: &str, ids: &[&str]) -> Exchange {
        get(&format!("/p/{parent}")).answers(page(ids))
    }

    fn child(id: &str) -> Exchange {
        get(&format!("/c/{id}")).answers(json!({ "id": id }))
    }

    #[test]
    fn each_item_that_does_not_meet_them_is_named() {
        let seen = dependent(SOME).asks(vec![
            get("/parents").answers(page(&["a", "b", "c"])),
            children("a", &[]),
            children("b", &["b1"]),
            children("c", &[]),
            child("b1"),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(1)), ["b1"]);
        insta::assert_snapshot!(told(&seen.outcome));
    }

    #[test]
    fn of_many_items_some_are_named_and_the_rest_is_counted() {
        let names: Vec<String> = (0..14).map(|index| format!("p{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut exchanges = vec![get("/parents").answers(page(&names))];
        exchanges.extend(names.iter().map(|name| children(name, &[])));
        let seen = dependent(SOME).asks(exchanges);
        assert_eq!(ids(seen.outcome.assert_exit(1)), Vec::<String>::new());
        assert_said(&seen.outcome, "has no children", 10);
        assert_said(&seen.outcome, "expectations failed for 4 other items", 1);
    }

    /// The feed of a feed that is bound for an item does not name it itself.
    #[test]
    fn the_item_is_named_for_the_feed_of_its_feed_too() {
        let seen = dependent("")
            .file(
                "queries/children.yaml",
                "resource: circleci\nvars: { of: {} }\n\
                 for_each: { n: { query: inner } }\nendpoint: /n/{{ n.id }}\n",
            )
            .file(
                "queries/inner.yaml",
                "resource: circleci\nvars: { of: {} }\nendpoint: /p/{{ of }}\n\
                 rows: $.items[*]\nexpect: rows\n",
            )
            .asks(vec![
                get("/parents").answers(page(&["a", "b"])),
                children("a", &[]),
                children("b", &["b1"]),
                get("/n/b1").answers(json!({ "id": "b1" })),
                child("b1"),
            ]);
        assert_eq!(ids(seen.outcome.assert_exit(1)), ["b1"]);
        assert_said(&seen.outcome, "expectations of `inner` failed: `rows`", 1);
        assert_said(&seen.outcome, "item: parent a", 1);
    }

    /// It has no records about which anything could be expected.
    #[test]
    fn an_item_that_fails_does_so_once() {
        let of_feed = dependent(SOME).asks(vec![
            get("/parents").answers(page(&["a", "b"])),
            get("/p/a").answers((404, json!({ "message": "none" }))),
            children("b", &["b1"]),
            child("b1"),
        ]);
        let of_its_feed = dependent("")
            .file(
                "queries/children.yaml",
                "resource: circleci\nvars: { of: {} }\n\
                 for_each: { n: { query: inner } }\nendpoint: /n/{{ n.id }}\nexpect: rows\n",
            )
            .file(
                "queries/inner.yaml",
                "resource: circleci\nvars: { of: {} }\nendpoint: /p/{{ of }}\n\
                 rows: $.items[*]\nexpect: rows\n",
            )
            .asks(vec![
                get("/parents").answers(page(&["a", "b"])),
                get("/p/a").answers((404, json!({ "message": "none" }))),
                children("b", &["b1"]),
                get("/n/b1").answers(json!({ "id": "b1" })),
                child("b1"),
            ]);
        for seen in [of_feed, of_its_feed] {
            assert_eq!(ids(seen.outcome.assert_exit(6)), ["b1"]);
            assert_said(&seen.outcome, "error[expectation]", 0);
        }
    }
}

mod of_data {
    use super::*;

    const JOBS: &str = "resource: circleci\nendpoint: /jobs\nrows: $.items[*]\nextract: { id: $.id }\n\
                        expect:\n  that: rows | length == 3\n  message: jobs are missing\n";

    fn jobs() -> Exchange {
        get("/jobs").answers(page(&["a", "b"]))
    }

    #[test]
    fn a_report_is_written_and_the_run_fails() {
        let server = Server::start(vec![jobs()]);
        let project = Case::query(
            "data: { jobs: { query: jobs } }\nreport: { template: \"{{ data.jobs | length }} jobs\" }",
        )
        .file("queries/jobs.yaml", JOBS)
        .project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["run", "q", "--out", "report.md", "--state", "state"])
            .outcome();
        outcome.assert_exit(1);
        assert_eq!(project.read("report.md").as_deref(), Some("2 jobs\n"));
        insta::assert_snapshot!(told(&outcome));
        server.finish();
    }

    /// As records, as a document, as items, and by two queries.
    #[test]
    fn a_query_that_is_used_several_times_says_it_once() {
        let seen = Case::query(
            "for_each: { job: { query: jobs } }\n\
             data: { jobs: { query: jobs }, table: { query: table }, text: { query: text } }\n\
             endpoint: /p/{{ job.id }}/{{ data.table | length }}/{{ data.text | trim }}",
        )
        .file("queries/jobs.yaml", JOBS)
        .file(
            "queries/table.yaml",
            "data: { jobs: { query: jobs } }\nsql: select * from jobs\n",
        )
        .file(
            "queries/text.yaml",
            "data: { jobs: { query: jobs } }\nreport: { template: \"{{ data.jobs | length }}\" }\n",
        )
        .asks(vec![
            jobs(),
            get("/p/a/2/2").answers(json!({ "id": "a" })),
            get("/p/b/2/2").answers(json!({ "id": "b" })),
        ]);
        assert_eq!(ids(seen.outcome.assert_exit(1)), ["a", "b"]);
        assert_said(&seen.outcome, "jobs are missing", 1);
    }

    #[test]
    fn they_are_about_the_data_and_the_failures_of_their_query_too() {
        let seen = Case::query("data: { t: { query: table } }\nsql: select count(*) as n from t")
            .file("queries/jobs.yaml", JOBS)
            .file(
                "queries/walk.yaml",
                "resource: circleci\nfor_each: { n: { in: [1, 2] } }\nendpoint: /n/{{ n }}\n",
            )
            .file(
                "queries/table.yaml",
                "data: { jobs: { query: jobs }, walk: { query: walk } }\nsql: select id from jobs\n\
                 expect:\n  that: not run.failures and not run.partial\n  \
                 message: \"{{ data.jobs | length }} jobs, {{ run.failures[0].message }}\"\n",
            )
            .asks(vec![
                jobs(),
                get("/n/1").answers(json!({ "id": 1 })),
                get("/n/2").answers((404, json!({ "message": "none" }))),
            ]);
        assert_eq!(
            seen.outcome.assert_exit(1).stdout_json(),
            json!([{ "n": 2 }])
        );
        assert_said(&seen.outcome, "jobs are missing", 1);
        assert_said(
            &seen.outcome,
            "2 jobs, circleci returned 404 Not Found: none",
            1,
        );
    }

    #[test]
    fn a_statement_of_the_command_line_has_them_too() {
        let server = Server::start(vec![jobs()]);
        let project = Case::get()
            .file("queries/jobs.yaml", JOBS)
            .project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["sql", "select id from jobs", "--from", "jobs=jobs"])
            .outcome();
        assert_eq!(ids(outcome.assert_exit(1)), ["a", "b"]);
        assert_said(&outcome, "jobs are missing", 1);
        server.finish();
    }
}

mod of_a_response {
    use super::*;

    const WHO: &str = "resource: circleci\nendpoint: /who\nextract: { id: $.id }\nexpect:\n  \
         that: response.body.ok and response.headers[\"X-Total\"] == \"1\" and response.elapsed_ms >= 0\n  \
         message: \"{{ response.status }}: {{ response.body.why }}\"\n";

    fn who(ok: bool) -> Exchange {
        let body = json!({ "id": "a", "ok": ok, "why": "no luck" });
        get("/who").answers(Answer::status(200).header("X-Total", "1").json(&body))
    }

    /// The query `who` as items, as data, and as items that depend on others.
    fn in_every_place(ok: bool) -> [Seen; 3] {
        let case = |yaml: &str, more: Vec<Exchange>| {
            let mut exchanges = vec![who(ok)];
            exchanges.extend(more);
            let case = Case::query(yaml).file("queries/who.yaml", WHO);
            case.asks(exchanges)
        };
        [
            case(
                "for_each: { w: { query: who } }\nendpoint: /p/{{ w.id }}",
                vec![one("a")],
            ),
            case(
                "data: { w: { query: who } }\nendpoint: /p/{{ data.w[0].id }}\nrows: $",
                vec![one("a")],
            ),
            Case::query(
                "for_each:\n  n: { in: [a] }\n  w: { query: who, vars: { n: \"{{ n }}\" } }\n\
                 endpoint: /p/{{ w.id }}",
            )
            .file("queries/who.yaml", format!("vars: {{ n: {{}} }}\n{WHO}"))
            .asks(vec![who(ok), one("a")]),
        ]
    }

    #[test]
    fn it_is_known_wherever_its_query_is_used() {
        for seen in in_every_place(true) {
            seen.outcome.assert_exit(0);
        }
        for seen in in_every_place(false) {
            assert_eq!(ids(seen.outcome.assert_exit(1)), ["a"]);
            assert_said(&seen.outcome, "error[expectation]: 200: no luck", 1);
            assert_said(&seen.outcome, "/api/v2/who", 1);
        }
    }

    #[test]
    fn of_several_pages_it_is_the_first_and_of_several_polls_the_last() {
        let pages = walk("expect: response.body.total == 2\n").asks(vec![
            get("/parents").answers(json!({
                "items": [{ "id": "a" }], "total": 2, "next_page_token": "more"
            })),
            get("/parents?page-token=more").answers(page(&["b"])),
            one("a"),
            one("b"),
        ]);
        pages.outcome.assert_exit(0);
        let polls =
            walk("poll: { until: response.body.done, every: 1ms }\nexpect: response.body.done\n")
                .asks(vec![
                    get("/parents").answers(json!({ "items": [], "done": false })),
                    get("/parents").answers(json!({ "items": [{ "id": "a" }], "done": true })),
                    one("a"),
                ]);
        polls.outcome.assert_exit(0);
    }
}

mod of_what_a_write_depends_on {
    use super::*;

    /// `parents` in every place that a query which writes depends on.
    fn in_every_place(parents: &str) -> Vec<Case> {
        let parents = format!("{PARENTS}{parents}");
        let walked = "for_each: { x: { query: between } }\nmethod: POST\nendpoint: /w/{{ x.id }}";
        let single =
            "data: { x: { query: between } }\nmethod: POST\nendpoint: \"/w/{{ data.x | length }}\"";
        let both = "for_each: { n: { in: [1, 2] } }\ndata: { x: { query: between } }\nmethod: POST\n\
                    endpoint: \"/w/{{ n }}/{{ data.x | length }}\"";
        let dependent = "for_each:\n  n: { in: [1, 2] }\n  x: { query: between, vars: { n: \"{{ n }}\" } }\n\
                         method: POST\nendpoint: /w/{{ x.id }}";
        let fed = "resource: circleci\nvars: { n: null }\nfor_each: { y: { query: parents } }\nendpoint: /p/{{ y.id }}\n";
        let with_data = "resource: circleci\nvars: { n: null }\ndata: { y: { query: parents } }\n\
                         endpoint: \"/y/{{ data.y | length }}\"\n";
        let table = "vars: { n: null }\ndata: { y: { query: parents } }\nsql: select id from y\n";
        let itself = format!("vars: {{ n: null }}\n{parents}");
        let mut cases = Vec::new();
        for query in [walked, single, both, dependent] {
            for between in [&itself, fed, with_data, table] {
                cases.push(
                    Case::query(query)
                        .file("queries/between.yaml", between)
                        .file("queries/parents.yaml", &parents)
                        .settings(ONE_BY_ONE),
                );
            }
        }
        cases
    }

    fn reads(parents: &Value) -> Vec<Exchange> {
        vec![
            get("/parents").at_least(1).answers(parents.clone()),
            one("a").at_least(0),
            get("/y/1").at_least(0).answers(json!({ "id": "y" })),
        ]
    }

    /// The server accepts no request that writes.
    #[test]
    fn nothing_is_sent_if_one_is_not_met() {
        for case in in_every_place(THREE) {
            let outcome = case.args(["--yes"]).asks(reads(&page(&["a"]))).outcome;
            assert_eq!(outcome.assert_exit(1).stdout_text(), "");
            assert_said(
                &outcome,
                "error[expectation]: nothing was sent: 1 parents instead of 3",
                1,
            );
        }
    }

    #[test]
    fn it_is_sent_if_all_are_met() {
        for case in in_every_place("expect: rows | length == 1\n") {
            let mut exchanges = reads(&page(&["a"]));
            for path in ["/w/a", "/w/y", "/w/1", "/w/1/1", "/w/2/1"] {
                exchanges.push(post(path).at_least(0));
            }
            let seen = case.args(["--yes"]).asks(exchanges);
            seen.outcome.assert_exit(0);
            let writes = seen
                .requests
                .iter()
                .filter(|request| request.method == "POST");
            assert!(writes.count() > 0);
        }
    }

    /// `until` of a poll is a condition too: the last records of one that timed out do not meet it.
    #[test]
    fn nothing_is_sent_if_a_poll_ended_without_what_it_waited_for() {
        let poll = "poll: { until: \"false\", every: 1ms, timeout: 5ms }\n";
        for case in in_every_place(poll) {
            let outcome = case.args(["--yes"]).asks(reads(&page(&["a"]))).outcome;
            assert_eq!(outcome.assert_exit(1).stdout_text(), "");
            assert_said(
                &outcome,
                "error[poll-timeout]: nothing was sent: `until: false`",
                1,
            );
        }
    }

    fn posts() -> Case {
        Case::query("for_each: { x: { query: parents } }\nmethod: POST\nendpoint: /w/{{ x.id }}")
            .file("queries/parents.yaml", format!("{PARENTS}{THREE}"))
            .settings(ONE_BY_ONE)
    }

    #[test]
    fn nobody_is_asked_and_nothing_is_shown_that_would_not_be_sent() {
        let parents = || vec![get("/parents").answers(page(&["a"]))];
        let plain = posts().asks(parents()).outcome;
        let preview = posts().args(["--preview"]).asks(parents()).outcome;
        let json = posts()
            .args(["--yes", "--error-format", "json"])
            .asks(parents())
            .outcome;
        let empty = posts()
            .args(["--yes"])
            .asks(vec![get("/parents").answers(page(&[]))])
            .outcome;
        let terminal = posts()
            .with(|run| run.terminal(100))
            .asks(parents())
            .outcome;
        let all = [plain, preview, json, empty, terminal];
        for outcome in &all {
            outcome.assert_exit(1);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_dry_run_requests_nothing_and_so_knows_nothing() {
        posts().args(["--dry-run"]).asks_nothing().assert_exit(0);
    }

    /// The expectation may not be met because something failed before.
    #[test]
    fn a_failure_before_it_is_reported_too() {
        let case = |query: &str| {
            Case::query(query)
                .file(
                    "queries/parents.yaml",
                    "resource: circleci\nfor_each: { n: { in: [a, b] } }\nendpoint: /p/{{ n }}\n\
                     expect: rows | length == 2\n",
                )
                .settings(ONE_BY_ONE)
        };
        let exchanges = || {
            vec![
                one("a"),
                get("/p/b").answers((404, json!({ "message": "none" }))),
            ]
        };
        let walked =
            case("for_each: { x: { query: parents } }\nmethod: POST\nendpoint: /w/{{ x.id }}");
        let single = case(
            "data: { x: { query: parents } }\nmethod: POST\nendpoint: \"/w/{{ data.x | length }}\"",
        );
        let all = [
            walked.args(["--yes"]).asks(exchanges()).outcome,
            single.args(["--yes"]).asks(exchanges()).outcome,
        ];
        for outcome in &all {
            outcome.assert_exit(1);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn of_several_queries_none_is_sent() {
        let server = Server::start(vec![get("/parents").answers(page(&["a"]))]);
        let project = posts()
            .file(
                "queries/other.yaml",
                "resource: circleci\nmethod: POST\nendpoint: /other\n",
            )
            .project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["run", "other", "q", "--yes"])
            .timeout(Duration::from_secs(20))
            .outcome();
        outcome.assert_exit(1);
        server.finish();
    }
}
