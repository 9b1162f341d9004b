//! Queries that share queries: each is read, bound and run once, so that a graph costs what it
//! holds. With 2¹⁶ ways through it, any that was not would outlast the bound on a run's time.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::{Exchange, Project, Run, Server};

/// The number of levels above the leaf.
const LEVELS: usize = 16;

/// Queries `q0` up to `q16`, each above the last one standing on the next.
fn graph(url: &str, levels: usize, level: impl Fn(&str) -> String) -> Project {
    let mut project = Project::new().file(
        "resources/r.yaml",
        format!("type: rest\nbase_url: {url}\nauth: none\n"),
    );
    for index in 0..levels {
        let yaml = level(&format!("q{}", index + 1));
        project = project.query(&format!("q{index}"), &yaml);
    }
    project.query(
        &format!("q{levels}"),
        "resource: r\nendpoint: /leaf\nrows: $[*]\nextract: { id: $.id }\n",
    )
}

fn by_data(next: &str) -> String {
    format!(
        "data: {{ a: {{ query: {next} }}, b: {{ query: {next} }} }}\n\
         sql: select a.id from a join b using (id)\n"
    )
}

fn by_items(next: &str) -> String {
    format!(
        "for_each: {{ a: {{ query: {next} }}, b: {{ query: {next} }} }}\n\
         resource: r\nendpoint: /x/{{{{ a.id }}}}/{{{{ b.id }}}}\nrows: $[*]\n\
         extract: {{ id: $.id }}\n"
    )
}

fn by_both(next: &str) -> String {
    format!(
        "data: {{ a: {{ query: {next} }} }}\nfor_each: {{ b: {{ query: {next} }} }}\n\
         resource: r\nendpoint: /x/{{{{ data.a[0].id }}}}/{{{{ b.id }}}}\nrows: $[*]\n\
         extract: {{ id: $.id }}\n"
    )
}

fn chain(next: &str) -> String {
    format!("data: {{ a: {{ query: {next} }} }}\nsql: select id from a\n")
}

/// All verbs that look at queries, and a run that asks exactly these.
fn stands(levels: usize, level: fn(&str) -> String, asked: &[&str]) {
    let one = json!([{"id": 1}]);
    let exchanges = asked.iter().map(|target| Exchange::get(target));
    let server = Server::start(exchanges.map(|asked| asked.answers(one.clone())).collect());
    let project = graph(&server.url(), levels, level);
    let checked = Run::in_(&project).args(["check"]).outcome();
    checked.assert_exit(0);
    let listed = Run::in_(&project).args(["list"]).outcome();
    assert!(!listed.stdout_text().contains("broken"));
    for args in [&["show", "q0"][..], &["run", "q0", "--dry-run"]] {
        Run::in_(&project).args(args).outcome().assert_exit(0);
    }
    let run = Run::in_(&project).args(["run", "q0"]).outcome();
    assert_eq!(run.assert_exit(0).stdout_json(), one);
    server.finish();
}

#[test]
fn data_that_shares_queries() {
    stands(LEVELS, by_data, &["/leaf"]);
}

/// With 3¹⁶ ways through it, and columns that are known only through those of the leaf.
#[test]
fn data_that_shares_queries_in_three_ways() {
    let level = |next: &str| {
        format!(
            "data: {{ a: {{ query: {next} }}, b: {{ query: {next} }}, c: {{ query: {next} }} }}\n\
             sql: select * from a\n"
        )
    };
    stands(LEVELS, level, &["/leaf"]);
}

#[test]
fn items_that_share_queries() {
    stands(LEVELS, by_items, &["/leaf", "/x/1/1"]);
}

#[test]
fn data_and_items_that_share_queries() {
    stands(LEVELS, by_both, &["/leaf", "/x/1/1"]);
}

#[test]
fn a_chain_of_two_hundred_queries() {
    stands(200, chain, &["/leaf"]);
}

#[test]
fn a_chain_without_end_is_a_message() {
    let project = graph("http://127.0.0.1:9", 300, chain);
    let outcome = Run::in_(&project).args(["run", "q0"]).outcome();
    insta::assert_snapshot!(outcome.snapshot());
}

#[test]
fn a_fault_below_a_graph_is_reported_once() {
    let project = graph("http://127.0.0.1:9", LEVELS, by_data);
    project.write("queries/q16.yaml", "resource: r\nendpont: /leaf\n");
    for args in [&["check"][..], &["run", "q0"]] {
        let outcome = Run::in_(&project).args(args).outcome();
        let stderr = outcome.assert_exit(2).stderr_text();
        assert_eq!(stderr.matches("error[unknown-key]").count(), 1, "{stderr}");
    }
}

#[test]
fn the_same_query_with_other_vars_is_another_one() {
    let server = Server::start(vec![
        Exchange::get("/x?v=1").answers(json!([{"id": 1}])),
        Exchange::get("/x?v=2").answers(json!([{"id": 2}])),
    ]);
    let mut data = String::from("data:\n");
    for (name, value) in [("a", 1), ("b", 2), ("c", 1)] {
        writeln!(data, "  {name}: {{ query: leaf, vars: {{ v: {value} }} }}").expect("a text");
    }
    let project = Project::new()
        .file(
            "resources/r.yaml",
            format!("type: rest\nbase_url: {}\nauth: none\n", server.url()),
        )
        .query(
            "leaf",
            "vars: { v: { type: int } }\nresource: r\nendpoint: /x\nparams: { v: \"{{ v }}\" }\nrows: $[*]\n",
        )
        .query("q", &format!("{data}sql: select a.id a, b.id b, c.id c from a, b, c\n"));
    let run = Run::in_(&project).args(["run", "q"]).outcome();
    assert_eq!(run.stdout_json(), json!([{"a": 1, "b": 2, "c": 1}]));
    let shown = Run::in_(&project).args(["run", "q", "--dry-run"]).outcome();
    assert_eq!(shown.stdout_text().matches("GET http").count(), 2);
    server.finish();
}
