//! The operations of the API: each route queries or changes the world and formats the response.

pub(super) mod contexts;
pub(super) mod insights;
pub(super) mod jobs;
pub(super) mod metrics;
pub(super) mod organizations;
pub(super) mod pipelines;
pub(super) mod projects;
mod sample;
pub(super) mod schedules;
pub(super) mod trigger;
pub(super) mod webhooks;
pub(super) mod workflows;

use serde_json::{Map, Value};

use crate::demo::message::Fault;
use crate::demo::world::World;
use crate::demo::world::project::Project;

/// Returns the project with a slug, or the fault that a token without access gets.
fn project<'w>(world: &'w World, slug: &str) -> Result<&'w Project, Fault> {
    world
        .project(slug)
        .ok_or_else(|| Fault::missing("Project not found."))
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
