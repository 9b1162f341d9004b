//! Webhooks.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::demo::api::{Route, required};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::ProjectThing;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/webhook", |w, c, _| list(w, c)),
    Route::post("/webhook", |w, c, _| create(w, c)),
    Route::get("/webhook/{webhook-id}", |w, _, p| get(w, &p[0])),
    Route::put("/webhook/{webhook-id}", |w, c, p| update(w, c, &p[0])),
    Route::delete("/webhook/{webhook-id}", |w, _, p| delete(w, &p[0])),
];

/// The maximum number of webhooks per project.
const MOST: usize = 5;

/// `GET /webhook?scope-id=…&scope-type=project`.
pub fn list(world: &World, call: &Call) -> Outcome {
    let place = match (call.param("scope-id"), call.param("scope-type")) {
        (Some(id), Some("project")) => scope(world, id)?,
        (Some(_), Some(_)) => return Err(Fault::bad("scope-type: must be project")),
        _ => return Err(Fault::bad("scope-id and scope-type: are required")),
    };
    Ok(page::whole(of(world, place)))
}

fn of(world: &World, place: u8) -> Vec<Value> {
    let things = world.desk.webhooks.iter();
    things
        .filter(|thing| thing.project == place)
        .map(|thing| thing.shown.clone())
        .collect()
}

/// `POST /webhook`.
pub fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.object()?;
    required(&body, "name")?;
    required(&body, "url")?;
    for name in ["events", "verify-tls", "signing-secret", "scope"] {
        if !body.contains_key(name) {
            return Err(Fault::bad(format!("{name}: is required")));
        }
    }
    let scope_id = body["scope"]["id"].as_str().unwrap_or_default().to_owned();
    let place = scope(world, &scope_id)?;
    if of(world, place).len() >= MOST {
        return Err(Fault::bad(format!(
            "A project has at most {MOST} webhooks."
        )));
    }
    let now = precise(world.moment_of_writing());
    let mut shown = json!({
        "id": world.desk.new_id(),
        "scope": { "id": scope_id, "type": "project" },
        "created-at": now,
        "updated-at": now,
    });
    copy(&body, &mut shown)?;
    world.desk.webhooks.push(ProjectThing {
        project: place,
        shown: shown.clone(),
    });
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// `GET /webhook/{id}`.
pub fn get(world: &World, id: &str) -> Outcome {
    let found = world
        .desk
        .webhooks
        .iter()
        .find(|thing| thing.shown["id"] == id);
    found
        .map(|thing| Answer::ok(thing.shown.clone()))
        .ok_or_else(missing)
}

/// `PUT /webhook/{id}`.
pub fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    let body = call.object()?;
    let now = world.moment_of_writing();
    let mut things = world.desk.webhooks.iter_mut();
    let thing = things
        .find(|thing| thing.shown["id"] == id)
        .ok_or_else(missing)?;
    let mut shown = thing.shown.clone();
    copy(&body, &mut shown)?;
    shown["updated-at"] = json!(precise(now));
    thing.shown = shown.clone();
    Ok(Answer::ok(shown))
}

/// `DELETE /webhook/{id}`.
pub fn delete(world: &mut World, id: &str) -> Outcome {
    get(world, id)?;
    world.desk.webhooks.retain(|thing| thing.shown["id"] != id);
    Ok(Answer::message(StatusCode::OK, "Webhook deleted."))
}

fn scope(world: &World, id: &str) -> Result<u8, Fault> {
    let mut projects = world.projects.iter();
    let found = projects.find(|project| world.project_id(project.place) == id);
    found
        .map(|project| project.place)
        .ok_or_else(|| Fault::missing("Project not found."))
}

/// Copies the members that a client may set; only the end of the secret is ever shown.
fn copy(body: &Map<String, Value>, shown: &mut Value) -> Result<(), Fault> {
    for (name, value) in body {
        let fits = match name.as_str() {
            "name" | "url" | "signing-secret" => value.is_string(),
            "verify-tls" => value.is_boolean(),
            "events" => are_events(value),
            "scope" => continue,
            _ => return Err(Fault::bad(format!("{name}: is not a member of a webhook"))),
        };
        if !fits {
            return Err(Fault::bad(format!("{name}: has the wrong type")));
        }
        shown[name] = match name.as_str() {
            "signing-secret" => json!(hidden(value.as_str().unwrap_or_default())),
            _ => value.clone(),
        };
    }
    Ok(())
}

fn are_events(value: &Value) -> bool {
    let known =
        |event: &Value| matches!(event.as_str(), Some("workflow-completed" | "job-completed"));
    value
        .as_array()
        .is_some_and(|events| events.iter().all(known))
}

fn hidden(secret: &str) -> String {
    let length = secret.chars().count();
    let tail: String = secret
        .chars()
        .skip(length.saturating_sub(4.min(length / 2)))
        .collect();
    format!("****{tail}")
}

fn missing() -> Fault {
    Fault::missing("Webhook not found.")
}
