//! Progress of a run: lines on a terminal, and a summary at the end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::cli::app::App;
use crate::core::text::{counted, one_line, truncate_to_width};
use crate::core::time::format_duration;
use crate::engine::{Level, Session};

/// A shorter run shows no progress.
const PATIENCE: Duration = Duration::from_millis(600);
/// The refresh interval.
const PERIOD: Duration = Duration::from_millis(200);
/// The interval of progress lines without a terminal: CI services end jobs that are silent for ten
/// minutes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);
/// The time over which rates are averaged.
const MEMORY: Duration = Duration::from_secs(3);

/// Statistics of requests.
#[derive(Debug, Default)]
pub struct Stats {
    /// The number of attempts.
    pub sent: Cell<u64>,
    /// The number of requests served from the cache.
    pub recalled: Cell<u64>,
    /// The number of retries.
    pub retries: Cell<u64>,
    /// The number of responses with status 429.
    pub refusals: Cell<u64>,
    /// The size of decompressed bodies, in bytes.
    pub bytes: Cell<u64>,
    /// The time spent waiting for rate limits.
    pub waited: Cell<Duration>,
    /// The end of the current pause.
    pub waits_until: Cell<Option<Instant>>,
}

impl Stats {
    /// Increases a counter.
    pub fn count(counter: &Cell<u64>, more: u64) {
        counter.set(counter.get() + more);
    }

    /// Records a pause that begins now. Overlapping pauses count once.
    pub fn pause(&self, length: Duration) {
        let now = Instant::now();
        let known = self.waits_until.get().map_or(now, |until| until.max(now));
        let until = now + length;
        let more = until.saturating_duration_since(known);
        self.waited.set(self.waited.get() + more);
        self.waits_until.set(Some(known.max(until)));
    }

    /// Returns the last line of `-v`.
    pub fn summary(&self, wall: Duration) -> String {
        let mut parts = vec![counted(self.sent.get(), "request")];
        if self.recalled.get() > 0 {
            parts.push(format!("{} from the cache", self.recalled.get()));
        }
        if self.retries.get() > 0 {
            parts.push(format!("{} retried", self.retries.get()));
        }
        if self.refusals.get() > 0 {
            parts.push(format!("{} rate-limited", self.refusals.get()));
        }
        if !self.waited.get().is_zero() {
            parts.push(format!(
                "{} waiting for rate limits",
                format_duration(rounded(self.waited.get()))
            ));
        }
        parts.push(bytes(self.bytes.get()));
        parts.push(format_duration(rounded(wall)));
        parts.join(", ")
    }
}

/// Draws progress lines until it is dropped.
pub struct Progress {
    app: Rc<App>,
    session: Rc<Session>,
    stats: Rc<Stats>,
}

impl Progress {
    /// Creates the progress of a session.
    pub fn new(app: &Rc<App>, session: &Rc<Session>, stats: &Rc<Stats>) -> Self {
        Self {
            app: Rc::clone(app),
            session: Rc::clone(session),
            stats: Rc::clone(stats),
        }
    }

    /// Draws forever.
    pub async fn draw(self) -> ! {
        tokio::time::sleep(PATIENCE).await;
        let mut rate = Rate::new(self.stats.sent.get());
        loop {
            let per_second = rate.now(self.stats.sent.get());
            self.app.show_progress(&self.lines(per_second));
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Prints a line a minute forever, for runs without a terminal.
    pub async fn report(self, print: impl Fn(&str)) -> ! {
        let started = Instant::now();
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            print(&self.sign_of_life(started.elapsed()));
        }
    }

    fn sign_of_life(&self, elapsed: Duration) -> String {
        let levels = self.session.levels().all();
        // The queries that a poll depends on have ended before.
        let polled = levels.iter().rposition(|level| level.polls.get() > 0);
        let parts = levels.iter().skip(polled.unwrap_or_default());
        let mut parts: Vec<String> = parts
            .map(|level| {
                let state = state_of(level, &self.app);
                let state = state.map_or_else(String::new, |state| format!(", last {state}"));
                format!("{} {}{state}", level.query, counts(level))
            })
            .collect();
        parts.push(counted(self.stats.sent.get(), "request"));
        parts.extend(self.pause());
        let elapsed = format_duration(Duration::from_secs(elapsed.as_secs()));
        format!("after {elapsed}: {}", parts.join("; "))
    }

    /// The wait that a limit imposes at present.
    fn pause(&self) -> Option<String> {
        let until = self.stats.waits_until.get()?;
        let left = until.saturating_duration_since(Instant::now());
        let left_seconds = Duration::from_secs(left.as_secs() + 1);
        (!left.is_zero())
            .then(|| format!("waiting {} for a rate limit", format_duration(left_seconds)))
    }

    fn lines(&self, per_second: u64) -> Vec<String> {
        let levels = self.session.levels().all();
        let width = levels.iter().map(|level| level.query.len()).max();
        let mut lines: Vec<String> = levels
            .iter()
            .map(|level| line(level, width.unwrap_or_default()))
            .collect();
        let mut last = format!(
            "{}, {per_second}/s",
            counted(self.stats.sent.get(), "request")
        );
        if let Some(pause) = self.pause() {
            last.push_str(&format!(", {pause}"));
        }
        lines.push(last);
        lines
    }
}

fn line(level: &Level, width: usize) -> String {
    format!("{:width$}  {}", level.query, counts(level))
}

fn counts(level: &Level) -> String {
    let mut parts = Vec::new();
    if level.items.get() > 0 {
        parts.push(format!("{} of {}", level.done.get(), level.items.get()));
    }
    if level.polls.get() > 0 {
        parts.push(format!("polled {}", counted(level.polls.get(), "time")));
    } else {
        parts.push(counted(level.records.get(), "record"));
    }
    if level.bytes.get() > 0 {
        parts.push(bytes(level.bytes.get()));
    }
    if level.failed.get() > 0 {
        parts.push(format!("{} failed", level.failed.get()));
    }
    parts.join(", ")
}

/// The request rate over the last few seconds.
struct Rate {
    since: Instant,
    count: u64,
    last: u64,
}

impl Rate {
    fn new(count: u64) -> Self {
        Self {
            since: Instant::now(),
            count: 0,
            last: count,
        }
    }

