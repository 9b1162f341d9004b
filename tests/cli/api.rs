//! `runner api`: one request without a query file.

use serde_json::{Value, json};

use crate::support::{Answer, CANARY, Exchange, Outcome, Project, Run, Server};

fn answer(value: &Value) -> Answer {
    Answer::status(200).json(value)
}

fn api(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(["api"]).args(args).outcome()
}

/// A page of a listing of the API.
fn page(ids: &[u64], next: Option<&str>) -> Value {
    let items: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "name": format!("n{id}"), "vcs": { "branch": "main" } }))
        .collect();
    json!({ "items": items, "next_page_token": next })
}

#[test]
fn an_answer_is_shown_as_it_is() {
    let me = json!({ "id": "u1", "login": "mika" });
    let server = Server::start(vec![
        Exchange::get("/api/v2/me")
            .with_header("circle-token", CANARY)
            .answers(answer(&me))
            .times(3),
    ]);
    let project = Project::new().circleci(&server);
    for args in [&["/me"][..], &["me"], &["circleci", "/me"]] {
        let outcome = api(&project, args);
        assert_eq!(outcome.assert_exit(0).stdout_json(), me, "{args:?}");
        assert_eq!(outcome.stderr_text(), "");
    }
    server.finish();
}

#[test]
fn a_list_is_shown_as_its_records_and_that_there_are_more_is_told() {
    let server = Server::start(vec![
        // Exactly one request, although the answer is looked at before it is shown.
        Exchange::get("/api/v2/project/gh/acme/web/pipeline?branch=main&x=1")
            .answers(answer(&page(&[1, 2], Some("next")))),
    ]);
    let project = Project::new().circleci(&server);
    let outcome = api(
        &project,
        &[
            "/project/gh/acme/web/pipeline?branch=main",
            "-F",
            "x=1",
            "-o",
            "csv",
            "--columns",
            "id,name",
        ],
    );
    insta::assert_snapshot!(outcome.snapshot());
    server.finish();
}

#[test]
fn all_pages_or_as_many_as_a_limit_takes_are_requested() {
    for (option, ids) in [
        (&["--all"][..], vec![1, 2, 3]),
        (&["--limit", "3"], vec![1, 2, 3]),
    ] {
        let server = Server::start(vec![
            Exchange::get("/api/v2/things").answers(answer(&page(&[1, 2], Some("second")))),
            Exchange::get("/api/v2/things?page-token=second").answers(answer(&page(&[3], None))),
        ]);
        let project = Project::new().circleci(&server);
        let args = [&["/things", "-o", "json"][..], option].concat();
        let outcome = api(&project, &args);
        let rows = outcome.assert_exit(0).stdout_json();
        let found: Vec<u64> = rows
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["id"].as_u64().expect("an id"))
            .collect();
        assert_eq!(found, ids, "{option:?}");
        assert_eq!(outcome.stderr_text(), "", "{option:?}");
        server.finish();
    }
    // A limit on the first page asks for no second one.
    let server = Server::start(vec![
        Exchange::get("/api/v2/things").answers(answer(&page(&[1, 2], Some("second")))),
    ]);
    let project = Project::new().circleci(&server);
    let rows = api(&project, &["/things", "--limit", "2"])
        .assert_exit(0)
        .stdout_json();
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    server.finish();
}

#[test]
fn anything_but_json_is_printed_unchanged() {
    let server = Server::start(vec![
        Exchange::get("/api/v2/log").answers(Answer::status(200).text("one\ntwo\n")),
    ]);
    let project = Project::new().circleci(&server);
    let outcome = api(&project, &["/log"]);
    assert_eq!(outcome.assert_exit(0).stdout_text(), "one\ntwo\n");
    server.finish();
}

#[test]
fn a_request_that_writes_asks_and_is_sent_once() {
    let server = Server::start(vec![
        Exchange::post("/api/v2/project/gh/acme/web/pipeline")
            .with_json(json!({ "branch": "main", "parameters": { "deploy": true } }))
            .answers(answer(&json!({ "id": "p1", "number": 7 }))),
    ]);
    let project = Project::new().circleci(&server);
    let args = [
        "/project/gh/acme/web/pipeline",
        "--json",
        "branch=main",
        "--json",
        "parameters:={\"deploy\": true}",
    ];
    let refused = api(&project, &args);
    assert!(
        refused
            .assert_exit(7)
            .stderr_text()
            .starts_with("error[needs-yes]")
    );
    let sent = api(&project, &[&args[..], &["--yes"]].concat());
    assert_eq!(sent.assert_exit(0).stdout_json()["number"], 7);
    server.finish();
}

