//! The requests for one item, page after page.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;

use crate::engine::columns;
use crate::engine::levels::Level;
use crate::engine::missing::{self, is_map, missing_list, missing_rows};
use crate::engine::outcome::{End, First};
use crate::engine::outlet::{Gone, Outlet, Taker};
use crate::engine::page::{Listed, PagesSeen, RowsPrint, fingerprint, listed};
use crate::engine::records::{KeyedRecord, PageRead, check_all_required, read_page, take_rows};
use crate::engine::remainder::{Remainder, remainder};
use crate::engine::response::{
    all_response_facts, content, graphql_error, is_hollow, meaning, message, refusal, scrubbed,
};
use crate::engine::run::Run;
use crate::engine::unread::unread_pages;
use crate::engine::{Cut, FailedItem, Outcome, RunError, RunErrorKind};
use crate::http::{Request, Response, StatusCode};
use crate::paginate::{Change, Next, Page, Style};
use crate::plan::{Plan, RequestPlan, Site};
use crate::project::query::StatusMeaning;

/// The next request of a listing, or its end.
pub enum Step {
    Next(Box<Request>),
    Done(Outcome),
}

/// The listing for one item.
pub struct Listing<'r> {
    pub run: &'r Run,
    pub plan: &'r Plan,
    pub requests: RequestPlan<'r>,
    pub site: &'r Site,
    /// True if the reader may have enough before the listing ends.
    is_counted: bool,
    pages: u64,
    /// The number of rows read.
    pub rows: u64,
    /// The number of list members on all pages, before any filter in `rows`.
    members: u64,
    /// The largest number of list members on a page.
    most_members: u64,
    /// The requests sent: repeating one would loop forever.
    requested: HashSet<u64>,
    pages_seen: PagesSeen,
    /// True if the rows are the members of an object.
    is_map: bool,
    /// True if the previous page was short, so that there may be no further one.
    is_perhaps: bool,
}

impl<'r> Listing<'r> {
    /// Creates a listing without pages. If the reader counts records, the next page is only
    /// requested once those of the previous page were taken.
    pub fn new(run: &'r Run, requests: RequestPlan<'r>, site: &'r Site, is_counted: bool) -> Self {
        Self {
            run,
            plan: requests.plan,
            requests,
            site,
            is_counted: is_counted || requests.record_limit().is_some(),
            pages: 0,
            rows: 0,
            members: 0,
            most_members: 0,
            requested: HashSet::new(),
            pages_seen: PagesSeen::default(),
            is_perhaps: false,
            is_map: false,
        }
    }

    /// Requests page after page and passes on their records.
    pub async fn pages(mut self, taker: &Taker, outlet: &Outlet) -> End {
        let mut request = match self.requests.request(self.site) {
            Ok(request) => request,
            Err(error) => return End::Failed(self.fault(None, RunErrorKind::Render(error))),
        };
        loop {
            let (kept, step) = match self.fetch(&request).await {
                Ok(page) => page,
                Err(kind) => {
                    let is_of_file = kind.is_of_file();
                    let error = self.fault(Some(&request), kind);
                    if self.pages == 0 || is_of_file {
                        return End::Failed(error);
                    }
                    return End::Done(Outcome::Broken(error.into()));
                }
            };
            if self.hand_on(kept, taker, outlet).await.is_err() {
                return End::Gone;
            }
            match step {
                Step::Next(next) => request = *next,
                Step::Done(outcome) => return End::Done(outcome),
            }
        }
    }

    /// Requests a page and reads it.
    async fn fetch(&mut self, request: &Request) -> Result<(Vec<KeyedRecord>, Step), RunErrorKind> {
        let (run, plan, site) = (self.run, self.requests, self.site);
        self.note_request(request);
        let mut response = run.send(plan, request, site).await?;
        if self.pages > 0 && request.is_safe && is_hollow(plan.call, &response) {
            // An announced page came back empty; a second attempt usually succeeds.
            response = run.send_anew(plan, request, site).await?;
        }
        self.page(request, &response)
    }

    /// Records a request before it is sent.
    pub fn note_request(&mut self, request: &Request) {
        self.requested.insert(fingerprint(request));
        let mut findings = self.run.findings.borrow_mut();
        findings.add_request(self.plan, request);
    }

