//! The colours of the table. They only repeat information that is also in the text.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

/// The text for null, distinct from an empty string.
pub(super) const ABSENT: &str = "-";

const GOOD: &[&str] = &["success", "successful", "succeeded", "passed"];
const BAD: &[&str] = &[
    "failed",
    "failing",
    "failure",
    "error",
    "errored",
    "infrastructure_fail",
    "timedout",
    "timed_out",
    "unauthorized",
];
const UNDER_WAY: &[&str] = &[
    "running",
    "on_hold",
    "queued",
    "pending",
    "blocked",
    "in_progress",
];
const NOT_DONE: &[&str] = &["canceled", "cancelled", "not_run", "skipped"];

/// The style of a piece of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A column name.
    Heading,
    /// A null, or the status of something that did not run.
    Faint,
    Good,
    Bad,
    UnderWay,
    Plain,
}

impl Look {
    /// Returns the style of a value, chosen by status word.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Faint,
            Value::String(word) => Self::of_word(word),
            _ => Self::Plain,
        }
    }

    fn of_word(word: &str) -> Self {
        let looks = [
            (GOOD, Self::Good),
            (BAD, Self::Bad),
            (UNDER_WAY, Self::UnderWay),
            (NOT_DONE, Self::Faint),
        ];
        looks
            .into_iter()
            .find_map(|(words, look)| words.contains(&word).then_some(look))
            .unwrap_or(Self::Plain)
    }

    fn style(self) -> Style {
        match self {
            Self::Heading => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::UnderWay => AnsiColor::Yellow.on_default(),
            Self::Plain => Style::new(),
        }
    }

    /// Appends printable text in this style if colours are enabled.
    pub(super) fn write(self, text: &str, color: bool, out: &mut Vec<u8>) {
        let style = if color && !text.is_empty() {
            self.style()
        } else {
            Style::new()
        };
        out.extend_from_slice(style.render().to_string().as_bytes());
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(style.render_reset().to_string().as_bytes());
    }
}
