//! The four sets: new, unfinished, revisit, missed.

use serde_json::json;

use super::{Stage, ago, assert_line, assert_says, on_both, pipeline, pipelines, run, runs};
use crate::support::{Exchange, Server};

on_both! {
    a_second_sync_asks_for_the_listing_only,
    only_new_items_are_asked,
    unfinished_items_are_asked_until_they_are_done,
    young_items_are_asked_again,
    a_child_table_asks_what_changed_in_its_parent,
    vars_make_partitions,
    a_time_that_is_given_makes_a_partition,
    resources_make_partitions,
    items_come_from_the_rows_of_their_vars,
    redacted_values_are_not_kept,
    a_sync_of_one_query_brings_the_tables_that_it_needs,
}

/// Rows of a day, and of nothing else.
const OF_DAY: &str = "resource: circleci
vars: { day: { type: time, default: 1d } }
endpoint: /days
params: { day: \"{{ day | date('%F') }}\" }
rows: $.items[*]
extract: { id: $.id, status: $.status }
store: { key: id, gone: mark }
";

fn days(day: &str, items: &[serde_json::Value]) -> Exchange {
    Exchange::get(&format!("/api/v2/days?day={day}")).answers(json!({ "items": items }))
}

fn a_time_that_is_given_makes_a_partition(stage: &Stage) {
    stage.project.write("queries/runs.yaml", OF_DAY);
    for (day, id) in [("2026-11-01", "a"), ("2026-11-02", "b")] {
        let given = format!("day={day}");
        let outcome = stage.sync_with(vec![days(day, &[run(id, "ok")])], &["runs", &given]);
        assert_line(&outcome, 0, "1,0,0,0,,0,1");
    }
    let again = stage.sync_with(vec![days("2026-11-01", &[])], &["runs", "day=2026-11-01"]);
    assert_line(&again, 0, "0,0,1,0,,0,1");
}

fn resources_make_partitions(stage: &Stage) {
    let flat = "endpoint: /pipelines
rows: $.items[*]
extract: { id: $.id }
store: { key: id, gone: mark }
";
    for resource in ["circleci", "other"] {
        let server = Server::start(vec![pipelines(&[pipeline(resource, 1)])]);
        stage.at(&server.url());
        let yaml = stage
            .project
            .read("resources/circleci.yaml")
            .expect("a file");
        let yaml = yaml.replace("name: circleci", "name: other");
        stage.project.write("resources/other.yaml", yaml);
        let yaml = format!("resource: {resource}\n{flat}");
        stage.project.write("queries/runs.yaml", yaml);
        let outcome = stage.outcome(&["sync", "runs", "-o", "csv"]);
        server.finish();
        assert_line(&outcome, 0, "1,0,0,0,,0,1");
    }
}

fn items_come_from_the_rows_of_their_vars(stage: &Stage) {
    let parents = "resource: circleci
vars: { project: web }
endpoint: /{{ project }}
rows: $.items[*]
extract: { id: $.id, created_at: $.created_at }
store: { key: id, at: created_at }
";
    stage.project.write("queries/pipelines.yaml", parents);
    let yaml = stage.project.read("queries/runs.yaml").expect("a file");
    let yaml = yaml.replace(
        "query: pipelines",
        "query: pipelines, vars: { project: api }",
    );
    stage.project.write("queries/runs.yaml", yaml);
    let listing = |project: &str, id: &str| {
        let answer = json!({ "items": [pipeline(id, 8)] });
        Exchange::get(&format!("/api/v2/{project}")).answers(answer)
    };
    let sync = |exchanges: Vec<Exchange>, words: &[&str]| stage.sync_with(exchanges, words);
    let all = sync(
        vec![
            listing("web", "w1"),
            listing("api", "a1"),
            runs("a1", &[run("a", "ok")]),
        ],
        &[],
    );
    assert_eq!(all.exit, 0);
    assert_eq!(stage.runs(), ["a|ok"]);
    let one = sync(
        vec![listing("api", "a2"), runs("a2", &[run("b", "ok")])],
        &["runs"],
    );
    assert_eq!(one.exit, 0);
    // The var is one of `pipelines`, and its items are others.
    let unknown = sync(vec![], &["runs", "project=web"]);
    unknown.assert_exit(2);
    assert_says(&unknown, "none of the queries has a var `project`");
}

fn redacted_values_are_not_kept(stage: &Stage) {
    let by = |id: &str, person: &str| json!({ "id": id, "status": "ok", "by": { "login": person, "email": format!("{person}@example.com") } });
    stage.project.write(
        "queries/runs.yaml",
        "resource: circleci
for_each: { pipeline: { query: pipelines } }
endpoint: /pipelines/{{ pipeline.id }}/runs
rows: $.items[*]
extract: { id: $.id, login: $.by.login, email: { path: $.by.email, type: text } }
store: { key: id }
",
    );
    let sync = |exchanges: Vec<Exchange>| {
        let server = stage.serve(exchanges);
        let resource = stage
            .project
            .read("resources/circleci.yaml")
            .expect("a file");
        let rules = "redact: { $..login: alias, $..email: hide }\n";
        stage
            .project
            .write("resources/circleci.yaml", format!("{resource}{rules}"));
        let outcome = stage.outcome(&["sync", "-o", "csv"]);
        server.finish();
        outcome
    };
    let first = sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[by("a", "ann"), by("b", "bob"), by("c", "ann")]),
    ]);
    first.assert_exit(0);
    let kept = stage.select("SELECT login, email FROM runs ORDER BY id");
    let [ann, bob, again] = kept.as_slice() else {
        panic!("three rows: {kept:?}");
    };
    assert!(ann.starts_with("alias-") && ann.ends_with("|-"), "{ann}");
    assert_eq!(ann, again);
    assert_ne!(ann, bob);
    // The same in the next sync.
    let second = sync(vec![
        pipelines(&[pipeline("p2", 5), pipeline("p1", 8)]),
        runs("p2", &[by("d", "ann")]),
    ]);
    second.assert_exit(0);
    assert_eq!(
        stage.select("SELECT login, email FROM runs WHERE id = 'd'"),
        [ann.as_str()]
    );
}

