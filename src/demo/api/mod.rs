//! The operations of the API: each route queries or changes the world and formats the response.
//!
//! Each file has a table of its routes, in the terms of the API's description.

mod access;
mod collection;
mod contexts;
mod definitions;
mod deploy;
mod insights;
mod jobs;
mod legacy;
mod metrics;
mod organizations;
mod pipelines;
mod policies;
mod projects;
mod sample;
mod schedules;
mod trigger;
mod usage;
pub(super) mod v3;
mod webhooks;
mod workflows;

use serde_json::{Map, Value};

use crate::demo::message::{Call, Fault, Outcome};
use crate::demo::world::World;
use crate::demo::world::project::Project;

/// The routes of API v2.
pub(super) const V2: &[&[Route]] = &[
    organizations::ROUTES,
    projects::ROUTES,
    schedules::ROUTES,
    webhooks::ROUTES,
    pipelines::ROUTES,
    trigger::ROUTES,
    workflows::ROUTES,
    jobs::ROUTES,
    contexts::ROUTES,
    insights::ROUTES,
    usage::ROUTES,
    definitions::ROUTES,
    deploy::ROUTES,
    access::ROUTES,
    policies::ROUTES,
];

/// The routes of API v1.1.
pub(super) const V1: &[&[Route]] = &[legacy::ROUTES];

/// An operation. Its last argument are the values of the pattern's parameters.
pub(super) type Operation = fn(&mut World, &Call, &[String]) -> Outcome;

/// An operation and the requests that it is for.
pub(super) struct Route {
    /// The method.
    pub method: &'static str,
    /// The path, with parameters as `{name}`.
    pub pattern: &'static str,
    /// The operation.
    pub run: Operation,
}

impl Route {
    const fn get(pattern: &'static str, run: Operation) -> Self {
        Self::new("GET", pattern, run)
    }

    const fn post(pattern: &'static str, run: Operation) -> Self {
        Self::new("POST", pattern, run)
    }

    const fn put(pattern: &'static str, run: Operation) -> Self {
        Self::new("PUT", pattern, run)
    }

    const fn patch(pattern: &'static str, run: Operation) -> Self {
        Self::new("PATCH", pattern, run)
    }

    const fn delete(pattern: &'static str, run: Operation) -> Self {
        Self::new("DELETE", pattern, run)
    }

    const fn new(method: &'static str, pattern: &'static str, run: Operation) -> Self {
        Self {
            method,
            pattern,
            run,
        }
    }
}

/// Returns the project with a slug, or the fault that a token without access gets.
fn project<'w>(world: &'w World, slug: &str) -> Result<&'w Project, Fault> {
    world
        .project(slug)
        .ok_or_else(|| Fault::missing("Project not found."))
}

/// Returns the project with an id.
fn project_with_id<'w>(world: &'w World, id: &str) -> Result<&'w Project, Fault> {
    let mut projects = world.projects.iter();
    projects
        .find(|project| world.project_id(project.place) == id)
        .ok_or_else(|| Fault::missing("Project not found."))
}

/// Returns the slug of the organization with a slug or an id.
fn organization(world: &World, slug_or_id: &str) -> Result<String, Fault> {
    let mut slugs = world.projects.iter().map(|project| project.org_slug);
    slugs
        .find(|slug| *slug == slug_or_id || world.organization_id(slug) == slug_or_id)
        .map(str::to_owned)
        .ok_or_else(|| Fault::missing("Organization not found."))
}

/// Returns a member of a body, which must be a string if present.
fn text<'b>(body: &'b Map<String, Value>, name: &str) -> Result<Option<&'b str>, Fault> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Fault::bad(format!("{name}: must be a non-empty string"))),
    }
}

/// Returns a required member of a body, which must be a string.
fn required<'b>(body: &'b Map<String, Value>, name: &str) -> Result<&'b str, Fault> {
    text(body, name)?.ok_or_else(|| Fault::bad(format!("{name}: is required")))
}