    /// Passes on records.
    pub async fn hand_on(
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

    /// Reads a page.
    pub fn page(
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
        self.run.note_response();
        self.note_first(response, meaning, body.as_ref());
        if self.pages == 0 {
            let doubt = missing::doubt(self.requests, response, body.as_ref());
            self.run.findings.borrow_mut().add_doubt(doubt);
        }
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
                return Ok((Vec::new(), self.broken(request, words)));
            }
        }
        self.is_map = is_map(self.requests, &body);
        let (mut kept, read) = self.records(response, &body)?;
        self.run.findings.borrow_mut().add_unreadable(plan);
        self.run.findings.borrow_mut().add_columns(plan, &read);
        self.run.cover_records(plan, &kept, &read);
        self.pages += 1;
        self.rows += read.rows;
        let mut step = self.after(request, response, &body, &read, style.as_ref());
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

    /// Reads the records of a page, unless only its body is wanted.
    fn records(
        &self,
        response: &Response,
        body: &Value,
    ) -> Result<(Vec<KeyedRecord>, PageRead), RunErrorKind> {
        let plan = self.plan;
        let shape = &plan.query.shape;
        let has_conditions = !shape.expect.is_empty()
            || self.requests.call.poll.is_some()
            || shape.requires_values();
        if self.run.wants_content(plan) && !has_conditions {
            return Ok((Vec::new(), PageRead::default()));
        }
        let most = self.requests.caps().rows;
        let most = most.map(|most| most.saturating_sub(self.rows));
        read_page(plan, self.site.scope(), body, response, most, self.rows)
            .and_then(|(kept, read)| {
                self.check_records(&kept, &read, body, response)?;
                Ok((kept, read))
            })
            .map_err(|kind| self.with_message(kind, body))
    }

    /// Refuses a response that lacks a required value, if no condition could drop its record later:
    /// then it is a failure of this item, not of the whole walk. Refuses the single record of a
    /// query if it has none of the columns.
    fn check_records(
        &self,
        kept: &[KeyedRecord],
        read: &PageRead,
        body: &Value,
        response: &Response,
    ) -> Result<(), RunErrorKind> {
        if self.requests.call.poll.is_some() {
            return Ok(());
        }
        let plan = self.plan;
        let is_only_record = plan.query.is_single() && plan.is_sole_request();
        if is_only_record || !plan.is_safe() {
            check_all_required(plan, kept)?;
        }
        if is_only_record && response.status.is_success() {
            columns::check_found(plan, &read.lacking, body)?;
        }
        Ok(())
    }

