//! Syncs of the model: after each complete one, the tables are the truth.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::support::{Outcome, Project, Run};
use crate::sync::kill::{Kill, killed};
use crate::sync::model::{Events, Model, Row, Shown, Table};
use crate::sync::{Stage, server};

const TABLES: [(Table, &str); 3] = [
    (Table::Pipelines, "pipelines"),
    (Table::Workflows, "workflows"),
    (Table::Jobs, "jobs"),
];

/// The columns that are compared.
fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Pipelines => &["id", "number", "state", "created_at", "updated_at"],
        Table::Workflows => &[
            "id",
            "pipeline_id",
            "pipeline_number",
            "name",
            "status",
            "created_at",
            "stopped_at",
        ],
        Table::Jobs => &["id", "name", "type", "status", "started_at", "stopped_at"],
    }
}

/// A model and the project whose store keeps it.
struct Kept {
    model: Model,
    stage: Stage,
    /// The rows that the last complete sync had to have, by table.
    before: BTreeMap<String, Row>,
}

impl Kept {
    /// The pipelines of the model are in the future, so that none is too old to be asked again in
    /// each sync: the clock of the program stands still.
    fn new(seed: u64, events: Events, database: Option<server::Database>) -> Self {
        let begin = Timestamp::now() + SignedDuration::from_hours(12 * 24);
        let model = Model::new(seed, events, begin);
        let retry = "retry: { max_attempts: 3, base_delay: 1ms, max_delay: 2ms }";
        let project = Project::new()
            .circleci_at(&model.base_url(), retry)
            .query(
                "pipelines",
                include_str!("../../../queries/store/pipelines.yaml"),
            )
            .query(
                "workflows",
                include_str!("../../../queries/store/workflows.yaml"),
            )
            .query("jobs", include_str!("../../../queries/store/jobs.yaml"));
        Self {
            model,
            stage: Stage { project, database },
            before: BTreeMap::new(),
        }
    }

