//! The current state of workflows: their generated course plus all changes.

use crate::demo::world::change::{Change, Deed};
use crate::demo::world::course::{self, Course, Cue, Job};
use crate::demo::world::pipeline::Pipeline;
use crate::demo::world::plan::{JobPlan, WorkflowPlan};
use crate::demo::world::project::Project;
use crate::demo::world::random::Dice;
use crate::demo::world::status::{JobStatus, Status};
use crate::demo::world::{World, calendar, change, cut, names};

/// The location of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkflowKey {
    /// The index of the project.
    pub project: u8,
    /// The number of the pipeline.
    pub pipeline: u32,
    /// The index in its pipeline, oldest first.
    pub place: u16,
}

/// A workflow and its jobs.
#[derive(Debug, Clone)]
pub struct Workflow<'w> {
    /// The location.
    pub key: WorkflowKey,
    /// The plan.
    pub plan: &'w WorkflowPlan,
    /// The status.
    pub status: Status,
    /// The creation time.
    pub created_at: i64,
    /// The end time.
    pub stopped_at: Option<i64>,
    /// The index of the person who started it.
    pub started_by: usize,
    /// 0 for the first run, 1 for its first rerun.
    pub attempt: u32,
    /// True if the failure is a flake: the same commit passes later.
    pub recovers: bool,
    /// The jobs, in the order of the plan.
    pub jobs: Vec<Job>,
}

/// A rerun of a workflow by a request.
#[derive(Debug, Clone)]
pub struct Rerun {
    /// The index of the original workflow.
    pub of: u16,
    /// The time of the rerun.
    pub at: i64,
    /// The indexes of the jobs that run again; the others keep their results.
    pub jobs: Vec<usize>,
}

/// The time after which a workflow that was changed by a request is done, in a story.
const SETTLED_AFTER: i64 = 10 * calendar::MINUTE;

/// The allocation of job numbers.
#[derive(Debug, Clone, Copy)]
pub struct Strides {
    /// The numbers reserved per workflow.
    pub jobs: u64,
    /// The number of workflows per pipeline with reserved numbers.
    pub workflows: u64,
}

impl Workflow<'_> {
    /// Returns the plan of a job.
    pub fn job_plan(&self, job: &Job) -> &JobPlan {
        &self.plan.jobs[job.place]
    }

    /// Returns the duration in seconds.
    pub fn seconds(&self) -> Option<i64> {
        Some((self.stopped_at? - self.created_at) / 1000)
    }
}

