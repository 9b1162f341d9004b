use super::*;

fn wrong(line: &str) -> (Option<Value>, i64) {
    match read(line.as_bytes()) {
        Incoming::Wrong(id, error) => (id, error.code),
        other => panic!("{line}: {other:?}"),
    }
}

fn request_of(line: &str) -> RpcRequest {
    match read(line.as_bytes()) {
        Incoming::Request(request) => request,
        other => panic!("{line}: {other:?}"),
    }
}

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

#[test]
fn each_message_says_its_era() {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(request_of(list).era, Era::Handshake);
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{META}}}}}"#);
    assert_eq!(request_of(&list).era, Era::Stateless);
    let discover =
        format!(r#"{{"jsonrpc":"2.0","id":"d","method":"server/discover","params":{{{META}}}}}"#);
    assert_eq!(request_of(&discover).method, Method::Discover);
}

#[test]
fn a_stateless_request_carries_its_version_and_the_capabilities() {
    let with = |meta: &str| {
        let method = r#""method":"tools/list""#;
        wrong(&format!(
            r#"{{"jsonrpc":"2.0","id":1,{method},"params":{{"_meta":{{{meta}}}}}}}"#
        ))
    };
    let id = || Some(json!(1));
    let version = r#""io.modelcontextprotocol/protocolVersion""#;
    assert_eq!(with(&format!(r#"{version}:"2026-07-28""#)), (id(), -32602));
    assert_eq!(with(&format!(r#"{version}:"2027-01-01""#)), (id(), -32022));
    assert_eq!(with(&format!(r"{version}:7")), (id(), -32602));
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
    assert_eq!(wrong(bare), (id(), -32602));
    // These ended with the handshake.
    for method in ["ping", "initialize"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{META}}}}}"#);
        assert_eq!(wrong(&line), (id(), -32601), "{method}");
    }
}

#[test]
fn odd_lines_are_refused_or_ignored() {
    for (line, expected) in [
        ("", Incoming::Ignored),
        ("  \r\n", Incoming::Ignored),
        ("not json", Incoming::NotJson),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Incoming::Ignored),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            Incoming::Ignored,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}"#,
            Incoming::Cancelled(json!("x")),
        ),
    ] {
        assert_eq!(read(line.as_bytes()), expected, "{line}");
    }
    for (line, id, code) in [
        ("[]", None, -32600),
        ("7", None, -32600),
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
        (r#"{"id":6,"method":"ping"}"#, Some(json!(6)), -32600),
        (r#"{"jsonrpc":"2.0","id":6}"#, Some(json!(6)), -32600),
        (
            r#"{"jsonrpc":"2.0","id":6,"method":"no/such"}"#,
            Some(json!(6)),
            -32601,
        ),
        (
            r#"{"jsonrpc":"2.0","id":6,"method":"ping","params":[1]}"#,
            Some(json!(6)),
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{}}"#,
            Some(json!(6)),
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"x","arguments":[1]}}"#,
            Some(json!(6)),
            -32602,
        ),
    ] {
        assert_eq!(wrong(line), (id, code), "{line}");
    }
}

#[test]
fn a_line_may_have_a_byte_order_mark_and_a_carriage_return() {
    let line = "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}\r\n";
    assert_eq!(request_of(line).id, json!("a"));
}

#[test]
fn the_version_of_a_handshake_is_one_that_is_served() {
    let server = ServerIdentity {
        name: "runner".to_owned(),
        instructions: String::new(),
    };
    for (requested, answered) in [
        (Some("2025-06-18"), "2025-06-18"),
        (Some("2025-11-25"), "2025-11-25"),
        (Some("2026-07-28"), "2025-11-25"),
        (Some("2024-11-05"), "2025-11-25"),
        (None, "2025-11-25"),
    ] {
        let result = server.initialized(requested);
        assert_eq!(result["protocolVersion"], answered, "{requested:?}");
    }
}
