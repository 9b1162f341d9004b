//! State shared by the tasks of a run.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::core::records::RecordList;
use crate::decode;
use crate::engine::cover::UsedPart;
use crate::engine::findings::Findings;
use crate::engine::levels::Level;
use crate::engine::memo::Memo;
use crate::engine::outcome::ResultKind;
use crate::engine::outlet::Ahead;
use crate::engine::records::{KeyedRecord, PageRead};
use crate::engine::response::meaning;
use crate::engine::split::{Incomplete, Shard, Split, TaggedSite, steady_level};
use crate::engine::stop::{Crew, Stop};
use crate::engine::{FailedItem, RunError, RunErrorKind, Session};
use crate::http::{Request, Response};
use crate::plan::{DataValue, DataValues, Plan, PlanId, RequestPlan, Site};
use crate::project::query::StatusMeaning;
use crate::resource::CONCURRENCY;

/// Reads all records of a plan, once. Passed in because the walk that implements it depends on this
/// module.
pub type ReadAll =
    for<'r> fn(&'r Rc<Run>, &'r Rc<Plan>) -> Pin<Box<dyn Future<Output = RecordList> + 'r>>;

/// All records of a plan that others use.
#[derive(Clone)]
pub struct Walked {
    pub records: RecordList,
    /// True if the walk failed as a whole, not only for some of its items.
    pub has_failed: bool,
}

/// The part of a walk that a run is about.
#[derive(Default)]
pub struct RunPart {
    /// True if only these items are walked.
    is_given: bool,
    /// The items of the level at which the walk is divided, until they are walked.
    items: RefCell<Option<Vec<TaggedSite>>>,
    /// Chooses items by their key.
    pub shard: Option<Shard>,
    /// The items whose records are incomplete.
    pub incomplete: RefCell<Incomplete>,
}

/// State shared by the tasks of a run.
pub struct Run {
    /// The plan that was run, the only one that may write.
    main: PlanId,
    /// True if it writes.
    writes: bool,
    /// The plan whose raw body is wanted. Its dependencies are read as usual.
    content_of: Option<PlanId>,
    /// The sites of items that are not walked, if only the items are wanted.
    pub found: Option<RefCell<Vec<Site>>>,
    /// The level at which the walk is divided, and its items are found.
    pub split: Cell<(PlanId, usize)>,
    /// The part of the walk that is wanted, if not all of it.
    pub part: RunPart,
    pub ahead: Rc<Ahead>,
    /// True if items are requested one after another.
    pub is_steady: bool,
    /// True if others run beside it: one of them may lack columns that the others have.
    pub is_beside: Cell<bool>,
    /// Set when a task panics.
    pub panicked: Rc<Cell<bool>>,
    pub session: Rc<Session>,
    /// Ends the walk.
    end: Stop,
    pub findings: RefCell<Findings>,
    pub data: Memo<Arc<DataValues>>,
    pub values: Memo<DataValue>,
    read_all: ReadAll,
    /// The records of plans whose failure is that of the whole walk.
    sole_records: Memo<Walked>,
    records: Memo<Walked>,
    /// The plans whose expectations were evaluated, of those that several others may use.
    pub checks: Memo<()>,
    requests: Cell<u64>,
    has_responses: Cell<bool>,
    /// Ends all tasks.
    tasks: RefCell<Option<Rc<Stop>>>,
}

/// Returns the level at which the walk of a plan is divided: that of all its loops, except for shards.
fn split_of(plan: &Rc<Plan>, session: &Session) -> (PlanId, usize) {
    let level = session.shard().and_then(|_| steady_level(plan));
    level.map_or((plan.id, plan.feeds.len()), |level| level.place())
}

/// Returns true if a limit may end a walk before all items are requested.
fn is_bounded(plan: &Plan) -> bool {
    plan.with_fed_by().into_iter().any(|part| {
        let mut loops = part.loops().iter();
        part.limit.is_some() || loops.any(|one| one.limit.is_some())
    })
}

