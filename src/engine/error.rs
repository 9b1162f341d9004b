//! How a run fails.

use std::time::Duration;

use crate::core::source::Place;
use crate::http::{StatusCode, TransportError, TransportErrorKind};
use crate::plan::PlanError;
use crate::resource::ErrorBody;
use crate::template::RenderError;

/// A fault of a run: where and what.
#[derive(Debug)]
pub struct RunError {
    /// The query's name.
    pub query: String,
    /// The resource's name.
    pub resource: String,
    /// `GET https://…`, secrets masked; `None` before there was a request.
    pub request: Option<String>,
    /// The item of a walk that it was about: `workflow 5034460f-…`.
    pub item: Option<String>,
    /// True for a page of a listing after its first one.
    pub is_later_page: bool,
    /// The kind of fault.
    pub kind: RunErrorKind,
}

/// An answer that refuses.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What the body says.
    pub says: ErrorBody,
    /// The id under which the server logged the request.
    pub request_id: Option<String>,
    /// What the status probably means with this kind of API.
    pub advice: Option<&'static str>,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
    /// True if it refuses for a time only.
    pub is_rate_limited: bool,
    /// What it says of the end of the route.
    pub retirement: Option<String>,
}

/// The kinds of fault of a run.
#[derive(Debug)]
pub enum RunErrorKind {
    /// The API answered with an error.
    Refused(Box<Refusal>),
    /// There was no answer.
    Transport(TransportError),
    /// The answer is not what was asked for; the words say why.
    Unreadable {
        /// What is wrong.
        words: String,
        /// What would do.
        help: Option<String>,
    },
    /// `rows` finds something else than rows; the words say what.
    Rows {
        /// What is wrong.
        words: String,
        /// What would do.
        help: String,
    },
    /// The listing cannot go on; the words say why.
    Listing(String),
    /// A template could not be rendered.
    Render(RenderError),
    /// A statement over `data` failed.
    Sql {
        /// What is wrong.
        words: String,
        /// Where, in the query's file.
        place: Place,
        /// What would do.
        help: Option<String>,
        /// Whether the run's time was over.
        is_stopped: bool,
    },
    /// A query could not be bound for an item.
    Plan(PlanError),
    /// What was waited for did not come in time; the words say how long it took.
    Waited(String),
    /// A record lacks what the file requires; the words say what.
    Missing(String, Place),
    /// What the file expects does not hold.
    Expectation(Vec<Unmet>),
    /// Whoever takes the records refused one.
    Sink(std::io::Error),
}

/// An expectation that does not hold.
#[derive(Debug, Clone)]
pub struct Unmet {
    /// The condition.
    pub that: String,
    /// The author's message, if there is one.
    pub message: Option<String>,
}

impl RunErrorKind {
    /// Whether it is the file's or the sink's fault, and so would come again with every answer.
    pub fn is_of_file(&self) -> bool {
        match self {
            Self::Render(_)
            | Self::Plan(_)
            | Self::Sql { .. }
            | Self::Rows { .. }
            | Self::Missing(..)
            | Self::Sink(_) => true,
            Self::Refused(_)
            | Self::Transport(_)
            | Self::Unreadable { .. }
            | Self::Listing(_)
            | Self::Waited(_)
            | Self::Expectation(_) => false,
        }
    }

    /// Whether it would be the same for every other request.
    pub fn is_of_all(&self) -> bool {
        match self {
            // A token that is no longer valid is so for all.
            Self::Refused(refusal) => refusal.status == StatusCode::UNAUTHORIZED,
            Self::Transport(error) => matches!(
                error.kind,
                TransportErrorKind::Credentials(_)
                    | TransportErrorKind::Settings(_)
                    | TransportErrorKind::Limited { .. }
            ),
            _ => false,
        }
    }

    /// Whether it would be the same for every other request, as long as none has been answered.
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

    /// Whether asking again later may help.
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

    /// What failures are counted together by.
    pub fn class(&self) -> String {
        match self {
            Self::Refused(refusal) => format!("HTTP {}", refusal.status.as_u16()),
            Self::Transport(error) => error.to_string(),
            Self::Unreadable { .. } => "unreadable".to_owned(),
            Self::Rows { .. } => "rows".to_owned(),
            Self::Listing(_) => "listing".to_owned(),
            Self::Render(error) => format!("render {}", error.message),
            Self::Plan(_) => "plan".to_owned(),
            Self::Sql { .. } => "sql".to_owned(),
            Self::Waited(_) => "waited".to_owned(),
            Self::Missing(words, _) => words.clone(),
            Self::Expectation(_) => "expectation".to_owned(),
            Self::Sink(_) => "sink".to_owned(),
        }
    }
}
