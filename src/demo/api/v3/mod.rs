//! API v3: runs (pipelines in v2), their workflows and jobs, and the output of jobs.

mod jobs;
mod runs;
mod scopes;

use serde_json::{Value, json};

use crate::demo::api::Route;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page::Listing;
use crate::demo::world::World;

/// The routes.
pub const ROUTES: &[&[Route]] = &[scopes::ROUTES, runs::ROUTES, jobs::ROUTES];

/// The largest page.
const MOST: usize = 20;

/// Formats an error as v3 does: one object.
pub fn refuse(fault: Fault) -> Answer {
    let (kind, title) = match fault.status.as_u16() {
        400 => ("invalid_request", "Invalid request"),
        401 => ("unauthorized", "Unauthorized"),
        403 => ("forbidden", "Forbidden"),
        404 => ("not_found", "Not found"),
        _ => ("error", "Error"),
    };
    let detail = Value::from(fault.message);
    let error = json!({ "type": kind, "title": title, "detail": detail });
    Answer::with(fault.status, json!({ "error": error }))
}

/// Returns a resource object.
fn resource(id: &str, attributes: Value, references: Value) -> Value {
    let mut shown = json!({ "id": id, "attributes": null, "references": null });
    shown["attributes"] = attributes;
    shown["references"] = references;
    shown
}

fn one(resource: Value) -> Answer {
    let mut shown = json!({ "data": null });
    shown["data"] = resource;
    Answer::ok(shown)
}

/// Returns an unpaged list.
fn whole(resources: Vec<Value>) -> Answer {
    let mut shown = json!({ "data": null, "page": { "next": null, "prev": null } });
    shown["data"] = Value::Array(resources);
    Answer::ok(shown)
}

/// The requested page of a list.
struct PageRequest<'c> {
    limit: usize,
    cursor: Option<&'c str>,
    listing: Listing,
}

impl<'c> PageRequest<'c> {
    /// Reads `page[limit]` and `page[cursor]`.
    fn of_query(world: &World, call: &'c Call) -> Result<Self, Fault> {
        let limit = match call.param("page[limit]") {
            None => MOST,
            Some(text) => text.parse().map_err(|_| size())?,
        };
        Self::new(world, call, limit, call.param("page[cursor]"))
    }

    fn new(
        world: &World,
        call: &Call,
        limit: usize,
        cursor: Option<&'c str>,
    ) -> Result<Self, Fault> {
        if !(1..=MOST).contains(&limit) {
            return Err(size());
        }
        Ok(Self {
            limit,
            cursor: cursor.filter(|cursor| !cursor.is_empty()),
            listing: Listing::new(world.options.seed, call),
        })
    }

    /// Returns the page; only its items are created.
    fn answer<T>(&self, all: &[T], item: impl FnMut(&T) -> Value) -> Outcome {
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        let begin = self.listing.start(self.cursor)?.map_or(0, place);
        let begin = begin.min(all.len());
        let end = begin.saturating_add(self.limit).min(all.len());
        let cursor = |place: usize| self.listing.token(place as u64);
        let next = (end < all.len()).then(|| cursor(end));
        let prev = (begin > 0).then(|| cursor(begin.saturating_sub(self.limit)));
        let mut shown = json!({ "data": null, "page": { "next": next, "prev": prev } });
        shown["data"] = all[begin..end].iter().map(item).collect();
        Ok(Answer::ok(shown))
    }
}

fn size() -> Fault {
    Fault::bad("Invalid page size")
}

/// Returns the value of a filter without which there is no list.
fn filter<'c>(call: &'c Call, name: &str) -> Result<&'c str, Fault> {
    let name = format!("filter[{name}]");
    call.param(&name)
        .ok_or_else(|| Fault::bad(format!("{name} is required")))
}

/// Returns the phase and the outcome for a status of v2.
fn phase(status: &str) -> (&'static str, Option<&'static str>) {
    match status {
        "success" => ("ended", Some("succeeded")),
        "failed" | "retried" => ("ended", Some("failed")),
        "error" | "terminated-unknown" => ("ended", Some("errored")),
        "canceled" => ("ended", Some("canceled")),
        "unauthorized" => ("ended", Some("unauthorized")),
        "not_run" => ("ended", Some("not_run")),
        "infrastructure_fail" => ("ended", Some("infrastructure_fail")),
        "timedout" => ("ended", Some("timedout")),
        "failing" => ("started", Some("failed")),
        "running" => ("started", None),
        "queued" | "not_running" => ("queued", None),
        _ => ("created", None),
    }
}

/// Returns the attributes `phase`, `outcome` (only at the end) and `current_outcome`.
fn progress(status: &str) -> Value {
    let (phase, outcome) = phase(status);
    let mut shown = json!({ "phase": phase });
    if let Some(outcome) = outcome {
        shown["current_outcome"] = json!(outcome);
        if phase == "ended" {
            shown["outcome"] = json!(outcome);
        }
    }
    shown
}
