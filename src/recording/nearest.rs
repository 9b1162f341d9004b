//! The likeness of two requests, and the one part in which they differ.

use std::collections::BTreeMap;

use crate::core::text::{one_line, truncate_to_width};
use crate::recording::Ask;
use crate::recording::difference::{Known, body_difference};
use crate::recording::target::{Target, is_equal};

/// The width of a value in a message.
const SHOWN: usize = 80;

/// Weights of the parts. A request to the same path with another body is nearer than one with
/// other parameters, which is nearer than one to a path with another id.
const BODY: usize = 2;
const PARAM: usize = 4;
const SEGMENT: usize = 10;
const ORIGIN: usize = 40;
const METHOD: usize = 50;

/// A request with its parsed target.
pub type Parsed<'a> = (&'a Ask, &'a Target);

/// Returns a number that grows with the difference of two requests.
pub fn distance((ask, target): Parsed<'_>, (known, other): Parsed<'_>) -> usize {
    let pairs = target.segments.iter().zip(&other.segments);
    let different = pairs.filter(|(left, right)| left != right).count();
    let surplus = target.segments.len().abs_diff(other.segments.len());
    let mut distance = SEGMENT * (different + 2 * surplus);
    if target.origin != other.origin {
        distance += ORIGIN;
    }
    if ask.method != known.method {
        distance += METHOD;
    }
    distance += PARAM * different_params(target, other).count();
    // Comparing bodies takes time, and means little for another path.
    if distance < SEGMENT && !is_equal(&ask.sent, &known.sent) {
        distance += BODY;
    }
    distance
}

/// Returns the first part in which a request differs from a known one, in words.
pub fn difference((ask, target): Parsed<'_>, (known, other): Parsed<'_>) -> String {
    if target.origin != other.origin || target.segments != other.segments {
        return format!(
            "the path: {}, recorded was {}",
            shown(&target.shown_path()),
            shown(&other.shown_path())
        );
    }
    if ask.method != known.method {
        return format!(
            "the method: `{}`, recorded was `{}`",
            ask.method, known.method
        );
    }
    let Some((name, asked, recorded)) = different_params(target, other).next() else {
        return body_difference(&ask.sent, &known.sent, Known::Recorded);
    };
    let name = shown(&name);
    match (asked.as_slice(), recorded.as_slice()) {
        ([], recorded) => format!(
            "the parameter {name} is absent, recorded was {}",
            values(recorded)
        ),
        (asked, []) => format!(
            "the parameter {name} is {}, recorded was none",
            values(asked)
        ),
        (asked, recorded) => format!(
            "the parameter {name} is {}, recorded was {}",
            values(asked),
            values(recorded)
        ),
    }
}

fn values(values: &[&str]) -> String {
    let shown: Vec<String> = values.iter().map(|value| shown(value)).collect();
    shown.join(" and ")
}

fn shown(text: &str) -> String {
    let text = one_line(text);
    format!("`{}`", truncate_to_width(&text, SHOWN))
}

/// Returns the names whose values differ, with the values on both sides.
fn different_params<'t>(
    target: &'t Target,
    other: &'t Target,
) -> impl Iterator<Item = (String, Vec<&'t str>, Vec<&'t str>)> {
    let mut names: BTreeMap<&str, [Vec<&str>; 2]> = BTreeMap::new();
    if target.params != other.params {
        for (side, params) in [&target.params, &other.params].into_iter().enumerate() {
            for (name, value) in params {
                names.entry(name).or_default()[side].push(value);
            }
        }
    }
    names
        .into_iter()
        .filter(|(_, [left, right])| left != right)
        .map(|(name, [left, right])| (name.to_owned(), left, right))
}
