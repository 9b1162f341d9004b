//! `runner new`: a query file from a request that was sent elsewhere.

use serde_json::{Value, json};

use crate::support::{Answer, Exchange, Outcome, Project, Run, Server};

fn new(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(["new"]).args(args).outcome()
}

fn project() -> Project {
    Project::new().circleci_at("https://circleci.com", "")
}

/// Returns the printed files and notes of a curl command.
fn of_curl(project: &Project, command: &str) -> String {
    let outcome = Run::in_(project)
        .args(["new", "it", "--curl", "-", "--dry-run"])
        .stdin(command)
        .outcome();
    let (files, notes) = (outcome.stdout_text(), outcome.stderr_text());
    for secret in ["s3cr3t", "S3cr3t"] {
        assert!(
            !files.contains(secret) && !notes.contains(secret),
            "{files}{notes}"
        );
    }
    assert_eq!(project.read("queries/it.yaml"), None);
    format!(
        "$ {command}\n{files}---\n{notes}--- exit {}\n",
        outcome.exit
    )
}

#[test]
fn a_command_of_any_browser_becomes_a_file() {
    let chrome = r#"curl 'https://circleci.com/api/v2/project/gh/acme/web/pipeline?branch=main&page-token=abc' \
  -H 'accept: */*' \
  -H 'accept-language: de-DE,de;q=0.9' \
  -H 'authorization: Bearer s3cr3t-s3cr3t' \
  -b 'session=s3cr3t; theme=dark' \
  -H 'priority: u=1, i' \
  -H 'referer: https://app.circleci.com/' \
  -H 'sec-ch-ua: "Chromium";v="130"' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0'"#;
    let cmd = "curl ^\"https://circleci.com/api/v2/workflow/5034460f-c7c4-4c43-9457-0123456789ab/rerun^\" ^\r\n  -X ^\"POST^\" ^\r\n  -H ^\"content-type: application/json^\" ^\r\n  -H ^\"circle-token: s3cr3t-s3cr3t^\" ^\r\n  --data-raw ^\"^{^\\^\"from_failed^\\^\":true,^\\^\"note^\\^\":^\\^\"50^% ^& more^\\^\"^}^\"";
    let firefox = r#"curl 'https://circleci.com/api/v2/context' --compressed -X POST -H 'User-Agent: Mozilla/5.0' -H 'Accept: application/json' -H 'Content-Type: application/json' -H 'Origin: https://app.circleci.com' -H 'Cookie: ring-session=s3cr3t' -H 'Sec-Fetch-Dest: empty' -H 'TE: trailers' --data-raw '{"name":"it'\''s {{mine}}","owner":{"slug":"gh/acme","type":"organization"}}'"#;
    let safari = r#"curl 'https://circleci.com/api/v2/graphql' \
-X 'POST' \
-H 'Content-Type: application/json' \
-H 'Circle-Token: s3cr3t-s3cr3t' \
--data-binary $'{\"operationName\":\"Who\",\"variables\":{\"id\":\"\u00fc1\"},\"query\":\"query Who($id: ID) {\\n  user(id: $id) {\\n    name\\n  }\\n}\"}'"#;
    let project = project();
    let all = [chrome, cmd, firefox, safari].map(|command| of_curl(&project, command));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn an_unknown_address_gets_a_resource_without_its_credential() {
    let project = project();
    let commands = [
        r#"curl -sSL -H "Authorization: Bearer $GITHUB_TOKEN" -H "Accept: application/vnd.github+json" "https://api.github.com/repos/acme/web/issues?state=open&per_page=50" | jq ."#,
        "curl -u mika:s3cr3t-s3cr3t https://jira.acme.example/rest/api/3/search -G --data-urlencode 'jql=project = CI' -k",
        "curl 'https://api.weather.example/v1/today?api_key=s3cr3t-s3cr3t&city=Oslo'",
        "curl https://ci.acme.example/api/v2/me -H 'Circle-Token: s3cr3t-s3cr3t'",
        "curl https://app.acme.example/private/x -H 'X-CSRF-Token: s3cr3t' -b 'session=s3cr3t'",
        "curl -X POST https://hooks.slack.com/services/T0001111/B0002222/S3cr3tS3cr3tS3cr3t -d '{\"text\":\"hi\"}'",
        "curl https://login.acme.example/token -d grant_type=client_credentials -d client_secret=s3cr3t -d scope=read",
    ];
    let all = commands.map(|command| of_curl(&project, command));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_files_are_written_and_the_query_sends_what_was_pasted() {
    let server = Server::start(vec![
        Exchange::post("/v1/project/things?x=1&x=b%20c&empty=")
            .with_header("authorization", "Bearer s3cr3t-of-the-environment")
            .with_header("x-own", "50% {{ here }}")
            .without_header("cookie")
            .with_json(json!({ "a": "{{ b }}", "n": 1.5, "nothing": null }))
            .answers(Answer::status(200).json(&json!({ "id": 1 }))),
    ]);
    let project = Project::new();
    let command = format!(
        "curl '{}/v1/project/things?x=1&x=b%20c&empty=' -H 'Authorization: Bearer s3cr3t-pasted' \
         -H 'X-Own: 50% {{{{ here }}}}' -b 'a=s3cr3t-cookie' --json '{{\"a\":\"{{{{ b }}}}\",\"n\":1.5,\"nothing\":null}}'",
        server.url()
    );
    let outcome = new(&project, &["things", "--curl", &command]);
    let stderr = outcome.assert_exit(0).stderr_text();
    assert!(
        stderr.starts_with("wrote resources/local.yaml\n"),
        "{stderr}"
    );
    assert!(stderr.contains("wrote queries/things.yaml\n"), "{stderr}");
    for file in ["resources/local.yaml", "queries/things.yaml"] {
        let text = project.read(file).expect("a file");
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    Run::in_(&project).args(["check"]).outcome().assert_exit(0);
    // The cookie was in a field of the resource.
    let resource = project.read("resources/local.yaml").expect("a file");
    let without = resource.lines().filter(|line| !line.starts_with("headers"));
    project.write(
        "resources/local.yaml",
        without.collect::<Vec<_>>().join("\n"),
    );
    let run = Run::in_(&project)
        .args(["run", "things", "--yes"])
        .env("LOCAL_TOKEN", "s3cr3t-of-the-environment")
        .outcome();
    run.assert_exit(0);
    server.finish();
    // Nothing is overwritten.
    let again = new(&project, &["things", "--curl", &command]);
    assert!(
        again
            .assert_exit(2)
            .stderr_text()
            .starts_with("error[exists]")
    );
}

/// An entry of an archive.
fn entry(method: &str, url: &str, media_type: &str, answer: &Value) -> Value {
    json!({
        "request": {
            "method": method,
            "url": url,
            "headers": [
                { "name": ":authority", "value": "circleci.com" },
                { "name": "Circle-Token", "value": "s3cr3t-token" },
                { "name": "user-agent", "value": "x" },
            ],
        },
        "response": {
            "status": 200,
            "content": { "mimeType": media_type, "text": answer.to_string() },
        },
    })
}

#[test]
fn an_archive_gives_a_query_with_columns() {
    let list = json!({
        "items": [
            { "id": "w1", "name": "deploy", "tag": null, "started_by": { "login": "mika" } },
            { "id": "w2", "name": "test", "tag": "v1", "started_by": { "login": "noor" } },
        ],
        "next_page_token": null,
    });
    let base = "https://circleci.com/api/v2";
    let id = "5034460f-c7c4-4c43-9457-0123456789ab";
    let archive = json!({ "log": { "entries": [
        entry("GET", "https://circleci.com/logo.png", "image/png", &Value::Null),
        entry("OPTIONS", &format!("{base}/me"), "application/json", &Value::Null),
        entry("GET", &format!("{base}/me"), "application/json; charset=utf-8", &json!({ "id": "u1" })),
        entry("GET", &format!("{base}/pipeline/{id}/workflow"), "application/json", &list),
    ] } });
    let project = project()
        .file("network.har", archive.to_string())
        .file("other.json", "{}");
    let several = new(&project, &["it", "--har", "network.har"]);
    insta::assert_snapshot!(several.assert_exit(2).stderr_text());
    let written = new(
        &project,
        &["it", "--har", "network.har", "--match", "/workflow"],
    );
    insta::assert_snapshot!(written.assert_exit(0).stderr_text());
    insta::assert_snapshot!(project.read("queries/it.yaml").expect("a file"));
    Run::in_(&project).args(["check"]).outcome().assert_exit(0);
    let by_number = new(
        &project,
        &["me", "--har", "network.har", "--entry", "3", "--dry-run"],
    );
    let text = by_number.assert_exit(0).stdout_text();
    assert!(
        text.ends_with("endpoint: /me\nextract:\n  id: $.id\n"),
        "{text}"
    );
    for (args, part) in [
        (
            &["x", "--har", "network.har", "--match", "nope"][..],
            "none of its 2 requests",
        ),
        (&["x", "--har", "other.json"], "it lacks `log.entries`"),
        (&["x", "--har", "none.har"], "`none.har`"),
    ] {
        let stderr = new(&project, args).assert_exit(2).stderr_text();
        assert!(
            stderr.starts_with("error[har]: ") && stderr.contains(part),
            "{stderr}"
        );
    }
}

#[test]
fn what_is_not_understood_is_explained() {
    let project = project();
    let cases: &[&[&str]] = &[
        &["it"],
        &["it", "that", "--curl", "curl x.example"],
        &["it", "--curl", "wget https://circleci.com"],
        &[
            "it",
            "--curl",
            "curl --headers 'a: b' https://circleci.com/api/v2/me",
        ],
        &["it", "--curl", "curl 'https://circleci.com/api/v2/me"],
        &[
            "it",
            "--curl",
            "curl -X GET https://circleci.com/api/v2/me -d a=b",
        ],
        &[
            "it",
            "--curl",
            "curl -H \"Circle-Token: $(pass token)\" https://circleci.com/api/v2/me",
        ],
        &[
            "it",
            "--curl",
            "curl https://circleci.com/api/v2/me",
            "--resource",
            "circlci",
        ],
        &["../it", "--curl", "curl https://circleci.com/api/v2/me"],
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|args| {
            let stderr = new(&project, args).assert_exit(2).stderr_text();
            format!("$ runner new {}\n{stderr}", args.join(" "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let none = new(
        &Project::none(),
        &["it", "--curl", "curl https://circleci.com/api/v2/me"],
    );
    let stderr = none.assert_exit(2).stderr_text();
    assert!(
        stderr.contains("help: write a starter project with `runner init`"),
        "{stderr}"
    );
}
