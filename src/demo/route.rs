//! Maps paths and methods to operations.
//!
//! `respond` is a pure function of the world and the call: no socket, no clock but the world's, so
//! every route can be tested without a server.

use hyper::StatusCode;

use crate::demo::api::{Route, V1, V2};
use crate::demo::gate;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::path;
use crate::demo::world::World;

/// The prefixes of the APIs and their routes. The first route that matches is taken.
const APIS: [([&str; 2], &[&[Route]]); 2] = [(["api", "v2"], V2), (["api", "v1.1"], V1)];

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
    let segments = path::segments(&call.path).ok_or_else(not_found)?;
    let method = match call.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    if let Some((route, values)) = find(method, &segments) {
        return (route.run)(world, call, &values);
    }
    let allowed: Vec<&str> = METHODS
        .into_iter()
        .filter(|method| find(method, &segments).is_some())
        .collect();
    if allowed.is_empty() {
        return Err(not_found());
    }
    let mut answer = Answer::message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    answer.headers.push(("allow", allowed.join(", ")));
    Ok(answer)
}

/// Returns the route for a method and a path, with the values in the path.
fn find(method: &str, segments: &[String]) -> Option<(&'static Route, Vec<String>)> {
    let (prefix, routes) = APIS
        .iter()
        .find(|(prefix, _)| segments.starts_with(&prefix.map(str::to_owned)))?;
    let segments = &segments[prefix.len()..];
    let mut routes = routes.iter().copied().flatten();
    routes.find_map(|route| {
        let values = (route.method == method).then(|| path::matched(route.pattern, segments))??;
        Some((route, values))
    })
}
