//! Jobs and their output.

use serde_json::{Value, json};

use crate::demo::api::Route;
use crate::demo::api::v3::{PageRequest, filter, one, progress, resource, whole};
use crate::demo::api::workflows;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::storage;
use crate::demo::world::calendar::precise;
use crate::demo::world::course::Job;
use crate::demo::world::id::Kind;
use crate::demo::world::steps::{self, Line, Step};
use crate::demo::world::{Workflow, World, suite};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/jobs", |w, c, _| list(w, c)),
    Route::get("/jobs/{id}", |w, _, p| get(w, &p[0])),
    Route::get("/jobs/{id}/tests", |w, _, p| tests(w, &p[0])),
    Route::get("/jobs/{id}/artifacts", |w, _, p| artifacts(w, &p[0])),
    Route::get("/jobs/{id}/stdout", |w, c, p| {
        output(w, c, &p[0], |lines| steps::text(lines, Some(false)))
    }),
    Route::get("/jobs/{id}/stdout/condensed", |w, c, p| {
        output(w, c, &p[0], condensed)
    }),
    Route::get("/jobs/{id}/stderr", |w, c, p| {
        output(w, c, &p[0], |lines| steps::text(lines, Some(true)))
    }),
];

/// The number of last lines in condensed output.
const LAST: usize = 20;

fn list(world: &World, call: &Call) -> Outcome {
    let workflow = workflows::find(world, filter(call, "workflow_id")?)?;
    let page = PageRequest::of_query(world, call)?;
    page.answer(&workflow.jobs, |job| show(world, &workflow, job))
}

fn show(world: &World, workflow: &Workflow<'_>, job: &Job) -> Value {
    let (plan, key) = (workflow.job_plan(job), workflow.key);
    let mut attributes = progress(job.status.as_str());
    attributes["name"] = json!(plan.name);
    attributes["type"] = json!(if plan.approval { "approval" } else { "build" });
    if let Some(number) = world.job_number(workflow, job) {
        attributes["number"] = json!(number);
    }
    attributes["started_at"] = json!(job.started_at.map(precise));
    attributes["ended_at"] = json!(job.stopped_at.map(precise));
    let references = json!({
        "workflow": { "id": world.workflow_id(key) },
        "run": { "id": world.pipeline_id(key.project, key.pipeline) },
        "project": { "id": world.project_id(key.project) },
        "user": { "id": world.user_id(workflow.started_by) },
    });
    resource(&world.job_id(key, job.place), attributes, references)
}

fn find<'w>(world: &'w World, id: &str) -> Result<(Workflow<'w>, Job), Fault> {
    let found = || {
        let (key, place) = world.job_key(Kind::Job, id)?;
        let workflow = world.workflow(key)?;
        let job = workflow.jobs.get(place)?.clone();
        Some((workflow, job))
    };
    found().ok_or_else(|| Fault::missing("Job not found."))
}

fn get(world: &World, id: &str) -> Outcome {
    let (workflow, job) = find(world, id)?;
    let seed = world.options.seed;
    let all = steps::of(seed, &workflow, &job);
    let step = |step: &Step, node: u32| {
        let mut shown = progress(step.status(node).as_str());
        let lines = steps::output(seed, &workflow, &job, step, node);
        shown["num"] = json!(step.number);
        shown["name"] = json!(step.name);
        shown["type"] = json!(if step.command.is_some() {
            "run"
        } else {
            "system"
        });
        shown["command"] = json!(step.command);
        shown["exit_code"] = json!(step.exit_code(node));
        shown["started_at"] = json!(precise(step.started_at));
        shown["ended_at"] = json!(step.stopped_at.map(precise));
        shown["stdout_bytes"] = json!(steps::text(&lines, Some(false)).len());
        shown["stderr_bytes"] = json!(steps::text(&lines, Some(true)).len());
        shown
    };
    let executions = (0..workflow.job_plan(&job).parallelism).map(|node| {
        let steps: Vec<Value> = all.iter().map(|one| step(one, node)).collect();
        json!({ "execution": node, "steps": steps })
    });
    let mut shown = show(world, &workflow, &job);
    shown["attributes"]["parallel_executions"] = executions.collect();
    Ok(one(shown))
}

/// `GET /jobs/{id}/tests`: one JSON object a line.
fn tests(world: &World, id: &str) -> Outcome {
    let (workflow, job) = find(world, id)?;
    let tests = suite::tests(world.options.seed, &workflow, &job);
    let lines: Vec<String> = tests
        .iter()
        .map(|test| {
            let shown = json!({
                "classname": test.class,
                "name": test.name,
                "result": test.result,
                "run_time": f64::from(test.millis) / 1000.0,
                "message": test.message,
            });
            format!("{shown}\n")
        })
        .collect();
    Ok(Answer::raw(
        "application/x-ndjson",
        lines.concat().into_bytes(),
    ))
}

fn artifacts(world: &World, id: &str) -> Outcome {
    let (workflow, job) = find(world, id)?;
    let artifacts = suite::artifacts(&workflow, &job);
    let shown = artifacts.iter().enumerate().map(|(place, artifact)| {
        let attributes = json!({
            "path": artifact.path,
            "url": storage::artifact_url(world, id, artifact),
            "execution": artifact.node,
        });
        resource(&format!("{id}-{place}"), attributes, json!({}))
    });
    Ok(whole(shown.collect()))
}

/// Returns the output of a step, or of all of them.
fn output(world: &World, call: &Call, id: &str, format: fn(&[Line]) -> String) -> Outcome {
    let (workflow, job) = find(world, id)?;
    let number = |name: &str| match call.param(&format!("filter[{name}]")) {
        None => Ok(None),
        Some(text) => text
            .parse::<u32>()
            .map(Some)
            .map_err(|_| Fault::bad(format!("filter[{name}] must be a number"))),
    };
    let (node, wanted) = (number("execution")?.unwrap_or(0), number("step_num")?);
    let seed = world.options.seed;
    let mut steps = steps::of(seed, &workflow, &job);
    steps.retain(|step| wanted.is_none_or(|wanted| wanted == step.number));
    if steps.is_empty() || node >= workflow.job_plan(&job).parallelism {
        return Err(Fault::missing("Output not found."));
    }
    let text: String = steps
        .iter()
        .map(|step| format(&steps::output(seed, &workflow, &job, step, node)))
        .collect();
    let mut answer = Answer::raw("text/plain; charset=utf-8", text.into_bytes());
    if !job.status.is_open() {
        answer.headers.push(("x-terminal", "true".to_owned()));
    }
    Ok(answer)
}

/// Returns the last lines of both streams.
fn condensed(lines: &[Line]) -> String {
    let left_out = lines.len().saturating_sub(LAST);
    let text = steps::text(&lines[left_out..], None);
    match left_out {
        0 => text,
        count => format!("... {count} lines omitted ...\r\n{text}"),
    }
}
