//! `oauth2`: tokens by the client credentials grant.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Answer, CANARY, Exchange, Fault, Project, Run, Server};

const TOKEN: &str = "access/token+of=the~server";

fn resource(more: &str) -> String {
    format!(
        "type: rest\nbase_url: URL\nauth:\n  oauth2:\n    token_url: URL/token\n    \
         client_id: a client\n    client_secret: \"{{{{ env.CIRCLE_TOKEN }}}}\"\n{more}"
    )
}

fn case(query: &str) -> Case {
    let case = Case::query(query).resource(&resource("    scope: read write\n"));
    case.with(|run| run.secret(TOKEN))
}

/// The pair of client and secret, each form-encoded (RFC 6749, section 2.3.1).
fn pair() -> String {
    let form = CANARY
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace('~', "%7E");
    STANDARD.encode(format!("a+client:{form}"))
}

fn grants(token: &str) -> Value {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
}

fn asks_token() -> Exchange {
    Exchange::post("/token")
        .with_header("authorization", format!("Basic {}", pair()))
        .with_header("content-type", "application/x-www-form-urlencoded")
        .with_header("accept", "application/json")
        .when("the grant", |request| {
            request.body == b"grant_type=client_credentials&scope=read+write"
        })
        .answers(grants(TOKEN))
}

fn with_token(exchange: Exchange) -> Exchange {
    exchange.with_header("authorization", format!("Bearer {TOKEN}"))
}

#[test]
fn a_token_is_obtained_once_however_many_requests_start() {
    let gets = [1, 2, 3, 4].map(|n| with_token(Exchange::get(&format!("/x/{n}"))).together(4));
    let mut exchanges = vec![asks_token()];
    exchanges.extend(gets);
    let seen = case("for_each: { n: { in: [1, 2, 3, 4] } }\nendpoint: /x/{{ n }}").asks(exchanges);
    seen.outcome.assert_exit(0);
    assert_eq!(seen.requests[0].line(), "POST /token");
}

#[test]
fn a_client_may_authenticate_in_the_body() {
    let resource = resource("    client_auth: body\n    params: { audience: \"https://api/\" }\n");
    let seen = Case::get()
        .resource(&resource)
        .with(|run| run.secret(TOKEN))
        .asks(vec![
            Exchange::post("/token")
                .without_header("authorization")
                .answers(grants(TOKEN)),
            with_token(Exchange::get("/x")),
        ]);
    seen.outcome.assert_exit(0);
    let body = String::from_utf8_lossy(&seen.requests[0].body);
    assert_eq!(
        body,
        "grant_type=client_credentials&audience=https%3A%2F%2Fapi%2F&client_id=a+client\
         &client_secret=canary_4f9a%2BZq%2F81c7d%3De2Xw%7EKmR5tB0y"
    );
}

#[test]
fn a_refused_token_is_obtained_anew_once_and_the_request_sent_again() {
    let refused = |exchange: Exchange| with_token(exchange).answers((401, json!({})));
    let renewed = "renewed-token-1";
    for method in ["GET", "POST", "DELETE"] {
        let seen = case(&format!("method: {method}\nendpoint: /x"))
            .args(["--yes"])
            .with(move |run| run.secret(renewed))
            .asks(vec![
                asks_token(),
                refused(Exchange::new(method, "/x")),
                asks_token().answers(grants(renewed)),
                Exchange::new(method, "/x")
                    .with_header("authorization", format!("Bearer {renewed}")),
            ]);
        seen.outcome.assert_exit(0);
    }
}

#[test]
fn a_server_that_refuses_every_token_gets_two_requests() {
    for voice in [&[][..], &["-vv"], &["--error-format", "json"]] {
        let seen = case("endpoint: /x")
            .args(voice.iter().copied())
            .with(|run| run.secret("renewed-token-1"))
            .asks(vec![
                asks_token(),
                with_token(Exchange::get("/x")).answers((401, json!({"message": TOKEN}))),
                asks_token().answers(grants("renewed-token-1")),
                Exchange::get("/x").answers((401, json!({"message": "renewed-token-1"}))),
            ]);
        seen.outcome.assert_exit(4);
        if voice.is_empty() {
            insta::assert_snapshot!(told(&seen.outcome));
        }
    }
}

