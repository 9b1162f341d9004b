//! Maps paths and methods to operations.
//!
//! `respond` is a pure function of the world and the call: no socket, no clock but the world's, so
//! every route can be tested without a server.

use hyper::StatusCode;

use crate::demo::api::{
    contexts, insights, jobs, organizations, pipelines, projects, schedules, trigger, webhooks,
    workflows,
};
use crate::demo::gate;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::path::{self, Path};
use crate::demo::world::World;

/// An operation, bound to the values in its path.
type Operation<'p> = Box<dyn FnOnce(&mut World, &Call) -> Outcome + 'p>;

/// The methods of all routes; HEAD is treated as GET.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Answers a call.
pub(super) fn respond(world: &mut World, call: &Call) -> Answer {
    let outcome = gate::authenticate(call.token.as_deref(), world.options.token.as_deref())
        .and_then(|()| dispatch(world, call));
    outcome.unwrap_or_else(Answer::from)
}

fn dispatch(world: &mut World, call: &Call) -> Outcome {
    let not_found = || Fault::missing("Not Found");
    let path = path::parse(&call.path).ok_or_else(not_found)?;
    let method = match call.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    if let Some(operation) = find(method, &path) {
        return operation(world, call);
    }
    let allowed: Vec<&str> = METHODS
        .into_iter()
        .filter(|method| find(method, &path).is_some())
        .collect();
    if allowed.is_empty() {
        return Err(not_found());
    }
    let mut answer = Answer::message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    answer.headers.push(("allow", allowed.join(", ")));
    Ok(answer)
}

fn to<'p>(operation: impl FnOnce(&mut World, &Call) -> Outcome + 'p) -> Operation<'p> {
    Box::new(operation)
}

