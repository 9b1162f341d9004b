//! Test results and artifacts of jobs.

use crate::demo::world::course::Job;
use crate::demo::world::names::{SUITES, TESTS};
use crate::demo::world::random::Dice;
use crate::demo::world::status::JobStatus;
use crate::demo::world::{Workflow, WorkflowKey};

/// A test of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The file.
    pub file: &'static str,
    /// The class.
    pub class: &'static str,
    /// The name; unique in the job together with file and class.
    pub name: String,
    /// The result in the API's terms.
    pub result: &'static str,
    /// The duration in milliseconds.
    pub millis: u32,
    /// The failure message.
    pub message: String,
}

/// An artifact of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its path.
    pub path: String,
    /// The index of the parallel run it comes from.
    pub node: u32,
}

/// Every ninth test is flaky.
const FLAKY_EVERY: u32 = 9;

/// Returns the test results of a job; none unless it ended by itself.
pub fn tests(seed: u64, workflow: &Workflow<'_>, job: &Job) -> Vec<Test> {
    let plan = workflow.job_plan(job);
    let has_results = matches!(
        job.status,
        JobStatus::Success | JobStatus::Failed | JobStatus::Retried
    );
    if plan.tests == 0 || !has_results {
        return Vec::new();
    }
    let failing = failing(seed, workflow, job);
    let mut dice = dice(seed, workflow.key, job, 1);
    (0..plan.tests)
        .map(|index| test(index, failing.contains(&index), &mut dice))
        .collect()
}

/// Returns the indexes of failing tests: flaky ones, if the same commit passes later.
fn failing(seed: u64, workflow: &Workflow<'_>, job: &Job) -> Vec<u32> {
    if job.status == JobStatus::Success {
        return Vec::new();
    }
    let count = workflow.job_plan(job).tests;
    let mut dice = dice(seed, workflow.key, job, 2);
    let is_wanted = |index: &u32| is_flaky(*index) == workflow.recovers;
    let candidates: Vec<u32> = (0..count).filter(is_wanted).collect();
    if candidates.is_empty() {
        return vec![0];
    }
    let mut failing: Vec<u32> = (0..dice.between(1, 3))
        .map(|_| *dice.pick(&candidates))
        .collect();
    failing.sort_unstable();
    failing.dedup();
    failing
}

fn is_flaky(index: u32) -> bool {
    index % FLAKY_EVERY == 4
}

fn dice(seed: u64, key: WorkflowKey, job: &Job, purpose: u64) -> Dice {
    let pipeline = u64::from(key.project) << 32 | u64::from(key.pipeline);
    let place = u64::from(key.place) << 32 | job.place as u64;
    Dice::new(seed, &[pipeline, place, purpose])
}

fn test(index: u32, fails: bool, dice: &mut Dice) -> Test {
    let place = usize::try_from(index).unwrap_or(0);
    let (file, class) = SUITES[place % SUITES.len()];
    let name = TESTS[place / SUITES.len() % TESTS.len()];
    let slow = if index % 11 == 3 { 9 } else { 1 };
    let millis = u32::try_from(dice.between(3, 400) * slow).unwrap_or(0);
    let mut test = Test {
        file,
        class,
        name: name.to_owned(),
        result: "success",
        millis,
        message: String::new(),
    };
    if place >= SUITES.len() * TESTS.len() {
        test.name = format!("{name} ({})", place / (SUITES.len() * TESTS.len()) + 1);
    }
    if fails {
        test.result = "failure";
        test.message = complaint(&test, dice);
    } else if index % 23 == 19 {
        test.result = "skipped";
        test.millis = 0;
        "needs a browser".clone_into(&mut test.message);
    }
    test
}

fn complaint(test: &Test, dice: &mut Dice) -> String {
    let line = dice.between(12, 240);
    let first_line = match dice.below(3) {
        0 => "Error: Timed out 5000ms waiting for expect(locator).toBeVisible()".to_owned(),
        1 => format!(
            "AssertionError: expected {} to equal 42",
            dice.between(0, 41)
        ),
        _ => "TypeError: Cannot read properties of undefined (reading 'total')".to_owned(),
    };
    format!(
        "{first_line}\n    at {} > {}\n    at {}:{line}:7\n",
        test.class, test.name, test.file
    )
}

/// Returns the artifacts of a job.
pub fn artifacts(workflow: &Workflow<'_>, job: &Job) -> Vec<Artifact> {
    let plan = workflow.job_plan(job);
    if !plan.artifacts || job.stopped_at.is_none() {
        return Vec::new();
    }
    let mut artifacts = Vec::new();
    for node in 0..plan.parallelism {
        let mut add = |path: &str| {
            artifacts.push(Artifact {
                path: path.to_owned(),
                node,
            });
        };
        if plan.tests > 0 {
            add("test-results/junit.xml");
            add("coverage/lcov.info");
            if node == 0 {
                add("coverage/index.html");
            }
            if job.status.is_failure() {
                add("screenshots/failed test #1.png");
            }
            add("coverage/coverage.json");
            add("logs/output.log");
        } else {
            add(&format!("{}/summary.json", plan.name));
            add("dist/build.tar.gz");
        }
    }
    artifacts
}
