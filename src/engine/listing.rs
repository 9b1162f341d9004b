//! The requests for one item: page after page, or poll after poll.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::core::ending;
use crate::core::text::one_line;
use crate::core::time::{TIME_EXAMPLE, format_duration};
use crate::engine::answer::{content, graphql_error, meaning, refusal, scrubbed, whole_answer};
use crate::engine::columns;
use crate::engine::levels::Level;
use crate::engine::missing::{is_map, missing_list, missing_rows};
use crate::engine::outcome::{End, First};
use crate::engine::outlet::{Gone, Outlet, Taker};
use crate::engine::page::{Listed, RowsPrint, fingerprint, listed};
use crate::engine::part::{Part, part};
use crate::engine::records::{
    KeyedRecord, PageRead, check_required, keeps_its_meaning, read_page, take_rows,
};
use crate::engine::run::Run;
use crate::engine::unread::unread_pages;
use crate::engine::{Cut, FailedItem, Outcome, RunError, RunErrorKind};
use crate::http::{Request, Response, StatusCode};
use crate::paginate::{Next, Page, Style};
use crate::plan::{Plan, RequestPlan, Site};
use crate::project::query::{Call, Poll, StatusMeaning};
use crate::resource::ErrorBody;
use crate::template::RenderError;

/// The minimum and maximum polling interval of a `poll` without `every`.
const POLLS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];

/// The growth of that interval: a wait of minutes takes about a dozen polls, and one of seconds
/// ends promptly.
const POLL_GROWTH: f64 = 1.5;

/// The minimum timeout of the last request of a `poll`.
const LAST_ROUND: Duration = Duration::from_secs(5);

fn unmet(poll: &Poll) -> String {
    format!(
        "`until: {}` is still false after {}",
        poll.until.source(),
        format_duration(poll.timeout)
    )
}

/// Sends the requests of a plan for one item and passes on their records. If the reader counts
/// records, the next page is only requested once those of the previous page were taken.
pub async fn listing(
    run: &Run,
    requests: RequestPlan<'_>,
    site: &Site,
    is_counted: bool,
    taker: &Taker,
    outlet: &Outlet,
) -> End {
    let mut listing = Listing::new(run, requests, site);
    listing.is_counted |= is_counted;
    match &requests.call.poll {
        None => listing.pages(taker, outlet).await,
        Some(poll) => listing.poll(poll, taker, outlet).await,
    }
}

/// Refuses records that lack a required value.
fn check_all(plan: &Plan, kept: &[KeyedRecord]) -> Result<(), RunErrorKind> {
    kept.iter()
        .try_for_each(|kept| check_required(plan, &kept.record))
}

/// An error, or a reader that is gone.
enum Halt {
    Fault(RunErrorKind),
    Gone,
}

impl From<RunErrorKind> for Halt {
    fn from(kind: RunErrorKind) -> Self {
        Self::Fault(kind)
    }
}

impl From<Gone> for Halt {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

enum Step {
    Next(Box<Request>),
    Done(Outcome),
}

struct Listing<'r> {
    run: &'r Run,
    plan: &'r Plan,
    requests: RequestPlan<'r>,
    site: &'r Site,
    /// True if the reader may have enough before the listing ends.
    is_counted: bool,
    pages: u64,
    /// The number of rows read.
    rows: u64,
    /// The number of list members on all pages, before any filter in `rows`.
    members: u64,
    /// The largest number of list members on a page.
    most_members: u64,
    /// The requests sent: repeating one would loop forever.
    asked: HashSet<u64>,
    /// The pages seen whose rows are distinctive enough to be recognized.
    seen: HashSet<u64>,
    /// The rows of the last page.
    last_page: Option<u64>,
    /// The last row of the last page, if it had several.
    last_row: Option<u64>,
    /// The number of consecutive pages without new rows.
    idle: u32,
    /// True if the rows are the members of an object.
    is_map: bool,
    /// True if the previous page was short, so that there may be no further one.
    is_perhaps: bool,
}

