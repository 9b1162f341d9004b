//! Reads one case of a test file, as far as it does not depend on other cases or on the query.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::name;
use crate::core::source::Place;
use crate::core::time::parse_timestamp;
use crate::project::template::{GIT_FACTS, Names};
use crate::project::testing::{Case, Given, answer, names};
use crate::project::{grammar, requirement};

/// The format that shows the body of a response, not the result of a query.
const RAW: &str = "raw";

/// The members of `previous` besides the names of `data`.
pub const OF_PREVIOUS: [&str; 2] = ["rows", "started"];

/// The context from other files.
pub struct Around<'p> {
    /// The names of the formats.
    pub formats: &'p [&'static str],
    /// The columns of the tested query, if they are known.
    pub columns: Option<Vec<String>>,
}

/// Reads a case. What could not be read is missing in it, and reported.
pub fn read(entry: &Entry, around: &Around<'_>, faults: &mut Diagnostics) -> Case {
    if let Some(words) = names::fault(&entry.key) {
        let words = format!("the name of a case {words}");
        faults.push(Diagnostic::at(&entry.key_place, Code::Case, words));
    }
    let mut fields = entry.value.fields_of("a case", grammar::CASE, faults);
    let vars = vars(fields.get("vars"), faults);
    let now_place = fields.get("now").map(|node| node.place.clone());
    let now = fields.read("now", now, faults);
    let env = env(fields.get("env"), faults);
    let git = git(fields.get("git"), faults);
    let environment = fields.text("environment", faults);
    let like = fields.text("like", faults);
    let given = given(fields.get("given"), faults);
    let previous = fields.read("previous", previous, faults);
    let overrides = answer::read(fields.get("answers"), faults);
    let exit_node = fields.get("exit");
    let exit = exit_node.and_then(|node| node.integer("exit", 0..=130, faults));
    let expect = requirement::read(fields.get("expect"), "expect", &around.names(), faults);
    let show = show(fields.get("show"), around.formats, faults);
    let limit = fields.integer("limit", 1..=u64::MAX, faults);
    let keep_place = fields.get("keep").map(|node| node.place.clone());
    let keep = fields.integer("keep", 1..=u64::MAX, faults);
    fields.finish(faults);
    Case {
        name: entry.key.clone(),
        slug: names::slug(&entry.key),
        place: entry.key_place.clone(),
        body: entry.value.place.clone(),
        vars,
        now,
        now_place,
        env,
        git,
        environment: environment.map(|text| text.value.to_string()),
        like: like.map(|text| text.value.to_string()),
        given,
        previous,
        own_overrides: overrides.len(),
        overrides,
        exit: exit.and_then(|exit| u8::try_from(exit).ok()).unwrap_or(0),
        exit_place: exit_node.map(|node| node.place.clone()),
        expect,
        show,
        limit,
        keep,
        keep_place,
    }
}

impl Around<'_> {
    /// Returns the names available to `expect`.
    fn names(&self) -> Names {
        Names::default()
            .with_record("row", self.columns.clone())
            .with_all(["rows", "text", "exit", "messages", "requests"])
    }
}

fn vars(node: Option<&Node>, faults: &mut Diagnostics) -> Vec<(String, Value, Place)> {
    let entries = node.map_or(&[][..], |node| node.entries("vars", faults));
    entries
        .iter()
        .map(|entry| {
            let value = entry.value.to_json();
            (entry.key.clone(), value, entry.value.place.clone())
        })
        .collect()
}

fn now(node: &Node, faults: &mut Diagnostics) -> Option<Timestamp> {
    let now = node.as_text().and_then(|text| parse_timestamp(&text.value));
    if now.is_none() {
        let expected = "a time such as `2026-11-02T09:00:00Z` or `2026-11-02`";
        faults.push(node.mismatch("now", expected));
    }
    now
}

fn env(node: Option<&Node>, faults: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let entries = node.map_or(&[][..], |node| node.entries("env", faults));
    for entry in entries {
        if !name::is_identifier(&entry.key) {
            let words = format!("`{}` is not the name of an environment variable", entry.key);
            let fault = Diagnostic::at(&entry.key_place, Code::InvalidName, words);
            faults.push(fault.help("it consists of letters, digits and `_`"));
            continue;
        }
        env.extend(scalar(entry, faults));
    }
    env
}

fn git(node: Option<&Node>, faults: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let entries = node.map_or(&[][..], |node| node.entries("git", faults));
    for entry in entries {
        if !GIT_FACTS.contains(&entry.key.as_str()) {
            let words = format!("`git` has no `{}`", entry.key);
            let hint = name::hint(&entry.key, GIT_FACTS);
            let fault = Diagnostic::at(&entry.key_place, Code::UnknownKey, words);
            faults.push(fault.maybe_help(hint));
            continue;
        }
        facts.extend(scalar(entry, faults));
    }
    facts
}

fn scalar(entry: &Entry, faults: &mut Diagnostics) -> Option<(String, String)> {
    let Some(value) = entry.value.scalar() else {
        faults.push(entry.value.mismatch(&entry.key, "a string"));
        return None;
    };
    Some((entry.key.clone(), value))
}

fn given(node: Option<&Node>, faults: &mut Diagnostics) -> Vec<Given> {
    let entries = node.map_or(&[][..], |node| node.entries("given", faults));
    let mut given = Vec::new();
    for entry in entries {
        let Content::List(rows) = &entry.value.content else {
            faults.push(entry.value.mismatch(&entry.key, "a list of records"));
            continue;
        };
        given.push(Given {
            query: entry.key.clone(),
            rows: rows.iter().map(Node::to_json).collect(),
        });
    }
    given
}

fn previous(node: &Node, faults: &mut Diagnostics) -> Option<Value> {
    let before = faults.len();
    for entry in node.entries("previous", faults) {
        let is_text = matches!(entry.value.content, Content::Text(_));
        if entry.key == "started" && !is_text {
            let expected = "a time such as `2026-11-02T09:00:00Z`";
            faults.push(entry.value.mismatch("started", expected));
        }
    }
    (faults.len() == before).then(|| node.to_json())
}

fn show(
    node: Option<&Node>,
    formats: &[&'static str],
    faults: &mut Diagnostics,
) -> Vec<&'static str> {
    let known: Vec<&'static str> = formats
        .iter()
        .copied()
        .filter(|name| *name != RAW)
        .collect();
    let mut show = Vec::new();
    for item in node.map_or_else(Vec::new, Node::items) {
        let format = item.one_of("show", &known, faults);
        show.extend(format.filter(|format| !show.contains(format)));
    }
    show
}
