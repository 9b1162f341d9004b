//! Summaries of projects and organizations.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::demo::api::insights::{
    Filter, Run, collect, known_workflow, last, reporting_window, tally,
};
use crate::demo::api::metrics::{Sample, Tally, Window, only};
use crate::demo::api::project;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::World;
use crate::demo::world::calendar::DAY;
use crate::demo::world::project::Project;

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

/// Returns one entry per group of runs, with its trend.
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
