//! A project of CircleCI whose whole history is known in advance: what its API answers follows from
//! the time alone.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use crate::cli::simulation::chance::Chance;
use crate::cli::simulation::network::Api;

/// The slug of the project.
pub const PROJECT: &str = "gh/acme/web";

/// The path of the base URL.
pub const BASE: &str = "/api/v2";

/// The number of items on a page.
const PAGE: usize = 7;

/// The longest time, in minutes, for which a new pipeline is missing in the listing: less than a
/// listing overlaps the one before.
const LATEST: u64 = 50;

/// The age up to which a pipeline may be rerun, in hours: less than `revisit` of the shipped query.
const OLDEST_RERUN: u64 = 10 * 24;

/// A project.
#[derive(Debug)]
pub struct CircleCi {
    /// In the order of their numbers.
    pipelines: Vec<Pipeline>,
}

/// A pipeline.
#[derive(Debug)]
pub struct Pipeline {
    number: usize,
    pub created: Timestamp,
    /// When it appears in the listing.
    pub listed: Timestamp,
    /// When its configuration has been read.
    settled: Timestamp,
    workflows: Vec<Workflow>,
}

/// A workflow, the first one of its pipeline or a rerun.
#[derive(Debug)]
struct Workflow {
    id: String,
    created: Timestamp,
    stopped: Timestamp,
    status: &'static str,
    jobs: Vec<Job>,
}

/// A job. One that does not start is blocked for ever.
#[derive(Debug)]
struct Job {
    id: String,
    times: Option<(Timestamp, Timestamp)>,
    status: &'static str,
}

impl CircleCi {
    /// Makes up a history between two times.
    pub fn new(chance: &Chance, from: Timestamp, to: Timestamp) -> Self {
        let mut pipelines = Vec::new();
        let mut created = from;
        loop {
            // Several in an hour, so that one is listed late behind another, and days without any.
            let longest = chance.one_of(&[600, 6 * 3_600, 3 * 86_400]);
            created += SignedDuration::from_secs(i64_of(chance, 60..=longest));
            if created >= to {
                return Self { pipelines };
            }
            pipelines.push(Pipeline::new(chance, pipelines.len() + 1, created));
        }
    }

    /// Returns the pipelines.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// Returns the end of everything that happens.
    pub fn end(&self) -> Timestamp {
        let workflows = self
            .pipelines
            .iter()
            .flat_map(|pipeline| &pipeline.workflows);
        let ends = workflows.map(|workflow| workflow.stopped);
        let listed = self.pipelines.iter().map(|pipeline| pipeline.listed);
        ends.chain(listed).max().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns the pipelines as a store has them, each as its id and state.
    pub fn listing(&self, now: Timestamp) -> BTreeSet<String> {
        let listed = self
            .pipelines
            .iter()
            .filter(|pipeline| pipeline.listed <= now);
        listed.map(|pipeline| pipeline.row(now)).collect()
    }

    fn page(&self, url: &Url, now: Timestamp) -> Result<Value, u16> {
        let mut listed: Vec<&Pipeline> = self
            .pipelines
            .iter()
            .filter(|pipeline| pipeline.listed <= now)
            .collect();
        listed.sort_by_key(|pipeline| std::cmp::Reverse((pipeline.created, pipeline.number)));
        // A token is the last number of a page, so that what is new does not move the pages.
        let mut pairs = url.query_pairs();
        if let Some((_, token)) = pairs.find(|(name, _)| name == "page-token") {
            let number: usize = token.parse().map_err(|_| 400_u16)?;
            let place = listed.iter().position(|pipeline| pipeline.number == number);
            listed.drain(..=place.ok_or(400_u16)?);
        }
        let has_more = listed.len() > PAGE;
        listed.truncate(PAGE);
        let last = listed.last().filter(|_| has_more);
        Ok(json!({
            "items": listed.iter().map(|pipeline| pipeline.shown(now)).collect::<Vec<_>>(),
            "next_page_token": last.map(|pipeline| pipeline.number.to_string()),
        }))
    }
}

impl Api for CircleCi {
    fn answer(&self, url: &Url, now: Timestamp) -> Result<Value, u16> {
        let path = url.path().strip_prefix(BASE).ok_or(404_u16)?;
        if path.starts_with("/project/") {
            return self.page(url, now);
        }
        let pipeline_of = |id: &str| {
            let is_it =
                |pipeline: &&Pipeline| pipeline.id() == id || pipeline.workflow(id).is_some();
            self.pipelines.iter().find(is_it).ok_or(404_u16)
        };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let items: Vec<Value> = match parts[..] {
            ["pipeline", id, "workflow"] => {
                let pipeline = pipeline_of(id)?;
                let shown = |workflow: &Workflow| workflow.shown(pipeline, now);
                pipeline.workflows.iter().filter_map(shown).collect()
            }
            ["workflow", id, "job"] => {
                let pipeline = pipeline_of(id)?;
                let workflow = pipeline.workflow(id).ok_or(404_u16)?;
                workflow.jobs.iter().map(|job| job.shown(now)).collect()
            }
            _ => return Err(404),
        };
        Ok(json!({ "items": items, "next_page_token": null }))
    }
}

impl Pipeline {
    fn new(chance: &Chance, number: usize, created: Timestamp) -> Self {
        let listed = if chance.is(30) {
            created + SignedDuration::from_mins(i64_of(chance, 0..=LATEST))
        } else {
            created
        };
        let mut workflows = Vec::new();
        let mut begins = listed + SignedDuration::from_secs(i64_of(chance, 0..=90));
        let settled = begins;
        // Some pipelines have no workflow.
        for place in 0..chance.number(0..=4) {
            let workflow = Workflow::new(chance, format!("w{number}-{place}"), begins);
            // A rerun begins after that.
            begins = workflow.stopped;
            if place > 0 || chance.is(50) {
                begins += SignedDuration::from_mins(i64_of(chance, 1..=4 * 24 * 60));
            }
            workflows.push(workflow);
            if begins.duration_since(created)
                > SignedDuration::from_hours(OLDEST_RERUN.cast_signed())
            {
                break;
            }
        }
        Self {
            number,
            created,
            listed,
            settled,
            workflows,
        }
    }

