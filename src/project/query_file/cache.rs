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
        let words = format!("`cache` keeps what only reads, and `{method}` may write");
        refuse(
            words,
            "it is for GET and HEAD, and for requests with `safe: true`",
        );
    }
    if asks.polls {
        let words = "`cache` and `poll` do not go together".to_owned();
        refuse(words, "who waits for a change wants the latest answer");
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
            let words = "`cache: finished` needs a resource of type `circleci`: \
                         of others nothing is known to be final";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("say for how long, for example `cache: 10m`"),
            );
        }
        if asks.is_search {
            let words = "`cache: finished` is for GET: of no other answer is it known to be final";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("say for how long, for example `cache: 10m`"),
            );
        }
        return Some(CacheRule::Finished);
    }
    match parse_duration(text) {
        Some(duration) if duration.is_zero() => {
            let words = "`cache` is more than no time";
            faults.push(
                Diagnostic::at(&value.place, Code::Cache, words)
                    .help("without `cache` nothing is kept"),
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
