//! Webhooks.

use hyper::StatusCode;
use serde_json::json;

use crate::demo::api::collection::{Collection, Field};
use crate::demo::api::{Route, project_with_id};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::Sort;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/webhook", |w, c, _| list(w, c)),
    Route::post("/webhook", |w, c, _| create(w, c)),
    Route::get("/webhook/{webhook-id}", |w, _, p| WEBHOOKS.get(w, &p[0])),
    Route::put("/webhook/{webhook-id}", |w, c, p| {
        WEBHOOKS.update(w, c, &p[0])
    }),
    Route::delete("/webhook/{webhook-id}", |w, _, p| WEBHOOKS.delete(w, &p[0])),
];

const WEBHOOKS: Collection = Collection {
    sort: Sort::Webhook,
    name: "Webhook",
    missing: StatusCode::NOT_FOUND,
    fields: &[
        ("name", Field::Text),
        ("url", Field::Text),
        (
            "events",
            Field::ListOf(&["workflow-completed", "job-completed"]),
        ),
        ("verify-tls", Field::Flag),
        ("signing-secret", Field::Secret),
        ("scope", Field::Ignored),
    ],
    required: 6,
};

/// The maximum number of webhooks per project.
const MOST: usize = 5;

/// `GET /webhook?scope-id=…&scope-type=project`.
fn list(world: &World, call: &Call) -> Outcome {
    let id = match (call.param("scope-id"), call.param("scope-type")) {
        (Some(id), Some("project")) => id,
        (Some(_), Some(_)) => return Err(Fault::bad("scope-type: must be project")),
        _ => return Err(Fault::bad("scope-id and scope-type: are required")),
    };
    project_with_id(world, id)?;
    Ok(page::whole(WEBHOOKS.of(world, id)))
}

fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.object()?;
    let scope = body.get("scope").and_then(|scope| scope["id"].as_str());
    let scope = scope.unwrap_or_default();
    if body.contains_key("scope") {
        project_with_id(world, scope)?;
    }
    if WEBHOOKS.of(world, scope).len() >= MOST {
        return Err(Fault::bad(format!(
            "A project has at most {MOST} webhooks."
        )));
    }
    let shown = WEBHOOKS.create(world, call, scope, |world, id| {
        let now = precise(world.moment_of_writing());
        json!({
            "id": id,
            "scope": { "id": scope, "type": "project" },
            "created-at": now,
            "updated-at": now,
        })
    })?;
    Ok(Answer::with(StatusCode::CREATED, shown))
}
