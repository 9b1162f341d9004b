//! Policies of configurations with their decisions, and claims of OIDC tokens.
//!
//! Errors of these routes have `error` instead of `message`.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::demo::api::{Route, organization, project_with_id};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::World;
use crate::demo::world::calendar::{precise, read};
use crate::demo::world::id::Kind;
use crate::demo::world::names::ME;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/owner/{ownerID}/context/{context}/decision", |w, c, p| {
        errors(owner(w, p).and_then(|org| decisions(w, c, &org)))
    }),
    Route::post("/owner/{ownerID}/context/{context}/decision", |w, c, p| {
        errors(owner(w, p).and_then(|_| decide(c)))
    }),
    Route::get(
        "/owner/{ownerID}/context/{context}/decision/settings",
        |w, _, p| {
            errors(owner(w, p).map(|_| Answer::ok(json!({ "enabled": w.desk.has_policies }))))
        },
    ),
    Route::patch(
        "/owner/{ownerID}/context/{context}/decision/settings",
        |w, c, p| errors(owner(w, p).and_then(|_| settings(w, c))),
    ),
    Route::get(
        "/owner/{ownerID}/context/{context}/decision/{decisionID}",
        |w, _, p| errors(owner(w, p).and_then(|org| Ok(Answer::ok(decision(w, &org, &p[2])?)))),
    ),
    Route::get(
        "/owner/{ownerID}/context/{context}/decision/{decisionID}/policy-bundle",
        |w, _, p| {
            errors(owner(w, p).and_then(|org| {
                decision(w, &org, &p[2])?;
                Ok(Answer::ok(Value::Object(w.desk.policies.clone())))
            }))
        },
    ),
    Route::get(
        "/owner/{ownerID}/context/{context}/policy-bundle",
        |w, _, p| errors(owner(w, p).map(|_| Answer::ok(Value::Object(w.desk.policies.clone())))),
    ),
    Route::post(
        "/owner/{ownerID}/context/{context}/policy-bundle",
        |w, c, p| errors(owner(w, p).and_then(|_| replace(w, c))),
    ),
    Route::get(
        "/owner/{ownerID}/context/{context}/policy-bundle/{policyName}",
        |w, _, p| {
            errors(owner(w, p).and_then(|_| {
                let found = w.desk.policies.get(&p[2]).cloned();
                found
                    .map(Answer::ok)
                    .ok_or_else(|| Fault::missing("policy not found"))
            }))
        },
    ),
    Route::get("/org/{orgID}/oidc-custom-claims", |w, _, p| {
        errors(claims(w, p))
    }),
    Route::patch("/org/{orgID}/oidc-custom-claims", |w, c, p| {
        errors(set_claims(w, c, p))
    }),
    Route::delete("/org/{orgID}/oidc-custom-claims", |w, c, p| {
        errors(delete_claims(w, c, p))
    }),
    Route::get(
        "/org/{orgID}/project/{projectID}/oidc-custom-claims",
        |w, _, p| errors(claims(w, p)),
    ),
    Route::patch(
        "/org/{orgID}/project/{projectID}/oidc-custom-claims",
        |w, c, p| errors(set_claims(w, c, p)),
    ),
    Route::delete(
        "/org/{orgID}/project/{projectID}/oidc-custom-claims",
        |w, c, p| errors(delete_claims(w, c, p)),
    ),
];

/// The number of decisions in a response.
const MOST: usize = 20;

fn errors(outcome: Outcome) -> Outcome {
    outcome.or_else(|fault| {
        let message = Value::from(fault.message);
        Ok(Answer::with(fault.status, json!({ "error": message })))
    })
}

/// Returns the slug of the owner; there is only the context `config`.
fn owner(world: &World, values: &[String]) -> Result<String, Fault> {
    if values[1] != "config" {
        return Err(Fault::missing("context not found"));
    }
    organization(world, &values[0])
}

/// Returns the decisions about the newest pipelines of an organization.
fn logs(world: &World, org_slug: &str) -> Vec<Value> {
    let projects = world.organization(org_slug);
    let projects = projects.into_iter().flat_map(|project| {
        let newest = (project.oldest..=project.last()).rev().take(MOST);
        newest.filter_map(|number| world.pipeline(project, number))
    });
    let log = |pipeline: crate::demo::world::pipeline::Pipeline| {
        let project = &world.projects[usize::from(pipeline.project)];
        let number = usize::from(pipeline.project) << 20 | pipeline.number as usize;
        let input = if pipeline.number.is_multiple_of(7) {
            "image: node:latest"
        } else {
            ""
        };
        json!({
            "id": world.numbered_id(Kind::Decision, number),
            "created_at": precise(pipeline.created_at),
            "decision": verdict(input),
            "metadata": {
                "build_number": pipeline.number,
                "project_id": world.project_id(pipeline.project),
                "ssh_rerun": false,
                "vcs": {
                    "branch": pipeline.branch.as_deref().unwrap_or_default(),
                    "release_tag": pipeline.tag.as_deref().unwrap_or_default(),
                    "origin_repository_url": project.url(),
                    "target_repository_url": project.url(),
                },
            },
            "policies": { "docker-tags.rego": "9f1c" },
            "time_taken_ms": 2,
        })
    };
    projects.map(log).collect()
}

