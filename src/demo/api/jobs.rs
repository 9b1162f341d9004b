//! Jobs, their tests and their artifacts.

use serde_json::{Map, Value, json};

use hyper::StatusCode;

use crate::demo::api::{Route, project};
use crate::demo::message::{Answer, Fault, Outcome};
use crate::demo::page;
use crate::demo::storage;
use crate::demo::world::calendar::plain;
use crate::demo::world::change::Deed;
use crate::demo::world::course::Job;
use crate::demo::world::id::Kind;
use crate::demo::world::names::ME;
use crate::demo::world::status::JobStatus;
use crate::demo::world::{Workflow, World, suite};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::post("/jobs/{job-id}/cancel", |w, _, p| cancel_by_id(w, &p[0])),
    Route::get("/project/{project-slug}/job/{job-number}", |w, _, p| {
        get(w, &p[0], &p[1])
    }),
    Route::post(
        "/project/{project-slug}/job/{job-number}/cancel",
        |w, _, p| cancel(w, &p[0], &p[1]),
    ),
    Route::get("/project/{project-slug}/{job-number}/tests", |w, _, p| {
        tests(w, &p[0], &p[1])
    }),
    Route::get(
        "/project/{project-slug}/{job-number}/artifacts",
        |w, _, p| artifacts(w, &p[0], &p[1]),
    ),
];

/// `GET /project/{slug}/job/{number}`.
pub fn get(world: &World, slug: &str, number: &str) -> Outcome {
    let (workflow, place) = find(world, slug, number)?;
    Ok(Answer::ok(details(world, &workflow, &workflow.jobs[place])))
}

/// `GET /project/{slug}/{number}/tests`.
pub fn tests(world: &World, slug: &str, number: &str) -> Outcome {
    let (workflow, place) = find(world, slug, number)?;
    let tests = suite::tests(world.options.seed, &workflow, &workflow.jobs[place]);
    let source = if slug.ends_with("/web") {
        "vitest"
    } else {
        "nextest"
    };
    let show = |test: &suite::Test| {
        json!({
            "classname": test.class,
            "file": test.file,
            "message": test.message,
            "name": test.name,
            "result": test.result,
            "run_time": f64::from(test.millis) / 1000.0,
            "source": source,
        })
    };
    Ok(page::whole(tests.iter().map(show).collect()))
}

/// `GET /project/{slug}/{number}/artifacts`.
pub fn artifacts(world: &World, slug: &str, number: &str) -> Outcome {
    let (workflow, place) = find(world, slug, number)?;
    let job_id = world.job_id(workflow.key, place);
    let show = |artifact: &suite::Artifact| {
        json!({
            "path": artifact.path,
            "node_index": artifact.node,
            "url": storage::artifact_url(world, &job_id, artifact),
        })
    };
    let artifacts = suite::artifacts(&workflow, &workflow.jobs[place]);
    Ok(page::whole(artifacts.iter().map(show).collect()))
}

/// `POST /project/{slug}/job/{number}/cancel`.
pub fn cancel(world: &mut World, slug: &str, number: &str) -> Outcome {
    let (workflow, place) = find(world, slug, number)?;
    let (key, status) = (workflow.key, workflow.jobs[place].status);
    stop(world, key, place, status)
}

/// `POST /jobs/{id}/cancel`.
pub fn cancel_by_id(world: &mut World, id: &str) -> Outcome {
    let missing = || Fault::missing("Job not found.");
    let (key, place) = world.job_key(Kind::Job, id).ok_or_else(missing)?;
    let workflow = world.workflow(key).ok_or_else(missing)?;
    let status = workflow.jobs.get(place).ok_or_else(missing)?.status;
    stop(world, key, place, status)
}

fn stop(
    world: &mut World,
    key: crate::demo::world::WorkflowKey,
    place: usize,
    status: JobStatus,
) -> Outcome {
    if !status.is_open() {
        return Err(Fault::bad("The job has already ended."));
    }
    world.change(key, Deed::CancelJob(place));
    Ok(Answer::message(
        StatusCode::OK,
        "Job canceled successfully.",
    ))
}

