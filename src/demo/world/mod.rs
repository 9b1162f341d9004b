//! The organisation the demo shows, made up on demand.
//!
//! A pipeline follows from the seed and its number, a workflow from its
//! pipeline, a job from its workflow. Nothing of that is stored; what writing
//! requests did is kept beside it and laid over. The world knows nothing of
//! HTTP: it answers in plain values, and `api/` puts them into the API's shapes.

pub mod calendar;
pub mod change;
pub mod course;
pub mod desk;
pub mod id;
pub mod names;
pub mod pipeline;
pub mod plan;
pub mod project;
pub mod random;
pub mod status;
pub mod suite;

use std::collections::HashMap;
use std::time::Instant;

use crate::demo::options::Options;
use crate::demo::world::change::{Change, Deed};
use crate::demo::world::course::{Course, Job};
use crate::demo::world::desk::Desk;
use crate::demo::world::id::{Key, Kind};
use crate::demo::world::pipeline::{Pipeline, Style, Triggered};
use crate::demo::world::plan::{JobPlan, WorkflowPlan};
use crate::demo::world::project::{EXAMPLE, Project};
use crate::demo::world::random::Dice;
use crate::demo::world::status::{JobStatus, Status};

/// The id in CircleCI's own example; it is not a whole UUID, and stands for
/// the workflow and for its pipeline.
pub const EXAMPLE_ID: &str = "5034460f-c7c4-4c43-9457";
/// What the example workflow says its id is.
pub const EXAMPLE_WORKFLOW: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";

/// Reruns that a pipeline can have beyond its own workflows.
const SPARE_WORKFLOWS: usize = 24;

/// The organisation, and what was done to it since the demo began.
#[derive(Debug)]
pub struct World {
    /// What it was made with.
    pub options: Options,
    /// Its projects; `Project::place` is the index.
    pub projects: Vec<Project>,
    /// Things people set up: contexts, variables, keys, webhooks, schedules.
    pub desk: Desk,
    began: Instant,
    writes: i64,
    reruns: HashMap<(u8, u32), Vec<Rerun>>,
    changes: HashMap<WorkflowKey, Vec<Change>>,
    looks: HashMap<WorkflowKey, u32>,
    strides: Strides,
}

/// The place of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkflowKey {
    /// The project's place.
    pub project: u8,
    /// The pipeline's number.
    pub pipeline: u32,
    /// The workflow's place in its pipeline, oldest first.
    pub place: u16,
}

/// A workflow and its jobs.
#[derive(Debug, Clone)]
pub struct Workflow<'w> {
    /// Its place.
    pub key: WorkflowKey,
    /// What it consists of.
    pub plan: &'w WorkflowPlan,
    /// How it stands.
    pub status: Status,
    /// When it was created.
    pub created_at: i64,
    /// When it ended.
    pub stopped_at: Option<i64>,
    /// The place of the person who started it.
    pub started_by: usize,
    /// The failure was a flake: the same commit passes later.
    pub recovers: bool,
    /// Its jobs, in the plan's order.
    pub jobs: Vec<Job>,
}

/// A workflow that a request has started again.
#[derive(Debug, Clone)]
struct Rerun {
    of: u16,
    at: i64,
    /// Places of the jobs that run again; the others keep their result.
    jobs: Vec<usize>,
}

/// How job numbers are spread: so many for a workflow, so many for a pipeline.
#[derive(Debug, Clone, Copy)]
struct Strides {
    jobs: u64,
    workflows: u64,
}

impl World {
    /// A world to which nothing was done yet.
    pub fn new(options: Options) -> Self {
        let projects = project::all(&options);
        let jobs = projects.iter().flat_map(|project| &project.plans);
        let jobs = jobs.map(|plan| plan.jobs.len()).max().unwrap_or(0).max(8);
        let regular = projects[0].regular.unwrap_or(8);
        let desk = Desk::new(options.seed, options.now.as_millisecond());
        Self {
            options,
            projects,
            desk,
            began: Instant::now(),
            writes: 0,
            reruns: HashMap::new(),
            changes: HashMap::new(),
            looks: HashMap::new(),
            strides: Strides {
                jobs: jobs as u64,
                workflows: (regular + SPARE_WORKFLOWS) as u64,
            },
        }
    }

    /// The demo's time.
    pub fn now(&self) -> i64 {
        let start = self.options.now.as_millisecond();
        if self.options.ticking {
            let passed = i64::try_from(self.began.elapsed().as_millis());
            return start.saturating_add(passed.unwrap_or(i64::MAX));
        }
        start + self.writes * 1000
    }

