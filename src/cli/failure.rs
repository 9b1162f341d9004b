//! Failures: text for people or JSON for programs, and an exit code.

use std::io;

use serde_json::{Map, Value, json};

use crate::cli::exit::Exit;
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::source::Place;
use crate::engine::Write;
use crate::format::MetricError;
use crate::project::load;

/// The format of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ErrorFormat {
    /// Human-readable text.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The reason why a verb stopped early.
#[derive(Debug)]
pub enum Stopped {
    /// The reader closed the output. There is nothing to report.
    Closed,
    /// A failure.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Stopped {
    /// Converts an error of standard output.
    pub fn from_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Failed(Failure::of_output(error))
        }
    }
}

/// A failure to be shown.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub code: Code,
    /// The exit code.
    pub exit: Exit,
    /// The message, one sentence.
    pub message: String,
    /// The messages of lower layers.
    pub causes: Vec<String>,
    /// Facts in order: request, status, request id.
    pub facts: Vec<(&'static str, Value)>,
    /// The place in a file.
    pub place: Option<Place>,
    /// Hints.
    pub help: Vec<String>,
    /// Faults of files. If there are any, they are shown instead.
    pub diagnostics: Vec<Diagnostic>,
    /// True once a hint says that a write may have been carried out.
    warns_of_writes: bool,
}

