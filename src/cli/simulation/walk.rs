//! Walks: complete or told, in order, within all limits.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::execute::{self, Execution};
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Stopped};
use crate::cli::in_memory::Collecting;
use crate::cli::options::{ConnectArgs, MessageArgs, RunOptions};
use crate::cli::setup;
use crate::cli::simulation::chance::Chance;
use crate::cli::simulation::network::{Attempt, Network, Simulated, Weather, check_attempts};
use crate::cli::simulation::seeds;
use crate::cli::simulation::tree::{Step, Tree};
use crate::cli::simulation::{good, interrupted, paused};
use crate::cli::test::case::{NOW, NoShelf};
use crate::cli::watch::Watch;
use crate::engine::{ExecutionOptions, Session};
use crate::http::Observe;
use crate::http::pace::RateLimit;
use crate::plan::{Inputs, Plan};
use crate::sink::{TemporaryFolder, write_file};

/// The manner in which a walk is run.
#[derive(Debug)]
struct Manner {
    concurrency: usize,
    max_attempts: u32,
    rate: Option<RateLimit>,
    limit: Option<usize>,
    is_unordered: bool,
    fails_fast: bool,
    /// The time after which it is interrupted.
    stops_after: Option<Duration>,
    weather: Weather,
}

impl Manner {
    fn of(chance: &Chance) -> Self {
        Self {
            concurrency: chance.size(1..=8),
            max_attempts: u32::try_from(chance.number(1..=5)).expect("small"),
            rate: chance.is(30).then(|| RateLimit {
                requests: u32::try_from(chance.number(1..=20)).expect("small"),
                per: Duration::from_secs(1),
                burst: u32::try_from(chance.number(1..=3)).expect("small"),
            }),
            limit: chance.is(25).then(|| chance.size(1..=40)),
            is_unordered: chance.is(25),
            fails_fast: chance.is(15),
            stops_after: chance.is(15).then(|| chance.millis(1..=20_000)),
            weather: Weather::of(chance),
        }
    }

    fn resource(&self) -> String {
        let rate = self.rate.map_or_else(String::new, |rate| {
            format!(
                "rate_limit: {{ requests: {}, per: 1s, burst: {} }}\n",
                rate.requests, rate.burst
            )
        });
        format!(
            "name: sim\ntype: circleci\nbase_url: https://sim.example/api\n\
             auth: {{ token: \"{{{{ env.SIM_TOKEN }}}}\" }}\nconcurrency: {}\n\
             retry: {{ max_attempts: {} }}\n{rate}",
            self.concurrency, self.max_attempts
        )
    }
}

/// A walk that has ended.
#[derive(Debug, PartialEq, Eq)]
struct Walked {
    records: Vec<String>,
    /// The exit code; `None` if the walk was interrupted.
    exit: Option<Exit>,
    messages: Vec<String>,
    attempts: Vec<String>,
    took: Duration,
}

/// Simulates the walk of a seed.
fn simulate(seed: u64) -> Walked {
    let chance = Rc::new(Chance::new(seed));
    let tree = Rc::new(Tree::grow(&chance));
    let manner = Manner::of(&chance);
    let network = Network::new(Rc::clone(&tree) as Rc<_>, &chance, NOW);
    let (walked, attempts) = walk(&tree, &manner, &network);
    check(&tree, &manner, &walked, &attempts);
    assert_eq!(network.violations(), [""; 0], "{manner:?}");
    let once = !manner.fails_fast && manner.stops_after.is_none();
    check_attempts(&attempts, manner.rate, manner.max_attempts, once);
    walked
}

