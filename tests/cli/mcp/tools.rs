//! The list of tools: what is served, what not, and how it is described.

use serde_json::{Value, json};

use super::session::{OF_NOVEMBER, Session};
use super::{CANCEL, JOBS, project};
use crate::support::{Project, Run, Server};

fn several() -> Project {
    let waiting = "resource: circleci\nendpoint: /x\n";
    Project::new()
        .circleci_at("http://127.0.0.1:9", "")
        .file(
            "resources/reading.yaml",
            "type: rest\nbase_url: http://127.0.0.1:9\naccess: read-only\n",
        )
        .file(
            "resources/hook.yaml",
            "type: rest\nbase_url: http://127.0.0.1:9\naccess: write-only\n",
        )
        .query("workflow-jobs", JOBS)
        .query("cancel-workflow", CANCEL)
        .query("get-it", "resource: circleci\nmethod: DELETE\nendpoint: /x\n")
        .query("hidden", &format!("{waiting}mcp: false\n"))
        .query("broken", "resource: circleci\nendpont: /x\n")
        .query("a.b", waiting)
        .query("a-b", waiting)
        .query("2fa", waiting)
        .query(&"long-".repeat(10), waiting)
        .query("sql", waiting)
        .query(
            "secret",
            &format!("{waiting}vars: {{ key: {{ secret: true }} }}\nheaders: {{ x-key: \"{{{{ key }}}}\" }}\n"),
        )
        .query(
            "search",
            "resource: circleci\nmethod: POST\nsafe: true\nendpoint: /find\nmcp: true\n",
        )
        .query(
            "declared",
            "resource: circleci\nmethod: POST\nsafe: true\nendpoint: /find\n",
        )
        .query(
            "over-declared",
            "data: { d: { query: declared } }\nsql: select count(*) as n from d\n",
        )
        .query(
            "store-file",
            "resource: circleci\nendpoint: /x\ndownload: x.bin\n",
        )
        .query("write-there", "resource: reading\nmethod: POST\nendpoint: /x\n")
        .query("read-hook", "resource: hook\nendpoint: /x\n")
}

#[test]
fn only_what_reads_is_served() {
    let project = several();
    let text = Run::in_(&project).args(["mcp", "tools"]).outcome();
    insta::assert_snapshot!(text.snapshot());
    let chosen = Run::in_(&project)
        .args([
            "mcp",
            "tools",
            "--only",
            "work*,search",
            "--allow-write",
            "get-it",
        ])
        .outcome();
    insta::assert_snapshot!("chosen", chosen.snapshot());
}

