//! A project's workflows and their runs.

use std::collections::BTreeMap;

use serde_json::json;

use crate::demo::api::insights::{
    Filter, collect, dates, known_workflow, page_size, reporting_window, tally,
};
use crate::demo::api::metrics::{self, Sample, Tally, only};
use crate::demo::api::project;
use crate::demo::message::{Answer, Call, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::{DAY, plain};
use crate::demo::world::status::Status;

/// `GET /insights/{slug}/workflows`.
pub fn workflows(world: &World, call: &Call, slug: &str) -> Outcome {
    let project = project(world, slug)?;
    let window = reporting_window(world, call)?;
    let mut by_name: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    let runs = collect(world, project, Filter::new(call, None, window));
    for run in &runs {
        let samples = by_name.entry(&run.workflow.plan.name).or_default();
        samples.push(Sample::of_workflow(&run.workflow));
    }
    let groups: Vec<(&str, Vec<Sample>)> = by_name.into_iter().collect();
    page::slice(
        world.options.seed,
        call,
        page_size(world),
        &groups,
        |(name, samples)| {
            json!({
                "name": name,
                "metrics": Tally::of(samples).of_workflow(window),
                "window_start": plain(window.from),
                "window_end": plain(window.to),
                "project_id": world.project_id(project.place),
            })
        },
    )
}

/// `GET /insights/{slug}/workflows/{name}`: the runs that have ended.
pub fn runs(world: &World, call: &Call, slug: &str, name: &str) -> Outcome {
    let project = project(world, slug)?;
    known_workflow(project, name)?;
    let window = dates(world, call, 90 * DAY)?;
    let mut runs = collect(world, project, Filter::new(call, Some(name), window));
    runs.retain(|run| run.workflow.status.has_ended() && run.workflow.status != Status::NotRun);
    runs.sort_by_key(|run| std::cmp::Reverse(run.workflow.created_at));
    page::slice(world.options.seed, call, page_size(world), &runs, |run| {
        let workflow = &run.workflow;
        json!({
            "id": world.workflow_id(workflow.key),
            "branch": run.branch,
            "duration": workflow.seconds(),
            "created_at": plain(workflow.created_at),
            "stopped_at": workflow.stopped_at.map(plain),
            "credits_used": metrics::credits_of_workflow(workflow),
            "status": workflow.status.as_str(),
            "is_approval": workflow.plan.jobs.iter().any(|job| job.approval),
        })
    })
}

/// `GET /insights/{slug}/workflows/{name}/summary`.
pub fn workflow_summary(world: &World, call: &Call, slug: &str, name: &str) -> Outcome {
    let project = project(world, slug)?;
    known_workflow(project, name)?;
    let window = reporting_window(world, call)?;
    let filter = Filter::new(call, Some(name), window);
    let now = tally(&collect(world, project, filter));
    let before = tally(&collect(world, project, filter.in_window(window.before())));
    let mut metrics = now.of_summary(window);
    metrics["window_start"] = json!(plain(window.from));
    metrics["window_end"] = json!(plain(window.to));
    let trends = now.trends(&before, window);
    let names: Vec<&str> = project.plans.iter().map(|plan| &*plan.name).collect();
    Ok(Answer::ok(json!({
        "metrics": metrics,
        "trends": only(&trends, &[
            "total_runs", "failed_runs", "success_rate", "p95_duration_secs",
            "median_duration_secs", "total_credits_used", "mttr", "throughput",
        ]),
        "workflow_names": names,
    })))
}
