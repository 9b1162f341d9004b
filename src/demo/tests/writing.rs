//! Requests that affect later ones.

use serde_json::{Value, json};

use crate::demo::Options;
use crate::demo::tests::{all, get, jobs_of, post, refusal, text, workflow_in, world};
use crate::demo::world::World;

#[test]
fn an_approval_lets_a_workflow_go_on() {
    let mut world = world();
    let workflow = workflow_in(&mut world, "on_hold");
    let id = text(&workflow, "id").to_owned();
    let jobs = jobs_of(&mut world, &workflow);
    let hold = jobs.iter().find(|job| job["type"] == "approval").unwrap();
    assert_eq!(hold["status"], "on_hold");
    assert!(hold.get("job_number").is_none() && hold.get("started_at").is_none());
    let approve = format!(
        "/workflow/{id}/approve/{}",
        text(hold, "approval_request_id")
    );
    let answer = post(&mut world, &approve, &Value::Null, 202);
    assert_eq!(answer, json!({ "message": "Accepted." }));
    assert_eq!(refusal(&mut world, "POST", &approve, &Value::Null).0, 400);
    assert_eq!(
        get(&mut world, &format!("/workflow/{id}"))["status"],
        "running"
    );
    let jobs = jobs_of(&mut world, &workflow);
    let hold = jobs.iter().find(|job| job["type"] == "approval").unwrap();
    assert_eq!(hold["status"], "success");
    assert!(hold.get("approved_by").is_some());
    assert!(jobs.iter().any(|job| job["status"] == "running"));
    for _ in 0..5 {
        get(&mut world, &format!("/workflow/{id}"));
    }
    let workflow = get(&mut world, &format!("/workflow/{id}"));
    assert_eq!(workflow["status"], "success");
    assert!(workflow.get("stopped_at").is_some());
}

#[test]
fn a_running_workflow_can_be_waited_for_or_runs_for_ever() {
    for (settle_after, expected) in [
        (Some(2), ["running", "running", "success"]),
        (None, ["running"; 3]),
    ] {
        let mut world = World::new(Options {
            settle_after,
            ..Options::default()
        });
        let id = text(&workflow_in(&mut world, "running"), "id").to_owned();
        let words = expected.map(|_| get(&mut world, &format!("/workflow/{id}"))["status"].clone());
        assert_eq!(
            words.each_ref().map(|word| word.as_str().unwrap()),
            expected
        );
    }
}

#[test]
fn a_rerun_is_a_new_running_workflow() {
    let mut world = world();
    let failed = workflow_in(&mut world, "failed");
    let pipeline = text(&failed, "pipeline_id").to_owned();
    let before = all(&mut world, &format!("/pipeline/{pipeline}/workflow"));
    let target = format!("/workflow/{}/rerun", text(&failed, "id"));
    let made = post(&mut world, &target, &json!({ "from_failed": true }), 202);
    let id = text(&made, "workflow_id").to_owned();
    let workflow = get(&mut world, &format!("/workflow/{id}"));
    assert_eq!(workflow["status"], "running");
    assert_eq!(workflow["name"], failed["name"]);
    assert!(workflow.get("stopped_at").is_none());
    let after = all(&mut world, &format!("/pipeline/{pipeline}/workflow"));
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(after[0]["id"], *id);
    let jobs = jobs_of(&mut world, &workflow);
    assert_eq!(jobs[0]["status"], "success");
    assert!(jobs.iter().any(|job| job["status"] == "running"));
    let again = post(&mut world, &target, &Value::Null, 202);
    assert_ne!(again["workflow_id"], *id);
}

#[test]
fn a_rerun_of_jobs_runs_them_and_what_follows() {
    let mut world = world();
    let workflow = workflow_in(&mut world, "success");
    let jobs = jobs_of(&mut world, &workflow);
    let last = text(jobs.last().unwrap(), "id").to_owned();
    let target = format!("/workflow/{}/rerun", text(&workflow, "id"));
    let body = json!({ "jobs": [last], "enable_ssh": true });
    let made = post(&mut world, &target, &body, 202);
    let id = text(&made, "workflow_id").to_owned();
    let workflow = get(&mut world, &format!("/workflow/{id}"));
    let jobs = jobs_of(&mut world, &workflow);
    let running = jobs.iter().filter(|job| job["status"] == "running").count();
    assert_eq!(
        (running, jobs.last().unwrap()["status"].as_str()),
        (1, Some("running"))
    );
}

#[test]
fn a_rerun_refuses_what_does_not_fit() {
    let mut world = world();
    let id = text(&workflow_in(&mut world, "success"), "id").to_owned();
    let target = format!("/workflow/{id}/rerun");
    for body in [
        json!({ "from_failed": true }),
        json!({ "from_failed": true, "jobs": ["x"] }),
        json!({ "enable_ssh": true }),
        json!({ "jobs": "x" }),
        json!({ "jobs": ["5034460f-c7c4-4c43-9457-de07e2029e7b"] }),
        json!({ "from_failed": "yes" }),
        json!([]),
    ] {
        let (status, message) = refusal(&mut world, "POST", &target, &body);
        assert_eq!(status, 400, "{body}");
        assert!(!message.is_empty());
    }
}

