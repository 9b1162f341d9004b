//! Workflows and operations on them.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::{Route, jobs};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::calendar::plain;
use crate::demo::world::change::Deed;
use crate::demo::world::id::Kind;
use crate::demo::world::names::ME;
use crate::demo::world::plan::WorkflowPlan;
use crate::demo::world::status::{JobStatus, Status};
use crate::demo::world::{Workflow, WorkflowKey, World};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/workflow/{id}", |w, _, p| get(w, &p[0])),
    Route::get("/workflow/{id}/job", |w, _, p| list_jobs(w, &p[0])),
    Route::post("/workflow/{id}/rerun", |w, c, p| rerun(w, c, &p[0])),
    Route::post("/workflow/{id}/cancel", |w, _, p| cancel(w, &p[0])),
    Route::post("/workflow/{id}/approve/{approval_request_id}", |w, _, p| {
        approve(w, &p[0], &p[1])
    }),
];

/// `GET /workflow/{id}`.
pub fn get(world: &mut World, id: &str) -> Outcome {
    let key = key(world, id)?;
    if world.look_at(key).is_none() {
        return Err(missing());
    }
    Ok(Answer::ok(show(world, &find(world, id)?)))
}

/// `GET /workflow/{id}/job`.
pub fn list_jobs(world: &World, id: &str) -> Outcome {
    let workflow = find(world, id)?;
    Ok(page::whole(
        workflow
            .jobs
            .iter()
            .map(|job| jobs::show(world, &workflow, job))
            .collect(),
    ))
}

/// `POST /workflow/{id}/cancel`; a workflow that has ended is unchanged.
pub fn cancel(world: &mut World, id: &str) -> Outcome {
    let workflow = find(world, id)?;
    let (key, has_ended) = (workflow.key, workflow.status.has_ended());
    if !has_ended {
        world.change(key, Deed::Cancel);
    }
    Ok(Answer::message(StatusCode::ACCEPTED, "Accepted."))
}

/// `POST /workflow/{id}/approve/{approval_request_id}`.
pub fn approve(world: &mut World, id: &str, approval: &str) -> Outcome {
    let workflow = find(world, id)?;
    let key = workflow.key;
    let asked = world.job_key(Kind::Approval, approval);
    let Some((_, place)) = asked.filter(|(of, _)| *of == key) else {
        return Err(Fault::missing("Approval request not found."));
    };
    match workflow.jobs.get(place).map(|job| job.status) {
        Some(JobStatus::OnHold) => {}
        Some(_) => return Err(Fault::bad("The job is not on hold.")),
        None => return Err(Fault::missing("Approval request not found.")),
    }
    world.change(key, Deed::Approve(place));
    Ok(Answer::message(StatusCode::ACCEPTED, "Accepted."))
}

/// `POST /workflow/{id}/rerun`.
pub fn rerun(world: &mut World, call: &Call, id: &str) -> Outcome {
    let workflow = find(world, id)?;
    let wanted = Wanted::read(call)?;
    let (key, plan) = (workflow.key, workflow.plan);
    let jobs: Vec<usize> = match wanted {
        Wanted::All => (0..plan.jobs.len()).collect(),
        Wanted::Failed if workflow.status != Status::Failed => {
            return Err(Fault::bad("from_failed: the workflow has not failed"));
        }
        Wanted::Failed => places(&workflow, |status| status != JobStatus::Success),
        Wanted::Jobs(ids) => {
            let mut asked = Vec::with_capacity(ids.len());
            for id in ids {
                let found = world.job_key(Kind::Job, &id).filter(|(of, _)| *of == key);
                let (_, place) = found
                    .ok_or_else(|| Fault::bad(format!("jobs: {id} is not of this workflow")))?;
                asked.push(place);
            }
            with_the_rest(plan, &workflow, asked)
        }
    };
    let Some(made) = world.rerun(key, jobs) else {
        return Err(Fault::bad("The workflow has been rerun too often."));
    };
    let shown = json!({ "workflow_id": world.workflow_id(made) });
    Ok(Answer::with(StatusCode::ACCEPTED, shown))
}

/// The jobs selected for a rerun.
enum Wanted {
    All,
    Failed,
    Jobs(Vec<String>),
}