    /// The time of something that is being written. It moves a standing clock
    /// on, so that no two writes look simultaneous.
    pub fn moment_of_writing(&mut self) -> i64 {
        self.writes += 1;
        self.now()
    }

    /// The project with that slug.
    pub fn project(&self, slug: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.slug == slug)
    }

    /// The main projects, which Insights and the organisation's lists cover.
    pub fn organization(&self, org_slug: &str) -> Vec<&Project> {
        self.projects
            .iter()
            .filter(|project| project.org_slug == org_slug)
            .collect()
    }

    /// The pipeline with that number.
    pub fn pipeline(&self, project: &Project, number: u32) -> Option<Pipeline> {
        if number < project.oldest {
            return None;
        }
        if number <= project.newest {
            return Some(pipeline::make(self.style(), project, number));
        }
        let place = usize::try_from(number - project.newest - 1).ok()?;
        let triggered = project.triggered.get(place)?;
        Some(pipeline::of_trigger(
            self.options.seed,
            project,
            number,
            triggered,
        ))
    }

    fn style(&self) -> Style {
        Style {
            seed: self.options.seed,
            hostile: self.options.hostile,
        }
    }

    /// The pipeline with that id.
    pub fn pipeline_by_id(&self, id: &str) -> Option<Pipeline> {
        let key = if id == EXAMPLE_ID {
            let number = self.projects[usize::from(EXAMPLE)].newest;
            (EXAMPLE, number)
        } else {
            let key = id::find(self.options.seed, id)?;
            (key.kind == Kind::Pipeline).then_some((key.project, key.number))?
        };
        self.pipeline(self.projects.get(usize::from(key.0))?, key.1)
    }

    /// The id of a pipeline.
    pub fn pipeline_id(&self, project: u8, number: u32) -> String {
        if self.is_example(project, number) {
            return EXAMPLE_ID.to_owned();
        }
        let key = Key {
            project,
            ..Key::numbered(Kind::Pipeline, number)
        };
        id::uuid(self.options.seed, key)
    }

    fn is_example(&self, project: u8, number: u32) -> bool {
        project == EXAMPLE && self.projects[usize::from(project)].newest == number
    }

    /// Whether it is the workflow of CircleCI's own example.
    pub fn is_example_workflow(&self, key: WorkflowKey) -> bool {
        key.place == 0 && self.is_example(key.project, key.pipeline)
    }

    /// The id of a workflow.
    pub fn workflow_id(&self, key: WorkflowKey) -> String {
        if self.is_example_workflow(key) {
            return EXAMPLE_WORKFLOW.to_owned();
        }
        id::uuid(self.options.seed, whole_key(Kind::Workflow, key, 0))
    }

    /// The id of a job.
    pub fn job_id(&self, key: WorkflowKey, place: usize) -> String {
        id::uuid(self.options.seed, whole_key(Kind::Job, key, place))
    }

    /// The id under which an approval job is approved.
    pub fn approval_id(&self, key: WorkflowKey, place: usize) -> String {
        id::uuid(self.options.seed, whole_key(Kind::Approval, key, place))
    }

    /// The id of a person.
    pub fn user_id(&self, place: usize) -> String {
        self.numbered_id(Kind::User, place)
    }

    /// The id of a project.
    pub fn project_id(&self, place: u8) -> String {
        self.numbered_id(Kind::Project, usize::from(place))
    }

    /// The id of the organisation with that slug.
    pub fn organization_id(&self, org_slug: &str) -> String {
        let place = self
            .projects
            .iter()
            .position(|project| project.org_slug == org_slug);
        self.numbered_id(Kind::Organization, place.unwrap_or(0))
    }

    /// The id of a numbered thing.
    pub fn numbered_id(&self, kind: Kind, number: usize) -> String {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        id::uuid(self.options.seed, Key::numbered(kind, number))
    }

    /// The place of the workflow with that id.
    pub fn workflow_key(&self, id: &str) -> Option<WorkflowKey> {
        if id == EXAMPLE_ID || id == EXAMPLE_WORKFLOW {
            return Some(WorkflowKey {
                project: EXAMPLE,
                pipeline: self.projects[usize::from(EXAMPLE)].newest,
                place: 0,
            });
        }
        let key = id::find(self.options.seed, id)?;
        (key.kind == Kind::Workflow).then_some(workflow_of(key))
    }

    /// The workflow and the job's place that an id of that kind means.
    pub fn job_key(&self, kind: Kind, id: &str) -> Option<(WorkflowKey, usize)> {
        let key = id::find(self.options.seed, id)?;
        let place = usize::from(key.job);
        (key.kind == kind).then_some((workflow_of(key), place))
    }

    /// The workflows of a pipeline, oldest first.
    pub fn workflows(&self, pipeline: &Pipeline) -> Vec<Workflow<'_>> {
        (0..self.workflow_count(pipeline))
            .filter_map(|place| self.workflow_in(pipeline, place))
            .collect()
    }

    fn workflow_count(&self, pipeline: &Pipeline) -> u16 {
        let reruns = self.reruns.get(&(pipeline.project, pipeline.number));
        let count = pipeline.courses.len() + reruns.map_or(0, Vec::len);
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    /// The workflow at that place.
    pub fn workflow(&self, key: WorkflowKey) -> Option<Workflow<'_>> {
        let project = self.projects.get(usize::from(key.project))?;
        let pipeline = self.pipeline(project, key.pipeline)?;
        self.workflow_in(&pipeline, key.place)
    }

    /// The workflow of a pipeline at hand.
    pub fn workflow_in(&self, pipeline: &Pipeline, place: u16) -> Option<Workflow<'_>> {
        let key = WorkflowKey {
            project: pipeline.project,
            pipeline: pipeline.number,
            place,
        };
        let place = usize::from(place);
        let mut workflow = match pipeline.courses.get(place) {
            Some(course) => self.original(pipeline, key, *course)?,
            None => {
                let reruns = self.reruns.get(&(key.project, key.pipeline))?;
                let rerun = reruns.get(place - pipeline.courses.len())?;
                self.again(pipeline, key, rerun)?
            }
        };
        for change in self.changes.get(&key).into_iter().flatten() {
            workflow.status = change.apply(workflow.plan, &mut workflow.jobs);
        }
        let last = workflow.jobs.iter().filter_map(|job| job.stopped_at).max();
        workflow.stopped_at = workflow
            .status
            .has_ended()
            .then(|| last.unwrap_or(workflow.created_at + 1000));
        Some(workflow)
    }

    fn original(
        &self,
        pipeline: &Pipeline,
        key: WorkflowKey,
        course: Course,
    ) -> Option<Workflow<'_>> {
        let plan = self.projects[usize::from(key.project)]
            .plans
            .get(course.plan)?;
        let names = [
            u64::from(key.project),
            u64::from(key.pipeline),
            u64::from(key.place) + 1,
        ];
        let mut dice = Dice::new(self.options.seed, &names);
        let is_triggered = pipeline.created_at >= self.options.now.as_millisecond();
        let pause = i64::from(course.attempt) * dice.between(35, 45) * calendar::MINUTE;
        let created_at = pipeline.created_at + pause + dice.between(1, 4) * 1000;
        let jobs = if is_triggered {
            fresh(plan, pipeline.created_at)
        } else {
            course::play(plan, course, created_at, &mut dice)
        };
        Some(Workflow {
            key,
            plan,
            status: course.status,
            created_at: if is_triggered {
                pipeline.created_at
            } else {
                created_at
            },
            stopped_at: None,
            started_by: pipeline.actor,
            recovers: course.recovers,
            jobs,
        })
    }

    fn again(&self, pipeline: &Pipeline, key: WorkflowKey, rerun: &Rerun) -> Option<Workflow<'_>> {
        let original = self.workflow_in(pipeline, rerun.of)?;
        let mut jobs = original.jobs;
        for place in &rerun.jobs {
            jobs[*place] = Job::idle(*place, JobStatus::Blocked);
        }
        start(original.plan, &mut jobs, rerun.at);
        Some(Workflow {
            key,
            plan: original.plan,
            status: change::summary(&jobs),
            created_at: rerun.at,
            stopped_at: None,
            started_by: names::ME,
            recovers: false,
            jobs,
        })
    }

    /// The number of a job, if it has one: approvals and what never began have not.
    pub fn job_number(&self, workflow: &Workflow<'_>, job: &Job) -> Option<u64> {
        if workflow.plan.jobs[job.place].approval {
            return None;
        }
        job.started_at?;
        let key = workflow.key;
        let before = u64::from(key.pipeline) * self.strides.workflows + u64::from(key.place);
        Some(before * self.strides.jobs + job.place as u64)
    }

    /// The workflow and the place of the job with that number.
    pub fn job_by_number(&self, project: &Project, number: u64) -> Option<(Workflow<'_>, usize)> {
        let workflow_number = number / self.strides.jobs;
        let key = WorkflowKey {
            project: project.place,
            pipeline: u32::try_from(workflow_number / self.strides.workflows).ok()?,
            place: u16::try_from(workflow_number % self.strides.workflows).ok()?,
        };
        let workflow = self.workflow(key)?;
        let place = usize::try_from(number % self.strides.jobs).ok()?;
        let job = workflow.jobs.get(place)?;
        (self.job_number(&workflow, job)? == number).then_some((workflow, place))
    }

    /// The workflow, looked at by its id: a running one is done after a few looks.
    pub fn look_at(&mut self, key: WorkflowKey) -> Option<Workflow<'_>> {
        let status = self.workflow(key)?.status;
        if let Some(limit) = self.options.settle_after
            && matches!(status, Status::Running | Status::Failing)
        {
            let looks = self.looks.entry(key).or_insert(0);
            *looks += 1;
            if *looks > limit {
                self.change(key, Deed::Settle);
            }
        }
        self.workflow(key)
    }

    /// Does something to a workflow.
    pub fn change(&mut self, key: WorkflowKey, deed: Deed) {
        let at = self.moment_of_writing();
        self.looks.remove(&key);
        self.changes
            .entry(key)
            .or_default()
            .push(Change { at, deed });
    }

    /// Starts a workflow again, some of its jobs or all; `None` when the
    /// pipeline has had too many reruns.
    pub fn rerun(&mut self, key: WorkflowKey, jobs: Vec<usize>) -> Option<WorkflowKey> {
        let project = self.projects.get(usize::from(key.project))?;
        let pipeline = self.pipeline(project, key.pipeline)?;
        let place = self.workflow_count(&pipeline);
        if u64::from(place) >= self.strides.workflows {
            return None;
        }
        let at = self.moment_of_writing();
        let rerun = Rerun {
            of: key.place,
            at,
            jobs,
        };
        self.reruns
            .entry((key.project, key.pipeline))
            .or_default()
            .push(rerun);
        Some(WorkflowKey { place, ..key })
    }

    /// Sets a pipeline off.
    pub fn trigger(&mut self, project: u8, triggered: Triggered) -> Option<Pipeline> {
        let project = self.projects.get_mut(usize::from(project))?;
        project.triggered.push(triggered);
        let (place, number) = (project.place, project.last());
        self.pipeline(&self.projects[usize::from(place)], number)
    }
}

