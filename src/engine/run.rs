//! Drives a plan from its first request to its last record.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::task::LocalSet;

use crate::engine::answer::{ResultFacts, expectations, meaning};
use crate::engine::columns::ColumnsSeen;
use crate::engine::data::{all_data, run_facts, value};
use crate::engine::failures::records;
use crate::engine::items::Found;
use crate::engine::ledger::Ledger;
use crate::engine::levels::Level;
use crate::engine::memo::Memo;
use crate::engine::outlet::{Ahead, Batch, channel};
use crate::engine::records::{Deliver, Gather, Kept, PageRead};
use crate::engine::stop::{Crew, Stop};
use crate::engine::walk::{Walker, all_records, let_out, walk_fault};
use crate::engine::{RunError, RunErrorKind, Session};
use crate::http::{HeaderMap, Request, Response};
use crate::plan::{DataValue, DataValues, Plan, Site};
use crate::project::failures;
use crate::project::query::StatusMeaning;
use crate::template::Records;

/// What a query gave, besides its records.
#[derive(Debug)]
pub struct Report {
    /// How many records were delivered.
    pub records: usize,
    /// How complete they are.
    pub outcome: Outcome,
    /// What of a walk failed or was cut.
    pub ledger: Ledger,
    /// All failures as records, if the query reads them.
    pub failures: Records,
    /// Whether the run was ended from outside before the walk was done.
    pub is_stopped: bool,
    /// The content of the first answer as it came; nothing of a walk.
    pub body: Bytes,
    /// The header fields of the first answer; none of a walk.
    pub headers: HeaderMap,
    /// From sending the first request to the last byte of its answer; nothing of a walk.
    pub elapsed: Duration,
    /// What looks like a mistake and is none for sure.
    pub notes: Vec<String>,
    /// What the queries of `data` gave.
    pub data: Arc<DataValues>,
    /// Requests that were made, attempts not counted.
    pub requests: u64,
    /// What the query expects and does not hold. The records are good all the same.
    pub failed_expectations: Option<RunError>,
}

impl Report {
    /// Whether nothing of what was asked for failed or was cut.
    pub fn is_whole(&self) -> bool {
        !is_partial(&self.outcome, &self.ledger)
    }
}

/// Returns true if something of what was asked for failed or was cut.
fn is_partial(outcome: &Outcome, ledger: &Ledger) -> bool {
    let is_listing_whole = matches!(outcome, Outcome::Complete | Outcome::FirstPage);
    !is_listing_whole || !ledger.is_empty()
}

/// How complete the records of a listing are.
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
    /// The items that a query is asked for, before it is asked.
    Items,
}

/// The first answer of a query that asks for no items.
pub struct First {
    pub body: Bytes,
    pub response: Response,
    /// What expectations may ask of it.
    pub json: Value,
}

/// What the tasks of a run share.
pub struct Run {
    /// The plan whose content is wanted as it came. Those that it stands on are read all the same.
    content_of: Option<Rc<Plan>>,
    /// The sites of the requests that are not sent, where only the items are wanted.
    found: Option<RefCell<Vec<Site>>>,
    pub ahead: Rc<Ahead>,
    /// Set when a task panics.
    pub panicked: Rc<Cell<bool>>,
    pub session: Rc<Session>,
    /// Ends the walk.
    end: Stop,
    state: RefCell<State>,
    data: Memo<Arc<DataValues>>,
    values: Memo<DataValue>,
    /// Records whose failure is that of the whole walk, and others.
    sole_records: Memo<Arc<Vec<Value>>>,
    records: Memo<Arc<Vec<Value>>>,
    requests: Cell<u64>,
    has_answers: Cell<bool>,
    /// Ends all tasks.
    tasks: RefCell<Option<Rc<Stop>>>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    fatal: Option<RunError>,
    first: Option<First>,
    outcome: Option<Outcome>,
    /// By query.
    columns: BTreeMap<String, ColumnsSeen>,
    notes: Vec<String>,
    unreadable: BTreeMap<(String, String), (usize, String)>,
    /// The last request of a query that asks for no items.
    request: Option<String>,
}

impl Run {
    /// A run of a plan, before its first request.
    pub fn new(plan: &Rc<Plan>, session: &Rc<Session>, want: Want) -> Self {
        Self {
            content_of: (want == Want::Content).then(|| Rc::clone(plan)),
            found: (want == Want::Items).then(RefCell::default),
            ahead: Ahead::new(window(plan)),
            panicked: Rc::default(),
            session: Rc::clone(session),
            end: Stop::default(),
            state: RefCell::new(State {
                ledger: Ledger::new(plan.query.reads_failures()),
                ..State::default()
            }),
            data: Memo::default(),
            values: Memo::default(),
            sole_records: Memo::default(),
            records: Memo::default(),
            requests: Cell::new(0),
            has_answers: Cell::new(false),
            tasks: RefCell::default(),
        }
    }

