//! A recording replayed gives what the live run gave, for random trees.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::support::{Answer, Exchange, Server};

const TREES: u64 = 30;

/// Random numbers, the same for each run (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).expect("it is below the bound")
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        let length = u32::try_from(values.len()).expect("a short list");
        values[self.below(length) as usize]
    }

    /// True one time in some.
    fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }
}

/// A server and the files of a query `q`: list → items → children.
struct Tree {
    exchanges: Vec<Exchange>,
    middle: String,
    query: String,
}

fn answer(random: &mut Random, body: &Value) -> Answer {
    let wait = Duration::from_millis(random.below(12).into());
    Answer::status(200).json(body).after(wait)
}

/// The pages of a listing: ids, and the answers.
fn listing(
    random: &mut Random,
    path: &str,
    prefix: &str,
    most: u32,
) -> (Vec<String>, Vec<Exchange>) {
    let mut ids = Vec::new();
    let mut exchanges = Vec::new();
    let pages = 1 + random.below(3);
    for page in 0..pages {
        let count = random.below(most + 1);
        let items: Vec<Value> = (0..count)
            .map(|number| {
                let id = format!("{prefix}{page}{number}");
                ids.push(id.clone());
                let name = random.one_of(&["build", "déploy", "a,b \"c\"", "x|y\nz"]);
                json!({ "id": id, "name": name, "size": random.below(5), "part": f64::from(random.below(100)) / 8.0 })
            })
            .collect();
        let next = (page + 1 < pages).then(|| format!("{prefix}-t{}", page + 1));
        let body = json!({ "items": items, "next_page_token": next });
        let target = match page {
            0 => format!("/api/v2{path}"),
            page => format!("/api/v2{path}?page-token={prefix}-t{page}"),
        };
        // A limit may end the listing.
        exchanges.push(
            Exchange::get(&target)
                .answers(answer(random, &body))
                .at_least(0),
        );
    }
    (ids, exchanges)
}

fn tree(random: &mut Random) -> Tree {
    let (parents, mut exchanges) = listing(random, "/list", "p", 3);
    let failing = |random: &mut Random, path: &str, rate: u32| {
        if !random.one_in(rate) {
            return None;
        }
        let status = random.one_of(&[404, 500, 404]);
        let wait = Duration::from_millis(random.below(12).into());
        let body = json!({ "message": format!("no {path}") });
        let answer = Answer::status(status).json(&body).after(wait);
        Some(
            Exchange::get(&format!("/api/v2{path}"))
                .answers(answer)
                .at_least(0),
        )
    };
    for parent in &parents {
        let path = format!("/items/{parent}");
        if let Some(exchange) = failing(random, &path, 5) {
            exchanges.push(exchange);
            continue;
        }
        let (items, more) = listing(random, &path, &format!("{parent}i"), 2);
        exchanges.extend(more);
        for item in items {
            let path = format!("/children/{item}");
            match failing(random, &path, 6) {
                Some(exchange) => exchanges.push(exchange),
                None => exchanges.extend(listing(random, &path, &format!("{item}c"), 2).1),
            }
        }
    }
    let option = |random: &mut Random, rate, line: &str| {
        if random.one_in(rate) {
            format!("{line}\n")
        } else {
            String::new()
        }
    };
    let middle = format!(
        "resource: circleci\nfor_each: {{ p: {{ query: list }} }}\nendpoint: /items/{{{{ p.id }}}}\n\
         rows: $.items[*]\nextract: {{ id: $.id, parent: \"{{{{ p.id }}}}\" }}\n{}",
        option(random, 4, "on_status: { 404: empty }")
    );
    let limit = format!("limit: {}", 1 + random.below(6));
    let query = [
        "resource: circleci\nfor_each: { i: { query: items } }\nendpoint: /children/{{ i.id }}\nrows: $.items[*]\n\
         extract:\n  id: $.id\n  name: $.name\n  size: $.size\n  part: $.part\n  of: \"{{ i.parent }}/{{ i.id }}\"\n  age: \"{{ now() }}\"\n"
            .to_owned(),
        option(random, 2, "sort: [-size, id]"),
        option(random, 3, &limit),
        option(random, 3, "where: row.size > 0"),
        option(random, 3, "on_status: { 404: empty }"),
        option(random, 5, "expect: rows | length > 2"),
    ]
    .concat();
    Tree {
        exchanges,
        middle,
        query,
    }
}

/// The answers of a tree for one run: they are given once.
fn project_of(seed: u64) -> (Server, Project) {
    let tree = tree(&mut Random(seed));
    let server = Server::start(tree.exchanges);
    let project = Project::new()
        .circleci_at(
            &server.url(),
            "retry: { max_attempts: 1 }\nconcurrency: 4\n",
        )
        .query(
            "list",
            "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
        )
        .query("items", &tree.middle)
        .query("q", &tree.query)
        .file("tests/q.yaml", "cases:\n  usual:\n    show: table\n");
    (server, project)
}

#[test]
fn a_replay_is_the_run() {
    let mut exits = std::collections::BTreeSet::new();
    for seed in 0..TREES {
        let (server, project) = project_of(seed);
        let record = Run::in_(&project).args(["record", "q"]).outcome();
        // A query that failed as a whole is a case, too.
        record.assert_exit(0);
        let now = time_of(&project);
        let live = |format: &str| {
            let args = ["run", "q", "--now", &now, "-o", format];
            Run::in_(&project)
                .args(args)
                .env("COLUMNS", "100")
                .outcome()
        };
        let json = live("json");
        exits.insert(json.exit);
        let text = project.read("tests/q.yaml").unwrap();
        project.write("tests/q.yaml", format!("{text}    exit: {}\n", json.exit));
        let replayed = test(&project, &[]);
        assert_eq!(
            replayed.exit,
            0,
            "seed {seed}\n{}\n{}",
            json.snapshot(),
            replayed.snapshot()
        );
        for (outcome, path) in [(json, "json"), (live("table"), "txt")] {
            let snapshot = project.read(&format!("tests/q/usual.{path}"));
            assert_eq!(
                outcome.stdout_text(),
                snapshot.unwrap_or_default(),
                "seed {seed}, {path}\n{}",
                outcome.stderr_text()
            );
        }
        drop(server);
    }
    assert!(exits.len() >= 3, "{exits:?}");
}

fn time_of(project: &Project) -> String {
    let text = project.read("tests/q.yaml").unwrap();
    let time = text.split("now: ").nth(1).expect("a time");
    time.lines().next().unwrap().to_owned()
}
