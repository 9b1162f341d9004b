//! Compares queries with the descriptions of their APIs, by method and route.
//!
//! A request must be one that the API takes: anything else is an error. Readings of the answer only
//! give warnings, since descriptions lag behind. `undocumented: true` in a query turns all of it off.

mod columns;
mod read;
mod sent;
mod types;

use std::rc::Rc;

use url::Url;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::name;
use crate::core::source::Place;
use crate::description::{Description, Operation, RouteMatch, Segment};
use crate::http::loopback::is_loopback;
use crate::project::query::{Address, Call, Items};
use crate::project::readings::{Form, readings, readings_of_consumer};
use crate::project::{Project, Query, ResourceFile, yaml};
use crate::resource::{KINDS, Speak};
use crate::template::{Piece, Template};

impl Project {
    /// Compares a query with the description of its API, if there is one.
    pub(super) fn check_route(&self, query: &Query, faults: &mut Diagnostics) {
        self.check_items(query, faults);
        self.check_types(query, faults);
        let Some(call) = query.call().filter(|call| !call.is_undocumented) else {
            return;
        };
        let Some((file, description)) = self.described(&call.resource.value) else {
            return;
        };
        let Address::Endpoint(endpoint) = &call.address else {
            return;
        };
        let method = call.method.as_str();
        let found = self.find(&description, file, method, endpoint, faults);
        if let Some(index) = found {
            let operation = description.operation(index);
            if let Some(replacement) = &operation.deprecated {
                faults.push(deprecated(operation, replacement, endpoint.place()));
            }
            if let Some(document) = yaml::parse(&query.source, &mut Diagnostics::new()) {
                let sent = sent::Sent {
                    query,
                    call,
                    resource: file,
                    operation,
                    document: &document,
                };
                sent.check(faults);
            }
            if reads_json(call) {
                let readings = readings(query, Form::Own);
                let rows = call.rows.as_ref().filter(|rows| rows.is_singular());
                let is_good = rows.zip(readings.first()).is_none_or(|(_, reading)| {
                    read::check_rows(operation, &reading.path, &reading.place, faults)
                });
                if is_good {
                    read::check(operation, &readings, faults);
                }
            }
        }
        if let Some(polled) = call.polled_endpoint() {
            let found = self.find(&description, file, "GET", polled, faults);
            if let (Some(index), true) = (found, reads_json(call)) {
                let readings = readings(query, Form::Polled);
                read::check(description.operation(index), &readings, faults);
            }
        }
    }

    /// Reports a resource whose API only exists in the cloud, and whose server is another one.
    pub(super) fn check_server(file: &ResourceFile, faults: &mut Diagnostics) {
        for resource in file.base.iter().chain(file.environments.values()) {
            let Some(cloud) = resource.kind.only_at() else {
                continue;
            };
            let base_url = &resource.base_url;
            let Ok(url) = Url::parse(base_url.source()) else {
                continue;
            };
            let host = url.host_str().unwrap_or_default();
            let is_cloud = host == cloud || host.ends_with(&format!(".{cloud}"));
            if base_url.is_constant() && !is_cloud && !is_loopback(&url) {
                let words = format!("{} exists only at {cloud}", api_name(resource.kind));
                let fault = Diagnostic::at(base_url.place(), Code::ApiUnknownRoute, words);
                let help = "a self-hosted CircleCI Server has `api: v2`; of v3 it has the routes of \
                    runners only";
                faults.push(fault.help(help).warning());
            }
        }
    }

    /// Compares what a query reads of its items and data with the answers that they come from.
    fn check_items(&self, query: &Query, faults: &mut Diagnostics) {
        let feeds = query.loops().iter().filter_map(|feed| match &feed.items {
            Items::Query { query, .. } => Some(query),
            Items::List(_) => None,
        });
        let data = query.data.iter().map(|data| &data.query);
        for inner in feeds.chain(data) {
            if let Some((index, description)) = self.operation_behind(inner) {
                let readings = readings_of_consumer(inner, query);
                read::check(description.operation(index), &readings, faults);
            }
        }
    }

    /// Returns a resource with the description of its API, if all its environments have the same.
    fn described(&self, name: &str) -> Option<(&ResourceFile, Rc<Description>)> {
        let file = self.resources.iter().find(|file| file.name == name)?;
        // A faulty one is reported once, at its resource.
        let description = self.description_of(file)?.ok()?;
        Some((file, description))
    }

