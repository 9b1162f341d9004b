//! Every operation that is not used by another test, once; `send` checks the shape of the responses.

use serde_json::{Value, json};

use crate::demo::options::APP_ORG_SLUG;
use crate::demo::tests::{all, get, post, refusal, send, text, world};
use crate::demo::world::World;

fn change(world: &mut World, method: &str, target: &str, body: &Value) -> Value {
    let reply = send(world, method, target, body);
    assert_eq!(reply.status, 200, "{method} {target}: {}", reply.body);
    reply.body
}

/// Creates, reads, changes and deletes an object.
fn live(world: &mut World, list: &str, one: &str, body: &Value, patch: &Value) {
    let before = get(world, list)["items"].as_array().unwrap().len();
    let reply = send(world, "POST", list, body);
    assert!(reply.status.is_success(), "{list}: {}", reply.body);
    let target = format!("{one}/{}", text(&reply.body, "id"));
    assert_eq!(
        get(world, list)["items"].as_array().unwrap().len(),
        before + 1
    );
    if !patch.is_null() {
        let changed = change(world, "PATCH", &target, patch);
        assert_eq!(get(world, &target), changed);
        assert_eq!(changed["name"], patch["name"]);
    }
    assert_eq!(refusal(world, "POST", list, &json!({})).0, 400);
    change(world, "DELETE", &target, &Value::Null);
    assert!(refusal(world, "DELETE", &target, &Value::Null).0 >= 400);
}

fn id_of(world: &mut World, target: &str) -> String {
    text(&get(world, target), "id").to_owned()
}

#[test]
fn definitions_and_triggers() {
    let mut world = world();
    let project = id_of(&mut world, "/project/gh/acme/web");
    let list = format!("/projects/{project}/pipeline-definitions");
    let source = json!({ "provider": "github_app", "repo": { "external_id": "1" } });
    let body = json!({ "name": "x", "config_source": source, "checkout_source": source });
    live(&mut world, &list, &list, &body, &json!({ "name": "y" }));
    let definition = get(&mut world, &list)["items"][0].clone();
    let triggers = format!("{list}/{}/triggers", text(&definition, "id"));
    let one = format!("/projects/{project}/triggers");
    let body = json!({ "event_source": { "provider": "schedule" } });
    live(
        &mut world,
        &triggers,
        &one,
        &body,
        &json!({ "disabled": true }),
    );
    assert_eq!(
        refusal(&mut world, "GET", &format!("{list}/x"), &Value::Null).0,
        400
    );
}

#[test]
fn deployments_follow_the_workflows() {
    let mut world = world();
    let organization = id_of(&mut world, "/organization/gh/acme");
    let scope = format!("org-id={organization}&page-size=20");
    let environments = all(&mut world, &format!("/deploy/environments?{scope}"));
    assert_eq!(environments.len(), 2);
    let target = format!("/deploy/environments/{}", text(&environments[0], "id"));
    assert_eq!(get(&mut world, &target), environments[0]);
    let components = all(&mut world, &format!("/deploy/components?{scope}"));
    assert_eq!(components.len(), 2);
    let target = format!("/deploy/components/{}", text(&components[0], "id"));
    assert_eq!(get(&mut world, &target), components[0]);
    let versions = format!(
        "{target}/versions?environment-id={}",
        text(&environments[0], "id")
    );
    let versions = all(&mut world, &versions);
    let live = versions.iter().filter(|version| version["is_live"] == true);
    assert_eq!(live.count(), 1);
    let details = format!("/project/gh/acme/web/job/{}", versions[0]["job_number"]);
    let details = get(&mut world, &details);
    assert_eq!(details["name"], "deploy-production");
    assert_eq!(details["pipeline"]["id"], versions[0]["pipeline_id"]);
    let rollback = format!("/projects/{}/rollback", text(&components[0], "project_id"));
    let mut body = json!({
        "component_name": "web",
        "environment_name": "production",
        "current_version": versions[0]["name"],
        "target_version": versions[1]["name"],
    });
    post(&mut world, &rollback, &body, 202);
    body["target_version"] = json!("nope");
    assert_eq!(refusal(&mut world, "POST", &rollback, &body).0, 404);
    assert_eq!(
        refusal(&mut world, "GET", "/deploy/components", &Value::Null).0,
        400
    );
}

