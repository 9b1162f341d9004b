//! Contexts, their variables and their restrictions.
//!
//! A context that does not exist is a 403, as in the real service, contrary to its specification.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::demo::api::{Route, required, text};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::options::{APP_ORG_SLUG, ORG_SLUG};
use crate::demo::page;
use crate::demo::path::short_provider;
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::{Context, Variable};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/context", |w, c, _| list(w, c)),
    Route::post("/context", |w, c, _| create(w, c)),
    Route::get("/context/{context_id}", |w, _, p| get(w, &p[0])),
    Route::delete("/context/{context_id}", |w, _, p| delete(w, &p[0])),
    Route::get("/context/{context_id}/environment-variable", |w, c, p| {
        list_variables(w, c, &p[0])
    }),
    Route::put(
        "/context/{context_id}/environment-variable/{env_var_name}",
        |w, c, p| put_variable(w, c, &p[0], &p[1]),
    ),
    Route::delete(
        "/context/{context_id}/environment-variable/{env_var_name}",
        |w, _, p| delete_variable(w, &p[0], &p[1]),
    ),
    Route::get("/context/{context_id}/restrictions", |w, _, p| {
        list_restrictions(w, &p[0])
    }),
    Route::post("/context/{context_id}/restrictions", |w, c, p| {
        restrict(w, c, &p[0])
    }),
    Route::delete(
        "/context/{context_id}/restrictions/{restriction_id}",
        |w, _, p| unrestrict(w, &p[0], &p[1]),
    ),
];

/// `GET /context?owner-slug=…` or `?owner-id=…`.
pub fn list(world: &World, call: &Call) -> Outcome {
    let owner = owner(world, call.param("owner-id"), call.param("owner-slug"))?;
    let contexts: Vec<&Context> = world
        .desk
        .contexts
        .iter()
        .filter(|context| owner == context.org_slug && is_named(context, call.param("name")))
        .collect();
    let size = world.options.page_size;
    page::slice(world.options.seed, call, size, &contexts, |context| {
        show(context)
    })
}

fn is_named(context: &Context, name: Option<&str>) -> bool {
    name.is_none_or(|name| context.name == name)
}

/// Returns the slug of the organization that owns the requested contexts.
fn owner(world: &World, id: Option<&str>, slug: Option<&str>) -> Result<String, Fault> {
    let known = |slug: &str| {
        world
            .projects
            .iter()
            .any(|project| project.org_slug == slug)
    };
    let found = match (id, slug) {
        (None, None) => return Err(Fault::bad("owner-id or owner-slug: is required")),
        (Some(id), _) => world
            .projects
            .iter()
            .find(|project| world.organization_id(project.org_slug) == id)
            .map(|project| project.org_slug.to_owned()),
        (None, Some(slug)) => Some(short_provider(slug)).filter(|slug| known(slug)),
    };
    found.ok_or_else(|| Fault::missing("Organization not found."))
}

/// `POST /context`.
pub fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.object()?;
    let name = required(&body, "name")?.to_owned();
    let Some(Value::Object(of)) = body.get("owner") else {
        return Err(Fault::bad("owner: is required"));
    };
    let owner = owner(world, text(of, "id")?, text(of, "slug")?)?;
    let owners = [ORG_SLUG, APP_ORG_SLUG];
    let org_slug = owners.into_iter().find(|slug| *slug == owner);
    let org_slug = org_slug.ok_or_else(forbidden)?;
    let mut contexts = world.desk.contexts.iter();
    if contexts.any(|context| context.org_slug == org_slug && context.name == name) {
        let message = "A context with this name already exists.";
        return Err(Fault::with(StatusCode::CONFLICT, message));
    }
    let created_at = world.moment_of_writing();
    let context = Context {
        id: world.desk.new_id(),
        org_slug,
        name,
        is_forbidden: false,
        created_at,
        variables: Vec::new(),
        restrictions: Vec::new(),
    };
    let shown = show(&context);
    world.desk.contexts.push(context);
    Ok(Answer::ok(shown))
}

/// `GET /context/{id}`.
pub fn get(world: &World, id: &str) -> Outcome {
    Ok(Answer::ok(show(find(world, id)?)))
}

