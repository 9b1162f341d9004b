//! Failures as data: `run.failures` in documents and expectations, and the table `failures`.

use serde_json::{Value, json};

use crate::case::{Case, Seen};
use crate::data::items;
use crate::support::Exchange;

/// Projects whose variables cannot all be read.
const PROJECTS: &str = "resource: circleci
endpoint: /projects
rows: $.items[*]
extract: { slug: $.slug, name: $.name, status: $.status }
";

const VARIABLES: &str = "resource: circleci
for_each: { project: { query: projects } }
endpoint: /project/{{ project.slug }}/envvar
rows: $.items[*]
extract: { slug: \"{{ project.slug }}\", variable: $.name }
";

fn over_variables(yaml: &str) -> Case {
    Case::query(yaml)
        .file("queries/projects.yaml", PROJECTS)
        .file("queries/variables.yaml", VARIABLES)
}

fn answers() -> Vec<Exchange> {
    vec![
        items(
            "/projects",
            json!([
                {"slug": "a", "name": "web", "status": "active"},
                {"slug": "b", "name": "api", "status": "archived"},
            ]),
        ),
        items("/project/a/envvar", json!([{"name": "TOKEN"}])),
        Exchange::get("/api/v2/project/b/envvar").answers((403, json!({"message": "no rights"}))),
    ]
}

fn ask(yaml: &str) -> Seen {
    over_variables(yaml).asks(answers())
}

#[test]
fn a_document_lists_what_could_not_be_read() {
    let seen = ask(
        "data: { variables: { query: variables } }
report:
  template: |
    {% for row in data.variables %}{{ row.slug }}: {{ row.variable }}
    {% endfor %}{% for failure in run.failures %}{{ failure.slug }} ({{ failure.name }}): {{ failure.status }}, {{ failure.code }}, {{ failure.message }}, {{ failure.query }}, {{ failure.item.project.status }}
    {% endfor %}{{ run.failures | length }}, {{ run.partial }}",
    );
    let text = seen.outcome.assert_exit(6).stdout_text();
    assert_eq!(
        text,
        "a: TOKEN\nb (api): 403, http-403, circleci returned 403 Forbidden: no rights, variables, archived\n1, true\n"
    );
}

#[test]
fn a_failed_item_is_named_by_its_first_columns() {
    let seen = ask("data: { variables: { query: variables } }\nreport: { template: \"\" }");
    let text = seen.outcome.assert_exit(6).stderr_text();
    assert!(
        text.contains("item: project b (name: api, status: archived)"),
        "{text}"
    );
}

#[test]
fn a_statement_joins_what_failed() {
    let seen = ask(
        "data: { projects: { query: projects }, variables: { query: variables } }
sql: >
  select p.slug, count(v.variable) as variables, f.status, f.code, f.item ->> '$.project.status' as state
  from projects p left join variables v on v.slug = p.slug left join failures f on f.slug = p.slug
  group by 1",
    );
    assert_eq!(
        seen.outcome.assert_exit(6).stdout_json(),
        json!([
            {"slug": "a", "variables": 1, "status": null, "code": null, "state": null},
            {"slug": "b", "variables": 0, "status": 403, "code": "http-403", "state": "archived"},
        ])
    );
}

#[test]
fn the_table_is_there_when_nothing_failed() {
    let seen = over_variables(
        "data: { variables: { query: variables } }\nsql: select slug, message from failures",
    )
    .asks(vec![items("/projects", json!([]))]);
    assert_eq!(seen.outcome.assert_exit(0).stdout_json(), json!([]));
}

#[test]
fn a_query_of_that_name_is_its_own_table() {
    let seen =
        over_variables("data: { failures: { query: projects } }\nsql: select slug from failures")
            .asks(vec![items("/projects", json!([{"slug": "a"}]))]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{"slug": "a"}])
    );
}

#[test]
fn a_column_that_no_failure_has_is_found_by_check() {
    let outcome = over_variables(
        "data: { variables: { query: variables } }\nsql: select slugs from failures",
    )
    .asks_nothing();
    let text = outcome.assert_exit(2).stderr_text();
    assert!(text.contains("slugs"), "{text}");
}

#[test]
fn expectations_see_what_failed() {
    let expects = |that: &str| {
        let yaml =
            VARIABLES.replace("resource: circleci\n", "") + &format!("expect: [\"{that}\"]\n");
        over_variables(&yaml).asks(answers())
    };
    expects("run.failures | length == 1 and run.partial")
        .outcome
        .assert_exit(6);
    expects("not run.failures").outcome.assert_exit(1);
    expects("run.failures | selectattr('status', 'eq', 404) | list | length == 0")
        .outcome
        .assert_exit(6);
}