impl<'r> Listing<'r> {
    fn new(run: &'r Run, requests: RequestPlan<'r>, site: &'r Site) -> Self {
        Self {
            run,
            plan: requests.plan,
            requests,
            site,
            is_counted: requests.record_limit().is_some(),
            pages: 0,
            rows: 0,
            members: 0,
            most_members: 0,
            asked: HashSet::new(),
            seen: HashSet::new(),
            last_page: None,
            last_row: None,
            idle: 0,
            is_perhaps: false,
            is_map: false,
        }
    }

    /// Requests page after page.
    async fn pages(mut self, taker: &Taker, outlet: &Outlet) -> End {
        let mut request = match self.requests.request(self.site) {
            Ok(request) => request,
            Err(error) => return End::Failed(self.fault(None, RunErrorKind::Render(error))),
        };
        loop {
            match self.step(&request, taker, outlet).await {
                Ok(Step::Next(next)) => request = *next,
                Ok(Step::Done(outcome)) => return End::Done(outcome),
                Err(Halt::Gone) => return End::Gone,
                Err(Halt::Fault(kind)) => {
                    let is_of_file = kind.is_of_file();
                    let error = self.fault(Some(&request), kind);
                    if self.pages == 0 || is_of_file {
                        return End::Failed(error);
                    }
                    return End::Done(Outcome::Broken(error.into()));
                }
            }
        }
    }

    async fn step(
        &mut self,
        request: &Request,
        taker: &Taker,
        outlet: &Outlet,
    ) -> Result<Step, Halt> {
        self.asked.insert(fingerprint(request));
        self.run
            .findings
            .borrow_mut()
            .add_request(self.plan, request);
        let mut response = self.run.send(self.requests, request, self.site).await?;
        if self.pages > 0 && request.is_safe && is_hollow(self.requests.call, &response) {
            // An announced page came back empty; a second attempt usually succeeds.
            response = self
                .run
                .send_anew(self.requests, request, self.site)
                .await?;
        }
        let (kept, next) = self.page(request, &response)?;
        self.hand_on(kept, taker, outlet).await?;
        Ok(next)
    }

    async fn hand_on(
        &self,
        kept: Vec<KeyedRecord>,
        taker: &Taker,
        outlet: &Outlet,
    ) -> Result<(), Gone> {
        if kept.is_empty() {
            return Ok(());
        }
        let level = self.run.level(self.plan);
        Level::count(&level.records, kept.len() as u64);
        taker(kept, outlet).await?;
        if self.is_counted && self.plan.query.shape.sort.is_empty() {
            // Only after these were taken is it known if more records are wanted.
            outlet.settled().await?;
        }
        Ok(())
    }

