//! Maps paths and methods to operations.
//!
//! `respond` is a pure function of the world and the call: no socket, no clock but the world's, so
//! every route can be tested without a server.

use hyper::StatusCode;

use crate::demo::api::{Route, V1, V2, v3};
use crate::demo::gate;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::path;
use crate::demo::world::World;

/// A version of the API.
struct Api {
    prefix: [&'static str; 2],
    /// The first route that matches is taken.
    routes: &'static [&'static [Route]],
    /// Formats an error.
    refuse: fn(Fault) -> Answer,
}

const APIS: [Api; 3] = [
    Api {
        prefix: ["api", "v2"],
        routes: V2,
        refuse: Answer::from,
    },
    Api {
        prefix: ["api", "v1.1"],
        routes: V1,
        refuse: Answer::from,
    },
    Api {
        prefix: ["api", "v3"],
        routes: v3::ROUTES,
        refuse: v3::refuse,
    },
];

/// The methods of all routes; HEAD is treated as GET.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Answers a call.
pub(super) fn respond(world: &mut World, call: &Call) -> Answer {
    let segments = path::segments(&call.path).unwrap_or_default();
    let is_of = |api: &&Api| segments.starts_with(&api.prefix.map(str::to_owned));
    let api = APIS.iter().find(is_of);
    let outcome = gate::authenticate(call.token.as_deref(), world.options.token.as_deref())
        .and_then(|()| {
            let api = api.ok_or_else(not_found)?;
            dispatch(world, call, api, &segments[api.prefix.len()..])
        });
    let refuse = api.map_or(APIS[0].refuse, |api| api.refuse);
    outcome.unwrap_or_else(refuse)
}

fn not_found() -> Fault {
    Fault::missing("Not Found")
}

fn dispatch(world: &mut World, call: &Call, api: &Api, segments: &[String]) -> Outcome {
    let method = match call.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    if let Some((route, values)) = find(api, method, segments) {
        return (route.run)(world, call, &values);
    }
    let allowed: Vec<&str> = METHODS
        .into_iter()
        .filter(|method| find(api, method, segments).is_some())
        .collect();
    if allowed.is_empty() {
        return Err(not_found());
    }
    let mut answer = Answer::message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    answer.headers.push(("allow", allowed.join(", ")));
    Ok(answer)
}

/// Returns the route for a method and a path, with the values in the path.
fn find(api: &Api, method: &str, segments: &[String]) -> Option<(&'static Route, Vec<String>)> {
    let mut routes = api.routes.iter().copied().flatten();
    routes.find_map(|route| {
        let values = (route.method == method).then(|| path::matched(route.pattern, segments))??;
        Some((route, values))
    })
}
