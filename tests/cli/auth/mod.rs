//! Forms of `auth` that ask a server, sign each attempt, or are renewed.

mod command;
mod hmac;
mod oauth2;

use crate::case::Case;
use crate::support::Exchange;

#[test]
fn a_command_is_run_again_when_its_token_is_refused() {
    // The program counts how often it was run.
    let program = "[sh, -c, \"echo x >> runs; echo token-$(wc -l < runs | tr -d ' ')\"]";
    let bearer = |number| format!("Bearer token-{number}");
    let seen = Case::query("method: POST\nendpoint: /x")
        .resource(&format!(
            "type: rest\nbase_url: URL\nauth: {{ command: {program} }}"
        ))
        .args(["--yes"])
        .asks(vec![
            Exchange::post("/x")
                .with_header("authorization", bearer(1))
                .answers((401, serde_json::json!({}))),
            Exchange::post("/x").with_header("authorization", bearer(2)),
        ]);
    seen.outcome.assert_exit(0);
}

#[test]
fn a_command_that_prints_the_same_again_is_not_tried_again() {
    let seen = Case::get()
        .resource("type: rest\nbase_url: URL\nauth: { command: [sh, -c, \"echo $CIRCLE_TOKEN\"] }")
        .asks(vec![
            Exchange::get("/x").answers((401, serde_json::json!({}))),
        ]);
    seen.outcome.assert_exit(4);
}
