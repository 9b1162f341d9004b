//! `runner demo --story`: a demo whose clock requests move.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::case::transcript;
use crate::support::{Project, Run};

/// `runner demo --story week`, until it is dropped.
struct Story {
    child: Child,
    /// The origin of the API.
    origin: String,
    /// The lines on standard error.
    notes: Vec<String>,
}

impl Story {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
            .args(["demo", "--port", "0", "--story", "week"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut url).expect("a line");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let notes = stderr.lines().take(6).map(|line| line.expect("a line"));
        let notes = notes.collect();
        let origin = url.trim_end().trim_end_matches("/api/v2").to_owned();
        Self {
            child,
            origin,
            notes,
        }
    }

    /// Runs a command line, and returns the JSON on its standard output.
    fn shell(line: &str) -> Value {
        let output = Command::new("sh").args(["-c", line]).output();
        let output = output.expect("a shell");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Sends a request to the clock.
    fn clock(&self, options: &str) -> Value {
        Self::shell(&format!("curl -s {options} {}/__clock", self.origin))
    }

    /// Returns the records of a GET, as `runner api` shows them.
    fn records(&self, target: &str) -> Vec<Value> {
        let project = Project::new().circleci_at(&self.origin, "retry: { max_attempts: 1 }");
        let outcome = Run::in_(&project)
            .args(["api", "circleci", target, "--all", "-o", "json"])
            .outcome();
        let records = outcome.assert_exit(0).stdout_json();
        records.as_array().expect("a list").clone()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PIPELINES: &str = "/project/gh/acme/web/pipeline";

#[test]
fn the_commands_that_it_prints_move_its_clock() {
    let story = Story::start(&[]);
    let commands: Vec<&str> = story
        .notes
        .iter()
        .filter_map(|line| line.trim_start().strip_prefix("curl "))
        .collect();
    assert_eq!(commands.len(), 3, "{:?}", story.notes);
    let times = commands
        .iter()
        .map(|command| Story::shell(&format!("curl -s {command}"))["now"].clone());
    assert_eq!(
        times.collect::<Vec<_>>(),
        [
            "2026-11-16T09:00:00Z",
            "2026-11-17T09:00:00Z",
            "2026-11-26T09:00:00Z"
        ]
    );
    insta::assert_snapshot!(story.notes[2..].join("\n").replace(
        story.origin.trim_start_matches("http://"),
        "127.0.0.1:[PORT]"
    ));
}

#[test]
fn the_clock_brings_on_what_is_shown_and_takes_it_back() {
    let story = Story::start(&["--now", "2026-11-20T09:00:00Z"]);
    let first = story.records(PIPELINES);
    story.clock("-d '{\"by\": \"1d\"}'");
    let second = story.records(PIPELINES);
    assert!(second.len() > first.len());
    story.clock("-d '{\"to\": \"2026-11-20T09:00:00Z\"}'");
    assert_eq!(story.records(PIPELINES), first);
}

/// The misbehaviour to order is that of any demo; the clock is outside of it.
#[test]
fn it_misbehaves_as_ordered() {
    let story = Story::start(&["--fail-every", "1:503", "--token", "right"]);
    assert_eq!(story.clock("")["story"], "week");
    let project = Project::new().circleci_at(&story.origin, "retry: { max_attempts: 1 }");
    let outcome = Run::in_(&project)
        .args(["api", "circleci", PIPELINES])
        .outcome();
    outcome.assert_exit(3);
}

/// Pipelines that start while a listing is read by position push others onto the next page.
#[test]
fn pages_shift_while_they_are_read() {
    let story = Story::start(&["--now", "2026-11-20T09:00:00Z"]);
    story.clock("-d '{\"each_request\": \"2h\"}'");
    let listed = story.records(PIPELINES);
    let mut ids: Vec<&Value> = listed.iter().map(|pipeline| &pipeline["id"]).collect();
    let count = ids.len();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert!(ids.len() < count, "{count} without a double");
}

#[test]
fn a_story_that_cannot_be_told_is_refused() {
    let run = |args: &[&str]| {
        let project = Project::new();
        Run::in_(&project).args(["demo"]).args(args).outcome()
    };
    let outcomes = [
        run(&["--story", "year"]),
        run(&["--story", "week", "--now", "real"]),
        run(&["--story", "week", "--pipelines", "7"]),
    ];
    for outcome in &outcomes {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript(&outcomes));
}
