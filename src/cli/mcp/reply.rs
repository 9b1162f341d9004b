//! The result of a run as the reply to a call: which runs are answers, which are answers with gaps,
//! and which are errors.

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::in_memory::Form;
use crate::cli::mcp::answer::{Answer, Findings, Limits, error_result, text_result};
use crate::cli::mcp::call::{Ran, StopCause};
use crate::cli::mcp::input_schema;
use crate::core::name;
use crate::project::Query;

/// The context of a reply.
pub struct Reply<'r> {
    /// The outside of the call, with its messages.
    pub app: &'r App,
    /// The limits of the answer.
    pub limits: Limits,
    /// The query.
    pub query: &'r Query,
    /// The time limit of the call in words.
    pub time_limit: String,
}

/// The maximum number of arguments that are named for a narrower answer.
const NAMED: usize = 4;

/// Returns the arguments by which a query gives fewer records: ``narrow with `since` ``.
fn narrower(query: &Query) -> Option<String> {
    // A default from the surroundings, such as the project of the checkout, is rarely changed.
    let optional = input_schema::arguments(query).filter(|var| {
        let default = var.default.as_ref();
        default.is_some_and(|default| input_schema::constant(default).is_some())
    });
    let names: Vec<&str> = optional.map(|var| var.name.as_str()).take(NAMED).collect();
    (!names.is_empty()).then(|| format!("narrow with {}", name::one_of(&names)))
}

impl Reply<'_> {
    /// Replies with a failure.
    pub fn failure(&self, failure: &Failure) -> Value {
        failure.show(self.app, ErrorFormat::Text);
        error_result(&self.app.messages().join("\n\n"), self.limits)
    }

    /// Replies with the result of a run; `None` if the client does not wait for it.
    pub fn of(self, ran: Ran) -> Option<Value> {
        let late = match ran.stopped {
            Some(StopCause::Cancelled) => return None,
            Some(StopCause::Late) => Some(self.late_note(ran.last_state.as_deref())),
            None => None,
        };
        let exit = match ran.result {
            Ok(exit) => exit,
            Err(Stopped::Closed) => Exit::Partial,
            Err(Stopped::Failed(failure)) if failure.exit == Exit::Expectation => {
                failure.show(self.app, ErrorFormat::Text);
                Exit::Expectation
            }
            Err(Stopped::Failed(failure)) => return Some(self.failure(&failure)),
        };
        let mut notes = self.app.messages();
        notes.extend(late.iter().cloned());
        if let Some(document) = document(ran.forms) {
            return Some(self.of_document(exit, &notes, &document));
        }
        let is_empty = ran.records.first.is_empty();
        if !matches!(exit, Exit::Done | Exit::Partial | Exit::Expectation)
            || exit == Exit::Partial && is_empty
        {
            return Some(error_result(&notes.join("\n\n"), self.limits));
        }
        let is_late = late.is_some();
        let failed = notes.join("\n\n");
        let findings = Findings {
            columns: self.query.columns(),
            records: ran.records.first,
            total: (!is_late).then_some(ran.records.total),
            is_partial: exit == Exit::Partial,
            notes: if exit == Exit::Expectation {
                Vec::new()
            } else {
                notes
            },
            narrowing: match narrower(self.query) {
                Some(words) => format!("{words}, or aggregate with the tool `sql`"),
                None => "aggregate with the tool `sql`".to_owned(),
            },
        };
        let answer = Answer::new(&findings, self.limits);
        Some(if exit == Exit::Expectation {
            error_result(&format!("{failed}\n\n{}", answer.text()), self.limits)
        } else {
            answer.result()
        })
    }

    /// Describes the end of a run whose time was up.
    fn late_note(&self, last_state: Option<&str>) -> String {
        let limit = &self.time_limit;
        let state = last_state.map_or_else(String::new, |state| format!("; last state: {state}"));
        let narrower = narrower(self.query).map_or_else(String::new, |words| format!("; {words}"));
        format!("stopped after {limit}{state}{narrower}")
    }

    fn of_document(&self, exit: Exit, notes: &[String], document: &str) -> Value {
        let about = notes.join("\n\n");
        let text = match (about.is_empty(), document.is_empty()) {
            (true, _) => document.to_owned(),
            (false, true) => about,
            (false, false) => format!("{about}\n\n{document}"),
        };
        if exit == Exit::Done || exit == Exit::Partial && !document.is_empty() {
            let narrower = narrower(self.query);
            let narrower = narrower.as_deref().unwrap_or("the rest is left out");
            text_result(&text, self.limits, narrower)
        } else {
            error_result(&text, self.limits)
        }
    }
}

/// Returns the document of a report as Markdown or plain text, or the body of a response.
fn document(forms: Vec<Form>) -> Option<String> {
    let mut forms = forms.into_iter();
    let form = forms.find(|(extension, _)| *extension != "html")?;
    Some(String::from_utf8_lossy(&form.1).into_owned())
}
