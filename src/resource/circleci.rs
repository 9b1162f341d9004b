//! CircleCI API v2, in the cloud and self-hosted.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::http::{Method, StatusCode};
use crate::paginate::{Cursor, CursorPlace, Style};
use crate::resource::Speak;

/// API v2.
pub struct CircleCi;

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

    fn pagination(&self, method: &Method) -> Option<Style> {
        if *method != Method::GET {
            return None;
        }
        let place = CursorPlace::Param("page-token".to_owned());
        Cursor::preset("$.next_page_token", place).map(Style::Cursor)
    }

    fn health_check(&self) -> &'static str {
        "/me"
    }

    fn who(&self, answer: &Value) -> Option<String> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        match (text("name"), text("login")) {
            (Some(name), Some(login)) if name != login => Some(format!("{name} ({login})")),
            (name, login) => name.or(login).map(str::to_owned),
        }
    }

    fn advice(&self, status: StatusCode, path: &str) -> Option<&'static str> {
        advice(status, path)
    }
}

/// What both versions of the API mean by a status on a path.
pub fn advice(status: StatusCode, path: &str) -> Option<&'static str> {
    let has_slug = ["/project/", "/insights/"]
        .iter()
        .any(|part| path.contains(part));
    match status {
        StatusCode::NOT_FOUND if path.contains("%252F") => {
            Some("the slug is percent-encoded twice: write it with slashes, `gh/org/repo`")
        }
        StatusCode::NOT_FOUND if has_slug => Some(
            "CircleCI answers 404 also where the token has no rights to a private project, or \
             where the slug is wrong (`gh/org/repo`; copy it from the project's settings)",
        ),
        StatusCode::NOT_FOUND => {
            Some("CircleCI answers 404 also where the token has no rights to a private project")
        }
        StatusCode::FORBIDDEN => {
            Some("CircleCI answers 403 also for a context or group that does not exist")
        }
        _ => None,
    }
}
