//! Safe and unsafe requests: where each is allowed.

use serde_json::{Value, json};

use crate::case::{Case, told};
use crate::support::{Answer, Exchange, Outcome, Project, Run, Server};

/// The operations of API v3 that are no GET, without its searches.
const WRITES: [(&str, &str); 24] = [
    ("POST", "/orgs/{{ id }}/update-settings"),
    ("POST", "/projects/{{ id }}/update-settings"),
    ("POST", "/projects/{{ id }}/environment-variables"),
    ("DELETE", "/projects/{{ id }}/environment-variables"),
    ("DELETE", "/projects/{{ id }}/dlc"),
    ("POST", "/projects/{{ id }}/rollback"),
    ("POST", "/pipelines"),
    ("POST", "/triggers"),
    ("POST", "/triggers/{{ id }}/events"),
    ("POST", "/runs"),
    ("POST", "/workflows/{{ id }}/cancel"),
    ("POST", "/workflows/{{ id }}/rerun"),
    ("POST", "/contexts"),
    ("POST", "/contexts/{{ id }}/env-vars/set"),
    ("POST", "/usage/exports"),
    ("POST", "/deploy/hooks/{{ id }}/validate"),
    ("POST", "/runner/resource"),
    ("DELETE", "/runner/resource/{{ id }}/force"),
    ("POST", "/runner/token"),
    ("DELETE", "/runner/token/{{ id }}"),
    ("POST", "/orb/versions"),
    ("POST", "/orb/versions/{{ id }}/promote"),
    // Not operations of v3, but near its searches.
    ("PUT", "/runs/search"),
    ("POST", "/runs/search/{{ id }}"),
];

/// The operations of API v3 that only read although they are POSTs.
const SEARCHES: [&str; 8] = [
    "/runs/search",
    "/analysis/tests",
    "/analysis/jobs",
    "/analysis/charges",
    "/metric/counts",
    "/metric/distributions",
    "/orb/packages/validate",
    "/configs/compile",
];

/// A project whose query `op` is this operation, and which stands in every place where a query can.
fn project(url: &str, method: &str, endpoint: &str, more: &str) -> Project {
    let resource = format!("type: circleci\napi: v3\nbase_url: {url}/api/v3\n{more}");
    let files = [
        (
            "op",
            format!(
                "resource: circleci\nvars: {{ id: \"1\" }}\nmethod: {method}\n\
                 endpoint: {endpoint}\nrows: $.data[*]\nextract: {{ id: $.id }}\n"
            ),
        ),
        ("table", data("sql: select id from op")),
        ("document", data("report: { template: \"{{ data.op }}\" }")),
        (
            "beside",
            data("resource: circleci\nendpoint: \"/b/{{ data.op | length }}\""),
        ),
        ("walk", each("op")),
        ("walks", each("walk")),
        (
            "deep",
            "data: { t: { query: walks } }\nsql: select * from t".to_owned(),
        ),
    ];
    let project = Project::new().file("resources/circleci.yaml", resource);
    for (name, yaml) in files {
        project.write(&format!("queries/{name}.yaml"), format!("{yaml}\n"));
    }
    project
}

fn data(rest: &str) -> String {
    format!("data: {{ op: {{ query: op }} }}\n{rest}")
}

fn each(query: &str) -> String {
    format!(
        "resource: circleci\nfor_each: {{ item: {{ query: {query} }} }}\n\
         endpoint: /w/{{{{ item.id }}}}\nrows: $.data[*]\nextract: {{ id: $.id }}"
    )
}

/// The command lines for every place.
const PLACES: [&[&str]; 8] = [
    &["run", "op"],
    &["run", "table"],
    &["run", "document"],
    &["run", "beside"],
    &["run", "walk"],
    &["run", "walks"],
    &["run", "deep"],
    &["sql", "select id from op", "--from", "op=op"],
];

fn in_every_place(project: &Project, more: &[&str]) -> Vec<Outcome> {
    let run = |words: &&[&str]| Run::in_(project).args(*words).args(more).outcome();
    PLACES.iter().map(run).collect()
}

