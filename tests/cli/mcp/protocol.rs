//! Messages: handshakes, eras, odd input, progress, cancellation, the end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::session::{OF_JUNE, OF_NOVEMBER, Revision, STATELESS, Session};
use super::{JOBS, project};
use crate::support::{Answer, Exchange, LiveServer, Project, Response, Server};

fn jobs() -> Exchange {
    let items = json!({ "items": [{ "name": "lint", "number": 1 }] });
    Exchange::get("/api/v2/workflow/w-1/job").answers(items)
}

fn check_session(revision: &Revision, session: &mut Session) {
    let list = session.ask("tools/list", json!({}));
    revision.check("ListToolsResult", &list["result"]);
    let names: Vec<&Value> = list["result"]["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .map(|tool| &tool["name"])
        .collect();
    assert!(names.contains(&&json!("workflow_jobs")), "{names:?}");
    let result = session.call("workflow_jobs", json!({ "workflow_id": "w-1" }));
    revision.check("CallToolResult", &result);
    assert_eq!(result["structuredContent"]["records"], json!([["lint", 1]]));
    let failed = session.call("workflow_jobs", json!({}));
    revision.check("CallToolResult", &failed);
    assert_eq!(failed["isError"], true);
    let unknown = session.ask("tools/call", json!({ "name": "cancel_workflow" }));
    revision.check(revision.error_kind(), &unknown);
    assert_eq!(unknown["error"]["code"], -32602);
}

#[test]
fn a_handshake_is_made_in_the_version_that_the_client_asks_for() {
    for revision in [OF_JUNE, OF_NOVEMBER] {
        let server = Server::start(vec![jobs()]);
        let project = project(&server);
        let mut session = Session::start(&project, [] as [&str; 0]);
        let result = session.shake_hands(&revision);
        revision.check("InitializeResult", &result);
        assert!(session.ask("ping", json!({}))["result"].is_object());
        check_session(&revision, &mut session);
        assert_eq!(session.finish().0, 0);
        server.finish();
    }
}

#[test]
fn the_stateless_revision_needs_no_handshake() {
    let server = Server::start(vec![jobs()]);
    let project = project(&server);
    let mut session = Session::start(&project, [] as [&str; 0]).stateless();
    let discovered = session.ask("server/discover", json!({}));
    STATELESS.check("DiscoverResult", &discovered["result"]);
    check_session(&STATELESS, &mut session);
    assert_eq!(session.ask("ping", json!({}))["error"]["code"], -32601);
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn each_message_chooses_its_era() {
    let project = Project::new();
    let mut session = Session::start(&project, ["--demo"]).stateless();
    // A request that is not a discovery comes first, a handshake after it, and again one without.
    assert_eq!(
        session.ask("tools/list", json!({}))["result"]["resultType"],
        "complete"
    );
    let line = r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#;
    session.write(line);
    let result = session.read();
    assert_eq!(result["result"]["protocolVersion"], "2025-11-25");
    session.write(r#"{"jsonrpc":"2.0","id":"l","method":"tools/list"}"#);
    let result = session.read();
    assert!(result["result"].get("resultType").is_none());
    assert!(result["result"].get("ttlMs").is_none());
    let result = session.ask("server/discover", json!({}));
    assert_eq!(result["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(session.finish().0, 0);
}

#[test]
fn odd_input_does_not_end_the_server() {
    let project = Project::new();
    let mut session = Session::start(&project, ["--demo"]);
    session.write("not json");
    session.write("");
    session.write("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r");
    assert_eq!(session.read()["id"], 1);
    for (line, id, code) in [
        ("[]", None, -32600),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            None,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":2.5,"method":"ping"}"#,
            None,
            -32600,
        ),
        (r#"{"id":6,"method":"ping"}"#, Some(6), -32600),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"me","arguments":[1]}}"#,
            Some(7),
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{}}"#,
            Some(8),
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":9,"method":"tools/list","params":{"cursor":"zzz"}}"#,
            Some(9),
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":10,"method":"resources/list"}"#,
            Some(10),
            -32601,
        ),
    ] {
        session.write(line);
        let answer = session.read();
        assert_eq!(answer["error"]["code"], code, "{line}");
        assert_eq!(answer.get("id").and_then(Value::as_i64), id, "{line}");
    }
    let long = "a".repeat(20_000_000);
    let line = format!(r#"{{"jsonrpc":"2.0","id":11,"method":"ping","params":{{"x":"{long}"}}}}"#);
    session.write(&line);
    assert_eq!(session.read()["id"], 11);
    let (code, stderr) = session.finish();
    assert_eq!(code, 0);
    assert!(stderr.contains("warning: a line that is not JSON was ignored"));
}

#[test]
fn the_first_message_is_answered_at_once() {
    let project = Project::new();
    let mut session = Session::start(&project, ["--demo"]);
    let started = Instant::now();
    session.shake_hands(&OF_JUNE);
    // The promise is half a second; a test machine may be busy.
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(session.finish().0, 0);
}

#[test]
fn an_input_that_ends_at_once_is_no_error() {
    let project = Project::new();
    let session = Session::start(&project, ["--demo"]);
    assert_eq!(session.finish().0, 0);
}

#[test]
fn nothing_but_messages_is_on_standard_output() {
    let server = Server::start(vec![jobs()]);
    let project = project(&server);
    let mut session = Session::start(&project, ["-vv"]);
    session.call("workflow_jobs", json!({ "workflow_id": "w-1" }));
    // Each line that is left is a message, which `finish` checks.
    let (code, stderr) = session.finish();
    assert_eq!(code, 0);
    assert!(stderr.contains("GET http"), "{stderr}");
    server.finish();
}

/// A server that never answers for `w-slow`.
fn slow_server() -> LiveServer {
    LiveServer::start(|request| {
        if request.target.contains("w-slow") {
            Response::Hang
        } else {
            Response::Answer(
                Answer::status(200).json(&json!({ "items": [{ "name": "a", "number": 1 }] })),
            )
        }
    })
}

fn slow_project(server: &LiveServer) -> Project {
    Project::new()
        .circleci_at(&server.url(), "")
        .query("workflow-jobs", JOBS)
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let server = slow_server();
    let project = slow_project(&server);
    let mut session = Session::start(&project, [] as [&str; 0]);
    let params = json!({
        "name": "workflow_jobs",
        "arguments": { "workflow_id": "w-slow" },
        "_meta": { "progressToken": "p" },
    });
    let slow = session.send("tools/call", params);
    // Progress comes at once, so that the call has begun.
    let progress = session.read();
    assert_eq!(progress["method"], "notifications/progress");
    assert_eq!(progress["params"]["progressToken"], "p");
    let cancelled = json!({
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": { "requestId": slow, "reason": "user" },
    });
    session.write(&cancelled.to_string());
    session.expect_no_answer(slow);
    // Another call runs, and its answer is the next message.
    let result = session.call("workflow_jobs", json!({ "workflow_id": "w-1" }));
    assert_eq!(result["isError"], false);
    assert_eq!(session.finish().0, 0);
}

#[test]
fn calls_run_side_by_side() {
    let server = slow_server();
    let project = slow_project(&server);
    let mut session = Session::start(&project, [] as [&str; 0]);
    let slow = json!({ "name": "workflow_jobs", "arguments": { "workflow_id": "w-slow" } });
    session.send("tools/call", slow);
    let result = session.call("workflow_jobs", json!({ "workflow_id": "w-1" }));
    assert_eq!(result["isError"], false);
    // The input ends while a call waits: the server does not wait for it.
    let ended = Instant::now();
    assert_eq!(session.finish().0, 0);
    assert!(ended.elapsed() < Duration::from_secs(6));
}

#[test]
fn an_id_is_used_by_one_call_at_a_time() {
    let server = slow_server();
    let project = slow_project(&server);
    let mut session = Session::start(&project, [] as [&str; 0]);
    let line = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"workflow_jobs","arguments":{"workflow_id":"w-slow"}}}"#;
    session.write(line);
    session.write(line);
    let answer = session.read();
    assert_eq!(answer["id"], "a");
    assert_eq!(answer["error"]["code"], -32600);
    assert_eq!(session.finish().0, 0);
}

#[test]
fn an_id_may_be_used_again_after_its_answer() {
    let project = Project::new();
    let mut session = Session::start(&project, ["--demo"]);
    let line =
        r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"list_queries"}}"#;
    for _ in 0..20 {
        session.write(line);
        let answer = session.read();
        assert!(answer.get("result").is_some(), "{answer}");
    }
    assert_eq!(session.finish().0, 0);
}
