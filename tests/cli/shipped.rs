//! The shipped queries that people script most, against a server and on the demo.

use std::fs;

use serde_json::{Value, json};

use crate::case::transcript;
use crate::real_answers::{get, job, jobs, page, pipeline, pipelines, workflow, workflows};
use crate::support::{Answer, Exchange, Outcome, Project, Received, Run, Server};

const SLUG: &str = "project_slug=gh/acme/web";

/// The shipped project without the pauses of its polls.
fn hurried() -> Project {
    let project = Project::shipped();
    for name in [
        "pipeline-begun",
        "pipeline-set-up",
        "pipeline-created",
        "pipeline-filled",
        "pipeline-ended",
    ] {
        let path = format!("queries/parts/{name}.yaml");
        let text = project.read(&path).expect("a shipped file");
        project.write(
            &path,
            text.replace("\n  timeout:", "\n  every: 5ms\n  timeout:"),
        );
    }
    project
}

/// The outcome of a shipped query against a server, an hour after all of it happened, and what
/// the server received.
fn run(args: &[&str], exchanges: Vec<Exchange>) -> (Outcome, Vec<Received>) {
    let server = Server::start(exchanges);
    let project = hurried().circleci(&server);
    let project = project.file(
        "resources/circleci-v3.yaml",
        format!(
            "type: circleci\napi: v3\nbase_url: {}/api/v3\n",
            server.url()
        ),
    );
    let slack = format!("{}/services/T0/B0/secret", server.url());
    let outcome = Run::in_(&project)
        .env("SLACK_WEBHOOK_URL", slack)
        .arg_run(args)
        .outcome();
    (outcome, server.finish())
}

trait ArgRun {
    fn arg_run(self, args: &[&str]) -> Self;
}

impl ArgRun for Run<'_> {
    fn arg_run(self, args: &[&str]) -> Self {
        self.args(["run"])
            .args(args)
            .args(["--now", "2026-11-02T09:30:00Z"])
    }
}

/// `GET /project/{slug}` of a project of the GitHub App, whose default branch is `main`.
fn project() -> Exchange {
    get("/project/gh%2Facme%2Fweb").answers(json!({
        "id": "project-1", "slug": "gh/acme/web", "name": "web", "organization_id": "org-1",
        "vcs_info": {"provider": "GitHub", "default_branch": "main"}
    }))
}

fn at(mut thing: Value, time: &str) -> Value {
    thing["created_at"] = json!(time);
    thing
}

fn with(mut thing: Value, key: &str, value: Value) -> Value {
    thing[key] = value;
    thing
}

fn broken(number: u64, branch: &str) -> Value {
    let errors = json!([{"type": "config", "message": "Cannot find a job named lint\nin line 3"}]);
    let pipeline = with(pipeline(number, branch), "state", json!("errored"));
    with(pipeline, "errors", errors)
}

mod is_green {
    use super::*;

    fn ask(args: &[&str], listed: &Value, of: &[(&str, Value)]) -> Outcome {
        let mut exchanges = vec![
            project(),
            get("/project/gh%2Facme%2Fweb/pipeline?branch=main").answers(page(listed)),
        ];
        exchanges.extend(
            of.iter()
                .map(|(pipeline, items)| workflows(pipeline, items)),
        );
        run(
            &[&["is-green", SLUG, "-o", "json"], args].concat(),
            exchanges,
        )
        .0
    }

    fn says(outcome: &Outcome, words: &str) {
        let told = outcome.assert_exit(1).stderr_text();
        assert!(told.contains(words), "{told}");
    }

    #[test]
    fn a_rerun_counts_and_a_setup_workflow_does_not() {
        let items = json!([
            with(workflow("w0", "setup", "success"), "tag", json!("setup")),
            at(workflow("w1", "build", "failed"), "2026-11-02T08:00:00Z"),
            workflow("w2", "build", "success"),
        ]);
        let outcome = ask(&[], &json!([pipeline(8, "main")]), &[("p8", items)]);
        let rows = outcome.assert_exit(0).stdout_json();
        assert_eq!(rows.as_array().map(Vec::len), Some(1));
        assert_eq!(rows[0]["id"], "w2");
    }

    #[test]
    fn a_setup_workflow_that_failed_counts() {
        let failed = with(workflow("w0", "setup", "failed"), "tag", json!("setup"));
        let outcome = ask(
            &[],
            &json!([pipeline(8, "main")]),
            &[("p8", json!([failed]))],
        );
        says(&outcome, "main is not green: setup (failed in pipeline 8)");
    }

    #[test]
    fn nothing_that_ended_is_not_green() {
        let setup = with(workflow("w0", "setup", "success"), "tag", json!("setup"));
        let outcome = ask(
            &[],
            &json!([pipeline(8, "main")]),
            &[("p8", json!([setup]))],
        );
        says(
            &outcome,
            "main is not known to be green: no workflow of its newest 10 pipelines",
        );
        let outcome = ask(&[], &json!([]), &[]);
        says(&outcome, "the default branch is not known to be green");
    }