#[test]
fn a_refused_token_ends_a_walk_without_a_loop() {
    // Those that are under way when the first one fails may have been sent.
    let seen = case("for_each: { n: { in: [1, 2, 3, 4, 5, 6] } }\nendpoint: /x/{{ n }}").asks_at(
        Server::start({
            let mut exchanges = vec![
                asks_token().times(1),
                asks_token().answers(grants("b-token")),
            ];
            for n in 1..=6 {
                let get = Exchange::get(&format!("/x/{n}"));
                exchanges.push(get.answers((401, json!({}))).at_least(0));
            }
            exchanges
        }),
    );
    seen.outcome.assert_exit(4);
}

#[test]
fn a_token_that_ends_during_a_listing_is_obtained_anew() {
    let ends = json!({"access_token": TOKEN, "token_type": "bearer", "expires_in": 0.000_001});
    let link = "</x?page=2>; rel=\"next\"";
    let seen = case("endpoint: /x\nrows: $[*]").asks(vec![
        asks_token().answers(ends),
        with_token(Exchange::get("/x")).answers(
            Answer::status(200)
                .header("link", link)
                .json(&json!([{"id": 1}])),
        ),
        asks_token().answers(grants("second-token")),
        Exchange::get("/x?page=2")
            .with_header("authorization", "Bearer second-token")
            .answers(json!([{"id": 2}])),
    ]);
    seen.outcome.assert_exit(0);
}

#[test]
fn a_lifetime_may_be_a_text_or_none_or_without_end() {
    for expires_in in [
        json!("3600"),
        json!(null),
        json!(0),
        json!(1e300),
        json!(3600.5),
    ] {
        let grant =
            json!({"access_token": TOKEN, "token_type": "bearer", "expires_in": expires_in});
        let link = "</x?page=2>; rel=\"next\"";
        let first = Answer::status(200)
            .header("link", link)
            .json(&json!([{"id": 1}]));
        let seen = case("endpoint: /x\nrows: $[*]").asks(vec![
            asks_token().answers(grant),
            with_token(Exchange::get("/x")).answers(first),
            with_token(Exchange::get("/x?page=2")).answers(json!([])),
        ]);
        seen.outcome.assert_exit(0);
    }
}

/// Responses of a token endpoint that contain no token.
fn without_token() -> Vec<(&'static str, Answer)> {
    let ok = |body: Value| Answer::status(200).json(&body);
    let with = |member: &str, value: Value| {
        let mut grant = grants(TOKEN);
        grant[member] = value;
        ok(grant)
    };
    let description = format!("the secret {CANARY} is wrong\nreally");
    vec![
        (
            "an error",
            Answer::status(401)
                .json(&json!({"error": "invalid_client", "error_description": description})),
        ),
        (
            "an error without words",
            Answer::status(400).json(&json!({"error": "invalid_scope"})),
        ),
        (
            "an error with 200",
            ok(json!({"error": "bad_verification_code"})),
        ),
        ("a refusal in text", Answer::status(403).text(CANARY)),
        ("nothing", Answer::status(204)),
        ("an empty body", Answer::status(200)),
        (
            "a page",
            Answer::status(200).body("text/html; charset=utf-8", "<html>sign in</html>"),
        ),
        ("JSON that is no object", ok(json!(["token"]))),
        ("no token", ok(json!({"token_type": "Bearer"}))),
        ("an empty token", with("access_token", json!(""))),
        ("a number", with("access_token", json!(12_345_678))),
        (
            "a line break",
            with("access_token", json!("a\r\nx-evil: 1")),
        ),
        (
            "a letter of Greek",
            with("access_token", json!("token-\u{3b1}")),
        ),
        ("another type", with("token_type", json!("MAC\u{1b}[31m"))),
        (
            "a type that is a list",
            with("token_type", json!(["Bearer"])),
        ),
        ("a time that is over", with("expires_in", json!(-5))),
        ("a time in words", with("expires_in", json!("soon"))),
        (
            "a long token",
            with("access_token", json!("t".repeat(70_000))),
        ),
        (
            "a long body",
            ok(json!({"access_token": "t".repeat(1_100_000)})),
        ),
        (
            "a redirect",
            Answer::redirect(307, "http://127.0.0.1:1/token"),
        ),
    ]
}

