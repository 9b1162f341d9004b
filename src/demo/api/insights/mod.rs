//! Insights: metrics of the same workflows and jobs that the other routes show.

mod series;
mod summaries;
mod tests_of_runs;
mod workflows;

use crate::demo::api::Route;
use crate::demo::api::insights::series::{jobs, time_series};
use crate::demo::api::insights::summaries::{branches, organization, project_page};
use crate::demo::api::insights::tests_of_runs::{flaky_tests, test_metrics};
use crate::demo::api::insights::workflows::{runs, workflow_summary, workflows};
use crate::demo::api::metrics::{Sample, Tally, Window};
use crate::demo::message::{Call, Fault};
use crate::demo::world::calendar::{self, DAY};
use crate::demo::world::project::Project;
use crate::demo::world::{Workflow, World};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/insights/{org-slug}/summary", |w, c, p| {
        organization(w, c, &p[0])
    }),
    Route::get("/insights/pages/{project-slug}/summary", |w, c, p| {
        project_page(w, c, &p[0])
    }),
    Route::get(
        "/insights/time-series/{project-slug}/workflows/{workflow-name}/jobs",
        |w, c, p| time_series(w, c, &p[0], &p[1]),
    ),
    Route::get("/insights/{project-slug}/branches", |w, c, p| {
        branches(w, c, &p[0])
    }),
    Route::get("/insights/{project-slug}/flaky-tests", |w, _, p| {
        flaky_tests(w, &p[0])
    }),
    Route::get("/insights/{project-slug}/workflows", |w, c, p| {
        workflows(w, c, &p[0])
    }),
    Route::get(
        "/insights/{project-slug}/workflows/{workflow-name}",
        |w, c, p| runs(w, c, &p[0], &p[1]),
    ),
    Route::get(
        "/insights/{project-slug}/workflows/{workflow-name}/jobs",
        |w, c, p| jobs(w, c, &p[0], &p[1]),
    ),
    Route::get(
        "/insights/{project-slug}/workflows/{workflow-name}/summary",
        |w, c, p| workflow_summary(w, c, &p[0], &p[1]),
    ),
    Route::get(
        "/insights/{project-slug}/workflows/{workflow-name}/test-metrics",
        |w, c, p| test_metrics(w, c, &p[0], &p[1]),
    ),
];

/// A workflow and the branch it ran on.
struct Run<'w> {
    branch: String,
    workflow: Workflow<'w>,
}

/// A selection of runs.
#[derive(Clone, Copy)]
struct Filter<'c> {
    /// One branch, or all.
    branch: Option<&'c str>,
    /// One workflow, or all.
    name: Option<&'c str>,
    window: Window,
}

impl<'c> Filter<'c> {
    /// Selects the default branch unless the call overrides it.
    fn new(call: &'c Call, name: Option<&'c str>, window: Window) -> Self {
        let branch = if call.flag("all-branches") {
            None
        } else {
            Some(call.param("branch").unwrap_or("main"))
        };
        Self {
            branch,
            name,
            window,
        }
    }

    fn in_window(self, window: Window) -> Self {
        Self { window, ..self }
    }
}

/// Returns the runs of a project, newest first.
fn collect<'w>(world: &'w World, project: &Project, filter: Filter<'_>) -> Vec<Run<'w>> {
    let mut runs = Vec::new();
    for number in (project.oldest..=project.last()).rev() {
        let Some(pipeline) = world.pipeline(project, number) else {
            continue;
        };
        if pipeline.created_at < filter.window.from - world.latest_rerun() {
            break;
        }
        let branch = pipeline.branch.as_deref().unwrap_or_default();
        if filter.branch.is_some_and(|wanted| wanted != branch) {
            continue;
        }
        let workflows = world.workflows(&pipeline).into_iter().rev();
        runs.extend(
            workflows
                .filter(|workflow| filter.window.has(workflow.created_at))
                .filter(|workflow| filter.name.is_none_or(|name| workflow.plan.name == name))
                .map(|workflow| Run {
                    branch: branch.to_owned(),
                    workflow,
                }),
        );
    }
    if world.moment().is_some() {
        runs.sort_by_key(|run| std::cmp::Reverse(run.workflow.created_at));
    }
    runs
}

fn tally(runs: &[Run<'_>]) -> Tally {
    let samples: Vec<Sample> = runs
        .iter()
        .map(|run| Sample::of_workflow(&run.workflow))
        .collect();
    Tally::of(&samples)
}

fn page_size(world: &World) -> u32 {
    world.options.page_size.saturating_mul(10).min(250)
}

/// Returns the window of `reporting-window`.
fn reporting_window(world: &World, call: &Call) -> Result<Window, Fault> {
    let days = match call.param("reporting-window") {
        Some("last-24-hours") => 1,
        Some("last-7-days") => 7,
        Some("last-30-days") => 30,
        Some("last-60-days") => 60,
        Some("last-90-days") | None => 90,
        Some(_) => {
            return Err(Fault::bad(
                "reporting-window: must be last-24-hours, last-7-days, last-30-days, last-60-days or last-90-days",
            ));
        }
    };
    Ok(last(world, days * DAY))
}

/// Returns the window that ends now.
fn last(world: &World, span: i64) -> Window {
    let to = world.now();
    Window {
        from: to - span,
        to,
    }
}

/// Returns the window of `start-date` and `end-date`.
fn dates(world: &World, call: &Call, default: i64) -> Result<Window, Fault> {
    let read = |name: &str| match call.param(name) {
        None => Ok(None),
        Some(text) => calendar::read(text)
            .map(Some)
            .ok_or_else(|| Fault::bad(format!("{name}: must be a date or a time"))),
    };
    let (start, end) = (read("start-date")?, read("end-date")?);
    let (from, to) = match (start, end) {
        (None, None) => return Ok(last(world, default)),
        (None, Some(_)) => return Err(Fault::bad("end-date: needs a start-date")),
        (Some(from), to) => (from, to.unwrap_or(world.now())),
    };
    if to < from || to - from > 90 * DAY {
        return Err(Fault::bad(
            "start-date and end-date: must be in order, at most 90 days apart",
        ));
    }
    Ok(Window { from, to })
}

fn known_workflow(project: &Project, name: &str) -> Result<(), Fault> {
    let is_known = project.plans.iter().any(|plan| plan.name == name);
    if is_known {
        Ok(())
    } else {
        Err(Fault::missing("Workflow not found."))
    }
}