    #[test]
    fn an_error_in_the_configuration_is_red_until_it_is_mended() {
        let good = json!([workflow("w1", "build", "success")]);
        let listed = json!([broken(9, "main"), pipeline(8, "main")]);
        let of = [("p9", json!([])), ("p8", good.clone())];
        let outcome = ask(&[], &listed, &of);
        says(
            &outcome,
            "main is not green: pipeline 9 (Cannot find a job named lint in line 3)",
        );
        let listed = json!([pipeline(9, "main"), broken(8, "main")]);
        ask(&[], &listed, &[("p9", good), ("p8", json!([]))]).assert_exit(0);
    }

    #[test]
    fn a_hold_is_green_unless_it_may_not_be() {
        let listed = json!([pipeline(8, "main")]);
        let of = [("p8", json!([workflow("w1", "deploy", "on_hold")]))];
        ask(&[], &listed, &of).assert_exit(0);
        let outcome = ask(&["on_hold=false"], &listed, &of);
        says(
            &outcome,
            "main is not green: deploy (on_hold in pipeline 8)",
        );
    }

    #[test]
    fn what_runs_is_what_it_was_unless_it_has_to_be_settled() {
        let listed = json!([pipeline(9, "main"), pipeline(8, "main")]);
        let of = [
            ("p9", json!([workflow("w2", "build", "running")])),
            ("p8", json!([workflow("w1", "build", "success")])),
        ];
        ask(&[], &listed, &of).assert_exit(0);
        let outcome = ask(&["settled=true"], &listed, &of);
        says(&outcome, "main is not green: build (running in pipeline 9)");
        let of = [
            ("p9", json!([workflow("w2", "build", "failing")])),
            ("p8", json!([workflow("w1", "build", "success")])),
        ];
        says(&ask(&[], &listed, &of), "build (failing in pipeline 9)");
    }

    #[test]
    fn what_was_canceled_or_is_unknown_is_not_green() {
        let listed = json!([pipeline(8, "main")]);
        for status in ["canceled", "not_run", "unauthorized", "unheard_of"] {
            let of = [("p8", json!([workflow("w1", "build", status)]))];
            says(&ask(&[], &listed, &of), status);
        }
    }
}

mod start_pipeline {
    use super::*;

    const APP: &str = "project_slug=circleci/a/b";

    fn definitions(names: &[&str]) -> Vec<Exchange> {
        let items: Vec<Value> = names
            .iter()
            .enumerate()
            .map(|(place, name)| {
                // The first of its name has a plain id.
                let twin = if names[..place].contains(name) {
                    "-2"
                } else {
                    ""
                };
                json!({"id": format!("id-of-{name}{twin}"), "name": name})
            })
            .collect();
        vec![
            get("/project/circleci%2Fa%2Fb").answers(json!({"id": "project-1", "name": "b"})),
            get("/projects/project-1/pipeline-definitions").answers(json!({ "items": items })),
        ]
    }

    fn start(names: &[&str], args: &[&str], more: Vec<Exchange>) -> Outcome {
        let mut exchanges = definitions(names);
        exchanges.extend(more);
        let args = [&["start-pipeline", APP, "--yes", "-o", "json"], args].concat();
        run(&args, exchanges).0
    }

    fn post(body: Value) -> Exchange {
        Exchange::post("/api/v2/project/circleci/a/b/pipeline/run").with_json(body)
    }

    #[test]
    fn the_only_definition_is_taken() {
        let body = json!({
            "definition_id": "id-of-build", "config": {"branch": "topic/1"},
            "checkout": {"branch": "topic/1"}, "parameters": {"deploy": true}
        });
        let started = json!({"id": "p9", "number": 9, "state": "pending", "created_at": "2026-11-02T09:30:00Z"});
        let args = ["branch=topic/1", "parameters:={\"deploy\": true}"];
        let outcome = start(&["build"], &args, vec![post(body).answers((201, started))]);
        assert_eq!(outcome.assert_exit(0).stdout_json()[0]["id"], "p9");
    }

    #[test]
    fn of_several_one_is_chosen_by_its_name() {
        let body = json!({
            "definition_id": "id-of-deploy", "config": {"branch": "main"},
            "checkout": {"tag": "v1"}, "parameters": {}
        });
        let started = json!({"id": "p9", "number": 9, "state": "pending"});
        let args = ["tag=v1", "config_branch=main", "definition=deploy"];
        let exchange = post(body).answers((201, started));
        start(&["build", "deploy"], &args, vec![exchange]).assert_exit(0);
    }

    #[test]
    fn a_project_without_definitions_does_without() {
        let body = json!({
            "config": {"branch": "main"}, "checkout": {"branch": "main"}, "parameters": {}
        });
        let started = json!({"id": "p9", "number": 9, "state": "pending"});
        let exchange = post(body).answers((201, started));
        start(&[], &["branch=main"], vec![exchange]).assert_exit(0);
    }

    /// That the definitions are not known is no reason to start without one.
    #[test]
    fn definitions_that_cannot_be_read_are_none_to_do_without() {
        let mut exchanges = definitions(&[]);
        let gone = json!({"message": "Project not found"});
        exchanges[1] = get("/projects/project-1/pipeline-definitions").answers((404, gone));
        let args = ["start-pipeline", APP, "--yes", "branch=main"];
        let told = run(&args, exchanges).0.assert_exit(1).stderr_text();
        assert!(
            told.contains("nothing was sent: the pipeline definitions are not known: "),
            "{told}"
        );
    }

