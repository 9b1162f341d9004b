//! Projects, their settings, variables and checkout keys.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::{Route, organizations, project, required};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page;
use crate::demo::world::World;
use crate::demo::world::calendar::plain;
use crate::demo::world::desk::ProjectThing;
use crate::demo::world::project::Project;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::delete("/project/{project-slug}", |w, _, p| {
        project(w, &p[0])?;
        Err(organizations::forbidden())
    }),
    Route::post("/project/{provider}/{organization}/{project}", |w, _, p| {
        let place = project(w, &p[0])?.place;
        let shown = json!({ "advanced": advanced(w, place) });
        Ok(Answer::with(StatusCode::CREATED, shown))
    }),
    Route::get("/project/{project-slug}", |w, _, p| get(w, &p[0])),
    Route::get(
        "/project/{provider}/{organization}/{project}/settings",
        |w, _, p| settings(w, &p[0]),
    ),
    Route::patch(
        "/project/{provider}/{organization}/{project}/settings",
        |w, c, p| change_settings(w, c, &p[0]),
    ),
    Route::get("/project/{project-slug}/envvar", |w, _, p| {
        list_variables(w, &p[0])
    }),
    Route::post("/project/{project-slug}/envvar", |w, c, p| {
        set_variable(w, c, &p[0])
    }),
    Route::get("/project/{project-slug}/envvar/{name}", |w, _, p| {
        get_variable(w, &p[0], &p[1])
    }),
    Route::delete("/project/{project-slug}/envvar/{name}", |w, _, p| {
        delete_variable(w, &p[0], &p[1])
    }),
    Route::get("/project/{project-slug}/checkout-key", |w, _, p| {
        list_keys(w, &p[0])
    }),
    Route::post("/project/{project-slug}/checkout-key", |w, c, p| {
        create_key(w, c, &p[0])
    }),
    Route::get(
        "/project/{project-slug}/checkout-key/{fingerprint}",
        |w, _, p| get_key(w, &p[0], &p[1]),
    ),
    Route::delete(
        "/project/{project-slug}/checkout-key/{fingerprint}",
        |w, _, p| delete_key(w, &p[0], &p[1]),
    ),
];

/// `GET /project/{slug}`.
pub fn get(world: &World, slug: &str) -> Outcome {
    Ok(Answer::ok(show(world, project(world, slug)?)))
}

/// Returns a project in the API's format.
pub fn show(world: &World, project: &Project) -> Value {
    let (vcs_url, provider) = match project.slug.split_once('/') {
        Some(("circleci", ids)) => (format!("//circleci.com/{ids}"), "CircleCI"),
        _ => (project.url(), "GitHub"),
    };
    json!({
        "slug": project.slug,
        "name": project.name,
        "id": world.project_id(project.place),
        "organization_name": project.org_name,
        "organization_slug": project.org_slug,
        "organization_id": world.organization_id(project.org_slug),
        "vcs_info": {
            "vcs_url": vcs_url,
            "provider": provider,
            "default_branch": "main",
        },
    })
}

/// `GET /project/{provider}/{organization}/{project}/settings`.
pub fn settings(world: &World, slug: &str) -> Outcome {
    let place = project(world, slug)?.place;
    Ok(Answer::ok(json!({ "advanced": advanced(world, place) })))
}

fn advanced(world: &World, place: u8) -> Value {
    let changed = world
        .desk
        .settings
        .iter()
        .find(|thing| thing.project == place);
    let default = || {
        json!({
            "autocancel_builds": true,
            "build_fork_prs": false,
            "build_prs_only": false,
            "disable_ssh": false,
            "forks_receive_secret_env_vars": false,
            "oss": false,
            "set_github_status": true,
            "setup_workflows": place == 1,
            "write_settings_requires_admin": false,
            "pr_only_branch_overrides": ["main"],
        })
    };
    changed.map_or_else(default, |thing| thing.shown.clone())
}

/// `PATCH /project/{provider}/{organization}/{project}/settings`.
pub fn change_settings(world: &mut World, call: &Call, slug: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let body = call.object()?;
    let Some(Value::Object(wanted)) = body.get("advanced") else {
        return Err(Fault::bad("advanced: must be an object"));
    };
    let mut shown = advanced(world, place);
    for (name, value) in wanted {
        let is_same_type = match shown.get(name) {
            None => return Err(Fault::bad(format!("advanced.{name}: is not a setting"))),
            Some(known) => known.is_boolean() == value.is_boolean(),
        };
        if name == "oss" || !is_same_type {
            return Err(Fault::bad(format!(
                "advanced.{name}: cannot be set to this"
            )));
        }
        shown[name] = value.clone();
    }
    world.desk.settings.retain(|thing| thing.project != place);
    world.desk.settings.push(ProjectThing {
        project: place,
        shown: shown.clone(),
    });
    Ok(Answer::ok(json!({ "advanced": shown })))
}

