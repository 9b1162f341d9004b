//! Checks that the data is consistent: statuses, times and counts agree.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::demo::tests::{all, get, jobs_of, text, time, world};
use crate::demo::world::World;
use crate::demo::{NOW, Options};

#[test]
fn every_status_of_workflows_and_jobs_occurs() {
    let mut world = world();
    let mut workflow_words = BTreeSet::new();
    let mut job_words = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for slug in ["gh/acme/web", "gh%2Facme%2Fapi"] {
        for pipeline in all(&mut world, &format!("/project/{slug}/pipeline")) {
            kinds.insert(text(&pipeline["trigger"], "type").to_owned());
            for workflow in all(
                &mut world,
                &format!("/pipeline/{}/workflow", text(&pipeline, "id")),
            ) {
                workflow_words.insert(text(&workflow, "status").to_owned());
                for job in jobs_of(&mut world, &workflow) {
                    job_words.insert(text(&job, "status").to_owned());
                }
            }
        }
    }
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    let expected: BTreeSet<String> = words(&[
        "success",
        "running",
        "not_run",
        "failed",
        "error",
        "failing",
        "on_hold",
        "canceled",
        "unauthorized",
    ]);
    assert_eq!(workflow_words, expected);
    let expected: BTreeSet<String> = words(&[
        "success",
        "running",
        "not_run",
        "failed",
        "retried",
        "queued",
        "not_running",
        "infrastructure_fail",
        "timedout",
        "on_hold",
        "terminated-unknown",
        "blocked",
        "canceled",
        "unauthorized",
    ]);
    assert_eq!(job_words, expected);
    assert_eq!(
        kinds,
        words(&["api", "explicit", "scheduled_pipeline", "webhook"])
    );
}

#[test]
fn every_status_is_on_the_first_page() {
    let mut world = world();
    let page = get(&mut world, "/project/gh/acme/web/pipeline");
    let mut words = BTreeSet::new();
    for pipeline in page["items"].as_array().unwrap() {
        for workflow in all(
            &mut world,
            &format!("/pipeline/{}/workflow", text(pipeline, "id")),
        ) {
            words.insert(text(&workflow, "status").to_owned());
        }
    }
    assert_eq!(words.len(), 9, "{words:?}");
}

/// Several routes agree about each object, and nothing is later than now, for any seed and time of
/// day.
#[test]
fn the_data_is_consistent() {
    for (seed, hours) in [(1, 0), (2, 9), (3, 20), (4, 75), (5, 91)] {
        let now = NOW + Duration::from_secs(hours * 3600);
        let mut world = World::new(Options {
            seed,
            now,
            pipelines: 60,
            ..Options::default()
        });
        for slug in ["gh/acme/web", "gh/acme/api"] {
            let pipelines = all(&mut world, &format!("/project/{slug}/pipeline"));
            assert_eq!(pipelines.len(), 60);
            let times: Vec<i64> = pipelines
                .iter()
                .map(|p| time(p, "created_at").unwrap())
                .collect();
            assert!(times.is_sorted_by(|newer, older| newer > older));
            for pipeline in &pipelines {
                check_pipeline(&mut world, slug, pipeline, now.as_millisecond());
            }
        }
    }
}

fn check_pipeline(world: &mut World, slug: &str, pipeline: &Value, now: i64) {
    let id = text(pipeline, "id");
    assert_eq!(&get(world, &format!("/pipeline/{id}")), pipeline);
    let by_number = format!("/project/{slug}/pipeline/{}", pipeline["number"]);
    assert_eq!(&get(world, &by_number), pipeline);
    assert_ne!(
        pipeline.get("vcs").is_some(),
        pipeline.get("trigger_parameters").is_some()
    );
    let workflows = all(world, &format!("/pipeline/{id}/workflow"));
    assert_eq!(
        workflows.is_empty(),
        pipeline["state"] == "errored" || pipeline["state"] == "pending"
    );
    for workflow in &workflows {
        assert_eq!(workflow["pipeline_id"], pipeline["id"]);
        assert_eq!(workflow["pipeline_number"], pipeline["number"]);
        assert_eq!(workflow["project_slug"], slug);
        let is_open = matches!(text(workflow, "status"), "running" | "failing" | "on_hold");
        assert_eq!(workflow.get("stopped_at").is_none(), is_open);
        let created_at = time(workflow, "created_at").unwrap();
        let stopped_at = time(workflow, "stopped_at").unwrap_or(now);
        assert!(created_at <= stopped_at && stopped_at <= now, "{workflow}");
        for job in jobs_of(world, workflow) {
            check_job(world, slug, workflow, &job, stopped_at);
        }
    }
}

fn check_job(world: &mut World, slug: &str, workflow: &Value, job: &Value, end: i64) {
    let created_at = time(workflow, "created_at").unwrap();
    for name in ["started_at", "stopped_at"] {
        let time = time(job, name).unwrap_or(created_at);
        assert!(
            created_at <= time && time <= end,
            "{name}: {job} of {workflow}"
        );
    }
    let dependencies = job["dependencies"].as_array().unwrap();
    assert_eq!(
        dependencies.len(),
        job["requires"].as_object().unwrap().len()
    );
    let is_approval = job["type"] == "approval";
    assert_eq!(job.get("approval_request_id").is_some(), is_approval);
    let Some(number) = job.get("job_number") else {
        return;
    };
    assert!(!is_approval);
    let details = get(world, &format!("/project/{slug}/job/{number}"));
    assert_eq!(details["status"], job["status"]);
    assert_eq!(details["name"], job["name"]);
    assert_eq!(details.get("stopped_at"), job.get("stopped_at"));
    assert_eq!(details["latest_workflow"]["id"], workflow["id"]);
    assert_eq!(
        details["parallel_runs"].as_array().unwrap().len() as u64,
        details["parallelism"]
    );
    let duration = time(job, "stopped_at").zip(time(job, "started_at"));
    assert_eq!(
        details["duration"].as_i64(),
        duration.map(|(stop, start)| stop - start)
    );
    assert!(time(&details, "queued_at") <= time(&details, "started_at"));
    let tests = all(world, &format!("/project/{slug}/{number}/tests"));
    let has_failure = tests.iter().any(|test| test["result"] == "failure");
    let has_failed = matches!(text(job, "status"), "failed" | "retried");
    assert_eq!(has_failure, has_failed && !tests.is_empty(), "{job}");
    all(world, &format!("/project/{slug}/{number}/artifacts"));
}

#[test]
fn reruns_are_newer_workflows_of_the_same_name() {
    let mut world = world();
    let pipeline = get(&mut world, "/project/gh/acme/web/pipeline/4818");
    let workflows = all(
        &mut world,
        &format!("/pipeline/{}/workflow", text(&pipeline, "id")),
    );
    let words: Vec<&str> = workflows
        .iter()
        .map(|workflow| text(workflow, "status"))
        .collect();
    assert_eq!(words, ["success", "failed"]);
    assert_eq!(workflows[0]["name"], workflows[1]["name"]);
    assert!(time(&workflows[0], "created_at") > time(&workflows[1], "stopped_at"));
}

#[test]
fn one_pipeline_has_no_vcs() {
    let mut world = world();
    let page = get(&mut world, "/project/gh/acme/web/pipeline");
    let pipeline = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p.get("vcs").is_none())
        .unwrap();
    assert!(text(&pipeline["trigger_parameters"]["git"], "checkout_sha").len() == 40);
}