/// Returns the workflow and the index of the job with a number.
pub fn find<'w>(
    world: &'w World,
    slug: &str,
    number: &str,
) -> Result<(Workflow<'w>, usize), Fault> {
    let project = project(world, slug)?;
    let number: u64 = number
        .parse()
        .map_err(|_| Fault::bad("job-number: must be an integer"))?;
    world
        .job_by_number(project, number)
        .ok_or_else(|| Fault::missing("Job not found."))
}

/// Returns a job as listed in its workflow.
pub fn show(world: &World, workflow: &Workflow<'_>, job: &Job) -> Value {
    let plan = workflow.job_plan(job);
    let key = workflow.key;
    let needs: Vec<String> = plan
        .needs
        .iter()
        .map(|need| world.job_id(key, *need))
        .collect();
    let requires: Map<String, Value> = needs
        .iter()
        .map(|id| (id.clone(), json!(["success"])))
        .collect();
    let mut shown = json!({
        "id": world.job_id(key, job.place),
        "name": plan.name,
        "project_slug": world.projects[usize::from(key.project)].slug,
        "type": if plan.approval { "approval" } else { "build" },
        "status": job.status.as_str(),
        "dependencies": needs,
        "requires": requires,
    });
    let mut add = |name: &str, value: Value| shown[name] = value;
    if let Some(number) = world.job_number(workflow, job) {
        add("job_number", json!(number));
    }
    if let Some(started_at) = job.started_at {
        add("started_at", json!(plain(started_at)));
    }
    if let Some(stopped_at) = job.stopped_at {
        add("stopped_at", json!(plain(stopped_at)));
    }
    if plan.approval {
        add(
            "approval_request_id",
            json!(world.approval_id(key, job.place)),
        );
    }
    if let Some(person) = job.approved_by {
        add("approved_by", json!(world.user_id(person)));
    }
    if job.status == JobStatus::Canceled {
        add("canceled_by", json!(world.user_id(ME)));
    }
    shown
}

/// Returns the details of a job.
fn details(world: &World, workflow: &Workflow<'_>, job: &Job) -> Value {
    let plan = workflow.job_plan(job);
    let key = workflow.key;
    let project = &world.projects[usize::from(key.project)];
    let number = world.job_number(workflow, job);
    let contexts: Vec<Value> = plan
        .contexts
        .iter()
        .map(|name| json!({ "name": name }))
        .collect();
    let parallel_runs: Vec<Value> = (0..plan.parallelism)
        .map(|index| json!({ "index": index, "status": job.status.as_str() }))
        .collect();
    let duration = job.stopped_at.zip(job.started_at);
    let mut shown = json!({
        "web_url": format!(
            "https://app.circleci.com/pipelines/{}/{}/workflows/{}/jobs/{}",
            project.slug.replacen("gh/", "github/", 1),
            key.pipeline,
            world.workflow_id(key),
            number.unwrap_or_default(),
        ),
        "project": {
            "id": world.project_id(project.place),
            "slug": project.slug,
            "name": project.name,
            "external_url": project.url(),
        },
        "parallel_runs": parallel_runs,
        "started_at": job.started_at.map(plain),
        "latest_workflow": { "id": world.workflow_id(key), "name": workflow.plan.name },
        "name": plan.name,
        "executor": { "resource_class": plan.class, "type": plan.executor },
        "parallelism": plan.parallelism,
        "status": job.status.as_str(),
        "number": number,
        "pipeline": { "id": world.pipeline_id(key.project, key.pipeline) },
        "duration": duration.map(|(stop, start)| stop - start),
        "created_at": plain(workflow.created_at),
        "messages": messages(job),
        "contexts": contexts,
        "organization": { "name": project.org_name },
        "queued_at": job.queued_at.map(plain),
    });
    if let Some(stopped_at) = job.stopped_at {
        shown["stopped_at"] = json!(plain(stopped_at));
    }
    shown
}

fn messages(job: &Job) -> Vec<Value> {
    let (kind, text) = match job.status {
        JobStatus::InfrastructureFail => (
            "error",
            "There was an issue with the machine this job ran on.",
        ),
        JobStatus::TimedOut => ("warning", "The job took longer than it may."),
        _ => return Vec::new(),
    };
    vec![json!({ "type": kind, "message": text, "reason": job.status.as_str() })]
}
