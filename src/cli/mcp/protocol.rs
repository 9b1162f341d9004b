//! Messages of the Model Context Protocol: JSON-RPC 2.0, one message a line.
//!
//! Two generations of the protocol are served at the same time, and each message says which one it
//! belongs to. Since revision 2026-07-28 a request carries its version and the client's capabilities
//! in `_meta`, and there is no handshake. A request without them is of an earlier revision, whose
//! version is agreed on by `initialize`. Clients mix both in one process: some send
//! `server/discover`, and `initialize` before it is answered.
//!
//! This module knows neither tools nor streams.

use serde_json::{Map, Number, Value, json};

use crate::core::json;

/// The revision without a handshake.
const STATELESS: &str = "2026-07-28";

/// The revisions with a handshake, newest first.
const WITH_HANDSHAKE: [&str; 2] = ["2025-11-25", "2025-06-18"];

/// The members of `_meta` that a request of a stateless revision must have.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The member of `_meta` with the name of the server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The generation of the protocol that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// The version was agreed on by `initialize`.
    Handshake,
    /// Each request carries its version.
    Stateless,
}

/// A line of standard input.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// A request that can be served.
    Request(RpcRequest),
    /// A request that was cancelled, by its id.
    Cancelled(Value),
    /// A message that needs no answer.
    Ignored,
    /// A line that is no JSON. It is not answered: answers to noise have caused storms of messages.
    NotJson,
    /// A message that is answered with an error; without an id if it has none.
    Wrong(Option<Value>, RpcError),
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcRequest {
    /// The id: a string or an integer.
    pub id: Value,
    /// The generation of the protocol.
    pub era: Era,
    /// The method.
    pub method: Method,
}

/// A method with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// The handshake, with the version that the client asks for.
    Initialize(Option<String>),
    /// The server and its versions, in the stateless revision.
    Discover,
    /// A sign of life.
    Ping,
    /// The tools, from a cursor on.
    ListTools(Option<String>),
    /// A call of a tool.
    CallTool(ToolCall),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The name of the tool.
    pub name: String,
    /// The arguments by name.
    pub arguments: Map<String, Value>,
    /// The token of its progress, if the client wants to be told.
    pub progress_token: Option<Value>,
}

/// A protocol error: one that the caller of a tool cannot mend.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// The message is no request (JSON-RPC 2.0, section 5.1).
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(-32600, message)
    }

    /// The method is unknown.
    fn unknown_method(method: &str) -> Self {
        Self::new(-32601, format!("Method not found: {method}"))
    }

    /// The parameters are invalid, or name no tool.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    /// The server cannot answer, for a reason outside of the request.
    pub fn failed(words: impl Into<String>) -> Self {
        Self::new(-32603, words)
    }

    /// A bug of this program.
    pub fn internal() -> Self {
        Self::new(-32603, "Internal error")
    }

    /// The stateless revision is not the one that is served.
    fn unsupported_version(requested: &str) -> Self {
        Self {
            data: Some(json!({ "supported": [STATELESS], "requested": requested })),
            ..Self::new(-32022, "Unsupported protocol version")
        }
    }

    /// Returns the message that answers a request.
    pub fn answer(&self, id: Option<&Value>) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        match id {
            Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
            None => json!({ "jsonrpc": "2.0", "error": error }),
        }
    }
}

/// Reads a line: with or without a carriage return, a byte order mark or space around it.
pub fn read(line: &[u8]) -> Incoming {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.trim_ascii();
    if line.is_empty() {
        return Incoming::Ignored;
    }
    match json::parse(line) {
        Err(_) => Incoming::NotJson,
        Ok(Value::Object(message)) => of_object(message),
        // Batches ended with revision 2025-06-18.
        Ok(_) => Incoming::Wrong(None, RpcError::invalid_request("a message is an object")),
    }
}

fn of_object(mut message: Map<String, Value>) -> Incoming {
    let id = message.remove("id");
    let is_answer = message.contains_key("result") || message.contains_key("error");
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        // This server asks nothing, so that no answer is expected.
        if is_answer {
            return Incoming::Ignored;
        }
        let error = RpcError::invalid_request("`method` is missing");
        return Incoming::Wrong(id.filter(is_id), error);
    };
    let method = method.to_owned();
    let params = message.remove("params");
    let Some(id) = id else {
        return notification(&method, params.as_ref());
    };
    if !is_id(&id) {
        let error = RpcError::invalid_request("an id is a string or an integer");
        return Incoming::Wrong(None, error);
    }
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        let error = RpcError::invalid_request("`jsonrpc` is not \"2.0\"");
        return Incoming::Wrong(Some(id), error);
    }
    match request(&method, params) {
        Ok((era, method)) => Incoming::Request(RpcRequest { id, era, method }),
        Err(error) => Incoming::Wrong(Some(id), error),
    }
}

