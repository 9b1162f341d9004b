//! Bodies of responses as files.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read as _};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use serde_json::json;

use crate::core::text::{hex, one_line, truncate_to_width};
use crate::engine::decoded::LONGEST_CONTENT;
use crate::engine::levels::Level;
use crate::engine::listing::Listing;
use crate::engine::outcome::End;
use crate::engine::outlet::{Gone, Outlet, Taker};
use crate::engine::records::{KeyedRecord, read_batch};
use crate::engine::{Downloads, Outcome, RunError, RunErrorKind};
use crate::http::links::without_query;
use crate::http::{
    HeaderMap, HeaderValue, Receive, Response, TransportError, TransportErrorKind, coding, header,
};
use crate::project::load::plain;
use crate::project::query::StatusMeaning;
use crate::sink::{FileBeneath, Sink as _, Slot, Spool};
use crate::template::{RenderError, Template};

/// The size of a piece of a file that is read at a time, in bytes.
const PIECE: usize = 1 << 20;

impl Listing<'_> {
    /// Requests the content and writes it to a file.
    pub async fn download(mut self, path: &Template, taker: &Taker, outlet: &Outlet) -> End {
        match self.file(path).await {
            Ok(None) => End::Done(Outcome::Complete),
            Ok(Some(kept)) => match self.hand_on(kept, taker, outlet).await {
                Ok(()) => End::Done(Outcome::Complete),
                Err(Gone) => End::Gone,
            },
            Err(error) => End::Failed(error),
        }
    }

    async fn file(&mut self, path: &Template) -> Result<Option<Vec<KeyedRecord>>, RunError> {
        let run = self.run;
        let of_file = RunErrorKind::Render;
        let request = self.requests.request(self.site);
        let mut request = request.map_err(|error| self.fault(None, of_file(error)))?;
        let receiver = self.receiver(path).await;
        let receiver = receiver.map_err(|error| self.fault(None, of_file(error)))?;
        let Some(receiver) = receiver else {
            return Ok(None);
        };
        // What is written must not depend on what the client can decode.
        let identity = HeaderValue::from_static("identity");
        request.headers.insert(header::ACCEPT_ENCODING, identity);
        request.receiver = Some(Rc::clone(&receiver) as _);
        let fault = |listing: &Self, kind| listing.fault(Some(&request), kind);
        let response = match self.respond(&request).await {
            Ok(Some(response)) => response,
            Ok(None) => return Ok(None),
            Err(kind) => return Err(fault(self, kind)),
        };
        let written = receiver.finish(&response).await;
        let written = written.map_err(|kind| fault(self, kind))?;
        let record = json!({
            "path": receiver.shown,
            "bytes": written.bytes,
            "sha256": written.sha256,
            "url": without_query(&request.url),
            "kept": written.is_kept,
        });
        self.note_first(&response, StatusMeaning::Ok, Some(&record));
        let read = read_batch(self.plan, self.site.scope(), vec![record], &response, 0);
        let (kept, read) = read.map_err(|kind| fault(self, kind))?;
        run.findings.borrow_mut().add_unreadable(self.plan);
        run.findings.borrow_mut().add_columns(self.plan, &read);
        run.cover_records(self.plan, &kept, &read);
        Ok(Some(kept))
    }

    /// Returns true if the path depends only on the query and its vars, and not on a response.
    fn is_chosen_by_user(&self, path: &Template) -> bool {
        let vars = &self.plan.query.vars;
        let is_of_user = |root: &str| {
            ["env", "git", "now", "vars"].contains(&root) || vars.iter().any(|var| var.name == root)
        };
        path.mentions()
            .iter_all()
            .all(|mention| is_of_user(mention.root()))
    }

    /// Reserves the place of the file; `None` if the run writes no files.
    async fn receiver(&self, path: &Template) -> Result<Option<Rc<FileReceiver>>, RenderError> {
        let Some(Downloads { folder, refreshes }) = self.run.session.downloads() else {
            return Ok(None);
        };
        let name = path.text(self.site.scope())?;
        let name = name.as_str();
        let refused = |error: &io::Error| {
            let scrubber = &self.plan.scrubber;
            let short = scrubber.text(name);
            let short = truncate_to_width(&one_line(&short), 80).into_owned();
            let words = plain(error);
            let words = format!("`{short}` cannot be written: {}", scrubber.text(&words));
            RenderError::new(path.place(), &words)
        };
        let slot = folder.slot(name).map_err(|error| refused(&error))?;
        let may_replace = folder.is_given() || self.is_chosen_by_user(path);
        let known = match slot.size().map_err(|error| refused(&error))? {
            None => None,
            Some(_) if *refreshes && !may_replace => return Err(refused(&is_there())),
            Some(_) if *refreshes => None,
            Some(_) => Some(hashed(&slot).await.map_err(|error| refused(&error))?),
        };
        Ok(Some(Rc::new(FileReceiver {
            shown: folder.shown(name),
            may_replace,
            slot,
            known,
            level: self.run.level(self.plan),
            state: RefCell::new(State::Waiting),
        })))
    }
}

