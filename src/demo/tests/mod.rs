//! Tests the demo through the router, and over a socket.

mod consistency;
mod desk;
mod insights;
mod odd;
mod reading;
mod shapes;
mod socket;
mod storage;
mod story;
mod tour;
mod v3;
mod writing;

use hyper::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::demo::message::{Answer, Call};
use crate::demo::world::{World, calendar};
use crate::demo::{Options, route};

fn world() -> World {
    World::new(Options::default())
}

/// A response with a JSON body.
struct Reply {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

/// Sends a request. A successful response must have the shape in the API's description.
fn send(world: &mut World, method: &str, target: &str, body: &Value) -> Reply {
    let answer = answer(world, method, &format!("/api/v2{target}"), body);
    let body = answer.json().clone();
    if answer.status.is_success() {
        shapes::check(method, target, answer.status, &body);
    }
    Reply {
        status: answer.status,
        headers: answer.headers,
        body,
    }
}

fn answer(world: &mut World, method: &str, target: &str, body: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("circle-token", "demo-token".parse().unwrap());
    let method: Method = method.parse().unwrap();
    let body = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let call = Call::new(method, target, &headers, body);
    route::respond(world, &call)
}

/// Sends a GET that must succeed.
fn get(world: &mut World, target: &str) -> Value {
    let answer = send(world, "GET", target, &Value::Null);
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    answer.body
}

/// Returns a request's status and message.
fn refusal(world: &mut World, method: &str, target: &str, body: &Value) -> (u16, String) {
    let answer = send(world, method, target, body);
    let message = answer.body["message"].as_str().unwrap_or_default();
    (answer.status.as_u16(), message.to_owned())
}

fn post(world: &mut World, target: &str, body: &Value, status: u16) -> Value {
    let answer = send(world, "POST", target, body);
    assert_eq!(answer.status, status, "{target}: {}", answer.body);
    answer.body
}

/// Returns all items of a listing, page by page.
fn all(world: &mut World, target: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut page = get(world, target);
    loop {
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(token) = page["next_page_token"].as_str() else {
            return items;
        };
        let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let join = if target.contains('?') { '&' } else { '?' };
        page = get(world, &format!("{target}{join}page-token={token}"));
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Returns the newest workflow of `gh/acme/web` with a status.
fn workflow_in(world: &mut World, status: &str) -> Value {
    for pipeline in all(world, "/project/gh/acme/web/pipeline") {
        let target = format!("/pipeline/{}/workflow", text(&pipeline, "id"));
        let workflows = all(world, &target);
        if let Some(found) = workflows
            .iter()
            .find(|workflow| workflow["status"] == status)
        {
            return found.clone();
        }
    }
    panic!("no workflow is {status}")
}

fn jobs_of(world: &mut World, workflow: &Value) -> Vec<Value> {
    all(world, &format!("/workflow/{}/job", text(workflow, "id")))
}

fn time(value: &Value, name: &str) -> Option<i64> {
    value[name]
        .as_str()
        .map(|text| calendar::read(text).unwrap())
}