    /// Adds the error message in a response to the error about a missing value.
    fn with_message(&self, kind: RunErrorKind, body: &Value) -> RunErrorKind {
        match (kind, message(self.plan, body)) {
            (RunErrorKind::Missing(words, place), Some(says)) if self.plan.query.is_single() => {
                RunErrorKind::Missing(format!("{words}; {says}"), place)
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
    ) -> Step {
        let plan = self.plan;
        if read.is_enough || (plan.query.is_single() && !plan.query.shape.extract.is_empty()) {
            // A single record taken from a response is not a listing.
            return Step::Done(Outcome::Complete);
        }
        if read.is_capped {
            return Step::Done(Outcome::Cut(Cut::Rows(self.rows)));
        }
        // With `paginate: false`, the kind of API still knows if there are more pages.
        let Some(watched) = style
            .cloned()
            .or_else(|| self.requests.usual_style(request))
        else {
            return Step::Done(Outcome::Complete);
        };
        if !watched.knows_of_more() && (style.is_none() || plan.query.is_single()) {
            return Step::Done(Outcome::Complete);
        }
        let goes_on = match style.map(|_| self.goes_on(response, body)).transpose() {
            Ok(goes_on) => goes_on.flatten(),
            Err(words) => return self.broken(request, words),
        };
        let members = match listed(self.requests.call, Some(&watched), body) {
            Listed::Members(members) => members.len() as u64,
            Listed::Rows(rows) if watched.knows_of_more() => rows.len() as u64,
            Listed::Rows(_) if goes_on == Some(false) => 0,
            Listed::Rows(_) => {
                let words =
                    "`rows` does not name the list that is paged: set `list` under `paginate`";
                return self.broken(request, words);
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
                return Step::Done(Outcome::Complete);
            }
            Next::Broken(words) if style.is_some() => {
                return self.broken(request, words);
            }
            Next::Broken(_) => return Step::Done(Outcome::FirstPage),
            Next::More(_) | Next::Perhaps(_) if style.is_none() => {
                return Step::Done(Outcome::FirstPage);
            }
            Next::More(change) | Next::Perhaps(change) => change,
        };
        match self.cut() {
            Some(cut) => Step::Done(Outcome::Cut(cut)),
            None => self.follow(request, change, members),
        }
    }

    /// Returns the limit that cuts a listing with more pages, if there is one.
    fn cut(&self) -> Option<Cut> {
        if self.plan.query.is_single() {
            return Some(Cut::NoRows);
        }
        if self.run.wants_content(self.plan) {
            return Some(Cut::Content);
        }
        let caps = self.requests.caps();
        let pages = caps.pages.filter(|most| self.pages >= *most);
        let rows = caps.rows.filter(|most| self.rows >= *most);
        pages.map(Cut::Pages).or(rows.map(Cut::Rows))
    }

    /// Requests the next page, unless that was already requested. `members` is the number of list
    /// members on the page before it.
    fn follow(&self, request: &Request, change: Change, members: u64) -> Step {
        let mut following = request.clone();
        following.is_next_page = true;
        if let Err(words) = change.apply(&mut following) {
            return self.broken(request, words);
        }
        if !self.requested.contains(&fingerprint(&following)) {
            return Step::Next(Box::new(following));
        }
        if members == 0 && fingerprint(request) == fingerprint(&following) {
            // The cursor stays the same when there is nothing new: the end, for now.
            return Step::Done(Outcome::Complete);
        }
        let words = format!(
            "page {} leads to a page that was already requested, so the listing would never end",
            self.pages
        );
        self.broken(request, words)
    }

    /// Ends a listing, unless the response says that it is only a part.
    fn end(&self, request: &Request, response: &Response, style: Option<&Style>) -> Step {
        let outcome = match remainder(self.requests, request, response, self.members) {
            None => Outcome::Complete,
            Some(Remainder::Unknown(note)) => {
                self.run.findings.borrow_mut().add_doubt(Some(note.clone()));
                self.note(note);
                Outcome::Complete
            }
            // With `paginate: false`, that is as requested.
            Some(Remainder::Incomplete(_))
                if style.is_none() && self.requests.usual_style(request).is_some() =>
            {
                Outcome::FirstPage
            }
            Some(Remainder::Incomplete(words)) => return self.broken(request, words),
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
            scope.with_response(&all_response_facts(self.plan, response, body))
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
    fn repetition(&mut self, style: Option<&Style>, body: &Value) -> Option<String> {
        // A filter may leave no rows of a repeated page.
        let (Listed::Members(rows) | Listed::Rows(rows)) = listed(self.requests.call, style, body);
        let page = RowsPrint::of(&rows, style.is_none_or(|style| style.knows_of_more()));
        if let Some(advice) = style.and_then(|style| style.overlap_advice())
            && self.pages_seen.overlap(&page)
        {
            self.note(format!(
                "a page of `{}` begins with the last row of the previous page: {advice}",
                self.plan.query.name
            ));
        }
        self.pages_seen.add(&page)
    }

    pub fn note_first(&self, response: &Response, meaning: StatusMeaning, body: Option<&Value>) {
        if self.pages > 0 {
            return;
        }
        let note = body.and_then(|body| missing_rows(self.requests, body));
        self.note(note);
        let reads_response = self.plan.query.shape.expects_response();
        let is_used = reads_response && !self.plan.query.is_walk();
        if !self.plan.is_sole_request() && !is_used {
            return;
        }
        // When polling, the first page of the last response counts.
        let first = First {
            body: if meaning == StatusMeaning::Empty {
                Bytes::new()
            } else {
                response.body.clone()
            },
            response: response.clone(),
            json: if reads_response {
                body.map_or(Value::Null, |body| scrubbed(self.plan, response, body))
            } else {
                Value::Null
            },
        };
        let mut findings = self.run.findings.borrow_mut();
        findings.add_first(self.plan, first);
    }

    fn note(&self, note: impl Into<Option<String>>) {
        if let Some(note) = note.into() {
            self.run.findings.borrow_mut().add_note(note);
        }
    }

    /// Ends a listing whose remaining pages cannot be read.
    fn broken(&self, request: &Request, words: impl Into<String>) -> Step {
        let kind = RunErrorKind::Listing(words.into());
        Step::Done(Outcome::Broken(self.fault(Some(request), kind).into()))
    }

    /// Creates an error about the listing, and about the request if there is one.
    pub fn fault(&self, request: Option<&Request>, kind: RunErrorKind) -> RunError {
        RunError {
            request: request.map(|request| request.label(&self.plan.scrubber)),
            item: FailedItem::of(self.site),
            is_later_page: self.pages > 0 && request.is_some(),
            ..RunError::of_plan(self.plan, kind)
        }
    }
}
