//! Usage exports.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::{Route, organization, required};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::storage;
use crate::demo::world::World;
use crate::demo::world::calendar::{self, DAY, HOUR, plain};
use crate::demo::world::project::EXAMPLE;
use crate::demo::world::usage::Export;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::post("/organizations/{org_id}/usage_export_job", |w, c, p| {
        create(w, c, &p[0])
    }),
    Route::get(
        "/organizations/{org_id}/usage_export_job/{usage_export_job_id}",
        |w, _, p| get(w, &p[0], &p[1]),
    ),
];

const LONGEST: i64 = 32 * DAY;
const OLDEST: i64 = 396 * DAY;
/// The number of exports in an hour.
const MOST: usize = 10;
/// The number of requests for the state until the export is done.
const POLLS: u32 = 2;

/// `POST /organizations/{org_id}/usage_export_job`.
fn create(world: &mut World, call: &Call, org_id: &str) -> Outcome {
    let org_slug = organization(world, org_id)?;
    let body = call.object()?;
    let time = |name: &str| {
        let text = required(&body, name)?;
        calendar::read(text).ok_or_else(|| Fault::bad(format!("{name}: must be a time")))
    };
    let (from, to) = (time("start")?, time("end")?);
    let now = world.now();
    let refused = if to <= from {
        Some("end: must be after start")
    } else if to > now {
        Some("end: must not be in the future")
    } else if to - from > LONGEST {
        Some("The period must not be longer than 32 days")
    } else if from < now - OLDEST {
        Some("start: must be within the last 13 months")
    } else {
        None
    };
    if let Some(message) = refused {
        return Err(Fault::bad(message));
    }
    if let Some(wait) = wait(world, &org_slug) {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut answer = Answer::message(status, "Rate limit exceeded.");
        answer.headers.push(("retry-after", wait.to_string()));
        return Ok(answer);
    }
    let export = Export {
        id: world.desk.new_id(),
        org_slug,
        from,
        to,
        requested_at: world.elapsed(),
        polls: 0,
    };
    let shown = json!({
        "usage_export_job_id": export.id,
        "state": "created",
        "start": plain(from),
        "end": plain(to),
        "download_urls": [],
    });
    world.exports.push(export);
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// Returns the seconds until another export is allowed. The demo's clock may stand still, so this
/// is in real time.
fn wait(world: &World, org_slug: &str) -> Option<i64> {
    let exports = world.exports.iter().rev();
    let mut own = exports.filter(|export| export.org_slug == org_slug);
    let age = world.elapsed() - own.nth(MOST - 1)?.requested_at;
    (age < HOUR).then(|| (HOUR - age) / 1000 + 1)
}

/// `GET /organizations/{org_id}/usage_export_job/{id}`; each request brings it on.
fn get(world: &mut World, org_id: &str, id: &str) -> Outcome {
    let org_slug = organization(world, org_id)?;
    let mut exports = world.exports.iter_mut();
    let export = exports
        .find(|export| export.id == id && export.org_slug == org_slug)
        .ok_or_else(|| Fault::missing("Usage export job not found."))?;
    export.polls += 1;
    let (parts, polls) = (export.parts(), export.polls);
    let mut shown = json!({
        "usage_export_job_id": id,
        "state": "processing",
        "download_urls": [],
    });
    if polls < POLLS {
        return Ok(Answer::ok(shown));
    }
    // Exports of the organization of the documentation's examples fail.
    if org_slug == world.projects[usize::from(EXAMPLE)].org_slug {
        shown["state"] = json!("failed");
        shown["error_reason"] = json!("The query took longer than 4 hours");
        return Ok(Answer::ok(shown));
    }
    let urls = (0..parts).map(|part| Value::from(storage::part_url(world, id, part)));
    shown["download_urls"] = urls.collect();
    shown["state"] = json!("completed");
    Ok(Answer::ok(shown))
}
