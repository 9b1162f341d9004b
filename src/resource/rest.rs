//! Any other API that returns JSON over HTTP.

use serde_json::Value;

use crate::auth::TokenScheme;
use crate::http::{Method, StatusCode};
use crate::paginate::{Link, Style};
use crate::resource::{IsFinal, Speak};

/// No presets: everything is defined in the resource file.
pub struct Rest;

impl Speak for Rest {
    fn kind(&self) -> &'static str {
        "rest"
    }

    fn api(&self) -> Option<&'static str> {
        None
    }

    fn base_url(&self) -> Option<&'static str> {
        None
    }

    fn token_scheme(&self) -> Option<TokenScheme> {
        None
    }

    fn default_token(&self) -> Option<&'static str> {
        None
    }

    fn pagination(&self, method: &Method, _: &str) -> Option<Style> {
        (*method == Method::GET).then_some(Style::Link(Link))
    }

    fn health_check(&self) -> &'static str {
        ""
    }

    fn who(&self, _: &Value) -> Option<String> {
        None
    }

    fn advice(&self, _: StatusCode, _: &str) -> Option<&'static str> {
        None
    }

    fn finality(&self) -> Option<IsFinal> {
        None
    }
}