impl World {
    /// Returns the workflows of a pipeline, oldest first.
    pub fn workflows(&self, pipeline: &Pipeline) -> Vec<Workflow<'_>> {
        let mut workflows: Vec<Workflow<'_>> = (0..self.workflow_count(pipeline))
            .filter_map(|place| self.workflow_in(pipeline, place))
            .collect();
        if self.moment().is_some() {
            // Reruns by requests come between those of the story.
            workflows.sort_by_key(|workflow| workflow.created_at);
        }
        workflows
    }

    /// Returns the number of workflows of a pipeline, including reruns.
    pub fn workflow_count(&self, pipeline: &Pipeline) -> u16 {
        let reruns = self.reruns.get(&(pipeline.project, pipeline.number));
        let count = pipeline.courses.len() + reruns.map_or(0, Vec::len);
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    /// Returns the workflow with a key.
    pub fn workflow(&self, key: WorkflowKey) -> Option<Workflow<'_>> {
        let project = self.projects.get(usize::from(key.project))?;
        let pipeline = self.pipeline(project, key.pipeline)?;
        let is_kept = self.options.story.is_none() || !self.has_expired(key);
        is_kept.then(|| self.workflow_in(&pipeline, key.place))?
    }

    /// Returns a workflow of a given pipeline.
    pub fn workflow_in(&self, pipeline: &Pipeline, place: u16) -> Option<Workflow<'_>> {
        self.workflow_at(pipeline, place, self.moment())
    }

    /// Returns a workflow of a given pipeline as it is at a moment of a story.
    fn workflow_at(
        &self,
        pipeline: &Pipeline,
        place: u16,
        moment: Option<i64>,
    ) -> Option<Workflow<'_>> {
        let key = WorkflowKey {
            project: pipeline.project,
            pipeline: pipeline.number,
            place,
        };
        let place = usize::from(place);
        let has_passed = |at: i64| moment.is_none_or(|now| at <= now);
        let changes = self.changes.get(&key).into_iter().flatten();
        let changes: Vec<Change> = changes.copied().filter(|c| has_passed(c.at)).collect();
        let mut workflow = if let Some(course) = pipeline.courses.get(place) {
            match course.cue.zip(moment) {
                Some((cue, now)) => {
                    // The first change leads away from the story.
                    let now = changes.first().map_or(now, |change| change.at.min(now));
                    self.scripted_workflow(pipeline, key, *course, cue, now)?
                }
                None => self.original(pipeline, key, *course)?,
            }
        } else {
            let reruns = self.reruns.get(&(key.project, key.pipeline))?;
            let rerun = reruns.get(place - pipeline.courses.len())?;
            has_passed(rerun.at).then(|| self.again(pipeline, key, rerun))??
        };
        for change in &changes {
            workflow.status = change.apply(workflow.plan, &mut workflow.jobs);
        }
        let course = pipeline.courses.get(place);
        let is_scripted = changes.is_empty() && course.is_some_and(|course| course.cue.is_some());
        if let Some(now) = moment.filter(|_| !is_scripted) {
            let last = changes.last().map_or(workflow.created_at, |last| last.at);
            let settled = Change {
                at: last + SETTLED_AFTER,
                deed: Deed::Settle,
            };
            let runs = matches!(workflow.status, Status::Running | Status::Failing);
            if runs && settled.at <= now {
                workflow.status = settled.apply(workflow.plan, &mut workflow.jobs);
            }
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
        let is_triggered = pipeline.number > self.projects[usize::from(key.project)].newest;
        let pause = i64::from(course.attempt) * dice.between(35, 45) * calendar::MINUTE;
        // Workflows and jobs are shown in whole seconds.
        let began = pipeline.created_at.div_euclid(1000) * 1000;
        let created_at = began + pause + dice.between(2, 5) * 1000;
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
            attempt: course.attempt,
            recovers: course.recovers,
            jobs,
        })
    }

    /// Returns a workflow of a story as it is at a time, if it has started.
    fn scripted_workflow(
        &self,
        pipeline: &Pipeline,
        key: WorkflowKey,
        course: Course,
        cue: Cue,
        now: i64,
    ) -> Option<Workflow<'_>> {
        if cue.at > now {
            return None;
        }
        let project = &self.projects[usize::from(key.project)];
        let plan = project.plans.get(course.plan)?;
        let names = [
            u64::from(key.project),
            u64::from(key.pipeline),
            u64::from(key.place) + 1,
        ];
        let mut dice = Dice::new(self.options.seed, &names);
        let mut timed = plan.clone();
        for job in timed.jobs.iter_mut().filter(|job| job.approval) {
            job.seconds = (cue.approval / 1000, cue.approval / 1000);
        }
        let mut jobs = course::play(&timed, course, cue.at, &mut dice);
        let status = cut::cut(plan, &mut jobs, course.status, cue.at, now);
        Some(Workflow {
            key,
            plan,
            status,
            created_at: cue.at,
            stopped_at: None,
            started_by: pipeline.actor,
            attempt: course.attempt,
            recovers: course.recovers,
            jobs,
        })
    }

    /// Returns true if a failure of a workflow has turned out to be a flake: a later run of the same
    /// commit has passed.
    pub fn has_recovered(&self, workflow: &Workflow<'_>) -> bool {
        if !workflow.recovers || self.moment().is_none() {
            return workflow.recovers;
        }
        let key = workflow.key;
        let project = &self.projects[usize::from(key.project)];
        let pipeline = self.pipeline(project, key.pipeline);
        let others = pipeline.map_or_else(Vec::new, |pipeline| self.workflows(&pipeline));
        others.iter().any(|other| {
            other.plan.name == workflow.plan.name
                && other.attempt > workflow.attempt
                && other.status == Status::Success
        })
    }

    fn again(&self, pipeline: &Pipeline, key: WorkflowKey, rerun: &Rerun) -> Option<Workflow<'_>> {
        let moment = self.moment().map(|_| rerun.at);
        let original = self.workflow_at(pipeline, rerun.of, moment)?;
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
            attempt: original.attempt + 1,
            recovers: false,
            jobs,
        })
    }

    /// Returns the number of a job; approvals and jobs that never started have none. With the
    /// GitHub App, approvals that were given have one, but there is no job with it.
    pub fn job_number(&self, workflow: &Workflow<'_>, job: &Job) -> Option<u64> {
        let is_app = self.projects[usize::from(workflow.key.project)].is_app();
        if workflow.job_plan(job).approval && !is_app {
            return None;
        }
        job.started_at?;
        let key = workflow.key;
        let before = u64::from(key.pipeline) * self.strides.workflows + u64::from(key.place);
        Some(before * self.strides.jobs + job.place as u64)
    }

    /// Returns the workflow and the index of the job with a number.
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
        let is_it = self.job_number(&workflow, job)? == number && !workflow.job_plan(job).approval;
        is_it.then_some((workflow, place))
    }
}

/// Creates the jobs of a workflow that has just started.
fn fresh(plan: &WorkflowPlan, at: i64) -> Vec<Job> {
    let mut jobs: Vec<Job> = (0..plan.jobs.len())
        .map(|place| Job::idle(place, JobStatus::Blocked))
        .collect();
    start(plan, &mut jobs, at);
    jobs
}

/// Starts the blocked jobs whose dependencies are done.
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
