//! A CircleCI that changes at random between two syncs, and knows what a store must hold.
//!
//! A [`Model`] serves a project over HTTP. [`Model::step`] lets some time pass: pipelines start,
//! workflows go on, are rerun in old pipelines and expire, things are deleted, and requests will
//! fail until the next step. [`Model::truth`] tells what there is and was. All of it follows from
//! the seed and the time of the beginning.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::support::{Answer, LiveServer, Received, Response};
use crate::sync::story::{Expiry, PROJECT, Story};

/// The number of items on a page.
const PAGE: usize = 5;

/// The kinds of events in the steps of a model.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each kind of event is on or off by itself"
)]
pub struct Events {
    /// Requests fail: with 5xx, some until the next step, and with 429.
    pub faults: bool,
    /// New pipelines appear while the listing is read.
    pub shifts: bool,
    /// Pipelines and workflows are deleted.
    pub deletions: bool,
    /// Records of old pipelines expire.
    pub expiry: bool,
    /// Answers get new columns.
    pub columns: bool,
    /// The maximum age of a pipeline whose workflows are rerun or deleted: a store does not look
    /// at older ones again.
    pub reach: SignedDuration,
    /// The maximum time that a step takes.
    pub longest_step: SignedDuration,
}

impl Events {
    /// Everything.
    pub const ALL: Self = Self {
        faults: true,
        shifts: true,
        deletions: true,
        expiry: true,
        columns: true,
        reach: SignedDuration::from_hours(13 * 24),
        longest_step: SignedDuration::from_hours(6),
    };

    /// Only what every API does: things start, go on, and are rerun.
    pub const QUIET: Self = Self {
        faults: false,
        shifts: false,
        deletions: false,
        expiry: false,
        columns: false,
        ..Self::ALL
    };
}

/// The tables of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Pipelines,
    Workflows,
    Jobs,
}

/// The way in which the API shows a row now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is listed. A sync that is complete has it, as it is.
    Listed,
    /// It appeared after the last step, while requests were answered. A sync may have it.
    Fresh,
    /// It was deleted. A sync that saw it has it, marked.
    Deleted,
    /// Its record expired. A sync that saw it has it, unmarked.
    Expired,
}

/// A row of the truth.
#[derive(Debug, Clone)]
pub struct Row {
    pub table: Table,
    /// Its fields as the API shows them, or showed them last.
    pub fields: Map<String, Value>,
    /// The id of the row whose request lists it.
    pub parent: Option<String>,
    pub shown: Shown,
}

/// The model and its server.
pub struct Model {
    server: LiveServer,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Option<State>>,
    changed: Condvar,
}

struct State {
    story: Story,
    events: Events,
    rng: fastrand::Rng,
    /// The failures until the next step.
    faults: Vec<Fault>,
    /// The number of further pages of the listing before a pipeline appears.
    shift: Option<usize>,
    columns: u32,
    is_retyped: bool,
    requests: Vec<String>,
    /// The number of requests that have come.
    count: usize,
    /// The number of the request from which on none is answered.
    hangs_at: Option<usize>,
}

/// Requests that fail.
struct Fault {
    /// The path, below `/api/v2`.
    path: String,
    status: u16,
    times: usize,
}

