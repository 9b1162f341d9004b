//! Formats requests without sending them: `--dry-run` and `--curl`.

use serde_json::Value;

use crate::auth::Field;
use crate::core::percent;
use crate::core::secret::{MASK, Secret};
use crate::core::shell;
use crate::core::text::one_line;
use crate::http::OCTETS;
use crate::http::{Body, Method, Part, PartContent, header, takes_content};
use crate::plan::disguise::{self, COMPUTED, Segment, masked, masked_url, segments, url_segments};
use crate::plan::{RequestPlan, ShownRequest};
use crate::project::query;

/// Formats a request as it would be sent, with secrets masked.
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
    for field in shown.credential.fields() {
        if let Field::Header { name, prefix, .. } = field {
            // The scheme is not secret, and the most common mistake.
            text.push_str(&format!("\n{name}: {}{MASK}", masked(prefix)));
        }
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
                // There, marks are encoded as in a URL.
                Ok(content) if content_type.contains("form-urlencoded") => masked_url(content),
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
    if !shown.secrets.is_empty() {
        let names: Vec<&str> = shown.secrets.iter().map(String::as_str).collect();
        text.push_str(&format!("\n# masked: {}\n", names.join(", ")));
    }
    if let Some(poll) = &shown.poll {
        text.push_str(&format!("\n# then, until {}:\n", one_line(&poll.until)));
        text.push_str(&dry_run(&poll.request));
    }
    text
}

/// Returns the URL with the parameters of the credential, formatted by `value`.
fn with_credential(shown: &ShownRequest, value: impl Fn(&Secret) -> String) -> String {
    let fields = shown.credential.fields().iter();
    fields.fold(shown.url.clone(), |url, field| match field {
        Field::Param { name, secret } => with_param(&url, name, &value(secret)),
        Field::Header { .. } => url,
    })
}

/// Returns the URL with its credential masked.
fn with_query(shown: &ShownRequest) -> String {
    with_credential(shown, |_| MASK.to_owned())
}

fn with_param(url: &str, name: &str, value: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{}={value}", percent::encode(name))
}

/// Formats a curl command that sends the same request, with secrets as shell variables.
///
/// # Errors
///
/// A message, if a template computes a value from a secret, which no shell variable holds.
pub fn curl(shown: &ShownRequest, plan: RequestPlan<'_>) -> Result<String, String> {
    let mut line = vec!["curl --silent --show-error --globoff --compressed".to_owned()];
    match shown.method {
        Method::GET => {}
        Method::HEAD => line.push("--head".to_owned()),
        ref method => line.push(format!("--request {method}")),
    }
    let encoded = |secret: &Secret| percent::encode(secret.expose());
    line.push(word(url_segments(&with_credential(shown, encoded))));
    for (name, value) in &shown.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        // curl omits a field without a value unless it ends with a semicolon.
        let field = if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        };
        line.push(format!("--header {}", quoted(&field)));
    }
    for field in shown.credential.fields() {
        // A parameter is in the URL.
        if let Field::Header {
            name,
            prefix,
            secret,
        } = field
        {
            let (option, value) = plan.resource().auth.curl(name, prefix, secret);
            line.push(format!("{option} {}", quoted(&value)));
        }
    }
    line.extend(body_options(shown, plan));
    line.extend(connection(plan));
    let mut line = line.join(" ") + "\n";
    if line.contains(&format!("${COMPUTED}")) {
        return Err(
            "a template computes a value from a secret, which no shell variable holds".to_owned(),
        );
    }
    if let Some(poll) = &shown.poll {
        let url = masked_url(&with_query(&poll.request));
        let until = one_line(&poll.until);
        line.push_str(&format!(
            "# then {} {url} until {until}\n",
            poll.request.method
        ));
    }
    Ok(line)
}

/// Returns the options that send the body.
fn body_options(shown: &ShownRequest, plan: RequestPlan<'_>) -> Vec<String> {
    match &shown.body {
        // Without data, curl sends no content length.
        Body::Empty if takes_content(&shown.method) => {
            vec!["--header 'content-length: 0'".to_owned()]
        }
        Body::Empty => Vec::new(),
        Body::Bytes {
            content_type,
            bytes,
        } => {
            let mut options = data(plan, bytes);
            if !shown.headers.contains_key(header::CONTENT_TYPE) {
                let field = format!("content-type: {content_type}");
                options.insert(0, format!("--header {}", quoted(&field)));
            }
            options
        }
        Body::Multipart(parts) => {
            // Escapes quotes in names as `runner` does.
            let escape = "--form-escape".to_owned();
            std::iter::once(escape)
                .chain(parts.iter().map(part_option))
                .collect()
        }
    }
}

/// Returns the option that sends a part.
fn part_option(part: &Part) -> String {
    match &part.content {
        PartContent::Text(text) => {
            format!("--form-string {}", quoted(&format!("{}={text}", part.name)))
        }
        PartContent::File {
            file_name,
            path,
            content_type,
            ..
        } => {
            let field = format!(
                "{}=@{};filename={};type={}",
                part.name,
                form_quoted(&path.display().to_string()),
                form_quoted(file_name),
                content_type.as_deref().unwrap_or(OCTETS)
            );
            format!("--form {}", quoted(&field))
        }
    }
}

