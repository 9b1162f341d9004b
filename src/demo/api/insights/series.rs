//! The jobs of a workflow, in total and over time.

use std::collections::BTreeMap;

use serde_json::json;

use crate::demo::api::insights::{
    Filter, Run, collect, dates, known_workflow, page_size, reporting_window,
};
use crate::demo::api::metrics::{Sample, Tally, Window};
use crate::demo::api::project;
use crate::demo::message::{Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::calendar::{DAY, HOUR, plain};
use crate::demo::world::course::Job;
use crate::demo::world::{Workflow, World};

/// Returns jobs that started, with their names.
fn started_jobs<'r>(
    runs: &'r [Run<'_>],
) -> impl Iterator<Item = (&'r Workflow<'r>, &'r Job, Sample)> {
    runs.iter().flat_map(|run| {
        let workflow = &run.workflow;
        workflow.jobs.iter().filter_map(move |job| {
            let plan = workflow.job_plan(job);
            let sample = Sample::of_job(plan, job)?;
            (!plan.approval).then_some((workflow, job, sample))
        })
    })
}

/// `GET /insights/{slug}/workflows/{name}/jobs`.
pub fn jobs(world: &World, call: &Call, slug: &str, name: &str) -> Outcome {
    let project = project(world, slug)?;
    known_workflow(project, name)?;
    let window = reporting_window(world, call)?;
    let runs = collect(world, project, Filter::new(call, Some(name), window));
    let wanted = call.param("job-name").unwrap_or_default();
    let mut by_name: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for (workflow, job, sample) in started_jobs(&runs) {
        let name: &str = &workflow.job_plan(job).name;
        if name.contains(wanted) {
            by_name.entry(name).or_default().push(sample);
        }
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
                "metrics": Tally::of(samples).of_job(window),
                "window_start": plain(window.from),
                "window_end": plain(window.to),
            })
        },
    )
}

/// `GET /insights/time-series/{slug}/workflows/{name}/jobs`.
pub fn time_series(world: &World, call: &Call, slug: &str, name: &str) -> Outcome {
    let project = project(world, slug)?;
    known_workflow(project, name)?;
    let (step, span) = match call.param("granularity") {
        Some("hourly") => (HOUR, 2 * DAY),
        Some("daily") | None => (DAY, 90 * DAY),
        Some(_) => return Err(Fault::bad("granularity: must be daily or hourly")),
    };
    let window = dates(world, call, span)?;
    let runs = collect(world, project, Filter::new(call, Some(name), window));
    let mut points: BTreeMap<(i64, &str), Vec<Sample>> = BTreeMap::new();
    for (workflow, job, sample) in started_jobs(&runs) {
        let begin = sample.created_at.div_euclid(step) * step;
        let name: &str = &workflow.job_plan(job).name;
        points.entry((begin, name)).or_default().push(sample);
    }
    let items = points.iter().rev().map(|((begin, name), samples)| {
        let point = Window {
            from: *begin,
            to: begin + step,
        };
        let ends = samples
            .iter()
            .map(|sample| sample.stopped_at.unwrap_or(sample.created_at));
        json!({
            "name": name,
            "min_started_at": samples.iter().map(|sample| sample.created_at).min().map(plain),
            "max_ended_at": ends.max().map(plain),
            "timestamp": plain(*begin),
            "metrics": Tally::of(samples).of_point(point),
        })
    });
    Ok(page::whole(items.collect()))
}
