//! Errors of a run.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::core::code::Code;
use crate::core::json::plain;
use crate::core::source::Place;
use crate::core::text::{one_line, truncate_to_width};
use crate::engine::extraction::MisfitError;
use crate::http::masked_addresses;
use crate::http::{StatusCode, TransportError, TransportErrorKind};
use crate::plan::disguise::masked_value;
use crate::plan::{Plan, PlanError, Site, identifying_member};
use crate::resource::ErrorBody;
use crate::template::RenderError;

/// An error of a run, with its origin.
#[derive(Debug)]
pub struct RunError {
    /// The query's name.
    pub query: String,
    /// The part of the run's query it belongs to: see [`Plan::trail`].
    pub part: String,
    /// The name of the resource; `None` for a statement.
    pub resource: Option<String>,
    /// `GET https://…`, with secrets masked; `None` before the first request.
    pub request: Option<String>,
    /// The item of a walk that failed.
    pub item: Option<Box<FailedItem>>,
    /// True if it concerns a page after the first.
    pub is_later_page: bool,
    /// The kind of error.
    pub kind: RunErrorKind,
}

impl RunError {
    /// Creates an error of a whole plan, not of one of its requests.
    pub fn of_plan(plan: &Plan, kind: RunErrorKind) -> Self {
        Self {
            query: plan.query.name.clone(),
            part: plan.trail.clone(),
            resource: plan.requests().map(|plan| plan.resource().name.clone()),
            request: None,
            item: None,
            is_later_page: false,
            kind,
        }
    }

    /// Returns the status of an error response.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            RunErrorKind::Refused(refusal) => Some(refusal.status.as_u16()),
            _ => None,
        }
    }

    /// Returns the error code, a stable interface.
    pub fn code(&self) -> Code {
        self.kind.code()
    }

    /// Returns the error in one line.
    pub fn message(&self) -> String {
        let resource = self.resource.as_deref().unwrap_or(&self.query);
        match &self.kind {
            RunErrorKind::Refused(refusal) => refusal.message(resource),
            RunErrorKind::Transport(error) => transport_message(error, resource),
            RunErrorKind::Unreadable { words, .. }
            | RunErrorKind::Rows { words, .. }
            | RunErrorKind::Sql { words, .. }
            | RunErrorKind::Content(words)
            | RunErrorKind::Table { words, .. }
            | RunErrorKind::Stored { words, .. }
            | RunErrorKind::Listing(words)
            | RunErrorKind::Waited(words)
            | RunErrorKind::Missing(words, _) => words.clone(),
            RunErrorKind::Misfit(error) => error.message(),
            RunErrorKind::Render(error) => error.message.clone(),
            RunErrorKind::Plan(error) => error.message(),
            RunErrorKind::Expectation(failed) => {
                let sources = failed.iter().map(|one| format!("`{}`", one.that));
                sources.collect::<Vec<_>>().join(", ")
            }
            RunErrorKind::Sink(error) => error.to_string(),
        }
    }
}

/// Returns the message of a transport error, with the name of the resource.
pub fn transport_message(error: &TransportError, resource: &str) -> String {
    match &error.kind {
        TransportErrorKind::Credentials(_)
        | TransportErrorKind::TokenEndpoint { .. }
        | TransportErrorKind::NoBudget(_)
        | TransportErrorKind::Settings(_) => {
            format!("resource `{resource}`: {error}")
        }
        _ => format!("{resource}: {error}"),
    }
}

/// The item of a walk that failed.
#[derive(Debug, Clone)]
pub struct FailedItem {
    /// A description: `workflow 5034460f-…`.
    pub label: String,
    /// The items by name, outermost first, with secrets masked.
    pub names: Vec<(String, Value)>,
}

impl FailedItem {
    /// The maximum number of columns shown beside the id.
    const SHOWN: usize = 3;

    /// The maximum width of a value in terminal columns.
    const WIDTH: usize = 40;

    /// Returns the item of a request, if it has one.
    pub fn of(site: &Site) -> Option<Box<Self>> {
        let names = site.items();
        let names = names
            .into_iter()
            .map(|(name, item)| (name, without_signatures(&masked_value(&item))));
        site.about().map(|label| {
            Box::new(Self {
                label: label.to_owned(),
                names: names.collect(),
            })
        })
    }

