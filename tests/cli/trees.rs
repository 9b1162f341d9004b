//! Walks over random trees: for any shape, any failures and any concurrency, every available record
//! is returned once, in order, and everything else is reported.
//!
//! A tree is generated from a seed, which a failure prints; `TREES_SEED=17` only runs that one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Outcome, Project, Run};

/// The number of trees.
const TREES: u64 = 120;

/// The number of trees that are walked in parts.
const DIVIDED: u64 = 30;

/// `SplitMix64`: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to `end`, which is not among them.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A problem with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    NotFound,
    AlwaysDown,
    HalfJson,
    OnceUnavailable,
    OnceDropped,
}

impl Trouble {
    fn any(random: &mut Random) -> Self {
        match random.below(40) {
            0 => Self::NotFound,
            1 => Self::AlwaysDown,
            2 => Self::HalfJson,
            3 | 4 => Self::OnceUnavailable,
            5 | 6 => Self::OnceDropped,
            _ => Self::None,
        }
    }

    /// Returns the code of the failure, if retrying does not help.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("http-404"),
            Self::AlwaysDown => Some("http-500"),
            Self::HalfJson => Some("not-json"),
            Self::None | Self::OnceUnavailable | Self::OnceDropped => None,
        }
    }

    /// Returns the number of requests for the page: at most two, if the resource only tries twice.
    fn requests(self) -> u32 {
        match self {
            Self::None | Self::NotFound | Self::HalfJson => 1,
            Self::AlwaysDown | Self::OnceUnavailable | Self::OnceDropped => 2,
        }
    }
}

/// A page of what lies below a node.
struct Page {
    ids: Vec<String>,
    next: Option<String>,
    trouble: Trouble,
    latency: Duration,
}

/// The treatment of records at a level.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    is_sorted: bool,
    limit: Option<usize>,
}

/// A tree of responses, with the expected result.
struct Tree {
    seed: u64,
    depth: usize,
    concurrency: usize,
    is_ordered: bool,
    is_dependent: bool,
    /// Many more items at the first level than may be under way or wait.
    is_wide: bool,
    levels: Vec<Level>,
    pages: BTreeMap<String, Page>,
    /// The targets that are asked for, and how often.
    asked: BTreeMap<String, u32>,
    /// The records, in order, without the last level's limit.
    records: Vec<String>,
    /// Request and code of each failure.
    failures: BTreeSet<(String, String)>,
}

impl Tree {
    fn grow(seed: u64) -> Self {
        let mut random = Random(seed);
        let depth = 1 + usize::try_from(random.below(3)).expect("it is small");
        let is_dependent = depth > 1 && random.happens(30);
        let levels = (0..=depth).map(|level| {
            let is_plain = is_dependent && level + 1 == depth;
            Level {
                is_sorted: random.happens(15) && !is_plain,
                limit: (random.happens(10) && !is_plain)
                    .then(|| 1 + usize::try_from(random.below(6)).expect("it is small")),
            }
        });
        let mut tree = Self {
            seed,
            depth,
            levels: levels.collect(),
            concurrency: 1 + usize::try_from(random.below(16)).expect("it is small"),
            is_ordered: !random.happens(30),
            is_dependent,
            is_wide: seed % 40 == 7,
            pages: BTreeMap::new(),
            asked: BTreeMap::new(),
            records: Vec::new(),
            failures: BTreeSet::new(),
        };
        tree.branch(&mut random, "r", 0);
        tree.walk();
        tree
    }

    /// The pages of what lies below a node.
    fn branch(&mut self, random: &mut Random, node: &str, level: usize) {
        // Wide at one node, narrow at the others, so that a tree stays small.
        let (mut left, size) = if self.is_wide && level == 0 {
            (300 + random.below(100), 1 + random.below(100))
        } else if self.is_wide {
            (random.below(3), 2)
        } else {
            let most = if random.happens(15) { 12 } else { 4 };
            (random.below(most + 1), 1 + random.below(4))
        };
        let mut number = 0;
        let mut child = 0;
        loop {
            let count = left.min(size);
            left -= count;
            let ids: Vec<String> = (child..child + count)
                .map(|index| format!("{node}-{index:03}"))
                .collect();
            child += count;
            if level < self.depth {
                for id in &ids {
                    self.branch(random, id, level + 1);
                }
            }
            let page = Page {
                ids,
                next: (left > 0).then(|| format!("{}", number + 1)),
                // A root that fails at once is another matter.
                trouble: if level == 0 && number == 0 {
                    Trouble::None
                } else {
                    Trouble::any(random)
                },
                latency: Duration::from_micros(random.below(if self.is_wide {
                    300
                } else {
                    3_000
                })),
            };
            self.pages.insert(target(node, number), page);
            if left == 0 {
                return;
            }
            number += 1;
        }
    }