    fn now(&mut self, count: u64) -> u64 {
        let elapsed = self.since.elapsed();
        let done = count.saturating_sub(self.count);
        if elapsed >= MEMORY {
            self.since = Instant::now();
            self.count = count;
            self.last = per_second(done, elapsed);
        } else if self.count == 0 {
            // At first, includes the time before the first line.
            self.last = per_second(done, elapsed + PATIENCE);
        }
        self.last
    }
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    count * 1_000 / millis
}

/// Returns the last state of a poll in one line, truncated.
pub fn state_of(level: &Level, app: &App) -> Option<String> {
    /// The maximum length.
    const LONGEST: usize = 300;
    let mut state = level.last_state.borrow().clone();
    // Scrub before truncating, which could leave half of a secret.
    for record in &mut state {
        app.scrubber.json(record);
    }
    let words: Vec<String> = state.iter().map(state_words).collect();
    let words = one_line(&words.join(", ")).into_owned();
    (!state.is_empty()).then(|| truncate_to_width(&words, LONGEST).into_owned())
}

/// Describes a polled record by its name and status, if it has them: `deploy (running)`.
fn state_words(record: &Value) -> String {
    let text = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| record.get(name)?.as_str());
        found.map(str::to_owned)
    };
    match (text(["name", "workflow"]), text(["status", "state"])) {
        (Some(name), Some(state)) => format!("{name} ({state})"),
        (None, Some(state)) => state,
        (_, None) => record.to_string(),
    }
}

/// Formats a number of bytes.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// Rounds to milliseconds.
fn rounded(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::cli::kinds::session;

    #[tokio::test(start_paused = true)]
    async fn a_line_a_minute_is_passed_on() {
        let app = Rc::new(App::new(std::sync::Arc::default()));
        let session = session();
        let stats = Rc::new(Stats::default());
        stats.sent.set(41);
        let before = session.levels().of("/pipeline", "pipeline-created");
        before.polls.set(2);
        let created = serde_json::json!({"number": 7, "state": "created"});
        before.last_state.replace(vec![created]);
        let level = session.levels().of("", "wait-for-pipeline");
        level.polls.set(40);
        level.last_state.replace(vec![
            serde_json::json!({"name": "deploy", "status": "running", "id": "x"}),
            serde_json::json!({"name": "nightly", "status": "on_hold"}),
        ]);
        let lines = RefCell::new(Vec::new());
        let report = Progress::new(&app, &session, &stats)
            .report(|words| lines.borrow_mut().push(words.to_owned()));
        let _ = tokio::time::timeout(Duration::from_secs(150), report).await;
        assert_eq!(
            lines.into_inner(),
            [1, 2].map(|minutes| format!(
                "after {minutes}m: wait-for-pipeline polled 40 times, last deploy (running), \
                 nightly (on_hold); 41 requests"
            ))
        );
    }

    #[test]
    fn a_summary_says_only_what_happened() {
        let stats = Stats::default();
        stats.sent.set(1);
        stats.bytes.set(512);
        let wall = Duration::from_micros(4_321);
        assert_eq!(stats.summary(wall), "1 request, 512 bytes, 4 ms");
        stats.sent.set(622);
        stats.recalled.set(40);
        stats.retries.set(12);
        stats.refusals.set(2);
        stats.bytes.set(1_234_567);
        stats.waited.set(Duration::from_millis(1_500));
        assert_eq!(
            stats.summary(Duration::from_secs(90)),
            "622 requests, 40 from the cache, 12 retried, 2 rate-limited, 1.5s waiting \
             for rate limits, 1.2 MB, 1m 30s"
        );
    }
}