fn walk(tree: &Tree, manner: &Manner, network: &Rc<Network>) -> (Walked, Vec<Attempt>) {
    let folder = TemporaryFolder::default();
    let root = folder.path().expect("a folder").to_path_buf();
    let mut files = vec![("resources/sim.yaml".to_owned(), manner.resource())];
    let queries = tree.queries();
    let name = queries.last().expect("a level").0.clone();
    files.extend(
        queries
            .into_iter()
            .map(|(name, text)| (format!("queries/{name}.yaml"), text)),
    );
    for (path, text) in files {
        write_file(&root.join(path), text.as_bytes()).expect("written");
    }
    let env = BTreeMap::from([("SIM_TOKEN".to_owned(), "t0ken-of-the-simulation".to_owned())]);
    let app = Rc::new(App::of_case(Arc::new(env), root.clone(), NOW));
    let project = good(setup::project(&root, &app));
    let query = project.query_named(&name).expect("a valid query");
    let connect = ConnectArgs::default();
    let world = good(World::new(&app, &connect, MessageArgs::default(), None));
    let binding = good(world.binding(&project, &query, &connect, &app));
    let mut plan = Plan::bind(query, &binding, &Inputs::default()).expect("it binds");
    if let Some(limit) = manner.limit {
        plan.limit_to(limit as u64);
    }
    let plans = [Rc::new(plan)];
    let options = RunOptions {
        fail_fast: manner.fails_fast,
        unordered: manner.is_unordered,
        ..RunOptions::default()
    };
    let (collecting, writers) = good(Collecting::new(&plans[0], &[], &app));
    let observer: Rc<dyn Observe> = Rc::new(Watch::new(Rc::clone(&app), 0, false));
    let execution = ExecutionOptions {
        fail_fast: manner.fails_fast,
        unordered: manner.is_unordered,
        remembers: execute::remembers(&plans),
        ..ExecutionOptions::default()
    };
    let exchange = Rc::new(Simulated::new(network, &observer));
    let session = Session::new(exchange, observer, execution, Box::new(NoShelf));
    let session = Rc::new(session);
    let run = Execution::new(&plans, &options, &app);
    let (result, took) = paused(async {
        network.begin(NOW, manner.weather);
        let began = Instant::now();
        let work = run.run(&session, vec![writers], &[None]);
        let (result, _) = interrupted(manner.stops_after, &session, work).await;
        (result, began.elapsed())
    });
    let exit = match result {
        Ok(exit) => Some(exit),
        Err(Stopped::Closed) => None,
        Err(Stopped::Failed(failure)) => {
            failure.show(&app, ErrorFormat::Text);
            Some(failure.exit)
        }
    };
    let (rows, _) = collecting.finish(exit.unwrap_or(Exit::Interrupted));
    let attempts = network.attempts();
    let walked = Walked {
        records: rows.iter().map(id).collect(),
        exit,
        messages: app.messages(),
        attempts: attempts
            .iter()
            .map(|attempt| format!("{attempt:?}"))
            .collect(),
        took,
    };
    (walked, attempts)
}

fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}

/// Asserts that the records are those that the server has, or that the walk has said what is missing.
fn check(tree: &Tree, manner: &Manner, walked: &Walked, attempts: &[Attempt]) {
    let course = tree.course(attempts);
    let records = |steps: &[Step]| {
        let records = steps.iter().filter_map(|step| match step {
            Step::Record(id) => Some(id.clone()),
            Step::Failed | Step::Unasked => None,
        });
        records.collect::<Vec<String>>()
    };
    let all = records(&course);
    let limit = manner.limit.unwrap_or(usize::MAX);
    let may_end_early = manner.fails_fast || walked.exit.is_none();
    let found = &walked.records;
    let context = || format!("{manner:#?}\n{walked:#?}\n{course:#?}");
    if manner.is_unordered {
        // Each once, and none that the server does not have.
        let mut rest = all.clone();
        for id in found {
            let place = rest.iter().position(|known| known == id);
            rest.swap_remove(place.unwrap_or_else(|| panic!("{id}: {}", context())));
        }
        let is_whole = found.len() == all.len().min(limit);
        assert!(may_end_early || is_whole, "{}", context());
    } else if may_end_early {
        // What has been found is delivered in order, with holes.
        let mut rest = all.iter();
        let is_in_order = found.iter().all(|id| rest.any(|known| known == id));
        assert!(is_in_order, "{}", context());
    } else {
        // What comes after a page that was not asked cannot be in order.
        let end = course.iter().position(|step| *step == Step::Unasked);
        let mut expected = records(&course[..end.unwrap_or(course.len())]);
        expected.truncate(limit);
        assert_eq!(*found, expected, "{}", context());
    }
    let is_cut = found.len() >= limit;
    let is_whole = course.iter().all(|step| matches!(step, Step::Record(_)));
    match walked.exit {
        Some(Exit::Done) => assert!(is_whole || is_cut, "{}", context()),
        // Requests run ahead of the limit, and may fail there.
        Some(_) => assert!(!is_whole, "{}", context()),
        None => assert!(manner.stops_after.is_some(), "{}", context()),
    }
    if walked.exit.is_some_and(|exit| exit != Exit::Done) {
        let words = walked.messages.join("\n");
        assert!(
            words.contains("error[") || words.contains("warning["),
            "{}",
            context()
        );
    }
}

#[test]
fn a_walk_is_complete_or_says_what_is_missing() {
    seeds::each(200, |seed| {
        simulate(seed);
    });
}

#[test]
fn a_seed_gives_one_course() {
    seeds::each(20, |seed| assert_eq!(simulate(seed), simulate(seed)));
}
