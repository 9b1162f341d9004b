//! Exchanges recordings with browsers and proxies as HTTP archives (HAR 1.2,
//! <http://www.softwareishard.com/blog/har-12-spec/>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use crate::core::json::{kind, parse};
use crate::core::secret::is_secret_param;
use crate::core::time::{format_time, parse_timestamp};
use crate::recording::ask::{below, is_json};
use crate::recording::headers::is_kept_header;
use crate::recording::{Answer, Ask, Content, Origin, Recorded};

/// The media type of a body that does not say its own.
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// An exchange of a run, from which secrets are removed already.
pub struct Exchanged<'e> {
    /// The exchange.
    pub recorded: &'e Recorded,
    /// The base URL of its resource.
    pub base: &'e str,
    /// The time of the run.
    pub now: Timestamp,
}

/// Returns the archive of exchanges.
pub fn to_har<'e>(exchanges: impl IntoIterator<Item = Exchanged<'e>>) -> Value {
    let exchanges = exchanges.into_iter();
    let entries: Vec<Value> = exchanges
        .map(|one| entry(one.recorded, one.base, one.now))
        .collect();
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "runner", "version": env!("CARGO_PKG_VERSION") },
        "pages": [],
        "entries": entries,
    } })
}

fn entry(recorded: &Recorded, base: &str, now: Timestamp) -> Value {
    let time = u64::try_from(recorded.answer.delay.as_millis()).unwrap_or(u64::MAX);
    json!({
        "startedDateTime": format_time(now),
        "time": time,
        "request": request(&recorded.ask, base),
        "response": response(&recorded.answer),
        "cache": {},
        "timings": { "send": 0, "wait": time, "receive": 0 },
        "comment": comment(&recorded.of),
    })
}

fn comment(of: &Origin) -> String {
    match &of.item {
        Some(item) => format!("{}, {item}", of.query),
        None => of.query.clone(),
    }
}

fn request(ask: &Ask, base: &str) -> Value {
    let url = if ask.target.starts_with('/') {
        format!("{}{}", base.trim_end_matches('/'), ask.target)
    } else {
        ask.target.clone()
    };
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let params: Vec<Value> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut request = json!({
        "method": ask.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "queryString": params,
        "headersSize": -1,
        "bodySize": 0,
    });
    if let Some(body) = body(&ask.sent, None) {
        request["bodySize"] = body.size.into();
        let mut data = json!({
            "mimeType": body.media_type, "params": [], "text": body.text,
        });
        if body.is_base64 {
            // HAR has no encoding for sent bodies; a field of one's own begins with `_`.
            data["_encoding"] = "base64".into();
        }
        request["postData"] = data;
    }
    request
}

fn response(answer: &Answer) -> Value {
    let header = |wanted: &str| {
        let found = answer
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    let headers: Vec<Value> = answer
        .headers
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let content_type = header("content-type");
    let body = body(&answer.body, content_type);
    let size = body.as_ref().map_or(0, |body| body.size);
    let mut content = Map::new();
    content.insert("size".to_owned(), size.into());
    let media_type = body
        .as_ref()
        .map_or(content_type.unwrap_or_default(), |body| {
            body.media_type.as_str()
        });
    content.insert("mimeType".to_owned(), media_type.into());
    if let Some(body) = &body {
        content.insert("text".to_owned(), body.text.as_str().into());
        if body.is_base64 {
            content.insert("encoding".to_owned(), "base64".into());
        }
    }
    let reason = crate::http::StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    json!({
        "status": if answer.broken.is_some() { 0 } else { answer.status },
        "statusText": reason.unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "content": content,
        "redirectURL": header("location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": size,
    })
}

struct Body {
    media_type: String,
    text: String,
    size: usize,
    is_base64: bool,
}

fn body(content: &Content, content_type: Option<&str>) -> Option<Body> {
    let (default, text, size, is_base64) = match content {
        Content::Empty => return None,
        Content::Json(value) => {
            let text = value.to_string();
            let size = text.len();
            (JSON, text, size, false)
        }
        Content::Text(text) => (TEXT, text.clone(), text.len(), false),
        Content::Bytes(bytes) => (BYTES, STANDARD.encode(bytes), bytes.len(), true),
    };
    Some(Body {
        media_type: content_type.unwrap_or(default).to_owned(),
        text,
        size,
        is_base64,
    })
}

/// A recording made of an archive.
#[derive(Debug, Default)]
pub struct Imported {
    /// The exchanges, in the order of the archive.
    pub exchanges: Vec<Recorded>,
    /// The time of the first of them.
    pub started: Option<Timestamp>,
    /// The names of the resources whose exchanges are among them.
    pub resources: Vec<String>,
    /// The entries that were left out, with the reason: "GET https://… (another host)".
    pub skipped: Vec<String>,
}

/// Returns the credentials in the header fields of all requests of an archive: an answer that repeats
/// one must not be kept.
pub fn credentials(har: &Value) -> Vec<String> {
    let entries = har.pointer("/log/entries").and_then(Value::as_array);
    let headers = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.pointer("/request/headers")?.as_array())
        .flatten();
    let mut found = Vec::new();
    for header in headers {
        let (Some(name), Some(value)) = (header["name"].as_str(), header["value"].as_str()) else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            let values = value.split(';').filter_map(|pair| pair.split_once('='));
            found.extend(values.map(|(_, value)| value.trim().to_owned()));
        } else if name.contains("auth") || is_secret_param(&name) {
            // With and without a scheme.
            found.push(value.to_owned());
            found.extend(
                value
                    .split_once(' ')
                    .map(|(_, token)| token.trim().to_owned()),
            );
        }
    }
    found.retain(|value| value.len() >= SHORTEST_CREDENTIAL);
    found
}