/// The error for a file that would be replaced, although only a response named it.
fn is_there() -> io::Error {
    io::Error::other(
        "a different file is there, and without a folder given with `--out` none is replaced",
    )
}

/// A file that was written, or kept.
#[derive(Debug, Clone)]
struct Written {
    bytes: u64,
    /// In hex.
    sha256: String,
    is_kept: bool,
}

/// Writes a body to a file, aside.
#[derive(Debug)]
struct FileReceiver {
    /// The path for people, from where they stand.
    shown: String,
    slot: Slot,
    /// The file that is there already, unless it is to be requested anew.
    known: Option<Written>,
    /// False if a file that is there must not be replaced.
    may_replace: bool,
    level: Rc<Level>,
    state: RefCell<State>,
}

#[derive(Debug)]
enum State {
    /// No successful response has begun.
    Waiting,
    /// The file that is there is kept.
    Kept,
    /// The body is the content.
    Plain(Box<Open>),
    /// The body has a content coding although none was requested. The hash is that of the body.
    Coded(Spool, Box<Hash>),
}

/// A file that is being written.
struct Open {
    sink: FileBeneath,
    hash: Hash,
    bytes: u64,
}

/// A SHA-256 of bytes as they arrive.
struct Hash(Context);

impl Hash {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn in_hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hash")
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Open({} bytes)", self.bytes)
    }
}

