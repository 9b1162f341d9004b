//! Judges the answers to recorded requests.

use std::collections::BTreeSet;

use crate::cli::drift::ask::{Asked, Chosen, Group, Live};
use crate::cli::drift::capture::Sender;
use crate::cli::drift::compare::{Finding, Recorded, compare};
use crate::cli::drift::shape::Shape;
use crate::cli::exit::Exit;
use crate::core::source::Place;
use crate::recording::{Answer, Content};

/// All results.
#[derive(Debug, Default)]
pub struct Report {
    /// The changes, failures and notes.
    pub findings: Vec<Found>,
    /// The requests that could not be checked.
    pub unchecked: Vec<Unchecked>,
    /// The names of the queries with a checked answer.
    pub queries: BTreeSet<String>,
    /// The number of checked answers.
    pub requests: usize,
}

/// A change with its origin.
#[derive(Debug)]
pub struct Found {
    /// The change.
    pub finding: Finding,
    /// The query that sends the request.
    pub query: String,
    /// The request: `GET /me`.
    pub request: String,
}

/// A request, or a whole case, that could not be checked.
#[derive(Debug)]
pub struct Unchecked {
    /// The request, or the case.
    pub what: String,
    /// The reason.
    pub reason: String,
    /// The exit code, if nothing was checked.
    pub exit: Exit,
}

impl Report {
    /// Adds something that could not be checked.
    pub fn skip(&mut self, what: String, reason: String, exit: Exit) {
        self.unchecked.push(Unchecked { what, reason, exit });
    }

    /// Returns the number of failures.
    pub fn failures(&self) -> usize {
        let findings = self.findings.iter();
        findings.filter(|found| found.finding.is_failure).count()
    }

    /// Returns the number of notes.
    pub fn notes(&self) -> usize {
        self.findings.len() - self.failures()
    }

    /// Returns the exit code. What could not be checked only matters if nothing was.
    pub fn exit(&self) -> Exit {
        if self.failures() > 0 {
            return Exit::Expectation;
        }
        if self.requests > 0 || self.unchecked.is_empty() {
            return Exit::Done;
        }
        let exits: Vec<Exit> = self
            .unchecked
            .iter()
            .map(|unchecked| unchecked.exit)
            .collect();
        let order = [Exit::Credentials, Exit::Network];
        let first = order.into_iter().find(|exit| exits.contains(exit));
        first.or(exits.first().copied()).unwrap_or(Exit::Refused)
    }

    fn add(&mut self, finding: Finding, sender: &Sender, request: &str) {
        let is_known = self.findings.iter().any(|found| {
            let known = &found.finding;
            known.message == finding.message
                && match (&known.place, &finding.place) {
                    (None, None) => found.query == sender.query || found.request == request,
                    (Some(one), Some(other)) => one.short() == other.short(),
                    _ => false,
                }
        });
        if !is_known {
            self.findings.push(Found {
                finding,
                query: sender.query.clone(),
                request: request.to_owned(),
            });
        }
    }

    fn fail(&mut self, message: String, place: &Place, sender: &Sender, request: &str) {
        let finding = Finding {
            is_failure: true,
            message,
            place: Some(place.clone()),
        };
        self.add(finding, sender, request);
    }
}

/// Judges the answers of one group.
pub fn judge(group: &Group, asked: Vec<Asked>, report: &mut Report) {
    let mut judge = Judge {
        sender: &group.sender,
        recorded: Recorded::default(),
        live: Shape::default(),
        gone: Vec::new(),
        first: None,
        answered: 0,
        report,
    };
    for Asked { index, result } in asked {
        let chosen = &group.chosen[index];
        match result {
            Ok(answer) => judge.answer(chosen, &answer),
            Err(unanswered) => {
                let request = chosen.captured.ask.label();
                judge
                    .report
                    .skip(request, unanswered.reason, unanswered.exit);
            }
        }
    }
    judge.finish(group);
}

/// The answers of one group so far.
struct Judge<'j> {
    sender: &'j Sender,
    recorded: Recorded,
    live: Shape,
    /// The requests whose route or object does not exist, with the status.
    gone: Vec<(String, u16)>,
    /// The first checked request.
    first: Option<String>,
    /// The number of checked answers.
    answered: usize,
    report: &'j mut Report,
}

impl Judge<'_> {
    fn answer(&mut self, chosen: &Chosen, answer: &Live) {
        let request = chosen.captured.ask.label();
        let status = answer.status;
        let before = chosen.captured.answer.status;
        let on_status = &self.sender.on_status;
        let is_mapped = on_status.iter().any(|(known, _)| *known == status);
        let mut skip = |exit| {
            self.report
                .skip(request.clone(), format!("HTTP {status}"), exit);
        };
        match status {
            // A recorded failure that is still one.
            _ if status == before && !is_success(before) => {}
            401 | 403 if !is_mapped => return skip(Exit::Credentials),
            408 | 429 | 500.. => return skip(Exit::Refused),
            404 | 410 => {
                self.gone.push((request, status));
                return;
            }
            400.. if !is_mapped => {
                let at = on_status.iter().find(|(known, _)| *known == before);
                let place = at.map_or(&self.sender.address, |(_, place)| place);
                let words = format!("{request} is answered with HTTP {status} now, was {before}");
                self.report.fail(words, place, self.sender, &request);
            }
            200..=299 if is_success(before) && self.sender.is_json => {
                self.body(chosen, answer, &request);
            }
            _ => {}
        }
        self.first.get_or_insert(request);
        self.answered += 1;
    }

    /// Adds the bodies of a request to the shapes.
    fn body(&mut self, chosen: &Chosen, answer: &Live, request: &str) {
        let sender = self.sender;
        let mut was_json = false;
        for body in chosen.recorded.iter().filter_map(json_body) {
            was_json = true;
            self.recorded.asked.add(body, &sender.redactions);
        }
        match &answer.body {
            Some(body) => self.live.add(body, &sender.redactions),
            None if was_json => {
                let words = format!("the answer to {request} is not JSON now");
                self.report.fail(words, &sender.address, sender, request);
            }
            None => {}
        }
    }

    /// Compares the shapes. A single request for what is gone may have been for an old object; all
    /// of them are an error.
    fn finish(mut self, group: &Group) {
        let (sender, report) = (self.sender, self.report);
        if self.answered == 0 {
            if let Some((request, status)) = self.gone.first() {
                let words = format!(
                    "the route is gone, or all that was recorded of it: HTTP {status} for {request}"
                );
                report.fail(words, &sender.address, sender, request);
                report.queries.insert(sender.query.clone());
                report.requests += self.gone.len();
            }
            return;
        }
        for (request, status) in self.gone {
            report.skip(request, format!("HTTP {status}"), Exit::Refused);
        }
        report.queries.insert(sender.query.clone());
        report.requests += self.answered;
        for body in group.recorded.iter().filter_map(json_body) {
            self.recorded.all.add(body, &sender.redactions);
        }
        let request = self.first.unwrap_or_default();
        for finding in compare(&self.recorded, &self.live, &sender.readings) {
            report.add(finding, sender, &request);
        }
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn json_body(answer: &Answer) -> Option<&serde_json::Value> {
    match &answer.body {
        Content::Json(body) if is_success(answer.status) => Some(body),
        _ => None,
    }
}
