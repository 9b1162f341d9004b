//! CircleCI API v3, in the cloud only.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::http::StatusCode;
use crate::paginate::Style;
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

    fn pagination(&self) -> Style {
        Style::PageNext
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
