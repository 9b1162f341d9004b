//! Schedules.

use hyper::StatusCode;
use serde_json::json;

use crate::demo::api::collection::{Collection, Field};
use crate::demo::api::{Route, project};
use crate::demo::message::{Answer, Call, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::Sort;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/project/{project-slug}/schedule", |w, c, p| {
        list(w, c, &p[0])
    }),
    Route::post("/project/{project-slug}/schedule", |w, c, p| {
        create(w, c, &p[0])
    }),
    Route::get("/schedule/{schedule-id}", |w, _, p| SCHEDULES.get(w, &p[0])),
    Route::patch("/schedule/{schedule-id}", |w, c, p| {
        SCHEDULES.update(w, c, &p[0])
    }),
    Route::delete("/schedule/{schedule-id}", |w, _, p| {
        SCHEDULES.delete(w, &p[0])
    }),
];

const SCHEDULES: Collection = Collection {
    sort: Sort::Schedule,
    name: "Schedule",
    missing: StatusCode::NOT_FOUND,
    fields: &[
        ("name", Field::Text),
        ("attribution-actor", Field::Hidden(&["current", "system"])),
        ("timetable", Field::Object),
        ("parameters", Field::Object),
        ("description", Field::TextOrNull),
    ],
    required: 4,
};

fn list(world: &World, call: &Call, slug: &str) -> Outcome {
    let own = SCHEDULES.of(world, project(world, slug)?.slug);
    let size = world.options.page_size;
    page::slice(world.options.seed, call, size, &own, Clone::clone)
}

fn create(world: &mut World, call: &Call, slug: &str) -> Outcome {
    let slug = project(world, slug)?.slug;
    let shown = SCHEDULES.create(world, call, slug, |world, id| {
        let created_at = precise(world.moment_of_writing());
        json!({
            "id": id,
            "name": null,
            "description": null,
            "project-slug": slug,
            "timetable": null,
            "parameters": null,
            "actor": world.desk.me(),
            "created-at": created_at,
            "updated-at": created_at,
        })
    })?;
    Ok(Answer::with(StatusCode::CREATED, shown))
}