impl Model {
    /// A model with these events that begins at a time.
    pub fn new(seed: u64, events: Events, begin: Timestamp) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let story = Story::new(seed, begin, &mut rng);
        let shared = Arc::new(Shared::default());
        *shared.lock() = Some(State {
            story,
            events,
            rng,
            faults: Vec::new(),
            shift: None,
            columns: 0,
            is_retyped: false,
            requests: Vec::new(),
            count: 0,
            hangs_at: None,
        });
        let server = LiveServer::start({
            let shared = Arc::clone(&shared);
            move |request| shared.respond(request)
        });
        Self { server, shared }
    }

    /// `http://127.0.0.1:PORT`, below which `/api/v2` is.
    pub fn base_url(&self) -> String {
        self.server.url()
    }

    /// Lets time pass, and makes events and faults.
    pub fn step(&self) {
        self.shared.state(|state| {
            state.settle();
            state.step();
        });
    }

    /// Ends what fails.
    pub fn heal(&self) {
        self.shared.state(State::settle);
    }

    /// Lets time pass in which nothing happens.
    pub fn pass(&self, time: SignedDuration) {
        self.shared.state(|state| state.story.now += time);
    }

    /// Adds a column to the answers.
    pub fn add_column(&self) {
        self.shared.state(|state| state.columns += 1);
    }

    /// Makes the numbers of pipelines in workflows texts.
    pub fn change_type(&self) {
        self.shared.state(|state| state.is_retyped = true);
    }

    /// Returns the rows by their ids.
    pub fn truth(&self) -> BTreeMap<String, Row> {
        self.shared.state(|state| state.truth())
    }

    /// Returns the requests since they were taken last, such as `/pipeline/ID/workflow`.
    pub fn requests(&self) -> Vec<String> {
        self.shared
            .state(|state| std::mem::take(&mut state.requests))
    }

    /// Lets the n-th request from now on, and all after it, wait in vain; `None` ends that.
    pub fn hang_at(&self, request: Option<usize>) {
        self.shared
            .state(|state| state.hangs_at = request.map(|request| state.count + request));
    }

    /// Waits a moment for a request that hangs, and returns true if there is one.
    pub fn wait_for_hanging(&self, limit: Duration) -> bool {
        let state = self.shared.lock();
        let hangs = |state: &Option<State>| {
            let state = state.as_ref().expect("set when the model was made");
            state.hangs_at.is_some_and(|at| state.count >= at)
        };
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, limit, |state| !hangs(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        hangs(&state)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(self.lock().as_mut().expect("set when the model was made"))
    }

    fn respond(&self, request: &Received) -> Response {
        let response = self.state(|state| state.respond(&request.target));
        self.changed.notify_all();
        response
    }
}

impl State {
    fn settle(&mut self) {
        self.faults.clear();
        self.shift = None;
        self.story.age_fresh();
    }

    fn step(&mut self) {
        let (events, rng) = (self.events, &mut self.rng);
        let longest = events.longest_step.as_secs();
        self.story.now += SignedDuration::from_secs(rng.i64(60..=longest.max(60)));
        for _ in 0..rng.usize(1..=6) {
            match rng.u32(0..100) {
                0..30 => self.story.start(false, rng),
                30..70 => self.story.go_on(rng),
                70..85 => self.story.rerun(events.reach, rng),
                85..90 if events.deletions => self.story.delete_workflow(events.reach, rng),
                90..93 if events.deletions => self.story.delete_pipeline(rng),
                93..98 if events.expiry => self.story.expire(rng),
                98.. if events.columns => self.columns += 1,
                _ => {}
            }
        }
        if events.shifts && rng.u32(0..100) < 30 {
            self.shift = Some(rng.usize(1..=3));
        }
        if events.faults {
            for _ in 0..rng.usize(0..=2) {
                self.faults.push(fault(&self.story, rng));
            }
        }
    }

    fn respond(&mut self, target: &str) -> Response {
        self.count += 1;
        if self.hangs_at.is_some_and(|at| self.count >= at) {
            return Response::Hang;
        }
        let target = target.replace("%2F", "/");
        let target = target.strip_prefix("/api/v2").unwrap_or(&target).to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let faults = self.faults.iter_mut();
        let mut hit = faults.filter(|fault| fault.times > 0 && fault.path == path);
        let answer = if let Some(fault) = hit.next() {
            fault.times -= 1;
            let message = json!({ "message": "The model fails as it was told." });
            let answer = Answer::status(fault.status).json(&message);
            match fault.status {
                429 => answer.header("retry-after", "0"),
                _ => answer,
            }
        } else {
            match self.items(path) {
                None => Answer::status(404).json(&json!({ "message": "Pipeline not found." })),
                Some(items) => Answer::status(200).json(&self.page(path, query, &items)),
            }
        };
        self.requests.push(target);
        Response::Answer(answer)
    }

