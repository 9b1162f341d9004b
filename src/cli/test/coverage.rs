//! `runner test --coverage`: the parts of queries that no case uses.
//!
//! | part | used if |
//! | --- | --- |
//! | a query | a case runs it, or a query that uses it |
//! | a column of `extract` or `sql` | it has a value in a record |
//! | `where` | it keeps a record; it drops one |
//! | an entry of `on_status` | an answer has the status |
//! | `poll` | it asks again |
//! | a condition of `expect` | it fails |
//! | `where` of a loop | it takes an item; it skips one |
//! | a branch of a template of the report: `if`, `elif`, `else`, `for`, `macro` | it is rendered |

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::annotation;
use crate::cli::test::judge::Verdict;
use crate::cli::test::used::Part;
use crate::core::diagnostic::Diagnostics;
use crate::core::source::{Place, Span};
use crate::core::text::{counted, printable_lines};
use crate::project::query::Call;
use crate::project::{Project, Query, place_of_value};
use crate::template::Document;

/// The coverage of all cases.
#[derive(Debug)]
pub struct Coverage {
    queries: Vec<QueryCoverage>,
}

#[derive(Debug)]
struct QueryCoverage {
    name: String,
    /// The place of the query.
    place: Place,
    /// The number of its parts.
    parts: usize,
    /// The parts that no case uses, in the order of the file.
    unused: Vec<(Place, String)>,
    /// True if a case runs it.
    runs: bool,
}

impl Coverage {
    /// Compares the parts of queries with the used ones: of all queries of the project, or only of
    /// those of the cases.
    pub fn of(project: &Project, verdicts: &[Verdict<'_>], is_all: bool) -> Self {
        let mut used: BTreeSet<&(PathBuf, Part)> = BTreeSet::new();
        // Reports share files: what one of them takes is used, and counts for the first of them.
        let mut taken: BTreeSet<&Part> = BTreeSet::new();
        let mut known: BTreeSet<Part> = BTreeSet::new();
        let mut own: BTreeSet<PathBuf> = BTreeSet::new();
        for verdict in verdicts {
            used.extend(&verdict.used.0);
            let parts = verdict.used.0.iter().map(|(_, part)| part);
            taken.extend(parts.filter(|part| part.is_branch()));
            own.insert(verdict.task.file.query.source.path().to_path_buf());
        }
        let mut queries = Vec::new();
        for path in project.query_files(&mut Diagnostics::new()) {
            // The faults of a query are for `runner check`.
            let Ok(query) = project.query_at(&path) else {
                continue;
            };
            let path = query.source.path().to_path_buf();
            if !is_all && !own.contains(&path) {
                continue;
            }
            let mut parts = parts(&query);
            parts.retain(|(part, ..)| !part.is_branch() || known.insert(part.clone()));
            let count = parts.len();
            let is_own = own.contains(&path);
            parts.retain(|(part, ..)| {
                let is_used = used.contains(&(path.clone(), part.clone())) || taken.contains(part);
                !(is_used || is_own && *part == Part::Query)
            });
            let runs = !parts.iter().any(|(part, ..)| *part == Part::Query);
            let mut unused: Vec<(Place, String)> = parts
                .into_iter()
                .map(|(_, place, words)| (place, words))
                .collect();
            let own = query.source.name();
            unused.sort_by_cached_key(|(place, _)| {
                let name = place.file.name();
                (name != own, name.to_owned(), place.span.start)
            });
            queries.push(QueryCoverage {
                name: query.name.clone(),
                place: start_of(&query),
                parts: count,
                unused,
                runs,
            });
        }
        Self { queries }
    }

    fn parts(&self) -> usize {
        self.queries.iter().map(|query| query.parts).sum()
    }

    fn used(&self) -> usize {
        let unused: usize = self.queries.iter().map(|query| query.unused.len()).sum();
        self.parts() - unused
    }

    /// Returns the percentage of used parts, rounded down: only full coverage is 100.
    pub fn percent(&self) -> usize {
        (self.used() * 100).checked_div(self.parts()).unwrap_or(100)
    }

    /// Returns true if it is below a minimum in percent.
    pub fn is_below(&self, least: u8) -> bool {
        self.used() * 100 < usize::from(least) * self.parts()
    }

    /// Returns the summary in one line.
    pub fn summary(&self, least: Option<u8>) -> String {
        let run = self.queries.iter().filter(|query| query.runs).count();
        let mut words = format!(
            "coverage: {} % ({} of {}; {run} of {} queries)",
            self.percent(),
            self.used(),
            counted(self.parts() as u64, "part"),
            self.queries.len()
        );
        if let Some(least) = least.filter(|least| self.is_below(*least)) {
            words.push_str(&format!(", below the minimum of {least} %"));
        }
        words
    }

    /// Formats what is not used, grouped by query.
    pub fn text(&self, least: Option<u8>) -> String {
        let mut text = String::new();
        for query in self.queries.iter().filter(|query| !query.unused.is_empty()) {
            if !query.runs {
                let parts = counted(query.parts as u64, "part");
                text.push_str(&format!(
                    "{}\n  {}: no case runs it ({parts})\n",
                    query.name,
                    line_of(&query.place)
                ));
                continue;
            }
            text.push_str(&format!("{}\n", query.name));
            for (place, words) in &query.unused {
                text.push_str(&format!(
                    "  {}: {}\n",
                    line_of(place),
                    printable_lines(words)
                ));
            }
        }
        text.push_str(&self.summary(least));
        text.push('\n');
        text
    }

    /// Converts it to JSON.
    pub fn json(&self) -> Value {
        let queries = self.queries.iter().map(|query| {
            let unused = query.unused.iter().map(|(place, words)| {
                json!({
                    "file": place.file.name(),
                    "line": place.file.line_column(place.span.start).line,
                    "message": words,
                })
            });
            json!({
                "query": query.name,
                "file": query.place.file.name(),
                "parts": query.parts,
                "used": query.parts - query.unused.len(),
                "unused": unused.collect::<Vec<_>>(),
            })
        });
        json!({
            "percent": self.percent(),
            "parts": self.parts(),
            "used": self.used(),
            "queries": queries.collect::<Vec<_>>(),
        })
    }

    /// Formats what is not used as annotations of GitHub Actions.
    pub fn github(&self, least: Option<u8>) -> String {
        let mut text = String::new();
        for query in &self.queries {
            let title = format!("coverage: {}", query.name);
            let shown = query
                .unused
                .iter()
                .take(if query.runs { usize::MAX } else { 1 });
            for (place, words) in shown {
                text.push_str(&annotation::notice(Some(place), &title, words));
            }
        }
        if least.is_some_and(|least| self.is_below(least)) {
            text.push_str(&annotation::error(None, "coverage", &self.summary(least)));
        }
        text
    }
}

fn line_of(place: &Place) -> String {
    let line = place.file.line_column(place.span.start).line;
    format!("{}:{line}", place.file.name())
}

fn start_of(query: &Query) -> Place {
    Place {
        file: std::sync::Arc::clone(&query.source),
        span: Span::default(),
    }
}

/// A part with its place, and the words for a part that no case uses.
type QueryPart = (Part, Place, String);

/// Returns the parts of a query that cases can use, with the words for those that they do not.
fn parts(query: &Query) -> Vec<QueryPart> {
    let mut parts = vec![(Part::Query, start_of(query), "no case runs it".to_owned())];
    for column in &query.shape.extract {
        let words = format!("`{}` never has a value", column.name);
        parts.push((
            Part::Column(column.name.clone()),
            column.place.clone(),
            words,
        ));
    }
    if let Some(filter) = &query.shape.filter {
        let words = |verb: &str| format!("`where` never {verb} a record");
        parts.push((Part::Kept, filter.place(), words("keeps")));
        parts.push((Part::Dropped, filter.place(), words("drops")));
    }
    for requirement in &query.shape.expect {
        let condition = requirement.source();
        let words = format!("`expect` never fails: `{condition}`");
        parts.push((Part::Unmet(condition), requirement.that.place(), words));
    }
    parts.extend(of_statement(query));
    parts.extend(of_report(query));
    if let Some(call) = query.call() {
        push_parts_of_call(query, call, &mut parts);
    }
    parts
}

/// Returns the columns of a statement, if all of them are known.
fn of_statement(query: &Query) -> Vec<QueryPart> {
    let Some(statement) = query.statement().filter(|_| query.shape.extract.is_empty()) else {
        return Vec::new();
    };
    let columns = query.columns().unwrap_or_default().into_iter();
    let part = |column: String| {
        let text = &statement.text;
        let at = named_in(&text.value, &column);
        let place = at.map_or_else(|| text.place.clone(), |at| text.locate(at));
        let words = format!("`{column}` never has a value");
        (Part::Column(column), place, words)
    };
    columns.map(part).collect()
}

/// Returns the bytes of a column's name in a statement: the last one after `as`, or else the first.
fn named_in(statement: &str, word: &str) -> Option<Range<usize>> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_whole = |at: &usize| {
        !statement[..*at].ends_with(is_part) && !statement[at + word.len()..].starts_with(is_part)
    };
    let found: Vec<usize> = statement
        .match_indices(word)
        .map(|(at, _)| at)
        .filter(is_whole)
        .collect();
    let named = |at: &&usize| {
        let before = statement[..**at]
            .trim_end_matches(['"', '`', '['])
            .trim_end();
        let rest = before
            .strip_suffix(['s', 'S'])
            .and_then(|rest| rest.strip_suffix(['a', 'A']));
        rest.is_some_and(|rest| rest.ends_with(char::is_whitespace))
    };
    let at = found.iter().rfind(named).or(found.first())?;
    Some(*at..at + word.len())
}

