//! CircleCI API v3, in the cloud only.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::http::{Method, StatusCode};
use crate::paginate::{Cursor, CursorPlace, Style};
use crate::resource::{Speak, circleci};

/// API v3.
pub struct CircleCiV3;

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

    fn pagination(&self, method: &Method) -> Option<Style> {
        // The search operations take the cursor where they take the rest of the question.
        let place = if *method == Method::POST {
            CursorPlace::Body(vec!["page".to_owned(), "cursor".to_owned()])
        } else {
            CursorPlace::Param("page[cursor]".to_owned())
        };
        Cursor::preset("$.page.next", place).map(Style::Cursor)
    }

    fn health_check(&self) -> &'static str {
        "/users?filter[user_id]=me"
    }

    fn who(&self, answer: &Value) -> Option<String> {
        let user = answer.get("data")?.get(0)?.get("attributes")?;
        let text = |key: &str| user.get(key).and_then(Value::as_str);
        text("name").or_else(|| text("login")).map(str::to_owned)
    }

    fn advice(&self, status: StatusCode, path: &str) -> Option<&'static str> {
        circleci::advice(status, path)
    }
}
