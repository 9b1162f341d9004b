//! Syncs of the shipped tables `pipelines`, `workflows` and `jobs`: what the store holds is what the
//! server has said, a sync that calls itself complete has missed nothing, and what a sync that was cut
//! off leaves is completed by the next.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::options::{ConnectArgs, MessageArgs, format_names};
use crate::cli::simulation::chance::Chance;
use crate::cli::simulation::circleci::{BASE, CircleCi, PROJECT, Pipeline, job_row, workflow_row};
use crate::cli::simulation::network::{Attempt, Fate, Network, Simulated, Weather};
use crate::cli::simulation::seeds;
use crate::cli::simulation::{good, interrupted, paused};
use crate::cli::sync::{jobs, show, sync_all};
use crate::cli::test::case::{NOW, NoShelf};
use crate::cli::watch::Watch;
use crate::engine::sync::{Job, Redactor, StoreThread, SyncOptions, TableOutcome};
use crate::engine::{ExecutionOptions, Session};
use crate::http::Observe;
use crate::plan::Input;
use crate::project::{Project, Trust};
use crate::sink::TemporaryFolder;
use crate::store::crashing::Fuse;
use crate::store::{Opening, Selection, Store, StoreAddress};

/// The `revisit` of the shipped query `workflows`.
const REVISIT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The manner in which a sync is run.
#[derive(Debug, Clone, Copy)]
struct Manner {
    weather: Weather,
    /// The number of statements after which the process dies.
    dies_after: Option<u64>,
    /// The time after which it is interrupted.
    stops_after: Option<Duration>,
}

impl Manner {
    const CLEAR: Self = Self {
        weather: Weather::CLEAR,
        dies_after: None,
        stops_after: None,
    };

    /// Returns a random one, for a process that needs some number of statements.
    fn of(chance: &Chance, statements: u64) -> Self {
        Self {
            weather: Weather {
                nonsense: chance.one_of(&[0, 0, 5, 20]),
                ..Weather::of(chance)
            },
            dies_after: chance
                .is(35)
                .then(|| chance.number(0..=statements.max(100))),
            stops_after: chance.is(10).then(|| chance.millis(1..=5_000)),
        }
    }
}

/// A sync that has ended.
#[derive(Debug)]
struct Synced {
    began: Timestamp,
    ended: Timestamp,
    /// The exit code; `None` if it was interrupted, or the process died.
    exit: Option<Exit>,
    is_complete: bool,
    messages: Vec<String>,
    attempts: Vec<Attempt>,
    statements: u64,
}

/// The rows of a store, those of workflows and jobs by what they belong to.
#[derive(Debug, Default)]
struct Stored {
    pipelines: BTreeSet<String>,
    workflows: BTreeMap<String, BTreeSet<String>>,
    jobs: BTreeMap<String, BTreeSet<String>>,
}

