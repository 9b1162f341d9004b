//! Changes made to workflows by write requests.

use crate::demo::world::course::Job;
use crate::demo::world::names::ME;
use crate::demo::world::plan::WorkflowPlan;
use crate::demo::world::status::{JobStatus, Status};

/// A change of a workflow, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The time.
    pub at: i64,
    /// The kind of change.
    pub deed: Deed,
}

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The approval job at this index was approved.
    Approve(usize),
    /// The job at this index was cancelled.
    CancelJob(usize),
    /// The whole workflow was cancelled.
    Cancel,
    /// Time passed, and everything that could end ended.
    Settle,
}

impl Change {
    /// Applies the change to the jobs and returns the status of the workflow.
    pub fn apply(self, plan: &WorkflowPlan, jobs: &mut [Job]) -> Status {
        match self.deed {
            Deed::Approve(place) => self.approve(plan, jobs, place),
            Deed::CancelJob(place) => {
                self.stop(&mut jobs[place]);
                give_up(plan, jobs);
            }
            Deed::Cancel => {
                for job in jobs.iter_mut() {
                    self.stop(job);
                }
            }
            Deed::Settle => self.settle(plan, jobs),
        }
        summary(jobs)
    }

    fn approve(self, plan: &WorkflowPlan, jobs: &mut [Job], place: usize) {
        let job = &mut jobs[place];
        job.status = JobStatus::Success;
        job.started_at = job.queued_at.or(Some(self.at));
        job.stopped_at = Some(self.at);
        job.approved_by = Some(ME);
        self.start_what_can(plan, jobs);
    }

    fn start_what_can(self, plan: &WorkflowPlan, jobs: &mut [Job]) {
        for place in 0..jobs.len() {
            if jobs[place].status != JobStatus::Blocked || !are_met(plan, jobs, place) {
                continue;
            }
            let job = &mut jobs[place];
            job.queued_at = Some(self.at);
            if plan.jobs[place].approval {
                job.status = JobStatus::OnHold;
            } else {
                job.status = JobStatus::Running;
                job.started_at = Some(self.at);
            }
        }
    }

    fn stop(self, job: &mut Job) {
        if job.status.is_open() {
            job.status = JobStatus::Canceled;
            job.stopped_at = job.started_at.and(Some(self.at));
        }
    }

    fn settle(self, plan: &WorkflowPlan, jobs: &mut [Job]) {
        for place in 0..jobs.len() {
            if !jobs[place].status.is_open() || !are_met(plan, jobs, place) {
                continue;
            }
            let job = &mut jobs[place];
            job.queued_at = job.queued_at.or(Some(self.at));
            if plan.jobs[place].approval {
                job.status = JobStatus::OnHold;
                continue;
            }
            job.status = JobStatus::Success;
            job.started_at = job.started_at.or(Some(self.at));
            job.stopped_at = Some(self.at);
        }
        give_up(plan, jobs);
    }
}

fn are_met(plan: &WorkflowPlan, jobs: &[Job], place: usize) -> bool {
    let needs = plan.jobs[place].needs;
    needs
        .iter()
        .all(|need| jobs[*need].status == JobStatus::Success)
}

/// Marks jobs as not run whose dependencies will never succeed.
fn give_up(plan: &WorkflowPlan, jobs: &mut [Job]) {
    for place in 0..jobs.len() {
        let hopeless = plan.jobs[place].needs.iter().any(|need| {
            let status = jobs[*need].status;
            !status.is_open() && status != JobStatus::Success
        });
        if hopeless && jobs[place].status.is_open() {
            jobs[place] = Job::idle(place, JobStatus::NotRun);
        }
    }
}

/// Returns the status of a workflow with these jobs.
pub fn summary(jobs: &[Job]) -> Status {
    let any = |wanted: fn(JobStatus) -> bool| jobs.iter().any(|job| wanted(job.status));
    let has_failed = any(JobStatus::is_failure);
    if any(|status| {
        matches!(
            status,
            JobStatus::Running | JobStatus::Queued | JobStatus::NotRunning
        )
    }) {
        return if has_failed {
            Status::Failing
        } else {
            Status::Running
        };
    }
    if any(|status| status == JobStatus::OnHold) {
        return Status::OnHold;
    }
    if any(|status| status == JobStatus::Canceled) {
        return Status::Canceled;
    }
    if has_failed {
        return Status::Failed;
    }
    if any(|status| status == JobStatus::Unauthorized) {
        return Status::Unauthorized;
    }
    Status::Success
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world::course::{Course, play};
    use crate::demo::world::plan;
    use crate::demo::world::random::Dice;

    fn jobs(plan: usize, status: Status) -> Vec<Job> {
        let course = Course {
            plan,
            status,
            attempt: 0,
            recovers: false,
            cue: None,
        };
        play(&plan::web()[plan], course, 0, &mut Dice::new(1, &[]))
    }

    #[test]
    fn an_approval_lets_the_workflow_go_on_and_time_ends_it() {
        let plan = &plan::web()[plan::DEPLOY];
        let mut jobs = jobs(plan::DEPLOY, Status::OnHold);
        let at = 10_000_000;
        let deed = Deed::Approve(3);
        assert_eq!(Change { at, deed }.apply(plan, &mut jobs), Status::Running);
        assert_eq!(jobs[3].approved_by, Some(ME));
        assert_eq!(jobs[4].status, JobStatus::Running);
        let deed = Deed::Settle;
        assert_eq!(Change { at, deed }.apply(plan, &mut jobs), Status::Success);
    }

    #[test]
    fn cancelling_ends_all_that_was_open() {
        let plan = &plan::web()[plan::BUILD];
        let mut jobs = jobs(plan::BUILD, Status::Running);
        let change = Change {
            at: 10_000_000,
            deed: Deed::Cancel,
        };
        assert_eq!(change.apply(plan, &mut jobs), Status::Canceled);
        assert!(jobs.iter().all(|job| !job.status.is_open()));
    }

    #[test]
    fn a_failing_workflow_settles_as_failed() {
        let plan = &plan::web()[plan::BUILD];
        let mut jobs = jobs(plan::BUILD, Status::Failing);
        let change = Change {
            at: 10_000_000,
            deed: Deed::Settle,
        };
        assert_eq!(change.apply(plan, &mut jobs), Status::Failed);
    }
}
