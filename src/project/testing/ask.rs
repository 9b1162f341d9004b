//! `ask`: the requests that an answer is for, such as `GET /workflow/*/job?branch=main`.

use url::Url;

use crate::core::name;

/// The methods of requests.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The requests that an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskPattern {
    /// The method.
    pub method: String,
    /// The path below the base URL, possibly with parameters, or a complete URL.
    pub target: String,
}

/// The reason why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskFault {
    /// The message.
    pub message: String,
    /// A hint.
    pub help: String,
}

impl AskPattern {
    /// Parses `METHOD /path` or `METHOD https://…`.
    ///
    /// # Errors
    ///
    /// If it has another form.
    pub fn parse(text: &str) -> Result<Self, AskFault> {
        let (method, target) = match text.trim().split_once(char::is_whitespace) {
            Some((method, target)) => (method, target.trim_start()),
            // A method without a path, or a path without a method.
            None if is_method(text.trim()) => (text.trim(), ""),
            None => ("", text.trim()),
        };
        let fault = |message: String, help: String| Err(AskFault { message, help });
        if method.is_empty() || method.starts_with('/') || is_url(method) {
            let words = "`ask` begins with a method".to_owned();
            let text = text.trim();
            let path = if text.is_empty() { "/path" } else { text };
            return fault(words, format!("write `GET {path}`"));
        }
        if !METHODS.contains(&method) {
            let near = name::nearest(method, METHODS);
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected {}", name::one_of(&METHODS)),
            };
            return fault(format!("`{method}` is not a method"), help);
        }
        if let Some((message, help)) = target_fault(method, target) {
            return fault(message, help);
        }
        Ok(Self {
            method: method.to_owned(),
            target: target.to_owned(),
        })
    }

    /// Returns true if the target is a complete URL.
    pub fn is_url(&self) -> bool {
        is_url(&self.target)
    }

    /// Returns the segments of the path.
    pub fn segments(&self) -> Vec<&str> {
        segments(path_of(&self.target))
    }
}

/// Returns the segments of a path.
fn segments(path: &str) -> Vec<&str> {
    path.strip_prefix('/').unwrap_or(path).split('/').collect()
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn is_method(word: &str) -> bool {
    METHODS.contains(&word.to_uppercase().as_str())
}

fn is_url(target: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}

fn target_fault(method: &str, target: &str) -> Option<(String, String)> {
    let fault = |message: &str, help: &str| Some((message.to_owned(), help.to_owned()));
    if target.is_empty() {
        return fault(
            "`ask` has no path",
            &format!("write `{method} /path`, the path below the resource's `base_url`"),
        );
    }
    if target.contains("{{") {
        return fault(
            "`ask` cannot have templates",
            "write `*` for a segment that may be anything",
        );
    }
    if target.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return fault(
            "a path has no spaces",
            "write a space in a value as `%20`, and the body under `sent`",
        );
    }
    if target.contains('#') {
        return fault(
            "a request has no `#`: a fragment is never sent",
            "write it as `%23` if it is part of a value",
        );
    }
    if is_url(target) {
        return match Url::parse(target) {
            Ok(_) => None,
            Err(error) => fault(
                &format!("not a URL: {error}"),
                "write a complete URL such as `https://host/path`",
            ),
        };
    }
    if target.contains("://") {
        return fault("a URL uses `https` or `http`", "write `https://…`");
    }
    if !target.starts_with('/') {
        return fault(
            "the path begins with `/`",
            &format!("write `{method} /{target}`"),
        );
    }
    let is_part = |segment: &&str| segment.contains('*') && *segment != "*";
    if let Some(segment) = segments(path_of(target)).into_iter().find(is_part) {
        let words = format!("`*` stands for a whole segment, not for a part of `{segment}`");
        return Some((words, "write `*` alone, or the whole segment".to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_in_every_form() {
        for (text, method, target) in [
            ("GET /me", "GET", "/me"),
            (" GET  /workflow/*/job ", "GET", "/workflow/*/job"),
            ("POST /x?a=b&c=%20", "POST", "/x?a=b&c=%20"),
            ("GET /", "GET", "/"),
            (
                "GET https://files.example.com/*/log.txt",
                "GET",
                "https://files.example.com/*/log.txt",
            ),
        ] {
            let read = AskPattern::parse(text).expect(text);
            assert_eq!(
                (read.method.as_str(), read.target.as_str()),
                (method, target)
            );
        }
    }

    #[test]
    fn other_forms_are_refused_with_the_right_one() {
        for (text, message, help) in [
            ("/me", "`ask` begins with a method", "write `GET /me`"),
            ("", "`ask` begins with a method", "write `GET /path`"),
            (
                "https://a.b/c",
                "`ask` begins with a method",
                "write `GET https://a.b/c`",
            ),
            ("get /me", "`get` is not a method", "did you mean `GET`?"),
            ("GTE /me", "`GTE` is not a method", "did you mean `GET`?"),
            (
                "GET",
                "`ask` has no path",
                "write `GET /path`, the path below the resource's `base_url`",
            ),
            ("GET me", "the path begins with `/`", "write `GET /me`"),
            (
                "GET /a*/b",
                "`*` stands for a whole segment, not for a part of `a*`",
                "write `*` alone, or the whole segment",
            ),
            (
                "GET /a b",
                "a path has no spaces",
                "write a space in a value as `%20`, and the body under `sent`",
            ),
            (
                "GET /a/{{ id }}",
                "`ask` cannot have templates",
                "write `*` for a segment that may be anything",
            ),
            (
                "GET https://",
                "not a URL: empty host",
                "write a complete URL such as `https://host/path`",
            ),
            (
                "GET ftp://a/b",
                "a URL uses `https` or `http`",
                "write `https://…`",
            ),
        ] {
            let fault = AskPattern::parse(text).expect_err(text);
            assert_eq!(
                (fault.message.as_str(), fault.help.as_str()),
                (message, help),
                "{text}"
            );
        }
    }
}
