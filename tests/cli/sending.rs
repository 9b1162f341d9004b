//! Walks that write: items and confirmation before the first write, and unconfirmed writes when a
//! run ends early.

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Exchange, Fault, Outcome, Project, Run, Server};

const PARENTS: &str = "resource: circleci\nendpoint: /parents\nrows: $.items[*]\n\
                       extract: { id: $.id, name: $.name }\n";

fn page(ids: &[&str], token: Option<&str>) -> Value {
    let items: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "name": format!("name of {id}") }))
        .collect();
    json!({ "items": items, "next_page_token": token })
}

fn parents(ids: &[&str]) -> Exchange {
    Exchange::get("/api/v2/parents").answers(page(ids, None))
}

fn post(id: &str) -> Exchange {
    Exchange::post(&format!("/api/v2/p/{id}"))
}

fn sent(id: &str) -> Exchange {
    post(id).answers(json!({ "id": id }))
}

/// Posts for each of `parents`.
fn posts(more: &str) -> Case {
    Case::query(&format!(
        "for_each: {{ parent: {{ query: parents }} }}\nmethod: POST\n\
         endpoint: /p/{{{{ parent.id }}}}\nbody: {{ json: {{ name: \"{{{{ parent.name }}}}\" }} }}\n{more}"
    ))
    .file("queries/parents.yaml", PARENTS)
    .settings("retry: { max_attempts: 1 }")
}

/// Posts for each of a list.
fn listed(list: &str, more: &str) -> Case {
    Case::query(&format!(
        "for_each: {{ item: {{ in: {list} }} }}\nmethod: POST\nendpoint: /p/{{{{ item }}}}\n{more}"
    ))
    .settings("retry: { max_attempts: 1 }")
}

fn on_terminal(case: Case, answer: &'static str) -> Case {
    case.with(move |run| {
        let run = run.terminal(80).env("NO_COLOR", "1");
        run.answer("[y/N] ", answer)
    })
}

#[track_caller]
fn ids(outcome: &Outcome) -> Vec<String> {
    let records = outcome.assert_exit(0).stdout_json();
    let list = records.as_array().expect("a list of records").iter();
    list.map(|record| record["id"].as_str().unwrap_or("?").to_owned())
        .collect()
}

mod limits {
    use super::*;

    const TEN: &str = "[a, b, c, d, e, f, g, h, i, j]";

    #[test]
    fn a_limit_is_one_of_what_is_sent() {
        for settings in ["concurrency: 1", "concurrency: 8"] {
            let seen = listed(TEN, "")
                .settings(settings)
                .args(["--yes", "--limit", "1"])
                .asks(vec![sent("a")]);
            assert_eq!(ids(&seen.outcome), ["a"]);
        }
        let seen = listed(TEN, "limit: 2")
            .args(["--yes"])
            .asks(vec![sent("a"), sent("b")]);
        assert_eq!(ids(&seen.outcome), ["a", "b"]);
    }

    #[test]
    fn what_the_responses_hold_does_not_end_the_sending() {
        let two = |id: &str| post(id).answers(json!({ "items": [{ "id": id }, { "id": id }] }));
        let seen = listed("[a, b, c]", "rows: $.items[*]")
            .args(["--yes", "--limit", "2"])
            .asks(vec![two("a"), two("b")]);
        assert_eq!(ids(&seen.outcome), ["a", "a", "b", "b"]);
    }

    #[test]
    fn names_that_multiply_are_limited_together() {
        let seen = Case::query(
            "for_each: { x: { in: [1, 2] }, y: { in: [1, 2] } }\nmethod: POST\n\
             endpoint: /p/{{ x }}{{ y }}",
        )
        .args(["--yes", "--limit", "3", "--unordered"])
        .asks(vec![sent("11"), sent("12"), sent("21")]);
        assert_eq!(ids(&seen.outcome).len(), 3);
    }

    #[test]
    fn a_feed_requests_no_more_than_is_sent() {
        let seen = posts("").args(["--yes", "--limit", "1"]).asks(vec![
            Exchange::get("/api/v2/parents").answers(page(&["a", "b"], Some("two"))),
            Exchange::get("/api/v2/parents?page-token=two")
                .answers(page(&["c"], None))
                .at_least(0),
            sent("a"),
        ]);
        assert_eq!(ids(&seen.outcome), ["a"]);
    }

