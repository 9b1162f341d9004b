//! The steps of a job and their output.

use serde_json::{Value, json};

use crate::demo::world::calendar::precise;
use crate::demo::world::course::Job;
use crate::demo::world::random::Dice;
use crate::demo::world::status::JobStatus;
use crate::demo::world::{Workflow, suite};

/// A step of a job.
#[derive(Debug, Clone)]
pub struct Step {
    /// The number in the service's terms: the project's own steps begin at 101.
    pub number: u32,
    /// The name.
    pub name: &'static str,
    /// The command, unless the service provides the step.
    pub command: Option<String>,
    /// The start time.
    pub started_at: i64,
    /// The end time; `None` while it runs.
    pub stopped_at: Option<i64>,
    /// The parallel run in which it went wrong, with the status of the job.
    pub trouble: Option<(u32, JobStatus)>,
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// True for standard error.
    pub is_error: bool,
    /// The text, without its end.
    pub text: String,
}

/// Number, name, share of the job's time in percent.
const STEPS: [(u32, &str, i64); 8] = [
    (0, "Spin up environment", 6),
    (99, "Preparing environment variables", 1),
    (101, "Checkout code", 4),
    (102, "Restore cache", 7),
    (103, "Install dependencies", 14),
    (MAIN, "", 62),
    (105, "Upload test results", 3),
    (106, "Upload artifacts", 3),
];
/// The step that does what the job is for.
const MAIN: u32 = 104;

impl Step {
    /// Returns the status of a parallel run of the step.
    pub fn status(&self, node: u32) -> JobStatus {
        match self.trouble {
            Some((at, status)) if at == node => status,
            _ if self.stopped_at.is_none() => JobStatus::Running,
            _ => JobStatus::Success,
        }
    }

    /// Returns the exit code of a parallel run, if its command ended.
    pub fn exit_code(&self, node: u32) -> Option<i64> {
        match self.status(node) {
            JobStatus::Success => Some(0),
            JobStatus::Failed | JobStatus::Retried => Some(1),
            _ => None,
        }
    }
}

/// Returns the steps of a job that has started.
pub fn of(seed: u64, workflow: &Workflow<'_>, job: &Job) -> Vec<Step> {
    let Some(start) = job.started_at.filter(|_| !workflow.job_plan(job).approval) else {
        return Vec::new();
    };
    let plan = workflow.job_plan(job);
    let span = job.stopped_at.map_or(60_000, |stop| stop - start);
    let trouble_at = match job.status {
        JobStatus::Success | JobStatus::Running => None,
        JobStatus::InfrastructureFail | JobStatus::TerminatedUnknown => Some(0),
        _ => Some(MAIN),
    };
    let node = u32::try_from(dice(seed, workflow, job).below(u64::from(plan.parallelism)));
    let mut steps = Vec::new();
    let mut elapsed = 0;
    for (number, name, share) in STEPS {
        let is_wanted = match number {
            105 => plan.tests > 0,
            106 => plan.artifacts,
            _ => true,
        };
        if !is_wanted {
            continue;
        }
        let started_at = start + span * elapsed / 100;
        elapsed += share;
        let is_running = job.stopped_at.is_none() && number == MAIN;
        let is_trouble = trouble_at == Some(number);
        steps.push(Step {
            number,
            name: if number == MAIN {
                title(&plan.name)
            } else {
                name
            },
            command: command(number, &plan.name),
            started_at,
            stopped_at: (!is_running).then(|| start + span * elapsed / 100),
            trouble: is_trouble.then(|| (node.unwrap_or(0), job.status)),
        });
        // What is stored is also stored after a failure, but not if the machine is gone.
        if is_running || is_trouble && job.status != JobStatus::Failed {
            break;
        }
    }
    steps
}

fn dice(seed: u64, workflow: &Workflow<'_>, job: &Job) -> Dice {
    let key = workflow.key;
    let place = u64::from(key.place) << 32 | job.place as u64;
    let names = [u64::from(key.project), u64::from(key.pipeline), place, 7];
    Dice::new(seed, &names)
}

/// The kinds of job by a word in their name: title, command, and what is said on failure.
const KINDS: [(&str, &str, &str, &[&str]); 9] = [
    ("test", "Run tests", "npm test", &[]),
    ("regression", "Run tests", "npm run test:all", &[]),
    (
        "lint",
        "Lint",
        "npm run lint",
        &[
            "/home/circleci/project/src/cart/tax.ts",
            "  41:9   error  'rounded' is assigned a value but never used  @typescript-eslint/no-unused-vars",
            "  87:17  error  Unexpected any. Specify a different type     @typescript-eslint/no-explicit-any",
            "",
            "✖ 2 problems (2 errors, 0 warnings)",
        ],
    ),
    (
        "clippy",
        "Clippy",
        "cargo clippy -- -D warnings",
        &[
            "error: this `if` has identical blocks",
            "  --> src/orders/price.rs:118:24",
            "   = note: `-D clippy::if-same-then-else` implied by `-D warnings`",
            "error: could not compile `orders` (lib) due to 1 previous error",
        ],
    ),
    (
        "compile",
        "Compile",
        "cargo build --locked",
        &[
            "error[E0308]: mismatched types",
            "   --> src/orders/coupon.rs:64:21",
            "    |",
            "64  |     Discount::of(self.percent)",
            "    |     ------------ ^^^^^^^^^^^^ expected `Percent`, found `u8`",
            "error: could not compile `orders` (lib) due to 1 previous error",
        ],
    ),
    (
        "deploy",
        "Deploy",
        "./scripts/deploy.sh",
        &[
            "Waiting for deployment \"web\" rollout to finish: 1 of 3 updated replicas are available...",
            "error: deployment \"web\" exceeded its progress deadline",
        ],
    ),
    (
        "migrate",
        "Migrate",
        "./scripts/migrate.sh",
        &[
            "applying 20260914_add_order_state.sql",
            "ERROR:  canceling statement due to lock timeout",
            "CONTEXT:  while locking table \"orders\"",
        ],
    ),
    (
        "install",
        "Install",
        "npm ci",
        &[
            "npm error code E503",
            "npm error 503 Service Unavailable - GET https://registry.npmjs.org/vite",
        ],
    ),
    (
        "",
        "Build",
        "make build",
        &[
            "src/search/facets.ts:52:11 - error TS2345: Argument of type 'string' is not assignable to parameter of type 'Facet'.",
            "Found 1 error in src/search/facets.ts:52",
            "make: *** [Makefile:14: build] Error 2",
        ],
    ),
];