/// A shorter value occurs in answers by chance.
const SHORTEST_CREDENTIAL: usize = 8;

/// Converts an archive. Only entries below one of the base URLs, each with the name of its resource,
/// are taken.
///
/// # Errors
///
/// Returns all faults if the value is not an archive.
pub fn from_har(har: &Value, base_urls: &[(String, Url)]) -> Result<Imported, Vec<String>> {
    let Some(entries) = har.pointer("/log/entries") else {
        return Err(vec![
            "this is not a HAR file: it lacks `log.entries`".to_owned(),
        ]);
    };
    let Some(entries) = entries.as_array() else {
        let kind = kind(entries);
        return Err(vec![format!(
            "`log.entries` is a list in a HAR file, got {kind}"
        )]);
    };
    let mut imported = Imported::default();
    let mut faults = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match import(entry, base_urls) {
            Ok(Import::Exchange(resource, recorded)) => {
                if !imported.resources.iter().any(|known| known == resource) {
                    imported.resources.push(resource.to_owned());
                }
                imported.exchanges.push(*recorded);
                let started = entry.get("startedDateTime").and_then(Value::as_str);
                imported.started = imported.started.or(started.and_then(parse_timestamp));
            }
            Ok(Import::Skipped(reason)) => imported.skipped.push(reason),
            Err(fault) => faults.push(format!("`log.entries[{index}]`: {fault}")),
        }
    }
    if faults.is_empty() {
        Ok(imported)
    } else {
        Err(faults)
    }
}

enum Import<'b> {
    Exchange(&'b str, Box<Recorded>),
    Skipped(String),
}

fn import<'b>(entry: &Value, base_urls: &'b [(String, Url)]) -> Result<Import<'b>, String> {
    let text = |pointer: &str| {
        let value = entry.pointer(pointer).and_then(Value::as_str);
        value.ok_or_else(|| {
            let name = pointer.trim_start_matches('/').replace('/', ".");
            format!("`{name}` is not a text")
        })
    };
    let method = text("/request/method")?;
    let address = text("/request/url")?;
    let url = Url::parse(address).map_err(|error| format!("`request.url`: {error}"))?;
    let status = entry.pointer("/response/status").and_then(Value::as_u64);
    let status = status.ok_or("`response.status` is not a number")?;
    let skipped = |reason: &str| {
        let address = address.split('?').next().unwrap_or_default();
        Ok(Import::Skipped(format!("{method} {address} ({reason})")))
    };
    // The base URL with the longest path: one API may lie below another.
    let base = base_urls
        .iter()
        .filter(|(_, base)| below(base, &url).is_some())
        .max_by_key(|(_, base)| base.path().trim_end_matches('/').len());
    let Some((resource, base)) = base else {
        return skipped("below no base URL");
    };
    if method == "OPTIONS" {
        return skipped("a preflight request of the browser");
    }
    let is_cached = entry
        .get("_fromCache")
        .is_some_and(|cache| !cache.is_null());
    let status = match u16::try_from(status) {
        Ok(0) => return skipped("aborted"),
        Ok(304) => return skipped("from the browser's cache"),
        // A run follows redirects before an answer is recorded.
        Ok(301 | 302 | 303 | 307 | 308) => return skipped("a redirect"),
        Ok(status @ 100..=599) if !is_cached => status,
        Ok(_) if is_cached => return skipped("from the browser's cache"),
        _ => return skipped("not an HTTP status"),
    };
    if entry
        .pointer("/response/content/size")
        .and_then(Value::as_i64)
        > Some(0)
        && entry.pointer("/response/content/text").is_none()
    {
        return skipped("without its content; export with content");
    }
    let mut ask = Ask::of(method, base, &url, &crate::http::Body::Empty);
    ask.sent = content(entry.pointer("/request/postData"), "_encoding")?;
    let answer = Answer {
        status,
        headers: kept_headers(entry),
        body: content(entry.pointer("/response/content"), "encoding")?,
        delay: std::time::Duration::ZERO,
        broken: None,
    };
    let recorded = Recorded {
        ask,
        of: Origin::default(),
        answer,
        place: None,
    };
    Ok(Import::Exchange(resource, Box::new(recorded)))
}