#[test]
fn items_of_a_list_and_of_several_names_are_columns() {
    let yaml = "for_each: { region: { in: [eu, us] }, project: { query: projects } }
endpoint: /{{ region }}/{{ project.slug }}
rows: $.items[*]
report: { template: \"{{ run.failures | tojson }}\" }";
    let seen = over_variables(yaml).asks(vec![
        items(
            "/projects",
            json!([{"slug": "a", "name": "web", "status": "active"}]),
        ),
        items("/eu/a", json!([{}])),
        Exchange::get("/api/v2/us/a").answers((404, json!({"message": "none"}))),
    ]);
    let mut failures: Value = seen.outcome.assert_exit(6).stdout_json();
    let url = failures[0]["request"].take();
    assert!(
        url.as_str().is_some_and(|url| url.ends_with("/us/a")),
        "{url}"
    );
    assert_eq!(
        failures,
        json!([{
            "query": "q", "region": "us", "slug": "a", "name": "web", "status": 404,
            "code": "http-404", "message": "circleci returned 404 Not Found: none",
            "request": null,
            "item": {"region": "us", "project": {"slug": "a", "name": "web", "status": "active"}},
        }])
    );
}

#[test]
fn a_listing_that_breaks_off_is_a_failure_of_the_query_itself() {
    let yaml = "endpoint: /x
rows: $.items[*]
report: { template: \"{{ rows | length }} of {{ query.name }}, {{ run.failures[0].code }}, {{ run.failures[0].slug is undefined }}\" }";
    let seen = Case::query(yaml).asks(vec![
        Exchange::get("/api/v2/x").answers(json!({"items": [{}], "next_page_token": "n"})),
        Exchange::get("/api/v2/x?page-token=n").answers((403, json!({"message": "no"}))),
    ]);
    assert_eq!(
        seen.outcome.assert_exit(6).stdout_text(),
        "1 of q, http-403, true\n"
    );
}

#[test]
fn a_secret_of_an_item_is_masked() {
    let yaml = "vars: { key: { secret: true } }
for_each: { one: { in: [\"{{ key }}\"] } }
endpoint: /x
rows: $.items[*]
report: { template: \"{{ run.failures | tojson }}\" }";
    let seen = Case::query(yaml).args(["key=hunter2hunter2"]).asks(vec![
        Exchange::get("/api/v2/x").answers((404, json!({"message": "hunter2hunter2"}))),
    ]);
    let outcome = seen.outcome.assert_exit(3);
    let text = outcome.stdout_text();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("\"one\":\"***\""), "{text}");
}

#[test]
fn items_that_look_alike_are_counted_each() {
    let files = |case: Case| {
        case.file(
            "queries/list.yaml",
            "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
        )
        .file(
            "queries/ask.yaml",
            "resource: circleci\nfor_each: { i: { query: list } }\nendpoint: /e\nheaders: { X-G: \"{{ i.g }}\" }\n",
        )
    };
    let asks = || {
        vec![
            Exchange::get("/api/v2/list").answers(json!({"items": [
                {"a": 1, "b": 2, "c": 3, "g": 0}, {"a": 1, "b": 2, "c": 3, "g": 1}
            ]})),
            Exchange::get("/api/v2/e")
                .times(2)
                .answers((400, json!({"message": "bad"}))),
        ]
    };
    let seen = files(Case::query(
        "data: { d: { query: ask } }\nsql: select count(*) as n from failures",
    ))
    .asks(asks());
    assert_eq!(seen.outcome.assert_exit(6).stdout_json(), json!([{"n": 2}]));
    let stderr = seen.outcome.stderr_text();
    assert!(stderr.contains("2 failures"), "{stderr}");
    let seen =
        Case::query("for_each: { i: { in: [a, a, c] } }\nmethod: POST\nendpoint: /e/{{ i }}")
            .args(["--yes"])
            .asks(vec![
                Exchange::post("/api/v2/e/a")
                    .times(2)
                    .answers((400, json!({}))),
                Exchange::post("/api/v2/e/c").answers((400, json!({}))),
            ]);
    let stderr = seen.outcome.assert_exit(3).stderr_text();
    assert!(stderr.contains("3 failures"), "{stderr}");
}
