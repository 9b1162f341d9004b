//! The entry points of the fuzz targets in `fuzz/`. Each takes any bytes, must neither panic nor hang,
//! and checks what holds for all of them. They are part of the library only under `cargo fuzz`; the
//! tests run them on the seeds, among them the inputs that once failed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::cli::options::format_names;
use crate::core::json;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::decode::{BodyKind, Decoder};
use crate::http::{HeaderMap, HeaderName, HeaderValue, header, link, rate_headers};
use crate::project::{Project, Trust, check_resource_text};
use crate::recording::read;
use crate::template::selector::Selector;
use crate::template::{Clock, Expression, Scope, Template};

/// An entry point with the name of its target and of the folder of its seeds.
pub type Target = (&'static str, fn(&[u8]));

/// All entry points.
pub const TARGETS: [Target; 7] = [
    ("project_files", project_files),
    ("templates", templates),
    ("jsonpath", jsonpath),
    ("link_header", link_header),
    ("rate_headers", rate_limit_headers),
    ("separated_values", separated_values),
    ("answers_files", answers_files),
];

/// Checks a text as a query and as a resource file.
pub fn project_files(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let trust = Trust::new(&BTreeMap::new());
    let project = Project::built_in(Path::new("/"), &format_names(), &trust);
    match project.check_query_text("fuzzed.yaml", text) {
        Ok(query) => assert!(!query.name.is_empty()),
        Err(faults) => assert!(!faults.is_empty(), "refused without a word"),
    }
    if let Err(faults) = check_resource_text("fuzzed.yaml", text) {
        assert!(!faults.is_empty(), "refused without a word");
    }
}

/// Renders a text as a template, and evaluates it as an expression.
pub fn templates(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else {
        return;
    };
    let file = SourceFile::new("fuzzed", "fuzzed", source);
    let span = Span::new(0, source.len());
    let text = Text::new(source, &Place { file, span });
    let row = json!({
        "id": "w-1", "n": 3, "at": "2026-11-02T09:30:00Z", "list": [1, 2, null], "map": { "a": "b" },
    });
    let now = "2026-11-02T09:30:00Z".parse().expect("a time");
    let scope = Scope::new(Clock(now), []).with_record("row", &row);
    if let Ok(template) = Template::parse(&text) {
        let _ = template.text(&scope);
        let _ = template.json(&scope);
        let _ = template.segments(&scope);
    }
    if let Ok(expression) = Expression::parse(&text) {
        let _ = expression.json(&scope);
        let _ = expression.holds(&scope);
    }
}

/// Selects by the path in the first line from the JSON document in the others.
pub fn jsonpath(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, document) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(selector) = Selector::parse(path) else {
        return;
    };
    let Ok(document) = json::parse(document.as_bytes()) else {
        return;
    };
    let selected = selector.select(&document);
    assert_eq!(selector.first(&document), selected.first().copied());
    assert!(!selector.is_singular() || selected.len() <= 1);
    if selector.finds_items() {
        let taken = selector.take_items(&mut document.clone());
        let taken: Vec<&Value> = taken.iter().collect();
        assert_eq!(taken, selected);
    }
    // What it is printed as is read as the same.
    let again = Selector::parse(selector.source()).expect("it was read before");
    assert_eq!(again.select(&document), selected);
}

/// Returns header fields of a name, one a line.
fn fields(name: &HeaderName, data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    headers
}

/// Reads the next page from `Link` header fields, one a line.
pub fn link_header(data: &[u8]) {
    let headers = fields(&header::LINK, data);
    // A field may have a link that is read, and a part that is not.
    let _ = link::is_unreadable(&headers, "next");
    let target = link::target(&headers, "next");
    assert!(target.is_none_or(|target| !target.contains('>')));
}

/// Reads rate limits from header fields, `name: value` a line.
pub fn rate_limit_headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':');
        let Some(colon) = colon else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_793_610_000);
    let _ = rate_headers::allowances(&headers, now);
    let _ = rate_headers::is_used_up(&headers);
    let _ = rate_headers::refusal(&headers, now);
}

/// Reads separated values, JSON lines and a JSON document as records.
pub fn separated_values(data: &[u8]) {
    for kind in [
        BodyKind::Csv,
        BodyKind::Tsv,
        BodyKind::Ndjson,
        BodyKind::Lines,
        BodyKind::Json,
    ] {
        let decoder = Decoder {
            kind,
            last: None,
            limit: 1 << 20,
            whole: 1 << 20,
        };
        let source = Arc::new(Bytes::copy_from_slice(data));
        let Ok(scan) = decoder.start(source) else {
            continue;
        };
        let Ok(mut records) = scan.finish() else {
            continue;
        };
        while let Ok(Some(batch)) = records.next_batch(64) {
            assert!(!batch.is_empty(), "an empty batch is the end");
        }
    }
}

/// Reads recorded answers.
pub fn answers_files(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let file = SourceFile::new("fuzzed.answers", "fuzzed.answers", text);
    if let Err(faults) = read::read(&file) {
        assert!(!faults.is_empty(), "refused without a word");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_read() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("fuzz/seeds")
                .join(name);
            let mut count = 0;
            for entry in std::fs::read_dir(&folder).expect("seeds").flatten() {
                target(&std::fs::read(entry.path()).expect("a seed"));
                count += 1;
            }
            assert!(count > 0, "{name} has no seeds");
        }
    }
}
