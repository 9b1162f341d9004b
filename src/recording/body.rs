//! Reads the body of a request or an answer: JSON, text or base64.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::core::code::Code;
use crate::core::json as json_text;
use crate::core::source::Span;
use crate::recording::Content;
use crate::recording::entry::{Entry, Faults};
use crate::recording::flow::FlowError;

/// Padding may be absent, as in what people copy from a URL.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a body that is given by one of three keys: as JSON, text or base64.
pub fn content(faults: &mut Faults<'_>, entries: &[Entry<'_>], keys: [&str; 3]) -> Content {
    let mut given = entries.iter().filter(|entry| keys.contains(&entry.key));
    let Some(entry) = given.next() else {
        return Content::Empty;
    };
    for other in given {
        let message = format!("`{}` and `{}` cannot both be given", entry.key, other.key);
        faults.fault(other.key_span, Code::Answers, message);
    }
    let content = if entry.key == keys[0] {
        json(faults, entry).map(Content::Json)
    } else if entry.key == keys[1] {
        block_or_quoted(faults, entry).map(Content::Text)
    } else {
        bytes(faults, entry).map(Content::Bytes)
    };
    content.unwrap_or_default()
}

fn json(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Option<Value> {
    if entry.value.trim().is_empty() {
        let message = format!("`{}` has no value", entry.key);
        let diagnostic = faults
            .diagnostic(entry.key_span, Code::MissingValue, message)
            .help("without the key, the body is empty; `null` is JSON's null");
        faults.push(diagnostic);
        return None;
    }
    match json_text::parse(entry.value.as_bytes()) {
        Ok(value) => Some(value),
        Err(error) => {
            let line_start = match error.line() {
                1 => 0,
                line => memchr::memchr_iter(b'\n', entry.value.as_bytes())
                    .nth(line - 2)
                    .map_or(0, |newline| newline + 1),
            };
            let start = (line_start + error.column().saturating_sub(1)).min(entry.value.len());
            let end = (start + 1).min(entry.value.len());
            let message = format!("`{}` is not JSON: {}", entry.key, error.message());
            let mut diagnostic =
                faults.diagnostic(entry.span(Span::new(start, end)), Code::NotJson, message);
            if !entry.value.trim_start().starts_with(['{', '[', '"']) {
                let text = if entry.key == "body" {
                    "text"
                } else {
                    "sent_text"
                };
                diagnostic = diagnostic.help(format!("a text that is not JSON: `{text}`"));
            }
            faults.push(diagnostic);
            None
        }
    }
}

fn block_or_quoted(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Option<String> {
    const HELP: &str = "a text is in double quotes, or in indented lines below `|`";
    match entry.value.trim_start().as_bytes().first() {
        Some(b'|') => match block(entry.value) {
            Ok(text) => Some(text),
            Err(error) => {
                faults.flow_fault(entry, &error, HELP);
                None
            }
        },
        Some(b'>') => {
            let message = format!("`{}` cannot be folded with `>`", entry.key);
            let diagnostic = faults
                .diagnostic(entry.shown(), Code::Answers, message)
                .help("use `|`, which keeps the lines");
            faults.push(diagnostic);
            None
        }
        _ => faults.scalar(entry, HELP).map(|scalar| scalar.text),
    }
}

fn bytes(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Option<Vec<u8>> {
    let value = entry.value.trim();
    let text = if value.starts_with(['"', '\'']) {
        faults
            .scalar(entry, "base64 is plain or in double quotes")?
            .text
    } else {
        // Lines of a plain value, or of a block.
        let value = value.trim_start_matches(['|', '>', '-', '+']);
        value.split_ascii_whitespace().collect()
    };
    let decoded = BASE64.decode(text).ok();
    if decoded.is_none() {
        let message = format!("`{}` is not base64", entry.key);
        faults.fault(entry.shown(), Code::WrongType, message);
    }
    decoded
}

/// Reads a literal block (YAML 1.2, section 8.1): `|`, indicators, lines.
fn block(value: &str) -> Result<String, FlowError> {
    let header_end = value.find('\n').unwrap_or(value.len());
    let header = value[..header_end].trim_end();
    let bar = header.find('|').unwrap_or(0);
    let (mut indent, mut chomp) = (None, None);
    let indicators = header[bar + 1..].split('#').next().unwrap_or_default();
    for indicator in indicators.trim_end().chars() {
        match indicator {
            '1'..='9' if indent.is_none() => indent = indicator.to_digit(10),
            '-' | '+' if chomp.is_none() => chomp = Some(indicator),
            _ => {
                return Err(FlowError {
                    message: "only `-`, `+` and a number of spaces may follow `|`".to_owned(),
                    span: Span::new(bar, header.len()),
                });
            }
        }
    }
    let mut lines = Vec::new();
    let mut at = (header_end + 1).min(value.len());
    let body = &value[at..];
    for line in body.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let content = content.strip_suffix('\r').unwrap_or(content);
        lines.push((at, content));
        at += line.len();
    }
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let indent = indent.map_or_else(
        || {
            let first = lines.iter().find(|(_, line)| !line.trim().is_empty());
            first.map_or(usize::MAX, |(_, line)| blanks(line))
        },
        |indent| indent as usize,
    );
    let mut text = String::with_capacity(body.len());
    for (start, line) in lines {
        match line.get(indent..) {
            Some(rest) if blanks(line) >= indent => text.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => {
                return Err(FlowError {
                    message: format!("this line is indented by less than {indent} spaces"),
                    span: Span::new(start, start + line.len()),
                });
            }
        }
        text.push('\n');
    }
    if chomp != Some('+') {
        let end = text.trim_end_matches('\n').len();
        let keeps_one = chomp.is_none() && end > 0;
        text.truncate(if keeps_one { end + 1 } else { end });
    }
    Ok(text)
}
