//! `runner sync` and `runner store`, on SQLite and on PostgreSQL.

#[path = "../../postgres/mod.rs"]
pub mod server;

mod answers;
mod breaks;
mod failures;
mod forms;
mod kill;
mod listings;
mod model;
mod model_tests;
mod place;
mod schema;
mod sets;
mod story;
mod syncs;
mod tls;
mod upkeep;

use std::sync::LazyLock;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::support::{Exchange, Outcome, Project, Run, Server};

/// Runs cases on a store in a file, and on one in PostgreSQL if there is one.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $case() { super::$case(&crate::sync::Stage::file()); })*
        }
        mod postgresql {
            $(#[test] fn $case() {
                if let Some(stage) = crate::sync::Stage::server() {
                    super::$case(&stage);
                }
            })*
        }
    };
}
use on_both;

/// The list of pipelines, with an end at `since`.
const PIPELINES: &str = "resource: circleci
vars: { since: { type: time, default: 90d } }
endpoint: /pipelines
rows: $.items[*]
stop_when: (row.created_at | time) < (since | time)
extract: { id: $.id, created_at: $.created_at }
";

/// The runs of each pipeline.
const RUNS: &str = "resource: circleci
for_each: { pipeline: { query: pipelines } }
endpoint: /pipelines/{{ pipeline.id }}/runs
rows: $.items[*]
extract: { id: $.id, pipeline: \"{{ pipeline.id }}\", status: $.status, minutes: $.minutes }
store: { key: id, done: status != \"running\", revisit: 14d, gone: mark, history: true }
";

/// A project and its store.
struct Stage {
    project: Project,
    database: Option<server::Database>,
}

impl Stage {
    /// A project with a store in a file.
    fn file() -> Self {
        Self {
            project: Project::new()
                .query("pipelines", PIPELINES)
                .query("runs", RUNS),
            database: None,
        }
    }

    /// The same with a store in PostgreSQL, if there is one.
    fn server() -> Option<Self> {
        let database = server::database()?;
        Some(Self {
            database: Some(database),
            ..Self::file()
        })
    }

    /// A run of a command on the store.
    fn run(&self, words: &[&str]) -> Run<'_> {
        let run = Run::in_(&self.project).args(words);
        match &self.database {
            None => run,
            Some(database) => run
                .env("RUNNER_STORE", database.url())
                .secret(server::PASSWORD),
        }
    }

    fn outcome(&self, words: &[&str]) -> Outcome {
        self.run(words).outcome()
    }

    /// Writes the resource file.
    fn at(&self, url: &str) {
        let yaml = format!(
            "name: circleci\ntype: circleci\nbase_url: {url}/api/v2\n\
             auth: {{ token: \"{{{{ env.CIRCLE_TOKEN }}}}\" }}\nretry: {{ max_attempts: 1 }}\n"
        );
        self.project.write("resources/circleci.yaml", yaml);
    }

    /// Starts a server for the project.
    fn serve(&self, exchanges: Vec<Exchange>) -> Server {
        let server = Server::start(exchanges);
        self.at(&server.url());
        server
    }

    /// Syncs, with exactly these requests.
    fn sync(&self, exchanges: Vec<Exchange>) -> Outcome {
        self.sync_with(exchanges, &[])
    }

    fn sync_with(&self, exchanges: Vec<Exchange>, words: &[&str]) -> Outcome {
        let server = self.serve(exchanges);
        let words = [&["sync", "-o", "csv"], words].concat();
        let outcome = self.outcome(&words);
        // What the person saw explains what the server did not.
        let shown = outcome.snapshot();
        let finished = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.finish()));
        assert!(finished.is_ok(), "the server is not content:\n{shown}");
        outcome
    }

    /// Returns the rows of a SELECT of texts, the columns joined by `|`.
    fn select(&self, statement: &str) -> Vec<String> {
        let Some(database) = &self.database else {
            let path = self.project.path().join(".runner/store.db");
            let connection = rusqlite::Connection::open(path).expect("the store's file");
            let mut statement = connection.prepare(statement).expect("a statement");
            let count = statement.column_count();
            let rows = statement.query_map([], |row| {
                let cells = (0..count).map(|index| row.get::<_, Option<String>>(index));
                let cells: Result<Vec<_>, _> = cells.collect();
                Ok(joined(&cells?))
            });
            return rows.expect("rows").map(|row| row.expect("a row")).collect();
        };
        let rows = database.connect().query(statement, &[]).expect("rows");
        rows.iter()
            .map(|row| {
                let cells: Vec<Option<String>> =
                    (0..row.len()).map(|index| row.get(index)).collect();
                joined(&cells)
            })
            .collect()
    }

    /// Returns the runs in the store, as `ID STATUS`.
    fn runs(&self) -> Vec<String> {
        self.select("SELECT id, status FROM runs ORDER BY id")
    }

    /// Returns the state of a table.
    fn status(&self, table: &str) -> Value {
        let outcome = self.outcome(&["store", "status", "-o", "json"]);
        let rows = outcome.assert_exit(0).stdout_json();
        let rows = rows.as_array().expect("a list").iter();
        rows.into_iter()
            .find(|row| row["table"] == table)
            .unwrap_or_else(|| panic!("no table `{table}`"))
            .clone()
    }
}

