//! CircleCI API v2, in the cloud and self-hosted.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::description;
use crate::http::{Method, StatusCode};
use crate::paginate::{Cursor, Offset, RequestPlace, Style};
use crate::recording::Redaction;
use crate::resource::{DemoPlace, IsFinal, Speak};

pub const KIND: &dyn Speak = &CircleCi;

/// The name of the API.
pub const NAME: &str = "CircleCI";

/// The storage of artifacts, step output and usage exports.
pub const STORAGE: &[&str] = &[
    "output.circle-artifacts.com",
    "*.circle-artifacts.com",
    "*.amazonaws.com",
];

/// Hints for a missing token, for both versions of the API.
pub const TOKEN_HINTS: &[&str] = &[
    "create a personal API token in CircleCI under User Settings, Personal API Tokens",
    "or use `--demo`, an embedded CircleCI that needs no token",
];

/// API v2.
struct CircleCi;

impl Speak for CircleCi {
    fn kind(&self) -> &'static str {
        "circleci"
    }

    fn api(&self) -> Option<&'static str> {
        Some("v2")
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://circleci.com/api/v2")
    }

    fn token_scheme(&self) -> Option<TokenScheme> {
        Some(TokenScheme::Header("circle-token"))
    }

    fn default_token(&self) -> Option<&'static str> {
        Some("{{ env.CIRCLE_TOKEN }}")
    }

    fn redactions(&self) -> &'static [(&'static str, Redaction)] {
        &[
            // Presigned addresses.
            ("$.download_urls[*]", Redaction::Alias),
            // They name people: `Co-authored-by: …`.
            ("$.items[*].vcs.commit.body", Redaction::Hide),
            ("$.vcs.commit.body", Redaction::Hide),
        ]
    }

    fn links(&self) -> &'static [&'static str] {
        STORAGE
    }

    fn pagination(&self, method: &Method, route: &str) -> Option<Style> {
        if *method != Method::GET {
            return None;
        }
        // The audit log of policy decisions is paged by offset.
        if let ["owner", _, "context", _, "decision"] = segments(route).as_slice() {
            return Some(Offset::preset("offset"));
        }
        let place = RequestPlace::Param("page-token".to_owned());
        Cursor::preset("$.next_page_token", place)
    }

    fn description(&self) -> Option<&'static str> {
        Some(description::circleci::V2)
    }

    fn health_check(&self) -> Option<&'static str> {
        Some("/me")
    }

    fn who(&self, answer: &Value) -> Option<String> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        match (text("name"), text("login")) {
            (Some(name), Some(login)) if name != login => Some(format!("{name} ({login})")),
            (name, login) => name.or(login).map(str::to_owned),
        }
    }

    fn always_names_user(&self) -> Option<&'static str> {
        Some(NAME)
    }

    fn advice(&self, status: StatusCode, path: &str) -> Option<&'static str> {
        advice(status, path)
    }

    fn token_hints(&self) -> &'static [&'static str] {
        TOKEN_HINTS
    }

    fn demo(&self) -> Option<DemoPlace> {
        Some(DemoPlace::Api("/api/v2"))
    }

    fn finality(&self) -> Option<IsFinal> {
        Some(is_final)
    }
}

/// A workflow or job that has ended stays as it is: a rerun creates a new workflow with new jobs.
/// So does the list of a workflow's jobs once all have ended. The workflows of a pipeline do not: a
/// rerun adds one. Nor do tests and artifacts: they do not say if their job is done, and may arrive
/// later.
fn is_final(route: &str, answer: &Value) -> bool {
    match segments(route).as_slice() {
        ["workflow", _] => has_status(answer, &ENDED_WORKFLOW) && has_stopped(answer),
        ["workflow", _, "job"] => is_final_list(answer),
        // The slug is one segment, or three.
        ["project", _, "job", _] | ["project", _, _, _, "job", _] => {
            is_over(answer) && has_stopped(answer)
        }
        _ => false,
    }
}

/// Splits a route into its segments.
pub fn segments(route: &str) -> Vec<&str> {
    route.trim_matches('/').split('/').collect()
}

/// The statuses of a workflow that has ended.
const ENDED_WORKFLOW: [&str; 6] = [
    "success",
    "failed",
    "error",
    "canceled",
    "unauthorized",
    "not_run",
];
/// The statuses of a job that ran and has ended.
const RAN: [&str; 5] = [
    "success",
    "failed",
    "infrastructure_fail",
    "timedout",
    "terminated-unknown",
];
/// The statuses of a job that will not run, or was stopped, perhaps before it started.
const NEVER_RAN: [&str; 3] = ["canceled", "not_run", "unauthorized"];

/// Returns true if all jobs of a complete list have ended. A partial list is not cached for good,
/// since its cursor may expire.
fn is_final_list(answer: &Value) -> bool {
    let cursor = answer.get("next_page_token");
    let is_whole = cursor.is_none_or(|token| token.is_null() || token == "");
    let jobs = answer.get("items").and_then(Value::as_array);
    is_whole && jobs.is_some_and(|jobs| !jobs.is_empty() && jobs.iter().all(is_over))
}