    /// Computes the expected result, level by level.
    fn walk(&mut self) {
        let mut nodes = vec!["r".to_owned()];
        for (index, level) in self.levels.iter().enumerate() {
            let mut found = Vec::new();
            for node in nodes {
                for number in 0.. {
                    let target = target(&node, number);
                    let page = &self.pages[&target];
                    self.asked.insert(target.clone(), page.trouble.requests());
                    if let Some(code) = page.trouble.code() {
                        self.failures.insert((target, code.to_owned()));
                        break;
                    }
                    found.extend(page.ids.iter().cloned());
                    if page.next.is_none() {
                        break;
                    }
                }
            }
            if level.is_sorted {
                found.sort();
                found.reverse();
            }
            if let Some(limit) = level.limit.filter(|_| index < self.depth) {
                found.truncate(limit);
            }
            nodes = found;
        }
        self.records = nodes;
    }

    /// Returns true if the set of requests is not determined, since unneeded ones may or may not be
    /// sent.
    fn is_limited(&self) -> bool {
        self.levels.iter().any(|level| level.limit.is_some())
    }

    /// A query a level; the last one is `q`.
    fn project(&self, url: &str) -> Project {
        let resource = format!(
            "name: api\ntype: rest\nbase_url: {url}\nconcurrency: {}\n\
             retry: {{ max_attempts: 2, base_delay: 1ms, max_delay: 1ms }}\n\
             paginate: {{ cursor: {{ path: $.next, param: page }} }}\n",
            self.concurrency
        );
        let mut project = Project::new().file("resources/api.yaml", resource).query(
            "l0",
            &format!("resource: api\nendpoint: /r\n{}", self.result(0)),
        );
        for level in 1..=self.depth {
            let name = if level == self.depth {
                "q".to_owned()
            } else {
                format!("l{level}")
            };
            let above = level - 1;
            let head = if self.is_dependent && level == self.depth {
                // The same tree by another way: the last level but one is walked anew for each item
                // of the one above it.
                project = project.query(
                    "again",
                    "resource: api\nvars: { of: { description: Whose } }\nendpoint: /{{ of }}\n\
                     rows: $.items[*]\n",
                );
                format!(
                    "for_each:\n  outer: {{ query: l{} }}\n  \
                     item: {{ query: again, vars: {{ of: \"{{{{ outer.id }}}}\" }} }}\n",
                    above - 1
                )
            } else {
                format!("for_each: {{ item: {{ query: l{above} }} }}\n")
            };
            let text = format!(
                "resource: api\n{head}endpoint: /{{{{ item.id }}}}\n{}",
                self.result(level)
            );
            project = project.query(&name, &text);
        }
        project
    }

    fn result(&self, level: usize) -> String {
        let Level { is_sorted, limit } = self.levels[level];
        let mut text = "rows: $.items[*]\n".to_owned();
        if is_sorted {
            text.push_str("sort: -id\n");
        }
        if let Some(limit) = limit {
            text.push_str(&format!("limit: {limit}\n"));
        }
        text
    }

    fn hold(&self) {
        let server = Api::start(self);
        let project = self.project(&server.url());
        let mut args = vec!["run", "q", "-o", "ndjson", "--error-format", "json"];
        if !self.is_ordered {
            args.push("--unordered");
        }
        let outcome = Run::in_(&project).args(args).outcome();
        let seen = server.finish();
        self.hold_records(&outcome);
        if self.is_limited() {
            // Unneeded requests may be sent, but never twice.
            for (target, count) in &seen.asked {
                let most = self.pages[target].trouble.requests();
                assert!(*count <= most, "{target}: {count} times");
            }
        } else {
            assert_eq!(seen.asked, self.asked, "the requests");
            // A request that the client gives up, which only a limit makes it do, is in flight here
            // until its end is seen.
            assert!(
                seen.most_in_flight <= self.concurrency,
                "{} requests at a time, not {}",
                seen.most_in_flight,
                self.concurrency
            );
        }
        self.hold_ledger(&outcome);
    }

