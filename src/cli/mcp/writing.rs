//! Tools that write, in two steps: the first call shows what would be sent, the second one sends
//! exactly that.
//!
//! This guards against a wrong call: other arguments, other items, a repetition. It is no consent of
//! a person, which the client asks for.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::{error_hints, request_text};
use crate::core::code::Code;
use crate::core::text::{counted, hex, one_line};
use crate::engine::FoundItems;
use crate::http::{Body, PartContent, Request};
use crate::plan::{Plan, Site};

/// The time for which a proposal holds.
const HOLDS: Duration = Duration::from_secs(5 * 60);

/// The maximum number of requests that a proposal shows.
const SHOWN: usize = 20;

/// The length of a digest, in bytes.
const LENGTH: usize = 8;

/// A proposal of a call that writes.
#[derive(Debug, Clone)]
struct Proposal {
    tool: String,
    made: Instant,
    now: Timestamp,
    number: u64,
}

/// The state that calls share that write.
pub struct Writing {
    /// The proposals that were made.
    pub proposals: Proposals,
    /// Held by the one call that finds items or sends requests.
    pub turn: Mutex<()>,
}

impl Writing {
    /// Creates the state of a server that has proposed nothing.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self {
            proposals: Proposals::new()?,
            turn: Mutex::default(),
        })
    }
}

/// The proposals that were made, by digest.
pub struct Proposals {
    key: hmac::Key,
    known: RefCell<HashMap<String, Proposal>>,
    count: RefCell<u64>,
}

/// The reason why a digest does not confirm a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotConfirmed {
    /// It is unknown, was used, or is older than a proposal may be.
    Unknown,
    /// It belongs to other requests than those that would be sent now.
    Changed,
}

impl NotConfirmed {
    /// Describes the reason.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "That digest is unknown, was used, or has expired.",
            Self::Changed => "That digest is for other requests than these.",
        }
    }
}

/// The requests of a plan: those that a call would send.
pub struct Requests<'r> {
    /// The plan.
    pub plan: &'r Rc<Plan>,
    /// The items of a walk, or the only request, with the results that they use.
    pub found: &'r FoundItems,
    /// The files that the query consists of: its credential and what it polls are in them.
    pub files: BTreeMap<PathBuf, String>,
    /// The name of the environment.
    pub environment: Option<&'r str>,
}

impl Proposals {
    /// Creates an empty list with a key of its own.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    fn new() -> Result<Self, Failure> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| Failure::usage(Code::Mcp, "the system has no random numbers"))?;
        Ok(Self {
            key,
            known: RefCell::default(),
            count: RefCell::default(),
        })
    }

    /// Notes what a tool would send at a time, and returns the digest that confirms it.
    ///
    /// # Errors
    ///
    /// If a request cannot be rendered.
    pub fn propose(
        &self,
        tool: &str,
        now: Timestamp,
        requests: &Requests<'_>,
        app: &App,
    ) -> Result<String, Failure> {
        let number = self.count.replace_with(|count| *count + 1);
        let digest = self.digest(tool, number, requests, app)?;
        let proposal = Proposal {
            tool: tool.to_owned(),
            made: Instant::now(),
            now,
            number,
        };
        let mut known = self.known.borrow_mut();
        known.retain(|_, known| known.made.elapsed() < HOLDS);
        known.insert(digest.clone(), proposal);
        Ok(digest)
    }

    /// Returns the time at which a proposal of a tool was made, if it holds.
    pub fn time_of(&self, tool: &str, digest: &str) -> Option<Timestamp> {
        let known = self.known.borrow();
        let found = known.get(digest)?;
        (found.tool == tool && found.made.elapsed() < HOLDS).then_some(found.now)
    }

    /// Takes the proposal of a digest, if it is for exactly these requests.
    ///
    /// # Errors
    ///
    /// If a request cannot be rendered.
    pub fn take(
        &self,
        tool: &str,
        digest: &str,
        requests: &Requests<'_>,
        app: &App,
    ) -> Result<Result<(), NotConfirmed>, Failure> {
        let number = {
            let known = self.known.borrow();
            let known = known.get(digest);
            let known = known.filter(|known| known.made.elapsed() < HOLDS);
            known.map(|known| known.number)
        };
        let Some(number) = number else {
            return Ok(Err(NotConfirmed::Unknown));
        };
        if self.digest(tool, number, requests, app)? != digest {
            return Ok(Err(NotConfirmed::Changed));
        }
        // Of two equal calls at a time, one sends.
        Ok(match self.known.borrow_mut().remove(digest) {
            Some(_) => Ok(()),
            None => Err(NotConfirmed::Unknown),
        })
    }

    /// Returns the digest of a tool's requests: they cannot be concluded from it, nor can another
    /// process make one.
    fn digest(
        &self,
        tool: &str,
        number: u64,
        requests: &Requests<'_>,
        app: &App,
    ) -> Result<String, Failure> {
        let mut context = hmac::Context::with_key(&self.key);
        let mut add = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        add(tool.as_bytes());
        add(&number.to_be_bytes());
        add(requests.environment.unwrap_or_default().as_bytes());
        for (path, text) in &requests.files {
            add(path.to_string_lossy().as_bytes());
            add(text.as_bytes());
        }
        for request in requests.rendered(app)? {
            add_request(&request, &mut add);
        }
        Ok(hex(&context.sign().as_ref()[..LENGTH]))
    }
}

