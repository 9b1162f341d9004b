//! A plan's requests, page after page.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::engine::answer::{content, expectations, lost_rows, meaning, refusal};
use crate::engine::records::{Collector, Deliver, PageRead};
use crate::engine::{RunError, RunErrorKind, Session};
use crate::http::{Body, HeaderMap, Request, Response, Transport};
use crate::paginate::{Next, Page, Paginate, Style};
use crate::plan::Plan;
use crate::project::query::StatusMeaning;

/// What a query gave, besides its records.
#[derive(Debug)]
pub struct Report {
    /// How many records were delivered.
    pub records: usize,
    /// How complete they are.
    pub outcome: Outcome,
    /// The content of the first answer as it came.
    pub body: Bytes,
    /// The header fields of the first answer.
    pub headers: HeaderMap,
    /// From sending the first request to the last byte of its answer.
    pub elapsed: Duration,
    /// What looks like a mistake and is none for sure.
    pub note: Option<String>,
    /// What the query expects and does not hold. The records are good all the same.
    pub failed_expectations: Option<RunError>,
}

/// How complete the records are.
#[derive(Debug)]
pub enum Outcome {
    /// All there are, or all that were asked for.
    Complete,
    /// The listing goes on, and the query wants its first page only.
    FirstPage,
    /// The listing goes on behind a cap.
    Cut(Cut),
    /// A page after the first could not be had: the records before it were delivered.
    Broken(RunError),
}

/// Why a listing is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After `max_pages`.
    Pages(u64),
    /// After `max_rows`.
    Rows(u64),
    /// The content of one answer was asked for.
    Content,
    /// The query does not say where the records stand.
    NoRows,
}

/// What of an answer is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Records.
    Records,
    /// The content as it came.
    Content,
}

/// Runs a plan.
///
/// # Errors
///
/// The first fault, unless it is one of a later page: then what came before it is good, and the
/// report says so.
pub async fn run(
    plan: &Plan,
    session: &Session,
    want: Want,
    deliver: &mut dyn Deliver,
) -> Result<Report, RunError> {
    let mut walk = Walk {
        plan,
        want,
        collector: Collector::new(plan),
        pages: 0,
        rows: 0,
        asked: HashSet::new(),
        last_body: Bytes::new(),
        last_rows: 0,
        report: None,
    };
    let mut request = plan
        .request()
        .map_err(|error| walk.fault(None, RunErrorKind::Render(error)))?;
    let stack = session
        .stack(plan)
        .map_err(|error| walk.fault(Some(&request), RunErrorKind::Transport(error)))?;
    let outcome = loop {
        walk.asked.insert(fingerprint(&request));
        let result = match stack.send(&request).await {
            Ok(response) => walk.page(&request, &response, deliver),
            Err(error) => Err(RunErrorKind::Transport(error)),
        };
        match result {
            Ok(Step::Next(next)) => request = *next,
            Ok(Step::Done(outcome)) => break outcome,
            Err(kind) => {
                let is_fault_of_file = matches!(
                    kind,
                    RunErrorKind::Render(_)
                        | RunErrorKind::Rows { .. }
                        | RunErrorKind::Missing(..)
                        | RunErrorKind::Sink(_)
                );
                let error = walk.fault(Some(&request), kind);
                if walk.pages == 0 || is_fault_of_file {
                    return Err(error);
                }
                break Outcome::Broken(error);
            }
        }
    };
    walk.finish(&request, outcome, deliver)
}

enum Step {
    Next(Box<Request>),
    Done(Outcome),
}

struct Walk<'p> {
    plan: &'p Plan,
    want: Want,
    collector: Collector<'p>,
    pages: u64,
    rows: u64,
    /// Requests that were sent: one that comes again would never end.
    asked: HashSet<String>,
    last_body: Bytes,
    last_rows: u64,
    /// The report of the first answer, with what expectations may ask of it.
    report: Option<(Report, Response, Value)>,
}

