//! Schedules.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::demo::api::{Route, project, required};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::ProjectThing;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/project/{project-slug}/schedule", |w, c, p| {
        list(w, c, &p[0])
    }),
    Route::post("/project/{project-slug}/schedule", |w, c, p| {
        create(w, c, &p[0])
    }),
    Route::get("/schedule/{schedule-id}", |w, _, p| get(w, &p[0])),
    Route::patch("/schedule/{schedule-id}", |w, c, p| update(w, c, &p[0])),
    Route::delete("/schedule/{schedule-id}", |w, _, p| delete(w, &p[0])),
];

/// `GET /project/{slug}/schedule`.
pub fn list(world: &World, call: &Call, slug: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let things = world.desk.schedules.iter();
    let own: Vec<&ProjectThing> = things.filter(|thing| thing.project == place).collect();
    let size = world.options.page_size;
    page::slice(world.options.seed, call, size, &own, |thing| {
        thing.shown.clone()
    })
}

/// `POST /project/{slug}/schedule`.
pub fn create(world: &mut World, call: &Call, slug: &str) -> Outcome {
    let (place, slug) = {
        let project = project(world, slug)?;
        (project.place, project.slug)
    };
    let body = call.object()?;
    required(&body, "name")?;
    required(&body, "attribution-actor")?;
    for name in ["timetable", "parameters"] {
        if !body.get(name).is_some_and(Value::is_object) {
            return Err(Fault::bad(format!("{name}: must be an object")));
        }
    }
    let created_at = precise(world.moment_of_writing());
    let mut shown = json!({
        "id": world.desk.new_id(),
        "name": null,
        "description": null,
        "project-slug": slug,
        "timetable": null,
        "parameters": null,
        "actor": world.desk.me(),
        "created-at": created_at,
        "updated-at": created_at,
    });
    copy(&body, &mut shown)?;
    world.desk.schedules.push(ProjectThing {
        project: place,
        shown: shown.clone(),
    });
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// `GET /schedule/{id}`.
pub fn get(world: &World, id: &str) -> Outcome {
    let found = world
        .desk
        .schedules
        .iter()
        .find(|thing| thing.shown["id"] == id);
    found
        .map(|thing| Answer::ok(thing.shown.clone()))
        .ok_or_else(missing)
}

/// `PATCH /schedule/{id}`.
pub fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    let body = call.object()?;
    let now = world.moment_of_writing();
    let mut things = world.desk.schedules.iter_mut();
    let thing = things
        .find(|thing| thing.shown["id"] == id)
        .ok_or_else(missing)?;
    let mut shown = thing.shown.clone();
    copy(&body, &mut shown)?;
    shown["updated-at"] = json!(precise(now));
    thing.shown = shown.clone();
    Ok(Answer::ok(shown))
}

/// `DELETE /schedule/{id}`.
pub fn delete(world: &mut World, id: &str) -> Outcome {
    get(world, id)?;
    world.desk.schedules.retain(|thing| thing.shown["id"] != id);
    Ok(Answer::message(StatusCode::OK, "Schedule deleted."))
}

/// Copies the members that a client may set.
fn copy(body: &Map<String, Value>, shown: &mut Value) -> Result<(), Fault> {
    for (name, value) in body {
        let fits = match name.as_str() {
            "name" => value.is_string(),
            "description" => value.is_string() || value.is_null(),
            "timetable" | "parameters" => value.is_object(),
            "attribution-actor" => {
                if !matches!(value.as_str(), Some("current" | "system")) {
                    return Err(Fault::bad("attribution-actor: must be current or system"));
                }
                continue;
            }
            _ => return Err(Fault::bad(format!("{name}: is not a member of a schedule"))),
        };
        if !fits {
            return Err(Fault::bad(format!("{name}: has the wrong type")));
        }
        shown[name] = value.clone();
    }
    Ok(())
}

fn missing() -> Fault {
    Fault::missing("Schedule not found.")
}
