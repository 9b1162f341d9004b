//! Tests of the model: it answers by its truth, and misbehaves as it should.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::support::{Outcome, Project, Run};
use crate::sync::kill::{Kill, killed};
use crate::sync::model::{Events, Model, Row, Shown, Table};

/// A project whose query `jobs` walks all of the model.
fn project(model: &Model, settings: &str) -> Project {
    Project::new()
        .circleci_at(&model.base_url(), settings)
        .query(
            "pipelines",
            "resource: circleci\nendpoint: /project/gh/acme/web/pipeline\nrows: $.items[*]\n",
        )
        .query(
            "workflows",
            "resource: circleci\nfor_each: { pipeline: { query: pipelines } }\n\
             endpoint: /pipeline/{{ pipeline.id }}/workflow\nrows: $.items[*]\n",
        )
        .query(
            "jobs",
            "resource: circleci\n\
             for_each: { workflow: { query: workflows, where: workflow.id is not none } }\n\
             endpoint: /workflow/{{ workflow.id }}/job\nrows: $.items[*]\n",
        )
}

const ONCE: &str = "retry: { max_attempts: 1 }";

fn run<'p>(project: &'p Project, query: &str) -> Run<'p> {
    Run::in_(project).args(["run", query, "-o", "json", "-q"])
}

fn records(outcome: &Outcome) -> BTreeMap<String, Map<String, Value>> {
    let records = outcome.stdout_json();
    let records = records.as_array().expect("a list").iter();
    let mut found = BTreeMap::new();
    for record in records.filter(|record| !record["id"].is_null()) {
        let id = record["id"].as_str().expect("a text").to_owned();
        let record = record.as_object().expect("an object").clone();
        found.insert(id, record);
    }
    found
}

/// Returns the rows of a table that the API lists.
fn listed(truth: &BTreeMap<String, Row>, table: Table) -> BTreeMap<String, Map<String, Value>> {
    let rows = truth.iter();
    rows.filter(|(_, row)| row.table == table && row.shown == Shown::Listed)
        .map(|(id, row)| (id.clone(), row.fields.clone()))
        .collect()
}

fn begin() -> Timestamp {
    "2026-11-25T09:00:00Z".parse().expect("a time")
}

#[test]
fn what_it_answers_is_its_truth() {
    let events = Events {
        faults: false,
        shifts: false,
        ..Events::ALL
    };
    let model = Model::new(1, events, begin());
    let project = project(&model, ONCE);
    for _ in 0..8 {
        for _ in 0..5 {
            model.step();
        }
        let truth = model.truth();
        // An expired list is an error of a walk: what else it finds is compared.
        for (query, table) in [
            ("pipelines", Table::Pipelines),
            ("workflows", Table::Workflows),
            ("jobs", Table::Jobs),
        ] {
            let outcome = run(&project, query).outcome();
            assert_eq!(records(&outcome), listed(&truth, table), "{query}");
        }
    }
    let truth = model.truth();
    let count = |wanted| truth.values().filter(|row| row.shown == wanted).count();
    for shown in [Shown::Listed, Shown::Deleted, Shown::Expired] {
        assert!(count(shown) > 0, "{shown:?}");
    }
    assert_eq!(count(Shown::Fresh), 0);
    let statuses = |table| {
        let rows = truth.values().filter(|row| row.table == table);
        let mut statuses: Vec<&Value> = rows.map(|row| &row.fields["status"]).collect();
        statuses.sort_by_key(ToString::to_string);
        statuses.dedup();
        statuses.len()
    };
    assert!(statuses(Table::Workflows) >= 6);
    assert!(statuses(Table::Jobs) >= 6);
}

#[test]
fn equal_seeds_give_equal_stories() {
    let told = |seed| {
        let model = Model::new(seed, Events::ALL, begin());
        for _ in 0..30 {
            model.step();
        }
        format!("{:?}", model.truth())
    };
    assert_eq!(told(1), told(1));
    assert_ne!(told(1), told(2));
}

/// A pipeline that appears while the listing is read pushes another onto the next page.
#[test]
fn pages_shift_while_they_are_read() {
    let events = Events {
        shifts: true,
        ..Events::QUIET
    };
    let model = Model::new(3, events, begin());
    let project = project(&model, ONCE);
    let mut has_shifted = false;
    for _ in 0..20 {
        model.step();
        let outcome = run(&project, "pipelines").outcome();
        let truth = model.truth();
        let fresh = truth.values().any(|row| row.shown == Shown::Fresh);
        let count = outcome.stdout_json().as_array().map_or(0, Vec::len);
        let is_doubled = count > records(&outcome).len();
        assert_eq!(fresh, is_doubled);
        has_shifted |= fresh;
        // Nothing that is not fresh is missing.
        let found = records(&outcome);
        for (id, fields) in listed(&truth, Table::Pipelines) {
            assert_eq!(found.get(&id), Some(&fields));
        }
    }
    assert!(has_shifted);
}

#[test]
fn requests_fail_and_heal() {
    let events = Events {
        faults: true,
        ..Events::QUIET
    };
    let model = Model::new(4, events, begin());
    let project = project(&model, ONCE);
    let mut failed = 0;
    for _ in 0..10 {
        model.step();
        let outcome = run(&project, "workflows").outcome();
        failed += u32::from(outcome.exit != 0);
        model.heal();
        run(&project, "workflows").outcome().assert_exit(0);
    }
    assert!(failed > 0);
}

#[test]
fn answers_get_columns_and_other_types() {
    let model = Model::new(5, Events::QUIET, begin());
    model.add_column();
    model.change_type();
    let project = project(&model, ONCE);
    let outcome = run(&project, "workflows").outcome();
    let found = records(outcome.assert_exit(0));
    let first = found.values().next().expect("a workflow");
    assert_eq!(first["extra_1"], 1);
    assert!(first["pipeline_number"].is_string());
}

#[test]
fn a_run_is_killed_at_a_request() {
    let model = Model::new(6, Events::QUIET, begin());
    model.pass(SignedDuration::from_hours(1));
    let project = project(&model, ONCE);
    run(&project, "workflows").outcome().assert_exit(0);
    let all = model.requests().len();
    for request in [1, 2, all] {
        let after = Duration::ZERO;
        let kill = Kill { request, after };
        let outcome = killed(run(&project, "workflows"), &model, kill);
        assert!(outcome.is_none());
        assert_eq!(model.requests().len(), request - 1);
    }
    let mut rng = fastrand::Rng::with_seed(1);
    let kill = Kill {
        request: all + 1,
        ..Kill::choose(all, &mut rng)
    };
    let outcome = killed(run(&project, "workflows"), &model, kill);
    outcome.expect("it ended before").assert_exit(0);
}