    fn run(&self) -> Run<'_> {
        self.stage
            .run(&["sync", "project_slug=gh/acme/web", "-o", "json"])
    }

    /// Runs a sync that is not killed.
    fn sync(&self) -> Outcome {
        // A server notices late that the one before it was killed, and keeps its lock as long.
        for _ in 0..100 {
            let outcome = self.run().outcome();
            if outcome.exit != 7 {
                return outcome;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.run().outcome()
    }

    /// Returns the rows of all tables.
    fn rows(&self) -> Vec<Map<String, Value>> {
        let mut all: Vec<&str> = TABLES
            .iter()
            .flat_map(|(table, _)| columns(*table))
            .copied()
            .collect();
        all.sort_unstable();
        all.dedup();
        let selects = TABLES.map(|(table, name)| {
            let cells = all.iter().map(|column| {
                if columns(table).contains(column) {
                    (*column).to_owned()
                } else {
                    format!("null as {column}")
                }
            });
            let cells: Vec<String> = cells.collect();
            format!(
                "select '{name}' as _table, _gone_at, {} from {name}",
                cells.join(", ")
            )
        });
        let select = selects.join(" union all ");
        let outcome = self
            .stage
            .outcome(&["sql", "--store", &select, "-o", "json"]);
        let rows = outcome.assert_exit(0).stdout_json();
        let rows = rows.as_array().expect("a list");
        rows.iter()
            .map(|row| row.as_object().expect("a row").clone())
            .collect()
    }

    /// Compares the tables with the truth after a sync that was complete.
    fn check(&mut self, context: &str) {
        let truth = self.model.truth();
        let mut faults = Vec::new();
        let rows = self.rows();
        for (table, name) in TABLES {
            let mut found = BTreeMap::new();
            for row in rows.iter().filter(|row| row["_table"] == name) {
                let id = row["id"].as_str().expect("a text").to_owned();
                let double = found.insert(id, row);
                assert!(double.is_none(), "{context}: doubled: {double:?}");
            }
            for (id, row) in truth.iter().filter(|(_, row)| row.table == table) {
                let kept = found.remove(id);
                let parent = row.parent.as_ref().map(|parent| &truth[parent]);
                let fault = fault(row, parent, kept, self.before.get(id));
                faults.extend(fault.map(|fault| format!("{name} {id}: {fault}: {row:?}")));
            }
            faults.extend(found.keys().map(|id| format!("{name} {id}: invented")));
        }
        let requests = self.model.requests().join("\n");
        assert!(
            faults.is_empty(),
            "{context}:\n{}\nrequests:\n{requests}",
            faults.join("\n")
        );
        self.before = truth;
    }
}

/// Returns what is wrong with a row. `seen` is the truth at the last complete sync.
fn fault(
    row: &Row,
    parent: Option<&Row>,
    kept: Option<&Map<String, Value>>,
    seen: Option<&Row>,
) -> Option<String> {
    let was_listed = seen.is_some_and(|seen| seen.shown == Shown::Listed);
    let Some(kept) = kept else {
        let may_lack = match row.shown {
            Shown::Listed => false,
            Shown::Fresh => true,
            Shown::Deleted | Shown::Expired => !was_listed,
        };
        return (!may_lack).then(|| "lost".to_owned());
    };
    let is_marked = !kept["_gone_at"].is_null();
    match row.shown {
        Shown::Listed | Shown::Fresh | Shown::Expired if is_marked => {
            Some("marked as gone".to_owned())
        }
        Shown::Listed | Shown::Fresh => columns(row.table).iter().find_map(|column| {
            let expected = row.fields.get(*column).unwrap_or(&Value::Null);
            let kept = &kept[*column];
            (!is_same(kept, expected)).then(|| format!("{column}: {kept} for {expected}"))
        }),
        // Only workflows are marked, and only in a listing of their pipeline.
        Shown::Deleted if !is_marked && row.table == Table::Workflows => {
            let has_listing = parent.is_some_and(|parent| parent.shown == Shown::Listed);
            has_listing.then(|| "not marked as gone".to_owned())
        }
        Shown::Deleted | Shown::Expired => None,
    }
}

/// Compares values; times are kept with another number of decimals.
fn is_same(kept: &Value, expected: &Value) -> bool {
    let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    kept == expected || time(kept).is_some_and(|kept| Some(kept) == time(expected))
}

fn show(outcome: &Outcome) -> String {
    format!(
        "{}\n{}",
        outcome.stdout_text(),
        String::from_utf8_lossy(&outcome.stderr)
    )
}

/// Events after which a sync is complete.
const CALM: Events = Events {
    faults: false,
    ..Events::ALL
};

/// Requests fail, and what can be seen stays.
const FAULTY: Events = Events {
    faults: true,
    ..FAULTLESS
};

const FAULTLESS: Events = Events {
    faults: false,
    deletions: false,
    ..Events::ALL
};

fn complete_syncs(seed: u64, steps: usize, database: Option<server::Database>) {
    let mut kept = Kept::new(seed, CALM, database);
    for step in 0..steps {
        let outcome = kept.sync();
        let context = format!("seed {seed}, step {step}: {}", show(&outcome));
        // A pipeline that is deleted while it is young is missed, as it may come back.
        assert!(matches!(outcome.exit, 0 | 6), "{context}");
        kept.check(&context);
        kept.model.step();
    }
}

#[test]
fn a_complete_sync_has_the_truth() {
    complete_syncs(1, 8, None);
    if let Some(database) = server::database() {
        complete_syncs(2, 8, Some(database));
    }
}

/// A failure is reported, and its rows are there once it is over.
fn failing_syncs(seed: u64, steps: usize, database: Option<server::Database>) {
    let mut kept = Kept::new(seed, FAULTY, database);
    for step in 0..steps {
        let outcome = kept.sync();
        let context = format!("seed {seed}, step {step}: {}", show(&outcome));
        if outcome.exit != 0 {
            kept.model.heal();
            let outcome = kept.sync();
            assert_eq!(outcome.exit, 0, "{context}\nthen: {}", show(&outcome));
        }
        kept.check(&context);
        kept.model.step();
    }
}

#[test]
fn what_failed_is_asked_again() {
    failing_syncs(10, 8, None);
    if let Some(database) = server::database() {
        failing_syncs(11, 8, Some(database));
    }
}

/// Kills at any moment lose nothing and double nothing.
fn kills(seed: u64, count: usize, database: Option<server::Database>) {
    let mut kept = Kept::new(seed, FAULTLESS, database);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut killed_runs = 0;
    while killed_runs < count {
        for _ in 0..rng.usize(1..=4) {
            let kill = Kill::choose(40, &mut rng);
            let outcome = killed(kept.run(), &kept.model, kill);
            killed_runs += usize::from(outcome.is_none());
            if rng.bool() {
                kept.model.step();
            }
        }
        kept.model.hang_at(None);
        kept.model.heal();
        let outcome = kept.sync();
        let context = format!("seed {seed}, after {killed_runs} kills");
        assert_eq!(outcome.exit, 0, "{context}: {}", show(&outcome));
        kept.check(&context);
    }
}

#[test]
fn kills_lose_nothing() {
    kills(20, 10, None);
    if let Some(database) = server::database() {
        kills(21, 10, Some(database));
    }
}

#[test]
#[ignore = "takes minutes"]
fn many_stories_lose_nothing() {
    for seed in 100..120 {
        // Every second story on PostgreSQL, if there is one.
        let database = || server::database().filter(|_| seed % 2 == 1);
        complete_syncs(seed, 20, database());
        failing_syncs(seed, 20, database());
        kills(seed, 50, database());
    }
}
