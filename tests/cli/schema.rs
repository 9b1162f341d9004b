//! `runner schema`: JSON Schemas for editors. `tests/schema.rs` holds them against `check`.

use serde_json::{Value, json};

use crate::support::{Project, Run};

fn schema(project: &Project, args: &[&str]) -> Value {
    let outcome = Run::in_(project).args(["schema"]).args(args).outcome();
    let text = outcome.assert_exit(0).stdout_text();
    serde_json::from_str(&text).expect("a schema is JSON")
}

#[test]
fn names_of_a_project_are_suggested_if_requested() {
    let project = Project::new();
    project.write(
        "resources/shop.yaml",
        "type: rest\nbase_url: https://shop.example\n",
    );
    project.write("queries/orders.yaml", "resource: shop\nendpoint: /orders\n");
    // A file with a fault has a name too.
    project.write("queries/broken.yaml", "name: refunds\nendpoint: [\n");
    let resource = |schema: &Value| schema["properties"]["resource"].clone();
    assert_eq!(
        resource(&schema(&project, &["query"]))["type"],
        json!(["string", "null"])
    );
    let with_names = resource(&schema(&project, &["query", "--project"]));
    assert_eq!(with_names["anyOf"][0], json!({ "enum": ["shop"] }));
    // Others are accepted.
    assert_eq!(with_names["anyOf"][1], json!({ "type": "string" }));
    let test = schema(&project, &["test", "--project", "."]);
    assert_eq!(
        test["properties"]["query"]["anyOf"][0],
        json!({ "enum": ["broken", "orders"] })
    );
}

#[test]
fn a_folder_without_a_project_has_no_names() {
    let project = Project::new();
    let run = Run::in_(&project).args(["schema", "query", "--project", "/nowhere"]);
    let stderr = run.outcome().assert_exit(2).stderr_text();
    assert!(stderr.contains("/nowhere"), "{stderr}");
}

#[test]
fn an_unknown_kind_is_refused_with_the_known_ones() {
    let project = Project::new();
    let outcome = Run::in_(&project).args(["schema", "queries"]).outcome();
    let stderr = outcome.assert_exit(2).stderr_text();
    assert!(
        stderr.contains("resource, query, test, project"),
        "{stderr}"
    );
}
