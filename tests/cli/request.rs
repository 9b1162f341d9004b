//! Requests, byte for byte.

use serde_json::json;

use crate::case::{Case, Seen, told, transcript};
use crate::support::{Answer, CANARY, Exchange, Received, Server};

/// The value of the table.
const VALUE: &str = "feature/a b&c#1+é%41";

/// How [`VALUE`] is sent: a line of the query file, and the piece of the request that comes of it.
/// The reference shows this table, line by line.
const TABLE: &str = r#"
| path segment | `/x/{{ v }}` | `/x/feature%2Fa%20b%26c%231%2B%C3%A9%2541` |
| with `path` | `/x/{{ v \| path }}` | `/x/feature/a%20b%26c%231%2B%C3%A9%2541` |
| parameter | `params: { p: "{{ v }}" }` | `?p=feature%2Fa%20b%26c%231%2B%C3%A9%2541` |
| header field | `headers: { X-V: "{{ v }}" }` | `x-v: feature/a b&c#1+é%41` |
| JSON body | `body: { json: { v: "{{ v }}" } }` | `{"v":"feature/a b&c#1+é%41"}` |
| form body | `body: { form: { v: "{{ v }}" } }` | `v=feature%2Fa+b%26c%231%2B%C3%A9%2541` |
| text body | `body: { text: "v={{ v }}" }` | `v=feature/a b&c#1+é%41` |
"#;

/// The cells of the table's rows.
fn rows() -> Vec<[String; 3]> {
    let cells = |line: &str| {
        let line = line.replace(r"\|", "\u{0}");
        let cells = line.trim_matches('|').split('|').map(|cell| {
            let cell = cell.trim().trim_matches('`');
            cell.replace('\u{0}', "|")
        });
        let cells: Vec<String> = cells.collect();
        cells.try_into().expect("three cells")
    };
    TABLE.trim().lines().map(cells).collect()
}

#[test]
fn the_reference_shows_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/templates.md");
    let page = std::fs::read_to_string(path).expect("the page");
    assert!(page.contains(TABLE) && page.contains(&format!("`{VALUE}`")));
}

/// A query that sends [`VALUE`], with these lines of its request.
fn sends_value(lines: &str) -> Case {
    Case::query(&format!("vars: {{ v: {{}} }}\n{lines}")).args([format!("v={VALUE}")])
}

#[test]
fn a_value_arrives_as_the_table_says() {
    let rows = rows();
    assert_eq!(rows.len(), 7);
    for [place, line, sent] in rows {
        let has_body = line.starts_with("body");
        let request = if line.starts_with('/') {
            format!("endpoint: {line}")
        } else {
            format!("endpoint: /x\n{line}")
        };
        let method = if has_body { "POST" } else { "GET" };
        let target = match sent.as_bytes()[0] {
            b'/' => format!("/api/v2{sent}"),
            b'?' => format!("/api/v2/x{sent}"),
            _ => "/api/v2/x".to_owned(),
        };
        let seen = sends_value(&format!("method: {method}\n{request}"))
            .args(["--yes"])
            .asks(vec![Exchange::new(method, &target)]);
        seen.outcome.assert_exit(0);
        let request = seen.request();
        assert_eq!(request.target, target, "{place}");
        if place == "header field" {
            let line = format!("\r\n{sent}\r\n");
            let head = String::from_utf8(request.head.clone()).expect("UTF-8");
            assert!(head.contains(&line), "{head}");
        }
        let body = if has_body { sent.as_str() } else { "" };
        assert_eq!(String::from_utf8_lossy(&request.body), body, "{place}");
    }
}

#[test]
fn a_slug_is_one_segment() {
    Case::query("vars: { slug: {} }\nendpoint: /project/{{ slug }}/pipeline")
        .args(["slug=gh/acme/web"])
        .asks(vec![Exchange::get(
            "/api/v2/project/gh%2Facme%2Fweb/pipeline",
        )])
        .outcome
        .assert_exit(0);
}

#[test]
fn a_value_cannot_be_another_host() {
    for (value, sent) in [
        ("//evil.example/x", "%2F%2Fevil.example%2Fx"),
        (" @evil.example", "%20%40evil.example"),
        ("http://evil.example", "http%3A%2F%2Fevil.example"),
        ("\\\\evil.example", "%5C%5Cevil.example"),
    ] {
        Case::query("vars: { x: {} }\nendpoint: \"{{ x }}\"")
            .args([format!("x={value}")])
            .asks(vec![Exchange::get(&format!("/api/v2/{sent}"))])
            .outcome
            .assert_exit(0);
    }
}

