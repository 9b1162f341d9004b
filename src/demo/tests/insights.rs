//! Insights agree with the other routes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::demo::tests::{all, get, refusal, text, world};

#[test]
fn insights_count_the_same_workflows_that_are_listed() {
    let mut world = world();
    let mut counted: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for pipeline in all(&mut world, "/project/gh/acme/web/pipeline") {
        for workflow in all(
            &mut world,
            &format!("/pipeline/{}/workflow", text(&pipeline, "id")),
        ) {
            let entry = counted
                .entry(text(&workflow, "name").to_owned())
                .or_default();
            entry.0 += 1;
            entry.1 += i64::from(workflow["status"] == "success");
        }
    }
    let summaries = all(
        &mut world,
        "/insights/gh/acme/web/workflows?all-branches=true",
    );
    assert_eq!(summaries.len(), counted.len());
    for summary in &summaries {
        let (total, successful) = counted[text(summary, "name")];
        assert_eq!(summary["metrics"]["total_runs"], total);
        assert_eq!(summary["metrics"]["successful_runs"], successful);
    }
    let on_main = all(&mut world, "/insights/gh/acme/web/workflows");
    assert!(
        on_main[0]["metrics"]["total_runs"].as_i64()
            < summaries[0]["metrics"]["total_runs"].as_i64()
    );
    let week = all(
        &mut world,
        "/insights/gh/acme/web/workflows?all-branches=true&reporting-window=last-7-days",
    );
    assert!(
        week[0]["metrics"]["total_runs"].as_i64() < summaries[0]["metrics"]["total_runs"].as_i64()
    );
    let runs = all(
        &mut world,
        "/insights/gh/acme/web/workflows/build-and-test?all-branches=true",
    );
    let open = runs.iter().filter(|run| run["status"] == "running").count();
    assert_eq!(open, 0);
    let workflow = get(&mut world, &format!("/workflow/{}", text(&runs[0], "id")));
    assert_eq!(workflow["status"], runs[0]["status"]);
    assert_eq!(workflow["stopped_at"], runs[0]["stopped_at"]);
    let since = "/insights/gh/acme/web/workflows/build-and-test?start-date=2026-09-15T00:00:00Z&end-date=2026-09-16T00:00:00Z";
    let day = all(&mut world, since);
    assert!(!day.is_empty());
    assert!(
        day.iter()
            .all(|run| text(run, "created_at").starts_with("2026-09-15"))
    );
}

#[test]
fn the_rest_of_insights() {
    let mut world = world();
    let jobs = all(
        &mut world,
        "/insights/gh/acme/web/workflows/build-and-test/jobs?job-name=test",
    );
    let names: Vec<&str> = jobs.iter().map(|job| text(job, "name")).collect();
    assert_eq!(names, ["e2e-tests", "unit-tests"]);
    let series =
        "/insights/time-series/gh/acme/web/workflows/build-and-test/jobs?granularity=daily";
    assert!(all(&mut world, series).len() > 30);
    let summary = get(
        &mut world,
        "/insights/gh/acme/web/workflows/deploy/summary?reporting-window=last-7-days",
    );
    assert!(summary["trends"]["total_runs"].as_f64().unwrap() > 0.0);
    let page = get(
        &mut world,
        "/insights/pages/gh/acme/web/summary?reporting-window=last-7-days",
    );
    assert!(
        page["project_workflow_branch_data"]
            .as_array()
            .unwrap()
            .len()
            > 3
    );
    let organization = get(&mut world, "/insights/gh/acme/summary");
    assert_eq!(organization["all_projects"], json!(["web", "api"]));
    let branches = get(
        &mut world,
        "/insights/gh/acme/web/branches?workflow-name=nightly",
    );
    assert_eq!(branches["branches"], json!(["main"]));
    let metrics = get(
        &mut world,
        "/insights/gh/acme/web/workflows/build-and-test/test-metrics?all-branches=true",
    );
    assert_eq!(metrics["test_runs"].as_array().unwrap().len(), 10);
    assert!(!metrics["most_failed_tests"].as_array().unwrap().is_empty());
    for target in [
        "/insights/gh/acme/web/workflows?reporting-window=last-year",
        "/insights/gh/acme/web/workflows/deploy?end-date=2026-09-16",
        "/insights/gh/acme/web/workflows/deploy?start-date=2026-01-01&end-date=2026-09-16",
        "/insights/gh/acme/web/workflows/deploy?start-date=monday",
    ] {
        assert_eq!(
            refusal(&mut world, "GET", target, &Value::Null).0,
            400,
            "{target}"
        );
    }
    assert_eq!(
        refusal(
            &mut world,
            "GET",
            "/insights/gh/acme/web/workflows/nope",
            &Value::Null
        )
        .0,
        404
    );
}

#[test]
fn flaky_tests_failed_and_passed_on_the_same_commit() {
    let mut world = world();
    let flaky = get(&mut world, "/insights/gh/acme/web/flaky-tests");
    let tests = flaky["flaky_tests"].as_array().unwrap();
    assert!(tests.len() >= 3, "{}", tests.len());
    assert_eq!(flaky["total_flaky_tests"], tests.len());
    let test = &tests[0];
    assert!(test["times_flaked"].as_i64().unwrap() > 1);
    let target = format!("/project/gh/acme/web/{}/tests", test["job_number"]);
    let results = all(&mut world, &target);
    let found = results.iter().find(|result| {
        result["name"] == test["test_name"] && result["classname"] == test["classname"]
    });
    assert_eq!(found.unwrap()["result"], "failure");
    assert!(text(found.unwrap(), "message").contains('\n'));
    let number = test["pipeline_number"].as_u64().unwrap();
    let pipeline = get(
        &mut world,
        &format!("/project/gh/acme/web/pipeline/{number}"),
    );
    let workflows = all(
        &mut world,
        &format!("/pipeline/{}/workflow", text(&pipeline, "id")),
    );
    assert!(
        workflows
            .iter()
            .any(|workflow| workflow["status"] == "success")
    );
}
