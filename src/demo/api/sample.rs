//! What is counted of one run, and over which time.

use crate::demo::api::metrics::float;
use crate::demo::world::Workflow;
use crate::demo::world::calendar::DAY;
use crate::demo::world::course::Job;
use crate::demo::world::plan::JobPlan;
use crate::demo::world::status::{JobStatus, Status};

/// How one run of a workflow or a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Well.
    Good,
    /// Badly.
    Bad,
    /// Neither: cancelled, not run.
    Neither,
    /// Not yet.
    Open,
}

/// What is counted of one run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How it ended.
    pub verdict: Verdict,
    /// When it began.
    pub created_at: i64,
    /// When it ended.
    pub stopped_at: Option<i64>,
    /// Credits it used.
    pub credits: i64,
}

/// A span of time that is reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
}

impl Window {
    /// The span of the same length just before.
    pub fn before(self) -> Self {
        Self {
            from: self.from - (self.to - self.from),
            to: self.from,
        }
    }

    /// Whether a moment is in it.
    pub fn has(self, time: i64) -> bool {
        self.from <= time && time <= self.to
    }

    /// Its length; never so short that a rate over it is absurd.
    pub fn days(self) -> f64 {
        (float(self.to - self.from) / float(DAY)).max(1.0 / 24.0)
    }
}

impl Sample {
    /// Of a workflow.
    pub fn of_workflow(workflow: &Workflow<'_>) -> Self {
        let verdict = match workflow.status {
            Status::Success => Verdict::Good,
            Status::Failed | Status::Error | Status::Unauthorized => Verdict::Bad,
            Status::Canceled | Status::NotRun => Verdict::Neither,
            Status::Running | Status::Failing | Status::OnHold => Verdict::Open,
        };
        Self {
            verdict,
            created_at: workflow.created_at,
            stopped_at: workflow.stopped_at,
            credits: credits_of_workflow(workflow),
        }
    }

    /// Of a job that has begun.
    pub fn of_job(plan: &JobPlan, job: &Job) -> Option<Self> {
        let verdict = match job.status {
            JobStatus::Success => Verdict::Good,
            status if status.is_failure() => Verdict::Bad,
            status if status.is_open() => Verdict::Open,
            _ => Verdict::Neither,
        };
        Some(Self {
            verdict,
            created_at: job.started_at?,
            stopped_at: job.stopped_at,
            credits: credits_of_job(plan, job),
        })
    }

    /// Seconds from its beginning to its end.
    pub fn seconds(&self) -> Option<i64> {
        Some((self.stopped_at? - self.created_at) / 1000)
    }
}

/// Credits of all jobs of a workflow.
pub fn credits_of_workflow(workflow: &Workflow<'_>) -> i64 {
    let jobs = workflow.jobs.iter();
    jobs.map(|job| credits_of_job(workflow.job_plan(job), job))
        .sum()
}

fn credits_of_job(plan: &JobPlan, job: &Job) -> i64 {
    if plan.approval {
        return 0;
    }
    let Some((started_at, stopped_at)) = job.started_at.zip(job.stopped_at) else {
        return 0;
    };
    let seconds = (stopped_at - started_at) / 1000;
    seconds * plan.credits_a_minute() * i64::from(plan.parallelism) / 60
}
