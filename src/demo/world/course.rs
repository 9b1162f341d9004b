//! The course of a workflow: the times and results of its jobs.
//!
//! A plan is simulated as if everything succeeded; the intended status of the workflow then decides
//! where the simulation stops.

use crate::demo::world::plan::WorkflowPlan;
use crate::demo::world::random::Dice;
use crate::demo::world::status::{JobStatus, Status};

const SECOND: i64 = 1000;

/// The intended course of one workflow of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// The index of the plan in its project.
    pub plan: usize,
    /// The status.
    pub status: Status,
    /// 0 for the first run, 1 for its first rerun.
    pub attempt: u32,
    /// True if a later attempt on the same commit succeeds, so that the failure is a flake.
    pub recovers: bool,
    /// Its place in a story.
    pub cue: Option<Cue>,
}

/// The times of a workflow in a story, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cue {
    /// The start.
    pub at: i64,
    /// The time until an approval is given.
    pub approval: i64,
}

/// A job of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its index in the plan.
    pub place: usize,
    /// The status.
    pub status: JobStatus,
    /// The time at which it was ready to start; `None` while it is blocked.
    pub queued_at: Option<i64>,
    /// The start time.
    pub started_at: Option<i64>,
    /// The end time.
    pub stopped_at: Option<i64>,
    /// The index of the person who approved it.
    pub approved_by: Option<usize>,
}

/// The time of a job if everything succeeded.
#[derive(Debug, Clone, Copy)]
struct Span {
    ready: i64,
    start: i64,
    stop: i64,
}

impl Job {
    /// Creates a job that has not started.
    pub fn idle(place: usize, status: JobStatus) -> Self {
        Self {
            place,
            status,
            queued_at: None,
            started_at: None,
            stopped_at: None,
            approved_by: None,
        }
    }

    fn ran(place: usize, status: JobStatus, span: Span) -> Self {
        Self {
            queued_at: Some(span.ready),
            started_at: Some(span.start),
            stopped_at: Some(span.stop),
            ..Self::idle(place, status)
        }
    }

    fn runs(place: usize, span: Span) -> Self {
        Self {
            stopped_at: None,
            ..Self::ran(place, JobStatus::Running, span)
        }
    }

    fn waits(place: usize, status: JobStatus, span: Span) -> Self {
        Self {
            queued_at: Some(span.ready),
            ..Self::idle(place, status)
        }
    }
}

/// Simulates a plan from its start to the point given by the course.
pub fn play(plan: &WorkflowPlan, course: Course, began: i64, dice: &mut Dice) -> Vec<Job> {
    let spans = timeline(plan, began, dice);
    let mut jobs: Vec<Job> = match course.status {
        Status::Success => all(&spans, Job::ran),
        Status::NotRun => (0..spans.len())
            .map(|place| Job::idle(place, JobStatus::NotRun))
            .collect(),
        Status::Error => broken(&spans),
        Status::Failed => failed(plan, &spans, course, dice),
        Status::Unauthorized => unauthorized(plan, &spans),
        Status::Canceled => canceled(plan, &spans, dice),
        Status::Running => running(plan, &spans, dice),
        Status::Failing => failing(plan, &spans, dice),
        Status::OnHold => on_hold(plan, &spans),
    };
    for job in &mut jobs {
        if plan.jobs[job.place].approval && job.status == JobStatus::Success {
            job.approved_by = Some(usize::try_from(dice.below(5)).unwrap_or(0));
        }
    }
    jobs
}

fn timeline(plan: &WorkflowPlan, began: i64, dice: &mut Dice) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(plan.jobs.len());
    for job in &plan.jobs {
        let needed = job.needs.iter().map(|need| spans[*need].stop).max();
        let ready = needed.unwrap_or(began) + SECOND;
        let wait = if job.approval { 0 } else { dice.between(2, 25) };
        let start = ready + wait * SECOND;
        let stop = start + dice.between(job.seconds.0, job.seconds.1) * SECOND;
        spans.push(Span { ready, start, stop });
    }
    spans
}