    #[test]
    fn a_failed_request_is_not_said_to_have_started_nothing() {
        for (status, exit) in [(502, 3), (403, 4), (500, 3)] {
            let failed = json!({"message": "no"});
            let post = Exchange::post("/api/v2/project/circleci/a/b/pipeline/run");
            let args = ["branch=main", "definition=build"];
            let outcome = start(&["build"], &args, vec![post.answers((status, failed))]);
            let told = outcome.assert_exit(exit).stderr_text();
            assert!(!told.contains("nothing was started"), "{told}");
        }
    }

    #[test]
    fn none_is_guessed_and_nothing_passes_for_started() {
        let named = start(&[], &["branch=main", "definition=build"], Vec::new());
        let twins = start(
            &["build", "build"],
            &["branch=main", "definition=build"],
            Vec::new(),
        );
        let unchosen = start(&["build", "deploy"], &["branch=main"], Vec::new());
        let unknown = start(&["build"], &["branch=main", "definition=x"], Vec::new());
        let skipped = Exchange::post("/api/v2/project/circleci/a/b/pipeline/run").answers((
            200,
            json!({"message": "Ignoring pipeline due to CI skip in the commit"}),
        ));
        let skipped = start(&["build"], &["branch=main"], vec![skipped]);
        for refused in [&named, &twins, &unchosen, &unknown] {
            assert_eq!(refused.assert_exit(1).stdout_text(), "");
        }
        assert_eq!(skipped.assert_exit(1).stdout_json(), json!([]));
        let all = [named, twins, unchosen, unknown, skipped];
        insta::assert_snapshot!(transcript(&all));
    }
}

mod wait_for_pipeline {
    use super::*;

    fn state(id: &str, states: &[&str]) -> Vec<Exchange> {
        let last = states.len() - 1;
        let states = states.iter().enumerate().map(|(place, state)| {
            let pipeline = match *state {
                "errored" => broken(7, "main"),
                state => with(pipeline(7, "main"), "state", json!(state)),
            };
            let exchange = get(&format!("/pipeline/{id}")).answers(pipeline);
            if place == last {
                exchange.at_least(1)
            } else {
                // Both the pipeline and its workflows wait for it.
                exchange.up_to(2)
            }
        });
        states.collect()
    }

    fn listed(lists: &[Value]) -> Vec<Exchange> {
        let last = lists.len() - 1;
        let lists = lists.iter().enumerate().map(|(place, items)| {
            let exchange = workflows("p7", items);
            if place == last {
                exchange.at_least(1)
            } else {
                exchange.up_to(2)
            }
        });
        lists.collect()
    }

    fn wait(args: &[&str], exchanges: Vec<Exchange>) -> Outcome {
        let args = [&["wait-for-pipeline", "pipeline_id=p7", "-o", "json"], args].concat();
        run(&args, exchanges).0
    }

