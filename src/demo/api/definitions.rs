//! Pipeline definitions and their triggers.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::collection::{Collection, Field};
use crate::demo::api::{Route, project_with_id};
use crate::demo::message::{Answer, Call, Outcome};
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::Sort;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/projects/{project_id}/pipeline-definitions", |w, _, p| {
        list(w, &p[0])
    }),
    Route::post("/projects/{project_id}/pipeline-definitions", |w, c, p| {
        create(w, c, &p[0])
    }),
    Route::get(
        "/projects/{project_id}/pipeline-definitions/{pipeline_definition_id}",
        |w, _, p| DEFINITIONS.get(w, &p[1]),
    ),
    Route::patch(
        "/projects/{project_id}/pipeline-definitions/{pipeline_definition_id}",
        |w, c, p| DEFINITIONS.update(w, c, &p[1]),
    ),
    Route::delete(
        "/projects/{project_id}/pipeline-definitions/{pipeline_definition_id}",
        |w, _, p| DEFINITIONS.delete(w, &p[1]),
    ),
    Route::get(
        "/projects/{project_id}/pipeline-definitions/{pipeline_definition_id}/triggers",
        |w, _, p| list_triggers(w, &p[1]),
    ),
    Route::post(
        "/projects/{project_id}/pipeline-definitions/{pipeline_definition_id}/triggers",
        |w, c, p| create_trigger(w, c, &p[1]),
    ),
    Route::get("/projects/{project_id}/triggers/{trigger_id}", |w, _, p| {
        TRIGGERS.get(w, &p[1])
    }),
    Route::patch("/projects/{project_id}/triggers/{trigger_id}", |w, c, p| {
        TRIGGERS.update(w, c, &p[1])
    }),
    Route::delete("/projects/{project_id}/triggers/{trigger_id}", |w, _, p| {
        TRIGGERS.delete(w, &p[1])
    }),
];

const DEFINITIONS: Collection = Collection {
    sort: Sort::Definition,
    name: "Pipeline definition",
    missing: StatusCode::BAD_REQUEST,
    fields: &[
        ("name", Field::Text),
        ("config_source", Field::Object),
        ("checkout_source", Field::Object),
        ("description", Field::TextOrNull),
    ],
    required: 3,
};

const TRIGGERS: Collection = Collection {
    sort: Sort::Trigger,
    name: "Trigger",
    missing: StatusCode::NOT_FOUND,
    fields: &[
        ("event_source", Field::Object),
        ("event_name", Field::Text),
        ("event_preset", Field::Text),
        ("checkout_ref", Field::Text),
        ("config_ref", Field::Text),
        ("disabled", Field::Flag),
        ("parameters", Field::Object),
    ],
    required: 1,
};

fn items(items: Vec<Value>) -> Answer {
    let mut shown = json!({ "items": null });
    shown["items"] = Value::Array(items);
    Answer::ok(shown)
}

fn list(world: &World, project_id: &str) -> Outcome {
    project_with_id(world, project_id)?;
    Ok(items(DEFINITIONS.of(world, project_id)))
}

/// Returns true if a project has a definition.
pub fn has(world: &World, project_id: &str, definition: &str) -> bool {
    let definitions = DEFINITIONS.of(world, project_id);
    definitions.iter().any(|known| known["id"] == definition)
}

fn create(world: &mut World, call: &Call, project_id: &str) -> Outcome {
    project_with_id(world, project_id)?;
    let shown = DEFINITIONS.create(world, call, project_id, |world, id| {
        let created_at = precise(world.moment_of_writing());
        json!({ "id": id, "name": null, "description": "", "created_at": created_at })
    })?;
    Ok(Answer::ok(shown))
}

fn list_triggers(world: &World, definition: &str) -> Outcome {
    DEFINITIONS.get(world, definition)?;
    Ok(items(TRIGGERS.of(world, definition)))
}

fn create_trigger(world: &mut World, call: &Call, definition: &str) -> Outcome {
    DEFINITIONS.get(world, definition)?;
    let shown = TRIGGERS.create(world, call, definition, |world, id| {
        let created_at = precise(world.moment_of_writing());
        json!({ "id": id, "created_at": created_at, "disabled": false })
    })?;
    Ok(Answer::ok(shown))
}
