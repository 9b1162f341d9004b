//! Refuses answers that must not be kept.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::core::code::Code;
use crate::core::secret::Scrubber;
use crate::project::Query;
use crate::recording::{Recorded, Recording, secrets, size};

/// Refuses answers with secrets.
pub fn refuse_secrets(
    recording: &Recording,
    query: &Query,
    scrubber: &Scrubber,
) -> Result<(), Failure> {
    let loose = scrubber.loose_forms();
    for recorded in &recording.exchanges {
        if let Some(found) = secrets::find(recorded, scrubber, &loose) {
            let label = recorded.ask.label();
            let words = if found.path.starts_with('$') {
                let path = &found.path;
                format!("the answer to {label} holds {} at `{path}`", found.what)
            } else {
                format!(
                    "the exchange {label} holds {} in {}",
                    found.what, found.path
                )
            };
            let failure = Failure::new(Exit::Forbidden, Code::SecretInAnswer, words);
            // Rules select values in bodies.
            if !found.path.starts_with('$') {
                let help = "nothing was written; write the answers to the test file instead";
                return Err(failure.help(help));
            }
            let resource = resource_of(recorded, query);
            return Err(failure.help(format!(
                "nothing was written; add a line to {resource}, for example `redact: {{ \"{}\": alias }}`",
                rule_for(&found.path)
            )));
        }
    }
    Ok(())
}

fn resource_of(recorded: &Recorded, query: &Query) -> String {
    let queries = query.with_fed_by();
    let query = queries
        .into_iter()
        .find(|query| query.name == recorded.of.query);
    let name = query.and_then(|query| Some(query.call()?.resource.value.to_string()));
    name.map_or_else(
        || "the resource's file".to_owned(),
        |name| format!("the file of the resource `{name}`"),
    )
}

/// Refuses a recording that is too large for review.
pub fn refuse_size(recording: &Recording) -> Result<(), Failure> {
    let Err(too_large) = size::check(recording, size::MOST) else {
        return Ok(());
    };
    let largest = too_large.largest.iter();
    let largest: Vec<String> = largest
        .map(|(label, bytes)| format!("{label} ({} KiB)", bytes.div_ceil(1024)))
        .collect();
    let words = format!(
        "the recording has {} KiB, more than 1 MiB",
        too_large.total.div_ceil(1024)
    );
    Err(Failure::usage(Code::TooLarge, words)
        .fact("largest", largest.join(", "))
        .help("keep fewer elements of each list: `--keep 20`")
        .help("or ask for less, for example a shorter time"))
}

/// Returns the path of a rule for all elements of a list: `$.items[0].url` → `$.items[*].url`.
fn rule_for(path: &str) -> String {
    let mut rule = String::new();
    for (index, part) in path.split('[').enumerate() {
        if index == 0 {
            rule.push_str(part);
            continue;
        }
        match part.split_once(']') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                rule.push_str("[*]");
                rule.push_str(rest);
            }
            _ => {
                rule.push('[');
                rule.push_str(part);
            }
        }
    }
    rule
}