    #[test]
    fn the_workflows_that_come_later_are_waited_for() {
        let mut exchanges = state("p7", &["pending", "created"]);
        exchanges.extend(listed(&[
            json!([]),
            json!([workflow("w1", "build", "running")]),
            json!([
                at(workflow("w1", "build", "failed"), "2026-11-02T08:00:00Z"),
                workflow("w2", "build", "success")
            ]),
        ]));
        let rows = wait(&[], exchanges).assert_exit(0).stdout_json();
        assert_eq!(rows[0]["id"], "w2");
        assert_eq!(rows.as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn an_error_in_the_configuration_ends_it_at_once() {
        let mut exchanges = state("p7", &["pending", "errored"]);
        exchanges.extend(listed(&[json!([])]));
        let outcome = wait(&[], exchanges);
        let told = outcome.assert_exit(1).stderr_text();
        assert!(
            told.contains("pipeline 7 has an error: Cannot find a job named lint"),
            "{told}"
        );
    }

    #[test]
    fn what_a_setup_workflow_adds_is_waited_for() {
        let setup = |status| with(workflow("w0", "setup", status), "tag", json!("setup"));
        let mut exchanges = state("p7", &["setup-pending", "setup", "setup", "created"]);
        exchanges.extend(listed(&[
            json!([setup("running")]),
            json!([setup("success")]),
            json!([setup("success"), workflow("w1", "build", "failed")]),
        ]));
        let outcome = wait(&[], exchanges);
        let told = outcome.assert_exit(1).stderr_text();
        assert!(
            told.contains("pipeline 7 has not passed: build (failed)"),
            "{told}"
        );
    }

    #[test]
    fn a_setup_workflow_that_failed_ends_it() {
        let setup = |status| with(workflow("w0", "setup", status), "tag", json!("setup"));
        let mut exchanges = state("p7", &["setup"]);
        exchanges.extend(listed(&[
            json!([setup("running")]),
            json!([setup("failed")]),
        ]));
        let told = wait(&[], exchanges).assert_exit(1).stderr_text();
        assert!(
            told.contains("pipeline 7 has not passed: setup (failed)"),
            "{told}"
        );
    }

    #[test]
    fn a_hold_may_be_the_end() {
        let mut exchanges = state("p7", &["created"]);
        exchanges.extend(listed(&[json!([workflow("w1", "deploy", "on_hold")])]));
        wait(&["on_hold=true"], exchanges).assert_exit(0);
    }
}

mod reruns {
    use super::*;

    fn failures() -> Vec<Exchange> {
        let tried = with(
            workflow("w5", "build", "failed"),
            "max_auto_reruns",
            json!(2),
        );
        vec![
            pipelines(&json!([
                pipeline(9, "main"),
                pipeline(8, "main"),
                pipeline(7, "topic"),
                pipeline(6, "again"),
                pipeline(5, "automatic")
            ])),
            workflows("p9", &json!([workflow("w9", "build", "running")])),
            workflows(
                "p8",
                &json!([
                    workflow("w8", "build", "failed"),
                    workflow("w8d", "deploy", "failed")
                ]),
            ),
            workflows("p7", &json!([workflow("w7", "build", "failed")])),
            workflows(
                "p6",
                &json!([
                    workflow("w6b", "build", "failed"),
                    at(workflow("w6a", "build", "failed"), "2026-11-02T08:00:00Z")
                ]),
            ),
            workflows("p5", &json!([tried])),
        ]
    }

    #[test]
    fn only_what_failed_once_and_has_nothing_newer_is_run_again() {
        let (outcome, _) = run(&["failed-once", SLUG, "-o", "json"], failures());
        let rows = outcome.assert_exit(0).stdout_json();
        let ids: Vec<&Value> = rows
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| &row["id"])
            .collect();
        assert_eq!(ids, ["w8d", "w7"]);
        let mut exchanges = failures();
        for id in ["w8d", "w7"] {
            let rerun = Exchange::post(&format!("/api/v2/workflow/{id}/rerun"))
                .with_json(json!({"from_failed": true}))
                .answers((202, json!({"workflow_id": format!("new-{id}")})));
            exchanges.push(rerun);
        }
        let (outcome, _) = run(&["rerun-failed", SLUG, "--yes", "-o", "json"], exchanges);
        let rows = outcome.assert_exit(0).stdout_json();
        assert_eq!(rows[0]["workflow_id"], "new-w8d");
    }

    /// A pipeline that cannot be read may have something newer.
    #[test]
    fn what_may_not_be_the_newest_is_not_run_again() {
        let mut exchanges = failures();
        let gone = json!({"message": "Pipeline not found"});
        exchanges[1] = get("/pipeline/p9/workflow").answers((404, gone));
        let (outcome, _) = run(&["failed-once", SLUG, "-o", "json"], exchanges);
        let rows = outcome.assert_exit(6).stdout_json();
        assert_eq!(rows.as_array().map(Vec::len), Some(1));
        assert_eq!(rows[0]["id"], "w7");
    }

    #[test]
    fn it_asks_with_the_number() {
        let (outcome, _) = run(&["rerun-failed", SLUG], failures());
        let told = outcome.assert_exit(7).stderr_text();
        assert!(
            told.contains("Rerun 2 failed workflows of gh/acme/web from the failed jobs?"),
            "{told}"
        );
    }
}

mod superseded {
    use super::*;

    fn triggered(number: u64, branch: &str, by: &str) -> Value {
        with(
            pipeline(number, branch),
            "trigger",
            json!({"type": by, "actor": {"login": "ann"}}),
        )
    }

    pub fn running() -> Vec<Exchange> {
        vec![
            project(),
            pipelines(&json!([
                triggered(9, "topic", "webhook"),
                triggered(8, "topic", "webhook"),
                triggered(7, "topic", "api"),
                triggered(6, "main", "webhook"),
                triggered(5, "main", "webhook"),
                triggered(4, "stopped", "webhook"),
                triggered(3, "stopped", "webhook"),
                triggered(2, "topic", "webhook")
            ])),
            workflows("p9", &json!([workflow("w9", "build", "running")])),
            workflows(
                "p8",
                &json!([
                    workflow("w8", "build", "running"),
                    workflow("w8l", "lint", "running")
                ]),
            ),
            workflows("p7", &json!([workflow("w7", "build", "running")])),
            workflows("p6", &json!([workflow("w6", "build", "success")])),
            workflows("p5", &json!([workflow("w5", "build", "running")])),
            workflows("p4", &json!([workflow("w4", "build", "canceled")])),
            workflows("p3", &json!([workflow("w3", "build", "running")])),
            workflows("p2", &json!([workflow("w2", "build", "on_hold")])),
        ]
    }

    fn ids(args: &[&str]) -> Vec<String> {
        let args = [&["superseded-workflows", SLUG, "-o", "json"], args].concat();
        let rows = run(&args, running()).0.assert_exit(0).stdout_json();
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect()
    }

    #[test]
    fn a_newer_workflow_of_the_branch_supersedes_an_older_one() {
        assert_eq!(ids(&[]), ["w8"]);
        assert_eq!(ids(&["on_hold=true"]), ["w2", "w8"]);
        assert_eq!(ids(&["default_branch=true"]), ["w5", "w8"]);
        assert_eq!(ids(&["all_triggers=true"]), ["w7", "w8"]);
    }