fn all(spans: &[Span], make: fn(usize, JobStatus, Span) -> Job) -> Vec<Job> {
    spans
        .iter()
        .enumerate()
        .map(|(place, span)| make(place, JobStatus::Success, *span))
        .collect()
}

/// Creates the jobs of a plan with `make`; jobs with an unsuccessful dependency get the status
/// `rest`.
fn follow(
    plan: &WorkflowPlan,
    spans: &[Span],
    rest: JobStatus,
    mut make: impl FnMut(usize, Span) -> Job,
) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::with_capacity(spans.len());
    for (place, span) in spans.iter().enumerate() {
        let needs = plan.jobs[place].needs;
        let met = needs
            .iter()
            .all(|need| jobs[*need].status == JobStatus::Success);
        jobs.push(if met {
            make(place, *span)
        } else {
            Job::idle(place, rest)
        });
    }
    jobs
}

fn broken(spans: &[Span]) -> Vec<Job> {
    spans
        .iter()
        .enumerate()
        .map(|(place, span)| match place {
            0 => Job::ran(0, JobStatus::TerminatedUnknown, *span),
            _ => Job::idle(place, JobStatus::NotRun),
        })
        .collect()
}

fn failed(plan: &WorkflowPlan, spans: &[Span], course: Course, dice: &mut Dice) -> Vec<Job> {
    let focus = weak_spot(plan, dice);
    let share = dice.between(40, 100);
    let roll = dice.below(100);
    let status = match roll {
        0..15 if course.recovers => JobStatus::Retried,
        15..21 => JobStatus::InfrastructureFail,
        21..26 => JobStatus::TimedOut,
        _ => JobStatus::Failed,
    };
    follow(plan, spans, JobStatus::NotRun, |place, mut span| {
        if place != focus {
            return Job::ran(place, JobStatus::Success, span);
        }
        let seconds = (span.stop - span.start) / SECOND * share / 100;
        span.stop = span.start + seconds.max(1) * SECOND;
        Job::ran(place, status, span)
    })
}

/// Returns the job that fails, usually one with tests.
fn weak_spot(plan: &WorkflowPlan, dice: &mut Dice) -> usize {
    let places = |wanted: fn(&crate::demo::world::plan::JobPlan) -> bool| -> Vec<usize> {
        (0..plan.jobs.len())
            .filter(|place| wanted(&plan.jobs[*place]))
            .collect()
    };
    let testing = places(|job| job.tests > 0);
    let real = places(|job| !job.approval);
    if !testing.is_empty() && dice.chance(75) {
        return *dice.pick(&testing);
    }
    if real.is_empty() {
        0
    } else {
        *dice.pick(&real)
    }
}

fn unauthorized(plan: &WorkflowPlan, spans: &[Span]) -> Vec<Job> {
    let restricted = plan.jobs.iter().position(|job| !job.contexts.is_empty());
    let focus = restricted.unwrap_or(0);
    follow(plan, spans, JobStatus::NotRun, |place, span| {
        if place == focus {
            Job::idle(place, JobStatus::Unauthorized)
        } else {
            Job::ran(place, JobStatus::Success, span)
        }
    })
}

fn canceled(plan: &WorkflowPlan, spans: &[Span], dice: &mut Dice) -> Vec<Job> {
    let focus = weak_spot(plan, dice);
    let seconds = (spans[focus].stop - spans[focus].start) / SECOND;
    let cut = spans[focus].start + seconds / 2 * SECOND;
    follow(plan, spans, JobStatus::NotRun, |place, mut span| {
        if span.stop <= cut && place != focus {
            return Job::ran(place, JobStatus::Success, span);
        }
        if span.start > cut {
            return Job::idle(place, JobStatus::Canceled);
        }
        span.stop = cut;
        Job::ran(place, JobStatus::Canceled, span)
    })
}