#[test]
fn no_operation_that_writes_is_sent_unasked_wherever_it_stands() {
    let server = Server::start(Vec::new());
    for (method, endpoint) in WRITES {
        let project = project(&server.url(), method, endpoint, "");
        for (place, outcome) in PLACES.iter().zip(in_every_place(&project, &[])) {
            let stderr = outcome.assert_exit(7).stderr_text();
            let code = if *place == ["run", "op"] {
                "error[needs-yes]"
            } else {
                "error[feed-writes]"
            };
            assert!(stderr.contains(code), "{method} {endpoint}: {stderr}");
        }
    }
    server.finish();
}

#[test]
fn a_yes_is_for_the_query_that_was_called_and_not_for_what_it_stands_on() {
    let server = Server::start(Vec::new());
    let project = project(&server.url(), "POST", "/workflows/{{ id }}/cancel", "");
    for words in PLACES.iter().filter(|words| words[0] == "run").skip(1) {
        let outcome = Run::in_(&project).args(*words).args(["--yes"]).outcome();
        outcome.assert_exit(7);
    }
    server.finish();
}

/// A search is asked once in each place; `walks` and `deep` ask two levels.
fn searched(endpoint: &str) -> Vec<Exchange> {
    let found = || json!({ "data": [{ "id": "1" }] });
    vec![
        Exchange::post(&format!("/api/v3{endpoint}"))
            .times(PLACES.len())
            .answers(found()),
        Exchange::get("/api/v3/b/1").answers(found()),
        Exchange::get("/api/v3/w/1").at_least(3).answers(found()),
    ]
}

#[test]
fn every_search_is_sent_wherever_it_stands() {
    for endpoint in SEARCHES {
        let server = Server::start(searched(endpoint));
        let project = project(&server.url(), "POST", endpoint, "");
        for outcome in in_every_place(&project, &[]) {
            outcome.assert_exit(0);
        }
        server.finish();
    }
}

#[test]
fn a_search_is_allowed_where_a_resource_is_read_only_and_nothing_else() {
    let server = Server::start(searched("/metric/counts"));
    let only_reads = project(
        &server.url(),
        "POST",
        "/metric/counts",
        "access: read-only\n",
    );
    for outcome in in_every_place(&only_reads, &[]) {
        outcome.assert_exit(0);
    }
    let writes = project(&server.url(), "POST", "/runs", "access: read-only\n");
    for outcome in in_every_place(&writes, &[]) {
        outcome.assert_exit(7);
    }
    server.finish();
}

#[test]
fn check_reports_a_feed_that_writes() {
    let server = Server::start(Vec::new());
    let project = project(&server.url(), "POST", "/runs", "");
    let outcome = Run::in_(&project).args(["check"]).outcome();
    insta::assert_snapshot!(outcome.assert_exit(2).stderr_text());
    server.finish();
}

#[test]
fn a_file_says_that_its_request_is_safe_or_that_it_is_not() {
    let ask = |yaml: &str| Case::query(yaml);
    let seen = ask("method: POST\nsafe: true\nendpoint: /find")
        .settings("access: read-only")
        .asks(vec![Exchange::post("/api/v2/find")]);
    seen.outcome.assert_exit(0);
    let outcome = ask("safe: false\nendpoint: /start").asks_nothing();
    insta::assert_snapshot!(told(outcome.assert_exit(7)));
    let read_only = ask("safe: false\nendpoint: /start")
        .settings("access: read-only")
        .args(["--yes"])
        .asks_nothing();
    read_only.assert_exit(7);
}

#[test]
fn a_safe_post_is_tried_again_like_a_get() {
    let seen = Case::query("method: POST\nsafe: true\nendpoint: /find")
        .settings("retry: { base_delay: 1ms }")
        .asks(vec![
            Exchange::post("/api/v2/find").answers((503, json!({}))),
            Exchange::post("/api/v2/find").answers(json!({ "id": 1 })),
        ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!({ "id": 1 })
    );
    let seen = Case::query("safe: false\nendpoint: /start")
        .settings("retry: { base_delay: 1ms }")
        .args(["--yes"])
        .asks(vec![
            Exchange::get("/api/v2/start").answers((503, json!({}))),
        ]);
    seen.outcome.assert_exit(3);
}

#[test]
fn equal_safe_posts_are_sent_once_and_others_are_not() {
    let seen = Case::query(
        "safe: true\nfor_each: { item: { in: [a, b, a] } }\nmethod: POST\nendpoint: /find\n\
         body: { json: { id: \"{{ item }}\" } }",
    )
    .asks(vec![
        Exchange::post("/api/v2/find")
            .with_json(json!({ "id": "a" }))
            .answers(json!({ "id": "a" })),
        Exchange::post("/api/v2/find")
            .with_json(json!({ "id": "b" }))
            .answers(json!({ "id": "b" })),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{ "id": "a" }, { "id": "b" }, { "id": "a" }])
    );
}