    /// Polls until the condition holds, then passes on the records of the last response.
    async fn poll(self, poll: &Poll, taker: &Taker, outlet: &Outlet) -> End {
        let request = match self.polled_request(poll).await {
            Ok(request) => request,
            Err(error) => return End::Failed(error),
        };
        let started = Instant::now();
        let mut pause = poll.every.unwrap_or(POLLS[0]);
        loop {
            let mut round = Self::new(self.run, self.requests, self.site);
            Level::count(&self.run.level(self.plan).polls, 1);
            // `timeout` also bounds a delay requested by the server.
            let time = poll
                .timeout
                .saturating_sub(started.elapsed())
                .max(LAST_ROUND);
            let result = match tokio::time::timeout(time, round.round(poll, &request)).await {
                Ok(result) => result,
                Err(_) => Err(round.fault(None, RunErrorKind::Waited(unmet(poll)))),
            };
            // A page read while the run is ending is truncated.
            if let Ok((kept, ..)) = &result
                && !ending::is_asked()
            {
                let state = kept.first().map(|kept| kept.record.clone());
                self.run.level(self.plan).last_state.replace(state);
            }
            let left = poll.timeout.saturating_sub(started.elapsed());
            let is_last = left.is_zero();
            match result {
                Ok((kept, outcome, true)) => {
                    let lacking = if self.plan.is_safe() {
                        Ok(())
                    } else {
                        check_all(self.plan, &kept)
                    };
                    if let Err(kind) = lacking {
                        return End::Failed(round.fault(None, kind));
                    }
                    return match round.hand_on(kept, taker, outlet).await {
                        Ok(()) => End::Done(outcome),
                        Err(Gone) => End::Gone,
                    };
                }
                Ok((kept, _, false)) if is_last => {
                    let words = unmet(poll);
                    if round.hand_on(kept, taker, outlet).await.is_err() {
                        return End::Gone;
                    }
                    let error = round.fault(None, RunErrorKind::Waited(words));
                    return End::Done(Outcome::Broken(error.into()));
                }
                Err(error) if !error.kind.is_passing() || is_last => return End::Failed(error),
                // A transient error does not end polling.
                Ok(_) | Err(_) => {}
            }
            // The last request is sent when the time is up, not before.
            tokio::time::sleep(pause.min(left)).await;
            if poll.every.is_none() {
                pause = pause.mul_f64(POLL_GROWTH).min(POLLS[1]);
            }
        }
    }

    /// Returns the request to poll: the query's own, or, after sending that once, the one for
    /// `endpoint`.
    async fn polled_request(&self, poll: &Poll) -> Result<Request, RunError> {
        let request = self
            .requests
            .request(self.site)
            .map_err(|error| self.fault(None, RunErrorKind::Render(error)))?;
        let Some(endpoint) = &poll.endpoint else {
            return Ok(request);
        };
        let fault = |kind| self.fault(Some(&request), kind);
        self.run
            .findings
            .borrow_mut()
            .add_request(self.plan, &request);
        let sent = self.run.send_anew(self.requests, &request, self.site).await;
        let response = sent.map_err(fault)?;
        // A response without records has started nothing to wait for.
        let is_failure = match meaning(self.requests.call, &response) {
            StatusMeaning::Ok => false,
            StatusMeaning::Empty => response.status.as_u16() >= 400,
            StatusMeaning::Fail => true,
        };
        if is_failure {
            return Err(fault(refusal(self.requests, &request, &response)));
        }
        if let Some(kind) = graphql_error(self.requests, &request, &response) {
            return Err(fault(kind));
        }
        self.run.note_answer();
        let answer = if endpoint.mentions().has("row") {
            content(self.plan, &response).map_err(fault)?
        } else {
            None
        };
        let answer = answer.unwrap_or(Value::Null);
        let polled = self.requests.polled_request(self.site, &answer);
        let polled = polled.map_err(|mut error| {
            // The response may explain the missing value.
            let message = ErrorBody::read(&answer).message;
            error.help = error.help.or(message.map(|words| {
                let words = self.plan.scrubber.text(&words).into_owned();
                format!("the response says: {}", one_line(&words))
            }));
            fault(RunErrorKind::Render(error))
        })?;
        Ok(polled.unwrap_or(request))
    }

    /// Sends one polling request; returns its records, and true if the condition holds.
    async fn round(
        &mut self,
        poll: &Poll,
        request: &Request,
    ) -> Result<(Vec<KeyedRecord>, Outcome, bool), RunError> {
        let mut request = request.clone();
        let mut all = Vec::new();
        loop {
            self.asked.insert(fingerprint(&request));
            self.run
                .findings
                .borrow_mut()
                .add_request(self.plan, &request);
            let read = match self.run.send_anew(self.requests, &request, self.site).await {
                Ok(response) => self.page(&request, &response).map(|page| (response, page)),
                Err(kind) => Err(kind),
            };
            let (response, (kept, next)) = read.map_err(|kind| self.fault(Some(&request), kind))?;
            all.extend(kept);
            let outcome = match next {
                Step::Next(next) => {
                    request = *next;
                    continue;
                }
                Step::Done(outcome) => outcome,
            };
            let holds = self
                .holds(poll, &all, &response)
                .map_err(|kind| self.fault(Some(&request), kind))?;
            return Ok((all, outcome, holds));
        }
    }

