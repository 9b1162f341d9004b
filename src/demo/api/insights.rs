//! Insights: numbers over the same workflows and jobs that the other routes show.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::demo::api::metrics::{self, Sample, Tally, Window, only};
use crate::demo::api::project;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::calendar::{self, DAY, HOUR, plain};
use crate::demo::world::course::Job;
use crate::demo::world::project::Project;
use crate::demo::world::status::Status;
use crate::demo::world::{Workflow, World, suite};

const TEST_RUNS: usize = 10;
const FLAKY_DAYS: i64 = 14;

/// A workflow and the branch it ran on.
struct Run<'w> {
    branch: String,
    workflow: Workflow<'w>,
}

/// Which runs are wanted.
#[derive(Clone, Copy)]
struct Filter<'c> {
    /// One branch, or all.
    branch: Option<&'c str>,
    /// One workflow, or all.
    name: Option<&'c str>,
    window: Window,
}

impl<'c> Filter<'c> {
    /// The default branch unless the call says otherwise.
    fn new(call: &'c Call, name: Option<&'c str>, window: Window) -> Self {
        let branch = match call.flag("all-branches") {
            true => None,
            false => Some(call.param("branch").unwrap_or("main")),
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

/// The runs of a project, newest first.
fn collect<'w>(world: &'w World, project: &Project, filter: Filter<'_>) -> Vec<Run<'w>> {
    let mut runs = Vec::new();
    for number in (project.oldest..=project.last()).rev() {
        let Some(pipeline) = world.pipeline(project, number) else {
            continue;
        };
        // Reruns begin hours after their pipeline at most.
        if pipeline.created_at < filter.window.from - DAY {
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

/// The window that `reporting-window` names.
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

/// The span that ends now; what begins this very second is in it.
fn last(world: &World, span: i64) -> Window {
    let to = world.now() + 1000;
    Window {
        from: to - span,
        to,
    }
}

/// The window that `start-date` and `end-date` name.
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
        (Some(from), to) => (from, to.unwrap_or(world.now() + 1000)),
    };
    if to < from || to - from > 90 * DAY + 1000 {
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

/// Jobs that began, with their names.
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
    page::whole(items.collect())
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

/// `GET /insights/{org}/summary`.
pub fn organization(world: &World, call: &Call, slug: &str) -> Outcome {
    let projects = world.organization(slug);
    if projects.is_empty() {
        return Err(Fault::missing("Organization not found."));
    }
    let window = reporting_window(world, call)?;
    let wanted = call.list("project-names");
    let mut all: [Vec<Sample>; 2] = Default::default();
    let mut lines = Vec::new();
    for project in &projects {
        if !wanted.is_empty() && !wanted.contains(&project.name) {
            continue;
        }
        let [now, before] = [window, window.before()].map(|window| samples(world, project, window));
        let (tally, earlier) = (Tally::of(&now), Tally::of(&before));
        let names = [
            "total_credits_used",
            "total_duration_secs",
            "total_runs",
            "success_rate",
        ];
        lines.push(json!({
            "project_name": project.name,
            "metrics": only(&tally.of_project(window), &names),
            "trends": only(&tally.trends(&earlier, window), &names),
        }));
        all[0].extend(now);
        all[1].extend(before);
    }
    let [now, before] = all.map(|samples| Tally::of(&samples));
    let names: Vec<&str> = projects.iter().map(|project| project.name).collect();
    Ok(Answer::ok(json!({
        "org_data": {
            "metrics": now.of_project(window),
            "trends": only(&now.trends(&before, window), &PROJECT_MEMBERS),
        },
        "org_project_data": lines,
        "all_projects": names,
    })))
}

const PROJECT_MEMBERS: [&str; 5] = [
    "total_runs",
    "total_duration_secs",
    "total_credits_used",
    "success_rate",
    "throughput",
];

const LINE_MEMBERS: [&str; 4] = [
    "total_credits_used",
    "p95_duration_secs",
    "total_runs",
    "success_rate",
];

fn samples(world: &World, project: &Project, window: Window) -> Vec<Sample> {
    let filter = Filter {
        branch: None,
        name: None,
        window,
    };
    let runs = collect(world, project, filter);
    let samples = runs.iter().map(|run| Sample::of_workflow(&run.workflow));
    samples.collect()
}

/// `GET /insights/pages/{slug}/summary`.
pub fn project_page(world: &World, call: &Call, slug: &str) -> Outcome {
    let project = project(world, slug)?;
    let window = reporting_window(world, call)?;
    let branches = call.list("branches");
    let names = call.list("workflow-names");
    let [now, before] = [window, window.before()].map(|window| {
        let filter = Filter {
            branch: None,
            name: None,
            window,
        };
        let mut runs = collect(world, project, filter);
        runs.retain(|run| {
            let is_wanted = |list: &[&str], value: &str| list.is_empty() || list.contains(&value);
            is_wanted(&branches, &run.branch) && is_wanted(&names, &run.workflow.plan.name)
        });
        runs
    });
    let (tally_now, tally_before) = (tally(&now), tally(&before));
    let all_branches: BTreeSet<&str> = now.iter().map(|run| run.branch.as_str()).collect();
    let all_workflows: BTreeSet<&str> = now.iter().map(|run| &*run.workflow.plan.name).collect();
    Ok(Answer::ok(json!({
        "org_id": world.organization_id(project.org_slug),
        "project_id": world.project_id(project.place),
        "project_data": {
            "metrics": tally_now.of_project(window),
            "trends": only(&tally_now.trends(&tally_before, window), &PROJECT_MEMBERS),
        },
        "project_workflow_data": lines(&now, &before, window, |run| {
            vec![("workflow_name", run.workflow.plan.name.to_string())]
        }),
        "project_workflow_branch_data": lines(&now, &before, window, |run| {
            vec![
                ("workflow_name", run.workflow.plan.name.to_string()),
                ("branch", run.branch.clone()),
            ]
        }),
        "all_branches": all_branches,
        "all_workflows": all_workflows,
    })))
}

/// One line for each group of runs, with its trend.
fn lines(
    now: &[Run<'_>],
    before: &[Run<'_>],
    window: Window,
    group: impl Fn(&Run<'_>) -> Vec<(&'static str, String)>,
) -> Vec<Value> {
    let grouped = |runs: &[Run<'_>]| {
        let mut groups: BTreeMap<Vec<(&'static str, String)>, Vec<Sample>> = BTreeMap::new();
        for run in runs {
            let samples = groups.entry(group(run)).or_default();
            samples.push(Sample::of_workflow(&run.workflow));
        }
        groups
    };
    let earlier = grouped(before);
    grouped(now)
        .into_iter()
        .map(|(names, samples)| {
            let tally = Tally::of(&samples);
            let before = Tally::of(earlier.get(&names).map_or(&[], Vec::as_slice));
            let mut line = json!({});
            for (name, value) in names {
                line[name] = json!(value);
            }
            line["metrics"] = tally.of_line();
            line["trends"] = only(&tally.trends(&before, window), &LINE_MEMBERS);
            line
        })
        .collect()
}

/// `GET /insights/{slug}/branches`.
pub fn branches(world: &World, call: &Call, slug: &str) -> Outcome {
    let project = project(world, slug)?;
    let name = call.param("workflow-name");
    if let Some(name) = name {
        known_workflow(project, name)?;
    }
    let filter = Filter {
        branch: None,
        name,
        window: last(world, 90 * DAY),
    };
    let runs = collect(world, project, filter);
    let branches: BTreeSet<&str> = runs
        .iter()
        .map(|run| run.branch.as_str())
        .filter(|branch| !branch.is_empty())
        .collect();
    Ok(Answer::ok(json!({
        "org_id": world.organization_id(project.org_slug),
        "project_id": world.project_id(project.place),
        "branches": branches,
    })))
}

/// A test of a job of a workflow; the same test in another job is another.
type TestName<'w> = (&'w str, &'w str, &'static str, &'static str, String);

fn test_name<'w>(workflow: &Workflow<'w>, job: &Job, test: &suite::Test) -> TestName<'w> {
    let plan = workflow.plan;
    (
        &plan.name,
        &plan.jobs[job.place].name,
        test.file,
        test.class,
        test.name.clone(),
    )
}

/// Tests that failed and then passed on the same commit, newest flake first.
fn flakes(world: &World, project: &Project) -> BTreeMap<String, Value> {
    let filter = Filter {
        branch: None,
        name: None,
        window: last(world, FLAKY_DAYS * DAY),
    };
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for run in collect(world, project, filter) {
        let workflow = &run.workflow;
        if !workflow.recovers {
            continue;
        }
        for job in &workflow.jobs {
            let tests = suite::tests(world.options.seed, workflow, job);
            for test in tests.iter().filter(|test| test.result == "failure") {
                let name = format!("{:?}", test_name(workflow, job, test));
                let shown = found
                    .entry(name)
                    .or_insert_with(|| flake(world, workflow, job, test));
                shown["times_flaked"] = json!(shown["times_flaked"].as_i64().unwrap_or(0) + 1);
                let wasted = job
                    .stopped_at
                    .zip(job.started_at)
                    .map_or(0, |(stop, start)| stop - start);
                shown["time_wasted"] =
                    json!(shown["time_wasted"].as_i64().unwrap_or(0) + wasted / 1000);
            }
        }
    }
    found
}

fn flake(world: &World, workflow: &Workflow<'_>, job: &Job, test: &suite::Test) -> Value {
    json!({
        "time_wasted": 0,
        "workflow_created_at": plain(workflow.created_at),
        "workflow_id": world.workflow_id(workflow.key),
        "classname": test.class,
        "pipeline_number": workflow.key.pipeline,
        "workflow_name": workflow.plan.name,
        "test_name": test.name,
        "job_name": workflow.job_plan(job).name,
        "job_number": world.job_number(workflow, job),
        "times_flaked": 0,
        "source": "",
        "file": test.file,
    })
}

/// `GET /insights/{slug}/flaky-tests`, with underscores as on the wire.
pub fn flaky_tests(world: &World, slug: &str) -> Outcome {
    let mut flaky: Vec<Value> = flakes(world, project(world, slug)?).into_values().collect();
    flaky.sort_by_key(|test| std::cmp::Reverse(test["times_flaked"].as_i64()));
    Ok(Answer::ok(json!({
        "total_flaky_tests": flaky.len(),
        "flaky_tests": flaky,
    })))
}

/// What the newest runs say of one test.
#[derive(Default)]
struct Record {
    runs: i64,
    failed: i64,
    millis: Vec<i64>,
}

/// `GET /insights/{slug}/workflows/{name}/test-metrics`: of the ten newest runs.
pub fn test_metrics(world: &World, call: &Call, slug: &str, name: &str) -> Outcome {
    let project = project(world, slug)?;
    known_workflow(project, name)?;
    let window = last(world, 90 * DAY);
    let runs = collect(world, project, Filter::new(call, Some(name), window));
    let flaky = flakes(world, project);
    let mut records: BTreeMap<TestName<'_>, Record> = BTreeMap::new();
    let mut test_runs = Vec::new();
    for run in &runs {
        let counts = count_tests(world, &run.workflow, &mut records);
        let total: i64 = counts.values().sum();
        if total == 0 {
            continue;
        }
        let of = |result: &str| counts.get(result).copied().unwrap_or(0);
        test_runs.push(json!({
            "pipeline_number": run.workflow.key.pipeline,
            "workflow_id": world.workflow_id(run.workflow.key),
            "success_rate": metrics::ratio(of("success"), total - of("skipped")),
            "test_counts": {
                "error": of("error"),
                "failure": of("failure"),
                "skipped": of("skipped"),
                "success": of("success"),
                "total": total,
            },
        }));
        if test_runs.len() == TEST_RUNS {
            break;
        }
    }
    let totals = test_runs
        .iter()
        .filter_map(|run| run["test_counts"]["total"].as_i64());
    let count = i64::try_from(test_runs.len()).unwrap_or(0);
    let average = totals.sum::<i64>().checked_div(count).unwrap_or(0);
    let mut records: Vec<(TestName<'_>, Record)> = records.into_iter().collect();
    for (_, record) in &mut records {
        record.millis.sort_unstable();
    }
    records.sort_by_key(|(_, record)| std::cmp::Reverse(record.failed));
    let failing: Vec<&(TestName<'_>, Record)> =
        records.iter().filter(|(_, r)| r.failed > 0).collect();
    let most_failed: Vec<Value> = failing
        .iter()
        .take(10)
        .map(|(n, r)| show_record(n, r, &flaky))
        .collect();
    let mut slowest: Vec<&(TestName<'_>, Record)> = records.iter().collect();
    slowest.sort_by_key(|(_, record)| std::cmp::Reverse(metrics::percentile(&record.millis, 95)));
    let slowest_tests: Vec<Value> = slowest
        .iter()
        .take(10)
        .map(|(n, r)| show_record(n, r, &flaky))
        .collect();
    Ok(Answer::ok(json!({
        "average_test_count": average,
        "most_failed_tests": most_failed,
        "most_failed_tests_extra": failing.len().saturating_sub(10),
        "slowest_tests": slowest_tests,
        "slowest_tests_extra": slowest.len().saturating_sub(10),
        "total_test_runs": test_runs.len(),
        "test_runs": test_runs,
    })))
}

fn count_tests<'w>(
    world: &World,
    workflow: &Workflow<'w>,
    records: &mut BTreeMap<TestName<'w>, Record>,
) -> BTreeMap<&'static str, i64> {
    let mut counts = BTreeMap::new();
    for job in &workflow.jobs {
        for test in suite::tests(world.options.seed, workflow, job) {
            *counts.entry(test.result).or_insert(0) += 1;
            let record = records.entry(test_name(workflow, job, &test)).or_default();
            record.runs += 1;
            record.failed += i64::from(test.result == "failure");
            record.millis.push(i64::from(test.millis));
        }
    }
    counts
}

fn show_record(name: &TestName<'_>, record: &Record, flaky: &BTreeMap<String, Value>) -> Value {
    let (_, job_name, file, class, test_name) = name;
    let p95 = metrics::percentile(&record.millis, 95).unwrap_or(0);
    json!({
        "p95_duration": metrics::ratio(p95, 1000),
        "total_runs": record.runs,
        "classname": class,
        "failed_runs": record.failed,
        "flaky": flaky.contains_key(&format!("{name:?}")),
        "source": "",
        "file": file,
        "job_name": job_name,
        "test_name": test_name,
    })
}
