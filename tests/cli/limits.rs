//! Rate limits and retries.

use serde_json::json;

use crate::case::{Case, told, transcript};
use crate::support::{Answer, Exchange, Outcome, Run};

/// An API other than CircleCI, with retries without a noticeable delay.
const REST: &str = "type: rest\nbase_url: URL\nauth: none\nretry: { base_delay: 1ms }";

fn get_x() -> Exchange {
    Exchange::get("/x")
}

fn case(query: &str) -> Case {
    Case::query(query).resource(REST).args(["-o", "ndjson"])
}

/// Returns the outcome for these responses to `GET /x`.
fn outcome_of(exchanges: Vec<Exchange>) -> Outcome {
    case("endpoint: /x").asks(exchanges).outcome
}

mod forbidden {
    use super::*;

    /// GitHub's words for a 403 that passes.
    fn limited() -> Answer {
        Answer::status(403).json(&json!({"message": "secondary rate limit"}))
    }

    #[test]
    fn a_403_that_says_when_to_come_again_is_waited_for_by_all() {
        let seen = case(
            "for_each: { i: { in: \"{{ range(6) | list }}\" } }\nendpoint: /x/{{ i }}\nextract: { i: \"{{ i }}\" }",
        )
        .args(["-v"])
        .asks(
            (0..6)
                .map(|i| Exchange::get(&format!("/x/{i}")))
                .chain([Exchange::get("/x/6").at_least(0)])
                .enumerate()
                .flat_map(|(i, exchange)| {
                    let refused = Exchange::get(&format!("/x/{i}"))
                        .answers(limited().header("retry-after", "0.01"));
                    (i == 2).then_some(refused).into_iter().chain([exchange])
                })
                .collect(),
        );
        let outcome = seen.outcome;
        outcome.assert_exit(0);
        let lines: Vec<String> = (0..6).map(|i| format!("{{\"i\":{i}}}\n")).collect();
        assert_eq!(outcome.stdout_text(), lines.concat());
        let stderr = outcome.stderr_text();
        assert!(
            stderr.contains("rate limited by the server (403)"),
            "{stderr}"
        );
    }

    #[test]
    fn a_403_with_nothing_left_is_tried_again() {
        for name in ["x-ratelimit", "ratelimit"] {
            let refused = limited()
                .header(&format!("{name}-limit"), "60")
                .header(&format!("{name}-remaining"), "0")
                .header(&format!("{name}-reset"), "0");
            let outcome = outcome_of(vec![get_x().answers(refused), get_x()]);
            outcome.assert_exit(0);
        }
    }

    #[test]
    fn a_limit_is_no_fault_of_the_credentials() {
        let once = |settings: &str, query: &str, answer: Answer| {
            Case::query(query)
                .resource(&format!(
                    "type: rest\nbase_url: URL\nauth: none\n{settings}"
                ))
                .asks(vec![get_x().answers(answer)])
                .outcome
        };
        let once_only = "retry: { max_attempts: 1 }";
        let limit = once(
            once_only,
            "endpoint: /x",
            limited().header("retry-after", "7"),
        );
        let accepted = once(
            once_only,
            "endpoint: /x\non_status: { 403: empty }",
            limited().header("retry-after", "7"),
        );
        let used_up = once(
            "",
            "endpoint: /x",
            limited()
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", "20000"),
        );
        let rights = once(
            "",
            "endpoint: /x",
            limited().header("x-ratelimit-remaining", "9"),
        );
        for outcome in [&limit, &accepted, &used_up] {
            outcome.assert_exit(3);
        }
        rights.assert_exit(4);
        insta::assert_snapshot!(transcript([&limit, &accepted, &used_up, &rights]));
    }
}

mod statuses {
    use super::*;

    #[test]
    fn what_a_gateway_could_not_reach_is_tried_again() {
        for status in 520..=524 {
            let outcome = outcome_of(vec![
                get_x().answers(Answer::status(status)),
                get_x().answers(json!({"ok": 1})),
            ]);
            assert_eq!(outcome.assert_exit(0).stdout_text(), "{\"ok\":1}\n");
        }
    }

    #[test]
    fn a_query_says_when_it_is_tried_again_over_its_resource() {
        let statuses = "retry: { statuses: [409, 530], max_attempts: 3 }";
        let outcome = case(&format!("endpoint: /x\n{statuses}"))
            .asks(vec![
                get_x().answers((409, json!({}))),
                get_x().answers((530, json!({}))),
                get_x().answers(json!({"ok": 1})),
            ])
            .outcome;
        outcome.assert_exit(0);
        let given_up = case(&format!(
            "endpoint: /x\n{statuses}\non_status: {{ 409: empty }}"
        ))
        .asks(vec![get_x().answers((409, json!({}))).times(3)])
        .outcome;
        given_up.assert_exit(0);
        let once = case("endpoint: /x\nretry: { max_attempts: 1 }")
            .asks(vec![get_x().answers((503, json!({})))])
            .outcome;
        once.assert_exit(3);
    }

    #[test]
    fn a_write_is_sent_again_after_a_conflict_that_its_file_names() {
        let outcome = case("method: POST\nendpoint: /x\nretry: { statuses: 409 }")
            .args(["--yes"])
            .asks(vec![
                Exchange::post("/x").answers((409, json!({}))),
                Exchange::post("/x").answers(json!({"ok": 1})),
            ])
            .outcome;
        outcome.assert_exit(0);
        let refused = case("method: POST\nendpoint: /x\nretry: { statuses: [409, 502] }")
            .args(["--yes"])
            .asks_nothing();
        insta::assert_snapshot!(told(refused.assert_exit(2)));
    }
}

#[test]
fn show_says_what_a_query_changes_of_its_retries() {
    let project = case(
        "endpoint: /x\nretry: { max_attempts: 3, base_delay: 1s, max_delay: 1m, statuses: [409, 423] }",
    )
    .project_at("http://127.0.0.1:1");
    let show = |args: &[&str]| Run::in_(&project).args(args).outcome();
    let text = show(&["show", "q"]).assert_exit(0).stdout_text();
    let line =
        "  retry   up to 3 attempts, delay from 1s, delay up to 1m, also on `409` or `423`\n";
    assert!(text.contains(line), "{text}");
    let json = show(&["show", "q", "-o", "json"]).stdout_json();
    assert_eq!(json["retry"]["statuses"], json!([409, 423]));
}

#[test]
fn counts_of_no_limit_hold_nothing_back() {
    let unlimited = || {
        Answer::status(200)
            .header("x-ratelimit-limit", "-1")
            .header("x-ratelimit-remaining", "-1")
            .header("x-ratelimit-reset", "3600")
            .json(&json!({}))
    };
    let outcome = case("for_each: { i: { in: [1, 2, 3] } }\nendpoint: /x/{{ i }}")
        .args(["--timeout", "60s"])
        .asks(
            (1..4)
                .map(|i| Exchange::get(&format!("/x/{i}")).answers(unlimited()))
                .collect(),
        )
        .outcome;
    outcome.assert_exit(0);
}