    fn holds(
        &self,
        poll: &Poll,
        all: &[KeyedRecord],
        response: &Response,
    ) -> Result<bool, RunErrorKind> {
        let rows: Value = all.iter().map(|kept| kept.record.clone()).collect();
        let body = response.json().unwrap_or(Value::Null);
        let nothing = Value::Null;
        let first = all.first().map_or(&nothing, |kept| &kept.record);
        let mut scope = self
            .site
            .scope()
            .with_all([("rows", &rows)])
            .with_response(&whole_answer(self.plan, response, &body));
        // Columns are available by name, as in conditions over records.
        if let Value::Object(members) = first {
            scope = scope.with_all(
                members
                    .iter()
                    .filter(|(name, _)| {
                        let mut columns = self.plan.query.shape.extract.iter();
                        columns.any(|column| column.name == **name)
                            && !keeps_its_meaning(self.plan, name)
                    })
                    .map(|(name, value)| (name.as_str(), value)),
            );
        }
        let raw = if self.plan.query.is_single() {
            &body
        } else {
            first
        };
        let holds = poll.until.holds(&scope.with_row(raw));
        // A value that is not a time will hardly become one, and polling would use up the whole
        // timeout.
        if let Some((_, first)) = scope.take_unreadable().into_values().next() {
            let words = format!("{first} is not {TIME_EXAMPLE}");
            return Err(RunErrorKind::Render(RenderError::new(
                &poll.until.place(),
                self.plan.scrubber.text(&words),
            )));
        }
        holds.map_err(RunErrorKind::Render)
    }

    /// Reads a page.
    fn page(
        &mut self,
        request: &Request,
        response: &Response,
    ) -> Result<(Vec<KeyedRecord>, Step), RunErrorKind> {
        let done = |outcome| Ok((Vec::new(), Step::Done(outcome)));
        let plan = self.plan;
        let meaning = meaning(self.requests.call, response);
        if self.is_perhaps && response.status == StatusCode::NOT_FOUND {
            // The previous page was short, and it was the last.
            return done(Outcome::Complete);
        }
        if meaning == StatusMeaning::Fail {
            return Err(refusal(self.requests, request, response));
        }
        if let Some(kind) = graphql_error(self.requests, request, response) {
            return Err(kind);
        }
        let body = match content(plan, response) {
            _ if meaning == StatusMeaning::Empty => None,
            Ok(body) => body,
            // The raw body may have any type.
            Err(_) if self.run.wants_content(plan) => None,
            Err(kind) => return Err(kind),
        };
        self.run.note_answer();
        self.note_first(response, meaning, body.as_ref());
        let Some(body) = body else {
            if self.pages > 0 {
                let status = response.status.as_u16();
                let words = format!("page {} has no body (status {status})", self.pages + 1);
                return Err(RunErrorKind::Listing(words));
            }
            self.pages += 1;
            return done(Outcome::Complete);
        };
        let style = self.requests.style(request);
        if self.pages > 0 {
            // A page without the list is not an empty page, except that Go encodes an empty list as
            // null, even beyond the last page. The rows of a repeated page were already delivered.
            let is_promised = style.as_ref().is_none_or(|style| style.knows_of_more());
            let words = missing_list(self.requests, &body, self.is_map)
                .filter(|_| is_promised || !body.is_null())
                .map(|words| format!("page {}: {words}", self.pages + 1))
                .or_else(|| self.repetition(style.as_ref(), &body));
            if let Some(words) = words {
                return done(Outcome::Broken(self.broken(request, words).into()));
            }
        }
        self.is_map = is_map(self.requests, &body);
        let most = self
            .requests
            .caps()
            .rows
            .map(|most| most.saturating_sub(self.rows));
        let requires = plan
            .query
            .shape
            .extract
            .iter()
            .any(|column| column.required);
        let is_asked =
            !plan.query.shape.expect.is_empty() || self.requests.call.poll.is_some() || requires;
        let (mut kept, read) = if self.run.wants_content(plan) && !is_asked {
            (Vec::new(), PageRead::default())
        } else {
            let read = read_page(plan, self.site.scope(), &body, response, most);
            read.and_then(|(kept, read)| {
                self.check_answer(&kept)?;
                self.check_columns(&read, &body, response)?;
                Ok((kept, read))
            })
            .map_err(|kind| self.with_message(kind, &body))?
        };
        self.run.findings.borrow_mut().add_unreadable(plan);
        self.run.findings.borrow_mut().add_columns(plan, &read);
        self.pages += 1;
        self.rows += read.rows;
        let mut step = self.after(request, response, &body, &read, style.as_ref())?;
        let is_listing = !plan.query.is_single() || plan.query.shape.extract.is_empty();
        if matches!(step, Step::Done(Outcome::Complete)) && is_listing && !read.is_enough {
            step = self.end(request, response, style.as_ref());
        }
        if self.pages == 1 && matches!(step, Step::Next(_)) {
            // A listing with a single page has nothing to compare it with.
            self.repetition(style.as_ref(), &body);
        }
        take_rows(plan, &mut kept, body);
        Ok((kept, step))
    }