fn kept_headers(entry: &Value) -> Vec<(String, String)> {
    let fields = entry.pointer("/response/headers").and_then(Value::as_array);
    fields
        .into_iter()
        .flatten()
        .filter_map(|field| {
            let name = field.get("name")?.as_str()?.to_ascii_lowercase();
            let value = field.get("value")?.as_str()?.to_owned();
            is_kept_header(&name).then_some((name, value))
        })
        .collect()
}

fn content(content: Option<&Value>, encoding: &str) -> Result<Content, String> {
    let Some(content) = content.filter(|content| !content.is_null()) else {
        return Ok(Content::Empty);
    };
    let field = |name: &str| content.get(name).and_then(Value::as_str);
    let media_type = field("mimeType").unwrap_or_default();
    let text = field("text").unwrap_or_default();
    if field(encoding).is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64")) {
        let bytes = STANDARD
            .decode(text.trim())
            .map_err(|error| format!("the content is not base64: {error}"))?;
        return Ok(Content::of(&bytes, media_type));
    }
    if text.is_empty() {
        // Some browsers give the fields of a form instead of its text.
        let params = content.get("params").and_then(Value::as_array);
        return Ok(params.map_or(Content::Empty, |params| form(params)));
    }
    if is_json(media_type)
        && let Ok(value) = parse(text.as_bytes())
    {
        return Ok(Content::Json(value));
    }
    Ok(Content::of(text.as_bytes(), media_type))
}

