//! The `cache` part of a query file: which responses later runs may use.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry};
use crate::core::time::{DURATION_EXAMPLE, parse_duration};
use crate::http::Method;
use crate::project::query::CacheRule;

/// The parts of the query that matter for caching.
pub struct Asks<'q> {
    /// The method, if it writes.
    pub writes: Option<&'q Method>,
    /// True for a request that is safe although its method is not.
    pub is_search: bool,
    /// True if it polls.
    pub polls: bool,
    /// True if the kind of API knows which responses are final.
    pub tells_finality: bool,
}

/// Reads the part.
pub fn read(entry: &Entry, asks: &Asks<'_>, faults: &mut Diagnostics) -> Option<CacheRule> {
    let mut refuse = |words: String, help: &'static str| {
        faults.push(Diagnostic::at(&entry.key_place, Code::Cache, words).help(help));
    };
    if let Some(method) = asks.writes {
        let words = format!("`cache` is for requests that only read, and `{method}` may write");
        refuse(words, "use it with GET and HEAD, or with `safe: true`");
    }
    if asks.polls {
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
        if !asks.tells_finality {
            let words = "`cache: finished` needs a resource of type `circleci`: for others, no \
                response is known to be final";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("set a duration, for example `cache: 10m`"),
            );
        }
        if asks.is_search {
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