#[test]
fn a_token_endpoint_that_gives_no_token_is_reported_clearly() {
    let mut all = String::new();
    let outage = Answer::status(503).json(&json!({"error": CANARY}));
    let answers = without_token()
        .into_iter()
        .map(|(what, answer)| (what, 4, answer));
    for (what, exit, answer) in answers.chain([("an outage", 3, outage)]) {
        let outcome = Case::get()
            .resource(&resource("retry: { max_attempts: 1 }\n"))
            .asks(vec![Exchange::post("/token").answers(answer)])
            .outcome;
        outcome.assert_exit(exit);
        all.push_str(&format!("{what}:\n{}\n", told(&outcome)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_token_endpoint_that_fails_on_the_wire_is_reported_and_exits_with_5() {
    let settings = "retry: { max_attempts: 1 }\n";
    let mut all = String::new();
    for (fault, exit) in [
        (Fault::Hang, 5),
        (Fault::CloseAtOnce, 5),
        (Fault::Garbage, 5),
        (Fault::HalfAnswer(grants(TOKEN).to_string()), 5),
        (Fault::EndlessBody, 4),
    ] {
        let timeout = if matches!(fault, Fault::Hang) {
            "timeout: 200ms\n"
        } else {
            ""
        };
        let outcome = Case::get()
            .resource(&resource(&format!("{settings}{timeout}")))
            .asks(vec![Exchange::post("/token").answers(fault)])
            .outcome;
        outcome.assert_exit(exit);
        all.push_str(&format!("{}\n", told(&outcome)));
    }
    let nobody = Server::refusing();
    let refused = Case::get()
        .resource(&resource(settings).replace("URL/token", &format!("{}/token", nobody.url())));
    all.push_str(&told(refused.asks_nothing().assert_exit(5)));
    insta::assert_snapshot!(all);
}

#[test]
fn a_token_request_is_retried_and_its_failure_is_not_multiplied() {
    let settings = "retry: { max_attempts: 3, base_delay: 1ms }\n";
    let seen = Case::get().resource(&resource(settings)).asks(vec![
        Exchange::post("/token")
            .answers(Answer::status(503))
            .times(3),
    ]);
    seen.outcome.assert_exit(3);
    let seen = Case::get().resource(&resource(settings)).asks(vec![
        Exchange::post("/token")
            .answers(Answer::status(502))
            .times(2),
        Exchange::post("/token").answers(grants(TOKEN)),
        with_token(Exchange::get("/x")),
    ]);
    seen.outcome.assert_exit(0);
    // A pause of the server's is kept.
    let later = Answer::status(429).header("retry-after", "0");
    let seen = Case::get().resource(&resource(settings)).asks(vec![
        Exchange::post("/token").answers(later),
        Exchange::post("/token").answers(grants(TOKEN)),
        with_token(Exchange::get("/x")),
    ]);
    seen.outcome.assert_exit(0);
}

#[test]
fn neither_the_token_nor_the_secret_comes_out() {
    let echoes: Vec<Value> = [
        TOKEN.to_owned(),
        CANARY.to_owned(),
        pair(),
        STANDARD.encode(TOKEN),
    ]
    .into_iter()
    .map(|echo| json!({&echo: &echo, "text": format!("you are {echo}, are you")}))
    .collect();
    for voice in [
        &[][..],
        &["-v"],
        &["-vv"],
        &["-o", "raw"],
        &["--out", "a.json"],
    ] {
        for status in [200, 400] {
            let token = Answer::status(200)
                .header("x-echo", format!("{TOKEN} {}", pair()))
                .json(&grants(TOKEN));
            let answer = Answer::status(status).header("x-echo", TOKEN);
            case("endpoint: /x\ncache: 1h")
                .args(voice.iter().copied())
                .with(|run| run.secret(&pair()))
                .asks(vec![
                    asks_token().answers(token),
                    with_token(Exchange::get("/x"))
                        .answers(answer.json(&json!({"message": TOKEN, "items": echoes}))),
                ]);
        }
    }
}

#[test]
fn a_secret_parameter_is_as_secret_as_the_client_s() {
    let params = |value: &str| {
        resource(&format!(
            "    params: {{ password: \"{value}\", tenant: acme }}\n"
        ))
    };
    let seen = Case::get()
        .resource(&params("{{ env.PW }}"))
        .args(["-vv"])
        .with(|run| {
            run.env("PW", "open-sesame")
                .secret("open-sesame")
                .secret(TOKEN)
        })
        .asks(vec![
            Exchange::post("/token")
                .when("the parameters", |request| {
                    request.body.ends_with(b"&password=open-sesame&tenant=acme")
                })
                .answers(grants(TOKEN)),
            with_token(Exchange::get("/x")).answers(json!({"said": "open-sesame by acme"})),
        ]);
    let shown = seen.outcome.assert_exit(0).stdout_json();
    assert_eq!(shown, json!({"said": "*** by acme"}));
    let literal = Case::get().resource(&params("open-sesame"));
    literal
        .with(|run| run.secret("open-sesame"))
        .asks_nothing()
        .assert_exit(2);
}

#[test]
fn what_verbosity_shows_of_the_token_request() {
    let seen = case("endpoint: /x")
        .args(["-vv"])
        .asks(vec![asks_token(), with_token(Exchange::get("/x"))]);
    insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
}

#[test]
fn what_is_only_shown_asks_for_no_token() {
    let shown = [&["--dry-run"][..], &["--curl"]].map(|how| {
        case("endpoint: /x")
            .args(how.iter().copied())
            .with(|run| run.without_env("CIRCLE_TOKEN"))
            .asks_nothing()
    });
    insta::assert_snapshot!(transcript(&shown));
}

#[test]
fn other_verbs_know_it() {
    let server = Server::start(vec![
        asks_token(),
        with_token(Exchange::get("/")).answers(json!({})),
    ]);
    let project = case("endpoint: /x").project_at(&server.url());
    let run = |args: &[&str]| Run::in_(&project).args(args).secret(TOKEN).outcome();
    let outcomes = [
        run(&["check"]),
        run(&["show", "circleci"]),
        run(&["show", "q"]),
    ];
    run(&["ping", "circleci"]).assert_exit(0);
    server.finish();
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn a_cached_response_needs_no_token() {
    let server = Server::start(vec![
        asks_token(),
        with_token(Exchange::get("/x")).answers(json!({"id": 1})),
    ]);
    let project = case("endpoint: /x\ncache: 1h").project_at(&server.url());
    for _ in 0..2 {
        let run = Run::in_(&project).args(["run", "q"]).secret(TOKEN);
        assert_eq!(run.outcome().assert_exit(0).stdout_json(), json!({"id": 1}));
    }
    server.finish();
}

#[test]
fn the_secret_does_not_cross_a_network_in_the_clear() {
    let resource = "type: rest\nbase_url: https://api.example.com\nauth: { oauth2: { token_url: \"ADDRESS\", client_id: c, client_secret: \"{{ env.CIRCLE_TOKEN }}\" } }";
    let mut outcomes = Vec::new();
    for address in [
        "http://auth.example.com/token",
        "{{ env.AUTH }}",
        "https://me:pw@auth.example.com/token",
        "ftp://auth.example.com/token",
        "https://auth.example.com/token#part",
        "auth.example.com/token",
    ] {
        let outcome = Case::get()
            .resource(&resource.replace("ADDRESS", address))
            .with(|run| run.env("AUTH", "http://auth.example.com/token"))
            .asks_nothing();
        outcomes.push(told(&outcome));
    }
    insta::assert_snapshot!(outcomes.join("\n"));
}

#[test]
fn a_secret_that_is_not_set_ends_the_run_before_a_byte_leaves() {
    let unset = case("endpoint: /x").with(|run| run.without_env("CIRCLE_TOKEN"));
    insta::assert_snapshot!(told(unset.asks_nothing().assert_exit(4)));
}

#[test]
fn two_resources_have_a_token_each() {
    let server = Server::start(vec![
        Exchange::post("/token/a").answers(grants("token-of-a")),
        Exchange::post("/token/b")
            .answers(grants("token-of-b"))
            .at_least(1),
        Exchange::get("/a").with_header("authorization", "Bearer token-of-a"),
        Exchange::get("/b").with_header("authorization", "Bearer token-of-b"),
    ]);
    let url = server.url();
    let mut project = Project::new();
    for name in ["a", "b"] {
        let yaml = resource("").replace("URL/token", &format!("{url}/token/{name}"));
        project = project
            .file(&format!("resources/{name}.yaml"), yaml.replace("URL", &url))
            .query(name, &format!("resource: {name}\nendpoint: /{name}\n"));
    }
    let run = Run::in_(&project).args(["run", "a", "b"]);
    run.timeout(Duration::from_secs(20))
        .outcome()
        .assert_exit(0);
    server.finish();
}

#[test]
fn a_token_endpoint_elsewhere_is_reached_by_the_proxy() {
    let resource = resource("proxy: URL\nretry: { max_attempts: 1 }\n")
        .replace("base_url: URL", "base_url: http://127.0.0.1:1")
        .replace("URL/token", "https://login.example.com/token");
    let seen = Case::get().resource(&resource).asks(vec![
        Exchange::new("CONNECT", "login.example.com:443").answers((502, json!({}))),
    ]);
    seen.outcome.assert_exit(5);
}