#[test]
fn a_refusal_is_reported_as_in_run() {
    let server =
        Server::start(vec![Exchange::get("/api/v2/nothing").answers(
            Answer::status(404).json(&json!({ "message": "No such thing" })),
        )]);
    let project = Project::new().circleci(&server);
    let outcome = api(&project, &["/nothing", "--save", "nothing"]);
    let stderr = outcome.assert_exit(3).stderr_text();
    assert!(stderr.starts_with("error[http-404]: "), "{stderr}");
    // Nothing is saved of a request that failed.
    assert_eq!(project.read("queries/nothing.yaml"), None);
    server.finish();
}

#[test]
fn a_saved_query_gives_the_same_records() {
    let server = Server::start(vec![
        Exchange::get("/api/v2/things?branch=main&branch=dev")
            .answers(answer(&page(&[1, 2], None)))
            .times(2),
    ]);
    let project = Project::new().circleci(&server);
    let args = [
        "/things",
        "-f",
        "branch=main",
        "-f",
        "branch=dev",
        "--save",
        "my/things",
    ];
    let outcome = api(&project, &args);
    outcome.assert_exit(0);
    insta::assert_snapshot!(outcome.stderr_text());
    insta::assert_snapshot!(project.read("queries/my/things.yaml").expect("a file"));
    Run::in_(&project).args(["check"]).outcome().assert_exit(0);
    let rows = Run::in_(&project).args(["run", "things"]).outcome();
    let rows = rows.assert_exit(0).stdout_json();
    assert_eq!(
        rows[1],
        json!({ "id": 2, "name": "n2", "vcs_branch": "main" })
    );
    server.finish();
    // It is never overwritten, and this is known before anything is sent.
    let again = api(&project, &args);
    assert!(
        again
            .assert_exit(2)
            .stderr_text()
            .starts_with("error[exists]")
    );
    let same_name = api(&project, &["/things", "--save", "things"]);
    assert!(
        same_name
            .assert_exit(2)
            .stderr_text()
            .starts_with("error[exists]")
    );
}

#[test]
fn the_request_can_be_printed_instead() {
    let project = Project::new().circleci_at("https://ci.example", "");
    let dry = api(&project, &["/me?a=b", "-H", "X-Trace: 1", "--dry-run"]);
    insta::assert_snapshot!(dry.assert_exit(0).stdout_text());
    let curl = api(&project, &["https://ci.example/api/v2/me", "--curl"]);
    insta::assert_snapshot!(curl.assert_exit(0).stdout_text());
}

#[test]
fn what_cannot_be_sent_is_explained() {
    let project = Project::new().circleci_at("https://ci.example", "").file(
        "resources/other.yaml",
        "type: rest\nbase_url: https://other.example\n",
    );
    let cases: &[&[&str]] = &[
        &["circleci"],
        &["nope", "/me"],
        &["https://evil.example/api/v2/me"],
        &["/me", "-f", "x"],
        &["/me", "-f", "x:={"],
        &["/me", "-X", "BREW"],
        &["/me", "-H", "x"],
        &["/me", "-H", "Circle-Token: 0123456789abcdef"],
        &["/../admin"],
        &["/me", "--rows", "$["],
        &["/me", "--save", "../x"],
        &["/{{ nope }}"],
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|args| {
            let outcome = api(&project, args);
            let stderr = outcome.assert_exit(2).stderr_text();
            format!("$ runner api {}\n{stderr}", args.join(" "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let none = api(&Project::none(), &["/me", "--demo", "--save", "me"]);
    let stderr = none.assert_exit(2).stderr_text();
    assert!(
        stderr.contains("help: write a starter project with `runner init`"),
        "{stderr}"
    );
}

#[test]
fn it_works_outside_of_any_project() {
    let none = Project::none();
    let outcome = api(
        &none,
        &[
            "/project/gh/acme/web/pipeline",
            "--demo",
            "-q",
            "-o",
            "csv",
            "--columns",
            "number",
            "--limit",
            "1",
        ],
    );
    assert_eq!(outcome.assert_exit(0).stdout_text(), "number\n4821\n");
    let unset = Run::in_(&none)
        .args(["api", "/me"])
        .without_env("CIRCLE_TOKEN")
        .outcome();
    let stderr = unset.assert_exit(4).stderr_text();
    assert!(stderr.contains("or use `--demo`"), "{stderr}");
}
