//! A request that is shown and not sent: `--dry-run` and `--curl`.

use crate::auth::Credential;
use crate::core::secret::MASK;
use crate::http::{Body, Method, PartContent, header};
use crate::plan::disguise::{Segment, masked, masked_url, segments, url_segments};
use crate::plan::{Plan, ShownRequest};

/// The request as it would be sent, secrets masked.
pub fn dry_run(shown: &ShownRequest) -> String {
    let mut text = format!("{} {}", shown.method, masked_url(&with_query(shown)));
    for (name, value) in &shown.headers {
        let shown = if value.is_sensitive() {
            MASK.to_owned()
        } else {
            masked(&String::from_utf8_lossy(value.as_bytes()))
        };
        text.push_str(&format!("\n{name}: {shown}"));
    }
    match &shown.credential {
        Credential::Header(name, _) if *name == header::AUTHORIZATION => {
            // The scheme is no secret, and the most frequent mistake.
            text.push_str(&format!("\n{name}: {} {MASK}", scheme(shown)));
        }
        Credential::Header(name, _) => text.push_str(&format!("\n{name}: {MASK}")),
        Credential::None | Credential::Query(..) => {}
    }
    match &shown.body {
        Body::Empty => {}
        Body::Bytes {
            content_type,
            bytes,
        } => {
            if !shown.headers.contains_key(header::CONTENT_TYPE) {
                text.push_str(&format!("\ncontent-type: {content_type}"));
            }
            let content = match std::str::from_utf8(bytes) {
                Ok(content) => masked(content),
                Err(_) => format!("({} bytes)", bytes.len()),
            };
            text.push_str(&format!("\n\n{content}"));
        }
        Body::Multipart(parts) => {
            text.push_str("\ncontent-type: multipart/form-data\n");
            for part in parts {
                let content = match &part.content {
                    PartContent::Text(content) => masked(content),
                    PartContent::File {
                        file_name, bytes, ..
                    } => format!("({file_name}, {} bytes)", bytes.len()),
                };
                text.push_str(&format!("\n{}: {content}", part.name));
            }
        }
    }
    text.push('\n');
    text
}

fn scheme(shown: &ShownRequest) -> &str {
    match &shown.credential {
        Credential::Header(_, secret) if secret.expose().starts_with("Bearer ") => "Bearer",
        _ => "Basic",
    }
}

fn with_query(shown: &ShownRequest) -> String {
    let Credential::Query(name, _) = &shown.credential else {
        return shown.url.clone();
    };
    let separator = if shown.url.contains('?') { '&' } else { '?' };
    let name = crate::core::percent::encode(name);
    format!("{}{separator}{name}={MASK}", shown.url)
}

/// A curl line that sends the same request, with secrets as shell variables.
pub fn curl(shown: &ShownRequest, plan: &Plan) -> String {
    let mut line = vec!["curl --silent --show-error --globoff --compressed".to_owned()];
    match shown.method {
        Method::GET => {}
        Method::HEAD => line.push("--head".to_owned()),
        ref method => line.push(format!("--request {method}")),
    }
    line.push(word(url_segments(&shown.url)));
    for (name, value) in &shown.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        // curl leaves a field without a value out, unless it ends in a semicolon.
        let field = if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        };
        line.push(format!("--header {}", quoted(&field)));
    }
    match &shown.credential {
        Credential::None => {}
        Credential::Header(name, secret) if is_basic(plan) => {
            let _ = name;
            line.push(format!("--user {}", quoted(secret.expose())));
        }
        Credential::Header(name, secret) => {
            line.push(format!(
                "--header {}",
                quoted(&format!("{name}: {}", secret.expose()))
            ));
        }
        Credential::Query(name, secret) => {
            line.push(format!(
                "--url-query {}",
                quoted(&format!("{name}={}", secret.expose()))
            ));
        }
    }
    match &shown.body {
        Body::Empty => {}
        Body::Bytes {
            content_type,
            bytes,
        } => {
            if !shown.headers.contains_key(header::CONTENT_TYPE) {
                line.push(format!(
                    "--header {}",
                    quoted(&format!("content-type: {content_type}"))
                ));
            }
            match (plan.attached_file(), std::str::from_utf8(bytes)) {
                (Some(path), _) => {
                    line.push(format!("--data-binary {}", quoted(&format!("@{path}"))));
                }
                (None, Ok(text)) => line.push(format!("--data-raw {}", quoted(text))),
                (None, Err(_)) => {}
            }
        }
        Body::Multipart(parts) => {
            for part in parts {
                line.push(match &part.content {
                    PartContent::Text(text) => {
                        format!("--form-string {}", quoted(&format!("{}={text}", part.name)))
                    }
                    PartContent::File {
                        file_name,
                        path,
                        content_type,
                        ..
                    } => {
                        let kind = content_type
                            .as_ref()
                            .map_or_else(String::new, |kind| format!(";type={kind}"));
                        let field = format!(
                            "{}=@{};filename={}{kind}",
                            part.name,
                            form_quoted(&path.display().to_string()),
                            form_quoted(file_name)
                        );
                        format!("--form {}", quoted(&field))
                    }
                });
            }
        }
    }
    line.extend(connection(plan));
    line.join(" ") + "\n"
}

fn is_basic(plan: &Plan) -> bool {
    matches!(plan.resource.auth, crate::auth::Auth::Basic { .. })
}

/// Certificates and proxy of the resource.
fn connection(plan: &Plan) -> Vec<String> {
    let tls = &plan.resource.tls;
    let mut options = Vec::new();
    for (option, file) in [
        ("--cacert", &tls.ca_file),
        ("--cert", &tls.client_cert),
        ("--key", &tls.client_key),
    ] {
        if let Some(file) = file {
            let path = plan.root().join(&*file.value);
            options.push(format!("{option} {}", quoted(&path.display().to_string())));
        }
    }
    options.extend(
        plan.shown_proxy()
            .map(|proxy| format!("--proxy {}", quoted(&proxy))),
    );
    options
}

/// A name inside `--form`, where quotes and backslashes are escaped.
fn form_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word for a POSIX shell: text in single quotes, secrets as variables in double quotes.
fn quoted(text: &str) -> String {
    word(segments(text))
}

fn word(segments: Vec<Segment>) -> String {
    let mut word = String::new();
    for segment in segments {
        match segment {
            Segment::Plain(text) => {
                word.push('\'');
                word.push_str(&text.replace('\'', "'\\''"));
                word.push('\'');
            }
            Segment::Secret(name) => word.push_str(&format!("\"${name}\"")),
        }
    }
    if word.is_empty() {
        word.push_str("''");
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::disguise::mark;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(
            quoted("it's $HOME `x` \"y\" \\"),
            r#"'it'\''s $HOME `x` "y" \'"#
        );
        assert_eq!(quoted(""), "''");
        let secret = format!("circle-token: {}", mark("CIRCLE_TOKEN"));
        assert_eq!(quoted(&secret), "'circle-token: '\"$CIRCLE_TOKEN\"");
    }
}
