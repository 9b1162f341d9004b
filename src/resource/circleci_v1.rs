//! CircleCI API v1.1, which still has what v2 lacks: the steps of a job and the addresses of their
//! output.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::http::{Method, StatusCode};
use crate::paginate::Style;
use crate::recording::Redaction;
use crate::resource::{DemoPlace, Speak, circleci};

pub const KIND: &dyn Speak = &CircleCiV1;

/// API v1.1.
struct CircleCiV1;

impl Speak for CircleCiV1 {
    fn kind(&self) -> &'static str {
        "circleci"
    }

    fn api(&self) -> Option<&'static str> {
        Some("v1.1")
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://circleci.com/api/v1.1")
    }

    fn token_scheme(&self) -> Option<TokenScheme> {
        Some(TokenScheme::Header("circle-token"))
    }

    fn default_token(&self) -> Option<&'static str> {
        Some("{{ env.CIRCLE_TOKEN }}")
    }

    fn redactions(&self) -> &'static [(&'static str, Redaction)] {
        // Presigned addresses.
        &[("$.steps[*].actions[*].output_url", Redaction::Alias)]
    }

    fn links(&self) -> &'static [&'static str] {
        circleci::STORAGE
    }

    fn pagination(&self, _: &Method, _: &str) -> Option<Style> {
        None
    }

    fn health_check(&self) -> Option<&'static str> {
        Some("/me")
    }

    fn who(&self, answer: &Value) -> Option<String> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        text("name").or_else(|| text("login")).map(str::to_owned)
    }

    fn advice(&self, status: StatusCode, path: &str) -> Option<&'static str> {
        circleci::advice(status, path)
    }

    fn token_hints(&self) -> &'static [&'static str] {
        circleci::TOKEN_HINTS
    }

    fn demo(&self) -> Option<DemoPlace> {
        Some(DemoPlace::Api("/api/v1.1"))
    }
}
