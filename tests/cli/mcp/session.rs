//! A client of `runner mcp`: writes requests and reads answers, each line one message. Tests check
//! them against the schema of the protocol's revision.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use crate::support::{CANARY, Project, Run};

/// The time for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The definitions of a revision of the protocol.
pub struct Revision {
    name: &'static str,
    text: &'static str,
    definitions: &'static str,
}

pub const OF_JUNE: Revision = Revision {
    name: "2025-06-18",
    text: include_str!("../../mcp/2025-06-18.json"),
    definitions: "definitions",
};
pub const OF_NOVEMBER: Revision = Revision {
    name: "2025-11-25",
    text: include_str!("../../mcp/2025-11-25.json"),
    definitions: "$defs",
};
pub const STATELESS: Revision = Revision {
    name: "2026-07-28",
    text: include_str!("../../mcp/2026-07-28.json"),
    definitions: "$defs",
};

impl Revision {
    /// Returns the name of the type of errors.
    pub fn error_kind(&self) -> &'static str {
        match self.name {
            "2025-06-18" => "JSONRPCError",
            _ => "JSONRPCErrorResponse",
        }
    }

    /// Asserts that a value is of a type of the protocol.
    pub fn check(&self, kind: &str, value: &Value) {
        let document: Value = serde_json::from_str(self.text).expect("a schema");
        let mut compiler = Compiler::new();
        compiler
            .add_resource("mcp.json", document)
            .expect("a schema");
        let mut schemas = Schemas::new();
        let place = format!("mcp.json#/{}/{kind}", self.definitions);
        let index: SchemaIndex = compiler.compile(&place, &mut schemas).expect("a schema");
        if let Err(error) = schemas.validate(value, index) {
            panic!("{}: {kind}: {error:#}\n{value:#}", self.name);
        }
    }
}

/// A running server, seen by a client.
pub struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    seen: String,
    number: u64,
    is_stateless: bool,
    unexpected: Vec<Value>,
}

impl Session {
    /// Starts a server in a project's folder.
    pub fn start<A: AsRef<OsStr>>(project: &Project, args: impl IntoIterator<Item = A>) -> Self {
        Self::start_with(project, args, &[])
    }

    /// As [`Session::start`], with more variables of the environment.
    pub fn start_with<A: AsRef<OsStr>>(
        project: &Project,
        args: impl IntoIterator<Item = A>,
        env: &[(&str, &str)],
    ) -> Self {
        let mut run = Run::in_(project).args(["mcp"]).args(args);
        for (name, value) in env {
            run = run.env(name, value);
        }
        Self::of(&run)
    }

    /// Starts a program that is a server.
    pub fn of(run: &Run) -> Self {
        let mut child = run
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let _ = sender.send(line.expect("UTF-8"));
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("UTF-8");
            text
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            stderr: Some(stderr),
            seen: String::new(),
            number: 0,
            is_stateless: false,
            unexpected: Vec::new(),
        }
    }

    /// Expects no answer to a request from now on.
    pub fn expect_no_answer(&mut self, id: u64) {
        self.unexpected.push(id.into());
    }

    /// Sends requests of the revision without a handshake from now on.
    pub fn stateless(mut self) -> Self {
        self.is_stateless = true;
        self
    }

    /// Writes a line.
    pub fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin
            .write_all(format!("{line}\n").as_bytes())
            .expect("the server reads");
        stdin.flush().expect("the server reads");
    }

    /// Reads the next message.
    pub fn read(&mut self) -> Value {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .expect("an answer in time");
        self.seen.push_str(&line);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Sends a request without waiting for its answer, and returns its id.
    pub fn send(&mut self, method: &str, mut params: Value) -> u64 {
        self.number += 1;
        if self.is_stateless {
            let meta = params["_meta"].take();
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS.name,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            if let (Some(all), Value::Object(meta)) = (params["_meta"].as_object_mut(), meta) {
                all.extend(meta);
            }
        }
        let id = self.number;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(&request.to_string());
        id
    }

    /// Sends a request and returns its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        let answer = self.read();
        assert_eq!(answer["id"], id, "{answer:#}");
        answer
    }

    /// Makes the handshake of a revision.
    pub fn shake_hands(&mut self, revision: &Revision) -> Value {
        let client = json!({ "name": "tests", "version": "1" });
        let params = json!({
            "protocolVersion": revision.name, "capabilities": {}, "clientInfo": client,
        });
        let answer = self.ask("initialize", params);
        self.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer["result"].clone()
    }

    /// Calls a tool and returns its result.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut params = json!({ "name": tool });
        params["arguments"] = arguments;
        let answer = self.ask("tools/call", params);
        assert!(answer.get("error").is_none(), "{answer:#}");
        answer["result"].clone()
    }

    /// Calls a tool and returns the text of its result, with `failed: ` before that of a failure.
    pub fn text(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        let text = result["content"][0]["text"].as_str().expect("a text");
        match result["isError"].as_bool() {
            Some(true) => format!("failed: {text}"),
            _ => text.to_owned(),
        }
    }

    /// Returns the tools by name.
    pub fn tools(&mut self) -> Vec<Value> {
        let answer = self.ask("tools/list", json!({}));
        answer["result"]["tools"].as_array().expect("tools").clone()
    }

    /// Returns the names of the tools.
    pub fn tool_names(&mut self) -> Vec<String> {
        let tools = self.tools();
        let names = tools.iter().filter_map(|tool| tool["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// Closes the input and waits for the end. Returns the exit code and standard error.
    pub fn finish(mut self) -> (i32, String) {
        drop(self.stdin.take());
        // The lines end with the program. One that does not end is killed.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push_str(&line);
                    let message = serde_json::from_str(&line);
                    let message: Value = message.expect("only messages on standard output");
                    let is_answer = self.unexpected.contains(&message["id"]);
                    assert!(!is_answer, "an answer that must not come: {message}");
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the server does not end"),
            }
        }
        let status = self.child.wait().expect("it ends");
        let stderr = self.stderr.take().expect("taken once").join();
        let stderr = stderr.expect("it was read");
        assert!(!self.seen.contains(CANARY), "the token is in an answer");
        assert!(!stderr.contains(CANARY), "the token is on standard error");
        (status.code().unwrap_or(-1), stderr)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