#[test]
fn what_looks_encoded_is_encoded_again() {
    for (value, sent) in [
        ("%2e%2e", "%252e%252e"),
        ("a%2Fb", "a%252Fb"),
        ("...", "..."),
    ] {
        Case::query("vars: { x: {} }\nendpoint: /a/{{ x }}/b")
            .args([format!("x={value}")])
            .asks(vec![Exchange::get(&format!("/api/v2/a/{sent}/b"))])
            .outcome
            .assert_exit(0);
    }
}

#[test]
fn a_value_that_would_change_the_route_is_refused() {
    let mut seen = Vec::new();
    for (endpoint, value) in [
        ("/a/{{ x }}/b", ".."),
        ("/a/{{ x }}/b", "."),
        ("/a/{{ x }}/b", ""),
        ("/a/{{ x }}{{ x }}/b", "."),
        ("/a/{{ x | path }}/b", "c/../../d"),
        ("/a/{{ x | path }}/b", "c//d"),
        ("/a/{{ x | path }}/b", "/c"),
    ] {
        let outcome = Case::query(&format!("vars: {{ x: {{}} }}\nendpoint: {endpoint}"))
            .args([format!("x={value}")])
            .asks_nothing();
        seen.push(outcome.assert_exit(2).snapshot());
    }
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn the_path_of_the_base_url_is_kept() {
    for base in ["URL/ci/api/v2", "URL/ci/api/v2/", "URL/ci/api/v2//"] {
        for endpoint in ["/me", "me"] {
            Case::query(&format!("endpoint: {endpoint}"))
                .resource(&format!("type: circleci\nbase_url: {base}"))
                .asks(vec![Exchange::get("/ci/api/v2/me")])
                .outcome
                .assert_exit(0);
        }
    }
}

#[test]
fn null_drops_a_parameter_and_a_list_repeats_it() {
    let seen = Case::query(
        "vars: { unset: ~, many: { type: list }, flag: true, n: 3, big: { type: int } }
endpoint: /x
params:
  unset: \"{{ unset }}\"
  nothing: null
  many: \"{{ many }}\"
  both: [one, \"{{ n }}\", \"{{ unset }}\"]
  flag: \"{{ flag }}\"
  text: \"n={{ n }}\"
  empty: \"\"
  big: \"{{ big }}\"
  \"a b[]\": 1.5",
    )
    .args(["many=x y,ü", "big=9007199254740993"])
    .asks(vec![Exchange::get(
        "/api/v2/x?many=x%20y&many=%C3%BC&both=one&both=3&flag=true&text=n%3D3&empty=\
         &big=9007199254740993&a%20b%5B%5D=1.5",
    )]);
    seen.outcome.assert_exit(0);
}

#[test]
fn an_object_is_no_parameter() {
    let outcome =
        Case::query("vars: { x: { type: json } }\nendpoint: /x\nparams: { x: \"{{ x }}\" }")
            .args([r#"x:={"a":1}"#])
            .asks_nothing();
    insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
}

#[test]
fn a_query_string_of_the_endpoint_stays_and_params_follow() {
    Case::query("endpoint: /x?mine=1&a=b\nparams: { branch: main }")
        .asks(vec![Exchange::get("/api/v2/x?mine=1&a=b&branch=main")])
        .outcome
        .assert_exit(0);
}

#[test]
fn a_value_in_the_query_string_of_an_endpoint_cannot_add_a_parameter() {
    Case::query("vars: { x: {} }\nendpoint: /x?a={{ x }}&b=2")
        .args(["x=1&b=3#?"])
        .asks(vec![Exchange::get("/api/v2/x?a=1%26b%3D3%23%3F&b=2")])
        .outcome
        .assert_exit(0);
}

#[test]
fn a_header_cannot_hold_a_line_break() {
    let mut seen = Vec::new();
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\u{7f}"] {
        let outcome = Case::query("vars: { x: {} }\nendpoint: /x\nheaders: { X-Ref: \"{{ x }}\" }")
            .args([format!("x={value}")])
            .asks_nothing();
        seen.push(told(outcome.assert_exit(2)));
    }
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn a_query_overrides_what_its_resource_sends_and_null_removes_it() {
    let seen = Case::query(
        "endpoint: /x
headers: { x-team: web, X-Gone: null, Accept: text/plain }
params: { window: 7d, gone: null, own: 1 }",
    )
    .settings(
        "headers: { X-Team: all, X-Gone: here, X-Kept: 'yes' }
params: { window: 30d, gone: here, kept: 'yes' }",
    )
    .asks(vec![
        Exchange::get("/api/v2/x?kept=yes&window=7d&own=1")
            .with_header("x-team", "web")
            .with_header("x-kept", "yes")
            .with_header("accept", "text/plain")
            .without_header("x-gone"),
    ]);
    seen.outcome.assert_exit(0);
}

#[test]
fn a_json_body_keeps_types_nulls_and_order() {
    let seen = Case::query(
        r#"vars:
  n: { type: int }
  number: { type: number }
  text: {}
  flag: { type: bool }
  list: { type: list }
  object: { type: json }
  nothing: ~
method: POST
endpoint: /x
body:
  json:
    z: "{{ n }}"
    number: "{{ number }}"
    text: "{{ text }}"
    flag: "{{ flag }}"
    list: "{{ list }}"
    object: "{{ object }}"
    nothing: "{{ nothing }}"
    "null": null
    mixed: "v{{ n }}"
    constant: 25
    version: "25"
    nested: [{ a: "{{ n }}" }, "{{ text }}"]
    sum: "{{ n + 1 }}""#,
    )
    .args([
        "n=9007199254740993",
        "number=1.5",
        "text=25",
        "flag=false",
        "list=a,b",
        r#"object:={"b": 18446744073709551615, "a": null}"#,
        "--yes",
    ])
    .asks(vec![
        Exchange::post("/api/v2/x").with_header("content-type", "application/json"),
    ]);
    seen.outcome.assert_exit(0);
    insta::assert_snapshot!(String::from_utf8_lossy(&seen.request().body), @r#"{"z":9007199254740993,"number":1.5,"text":"25","flag":false,"list":["a","b"],"object":{"b":18446744073709551615,"a":null},"nothing":null,"null":null,"mixed":"v9007199254740993","constant":25,"version":"25","nested":[{"a":9007199254740993},"25"],"sum":9007199254740994}"#);
}

#[test]
fn a_value_cannot_change_the_shape_of_a_json_body() {
    let seen = Case::query(
        "vars: { x: {} }\nmethod: POST\nendpoint: /x\nbody: { json: { a: \"{{ x }}\", b: \"<{{ x }}>\" } }",
    )
    .args([r#"x=","admin":true,"y":" \ {{ 1 }}"#, "--yes"])
    .asks(vec![Exchange::post("/api/v2/x")]);
    let value = r#"","admin":true,"y":" \ {{ 1 }}"#;
    assert_eq!(
        seen.request().json(),
        json!({"a": value, "b": format!("<{value}>")})
    );
}

#[test]
fn a_form_repeats_lists_and_leaves_null_out() {
    let seen = Case::query(
        "vars: { unset: ~ }\nmethod: POST\nendpoint: /x
body: { form: { a: [1, 'x y'], unset: \"{{ unset }}\", n: 2.5, \"k=1\": '' } }",
    )
    .args(["--yes"])
    .asks(vec![
        Exchange::post("/api/v2/x")
            .with_header("content-type", "application/x-www-form-urlencoded"),
    ]);
    assert_eq!(
        String::from_utf8_lossy(&seen.request().body),
        "a=1&a=x+y&n=2.5&k%3D1="
    );
}

#[test]
fn a_body_from_a_file_is_sent_as_it_is() {
    let bytes = b"\x00\xff{{ not a template }}\r\n";
    let seen = Case::query(
        "vars: { name: {} }\nmethod: PUT\nendpoint: /x\nheaders: { Content-Type: image/png }
body: { file: \"data/{{ name }}\" }",
    )
    .file("data/a.bin", bytes)
    .args(["name=a.bin", "--yes"])
    .asks(vec![
        Exchange::new("PUT", "/api/v2/x").with_header("content-type", "image/png"),
    ]);
    assert_eq!(seen.request().body, bytes);
}

#[test]
fn a_file_outside_the_project_is_not_sent() {
    let mut seen = Vec::new();
    for path in ["../home/mine.txt", "/etc/passwd", "data/none"] {
        let outcome = Case::query(
            "vars: { path: {} }\nmethod: POST\nendpoint: /x\nbody: { file: \"{{ path }}\" }",
        )
        .file("../home/mine.txt", "mine")
        .args([format!("path={path}"), "--yes".to_owned()])
        .asks_nothing();
        seen.push(told(outcome.assert_exit(2)));
    }
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn a_multipart_body_has_fields_and_files() {
    let seen = Case::query(
        "vars: { note: {} }
method: POST
endpoint: /x
body:
  multipart:
    note: \"{{ note }}\"
    many: [1, two]
    log: { file: data/log.txt, file_name: \"it's \\\"{{ note }}\\\".txt\", content_type: text/plain }
    raw: { file: data/log.txt }",
    )
    .file("data/log.txt", "line\n")
    .args([format!("note={VALUE}"), "--yes".to_owned()])
    .asks(vec![Exchange::post("/api/v2/x")]);
    seen.outcome.assert_exit(0);
    let request = seen.request();
    let kind = request.header("content-type").expect("a content type");
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a boundary");
    let body = String::from_utf8_lossy(&request.body).replace(boundary, "BOUNDARY");
    insta::assert_snapshot!(body.replace("\r\n", "\n"));
}

#[test]
fn the_name_of_a_multipart_field_is_sent_as_browsers_send_it() {
    let seen = Case::query(
        "method: POST
endpoint: /x
body: { multipart: { ok: x, \"a b\": y, é: z, \"q\\\"r\\ns\": w, \"p[%]\": v } }",
    )
    .args(["--yes"])
    .asks(vec![Exchange::post("/api/v2/x")]);
    seen.outcome.assert_exit(0);
    let body = String::from_utf8(seen.request().body.clone()).expect("UTF-8");
    let names: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("Content-Disposition: form-data; "))
        .collect();
    assert_eq!(
        names,
        [
            "name=\"ok\"",
            "name=\"a b\"",
            "name=\"é\"",
            "name=\"q%22r%0As\"",
            "name=\"p[%]\"",
        ]
    );
}

#[test]
fn a_method_that_takes_content_says_that_it_has_none() {
    for (method, body, length) in [
        ("POST", "", Some("0")),
        ("PUT", "", Some("0")),
        ("PATCH", "", Some("0")),
        ("POST", "body: { text: \"\" }", Some("0")),
        ("POST", "body: { form: {} }", Some("0")),
        ("POST", "body: { json: {} }", Some("2")),
        ("DELETE", "", None),
        ("GET", "", None),
    ] {
        let seen = Case::query(&format!("method: {method}\nendpoint: /x\n{body}"))
            .args(["--yes"])
            .asks(vec![Exchange::new(method, "/api/v2/x")]);
        seen.outcome.assert_exit(0);
        let sent = seen.request().header("content-length");
        assert_eq!(sent.as_deref(), length, "{method} {body}");
    }
}

#[test]
fn a_user_in_a_redirect_or_a_link_is_not_sent() {
    let server = Server::start_with(|url| {
        let with_user = |target: &str| url.replace("http://", "http://a:b@") + target;
        vec![
            Exchange::get("/x")
                .without_header("authorization")
                .answers(Answer::redirect(302, &with_user("/y"))),
            Exchange::get("/y").without_header("authorization").answers(
                Answer::status(200)
                    .header("link", format!("<{}>; rel=next", with_user("/z")))
                    .json(&json!([1])),
            ),
            Exchange::get("/z")
                .without_header("authorization")
                .answers(json!([2])),
        ]
    });
    let seen = Case::query("endpoint: /x\nrows: $[*]")
        .resource("type: rest\nbase_url: URL\nauth: none")
        .args(["-v"])
        .asks_at(server);
    seen.outcome.assert_exit(0);
    assert_eq!(seen.outcome.stdout_json(), json!([1, 2]));
    assert!(!seen.outcome.stderr_text().contains("a:b@"));
}

#[test]
fn a_url_that_is_too_long_is_reported_with_its_length() {
    let long = "x".repeat(70_000);
    let own = Case::query("vars: { q: {} }\nendpoint: /x\nparams: { q: \"{{ q }}\" }")
        .args([format!("q={long}")])
        .asks_nothing();
    let redirect = Case::get()
        .asks(vec![
            Exchange::get("/api/v2/x").answers(Answer::redirect(302, &format!("/{long}"))),
        ])
        .outcome;
    let link = Answer::status(200)
        .header("link", format!("</{long}>; rel=next"))
        .json(&json!([1]));
    let listing = Case::query("endpoint: /x\nrows: $[*]\npaginate: link")
        .asks(vec![Exchange::get("/api/v2/x").answers(link)])
        .outcome;
    own.assert_exit(2);
    redirect.assert_exit(3);
    listing.assert_exit(6);
    let all = transcript([&own, &redirect, &listing]).replace(&long, "[LONG]");
    insta::assert_snapshot!(all);
}

#[test]
fn a_line_break_in_a_file_name_is_refused() {
    let outcome = Case::query(
        "vars: { name: {} }\nmethod: POST\nendpoint: /x
body: { multipart: { log: { file: a.txt, file_name: \"{{ name }}\" } } }",
    )
    .file("a.txt", "a")
    .args(["name=a\r\nX: 1", "--yes"])
    .asks_nothing();
    insta::assert_snapshot!(told(outcome.assert_exit(2)));
}

#[test]
fn every_form_of_auth_arrives() {
    let basic = "Basic Y2k6Y2FuYXJ5XzRmOWErWnEvODFjN2Q9ZTJYd35LbVI1dEIweQ==";
    let encoded = "canary_4f9a%2BZq%2F81c7d%3De2Xw~KmR5tB0y";
    let here = |auth: &str| format!("type: rest\nbase_url: URL\nauth: {auth}");
    let header = |name, value: &str| Exchange::get("/x").with_header(name, value);
    let cases = [
        (
            "type: circleci\nbase_url: URL".to_owned(),
            header("circle-token", CANARY),
        ),
        (
            "type: circleci\napi: v3\nbase_url: URL".to_owned(),
            header("authorization", &format!("Bearer {CANARY}")),
        ),
        (
            here("{ bearer: \"{{ env.CIRCLE_TOKEN }}\" }"),
            header("authorization", &format!("Bearer {CANARY}")),
        ),
        (
            here("{ basic: { username: ci, password: \"{{ env.CIRCLE_TOKEN }}\" } }"),
            header("authorization", basic),
        ),
        (
            here("{ header: { name: X-Api-Key, value: \"Key {{ env.CIRCLE_TOKEN }}\" } }"),
            header("x-api-key", &format!("Key {CANARY}")),
        ),
        (
            here("{ query: { name: circle-token, value: \"{{ env.CIRCLE_TOKEN }}\" } }"),
            Exchange::get(&format!("/x?circle-token={encoded}")),
        ),
        (
            here("{ command: [sh, -c, \"echo $CIRCLE_TOKEN\"] }"),
            header("authorization", &format!("Bearer {CANARY}")),
        ),
        (
            "type: circleci\nbase_url: URL\nauth: { command: [sh, -c, \"printf %s $CIRCLE_TOKEN\"] }"
                .to_owned(),
            header("circle-token", CANARY),
        ),
        (
            here("none"),
            Exchange::get("/x")
                .without_header("authorization")
                .without_header("circle-token"),
        ),
    ];
    for (resource, exchange) in cases {
        Case::get()
            .resource(&resource)
            .asks(vec![exchange])
            .outcome
            .assert_exit(0);
    }
}

#[test]
fn a_query_key_joins_the_parameters() {
    Case::query("endpoint: /x?a=1\nparams: { b: 2 }")
        .resource(
            "type: rest\nbase_url: URL\nauth: { query: { name: key, value: \"{{ env.KEY }}\" } }",
        )
        .with(|run| run.env("KEY", "se cret&1").secret("se cret&1"))
        .asks(vec![Exchange::get("/x?a=1&b=2&key=se%20cret%261")])
        .outcome
        .assert_exit(0);
}

#[test]
fn a_command_that_gives_no_token_ends_the_run() {
    let mut seen = Vec::new();
    for command in [
        "[sh, -c, \"echo no vault here >&2; exit 3\"]",
        "[sh, -c, \"echo\"]",
        "[no-such-program-here]",
        "[sh, -c, \"printf 'a\\\\nb'\"]",
    ] {
        let outcome = Case::get()
            .resource(&format!(
                "type: rest\nbase_url: URL\nauth: {{ command: {command} }}"
            ))
            .asks_nothing();
        seen.push(told(outcome.assert_exit(4)));
    }
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn an_environment_is_merged_over_the_rest() {
    const RESOURCE: &str = "type: circleci
base_url: URL/cloud
headers: { X-Team: web, X-Kept: here }
environments:
  staging:
    base_url: URL/staging
    auth: { token: \"{{ env.STAGING_TOKEN }}\" }
    headers: { X-Team: qa, X-New: 'yes' }
  bare:
    auth: none
    headers: { X-Kept: null }
";
    let asks = |target: &str, team: &str| Exchange::get(target).with_header("x-team", team);
    let case = || Case::get().resource(RESOURCE);
    case()
        .asks(vec![
            asks("/cloud/x", "web").with_header("circle-token", CANARY),
        ])
        .outcome
        .assert_exit(0);
    let staging = || {
        asks("/staging/x", "qa")
            .with_header("circle-token", "token-of-staging")
            .with_header("x-kept", "here")
            .with_header("x-new", "yes")
    };
    case()
        .args(["--env", "staging"])
        .with(|run| {
            run.env("STAGING_TOKEN", "token-of-staging")
                .secret("token-of-staging")
        })
        .asks(vec![staging()])
        .outcome
        .assert_exit(0);
    case()
        .with(|run| {
            run.env("STAGING_TOKEN", "token-of-staging")
                .secret("token-of-staging")
                .env("RUNNER_ENV", "staging")
        })
        .asks(vec![staging()])
        .outcome
        .assert_exit(0);
    case()
        .args(["--env", "bare"])
        .with(|run| run.env("RUNNER_ENV", "staging"))
        .asks(vec![
            asks("/cloud/x", "web")
                .without_header("circle-token")
                .without_header("x-kept"),
        ])
        .outcome
        .assert_exit(0);
    case()
        .with(|run| run.env("RUNNER_ENV", ""))
        .asks(vec![asks("/cloud/x", "web")])
        .outcome
        .assert_exit(0);
    let unknown = case().args(["--env", "stagin"]).asks_nothing();
    insta::assert_snapshot!(unknown.assert_exit(2).snapshot());
}

#[test]
fn a_resource_may_live_in_its_environments_only() {
    let case = || {
        Case::get().resource(
            "type: circleci\nenvironments: { one: { base_url: URL/1 }, two: { base_url: URL/2 } }",
        )
    };
    case()
        .args(["--env", "two"])
        .asks(vec![Exchange::get("/2/x")])
        .outcome
        .assert_exit(0);
    insta::assert_snapshot!(case().asks_nothing().assert_exit(2).snapshot());
}

#[test]
fn a_server_of_ones_own_may_stand_in_the_environment() {
    let server = Server::start(vec![Exchange::get("/ci/x")]);
    let url = format!("{}/ci", server.url());
    Case::get()
        .resource("type: circleci\nbase_url: \"{{ env.CI_PLACE }}\"")
        .with(move |run| run.env("CI_PLACE", url))
        .asks_at(server)
        .outcome
        .assert_exit(0);
}

/// `{"name": "zipped"}`, as the tools of these names write it.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4b\xcc\x4d\x55\xb2\x52\
    \x50\xaa\xca\x2c\x28\x48\x4d\x51\xaa\x05\x00\x48\x40\x3d\xa5\x12\x00\x00\x00";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x91\x00\x00{\"name\": \"zipped\"}\xd8\x48\x4d\xc4";
const BROTLI: &[u8] = b"\x8b\x08\x80{\"name\": \"zipped\"}\x03";

#[test]
fn compressed_responses_are_read() {
    for (encoding, bytes) in [("gzip", GZIP), ("zstd", ZSTD), ("br", BROTLI)] {
        let seen = Case::get().asks(vec![
            Exchange::get("/api/v2/x")
                .when(encoding, move |request| {
                    request
                        .header("accept-encoding")
                        .is_some_and(|accepted| accepted.contains(encoding))
                })
                .answers(
                    Answer::status(200)
                        .header("content-encoding", encoding)
                        .body("application/json", bytes),
                ),
        ]);
        assert_eq!(seen.outcome.stdout_json(), json!({"name": "zipped"}));
    }
}

#[test]
fn the_program_says_who_it_is() {
    let seen = Case::get().asks(vec![Exchange::get("/api/v2/x")]);
    let agent = format!("runner/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.request().header("user-agent"), Some(agent));
    assert_eq!(
        names(&seen),
        [
            "accept",
            "accept-encoding",
            "circle-token",
            "host",
            "user-agent"
        ]
    );
}

#[test]
fn head_is_sent_without_a_question() {
    Case::query("method: HEAD\nendpoint: /x")
        .settings("access: read-only")
        .asks(vec![Exchange::new("HEAD", "/api/v2/x")])
        .outcome
        .assert_exit(0);
}

/// The names of all header fields, sorted.
fn names(seen: &Seen) -> Vec<String> {
    let request: &Received = seen.request();
    let names = request.headers.iter();
    let mut names: Vec<String> = names
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect();
    names.sort();
    names
}