/// A server, a store, and what happened between them.
struct Simulation {
    chance: Rc<Chance>,
    circleci: Rc<CircleCi>,
    network: Rc<Network>,
    folder: TemporaryFolder,
    /// The starts of the syncs that received an answer about an item, and when it was given.
    answers: BTreeMap<String, Vec<(Timestamp, Timestamp)>>,
    log: Vec<String>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let chance = Rc::new(Chance::new(seed));
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let circleci = CircleCi::new(&chance, NOW - days(4), NOW + days(8));
        let circleci = Rc::new(circleci);
        let network = Network::new(Rc::clone(&circleci) as Rc<_>, &chance, NOW);
        Self {
            chance,
            circleci,
            network,
            folder: TemporaryFolder::default(),
            answers: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Lives through the history, with syncs in between. Returns all that happened.
    fn run(mut self) -> Vec<String> {
        let mut now = NOW;
        let mut statements = 0;
        for _ in 0..self.chance.number(3..=9) {
            let manner = Manner::of(&self.chance, statements);
            let synced = self.sync(now, manner);
            statements = statements.max(synced.statements);
            now = self.after(synced.ended);
        }
        let healed = self.sync(now, Manner::CLEAR);
        assert!(healed.is_complete, "{healed:#?}");
        // When everything has ended and is old, it is as the server has it.
        let end = self.after(healed.ended).max(self.circleci.end() + REVISIT);
        let last = self.sync(end + SignedDuration::from_hours(1), Manner::CLEAR);
        assert!(last.is_complete, "{last:#?}");
        let stored = self.stored();
        assert_eq!(stored.pipelines, self.circleci.listing(last.ended));
        for pipeline in self.circleci.pipelines() {
            let workflows = stored.workflows.get(&pipeline.id());
            let truth = pipeline.workflow_rows(last.ended);
            assert_eq!(
                workflows.cloned().unwrap_or_default(),
                truth,
                "{pipeline:#?}"
            );
        }
        // Then there is nothing to ask but whether there is something new.
        let idle = self.sync(last.ended + SignedDuration::from_mins(10), Manner::CLEAR);
        assert!(idle.is_complete, "{idle:#?}");
        assert!(idle.attempts.len() <= 1, "{idle:#?}");
        self.log
    }

    /// Returns a time for the next sync: after a while, or soon after something has happened.
    fn after(&self, last: Timestamp) -> Timestamp {
        let longest = self.chance.one_of(&[10, 90, 30 * 60]);
        let minutes = self.chance.number(1..=longest).cast_signed();
        let next = last + SignedDuration::from_mins(minutes);
        if self.chance.is(40) {
            return next;
        }
        let pipelines = self.circleci.pipelines().iter();
        let changes = pipelines.flat_map(Pipeline::changes);
        let seconds = self.chance.number(0..=120).cast_signed();
        let mut changes: Vec<Timestamp> = changes.filter(|at| *at >= next).collect();
        changes.sort_unstable();
        changes.truncate(6);
        let Some(last) = changes.len().checked_sub(1) else {
            return next;
        };
        changes[self.chance.size(0..=last)] + SignedDuration::from_secs(seconds)
    }

    fn open(&self) -> Store {
        let folder = self.folder.path().expect("a folder");
        let address = StoreAddress::File(folder.join("store.db"));
        address.open(Opening::Create, None).expect("a store")
    }

    /// Syncs, and checks what the store holds afterwards.
    fn sync(&mut self, now: Timestamp, manner: Manner) -> Synced {
        let fuse = Fuse::new(manner.dies_after.unwrap_or(u64::MAX));
        let synced = self.synced(now, manner, &fuse);
        let words = format!("{manner:?}: {synced:?}");
        self.log.push(words);
        for attempt in &synced.attempts {
            if let Fate::Received(at) = attempt.fate {
                let answers = self.answers.entry(attempt.target.clone()).or_default();
                answers.push((now, at));
            }
        }
        assert_eq!(self.network.violations(), [""; 0], "{synced:#?}");
        let stored = self.stored();
        self.check_versions(&stored, &synced);
        if synced.is_complete {
            self.check_complete(&stored, &synced);
        }
        if synced.exit.is_some() {
            check_outcome(&synced);
        }
        synced
    }

    fn synced(&self, now: Timestamp, manner: Manner, fuse: &Arc<Fuse>) -> Synced {
        let root = self.folder.path().expect("a folder").to_path_buf();
        let env = BTreeMap::from([(
            "CIRCLE_TOKEN".to_owned(),
            "t0ken-of-the-simulation".to_owned(),
        )]);
        let app = Rc::new(App::of_case(Arc::new(env), root, now));
        let jobs = prepared(&app);
        let reports = RefCell::new(Vec::new());
        let observer: Rc<dyn Observe> = Rc::new(Watch::new(Rc::clone(&app), 0, true));
        let mut store = self.open().crashing(Arc::clone(fuse));
        let begun = store.begin_sync(now.as_microsecond());
        let begun = begun.and_then(|sync| Ok((sync, store.salt(1)?)));
        let (is_stopped, ended) = paused(async {
            self.network.begin(now, manner.weather);
            let Ok((sync, salt)) = begun else {
                return (false, now);
            };
            let simulated = Rc::new(Simulated::new(&self.network, &observer));
            let exchange = Rc::new(Redactor::new(simulated, salt));
            let execution = ExecutionOptions {
                remembers: true,
                ..ExecutionOptions::default()
            };
            let session = Session::new(exchange, observer, execution, Box::new(NoShelf));
            let session = Rc::new(session);
            let chance = Rc::clone(&self.chance);
            let store = StoreThread::simulated(store, move || chance.millis(0..=20));
            let options = SyncOptions::default();
            let work = sync_all(&jobs, &options, &sync, &store, &session, &reports, &app);
            let (result, is_stopped) = interrupted(manner.stops_after, &session, work).await;
            good(result);
            (is_stopped, self.network.now())
        });
        let reports = reports.into_inner();
        let is_complete = reports.len() == jobs.len()
            && reports
                .iter()
                .all(|report| matches!(report.outcome, TableOutcome::Complete));
        let exit = show(&reports, &jobs, MessageArgs::default(), &app);
        let is_cut_off = is_stopped || fuse.is_burnt();
        Synced {
            began: now,
            ended,
            exit: (!is_cut_off).then_some(exit),
            is_complete: is_complete && !is_cut_off,
            messages: app.messages(),
            attempts: self.network.attempts(),
            statements: manner.dies_after.unwrap_or(u64::MAX) - fuse.left(),
        }
    }

    fn stored(&self) -> Stored {
        let mut store = self.open();
        let mut stored = Stored::default();
        for table in store.tables().expect("tables") {
            let mut take = |row: serde_json::Map<String, Value>| {
                let row = Value::Object(row);
                let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
                assert!(row["_gone_at"].is_null(), "nothing is gone: {row}");
                match &*table.name {
                    "pipelines" => {
                        stored
                            .pipelines
                            .insert(format!("{} {}", text("id"), text("state")));
                    }
                    "workflows" => {
                        let rows = stored.workflows.entry(text("pipeline_id")).or_default();
                        rows.insert(workflow_row(&row));
                    }
                    _ => {
                        let rows = stored.jobs.entry(text("workflow_id")).or_default();
                        rows.insert(job_row(&row));
                    }
                }
                Ok(())
            };
            let read = store.each_record(&table, &Selection::default(), &mut take);
            read.expect("rows");
        }
        stored
    }

    /// Asserts that all rows are what the server has said at one time: each pipeline, all workflows of a
    /// pipeline together, and all jobs of a workflow.
    fn check_versions(&self, stored: &Stored, synced: &Synced) {
        let mut known = 0;
        for pipeline in self.circleci.pipelines() {
            let changes = pipeline.changes();
            let was = |is: &dyn Fn(Timestamp) -> bool| {
                let mut until_now = changes.iter().filter(|at| **at <= synced.ended);
                until_now.any(|at| is(*at))
            };
            let listed = changes.iter().filter(|at| **at >= pipeline.listed);
            let rows: BTreeSet<String> = listed.map(|at| pipeline.row(*at)).collect();
            let found = rows.intersection(&stored.pipelines).count();
            assert!(found <= 1, "{pipeline:#?}");
            known += found;
            if let Some(rows) = stored.workflows.get(&pipeline.id()) {
                let is_version = was(&|at| pipeline.workflow_rows(at) == *rows);
                assert!(is_version, "{rows:#?}\n{pipeline:#?}\n{synced:#?}");
            }
            for (workflow, rows) in of_pipeline(stored, pipeline) {
                let is_version = was(&|at| pipeline.job_rows(workflow, at) == *rows);
                assert!(is_version, "{rows:#?}\n{pipeline:#?}\n{synced:#?}");
            }
        }
        assert_eq!(
            known,
            stored.pipelines.len(),
            "unknown pipelines: {stored:#?}"
        );
    }

    /// Asserts that nothing was missed: every pipeline is there, what is not done was asked in this sync,
    /// the rest when it was due, and the rows are those of the last answer.
    fn check_complete(&self, stored: &Stored, synced: &Synced) {
        let context = |pipeline: &Pipeline| format!("{pipeline:#?}\n{stored:#?}\n{:#?}", self.log);
        for pipeline in self.circleci.pipelines() {
            if pipeline.listed > synced.began {
                continue;
            }
            let rows = [
                pipeline.listed,
                pipeline.listed + SignedDuration::from_hours(1),
            ];
            let is_there = rows
                .iter()
                .any(|at| stored.pipelines.contains(&pipeline.row(*at)));
            assert!(is_there, "{}", context(pipeline));
            let none = BTreeSet::new();
            let rows = stored.workflows.get(&pipeline.id()).unwrap_or(&none);
            let target = format!("{BASE}/pipeline/{}/workflow", pipeline.id());
            let is_open = rows.iter().any(|row| row.contains(" running "));
            let answer = |at| pipeline.workflow_rows(at) == *rows;
            let asked = self.check_item(&target, is_open, synced, &answer, &|| context(pipeline));
            let age = asked.duration_since(pipeline.created);
            let since = synced.began.duration_since(asked);
            let is_young = age < REVISIT;
            let is_due = is_young
                && (since * 4 >= age || synced.began.duration_since(pipeline.created) >= REVISIT)
                && asked < synced.began;
            assert!(!is_due, "not asked when it was due: {}", context(pipeline));
            for row in rows {
                let (workflow, status) = row.split_once(' ').expect("an id and more");
                let jobs = stored.jobs.get(workflow).unwrap_or(&none);
                let target = format!("{BASE}/workflow/{workflow}/job");
                let is_open = status.starts_with("running");
                let answer = |at| pipeline.job_rows(workflow, at) == *jobs;
                self.check_item(&target, is_open, synced, &answer, &|| context(pipeline));
            }
        }
    }

    /// Asserts that the rows of an item are those of an answer, the last one if it is of this sync, which
    /// it is if something is open. Returns the start of the last sync that got an answer.
    fn check_item(
        &self,
        target: &str,
        is_open: bool,
        synced: &Synced,
        is_answer: &dyn Fn(Timestamp) -> bool,
        context: &dyn Fn() -> String,
    ) -> Timestamp {
        let answers = self.answers.get(target);
        let answers = answers.unwrap_or_else(|| panic!("{target} was never asked: {}", context()));
        let (asked, last) = answers.last().expect("an answer");
        if *asked == synced.began {
            assert!(is_answer(*last), "{target}: {}", context());
        } else {
            assert!(!is_open, "{target} is open: {}", context());
            // A process that died may have written an answer or not.
            let is_known = answers.iter().any(|(_, at)| is_answer(*at));
            assert!(is_known, "{target}: {}", context());
        }
        *asked
    }
}

/// Returns the jobs of a pipeline's workflows.
fn of_pipeline<'s>(
    stored: &'s Stored,
    pipeline: &Pipeline,
) -> impl Iterator<Item = (&'s String, &'s BTreeSet<String>)> {
    let prefix = format!("w{}-", pipeline.id().trim_start_matches('p'));
    let jobs = stored.jobs.iter();
    jobs.filter(move |(workflow, _)| workflow.starts_with(&prefix))
}