impl Open {
    fn new(slot: &Slot) -> io::Result<Self> {
        Ok(Self {
            sink: slot.create()?,
            hash: Hash::new(),
            bytes: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.0.update(bytes);
        self.bytes += bytes.len() as u64;
        self.sink.write(bytes)
    }

    /// Completes the file, unless the content is not what the response announces. `of_body` is the
    /// hash of the body as it was sent, if that is not the content.
    fn finish(self, headers: &HeaderMap, of_body: Option<&str>) -> Result<Written, RunErrorKind> {
        let sha256 = self.hash.in_hex();
        if let Some((field, announced)) = announced_hash(headers)
            && announced != sha256
            && of_body != Some(&announced)
        {
            let words = format!(
                "the body does not have the SHA-256 that `{field}` announces ({announced})"
            );
            return Err(RunErrorKind::Content(words));
        }
        Box::new(self.sink)
            .finish()
            .map_err(|error| stored(&error))?;
        Ok(Written {
            bytes: self.bytes,
            sha256,
            is_kept: false,
        })
    }
}

/// Creates the error for a file that cannot be written.
fn stored(error: &io::Error) -> RunErrorKind {
    of_body(TransportErrorKind::Storage(plain(error)))
}

/// Creates the error for a body that arrived, but cannot be used.
fn of_body(kind: TransportErrorKind) -> RunErrorKind {
    RunErrorKind::Transport(TransportError {
        kind,
        may_have_acted: true,
        causes: Vec::new(),
    })
}

impl Receive for FileReceiver {
    fn begin(&self, headers: &HeaderMap) -> io::Result<bool> {
        let is_coded = coding::is_encoded(headers);
        let is_announced = |known: &Written| !is_coded && is_same(known, headers);
        let state = if self.known.as_ref().is_some_and(is_announced) {
            State::Kept
        } else if self.known.is_some() && !self.may_replace {
            return Err(is_there());
        } else if is_coded {
            State::Coded(Spool::default(), Box::new(Hash::new()))
        } else {
            State::Plain(Box::new(Open::new(&self.slot)?))
        };
        let is_kept = matches!(state, State::Kept);
        self.state.replace(state);
        Ok(!is_kept)
    }

    fn take(&self, bytes: &[u8]) -> io::Result<()> {
        Level::count(&self.level.bytes, bytes.len() as u64);
        match &mut *self.state.borrow_mut() {
            State::Plain(open) => open.write(bytes),
            State::Coded(spool, hash) => {
                hash.0.update(bytes);
                spool.push(bytes)
            }
            State::Waiting | State::Kept => Ok(()),
        }
    }
}

impl FileReceiver {
    /// Completes the file.
    async fn finish(&self, response: &Response) -> Result<Written, RunErrorKind> {
        let headers = &response.headers;
        let open = || Open::new(&self.slot).map_err(|error| stored(&error));
        match self.state.replace(State::Waiting) {
            State::Kept => {
                let known = self.known.clone();
                known.ok_or_else(|| stored(&io::Error::other("the file is gone")))
            }
            State::Plain(open) => open.finish(headers, None),
            State::Coded(spool, hash) => {
                let body = hash.in_hex();
                let content = coding::reader(headers, spool.into_source().reader());
                let damaged = |error: io::Error| of_body(TransportErrorKind::Coding(plain(&error)));
                let mut content = content.map_err(damaged)?;
                let mut open = open()?;
                let mut piece = vec![0; PIECE];
                loop {
                    let count = content.read(&mut piece).map_err(damaged)?;
                    if count == 0 {
                        return open.finish(headers, Some(&body));
                    }
                    if open.bytes + count as u64 > LONGEST_CONTENT {
                        let words = "the decoded body is longer than 4 GiB".to_owned();
                        return Err(of_body(TransportErrorKind::Coding(words)));
                    }
                    open.write(&piece[..count])
                        .map_err(|error| stored(&error))?;
                    tokio::task::yield_now().await;
                }
            }
            // A response whose status is not a success was held in memory, and is decoded.
            State::Waiting => {
                let mut open = open()?;
                let written = open.write(&response.body);
                written.map_err(|error| stored(&error))?;
                let nothing = HeaderMap::new();
                open.finish(&nothing, None)
            }
        }
    }
}

/// Hashes the file that is there, with other tasks in between.
async fn hashed(slot: &Slot) -> io::Result<Written> {
    let mut hash = Hash::new();
    let mut bytes = 0;
    let mut file = slot.open()?;
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(Written {
                bytes,
                sha256: hash.in_hex(),
                is_kept: true,
            });
        }
        hash.0.update(&piece[..count]);
        bytes += count as u64;
        tokio::task::yield_now().await;
    }
}

/// Returns true if the file that is there is the announced one: its hash is the announced one, or
/// without one its size.
fn is_same(known: &Written, headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length == Some(known.bytes)
        && announced_hash(headers).is_none_or(|(_, announced)| announced == known.sha256)
}

/// Returns the SHA-256 of the content that a response announces, in hex, and the field that does:
/// `Repr-Digest` (RFC 9530, section 3), `Digest` (RFC 3230), or the checksum of S3.
fn announced_hash(headers: &HeaderMap) -> Option<(&'static str, String)> {
    let field = |name: &str| headers.get(name)?.to_str().ok();
    let listed = |name: &str| {
        field(name)?.split(',').find_map(|entry| {
            let (algorithm, value) = entry.trim().split_once('=')?;
            let is_sha256 = algorithm.eq_ignore_ascii_case("sha-256");
            is_sha256.then(|| value.trim_matches(':'))
        })
    };
    let named = |name: &'static str, value: Option<_>| value.map(|value: &str| (name, value));
    let (name, encoded) = named("Repr-Digest", listed("repr-digest"))
        .or_else(|| named("Digest", listed("digest")))
        .or_else(|| named("x-amz-checksum-sha256", field("x-amz-checksum-sha256")))?;
    let hash = STANDARD.decode(encoded.trim()).ok()?;
    (hash.len() == 32).then(|| (name, hex(&hash)))
}