    /// Plans the walk, runs its parts in any order, some twice, some killed before, and merges them.
    /// Returns the number of parts, and of kills.
    fn hold_divided(&self) -> (usize, usize) {
        let mut random = Random(self.seed ^ 0x5eed);
        let parts = 1 + random.below(5);
        let server = Api::start(self);
        let project = self.project(&server.url());
        let run = |args: &[&str]| Run::in_(&project).args(args).outcome();
        let parts = parts.to_string();
        let planned = run(&[
            "plan",
            "q",
            "--parts",
            &parts,
            "--allow-partial",
            "--out",
            "plan.json",
        ]);
        planned.assert_exit(0);
        let plan = parsed(&project.read("plan.json").expect("a plan"));
        let parts = plan["parts"].as_array().expect("parts").len();
        let mut order: Vec<usize> = (0..parts).collect();
        for index in (1..order.len()).rev() {
            let other = usize::try_from(random.below(index as u64 + 1)).expect("it is small");
            order.swap(index, other);
        }
        let mut files = Vec::new();
        let mut kills = 0;
        for number in order {
            let (part, out) = (
                format!("plan.json#{number}"),
                format!("part-{number}.ndjson"),
            );
            let args = ["run", "--part", &part, "--out", &out];
            if random.happens(20) {
                Run::in_(&project).args(args).start().kill();
                kills += 1;
                let is_whole = project
                    .read(&out)
                    .is_none_or(|text| text.contains("\"$part\""));
                assert!(is_whole, "a killed part left a file that is not whole");
            }
            for _ in 0..=random.below(4) / 3 {
                let outcome = run(&args);
                assert!([0, 6].contains(&outcome.exit), "{}", outcome.snapshot());
            }
            files.push(out);
        }
        let mut args = vec!["merge", "plan.json", "-o", "ndjson"];
        args.extend(files.iter().map(String::as_str));
        let merged = run(&args);
        let records: Vec<String> = merged
            .stdout_text()
            .lines()
            .map(|line| text(&parsed(line), "id"))
            .collect();
        let limit = self.levels[self.depth].limit.unwrap_or(usize::MAX);
        let count = limit.min(self.records.len());
        assert_eq!(records, self.records[..count], "the records");
        if !self.is_limited() {
            merged.assert_exit(if self.failures.is_empty() { 0 } else { 6 });
        }
        server.finish();
        self.hold_formats(&project, &files);
        (parts, kills)
    }

    /// In every format, the merge gives what a single run gives.
    fn hold_formats(&self, project: &Project, files: &[String]) {
        let server = Api::start(self);
        let single = self.project(&server.url());
        for format in ["json", "csv", "table", "markdown", "yaml", "html"] {
            // A walk that has only failed writes nothing.
            if self.records.is_empty() && !self.failures.is_empty() {
                continue;
            }
            let mut args = vec!["merge", "plan.json", "-o", format];
            args.extend(files.iter().map(String::as_str));
            let merged = Run::in_(project).args(args).outcome();
            let run = Run::in_(&single).args(["run", "q", "-o", format]).outcome();
            assert_eq!(merged.stdout_text(), run.stdout_text(), "{format}");
        }
        server.finish();
    }

    fn hold_records(&self, outcome: &Outcome) {
        let records: Vec<String> = outcome
            .stdout_text()
            .lines()
            .map(|line| text(&parsed(line), "id"))
            .collect();
        let Level { is_sorted, limit } = self.levels[self.depth];
        let count = limit.map_or(self.records.len(), |limit| limit.min(self.records.len()));
        if self.is_ordered || is_sorted {
            assert_eq!(records, self.records[..count], "the records");
            return;
        }
        let (found, all): (BTreeSet<_>, BTreeSet<_>) =
            (records.iter().collect(), self.records.iter().collect());
        assert_eq!((records.len(), found.len()), (count, count), "the records");
        assert!(found.is_subset(&all), "{found:?} of {all:?}");
    }

    fn hold_ledger(&self, outcome: &Outcome) {
        let lines = outcome.stderr_text();
        let mut objects: Vec<Value> = lines.lines().map(parsed).collect();
        let Some(summary) = objects.pop() else {
            assert!(
                self.failures.is_empty() || self.is_limited(),
                "a failure was not reported"
            );
            outcome.assert_exit(0);
            return;
        };
        let records = outcome.stdout_text().lines().count();
        if records > 0 {
            outcome.assert_exit(6);
            assert_eq!(text(&summary, "code"), "partial");
        } else {
            // Nothing succeeded: the code is that of the failures.
            let code = text(&summary, "code");
            assert!(code.starts_with("http-") || code == "partial", "{code}");
        }
        assert_eq!(summary["failures"], json!(objects.len()));
        assert_eq!(summary["records"], json!(records));
        let reported: BTreeSet<(String, String)> = objects
            .iter()
            .map(|object| {
                let request = text(object, "request");
                let (_, rest) = request.split_once("//").expect("a URL");
                let (_, target) = rest.split_once('/').expect("a path");
                (format!("/{target}"), text(object, "code"))
            })
            .collect();
        assert_eq!(
            reported.len(),
            objects.len(),
            "a failure was reported twice"
        );
        if self.is_limited() {
            // A page that nobody needed may have failed as well.
            for (target, code) in reported {
                assert_eq!(self.pages[&target].trouble.code(), Some(&*code), "{target}");
            }
        } else {
            assert_eq!(reported, self.failures, "the failures");
        }
    }
}