fn add_request(request: &Request, add: &mut dyn FnMut(&[u8])) {
    add(request.method.as_str().as_bytes());
    add(request.url.as_str().as_bytes());
    for (name, value) in &request.headers {
        add(name.as_str().as_bytes());
        add(value.as_bytes());
    }
    match &request.body {
        Body::Empty => add(b"none"),
        Body::Bytes {
            content_type,
            bytes,
        } => {
            add(content_type.as_bytes());
            add(bytes);
        }
        Body::Multipart(parts) => {
            for part in parts {
                add(part.name.as_bytes());
                match &part.content {
                    PartContent::Text(text) => {
                        add(b"text");
                        add(text.as_bytes());
                    }
                    PartContent::File {
                        file_name,
                        content_type,
                        bytes,
                        ..
                    } => {
                        add(b"file");
                        add(file_name.as_bytes());
                        add(content_type.as_deref().unwrap_or_default().as_bytes());
                        add(bytes);
                    }
                }
            }
        }
    }
}

impl Requests<'_> {
    /// Returns true if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.found.sites.is_empty()
    }

    fn sites(&self) -> Vec<Site> {
        let sites = self.found.sites.iter();
        let with_data = |site: &Site| site.with_data(self.plan, &self.found.data);
        sites.map(with_data).collect()
    }

    fn rendered(&self, app: &App) -> Result<Vec<Request>, Failure> {
        let Some(requests) = self.plan.requests() else {
            return Ok(Vec::new());
        };
        let sites = self.sites();
        let rendered = sites.iter().map(|site| requests.request(site));
        let rendered: Result<Vec<Request>, _> = rendered.collect();
        rendered.map_err(|error| error_hints::render_error(&error, app))
    }

    /// Describes the requests with masked secrets, and the question of the query's author.
    ///
    /// # Errors
    ///
    /// If a request cannot be rendered.
    pub fn text(&self, app: &App) -> Result<String, Failure> {
        let Some(requests) = self.plan.requests() else {
            return Ok(String::new());
        };
        let sites = self.sites();
        let is_walk = self.plan.query.is_walk();
        let question = if is_walk {
            requests.question_about(&sites)
        } else {
            requests.question()
        };
        let failed = |error| error_hints::render_error(&error, app);
        let question = question.map_err(failed)?;
        // It may contain values of the call: on one line, it cannot look like words of the server.
        let mut text = match question {
            Some(question) => format!("Question: {}\n\n", one_line(&question)),
            None => String::new(),
        };
        if is_walk {
            let count = counted(sites.len() as u64, "request");
            let _ = writeln!(text, "This would send {count}:\n");
        } else {
            text.push_str("This would send:\n\n");
        }
        for site in sites.iter().take(SHOWN) {
            let shown = requests.shown_request_at(site).map_err(failed)?;
            if let Some(about) = site.about() {
                let _ = writeln!(text, "    # {}", one_line(about));
            }
            // Indented, so that no line of a body looks like one of the server.
            for line in request_text::dry_run(&shown).lines() {
                let _ = writeln!(text, "    {line}");
            }
            text.push('\n');
        }
        if sites.len() > SHOWN {
            let more = counted((sites.len() - SHOWN) as u64, "further request");
            let _ = writeln!(text, "and {more}.\n");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_proposal_holds_for_five_minutes_and_for_its_tool() {
        let proposals = Proposals::new().expect("a key");
        let now = "2026-11-02T09:30:00Z".parse().expect("a time");
        let proposal = Proposal {
            tool: "cancel".to_owned(),
            made: Instant::now(),
            now,
            number: 1,
        };
        let digest = "0123456789abcdef".to_owned();
        proposals
            .known
            .borrow_mut()
            .insert(digest.clone(), proposal);
        assert_eq!(proposals.time_of("cancel", &digest), Some(now));
        assert_eq!(proposals.time_of("rerun", &digest), None);
        tokio::time::advance(Duration::from_secs(299)).await;
        assert_eq!(proposals.time_of("cancel", &digest), Some(now));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(proposals.time_of("cancel", &digest), None);
    }

    #[test]
    fn parts_of_a_request_are_told_apart() {
        let digest = |url: &str, body: &'static [u8]| {
            let mut seen = Vec::new();
            let mut request = Request::new(crate::http::Method::POST, url.parse().expect("a URL"));
            request.body = Body::Bytes {
                content_type: "text/plain".to_owned(),
                bytes: bytes::Bytes::from_static(body),
            };
            add_request(&request, &mut |bytes| seen.push(bytes.to_vec()));
            seen
        };
        assert_eq!(digest("http://a/b", b"c"), digest("http://a/b", b"c"));
        assert_ne!(digest("http://a/b", b"c"), digest("http://a/bc", b""));
        assert_ne!(digest("http://a/b", b"c"), digest("http://a/b", b"d"));
    }
}