impl Run {
    /// Creates the state of a run before its first request.
    pub fn new(
        plan: &Rc<Plan>,
        session: &Rc<Session>,
        kind: ResultKind,
        read_all: ReadAll,
    ) -> Self {
        Self {
            main: plan.id,
            writes: !plan.is_safe(),
            content_of: (kind == ResultKind::Content).then_some(plan.id),
            found: (kind == ResultKind::Items).then(RefCell::default),
            split: Cell::new(split_of(plan, session)),
            part: RunPart {
                shard: session.shard().copied(),
                ..RunPart::default()
            },
            ahead: Ahead::new(window(plan)),
            is_steady: session.is_steady() && is_bounded(plan),
            is_beside: Cell::new(false),
            panicked: Rc::default(),
            session: Rc::clone(session),
            end: Stop::default(),
            findings: RefCell::new(Findings::new(plan)),
            read_all,
            data: Memo::default(),
            values: Memo::default(),
            sole_records: Memo::default(),
            records: Memo::default(),
            checks: Memo::default(),
            requests: Cell::new(0),
            has_responses: Cell::new(false),
            tasks: RefCell::default(),
        }
    }

    /// Restricts the run to items of a level.
    pub fn give_items(&mut self, level: &Split, items: Vec<TaggedSite>) {
        self.split.set(level.place());
        self.part.is_given = true;
        // They were found by responses: the failure of the first item is not that of the server.
        self.has_responses.set(true);
        self.part.items.replace(Some(items));
    }

    /// Returns true if a walk is divided at the items that these are.
    pub fn is_split_at(&self, plan: &Plan, known: usize) -> bool {
        self.split.get() == (plan.id, known)
    }

    /// Keeps the site of an item instead of walking it, if only the items are wanted.
    pub fn keep_site(&self, site: &Site) -> Option<KeyedRecord> {
        let mut found = self.found.as_ref()?.borrow_mut();
        found.push(site.clone());
        Some(KeyedRecord::new(Value::from(found.len() - 1)))
    }

    /// Takes the items of a part that are given for the loops of a plan.
    pub fn take_items(&self, plan: &Plan) -> Option<Vec<TaggedSite>> {
        if self.split.get().0 != plan.id {
            return None;
        }
        self.part.items.take()
    }

    /// Returns true if the run only walks a part's items.
    pub fn is_of_part(&self) -> bool {
        self.part.is_given
    }

    /// Records that an item's records are incomplete; without an item, those of all.
    pub fn note_incomplete(&self, tag: Option<u32>) {
        self.part.incomplete.borrow_mut().add(tag);
    }

    /// Waits until a failure ends the walk.
    pub async fn failed(&self) {
        self.end.wait().await;
    }

    /// Registers the tasks that a failure ends.
    pub fn set_tasks(&self, crew: &Crew) {
        self.tasks.replace(Some(crew.ender()));
    }

    /// Returns true if the raw body of a plan's response is wanted.
    pub fn wants_content(&self, plan: &Plan) -> bool {
        self.content_of == Some(plan.id)
    }

    /// Sends a request of a plan; equal safe requests are sent once.
    pub async fn send(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
        site: &Site,
    ) -> Result<Response, RunErrorKind> {
        if !request.is_safe {
            return self.write(plan, request, site).await;
        }
        self.requests.set(self.requests.get() + 1);
        let sent = self.session.send(plan, request).await;
        self.unpacked(plan, sent.map_err(RunErrorKind::Transport)?)
    }

    /// Sends a request that writes and tracks its result.
    async fn write(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
        site: &Site,
    ) -> Result<Response, RunErrorKind> {
        // Queries that feed others are checked for this when they are read; this guards against an
        // unconfirmed write if that check were missing.
        assert!(
            plan.id == self.main,
            "a query that feeds another one would write"
        );
        self.requests.set(self.requests.get() + 1);
        let writes = self.session.writes();
        let item = FailedItem::of(site).map(|item| item.shown());
        let (number, request) = writes.follow(request, item, &plan.scrubber);
        let result = self.session.send_anew(plan, &request).await;
        let is_answer = result
            .as_ref()
            .is_ok_and(|response| meaning(plan.call, response) != StatusMeaning::Fail);
        writes.close(number, &result, is_answer);
        self.unpacked(plan, result.map_err(RunErrorKind::Transport)?)
    }