impl Wanted {
    fn read(call: &Call) -> Result<Self, Fault> {
        let body = call.object()?;
        let flag = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Fault::bad(format!("{name}: must be a boolean"))),
        };
        let from_failed = flag("from_failed")?;
        let needs_jobs = flag("enable_ssh")? || flag("sparse_tree")?;
        let ids: Vec<String> = match body.get("jobs") {
            None | Some(Value::Null) => Vec::new(),
            Some(jobs) => serde_json::from_value(jobs.clone())
                .map_err(|_| Fault::bad("jobs: must be a list of job ids"))?,
        };
        match (from_failed, ids.is_empty()) {
            (true, false) => Err(Fault::bad("from_failed and jobs are mutually exclusive")),
            (_, true) if needs_jobs => Err(Fault::bad("enable_ssh and sparse_tree need jobs")),
            (true, true) => Ok(Self::Failed),
            (false, true) => Ok(Self::All),
            (false, false) => Ok(Self::Jobs(ids)),
        }
    }
}

fn places(workflow: &Workflow<'_>, wanted: impl Fn(JobStatus) -> bool) -> Vec<usize> {
    let jobs = workflow.jobs.iter();
    jobs.filter(|job| wanted(job.status))
        .map(|job| job.place)
        .collect()
}

/// Returns the selected jobs, those that depend on them, and their missing dependencies.
fn with_the_rest(plan: &WorkflowPlan, workflow: &Workflow<'_>, asked: Vec<usize>) -> Vec<usize> {
    let mut runs = vec![false; plan.jobs.len()];
    for place in asked {
        runs[place] = true;
    }
    for (place, job) in plan.jobs.iter().enumerate() {
        runs[place] |= job.needs.iter().any(|need| runs[*need]);
    }
    for (place, job) in plan.jobs.iter().enumerate().rev() {
        for need in job.needs {
            let is_lacking = workflow.jobs[*need].status != JobStatus::Success;
            runs[*need] |= runs[place] && is_lacking;
        }
    }
    (0..runs.len()).filter(|place| runs[*place]).collect()
}

/// Returns the workflow with an id.
pub fn find<'w>(world: &'w World, id: &str) -> Result<Workflow<'w>, Fault> {
    world.workflow(key(world, id)?).ok_or_else(missing)
}

fn key(world: &World, id: &str) -> Result<WorkflowKey, Fault> {
    world.workflow_key(id).ok_or_else(missing)
}

fn missing() -> Fault {
    Fault::missing("Workflow not found.")
}

/// Returns a workflow in the API's format.
pub fn show(world: &World, workflow: &Workflow<'_>) -> Value {
    let key = workflow.key;
    if world.is_example_workflow(key) {
        return example();
    }
    let mut shown = json!({
        "pipeline_id": world.pipeline_id(key.project, key.pipeline),
        "id": world.workflow_id(key),
        "name": workflow.plan.name,
        "project_slug": world.projects[usize::from(key.project)].slug,
        "status": workflow.status.as_str(),
        "started_by": world.user_id(workflow.started_by),
        "pipeline_number": key.pipeline,
        "created_at": plain(workflow.created_at),
    });
    if let Some(stopped_at) = workflow.stopped_at {
        shown["stopped_at"] = json!(plain(stopped_at));
    }
    if workflow.plan.is_setup {
        shown["tag"] = json!("setup");
    }
    if world.projects[usize::from(key.project)].is_app() && workflow.attempt > 0 {
        shown["tag"] = json!("rerun-workflow-from-failed");
        if workflow.attempt == 1 {
            shown["auto_rerun_number"] = json!(1);
            shown["max_auto_reruns"] = json!(2);
        }
    }
    if world.has_expired(key) {
        shown["id"] = Value::Null;
    }
    match workflow.status {
        Status::Canceled => shown["canceled_by"] = json!(world.user_id(ME)),
        Status::Error => shown["errored_by"] = json!(world.user_id(workflow.started_by)),
        _ => {}
    }
    shown
}

/// Returns the literal example of the service's documentation: its ids are not all UUIDs, and its
/// number is a string.
fn example() -> Value {
    json!({
        "pipeline_id": "5034460f-c7c4-4c43-9457",
        "canceled_by": "026a6d28-c22e-4aab-a8b4-bd7131a8ea35",
        "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
        "name": "build-and-test",
        "project_slug": "gh/CircleCI-Public/api-preview-docs",
        "errored_by": "c6e40f70-a80a-4ccc-af88-8d985a7bc622",
        "tag": "setup",
        "status": "success",
        "started_by": "03987f6a-4c27-4dc1-b6ab-c7e83bb3e713",
        "pipeline_number": "25",
        "created_at": "2019-08-24T14:15:22Z",
        "stopped_at": "2019-08-24T14:15:22Z",
    })
}