#[test]
fn groups_orbs_exporters_and_new_ones() {
    let mut world = world();
    let organization = id_of(&mut world, &format!("/organization/{APP_ORG_SLUG}"));
    let groups = format!("/organizations/{organization}/groups");
    let group = all(&mut world, &groups).remove(0);
    let target = format!("{groups}/{}", text(&group, "id"));
    assert_eq!(get(&mut world, &target), group);
    live(
        &mut world,
        &groups,
        &groups,
        &json!({ "name": "x" }),
        &Value::Null,
    );
    assert_eq!(
        refusal(&mut world, "GET", &format!("{groups}/x"), &Value::Null).0,
        403
    );
    let orbs = "/organization/gh/acme/url-orb-allow-list";
    let body = json!({ "name": "x", "prefix": "https://x.invalid/", "auth": "none" });
    live(&mut world, orbs, orbs, &body, &Value::Null);
    let organization = id_of(&mut world, "/organization/gh/acme");
    let exporters = format!("/otel/exporters?org-id={organization}");
    assert_eq!(get(&mut world, &exporters).as_array().unwrap().len(), 1);
    let body = json!({ "org_id": organization, "endpoint": "x:1", "protocol": "http" });
    let made = post(&mut world, "/otel/exporters", &body, 201);
    let target = format!("/otel/exporters/{}", text(&made, "id"));
    change(&mut world, "DELETE", &target, &Value::Null);
    let body = json!({ "name": "new", "vcs_type": "circleci" });
    post(&mut world, "/organization", &body, 201);
    let body = json!({ "name": "new" });
    let made = post(&mut world, "/organization/gh/acme/project", &body, 200);
    assert_eq!(made["slug"], "gh/acme/new");
    post(&mut world, "/project/gh/acme/web", &Value::Null, 201);
    for target in ["/organization/gh/acme", "/project/gh/acme/web"] {
        assert_eq!(refusal(&mut world, "DELETE", target, &Value::Null).0, 403);
    }
}

#[test]
fn policies_decide_and_are_replaced() {
    let mut world = world();
    let organization = id_of(&mut world, "/organization/gh/acme");
    let root = format!("/owner/{organization}/context/config");
    let decisions = get(&mut world, &format!("{root}/decision?status=HARD_FAIL"));
    let decision = &decisions[0];
    let target = format!("{root}/decision/{}", text(decision, "id"));
    assert_eq!(&get(&mut world, &target), decision);
    let bundle = get(&mut world, &format!("{root}/policy-bundle"));
    assert_eq!(get(&mut world, &format!("{target}/policy-bundle")), bundle);
    get(
        &mut world,
        &format!("{root}/policy-bundle/docker-tags.rego"),
    );
    let body = json!({ "input": "image: x:latest" });
    let decided = post(&mut world, &format!("{root}/decision"), &body, 200);
    assert_eq!(decided["status"], "HARD_FAIL");
    let settings = format!("{root}/decision/settings");
    change(&mut world, "PATCH", &settings, &json!({ "enabled": false }));
    assert_eq!(get(&mut world, &settings)["enabled"], false);
    let body = json!({ "policies": { "new.rego": "package org" } });
    let target = format!("{root}/policy-bundle");
    let diff = post(&mut world, &format!("{target}?dry=true"), &body, 200);
    assert_eq!(diff["deleted"], json!(["docker-tags.rego"]));
    assert_eq!(get(&mut world, &target), bundle);
    post(&mut world, &target, &body, 201);
    let old = format!("{target}/docker-tags.rego");
    let refused = send(&mut world, "GET", &old, &Value::Null);
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]),
        (404, &json!("policy not found"))
    );
}

#[test]
fn claims_are_set_and_deleted() {
    let mut world = world();
    let organization = id_of(&mut world, "/organization/gh/acme");
    let project = id_of(&mut world, "/project/gh/acme/web");
    for scope in [
        organization.clone(),
        format!("{organization}/project/{project}"),
    ] {
        let target = format!("/org/{scope}/oidc-custom-claims");
        assert!(get(&mut world, &target).get("ttl").is_none());
        change(
            &mut world,
            "PATCH",
            &target,
            &json!({ "ttl": "1h", "audience": ["x"] }),
        );
        assert_eq!(get(&mut world, &target)["ttl"], "1h");
        change(
            &mut world,
            "DELETE",
            &format!("{target}?claims=ttl"),
            &Value::Null,
        );
        assert!(get(&mut world, &target).get("ttl").is_none());
        assert_eq!(refusal(&mut world, "DELETE", &target, &Value::Null).0, 400);
    }
}
