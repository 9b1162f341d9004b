//! Samples of runs, and the time windows of reports.

use crate::demo::world::Workflow;
use crate::demo::world::calendar::DAY;
use crate::demo::world::course::Job;
use crate::demo::world::plan::JobPlan;
use crate::demo::world::status::{JobStatus, Status};

/// The result of a workflow or job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// Neither: cancelled or not run.
    Neither,
    /// Not finished.
    Open,
}

/// The statistics of one run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The result.
    pub verdict: Verdict,
    /// The start time.
    pub created_at: i64,
    /// The end time.
    pub stopped_at: Option<i64>,
    /// The credits used.
    pub credits: i64,
}

/// A time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The start.
    pub from: i64,
    /// The end.
    pub to: i64,
}

impl Window {
    /// Returns the preceding window of the same length.
    pub fn before(self) -> Self {
        Self {
            from: self.from - (self.to - self.from),
            to: self.from,
        }
    }

    /// Returns true if a time is in the window.
    pub fn has(self, time: i64) -> bool {
        self.from <= time && time <= self.to
    }

    /// Returns the length in days, with a minimum that keeps rates plausible.
    pub fn days(self) -> f64 {
        (float(self.to - self.from) / float(DAY)).max(1.0 / 24.0)
    }
}

impl Sample {
    /// Creates the sample of a workflow.
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

    /// Creates the sample of a job that has started.
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

    /// Returns the duration in seconds.
    pub fn seconds(&self) -> Option<i64> {
        Some((self.stopped_at? - self.created_at) / 1000)
    }
}

/// Returns the credits of all jobs of a workflow.
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

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and seconds are far below 2^52"
)]
pub fn float(value: i64) -> f64 {
    value as f64
}