    /// Refuses a response that lacks a required value, if no condition could drop its record later:
    /// then it is a failure of this item, not of the whole walk.
    fn check_answer(&self, kept: &[KeyedRecord]) -> Result<(), RunErrorKind> {
        let plan = self.plan;
        let is_sole = plan.query.is_single() && plan.is_sole_request();
        if self.requests.call.poll.is_some() || (plan.is_safe() && !is_sole) {
            return Ok(());
        }
        check_all(plan, kept)
    }

    /// Refuses the single record of a query if it has none of the columns.
    fn check_columns(
        &self,
        read: &PageRead,
        body: &Value,
        response: &Response,
    ) -> Result<(), RunErrorKind> {
        let plan = self.plan;
        let is_only_record = plan.query.is_single() && plan.is_sole_request();
        if !is_only_record || self.requests.call.poll.is_some() || !response.status.is_success() {
            return Ok(());
        }
        match (
            columns::none_found(plan, &read.lacking, body),
            plan.query.shape.extract.first(),
        ) {
            (Some(words), Some(column)) => Err(RunErrorKind::Missing(words, column.place.clone())),
            _ => Ok(()),
        }
    }

    /// Adds the error message in a response to the error about a missing value.
    fn with_message(&self, kind: RunErrorKind, body: &Value) -> RunErrorKind {
        match (kind, ErrorBody::read(body).message) {
            (RunErrorKind::Missing(words, place), Some(message)) if self.plan.query.is_single() => {
                let message = self.plan.scrubber.text(&message).into_owned();
                let words = format!("{words}; the response says: {}", one_line(&message));
                RunErrorKind::Missing(words, place)
            }
            (kind, _) => kind,
        }
    }