    #[test]
    fn they_are_canceled_after_a_question() {
        let (outcome, _) = run(&["cancel-superseded", SLUG], running());
        let told = outcome.assert_exit(7).stderr_text();
        assert!(
            told.contains("Cancel 1 superseded workflow of gh/acme/web?"),
            "{told}"
        );
        let mut exchanges = running();
        let cancel = Exchange::post("/api/v2/workflow/w8/cancel");
        exchanges.push(cancel.answers((202, json!({"message": "Accepted."}))));
        let (outcome, _) = run(
            &["cancel-superseded", SLUG, "--yes", "-o", "json"],
            exchanges,
        );
        assert_eq!(outcome.assert_exit(0).stdout_json()[0]["newest"], 9);
    }
}

/// Every commit of the default branch may count; a branch that may be it is left alone.
#[test]
fn nothing_is_canceled_while_the_default_branch_is_unknown() {
    for known in [
        json!({}),
        json!({"id": "p"}),
        json!({"vcs_info": {"default_branch": null}}),
    ] {
        let mut exchanges = superseded::running();
        exchanges[0] = get("/project/gh%2Facme%2Fweb").answers(known);
        let args = ["cancel-superseded", SLUG, "--yes", "-o", "json"];
        let told = run(&args, exchanges).0.assert_exit(1).stderr_text();
        assert!(
            told.contains("default branch of gh/acme/web is unknown"),
            "{told}"
        );
    }
}

/// Of a context that cannot be read it is not known if it is open.
#[test]
fn a_context_that_cannot_be_read_is_said_to_be_so() {
    let restricted = |kind: &str, name: Value| json!([{"restriction_type": kind, "restriction_value": "x", "name": name}]);
    let contexts = ["all", "closed", "open", "secret"]
        .map(|name| json!({"id": name, "name": name, "created_at": "2026-11-02T08:30:00Z"}));
    let of = |context: &str| get(&format!("/context/{context}/restrictions"));
    let exchanges = vec![
        get("/context?owner-slug=gh%2Facme").answers(page(&json!(contexts))),
        of("all").answers(page(&restricted("group", json!("All members")))),
        of("closed").answers(page(&restricted("group", json!(null)))),
        of("open").answers(page(&json!([]))),
        of("secret").answers((403, json!({"message": "Forbidden"}))),
    ];
    let (outcome, _) = run(
        &["open-contexts", "org_slug=gh/acme", "-o", "csv"],
        exchanges,
    );
    insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
}

#[test]
fn variables_are_dated_whatever_the_style_of_their_keys() {
    let variables = json!([
        {"name": "A", "value": "xxxx1234", "created-at": "2026-11-02T08:30:00Z"},
        {"name": "B", "value": "xxxx1234", "created_at": "2026-11-02T08:30:00Z"},
        {"name": "C", "value": "xxxx1234"}
    ]);
    let listed = get("/project/gh%2Facme%2Fweb/envvar").answers(page(&variables));
    let (outcome, _) = run(&["project-variables", SLUG, "-o", "csv"], vec![listed]);
    assert_eq!(
        outcome.assert_exit(0).stdout_text(),
        "name,value,created_at\nA,xxxx1234,2026-11-02T08:30:00Z\nB,xxxx1234,2026-11-02T08:30:00Z\n\
         C,xxxx1234,\n"
    );
}

/// One request for each person, whose account may be gone.
#[test]
fn approvals_have_the_names_of_people() {
    let approval = |name: &str, number: u64, by: Value| {
        with(
            job(name, Some(number), "approval", "success"),
            "approved_by",
            by,
        )
    };
    let exchanges = vec![
        pipelines(&json!([pipeline(7, "main")])),
        workflows("p7", &json!([workflow("w1", "deploy", "success")])),
        jobs(
            "w1",
            &json!([
                approval("hold-1", 1, json!("ann")),
                approval("hold-2", 2, json!("ann")),
                approval("hold-3", 3, json!("gone")),
                approval("hold-4", 4, json!(null)),
                job("build", Some(5), "build", "success"),
                job("hold-5", None, "approval", "on_hold")
            ]),
        ),
        get("/user/ann").answers(json!({"id": "ann", "login": "ann", "name": "Ann Lee"})),
        get("/user/gone").answers((404, json!({"message": "User not found."}))),
    ];
    let (outcome, _) = run(&["approvals-given", SLUG, "-o", "csv"], exchanges);
    assert_eq!(
        outcome.assert_exit(0).stdout_text(),
        "approval,person,login,workflow,branch,pipeline\n\
         hold-1,Ann Lee,ann,deploy,main,7\nhold-2,Ann Lee,ann,deploy,main,7\n\
         hold-3,gone,,deploy,main,7\nhold-4,,,deploy,main,7\n"
    );
}

mod slack {
    use super::*;

    fn pipelines_of(status: &str) -> Vec<Exchange> {
        vec![
            pipelines(&json!([pipeline(7, "main")])),
            workflows("p7", &json!([workflow("w1", "build", status)])),
            jobs("w1", &json!([job("lint", Some(11), "build", status)])),
        ]
    }