fn decisions(world: &World, call: &Call, org_slug: &str) -> Outcome {
    let mut logs = logs(world, org_slug);
    let time = |name: &str| match call.param(name) {
        None => Ok(None),
        Some(text) => {
            let time = read(text).ok_or_else(|| Fault::bad(format!("{name}: is not a time")))?;
            Ok(Some(time))
        }
    };
    let (after, before) = (time("after")?, time("before")?);
    logs.retain(|log| {
        let is = |name: &str, value: &Value| call.param(name).is_none_or(|wanted| *value == wanted);
        let created_at = log["created_at"].as_str().and_then(read).unwrap_or(0);
        is("status", &log["decision"]["status"])
            && is("branch", &log["metadata"]["vcs"]["branch"])
            && is("project_id", &log["metadata"]["project_id"])
            && after.is_none_or(|after| created_at > after)
            && before.is_none_or(|before| created_at < before)
    });
    let offset = call.param("offset").unwrap_or("0").parse();
    let offset = offset.map_err(|_| Fault::bad("offset: must be an integer"))?;
    Ok(Answer::ok(
        logs.into_iter().skip(offset).take(MOST).collect(),
    ))
}

fn decision(world: &World, org_slug: &str, id: &str) -> Result<Value, Fault> {
    let mut logs = logs(world, org_slug).into_iter();
    logs.find(|log| log["id"] == id)
        .ok_or_else(|| Fault::missing("decision not found"))
}

/// Decides on a configuration by the only rule: no image may have the tag `latest`.
fn verdict(input: &str) -> Value {
    if input.contains(":latest") {
        let reason = "use a version instead of the tag latest";
        return json!({
            "status": "HARD_FAIL",
            "enabled_rules": ["no_latest_tag"],
            "hard_failures": [{ "rule": "no_latest_tag", "reason": reason }],
        });
    }
    json!({ "status": "PASS", "enabled_rules": ["no_latest_tag"] })
}

fn decide(call: &Call) -> Outcome {
    let body = call.object()?;
    match body.get("input") {
        Some(Value::String(input)) => Ok(Answer::ok(verdict(input))),
        _ => Err(Fault::bad("input: is required")),
    }
}

fn settings(world: &mut World, call: &Call) -> Outcome {
    match call.object()?.get("enabled") {
        Some(Value::Bool(enabled)) => world.desk.has_policies = *enabled,
        _ => return Err(Fault::bad("enabled: must be a boolean")),
    }
    Ok(Answer::ok(json!({ "enabled": world.desk.has_policies })))
}

/// Replaces all policies, unless `dry` is set.
fn replace(world: &mut World, call: &Call) -> Outcome {
    let body = call.object()?;
    let Some(Value::Object(wanted)) = body.get("policies") else {
        return Err(Fault::bad("policies: must be an object"));
    };
    let known = &world.desk.policies;
    let (modified, created): (Vec<&String>, Vec<&String>) =
        wanted.keys().partition(|name| known.contains_key(*name));
    let deleted: Vec<&String> = known
        .keys()
        .filter(|name| !wanted.contains_key(*name))
        .collect();
    let shown = json!({ "created": created, "modified": modified, "deleted": deleted });
    if call.flag("dry") {
        return Ok(Answer::ok(shown));
    }
    let now = precise(world.moment_of_writing());
    let author = world.user_id(ME);
    let document = |(name, content): (&String, &Value)| {
        let document =
            json!({ "name": name, "content": content, "created_at": now, "created_by": author });
        (name.clone(), document)
    };
    let policies: Map<String, Value> = wanted.iter().map(document).collect();
    world.desk.policies = policies;
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// Returns the claims of an organization, or with a second value of a project.
fn claims(world: &World, values: &[String]) -> Outcome {
    organization(world, &values[0])?;
    let mut shown = json!({ "org_id": values[0] });
    if let Some(id) = values.get(1) {
        project_with_id(world, id)?;
        shown["project_id"] = json!(id);
    }
    for (name, value) in world
        .desk
        .claims
        .get(&values.join("/"))
        .into_iter()
        .flatten()
    {
        shown[name] = value.clone();
    }
    Ok(Answer::ok(shown))
}

fn set_claims(world: &mut World, call: &Call, values: &[String]) -> Outcome {
    claims(world, values)?;
    let body = call.object()?;
    let now = precise(world.moment_of_writing());
    let claims_of = world.desk.claims.entry(values.join("/")).or_default();
    for (name, value) in &body {
        let fits = match name.as_str() {
            "audience" => value.is_array(),
            "ttl" => value.is_string(),
            _ => false,
        };
        if !fits {
            return Err(Fault::bad(format!("{name}: is not a claim")));
        }
        claims_of.insert(name.clone(), value.clone());
        claims_of.insert(format!("{name}_updated_at"), json!(now));
    }
    claims(world, values)
}

fn delete_claims(world: &mut World, call: &Call, values: &[String]) -> Outcome {
    claims(world, values)?;
    let names = call.list("claims");
    if names.is_empty() {
        return Err(Fault::bad("claims: is required"));
    }
    let claims_of = world.desk.claims.entry(values.join("/")).or_default();
    for name in names {
        claims_of.remove(name);
        claims_of.remove(&format!("{name}_updated_at"));
    }
    claims(world, values)
}
