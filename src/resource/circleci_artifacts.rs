//! The host of CircleCI's artifacts, which takes the token for those of private projects and
//! redirects to its storage.

use crate::auth::TokenScheme;
use crate::http::{HeaderName, HeaderValue, Method};
use crate::paginate::Style;
use crate::resource::{DemoPlace, Speak, circleci};

pub const KIND: &dyn Speak = &Artifacts;

/// The host of artifacts.
struct Artifacts;

impl Speak for Artifacts {
    fn kind(&self) -> &'static str {
        "circleci"
    }

    fn api(&self) -> Option<&'static str> {
        Some("artifacts")
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://output.circle-artifacts.com")
    }

    fn token_scheme(&self) -> Option<TokenScheme> {
        Some(TokenScheme::Header("circle-token"))
    }

    fn default_token(&self) -> Option<&'static str> {
        Some("{{ env.CIRCLE_TOKEN }}")
    }

    fn headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &[]
    }

    fn links(&self) -> &'static [&'static str] {
        circleci::STORAGE
    }

    fn pagination(&self, _: &Method, _: &str) -> Option<Style> {
        None
    }

    fn health_check(&self) -> Option<&'static str> {
        None
    }

    fn token_hints(&self) -> &'static [&'static str] {
        circleci::TOKEN_HINTS
    }

    fn demo(&self) -> Option<DemoPlace> {
        Some(DemoPlace::Storage)
    }
}
