//! Bodies of responses as files.

use std::cell::RefCell;
use std::io;
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
use crate::http::{HeaderMap, HeaderValue, Receive, Response, coding, header};
use crate::project::load::plain;
use crate::project::query::StatusMeaning;
use crate::sink::{FileSink, Sink as _, Slot, Spool};
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
        let written = written.map_err(|error| fault(self, RunErrorKind::Sink(error)))?;
        let record = json!({
            "path": receiver.shown,
            "bytes": written.bytes,
            "sha256": written.sha256,
            "url": without_query(&request.url),
            "kept": written.is_kept,
        });
        self.note_first(&response, StatusMeaning::Ok, Some(&record));
        let read = read_batch(self.plan, self.site.scope(), vec![record], &response);
        let (kept, read) = read.map_err(|kind| fault(self, kind))?;
        run.findings.borrow_mut().add_unreadable(self.plan);
        run.findings.borrow_mut().add_columns(self.plan, &read);
        Ok(Some(kept))
    }

    /// Reserves the place of the file; `None` if the run writes no files.
    async fn receiver(&self, path: &Template) -> Result<Option<Rc<FileReceiver>>, RenderError> {
        let Some(Downloads { folder, refreshes }) = self.run.session.downloads() else {
            return Ok(None);
        };
        let name = path.text(self.site.scope())?;
        let name = name.trim();
        let refused = |error: &io::Error| {
            let short = truncate_to_width(&one_line(name), 80).into_owned();
            let words = format!("`{short}` cannot be written: {}", plain(error));
            RenderError::new(path.place(), self.plan.scrubber.text(&words))
        };
        let slot = folder.slot(name).map_err(|error| refused(&error))?;
        let known = if *refreshes || slot.size().is_none() {
            None
        } else {
            Some(hashed(&slot).await.map_err(|error| refused(&error))?)
        };
        Ok(Some(Rc::new(FileReceiver {
            shown: folder.shown(name),
            slot,
            known,
            level: self.run.level(self.plan),
            state: RefCell::new(State::Waiting),
        })))
    }
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
    /// The body has a content coding although none was requested.
    Coded(Spool),
}

/// A file that is being written.
struct Open {
    sink: FileSink,
    hash: Context,
    bytes: u64,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Open")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Open {
    fn new(slot: &Slot) -> io::Result<Self> {
        Ok(Self {
            sink: slot.create()?,
            hash: Context::new(&SHA256),
            bytes: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.sink.write(bytes)
    }

    fn finish(self) -> io::Result<Written> {
        Box::new(self.sink).finish()?;
        Ok(Written {
            bytes: self.bytes,
            sha256: hex(self.hash.finish().as_ref()),
            is_kept: false,
        })
    }
}

impl Receive for FileReceiver {
    fn begin(&self, headers: &HeaderMap) -> io::Result<bool> {
        let is_coded = coding::is_encoded(headers);
        let is_there = |known: &Written| !is_coded && is_same(known, headers);
        let state = if self.known.as_ref().is_some_and(is_there) {
            State::Kept
        } else if is_coded {
            State::Coded(Spool::default())
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
            State::Coded(spool) => spool.push(bytes),
            State::Waiting | State::Kept => Ok(()),
        }
    }
}

impl FileReceiver {
    /// Completes the file.
    async fn finish(&self, response: &Response) -> io::Result<Written> {
        match self.state.replace(State::Waiting) {
            State::Kept => {
                let known = self.known.clone();
                known.ok_or_else(|| io::Error::other("the file is gone"))
            }
            State::Plain(open) => open.finish(),
            State::Coded(spool) => {
                let body = spool.into_source().reader();
                let mut content = coding::reader(&response.headers, body)?;
                let mut open = Open::new(&self.slot)?;
                copy(&mut content, |bytes| {
                    if open.bytes + bytes.len() as u64 > LONGEST_CONTENT {
                        return Err(io::Error::other("the decoded body is longer than 4 GiB"));
                    }
                    open.write(bytes)
                })
                .await?;
                open.finish()
            }
            // A response whose status is not a success was held in memory.
            State::Waiting => {
                let mut open = Open::new(&self.slot)?;
                open.write(&response.body)?;
                open.finish()
            }
        }
    }
}

/// Hashes the file that is there.
async fn hashed(slot: &Slot) -> io::Result<Written> {
    let mut hash = Context::new(&SHA256);
    let mut bytes = 0;
    copy(&mut slot.open()?, |piece| {
        hash.update(piece);
        bytes += piece.len() as u64;
        Ok(())
    })
    .await?;
    Ok(Written {
        bytes,
        sha256: hex(hash.finish().as_ref()),
        is_kept: true,
    })
}

/// Passes on the content of a reader piece by piece, with other tasks in between.
async fn copy(
    reader: &mut dyn io::Read,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = reader.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        take(&piece[..count])?;
        tokio::task::yield_now().await;
    }
}

/// Returns true if the file that is there is the announced one: its hash is the announced one, or
/// without one its size.
fn is_same(known: &Written, headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length == Some(known.bytes)
        && announced_hash(headers).is_none_or(|announced| announced == known.sha256)
}

/// Returns the SHA-256 of the content that a response announces, in hex: `Repr-Digest` (RFC 9530,
/// section 3), `Digest` (RFC 3230), or the checksum of S3.
fn announced_hash(headers: &HeaderMap) -> Option<String> {
    let field = |name: &str| headers.get(name)?.to_str().ok();
    let listed = |name: &str| {
        field(name)?.split(',').find_map(|entry| {
            let (algorithm, value) = entry.trim().split_once('=')?;
            let is_sha256 = algorithm.eq_ignore_ascii_case("sha-256");
            is_sha256.then(|| value.trim_matches(':'))
        })
    };
    let encoded = listed("repr-digest")
        .or_else(|| listed("digest"))
        .or_else(|| field("x-amz-checksum-sha256"))?;
    let hash = STANDARD.decode(encoded.trim()).ok()?;
    (hash.len() == 32).then(|| hex(&hash))
}