    /// Describes the item by its id and first columns: `workflow 5034460f-… (name: build, status:
    /// failed)`.
    pub fn shown(&self) -> String {
        let columns = match self.names.last() {
            Some((_, Value::Object(members))) => first_columns(members),
            _ => Vec::new(),
        };
        if columns.is_empty() {
            self.label.clone()
        } else {
            format!("{} ({})", self.label, columns.join(", "))
        }
    }
}

/// Masks the queries of the addresses in an item: a presigned address is a secret.
fn without_signatures(item: &Value) -> Value {
    match item {
        Value::String(text) => masked_addresses(text).into(),
        Value::Array(items) => items.iter().map(without_signatures).collect(),
        Value::Object(members) => {
            let masked = members.iter();
            let masked = masked.map(|(key, member)| (key.clone(), without_signatures(member)));
            Value::Object(masked.collect())
        }
        other => other.clone(),
    }
}

/// Returns the first scalar columns of an item, except its id.
fn first_columns(members: &Map<String, Value>) -> Vec<String> {
    let id = identifying_member(members).and_then(|key| members.get_key_value(key));
    let shown = members.iter().filter(|(name, value)| {
        let is_plain = !(value.is_object() || value.is_array() || value.is_null());
        is_plain && **value != "" && id.is_none_or(|(key, id)| *name != key && *value != id)
    });
    let columns = shown.take(FailedItem::SHOWN).map(|(name, value)| {
        let text = plain(value);
        let text = one_line(&text);
        format!("{name}: {}", truncate_to_width(&text, FailedItem::WIDTH))
    });
    columns.collect()
}

/// An error response.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The parsed body.
    pub says: ErrorBody,
    /// The server's id of the request.
    pub request_id: Option<String>,
    /// An explanation of the status for this kind of API.
    pub advice: Option<&'static str>,
    /// The delay requested by the server.
    pub retry_after: Option<Duration>,
    /// True if it is a rate limit.
    pub is_rate_limited: bool,
    /// True if it came from a linked host, which got no credential.
    pub is_linked: bool,
    /// The announced end of life of the route.
    pub retirement: Option<String>,
    /// True if the error is in the body of a GraphQL response, whose status says nothing about it.
    pub is_graphql: bool,
}

impl Refusal {
    /// Returns the error code, a stable interface.
    pub fn code(&self) -> Code {
        if self.is_graphql {
            Code::Graphql
        } else {
            Code::Http(self.status.as_u16())
        }
    }

    /// Returns the status and the server's message; `resource` is the resource's name.
    pub fn message(&self, resource: &str) -> String {
        if self.is_graphql {
            let words = self.says.message.as_deref();
            return match words {
                Some(words) => format!("{resource} returned a GraphQL error: {words}"),
                None => format!("{resource} returned a GraphQL error without a message"),
            };
        }
        let reason = self.status.canonical_reason().unwrap_or("");
        let status_line = format!("{} {reason}", self.status.as_u16());
        let head = format!("{resource} returned {}", status_line.trim_end());
        // The title of a gateway's error page repeats the status.
        let message = self.says.message.as_ref();
        match message.filter(|message| **message != status_line) {
            Some(message) => format!("{head}: {message}"),
            None => head,
        }
    }
}

