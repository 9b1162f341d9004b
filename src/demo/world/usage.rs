//! Usage exports: one row per job that ran, as gzip CSV in several parts.
//!
//! The rows reach back further than the pipelines that the API lists.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::demo::world::calendar::{DAY, plain};
use crate::demo::world::course::Job;
use crate::demo::world::names::BOT;
use crate::demo::world::pipeline::Pipeline;
use crate::demo::world::project::Project;
use crate::demo::world::random::Dice;
use crate::demo::world::status::Status;
use crate::demo::world::{Workflow, World};

/// A usage export that was requested.
#[derive(Debug, Clone)]
pub struct Export {
    /// The id.
    pub id: String,
    /// The slug of the organization.
    pub org_slug: String,
    /// The start of the period.
    pub from: i64,
    /// The end of the period.
    pub to: i64,
    /// The real time of the request, in milliseconds since the demo started.
    pub requested_at: i64,
    /// The number of requests for its state so far.
    pub polls: u32,
}

impl Export {
    /// Returns the number of files: one for each ten days or less.
    pub fn parts(&self) -> usize {
        usize::try_from((self.to - self.from) / (10 * DAY)).unwrap_or(0) + 1
    }

    /// Returns the period of a part.
    fn period(&self, part: usize) -> (i64, i64) {
        let (part, parts) = (index(part), index(self.parts()));
        let at = |part: i64| self.from + (self.to - self.from) * part / parts;
        (at(part), at(part + 1))
    }
}

