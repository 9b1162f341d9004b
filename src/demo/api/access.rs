//! The access of an organization: groups, addresses of orbs, exporters of traces.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::collection::{Collection, Field};
use crate::demo::api::{Route, organization};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::desk::Sort;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/organizations/{org_id}/groups", |w, c, p| {
        list_groups(w, c, &p[0])
    }),
    Route::post("/organizations/{org_id}/groups", |w, c, p| {
        let owner = organization(w, &p[0])?;
        let made = GROUPS.create(w, c, &owner, |_, id| json!({ "id": id, "description": "" }))?;
        Ok(Answer::with(StatusCode::CREATED, made))
    }),
    Route::get("/organizations/{org_id}/groups/{group_id}", |w, _, p| {
        GROUPS.get(w, &p[1])
    }),
    Route::delete("/organizations/{org_id}/groups/{group_id}", |w, _, p| {
        GROUPS.delete(w, &p[1])
    }),
    Route::get(
        "/organization/{org-slug-or-id}/url-orb-allow-list",
        |w, _, p| {
            let mut shown = json!({ "items": null });
            shown["items"] = Value::Array(ORBS.of(w, &organization(w, &p[0])?));
            Ok(Answer::ok(shown))
        },
    ),
    Route::post(
        "/organization/{org-slug-or-id}/url-orb-allow-list",
        |w, c, p| {
            let owner = organization(w, &p[0])?;
            let made = ORBS.create(w, c, &owner, |_, id| json!({ "id": id }))?;
            Ok(Answer::ok(
                json!({ "id": made["id"], "message": "Entry created." }),
            ))
        },
    ),
    Route::delete(
        "/organization/{org-slug-or-id}/url-orb-allow-list/{allow-list-entry-id}",
        |w, _, p| {
            ORBS.delete(w, &p[1])?;
            Ok(Answer::ok(
                json!({ "id": p[1], "message": "Entry deleted." }),
            ))
        },
    ),
    Route::get("/otel/exporters", |w, c, _| {
        let id = c
            .param("org-id")
            .ok_or_else(|| Fault::bad("org-id: is required"))?;
        Ok(Answer::ok(Value::Array(
            EXPORTERS.of(w, &organization(w, id)?),
        )))
    }),
    Route::post("/otel/exporters", |w, c, _| create_exporter(w, c)),
    Route::delete("/otel/exporters/{otel_exporter_id}", |w, _, p| {
        EXPORTERS.delete(w, &p[0])
    }),
];

const GROUPS: Collection = Collection {
    sort: Sort::Group,
    name: "Group",
    missing: StatusCode::FORBIDDEN,
    fields: &[("name", Field::Text), ("description", Field::Text)],
    required: 1,
};

const ORBS: Collection = Collection {
    sort: Sort::AllowedOrb,
    name: "Allow-list entry",
    missing: StatusCode::NOT_FOUND,
    fields: &[
        ("name", Field::Text),
        ("prefix", Field::Text),
        (
            "auth",
            Field::OneOf(&["github-oauth", "none", "bitbucket-oauth", "github-app"]),
        ),
    ],
    required: 3,
};

const EXPORTERS: Collection = Collection {
    sort: Sort::Exporter,
    name: "Exporter",
    missing: StatusCode::NOT_FOUND,
    fields: &[
        ("org_id", Field::Text),
        ("endpoint", Field::Text),
        ("protocol", Field::OneOf(&["grpc", "http"])),
        ("insecure", Field::Flag),
        ("headers", Field::Object),
    ],
    required: 3,
};

fn list_groups(world: &World, call: &Call, org_id: &str) -> Outcome {
    let groups = GROUPS.of(world, &organization(world, org_id)?);
    let size = match call.param("limit") {
        None => world.options.page_size,
        Some(limit) => limit
            .parse()
            .map_err(|_| Fault::bad("limit: must be an integer"))?,
    };
    let mut shown = page::slice(world.options.seed, call, size, &groups, Clone::clone)?.into_json();
    shown["total_count"] = json!(groups.len());
    Ok(Answer::ok(shown))
}

fn create_exporter(world: &mut World, call: &Call) -> Outcome {
    let body = call.object()?;
    let owner = match body.get("org_id") {
        Some(Value::String(id)) => organization(world, id)?,
        _ => return Err(Fault::bad("org_id: is required")),
    };
    let made = EXPORTERS.create(
        world,
        call,
        &owner,
        |_, id| json!({ "id": id, "insecure": false, "headers": {}, "issues": [] }),
    )?;
    Ok(Answer::with(StatusCode::CREATED, made))
}
