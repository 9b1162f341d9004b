//! CircleCI API v3, in the cloud only.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::description;
use crate::http::{Method, StatusCode};
use crate::paginate::{Cursor, RequestPlace, Style};
use crate::resource::circleci::segments;
use crate::resource::{DemoPlace, IsFinal, Speak, circleci};

pub const KIND: &dyn Speak = &CircleCiV3;

/// API v3.
struct CircleCiV3;

impl Speak for CircleCiV3 {
    fn kind(&self) -> &'static str {
        "circleci"
    }

    fn api(&self) -> Option<&'static str> {
        Some("v3")
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://circleci.com/api/v3")
    }

    fn token_scheme(&self) -> Option<TokenScheme> {
        Some(TokenScheme::Bearer)
    }

    fn default_token(&self) -> Option<&'static str> {
        Some("{{ env.CIRCLE_TOKEN }}")
    }

    fn links(&self) -> &'static [&'static str] {
        circleci::STORAGE
    }

    fn pagination(&self, method: &Method, _: &str) -> Option<Style> {
        // Search operations take the cursor in the body, with the other search parameters.
        let place = if *method == Method::POST {
            RequestPlace::Body(vec!["page".to_owned(), "cursor".to_owned()])
        } else {
            RequestPlace::Param("page[cursor]".to_owned())
        };
        Cursor::preset("$.page.next", place)
    }

    fn is_search(&self, method: &Method, route: &[&str]) -> bool {
        *method == Method::POST
            && matches!(
                route,
                ["runs", "search"]
                    | ["analysis" | "metric", _]
                    | ["configs", "compile"]
                    | ["orb", "packages", "validate"]
            )
    }

    fn is_known_in_part(&self) -> bool {
        true
    }

    fn only_at(&self) -> Option<&'static str> {
        Some("circleci.com")
    }

    fn description(&self) -> Option<&'static str> {
        Some(description::circleci::V3)
    }

    fn health_check(&self) -> Option<&'static str> {
        Some("/users?filter[user_id]=me")
    }

    fn demo(&self) -> Option<DemoPlace> {
        Some(DemoPlace::Api("/api/v3"))
    }

    fn who(&self, answer: &Value) -> Option<String> {
        let user = answer.get("data")?.get(0)?.get("attributes")?;
        let text = |key: &str| user.get(key).and_then(Value::as_str);
        text("name").or_else(|| text("login")).map(str::to_owned)
    }

    fn always_names_user(&self) -> Option<&'static str> {
        Some(circleci::NAME)
    }

    fn advice(&self, status: StatusCode, path: &str) -> Option<&'static str> {
        circleci::advice(status, path)
    }

    fn token_hints(&self) -> &'static [&'static str] {
        circleci::TOKEN_HINTS
    }

    fn finality(&self) -> Option<IsFinal> {
        Some(is_final)
    }
}

/// Little is known about v3: only a single workflow or job that has ended is final. A list may be
/// filtered in any way, and a job's output and artifacts may be incomplete.
fn is_final(route: &str, answer: &Value) -> bool {
    let is_one = matches!(segments(route).as_slice(), ["workflows" | "jobs", _]);
    let Some(thing) = answer.pointer("/data/attributes").filter(|_| is_one) else {
        return false;
    };
    let text = |key: &str| thing.get(key).and_then(Value::as_str).unwrap_or_default();
    text("phase") == "ended" && OUTCOMES.contains(&text("outcome")) && !text("ended_at").is_empty()
}

/// The known outcomes of a workflow or job that has ended.
const OUTCOMES: [&str; 8] = [
    "succeeded",
    "failed",
    "canceled",
    "errored",
    "not_run",
    "unauthorized",
    "infrastructure_fail",
    "timedout",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_workflow_or_job_that_has_ended_is_final() {
        let thing = |phase: &str, outcome: Value, ended_at: Value| {
            let attributes = json!({"phase": phase, "outcome": outcome, "ended_at": ended_at});
            json!({"data": {"id": "1", "attributes": attributes}})
        };
        let ended = thing("ended", json!("failed"), json!("2026-11-02T09:00:00Z"));
        assert!(is_final("/workflows/1", &ended));
        assert!(is_final("/jobs/1", &ended));
        for route in ["/jobs", "/jobs/1/artifacts", "/runs/1", "/projects/1", "/"] {
            assert!(!is_final(route, &ended), "{route}");
        }
        for other in [
            thing("started", json!("failed"), json!("2026-11-02T09:00:00Z")),
            thing("ended", json!(null), json!("2026-11-02T09:00:00Z")),
            thing("ended", json!("unheard_of"), json!("2026-11-02T09:00:00Z")),
            thing("ended", json!("succeeded"), json!(null)),
            json!({"data": [ended]}),
            json!(null),
        ] {
            assert!(!is_final("/workflows/1", &other), "{other}");
        }
    }
}
