//! Tools that write: absent unless named, and then in two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::project;
use super::session::Session;
use crate::support::{Answer, Exchange, LiveServer, Project, Received, Response, Run, Server};

const ALLOWED: [&str; 2] = ["--allow-write", "cancel-workflow"];

fn digest(text: &str) -> String {
    let (_, rest) = text.split_once("confirm: \"").expect("a digest");
    rest.split('"').next().expect("its end").to_owned()
}

fn redacted(server: &Server, text: &str) -> String {
    let text = text.replace(&server.url(), "URL");
    let text = match text.split_once("confirm: \"") {
        Some(_) => text.replace(&digest(&text), "DIGEST"),
        None => text,
    };
    let lines = text.lines().map(|line| match line.split_once("\"at\":") {
        Some((before, _)) => format!("{before}\"at\":NOW}}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn bodies(requests: &[Received]) -> Vec<Value> {
    let bodies = requests.iter().map(Received::json);
    bodies.collect()
}

#[test]
fn the_first_call_sends_nothing_and_the_second_exactly_that() {
    let accepted = json!({ "message": "Accepted." });
    let cancel = Exchange::post("/api/v2/workflow/w-1/cancel").answers((202, accepted));
    let server = Server::start(vec![cancel]);
    let project = project(&server);
    let mut session = Session::start(&project, ALLOWED);
    let proposal = session.text("cancel_workflow", json!({ "id": "w-1" }));
    assert!(server.requests().is_empty());
    insta::assert_snapshot!(redacted(&server, &proposal));
    let confirm = digest(&proposal);
    // The time in the body is that of the proposal.
    let (_, at) = proposal.split_once("\"at\":\"").expect("a time");
    let at = at.split('"').next().expect("its end").to_owned();
    let sent = session.text(
        "cancel_workflow",
        json!({ "id": "w-1", "confirm": confirm }),
    );
    assert!(sent.contains("Accepted"), "{sent}");
    let again = session.text(
        "cancel_workflow",
        json!({ "id": "w-1", "confirm": confirm }),
    );
    insta::assert_snapshot!("again", redacted(&server, &again));
    assert_eq!(session.finish().0, 0);
    let requests = server.finish();
    assert_eq!(bodies(&requests), [json!({ "id": "w-1", "at": at })]);
}

#[test]
fn another_call_is_another_proposal() {
    let server = Server::start(Vec::new());
    let project =
        project(&server).query("other", "resource: circleci\nmethod: POST\nendpoint: /x\n");
    let args = ALLOWED.into_iter().chain(["--allow-write", "other"]);
    let mut session = Session::start(&project, args);
    let proposal = session.text("cancel_workflow", json!({ "id": "w-1" }));
    let confirm = digest(&proposal);
    let changed = session.text(
        "cancel_workflow",
        json!({ "id": "w-2", "confirm": confirm }),
    );
    assert!(
        changed.starts_with("That digest is for other requests than these."),
        "{changed}"
    );
    let unknown = json!({ "id": "w-1", "confirm": "0123456789abcdef" });
    let unknown = session.text("cancel_workflow", unknown);
    assert!(unknown.starts_with("That digest is unknown, was used, or has expired."));
    let other = session.text("other", json!({ "confirm": confirm }));
    assert!(other.starts_with("That digest is unknown, was used, or has expired."));
    let odd = session.text("cancel_workflow", json!({ "id": "w-1", "confirm": true }));
    assert!(odd.starts_with("failed: error[var]"), "{odd}");
    // A file that changes in between is another call too.
    project.write(
        "queries/cancel-workflow.yaml",
        "resource: circleci\nvars: { id: {} }\nmethod: DELETE\nendpoint: /workflow/{{ id }}\n",
    );
    let rewritten = session.text(
        "cancel_workflow",
        json!({ "id": "w-1", "confirm": confirm }),
    );
    assert!(rewritten.starts_with("That digest is for other requests than these."));
    assert_eq!(session.finish().0, 0);
    server.finish();
}

const WALK: &str = "resource: circleci
for_each: { one: { query: runs } }
method: POST
endpoint: /run/{{ one.id }}/cancel
confirm: Cancel {{ items | length }} runs?
";

const RUNS: &str = "resource: circleci
endpoint: /runs
rows: $.items[*]
paginate: false
";

fn runs(ids: &[&str]) -> Exchange {
    let items: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    Exchange::get("/api/v2/runs").answers(json!({ "items": items }))
}

#[test]
fn a_walk_shows_its_requests_and_sends_those() {
    let cancel = |id: &str| Exchange::post(&format!("/api/v2/run/{id}/cancel"));
    let server = Server::start(vec![
        runs(&["a", "b"]),
        runs(&["a", "b", "c"]),
        runs(&["a", "b", "c"]),
        cancel("a"),
        cancel("b"),
        cancel("c"),
    ]);
    let project = Project::new()
        .circleci(&server)
        .query("runs", RUNS)
        .query("cancel-runs", WALK);
    let mut session = Session::start(&project, ["--allow-write", "cancel-runs"]);
    let proposal = session.text("cancel_runs", json!({}));
    insta::assert_snapshot!(redacted(&server, &proposal));
    // Meanwhile there is one more: that is another proposal.
    let changed = session.text("cancel_runs", json!({ "confirm": digest(&proposal) }));
    assert!(
        changed.starts_with("That digest is for other requests"),
        "{changed}"
    );
    assert!(changed.contains("This would send 3 requests"));
    let sent = session.text("cancel_runs", json!({ "confirm": digest(&changed) }));
    assert!(sent.starts_with("3 of 3 records."), "{sent}");
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn nothing_to_send_has_no_digest() {
    let server = Server::start(vec![runs(&[])]);
    let project = Project::new()
        .circleci(&server)
        .query("runs", RUNS)
        .query("cancel-runs", WALK);
    let mut session = Session::start(&project, ["--allow-write", "cancel-runs"]);
    let text = session.text("cancel_runs", json!({}));
    assert_eq!(text, "There is nothing to send.");
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn a_write_that_fails_says_so() {
    let cancel = Exchange::post("/api/v2/workflow/w-1/cancel")
        .answers((409, json!({ "message": "it has ended" })));
    let server = Server::start(vec![cancel]);
    let project = project(&server);
    let mut session = Session::start(&project, ALLOWED);
    let proposal = session.text("cancel_workflow", json!({ "id": "w-1" }));
    let arguments = json!({ "id": "w-1", "confirm": digest(&proposal) });
    let text = session.text("cancel_workflow", arguments);
    insta::assert_snapshot!(redacted(&server, &text));
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn no_message_tells_how_a_query_that_writes_is_allowed() {
    let server = Server::start(Vec::new());
    let project = project(&server);
    let mut session = Session::start(&project, [] as [&str; 0]);
    let call = json!({ "name": "cancel_workflow", "arguments": { "id": "x" } });
    let refused = session.ask("tools/call", call);
    assert_eq!(refused["error"]["message"], "Unknown tool: cancel_workflow");
    let shown = session.text("show_query", json!({ "name": "cancel-workflow" }));
    let listed = session.tools();
    let all = format!("{refused}{shown}{}", json!(listed));
    assert!(!all.contains("allow"), "{all}");
    assert!(
        !all.contains("cancel-workflow\"") && !all.contains("POST"),
        "{all}"
    );
    assert_eq!(session.finish().0, 0);
    server.finish();
}

/// Answers writes slowly, and counts them.
fn slow_writes(delay: Duration) -> (LiveServer, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = LiveServer::start(move |request| {
        let answer = Answer::status(201).json(&json!({ "ok": true }));
        if request.method == "POST" {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(delay);
        }
        Response::Answer(answer)
    });
    (server, count)
}

const LISTED: &str = "resource: circleci
for_each: { id: { in: [a, b, c, d, e, f] } }
method: POST
endpoint: /item/{{ id }}
";

#[test]
fn a_write_that_waits_for_its_turn_is_not_sent_after_the_deadline() {
    let (server, count) = slow_writes(Duration::from_millis(900));
    let project = Project::new()
        .circleci_at(&server.url(), "concurrency: 2")
        .query("write-all", LISTED);
    let args = ["--allow-write", "write-all", "--timeout", "400ms"];
    let mut session = Session::start(&project, args);
    let proposal = session.text("write_all", json!({}));
    let sent = session.text("write_all", json!({ "confirm": digest(&proposal) }));
    assert_eq!(count.load(Ordering::SeqCst), 2);
    // Those that were sent were answered.
    assert!(
        sent.starts_with("2 of at least 2 records; partial"),
        "{sent}"
    );
    assert!(!sent.contains("may have been carried out"), "{sent}");
    assert_eq!(session.finish().0, 0);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_write_that_ends_soon_after_the_deadline_is_whole() {
    let (server, count) = slow_writes(Duration::from_millis(900));
    let one = "resource: circleci\nmethod: POST\nendpoint: /item\n";
    let project = Project::new()
        .circleci_at(&server.url(), "")
        .query("write-one", one);
    let args = ["--allow-write", "write-one", "--timeout", "400ms"];
    let mut session = Session::start(&project, args);
    let proposal = session.text("write_one", json!({}));
    let sent = session.text("write_one", json!({ "confirm": digest(&proposal) }));
    assert!(sent.starts_with("1 of 1 record."), "{sent}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(session.finish().0, 0);
}

#[test]
fn a_cancelled_write_ends_and_no_other_begins() {
    let (server, count) = slow_writes(Duration::from_millis(900));
    let project = Project::new()
        .circleci_at(&server.url(), "concurrency: 2")
        .query("write-all", LISTED);
    let mut session = Session::start(&project, ["--allow-write", "write-all"]);
    let proposal = session.text("write_all", json!({}));
    let call = json!({ "name": "write_all", "arguments": { "confirm": digest(&proposal) } });
    let id = session.send("tools/call", call);
    let begun = Instant::now();
    while count.load(Ordering::SeqCst) < 2 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "nothing was sent"
        );
        std::thread::yield_now();
    }
    let cancelled = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id },
    });
    session.write(&cancelled.to_string());
    let (code, stderr) = session.finish();
    assert_eq!(code, 0);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let words = "`write-all` was cancelled after it was confirmed: requests may have been sent";
    assert!(stderr.contains(words), "{stderr}");
}

#[test]
fn a_credential_or_a_lock_that_changes_is_another_proposal() {
    let server = Server::start(Vec::new());
    let project = project(&server);
    let mut session = Session::start(&project, ALLOWED);
    let proposal = session.text("cancel_workflow", json!({ "id": "w-1" }));
    let confirm = json!({ "id": "w-1", "confirm": digest(&proposal) });
    let url = server.url();
    let other = |more: &str| {
        format!(
            "type: circleci\nname: circleci\nbase_url: {url}/api/v2\nauth: {{ token: \"{{{{ env.OTHER | default('x') }}}}\" }}\n{more}"
        )
    };
    project.write("resources/circleci.yaml", other(""));
    let changed = session.text("cancel_workflow", confirm.clone());
    assert!(
        changed.starts_with("That digest is for other requests"),
        "{changed}"
    );
    project.write("resources/circleci.yaml", other("access: read-only\n"));
    let call = json!({ "name": "cancel_workflow", "arguments": confirm });
    let locked = session.ask("tools/call", call);
    assert_eq!(locked["error"]["message"], "Unknown tool: cancel_workflow");
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn what_feeds_a_write_is_not_sent_before_it_is_confirmed() {
    let server = Server::start(Vec::new());
    let search =
        "resource: circleci\nmethod: POST\nsafe: true\nendpoint: /search\nrows: $.items[*]\n";
    let fed = "resource: circleci\nfor_each: { one: { query: search } }\nmethod: POST\nendpoint: /x/{{ one.id }}\n";
    let project = Project::new()
        .circleci(&server)
        .query("search", search)
        .query("fed", fed);
    let outcome = Run::in_(&project)
        .args(["mcp", "--allow-write", "fed"])
        .outcome();
    outcome.assert_exit(2);
    assert!(
        outcome
            .stderr_text()
            .contains("POST of `search` is safe only because")
    );
    server.finish();
}