impl Workflow<'_> {
    /// The plan of a job.
    pub fn job_plan(&self, job: &Job) -> &JobPlan {
        &self.plan.jobs[job.place]
    }

    /// Seconds from its creation to its end.
    pub fn seconds(&self) -> Option<i64> {
        Some((self.stopped_at? - self.created_at) / 1000)
    }
}

fn whole_key(kind: Kind, key: WorkflowKey, job: usize) -> Key {
    Key {
        kind,
        project: key.project,
        number: key.pipeline,
        workflow: key.place,
        job: u16::try_from(job).unwrap_or(u16::MAX),
    }
}

fn workflow_of(key: Key) -> WorkflowKey {
    WorkflowKey {
        project: key.project,
        pipeline: key.number,
        place: key.workflow,
    }
}

/// Jobs of a workflow that has begun this instant.
fn fresh(plan: &WorkflowPlan, at: i64) -> Vec<Job> {
    let mut jobs: Vec<Job> = (0..plan.jobs.len())
        .map(|place| Job::idle(place, JobStatus::Blocked))
        .collect();
    start(plan, &mut jobs, at);
    jobs
}

/// Starts the blocked jobs that wait for nothing.
fn start(plan: &WorkflowPlan, jobs: &mut [Job], at: i64) {
    for place in 0..jobs.len() {
        let is_met = |need: &usize| jobs[*need].status == JobStatus::Success;
        let can_start = plan.jobs[place].needs.iter().all(is_met);
        if jobs[place].status != JobStatus::Blocked || !can_start {
            continue;
        }
        let job = &mut jobs[place];
        job.queued_at = Some(at);
        if plan.jobs[place].approval {
            job.status = JobStatus::OnHold;
        } else {
            job.status = JobStatus::Running;
            job.started_at = Some(at);
        }
    }
}
