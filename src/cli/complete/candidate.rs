//! Candidates, and their text for a shell.

use crate::cli::complete::line::Line;
use crate::core::text::{one_line, printable};

/// The shells that ask for completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CompletingShell {
    /// GNU Bash
    Bash,
    /// The Z shell
    Zsh,
    /// The friendly interactive shell
    Fish,
}

/// A possible word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The whole word.
    pub word: String,
    /// Its meaning.
    pub description: Option<String>,
}

impl Candidate {
    /// Creates a candidate without a description.
    pub fn new(word: impl Into<String>) -> Self {
        Self::described(word, None)
    }

    /// Creates a candidate with its description.
    pub fn described(word: impl Into<String>, description: Option<String>) -> Self {
        Self {
            word: word.into(),
            description,
        }
    }
}

/// The completions of a word.
#[derive(Debug, Default)]
pub struct Completions {
    candidates: Vec<Candidate>,
    /// True if names of files are possible too.
    has_files: bool,
}

impl Completions {
    /// These words only.
    pub fn words(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            has_files: false,
        }
    }

    /// Names of files.
    pub fn files() -> Self {
        Self {
            candidates: Vec::new(),
            has_files: true,
        }
    }

    /// Adds what precedes the value in its word.
    pub fn after(mut self, before: &str) -> Self {
        for candidate in &mut self.candidates {
            candidate.word.insert_str(0, before);
        }
        self
    }

    /// Formats the completions for a shell: those that begin as the word does.
    pub fn text(&self, shell: CompletingShell, breaks: &str, line: &Line) -> String {
        let mut text = String::from(if self.has_files { "files\n" } else { "words\n" });
        let kept = match shell {
            CompletingShell::Bash => line.kept(breaks),
            CompletingShell::Zsh | CompletingShell::Fish => 0,
        };
        for candidate in &self.candidates {
            // A tab or newline would be taken for the protocol's own.
            let is_plain = !candidate.word.chars().any(char::is_control);
            if !is_plain || !candidate.word.starts_with(&line.current) {
                continue;
            }
            match shell {
                CompletingShell::Bash => text.push_str(&line.quoted(&candidate.word[kept..])),
                CompletingShell::Zsh | CompletingShell::Fish => {
                    text.push_str(&candidate.word);
                    if let Some(description) = &candidate.description {
                        text.push('\t');
                        text.push_str(&printable(&one_line(description)));
                    }
                }
            }
            text.push('\n');
        }
        text
    }
}