    /// Finds the operation of an endpoint, and reports an unknown one.
    fn find(
        &self,
        description: &Description,
        file: &ResourceFile,
        method: &str,
        endpoint: &Template,
        faults: &mut Diagnostics,
    ) -> Option<usize> {
        let segments = segments(endpoint)?;
        // Every GET can be a HEAD (RFC 9110, section 9.3.2).
        let method = if method == "HEAD" { "GET" } else { method };
        let place = endpoint.place();
        let route = format!("{method} {}", shown(&segments));
        let api = match file.kind() {
            Some(kind) if file.openapi.is_none() => api_name(kind),
            _ => format!("`{}`", file.name),
        };
        let fault = |words: String| Diagnostic::at(place, Code::ApiUnknownRoute, words);
        match description.matching(method, &segments) {
            RouteMatch::One(index) => return Some(index),
            RouteMatch::Uncertain => {}
            RouteMatch::OtherMethods {
                methods,
                is_certain,
            } => {
                let found = fault(format!("{api} has no `{route}`"))
                    .help(format!("the path takes {}", and(&methods)))
                    .help(UNDOCUMENTED);
                faults.push(if is_certain { found } else { found.note() });
            }
            RouteMatch::None(near) => {
                let near = near.map(|near| format!("did you mean `{near}`?"));
                if let Some(other) = self.other_version(file, method, &segments) {
                    let words =
                        format!("`{route}` is a route of {}, not of {api}", api_name(other));
                    let help = format!("use a resource with `api: {}`", other.api().unwrap_or(""));
                    faults.push(fault(words).maybe_help(near).help(help));
                } else {
                    faults.push(
                        fault(format!("{api} has no documented route `{route}`"))
                            .maybe_help(near)
                            .help(UNDOCUMENTED)
                            .note(),
                    );
                }
            }
        }
        None
    }

    /// Returns the other version of the same API that has a route.
    fn other_version(
        &self,
        file: &ResourceFile,
        method: &str,
        segments: &[Segment],
    ) -> Option<&'static dyn Speak> {
        let own = file.kind()?;
        let mut others = KINDS.iter().copied().filter(|kind: &&'static dyn Speak| {
            kind.kind() == own.kind() && kind.api() != own.api()
        });
        others.find(|kind| {
            let description = self.built_in_description(*kind);
            description.is_some_and(|description| {
                matches!(description.matching(method, segments), RouteMatch::One(_))
            })
        })
    }
}

/// The hint for a request that the description lacks.
const UNDOCUMENTED: &str =
    "if the API has it nevertheless, write `undocumented: true` into the query";

/// Returns the name of an API, such as `CircleCI API v2`.
pub fn api_name(kind: &dyn Speak) -> String {
    let name = kind.always_names_user().unwrap_or(kind.kind());
    match kind.api() {
        Some(api) => format!("{name} API {api}"),
        None => name.to_owned(),
    }
}

fn reads_json(call: &Call) -> bool {
    call.decode.is_none() && call.download.is_none()
}

fn and(names: &[&str]) -> String {
    name::one_of(names).replace(" or ", " and ")
}

fn deprecated(operation: &Operation, replacement: &str, place: &Place) -> Diagnostic {
    let words = format!("`{}` is deprecated", operation.route());
    let help = (!replacement.is_empty()).then(|| format!("use `{replacement}`"));
    Diagnostic::at(place, Code::ApiDeprecated, words)
        .maybe_help(help)
        .warning()
}

/// Splits an endpoint into segments; `None` if it has statements, so that its route is not known.
fn segments(endpoint: &Template) -> Option<Vec<Segment>> {
    let mut segments = vec![Segment::Literal(String::new())];
    for piece in endpoint.pieces()? {
        match piece {
            Piece::Raw(raw) => {
                let (path, has_query) = match raw.split_once('?') {
                    Some((path, _)) => (path, true),
                    None => (raw.as_str(), false),
                };
                for (index, part) in path.split('/').enumerate() {
                    if index > 0 {
                        segments.push(Segment::Literal(String::new()));
                    }
                    if let Some(Segment::Literal(text)) = segments.last_mut() {
                        text.push_str(part);
                    }
                }
                if has_query {
                    break;
                }
            }
            // The filter `path` keeps slashes.
            Piece::Hole(hole) if hole.keeps_slashes() => {
                *segments.last_mut()? = Segment::Values;
            }
            Piece::Hole(_) => {
                let last = segments.last_mut()?;
                if *last != Segment::Values {
                    *last = Segment::Value;
                }
            }
        }
    }
    // A slash at the start or the end makes no segment.
    segments.retain(|segment| *segment != Segment::Literal(String::new()));
    Some(segments)
}

fn shown(segments: &[Segment]) -> String {
    let parts = segments.iter().map(|segment| match segment {
        Segment::Literal(text) => text.as_str(),
        Segment::Value => "{}",
        Segment::Values => "{…}",
    });
    format!("/{}", parts.collect::<Vec<_>>().join("/"))
}
