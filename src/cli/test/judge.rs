//! Judges the result of a case: requests, answers, exit code, expectations, snapshots.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cli::failure::Failure;
use crate::cli::test::Task;
use crate::cli::test::case::{self, Played, Setting};
use crate::cli::test::compare::{Line, LineKind, difference};
use crate::cli::test::used::Used;
use crate::core::shell::word;
use crate::core::source::{Place, SourceFile};
use crate::core::text::counted;
use crate::format::{self, FORMATS};
use crate::project::load;
use crate::recording::matching::{Difference, Miss};
use crate::recording::{Override, Recorded, Recording, read};

/// The maximum size of a snapshot, in bytes.
const LONGEST: u64 = 256 * 1024 * 1024;

/// The maximum number of requests without an answer that are shown.
const MOST_MISSES: usize = 10;

/// The maximum number of messages of a run that are shown.
const MOST_MESSAGES: usize = 20;

/// The verdict on a case.
pub struct Verdict<'t> {
    /// The case.
    pub task: &'t Task<'t>,
    /// The reasons why it failed.
    pub problems: Vec<Problem>,
    /// Snapshots that differ or are missing, to be accepted.
    pub fresh: Vec<Snapshot>,
    /// Snapshots of forms that the result no longer has, to be removed: paths, and those for people.
    pub stale: Vec<(PathBuf, String)>,
    /// The accepted snapshots.
    pub written: Vec<String>,
    /// The removed snapshots.
    pub removed: Vec<String>,
    /// The number of requests.
    pub requests: usize,
    /// The exchanges with the base URLs of their resources, if they were kept.
    pub exchanges: Vec<(Recorded, String)>,
    /// The time of the run.
    pub now: Timestamp,
    /// The time it took.
    pub elapsed: Duration,
    /// The time of its own recording.
    pub recorded: Option<Timestamp>,
    /// The used parts of queries.
    pub used: Used,
}

/// Additional results of running a case.
#[derive(Debug, Clone, Copy)]
pub struct Wants {
    /// New snapshots, instead of differences.
    pub updates: bool,
    /// The used parts of queries.
    pub coverage: bool,
    /// The exchanges.
    pub exchanges: bool,
}

/// A result to be stored.
pub struct Snapshot {
    /// The path.
    pub path: PathBuf,
    /// The path for people.
    pub shown: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// A reason why a case failed.
pub struct Problem {
    /// The kind, a stable name.
    pub kind: &'static str,
    /// The message.
    pub message: String,
    /// Details.
    pub lines: Vec<Line>,
    /// The place in a file, if it is not that of the case.
    pub place: Option<Place>,
    /// A hint.
    pub help: Option<String>,
}

impl Problem {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            lines: Vec::new(),
            place: None,
            help: None,
        }
    }

    /// Returns true if the messages of the run may explain it.
    fn is_of_run(&self) -> bool {
        matches!(self.kind, "exit" | "expect")
    }

    fn of_failure(kind: &'static str, failure: &Failure) -> Self {
        let mut problem = Self::new(kind, failure.words());
        problem.help = failure.help.first().cloned();
        problem
    }
}

/// Runs and judges a case.
pub fn judge<'t>(task: &'t Task<'t>, root: &Path, wants: Wants) -> Verdict<'t> {
    let started = Instant::now();
    let mut verdict = Verdict {
        task,
        problems: Vec::new(),
        fresh: Vec::new(),
        stale: Vec::new(),
        written: Vec::new(),
        removed: Vec::new(),
        requests: 0,
        exchanges: Vec::new(),
        now: case::NOW,
        elapsed: Duration::ZERO,
        recorded: None,
        used: Used::default(),
    };
    match recording_of(task, root) {
        Err(problems) => verdict.problems = problems,
        Ok((recording, is_own)) => {
            let has_answers = recording.is_some();
            let own = recording.as_ref().filter(|_| is_own);
            verdict.recorded = own.and_then(|recording| recording.recorded);
            let setting = Setting {
                query: &task.file.query,
                case: task.case,
                resources: task.resources.clone(),
                recording: recording.unwrap_or_default(),
                root,
                keeps_exchanges: wants.exchanges,
                covers: wants.coverage,
            };
            match setting.play() {
                Err(failure) => verdict
                    .problems
                    .push(Problem::of_failure("setup", &failure)),
                Ok(mut played) => {
                    verdict.now = played.now;
                    verdict.exchanges = std::mem::take(&mut played.exchanges);
                    verdict.used = std::mem::take(&mut played.used);
                    verdict.judge(&played, is_own, has_answers, root, wants.updates);
                }
            }
        }
    }
    verdict.elapsed = started.elapsed();
    verdict
}