/// Returns the operation for a method and a path. Routes guarded by `literal` require a project's
/// slug as three segments.
#[expect(clippy::too_many_lines, reason = "a flat table of the routes")]
fn find<'p>(method: &str, path: &'p Path) -> Option<Operation<'p>> {
    let segments: Vec<&'p str> = path.segments.iter().map(String::as_str).collect();
    let literal = path.literal;
    let operation = match (method, segments.as_slice()) {
        ("GET", &["me"]) => to(|w, _| Ok(organizations::me(w))),
        ("GET", &["me", "collaborations"]) => to(|w, _| Ok(organizations::collaborations(w))),
        ("GET", &["user", id]) => to(move |w, _| organizations::user(w, id)),
        ("GET", &["organization", id]) => to(move |w, _| organizations::get(w, id)),

        ("GET", &["project", slug]) => to(move |w, _| projects::get(w, slug)),
        ("GET", &["project", slug, "settings"]) if literal => {
            to(move |w, _| projects::settings(w, slug))
        }
        ("PATCH", &["project", slug, "settings"]) if literal => {
            to(move |w, c| projects::change_settings(w, c, slug))
        }
        ("GET", &["project", slug, "envvar"]) => to(move |w, _| projects::list_variables(w, slug)),
        ("POST", &["project", slug, "envvar"]) => {
            to(move |w, c| projects::set_variable(w, c, slug))
        }
        ("GET", &["project", slug, "envvar", name]) => {
            to(move |w, _| projects::get_variable(w, slug, name))
        }
        ("DELETE", &["project", slug, "envvar", name]) => {
            to(move |w, _| projects::delete_variable(w, slug, name))
        }
        ("GET", &["project", slug, "checkout-key"]) => to(move |w, _| projects::list_keys(w, slug)),
        ("POST", &["project", slug, "checkout-key"]) => {
            to(move |w, c| projects::create_key(w, c, slug))
        }
        ("GET", &["project", slug, "checkout-key", key]) => {
            to(move |w, _| projects::get_key(w, slug, key))
        }
        ("DELETE", &["project", slug, "checkout-key", key]) => {
            to(move |w, _| projects::delete_key(w, slug, key))
        }
        ("GET", &["project", slug, "schedule"]) => to(move |w, c| schedules::list(w, c, slug)),
        ("POST", &["project", slug, "schedule"]) => to(move |w, c| schedules::create(w, c, slug)),
        ("GET", &["schedule", id]) => to(move |w, _| schedules::get(w, id)),
        ("PATCH", &["schedule", id]) => to(move |w, c| schedules::update(w, c, id)),
        ("DELETE", &["schedule", id]) => to(move |w, _| schedules::delete(w, id)),
        ("GET", &["webhook"]) => to(|w, c| webhooks::list(w, c)),
        ("POST", &["webhook"]) => to(webhooks::create),
        ("GET", &["webhook", id]) => to(move |w, _| webhooks::get(w, id)),
        ("PUT", &["webhook", id]) => to(move |w, c| webhooks::update(w, c, id)),
        ("DELETE", &["webhook", id]) => to(move |w, _| webhooks::delete(w, id)),

        ("GET", &["pipeline"]) => to(|w, c| pipelines::of_organization(w, c)),
        ("POST", &["pipeline", "continue"]) => to(|_, c| pipelines::resume(c)),
        ("GET", &["pipeline", id]) => to(move |w, _| pipelines::get(w, id)),
        ("GET", &["pipeline", id, "config"]) => to(move |w, _| pipelines::config(w, id)),
        ("GET", &["pipeline", id, "values"]) => to(move |w, _| pipelines::values(w, id)),
        ("GET", &["pipeline", id, "workflow"]) => {
            to(move |w, c| pipelines::list_workflows(w, c, id))
        }
        ("GET", &["project", slug, "pipeline"]) => to(move |w, c| pipelines::list(w, c, slug)),
        ("POST", &["project", slug, "pipeline"]) => to(move |w, c| trigger::old(w, c, slug)),
        ("POST", &["project", slug, "pipeline", "run"]) if literal => {
            to(move |w, c| trigger::run(w, c, slug))
        }
        ("GET", &["project", slug, "pipeline", "mine"]) => {
            to(move |w, c| pipelines::mine(w, c, slug))
        }
        // There is no such route for encoded slugs, and no pipeline is called `run`.
        ("GET", &["project", slug, "pipeline", number]) if number != "run" => {
            to(move |w, _| pipelines::get_by_number(w, slug, number))
        }
        ("GET", &["projects", id, "pipeline-definitions"]) => {
            to(move |w, _| trigger::definitions(w, id))
        }

        ("GET", &["workflow", id]) => to(move |w, _| workflows::get(w, id)),
        ("GET", &["workflow", id, "job"]) => to(move |w, _| workflows::list_jobs(w, id)),
        ("POST", &["workflow", id, "rerun"]) => to(move |w, c| workflows::rerun(w, c, id)),
        ("POST", &["workflow", id, "cancel"]) => to(move |w, _| workflows::cancel(w, id)),
        ("POST", &["workflow", id, "approve", approval]) => {
            to(move |w, _| workflows::approve(w, id, approval))
        }

        ("POST", &["jobs", id, "cancel"]) => to(move |w, _| jobs::cancel_by_id(w, id)),
        ("GET", &["project", slug, "job", number]) => to(move |w, _| jobs::get(w, slug, number)),
        ("POST", &["project", slug, "job", number, "cancel"]) => {
            to(move |w, _| jobs::cancel(w, slug, number))
        }
        ("GET", &["project", slug, number, "tests"]) => {
            to(move |w, _| jobs::tests(w, slug, number))
        }
        ("GET", &["project", slug, number, "artifacts"]) => {
            to(move |w, _| jobs::artifacts(w, slug, number))
        }

        ("GET", &["context"]) => to(|w, c| contexts::list(w, c)),
        ("POST", &["context"]) => to(contexts::create),
        ("GET", &["context", id]) => to(move |w, _| contexts::get(w, id)),
        ("DELETE", &["context", id]) => to(move |w, _| contexts::delete(w, id)),
        ("GET", &["context", id, "environment-variable"]) => {
            to(move |w, c| contexts::list_variables(w, c, id))
        }
        ("PUT", &["context", id, "environment-variable", name]) => {
            to(move |w, c| contexts::put_variable(w, c, id, name))
        }
        ("DELETE", &["context", id, "environment-variable", name]) => {
            to(move |w, _| contexts::delete_variable(w, id, name))
        }
        ("GET", &["context", id, "restrictions"]) => {
            to(move |w, _| contexts::list_restrictions(w, id))
        }
        ("POST", &["context", id, "restrictions"]) => to(move |w, c| contexts::restrict(w, c, id)),
        ("DELETE", &["context", id, "restrictions", restriction]) => {
            to(move |w, _| contexts::unrestrict(w, id, restriction))
        }

        ("GET", &["insights", slug, "summary"]) => {
            to(move |w, c| insights::organization(w, c, slug))
        }
        ("GET", &["insights", "pages", slug, "summary"]) => {
            to(move |w, c| insights::project_page(w, c, slug))
        }
        ("GET", &["insights", "time-series", slug, "workflows", name, "jobs"]) => {
            to(move |w, c| insights::time_series(w, c, slug, name))
        }
        ("GET", &["insights", slug, "branches"]) => to(move |w, c| insights::branches(w, c, slug)),
        ("GET", &["insights", slug, "flaky-tests"]) => {
            to(move |w, _| insights::flaky_tests(w, slug))
        }
        ("GET", &["insights", slug, "workflows"]) => {
            to(move |w, c| insights::workflows(w, c, slug))
        }
        ("GET", &["insights", slug, "workflows", name]) => {
            to(move |w, c| insights::runs(w, c, slug, name))
        }
        ("GET", &["insights", slug, "workflows", name, "jobs"]) => {
            to(move |w, c| insights::jobs(w, c, slug, name))
        }
        ("GET", &["insights", slug, "workflows", name, "summary"]) => {
            to(move |w, c| insights::workflow_summary(w, c, slug, name))
        }
        ("GET", &["insights", slug, "workflows", name, "test-metrics"]) => {
            to(move |w, c| insights::test_metrics(w, c, slug, name))
        }
        _ => return None,
    };
    Some(operation)
}