    #[test]
    fn failures_are_posted() {
        let mut exchanges = pipelines_of("failed");
        let post = Exchange::post("/services/T0/B0/secret");
        exchanges.push(post.answers(Answer::status(200).body("text/html", "ok")));
        let (outcome, requests) = run(
            &["failures-to-slack", SLUG, "--yes", "-o", "json"],
            exchanges,
        );
        outcome.assert_exit(0);
        let posted = requests.iter().find(|request| request.method == "POST");
        let text = &posted.expect("a post").json()["blocks"][0]["text"]["text"];
        insta::assert_snapshot!(text.as_str().expect("a text"));
    }

    #[test]
    fn many_failures_with_long_names_fit() {
        let name = "<&>".repeat(500);
        let numbers = 1..=20;
        let listed: Vec<Value> = numbers
            .clone()
            .map(|number| broken(number, &format!("{name}{number}")))
            .collect();
        let mut exchanges = vec![pipelines(&json!(listed))];
        for number in numbers {
            let id = format!("w{number}");
            exchanges.push(workflows(
                &format!("p{number}"),
                &json!([workflow(&id, &name, "failed")]),
            ));
            exchanges.push(jobs(&id, &json!([job(&name, None, "build", "failed")])));
        }
        let post = Exchange::post("/services/T0/B0/secret");
        exchanges.push(post.answers(Answer::status(200).body("text/html", "ok")));
        let (outcome, requests) = run(&["failures-to-slack", SLUG, "--yes"], exchanges);
        outcome.assert_exit(0);
        let posted = requests.iter().find(|request| request.method == "POST");
        let text = &posted.expect("a post").json()["blocks"][0]["text"]["text"];
        let text = text.as_str().expect("a text");
        assert!(text.chars().count() <= 3000, "{}", text.chars().count());
        assert!(text.contains("and 34 more"), "{text}");
    }

    #[test]
    fn nothing_is_posted_if_nothing_failed() {
        let (outcome, _) = run(
            &["failures-to-slack", SLUG, "--yes"],
            pipelines_of("success"),
        );
        outcome.assert_exit(0);
    }

    #[test]
    fn what_is_not_known_is_posted_too() {
        let mut exchanges = pipelines_of("success");
        exchanges[2] =
            get("/workflow/w1/job").answers((404, json!({"message": "Workflow not found"})));
        let post = Exchange::post("/services/T0/B0/secret");
        exchanges.push(post.answers(Answer::status(200).body("text/html", "ok")));
        let (outcome, requests) = run(&["failures-to-slack", SLUG, "--yes"], exchanges);
        outcome.assert_exit(6);
        let posted = requests.iter().find(|request| request.method == "POST");
        let text = posted.expect("a post").json()["blocks"][0]["text"]["text"].to_string();
        assert!(text.contains("Not complete"), "{text}");
    }
}

#[test]
fn deployments_have_the_names_of_environments() {
    let version = |name: &str, live: bool, at: &str| json!({"name": name, "environment_id": "e1", "is_live": live, "last_deployed_at": at, "job_number": 5});
    let exchanges = vec![
        project(),
        get("/deploy/environments?org-id=org-1&page-size=20")
            .answers(page(&json!([{"id": "e1", "name": "production", "created_at": "2026-11-02T08:30:00Z"}]))),
        get("/deploy/components?org-id=org-1&project-id=project-1&page-size=20")
            .answers(page(&json!([{"id": "c1", "name": "shop", "release_count": 2, "updated_at": "2026-11-02T08:30:00Z"}]))),
        get("/deploy/components/c1/versions").answers(page(&json!([
            version("1.0", false, "2026-11-01T08:30:00Z"),
            version("1.1", true, "2026-11-02T08:30:00Z")
        ]))),
    ];
    let (outcome, _) = run(&["deploys", SLUG, "-o", "csv"], exchanges);
    assert_eq!(
        outcome.assert_exit(0).stdout_text(),
        "component,environment,version,live,deployed_at,job_number\n\
         shop,production,1.1,true,2026-11-02T08:30:00Z,5\n\
         shop,production,1.0,false,2026-11-01T08:30:00Z,5\n"
    );
}

mod runs {
    use super::*;

    fn found(projects: &Value) -> Exchange {
        Exchange::get("/api/v3/projects?filter%5Bslug%5D=gh%2Facme%2Fweb")
            .answers(json!({"data": projects, "page": {"next": null}}))
    }

    #[test]
    fn they_are_searched_page_by_page() {
        let listed = |id: &str, next: Value| {
            json!({
                "data": [{"id": id, "attributes": {"number": 7, "phase": "ended", "current_outcome": "failed",
                          "created_at": "2026-11-02T08:30:00Z"},
                          "references": {"event": {"attributes": {"vcs": {"branch": "main"}}}}}],
                "page": {"next": next, "prev": null}
            })
        };
        let body = json!({
            "scope": {"project_ids": ["project-1"], "from": "2026-11-01T09:30:00Z", "to": "2026-11-02T09:30:00Z"},
            "filter": "pipeline.git.branch == \"main\" and pipeline.status == \"failed\"",
            "page": {"limit": 20}
        });
        let mut second = body.clone();
        second["page"]["cursor"] = json!("next");
        let search = |body: Value| Exchange::post("/api/v3/runs/search").with_json(body);
        let exchanges = vec![
            found(&json!([{"id": "project-1", "attributes": {"name": "web"}}])),
            search(body).answers(listed("r1", json!("next"))),
            search(second).answers(listed("r2", json!(null))),
        ];
        let args = ["runs", SLUG, "branch=main", "status=failed", "-o", "csv"];
        let (outcome, _) = run(&args, exchanges);
        assert_eq!(
            outcome.assert_exit(0).stdout_text(),
            "number,phase,outcome,branch,created_at,id\n\
             7,ended,failed,main,2026-11-02T08:30:00Z,r1\n7,ended,failed,main,2026-11-02T08:30:00Z,r2\n"
        );
    }