    /// Goes on from what was found of a plan's items.
    fn resume(&self, plan: &Rc<Plan>, found: Found) -> Vec<Site> {
        let mut state = self.state.borrow_mut();
        state.ledger = found.ledger;
        state.notes = found.notes;
        self.requests.set(found.requests);
        self.has_answers.set(found.requests > 0);
        // A cell of a new run is empty.
        let _ = self.data.cell(plan).set(found.data);
        found.sites
    }

    /// Keeps the site of a request in place of sending it, where only the items are wanted.
    pub fn keep_site(&self, plan: &Plan, site: &Site) -> Option<Kept> {
        let found = self.found.as_ref().filter(|_| plan.trail.is_empty())?;
        let mut found = found.borrow_mut();
        found.push(site.clone());
        Some(Kept::new(Value::from(found.len() - 1)))
    }

    /// What was found, in the order of the kept sites' numbers.
    pub fn found(&self, order: &[u64], data: Arc<DataValues>) -> Result<Found, RunError> {
        let state = self.state.take();
        if let Some(error) = state.fatal {
            return Err(error);
        }
        let sites = self.found.as_ref().map(RefCell::take).unwrap_or_default();
        let order = order
            .iter()
            .filter_map(|number| usize::try_from(*number).ok());
        Ok(Found {
            sites: order
                .filter_map(|index| sites.get(index).cloned())
                .collect(),
            ledger: state.ledger,
            notes: state.notes,
            requests: self.requests(),
            data,
        })
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
        self.content_of
            .as_ref()
            .is_some_and(|wanted| std::ptr::eq(&raw const **wanted, plan))
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

    /// Whether a plan makes the only requests of the query that was asked for.
    pub fn is_sole_request(plan: &Plan) -> bool {
        plan.trail.is_empty() && !plan.query.is_walk()
    }

    /// Notes the request that a fault of the whole query would be about.
    pub fn note_request(&self, plan: &Plan, request: &Request) {
        if Self::is_sole_request(plan) {
            self.state.borrow_mut().request = Some(request.label(&plan.scrubber));
        }
    }

    /// Notes a failure that does not end the walk.
    pub fn note_failure(&self, error: RunError) {
        if self.session.fails_fast() {
            self.fail(error);
        } else {
            self.state.borrow_mut().ledger.fail(error);
        }
    }

    /// Ends the walk with a failure.
    pub fn fail(&self, error: RunError) {
        self.state.borrow_mut().fatal.get_or_insert(error);
        // At once, so that nothing more is asked.
        if let Some(tasks) = &*self.tasks.borrow() {
            tasks.say();
        }
        self.end.say();
    }

    /// Whether the walk was ended by a failure.
    pub fn has_failed(&self) -> bool {
        self.state.borrow().fatal.is_some()
    }

    /// Notes that a listing was cut.
    pub fn note_cut(&self, query: &str, cut: Cut) {
        self.state.borrow_mut().ledger.cut(query, cut);
    }

    /// Notes how a listing ended that was not cut.
    pub fn note_outcome(&self, is_answer: bool, query: &str, outcome: Outcome) {
        if is_answer {
            self.state.borrow_mut().outcome = Some(outcome);
        } else if matches!(outcome, Outcome::FirstPage) {
            self.note(Some(first_page_note(query)));
        }
    }

    /// Notes what looks like a mistake, once.
    pub fn note(&self, note: Option<String>) {
        let mut state = self.state.borrow_mut();
        if let Some(note) = note
            && state.notes.len() < 10
            && !state.notes.contains(&note)
        {
            state.notes.push(note);
        }
    }

    /// Notes the values that should have been times, by query and expression.
    pub fn note_unreadable(&self, plan: &Plan) {
        let met = plan.scope().take_unreadable();
        if met.is_empty() {
            return;
        }
        let mut state = self.state.borrow_mut();
        for (expression, (count, first)) in met {
            let key = (plan.query.name.clone(), expression);
            let first = plan.scrubber.text(&first).into_owned();
            state.unreadable.entry(key).or_insert((0, first)).0 += count;
        }
    }

    /// Notes which columns the rows of a page lack.
    pub fn note_columns(&self, plan: &Plan, read: &PageRead) {
        if read.rows == 0 || plan.query.extract.is_empty() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let seen = match state.columns.get_mut(&plan.query.name) {
            Some(seen) => seen,
            None => state.columns.entry(plan.query.name.clone()).or_default(),
        };
        seen.add(read.lacking.clone());
    }

    /// Keeps the first answer.
    pub fn keep_first(&self, first: First) {
        self.state.borrow_mut().first = Some(first);
    }

    /// What the queries of a plan's `data` gave, asked for once.
    pub async fn data_of(self: &Rc<Self>, plan: &Rc<Plan>) -> Arc<DataValues> {
        let cell = self.data.cell(plan);
        let data = cell.get_or_init(|| all_data(self, plan)).await;
        Arc::clone(data)
    }

    /// The document or the records of a plan that others name under `data`, made once.
    pub async fn value_of(self: &Rc<Self>, plan: &Rc<Plan>) -> DataValue {
        let cell = self.values.cell(plan);
        cell.get_or_init(|| value(self, plan)).await.clone()
    }

    /// All records of a plan, for items that are needed more than once, asked for once.
    pub async fn records_of(self: &Rc<Self>, plan: &Rc<Plan>, is_sole: bool) -> Arc<Vec<Value>> {
        let memo = if is_sole {
            &self.sole_records
        } else {
            &self.records
        };
        let cell = memo.cell(plan);
        let records = cell.get_or_init(async || Arc::new(all_records(self, plan, is_sole).await));
        Arc::clone(records.await)
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

    /// The failures so far of a plan and of those that it stands on, and true if anything of the
    /// run is incomplete.
    pub fn failures_of(&self, plan: &Plan) -> (Records, bool) {
        let state = self.state.borrow();
        let queries = plan.query.with_fed_by();
        let is_of_plan = |error: &&RunError| queries.iter().any(|query| query.name == error.query);
        let all = state.ledger.all().iter().map(|error| &**error);
        let columns = failures::columns(queries.iter().copied());
        let records = records(plan, columns, all.filter(is_of_plan));
        (records, !state.ledger.is_empty())
    }
}

/// What is told of a listing of which one page was asked for.
pub fn first_page_note(query: &str) -> String {
    format!("the listing of `{query}` goes on: `paginate: false` reads its first page only")
}

/// Runs a plan, for the items that were found if there are some. When the session is told to stop, what is done is delivered.
///
/// # Errors
///
/// The first fault, unless it is one of an item or of a later page: then the rest is good, and the
/// report says so.
pub async fn run(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    want: Want,
    found: Option<Found>,
    deliver: &mut dyn Deliver,
) -> Result<Report, RunError> {
    session.levels().clear();
    let run = Rc::new(Run::new(plan, session, want));
    let sites = found.map(|found| run.resume(plan, found));
    let report = LocalSet::new()
        .run_until(drive(&run, plan, sites, deliver))
        .await;
    assert!(!run.panicked.get(), "a task of the walk panicked");
    report
}

/// How many items of a level may be under way or done and waiting for one before them. Far more
/// than requests in flight, so that one slow item does not bring the others to a halt.
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

async fn drive(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    sites: Option<Vec<Site>>,
    deliver: &mut dyn Deliver,
) -> Result<Report, RunError> {
    let crew = Crew::new(&run.panicked);
    run.set_tasks(&crew);
    let (outlet, mut inlet) = channel(&run.ahead, !run.session.is_unordered());
    let walker = Walker::start(run, &crew.member(), plan, true);
    match sites {
        None => crew.member().spawn(walker.walk(let_out(), outlet)),
        Some(sites) => crew
            .member()
            .spawn(walker.walk_each(sites, let_out(), outlet)),
    }
    let mut collector = Collector {
        run,
        plan,
        gather: Gather::new(plan),
        rows: Vec::new(),
        delivered: 0,
    };
    let mut is_stopped = false;
    let mut is_new = false;
    loop {
        let mut batch = inlet.ready();
        if batch.is_none() {
            if std::mem::take(&mut is_new) {
                let paused = deliver.pause();
                paused.map_err(|error| collector.fault(RunErrorKind::Sink(error)))?;
            }
            batch = tokio::select! {
                batch = inlet.next() => batch,
                // Tasks end, and what they have made comes before the end.
                () = run.session.stop().heard(), if !is_stopped => {
                    is_stopped = true;
                    crew.stop();
                    continue;
                }
                () = run.end.heard() => None,
            };
        }
        collector.tell_failures(deliver);
        let Some(batch) = batch else { break };
        is_new = true;
        collector.take(batch, deliver)?;
        if collector.gather.is_full() {
            break;
        }
    }
    crew.stop();
    collector.finish(deliver)?;
    collector.tell_failures(deliver);
    // Of a walk that failed or was ended there is nothing to wait for.
    let is_over = is_stopped || run.state.borrow().fatal.is_some();
    let data = if is_over || plan.data.is_empty() {
        Arc::default()
    } else {
        run.data_of(plan).await
    };
    collector.tell_failures(deliver);
    collector.report(is_stopped, data)
}

/// Delivers records, and puts the report together.
struct Collector<'r> {
    run: &'r Rc<Run>,
    plan: &'r Rc<Plan>,
    gather: Gather,
    /// What `expect` will see.
    rows: Vec<Value>,
    delivered: usize,
}

impl Collector<'_> {
    fn take(&mut self, batch: Batch, deliver: &mut dyn Deliver) -> Result<(), RunError> {
        let passed = self.gather.pass(batch.kept);
        let records = passed.map_err(|kind| self.fault(kind))?;
        self.deliver(records, deliver)
    }

