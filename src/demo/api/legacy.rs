//! API v1.1: a job with its steps and the addresses of their output.

use serde_json::{Value, json};

use crate::demo::api::{Route, jobs, organizations};
use crate::demo::message::{Answer, Outcome};
use crate::demo::storage;
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::course::Job;
use crate::demo::world::names::PEOPLE;
use crate::demo::world::steps::{self, Step};
use crate::demo::world::{Workflow, status::JobStatus};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/me", |w, _, _| Ok(organizations::me(w))),
    Route::get(
        "/project/{provider}/{organization}/{project}/{job-number}",
        |w, _, p| get(w, &p[0], &p[1]),
    ),
];

/// `GET /project/{vcs}/{org}/{repo}/{number}`.
fn get(world: &World, slug: &str, number: &str) -> Outcome {
    let (workflow, place) = jobs::find(world, slug, number)?;
    let job = &workflow.jobs[place];
    let plan = workflow.job_plan(job);
    let project = &world.projects[usize::from(workflow.key.project)];
    let pipeline = world.pipeline(project, workflow.key.pipeline);
    let pipeline = pipeline.as_ref();
    let steps = steps::of(world.options.seed, &workflow, job);
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| show_step(world, &workflow, job, step))
        .collect();
    let lifecycle = match job.status {
        JobStatus::Running => "running",
        status if status.is_open() => "queued",
        _ => "finished",
    };
    let duration = job.stopped_at.zip(job.started_at);
    Ok(Answer::ok(json!({
        "build_num": world.job_number(&workflow, job),
        "build_url": format!("https://circleci.com/{}/{number}", project.slug),
        "branch": pipeline.and_then(|pipeline| pipeline.branch.as_deref()),
        "vcs_tag": pipeline.and_then(|pipeline| pipeline.tag.as_deref()),
        "vcs_revision": pipeline.map(|pipeline| pipeline.revision.as_str()),
        "vcs_url": project.url(),
        "vcs_type": "github",
        "username": project.org_name,
        "reponame": project.name,
        "subject": pipeline.map(|pipeline| &*pipeline.subject),
        "user": { "login": PEOPLE[workflow.started_by].0, "name": PEOPLE[workflow.started_by].1 },
        "status": job.status.as_str(),
        "outcome": (!job.status.is_open()).then(|| job.status.as_str()),
        "lifecycle": lifecycle,
        "failed": job.status.is_failure(),
        "parallel": plan.parallelism,
        "queued_at": job.queued_at.map(precise),
        "start_time": job.started_at.map(precise),
        "stop_time": job.stopped_at.map(precise),
        "build_time_millis": duration.map(|(stop, start)| stop - start),
        "picard": {
            "executor": plan.executor,
            "resource_class": { "class": plan.class },
        },
        "workflows": {
            "job_name": plan.name,
            "job_id": world.job_id(workflow.key, place),
            "workflow_id": world.workflow_id(workflow.key),
            "workflow_name": workflow.plan.name,
            "workspace_id": world.workflow_id(workflow.key),
        },
        "steps": steps,
    })))
}

fn show_step(world: &World, workflow: &Workflow<'_>, job: &Job, step: &Step) -> Value {
    let job_id = world.job_id(workflow.key, job.place);
    let action = |node: u32| {
        let status = step.status(node);
        json!({
            "index": node,
            "step": step.number,
            "name": step.name,
            "type": if step.command.is_some() { "test" } else { "infrastructure" },
            "bash_command": step.command,
            "status": status.as_str(),
            "failed": status.is_failure().then_some(true),
            "infrastructure_fail": (status == JobStatus::InfrastructureFail).then_some(true),
            "timedout": (status == JobStatus::TimedOut).then_some(true),
            "canceled": (status == JobStatus::Canceled).then_some(true),
            "exit_code": step.exit_code(node),
            "background": false,
            "parallel": workflow.job_plan(job).parallelism > 1,
            "has_output": true,
            "truncated": false,
            "start_time": precise(step.started_at),
            "end_time": step.stopped_at.map(precise),
            "run_time_millis": step.stopped_at.map(|stop| stop - step.started_at),
            "output_url": storage::output_url(world, &job_id, step.number, node),
        })
    };
    let actions = (0..workflow.job_plan(job).parallelism).map(action);
    json!({ "name": step.name, "actions": actions.collect::<Vec<_>>() })
}