#[test]
fn cancelling_a_workflow_and_a_job() {
    let mut world = world();
    let running = workflow_in(&mut world, "running");
    let target = format!("/workflow/{}", text(&running, "id"));
    post(&mut world, &format!("{target}/cancel"), &Value::Null, 202);
    let workflow = get(&mut world, &target);
    assert_eq!(workflow["status"], "canceled");
    assert!(workflow.get("canceled_by").is_some() && workflow.get("stopped_at").is_some());
    post(&mut world, &format!("{target}/cancel"), &Value::Null, 202);

    let failing = workflow_in(&mut world, "failing");
    let jobs = jobs_of(&mut world, &failing);
    let job = jobs.iter().find(|job| job["status"] == "running").unwrap();
    let target = format!("/project/gh%2Facme%2Fweb/job/{}", job["job_number"]);
    post(&mut world, &format!("{target}/cancel"), &Value::Null, 200);
    assert_eq!(get(&mut world, &target)["status"], "canceled");
    let by_id = format!("/jobs/{}/cancel", text(job, "id"));
    assert_eq!(refusal(&mut world, "POST", &by_id, &Value::Null).0, 400);
}

#[test]
fn a_trigger_makes_the_newest_pipeline() {
    let mut world = world();
    let before = get(&mut world, "/project/gh/acme/web/pipeline");
    let newest = before["items"][0]["number"].as_u64().unwrap();
    let body = json!({ "branch": "feature/x", "parameters": { "deploy": true, "count": 3 } });
    let made = post(&mut world, "/project/gh%2Facme%2Fweb/pipeline", &body, 201);
    assert_eq!(made["number"], newest + 1);
    assert_eq!(made["state"], "pending");
    let page = get(&mut world, "/project/gh/acme/web/pipeline");
    let shown = &page["items"][0];
    assert_eq!(shown["id"], made["id"]);
    assert_eq!(shown["created_at"], made["created_at"]);
    assert_eq!(shown["trigger"]["type"], "api");
    assert_eq!(shown["vcs"]["branch"], "feature/x");
    let id = text(&made, "id").to_owned();
    assert_eq!(
        get(&mut world, &format!("/pipeline/{id}/values"))["pipeline.parameters.count"],
        3
    );
    let workflows = all(&mut world, &format!("/pipeline/{id}/workflow"));
    assert_eq!(workflows[0]["status"], "running");
    let mine = get(&mut world, "/project/gh/acme/web/pipeline/mine");
    assert_eq!(mine["items"][0]["id"], made["id"]);
    // An ongoing listing continues at the same position.
    let token = before["next_page_token"].as_str().unwrap();
    let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let second = get(
        &mut world,
        &format!("/project/gh/acme/web/pipeline?page-token={token}"),
    );
    assert_eq!(second["items"][0]["number"], newest - 20);
}

#[test]
fn a_run_wants_real_segments_and_may_be_skipped() {
    let mut world = world();
    let project = get(&mut world, "/project/gh/acme/api");
    let definitions = format!("/projects/{}/pipeline-definitions", text(&project, "id"));
    let definition = get(&mut world, &definitions)["items"][0]["id"].clone();
    let body = json!({
        "definition_id": definition,
        "config": { "branch": "main" },
        "checkout": { "branch": "main" },
    });
    let made = post(&mut world, "/project/gh/acme/api/pipeline/run", &body, 201);
    let pipeline = get(&mut world, &format!("/pipeline/{}", text(&made, "id")));
    assert!(pipeline.get("vcs").is_none());
    assert_eq!(pipeline["trigger_parameters"]["git"]["branch"], "main");
    let encoded = "/project/gh%2Facme%2Fapi/pipeline/run";
    assert_eq!(refusal(&mut world, "POST", encoded, &body).0, 404);
    let body = json!({ "checkout": { "branch": "docs/skip-ci" } });
    let skipped = post(&mut world, "/project/gh/acme/api/pipeline/run", &body, 200);
    assert_eq!(skipped.as_object().unwrap().len(), 1);
    let body = json!({ "definition_id": "nope" });
    assert_eq!(
        refusal(
            &mut world,
            "POST",
            "/project/gh/acme/api/pipeline/run",
            &body
        )
        .0,
        404
    );
}

#[test]
fn a_trigger_of_nothing_is_a_success_by_its_status() {
    let mut world = world();
    let before = get(&mut world, "/project/gh/acme/web/pipeline");
    let body = json!({ "branch": "docs/skip-ci" });
    let answer = post(&mut world, "/project/gh/acme/web/pipeline", &body, 201);
    assert_eq!(answer, json!({ "message": "no workflow was started" }));
    let after = get(&mut world, "/project/gh/acme/web/pipeline");
    assert_eq!(after["items"][0]["id"], before["items"][0]["id"]);
}

#[test]
fn a_trigger_refuses_what_does_not_fit() {
    let mut world = world();
    for body in [
        json!({ "branch": "a", "tag": "b" }),
        json!({ "branch": 1 }),
        json!({ "branch": "" }),
        json!({ "parameters": [] }),
        json!({ "parameters": { "a": null } }),
        json!({ "parameters": { "a": { "b": 1 } } }),
        json!({ "parameters": { "a": 1.5 } }),
        json!({ "parameters": { "a": "x".repeat(513) } }),
        json!("text"),
    ] {
        let (status, message) = refusal(&mut world, "POST", "/project/gh/acme/web/pipeline", &body);
        assert_eq!(status, 400, "{body}");
        assert!(!message.is_empty());
    }
}