    /// Decides how to continue after a page.
    fn after(
        &mut self,
        request: &Request,
        response: &Response,
        body: &Value,
        read: &PageRead,
        style: Option<&Style>,
    ) -> Result<Step, RunErrorKind> {
        let done = |outcome| Ok(Step::Done(outcome));
        let plan = self.plan;
        if read.is_enough || (plan.query.is_single() && !plan.query.shape.extract.is_empty()) {
            // A single record taken from a response is not a listing.
            return done(Outcome::Complete);
        }
        if read.is_capped {
            return done(Outcome::Cut(Cut::Rows(self.rows)));
        }
        // With `paginate: false`, the kind of API still knows if there are more pages.
        let Some(watched) = style
            .cloned()
            .or_else(|| self.requests.usual_style(request))
        else {
            return done(Outcome::Complete);
        };
        if !watched.knows_of_more() && (style.is_none() || plan.query.is_single()) {
            return done(Outcome::Complete);
        }
        let goes_on = match style.map(|_| self.goes_on(response, body)).transpose() {
            Ok(goes_on) => goes_on.flatten(),
            Err(words) => return done(Outcome::Broken(self.broken(request, words).into())),
        };
        let members = match listed(self.requests.call, Some(&watched), body) {
            Listed::Members(members) => members.len() as u64,
            Listed::Rows(rows) if watched.knows_of_more() => rows.len() as u64,
            Listed::Rows(_) if goes_on == Some(false) => 0,
            Listed::Rows(_) => {
                let words =
                    "`rows` does not name the list that is paged: set `list` under `paginate`";
                return done(Outcome::Broken(self.broken(request, words).into()));
            }
        };
        self.members += members;
        self.most_members = self.most_members.max(members);
        let next = watched.next(&Page {
            request,
            headers: &response.headers,
            body,
            rows: members,
            most_rows: self.most_members,
            pages: self.pages,
            total_rows: self.members,
            goes_on,
        });
        self.is_perhaps = matches!(next, Next::Perhaps(_));
        let change = match next {
            Next::End => {
                self.note(unread_pages(self.requests, body));
                return done(Outcome::Complete);
            }
            Next::Broken(words) if style.is_some() => {
                return done(Outcome::Broken(self.broken(request, words).into()));
            }
            Next::Broken(_) => return done(Outcome::FirstPage),
            Next::More(_) | Next::Perhaps(_) if style.is_none() => return done(Outcome::FirstPage),
            Next::More(change) | Next::Perhaps(change) => change,
        };
        if plan.query.is_single() {
            return done(Outcome::Cut(Cut::NoRows));
        }
        if self.run.wants_content(plan) {
            return done(Outcome::Cut(Cut::Content));
        }
        let caps = self.requests.caps();
        if let Some(most) = caps.pages.filter(|most| self.pages >= *most) {
            return done(Outcome::Cut(Cut::Pages(most)));
        }
        if let Some(most) = caps.rows.filter(|most| self.rows >= *most) {
            return done(Outcome::Cut(Cut::Rows(most)));
        }
        let mut following = request.clone();
        following.is_next_page = true;
        if let Err(words) = change.apply(&mut following) {
            return done(Outcome::Broken(self.broken(request, words).into()));
        }
        if self.asked.contains(&fingerprint(&following)) {
            if members == 0 && fingerprint(request) == fingerprint(&following) {
                // The cursor stays the same when there is nothing new: the end, for now.
                return done(Outcome::Complete);
            }
            let words = format!(
                "page {} leads to a page that was already requested, so the listing would never end",
                self.pages
            );
            return done(Outcome::Broken(self.broken(request, words).into()));
        }
        Ok(Step::Next(Box::new(following)))
    }

    /// Ends a listing, unless the response says that it is only a part.
    fn end(&self, request: &Request, response: &Response, style: Option<&Style>) -> Step {
        let outcome = match part(self.requests, request, response, self.members) {
            None => Outcome::Complete,
            Some(Part::Unknown(note)) => {
                self.note(note);
                Outcome::Complete
            }
            // With `paginate: false`, that is as requested.
            Some(Part::Incomplete(_))
                if style.is_none() && self.requests.usual_style(request).is_some() =>
            {
                Outcome::FirstPage
            }
            Some(Part::Incomplete(words)) => Outcome::Broken(Box::new(self.broken(request, words))),
        };
        Step::Done(outcome)
    }