impl Walk<'_> {
    fn page(
        &mut self,
        request: &Request,
        response: &Response,
        deliver: &mut dyn Deliver,
    ) -> Result<Step, RunErrorKind> {
        let done = |outcome| Ok(Step::Done(outcome));
        let plan = self.plan;
        let meaning = meaning(plan, response);
        if meaning == StatusMeaning::Fail {
            return Err(refusal(plan, request.url.path(), response));
        }
        let body = match content(plan, response) {
            _ if meaning == StatusMeaning::Empty => None,
            Ok(body) => body,
            // Whoever wants the content as it came wants it whatever it is.
            Err(_) if self.want == Want::Content => None,
            Err(kind) => return Err(kind),
        };
        self.note_first(response, meaning, body.as_ref());
        let Some(body) = body else {
            self.pages += 1;
            return done(Outcome::Complete);
        };
        if self.last_rows > 0 && response.body == self.last_body {
            // Its rows were delivered already.
            let words = "the same page came twice, so the listing would never end";
            return done(Outcome::Broken(self.broken(request, words)));
        }
        self.last_body = response.body.clone();
        let caps = plan.caps();
        let most = caps.rows.map(|most| most.saturating_sub(self.rows));
        let read = if self.want == Want::Content && plan.query.expect.is_empty() {
            PageRead::default()
        } else {
            self.collector.page(&body, response, most, deliver)?
        };
        self.pages += 1;
        deliver.pause().map_err(RunErrorKind::Sink)?;
        self.rows += read.rows;
        self.last_rows = read.rows;
        if read.is_enough || (plan.query.is_single() && !plan.query.extract.is_empty()) {
            // What is taken out of an answer as one record is no listing.
            return done(Outcome::Complete);
        }
        if read.is_capped {
            return done(Outcome::Cut(Cut::Rows(self.rows)));
        }
        let style = plan.style();
        // Where the file wants one page only, the kind of API still knows whether there are more.
        let Some(watched) = style
            .clone()
            .or_else(|| plan.resource.kind.pagination(&plan.query.method))
        else {
            return done(Outcome::Complete);
        };
        let next = watched.next(&Page {
            url: &request.url,
            headers: &response.headers,
            body: &body,
            rows: read.rows,
            pages: self.pages,
            total_rows: self.rows,
        });
        let change = match next {
            Next::End => return done(Outcome::Complete),
            Next::Broken(words) if style.is_some() => {
                return done(Outcome::Broken(self.broken(request, words)));
            }
            Next::Broken(_) => return done(Outcome::FirstPage),
            Next::More(_) if style.is_none() => return done(Outcome::FirstPage),
            Next::More(change) => change,
        };
        if plan.query.is_single() {
            return match watched {
                Style::Number(_) | Style::Offset(_) => done(Outcome::Complete),
                Style::Cursor(_) | Style::Link(_) => done(Outcome::Cut(Cut::NoRows)),
            };
        }
        if self.want == Want::Content {
            return done(Outcome::Cut(Cut::Content));
        }
        if let Some(most) = caps.pages.filter(|most| self.pages >= *most) {
            return done(Outcome::Cut(Cut::Pages(most)));
        }
        if let Some(most) = caps.rows.filter(|most| self.rows >= *most) {
            return done(Outcome::Cut(Cut::Rows(most)));
        }
        let mut following = request.clone();
        if let Err(words) = change.apply(&mut following) {
            return done(Outcome::Broken(self.broken(request, words)));
        }
        if self.asked.contains(&fingerprint(&following)) {
            let words = format!(
                "the cursor of page {} was there before, so the listing would never end",
                self.pages
            );
            return done(Outcome::Broken(self.broken(request, words)));
        }
        Ok(Step::Next(Box::new(following)))
    }

    fn note_first(&mut self, response: &Response, meaning: StatusMeaning, body: Option<&Value>) {
        if self.report.is_some() {
            return;
        }
        let report = Report {
            records: 0,
            outcome: Outcome::Complete,
            body: if meaning == StatusMeaning::Empty {
                Bytes::new()
            } else {
                response.body.clone()
            },
            headers: response.headers.clone(),
            elapsed: response.elapsed,
            note: body.and_then(|body| lost_rows(self.plan, body)),
            failed_expectations: None,
        };
        let facts = if self.plan.query.expect.is_empty() {
            Value::Null
        } else {
            body.cloned().unwrap_or(Value::Null)
        };
        self.report = Some((report, response.clone(), facts));
    }

    fn finish(
        mut self,
        request: &Request,
        outcome: Outcome,
        deliver: &mut dyn Deliver,
    ) -> Result<Report, RunError> {
        if let Err(kind) = self.collector.finish(deliver) {
            return Err(self.fault(Some(request), kind));
        }
        let Some((mut report, response, body)) = self.report.take() else {
            let words = "the run ended before there was an answer";
            return Err(self.broken(request, words));
        };
        report.records = self.collector.delivered();
        report.outcome = outcome;
        let failed = expectations(self.plan, self.collector.rows(), &response, &body)
            .map_err(|kind| self.fault(Some(request), kind))?;
        report.failed_expectations = (!failed.is_empty())
            .then(|| self.fault(Some(request), RunErrorKind::Expectation(failed)));
        Ok(report)
    }

    fn broken(&self, request: &Request, words: impl Into<String>) -> RunError {
        let words = words.into();
        self.fault(Some(request), RunErrorKind::Listing(words))
    }

    fn fault(&self, request: Option<&Request>, kind: RunErrorKind) -> RunError {
        RunError {
            query: self.plan.query.name.clone(),
            resource: self.plan.resource.name.clone(),
            request: request.map(Request::label),
            kind,
        }
    }
}

/// What makes a request the same as another one of this walk.
fn fingerprint(request: &Request) -> String {
    let body = match &request.body {
        Body::Bytes { bytes, .. } => String::from_utf8_lossy(bytes),
        Body::Empty | Body::Multipart(_) => "".into(),
    };
    format!("{}\n{:?}\n{body}", request.url, request.headers)
}
