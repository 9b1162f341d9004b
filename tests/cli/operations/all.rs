//! All operations of CircleCI's APIs, each asked of a server that knows its document.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::document::{Described, Document, LISTS, UUID, is_route};
use super::shape;
use crate::support::{Answer, Exchange, Outcome, Project, Received, Run, Server};

/// The number of threads.
const WORKERS: usize = 3;

/// Parameters that the document lacks, and the corrections have.
const ADDED: [(&str, &str); 1] = [("listContexts", "name")];

/// `runner show` of an operation.
fn shown(project: &Project, name: &str) -> Value {
    let args = ["show", name, "-o", "json"];
    let outcome = Run::in_(project).args(args).outcome();
    outcome.assert_exit(0).stdout_json()
}

/// The vars of a shown query.
fn vars(shown: &Value) -> &[Value] {
    shown["vars"].as_array().expect("vars")
}

/// `page-size` → `page_size`, `orgID` → `org_id`: the name of a var.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut last = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && (last.is_ascii_lowercase() || last.is_ascii_digit()) {
            snake.push('_');
        }
        last = c;
        snake.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    snake
}

fn is_named(var: &str, name: &str) -> bool {
    // A name that templates reserve has one more `_`.
    var.trim_end_matches('_') == snake(name)
}

/// The same answer on the last page of its listing.
fn last_page(mut answer: Value) -> Value {
    for place in ["/next_page_token", "/page/next"] {
        if let Some(next) = answer.pointer_mut(place) {
            *next = Value::Null;
        }
    }
    answer
}

/// Writes a value as an argument.
fn argument(var: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{var}={text}"),
        Value::Array(_) | Value::Object(_) => format!("{var}:={value}"),
        other => format!("{var}={other}"),
    }
}

/// Runs an operation against a server with one answer.
fn run(
    project: &Project,
    resource: impl Fn(&str) -> String,
    answer: Answer,
    args: &[String],
) -> (Outcome, Vec<Received>) {
    let server = Server::start(vec![Exchange::any().answers(answer).up_to(1)]);
    project.write("resources/circleci.yaml", resource(&server.url()));
    let outcome = Run::in_(project).args(args).outcome();
    (outcome, server.finish())
}

