//! The parts of an answer that a query reads, with those that find the next page.

use crate::core::source::Place;
use crate::http::Request;
use crate::paginate::Condition;
use crate::plan::RequestPlan;
use crate::project::readings::{self, Form, Reading};
use crate::project::{Query, place_of_value};
use crate::template::selector::Selector;

/// Returns the parts that a query reads. `consumers` are the queries that may take its records as
/// items.
pub fn readings(
    part: RequestPlan<'_>,
    request: &Request,
    form: Form,
    consumers: &[&Query],
) -> Vec<Reading> {
    let query = &part.plan.query;
    let mut found = readings::readings(query, form);
    if form == Form::Own && part.call.polled_endpoint().is_some() {
        return found;
    }
    found.extend(of_pages(part, request));
    if query.shape.extract.is_empty() {
        let consumers = consumers.iter();
        found.extend(consumers.flat_map(|other| readings::readings_of_consumer(query, other)));
    }
    found
}

/// Returns what finds the next page.
fn of_pages(part: RequestPlan<'_>, request: &Request) -> Vec<Reading> {
    let query = &part.plan.query;
    let place = place_of_value(&query.source, &["paginate"])
        .or_else(|| place_of_value(&part.resource().source, &["paginate"]))
        .or_else(|| place_of_value(&query.source, &["rows"]))
        .unwrap_or_else(|| part.call.address.template().place().clone());
    let style = part.style(request);
    let paths = style
        .iter()
        .flat_map(|style| style.reads().into_iter().chain(style.list()));
    let mut found: Vec<Reading> = paths.flat_map(|path| of_path(path, &place)).collect();
    match part.goes_on_while() {
        Some(Condition::Path(selector)) => found.extend(of_path(selector, &place)),
        Some(Condition::Expression(expression)) => {
            found.extend(readings::readings_of_response(query, expression));
        }
        None => {}
    }
    found
}

fn of_path(selector: &Selector, place: &Place) -> Vec<Reading> {
    let paths = selector.reads().into_iter();
    let readings = paths.map(|path| Reading {
        path,
        base: 0,
        place: place.clone(),
        text: None,
        is_required: false,
        is_of_pages: true,
        words: Vec::new(),
    });
    readings.collect()
}