/// Returns true if a job has ended for good. An approval has no times.
fn is_over(job: &Value) -> bool {
    let is_approval = job.get("type").is_some_and(|kind| kind == "approval");
    has_status(job, &NEVER_RAN) || (has_status(job, &RAN) && (is_approval || has_stopped(job)))
}

fn has_status(thing: &Value, known: &[&str]) -> bool {
    let status = thing.get("status").and_then(Value::as_str);
    status.is_some_and(|status| known.contains(&status))
}

fn has_stopped(thing: &Value) -> bool {
    let stopped_at = thing.get("stopped_at").and_then(Value::as_str);
    stopped_at.is_some_and(|time| !time.is_empty())
}

/// Explains a status code on a path, for both versions of the API.
pub fn advice(status: StatusCode, path: &str) -> Option<&'static str> {
    let has_slug = ["/project/", "/insights/"]
        .iter()
        .any(|part| path.contains(part));
    match status {
        StatusCode::NOT_FOUND if path.contains("%252F") => {
            Some("the slug is percent-encoded twice: write it with slashes, `gh/org/repo`")
        }
        StatusCode::NOT_FOUND if has_slug => Some(
            "CircleCI also returns 404 if the token has no access to a private project, or if the \
             slug is wrong (`gh/org/repo`; copy it from the project's settings)",
        ),
        StatusCode::NOT_FOUND => {
            Some("CircleCI also returns 404 if the token has no access to a private project")
        }
        StatusCode::FORBIDDEN => {
            Some("CircleCI also returns 403 for a context or group that does not exist")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(status: &str) -> Value {
        json!({"type": "build", "status": status, "stopped_at": "2026-11-02T09:00:00Z"})
    }

    #[test]
    fn a_workflow_that_has_ended_is_final() {
        for status in ENDED_WORKFLOW {
            assert!(is_final("/workflow/1", &ended(status)), "{status}");
        }
        for status in ["running", "failing", "on_hold", "queued", "unheard_of", ""] {
            assert!(!is_final("/workflow/1", &ended(status)), "{status}");
        }
        for other in [
            json!({"status": "success", "stopped_at": null}),
            json!({"status": "success"}),
            json!({"items": [ended("success")]}),
            json!([ended("success")]),
            json!(null),
        ] {
            assert!(!is_final("/workflow/1", &other), "{other}");
        }
    }

    #[test]
    fn details_of_a_job_that_has_ended_are_final() {
        for route in [
            "/project/gh%2Facme%2Fweb/job/7",
            "/project/gh/acme/web/job/7",
        ] {
            for status in RAN.iter().chain(&NEVER_RAN) {
                assert!(is_final(route, &ended(status)), "{status}");
            }
            for status in [
                "running",
                "queued",
                "on_hold",
                "blocked",
                "not_running",
                "retried",
                "new",
            ] {
                assert!(!is_final(route, &ended(status)), "{status}");
            }
            assert!(!is_final(route, &json!({"status": "canceled"})));
        }
    }

    #[test]
    fn a_list_of_jobs_is_final_when_all_of_them_are_over() {
        let is_final = |jobs: Value| is_final("/workflow/1/job", &json!({"items": jobs}));
        let approved = json!({"type": "approval", "status": "success"});
        let waiting = json!({"type": "approval", "status": "on_hold"});
        let skipped = json!({"type": "build", "status": "not_run"});
        let undated = json!({"type": "build", "status": "success", "stopped_at": null});
        assert!(is_final(json!([ended("success"), approved, skipped])));
        for other in [
            json!([]),
            json!([ended("success"), ended("running")]),
            json!([ended("success"), waiting]),
            json!([ended("success"), undated]),
            json!([ended("retried")]),
            json!("none"),
        ] {
            assert!(!is_final(other.clone()), "{other}");
        }
    }

    #[test]
    fn a_list_that_goes_on_is_not_final() {
        let list = |cursor: Value| json!({"items": [ended("success")], "next_page_token": cursor});
        assert!(is_final("/workflow/1/job", &list(json!(null))));
        assert!(is_final("/workflow/1/job", &list(json!(""))));
        assert!(!is_final("/workflow/1/job", &list(json!("more"))));
    }

    #[test]
    fn nothing_else_is_final() {
        for route in [
            "/pipeline/1",
            "/pipeline/1/workflow",
            "/project/gh%2Facme%2Fweb/pipeline",
            "/project/gh%2Facme%2Fweb/7/tests",
            "/project/gh%2Facme%2Fweb/7/artifacts",
            "/project/gh/acme/web/pipeline/7",
            "/workflow",
            "/workflow/1/rerun",
            "/insights/gh%2Facme%2Fweb/workflows",
            "/me",
            "/",
            "",
        ] {
            let mut answer = ended("success");
            answer["items"] = json!([ended("success")]);
            assert!(!is_final(route, &answer), "{route}");
        }
    }
}
