//! Prints events on the wire for `-v`, and important ones always.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::cli::app::App;
use crate::cli::progress::Stats;
use crate::core::text::{counted, one_line};
use crate::core::time::format_duration;
use crate::http::masked_addresses;
use crate::http::pace::PauseReason;
use crate::http::shared::{Change, Terms};
use crate::http::{Event, HeaderMap, Observe, Request};

/// Longer waits are always reported.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// Writes events to standard error.
pub struct Watch {
    app: Rc<App>,
    /// 0: only long waits; 1: a line per attempt; 2: also headers.
    verbosity: u8,
    is_quiet: bool,
    stats: Rc<Stats>,
    /// True once the loss of a shared budget was reported.
    has_lost_budget: Cell<bool>,
}

impl Watch {
    /// Creates the watch.
    pub fn new(app: Rc<App>, verbosity: u8, is_quiet: bool) -> Self {
        Self {
            app,
            verbosity,
            is_quiet,
            stats: Rc::default(),
            has_lost_budget: Cell::new(false),
        }
    }

    /// Returns the statistics so far.
    pub fn stats(&self) -> &Rc<Stats> {
        &self.stats
    }

    fn count(&self, event: &Event<'_>) {
        match event {
            Event::Sending(_) => Stats::count(&self.stats.sent, 1),
            Event::Answered(_, response) => {
                Stats::count(&self.stats.bytes, response.length());
                let is_refusal = response.is_rate_limited();
                Stats::count(&self.stats.refusals, u64::from(is_refusal));
            }
            Event::Retrying { .. } => Stats::count(&self.stats.retries, 1),
            Event::Paused { length, .. } => self.stats.pause(*length),
            Event::Recalled(..) => Stats::count(&self.stats.recalled, 1),
            Event::Failed(..) | Event::Retiring { .. } | Event::Budget { .. } => {}
        }
    }

    /// Returns true if a wait is too short to report.
    fn is_passed_over(&self, wait: Duration) -> bool {
        self.verbosity == 0 && (wait < LONG_WAIT || self.is_quiet)
    }

    fn label(&self, request: &Request) -> String {
        request.label(&self.app.scrubber)
    }

    /// Returns the line that reports an event, if it is reported.
    fn line(&self, event: &Event<'_>) -> Option<String> {
        match event {
            Event::Sending(request) if self.verbosity >= 2 => {
                Some(format!("> {}", self.label(request)))
            }
            Event::Answered(request, response) if self.verbosity >= 1 => Some(format!(
                "{} {} {} {} bytes",
                self.label(request),
                response.status.as_u16(),
                format_duration(response.elapsed),
                response.length(),
            )),
            Event::Failed(request, error, elapsed) if self.verbosity >= 1 => Some(format!(
                "{} {error} {}",
                self.label(request),
                format_duration(*elapsed),
            )),
            Event::Recalled(request, age) if self.verbosity >= 1 => Some(format!(
                "{} from the cache, {} old",
                self.label(request),
                format_duration(*age),
            )),
            Event::Retrying {
                request,
                status,
                delay,
                attempt,
                requested,
                is_refused,
            } => {
                // A rate limit pauses all requests, which is reported once for all.
                if self.is_passed_over(*delay) || (*is_refused && self.verbosity == 0) {
                    return None;
                }
                let why = status.map_or_else(
                    || "no response".to_owned(),
                    |status| format!("{}", status.as_u16()),
                );
                let delay = format_duration(*delay);
                let when = match (is_refused, requested) {
                    (true, _) => "after the pause".to_owned(),
                    (false, true) => format!("in {delay}, as requested by the server"),
                    (false, false) => format!("in {delay}"),
                };
                let label = self.label(request);
                Some(format!("{label}: {why}; attempt {attempt} {when}"))
            }
            Event::Retiring {
                resource,
                route,
                words,
            } if !self.is_quiet => {
                let (route, words) = (one_line(route), one_line(words));
                Some(format!("warning: `{route}` of {resource} {words}"))
            }
            Event::Budget {
                change,
                words,
                alone,
                processes,
            } => self.budget_line(*change, words, *alone, *processes),
            Event::Paused { length, reason } if !self.is_passed_over(*length) => {
                let why = match reason {
                    PauseReason::Refused(status) => {
                        format!("rate limited by the server ({})", status.as_u16())
                    }
                    PauseReason::RefusedElsewhere => {
                        "another process that shares the limit was rate limited".to_owned()
                    }
                    PauseReason::UsedUp => "the server's rate limit is used up".to_owned(),
                };
                // A pause that has just begun is rounded to the requested length.
                let whole = length.as_secs() + u64::from(length.subsec_nanos() > 0);
                let wait = format_duration(Duration::from_secs(whole));
                Some(format!("{why}; pausing all requests to it for {wait}"))
            }
            _ => None,
        }
    }

    /// Returns the line about a shared budget. Its loss is reported once, its returns and further
    /// losses only with `-v`.
    fn budget_line(
        &self,
        change: Change,
        words: &str,
        alone: Option<Terms>,
        processes: u32,
    ) -> Option<String> {
        match change {
            Change::Lost => {
                let is_known = self.has_lost_budget.replace(true);
                if self.is_quiet || is_known && self.verbosity == 0 {
                    return None;
                }
                let part = alone.map_or_else(String::new, |alone| part(&alone));
                Some(format!("note: {words}; sending {part} until it is back"))
            }
            Change::Regained if self.verbosity >= 1 => Some("the shared budget is back".to_owned()),
            Change::Joined if self.verbosity >= 1 => Some(format!(
                "sharing the limit; processes at present: {processes}"
            )),
            Change::Regained | Change::Joined => None,
        }
    }

    fn headers(&self, mark: &str, headers: &HeaderMap) {
        if self.verbosity < 2 {
            return;
        }
        for (name, value) in headers {
            let text = if value.is_sensitive() {
                "***".to_owned()
            } else {
                let text = String::from_utf8_lossy(value.as_bytes());
                // A presigned address is a secret.
                masked_addresses(&text).into_owned()
            };
            self.app.eprintln(&format!("{mark} {name}: {text}"));
        }
    }
}

/// Describes the limits of a process without the budget.
fn part(alone: &Terms) -> String {
    let at_once = format!("at most {} at once", alone.concurrency);
    let Some(rate) = alone.rate else {
        return at_once;
    };
    let count = counted(rate.requests.into(), "request");
    let per = format_duration(rate.per);
    format!("at most {count} per {per}, {at_once},")
}

impl Observe for Watch {
    fn event(&self, event: &Event<'_>) {
        self.count(event);
        if let Some(line) = self.line(event) {
            self.app.eprintln(&line);
        }
        match event {
            Event::Sending(request) => self.headers(">", &request.headers),
            Event::Answered(_, response) => self.headers("<", &response.headers),
            _ => {}
        }
    }
}
