//! Compares what a query reads with the shape of the answer.

use std::collections::HashSet;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::name;
use crate::core::source::Place;
use crate::description::{Found, Operation, Schema};
use crate::project::readings::Reading;
use crate::template::selector::{PathStep, shown_steps};

/// Reports rows that are a list, not its elements. Returns true if they are what they should be.
pub fn check_rows(
    operation: &Operation,
    path: &[PathStep],
    place: &Place,
    faults: &mut Diagnostics,
) -> bool {
    let found = operation
        .answer
        .as_ref()
        .map(|answer| answer.follow(path, operation.has_loose_keys));
    let Some(Found::Known(schemas)) = found else {
        return true;
    };
    let mut others = schemas
        .into_iter()
        .filter(|schema| **schema != Schema::Null);
    let is_list = |schema: &Schema| matches!(schema, Schema::List(_));
    if !others.next().is_some_and(is_list) || !others.all(is_list) {
        return true;
    }
    let path = shown_steps(path);
    let words = format!(
        "`{path}` is a list in the answers of `{}`",
        operation.route()
    );
    let fault = Diagnostic::at(place, Code::ApiField, words);
    faults.push(
        fault
            .help(format!("for its elements, write `{path}[*]`"))
            .warning(),
    );
    false
}

/// Reports members and words that no answer has, as warnings.
pub fn check(operation: &Operation, readings: &[Reading], faults: &mut Diagnostics) {
    let Some(answer) = &operation.answer else {
        return;
    };
    // What is below rows that do not exist does not exist either.
    let mut has_rows = true;
    // A condition on a column reads what the column reads.
    let mut known_missing: HashSet<&[PathStep]> = HashSet::new();
    for reading in readings {
        if reading.is_of_pages || (!has_rows && reading.base > 0) {
            continue;
        }
        match answer.follow(&reading.path, operation.has_loose_keys) {
            Found::Unknown => {}
            Found::Known(schemas) => words(operation, reading, &schemas, faults),
            Found::Missing { step, known } => {
                has_rows &= reading.base > 0;
                if !known_missing.insert(&reading.path[..=step]) {
                    continue;
                }
                faults.push(missing(operation, reading, step, &known));
            }
            Found::Scalar { step, schema } => {
                has_rows &= reading.base > 0;
                faults.push(scalar(operation, reading, step, schema));
            }
        }
    }
}

fn missing(operation: &Operation, reading: &Reading, step: usize, known: &[&str]) -> Diagnostic {
    let place = place_of(reading, step);
    let words = format!(
        "no answer of `{}` has `{}`",
        operation.route(),
        shown_steps(&reading.path[..=step])
    );
    let hint = match &reading.path[step] {
        PathStep::Name(wanted) => name::hint(wanted, known.iter().copied()),
        PathStep::Each | PathStep::Deep => None,
    };
    Diagnostic::at(&place, Code::ApiField, words)
        .maybe_help(hint)
        .warning()
}

fn scalar(operation: &Operation, reading: &Reading, step: usize, schema: &Schema) -> Diagnostic {
    let place = place_of(reading, step);
    let part = match &reading.path[step] {
        PathStep::Name(name) => format!("`{name}`"),
        PathStep::Each | PathStep::Deep => "elements".to_owned(),
    };
    let words = format!(
        "`{}` is {} in the answers of `{}`, so it has no {part}",
        shown_steps(&reading.path[..step]),
        schema.kind(),
        operation.route(),
    );
    let of_elements = matches!(schema, Schema::List(_)).then(|| {
        let list = shown_steps(&reading.path[..step]);
        format!("its elements are `{list}[*]`")
    });
    Diagnostic::at(&place, Code::ApiField, words)
        .maybe_help(of_elements)
        .warning()
}

/// The place of a step, if it is one of the reading's own.
fn place_of(reading: &Reading, step: usize) -> Place {
    if step < reading.base {
        return reading.place.clone();
    }
    reading.place_of_step(step)
}

/// Reports compared words that are none of an enumeration.
fn words(operation: &Operation, reading: &Reading, schemas: &[&Schema], faults: &mut Diagnostics) {
    if reading.words.is_empty() {
        return;
    }
    let found = Schema::union(schemas.iter().copied().cloned());
    let Some(known) = found.words() else {
        return;
    };
    for compared in reading
        .words
        .iter()
        .filter(|compared| !compared.word.is_empty())
    {
        if known.contains(&compared.word.as_str()) {
            continue;
        }
        let words = format!(
            "`{}` is never `{}` in the answers of `{}`",
            shown_steps(&reading.path),
            compared.word,
            operation.route(),
        );
        let near = name::nearest(&compared.word, known.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "its words are {}",
                name::one_of(&known).replace(" or ", " and ")
            ),
        };
        let fault = Diagnostic::at(&compared.place, Code::ApiValue, words).help(hint);
        faults.push(fault.warning());
    }
}
