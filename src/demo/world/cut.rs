//! The state of a workflow at a time before its end.

use crate::demo::world::course::Job;
use crate::demo::world::plan::WorkflowPlan;
use crate::demo::world::status::{JobStatus, Status};

/// Takes back all that happens to the jobs of a workflow after `now`, and returns its status then.
/// `last` is the status after the last of these events.
pub fn cut(
    plan: &WorkflowPlan,
    jobs: &mut [Job],
    last: Status,
    created_at: i64,
    now: i64,
) -> Status {
    let stops = jobs.iter().filter_map(|job| job.stopped_at);
    let end = stops.max().unwrap_or(created_at + 1000);
    if last.has_ended() && end <= now {
        return last;
    }
    for place in 0..jobs.len() {
        let needed = || plan.jobs[place].needs.iter().map(|need| jobs[*need].status);
        let is_hopeless = needed().any(|status| !status.is_open() && status != JobStatus::Success);
        let is_ready = needed().all(|status| status == JobStatus::Success);
        jobs[place] = job_at(plan, &jobs[place], is_hopeless, is_ready, now);
    }
    status(jobs)
}

/// Returns a job at a time. It is hopeless if a job that it needs did not succeed, and ready if all
/// did.
fn job_at(plan: &WorkflowPlan, job: &Job, is_hopeless: bool, is_ready: bool, now: i64) -> Job {
    let has_passed = |time: Option<i64>| time.is_some_and(|time| time <= now);
    let is_approval = plan.jobs[job.place].approval;
    if has_passed(job.stopped_at) {
        return job.clone();
    }
    if has_passed(job.started_at) && !is_approval {
        return Job {
            status: JobStatus::Running,
            stopped_at: None,
            ..job.clone()
        };
    }
    if has_passed(job.queued_at) {
        let status = if is_approval {
            JobStatus::OnHold
        } else {
            JobStatus::Queued
        };
        return Job {
            queued_at: job.queued_at,
            ..Job::idle(job.place, status)
        };
    }
    let status = match job.status {
        JobStatus::NotRun if is_hopeless => JobStatus::NotRun,
        JobStatus::Unauthorized if is_ready => JobStatus::Unauthorized,
        _ => JobStatus::Blocked,
    };
    Job::idle(job.place, status)
}

/// Returns the status of a workflow that has not ended, also in the second between two jobs.
fn status(jobs: &[Job]) -> Status {
    let any = |wanted: fn(JobStatus) -> bool| jobs.iter().any(|job| wanted(job.status));
    let runs = any(|status| matches!(status, JobStatus::Running | JobStatus::Queued));
    if !runs && any(|status| status == JobStatus::OnHold) {
        return Status::OnHold;
    }
    if any(JobStatus::is_failure) {
        return Status::Failing;
    }
    Status::Running
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world::course::{Course, play};
    use crate::demo::world::plan;
    use crate::demo::world::random::Dice;

    fn course(plan: usize, status: Status) -> (WorkflowPlan, Vec<Job>) {
        let course = Course {
            plan,
            status,
            attempt: 0,
            recovers: false,
            cue: None,
        };
        let plan = plan::web().swap_remove(plan);
        let jobs = play(&plan, course, 0, &mut Dice::new(1, &[]));
        (plan, jobs)
    }

    /// The statuses of a workflow, second by second.
    fn statuses(plan: usize, last: Status) -> Vec<Status> {
        let (plan, jobs) = course(plan, last);
        let mut seen = Vec::new();
        for second in 0..8_000 {
            let status = cut(&plan, &mut jobs.clone(), last, 0, second * 1000);
            if seen.last() != Some(&status) {
                seen.push(status);
            }
        }
        seen
    }

    #[test]
    fn a_workflow_goes_through_its_statuses_in_order() {
        use Status::{Canceled, Failed, Failing, NotRun, OnHold, Running, Success, Unauthorized};

        assert_eq!(
            statuses(plan::DEPLOY, Success),
            [Running, OnHold, Running, Success]
        );
        assert_eq!(statuses(plan::DEPLOY, OnHold), [Running, OnHold]);
        assert_eq!(statuses(plan::BUILD, Canceled), [Running, Canceled]);
        assert_eq!(statuses(plan::BUILD, NotRun), [Running, NotRun]);
        assert_eq!(statuses(plan::BUILD, Unauthorized), [Running, Unauthorized]);
        let failed = statuses(plan::BUILD, Failed);
        assert!(
            failed == [Running, Failing, Failed] || failed == [Running, Failed],
            "{failed:?}"
        );
    }

    #[test]
    fn nothing_is_later_than_now() {
        let (plan, jobs) = course(plan::DEPLOY, Status::Success);
        for second in 0..8_000 {
            let now = second * 1000;
            let mut jobs = jobs.clone();
            cut(&plan, &mut jobs, Status::Success, 0, now);
            for job in jobs {
                let times = [job.queued_at, job.started_at, job.stopped_at];
                assert!(
                    times.into_iter().flatten().all(|time| time <= now),
                    "{job:?}"
                );
                assert!(job.status.is_open() || job.stopped_at.is_some());
            }
        }
    }
}