fn running(plan: &WorkflowPlan, spans: &[Span], dice: &mut Dice) -> Vec<Job> {
    let focus = plan.jobs.iter().position(|job| job.tests > 0).unwrap_or(0);
    let cut = spans[focus].start + 5 * SECOND;
    stand_still(plan, spans, focus, cut, dice)
}

fn failing(plan: &WorkflowPlan, spans: &[Span], dice: &mut Dice) -> Vec<Job> {
    let focus = 1.min(spans.len() - 1);
    let cut = spans[focus].stop;
    let mut jobs = stand_still(plan, spans, focus, cut, dice);
    jobs[focus] = Job::ran(focus, JobStatus::Failed, spans[focus]);
    let beside = jobs
        .iter_mut()
        .find(|job| job.place != focus && job.status.is_open() && job.queued_at.is_some());
    if let Some(job) = beside {
        *job = Job::runs(job.place, spans[job.place]);
    }
    jobs
}

/// Returns the jobs at the time `cut`, with `focus` running.
fn stand_still(
    plan: &WorkflowPlan,
    spans: &[Span],
    focus: usize,
    cut: i64,
    dice: &mut Dice,
) -> Vec<Job> {
    let mut others = [JobStatus::Running, JobStatus::Queued, JobStatus::NotRunning]
        .into_iter()
        .cycle()
        .skip(usize::try_from(dice.below(3)).unwrap_or(0));
    follow(plan, spans, JobStatus::Blocked, |place, span| {
        if plan.jobs[place].approval {
            return Job::waits(place, JobStatus::OnHold, span);
        }
        if place == focus {
            return Job::runs(place, span);
        }
        if span.stop <= cut || plan.jobs[focus].needs.contains(&place) {
            return Job::ran(place, JobStatus::Success, span);
        }
        match others.next() {
            Some(JobStatus::Running) | None => Job::runs(place, span),
            Some(status) => Job::waits(place, status, span),
        }
    })
}

fn on_hold(plan: &WorkflowPlan, spans: &[Span]) -> Vec<Job> {
    follow(plan, spans, JobStatus::Blocked, |place, span| {
        if plan.jobs[place].approval {
            Job::waits(place, JobStatus::OnHold, span)
        } else {
            Job::ran(place, JobStatus::Success, span)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world::plan;

    fn words(status: Status, plan: usize) -> Vec<&'static str> {
        let course = Course {
            plan,
            status,
            attempt: 0,
            recovers: false,
            cue: None,
        };
        let jobs = play(&plan::web()[plan], course, 0, &mut Dice::new(1, &[]));
        jobs.iter().map(|job| job.status.as_str()).collect()
    }

    #[test]
    fn a_workflow_on_hold_waits_for_its_approval() {
        assert_eq!(
            words(Status::OnHold, plan::DEPLOY),
            ["success", "success", "success", "on_hold", "blocked"]
        );
    }

    #[test]
    fn nothing_runs_after_a_failure() {
        let words = words(Status::Failed, plan::NIGHTLY);
        assert!(words.contains(&"failed"), "{words:?}");
        assert!(!words.contains(&"running"));
    }

    #[test]
    fn a_failing_workflow_still_runs() {
        let words = words(Status::Failing, plan::BUILD);
        assert!(
            words.contains(&"failed") && words.contains(&"running"),
            "{words:?}"
        );
    }

    #[test]
    fn times_are_in_order() {
        for status in [
            Status::Success,
            Status::Failed,
            Status::Canceled,
            Status::Running,
        ] {
            let course = Course {
                plan: 0,
                status,
                attempt: 0,
                recovers: true,
                cue: None,
            };
            for roll in 0..50 {
                for job in play(&plan::web()[0], course, 0, &mut Dice::new(roll, &[])) {
                    assert!(job.queued_at <= job.started_at || job.started_at.is_none());
                    assert!(job.started_at <= job.stopped_at || job.stopped_at.is_none());
                }
            }
        }
    }
}