    #[test]
    fn a_response_that_lacks_what_is_required_does_not_end_the_sending() {
        let seen = listed(
            "[a, b, c]",
            "rows: $.items[*]\nextract: { id: { path: $.id, required: true } }",
        )
        .settings("concurrency: 1")
        .args(["--yes"])
        .asks(vec![
            post("a").answers(json!({ "items": [{}] })),
            post("b").answers(json!({ "items": [{ "id": "b" }] })),
            post("c").answers(json!({ "items": [{ "id": "c" }] })),
        ]);
        seen.outcome.assert_exit(6);
    }
}

mod plans {
    use super::*;

    const MANY: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

    #[test]
    fn the_first_items_are_shown_and_a_person_is_asked_once() {
        let case = posts("confirm: Cancel {{ items | length }} of them, {{ items[0].id }} first?");
        let mut exchanges = vec![parents(&MANY)];
        exchanges.extend(MANY.map(sent));
        let yes = on_terminal(case, "y\n").asks(exchanges);
        let no = on_terminal(posts(""), "n\n").asks(vec![parents(&["a"])]);
        yes.outcome.assert_exit(0);
        no.outcome.assert_exit(7);
        insta::assert_snapshot!(transcript([&yes.outcome, &no.outcome]));
    }

    #[test]
    fn an_interrupt_at_the_question_sends_nothing() {
        let seen = on_terminal(posts(""), "\x03").asks(vec![parents(&["a"])]);
        let screen = seen.outcome.assert_exit(130).stdout_text();
        assert!(!screen.contains("may have been carried out"), "{screen}");
    }

    #[test]
    fn without_a_terminal_it_says_how_many() {
        let text = posts("").asks(vec![parents(&["a", "b"])]);
        let json = posts("confirm: Cancel {{ items | length }}?")
            .args(["--error-format", "json"])
            .asks(vec![parents(&["a", "b"])]);
        text.outcome.assert_exit(7);
        json.outcome.assert_exit(7);
        insta::assert_snapshot!(transcript([&text.outcome, &json.outcome]));
    }

    #[test]
    fn nothing_to_send_is_reported_and_is_no_failure() {
        let plain = posts("").asks(vec![parents(&[])]);
        let terminal = posts("")
            .with(|run| run.terminal(80))
            .asks(vec![parents(&[])]);
        let preview = posts("").args(["--preview"]).asks(vec![parents(&[])]);
        for seen in [&plain, &terminal, &preview] {
            seen.outcome.assert_exit(0);
        }
        insta::assert_snapshot!(transcript([
            &plain.outcome,
            &terminal.outcome,
            &preview.outcome
        ]));
    }

    #[test]
    fn all_items_are_known_before_the_first_write() {
        let seen = posts("").args(["--yes"]).asks(vec![
            Exchange::get("/api/v2/parents").answers(page(&["a"], Some("two"))),
            Exchange::get("/api/v2/parents?page-token=two").answers(page(&["b"], None)),
            sent("a"),
            sent("b"),
        ]);
        assert_eq!(ids(&seen.outcome), ["a", "b"]);
        let methods: Vec<&str> = seen
            .requests
            .iter()
            .map(|one| one.method.as_str())
            .collect();
        assert_eq!(methods, ["GET", "GET", "POST", "POST"]);
    }

    #[test]
    fn items_that_are_not_all_known_are_reported_before_the_question() {
        let broken = || {
            vec![
                Exchange::get("/api/v2/parents").answers(page(&["a"], Some("two"))),
                Exchange::get("/api/v2/parents?page-token=two")
                    .answers((500, json!({ "message": "no" }))),
            ]
        };
        let asked = on_terminal(posts(""), "n\n").asks(broken());
        let preview = posts("").args(["--preview"]).asks(broken());
        let mut exchanges = broken();
        exchanges.push(sent("a"));
        let yes = posts("").args(["--yes"]).asks(exchanges);
        asked.outcome.assert_exit(7);
        preview.outcome.assert_exit(6);
        yes.outcome.assert_exit(6);
        insta::assert_snapshot!(transcript([&asked.outcome, &preview.outcome, &yes.outcome]));
    }

