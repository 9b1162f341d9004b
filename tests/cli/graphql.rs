//! GraphQL bodies: what is sent, page after page, and what counts as a failure.

use serde_json::{Value, json};

use crate::case::{Case, told};
use crate::support::{Answer, Exchange, Project, Run, Server};

/// The example of the documentation.
const PULLS: &str = include_str!("../../examples/connections/queries/pull-reviews.yaml");
const DOCUMENT: &str = include_str!("../../examples/connections/queries/pull-reviews.graphql");

const REST: &str = "type: rest\nbase_url: URL\nauth: { bearer: \"{{ env.CIRCLE_TOKEN }}\" }";

/// A query whose body is this GraphQL, as a flow mapping.
fn graphql(body: &str, more: &str) -> Case {
    Case::query(&format!(
        "endpoint: /graphql\nbody: {{ graphql: {body} }}\n{more}"
    ))
    .resource(REST)
}

/// A request with this body.
fn asks(body: Value) -> Exchange {
    Exchange::post("/graphql").with_json(body)
}

fn viewer() -> Exchange {
    asks(json!({ "query": "{ viewer { login } }" }))
}

const VIEWER: &str = r#"{ query: "{ viewer { login } }" }"#;

mod sending {
    use super::*;

    #[test]
    fn a_document_is_sent_as_written_and_variables_keep_their_types() {
        let body = "
    query: |
      # {{ not a template }}
      query Q($a: Int, $b: [In], $c: String, $d: Boolean) { f(a: $a, b: $b, c: $c, d: $d) {x{y}} }
    operation: Q
    variables: { a: \"{{ n }}\", b: [{ k: \"{{ n }}-{{ n }}\" }], c: \"{{ t }}\", d: null }";
        let seen = Case::query(&format!(
            "vars: {{ n: {{ type: int }}, t: {{}} }}\nendpoint: /graphql\nbody:\n  graphql:{body}"
        ))
        .resource(REST)
        .args(["n=7", "t={{ \"}} \n", "-o", "json"])
        .asks(vec![
            Exchange::post("/graphql")
                .with_header("content-type", "application/json")
                .answers(json!({ "data": { "f": 1 } })),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!({ "data": { "f": 1 } })
        );
        let sent: Value = serde_json::from_slice(&seen.request().body).expect("JSON");
        let document = "# {{ not a template }}\nquery Q($a: Int, $b: [In], $c: String, \
                        $d: Boolean) { f(a: $a, b: $b, c: $c, d: $d) {x{y}} }\n";
        assert_eq!(
            sent,
            json!({
                "query": document,
                "operationName": "Q",
                "variables": { "a": 7, "b": [{ "k": "7-7" }], "c": "{{ \"}} \n", "d": null },
            })
        );
    }

    #[test]
    fn a_query_is_safe_and_a_mutation_asks_first() {
        let answers = || json!({ "data": { "viewer": { "login": "mika" } } });
        // No question, and it may be sent again.
        let seen = graphql(VIEWER, "extract: { login: $.data.viewer.login }")
            .args(["-o", "json"])
            .asks(vec![
                viewer().answers((503, json!({}))),
                viewer().answers(answers()),
            ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!({ "login": "mika" })
        );
        let close =
            r#"{ query: "query Q { a } mutation Close { close { id } }", operation: OPERATION }"#;
        let mutation = || graphql(&close.replace("OPERATION", "Close"), "");
        let outcome = mutation().asks_nothing();
        assert!(told(outcome.assert_exit(7)).contains("needs-yes"));
        let sent = || {
            Exchange::post("/graphql")
                .when("the operation", |request| {
                    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
                    body["operationName"] == "Close"
                })
                .answers(json!({ "data": { "close": { "id": 1 } } }))
        };
        let seen = mutation().args(["--yes"]).asks(vec![sent()]);
        seen.outcome.assert_exit(0);
        let seen = mutation()
            .args(["--yes"])
            .asks(vec![sent().answers((503, json!({})))]);
        seen.outcome.assert_exit(3);
        let read_only = format!("{REST}\naccess: read-only");
        let outcome = mutation()
            .resource(&read_only)
            .args(["--yes"])
            .asks_nothing();
        outcome.assert_exit(7);
        let seen = graphql(&close.replace("OPERATION", "Q"), "")
            .resource(&read_only)
            .asks(vec![
                Exchange::post("/graphql").answers(json!({ "data": { "a": 1 } })),
            ]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn a_query_feeds_others_and_equal_ones_are_sent_once() {
        let server = Server::start(vec![
            Exchange::post("/graphql")
                .answers(json!({ "data": { "ids": [{ "id": 1 }, { "id": 2 }] } })),
            Exchange::get("/x/1"),
            Exchange::get("/x/2"),
        ]);
        let project = Project::new()
            .file("resources/api.yaml", REST.replace("URL", &server.url()))
            .query(
                "ids",
                "resource: api\nendpoint: /graphql\nbody: { graphql: { query: \"{ ids { id } }\" } }\n\
                 rows: $.data.ids[*]\n",
            )
            .query(
                "each",
                "resource: api\nfor_each: { one: { query: ids } }\nendpoint: /x/{{ one.id }}\n",
            )
            .query(
                "both",
                "data: { a: { query: ids }, b: { query: ids }, c: { query: each } }\n\
                 sql: select count(*) as n from a, b, c\n",
            );
        let outcome = Run::in_(&project)
            .args(["run", "both", "-o", "json"])
            .outcome();
        assert_eq!(outcome.assert_exit(0).stdout_json(), json!([{ "n": 8 }]));
        server.finish();
    }

    #[test]
    fn a_query_is_polled_until_it_holds() {
        let state = |state: &str| viewer().answers(json!({ "data": { "state": state } }));
        let seen = graphql(
            VIEWER,
            "poll: { until: row.data.state == \"done\", every: 1ms }\nextract: { s: $.data.state }",
        )
        .args(["-o", "json"])
        .asks(vec![state("on"), state("on"), state("done")]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!({ "s": "done" })
        );
    }

    #[test]
    fn a_secret_in_a_variable_is_masked() {
        let body = r#"{ query: "query($a: String) { f(a: $a) }", variables: { a: "{{ env.CIRCLE_TOKEN }}" } }"#;
        let shown = |format: &str| {
            let case = graphql(body, "").args([format]);
            let outcome = case.outcome_at("http://127.0.0.1:1");
            outcome.assert_exit(0).stdout_text()
        };
        insta::assert_snapshot!(shown("--dry-run"), @r#"
        POST http://127.0.0.1:1/graphql
        accept: application/json
        authorization: Bearer ***
        content-type: application/json

        {"query":"query($a: String) { f(a: $a) }","variables":{"a":"***"}}

        # masked: CIRCLE_TOKEN
        "#);
        insta::assert_snapshot!(shown("--curl"), @r#"curl --silent --show-error --globoff --compressed --request POST 'http://127.0.0.1:1/graphql' --header 'accept: application/json' --header 'authorization: Bearer '"$CIRCLE_TOKEN" --header 'content-type: application/json' --data-raw '{"query":"query($a: String) { f(a: $a) }","variables":{"a":'"$(printf %s "$CIRCLE_TOKEN" | jq -Rs .)"'}}'"#);
    }
}

mod pages {
    use super::*;

    /// A page of pull requests; the request has this cursor.
    fn page(after: Option<&str>, numbers: &[u64], end: &str, has_more: bool) -> Exchange {
        let mut variables = json!({ "owner": "acme", "name": "web", "size": 2 });
        if let Some(after) = after {
            variables["after"] = after.into();
        }
        let nodes: Vec<Value> = numbers
            .iter()
            .map(|number| {
                json!({
                    "number": number,
                    "title": format!("Change {number}"),
                    "author": { "login": "mika" },
                    "reviewDecision": "APPROVED",
                    "commits": { "nodes": [{ "commit": { "statusCheckRollup": { "state": "SUCCESS" } } }] },
                })
            })
            .collect();
        let pulls = json!({
            "pageInfo": { "hasNextPage": has_more, "endCursor": end },
            "nodes": nodes,
        });
        asks(json!({ "query": DOCUMENT, "variables": variables }))
            .answers(json!({ "data": { "repository": { "pullRequests": pulls } } }))
    }

    fn pulls(exchanges: Vec<Exchange>, args: &[&str]) -> (crate::support::Outcome, Option<String>) {
        let server = Server::start(exchanges);
        let project = Project::new()
            .file("resources/github.yaml", REST.replace("URL", &server.url()))
            .query("pull-reviews", PULLS)
            .file("queries/pull-reviews.graphql", DOCUMENT);
        let outcome = Run::in_(&project)
            .args(["run", "pull-reviews", "owner=acme", "name=web", "size=2"])
            .args(args)
            .outcome();
        server.finish();
        (outcome, project.read("pulls.csv"))
    }

    #[test]
    fn a_cursor_goes_into_a_variable() {
        let (outcome, file) = pulls(
            vec![
                page(None, &[1, 2], "Y3Vyc29yOjI=", true),
                page(Some("Y3Vyc29yOjI="), &[3, 4], "NA==", true),
                page(Some("NA=="), &[5], "NQ==", false),
            ],
            &["--out", "pulls.csv"],
        );
        outcome.assert_exit(0);
        insta::assert_snapshot!(file.expect("a file"), @"
        number,title,author,review,checks
        1,Change 1,mika,APPROVED,SUCCESS
        2,Change 2,mika,APPROVED,SUCCESS
        3,Change 3,mika,APPROVED,SUCCESS
        4,Change 4,mika,APPROVED,SUCCESS
        5,Change 5,mika,APPROVED,SUCCESS
        ");
    }

    #[test]
    fn an_error_on_a_later_page_breaks_the_listing_off() {
        let error = json!({ "data": null, "errors": [{ "message": "Something went wrong" }] });
        let second = json!({ "owner": "acme", "name": "web", "size": 2, "after": "Mg==" });
        let (outcome, file) = pulls(
            vec![
                page(None, &[1, 2], "Mg==", true),
                asks(json!({ "query": DOCUMENT, "variables": second })).answers(error),
            ],
            &["--columns", "number", "--out", "pulls.csv"],
        );
        assert_eq!(file.as_deref(), Some("number\n1\n2\n"));
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot(), @"
        $ runner run pull-reviews owner=acme name=web size=2 --columns number --out pulls.csv
        --- stdout
        --- stderr
        error[graphql]: the listing of `pull-reviews` failed after 2 records: github returned a GraphQL error: Something went wrong
          request: POST http://127.0.0.1:[PORT]/graphql
        --- exit 6
        ");
    }
}

mod errors {
    use super::*;

    /// GitHub's response for a repository that does not exist.
    fn not_found() -> Value {
        json!({
            "data": { "repository": null, "viewer": { "login": "mika" } },
            "errors": [{
                "type": "NOT_FOUND",
                "path": ["repository"],
                "locations": [{ "line": 2, "column": 3 }],
                "message": "Could not resolve to a Repository with the name 'acme/nope'.",
            }],
        })
    }

    #[test]
    fn errors_in_a_200_are_a_failure_whatever_data_there_is() {
        let seen = graphql(VIEWER, "").asks(vec![viewer().answers(not_found())]);
        insta::assert_snapshot!(told(seen.outcome.assert_exit(3)), @"
        error[graphql]: circleci returned a GraphQL error: Could not resolve to a Repository with the name 'acme/nope'. (at repository)
          request: POST http://127.0.0.1:[PORT]/graphql
          error type: NOT_FOUND
        --- exit 3
        ");
        for more in ["on_status: { 200: ok }", "on_status: { 200: empty }"] {
            let seen = graphql(VIEWER, more).asks(vec![viewer().answers(not_found())]);
            seen.outcome.assert_exit(3);
        }
        let seen = graphql(VIEWER, "on_status: { 400: ok }")
            .asks(vec![viewer().answers((400, not_found()))]);
        seen.outcome.assert_exit(3);
        let seen = graphql(VIEWER, "")
            .args(["-o", "raw"])
            .asks(vec![viewer().answers(not_found())]);
        assert_eq!(seen.outcome.assert_exit(3).stdout_text(), "");
    }

    #[test]
    fn what_is_no_answer_of_graphql_is_a_failure() {
        let user = json!({ "viewer": { "login": "mika" } });
        for (answer, words) in [
            (json!({ "data": user, "errors": "boom" }), "error: boom"),
            (
                json!({ "data": user, "errors": { "message": "no" } }),
                "error: no",
            ),
            (json!({ "data": user, "errors": true }), "without a message"),
            (json!({ "data": null }), "its `data` is null"),
            (json!({ "data": null, "errors": [] }), "its `data` is null"),
            (
                json!({ "message": "Bad credentials" }),
                "no `data`, and says: Bad credentials",
            ),
            (
                json!({ "error": "bad token" }),
                "no `data`, and says: bad token",
            ),
            (json!({}), "the response has no `data`"),
            (
                json!([{ "data": user }]),
                "the response is a list, not an object",
            ),
            (json!("text"), "the response is a string, not an object"),
        ] {
            for more in ["", "rows: $.data.users[*]"] {
                let seen = graphql(VIEWER, more).asks(vec![viewer().answers(answer.clone())]);
                let told = seen.outcome.assert_exit(3).stderr_text();
                assert!(told.contains("error[graphql]"), "{told}");
                assert!(told.contains(words), "{words}: {told}");
            }
        }
        let empty = crate::support::Answer::status(200).body("application/json", "");
        let seen = graphql(VIEWER, "").asks(vec![viewer().answers(empty)]);
        let told = seen.outcome.assert_exit(3).stderr_text();
        assert!(told.contains("the response is empty"), "{told}");
    }

    #[test]
    fn no_errors_are_none() {
        for errors in [json!([]), json!(null)] {
            let answer = json!({ "data": { "viewer": { "login": "mika" } }, "errors": errors });
            let seen = graphql(VIEWER, "extract: { login: $.data.viewer.login }")
                .asks(vec![viewer().answers(answer)]);
            seen.outcome.assert_exit(0);
        }
    }

    #[test]
    fn the_first_error_is_reported_with_its_code() {
        let errors = json!({ "errors": [
            {
                "message": "Field 'logn' doesn't exist on type 'User'",
                "path": ["query", "viewer", 0, "logn"],
                "extensions": { "code": "undefinedField" },
            },
            { "message": "another" },
        ]});
        let seen = graphql(VIEWER, "")
            .args(["--error-format", "json"])
            .asks(vec![
                viewer().answers(
                    Answer::status(200)
                        .header("x-request-id", "C0FF:EE")
                        .json(&errors),
                ),
            ]);
        insta::assert_snapshot!(told(seen.outcome.assert_exit(3)), @r#"
        {"level":"error","code":"graphql","message":"circleci returned a GraphQL error: Field 'logn' doesn't exist on type 'User' (at query.viewer.0.logn); and 1 more","exit_code":3,"request":"POST http://127.0.0.1:[PORT]/graphql","status":200,"request_id":"C0FF:EE","pointer":"/query/viewer/0/logn","error_type":"undefinedField"}
        --- exit 3
        "#);
    }

    #[test]
    fn a_rate_limit_says_when_to_try_again() {
        let error =
            json!({ "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded" }] });
        let answer = Answer::status(200).header("retry-after", "90").json(&error);
        let seen = graphql(VIEWER, "").asks(vec![viewer().answers(answer)]);
        let stderr = told(seen.outcome.assert_exit(3));
        assert!(stderr.contains("try again in 1m 30s"), "{stderr}");
    }

    #[test]
    fn a_failure_of_one_item_does_not_lose_the_others() {
        let body =
            r#"{ query: "query($id: Int!) { f(id: $id) { n } }", variables: { id: "{{ id }}" } }"#;
        let asks = |id: u64| {
            asks(json!({
                "query": "query($id: Int!) { f(id: $id) { n } }",
                "variables": { "id": id },
            }))
        };
        let seen = graphql(
            body,
            "for_each: { id: { in: [1, 2, 3] } }\nextract: { n: $.data.f.n }",
        )
        .args(["-o", "ndjson"])
        .asks(vec![
            asks(1).answers(json!({ "data": { "f": { "n": 1 } } })),
            asks(2).answers(not_found()),
            asks(3).answers(json!({ "data": { "f": { "n": 3 } } })),
        ]);
        let stdout = seen.outcome.assert_exit(6).stdout_text();
        assert_eq!(stdout, "{\"n\":1}\n{\"n\":3}\n");
    }

    #[test]
    fn a_response_with_errors_is_not_cached() {
        let case = graphql(VIEWER, "cache: 1h");
        let server = Server::start(vec![
            viewer().answers(not_found()),
            viewer().answers(json!({ "data": 1 })),
        ]);
        let project = case.project_at(&server.url());
        let exits = [3, 0, 0];
        for exit in exits {
            let outcome = Run::in_(&project).args(["run", "q"]).outcome();
            outcome.assert_exit(exit);
        }
        server.finish();
    }
}
