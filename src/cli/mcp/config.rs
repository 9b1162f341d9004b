//! `runner mcp config`: the snippet of a client's configuration. Nothing is written to its files.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::mcp::catalog::Catalog;
use crate::cli::mcp::extra::Extra;
use crate::cli::mcp::options::{MAX_BYTES, MAX_RECORDS, ServeArgs};
use crate::core::time::format_duration;
use crate::project::Project;

/// A program that starts servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Client {
    /// Claude Code
    Claude,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    Vscode,
    /// Codex
    Codex,
}

impl Client {
    /// Returns the file that the snippet belongs to, and what to know about it.
    fn place(self) -> &'static str {
        match self {
            Self::Claude => "for `.mcp.json` in the folder where Claude Code runs",
            Self::ClaudeDesktop => {
                "for `claude_desktop_config.json`, which needs the values themselves; it may need the \
                 absolute path of `runner`"
            }
            Self::Cursor => "for `.cursor/mcp.json`, or `~/.cursor/mcp.json` for all projects",
            Self::Vscode => "for `.vscode/mcp.json`",
            Self::Codex => "for `~/.codex/config.toml`, which passes variables on by their names",
        }
    }

    /// Returns the value of an environment variable as the client takes it.
    fn variable(self, name: &str) -> String {
        match self {
            Self::Claude => format!("${{{name}}}"),
            Self::ClaudeDesktop => format!("<the value of {name}>"),
            Self::Cursor => format!("${{env:{name}}}"),
            Self::Vscode => format!("${{input:{}}}", input_id(name)),
            Self::Codex => name.to_owned(),
        }
    }
}

/// Prints the snippet, and where it belongs on standard error.
///
/// # Errors
///
/// If a query that writes cannot be served.
pub fn print(
    client: Client,
    project: &Project,
    args: &ServeArgs,
    app: &Rc<App>,
) -> Result<Exit, Failure> {
    let catalog = Catalog::of(project, args, app);
    catalog.check_writers(&args.allow_write)?;
    let mut variables = BTreeSet::new();
    if !args.demo {
        for tool in &catalog.tools {
            for sent in project.sends(&tool.query) {
                variables.extend(sent.variables);
            }
        }
        if Extra::of(project, args).any(|extra| extra == Extra::RunOperation) {
            let resources = project.described_resources();
            variables.extend(resources.flat_map(|(file, _)| project.sent_to(file)));
        }
    }
    let folder = match (client, &args.project) {
        // A folder without a project would be refused.
        _ if project.is_built_in() => None,
        (Client::Vscode, None) => Some("${workspaceFolder}".to_owned()),
        _ => Some(project.root().display().to_string()),
    };
    let words = words(args, folder);
    let text = if client == Client::Codex {
        toml(args, &words, &variables)
    } else {
        let document = document(client, args, &words, &variables);
        format!("{document:#}\n")
    };
    app.print_to_any(&text)?;
    app.eprintln(&format!("note: {}", client.place()));
    if project.is_built_in() {
        app.eprintln("note: without a project, the built-in queries are served");
    }
    for warning in catalog.warnings(args) {
        app.eprintln(&warning);
    }
    Ok(Exit::Done)
}

/// Returns the arguments of `runner`.
fn words(args: &ServeArgs, folder: Option<String>) -> Vec<String> {
    let mut words = vec!["mcp".to_owned()];
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if let Some(folder) = folder {
        add("--project", folder);
    }
    if !args.only.is_empty() {
        add("--only", args.only.join(","));
    }
    for name in &args.allow_write {
        add("--allow-write", name.clone());
    }
    if args.name != "runner" {
        add("--name", args.name.clone());
    }
    if let Some(env) = args.env.as_ref().filter(|env| !env.is_empty()) {
        add("--env", env.clone());
    }
    if let Some(timeout) = args.timeout {
        add("--timeout", format_duration(timeout));
    }
    if args.max_records != MAX_RECORDS {
        add("--max-records", args.max_records.to_string());
    }
    if args.max_bytes != MAX_BYTES {
        add("--max-bytes", args.max_bytes.to_string());
    }
    if let Some(now) = &args.now {
        add("--now", now.clone());
    }
    if args.system_certs {
        words.push("--system-certs".to_owned());
    }
    if args.demo {
        words.push("--demo".to_owned());
    }
    words
}

fn document(
    client: Client,
    args: &ServeArgs,
    words: &[String],
    variables: &BTreeSet<String>,
) -> Value {
    let mut server = json!({ "command": "runner", "args": words });
    if !variables.is_empty() {
        let env: Map<String, Value> = variables
            .iter()
            .map(|name| (name.clone(), Value::from(client.variable(name))))
            .collect();
        server["env"] = Value::Object(env);
    }
    let name = &args.name;
    if client != Client::Vscode {
        return json!({ "mcpServers": { name: server } });
    }
    let mut typed = json!({ "type": "stdio" });
    if let (Value::Object(typed), Value::Object(mut server)) = (&mut typed, server) {
        typed.append(&mut server);
    }
    let mut document = json!({ "servers": { name: typed } });
    if !variables.is_empty() {
        let inputs = variables.iter().map(|name| {
            json!({
                "id": input_id(name),
                "type": "promptString",
                "password": true,
                "description": name,
            })
        });
        document["inputs"] = inputs.collect();
    }
    document
}

/// Returns the name of an input of VS Code: `circle-token`.
fn input_id(variable: &str) -> String {
    variable.to_lowercase().replace('_', "-")
}

/// Writes the table of a TOML file. JSON strings are TOML strings.
fn toml(args: &ServeArgs, words: &[String], variables: &BTreeSet<String>) -> String {
    let mut text = format!(
        "[mcp_servers.{}]\ncommand = \"runner\"\nargs = {}\n",
        args.name,
        json!(words)
    );
    if !variables.is_empty() {
        text.push_str(&format!("env_vars = {}\n", json!(variables)));
    }
    // Codex waits for 60 seconds otherwise; it shows progress.
    let seconds = args.call_limit(true).as_secs();
    text.push_str(&format!("tool_timeout_sec = {seconds}\n"));
    text
}