impl Failure {
    /// Creates a failure with an exit code.
    pub fn new(exit: Exit, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            exit,
            message: message.into(),
            causes: Vec::new(),
            facts: Vec::new(),
            place: None,
            help: Vec::new(),
            diagnostics: Vec::new(),
            warns_of_writes: false,
        }
    }

    /// Creates a failure of invalid usage or files.
    pub fn usage(code: Code, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// Creates a failure of writing the result.
    pub fn of_output(error: &io::Error) -> Self {
        if let Some(error) = MetricError::of(error) {
            return Self::of_metrics(error);
        }
        let words = match error.get_ref() {
            // The error already names its file.
            Some(own) => own.to_string(),
            None => format!("cannot write the result: {}", load::plain(error)),
        };
        Self::usage(Code::CannotWrite, words)
    }

    /// Creates a failure of a query or a record that does not give valid metrics.
    fn of_metrics(error: &MetricError) -> Self {
        let exit = if error.is_usage() {
            Exit::Usage
        } else {
            Exit::Expectation
        };
        let failure = Self::new(exit, Code::Metric, error.to_string());
        error.help().into_iter().fold(failure, Self::help)
    }

    /// Creates a failure from faults of files.
    pub fn from_diagnostics(faults: Diagnostics) -> Self {
        Self::from_list(faults.into_sorted())
    }

    /// Creates a failure from faults of files or of a call, in order.
    pub fn from_list(list: Vec<Diagnostic>) -> Self {
        let is_refused = !list.is_empty() && list.iter().all(|fault| fault.is_refusal);
        let exit = if is_refused {
            Exit::Forbidden
        } else {
            Exit::Usage
        };
        let mut failure = Self::new(exit, Code::Files, "");
        failure.diagnostics = list.into_iter().map(Diagnostic::guarded).collect();
        failure
    }

    /// Returns the message.
    pub fn words(&self) -> &str {
        match self.diagnostics.first() {
            Some(fault) => &fault.message,
            None => &self.message,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds hints.
    #[must_use]
    pub fn helps(mut self, help: Vec<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// Adds a fact, if there is one.
    #[must_use]
    pub fn maybe_fact(self, name: &'static str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }

    /// Adds the requests that may have been carried out although no response confirms it.
    #[must_use]
    pub fn unconfirmed(self, writes: &[Write]) -> Self {
        let list: Vec<Value> = writes
            .iter()
            .map(|write| match &write.item {
                Some(item) => json!({ "method": write.method, "url": write.url, "item": item }),
                None => json!({ "method": write.method, "url": write.url }),
            })
            .collect();
        self.fact(UNCONFIRMED, list)
    }

    /// Adds, once, the hint that an unconfirmed write may have been carried out.
    #[must_use]
    pub fn may_have_written(mut self) -> Self {
        if self.warns_of_writes {
            return self;
        }
        self.warns_of_writes = true;
        self.help(
            "the request may have been carried out nevertheless: check before sending it again",
        )
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Converts to diagnostics: those of files, or this failure as one.
    pub(super) fn as_diagnostics(&self) -> Vec<Diagnostic> {
        if !self.diagnostics.is_empty() {
            return self.diagnostics.clone();
        }
        let message = self.message.clone();
        let code = self.code;
        let mut diagnostic = match &self.place {
            Some(place) => Diagnostic::at(place, code, message),
            None => Diagnostic::general(code, message),
        };
        diagnostic.help.clone_from(&self.help);
        for cause in &self.causes {
            diagnostic.facts.push(format!("caused by: {cause}"));
        }
        for (name, value) in &self.facts {
            if *name == UNCONFIRMED {
                let list = value.as_array().into_iter().flatten();
                diagnostic.facts.extend(list.map(unconfirmed_line));
                continue;
            }
            // These facts are already in the message or the hints.
            if !["status", "retry_after_seconds", "pointer"].contains(name) {
                let text = crate::core::json::plain(value);
                diagnostic
                    .facts
                    .push(format!("{}: {text}", name.replace('_', " ")));
            }
        }
        vec![diagnostic.guarded()]
    }

    pub(super) fn objects(&self) -> Vec<Value> {
        if !self.diagnostics.is_empty() {
            return self
                .diagnostics
                .iter()
                .map(|diagnostic| object(diagnostic, Some(self.exit)))
                .collect();
        }
        let mut members = Map::new();
        members.insert("level".to_owned(), json!("error"));
        members.insert("code".to_owned(), json!(self.code));
        members.insert("message".to_owned(), json!(self.message));
        members.insert("exit_code".to_owned(), json!(self.exit.code()));
        for (name, value) in &self.facts {
            members.insert((*name).to_owned(), value.clone());
        }
        if !self.causes.is_empty() {
            members.insert("causes".to_owned(), json!(self.causes));
        }
        add_place(&mut members, self.place.as_ref());
        if !self.help.is_empty() {
            members.insert("help".to_owned(), json!(self.help));
        }
        vec![Value::Object(members)]
    }
}

/// The fact that lists unconfirmed requests.
const UNCONFIRMED: &str = "unconfirmed";

fn unconfirmed_line(write: &Value) -> String {
    let text = |name: &str| write.get(name).and_then(Value::as_str).unwrap_or_default();
    let item = match text("item") {
        "" => String::new(),
        item => format!(", for {item}"),
    };
    format!(
        "may have been carried out: {} {}{item}",
        text("method"),
        text("url")
    )
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::from_list(vec![diagnostic])
    }
}

fn add_place(members: &mut Map<String, Value>, place: Option<&Place>) {
    let Some(place) = place else { return };
    let start = place.file.line_column(place.span.start);
    let end = place.file.line_column(place.span.end);
    members.insert("file".to_owned(), json!(place.file.name()));
    members.insert("line".to_owned(), json!(start.line));
    members.insert("column".to_owned(), json!(start.column));
    members.insert("end_line".to_owned(), json!(end.line));
    members.insert("end_column".to_owned(), json!(end.column));
}

/// Converts a diagnostic to JSON.
pub fn object(diagnostic: &Diagnostic, exit: Option<Exit>) -> Value {
    let mut members = Map::new();
    members.insert("level".to_owned(), json!(diagnostic.severity.name()));
    members.insert("code".to_owned(), json!(diagnostic.code));
    members.insert("message".to_owned(), json!(diagnostic.message));
    if let Some(exit) = exit {
        members.insert("exit_code".to_owned(), json!(exit.code()));
    }
    add_place(&mut members, diagnostic.place.as_ref());
    if !diagnostic.help.is_empty() {
        members.insert("help".to_owned(), json!(diagnostic.help));
    }
    Value::Object(members)
}