fn a_second_sync_asks_for_the_listing_only(stage: &Stage) {
    let listed = [pipeline("p2", 8), pipeline("p1", 20)];
    let first = stage.sync(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok"), run("c", "failed")]),
        runs("p1", &[run("a", "ok")]),
    ]);
    assert_line(&first, 0, "3,0,0,0,0,0,3");
    assert_eq!(stage.runs(), ["a|ok", "b|ok", "c|failed"]);
    let second = stage.sync(vec![pipelines(&listed)]);
    assert_line(&second, 0, "0,0,0,0,0,0,1");
    assert_eq!(second.stderr_text(), "");
    assert_eq!(stage.status("runs")["rows"], 3);
}

fn only_new_items_are_asked(stage: &Stage) {
    stage.sync(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    let second = stage.sync(vec![
        pipelines(&[pipeline("p2", 5), pipeline("p1", 8)]),
        runs("p2", &[run("b", "ok")]),
    ]);
    assert_line(&second, 0, "1,0,0,0,0,0,2");
}

fn unfinished_items_are_asked_until_they_are_done(stage: &Stage) {
    let listed = [pipeline("p2", 8), pipeline("p1", 20)];
    let first = stage.sync(vec![
        pipelines(&listed),
        runs("p2", &[run("b", "ok")]),
        runs("p1", &[run("a", "running")]),
    ]);
    assert_line(&first, 0, "2,0,0,1,0,0,3");
    let second = stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "running")])]);
    assert_line(&second, 0, "0,0,0,1,0,0,2");
    let third = stage.sync(vec![
        pipelines(&listed),
        runs("p1", &[run("a", "ok"), run("d", "ok")]),
    ]);
    assert_line(&third, 0, "1,1,0,0,0,0,2");
    assert_line(&stage.sync(vec![pipelines(&listed)]), 0, "0,0,0,0,0,0,1");
    assert_eq!(
        stage.select("SELECT id, status FROM runs_history"),
        ["a|running"]
    );
}

fn young_items_are_asked_again(stage: &Stage) {
    // By this machine's clock it is not even there.
    let listed = [json!({ "id": "p1", "created_at": ago(-1) })];
    stage.sync(vec![pipelines(&listed), runs("p1", &[run("a", "failed")])]);
    let rerun = [run("a", "failed"), run("b", "ok")];
    let second = stage.sync(vec![pipelines(&listed), runs("p1", &rerun)]);
    assert_line(&second, 0, "1,0,0,0,1,0,2");
    // A run that was deleted.
    let third = stage.sync(vec![pipelines(&listed), runs("p1", &[run("b", "ok")])]);
    assert_line(&third, 0, "0,0,1,0,1,0,2");
    assert_eq!(stage.status("runs")["gone"], 1);
    let fourth = stage.sync(vec![pipelines(&listed), runs("p1", &rerun)]);
    assert_line(&fourth, 0, "0,1,0,0,1,0,2");
    assert_eq!(stage.status("runs")["gone"], 0);
}