/// Calls `check` with each item, on several threads, and fails with all complaints.
fn for_all<T: Sync>(items: &[T], check: impl Fn(&Project, &T) -> Vec<String> + Sync) {
    let mut complaints = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let check = &check;
                scope.spawn(move || {
                    let project = Project::new().circleci_at("http://127.0.0.1:9", "");
                    let own = items.iter().skip(worker).step_by(WORKERS);
                    own.flat_map(|item| check(&project, item))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for worker in workers {
            complaints.extend(worker.join().expect("a worker"));
        }
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn of_v2(url: &str) -> String {
    format!("type: circleci\nbase_url: {url}/api/v2\n")
}

/// The arguments of an operation of v2: values of the document's own schemas.
fn arguments(
    document: &Document,
    operation: &Described<'_>,
    shown: &Value,
    wants_all: bool,
    complaints: &mut Vec<String>,
) -> Vec<String> {
    let mut arguments = Vec::new();
    let body = document.body(operation);
    let mut known = Vec::new();
    for parameter in &operation.parameters {
        let name = parameter["name"].as_str().expect("a name");
        let is_required = parameter["required"] == true;
        known.push((name, &parameter["schema"], is_required));
    }
    if let Some((schema, _)) = body {
        let members = schema["properties"].as_object().into_iter().flatten();
        for (name, member) in members {
            let required = schema["required"].as_array();
            let is_required = required.is_some_and(|list| list.contains(&json!(name)));
            known.push((name.as_str(), member, is_required));
        }
    }
    for (name, _, _) in &known {
        let has_var = vars(shown)
            .iter()
            .any(|var| is_named(var["name"].as_str().unwrap_or(""), name));
        // Pagination sends it.
        if !has_var && !["page-token", "offset"].contains(name) {
            complaints.push(format!("{}: no var for `{name}`", operation.id));
        }
    }
    for var in vars(shown) {
        let var = var["name"].as_str().expect("a name");
        let found = known.iter().find(|(name, _, _)| is_named(var, name));
        let Some((name, schema, is_required)) = found else {
            if !ADDED.contains(&(operation.id, var)) {
                complaints.push(format!("{}: `{var}` is not declared", operation.id));
            }
            continue;
        };
        if wants_all || *is_required {
            let sample = if LISTS.contains(name) {
                json!(["text"])
            } else {
                document.sample(schema, 0)
            };
            arguments.push(argument(var, &sample));
        }
    }
    arguments
}

#[test]
fn every_operation_of_v2_sends_what_its_document_takes() {
    let document = Document::v2();
    let operations = document.operations();
    assert_eq!(operations.len(), 114);
    for_all(&operations, |project, operation| {
        let mut complaints = Vec::new();
        // By its route, so that the ids are not needed.
        let name = format!("circleci:{} {}", operation.method, operation.path);
        let shown = shown(project, &name);
        assert_eq!(
            shown["name"],
            format!("circleci:{}", operation.id),
            "{name}"
        );
        for wants_all in [true, false] {
            // A list that is paged by an offset would be asked for more.
            let mut args = ["run", &name, "--yes", "--limit", "1"]
                .map(str::to_owned)
                .to_vec();
            args.extend(arguments(
                &document,
                operation,
                &shown,
                wants_all,
                &mut complaints,
            ));
            let (status, sample) = document.answer(operation);
            let answer = match &sample {
                Some(sample) => Answer::status(status).json(&last_page(sample.clone())),
                None => Answer::status(status),
            };
            let (outcome, requests) = run(project, of_v2, answer, &args);
            if outcome.exit != 0 {
                complaints.push(format!("{args:?}:\n{}", outcome.snapshot()));
            }
            match requests.as_slice() {
                [request] => {
                    let found = document.complaints(operation, request);
                    complaints.extend(found.iter().map(|one| format!("{args:?}: {one}")));
                }
                other => complaints.push(format!("{args:?}: {} requests", other.len())),
            }
        }
        complaints
    });
}

/// An operation of `v3.yaml`.
struct Known {
    method: String,
    path: String,
    id: String,
    params: Vec<String>,
    answer: Option<String>,
}

fn operations_of_v3() -> Vec<Known> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/description/circleci");
    let text = fs::read_to_string(format!("{folder}/v3.yaml")).expect("the operations");
    let document: Value = serde_yaml::from_str(&text).expect("YAML");
    let entries = document.as_object().expect("a mapping").iter();
    let known = entries.map(|(route, entry)| {
        let (method, path) = route.split_once(' ').expect("a route");
        let params = entry["params"].as_object().into_iter().flatten();
        Known {
            method: method.to_owned(),
            path: path.to_owned(),
            id: entry["id"].as_str().expect("an id").to_owned(),
            params: params.map(|(name, _)| name.clone()).collect(),
            answer: entry["answer"].as_str().map(str::to_owned),
        }
    });
    known.collect()
}

fn of_v3(url: &str) -> String {
    format!("type: circleci\napi: v3\nbase_url: {url}/api/v3\n")
}

/// A value of a shown var.
fn value(var: &Value) -> Value {
    if let Some(word) = var["enum"].get(0) {
        let is_list = var["type"] == "list";
        return if is_list { json!([word]) } else { word.clone() };
    }
    match var["type"].as_str() {
        Some("int" | "number") => json!(1),
        Some("bool") => json!(true),
        Some("time") => json!("2026-01-02T03:04:05Z"),
        Some("list") => json!([UUID]),
        Some("json") => json!({}),
        _ => json!(UUID),
    }
}

#[test]
fn every_known_operation_of_v3_is_sent() {
    let operations = operations_of_v3();
    assert_eq!(operations.len(), 87);
    for_all(&operations, |project, operation| {
        let mut complaints = Vec::new();
        project.write("resources/circleci.yaml", of_v3("http://127.0.0.1:9"));
        let name = format!("circleci:{}", operation.id);
        let shown = shown(project, &name);
        for wants_all in [true, false] {
            let mut args = vec!["run".to_owned(), name.clone(), "--yes".to_owned()];
            for var in vars(&shown) {
                let has_default = !var["default"].is_null() || var["required"] == false;
                if wants_all || !has_default {
                    args.push(argument(var["name"].as_str().expect("a name"), &value(var)));
                }
            }
            let answer = match &operation.answer {
                Some(shape) => Answer::status(200).json(&last_page(shape::sample(shape))),
                None => Answer::status(204),
            };
            let (outcome, requests) = run(project, of_v3, answer, &args);
            if outcome.exit != 0 {
                complaints.push(format!("{args:?}:\n{}", outcome.snapshot()));
            }
            let [request] = requests.as_slice() else {
                complaints.push(format!("{args:?}: {} requests", requests.len()));
                continue;
            };
            let (path, query) = request
                .target
                .split_once('?')
                .unwrap_or((&request.target, ""));
            let path = path.strip_prefix("/api/v3").unwrap_or(path);
            if request.method != operation.method || !is_route(path, &operation.path) {
                complaints.push(format!("{args:?}: {} is another route", request.line()));
            }
            for (param, _) in url::form_urlencoded::parse(query.as_bytes()) {
                if !operation.params.iter().any(|known| *known == param) {
                    complaints.push(format!("{args:?}: `{param}` is not declared"));
                }
            }
        }
        complaints
    });
}

#[test]
fn what_writes_is_refused_in_a_pipe_without_yes() {
    let document = Document::v2();
    let operations = document.operations();
    let unsafe_ones = operations.iter().filter(|one| one.method != "GET");
    let sample: Vec<&Described<'_>> = unsafe_ones.step_by(4).collect();
    assert!(sample.len() > 10);
    for_all(&sample, |project, operation| {
        let name = format!("circleci:{}", operation.id);
        let shown = shown(project, &name);
        let mut complaints = Vec::new();
        let mut args = vec!["run".to_owned(), name];
        args.extend(arguments(
            &document,
            operation,
            &shown,
            true,
            &mut complaints,
        ));
        let (outcome, requests) = run(project, of_v2, Answer::status(200), &args);
        if outcome.exit != 7 || !requests.is_empty() {
            complaints.push(format!("{args:?}:\n{}", outcome.snapshot()));
        }
        complaints
    });
}