/// The kinds of error of a run.
#[derive(Debug)]
pub enum RunErrorKind {
    /// The API answered with an error.
    Refused(Box<Refusal>),
    /// There was no response.
    Transport(TransportError),
    /// The response is not what was requested.
    Unreadable {
        /// The message.
        words: String,
        /// A possible remedy.
        remedy: Option<Remedy>,
    },
    /// The content of a response cannot be decoded.
    Content(String),
    /// `rows` matches something other than rows.
    Rows {
        /// The message.
        words: String,
        /// A hint.
        help: String,
    },
    /// The listing cannot continue, with the reason.
    Listing(String),
    /// A template could not be rendered.
    Render(RenderError),
    /// A statement over `data` failed.
    Sql {
        /// The message.
        words: String,
        /// The place in the query's file.
        place: Place,
        /// A hint.
        help: Option<String>,
        /// True if the run was out of time.
        is_stopped: bool,
    },
    /// The files of a table cannot be read.
    Table {
        /// The error code.
        code: Code,
        /// The message.
        words: String,
        /// The place that names the files, if it is in a file.
        place: Option<Place>,
    },
    /// The store cannot be read.
    Stored {
        /// The message.
        words: String,
        /// A hint.
        help: Option<String>,
        /// True if its server cannot be reached.
        is_connection: bool,
    },
    /// A query could not be bound for an item.
    Plan(PlanError),
    /// Polling timed out, with the time it took.
    Waited(String),
    /// A record lacks a required value, with a message.
    Missing(String, Place),
    /// A value is not of its column's declared type.
    Misfit(Box<MisfitError>),
    /// Expectations do not hold.
    Expectation(Vec<Unmet>),
    /// The ending failed to take a record.
    Sink(std::io::Error),
}

/// A remedy for an unreadable response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Request less data.
    AskForLess,
    /// Declare the kind of content with `decode`.
    Decode(&'static str),
    /// Use another `base_url`, since the response was a web page.
    OtherAddress,
    /// Look at the raw response. Only the first response of a run can be shown.
    LookAtIt,
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The condition.
    pub that: String,
    /// The author's message, if there is one.
    pub message: Option<String>,
}

impl RunErrorKind {
    fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Transport(error) => transport_code(&error.kind),
            Self::Unreadable { .. } => Code::NotJson,
            Self::Content(_) => Code::Decode,
            Self::Rows { .. } => Code::Rows,
            Self::Listing(_) => Code::Listing,
            Self::Render(_) | Self::Plan(PlanError::Render(_)) => Code::Template,
            Self::Sql { .. } => Code::Sql,
            Self::Table { code, .. } => *code,
            Self::Stored {
                is_connection: true,
                ..
            } => Code::Connect,
            Self::Stored { .. } => Code::Store,
            Self::Plan(PlanError::Credential(_)) => Code::NoCredential,
            Self::Plan(PlanError::Call(faults)) => {
                faults.first().map_or(Code::Usage, |fault| fault.code)
            }
            Self::Waited(_) => Code::PollTimeout,
            Self::Missing(..) => Code::MissingValue,
            Self::Misfit(_) => Code::Misfit,
            Self::Expectation(_) => Code::Expectation,
            Self::Sink(_) => Code::CannotWrite,
        }
    }

    /// Returns true if the file or the output is at fault, so that every response would fail.
    pub fn is_of_file(&self) -> bool {
        match self {
            Self::Render(_)
            | Self::Plan(_)
            | Self::Sql { .. }
            | Self::Table { .. }
            | Self::Stored { .. }
            | Self::Rows { .. }
            | Self::Missing(..)
            | Self::Misfit(_)
            | Self::Sink(_) => true,
            Self::Refused(_)
            | Self::Transport(_)
            | Self::Unreadable { .. }
            | Self::Content(_)
            | Self::Listing(_)
            | Self::Waited(_)
            | Self::Expectation(_) => false,
        }
    }

    /// Returns true if every other request would fail the same way.
    pub fn is_of_all(&self) -> bool {
        match self {
            // An invalid token is invalid for all.
            Self::Refused(refusal) => refusal.status == StatusCode::UNAUTHORIZED,
            Self::Transport(error) => matches!(
                error.kind,
                TransportErrorKind::Credentials(_)
                    | TransportErrorKind::TokenEndpoint { .. }
                    | TransportErrorKind::Settings(_)
                    | TransportErrorKind::NoBudget(_)
                    | TransportErrorKind::Limited { .. }
            ),
            _ => false,
        }
    }

    /// Returns true if every other request would fail the same way, provided that none has
    /// succeeded.
    pub fn is_of_server(&self) -> bool {
        match self {
            Self::Transport(error) => matches!(
                error.kind,
                TransportErrorKind::Connect
                    | TransportErrorKind::Name
                    | TransportErrorKind::Tls
                    | TransportErrorKind::ConnectTimeout(_)
            ),
            _ => false,
        }
    }

    /// Returns true if a later attempt may succeed.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                refusal.status.is_server_error()
                    || refusal.is_rate_limited
                    || refusal.status == StatusCode::REQUEST_TIMEOUT
            }
            Self::Transport(_) => !self.is_of_all(),
            _ => false,
        }
    }

    /// Returns the class by which failures are grouped, without anything that belongs to one request.
    pub fn class(&self) -> String {
        match self {
            Self::Refused(refusal) if refusal.is_graphql => {
                let kind = refusal.says.kind.as_deref().unwrap_or_default();
                format!("GraphQL {kind}").trim_end().to_owned()
            }
            Self::Refused(refusal) => format!("HTTP {}", refusal.status.as_u16()),
            Self::Transport(error) => general(&error.to_string()),
            Self::Unreadable { .. } => "unreadable".to_owned(),
            Self::Content(_) => "content".to_owned(),
            Self::Rows { .. } => "rows".to_owned(),
            Self::Listing(_) => "listing".to_owned(),
            Self::Render(error) => {
                format!(
                    "render {}: {}",
                    error.place.short(),
                    general(&error.message)
                )
            }
            Self::Plan(_) => "plan".to_owned(),
            Self::Sql { .. } => "sql".to_owned(),
            Self::Waited(_) => "waited".to_owned(),
            Self::Missing(_, place) => format!("missing {}", place.short()),
            Self::Misfit(error) => format!("misfit {}", error.place.short()),
            Self::Table { words, .. } | Self::Stored { words, .. } => general(words),
            Self::Expectation(_) => "expectation".to_owned(),
            Self::Sink(_) => "sink".to_owned(),
        }
    }
}

