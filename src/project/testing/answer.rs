//! Reads `answers` of a case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Entry, Fields, Node};
use crate::http::HeaderName;
use crate::http::headers::is_framing;
use crate::project::grammar;
use crate::project::testing::ask::AskPattern;
use crate::recording::{Answer, Broken, Content, Override};

/// The kinds of failed connections by name.
const BROKEN: [(&str, Broken); 2] = [("connection", Broken::Connection), ("half", Broken::Half)];

/// Reads all answers of a case.
pub fn read(node: Option<&Node>, faults: &mut Diagnostics) -> Vec<Override> {
    let items = node.map_or_else(Vec::new, Node::items);
    let answers = items.into_iter().filter_map(|item| answer(item, faults));
    answers.collect()
}

fn answer(node: &Node, faults: &mut Diagnostics) -> Option<Override> {
    let before = faults.len();
    let mut fields = node.fields_of("an answer", grammar::ANSWER, faults);
    let ask_node = fields.get("ask");
    let ask = ask_node.and_then(|node| ask(node, faults));
    let sent = sent(&mut fields, faults);
    let nth = fields.integer("nth", 1..=u64::from(u32::MAX), faults);
    let status = fields.integer("status", 100..=599, faults);
    let headers_node = fields.get("headers");
    let headers = headers(headers_node, faults);
    let has_body = ["body", "text", "base64"]
        .iter()
        .any(|key| node.get(key).is_some());
    let body = body(&mut fields, faults);
    let delay = fields.duration("delay", faults).unwrap_or_default();
    let broken = broken(&mut fields, faults);
    fields.finish(faults);
    if faults.len() == before && ask_node.is_none() {
        let words = "an answer needs `ask`, the requests that it is for";
        let fault = Diagnostic::at(&node.place, Code::MissingKey, words);
        faults.push(fault.help("for example `ask: GET /workflow/*/job`"));
    }
    if broken.is_some() && has_body {
        let words = "an answer with `broken` has no body";
        faults.push(Diagnostic::at(&node.place, Code::Answer, words));
    }
    let is_answered = status.is_some() || headers_node.is_some();
    if broken == Some(Broken::Connection) && is_answered {
        let words = "a connection that cannot be opened has neither `status` nor `headers`";
        let fault = Diagnostic::at(&node.place, Code::Answer, words);
        faults.push(fault.help("write `broken: half` for one that ends in the middle"));
    }
    let ask = ask.filter(|_| faults.len() == before)?;
    Some(Override {
        method: ask.method,
        target: ask.target,
        sent,
        nth: nth.and_then(|nth| u32::try_from(nth).ok()),
        answer: Answer {
            status: status
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or(200),
            headers,
            body,
            delay,
            broken,
        },
        place: ask_node.unwrap_or(node).place.clone(),
    })
}

fn ask(node: &Node, faults: &mut Diagnostics) -> Option<AskPattern> {
    let text = node.text("ask", faults)?;
    let parsed = AskPattern::parse(&text.value);
    parsed
        .map_err(|fault| {
            faults.push(Diagnostic::at(&node.place, Code::Ask, fault.message).help(fault.help));
        })
        .ok()
}

/// Reads the body that a request must have. `sent: null` is the JSON value.
fn sent(fields: &mut Fields<'_>, faults: &mut Diagnostics) -> Option<Content> {
    let json = fields.entry("sent");
    let text = fields.text("sent_text", faults);
    if let (Some(entry), Some(_)) = (json, &text) {
        let words = "an answer has either `sent` or `sent_text`";
        faults.push(Diagnostic::at(&entry.key_place, Code::Answer, words));
    }
    let json = json.map(|entry| Content::Json(entry.value.to_json()));
    json.or_else(|| text.map(|text| Content::Text(text.value.to_string())))
}

/// Reads the body of an answer. `body: null` is the JSON value.
fn body(fields: &mut Fields<'_>, faults: &mut Diagnostics) -> Content {
    let json = fields.entry("body");
    let text = fields.text("text", faults);
    let base64_node = fields.get("base64");
    let count = [json.is_some(), text.is_some(), base64_node.is_some()];
    if count.iter().filter(|is_there| **is_there).count() > 1 {
        let place = json.map(|entry| &entry.key_place);
        let place = place.or(base64_node.map(|node| &node.place));
        if let Some(place) = place {
            let words = "an answer has one of `body`, `text` and `base64`";
            faults.push(Diagnostic::at(place, Code::Answer, words));
        }
    }
    if let Some(entry) = json {
        return Content::Json(entry.value.to_json());
    }
    if let Some(text) = text {
        return Content::Text(text.value.to_string());
    }
    let bytes = base64_node.and_then(|node| bytes(node, faults));
    bytes.map_or(Content::Empty, Content::Bytes)
}

fn bytes(node: &Node, faults: &mut Diagnostics) -> Option<Vec<u8>> {
    let text = node.text("base64", faults)?;
    let compact: String = text.value.split_whitespace().collect();
    let bytes = STANDARD.decode(compact);
    if bytes.is_err() {
        let words = "`base64` takes bytes in base64, with padding";
        faults.push(Diagnostic::at(&node.place, Code::Answer, words));
    }
    bytes.ok()
}

fn broken(fields: &mut Fields<'_>, faults: &mut Diagnostics) -> Option<Broken> {
    let words = BROKEN.map(|(word, _)| word);
    let word = fields.one_of("broken", &words, faults)?;
    let found = BROKEN.iter().find(|(known, _)| *known == word);
    found.map(|(_, broken)| *broken)
}

/// Reads header fields of an answer; a list repeats the name.
fn headers(node: Option<&Node>, faults: &mut Diagnostics) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let entries = node.map_or(&[][..], |node| node.entries("headers", faults));
    for entry in entries {
        let Some(name) = header_name(entry, faults) else {
            continue;
        };
        for item in entry.value.items() {
            let Some(value) = item.scalar() else {
                faults.push(item.mismatch(&entry.key, "a string"));
                continue;
            };
            if value.chars().any(char::is_control) {
                let words = "the value contains a line break or another control character";
                faults.push(Diagnostic::at(&item.place, Code::HeaderValue, words));
            }
            headers.push((name.as_str().to_owned(), value));
        }
    }
    headers
}

fn header_name(entry: &Entry, faults: &mut Diagnostics) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
        let words = format!("`{}` is not the name of a header field", entry.key);
        faults.push(Diagnostic::at(&entry.key_place, Code::HeaderName, words));
        return None;
    };
    if is_framing(&name) {
        let words = format!("`{name}` is set by the connection and cannot be set in a file");
        faults.push(Diagnostic::at(&entry.key_place, Code::HeaderName, words));
        return None;
    }
    Some(name)
}