#[test]
fn a_query_that_writes_is_named_exactly() {
    let project = several();
    let refused: Vec<String> = [
        "workflow-jobs",
        "cancel-workflo",
        "cancel*",
        "write-there",
        "store-file",
        "broken",
    ]
    .iter()
    .map(|name| {
        let run = Run::in_(&project).args(["mcp", "--allow-write", name]);
        let outcome = run.outcome();
        outcome.assert_exit(2);
        outcome.stderr_text()
    })
    .collect();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn a_tool_describes_its_arguments_and_records() {
    let server = Server::start(Vec::new());
    let project = project(&server);
    let mut session = Session::start(&project, ["--allow-write", "cancel-workflow"]);
    let tools = session.tools();
    let of = |name: &str| {
        let mut tools = tools.iter();
        tools
            .find(|tool| tool["name"] == name)
            .expect("it is there")
    };
    let both = json!([of("workflow_jobs"), of("cancel_workflow")]);
    insta::assert_snapshot!(format!("{both:#}"));
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn every_shipped_tool_is_one_that_all_clients_take() {
    let project = Project::shipped();
    let mut session = Session::start(&project, [] as [&str; 0]);
    let tools = session.tools();
    assert_eq!(session.finish().0, 0);
    for tool in &tools {
        check_definition(tool);
    }
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    for expected in [
        "failed_jobs",
        "get_workflow",
        "run_operation",
        "sql",
        "weekly_report",
    ] {
        assert!(names.contains(&expected), "{names:?}");
    }
    let size = json!(tools).to_string().len();
    assert!(size < 90_000, "{size}");
}

/// Asserts what clients require of a tool.
fn check_definition(tool: &Value) {
    let name = tool["name"].as_str().expect("a name");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.len() <= 48 && name.chars().all(is_plain), "{name}");
    assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
    let description = tool["description"].as_str().expect("a description");
    assert!(description.len() <= 1_024, "{name}");
    assert_eq!(tool["annotations"]["readOnlyHint"], true, "{name}");
    check_schema(name, &tool["inputSchema"]);
    if let Some(schema) = tool.get("outputSchema") {
        check_schema(name, schema);
    }
}

fn check_schema(name: &str, schema: &Value) {
    const KEYWORDS: [&str; 11] = [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "description",
        "items",
        "enum",
        "pattern",
        "default",
        "minimum",
        "maximum",
    ];
    let members = schema.as_object().expect("a schema");
    for (keyword, value) in members {
        assert!(KEYWORDS.contains(&keyword.as_str()), "{name}: {keyword}");
        match keyword.as_str() {
            "type" => assert!(value.is_string(), "{name}: {value}"),
            "items" => check_schema(name, value),
            "properties" => {
                let members = value.as_object().expect("properties");
                members
                    .values()
                    .for_each(|schema| check_schema(name, schema));
            }
            _ => {}
        }
    }
    assert!(
        members.get("type") != Some(&json!("array")) || members.contains_key("items"),
        "{name}"
    );
}

#[test]
fn files_are_read_anew() {
    let server = Server::start(Vec::new());
    let project = project(&server);
    let mut session = Session::start(&project, [] as [&str; 0]);
    assert!(!session.tool_names().contains(&"later".to_owned()));
    project.write("queries/later.yaml", "resource: circleci\nendpoint: /x\n");
    assert!(session.tool_names().contains(&"later".to_owned()));
    project.write(
        "queries/later.yaml",
        "resource: circleci\nendpoint: /x\nmethod: DELETE\n",
    );
    assert!(!session.tool_names().contains(&"later".to_owned()));
    assert_eq!(session.finish().0, 0);
    server.finish();
}

#[test]
fn snippets_are_printed_for_each_client() {
    let project = several();
    let snippets = ["claude", "claude-desktop", "cursor", "vscode", "codex"].map(|client| {
        let run = Run::in_(&project).args(["mcp", "config", client, "--only", "workflow-jobs"]);
        run.outcome().snapshot()
    });
    insta::assert_snapshot!(snippets.join("\n"));
}

#[test]
fn check_says_which_names_cannot_be_tools() {
    let get = "type: rest\nbase_url: http://127.0.0.1:9\n";
    let query = "resource: r\nendpoint: /x\n";
    let project = Project::new()
        .file("resources/r.yaml", get)
        .query("a.b", query)
        .query("a-b", query)
        .query("2fa", query)
        .query("2fa-hidden", &format!("{query}mcp: false\n"))
        .query("2fa-writes", &format!("{query}method: POST\n"));
    let outcome = Run::in_(&project).args(["check"]).outcome();
    insta::assert_snapshot!(outcome.snapshot());
}

#[test]
fn a_project_that_is_gone_is_told() {
    let server = Server::start(Vec::new());
    let project = project(&server);
    let mut session = Session::start(&project, [""; 0]);
    session.shake_hands(&OF_NOVEMBER);
    assert!(session.tool_names().contains(&"workflow_jobs".to_owned()));
    for folder in ["queries", "resources"] {
        std::fs::remove_dir_all(project.path().join(folder)).expect("removed");
    }
    let answer = session.ask("tools/list", json!({}));
    OF_NOVEMBER.check(OF_NOVEMBER.error_kind(), &answer);
    let words = answer["error"]["message"].as_str().expect("a message");
    assert!(words.ends_with("is gone"), "{words}");
    let called = session.text("workflow_jobs", json!({}));
    assert!(called.contains("is gone"), "{called}");
    let (exit, told) = session.finish();
    assert_eq!(exit, 0);
    assert!(told.contains("is gone"), "{told}");
    server.finish();
}

#[test]
fn a_fault_elsewhere_is_named_where_no_query_is_served() {
    let server = Server::start(Vec::new());
    let project = project(&server).file("runner.yaml", "nonsense: 1\n");
    let shown = Run::in_(&project).args(["mcp", "tools"]).outcome();
    let shown = shown.assert_exit(0);
    assert!(
        shown
            .stdout_text()
            .contains("`runner.yaml` has faults: see `runner check`"),
        "{}",
        shown.stdout_text()
    );
    assert!(
        shown
            .stderr_text()
            .contains("since `runner.yaml` has faults: `cancel-workflow`")
    );
    let mut session = Session::start(&project, [""; 0]);
    session.shake_hands(&OF_NOVEMBER);
    let listed = session.text("list_queries", json!({}));
    assert!(
        listed.contains("no query is served: `runner.yaml` has faults"),
        "{listed}"
    );
    session.finish();
    server.finish();
}

#[test]
fn without_a_project_a_snippet_names_no_folder() {
    let project = Project::none();
    let words = ["mcp", "config", "codex", "--only", "run_operation"];
    let outcome = Run::in_(&project).args(words).outcome();
    assert_eq!(
        outcome.assert_exit(0).stdout_text(),
        "[mcp_servers.runner]\ncommand = \"runner\"\nargs = [\"mcp\",\"--only\",\"run_operation\"]\n\
         env_vars = [\"CIRCLE_TOKEN\"]\ntool_timeout_sec = 300\n"
    );
    let told = outcome.stderr_text();
    assert!(
        told.contains("note: without a project, the built-in queries"),
        "{told}"
    );
}