    /// API v3 returns an empty list instead of the 404 of v2.
    #[test]
    fn a_project_that_is_not_there_is_no_empty_result() {
        let (outcome, _) = run(&["runs", SLUG], vec![found(&json!([]))]);
        outcome.assert_exit(1);
    }
}

#[test]
fn slugs_are_made_of_names_only_where_they_are() {
    let summary = |org: &str| {
        get(&format!(
            "/insights/{org}/summary?reporting-window=last-90-days"
        ))
        .answers(json!({"org_data": {}, "org_project_data": [], "all_projects": ["web"]}))
    };
    for (org, encoded, slug) in [
        ("gh/acme", "gh%2Facme", json!("gh/acme/web")),
        ("circleci/a", "circleci%2Fa", json!(null)),
    ] {
        let org = format!("org_slug={org}");
        let (outcome, _) = run(
            &["org-projects", &org, "-o", "json"],
            vec![summary(encoded)],
        );
        assert_eq!(outcome.assert_exit(0).stdout_json()[0]["slug"], slug);
    }
}

/// The tables fit a terminal of 100 columns.
#[test]
fn they_run_on_the_demo() {
    let project = Project::shipped();
    let steps = "pipeline,job,node,step,exit_code";
    let calls: [&[&str]; 30] = [
        &["is-green"],
        &["branch-pipelines"],
        &["branch-workflows"],
        &["pipeline-definitions"],
        &["pipeline-definition"],
        &["failed-once", "project_slug=gh/acme/api"],
        &["superseded-workflows"],
        &["org-projects"],
        &["context-restrictions"],
        &["context-variables", "unchanged_for=90d"],
        &["open-contexts"],
        &["project-variables"],
        &["approvals", "since=2d"],
        &["approvals-given", "since=2d"],
        &["flaky-tests", "since=2d", "workflow_name=build-and-test"],
        &["flaky-tests-of-branch", "branch=renovate/typescript-5.x"],
        &["failed-runs", "since=12h"],
        &["failures-message"],
        &["failures-count"],
        &["schedules"],
        &["webhooks"],
        &["failed-steps", "lines=1"],
        &["failed-output", "--columns", steps],
        &[
            "latest-good-artifacts",
            "--columns",
            "workflow,job,node,path",
        ],
        &["deploys"],
        &["runs"],
        &["start-pipeline", "branch=main", "--yes"],
        &["organization"],
        &["usage-export", "since=1d", "--columns", "id,state"],
        &[
            "usage",
            "since=1d",
            "--columns",
            "job,resource_class,credits,seconds,max_cpu,max_ram",
        ],
    ];
    let all = calls.map(|args| {
        let run = Run::in_(&project).without_env("CIRCLE_TOKEN").args(["run"]);
        let run = run.args(args).args(["--demo", "--limit", "3"]);
        let outcome = match args[0] {
            "failures-message" => run.outcome(),
            _ => run.args(["-o", "table"]).outcome(),
        };
        outcome.assert_exit(0);
        let text = outcome.stdout_text();
        assert!(text.lines().count() > 1, "{}", outcome.snapshot());
        let is_wide = |line: &str| line.chars().count() > 100;
        let may_be = [
            "failed-runs",
            "failed-steps",
            "failures-message",
            "flaky-tests",
            "runs",
        ];
        assert!(
            may_be.contains(&args[0]) || !text.lines().any(is_wide),
            "{text}"
        );
        outcome
    });
    insta::assert_snapshot!(transcript(&all));
}

/// An export is a write-like request, ten of which are allowed an hour.
#[test]
fn a_dry_run_shows_the_exports_that_would_be_requested() {
    let project = Project::shipped();
    for (query, since) in [("usage", "since=40d"), ("cost-report", "month=2026-08-01")] {
        let run = Run::in_(&project).without_env("CIRCLE_TOKEN");
        let run = run.args([
            "run",
            query,
            "org_slug=gh/acme",
            since,
            "--demo",
            "--dry-run",
        ]);
        let text = run.outcome().assert_exit(0).stdout_text();
        let count = |words: &str| text.matches(words).count();
        assert_eq!(count("/api/v2/organization/gh%2Facme\n"), 1, "{text}");
        assert_eq!(count("\nPOST "), 2, "{text}");
    }
}

#[test]
fn an_export_has_at_most_31_days() {
    let project = Project::shipped();
    let run = Run::in_(&project).without_env("CIRCLE_TOKEN");
    let args = [
        "run",
        "usage-export",
        "org_slug=gh/acme",
        "since=60d",
        "--demo",
    ];
    let outcome = run.args(args).outcome();
    let told = outcome.assert_exit(2).stderr_text();
    assert!(told.contains("an export has at most 31 days"), "{told}");
}

#[test]
fn the_last_lines_of_failed_steps_are_plain_text() {
    let project = Project::shipped();
    let records = |query: &str, args: &[&str]| {
        let run = Run::in_(&project).without_env("CIRCLE_TOKEN");
        let run = run.args(["run", query, "since=12h", "--demo"]).args(args);
        let records = run.outcome().assert_exit(0).stdout_json();
        records.as_array().expect("a list").clone()
    };
    let by_v1 = records("failed-steps", &[]);
    assert!(!by_v1.is_empty());
    for record in &by_v1 {
        let output = record["output"].as_str().expect("a text");
        assert!((1..=20).contains(&output.lines().count()), "{output}");
        assert!(!output.contains(['\u{1b}', '\r']), "{output:?}");
    }
    let mut by_v3 = records("failed-output", &[]);
    for record in &mut by_v3 {
        let output = record["output"].as_str().expect("a text");
        assert!(!output.contains(['\u{1b}', '\r']), "{output:?}");
        // The condensed output counts what it leaves out.
        let lines: Vec<&str> = output
            .lines()
            .filter(|line| !line.starts_with("... "))
            .collect();
        record["output"] = json!(lines.join("\n"));
    }
    assert_eq!(by_v1, by_v3);
    let short = records("failed-steps", &["lines=2", "job_name=e2e-tests"]);
    assert!(!short.is_empty() && short.len() < by_v1.len());
    for record in &short {
        assert_eq!(record["job"], "e2e-tests");
        assert_eq!(
            record["output"]
                .as_str()
                .map(|output| output.lines().count()),
            Some(2)
        );
    }
}

#[test]
fn steps_of_a_github_app_project_need_api_v3() {
    let project = Project::shipped();
    let outcome = Run::in_(&project)
        .args(["run", "failed-steps", "project_slug=circleci/a/b", "--demo"])
        .outcome();
    assert!(
        outcome
            .assert_exit(2)
            .stderr_text()
            .contains("failed-output")
    );
}

#[test]
fn the_files_of_the_last_good_build_are_downloaded_once() {
    let project = Project::shipped();
    let download = || {
        let run = Run::in_(&project).without_env("CIRCLE_TOKEN");
        let run = run.args(["run", "download-artifacts", "job_name=e2e-tests", "--demo"]);
        let run = run.args(["--out", "artifacts", "-o", "json"]);
        run.outcome().assert_exit(0).stdout_json()
    };
    let (first, second) = (download(), download());
    let first = first.as_array().expect("a list");
    assert!(!first.is_empty());
    for (place, record) in first.iter().enumerate() {
        assert_eq!(record["kept"], false);
        assert_eq!(second[place]["kept"], true);
        assert_eq!(second[place]["sha256"], record["sha256"]);
        let path = record["path"].as_str().expect("a path");
        assert!(path.contains("artifacts/e2e-tests/"), "{record}");
        let size = fs::metadata(project.path().join(path))
            .expect("a file")
            .len();
        assert_eq!(record["bytes"], size);
    }
    // Parallel runs of the job have files of the same path.
    assert!(project.path().join("artifacts/e2e-tests/1").is_dir());
}

/// The organization of the GitHub App in the demo has a context that cannot be read and a project
/// whose configuration has an error.
#[test]
fn the_odd_projects_of_the_demo_are_understood() {
    let project = Project::shipped();
    let demo = |args: &[&str]| {
        let run = Run::in_(&project).args(["run"]).args(args);
        run.args(["--demo", "-o", "json"]).outcome()
    };
    let org = "circleci/0c2e5b7a-93d1-4f68-8a4e-1b7d6c5f2e90";
    let contexts = demo(&["open-contexts", &format!("org_slug={org}")]);
    let contexts = contexts.assert_exit(6).stdout_json();
    let is_unreadable = |context: &Value| context["state"] == "unreadable";
    assert!(
        contexts
            .as_array()
            .expect("contexts")
            .iter()
            .any(is_unreadable)
    );
    let slug = format!("project_slug={org}/e17c4b90-2a5d-46f3-b8e6-93d0c7a1f524");
    let green = demo(&["is-green", &slug]);
    let told = green.assert_exit(1).stderr_text();
    assert!(
        told.contains("main is not green: pipeline 40 (Error"),
        "{told}"
    );
    let pipelines = demo(&["branch-pipelines", &slug]).stdout_json();
    let mut pipelines = pipelines.as_array().expect("pipelines").iter();
    let broken = pipelines.find(|pipeline| pipeline["state"] == "errored");
    let id = broken.expect("an errored pipeline")["id"].as_str();
    let id = format!("pipeline_id={}", id.expect("an id"));
    let waited = demo(&["wait-for-pipeline", &id]);
    let told = waited.assert_exit(1).stderr_text();
    assert!(told.contains("pipeline 40 has an error: Error"), "{told}");
}