fn target(node: &str, page: u64) -> String {
    match page {
        0 => format!("/{node}"),
        number => format!("/{node}?page={number}"),
    }
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn text(object: &Value, key: &str) -> String {
    object[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {object}"))
        .to_owned()
}

/// A server of one tree.
struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    pages: BTreeMap<String, (Vec<u8>, Trouble, Duration)>,
    seen: Mutex<Seen>,
}

/// The requests seen by a server.
#[derive(Default)]
struct Seen {
    asked: BTreeMap<String, u32>,
    in_flight: usize,
    most_in_flight: usize,
}

impl Api {
    fn start(tree: &Tree) -> Self {
        let pages = tree
            .pages
            .iter()
            .map(|(target, page)| {
                let items: Vec<Value> = page.ids.iter().map(|id| json!({ "id": id })).collect();
                let body = json!({ "items": items, "next": page.next }).to_string();
                (
                    target.clone(),
                    (body.into_bytes(), page.trouble, page.latency),
                )
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            pages,
            seen: Mutex::default(),
        });
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().flatten() {
                    if stream.peer_addr().is_ok() && Arc::strong_count(&shared) == 1 {
                        return;
                    }
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.serve(&stream));
                }
            }
        });
        Self { address, shared }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn finish(self) -> Seen {
        let seen = std::mem::take(&mut *self.shared.seen());
        drop(self.shared);
        // Wakes the acceptor, which is then the last to know the tree.
        let _ = TcpStream::connect(self.address);
        seen
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers what comes over one connection.
    fn serve(&self, stream: &TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream);
        while let Some(target) = target_of(&mut reader) {
            let earlier = {
                let mut seen = self.seen();
                seen.in_flight += 1;
                seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
                let count = seen.asked.entry(target.clone()).or_default();
                *count += 1;
                *count - 1
            };
            let known = self.pages.get(&target);
            if let Some((_, _, latency)) = known {
                thread::sleep(*latency);
            }
            let answer = match known {
                None => Some(answer(404, b"{}")),
                Some((body, trouble, _)) => match trouble {
                    Trouble::NotFound => Some(answer(404, b"{}")),
                    Trouble::AlwaysDown => Some(answer(500, b"{}")),
                    Trouble::HalfJson => Some(answer(200, &body[..body.len() - 2])),
                    Trouble::OnceUnavailable if earlier == 0 => Some(answer(503, b"{}")),
                    Trouble::OnceDropped if earlier == 0 => None,
                    _ => Some(answer(200, body)),
                },
            };
            // Before the answer leaves: afterwards the next request may be here already.
            self.seen().in_flight -= 1;
            let Some(answer) = answer else { return };
            if (&*stream).write_all(&answer).is_err() {
                return;
            }
        }
    }
}

/// Reads a request, and gives its target.
fn target_of(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let target = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return Some(target);
        }
    }
}

fn answer(status: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} Tree\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn a_divided_walk_is_the_walk() {
    let seeds: Vec<u64> = match std::env::var("TREES_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..DIVIDED).collect(),
    };
    let (mut parts, mut kills) = (0, 0);
    for seed in &seeds {
        let tree = Tree::grow(*seed);
        let Ok(held) = catch_unwind(AssertUnwindSafe(|| tree.hold_divided())) else {
            panic!("it does not hold: run it alone with TREES_SEED={seed}");
        };
        parts += held.0;
        kills += held.1;
    }
    // What is never reached proves nothing.
    let is_all = seeds.len() > 1;
    assert!(
        !is_all || (parts > 40 && kills > 5),
        "{parts} parts, {kills} kills"
    );
}

#[test]
fn all_that_can_be_had_comes_once_and_the_rest_is_reported() {
    let chosen = std::env::var("TREES_SEED").ok();
    let seeds = match chosen.and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..TREES,
    };
    let (mut records, mut failures, mut requests) = (0, 0, 0);
    for seed in seeds.clone() {
        let tree = Tree::grow(seed);
        records += tree.records.len();
        failures += tree.failures.len();
        requests += tree.asked.len();
        let held = catch_unwind(AssertUnwindSafe(|| tree.hold()));
        assert!(
            held.is_ok(),
            "TREES_SEED={}: {:?}, {} at a time, {}{}",
            tree.seed,
            tree.levels,
            tree.concurrency,
            if tree.is_ordered {
                "ordered"
            } else {
                "unordered"
            },
            if tree.is_dependent { ", dependent" } else { "" },
        );
    }
    if seeds.end - seeds.start == TREES {
        // What is never reached proves nothing.
        assert!(
            records > 1_000 && failures > 100 && requests > 1_000,
            "{records} records, {failures} failures, {requests} requests"
        );
    }
}