    /// Returns the id.
    pub fn id(&self) -> String {
        format!("p{}", self.number)
    }

    /// Returns the times at which an answer about the pipeline, or below it, changes.
    pub fn changes(&self) -> Vec<Timestamp> {
        let mut changes = vec![
            Timestamp::UNIX_EPOCH,
            self.created,
            self.listed,
            self.settled,
        ];
        for workflow in &self.workflows {
            changes.extend([workflow.created, workflow.stopped]);
            let times = workflow.jobs.iter().filter_map(|job| job.times);
            changes.extend(times.flat_map(|(started, stopped)| [started, stopped]));
        }
        changes.sort_unstable();
        changes
    }

    /// Returns the row of a store.
    pub fn row(&self, now: Timestamp) -> String {
        format!("{} {}", self.id(), self.state(now))
    }

    /// Returns the rows of its workflows in a store.
    pub fn workflow_rows(&self, now: Timestamp) -> BTreeSet<String> {
        let row = |workflow: &Workflow| {
            let shown = workflow.shown(self, now)?;
            Some(workflow_row(&shown))
        };
        self.workflows.iter().filter_map(row).collect()
    }

    /// Returns the rows of a workflow's jobs in a store.
    pub fn job_rows(&self, workflow: &str, now: Timestamp) -> BTreeSet<String> {
        let jobs = self
            .workflow(workflow)
            .into_iter()
            .flat_map(|workflow| &workflow.jobs);
        jobs.map(|job| job_row(&job.shown(now))).collect()
    }

    fn workflow(&self, id: &str) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| workflow.id == id)
    }

    fn state(&self, now: Timestamp) -> &'static str {
        if now < self.settled {
            "pending"
        } else {
            "created"
        }
    }

    fn shown(&self, now: Timestamp) -> Value {
        json!({
            "id": self.id(),
            "project_slug": PROJECT,
            "number": self.number,
            "state": self.state(now),
            "errors": [],
            "created_at": self.created.to_string(),
            "updated_at": self.created.to_string(),
            "trigger": { "type": "webhook", "actor": { "login": "ada" } },
            "vcs": { "branch": "main", "revision": format!("r{}", self.number) },
        })
    }
}

/// Returns a workflow as a store has it.
pub fn workflow_row(workflow: &Value) -> String {
    let is_stopped = !workflow["stopped_at"].is_null();
    format!(
        "{} {} {is_stopped}",
        text(&workflow["id"]),
        text(&workflow["status"])
    )
}

/// Returns a job as a store has it.
pub fn job_row(job: &Value) -> String {
    let is = |name: &str| !job[name].is_null();
    format!(
        "{} {} {} {}",
        text(&job["id"]),
        text(&job["status"]),
        is("started_at"),
        is("stopped_at")
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Workflow {
    fn new(chance: &Chance, id: String, created: Timestamp) -> Self {
        let jobs: Vec<Job> = (0..chance.number(1..=4))
            .map(|place| Job::new(chance, format!("{id}-j{place}"), created))
            .collect();
        let stops = jobs
            .iter()
            .filter_map(|job| job.times)
            .map(|(_, stopped)| stopped);
        let is_green = jobs.iter().all(|job| job.status == "success");
        Self {
            id,
            created,
            stopped: stops.max().unwrap_or(created) + SignedDuration::from_secs(1),
            status: if is_green { "success" } else { "failed" },
            jobs,
        }
    }

    fn shown(&self, pipeline: &Pipeline, now: Timestamp) -> Option<Value> {
        let is_over = now >= self.stopped;
        (now >= self.created).then(|| {
            json!({
                "id": self.id,
                "name": "build",
                "status": if is_over { self.status } else { "running" },
                "project_slug": PROJECT,
                "pipeline_id": pipeline.id(),
                "pipeline_number": pipeline.number,
                "created_at": self.created.to_string(),
                "stopped_at": is_over.then(|| self.stopped.to_string()),
            })
        })
    }
}

impl Job {
    fn new(chance: &Chance, id: String, created: Timestamp) -> Self {
        let started = created + SignedDuration::from_secs(i64_of(chance, 0..=600));
        let longest = chance.one_of(&[60, 900, 20 * 3_600]);
        let stopped = started + SignedDuration::from_secs(i64_of(chance, 5..=longest));
        let never_starts = chance.is(10);
        Self {
            id,
            times: (!never_starts).then_some((started, stopped)),
            status: if never_starts {
                "blocked"
            } else {
                chance.one_of(&["success", "success", "success", "failed", "canceled"])
            },
        }
    }

    fn shown(&self, now: Timestamp) -> Value {
        let (started, stopped) = self.times.unwrap_or((Timestamp::MAX, Timestamp::MAX));
        let status = match self.times {
            Some(_) if now < started => "queued",
            Some(_) if now < stopped => "running",
            _ => self.status,
        };
        json!({
            "id": self.id,
            "name": "test",
            "type": "build",
            "job_number": null,
            "status": status,
            "started_at": (now >= started).then(|| started.to_string()),
            "stopped_at": (now >= stopped).then(|| stopped.to_string()),
        })
    }
}

fn i64_of(chance: &Chance, range: std::ops::RangeInclusive<u64>) -> i64 {
    chance.number(range).cast_signed()
}
