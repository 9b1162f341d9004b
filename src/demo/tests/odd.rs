//! Tests of the odd cases of real projects, in the organization of the GitHub App.

use serde_json::{Value, json};

use crate::demo::options::{APP_ORG_SLUG, APP_SLUG, ODD_SLUG};
use crate::demo::tests::{all, get, jobs_of, post, refusal, text, world};
use crate::demo::world::World;

fn workflows_of(world: &mut World, pipeline: &Value) -> Vec<Value> {
    let target = format!("/pipeline/{}/workflow", text(pipeline, "id"));
    all(world, &target)
}

#[test]
fn a_project_of_the_github_app_has_ids_in_its_slug_and_no_vcs() {
    let mut world = world();
    let project = get(&mut world, &format!("/project/{APP_SLUG}"));
    assert_eq!(project["organization_slug"], APP_ORG_SLUG);
    assert!(APP_SLUG.ends_with(text(&project, "id")));
    assert!(APP_ORG_SLUG.ends_with(text(&project, "organization_id")));
    let organization = get(&mut world, &format!("/organization/{APP_ORG_SLUG}"));
    assert_eq!(organization["id"], project["organization_id"]);
    assert_eq!(organization["vcs_type"], "circleci");
    for slug in [APP_SLUG, ODD_SLUG] {
        for pipeline in all(&mut world, &format!("/project/{slug}/pipeline")) {
            assert!(pipeline.get("vcs").is_none());
            assert!(pipeline["trigger_parameters"]["git"]["branch"].is_string());
        }
    }
    let encoded = APP_SLUG.replace('/', "%2F");
    assert_eq!(get(&mut world, &format!("/project/{encoded}")), project);
}

#[test]
fn running_workflows_on_a_branch_are_superseded() {
    let mut world = world();
    let target = format!("/project/{APP_SLUG}/pipeline?branch=feature/checkout-redesign");
    let mut open = 0;
    for pipeline in &all(&mut world, &target)[..3] {
        let workflows = workflows_of(&mut world, pipeline);
        assert_eq!(workflows[0]["name"], "build-and-test");
        open += usize::from(workflows[0].get("stopped_at").is_none());
    }
    assert_eq!(open, 3);
}

#[test]
fn reruns_have_tags_and_given_approvals_have_numbers_without_a_job() {
    let mut world = world();
    let pipelines = all(&mut world, &format!("/project/{APP_SLUG}/pipeline"));
    let reruns = workflows_of(&mut world, &pipelines[4]);
    let words: Vec<&str> = reruns
        .iter()
        .map(|workflow| text(workflow, "status"))
        .collect();
    assert_eq!(words, ["success", "failed", "failed"]);
    assert_eq!(reruns[0]["tag"], "rerun-workflow-from-failed");
    assert_eq!(reruns[1]["auto_rerun_number"], 1);
    assert!(reruns[2].get("tag").is_none());
    let deploy = workflows_of(&mut world, &pipelines[6]).remove(0);
    let jobs = jobs_of(&mut world, &deploy);
    let approval = jobs.iter().find(|job| job["type"] == "approval").unwrap();
    assert!(approval["approved_by"].is_string());
    let target = format!("/project/{APP_SLUG}/job/{}", approval["job_number"]);
    let expected = (404, "Job not found.".to_owned());
    assert_eq!(refusal(&mut world, "GET", &target, &Value::Null), expected);
    let on_hold = workflows_of(&mut world, &pipelines[2]).remove(0);
    assert_eq!(on_hold["status"], "on_hold");
    let jobs = jobs_of(&mut world, &on_hold);
    let approval = jobs.iter().find(|job| job["type"] == "approval").unwrap();
    assert!(approval.get("job_number").is_none());
}

#[test]
fn pipelines_without_workflows_and_workflows_without_ids() {
    let mut world = world();
    let pipelines = all(&mut world, &format!("/project/{ODD_SLUG}/pipeline"));
    let states: Vec<&str> = pipelines[..5]
        .iter()
        .map(|one| text(one, "state"))
        .collect();
    assert_eq!(
        states,
        ["pending", "errored", "setup", "created", "errored"]
    );
    assert!(workflows_of(&mut world, &pipelines[0]).is_empty());
    assert!(workflows_of(&mut world, &pipelines[1]).is_empty());
    assert_eq!(pipelines[1]["errors"][0]["type"], "config");
    assert_eq!(workflows_of(&mut world, &pipelines[2])[0]["tag"], "setup");
    assert_eq!(workflows_of(&mut world, &pipelines[3]).len(), 2);
    assert_eq!(
        workflows_of(&mut world, &pipelines[6])[0]["id"],
        Value::Null
    );
}

#[test]
fn a_triggered_pipeline_has_its_workflows_later_and_ends() {
    let mut world = world();
    let run = format!("/project/{APP_SLUG}/pipeline/run");
    let made = post(
        &mut world,
        &run,
        &json!({ "checkout": { "branch": "main" } }),
        201,
    );
    assert!(workflows_of(&mut world, &made).is_empty());
    let pipeline = get(&mut world, &format!("/pipeline/{}", text(&made, "id")));
    assert_eq!(pipeline["state"], "created");
    let mut words = Vec::new();
    for _ in 0..5 {
        let workflows = workflows_of(&mut world, &made);
        words.push(text(&workflows[0], "status").to_owned());
    }
    assert_eq!(
        words,
        ["running", "running", "running", "success", "success"]
    );
    let broken = json!({ "checkout": { "branch": "broken/config" } });
    let made = post(&mut world, &run, &broken, 201);
    let pipeline = get(&mut world, &format!("/pipeline/{}", text(&made, "id")));
    assert_eq!(pipeline["state"], "errored");
    assert!(workflows_of(&mut world, &made).is_empty());
    let skipped = json!({ "checkout": { "branch": "docs/skip-ci" } });
    let skipped = post(&mut world, &run, &skipped, 200);
    assert!(skipped["message"].is_string());
    let old = format!("/project/{APP_SLUG}/pipeline");
    assert_eq!(refusal(&mut world, "POST", &old, &json!({})).0, 400);
}

#[test]
fn one_context_is_forbidden_and_one_is_open() {
    let mut world = world();
    let contexts = all(&mut world, &format!("/context?owner-slug={APP_ORG_SLUG}"));
    let mut seen = Vec::new();
    for context in &contexts {
        let target = format!("/context/{}", text(context, "id"));
        let variables = format!("{target}/environment-variable");
        if context["name"] == "finance" {
            assert_eq!(refusal(&mut world, "GET", &variables, &Value::Null).0, 403);
            continue;
        }
        let count = all(&mut world, &format!("{target}/restrictions")).len();
        seen.push((
            text(context, "name"),
            count,
            all(&mut world, &variables).len(),
        ));
    }
    assert_eq!(
        seen,
        [("app-store", 1, 2), ("shared", 0, 2), ("signing", 1, 1)]
    );
}