fn kind(
    job: &str,
) -> &'static (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
) {
    let found = KINDS.iter().find(|(word, ..)| job.contains(word));
    found.unwrap_or(&KINDS[KINDS.len() - 1])
}

fn title(job: &str) -> &'static str {
    kind(job).1
}

fn command(number: u32, job: &str) -> Option<String> {
    match number {
        103 => Some("./scripts/install.sh".to_owned()),
        MAIN => Some(kind(job).2.to_owned()),
        _ => None,
    }
}

/// Returns the output of a parallel run of a step.
pub fn output(seed: u64, workflow: &Workflow<'_>, job: &Job, step: &Step, node: u32) -> Vec<Line> {
    let plan = workflow.job_plan(job);
    let mut lines = Vec::new();
    let mut say = |text: String| {
        lines.push(Line {
            is_error: false,
            text,
        });
    };
    match step.number {
        0 => {
            say("Build-agent version 1.0.34911-8d3c1f0e".to_owned());
            say(format!(
                "Starting a {} machine of class {}",
                plan.executor, plan.class
            ));
        }
        99 => say("Using build environment variables:".to_owned()),
        101 => say(format!("Fetching into {:?}", workflow.plan.name)),
        MAIN => {
            let status = step.status(node);
            let share = if status == JobStatus::Success { 40 } else { 28 };
            for number in 1..=share {
                say(format!(
                    "\u{1b}[32m✓\u{1b}[0m {} {number:>2} of 40",
                    plan.name
                ));
            }
        }
        _ => say(format!("{}: done", step.name)),
    }
    lines.extend(complaint(seed, workflow, job, step, node));
    lines
}

/// Returns the last lines of a step that went wrong, which say why.
fn complaint(seed: u64, workflow: &Workflow<'_>, job: &Job, step: &Step, node: u32) -> Vec<Line> {
    let plan = workflow.job_plan(job);
    let mut said: Vec<String> = Vec::new();
    match step.status(node) {
        JobStatus::Failed | JobStatus::Retried if plan.tests > 0 => {
            let tests = suite::tests(seed, workflow, job);
            let failed: Vec<_> = tests
                .iter()
                .filter(|test| test.result == "failure")
                .collect();
            for test in &failed {
                said.push(format!(
                    "\u{1b}[31m✗\u{1b}[0m {} > {}",
                    test.class, test.name
                ));
                said.extend(test.message.lines().map(|line| format!("  {line}")));
            }
            let (count, all) = (failed.len(), tests.len());
            said.push(format!(
                "Tests: {count} failed, {} passed, {all} in all",
                all - count
            ));
            said.push("Exited with code exit status 1".to_owned());
        }
        JobStatus::Failed | JobStatus::Retried => {
            said.extend(kind(&plan.name).3.iter().map(|text| (*text).to_owned()));
            said.push("Exited with code exit status 1".to_owned());
        }
        JobStatus::TimedOut => {
            said.push(
                "Too long with no output (exceeded 10m0s): context deadline exceeded".to_owned(),
            );
        }
        JobStatus::InfrastructureFail | JobStatus::TerminatedUnknown => {
            said.push("The machine could not be prepared: no capacity in this zone".to_owned());
        }
        JobStatus::Canceled => said.push("The step was canceled".to_owned()),
        _ => {}
    }
    let line = |text| Line {
        is_error: true,
        text,
    };
    said.into_iter().map(line).collect()
}

/// Joins the lines of one stream; `None` for both.
pub fn text(lines: &[Line], is_error: Option<bool>) -> String {
    lines
        .iter()
        .filter(|line| is_error.is_none_or(|wanted| line.is_error == wanted))
        .flat_map(|line| [&line.text, "\r\n"])
        .collect()
}

/// Returns output in the format of the storage: one entry per run of lines of the same stream.
pub fn stored(lines: &[Line], step: &Step) -> Value {
    let entries = lines.chunk_by(|one, next| one.is_error == next.is_error);
    let entry = |lines: &[Line]| {
        json!({
            "type": if lines[0].is_error { "err" } else { "out" },
            "time": precise(step.stopped_at.unwrap_or(step.started_at)),
            "message": text(lines, None),
            "truncated": false,
        })
    };
    Value::Array(entries.map(entry).collect())
}
