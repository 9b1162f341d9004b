//! A request that is shown and not sent: `--dry-run` and `--curl`.

use crate::auth::Credential;
use crate::core::percent;
use crate::core::secret::MASK;
use crate::http::{Body, Method, PartContent, header};
use crate::plan::disguise::{Segment, masked, masked_url, segments, url_segments};
use crate::plan::{Plan, ShownRequest};
use crate::project::query;

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
    let name = percent::encode(name);
    format!("{}{separator}{name}={MASK}", shown.url)
}

/// A curl line that sends the same request, with secrets as shell variables.
///
/// # Errors
///
/// In words, if a secret stands where a shell cannot put it unharmed.
pub fn curl(shown: &ShownRequest, plan: &Plan) -> Result<String, String> {
    let mut line = vec!["curl --silent --show-error --globoff --compressed".to_owned()];
    match shown.method {
        Method::GET => {}
        Method::HEAD => line.push("--head".to_owned()),
        ref method => line.push(format!("--request {method}")),
    }
    let (url, secret_params) = without_secret_params(&shown.url);
    line.push(word(url_segments(&url)));
    line.extend(secret_params);
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
        Credential::Header(_, secret) if is_basic(plan) => {
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
            line.extend(data(plan, bytes)?);
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
    Ok(line.join(" ") + "\n")
}

/// The URL without the parameters that hold a secret, and the options that send those: curl encodes
/// what it finds in the variable.
fn without_secret_params(url: &str) -> (String, Vec<String>) {
    let Some((path, query)) = url.split_once('?') else {
        return (url.to_owned(), Vec::new());
    };
    let (secret, plain): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| {
        let segments = url_segments(pair);
        segments
            .iter()
            .any(|part| matches!(part, Segment::Secret(_)))
    });
    let rest = if plain.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", plain.join("&"))
    };
    let options = secret
        .into_iter()
        .map(|pair| format!("--url-query {}", encoded_by_curl(pair)))
        .collect();
    (rest, options)
}

/// `name=value`, encoded, as a word of which curl encodes the value.
fn encoded_by_curl(pair: &str) -> String {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let mut segments = vec![Segment::Plain(format!("{name}="))];
    segments.extend(
        url_segments(value)
            .into_iter()
            .map(|segment| match segment {
                Segment::Plain(text) => Segment::Plain(percent::decode(&text.replace('+', " "))),
                secret @ Segment::Secret(_) => secret,
            }),
    );
    word(segments)
}

/// The options that send a body.
fn data(plan: &Plan, bytes: &[u8]) -> Result<Vec<String>, String> {
    if let Some(path) = plan.attached_file() {
        return Ok(vec![format!(
            "--data-binary {}",
            quoted(&format!("@{path}"))
        )]);
    }
    let text = String::from_utf8_lossy(bytes);
    match &plan.query.body {
        Some(query::Body::Form(_)) if url_segments(&text).len() > 1 => Ok(text
            .split('&')
            .map(|pair| format!("--data-urlencode {}", encoded_by_curl(pair)))
            .collect()),
        Some(query::Body::Json(_)) if segments(&text).len() > 1 => {
            Ok(vec![format!("--data-raw {}", json_word(&text)?)])
        }
        _ => Ok(vec![format!("--data-raw {}", quoted(&text))]),
    }
}

/// JSON as a word: a text that is a secret is quoted by jq, whatever stands in it.
fn json_word(text: &str) -> Result<String, String> {
    let parts = segments(text);
    let mut line = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Segment::Secret(name) => {
                let before = index.checked_sub(1).and_then(|before| parts.get(before));
                let is_whole = matches!(before, Some(Segment::Plain(text)) if text.ends_with('"'))
                    && matches!(parts.get(index + 1), Some(Segment::Plain(text)) if text.starts_with('"'));
                if !is_whole {
                    return Err(
                        "a secret is a part of a text in the JSON body, which no shell can put \
                         there unharmed"
                            .to_owned(),
                    );
                }
                line.push_str(&format!("\"$(printf %s \"${name}\" | jq -Rs .)\""));
            }
            Segment::Plain(text) => {
                let mut text = text.as_str();
                if index > 0 {
                    text = text.strip_prefix('"').unwrap_or(text);
                }
                if index + 1 < parts.len() {
                    text = text.strip_suffix('"').unwrap_or(text);
                }
                line.push_str(&word(vec![Segment::Plain(text.to_owned())]));
            }
        }
    }
    Ok(line)
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
                if word.ends_with('\'') && !word.ends_with("\\'") {
                    // Text behind text goes on between the same quotes.
                    word.pop();
                } else {
                    word.push('\'');
                }
                let text = text.as_str();
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
    fn curl_encodes_what_stands_in_a_variable() {
        let url = format!(
            "http://x/a?b=1&c={}",
            percent::encode(&format!("p/{}", mark("T")))
        );
        let (rest, options) = without_secret_params(&url);
        assert_eq!(rest, "http://x/a?b=1");
        assert_eq!(options, ["--url-query 'c=p/'\"$T\""]);
    }

    #[test]
    fn json_is_quoted_by_jq_or_refused() {
        let text = format!("{{\"a\":\"{}\",\"b\":1}}", mark("T"));
        assert_eq!(
            json_word(&text).as_deref(),
            Ok("'{\"a\":'\"$(printf %s \"$T\" | jq -Rs .)\"',\"b\":1}'")
        );
        json_word(&format!("{{\"a\":\"x{}\"}}", mark("T"))).expect_err("a part of a text");
    }

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
