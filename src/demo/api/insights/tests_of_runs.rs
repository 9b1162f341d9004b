//! Tests over many runs: flaky, failing and slow ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::demo::api::insights::{Filter, collect, known_workflow, last};
use crate::demo::api::{metrics, project};
use crate::demo::message::{Answer, Call, Outcome};
use crate::demo::world::calendar::{DAY, plain};
use crate::demo::world::course::Job;
use crate::demo::world::project::Project;
use crate::demo::world::{Workflow, World, suite};

const TEST_RUNS: usize = 10;
const FLAKY_DAYS: i64 = 14;
const MOST_TESTS: usize = 10;

/// A test of a job of a workflow. The same test in another job is a different one.
type TestName<'w> = (&'w str, &'w str, &'static str, &'static str, String);

fn test_name<'w>(workflow: &Workflow<'w>, job: &Job, test: &suite::Test) -> TestName<'w> {
    let plan = workflow.plan;
    (
        &plan.name,
        &plan.jobs[job.place].name,
        test.file,
        test.class,
        test.name.clone(),
    )
}

/// Returns tests that failed and then passed on the same commit, newest flake first.
fn flakes(world: &World, project: &Project) -> BTreeMap<String, Value> {
    let filter = Filter {
        branch: None,
        name: None,
        window: last(world, FLAKY_DAYS * DAY),
    };
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for run in collect(world, project, filter) {
        let workflow = &run.workflow;
        if !world.has_recovered(workflow) {
            continue;
        }
        for job in &workflow.jobs {
            let tests = suite::tests(world.options.seed, workflow, job);
            for test in tests.iter().filter(|test| test.result == "failure") {
                let name = format!("{:?}", test_name(workflow, job, test));
                let shown = found
                    .entry(name)
                    .or_insert_with(|| flake(world, workflow, job, test));
                shown["times_flaked"] = json!(shown["times_flaked"].as_i64().unwrap_or(0) + 1);
                let wasted = job
                    .stopped_at
                    .zip(job.started_at)
                    .map_or(0, |(stop, start)| stop - start);
                shown["time_wasted"] =
                    json!(shown["time_wasted"].as_i64().unwrap_or(0) + wasted / 1000);
            }
        }
    }
    found
}

fn flake(world: &World, workflow: &Workflow<'_>, job: &Job, test: &suite::Test) -> Value {
    json!({
        "time_wasted": 0,
        "workflow_created_at": plain(workflow.created_at),
        "workflow_id": world.workflow_id(workflow.key),
        "classname": test.class,
        "pipeline_number": workflow.key.pipeline,
        "workflow_name": workflow.plan.name,
        "test_name": test.name,
        "job_name": workflow.job_plan(job).name,
        "job_number": world.job_number(workflow, job),
        "times_flaked": 0,
        "source": "",
        "file": test.file,
    })
}

/// `GET /insights/{slug}/flaky-tests`, with underscores as in the real API.
pub fn flaky_tests(world: &World, slug: &str) -> Outcome {
    let mut flaky: Vec<Value> = flakes(world, project(world, slug)?).into_values().collect();
    flaky.sort_by_key(|test| std::cmp::Reverse(test["times_flaked"].as_i64()));
    Ok(Answer::ok(json!({
        "total_flaky_tests": flaky.len(),
        "flaky_tests": flaky,
    })))
}

/// The results of one test in the newest runs.
#[derive(Default)]
struct Record {
    runs: i64,
    failed: i64,
    millis: Vec<i64>,
}

impl Record {
    /// Returns the 95th percentile of the durations, which are sorted.
    fn p95(&self) -> i64 {
        metrics::percentile(&self.millis, 95).unwrap_or(0)
    }
}

/// `GET /insights/{slug}/workflows/{name}/test-metrics`, for the ten newest runs.
pub fn test_metrics(world: &World, call: &Call, slug: &str, name: &str) -> Outcome {
    let project = project(world, slug)?;
    known_workflow(project, name)?;
    let window = last(world, 90 * DAY);
    let runs = collect(world, project, Filter::new(call, Some(name), window));
    let mut records: BTreeMap<TestName<'_>, Record> = BTreeMap::new();
    let mut test_runs = Vec::new();
    for run in &runs {
        let counts = count_tests(world, &run.workflow, &mut records);
        test_runs.extend(test_run(world, &run.workflow, &counts));
        if test_runs.len() == TEST_RUNS {
            break;
        }
    }
    let totals = test_runs
        .iter()
        .filter_map(|run| run["test_counts"]["total"].as_i64());
    let count = i64::try_from(test_runs.len()).unwrap_or(0);
    let average = totals.sum::<i64>().checked_div(count).unwrap_or(0);
    for record in records.values_mut() {
        record.millis.sort_unstable();
    }
    let mut slowest: Vec<(&TestName<'_>, &Record)> = records.iter().collect();
    slowest.sort_by_key(|(_, record)| std::cmp::Reverse(record.p95()));
    let mut failing = slowest.clone();
    failing.retain(|(_, record)| record.failed > 0);
    failing.sort_by_key(|(_, record)| std::cmp::Reverse(record.failed));
    let flaky = flakes(world, project);
    let first = |list: &[(&TestName<'_>, &Record)]| -> Vec<Value> {
        let first = list.iter().take(MOST_TESTS);
        first
            .map(|(name, record)| show_record(name, record, &flaky))
            .collect()
    };
    Ok(Answer::ok(json!({
        "average_test_count": average,
        "most_failed_tests": first(&failing),
        "most_failed_tests_extra": failing.len().saturating_sub(MOST_TESTS),
        "slowest_tests": first(&slowest),
        "slowest_tests_extra": slowest.len().saturating_sub(MOST_TESTS),
        "total_test_runs": test_runs.len(),
        "test_runs": test_runs,
    })))
}

/// Returns a run with its counts; `None` without test results.
fn test_run(
    world: &World,
    workflow: &Workflow<'_>,
    counts: &BTreeMap<&'static str, i64>,
) -> Option<Value> {
    let total: i64 = counts.values().sum();
    let of = |result: &str| counts.get(result).copied().unwrap_or(0);
    (total > 0).then(|| {
        json!({
            "pipeline_number": workflow.key.pipeline,
            "workflow_id": world.workflow_id(workflow.key),
            "success_rate": metrics::ratio(of("success"), total - of("skipped")),
            "test_counts": {
                "error": of("error"),
                "failure": of("failure"),
                "skipped": of("skipped"),
                "success": of("success"),
                "total": total,
            },
        })
    })
}

fn count_tests<'w>(
    world: &World,
    workflow: &Workflow<'w>,
    records: &mut BTreeMap<TestName<'w>, Record>,
) -> BTreeMap<&'static str, i64> {
    let mut counts = BTreeMap::new();
    for job in &workflow.jobs {
        for test in suite::tests(world.options.seed, workflow, job) {
            *counts.entry(test.result).or_insert(0) += 1;
            let record = records.entry(test_name(workflow, job, &test)).or_default();
            record.runs += 1;
            record.failed += i64::from(test.result == "failure");
            record.millis.push(i64::from(test.millis));
        }
    }
    counts
}

fn show_record(name: &TestName<'_>, record: &Record, flaky: &BTreeMap<String, Value>) -> Value {
    let (_, job_name, file, class, test_name) = name;
    json!({
        "p95_duration": metrics::ratio(record.p95(), 1000),
        "total_runs": record.runs,
        "classname": class,
        "failed_runs": record.failed,
        "flaky": flaky.contains_key(&format!("{name:?}")),
        "source": "",
        "file": file,
        "job_name": job_name,
        "test_name": test_name,
    })
}
