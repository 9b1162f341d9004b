//! `like`: cases that start from others of the same file.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Entry, Node};
use crate::core::json;
use crate::core::name;
use crate::core::source::Place;
use crate::project::testing::Case;

/// The maximum length of a chain of cases.
const LONGEST_CHAIN: usize = 16;

/// The maximum size of what the cases of a file take from each other, in memory.
const LARGEST: usize = 64 << 20;

/// Completes cases that start from others. `entries` are the cases as written, in the same order.
/// Returns true for each case that is complete now.
pub fn resolve(cases: &mut [Case], entries: &[Entry], faults: &mut Diagnostics) -> Vec<bool> {
    let targets = targets(cases, entries, faults);
    let mut is_complete: Vec<bool> = cases.iter().map(|case| case.like.is_none()).collect();
    let mut budget = LARGEST;
    // A case is completed after the one that it starts from.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|index| chain(*index, &targets).len());
    for index in order {
        let Some(target) = targets[index] else {
            continue;
        };
        let weight = weight(&cases[target]);
        if weight > budget {
            let words = "the cases of the file take more than 64 MiB from each other";
            faults.push(Diagnostic::at(
                &place(&entries[index]),
                Code::TooLarge,
                words,
            ));
            return is_complete;
        }
        budget -= weight;
        let other = cases[target].clone();
        inherit(&mut cases[index], other);
        is_complete[index] = is_complete[target];
    }
    is_complete
}

/// Returns the case that each one starts from. Cases with a fault have none.
fn targets(cases: &[Case], entries: &[Entry], faults: &mut Diagnostics) -> Vec<Option<usize>> {
    let mut targets: Vec<Option<usize>> = Vec::new();
    for (case, entry) in cases.iter().zip(entries) {
        let Some(wanted) = &case.like else {
            targets.push(None);
            continue;
        };
        let found = cases.iter().position(|other| other.name == *wanted);
        if found.is_none() {
            let words = format!("no case `{wanted}` in this file");
            let others = cases.iter().map(|case| case.name.as_str());
            let hint = name::hint(wanted, others.filter(|name| *name != case.name));
            faults.push(Diagnostic::at(&place(entry), Code::Like, words).maybe_help(hint));
        }
        targets.push(found);
    }
    let mut broken = vec![false; cases.len()];
    for index in 0..cases.len() {
        let chain = chain(index, &targets);
        let last = chain.last().and_then(|last| targets[*last]);
        let fault = if last == Some(index) {
            let names: Vec<String> = chain
                .iter()
                .chain([&index])
                .map(|index| format!("`{}`", cases[*index].name))
                .collect();
            let words = format!("the cases start from each other: {}", names.join(" → "));
            // One fault for all cases of the cycle.
            let is_first = chain.iter().all(|other| *other >= index);
            is_first.then(|| Diagnostic::at(&place(&entries[index]), Code::Cycle, words))
        } else if chain.len() > LONGEST_CHAIN {
            let words = format!("more than {LONGEST_CHAIN} cases start from each other in a chain");
            Some(Diagnostic::at(
                &place(&entries[index]),
                Code::TooDeep,
                words,
            ))
        } else {
            continue;
        };
        broken[index] = true;
        if let Some(fault) = fault {
            faults.push(fault);
        }
    }
    for (target, is_broken) in targets.iter_mut().zip(broken) {
        if is_broken {
            *target = None;
        }
    }
    targets
}

/// Returns a case and those it starts from, each once.
fn chain(index: usize, targets: &[Option<usize>]) -> Vec<usize> {
    let mut chain = vec![index];
    let mut last = index;
    while let Some(next) = targets[last] {
        if chain.contains(&next) || chain.len() > LONGEST_CHAIN + 1 {
            break;
        }
        chain.push(next);
        last = next;
    }
    chain
}

/// Returns the place of `like`.
fn place(entry: &Entry) -> Place {
    let like: &Node = entry.value.get("like").unwrap_or(&entry.value);
    like.place.clone()
}

/// Estimates the memory of what a case passes on.
fn weight(case: &Case) -> usize {
    use crate::recording::Content;
    let content = |content: &Content| match content {
        Content::Empty => 0,
        Content::Json(value) => json::weight(value),
        Content::Text(text) => text.len(),
        Content::Bytes(bytes) => bytes.len(),
    };
    let answers = case.overrides.iter().map(|answer| {
        let sent = answer.sent.as_ref().map_or(0, content);
        size_of_val(answer) + sent + content(&answer.answer.body)
    });
    let given = case.given.iter().flat_map(|given| &given.rows);
    let vars = case.vars.iter().map(|(_, value, _)| json::weight(value));
    answers.sum::<usize>()
        + given.map(json::weight).sum::<usize>()
        + vars.sum::<usize>()
        + case.previous.as_ref().map_or(0, json::weight)
}

/// Adds the settings and answers of another case, except where the case has its own.
fn inherit(case: &mut Case, other: Case) {
    for var in other.vars {
        if !case.vars.iter().any(|(name, ..)| *name == var.0) {
            case.vars.push(var);
        }
    }
    for (name, value) in other.env {
        case.env.entry(name).or_insert(value);
    }
    for (name, value) in other.git {
        case.git.entry(name).or_insert(value);
    }
    for given in other.given {
        if !case.given.iter().any(|own| own.query == given.query) {
            case.given.push(given);
        }
    }
    case.previous = match (case.previous.take(), other.previous) {
        (Some(serde_json::Value::Object(mut own)), Some(serde_json::Value::Object(others))) => {
            for (name, value) in others {
                own.entry(name).or_insert(value);
            }
            Some(serde_json::Value::Object(own))
        }
        (own, others) => own.or(others),
    };
    case.now = case.now.or(other.now);
    case.environment = case.environment.take().or(other.environment);
    case.limit = case.limit.or(other.limit);
    case.keep = case.keep.or(other.keep);
    case.overrides.extend(other.overrides);
}