    fn finish(&mut self, deliver: &mut dyn Deliver) -> Result<(), RunError> {
        let rest = self.gather.finish();
        let records = rest.map_err(|kind| self.fault(kind))?;
        self.deliver(records, deliver)
    }

    fn deliver(&mut self, records: Vec<Value>, deliver: &mut dyn Deliver) -> Result<(), RunError> {
        for mut record in records {
            self.plan.scrubber.json(&mut record);
            if !self.plan.query.expect.is_empty() {
                self.rows.push(record.clone());
            }
            self.delivered += 1;
            deliver
                .record(record)
                .map_err(|error| self.fault(RunErrorKind::Sink(error)))?;
        }
        Ok(())
    }

    fn fault(&self, kind: RunErrorKind) -> RunError {
        let request = self.run.state.borrow().request.clone();
        RunError {
            request,
            ..walk_fault(self.plan, kind)
        }
    }

    fn tell_failures(&self, deliver: &mut dyn Deliver) {
        let fresh = self.run.state.borrow_mut().ledger.take_fresh();
        for error in fresh {
            deliver.failed(&error);
        }
    }

    fn report(self, is_stopped: bool, data: Arc<DataValues>) -> Result<Report, RunError> {
        let mut state = self.run.state.take();
        if let Some(error) = state.fatal {
            return Err(error);
        }
        let fault = |kind| RunError {
            request: state.request.clone(),
            ..walk_fault(self.plan, kind)
        };
        let (body, headers, elapsed) = match &state.first {
            None => (Bytes::new(), HeaderMap::new(), Duration::ZERO),
            Some(first) => (
                first.body.clone(),
                first.response.headers.clone(),
                first.response.elapsed,
            ),
        };
        let outcome = state.outcome.take().unwrap_or(Outcome::Complete);
        let mut notes = state.notes;
        let unreadable = std::mem::take(&mut state.unreadable);
        notes.extend(unreadable.into_iter().map(no_times));
        for (query, seen) in std::mem::take(&mut state.columns) {
            let of_other = if query == self.plan.query.name {
                String::new()
            } else {
                format!("`{query}`, ")
            };
            notes.extend(seen.into_words().map(|words| format!("{of_other}{words}")));
        }
        let requests = self.run.requests();
        let columns = failures::columns(self.plan.query.with_fed_by());
        let failed = state.ledger.all().iter().map(|error| &**error);
        // Its own listing breaks off beside the ledger.
        let broken = match &outcome {
            Outcome::Broken(error) => Some(error),
            _ => None,
        };
        let failures = records(self.plan, columns, failed.chain(broken));
        // What a run that was ended would have given is not known.
        let failed = if is_stopped {
            Vec::new()
        } else {
            let is_partial = is_partial(&outcome, &state.ledger);
            let facts = ResultFacts {
                records: &self.rows,
                answer: state
                    .first
                    .as_ref()
                    .map(|first| (&first.response, &first.json)),
                data: &data,
                run: &run_facts(self.plan, requests, is_partial),
                failures: &failures,
            };
            expectations(self.plan, &facts).map_err(&fault)?
        };
        Ok(Report {
            records: self.delivered,
            outcome,
            ledger: state.ledger,
            failures,
            is_stopped,
            body,
            headers,
            elapsed,
            notes,
            requests,
            data,
            failed_expectations: (!failed.is_empty())
                .then(|| fault(RunErrorKind::Expectation(failed))),
        })
    }
}

/// What is noted of an expression whose values are no times.
fn no_times(((query, expression), (count, first)): Unreadable) -> String {
    let values = if count == 1 {
        "a value as null, since it is no time".to_owned()
    } else {
        format!("{count} values as null, since they are no times")
    };
    format!("in `{query}`, `{expression}` read {values} (the first is {first})")
}

/// The query, the expression, how many values and the first of them.
type Unreadable = ((String, String), (usize, String));
