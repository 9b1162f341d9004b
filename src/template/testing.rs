//! Test helpers for filters: renders a template with a fixed clock.

use crate::template::environment::{Rules, environment};
use crate::template::rewrite::Rewritten;
use crate::template::{Clock, Scope};

/// Renders a template; returns its text, or `error: ` and the message.
pub fn render(source: &str) -> String {
    render_with(source, &serde_json::json!({}))
}

/// As [`render`], with names in scope.
pub fn render_with(source: &str, names: &serde_json::Value) -> String {
    // A Monday.
    let now = "2026-11-02T09:30:00Z".parse().expect("a fixed time");
    let names = names.as_object().expect("an object");
    let scope = Scope::new(Clock(now), [])
        .with_all(names.iter().map(|(name, value)| (name.as_str(), value)));
    environment(Rules::Strict)
        .render_str(&Rewritten::template(source).source, scope.to_value())
        .unwrap_or_else(|error| format!("error: {}", error.detail().unwrap_or("?")))
}
