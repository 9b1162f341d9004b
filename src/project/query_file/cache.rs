//! The `cache` part of a query file: which responses later runs may use.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry};
use crate::core::time::{DURATION_EXAMPLE, parse_duration};
use crate::project::query::CacheRule;
use crate::project::query_file::effect::Effect;

/// Reads the part.
pub fn read(
    entry: Option<&Entry>,
    effect: &Effect,
    polls: bool,
    faults: &mut Diagnostics,
) -> Option<CacheRule> {
    let entry = entry?;
    let mut refuse = |words: String, help: &'static str| {
        faults.push(Diagnostic::at(&entry.key_place, Code::Cache, words).help(help));
    };
    if let Some(method) = effect.writes() {
        let words = format!("`cache` is for requests that only read, and `{method}` may write");
        refuse(words, "use it with GET and HEAD, or with `safe: true`");
    }
    if polls {
        let words = "`cache` and `poll` cannot be combined".to_owned();
        refuse(words, "polling needs the latest response");
    }
    let value = &entry.value;
    let Content::Text(text) = &value.content else {
        let hint = match &value.content {
            Content::Number(_, number) => Some(format!("write `{number}m` for minutes")),
            _ => None,
        };
        let expected = format!("{DURATION_EXAMPLE}, or `finished`");
        faults.push(value.mismatch("cache", &expected).maybe_help(hint));
        return None;
    };
    if text == "finished" {
        if !effect.has_finality {
            let words = "`cache: finished` needs a resource of type `circleci`: for others, no \
                response is known to be final";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("set a duration, for example `cache: 10m`"),
            );
        }
        if effect.is_search() {
            let words = "`cache: finished` is for GET: no other response is known to be final";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("set a duration, for example `cache: 10m`"),
            );
        }
        return Some(CacheRule::Finished);
    }
    match parse_duration(text) {
        Some(duration) if duration.is_zero() => {
            let words = "`cache` must be longer than 0";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("remove `cache` to disable caching"),
            );
            None
        }
        Some(duration) => Some(CacheRule::For(duration)),
        None => {
            let expected = format!("{DURATION_EXAMPLE}, or `finished`");
            faults.push(value.mismatch("cache", &expected));
            None
        }
    }
}