/// Asserts that the exit code says whether all was received.
fn check_outcome(synced: &Synced) {
    let received: BTreeSet<&str> = synced
        .attempts
        .iter()
        .filter(|attempt| matches!(attempt.fate, Fate::Received(_)))
        .map(|attempt| attempt.target.as_str())
        .collect();
    let all = synced
        .attempts
        .iter()
        .map(|attempt| attempt.target.as_str());
    let has_missed = all.into_iter().any(|target| !received.contains(target));
    assert_eq!(synced.is_complete, !has_missed, "{synced:#?}");
    let is_done = synced.exit == Some(Exit::Done);
    assert_eq!(is_done, synced.is_complete, "{synced:#?}");
    let is_told = |line: &String| line.starts_with("error[") || line.starts_with("warning[");
    let is_told = synced.messages.iter().any(is_told);
    assert_eq!(is_told, !is_done, "{synced:#?}");
}

/// Prepares the syncs of the shipped tables.
fn prepared(app: &App) -> Vec<Job> {
    let trust = Trust::new(&app.env);
    let project = Project::built_in(&app.working_directory, &format_names(), &trust);
    let query = project.query_named("jobs").expect("a shipped query");
    let given = BTreeMap::from([("project_slug".to_owned(), Input::Text(PROJECT.to_owned()))]);
    let connect = ConnectArgs::default();
    let world = good(World::new(app, &connect, MessageArgs::default(), None));
    let project = Rc::new(project);
    good(jobs::prepare(
        &project,
        vec![query],
        &given,
        &world,
        &connect,
        app,
    ))
}

#[test]
fn a_store_is_what_the_server_said_whatever_happens() {
    seeds::each(12, |seed| {
        Simulation::new(seed).run();
    });
}

#[test]
fn a_seed_gives_one_history() {
    seeds::each(2, |seed| {
        assert_eq!(Simulation::new(seed).run(), Simulation::new(seed).run());
    });
}