const STEPS: &str = "resource: circleci
for_each: { parent: { query: runs, where: parent.status == \"failed\" } }
endpoint: /runs/{{ parent.id }}/steps
rows: $.items[*]
extract: { run: \"{{ parent.id }}\", name: $.name, exit: $.exit }
store: { key: [run, name] }
";

fn steps(run: &str, exits: &[i64]) -> crate::support::Exchange {
    let items: Vec<_> = exits
        .iter()
        .enumerate()
        .map(|(index, exit)| json!({ "name": format!("s{index}"), "exit": exit }))
        .collect();
    crate::support::Exchange::get(&format!("/api/v2/runs/{run}/steps"))
        .answers(json!({ "items": items, "next_page_token": null }))
}

fn a_child_table_asks_what_changed_in_its_parent(stage: &Stage) {
    stage.project.write("queries/steps.yaml", STEPS);
    let listed = [pipeline("p1", 8)];
    let first = stage.sync(vec![
        pipelines(&listed),
        runs(
            "p1",
            &[run("a", "failed"), run("b", "running"), run("c", "ok")],
        ),
        steps("a", &[0, 1]),
    ]);
    first.assert_exit(0);
    let lines: Vec<String> = first.stdout_text().lines().map(str::to_owned).collect();
    assert_eq!(lines[1..], ["runs,3,0,0,1,0,0,2", "steps,2,0,0,0,,0,1"]);
    let second = stage.sync(vec![
        pipelines(&listed),
        runs(
            "p1",
            &[run("a", "failed"), run("b", "failed"), run("c", "ok")],
        ),
        steps("b", &[2]),
    ]);
    second.assert_exit(0);
    let names = stage.select("SELECT run, name FROM steps ORDER BY run, name");
    assert_eq!(names, ["a|s0", "a|s1", "b|s0"]);
    stage.sync(vec![pipelines(&listed)]).assert_exit(0);
}

fn a_sync_of_one_query_brings_the_tables_that_it_needs(stage: &Stage) {
    stage.project.write("queries/steps.yaml", STEPS);
    stage.project.write("queries/other.yaml", "resource: circleci\nendpoint: /other\nrows: $[*]\nextract: { id: $.id }\nstore: { key: id }\n");
    let listed = [pipeline("p1", 8)];
    let exchanges = || {
        vec![
            pipelines(&listed),
            runs("p1", &[run("a", "failed")]),
            steps("a", &[1]),
        ]
    };
    stage.sync_with(exchanges(), &["steps"]).assert_exit(0);
    let unknown = stage.sync_with(vec![], &["steps", "other=1"]);
    unknown.assert_exit(2);
    let not_kept = stage.sync_with(vec![], &["pipelines"]);
    not_kept.assert_exit(2);
    assert_says(&not_kept, "`pipelines` is not kept: it has no `store`");
}

fn vars_make_partitions(stage: &Stage) {
    stage.project.write(
        "queries/runs.yaml",
        "resource: circleci
vars: { project: { default: one } }
endpoint: /runs?project={{ project }}
rows: $.items[*]
extract: { id: $.id, status: $.status }
store: { key: id, gone: mark }
",
    );
    let of = |project: &str, ids: &[&str]| {
        let items: Vec<_> = ids.iter().map(|id| run(id, "ok")).collect();
        crate::support::Exchange::get(&format!("/api/v2/runs?project={project}"))
            .answers(json!({ "items": items, "next_page_token": null }))
    };
    assert_line(&stage.sync(vec![of("one", &["a", "b"])]), 0, "2,0,0,0,,0,1");
    let two = stage.sync_with(vec![of("two", &["c"])], &["project=two"]);
    assert_line(&two, 0, "1,0,0,0,,0,1");
    // What `one` lacks has nothing to do with `two`.
    assert_line(&stage.sync(vec![of("one", &["b"])]), 0, "0,0,1,0,,0,1");
    assert_eq!(stage.status("runs")["gone"], 1);
}
