//! Several processes that share the limit of a resource.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, LiveServer, Outcome, Project, Response, Run};
use crate::sync::server::{self, PASSWORD};

const SECOND: Duration = Duration::from_secs(1);

/// An API that counts, and refuses what exceeds its limit.
struct Api {
    seen: Arc<Mutex<Seen>>,
    server: LiveServer,
}

#[derive(Default)]
struct Seen {
    arrivals: Vec<Instant>,
    refused: Vec<Instant>,
    /// The number of the request that is refused whatever the rate, from 1.
    refuses: Option<usize>,
}

impl Seen {
    /// Returns the largest number of arrivals in any second.
    fn most_in_a_second(&self) -> usize {
        let within = |from: &Instant| {
            let arrivals = self.arrivals.iter();
            let near = arrivals.filter(|at| *at >= from && **at < *from + SECOND);
            near.count()
        };
        self.arrivals.iter().map(within).max().unwrap_or_default()
    }

    /// Returns the time from the first to the last arrival.
    fn span(&self) -> Duration {
        match (self.arrivals.iter().min(), self.arrivals.iter().max()) {
            (Some(first), Some(last)) => *last - *first,
            _ => Duration::ZERO,
        }
    }
}

impl Api {
    /// Allows so many requests in any second.
    fn start(allowed: usize) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let server = LiveServer::start({
            let seen = Arc::clone(&seen);
            move |_| {
                let mut seen = lock(&seen);
                let now = Instant::now();
                let recent = seen.arrivals.iter().rev();
                let recent = recent.take_while(|at| **at + SECOND > now).count();
                seen.arrivals.push(now);
                if seen.refuses == Some(seen.arrivals.len()) {
                    seen.refused.push(now);
                    let answer = Answer::status(429).header("retry-after", "2");
                    return Response::Answer(answer);
                }
                if recent >= allowed {
                    seen.refused.push(now);
                    let answer = Answer::status(429).header("retry-after", "1");
                    return Response::Answer(answer);
                }
                Response::Answer(Answer::status(200).json(&json!({ "ok": true })))
            }
        });
        Self { seen, server }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Waits until so many requests have arrived.
    fn wait_for(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.seen().arrivals.len() < count {
            assert!(Instant::now() < deadline, "{count} requests do not arrive");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A project whose query sends so many requests.
    fn project(&self, count: usize, limits: &str) -> Project {
        let url = self.server.url();
        Project::new()
            .file(
                "resources/api.yaml",
                format!(
                    "type: rest\nbase_url: {url}\nauth: {{ bearer: \"{{{{ env.CIRCLE_TOKEN }}}}\" }}\n{limits}\n"
                ),
            )
            .query(
                "walk",
                &format!(
                    "resource: api\nfor_each: {{ i: {{ in: \"{{{{ range({count}) | list }}}}\" }} }}\nvars: {{ who: {{ default: 0 }} }}\nendpoint: /{{{{ who }}}}/{{{{ i }}}}\nextract: {{ i: \"{{{{ i }}}}\" }}\n"
                ),
            )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A run of one of several processes: their requests differ.
fn process<'p>(project: &'p Project, number: usize, url: &str) -> Run<'p> {
    Run::in_(project)
        .args(["run", "walk", "-v", "-o", "ndjson"])
        .args([format!("who={number}")])
        .env("RUNNER_BUDGET", url)
        .secret(PASSWORD)
        .timeout(Duration::from_secs(60))
}

#[track_caller]
fn assert_whole(outcome: &Outcome, count: usize) {
    outcome.assert_exit(0);
    let lines: Vec<String> = (0..count).map(|i| format!("{{\"i\":{i}}}\n")).collect();
    assert_eq!(outcome.stdout_text(), lines.concat());
}

#[track_caller]
fn assert_says(outcome: &Outcome, words: &str) {
    let stderr = outcome.stderr_text();
    assert!(stderr.contains(words), "{words}:\n{stderr}");
}

/// The requests and results of four processes.
struct Together {
    most: usize,
    refusals: usize,
    span: Duration,
}

fn run_together(count: usize) -> Option<Together> {
    let database = server::database()?;
    // The bucket of 30 a second, and a burst of 3 for the ways of the requests.
    let api = Api::start(33);
    let project = api.project(count, "rate_limit: { requests: 30 }");
    let url = database.url();
    let running: Vec<_> = (0..4).map(|k| process(&project, k, &url).start()).collect();
    for running in running {
        assert_whole(&running.finish(), count);
    }
    let seen = api.seen();
    assert_eq!(seen.arrivals.len() - seen.refused.len(), 4 * count);
    Some(Together {
        most: seen.most_in_a_second(),
        refusals: seen.refused.len(),
        span: seen.span(),
    })
}

#[test]
fn four_processes_use_one_limit_up_and_do_not_exceed_it() {
    const COUNT: usize = 30;
    let bound = Duration::from_secs_f64(f64::from(4 * 30 - 1) / 30.0);
    // On a busy machine a process may come too late for its slots, which only makes it slower.
    for attempt in 1.. {
        let Some(together) = run_together(COUNT) else {
            return;
        };
        assert!(together.refusals < 10, "{} refusals", together.refusals);
        assert!(together.most <= 35, "{} in a second", together.most);
        if together.span <= bound.mul_f64(1.05) {
            return;
        }
        let span = together.span;
        assert!(attempt < 4, "{span:?} instead of {bound:?}");
    }
}

#[test]
fn a_process_that_is_killed_leaves_nothing_to_clean_up() {
    let Some(database) = server::database() else {
        return;
    };
    let api = Api::start(1_000);
    let project = api.project(30, "rate_limit: { requests: 40 }\nconcurrency: 2");
    let url = database.url();
    let killed = process(&project, 0, &url).start();
    api.wait_for(4);
    let others: Vec<_> = (1..3).map(|k| process(&project, k, &url).start()).collect();
    api.wait_for(12);
    killed.kill();
    for other in others {
        assert_whole(&other.finish(), 30);
    }
    // Its permits are free, and a later process gets all of them.
    assert_whole(&process(&project, 4, &url).outcome(), 30);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let mut client = database.connect();
    let deadline = Instant::now() + Duration::from_secs(10);
    while client
        .query_one(locks, &[])
        .expect("a count")
        .get::<_, i64>(0)
        > 0
    {
        assert!(Instant::now() < deadline, "locks are left");
        thread::sleep(Duration::from_millis(10));
    }
    // The credential is in the table only as a fingerprint.
    let row = client.query_one("SELECT name FROM runner_budget", &[]);
    let name: String = row.expect("one row").get(0);
    assert!(name.starts_with("http://127.0.0.1:"), "{name}");
    assert!(!name.contains(crate::support::CANARY), "{name}");
}

#[test]
fn a_refusal_of_one_process_pauses_all() {
    let Some(database) = server::database() else {
        return;
    };
    let api = Api::start(1_000);
    api.seen().refuses = Some(25);
    let project = api.project(20, "rate_limit: { requests: 30 }");
    let url = database.url();
    let running: Vec<_> = (0..3).map(|k| process(&project, k, &url).start()).collect();
    let mut outcomes = Vec::new();
    for running in running {
        outcomes.push(running.finish());
    }
    for outcome in &outcomes {
        assert_whole(outcome, 20);
    }
    let texts: Vec<String> = outcomes.iter().map(Outcome::stderr_text).collect();
    let says = |words: &str| texts.iter().filter(|text| text.contains(words)).count();
    assert_eq!(says("rate limited by the server (429)"), 1, "{texts:?}");
    assert!(
        says("another process that shares the limit was rate limited") >= 1,
        "{texts:?}"
    );
    let seen = api.seen();
    assert_eq!(seen.refused.len(), 1);
    let refused = seen.refused[0];
    // Within a quarter of a second all have noticed it; 30 a second would be 60 in two seconds.
    let within = seen
        .arrivals
        .iter()
        .filter(|at| **at > refused && **at < refused + 2 * SECOND)
        .count();
    assert!(within <= 15, "{within} during the pause");
}

#[test]
fn a_database_that_stops_leaves_each_process_its_part() {
    let Some(server) = server::Server::start(&[]) else {
        return;
    };
    let database = server.database();
    let url = database.url();
    let api = Api::start(1_000);
    let project = api.project(60, "rate_limit: { requests: 40 }");
    let running = process(&project, 0, &url)
        .env("RUNNER_SHARE", "1/2")
        .start();
    api.wait_for(10);
    server.kill();
    let stopped = Instant::now();
    let outcome = running.finish();
    assert_whole(&outcome, 60);
    assert_says(&outcome, "note: ");
    assert_says(
        &outcome,
        "sending at most 40 requests per 2s, at most 4 at once, until it is back",
    );
    assert_eq!(outcome.stderr_text().matches("note: ").count(), 1);
    // From half a second later on, not faster than a half of the rate.
    let seen = api.seen();
    let from = stopped + SECOND / 2;
    let late: Vec<&Instant> = seen.arrivals.iter().filter(|at| **at > from).collect();
    assert!(late.len() > 5, "{}", late.len());
    let gaps = u32::try_from(late.len() - 1).expect("few");
    let span = **late.last().expect("some") - *late[0];
    assert!(span >= Duration::from_millis(45) * gaps, "{span:?}");
}

#[test]
fn a_run_without_a_budget_and_a_share_sends_nothing() {
    let api = Api::start(1_000);
    let project = api.project(3, "rate_limit: { requests: 20 }");
    // Nothing listens on port 1.
    let url = "postgres://ci:canary_budget_81c4@127.0.0.1:1/ci";
    let run = || {
        Run::in_(&project)
            .args(["run", "walk", "-o", "ndjson"])
            .env("RUNNER_BUDGET", url)
            .secret("canary_budget_81c4")
    };
    let outcome = run().outcome();
    outcome.assert_exit(5);
    assert_says(
        &outcome,
        "cannot reach the shared budget `postgres://ci@127.0.0.1",
    );
    assert_says(&outcome, "`RUNNER_SHARE`");
    assert_eq!(api.seen().arrivals.len(), 0);
    let outcome = run().env("RUNNER_SHARE", "1/4").outcome();
    assert_whole(&outcome, 3);
    assert_says(
        &outcome,
        "sending at most 20 requests per 4s, at most 2 at once, until it is back",
    );
}

#[test]
fn a_share_divides_the_rate_exactly() {
    let api = Api::start(1_000);
    let project = api.project(6, "rate_limit: { requests: 40 }");
    let outcome = Run::in_(&project)
        .args(["run", "walk", "-o", "ndjson"])
        .env("RUNNER_SHARE", "1/4")
        .outcome();
    assert_whole(&outcome, 6);
    // 10 a second: not faster, whatever the machine does.
    let span = api.seen().span();
    assert!(span >= Duration::from_millis(480), "{span:?}");
}

#[test]
fn shares_and_addresses_that_make_no_sense_are_usage_errors() {
    let api = Api::start(1_000);
    let project = api.project(1, "");
    let run = || Run::in_(&project).args(["run", "walk", "-o", "ndjson"]);
    for share in ["8", "2/8", "1/0", "1/x", "1/-2", "0.5"] {
        let outcome = run().env("RUNNER_SHARE", share).outcome();
        outcome.assert_exit(2);
        assert_says(&outcome, "`RUNNER_SHARE` takes a part such as `1/8`");
    }
    for address in ["mysql://ci@db/ci", ".runner/store.db"] {
        let outcome = run().env("RUNNER_BUDGET", address).outcome();
        outcome.assert_exit(2);
        assert_says(&outcome, "takes `postgres://user@host/database`");
    }
    assert_eq!(api.seen().arrivals.len(), 0);
    // Empty variables are as good as unset ones.
    let outcome = run()
        .env("RUNNER_SHARE", "")
        .env("RUNNER_BUDGET", "")
        .outcome();
    assert_whole(&outcome, 1);
}

#[test]
fn the_file_names_a_budget_and_the_environment_another() {
    let Some(database) = server::database() else {
        return;
    };
    let api = Api::start(1_000);
    let url = database.url_without_password();
    let in_file = url.replace("ci@", "ci:{{ env.BUDGET_PASSWORD }}@");
    let project = api.project(2, &format!("budget: \"{in_file}\""));
    let run = || Run::in_(&project).args(["run", "walk", "-v", "-o", "ndjson"]);
    let outcome = run()
        .env("BUDGET_PASSWORD", PASSWORD)
        .secret(PASSWORD)
        .outcome();
    assert_whole(&outcome, 2);
    assert_says(&outcome, "sharing the limit; processes at present: 1");
    // The password that is missing is none of `PGPASSWORD`'s business, since the file has one.
    let outcome = run().outcome();
    outcome.assert_exit(2);
    assert_says(&outcome, "BUDGET_PASSWORD");
    let outcome = run()
        .env("RUNNER_BUDGET", &url)
        .env("PGPASSWORD", PASSWORD)
        .secret(PASSWORD)
        .outcome();
    assert_whole(&outcome, 2);
    let outcome = run().env("RUNNER_BUDGET", &url).outcome();
    outcome.assert_exit(4);
    assert_says(&outcome, "asks for a password, and there is none");
    let outcome = Run::in_(&project).args(["show", "api"]).outcome();
    assert!(
        outcome
            .stdout_text()
            .contains(&format!("budget        {in_file}\n"))
    );
    // A dry run reaches nothing.
    let outcome = Run::in_(&project)
        .args(["run", "walk", "--dry-run"])
        .outcome();
    outcome.assert_exit(0);
}
