//! The events of a model: pipelines, their workflows and jobs.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The slug of the only project.
pub const PROJECT: &str = "gh/acme/web";

/// The age from which records may expire.
const EXPIRES: SignedDuration = SignedDuration::from_hours(31 * 24);

/// All that happened.
pub struct Story {
    seed: u64,
    pub now: Timestamp,
    /// Oldest first.
    pub pipelines: Vec<Pipeline>,
    /// The number of ids given.
    ids: u64,
}

/// A pipeline.
pub struct Pipeline {
    pub id: String,
    number: usize,
    created_at: Timestamp,
    /// Oldest first.
    pub workflows: Vec<Workflow>,
    pub is_deleted: bool,
    pub expiry: Option<Expiry>,
    /// True if it appeared after the last step.
    pub is_fresh: bool,
}

/// The answers of the API for workflows whose records expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// With 404.
    Forgotten,
    /// With workflows that have no id.
    Nameless,
}

/// A workflow.
pub struct Workflow {
    pub id: String,
    name: &'static str,
    status: &'static str,
    created_at: Timestamp,
    stopped_at: Option<Timestamp>,
    jobs: Vec<String>,
    /// The number of jobs that are done while it runs.
    done: usize,
    pub is_deleted: bool,
}

const NAMES: [&str; 3] = ["build-and-test", "deploy", "nightly"];

/// The statuses after one; none after one that is final.
fn next(status: &str) -> &'static [&'static str] {
    match status {
        "running" => &[
            "success", "success", "failing", "on_hold", "failed", "canceled", "error",
        ],
        "failing" => &["failed", "canceled"],
        "on_hold" => &["running", "success", "canceled"],
        _ => &[],
    }
}

impl Story {
    /// A story with a past: pipelines that may expire, and some of the last days.
    pub fn new(seed: u64, begin: Timestamp, rng: &mut fastrand::Rng) -> Self {
        let mut story = Self {
            seed,
            now: begin,
            pipelines: Vec::new(),
            ids: 0,
        };
        let ages = (0..8)
            .map(|n| (88 - n * 7) * 24)
            .chain((0..8).map(|n| (9 - n) * 24));
        for hours in ages {
            let earlier = SignedDuration::from_mins(hours * 60 + rng.i64(0..60));
            story.now = begin - earlier;
            story.start(false, rng);
        }
        story.now = begin;
        for pipeline in &mut story.pipelines {
            for workflow in &mut pipeline.workflows {
                if !next(workflow.status).is_empty() {
                    workflow.end("success", pipeline.created_at);
                }
            }
        }
        story
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        let (seed, number) = (self.seed & 0xffff_ffff, self.ids);
        format!("{seed:08x}-0000-4000-8000-{number:012x}")
    }

    /// Makes what is fresh as old as the rest.
    pub fn age_fresh(&mut self) {
        for pipeline in &mut self.pipelines {
            pipeline.is_fresh = false;
        }
    }

    /// Starts a pipeline, with up to three workflows.
    pub fn start(&mut self, is_fresh: bool, rng: &mut fastrand::Rng) {
        let id = self.new_id();
        // No two pipelines have one time.
        let last = self.pipelines.last().map(|last| last.created_at);
        let second = SignedDuration::from_secs(1);
        let created_at = last.map_or(self.now, |last| self.now.max(last + second));
        let count = *rng.choice(&[0, 1, 1, 1, 2, 3]).expect("some");
        let workflows = (0..count)
            .map(|place| self.new_workflow(NAMES[place], created_at, rng))
            .collect();
        self.pipelines.push(Pipeline {
            id,
            number: self.pipelines.len() + 1,
            created_at,
            workflows,
            is_deleted: false,
            expiry: None,
            is_fresh,
        });
    }