    #[test]
    fn of_several_queries_nothing_is_sent_if_one_is_refused() {
        let server = Server::start(vec![parents(&["a"])]);
        let project = posts("")
            .project_at(&server.url())
            .query("read", "resource: circleci\nendpoint: /read\n");
        let run = Run::in_(&project).args(["run", "read", "q"]);
        run.outcome().assert_exit(7);
        server.finish();
    }
}

mod previews {
    use super::*;

    #[test]
    fn every_request_is_shown_and_none_is_sent() {
        let walk = posts("")
            .args(["--preview"])
            .asks(vec![parents(&["a", "b"])]);
        let single = Case::query("method: DELETE\nendpoint: /x")
            .args(["--preview"])
            .asks_nothing();
        walk.outcome.assert_exit(0);
        single.assert_exit(0);
        insta::assert_snapshot!(transcript([&walk.outcome, &single]));
    }

    #[test]
    fn a_secret_is_masked() {
        let outcome = Case::query(
            "vars: { key: { secret: true } }\nfor_each: { item: { in: [\"{{ key }}\", b] } }\n\
             method: POST\nendpoint: /p\nbody: { json: { key: \"{{ item }}\", of: \"{{ key }}\" } }",
        )
        .args(["--preview", "key=hunter2-hunter2"])
        .with(|run| run.secret("hunter2-hunter2"))
        .asks_nothing();
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn what_it_does_not_go_with_is_reported() {
        let reads = Case::get().args(["--preview"]).asks_nothing();
        let mut all = vec![reads];
        for other in ["--yes", "--dry-run", "--curl"] {
            all.push(posts("").args(["--preview", other]).asks_nothing());
        }
        for outcome in &all {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&all));
    }
}

mod unconfirmed {
    use super::*;

    /// `a` is done, `b` has no answer, and `c` is not sent before that.
    fn stuck(args: &[&str]) -> Outcome {
        let server = Server::start(vec![sent("a"), post("b").answers(Fault::Hang)]);
        let case = listed("[a, b, c]", "").settings("concurrency: 1");
        let project: Project = case.project_at(&server.url());
        let running = Run::in_(&project)
            .args(["run", "q", "--yes"])
            .args(args)
            .start();
        server.wait_for_requests(2);
        running.interrupt();
        let outcome = running.finish();
        server.finish();
        outcome
    }

    #[test]
    fn an_interrupt_names_what_was_sent_without_a_response() {
        let text = stuck(&[]);
        insta::assert_snapshot!(told(text.assert_exit(130)));
        let json = stuck(&["--error-format", "json"]);
        let error: Value = json
            .assert_exit(130)
            .stderr_text()
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .expect("an object");
        let list = error["unconfirmed"].as_array().expect("a list");
        assert_eq!(list.len(), 1);
        assert_eq!(list[0]["method"], "POST");
        assert_eq!(list[0]["item"], "item b");
    }

    #[test]
    fn after_a_timeout_and_a_5xx_each_is_named_and_nothing_else() {
        let server = Server::start(vec![
            post("a").answers((500, json!({ "message": "no" }))),
            post("b").answers(Fault::Hang),
            post("c").answers((429, json!({ "message": "slower" }))),
            post("d").answers((404, json!({ "message": "gone" }))),
            sent("e"),
        ]);
        let outcome = listed("[a, b, c, d, e]", "")
            .settings("timeout: 300ms\nconcurrency: 1\nretry: { max_attempts: 1 }")
            .args(["--yes"])
            .outcome_at(&server.url());
        insta::assert_snapshot!(told(outcome.assert_exit(6)));
        server.finish();
    }

    #[test]
    fn a_single_write_is_named_too() {
        let case = || Case::query("method: POST\nendpoint: /x");
        let server = Server::start(vec![Exchange::post("/api/v2/x").answers(Fault::Hang)]);
        let hanging = case()
            .settings("timeout: 300ms")
            .args(["--yes"])
            .outcome_at(&server.url());
        server.finish();
        let refused = case()
            .args(["--yes"])
            .asks(vec![Exchange::post("/api/v2/x").answers((503, json!({})))]);
        let never = case()
            .settings("retry: { max_attempts: 1 }")
            .args(["--yes"])
            .outcome_at(&Server::refusing().url());
        hanging.assert_exit(5);
        refused.outcome.assert_exit(3);
        assert!(!never.assert_exit(5).stderr_text().contains("carried out"));
        insta::assert_snapshot!(transcript([&hanging, &refused.outcome]));
    }
}
