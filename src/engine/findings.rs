//! Everything the tasks of a run find besides records: failures, cuts, notes, the first response.

use std::collections::{BTreeMap, HashMap};

use crate::engine::RunError;
use crate::engine::columns::ColumnsSeen;
use crate::engine::extraction::MisfitNotes;
use crate::engine::failures::records;
use crate::engine::ledger::Ledger;
use crate::engine::outcome::{FailedRun, First, Outcome, first_page_note};
use crate::engine::records::PageRead;
use crate::engine::unmet::UnmetExpectations;
use crate::http::Request;
use crate::plan::{Plan, PlanId};
use crate::project::failures;
use crate::template::{Records, UnreadableValues};

/// The maximum number of notes.
const MOST_NOTES: usize = 10;

/// The findings of a run so far.
#[derive(Default)]
pub struct Findings {
    /// Failures that do not end the run, and cuts.
    pub ledger: Ledger,
    /// The failure that ended the run.
    pub fatal: Option<RunError>,
    /// The first response of a query without items.
    pub first: Option<First>,
    /// The outcome of the listing of such a query.
    pub outcome: Option<Outcome>,
    /// The last request of such a query.
    pub request: Option<String>,
    /// The expectations of queries that the run's query uses that are not met.
    pub unmet: UnmetExpectations,
    /// The requests and responses that expectations of such queries are about.
    answers: HashMap<PlanId, Answer>,
    /// Probable mistakes, as sentences.
    pub notes: Vec<String>,
    /// The first reason why the records may not be all that there are, although nothing failed.
    pub doubt: Option<String>,
    /// The columns that no record had, by query.
    columns: BTreeMap<String, ColumnsSeen>,
    /// Values that became null, since they are not of their column's type, by query.
    misfits: BTreeMap<String, MisfitNotes>,
    /// Values that a filter or a function could not read, by query.
    unreadable: BTreeMap<String, UnreadableValues>,
}

/// The request and the response that the expectations of a query without items are about.
#[derive(Default)]
pub struct Answer {
    /// The last request.
    pub request: Option<String>,
    /// The first response, if the expectations read it.
    pub first: Option<First>,
}

impl Findings {
    /// Creates the empty findings of a run.
    pub fn new(plan: &Plan) -> Self {
        Self {
            ledger: Ledger::new(plan.query.reads_failures()),
            ..Self::default()
        }
    }

    /// Records the request that an error of the whole query would be about.
    pub fn add_request(&mut self, plan: &Plan, request: &Request) {
        if plan.is_sole_request() {
            self.request = Some(request.label(&plan.scrubber));
        } else if !plan.query.is_walk() && !plan.query.shape.expect.is_empty() {
            let answer = self.answers.entry(plan.id).or_default();
            answer.request = Some(request.label(&plan.scrubber));
        }
    }

    /// Records the first response of a query without items.
    pub fn add_first(&mut self, plan: &Plan, first: First) {
        if plan.is_sole_request() {
            self.first = Some(first);
        } else {
            self.answers.entry(plan.id).or_default().first = Some(first);
        }
    }

    /// Takes the request and the response that the expectations of a plan that others use are about.
    pub fn take_answer(&mut self, plan: &Plan) -> Answer {
        self.answers.remove(&plan.id).unwrap_or_default()
    }

    /// Records the outcome of a listing that was not cut.
    pub fn add_outcome(&mut self, plan: &Plan, outcome: Outcome) {
        if plan.is_sole_request() {
            self.outcome = Some(outcome);
        } else if matches!(outcome, Outcome::FirstPage) {
            self.add_note(first_page_note(&plan.query.name));
        }
    }

    /// Creates the result of a run that an error ended, after a number of requests.
    pub fn into_failed(self, error: RunError, requests: u64) -> Box<FailedRun> {
        Box::new(FailedRun {
            error,
            requests,
            ledger: self.ledger,
            unmet: self.unmet,
        })
    }

    /// Adds a reason why the records may not be all that there are.
    pub fn add_doubt(&mut self, words: Option<String>) {
        if self.doubt.is_none() {
            self.doubt = words;
        }
    }

    /// Adds a note, once.
    pub fn add_note(&mut self, note: String) {
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Adds values that a template of the plan could not read.
    pub fn add_unreadable(&mut self, plan: &Plan) {
        self.add_unreadable_values(plan, plan.scope().take_unreadable());
    }

    /// Adds values that could not be read.
    pub fn add_unreadable_values(&mut self, plan: &Plan, met: UnreadableValues) {
        if met.is_empty() {
            return;
        }
        let known = self.unreadable.entry(plan.query.name.clone()).or_default();
        for (key, (count, first)) in met {
            let first = plan.scrubber.text(&first).into_owned();
            known.entry(key).or_insert((0, first)).0 += count;
        }
    }

    /// Adds the columns missing from the rows of a page, and the values that became null.
    pub fn add_columns(&mut self, plan: &Plan, read: &PageRead) {
        if read.rows == 0 || plan.query.shape.extract.is_empty() {
            return;
        }
        let seen = match self.columns.get_mut(&plan.query.name) {
            Some(seen) => seen,
            None => self.columns.entry(plan.query.name.clone()).or_default(),
        };
        seen.add(read.lacking.clone());
        if !read.misfits.is_empty() {
            let known = self.misfits.entry(plan.query.name.clone()).or_default();
            known.add(plan, &read.misfits);
        }
    }

    /// Forgets the columns that no record had so far.
    pub fn forget_columns(&mut self) {
        self.columns.clear();
    }

    /// Returns the failures so far of a plan and its dependencies, and true if the run is
    /// incomplete.
    pub fn failures_of(&self, plan: &Plan) -> (Records, bool) {
        let queries = plan.query.with_fed_by();
        let is_of_plan = |error: &&RunError| queries.iter().any(|query| query.name == error.query);
        let all = self.ledger.all().iter().map(|error| &**error);
        let columns = failures::columns(queries.iter().copied());
        let records = records(plan, columns, all.filter(is_of_plan));
        (records, !self.ledger.is_empty())
    }

    /// Takes the notes: probable mistakes, values that could not be read or are not of their column's
    /// type, and columns that no record had. `name` is the query's, which notes about its own columns omit.
    pub fn take_notes(&mut self, name: &str) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        for (query, met) in std::mem::take(&mut self.unreadable) {
            notes.extend(unreadable_notes(&query, &met));
        }
        let of_other = |query: &str| {
            if query == name {
                String::new()
            } else {
                format!("`{query}`, ")
            }
        };
        for (query, misfits) in std::mem::take(&mut self.misfits) {
            let origin = of_other(&query);
            notes.extend(misfits.into_words().map(|words| format!("{origin}{words}")));
        }
        for (query, seen) in std::mem::take(&mut self.columns) {
            let origin = of_other(&query);
            notes.extend(seen.into_words().map(|words| format!("{origin}{words}")));
        }
        notes
    }
}

/// Returns the notes about values that could not be read.
pub fn unreadable_notes(query: &str, met: &UnreadableValues) -> impl Iterator<Item = String> {
    met.iter()
        .map(move |((expression, expected), (count, first))| {
            let (one, several) = expected.words();
            let values = if *count == 1 {
                format!("a value that is not {one} as null")
            } else {
                format!("{count} values that are not {several} as null")
            };
            format!("in `{query}`, `{expression}` read {values} (the first is {first})")
        })
}
