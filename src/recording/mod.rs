//! Recordings: what servers answered in one run, so that queries are tested without a network.
//!
//! A [`Recording`] is a list of exchanges. An exchange is identified by its [`Ask`]: method, path
//! below the resource's base URL, parameters and body, but no host and no header field. Retries and
//! redirects are not part of it: there is one final [`Answer`] for each request of the run.
//!
//! [`read::read`] and [`write::text`] are the answers file; [`matching::Library`] gives each request
//! of a replayed run its answer. [`redact`], [`secrets`] and [`size`] stand between a run and the
//! file; [`har`] exchanges recordings with browsers.
//!
//! This module knows neither queries nor how requests are sent.
//!
//! ```text
//! let recording = read::read(&file)?;
//! let library = Library::new(overrides, recording.exchanges);
//! let answer = library.answer(&Ask::of("GET", &base_url, &url, &Body::Empty))?;
//! ```

mod ask;
mod body;
mod difference;
mod entry;
mod exchange;
mod flow;
pub mod har;
pub mod headers;
mod json_path;
pub mod layout;
pub mod matching;
mod nearest;
mod needles;
pub mod read;
pub mod redact;
pub mod replacement;
pub mod secrets;
pub mod size;
mod target;
#[cfg(test)]
mod tests;
pub mod write;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::source::Place;

/// The answers of servers in one run.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The time of the run.
    pub recorded: Option<Timestamp>,
    /// The names of the resources, in order.
    pub resources: Vec<String>,
    /// The exchanges, in the order of the query: never that of time.
    pub exchanges: Vec<Recorded>,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The request.
    pub ask: Ask,
    /// The query and the item that sent it, for people.
    pub of: Origin,
    /// The answer.
    pub answer: Answer,
    /// The place of the request in the file it was read from.
    pub place: Option<Place>,
}

impl Recorded {
    /// Replaces a text everywhere in the request and the answer.
    pub fn replace_text(&mut self, from: &str, to: &str) {
        let replace = |text: &mut String| {
            if text.contains(from) {
                *text = text.replace(from, to);
            }
        };
        replace(&mut self.ask.target);
        for (_, value) in &mut self.answer.headers {
            replace(value);
        }
        for content in [&mut self.ask.sent, &mut self.answer.body] {
            match content {
                Content::Json(value) => replace_in(value, &replace),
                Content::Text(text) => replace(text),
                Content::Empty | Content::Bytes(_) => {}
            }
        }
    }
}

fn replace_in(value: &mut Value, replace: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => replace(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_in(item, replace)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| replace_in(member, replace)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The sender of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of the query.
    pub query: String,
    /// The item of the walk: `workflow 41e9b64b`.
    pub item: Option<String>,
}

/// A request, as it is matched.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// The path below the base URL with the parameters as they were sent
    /// (`/project/gh%2Fa%2Fb/pipeline?branch=main`), or the complete URL on another host.
    pub target: String,
    /// The body.
    pub sent: Content,
}

/// The body of a request or an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Content {
    /// No bytes.
    #[default]
    Empty,
    /// JSON. Numbers and the order of members are those of the text.
    Json(Value),
    /// Any other text in UTF-8.
    Text(String),
    /// Other bytes.
    Bytes(Vec<u8>),
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields that are kept, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Content,
    /// The time until it arrives.
    pub delay: Duration,
    /// The failure of the connection in its place.
    pub broken: Option<Broken>,
}

/// A failure of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It cannot be opened.
    Connection,
    /// It ends in the middle of the answer.
    Half,
}

/// The treatment of a value that recordings do not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redaction {
    /// It is replaced by the same text everywhere.
    Hide,
    /// Equal values are replaced by equal texts, so that records still join.
    Alias,
}

impl Redaction {
    /// Returns the stronger of two: hiding.
    pub fn or(self, other: Self) -> Self {
        if other == Self::Hide { other } else { self }
    }
}

/// An answer that people write for all requests of a form, in place of a recorded one.
#[derive(Debug, Clone)]
pub struct Override {
    /// The requests: `GET /workflow/*/job`. `*` stands for one segment of the path. Without `?`, the
    /// parameters do not matter; with it, the given ones must be equal.
    pub method: String,
    /// The path below the base URL, possibly with `*` and parameters.
    pub target: String,
    /// The body that must be sent, if it matters.
    pub sent: Option<Content>,
    /// The position of the request among those of the form, from 1; all if absent.
    pub nth: Option<u32>,
    /// The answer.
    pub answer: Answer,
    /// Its place in the file.
    pub place: Place,
}
