//! Secrets in recordings: refused, or replaced.

use super::*;
use crate::support::CANARY;

#[test]
fn a_secret_in_an_answer_stops_the_recording() {
    let presigned = "https://files.example.com/a?X-Amz-Signature=0a1b2c3d4e5f60718293";
    for (answer, path) in [
        (
            json!({ "items": [{ "id": 1 }, { "x": CANARY }] }),
            "$.items[1].x",
        ),
        (json!({ "items": [{ "url": presigned }] }), "$.items[0].url"),
        (
            json!({ "deep": { "key": "AKIAABCDEFGHIJKLMNOP" } }),
            "$.deep.key",
        ),
    ] {
        let server = Server::start(vec![get("/list").answers(answer)]);
        let project = project(&server, "");
        let outcome = record(&project, &["list"]);
        outcome.assert_exit(7);
        let words = outcome.stderr_text();
        assert!(words.contains(&format!("at `{path}`")), "{words}");
        assert!(words.contains("redact: { \"$."), "{words}");
        assert_nothing_written(&project);
    }
}

#[test]
fn a_secret_in_a_request_cannot_be_redacted() {
    let secret = "v3ry-secret-value-of-mine";
    let server = Server::start(vec![get(&format!("/u/{secret}"))]);
    let project = project(&server, "").query(
        "q",
        "resource: circleci\nvars: { key: { secret: true } }\nendpoint: /u/{{ key }}\n",
    );
    let run = Run::in_(&project).args(["record", "q", &format!("key={secret}")]);
    let outcome = run.secret(secret).outcome();
    outcome.assert_exit(7);
    let words = outcome.stderr_text();
    assert!(words.contains("a known secret in the address"), "{words}");
    assert!(!words.contains("redact"), "{words}");
    assert_nothing_written(&project);
}

/// The hint is a line that works.
#[test]
fn the_rule_of_the_hint_lets_it_pass() {
    let answer = json!({ "items": [{ "id": 1 }, { "id": 2, "key": "AKIAABCDEFGHIJKLMNOP" }] });
    let server = Server::start(vec![get("/list").times(2).answers(answer)]);
    let project = project(&server, "");
    let outcome = record(&project, &["list"]);
    insta::assert_snapshot!(outcome.assert_exit(7).snapshot());
    let words = outcome.stderr_text();
    let rule = words
        .split('`')
        .rfind(|part| part.starts_with("redact:"))
        .unwrap();
    let project = project.circleci_at(&server.url(), &format!("{ONCE}{rule}\n"));
    record(&project, &["list"]).assert_exit(0);
    let answers = read(&project, "tests/list/usual.answers.yaml");
    assert!(!answers.contains("AKIA"), "{answers}");
    assert_replayed(&project);
}

#[test]
fn secret_vars_and_variables_have_stand_ins() {
    let secret = "v3ry-secret-value-of-mine";
    let server = Server::start(vec![get("/list").times(3).answers(page(&["w1"]))]);
    let project = project(&server, "").query(
        "q",
        "resource: circleci\nvars: { key: { secret: true } }\nendpoint: /list\n\
         headers: { x-key: \"{{ key }}\" }\nrows: $.items[*]\n\
         extract: { id: $.id, by: \"{{ env.WHO }}\" }\n",
    );
    let run = || Run::in_(&project).env("WHO", "me").secret(secret);
    let first = run()
        .args(["record", "q", &format!("key={secret}")])
        .outcome();
    first.assert_exit(0);
    assert_eq!(
        read(&project, "tests/q.yaml"),
        "cases:\n  usual:\n    vars: { key: not-recorded }\n    now: [TIME]\n    env: { WHO: me }\n"
    );
    // Again, from the environment and from the call, but not without.
    let again = run()
        .env("RUNNER_VAR_KEY", secret)
        .args(["record", "q"])
        .outcome();
    again.assert_exit(0);
    let again = run()
        .args(["record", "q", &format!("key={secret}")])
        .outcome();
    again.assert_exit(0);
    let without = run().args(["record", "q"]).outcome();
    without.assert_exit(2);
    assert!(without.stderr_text().contains("`key`"));
    assert_replayed(&project);
    for path in [
        "tests/q.yaml",
        "tests/q/usual.answers.yaml",
        "tests/q/usual.json",
    ] {
        assert!(!read(&project, path).contains(secret), "{path}");
    }
}
