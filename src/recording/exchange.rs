//! Reads an exchange from its entries.

use std::collections::HashSet;
use std::time::Duration;

use crate::core::code::Code;
use crate::core::name::hint;
use crate::core::source::Span;
use crate::core::time::{DURATION_EXAMPLE, parse_duration};
use crate::recording::body::content;
use crate::recording::entry::{Entry, Faults};
use crate::recording::flow;
use crate::recording::{Answer, Ask, Broken, Content, Origin, Recorded};

/// Reads an exchange that begins after a separator.
pub fn exchange(
    faults: &mut Faults<'_>,
    separator: Span,
    entries: &[Entry<'_>],
) -> Option<Recorded> {
    let mut place = None;
    let mut ask = None;
    let mut of = Origin::default();
    let mut answer = Answer {
        status: 200,
        headers: Vec::new(),
        body: Content::Empty,
        delay: Duration::ZERO,
        broken: None,
    };
    for entry in entries {
        match entry.key {
            "ask" => {
                ask = method_and_target(faults, entry);
                place = Some(faults.place(entry.shown()));
            }
            "of" => of = origin(faults, entry),
            "status" => answer.status = status(faults, entry),
            "headers" => answer.headers = headers(faults, entry),
            "delay" => answer.delay = delay(faults, entry),
            "broken" => answer.broken = broken(faults, entry),
            // The bodies.
            _ => {}
        }
    }
    let sent = content(faults, entries, ["sent", "sent_text", "sent_base64"]);
    answer.body = content(faults, entries, ["body", "text", "base64"]);
    if !entries.iter().any(|entry| entry.key == "ask") && !faults.is_full() {
        let diagnostic = faults
            .diagnostic(separator, Code::MissingKey, "this exchange lacks `ask`")
            .help("`ask: GET /path` is the request that it answers");
        faults.push(diagnostic);
    }
    let (method, target) = ask?;
    Some(Recorded {
        ask: Ask {
            method,
            target,
            sent,
        },
        of,
        answer,
        place,
    })
}

fn method_and_target(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Option<(String, String)> {
    const HELP: &str = "`ask` takes a method and a path below `base_url`: `GET /me?page=2`";
    let ask = faults.scalar(entry, HELP)?;
    let (method, target) = ask.text.split_once(' ').unwrap_or((ask.text.as_str(), ""));
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_target = ["/", "http://", "https://"]
        .iter()
        .any(|start| target.starts_with(start));
    if is_method && is_target {
        return Some((method.to_owned(), target.to_owned()));
    }
    let message = if is_method {
        format!("`ask` needs a path that begins with `/`, got `{target}`")
    } else {
        format!("`ask` needs a method such as `GET`, got `{method}`")
    };
    let upper = method.to_ascii_uppercase();
    let is_known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&upper.as_str());
    let help = if is_known && !is_method {
        format!("did you mean `{upper}`?")
    } else {
        HELP.to_owned()
    };
    let diagnostic = faults
        .diagnostic(ask.span, Code::Answers, message)
        .help(help);
    faults.push(diagnostic);
    None
}

fn origin(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Origin {
    const HELP: &str = "`of` takes `{ query: NAME, item: NAME }`";
    let mut origin = Origin::default();
    for (name, span, values) in members(faults, entry, HELP) {
        let Ok([value]) = <[String; 1]>::try_from(values) else {
            let message = format!("`{name}` takes one text");
            faults.fault(span, Code::WrongType, message);
            continue;
        };
        match name.as_str() {
            "query" => origin.query = value,
            "item" => origin.item = Some(value),
            other => {
                let diagnostic = faults
                    .diagnostic(span, Code::UnknownKey, format!("unknown key `{other}`"))
                    .maybe_help(hint(other, ["query", "item"]));
                faults.push(diagnostic);
            }
        }
    }
    origin
}

fn headers(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Vec<(String, String)> {
    const HELP: &str = "`headers` takes `{ name: \"value\" }`";
    let mut headers = Vec::new();
    for (name, span, values) in members(faults, entry, HELP) {
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if is_name {
            headers.extend(values.into_iter().map(|value| (name.clone(), value)));
        } else {
            let message = format!("`{name}` is not the name of a header field");
            faults.fault(span, Code::HeaderName, message);
        }
    }
    headers
}

/// Reads a map; no key may be there twice.
fn members(
    faults: &mut Faults<'_>,
    entry: &Entry<'_>,
    help: &str,
) -> Vec<(String, Span, Vec<String>)> {
    let members = match flow::map(entry.value) {
        Ok(members) => members,
        Err(error) => {
            faults.flow_fault(entry, &error, help);
            return Vec::new();
        }
    };
    let mut read: Vec<(String, Span, Vec<String>)> = Vec::new();
    let mut known = HashSet::new();
    for member in members {
        let span = entry.span(member.key.span);
        if known.insert(member.key.text.clone()) {
            let values = member.values.into_iter().map(|value| value.text).collect();
            read.push((member.key.text, span, values));
        } else {
            let message = format!("`{}` is given twice", member.key.text);
            faults.fault(span, Code::DuplicateKey, message);
        }
        if faults.is_full() {
            break;
        }
    }
    read
}

fn status(faults: &mut Faults<'_>, entry: &Entry<'_>) -> u16 {
    const HELP: &str = "`status` takes a number from 100 to 599";
    let Some(status) = faults.scalar(entry, HELP) else {
        return 200;
    };
    if let Ok(number @ 100..=599) = status.text.parse() {
        return number;
    }
    let message = format!("{HELP}, got `{}`", status.text);
    faults.fault(status.span, Code::WrongType, message);
    200
}

fn delay(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Duration {
    let help = format!("`delay` takes {DURATION_EXAMPLE}");
    let Some(delay) = faults.scalar(entry, &help) else {
        return Duration::ZERO;
    };
    parse_duration(&delay.text).unwrap_or_else(|| {
        let message = format!("{help}, got `{}`", delay.text);
        faults.fault(delay.span, Code::WrongType, message);
        Duration::ZERO
    })
}

fn broken(faults: &mut Faults<'_>, entry: &Entry<'_>) -> Option<Broken> {
    const HELP: &str = "`broken` takes `connection` or `half`";
    let broken = faults.scalar(entry, HELP)?;
    match broken.text.as_str() {
        "connection" => Some(Broken::Connection),
        "half" => Some(Broken::Half),
        other => {
            let message = format!("{HELP}, got `{other}`");
            faults.fault(broken.span, Code::WrongType, message);
            None
        }
    }
}
