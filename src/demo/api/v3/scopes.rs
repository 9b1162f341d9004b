//! Users, organizations and projects.

use serde_json::{Value, json};

use crate::demo::api::v3::{PageRequest, filter, one, resource, whole};
use crate::demo::api::{Route, organizations};
use crate::demo::message::{Call, Fault, Outcome};
use crate::demo::path::short_provider;
use crate::demo::world::World;
use crate::demo::world::names::{ME, PEOPLE};
use crate::demo::world::project::Project;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/users", |w, c, _| users(w, c)),
    Route::get("/orgs", |w, c, _| orgs(w, c)),
    Route::get("/orgs/{id}", |w, _, p| org(w, &p[0])),
    Route::get("/projects", |w, c, _| projects(w, c)),
    Route::get("/projects/{id}", |w, _, p| project(w, &p[0])),
];

fn users(world: &World, call: &Call) -> Outcome {
    let wanted = filter(call, "user_id")?;
    let found = (0..PEOPLE.len())
        .filter(|place| wanted == world.user_id(*place) || wanted == "me" && *place == ME);
    let users = found.map(|place| {
        let person = organizations::person(world, place);
        let attributes = json!({ "name": person["name"], "login": person["login"], "avatar_url": person["avatar_url"] });
        resource(&world.user_id(place), attributes, json!({}))
    });
    Ok(whole(users.collect()))
}

/// Returns the first project of each organization.
fn organizations(world: &World) -> impl Iterator<Item = &Project> {
    let is_first =
        |project: &&Project| world.organization(project.org_slug)[0].place == project.place;
    world.projects.iter().filter(is_first)
}

fn show_org(world: &World, project: &Project) -> Value {
    let attributes = json!({ "name": project.org_name, "slug": project.org_slug });
    resource(
        &world.organization_id(project.org_slug),
        attributes,
        json!({}),
    )
}

fn orgs(world: &World, call: &Call) -> Outcome {
    let slug = short_provider(filter(call, "slug")?);
    let found = organizations(world).filter(|project| project.org_slug == slug);
    Ok(whole(
        found.map(|project| show_org(world, project)).collect(),
    ))
}

fn org(world: &World, id: &str) -> Outcome {
    let mut organizations = organizations(world);
    let found = organizations.find(|project| world.organization_id(project.org_slug) == id);
    Ok(one(show_org(
        world,
        found.ok_or_else(|| Fault::missing("Organization not found."))?,
    )))
}

fn show_project(world: &World, project: &Project) -> Value {
    resource(
        &world.project_id(project.place),
        json!({ "name": project.name, "slug": project.slug }),
        json!({ "org": { "id": world.organization_id(project.org_slug) } }),
    )
}

fn projects(world: &World, call: &Call) -> Outcome {
    let (slug, org) = (call.param("filter[slug]"), call.param("filter[org_id]"));
    if slug.is_none() && org.is_none() {
        return Err(Fault::bad("filter[slug] or filter[org_id] is required"));
    }
    let name = call.param("filter[name]");
    let found: Vec<&Project> = world
        .projects
        .iter()
        .filter(|project| slug.is_none_or(|slug| short_provider(slug) == project.slug))
        .filter(|project| org.is_none_or(|id| id == world.organization_id(project.org_slug)))
        .filter(|project| name.is_none_or(|name| name == project.name))
        .collect();
    PageRequest::of_query(world, call)?.answer(&found, |project| show_project(world, project))
}

fn project(world: &World, id: &str) -> Outcome {
    let mut projects = world.projects.iter();
    let found = projects.find(|project| world.project_id(project.place) == id);
    Ok(one(show_project(
        world,
        found.ok_or_else(|| Fault::missing("Project not found."))?,
    )))
}