/// `GET /project/{slug}/envvar`.
pub fn list_variables(world: &World, slug: &str) -> Outcome {
    Ok(page::whole(of(
        &world.desk.variables,
        project(world, slug)?.place,
    )))
}

/// `GET /project/{slug}/envvar/{name}`.
pub fn get_variable(world: &World, slug: &str, name: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let variables = of(&world.desk.variables, place);
    let found = variables.into_iter().find(|shown| shown["name"] == name);
    found.map(Answer::ok).ok_or_else(no_variable)
}

/// `POST /project/{slug}/envvar`: creates or replaces.
pub fn set_variable(world: &mut World, call: &Call, slug: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let body = call.object()?;
    let name = required(&body, "name")?;
    let value = required(&body, "value")?;
    let now = world.moment_of_writing();
    let shown = json!({ "name": name, "value": masked(value), "created_at": plain(now) });
    let is_it = |thing: &ProjectThing| thing.project == place && thing.shown["name"] == name;
    world.desk.variables.retain(|thing| !is_it(thing));
    world.desk.variables.push(ProjectThing {
        project: place,
        shown: shown.clone(),
    });
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// Masks a value: four letters x and up to the last four characters.
fn masked(value: &str) -> String {
    let length = value.chars().count();
    let tail: String = value
        .chars()
        .skip(length.saturating_sub(4.min(length / 2)))
        .collect();
    format!("xxxx{tail}")
}

/// `DELETE /project/{slug}/envvar/{name}`.
pub fn delete_variable(world: &mut World, slug: &str, name: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let is_it = |thing: &ProjectThing| thing.project == place && thing.shown["name"] == name;
    if !world.desk.variables.iter().any(is_it) {
        return Err(no_variable());
    }
    world.desk.variables.retain(|thing| !is_it(thing));
    Ok(Answer::message(
        StatusCode::OK,
        "Environment variable deleted.",
    ))
}

fn no_variable() -> Fault {
    Fault::missing("Environment variable not found.")
}

/// `GET /project/{slug}/checkout-key`.
pub fn list_keys(world: &World, slug: &str) -> Outcome {
    Ok(page::whole(of(
        &world.desk.keys,
        project(world, slug)?.place,
    )))
}

/// `GET /project/{slug}/checkout-key/{fingerprint}`.
pub fn get_key(world: &World, slug: &str, fingerprint: &str) -> Outcome {
    let keys = of(&world.desk.keys, project(world, slug)?.place);
    let found = keys
        .into_iter()
        .find(|shown| shown["fingerprint"] == fingerprint);
    found.map(Answer::ok).ok_or_else(no_key)
}

/// `POST /project/{slug}/checkout-key`.
pub fn create_key(world: &mut World, call: &Call, slug: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let kind = match required(&call.object()?, "type")? {
        "deploy-key" => "deploy-key",
        "user-key" => "github-user-key",
        _ => return Err(Fault::bad("type: must be user-key or deploy-key")),
    };
    let now = world.moment_of_writing();
    let shown = world.desk.checkout_key(kind, now);
    world.desk.keys.push(ProjectThing {
        project: place,
        shown: shown.clone(),
    });
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// `DELETE /project/{slug}/checkout-key/{fingerprint}`.
pub fn delete_key(world: &mut World, slug: &str, fingerprint: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let is_it =
        |thing: &ProjectThing| thing.project == place && thing.shown["fingerprint"] == fingerprint;
    if !world.desk.keys.iter().any(is_it) {
        return Err(no_key());
    }
    world.desk.keys.retain(|thing| !is_it(thing));
    Ok(Answer::message(StatusCode::OK, "Checkout key deleted."))
}

fn no_key() -> Fault {
    Fault::missing("Checkout key not found.")
}

fn of(things: &[ProjectThing], project: u8) -> Vec<Value> {
    let own = things.iter().filter(|thing| thing.project == project);
    own.map(|thing| thing.shown.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_masked() {
        assert_eq!(masked("secret1234"), "xxxx1234");
        assert_eq!(masked("ab"), "xxxxb");
        assert_eq!(masked(""), "xxxx");
    }
}