/// Returns the branches of the templates of a report. Several may include the same file.
fn of_report(query: &Query) -> Vec<QueryPart> {
    let documents = query.report.iter().flat_map(|report| &report.documents);
    let mut parts: Vec<QueryPart> = Vec::new();
    for branch in documents.flat_map(Document::branches) {
        let part = Part::Branch(branch.file, branch.start);
        if !parts.iter().any(|(known, ..)| *known == part) {
            parts.push((part, branch.place, branch.words));
        }
    }
    parts
}

fn push_parts_of_call(query: &Query, call: &Call, parts: &mut Vec<QueryPart>) {
    for status in call.on_status.keys() {
        let keys = ["on_status", &status.to_string()];
        let place = place_of_value(&query.source, &keys).unwrap_or_else(|| start_of(query));
        let words = format!("`on_status`: no answer has the status {status}");
        parts.push((Part::Status(*status), place, words));
    }
    if let Some(poll) = &call.poll {
        let words = "`poll` never asks again".to_owned();
        parts.push((Part::PolledAgain, poll.until.place(), words));
    }
    for feed in &call.for_each {
        if let Some(filter) = &feed.filter {
            let words = |verb: &str| format!("`where` of `{}` never {verb} an item", feed.name);
            let name = || feed.name.clone();
            parts.push((Part::Taken(name()), filter.place(), words("takes")));
            parts.push((Part::Skipped(name()), filter.place(), words("skips")));
        }
    }
}