fn index(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The columns, in the order and in the capitals of real exports.
const COLUMNS: [&str; 48] = [
    "ORGANIZATION_ID",
    "ORGANIZATION_NAME",
    "ORGANIZATION_CREATED_DATE",
    "PROJECT_ID",
    "PROJECT_NAME",
    "PROJECT_CREATED_DATE",
    "LAST_BUILD_FINISHED_AT",
    "VCS_NAME",
    "VCS_URL",
    "VCS_BRANCH",
    "PIPELINE_ID",
    "PIPELINE_CREATED_AT",
    "PIPELINE_NUMBER",
    "IS_UNREGISTERED_USER",
    "PIPELINE_TRIGGER_SOURCE",
    "PIPELINE_TRIGGER_USER_ID",
    "WORKFLOW_ID",
    "WORKFLOW_NAME",
    "WORKFLOW_FIRST_JOB_QUEUED_AT",
    "WORKFLOW_FIRST_JOB_STARTED_AT",
    "WORKFLOW_STOPPED_AT",
    "IS_WORKFLOW_SUCCESSFUL",
    "JOB_NAME",
    "JOB_ID",
    "JOB_RUN_NUMBER",
    "JOB_RUN_DATE",
    "JOB_RUN_QUEUED_AT",
    "JOB_RUN_STARTED_AT",
    "JOB_RUN_STOPPED_AT",
    "JOB_BUILD_STATUS",
    "RESOURCE_CLASS",
    "OPERATING_SYSTEM",
    "EXECUTOR",
    "PARALLELISM",
    "JOB_RUN_SECONDS",
    "MEDIAN_CPU_UTILIZATION_PCT",
    "MAX_CPU_UTILIZATION_PCT",
    "MEDIAN_RAM_UTILIZATION_PCT",
    "MAX_RAM_UTILIZATION_PCT",
    "COMPUTE_CREDITS",
    "DLC_CREDITS",
    "USER_CREDITS",
    "STORAGE_CREDITS",
    "NETWORK_CREDITS",
    "LEASE_CREDITS",
    "LEASE_OVERAGE_CREDITS",
    "IPRANGES_CREDITS",
    "TOTAL_CREDITS",
];

/// Median and maximum utilisation in percent of CPU and RAM, by job. Some machines are too large.
const UTILISATION: [(&str, [i64; 4]); 12] = [
    ("install", [34, 71, 22, 41]),
    ("lint", [61, 88, 48, 63]),
    ("unit-tests", [82, 99, 64, 81]),
    ("build", [17, 34, 14, 26]),
    ("e2e-tests", [47, 83, 58, 77]),
    ("full-regression", [71, 97, 69, 88]),
    ("dependency-audit", [9, 22, 11, 16]),
    ("build-image", [15, 31, 18, 29]),
    ("compile", [92, 100, 86, 97]),
    ("clippy", [78, 98, 55, 70]),
    ("integration-tests", [28, 46, 31, 44]),
    ("load-test", [12, 24, 10, 18]),
];
const USUAL: [i64; 4] = [36, 67, 33, 52];

/// Returns a part of an export; `None` if there is no such part.
pub fn part(world: &World, export: &Export, part: usize) -> Option<Vec<u8>> {
    if part >= export.parts() {
        return None;
    }
    let (from, to) = export.period(part);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut write = |text: &str| encoder.write_all(text.as_bytes()).ok();
    write(&COLUMNS.join(","))?;
    write("\n")?;
    for project in world.organization(&export.org_slug) {
        for line in rows(world, project, from, to) {
            write(&line)?;
        }
    }
    encoder.finish().ok()
}

/// Returns the lines of a project, oldest pipeline first.
fn rows(world: &World, project: &Project, from: i64, to: i64) -> Vec<String> {
    let mut pipelines = Vec::new();
    for number in (1..=project.last()).rev() {
        let Some(pipeline) = world.recorded_pipeline(project, number) else {
            continue;
        };
        if pipeline.created_at < from - world.latest_rerun() {
            break;
        }
        if pipeline.created_at < to {
            pipelines.push(pipeline);
        }
    }
    let mut lines = Vec::new();
    for pipeline in pipelines.iter().rev() {
        for workflow in world.workflows(pipeline) {
            for job in &workflow.jobs {
                let is_inside = job
                    .started_at
                    .is_some_and(|start| from <= start && start < to);
                if is_inside && job.stopped_at.is_some() {
                    lines.extend(line(world, project, pipeline, &workflow, job));
                }
            }
        }
    }
    lines
}

/// Returns the line of a job that ran on a machine.
fn line(
    world: &World,
    project: &Project,
    pipeline: &Pipeline,
    workflow: &Workflow<'_>,
    job: &Job,
) -> Option<String> {
    let plan = workflow.job_plan(job);
    let (start, stop) = (job.started_at?, job.stopped_at?);
    if plan.approval {
        return None;
    }
    let number = world.job_number(workflow, job)?;
    let first =
        |time: fn(&Job) -> Option<i64>| optional(workflow.jobs.iter().filter_map(time).min());
    let seconds = (stop - start) / 1000;
    let mut dice = Dice::new(world.options.seed, &[u64::from(project.place), number]);
    let [median_cpu, max_cpu, median_ram, max_ram] = utilisation(&plan.name, seconds, &mut dice);
    let credits = Credits::of(workflow, job, seconds);
    let cells = [
        world.organization_id(project.org_slug),
        project.org_name.to_owned(),
        "2021-03-01".to_owned(),
        world.project_id(project.place),
        project.name.to_owned(),
        "2021-03-04".to_owned(),
        optional(workflow.stopped_at),
        "GitHub".to_owned(),
        project.url(),
        pipeline.branch.as_deref().unwrap_or(NULL).to_owned(),
        world.pipeline_id(project.place, pipeline.number),
        plain(pipeline.created_at),
        pipeline.number.to_string(),
        (pipeline.actor == BOT).to_string(),
        pipeline.trigger.to_owned(),
        world.user_id(pipeline.actor),
        world.workflow_id(workflow.key),
        workflow.plan.name.to_string(),
        first(|job| job.queued_at),
        first(|job| job.started_at),
        optional(workflow.stopped_at),
        (workflow.status == Status::Success).to_string(),
        plan.name.to_string(),
        world.job_id(workflow.key, job.place),
        number.to_string(),
        plain(start)[..10].to_owned(),
        optional(job.queued_at),
        plain(start),
        plain(stop),
        job.status.as_str().to_owned(),
        plan.class.to_owned(),
        "Linux".to_owned(),
        plan.executor.to_owned(),
        plan.parallelism.to_string(),
        seconds.to_string(),
        median_cpu,
        max_cpu,
        median_ram,
        max_ram,
        hundredths(credits.compute),
        hundredths(credits.layer_cache),
        hundredths(0),
        hundredths(credits.storage),
        hundredths(credits.network),
        hundredths(0),
        hundredths(0),
        hundredths(0),
        hundredths(credits.compute + credits.layer_cache + credits.storage + credits.network),
    ];
    let cells = cells.map(|cell| quoted(&cell));
    Some(format!("{}\n", cells.join(",")))
}

/// The text for a missing value.
const NULL: &str = "\\N";

fn optional(time: Option<i64>) -> String {
    time.map_or_else(|| NULL.to_owned(), plain)
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

fn hundredths(value: i64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

/// The credits of a job, in hundredths.
struct Credits {
    compute: i64,
    layer_cache: i64,
    storage: i64,
    network: i64,
}

impl Credits {
    fn of(workflow: &Workflow<'_>, job: &Job, seconds: i64) -> Self {
        let plan = workflow.job_plan(job);
        Self {
            compute: seconds * plan.credits_a_minute() * i64::from(plan.parallelism) * 100 / 60,
            layer_cache: if plan.name == "build-image" {
                20_000
            } else {
                0
            },
            storage: if plan.artifacts { 42 } else { 0 },
            network: if plan.contexts.contains(&"registry") {
                318
            } else {
                0
            },
        }
    }
}

/// Returns the utilisation of a job's machine; a job that is too short has none.
fn utilisation(name: &str, seconds: i64, dice: &mut Dice) -> [String; 4] {
    let known = UTILISATION.iter().find(|(job, _)| *job == name);
    let usual = known.map_or(USUAL, |(_, values)| *values);
    let spread = dice.between(-4, 4);
    usual.map(|value| {
        if seconds < 20 {
            return NULL.to_owned();
        }
        hundredths(((value + spread).clamp(1, 100) * 100 - dice.between(0, 99)).max(0))
    })
}
