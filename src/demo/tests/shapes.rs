//! Compares responses with the shapes in `operations.txt`, a short form of the API's description.
//!
//! A line has a method, a path, a status and a shape: `s`, `i`, `n`, `b`, `o`, `*` for a string, an
//! integer, a number, a boolean, any object and anything; `[…]` for lists and `{name:…}` for objects,
//! with `~` after optional members; `?` after what may be null.

use hyper::StatusCode;
use serde_json::Value;

use crate::demo::api::V2;
use crate::demo::path;

const OPERATIONS: &str = include_str!("operations.txt");

/// An operation of the API's description.
struct Operation {
    method: &'static str,
    pattern: &'static str,
    status: u16,
    shape: &'static str,
}

fn operations() -> impl Iterator<Item = Operation> {
    OPERATIONS.lines().map(|line| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap();
        Operation {
            method: word(),
            pattern: word(),
            status: word().parse().unwrap(),
            shape: word(),
        }
    })
}

/// The differences between responses and the description, as with the real service.
const KNOWN: [&str; 4] = [
    // The record has expired.
    ".id: is not s: null",
    // Absent until it is known.
    ".stopped_at: is missing",
    ".started_at: is missing",
    // In the example of the description.
    ".pipeline_number: is not i: \"25\"",
];

/// Checks the response to a request; `target` is below `/api/v2`.
pub fn check(method: &str, target: &str, status: StatusCode, body: &Value) {
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let segments = path::segments(path).unwrap_or_default();
    let mut operations = operations();
    let Some(found) = operations.find(|operation| {
        operation.method == method
            && operation.status == status.as_u16()
            && path::matched(operation.pattern, &segments).is_some()
    }) else {
        return;
    };
    // Nothing was made, which is a success by its status only.
    if status == StatusCode::CREATED && body.get("message").is_some() {
        return;
    }
    let mut faults = Vec::new();
    let mut rest = found.shape;
    compare(&mut rest, Some(body), "", &mut faults);
    faults.retain(|fault| !KNOWN.iter().any(|known| fault.ends_with(known)));
    assert!(faults.is_empty(), "{method} {target}: {faults:#?}\n{body}");
}

/// Reads a shape from the start of `rest` and compares it with a value, if there is one.
fn compare(rest: &mut &str, value: Option<&Value>, place: &str, faults: &mut Vec<String>) {
    let kind = take(rest);
    let mut found = Vec::new();
    let fits = match kind {
        '[' => {
            let items = value.and_then(Value::as_array);
            let shape = *rest;
            compare(rest, None, place, &mut found);
            for item in items.into_iter().flatten() {
                compare(&mut &*shape, Some(item), &format!("{place}[]"), &mut found);
            }
            assert_eq!(take(rest), ']');
            items.is_some()
        }
        '{' => {
            members(rest, value, place, &mut found);
            value.is_some_and(Value::is_object)
        }
        's' => value.is_some_and(Value::is_string),
        'i' => value.is_some_and(|value| value.is_i64() || value.is_u64()),
        'n' => value.is_some_and(Value::is_number),
        'b' => value.is_some_and(Value::is_boolean),
        'o' => value.is_some_and(Value::is_object),
        '*' => true,
        other => panic!("{other} is not a shape"),
    };
    let may_be_null = rest.starts_with('?');
    if may_be_null {
        take(rest);
    }
    match value {
        Some(Value::Null) if may_be_null => {}
        Some(value) if !fits => faults.push(format!("{place}: is not {kind}: {value}")),
        _ => faults.extend(found),
    }
}

fn members(rest: &mut &str, value: Option<&Value>, place: &str, faults: &mut Vec<String>) {
    while !rest.starts_with('}') {
        let (name, shape) = rest.trim_start().split_once(':').unwrap();
        *rest = shape;
        let (name, is_optional) = match name.strip_suffix('~') {
            Some(name) => (name, true),
            None => (name, false),
        };
        // Names are written with hyphens in the description and with underscores by the service.
        let member = value.and_then(|value| {
            let plain = name.replace('-', "_");
            value.get(name).or_else(|| value.get(plain))
        });
        let place = format!("{place}.{name}");
        if member.is_none() && !is_optional && value.is_some_and(Value::is_object) {
            faults.push(format!("{place}: is missing"));
        }
        compare(rest, member, &place, faults);
        *rest = rest.trim_start();
    }
    take(rest);
}

fn take(rest: &mut &str) -> char {
    let first = rest.chars().next().expect("a shape goes on");
    *rest = &rest[first.len_utf8()..];
    first
}

#[test]
fn the_operations_of_the_description_are_there() {
    let routes: Vec<(&str, &str)> = V2
        .iter()
        .copied()
        .flatten()
        .map(|route| (route.method, route.pattern))
        .collect();
    let mut described: Vec<(&str, &str)> = operations()
        .map(|operation| (operation.method, operation.pattern))
        .collect();
    described.dedup();
    assert_eq!(described.len(), 114);
    let missing: Vec<_> = described
        .iter()
        .filter(|known| !routes.contains(known))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let invented: Vec<_> = routes
        .iter()
        .filter(|route| !described.contains(route))
        .collect();
    assert!(invented.is_empty(), "{invented:#?}");
}