    /// Evaluates the file's `while` condition, if there is one.
    fn goes_on(&self, response: &Response, body: &Value) -> Result<Option<bool>, String> {
        let Some(condition) = self.requests.goes_on_while() else {
            return Ok(None);
        };
        if self.pages == 1 && condition.is_lost(body) {
            let source = condition.source();
            self.note(format!(
                "`while: {source}` matches nothing in the response, so its first page is the last"
            ));
        }
        let scope = || {
            let scope = self.site.scope();
            scope.with_response(&whole_answer(self.plan, response, body))
        };
        condition.holds(body, scope).map(Some).map_err(|error| {
            let source = condition.source();
            format!(
                "`while: {source}` does not say if there are more pages: {}",
                error.message
            )
        })
    }

    /// Returns the reason why a page repeats an earlier one; `None` if it may be new.
    ///
    /// Only rows are compared: the rest of a response contains times and ids that always change. Equal
    /// pages may both be valid if their rows have no identity; an endless listing is then recognized
    /// by the number of such pages.
    fn repetition(&mut self, style: Option<&Style>, body: &Value) -> Option<String> {
        /// The maximum number of consecutive pages without new rows.
        const MOST_IDLE: u32 = 1_000;
        // A filter may leave no rows of a repeated page.
        let (Listed::Members(rows) | Listed::Rows(rows)) = listed(self.requests.call, style, body);
        let page = RowsPrint::of(&rows, style.is_none_or(|style| style.knows_of_more()));
        if let Some(advice) = style.and_then(|style| style.overlap_advice())
            && page.is_telling
            && page.ends.map(|(first, _)| first) == self.last_row
            && self.last_row.is_some()
        {
            self.note(format!(
                "a page of `{}` begins with the last row of the previous page: {advice}",
                self.plan.query.name
            ));
        }
        self.last_row = page.ends.map(|(_, last)| last);
        let is_idle = page.is_empty || self.last_page == Some(page.print);
        self.idle = if is_idle { self.idle + 1 } else { 0 };
        self.last_page = Some(page.print);
        if page.is_telling && !self.seen.insert(page.print) {
            return Some(
                "the same rows were returned twice, so the listing would never end".to_owned(),
            );
        }
        (self.idle > MOST_IDLE)
            .then(|| format!("{MOST_IDLE} pages had no new rows, so the listing would never end"))
    }

    fn note_first(&self, response: &Response, meaning: StatusMeaning, body: Option<&Value>) {
        if self.pages > 0 {
            return;
        }
        let note = body.and_then(|body| missing_rows(self.requests, body));
        self.note(note);
        // When polling, the first page of the last response counts.
        if !self.plan.is_sole_request() {
            return;
        }
        self.run.findings.borrow_mut().first = Some(First {
            body: if meaning == StatusMeaning::Empty {
                Bytes::new()
            } else {
                response.body.clone()
            },
            response: response.clone(),
            json: if self.plan.query.shape.expect.is_empty() {
                Value::Null
            } else {
                body.map_or(Value::Null, |body| scrubbed(self.plan, response, body))
            },
        });
    }

    fn note(&self, note: impl Into<Option<String>>) {
        if let Some(note) = note.into() {
            self.run.findings.borrow_mut().add_note(note);
        }
    }

    fn broken(&self, request: &Request, words: impl Into<String>) -> RunError {
        let words = words.into();
        self.fault(Some(request), RunErrorKind::Listing(words))
    }

    fn fault(&self, request: Option<&Request>, kind: RunErrorKind) -> RunError {
        RunError {
            request: request.map(|request| request.label(&self.plan.scrubber)),
            item: FailedItem::of(self.site),
            is_later_page: self.pages > 0 && request.is_some(),
            ..RunError::of_plan(self.plan, kind)
        }
    }
}

/// Returns true for a successful response with an empty body.
fn is_hollow(call: &Call, response: &Response) -> bool {
    response.status == StatusCode::OK
        && meaning(call, response) == StatusMeaning::Ok
        && response.body.iter().all(u8::is_ascii_whitespace)
}
