//! Users and organizations.

use serde_json::{Value, json};

use crate::demo::api::Route;
use crate::demo::api::pipelines::avatar;
use crate::demo::message::{Answer, Fault, Outcome};
use crate::demo::options::{APP_ORG_SLUG, ORG_SLUG};
use crate::demo::world::World;
use crate::demo::world::names::{ME, PEOPLE};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/me", |w, _, _| Ok(me(w))),
    Route::get("/me/collaborations", |w, _, _| Ok(collaborations(w))),
    Route::get("/user/{id}", |w, _, p| user(w, &p[0])),
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
    let found = world.projects.iter().find(|project| {
        project.org_slug == slug_or_id || world.organization_id(project.org_slug) == slug_or_id
    });
    let project = found.ok_or_else(|| Fault::missing("Organization not found."))?;
    Ok(Answer::ok(json!({
        "id": world.organization_id(project.org_slug),
        "name": project.org_name,
        "slug": project.org_slug,
        "vcs_type": if project.is_app() { "circleci" } else { "github" },
    })))
}
