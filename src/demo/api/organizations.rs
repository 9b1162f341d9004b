//! Users and organizations.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::pipelines::avatar;
use crate::demo::api::{Route, organization, projects, required};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::options::{APP_ORG_SLUG, ORG_SLUG};
use crate::demo::world::World;
use crate::demo::world::names::{ME, PEOPLE};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/me", |w, _, _| Ok(me(w))),
    Route::get("/me/collaborations", |w, _, _| Ok(collaborations(w))),
    Route::get("/user/{id}", |w, _, p| user(w, &p[0])),
    Route::post("/organization", |w, c, _| create(w, c)),
    Route::delete("/organization/{org-slug-or-id}", |w, _, p| {
        organization(w, &p[0])?;
        Err(forbidden())
    }),
    Route::post("/organization/{org-slug-or-id}/project", |w, c, p| {
        create_project(w, c, &p[0])
    }),
    Route::get("/organization/{org-slug-or-id}", |w, _, p| get(w, &p[0])),
];

/// `GET /me`.
pub fn me(world: &World) -> Answer {
    Answer::ok(person(world, ME))
}

/// `GET /user/{id}`.
pub fn user(world: &World, id: &str) -> Outcome {
    let place = (0..PEOPLE.len()).find(|place| world.user_id(*place) == id);
    let place = place.ok_or_else(|| Fault::missing("User not found."))?;
    Ok(Answer::ok(person(world, place)))
}

/// Returns a person in the API's format.
pub fn person(world: &World, place: usize) -> Value {
    let (login, name) = PEOPLE[place];
    json!({
        "id": world.user_id(place),
        "login": login,
        "name": name,
        "avatar_url": avatar(place),
    })
}

/// `GET /me/collaborations`: a bare array, in which one id is null.
pub fn collaborations(world: &World) -> Answer {
    Answer::ok(json!([
        {
            "id": world.organization_id(ORG_SLUG),
            "vcs_type": "github",
            "name": "acme",
            "avatar_url": "https://avatars.example.invalid/o/acme",
            "slug": ORG_SLUG,
        },
        {
            "id": null,
            "vcs_type": "github",
            "name": "mika",
            "avatar_url": "https://avatars.example.invalid/u/1000",
            "slug": "gh/mika",
        },
        {
            "id": world.organization_id(APP_ORG_SLUG),
            "vcs_type": "circleci",
            "name": "acme-labs",
            "avatar_url": "https://avatars.example.invalid/o/acme-labs",
            "slug": APP_ORG_SLUG,
        },
    ]))
}

/// `GET /organization/{slug-or-id}`.
pub fn get(world: &World, slug_or_id: &str) -> Outcome {
    let slug = organization(world, slug_or_id)?;
    let project = world.organization(&slug)[0];
    Ok(Answer::ok(json!({
        "id": world.organization_id(&slug),
        "name": project.org_name,
        "slug": slug,
        "vcs_type": if project.is_app() { "circleci" } else { "github" },
    })))
}

/// `POST /organization`: the new organization is only shown.
fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.object()?;
    let (name, kind) = (required(&body, "name")?, required(&body, "vcs_type")?);
    let id = world.desk.new_id();
    let slug = match kind {
        "github" => format!("gh/{name}"),
        "bitbucket" => format!("bb/{name}"),
        "circleci" => format!("circleci/{id}"),
        _ => {
            return Err(Fault::bad(
                "vcs_type: must be github, bitbucket or circleci",
            ));
        }
    };
    let shown = json!({ "id": id, "name": name, "slug": slug, "vcs_type": kind });
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// `POST /organization/{slug-or-id}/project`: the new project is only shown.
fn create_project(world: &mut World, call: &Call, slug_or_id: &str) -> Outcome {
    let org_slug = organization(world, slug_or_id)?;
    let body = call.object()?;
    let name = required(&body, "name")?;
    let id = world.desk.new_id();
    let like = world.organization(&org_slug)[0];
    let mut shown = projects::show(world, like);
    let last = if like.is_app() { &id } else { name };
    shown["slug"] = json!(format!("{org_slug}/{last}"));
    shown["name"] = json!(name);
    shown["id"] = json!(id);
    Ok(Answer::ok(shown))
}

/// Returns the response for what only an administrator may do.
pub fn forbidden() -> Fault {
    Fault::with(StatusCode::FORBIDDEN, "Permission denied.")
}