/// Returns true for an id of the protocol.
fn is_id(id: &Value) -> bool {
    match id {
        Value::String(_) => true,
        Value::Number(number) => json::number::is_whole(number),
        _ => false,
    }
}

fn notification(method: &str, params: Option<&Value>) -> Incoming {
    let cancelled = params.and_then(|params| params.get("requestId"));
    match cancelled.filter(|_| method == "notifications/cancelled") {
        Some(id) => Incoming::Cancelled(id.clone()),
        None => Incoming::Ignored,
    }
}

fn request(method: &str, params: Option<Value>) -> Result<(Era, Method), RpcError> {
    let params = match params {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(RpcError::invalid_params("`params` is not an object")),
    };
    let era = era(method, &params)?;
    let method = match (era, method) {
        (Era::Handshake, "initialize") => {
            let version = params.get("protocolVersion").and_then(Value::as_str);
            Method::Initialize(version.map(str::to_owned))
        }
        (Era::Handshake, "ping") => Method::Ping,
        (Era::Stateless, "server/discover") => Method::Discover,
        (_, "tools/list") => Method::ListTools(match params.get("cursor") {
            None | Some(Value::Null) => None,
            Some(Value::String(cursor)) => Some(cursor.clone()),
            Some(_) => return Err(RpcError::invalid_params("Invalid cursor")),
        }),
        (_, "tools/call") => Method::CallTool(tool_call(params)?),
        _ => return Err(RpcError::unknown_method(method)),
    };
    Ok((era, method))
}

/// Returns the generation of a request.
///
/// # Errors
///
/// If it is of a stateless revision that is not served, or lacks what each request must carry.
fn era(method: &str, params: &Map<String, Value>) -> Result<Era, RpcError> {
    let meta = params.get("_meta");
    let version = meta.and_then(|meta| meta.get(VERSION));
    if version.is_none() && method != "server/discover" {
        return Ok(Era::Handshake);
    }
    let missing = |name: &str| RpcError::invalid_params(format!("`_meta` has no `{name}`"));
    let version = version.ok_or_else(|| missing(VERSION))?;
    let Some(version) = version.as_str() else {
        let words = format!("`{VERSION}` is not a string");
        return Err(RpcError::invalid_params(words));
    };
    if version != STATELESS {
        return Err(RpcError::unsupported_version(version));
    }
    let capabilities = meta.and_then(|meta| meta.get(CAPABILITIES));
    match capabilities.filter(|value| value.is_object()) {
        Some(_) => Ok(Era::Stateless),
        None => Err(missing(CAPABILITIES)),
    }
}

fn tool_call(mut params: Map<String, Value>) -> Result<ToolCall, RpcError> {
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(RpcError::invalid_params("`name` is missing"));
    };
    let arguments = match params.remove("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(RpcError::invalid_params("`arguments` is not an object")),
    };
    let token = params
        .get("_meta")
        .and_then(|meta| meta.get("progressToken"));
    Ok(ToolCall {
        name,
        arguments,
        progress_token: token.filter(|token| is_id(token)).cloned(),
    })
}

/// The server, as clients see it.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    /// The name, which distinguishes it from others of a client.
    pub name: String,
    /// The text for an assistant, before it calls a tool.
    pub instructions: String,
}

impl ServerIdentity {
    fn info(&self) -> Value {
        json!({ "name": self.name, "title": "runner", "version": env!("CARGO_PKG_VERSION") })
    }

    /// Returns the result of a handshake.
    pub fn initialized(&self, requested: Option<&str>) -> Value {
        let known = requested.filter(|version| WITH_HANDSHAKE.contains(version));
        json!({
            "protocolVersion": known.unwrap_or(WITH_HANDSHAKE[0]),
            "capabilities": { "tools": {} },
            "serverInfo": self.info(),
            "instructions": self.instructions,
        })
    }

    /// Returns the result of a discovery.
    pub fn discovered(&self) -> Value {
        json!({
            "supportedVersions": [STATELESS],
            "capabilities": { "tools": {} },
            "instructions": self.instructions,
        })
    }

    /// Returns the message that answers a request with a result.
    pub fn answer(&self, request: &RpcRequest, mut result: Value) -> Value {
        if request.era == Era::Stateless {
            result["resultType"] = json!("complete");
            result["_meta"] = json!({ SERVER_INFO: self.info() });
            if !matches!(request.method, Method::CallTool(_)) {
                // Files may change at any time, and what is served depends on who asks.
                result["ttlMs"] = json!(0);
                result["cacheScope"] = json!("private");
            }
        }
        json!({ "jsonrpc": "2.0", "id": request.id, "result": result })
    }
}

/// Returns the message about the progress of a call.
pub fn progress(token: &Value, progress: f64, words: &str) -> Value {
    let progress = Number::from_f64(progress);
    let params = json!({ "progressToken": token, "progress": progress, "message": words });
    json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params })
}

#[cfg(test)]
#[path = "protocol/tests.rs"]
mod tests;