#[test]
fn the_response_to_a_safe_post_can_be_cached() {
    let case = Case::query(
        "method: POST\nsafe: true\nendpoint: /find\ncache: 10m\nbody: { json: { id: 1 } }",
    );
    let server = Server::start(vec![
        Exchange::post("/api/v2/find").answers(json!({ "id": 1 })),
    ]);
    let project = case.project_at(&server.url());
    for _ in 0..2 {
        let outcome = Run::in_(&project).args(["run", "q"]).outcome();
        assert_eq!(outcome.assert_exit(0).stdout_json(), json!({ "id": 1 }));
    }
    server.finish();
}

#[test]
fn a_write_is_not_sent_again_for_a_next_page() {
    let v3 = "type: circleci\napi: v3\nbase_url: URL/api/v2";
    let cursor = "type: circleci\nbase_url: URL/api/v2\n\
                  paginate: { cursor: { path: $.page.next, param: c } }";
    let link = "type: rest\nbase_url: URL/api/v2";
    for resource in [v3, cursor, link] {
        let answer = Answer::status(200)
            .header("link", "</api/v2/runs?page=2>; rel=\"next\"")
            .json(&json!({ "data": [{ "id": 1 }], "page": { "next": "more" } }));
        let seen = Case::query("method: POST\nendpoint: /runs\nrows: $.data[*]")
            .resource(resource)
            .args(["--yes"])
            .asks(vec![Exchange::post("/api/v2/runs").answers(answer)]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{ "id": 1 }])
        );
    }
}

#[test]
fn a_search_is_read_to_its_last_page() {
    let page = |ids: &[u64], next: Value| {
        let data: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "data": data, "page": { "next": next } })
    };
    let seen = Case::query(
        "method: POST\nendpoint: /runs/search\nbody: { json: { page: { limit: 1 } } }\n\
         rows: $.data[*]",
    )
    .resource("type: circleci\napi: v3\nbase_url: URL/api/v3")
    .asks(vec![
        Exchange::post("/api/v3/runs/search")
            .with_json(json!({ "page": { "limit": 1 } }))
            .answers(page(&[1], json!("c2"))),
        Exchange::post("/api/v3/runs/search")
            .with_json(json!({ "page": { "limit": 1, "cursor": "c2" } }))
            .answers(page(&[2], Value::Null)),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{ "id": 1 }, { "id": 2 }])
    );
}

/// A search in one environment may be a write in another.
#[test]
fn a_search_has_to_be_one_in_every_environment() {
    let case = |resource: &str| {
        Case::query("method: POST\nendpoint: /runs/search").resource(&format!(
            "type: circleci\napi: v3\nbase_url: URL\n{resource}"
        ))
    };
    case("environments: { server: { api: v2 } }")
        .asks_nothing()
        .assert_exit(7);
    let seen =
        case("environments: { other: { api: v3 } }").asks(vec![Exchange::post("/runs/search")]);
    seen.outcome.assert_exit(0);
}

#[test]
fn a_value_does_not_make_a_search_of_another_route() {
    for endpoint in [
        "/runs/{{ word }}",
        "/{{ word }}/search",
        "/analysis/{{ word | path }}",
        "/analysis/{{ word }}/rerun",
        "/metric",
        "/configs/compile/",
    ] {
        Case::query(&format!(
            "vars: {{ word: search }}\nmethod: POST\nendpoint: {endpoint}"
        ))
        .resource("type: circleci\napi: v3\nbase_url: URL")
        .asks_nothing()
        .assert_exit(7);
    }
}