/// `DELETE /context/{id}`.
pub fn delete(world: &mut World, id: &str) -> Outcome {
    find(world, id)?;
    world.desk.contexts.retain(|context| context.id != id);
    Ok(Answer::message(StatusCode::OK, "Context deleted."))
}

/// `GET /context/{id}/environment-variable`.
pub fn list_variables(world: &World, call: &Call, id: &str) -> Outcome {
    let context = readable(world, id)?;
    page::slice(
        world.options.seed,
        call,
        world.options.page_size,
        &context.variables,
        |variable| show_variable(context, variable),
    )
}

/// `PUT /context/{id}/environment-variable/{name}`: creates or replaces.
pub fn put_variable(world: &mut World, call: &Call, id: &str, name: &str) -> Outcome {
    find(world, id)?;
    required(&call.object()?, "value")?;
    let now = world.moment_of_writing();
    let context = find_mut(world, id)?;
    let mut variables = context.variables.iter();
    let place = variables.position(|variable| variable.name == name);
    let place = place.unwrap_or(context.variables.len());
    if place == context.variables.len() {
        context.variables.push(Variable {
            name: name.to_owned(),
            created_at: now,
            updated_at: now,
        });
    }
    context.variables[place].updated_at = now;
    Ok(Answer::ok(show_variable(
        context,
        &context.variables[place],
    )))
}

/// `DELETE /context/{id}/environment-variable/{name}`.
pub fn delete_variable(world: &mut World, id: &str, name: &str) -> Outcome {
    let context = find_mut(world, id)?;
    let before = context.variables.len();
    context.variables.retain(|variable| variable.name != name);
    if context.variables.len() == before {
        return Err(Fault::missing("Environment variable not found."));
    }
    Ok(Answer::message(
        StatusCode::OK,
        "Environment variable deleted.",
    ))
}

/// `GET /context/{id}/restrictions`.
pub fn list_restrictions(world: &World, id: &str) -> Outcome {
    Ok(page::whole(readable(world, id)?.restrictions.clone()))
}

/// `POST /context/{id}/restrictions`.
pub fn restrict(world: &mut World, call: &Call, id: &str) -> Outcome {
    find(world, id)?;
    let body = call.object()?;
    let kind = required(&body, "restriction_type")?;
    let value = required(&body, "restriction_value")?;
    if !matches!(kind, "project" | "expression" | "group") {
        return Err(Fault::bad(
            "restriction_type: must be project, expression or group",
        ));
    }
    let restriction = world.desk.restriction(id, kind, value, None);
    find_mut(world, id)?.restrictions.push(restriction.clone());
    Ok(Answer::with(StatusCode::CREATED, restriction))
}

/// `DELETE /context/{id}/restrictions/{id}`.
pub fn unrestrict(world: &mut World, id: &str, restriction: &str) -> Outcome {
    let context = find_mut(world, id)?;
    let before = context.restrictions.len();
    context
        .restrictions
        .retain(|known| known["id"] != restriction);
    if context.restrictions.len() == before {
        return Err(Fault::missing("Context restriction not found."));
    }
    Ok(Answer::message(
        StatusCode::OK,
        "Context restriction deleted.",
    ))
}

fn find<'w>(world: &'w World, id: &str) -> Result<&'w Context, Fault> {
    let found = world.desk.contexts.iter().find(|context| context.id == id);
    found.ok_or_else(forbidden)
}

/// Returns a context whose content the token may read.
fn readable<'w>(world: &'w World, id: &str) -> Result<&'w Context, Fault> {
    let context = find(world, id)?;
    if context.is_forbidden {
        return Err(forbidden());
    }
    Ok(context)
}

fn find_mut<'w>(world: &'w mut World, id: &str) -> Result<&'w mut Context, Fault> {
    let mut contexts = world.desk.contexts.iter_mut();
    contexts
        .find(|context| context.id == id)
        .ok_or_else(forbidden)
}

fn forbidden() -> Fault {
    Fault::with(StatusCode::FORBIDDEN, "Permission denied.")
}

fn show(context: &Context) -> Value {
    json!({
        "id": context.id,
        "name": context.name,
        "created_at": precise(context.created_at),
    })
}

fn show_variable(context: &Context, variable: &Variable) -> Value {
    json!({
        "variable": variable.name,
        "created_at": precise(variable.created_at),
        "updated_at": precise(variable.updated_at),
        "context_id": context.id,
    })
}
