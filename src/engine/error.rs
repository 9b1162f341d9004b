//! How a run fails.

use std::time::Duration;

use crate::core::source::Place;
use crate::http::{StatusCode, TransportError};
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
    /// The kind of fault.
    pub kind: RunErrorKind,
}

/// The kinds of fault of a run.
#[derive(Debug)]
pub enum RunErrorKind {
    /// The API answered with an error.
    Refused {
        /// The status.
        status: StatusCode,
        /// What the body says.
        message: Option<String>,
        /// The id under which the server logged the request.
        request_id: Option<String>,
        /// What the status probably means with this kind of API.
        advice: Option<&'static str>,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
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
    /// A record lacks what the file requires; the words say what.
    Missing(String, Place),
    /// What the file expects does not hold.
    Expectation(Vec<String>),
    /// Whoever takes the records refused one.
    Sink(std::io::Error),
}
