//! The text of a test file with a new or renewed case. Everything else in the file stays as people
//! wrote it.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::source::Place;
use crate::core::time::format_time;
use crate::project::testing::{Case, TestFile};
use crate::recording::layout::flow_scalar;
use crate::recording::replacement;

/// The settings of a recorded case.
#[derive(Debug, Default)]
pub struct Settings {
    /// The values of vars.
    pub vars: Vec<(String, Value)>,
    /// The time of the run.
    pub now: Timestamp,
    /// Facts about the repository that were used.
    pub git: BTreeMap<String, String>,
    /// Environment variables that were used.
    pub env: BTreeMap<String, String>,
    /// The environment of the resources.
    pub environment: Option<String>,
    /// The maximum number of records.
    pub limit: Option<u64>,
    /// The maximum number of elements of each list in an answer.
    pub keep: Option<u64>,
    /// The exit code.
    pub exit: u8,
}

impl Settings {
    /// Returns the lines of the case without their indentation, its name first.
    fn lines(&self, name: &str) -> Vec<String> {
        let mut lines = vec![format!("{}:", flow_scalar(name))];
        let vars = self.vars.iter();
        push_map(
            &mut lines,
            "vars",
            vars.map(|(name, value)| (name, shown(value))),
        );
        lines.push(format!("  now: {}", format_time(self.now)));
        let texts = |map: &BTreeMap<String, String>| {
            let texts = map.iter();
            texts
                .map(|(name, text)| (name.clone(), flow_scalar(text)))
                .collect::<Vec<_>>()
        };
        let git = texts(&self.git);
        push_map(
            &mut lines,
            "git",
            git.iter().map(|(name, text)| (name, text.clone())),
        );
        let env = texts(&self.env);
        push_map(
            &mut lines,
            "env",
            env.iter().map(|(name, text)| (name, text.clone())),
        );
        if let Some(environment) = &self.environment {
            lines.push(format!("  environment: {}", flow_scalar(environment)));
        }
        if let Some(limit) = self.limit {
            lines.push(format!("  limit: {limit}"));
        }
        if let Some(keep) = self.keep {
            lines.push(format!("  keep: {keep}"));
        }
        if self.exit != 0 {
            lines.push(format!("  exit: {}", self.exit));
        }
        lines
    }
}

fn push_map<'m>(
    lines: &mut Vec<String>,
    key: &str,
    members: impl Iterator<Item = (&'m String, String)>,
) {
    let members: Vec<String> = members
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if !members.is_empty() {
        lines.push(format!("  {key}: {{ {} }}", members.join(", ")));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => flow_scalar(text),
        other => other.to_string(),
    }
}

/// Returns a new test file.
pub fn new_file(name: &str, settings: &Settings) -> String {
    let mut text = String::from("cases:\n");
    push_indented(&mut text, &settings.lines(name), 2);
    text
}

/// Returns the text of a file with one more case, after the last one.
///
/// `None` if the cases are written between braces.
pub fn with_case(file: &TestFile, name: &str, settings: &Settings) -> Option<String> {
    let text = file.source.text();
    let last = file.cases.last()?;
    let start = line_start(text, last.place.span.start);
    let indent = &text[start..last.place.span.start];
    if !indent.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let end = last.body.span.end.max(last.place.span.end);
    let end = text[end..]
        .find('\n')
        .map_or(text.len(), |line| end + line + 1);
    let mut new = text[..end].to_owned();
    let line_end = line_end_of(text);
    if !new.ends_with('\n') {
        new.push_str(line_end);
    }
    let mut lines = String::new();
    push_indented(&mut lines, &settings.lines(name), indent.len());
    new.push_str(&lines.replace('\n', line_end));
    new.push_str(&text[end..]);
    Some(new)
}

/// Returns the text of a file in which a case is renewed: it has another time, the given `keep`, and
/// those values of its own vars that differ. Everything else stays as it is.
///
/// `None` if there is no place for it.
pub fn renewed(file: &TestFile, case: &Case, settings: &Settings) -> Option<String> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut lines = Vec::new();
    let own = |place: &Place| place.span.start..place.span.end;
    let time = format_time(settings.now);
    match &case.now_place {
        Some(place) => edits.push((own(place), time)),
        None => lines.push(format!("now: {time}")),
    }
    match (settings.keep, &case.keep_place) {
        (Some(keep), Some(place)) => edits.push((own(place), keep.to_string())),
        // One that is taken over by `like` stays there.
        (Some(keep), None) if case.keep != Some(keep) => lines.push(format!("keep: {keep}")),
        _ => {}
    }
    let body = own(&case.body);
    for (name, value, place) in &case.vars {
        let new = settings.vars.iter().find(|(known, _)| known == name);
        let is_own = body.contains(&place.span.start);
        if let Some((_, new)) = new.filter(|(_, new)| is_own && new != value)
            && replacement::in_value(value, true).is_some()
        {
            edits.push((own(place), shown(new)));
        }
    }
    if !lines.is_empty() {
        edits.push(below_name(file, case, &lines)?);
    }
    let mut text = file.source.text().to_owned();
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    for (range, new) in edits {
        text.replace_range(range, &new);
    }
    Some(text)
}

/// Returns the edit that inserts lines below the name of a case.
fn below_name(file: &TestFile, case: &Case, lines: &[String]) -> Option<(Range<usize>, String)> {
    let text = file.source.text();
    let start = line_start(text, case.place.span.start);
    let indent = &text[start..case.place.span.start];
    if !indent.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let end = case.place.span.end;
    let line_end = text[end..].find('\n').map_or(text.len(), |line| end + line);
    // `usual: { … }` has its settings on the same line.
    let rest = text[end..line_end].trim_start_matches(':').trim();
    if !rest.is_empty() && !rest.starts_with('#') {
        return None;
    }
    let inner = inner_indent(&text[line_end..]).filter(|inner| *inner > indent.len());
    let inner = " ".repeat(inner.unwrap_or(indent.len() + 2));
    let end = line_end_of(text);
    let lines = lines.iter().map(|line| format!("{end}{inner}{line}"));
    let lines: Vec<String> = lines.collect();
    let at = text[..line_end].trim_end_matches('\r').len();
    Some((at..at, lines.concat()))
}

/// Returns the indentation of the next line with content.
fn inner_indent(rest: &str) -> Option<usize> {
    let mut lines = rest.lines().skip(1);
    let line = lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    Some(line.len() - line.trim_start_matches(' ').len())
}

/// Returns the line end of a file, which an editor on Windows may have chosen.
fn line_end_of(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |line| line + 1)
}

fn push_indented(text: &mut String, lines: &[String], indent: usize) {
    for line in lines {
        text.push_str(&format!("{}{line}\n", " ".repeat(indent)));
    }
}