/// Returns the recorded answers of a case, or of the case it is like, and true if they are its own.
///
/// # Errors
///
/// If they cannot be read.
pub fn recording_of(
    task: &Task<'_>,
    root: &Path,
) -> Result<(Option<Recording>, bool), Vec<Problem>> {
    let own = task.file.answers_path(task.case);
    let recordings = task.file.recordings(task.case);
    let Some(path) = recordings.into_iter().find(|path| is_there(path)) else {
        return Ok((None, true));
    };
    let is_own = path == own;
    let shown = load::shown(&path, root);
    let unreadable = |words: String| vec![Problem::new("answers", format!("`{shown}` {words}"))];
    if load::leads_out(&path) {
        let words = "leaves the project through a link, and is not read";
        return Err(unreadable(words.to_owned()));
    }
    let bytes = load::bounded::regular(&path, read::LARGEST as u64).map_err(unreadable)?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| unreadable("is not UTF-8".to_owned()))?;
    let source = SourceFile::new(shown, path, text);
    let read = read::read(&source).map_err(|faults| {
        let problems = faults.into_iter().map(|fault| {
            let mut problem = Problem::new("answers", fault.message);
            problem.place = fault.place;
            problem.help = fault.help.into_iter().next();
            problem
        });
        problems.collect::<Vec<_>>()
    })?;
    Ok((Some(read), is_own))
}

