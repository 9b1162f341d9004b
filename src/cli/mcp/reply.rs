//! The result of a run as the reply to a call: which runs are answers, which are answers with gaps,
//! and which are errors.

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::in_memory::Form;
use crate::cli::mcp::advice::Advice;
use crate::cli::mcp::answer::{Answer, Findings, Limits, error_result, text_result};
use crate::cli::mcp::call::{CallOutcome, StopCause};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::plan::Plan;

/// The context of a reply.
pub struct Reply<'r> {
    /// The outside of the call, with its messages.
    pub app: &'r App,
    /// The limits of the answer.
    pub limits: Limits,
    /// The plan.
    pub plan: &'r Plan,
    /// The advice for fewer records.
    pub advice: Advice,
    /// The time limit of the call in words.
    pub time_limit: String,
    /// The reason why requests wait, if they do.
    pub pause: Option<String>,
}

impl Reply<'_> {
    /// Replies with the result of a run; `None` if the client does not wait for it.
    pub fn of(self, outcome: CallOutcome) -> Option<Value> {
        if outcome.stopped == Some(StopCause::Cancelled) {
            return None;
        }
        let is_late = outcome.stopped == Some(StopCause::Late);
        let is_empty = outcome.records.first.is_empty() && outcome.forms.is_empty();
        if is_late && is_empty {
            return Some(self.failure(&self.late_failure(&outcome)));
        }
        let exit = match outcome.result {
            Ok(exit) => exit,
            Err(Stopped::Closed) => Exit::Partial,
            Err(Stopped::Failed(failure)) if failure.exit == Exit::Expectation => {
                failure.show(self.app, ErrorFormat::Text);
                Exit::Expectation
            }
            Err(Stopped::Failed(failure)) => return Some(self.failure(&failure)),
        };
        let mut notes = self.app.messages();
        let is_failed = !matches!(exit, Exit::Done | Exit::Partial | Exit::Expectation)
            || exit == Exit::Partial && (is_empty || outcome.has_only_failed);
        if is_failed {
            return Some(error_result(&notes.join("\n\n"), self.limits));
        }
        if let Some(document) = document(outcome.forms) {
            return Some(self.of_document(exit, &notes, &document));
        }
        if is_late {
            notes.push(self.late_words());
        }
        let most = self.plan.record_limit();
        let most = most.filter(|most| outcome.records.total >= *most as u64 && !is_late);
        if let Some(most) = most {
            notes.push(format!(
                "the query asks for at most {most} records (`limit`): there may be more"
            ));
        }
        let failed = notes.join("\n\n");
        let findings = Findings {
            columns: self.plan.query.columns(),
            records: outcome.records.first,
            total: (!is_late && most.is_none()).then_some(outcome.records.total),
            is_partial: exit == Exit::Partial || is_late,
            found: outcome.records.total,
            notes: if exit == Exit::Expectation {
                Vec::new()
            } else {
                notes
            },
            narrowing: self.advice.for_records(),
            is_local: false,
        };
        let answer = Answer::new(&findings, self.limits);
        Some(if exit == Exit::Expectation {
            error_result(&format!("{failed}\n\n{}", answer.text()), self.limits)
        } else {
            answer.result()
        })
    }

    fn failure(&self, failure: &Failure) -> Value {
        failure_result(failure, self.app, self.limits)
    }

    /// Describes the end of a run whose time was up.
    fn late_words(&self) -> String {
        let mut words = format!("stopped after {}", self.time_limit);
        let parts = [self.pause.as_deref(), Some(self.advice.for_time())];
        for part in parts.into_iter().flatten() {
            words.push_str(&format!("; {part}"));
        }
        words
    }

    /// Returns the failure of a run that had no result when its time was up.
    fn late_failure(&self, outcome: &CallOutcome) -> Failure {
        let words = format!("the call was stopped after {}", self.time_limit);
        let mut failure = Failure::new(Exit::Network, Code::OutOfTime, words);
        if let Some(pause) = &self.pause {
            failure = failure.fact("because", pause.clone());
        }
        if outcome.written > 0 {
            let sent = counted(outcome.written, "request");
            return failure
                .fact("sent", format!("{sent} that write were answered"))
                .maybe_fact("last_state", outcome.last_state.clone())
                .help("do not send it again: check what it started");
        }
        match &outcome.last_state {
            Some(state) => failure
                .fact("last_state", state.clone())
                .help("call again to go on waiting"),
            None => failure.help(self.advice.for_time()),
        }
    }

    fn of_document(&self, exit: Exit, notes: &[String], document: &str) -> Value {
        let about = notes.join("\n\n");
        let text = match (about.is_empty(), document.is_empty()) {
            (true, _) => document.to_owned(),
            (false, true) => about,
            (false, false) => format!("{about}\n\n{document}"),
        };
        if exit == Exit::Expectation {
            return error_result(&text, self.limits);
        }
        text_result(&text, self.limits, Some(self.advice.for_time()))
    }
}

/// Returns the result of a call that failed, with the messages before its failure.
pub fn failure_result(failure: &Failure, app: &App, limits: Limits) -> Value {
    failure.show(app, ErrorFormat::Text);
    error_result(&app.messages().join("\n\n"), limits)
}

/// Returns the document of a report as Markdown or plain text, or the body of a response.
fn document(forms: Vec<Form>) -> Option<String> {
    let mut forms = forms.into_iter();
    let form = forms.find(|(extension, _)| *extension != "html")?;
    Some(String::from_utf8_lossy(&form.1).into_owned())
}