/// Returns the code of a transport error.
pub fn transport_code(kind: &TransportErrorKind) -> Code {
    match kind {
        TransportErrorKind::Connect | TransportErrorKind::NoBudget(_) => Code::Connect,
        TransportErrorKind::Name => Code::Dns,
        TransportErrorKind::Tls => Code::Tls,
        TransportErrorKind::ConnectTimeout(_) | TransportErrorKind::Timeout(_) => Code::Timeout,
        TransportErrorKind::Broken => Code::BrokenConnection,
        TransportErrorKind::Malformed(_) => Code::MalformedAnswer,
        TransportErrorKind::Storage(_) => Code::CannotWrite,
        TransportErrorKind::Coding(_) => Code::ContentCoding,
        TransportErrorKind::TooLarge(_) => Code::TooLarge,
        TransportErrorKind::UrlTooLong { .. } => Code::UrlTooLong,
        TransportErrorKind::Limited(_) => Code::RateLimit,
        TransportErrorKind::Redirect(_) => Code::Redirect,
        TransportErrorKind::Credentials(_) => Code::NoCredential,
        TransportErrorKind::Settings(_) => Code::Settings,
        TransportErrorKind::Unavailable(status) => Code::Http(status.as_u16()),
        TransportErrorKind::TokenEndpoint { kind, .. } => transport_code(kind),
    }
}

/// Returns a message without words that may belong to one request: ids, numbers and URLs.
fn general(message: &str) -> String {
    let words = message.split_whitespace().map(|word| {
        let is_of_request = word.contains(|c: char| c.is_ascii_digit() || c == '/');
        if is_of_request { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_alike_whatever_their_ids_and_addresses() {
        let redirect = |words: &str| {
            let kind = TransportErrorKind::Redirect(words.to_owned());
            RunErrorKind::Transport(TransportError::before(kind)).class()
        };
        assert_eq!(
            redirect("refused a redirect to `https://a.example/1`, another host"),
            redirect("refused a redirect to `https://b.example/2`, another host")
        );
        assert_ne!(redirect("too many redirects"), redirect("no `location`"));
        let timeout = |seconds| {
            let kind = TransportErrorKind::Timeout(Duration::from_secs(seconds));
            RunErrorKind::Transport(TransportError::before(kind)).class()
        };
        assert_eq!(timeout(30), timeout(31));
    }
}