impl Verdict<'_> {
    fn judge(
        &mut self,
        played: &Played,
        is_own: bool,
        has_answers: bool,
        root: &Path,
        updates: bool,
    ) {
        self.requests = played.asked.len();
        for miss in played.misses.iter().take(MOST_MISSES) {
            self.problems.push(missed(miss));
        }
        let more = played.misses.len().saturating_sub(MOST_MISSES);
        if more > 0 {
            let words = format!(
                "and {} without an answer",
                counted(more as u64, "more request")
            );
            self.problems.push(Problem::new("miss", words));
        }
        let case = self.task.case;
        if !played.misses.is_empty() && !has_answers && case.overrides.is_empty() {
            let name = self.task.name();
            self.problems[0].help = Some(format!(
                "record its answers: `runner record {}`",
                word(&name)
            ));
        }
        if !played.misses.is_empty() {
            // Everything else may follow from it.
            return;
        }
        self.check_exit(played);
        // A query that asked too little, since it failed, has one fault.
        if self.problems.is_empty() {
            self.check_used(played, is_own);
        }
        for unmet in &played.unmet {
            let words = match &unmet.words {
                Some(message) => format!("{message} (`{}`)", unmet.that),
                None => format!("`{}` does not hold", unmet.that),
            };
            let mut problem = Problem::new("expect", words);
            problem.lines = unmet.values.iter().map(|text| note(text)).collect();
            self.problems.push(problem);
        }
        let is_sound = self.problems.is_empty();
        self.check_snapshots(played, root, updates && is_sound);
        if let Some(last) = self
            .problems
            .iter_mut()
            .rev()
            .find(|problem| problem.is_of_run())
        {
            let lines = played.messages.trim_end().lines();
            last.lines.extend(lines.take(MOST_MESSAGES).map(note));
        }
    }

    fn check_exit(&mut self, played: &Played) {
        let expected = self.task.case.exit;
        if played.exit == expected {
            return;
        }
        let words = format!("the exit code is {}, expected {expected}", played.exit);
        let mut problem = Problem::new("exit", words);
        problem.place.clone_from(&self.task.case.exit_place);
        self.problems.push(problem);
    }

    /// Reports answers that the run did not need: the recording is of another query, or of an older
    /// version of this one.
    fn check_used(&mut self, played: &Played, is_own: bool) {
        let own = &self.task.case.overrides[..self.task.case.own_overrides];
        let is_own_answer =
            |unused: &&Override| own.iter().any(|own| own.place.span == unused.place.span);
        // A case that is like another one may need fewer of its answers.
        for unused in played
            .library
            .unused_overrides()
            .into_iter()
            .filter(is_own_answer)
        {
            let words = format!(
                "no request was answered by {} {}",
                unused.method, unused.target
            );
            let mut problem = Problem::new("unused-answer", words);
            problem.place = Some(unused.place.clone());
            self.problems.push(problem);
        }
        let unused = played.library.unused();
        // A case that is like another one may ask less.
        let Some(first) = unused
            .first()
            .filter(|_| is_own && self.task.case.overrides.is_empty())
        else {
            return;
        };
        let (method, target) = (&first.ask.method, &first.ask.target);
        let counts = played.library.counts(&first.ask);
        let words = match unused.len() {
            _ if counts.asked > 0 => {
                format!("a recorded request was sent less often: {method} {target}, {counts}")
            }
            1 => format!("a recorded request was not sent: {method} {target}"),
            count => {
                format!("{count} recorded requests were not sent, the first: {method} {target}")
            }
        };
        let mut problem = Problem::new("unused-answer", words);
        problem.place.clone_from(&first.place);
        problem.help = Some(format!(
            "record it again: `runner record {}`",
            word(&self.task.name())
        ));
        self.problems.push(problem);
    }

    fn check_snapshots(&mut self, played: &Played, root: &Path, updates: bool) {
        let (file, case) = (self.task.file, self.task.case);
        let mut known = Vec::new();
        // A missing snapshot is no fault besides another one, which comes first.
        let is_sound = self.problems.is_empty();
        for (extension, bytes) in &played.outputs {
            let path = file.snapshot_path(case, extension);
            known.push(path.clone());
            let shown = load::shown(&path, root);
            let is_there = is_there(&path);
            // Conditions stand for a snapshot, unless `show` asks for one.
            let is_shown = case.show.iter().any(|name| {
                let format = format::by_name(name);
                format.is_some_and(|format| format.extensions.first() == Some(extension))
            });
            let is_required = is_sound && (is_shown || case.expect.is_empty());
            if !is_there && !is_required {
                continue;
            }
            let expected = if is_there {
                load::bounded::regular(&path, LONGEST)
            } else {
                Ok(Vec::new())
            };
            let mut problem = match expected {
                // Nothing that could be replaced.
                Err(words) => {
                    let problem = Problem::new("snapshot-file", format!("`{shown}` {words}"));
                    self.problems.push(problem);
                    continue;
                }
                Ok(_) if !is_there => {
                    Problem::new("no-snapshot", format!("there is no snapshot `{shown}`"))
                }
                Ok(expected) => {
                    let recorded = played.library.recorded();
                    let lines = difference(&expected, bytes, &file.query, recorded);
                    let Some(lines) = lines else { continue };
                    let mut problem = Problem::new("snapshot", format!("`{shown}` differs"));
                    problem.lines = lines;
                    problem
                }
            };
            if updates {
                self.fresh.push(Snapshot {
                    path,
                    shown,
                    bytes: bytes.clone(),
                });
            } else {
                if problem.kind == "no-snapshot" && self.problems.is_empty() {
                    let name = self.task.name();
                    problem.help = Some(format!(
                        "accept the result: `runner test {} --update`",
                        word(&name)
                    ));
                }
                self.problems.push(problem);
            }
        }
        // A result that failed has no documents.
        let extensions = FORMATS.iter().flat_map(|format| format.extensions);
        for extension in extensions {
            let path = file.snapshot_path(case, extension);
            if known.contains(&path) || played.outputs.is_empty() || !path.is_file() {
                continue;
            }
            if updates {
                let shown = load::shown(&path, root);
                self.stale.push((path, shown));
            } else {
                let shown = load::shown(&path, root);
                let words = format!("the case does not show the form of the snapshot `{shown}`");
                self.problems.push(Problem::new("snapshot", words));
            }
        }
    }
}

/// Returns true if there is anything with this path: a folder or a broken link in place of a file is a
/// fault, not a missing file.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn note(text: &str) -> Line {
    Line {
        kind: LineKind::Note,
        text: text.to_owned(),
    }
}

fn missed(miss: &Miss) -> Problem {
    let words = format!("no recorded answer for {}", miss.ask.label());
    let mut problem = Problem::new("miss", words);
    match &miss.difference {
        Difference::Nothing => {}
        Difference::Exhausted(counts) => problem.lines.push(note(&counts.to_string())),
        Difference::Part(words) => problem.lines.push(note(words)),
    }
    if let Some(nearest) = &miss.nearest {
        let at = nearest.place.as_ref();
        let at = at.map_or_else(String::new, |place| format!(" at {}", place.short()));
        problem
            .lines
            .push(note(&format!("nearest: {}{at}", nearest.label)));
    }
    problem
}
