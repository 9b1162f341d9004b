//! Environment variables with secret names.

use serde_json::json;

use crate::case::Case;
use crate::support::{Exchange, Project, Run};

/// Names with `page`, `next` and `cursor` in them, and others that hold credentials.
const SECRET: [&str; 21] = [
    "PAGERDUTY_TOKEN",
    "PAGERDUTY_API_KEY",
    "PAGERDUTY_ROUTING_KEY",
    "NEXTCLOUD_PASSWORD",
    "NEXTAUTH_SECRET",
    "NEXT_PUBLIC_TOKEN",
    "CURSOR_API_KEY",
    "STATUSPAGE_API_KEY",
    "STATUSPAGE_TOKEN",
    "GH_PAGES_TOKEN",
    "HOMEPAGE_TOKEN",
    "FACEBOOK_PAGE_TOKEN",
    "PAGE_ACCESS_TOKEN",
    "OPENPAGE_SECRET",
    "DATABASE_URL",
    "REDIS_URL",
    "API_KEYS",
    "SESSION_ID",
    "HTTP_COOKIE",
    "DOCKER_AUTH_CONFIG",
    "CONNECTION_STRING",
];

fn project(name: &str, url: &str) -> Project {
    Project::new()
        .file(
            "resources/pd.yaml",
            format!("type: rest\nbase_url: {url}\nauth: none\n"),
        )
        .query(
            "page",
            &format!(
                "resource: pd\nmethod: POST\nendpoint: /enqueue
body: {{ json: {{ routing_key: \"{{{{ env.{name} }}}}\", event_action: trigger }} }}\n"
            ),
        )
}

#[test]
fn a_variable_is_secret_by_the_words_of_its_name() {
    let secret = "s3cr3t-of-a-pager";
    for name in SECRET {
        for how in ["--dry-run", "--curl"] {
            let project = project(name, "https://events.pagerduty.com/v2");
            let outcome = Run::in_(&project)
                .args(["run", "page", how])
                .env(name, secret)
                .secret(secret)
                .outcome();
            outcome.assert_exit(0);
        }
        // In the clear it goes to no other machine.
        let project = project(name, "http://events.pagerduty.com/v2");
        let outcome = Run::in_(&project)
            .args(["run", "page", "--yes"])
            .env(name, secret)
            .secret(secret)
            .outcome();
        outcome.assert_exit(2);
        assert!(outcome.stderr_text().contains("plain-http"), "{name}");
    }
}

#[test]
fn what_a_server_says_of_such_a_variable_is_masked() {
    let secret = "s3cr3t-of-a-pager";
    let seen = Case::query("endpoint: /x\nparams: { k: \"{{ env.NEXTAUTH_SECRET }}\" }")
        .with(move |run| run.env("NEXTAUTH_SECRET", secret).secret(secret))
        .asks(vec![
            Exchange::get(&format!("/api/v2/x?k={secret}"))
                .answers(json!({"said": format!("bad key {secret}")})),
        ]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!({"said": "bad key ***"})
    );
}

#[test]
fn a_cursor_is_shown_as_it_is() {
    let project = Project::new()
        .file(
            "resources/r.yaml",
            "type: rest\nbase_url: https://api.example.com\nauth: none\n",
        )
        .query(
            "q",
            "resource: r\nendpoint: /x\nparams: { page-token: abc, next_page_token: def, max_tokens: 100 }\n",
        );
    let outcome = Run::in_(&project).args(["run", "q", "--dry-run"]).outcome();
    let shown = outcome.assert_exit(0).stdout_text();
    assert!(
        shown.contains("page-token=abc&next_page_token=def&max_tokens=100"),
        "{shown}"
    );
}
