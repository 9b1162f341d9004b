//! The state that the tasks of a run share.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::answer::meaning;
use crate::engine::findings::Findings;
use crate::engine::levels::Level;
use crate::engine::memo::Memo;
use crate::engine::outcome::Want;
use crate::engine::outlet::Ahead;
use crate::engine::records::Kept;
use crate::engine::stop::{Crew, Stop};
use crate::engine::{RunError, RunErrorKind, Session};
use crate::http::{Request, Response};
use crate::plan::{DataValue, DataValues, Plan, PlanId, Site};
use crate::project::query::StatusMeaning;

/// Reads all records of a plan, once. The walk that does it stands on this state, so it is handed
/// in.
pub type ReadAll =
    for<'r> fn(&'r Rc<Run>, &'r Rc<Plan>) -> Pin<Box<dyn Future<Output = Arc<Vec<Value>>> + 'r>>;

/// The state that the tasks of a run share.
pub struct Run {
    /// The plan whose content is wanted as it came. Those that it stands on are read all the same.
    content_of: Option<PlanId>,
    /// The sites of the requests that are not sent, where only the items are wanted.
    pub found: Option<RefCell<Vec<Site>>>,
    pub ahead: Rc<Ahead>,
    /// Set when a task panics.
    pub panicked: Rc<Cell<bool>>,
    pub session: Rc<Session>,
    /// Ends the walk.
    end: Stop,
    pub findings: RefCell<Findings>,
    pub data: Memo<Arc<DataValues>>,
    pub values: Memo<DataValue>,
    read_all: ReadAll,
    /// Records whose failure is that of the whole walk, and others.
    sole_records: Memo<Arc<Vec<Value>>>,
    records: Memo<Arc<Vec<Value>>>,
    requests: Cell<u64>,
    has_answers: Cell<bool>,
    /// Ends all tasks.
    tasks: RefCell<Option<Rc<Stop>>>,
}

impl Run {
    /// A run of a plan, before its first request.
    pub fn new(plan: &Rc<Plan>, session: &Rc<Session>, want: Want, read_all: ReadAll) -> Self {
        Self {
            content_of: (want == Want::Content).then_some(plan.id),
            found: (want == Want::Items).then(RefCell::default),
            ahead: Ahead::new(window(plan)),
            panicked: Rc::default(),
            session: Rc::clone(session),
            end: Stop::default(),
            findings: RefCell::new(Findings::new(plan)),
            read_all,
            data: Memo::default(),
            values: Memo::default(),
            sole_records: Memo::default(),
            records: Memo::default(),
            requests: Cell::new(0),
            has_answers: Cell::new(false),
            tasks: RefCell::default(),
        }
    }

    /// Keeps the site of a request in place of sending it, where only the items are wanted.
    pub fn keep_site(&self, plan: &Plan, site: &Site) -> Option<Kept> {
        let found = self.found.as_ref().filter(|_| plan.trail.is_empty())?;
        let mut found = found.borrow_mut();
        found.push(site.clone());
        Some(Kept::new(Value::from(found.len() - 1)))
    }

    /// Waits until the walk is ended by a failure.
    pub async fn failed(&self) {
        self.end.heard().await;
    }

    /// Notes the tasks that a failure ends.
    pub fn set_tasks(&self, crew: &Crew) {
        self.tasks.replace(Some(crew.ender()));
    }

    /// Whether the content of a plan's answer is wanted, and not its records.
    pub fn wants_content(&self, plan: &Plan) -> bool {
        self.content_of == Some(plan.id)
    }

    /// Sends a request of a plan; equal ones that only read are sent once.
    pub async fn send(
        &self,
        plan: &Plan,
        request: &Request,
        site: &Site,
    ) -> Result<Response, RunErrorKind> {
        if !request.is_safe {
            return self.write(plan, request, site).await;
        }
        self.requests.set(self.requests.get() + 1);
        self.session
            .send(plan, request)
            .await
            .map_err(RunErrorKind::Transport)
    }

    /// Sends a request that writes, and follows what becomes of it.
    async fn write(
        &self,
        plan: &Plan,
        request: &Request,
        site: &Site,
    ) -> Result<Response, RunErrorKind> {
        self.requests.set(self.requests.get() + 1);
        let writes = self.session.writes();
        let (number, request) = writes.follow(request, site.about(), &plan.scrubber);
        let result = self.session.send_anew(plan, &request).await;
        let is_answer = result
            .as_ref()
            .is_ok_and(|response| meaning(plan, response) != StatusMeaning::Fail);
        writes.close(number, &result, is_answer);
        result.map_err(RunErrorKind::Transport)
    }

    /// Sends a request of a plan, whatever was answered before.
    pub async fn send_anew(
        &self,
        plan: &Plan,
        request: &Request,
        site: &Site,
    ) -> Result<Response, RunErrorKind> {
        if !request.is_safe {
            return self.write(plan, request, site).await;
        }
        self.requests.set(self.requests.get() + 1);
        self.session
            .send_anew(plan, request)
            .await
            .map_err(RunErrorKind::Transport)
    }

    /// The level of a plan.
    pub fn level(&self, plan: &Plan) -> Rc<Level> {
        self.session.levels().of(&plan.trail, &plan.query.name)
    }

    /// Notes a failure that does not end the walk.
    pub fn note_failure(&self, error: RunError) {
        if self.session.fails_fast() {
            self.fail(error);
        } else {
            self.findings.borrow_mut().ledger.fail(error);
        }
    }

    /// Ends the walk with a failure.
    pub fn fail(&self, error: RunError) {
        self.findings.borrow_mut().fatal.get_or_insert(error);
        // At once, so that nothing more is asked.
        if let Some(tasks) = &*self.tasks.borrow() {
            tasks.say();
        }
        self.end.say();
    }

    /// Whether the walk was ended by a failure.
    pub fn has_failed(&self) -> bool {
        self.findings.borrow().fatal.is_some()
    }

    /// Notes that a server has answered what it was asked.
    pub fn note_answer(&self) {
        self.has_answers.set(true);
    }

    /// Whether any server has.
    pub fn has_answers(&self) -> bool {
        self.has_answers.get()
    }

    /// How many requests were made so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Counts requests that were made before.
    pub fn resume_from(&self, requests: u64) {
        self.requests.set(requests);
        self.has_answers.set(requests > 0);
    }

    /// The records of a plan, which are read once; `is_sole` says whose failure theirs is.
    pub fn records(&self, is_sole: bool) -> &Memo<Arc<Vec<Value>>> {
        if is_sole {
            &self.sole_records
        } else {
            &self.records
        }
    }

    /// All records of a plan on which the whole run stands, read once.
    pub async fn read_all(self: &Rc<Self>, plan: &Rc<Plan>) -> Arc<Vec<Value>> {
        (self.read_all)(self, plan).await
    }
}

/// The number of items of a level that may be under way, or done and waiting for one before them.
/// Far more than requests in flight, so that one slow item does not bring the others to a halt.
fn window(plan: &Plan) -> usize {
    let concurrency = plan.resource.concurrency;
    let window = (concurrency * 8).clamp(64, 1_024);
    match plan.record_limit() {
        // What is not wanted is not asked for.
        Some(limit) if plan.query.sort.is_empty() => {
            limit.clamp(concurrency, window.max(concurrency))
        }
        _ => window,
    }
}
