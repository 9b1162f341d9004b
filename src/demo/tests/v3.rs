//! API v3.

use serde_json::{Value, json};

use crate::demo::message::Body;
use crate::demo::tests::{all, answer, get, text, workflow_in, world};
use crate::demo::world::World;

fn v3(world: &mut World, method: &str, target: &str, body: &Value) -> (u16, Value) {
    let answer = answer(world, method, &format!("/api/v3{target}"), body);
    (answer.status.as_u16(), answer.into_json())
}

fn read(world: &mut World, target: &str) -> Value {
    let (status, body) = v3(world, "GET", target, &Value::Null);
    assert_eq!(status, 200, "{target}: {body}");
    body
}

/// Returns the path of output, decoded to text.
fn output(world: &mut World, target: &str) -> String {
    let answer = answer(world, "GET", &format!("/api/v3{target}"), &Value::Null);
    let Body::Raw { bytes, .. } = answer.body else {
        panic!("{target} is JSON");
    };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn from_a_run_to_the_output_of_a_failed_step() {
    let mut world = world();
    let failed = workflow_in(&mut world, "failed");
    let target = format!("/runs/{}", text(&failed, "pipeline_id"));
    let run = read(&mut world, &target)["data"].clone();
    assert_eq!(run["attributes"]["number"], failed["pipeline_number"]);
    assert!(run["attributes"].get("outcome").is_none());
    let target = format!("/workflows?filter[run_id]={}", text(&run, "id"));
    let workflows = read(&mut world, &target);
    let workflows = workflows["data"].as_array().unwrap();
    let workflow = workflows
        .iter()
        .find(|one| one["id"] == failed["id"])
        .unwrap();
    assert_eq!(workflow["attributes"]["outcome"], "failed");
    assert_eq!(workflow["attributes"]["phase"], "ended");
    let target = format!("/jobs?filter[workflow_id]={}", text(workflow, "id"));
    let jobs = read(&mut world, &target);
    let mut jobs = jobs["data"].as_array().unwrap().iter();
    let job = jobs
        .find(|job| job["attributes"]["outcome"] == "failed")
        .unwrap();
    let target = format!("/jobs/{}", text(job, "id"));
    let details = read(&mut world, &target);
    let executions = details["data"]["attributes"]["parallel_executions"]
        .as_array()
        .unwrap();
    let found = executions.iter().find_map(|execution| {
        let mut steps = execution["steps"].as_array()?.iter();
        let step = steps.find(|step| step["outcome"] == "failed")?;
        Some((execution["execution"].clone(), step))
    });
    let (node, step) = found.unwrap();
    assert_eq!(step["exit_code"], 1);
    let query = format!("filter[execution]={node}&filter[step_num]={}", step["num"]);
    let condensed = output(&mut world, &format!("{target}/stdout/condensed?{query}"));
    assert!(
        condensed.ends_with("Exited with code exit status 1\r\n"),
        "{condensed}"
    );
    assert!(condensed.starts_with("... "), "{condensed}");
    let errors = output(&mut world, &format!("{target}/stderr?{query}"));
    assert_eq!(errors.len(), step["stderr_bytes"]);
    let all = output(&mut world, &format!("{target}/stdout?{query}"));
    assert_eq!(all.len(), step["stdout_bytes"]);
    let tests = output(&mut world, &format!("{target}/tests"));
    let first: Value = serde_json::from_str(tests.lines().next().unwrap()).unwrap();
    assert!(first["classname"].is_string());
    let artifacts = read(&mut world, &format!("{target}/artifacts"));
    assert!(artifacts["data"][0]["attributes"]["url"].is_string());
}

#[test]
fn runs_are_searched_page_by_page() {
    let mut world = world();
    let project = get(&mut world, "/project/gh/acme/web");
    let mut body = json!({
        "scope": { "project_ids": [project["id"]], "from": "2026-08-20T00:00:00Z" },
        "filter": "pipeline.git.branch == \"main\" and pipeline.status == \"failed\"",
        "page": { "cursor": "", "limit": 2 },
    });
    let mut numbers = Vec::new();
    loop {
        let (status, page) = v3(&mut world, "POST", "/runs/search", &body);
        assert_eq!(status, 200, "{page}");
        for run in page["data"].as_array().unwrap() {
            assert_eq!(run["attributes"]["current_outcome"], "failed");
            let vcs = &run["references"]["event"]["attributes"]["vcs"];
            assert_eq!(vcs["branch"], "main");
            numbers.push(run["attributes"]["number"].as_u64().unwrap());
        }
        if page["page"]["next"].is_null() {
            break;
        }
        body["page"]["cursor"] = page["page"]["next"].clone();
    }
    assert!(numbers.len() > 2 && numbers.is_sorted_by(|newer, older| newer > older));
    for (name, value) in [
        ("page", json!({ "limit": 21 })),
        ("filter", json!("pipeline.author == \"x\"")),
        ("scope", json!({})),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        let (status, refused) = v3(&mut world, "POST", "/runs/search", &wrong);
        assert_eq!(status, 400, "{name}");
        assert_eq!(refused["error"]["type"], "invalid_request");
    }
}

#[test]
fn runs_of_a_person_and_scopes() {
    let mut world = world();
    assert_eq!(v3(&mut world, "GET", "/runs", &Value::Null).0, 400);
    let first = read(&mut world, "/runs?filter[user_id]=me&page[limit]=5");
    let next: String =
        url::form_urlencoded::byte_serialize(text(&first["page"], "next").as_bytes()).collect();
    let target = format!("/runs?filter[user_id]=me&page[limit]=5&page[cursor]={next}");
    let second = read(&mut world, &target);
    assert_ne!(first["data"][0]["id"], second["data"][0]["id"]);
    assert!(second["page"]["prev"].is_string());
    let ended = read(&mut world, "/runs?filter[user_id]=me&filter[phase]=started");
    for run in ended["data"].as_array().unwrap() {
        assert_eq!(run["attributes"]["phase"], "started");
    }
    let me = get(&mut world, "/me");
    let users = read(&mut world, "/users?filter[user_id]=me");
    assert_eq!(users["data"][0]["id"], me["id"]);
    let none = read(&mut world, "/orgs?filter[slug]=gh/none");
    assert_eq!(none["data"], json!([]));
    let org = read(&mut world, "/orgs?filter[slug]=gh/acme")["data"][0].clone();
    let target = format!("/projects?filter[org_id]={}", text(&org, "id"));
    let projects = read(&mut world, &target);
    assert_eq!(projects["data"].as_array().unwrap().len(), 2);
    let missing = v3(&mut world, "GET", "/runs/nope", &Value::Null);
    assert_eq!(
        (missing.0, &missing.1["error"]["type"]),
        (404, &json!("not_found"))
    );
}

#[test]
fn a_rerun_is_at_its_location() {
    let mut world = world();
    let failed = workflow_in(&mut world, "failed");
    let target = format!("/api/v3/workflows/{}/rerun", text(&failed, "id"));
    let made = answer(
        &mut world,
        "POST",
        &target,
        &json!({ "is_from_failed": true }),
    );
    assert_eq!(made.status, 201);
    let (_, location) = &made.headers[0];
    let location = location.strip_prefix("/api/v3").unwrap().to_owned();
    let workflow = read(&mut world, &location);
    assert_eq!(workflow["data"]["attributes"]["phase"], "started");
    let target = format!("/pipeline/{}/workflow", text(&failed, "pipeline_id"));
    assert_eq!(all(&mut world, &target)[0]["id"], workflow["data"]["id"]);
}