    /// Returns the items of a list, newest first.
    fn items(&self, path: &str) -> Option<Vec<Value>> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["project", slug @ .., "pipeline"] if slug.join("/") == PROJECT => {
                let listed = self.story.pipelines.iter().rev();
                let listed = listed.filter(|pipeline| !pipeline.is_deleted);
                Some(listed.map(|pipeline| pipeline.show().into()).collect())
            }
            ["pipeline", id, "workflow"] => {
                let mut pipelines = self.story.pipelines.iter();
                let pipeline = pipelines.find(|pipeline| pipeline.id == *id)?;
                if pipeline.is_deleted || pipeline.expiry == Some(Expiry::Forgotten) {
                    return None;
                }
                let listed = pipeline.workflows.iter().rev();
                let listed = listed.filter(|workflow| !workflow.is_deleted);
                let shown = listed.map(|workflow| self.shown(workflow.show(pipeline)));
                let shown = shown.map(|mut shown| {
                    if pipeline.expiry.is_some() {
                        shown["id"] = Value::Null;
                    }
                    Value::from(shown)
                });
                Some(shown.collect())
            }
            ["workflow", id, "job"] => {
                let (pipeline, workflow) = self.story.workflow(id)?;
                if pipeline.is_deleted || pipeline.expiry.is_some() || workflow.is_deleted {
                    return None;
                }
                Some(workflow.jobs().into_iter().map(Value::from).collect())
            }
            _ => None,
        }
    }

    /// Shows a workflow as its answers have it now.
    fn shown(&self, mut workflow: Map<String, Value>) -> Map<String, Value> {
        for column in 1..=self.columns {
            workflow.insert(format!("extra_{column}"), json!(column));
        }
        if self.is_retyped {
            workflow["pipeline_number"] = workflow["pipeline_number"].to_string().into();
        }
        workflow
    }

    fn page(&mut self, path: &str, query: &str, items: &[Value]) -> Value {
        let token = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("page-token="));
        let begin = token.map_or(0, |token| token.parse().expect("a token of this model"));
        let end = items.len().min(begin + PAGE);
        let next = (end < items.len()).then(|| end.to_string());
        let items = items.get(begin..end).unwrap_or_default().to_vec();
        if path.starts_with("/project/") {
            match self.shift.as_mut() {
                Some(1) => {
                    self.shift = None;
                    self.story.start(true, &mut self.rng);
                }
                Some(pages) => *pages -= 1,
                None => {}
            }
        }
        json!({ "items": items, "next_page_token": next })
    }

    fn truth(&self) -> BTreeMap<String, Row> {
        let mut rows = BTreeMap::new();
        let mut add = |table, fields: Map<String, Value>, parent: Option<&str>, shown| {
            let id = fields["id"].as_str().expect("an id").to_owned();
            let parent = parent.map(str::to_owned);
            let row = Row {
                table,
                fields,
                parent,
                shown,
            };
            assert!(rows.insert(id, row).is_none(), "an id of two rows");
        };
        for pipeline in &self.story.pipelines {
            let shown = match pipeline {
                _ if pipeline.is_deleted => Shown::Deleted,
                _ if pipeline.is_fresh => Shown::Fresh,
                _ => Shown::Listed,
            };
            add(Table::Pipelines, pipeline.show(), None, shown);
            for workflow in &pipeline.workflows {
                let shown = match shown {
                    Shown::Listed if pipeline.expiry.is_some() => Shown::Expired,
                    Shown::Listed if workflow.is_deleted => Shown::Deleted,
                    shown => shown,
                };
                let fields = self.shown(workflow.show(pipeline));
                add(Table::Workflows, fields, Some(&pipeline.id), shown);
                for job in workflow.jobs() {
                    add(Table::Jobs, job, Some(&workflow.id), shown);
                }
            }
        }
        rows
    }
}

/// Chooses requests that will fail.
fn fault(story: &Story, rng: &mut fastrand::Rng) -> Fault {
    let pipeline = rng.choice(&story.pipelines);
    let pipeline = pipeline.expect("a story has a past");
    let workflow = rng.choice(&pipeline.workflows);
    let path = match (rng.u32(0..10), workflow) {
        (0, _) => format!("/project/{PROJECT}/pipeline"),
        (1..4, Some(workflow)) => format!("/workflow/{}/job", workflow.id),
        _ => format!("/pipeline/{}/workflow", pipeline.id),
    };
    let status = *rng.choice(&[500, 502, 503, 504, 429, 429]).expect("some");
    // A server that refuses for ever would have the client wait for it.
    let times = if status != 429 && rng.u32(0..3) == 0 {
        usize::MAX
    } else {
        rng.usize(1..=2)
    };
    Fault {
        path,
        status,
        times,
    }
}