/// Formats an encoded `name=value` as a word whose value curl encodes.
fn encoded_by_curl(pair: &str) -> String {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let mut segments = vec![Segment::Plain(format!("{name}="))];
    segments.extend(
        url_segments(value)
            .into_iter()
            .map(|segment| match segment {
                Segment::Plain(text) => Segment::Plain(percent::decode(&text.replace('+', " "))),
                Segment::Secret(name) | Segment::EncodedSecret(name) => Segment::Secret(name),
            }),
    );
    word(segments)
}

/// Returns the options that send bytes.
fn data(plan: RequestPlan<'_>, bytes: &[u8]) -> Vec<String> {
    if let Some(path) = plan.attached_file() {
        return vec![format!("--data-binary {}", quoted(&format!("@{path}")))];
    }
    let text = String::from_utf8_lossy(bytes);
    match &plan.call.body {
        Some(query::Body::Form(_)) if url_segments(&text).len() > 1 => text
            .split('&')
            .map(|pair| format!("--data-urlencode {}", encoded_by_curl(pair)))
            .collect(),
        Some(query::Body::Json(_) | query::Body::Graphql(_)) if disguise::is_marked(&text) => {
            let value: Value = crate::core::json::parse(text.as_bytes()).unwrap_or(Value::Null);
            vec![format!("--data-raw {}", json_word(&value))]
        }
        _ => vec![format!("--data-raw {}", quoted(&text))],
    }
}

/// Formats JSON as a word: a string that contains a secret is quoted by jq, whatever the variable
/// contains.
fn json_word(value: &Value) -> String {
    let mut line = JsonLine::default();
    line.value(value);
    line.finish()
}

/// A shell word composed of JSON and calls of jq.
#[derive(Default)]
struct JsonLine {
    word: String,
    plain: String,
}

impl JsonLine {
    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) if disguise::is_marked(text) => {
                let text = quoted(text);
                self.flush();
                self.word
                    .push_str(&format!("\"$(printf %s {text} | jq -Rs .)\""));
            }
            Value::Array(items) => {
                self.plain.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.comma(index);
                    self.value(item);
                }
                self.plain.push(']');
            }
            Value::Object(members) => {
                self.plain.push('{');
                for (index, (key, member)) in members.iter().enumerate() {
                    self.comma(index);
                    self.plain.push_str(&Value::from(key.as_str()).to_string());
                    self.plain.push(':');
                    self.value(member);
                }
                self.plain.push('}');
            }
            scalar => self.plain.push_str(&scalar.to_string()),
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.plain.push(',');
        }
    }

    fn flush(&mut self) {
        if !self.plain.is_empty() {
            self.word.push_str(&quoted(&self.plain));
            self.plain.clear();
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.word
    }
}

/// Returns the options for certificates and proxy.
fn connection(plan: RequestPlan<'_>) -> Vec<String> {
    let tls = &plan.resource().tls;
    let mut options = Vec::new();
    for (option, file) in [
        ("--cacert", &tls.ca_file),
        ("--cert", &tls.client_cert),
        ("--key", &tls.client_key),
    ] {
        if let Some(file) = file {
            let path = plan.root.join(&*file.value);
            options.push(format!("{option} {}", quoted(&path.display().to_string())));
        }
    }
    options.extend(
        plan.shown_proxy()
            .map(|proxy| format!("--proxy {}", quoted(&proxy))),
    );
    options
}

/// Quotes a name inside `--form`, with quotes and backslashes escaped.
fn form_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Formats a word for a POSIX shell: text in single quotes, secrets as variables in double quotes.
fn quoted(text: &str) -> String {
    word(segments(text))
}

fn word(segments: Vec<Segment>) -> String {
    let mut word = String::new();
    for segment in segments {
        match segment {
            Segment::Plain(text) => {
                if word.ends_with('\'') && !word.ends_with("\\'") {
                    // Adjacent text shares the same quotes.
                    word.pop();
                } else {
                    word.push('\'');
                }
                let text = text.as_str();
                word.push_str(&shell::within_quotes(text));
                word.push('\'');
            }
            Segment::Secret(name) => word.push_str(&format!("\"${name}\"")),
            Segment::EncodedSecret(name) => {
                word.push_str(&format!("\"$(printf %s \"${name}\" | jq -sRr @uri)\""));
            }
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
    fn a_secret_in_a_url_is_encoded_by_jq() {
        let url = format!(
            "http://x/a?b=1&c={}",
            percent::encode(&format!("p/{}", mark("T")))
        );
        assert_eq!(
            word(url_segments(&url)),
            r#"'http://x/a?b=1&c=p%2F'"$(printf %s "$T" | jq -sRr @uri)""#
        );
    }

    #[test]
    fn json_is_quoted_by_jq() {
        let value = serde_json::json!({"a": format!("x{}", mark("T")), "b": [1, mark("U")]});
        assert_eq!(
            json_word(&value),
            r#"'{"a":'"$(printf %s 'x'"$T" | jq -Rs .)"',"b":[1,'"$(printf %s "$U" | jq -Rs .)"']}'"#
        );
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
