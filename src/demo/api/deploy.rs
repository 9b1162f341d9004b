//! Deployments: components, environments, versions and rollbacks.
//!
//! Each project is a component; its versions are the commits that its workflow `deploy` deployed.

use std::collections::BTreeSet;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::{Route, organization, project_with_id, required};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::{DAY, precise};
use crate::demo::world::id::Kind;
use crate::demo::world::plan::DEPLOY;
use crate::demo::world::project::Project;
use crate::demo::world::status::JobStatus;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/deploy/components", |w, c, _| components(w, c)),
    Route::get("/deploy/components/{component_id}", |w, _, p| {
        Ok(Answer::ok(show_component(w, component(w, &p[0])?)))
    }),
    Route::get("/deploy/components/{component_id}/versions", |w, c, p| {
        versions_of(w, c, &p[0])
    }),
    Route::get("/deploy/environments", |w, c, _| environments(w, c)),
    Route::get("/deploy/environments/{environment_id}", |w, _, p| {
        environment(w, &p[0])
    }),
    Route::post("/projects/{project_id}/rollback", |w, c, p| {
        rollback(w, c, &p[0])
    }),
];

const ENVIRONMENTS: [&str; 2] = ["production", "staging"];

/// Returns the projects of the requested organization, and the page size.
fn scope<'w>(world: &'w World, call: &Call) -> Result<(Vec<&'w Project>, u32), Fault> {
    let (Some(id), Some(size)) = (call.param("org-id"), call.param("page-size")) else {
        return Err(Fault::bad("org-id and page-size: are required"));
    };
    let size = size.parse().ok().filter(|size| (1..=100).contains(size));
    let size = size.ok_or_else(|| Fault::bad("page-size: must be from 1 to 100"))?;
    organization(world, id)?;
    let mut projects = world.projects.iter();
    let is_of = |project: &&Project| world.organization_id(project.org_slug) == id;
    Ok((projects.by_ref().filter(is_of).collect(), size))
}

fn components(world: &World, call: &Call) -> Outcome {
    let (mut projects, size) = scope(world, call)?;
    projects.retain(|project| {
        let is_it = |id| id == world.project_id(project.place);
        project.plans.len() > DEPLOY && call.param("project-id").is_none_or(is_it)
    });
    page::slice(world.options.seed, call, size, &projects, |project| {
        show_component(world, project)
    })
}

fn component<'w>(world: &'w World, id: &str) -> Result<&'w Project, Fault> {
    let mut projects = world.projects.iter();
    let is_it = |project: &&Project| component_id(world, project) == id;
    projects
        .find(|project| project.plans.len() > DEPLOY && is_it(project))
        .ok_or_else(|| Fault::missing("Component not found."))
}

fn component_id(world: &World, project: &Project) -> String {
    world.numbered_id(Kind::Component, usize::from(project.place))
}

fn show_component(world: &World, project: &Project) -> Value {
    let start = world.options.now.as_millisecond();
    let versions = versions(world, project);
    json!({
        "id": component_id(world, project),
        "name": project.name,
        "project_id": world.project_id(project.place),
        "labels": [{ "key": "team", "value": project.org_name }],
        "release_count": versions.len(),
        "created_at": precise(start - 400 * DAY),
        "updated_at": versions.first().map_or_else(
            || json!(precise(start - 400 * DAY)),
            |version| version["last_deployed_at"].clone(),
        ),
    })
}

fn versions_of(world: &World, call: &Call, id: &str) -> Outcome {
    let project = component(world, id)?;
    let mut versions = versions(world, project);
    if let Some(wanted) = call.param("environment-id") {
        versions.retain(|version| version["environment_id"] == wanted);
    }
    Ok(page::whole(versions))
}

/// Returns the versions of a project, newest first; the newest of each environment is live.
fn versions(world: &World, project: &Project) -> Vec<Value> {
    let mut live = BTreeSet::new();
    let mut versions = Vec::new();
    for number in (project.oldest..=project.last()).rev() {
        let Some(pipeline) = world.pipeline(project, number) else {
            continue;
        };
        let workflows = world.workflows(&pipeline);
        let deploys = workflows
            .iter()
            .filter(|workflow| workflow.plan.name == "deploy");
        for workflow in deploys {
            for job in workflow.jobs.iter().rev() {
                let name = workflow.job_plan(job).name.strip_prefix("deploy-");
                let place = ENVIRONMENTS.iter().position(|known| Some(*known) == name);
                let (Some(place), JobStatus::Success) = (place, job.status) else {
                    continue;
                };
                versions.push(json!({
                    "name": pipeline.revision[..7],
                    "environment_id": environment_id(world, project.org_slug, place),
                    "namespace": "default",
                    "is_live": live.insert(place),
                    "pipeline_id": world.pipeline_id(project.place, number),
                    "workflow_id": world.workflow_id(workflow.key),
                    "job_id": world.job_id(workflow.key, job.place),
                    "job_number": world.job_number(workflow, job),
                    "last_deployed_at": job.stopped_at.map(precise),
                }));
            }
        }
    }
    versions
}

fn environment_id(world: &World, org_slug: &str, place: usize) -> String {
    let mut projects = world.projects.iter();
    let first = projects.position(|project| project.org_slug == org_slug);
    world.numbered_id(
        Kind::Environment,
        first.unwrap_or(0) * ENVIRONMENTS.len() + place,
    )
}

fn show_environment(world: &World, org_slug: &str, place: usize) -> Value {
    let created_at = precise(world.options.now.as_millisecond() - 500 * DAY);
    json!({
        "id": environment_id(world, org_slug, place),
        "name": ENVIRONMENTS[place],
        "description": format!("The {} cluster", ENVIRONMENTS[place]),
        "labels": [{ "key": "region", "value": "eu-north-1" }],
        "created_at": created_at,
        "updated_at": created_at,
    })
}

fn environments(world: &World, call: &Call) -> Outcome {
    let (projects, size) = scope(world, call)?;
    let org_slug = projects.first().map_or("", |project| project.org_slug);
    let places: Vec<usize> = (0..ENVIRONMENTS.len()).collect();
    page::slice(world.options.seed, call, size, &places, |place| {
        show_environment(world, org_slug, *place)
    })
}

fn environment(world: &World, id: &str) -> Outcome {
    let places = 0..ENVIRONMENTS.len();
    let slugs = world.projects.iter().map(|project| project.org_slug);
    let mut all = slugs.flat_map(|slug| places.clone().map(move |place| (slug, place)));
    let found = all.find(|(slug, place)| environment_id(world, slug, *place) == id);
    let (slug, place) = found.ok_or_else(|| Fault::missing("Environment not found."))?;
    Ok(Answer::ok(show_environment(world, slug, place)))
}

/// `POST /projects/{id}/rollback`: accepted, but nothing is deployed.
fn rollback(world: &mut World, call: &Call, project_id: &str) -> Outcome {
    let project = project_with_id(world, project_id)?;
    let body = call.object()?;
    let (name, target) = (
        required(&body, "component_name")?,
        required(&body, "target_version")?,
    );
    required(&body, "current_version")?;
    let environment = required(&body, "environment_name")?;
    if name != project.name || !ENVIRONMENTS.contains(&environment) {
        return Err(Fault::missing("Component or environment not found."));
    }
    if !versions(world, project)
        .iter()
        .any(|version| version["name"] == target)
    {
        return Err(Fault::missing("Version not found."));
    }
    let shown = json!({ "id": world.desk.new_id(), "rollback_type": "PIPELINE" });
    Ok(Answer::with(StatusCode::ACCEPTED, shown))
}
