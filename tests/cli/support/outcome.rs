//! The outcome of a run, and a deterministic text of it.

use super::redact;

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The raw bytes; on a terminal those of both streams.
    pub stdout: Vec<u8>,
    /// The raw bytes; empty on a terminal.
    pub stderr: Vec<u8>,
    /// The exit code, or 128 and the signal.
    pub exit: i32,
    pub(super) title: String,
    pub(super) columns: Option<u16>,
    /// Paths and their placeholders.
    pub(super) places: Vec<(String, &'static str)>,
    /// The days on which it began and ended.
    pub(super) days: [String; 2],
}

impl Outcome {
    /// Everything a person sees, as one text that is the same on every run: `[PROJECT]`,
    /// `[HOME]`, `[PORT]`, and `[TIME]` for what a clock said. Control characters are shown.
    pub fn snapshot(&self) -> String {
        let exit = self.exit;
        if let Some(columns) = self.columns {
            let screen = section(&self.stdout_text().replace("\r\n", "\n"));
            let head = format!("{}\n--- terminal of {columns} columns\n", self.title);
            return self.stable(&format!("{head}{screen}--- exit {exit}"));
        }
        let stdout = section(&self.stdout_text());
        let stderr = section(&self.stderr_text());
        let title = &self.title;
        self.stable(&format!(
            "{title}\n--- stdout\n{stdout}--- stderr\n{stderr}--- exit {exit}"
        ))
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn assert_exit(&self, code: i32) -> &Self {
        let exit = self.exit;
        assert!(
            exit == code,
            "exit {exit}, not {code}:\n{}",
            self.snapshot()
        );
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn stdout_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.snapshot()))
    }

    /// Standard output as text, as it came.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text, as it came.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    fn stable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (path, placeholder) in &self.places {
            text = text.replace(path, placeholder);
        }
        let text = redact::times_of(&self.days, &redact::ports(&text));
        redact::visible(&redact::durations(&text))
    }
}

/// A stream's text, ended by a line feed, and a note where it was not.
fn section(text: &str) -> String {
    match text {
        "" => String::new(),
        whole if whole.ends_with('\n') => whole.to_owned(),
        open => format!("{open}\n[no line feed at the end]\n"),
    }
}
