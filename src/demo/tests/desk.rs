//! Contexts, variables, keys, webhooks and schedules.

use serde_json::{Value, json};

use crate::demo::tests::{all, get, post, refusal, send, text, world};

#[test]
fn settings_want_real_segments() {
    let mut world = world();
    let settings = get(&mut world, "/project/gh/acme/web/settings");
    assert_eq!(settings["advanced"]["autocancel_builds"], true);
    assert_eq!(
        refusal(
            &mut world,
            "GET",
            "/project/gh%2Facme%2Fweb/settings",
            &Value::Null
        )
        .0,
        404
    );
    let body = json!({ "advanced": { "disable_ssh": true } });
    assert_eq!(
        send(&mut world, "PATCH", "/project/gh/acme/web/settings", &body).status,
        200
    );
    let settings = get(&mut world, "/project/gh/acme/web/settings");
    assert_eq!(settings["advanced"]["disable_ssh"], true);
    let body = json!({ "advanced": { "oss": true } });
    assert_eq!(
        refusal(&mut world, "PATCH", "/project/gh/acme/web/settings", &body).0,
        400
    );
}

#[test]
fn contexts_and_their_variables() {
    let mut world = world();
    let contexts = all(&mut world, "/context?owner-slug=gh/acme");
    assert_eq!(contexts.len(), 5);
    let organization = get(&mut world, "/organization/gh%2Facme");
    let by_id = format!("/context?owner-id={}", text(&organization, "id"));
    assert_eq!(all(&mut world, &by_id), contexts);
    let id = text(&contexts[0], "id").to_owned();
    let target = format!("/context/{id}/environment-variable");
    let before = all(&mut world, &target).len();
    let put = format!("{target}/NEW%20NAME");
    let answer = send(&mut world, "PUT", &put, &json!({ "value": "s3cret" }));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["variable"], "NEW NAME");
    assert!(!answer.body.to_string().contains("s3cret"));
    assert_eq!(all(&mut world, &target).len(), before + 1);
    assert_eq!(send(&mut world, "DELETE", &put, &Value::Null).status, 200);
    assert_eq!(send(&mut world, "DELETE", &put, &Value::Null).status, 404);
    assert_eq!(refusal(&mut world, "PUT", &put, &json!({})).0, 400);
    assert_eq!(
        all(&mut world, &format!("/context/{id}/restrictions")).len(),
        2
    );
    assert_eq!(
        refusal(&mut world, "GET", "/context/nope", &Value::Null).0,
        403
    );
    let many = contexts
        .iter()
        .find(|context| context["name"] == "reporting")
        .unwrap();
    let target = format!("/context/{}/environment-variable", text(many, "id"));
    assert!(get(&mut world, &target)["next_page_token"].is_string());
    assert_eq!(all(&mut world, &target).len(), 26);
    assert_eq!(refusal(&mut world, "GET", "/context", &Value::Null).0, 400);
    assert_eq!(
        refusal(
            &mut world,
            "GET",
            "/context?owner-slug=gh/none",
            &Value::Null
        )
        .0,
        404
    );
    let body = json!({ "name": "new", "owner": { "slug": "gh/acme" } });
    post(&mut world, "/context", &body, 200);
    assert_eq!(all(&mut world, "/context?owner-slug=gh/acme").len(), 6);
}

#[test]
fn project_variables_keys_schedules_and_webhooks() {
    let mut world = world();
    let body = json!({ "name": "TOKEN", "value": "abcdefgh1234" });
    let made = post(&mut world, "/project/gh/acme/web/envvar", &body, 201);
    assert_eq!(made["value"], "xxxx1234");
    assert_eq!(get(&mut world, "/project/gh/acme/web/envvar/TOKEN"), made);
    assert_eq!(all(&mut world, "/project/gh/acme/web/envvar").len(), 3);
    assert_eq!(
        send(
            &mut world,
            "DELETE",
            "/project/gh/acme/web/envvar/TOKEN",
            &Value::Null
        )
        .status,
        200
    );
    assert_eq!(
        refusal(
            &mut world,
            "GET",
            "/project/gh/acme/web/envvar/TOKEN",
            &Value::Null
        )
        .0,
        404
    );

    let key = all(&mut world, "/project/gh/acme/web/checkout-key").remove(0);
    let target = format!(
        "/project/gh/acme/web/checkout-key/{}",
        text(&key, "fingerprint")
    );
    assert_eq!(get(&mut world, &target), key);
    post(
        &mut world,
        "/project/gh/acme/web/checkout-key",
        &json!({ "type": "user-key" }),
        201,
    );

    let schedule = all(&mut world, "/project/gh/acme/web/schedule").remove(0);
    let target = format!("/schedule/{}", text(&schedule, "id"));
    assert_eq!(get(&mut world, &target), schedule);
    let answer = send(&mut world, "PATCH", &target, &json!({ "name": "weekly" }));
    assert_eq!(answer.body["name"], "weekly");

    let project = get(&mut world, "/project/gh/acme/web");
    let target = format!(
        "/webhook?scope-id={}&scope-type=project",
        text(&project, "id")
    );
    let webhook = all(&mut world, &target).remove(0);
    let one = format!("/webhook/{}", text(&webhook, "id"));
    assert_eq!(get(&mut world, &one), webhook);
    assert_eq!(
        send(&mut world, "PUT", &one, &json!({ "verify-tls": false })).body["verify-tls"],
        false
    );
    assert_eq!(send(&mut world, "DELETE", &one, &Value::Null).status, 200);
    assert!(all(&mut world, &target).is_empty());
    assert_eq!(refusal(&mut world, "GET", "/webhook", &Value::Null).0, 400);
}