    /// Unpacks a body that is a gzip or Zstandard file, unless it is wanted as it is.
    fn unpacked(
        &self,
        plan: RequestPlan<'_>,
        mut response: Response,
    ) -> Result<Response, RunErrorKind> {
        if let Some(cover) = self.session.cover() {
            cover.used(&plan.query, UsedPart::Status(response.status.as_u16()));
        }
        if response.status.is_success() && !self.wants_content(plan.plan) {
            let limit = plan.resource().max_body;
            let unpacked = decode::unpacked(response.body, limit).map_err(|error| {
                let words = format!("cannot unpack the response: {}", error.message);
                RunErrorKind::Content(words)
            });
            response.body = unpacked?;
        }
        Ok(response)
    }

    /// Sends a request of a plan, bypassing earlier responses.
    pub async fn send_anew(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
        site: &Site,
    ) -> Result<Response, RunErrorKind> {
        if !request.is_safe {
            return self.write(plan, request, site).await;
        }
        self.requests.set(self.requests.get() + 1);
        let sent = self.session.send_anew(plan, request).await;
        self.unpacked(plan, sent.map_err(RunErrorKind::Transport)?)
    }

    /// Takes note of the records and dropped rows of a page.
    pub fn cover_records(&self, plan: &Plan, kept: &[KeyedRecord], read: &PageRead) {
        let Some(cover) = self.session.cover() else {
            return;
        };
        for kept in kept {
            cover.used(&plan.query, UsedPart::Kept(&kept.record));
        }
        if read.dropped > 0 {
            cover.used(&plan.query, UsedPart::Dropped);
        }
    }

    /// Returns the level of a plan.
    pub fn level(&self, plan: &Plan) -> Rc<Level> {
        self.session.levels().of(&plan.trail, &plan.query.name)
    }

    /// Records a failure that does not end the walk.
    pub fn note_failure(&self, error: RunError) {
        if self.session.fails_fast() {
            self.fail(error);
        } else {
            self.findings.borrow_mut().ledger.fail(error);
        }
    }

    /// Records that a condition on a query that others use is not met. What writes depends on it, so
    /// a run that writes ends, before anything was sent; any other goes on.
    pub fn note_unmet(&self, error: RunError) {
        if self.writes {
            self.fail(error);
        } else {
            self.findings.borrow_mut().unmet.add(error);
        }
    }

    /// Returns true if a failure is that of a poll that timed out and that a write depends on: the
    /// write would be sent although its condition is not met.
    pub fn is_unmet_poll(&self, plan: &Plan, error: &RunError) -> bool {
        let is_poll = matches!(error.kind, RunErrorKind::Waited(_));
        is_poll && self.writes && plan.id != self.main
    }

    /// Ends the walk with a failure.
    pub fn fail(&self, error: RunError) {
        self.findings.borrow_mut().fatal.get_or_insert(error);
        // At once, so that no more requests are sent.
        if let Some(tasks) = &*self.tasks.borrow() {
            tasks.set();
        }
        self.end.set();
    }

    /// Returns true if a failure ended the walk.
    pub fn has_failed(&self) -> bool {
        self.findings.borrow().fatal.is_some()
    }

    /// Records that a server has sent a valid response.
    pub fn note_response(&self) {
        self.has_responses.set(true);
    }

    /// Returns true if any server has sent a valid response.
    pub fn has_responses(&self) -> bool {
        self.has_responses.get()
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Adds requests that were sent earlier.
    pub fn resume_from(&self, requests: u64) {
        self.requests.set(requests);
        self.has_responses.set(requests > 0);
    }

    /// Returns the cache for records of plans; `is_sole` is true if their failure is that of the
    /// whole walk.
    pub fn records(&self, is_sole: bool) -> &Memo<Walked> {
        if is_sole {
            &self.sole_records
        } else {
            &self.records
        }
    }

    /// Returns all records of a plan that the whole run depends on, read once.
    pub async fn read_all(self: &Rc<Self>, plan: &Rc<Plan>) -> RecordList {
        (self.read_all)(self, plan).await
    }
}

/// Returns the number of items per level that may be in progress, or done and waiting for an
/// earlier one. It is far larger than the concurrency, so that one slow item does not stall the
/// others.
fn window(plan: &Plan) -> usize {
    let requests = plan.requests();
    let concurrency = requests.map_or(CONCURRENCY, |plan| plan.resource().concurrency);
    let window = (concurrency * 8).clamp(64, 1_024);
    match plan.record_limit() {
        // Records beyond the limit are not requested.
        Some(limit) if plan.query.shape.sort.is_empty() => {
            limit.clamp(concurrency, window.max(concurrency))
        }
        _ => window,
    }
}