fn joined(cells: &[Option<String>]) -> String {
    let cells: Vec<&str> = cells
        .iter()
        .map(|cell| cell.as_deref().unwrap_or("-"))
        .collect();
    cells.join("|")
}

/// Returns the time so many hours before these tests began.
fn ago(hours: i64) -> String {
    static BEGIN: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);
    let time = *BEGIN - hours.hours();
    format!("{time:.0}")
}

/// Returns a pipeline that is so many days old.
fn pipeline(id: &str, days: i64) -> Value {
    json!({ "id": id, "created_at": ago(24 * days) })
}

fn pipelines(items: &[Value]) -> Exchange {
    Exchange::get("/api/v2/pipelines").answers(json!({ "items": items, "next_page_token": null }))
}

/// A run that is some days old.
fn flat(id: &str, days: i64, status: &str) -> Value {
    json!({ "id": id, "created_at": ago(24 * days), "status": status })
}

fn run(id: &str, status: &str) -> Value {
    json!({ "id": id, "status": status, "minutes": 1 })
}

fn runs_of(pipeline: &str) -> Exchange {
    Exchange::get(&format!("/api/v2/pipelines/{pipeline}/runs"))
}

fn runs(pipeline: &str, items: &[Value]) -> Exchange {
    runs_of(pipeline).answers(json!({ "items": items, "next_page_token": null }))
}

/// Asserts the exit code and the only line of the table: new, changed, gone, unfinished, revisited,
/// missed, requests.
#[track_caller]
fn assert_line(outcome: &Outcome, exit: i32, line: &str) {
    outcome.assert_exit(exit);
    let text = outcome.stdout_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{}", outcome.snapshot());
    assert_eq!(lines[1], format!("runs,{line}"), "{}", outcome.snapshot());
}

/// Asserts that standard error has these words.
#[track_caller]
fn assert_says(outcome: &Outcome, words: &str) {
    let text = outcome.stderr_text();
    assert!(
        text.contains(words),
        "`{words}` is not in:\n{}",
        outcome.snapshot()
    );
}

/// Returns a snapshot that is the same for both kinds of store.
fn stable(outcome: &Outcome) -> String {
    let text = outcome.snapshot();
    let mut stable = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("postgres://") {
        let end = rest[at..]
            .find(['`', ' ', '\n', ','])
            .map_or(rest.len(), |end| at + end);
        stable.push_str(&rest[..at]);
        stable.push_str("[STORE]");
        rest = &rest[end..];
    }
    stable.push_str(rest);
    stable
        .replace("[PROJECT]/.runner/store.db", "[STORE]")
        .replace(".runner/store.db", "[STORE]")
}
