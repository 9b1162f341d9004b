//! Records of responses that are not JSON, batch by batch, in flat memory.

use std::io::Read as _;
use std::rc::Rc;
use std::sync::Arc;

use crate::core::text::{one_line, truncate_to_width};
use crate::decode::{BodyKind, ByteSource, DecodeError, Decoder, Records};
use crate::engine::listing::Listing;
use crate::engine::outcome::End;
use crate::engine::outlet::{Gone, Outlet, Taker};
use crate::engine::records::read_batch;
use crate::engine::response::{meaning, refusal};
use crate::engine::spooled::SpoolReceiver;
use crate::engine::{Outcome, RunErrorKind};
use crate::http::{Request, Response};
use crate::project::query::{Decode, StatusMeaning};

/// The maximum length of the unpacked content, in bytes, unless the resource's `max_body` is larger:
/// 4 GiB. A gzip file of a few megabytes may unpack to terabytes.
pub const LONGEST_CONTENT: u64 = 4 << 30;

/// The number of bytes that show what the content is.
const BEGINNING: u64 = 1_024;

/// The number of records read at a time.
const BATCH: usize = 500;

impl Listing<'_> {
    /// Requests the content and passes on its records.
    pub async fn decoded(mut self, decode: Decode, taker: &Taker, outlet: &Outlet) -> End {
        let mut request = match self.requests.request(self.site) {
            Ok(request) => request,
            Err(error) => return End::Failed(self.fault(None, RunErrorKind::Render(error))),
        };
        let receiver = SpoolReceiver::new(self.run.level(self.plan));
        request.receiver = Some(Rc::clone(&receiver) as _);
        let response = match self.respond(&request).await {
            Ok(Some(response)) => response,
            Ok(None) => return End::Done(Outcome::Complete),
            Err(kind) => return End::Failed(self.fault(Some(&request), kind)),
        };
        let decoder = Decoder {
            kind: decode.kind,
            last: decode.last,
            limit: LONGEST_CONTENT.max(self.requests.resource().max_body),
        };
        let failed = |listing: &Self, error: &DecodeError| {
            listing.fault(Some(&request), undecodable(listing, decode, error))
        };
        let source = receiver.source(&response);
        if let Some(words) = other_content(decode, &response, &*source) {
            let words = self.plan.scrubber.text(&words).into_owned();
            return End::Failed(self.fault(Some(&request), RunErrorKind::Content(words)));
        }
        let mut records = match scan(decoder, source).await {
            Ok(records) => records,
            Err(error) => return End::Failed(failed(&self, &error)),
        };
        self.note_first(&response, StatusMeaning::Ok, None);
        loop {
            let batch = match records.next_batch(BATCH) {
                Ok(Some(batch)) => batch,
                Ok(None) => return End::Done(Outcome::Complete),
                Err(error) if self.rows == 0 => return End::Failed(failed(&self, &error)),
                Err(error) => return End::Done(Outcome::Broken(failed(&self, &error).into())),
            };
            let scope = self.site.scope();
            let (kept, read) = match read_batch(self.plan, scope, batch, &response) {
                Ok(read) => read,
                Err(kind) => return End::Failed(self.fault(Some(&request), kind)),
            };
            self.run.findings.borrow_mut().add_unreadable(self.plan);
            self.run.findings.borrow_mut().add_columns(self.plan, &read);
            self.rows += read.rows;
            if let Err(Gone) = self.hand_on(kept, taker, outlet).await {
                return End::Gone;
            }
            if read.is_enough {
                return End::Done(Outcome::Complete);
            }
            // The rest of the run goes on between batches.
            tokio::task::yield_now().await;
        }
    }

    /// Sends a request whose body goes to its receiver; `None` if the status means that there are no
    /// records.
    pub async fn respond(&mut self, request: &Request) -> Result<Option<Response>, RunErrorKind> {
        self.note_request(request);
        let sent = self.run.send_anew(self.requests, request, self.site).await;
        let response = sent?;
        match meaning(self.requests.call, &response) {
            StatusMeaning::Fail => Err(refusal(self.requests, request, &response)),
            StatusMeaning::Empty => {
                self.run.note_response();
                Ok(None)
            }
            StatusMeaning::Ok => {
                self.run.note_response();
                Ok(Some(response))
            }
        }
    }
}

/// Reads what is needed before the first record.
async fn scan(decoder: Decoder, source: Arc<dyn ByteSource>) -> Result<Records, DecodeError> {
    let mut scan = decoder.start(source)?;
    while !scan.step()? {
        tokio::task::yield_now().await;
    }
    scan.finish()
}

/// Returns a message if a table was expected, and the response is a web page or JSON: an error page
/// would be read as a table with strange columns.
fn other_content(decode: Decode, response: &Response, source: &dyn ByteSource) -> Option<String> {
    if !matches!(decode.kind, BodyKind::Csv | BodyKind::Tsv) {
        return None;
    }
    let media_type = response.media_type().unwrap_or_default();
    let media_type = media_type.to_ascii_lowercase();
    let mut start = Vec::new();
    source
        .open()
        .ok()?
        .take(BEGINNING)
        .read_to_end(&mut start)
        .ok()?;
    let text = String::from_utf8_lossy(&start);
    let line = text.trim_start().lines().next().unwrap_or_default();
    let is_page = media_type == "text/html" || line.starts_with('<');
    let is_json = media_type.ends_with("json") && line.starts_with(['{', '[']);
    let content = match (is_page, is_json) {
        (true, _) => "a web page",
        (false, true) => "JSON",
        (false, false) => return None,
    };
    let expected = decode.kind.shown();
    let line = truncate_to_width(&one_line(line), 80).into_owned();
    Some(format!(
        "the response is not {expected} but {content}; it begins: {line}"
    ))
}

fn undecodable(listing: &Listing<'_>, decode: Decode, error: &DecodeError) -> RunErrorKind {
    let kind = decode.kind.name();
    let mut words = format!("cannot decode the response as `{kind}`: {error}");
    if let Some(line) = &error.first_line {
        words.push_str(&format!("; it begins: {line}"));
    }
    RunErrorKind::Content(listing.plan.scrubber.text(&words).into_owned())
}