    fn new_workflow(
        &mut self,
        name: &'static str,
        created_at: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Workflow {
        let id = self.new_id();
        let jobs = (0..rng.usize(1..=3)).map(|_| self.new_id()).collect();
        let mut workflow = Workflow {
            id,
            name,
            status: "running",
            created_at,
            stopped_at: None,
            jobs,
            done: 0,
            is_deleted: false,
        };
        match rng.u32(0..20) {
            0 => workflow.end("unauthorized", created_at),
            1 => workflow.end("not_run", created_at),
            _ => {}
        }
        workflow
    }

    /// Brings on a workflow that has not ended.
    pub fn go_on(&mut self, rng: &mut fastrand::Rng) {
        let now = self.now;
        let workflows = self.kept().flat_map(|pipeline| &mut pipeline.workflows);
        let mut open: Vec<&mut Workflow> = workflows
            .filter(|workflow| !workflow.is_deleted && !next(workflow.status).is_empty())
            .collect();
        if open.is_empty() {
            return;
        }
        let workflow = open.swap_remove(rng.usize(0..open.len()));
        if workflow.status == "running" && workflow.done + 1 < workflow.jobs.len() && rng.bool() {
            workflow.done += 1;
            return;
        }
        let next_statuses = next(workflow.status);
        let status = rng.choice(next_statuses).expect("not final");
        if next(status).is_empty() {
            workflow.end(status, now);
        } else {
            workflow.status = status;
        }
    }

    /// Reruns a workflow that has ended: a new one in its pipeline, which does not tell.
    pub fn rerun(&mut self, age: SignedDuration, rng: &mut fastrand::Rng) {
        let now = self.now;
        let mut ended: Vec<(String, &'static str)> = self
            .kept()
            .filter(|pipeline| now.duration_since(pipeline.created_at) <= age)
            .flat_map(|pipeline| {
                let ended = pipeline.workflows.iter();
                let ended = ended.filter(|workflow| next(workflow.status).is_empty());
                ended.map(|workflow| (pipeline.id.clone(), workflow.name))
            })
            .collect();
        if ended.is_empty() {
            return;
        }
        let (id, name) = ended.swap_remove(rng.usize(0..ended.len()));
        let workflow = self.new_workflow(name, now, rng);
        let mut pipelines = self.pipelines.iter_mut();
        let pipeline = pipelines.find(|pipeline| pipeline.id == id);
        pipeline.expect("just found").workflows.push(workflow);
    }

    /// Deletes a workflow.
    pub fn delete_workflow(&mut self, age: SignedDuration, rng: &mut fastrand::Rng) {
        let now = self.now;
        let workflows = self
            .kept()
            .filter(|pipeline| now.duration_since(pipeline.created_at) <= age)
            .flat_map(|pipeline| &mut pipeline.workflows);
        let mut kept: Vec<&mut Workflow> =
            workflows.filter(|workflow| !workflow.is_deleted).collect();
        if !kept.is_empty() {
            kept.swap_remove(rng.usize(0..kept.len())).is_deleted = true;
        }
    }

    /// Deletes a pipeline.
    pub fn delete_pipeline(&mut self, rng: &mut fastrand::Rng) {
        let mut kept: Vec<&mut Pipeline> = self.kept().collect();
        if !kept.is_empty() {
            kept.swap_remove(rng.usize(0..kept.len())).is_deleted = true;
        }
    }

    /// Forgets the workflows of an old pipeline.
    pub fn expire(&mut self, rng: &mut fastrand::Rng) {
        let now = self.now;
        let old = self
            .kept()
            .find(|pipeline| now.duration_since(pipeline.created_at) >= EXPIRES);
        if let Some(pipeline) = old {
            pipeline.expiry = Some(if rng.bool() {
                Expiry::Forgotten
            } else {
                Expiry::Nameless
            });
        }
    }

    /// Returns the pipelines whose workflows can be seen.
    fn kept(&mut self) -> impl Iterator<Item = &mut Pipeline> {
        let pipelines = self.pipelines.iter_mut();
        pipelines.filter(|pipeline| !pipeline.is_deleted && pipeline.expiry.is_none())
    }

    /// Returns the workflow with an id, and its pipeline.
    pub fn workflow(&self, id: &str) -> Option<(&Pipeline, &Workflow)> {
        let mut pairs = self.pipelines.iter().flat_map(|pipeline| {
            let workflows = pipeline.workflows.iter();
            workflows.map(move |workflow| (pipeline, workflow))
        });
        pairs.find(|(_, workflow)| workflow.id == id)
    }
}

impl Pipeline {
    /// Shows it as the API does. Its times are those of its start, whatever its workflows do.
    pub fn show(&self) -> Map<String, Value> {
        object(json!({
            "id": self.id,
            "project_slug": PROJECT,
            "number": self.number,
            "state": "created",
            "created_at": written(self.created_at),
            "updated_at": written(self.created_at),
            "errors": [],
            "trigger": { "type": "webhook", "actor": { "login": "mika" } },
            "vcs": { "branch": "main", "revision": format!("{:040x}", self.number) },
        }))
    }
}

impl Workflow {
    fn end(&mut self, status: &'static str, at: Timestamp) {
        self.status = status;
        self.stopped_at = Some(at.max(self.created_at));
    }

    /// Shows it as the API does.
    pub fn show(&self, pipeline: &Pipeline) -> Map<String, Value> {
        let mut shown = object(json!({
            "id": self.id,
            "project_slug": PROJECT,
            "pipeline_id": pipeline.id,
            "pipeline_number": pipeline.number,
            "name": self.name,
            "status": self.status,
            "created_at": written(self.created_at),
        }));
        if let Some(at) = self.stopped_at {
            shown.insert("stopped_at".to_owned(), written(at).into());
        }
        shown
    }

    /// Shows its jobs as the API does.
    pub fn jobs(&self) -> Vec<Map<String, Value>> {
        let jobs = self.jobs.iter().enumerate();
        jobs.map(|(place, id)| {
            let status = self.job_status(place);
            let mut shown = object(json!({
                "id": id,
                "project_slug": PROJECT,
                "name": format!("job-{}", place + 1),
                "type": if status == "on_hold" { "approval" } else { "build" },
                "status": status,
            }));
            if !matches!(status, "blocked" | "not_run" | "unauthorized" | "on_hold") {
                let number = u64::from_str_radix(&id[24..], 16).expect("an id of this model");
                shown.insert("job_number".to_owned(), number.into());
                shown.insert("started_at".to_owned(), written(self.created_at).into());
                if let Some(at) = self.stopped_at {
                    shown.insert("stopped_at".to_owned(), written(at).into());
                }
            }
            shown
        })
        .collect()
    }

    fn job_status(&self, place: usize) -> &'static str {
        let is_last = place + 1 == self.jobs.len();
        match self.status {
            "running" if place < self.done => "success",
            "running" if place == self.done => "running",
            "running" => "blocked",
            "on_hold" if is_last => "on_hold",
            "failing" | "failed" if place == 0 => "failed",
            "failing" => "running",
            "error" if place == 0 => "infrastructure_fail",
            "failed" | "error" => "not_run",
            "on_hold" => "success",
            status => status,
        }
    }
}

fn written(time: Timestamp) -> String {
    format!("{time:.0}")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}