fn form(params: &[Value]) -> Content {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for param in params {
        let field = |name: &str| param.get(name).and_then(Value::as_str).unwrap_or_default();
        form.append_pair(field("name"), field("value"));
    }
    let text = form.finish();
    if text.is_empty() {
        Content::Empty
    } else {
        Content::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::recording::tests::reading;
    use crate::recording::write::text;

    fn bases() -> Vec<(String, Url)> {
        [
            ("circleci", "https://circleci.com/api/v2"),
            ("site", "https://circleci.com/"),
        ]
        .map(|(name, url)| (name.to_owned(), Url::parse(url).expect("a URL")))
        .into()
    }

    fn shown(imported: Imported) -> String {
        let recording = Recording {
            recorded: None,
            resources: imported.resources,
            exchanges: imported.exchanges,
        };
        format!("{}\n{}", text(&recording), imported.skipped.join("\n"))
    }

    fn exchanged(recorded: &Recorded, now: Timestamp) -> Exchanged<'_> {
        Exchanged {
            recorded,
            base: "https://circleci.com/api/v2/",
            now,
        }
    }

    #[test]
    fn an_archive_has_all_required_fields() {
        let recording = reading(
            "--- # runner answers 1\nask: POST /jobs?a=b%20c\nof: { query: jobs, item: w1 }\n\
             sent: {\"n\": 1.10}\nstatus: 201\ndelay: 2s\n\
             headers: { location: \"https://x.example/1\", content-type: application/json }\nbody: [1e400]\n",
        );
        let now = "2026-11-25T09:00:00Z".parse().expect("a time");
        let exchanges = recording.exchanges.iter();
        let har = to_har(exchanges.map(|recorded| exchanged(recorded, now)));
        let har = har
            .to_string()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let har = crate::core::json::parse(har.as_bytes()).expect("JSON");
        insta::assert_snapshot!(format!("{har:#}"), @r#"
        {
          "log": {
            "version": "1.2",
            "creator": {
              "name": "runner",
              "version": "VERSION"
            },
            "pages": [],
            "entries": [
              {
                "startedDateTime": "2026-11-25T09:00:00Z",
                "time": 2000,
                "request": {
                  "method": "POST",
                  "url": "https://circleci.com/api/v2/jobs?a=b%20c",
                  "httpVersion": "HTTP/1.1",
                  "cookies": [],
                  "headers": [],
                  "queryString": [
                    {
                      "name": "a",
                      "value": "b c"
                    }
                  ],
                  "headersSize": -1,
                  "bodySize": 10,
                  "postData": {
                    "mimeType": "application/json",
                    "params": [],
                    "text": "{\"n\":1.10}"
                  }
                },
                "response": {
                  "status": 201,
                  "statusText": "Created",
                  "httpVersion": "HTTP/1.1",
                  "cookies": [],
                  "headers": [
                    {
                      "name": "location",
                      "value": "https://x.example/1"
                    },
                    {
                      "name": "content-type",
                      "value": "application/json"
                    }
                  ],
                  "content": {
                    "size": 7,
                    "mimeType": "application/json",
                    "text": "[1e400]"
                  },
                  "redirectURL": "https://x.example/1",
                  "headersSize": -1,
                  "bodySize": 7
                },
                "cache": {},
                "timings": {
                  "send": 0,
                  "wait": 2000,
                  "receive": 0
                },
                "comment": "jobs, w1"
              }
            ]
          }
        }
        "#);
    }

    #[test]
    fn an_archive_of_ours_is_read_back() {
        let source = "--- # runner answers 1 · circleci\nask: GET /a%2Fb?x=1&x=2\nstatus: 404\n\
             headers: { content-type: application/problem+json }\nbody: { \"n\": 1.10 }\n\
             ---\nask: POST /b\nsent_text: \"a=1\"\nstatus: 200\nbase64: \"AP8=\"\n\
             ---\nask: PUT /c\nsent_base64: \"AP8=\"\nstatus: 204\n";
        let now = "2026-11-25T09:00:00Z".parse().expect("a time");
        let recording = reading(source);
        let exchanges = recording.exchanges.iter();
        let har = to_har(exchanges.map(|recorded| exchanged(recorded, now)));
        let imported = from_har(&har, &bases()).expect("an archive");
        assert_eq!(shown(imported).trim_end(), source.trim_end());
    }

    #[test]
    fn entries_of_a_browser_are_chosen() {
        let entry = |method: &str, url: &str, status: u16, content: Value| {
            json!({
                "request": { "method": method, "url": url },
                "response": {
                    "status": status,
                    "headers": [
                        { "name": "Link", "value": "<x>" },
                        { "name": "Set-Cookie", "value": "a=b" }
                    ],
                    "content": content,
                },
            })
        };
        let base64 =
            json!({ "mimeType": "application/json", "text": "eyJhIjoxfQ==", "encoding": "base64" });
        let mut cached = entry("GET", "https://circleci.com/api/v2/x", 200, json!({}));
        cached["_fromCache"] = "disk".into();
        let mut form = entry("POST", "https://circleci.com/login", 201, Value::Null);
        form["request"]["postData"] = json!({ "params": [{ "name": "a b", "value": "c&d" }] });
        let har = json!({ "log": { "entries": [
            entry("GET", "https://circleci.com/api/v2/me?x#y", 200, base64),
            entry("GET", "https://other.example/me?secret=1", 200, json!({})),
            entry("OPTIONS", "https://circleci.com/api/v2/me", 204, json!({})),
            entry("GET", "https://circleci.com/api/v2/me", 0, json!({})),
            entry("GET", "https://circleci.com/api/v2/me", 304, json!({})),
            entry("GET", "https://circleci.com/api/v2/me", 302, json!({})),
            entry("GET", "https://circleci.com/api/v2/me", 200, json!({ "size": 12 })),
            cached,
            form,
        ] } });
        insta::assert_snapshot!(shown(from_har(&har, &bases()).expect("an archive")), @r#"
        --- # runner answers 1 · circleci, site
        ask: GET /me?x
        status: 200
        headers: { link: "<x>" }
        body: { "a": 1 }
        ---
        ask: POST /login
        sent_text: "a+b=c%26d"
        status: 201
        headers: { link: "<x>" }

        GET https://other.example/me (below no base URL)
        OPTIONS https://circleci.com/api/v2/me (a preflight request of the browser)
        GET https://circleci.com/api/v2/me (aborted)
        GET https://circleci.com/api/v2/me (from the browser's cache)
        GET https://circleci.com/api/v2/me (a redirect)
        GET https://circleci.com/api/v2/me (without its content; export with content)
        GET https://circleci.com/api/v2/x (from the browser's cache)
        "#);
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let faults = |value: Value| from_har(&value, &bases()).expect_err("faults").join("; ");
        assert_eq!(
            faults(json!([])),
            "this is not a HAR file: it lacks `log.entries`"
        );
        assert_eq!(
            faults(json!({ "log": { "entries": {} } })),
            "`log.entries` is a list in a HAR file, got an object"
        );
        let entries = json!([
            1,
            { "request": { "method": "GET", "url": "/me" } },
            { "request": { "method": "GET", "url": "https://a.example" } },
        ]);
        assert_eq!(
            faults(json!({ "log": { "entries": entries } })),
            "`log.entries[0]`: `request.method` is not a text; \
             `log.entries[1]`: `request.url`: relative URL without a base; \
             `log.entries[2]`: `response.status` is not a number"
        );
    }
}
