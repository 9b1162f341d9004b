//! Records of responses that are not JSON, batch by batch, in flat memory.

use std::borrow::Cow;
use std::io::Read as _;
use std::rc::Rc;
use std::sync::Arc;

use crate::core::json;
use crate::core::secret::Scrubber;
use crate::core::text::one_line;
use crate::decode::{BodyKind, ByteSource, DecodeError, Decoder, Records, excerpt};
use crate::engine::listing::Listing;
use crate::engine::outcome::End;
use crate::engine::outlet::{Gone, Outlet, Taker};
use crate::engine::records::read_batch;
use crate::engine::response::{meaning, refusal};
use crate::engine::spooled::SpoolReceiver;
use crate::engine::{Outcome, RunErrorKind};
use crate::http::{ContentRange, Request, Response, StatusCode, header, masked_addresses};
use crate::plan::Plan;
use crate::project::query::{Decode, StatusMeaning};

/// The maximum length of the unpacked content, in bytes, unless the resource's `max_body` is larger:
/// 4 GiB. A gzip file of a few megabytes may unpack to terabytes.
pub const LONGEST_CONTENT: u64 = 4 << 30;

/// The number of bytes that show what the content is: all of an error message, and more than is shown,
/// so that a secret in it is complete.
const BEGINNING: u64 = 64 << 10;

/// The number of records read at a time.
const BATCH: usize = 500;

impl Listing<'_> {
    /// Requests the content and passes on its records.
    pub async fn decoded(mut self, decode: Decode, taker: &Taker, outlet: &Outlet) -> End {
        let mut request = match self.requests.request(self.site) {
            Ok(request) => request,
            Err(error) => return End::Failed(self.fault(None, RunErrorKind::Render(error))),
        };
        let max_body = self.requests.resource().max_body;
        let limit = LONGEST_CONTENT.max(max_body);
        let receiver = SpoolReceiver::new(self.run.level(self.plan), limit);
        request.receiver = Some(Rc::clone(&receiver) as _);
        let response = match self.respond(&request).await {
            Ok(Some(response)) => response,
            Ok(None) => return End::Done(Outcome::Complete),
            Err(kind) => return End::Failed(self.fault(Some(&request), kind)),
        };
        let decoder = Decoder {
            kind: decode.kind,
            last: decode.last,
            limit,
            whole: max_body,
        };
        let failed = |listing: &Self, error: &DecodeError| {
            listing.fault(Some(&request), undecodable(listing, decode, error))
        };
        let source = receiver.source(&response);
        if let Some(words) = other_content(self.plan, decode, &response, &*source) {
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
            let (kept, read) = match read_batch(self.plan, scope, batch, &response, self.rows) {
                Ok(read) => read,
                Err(kind) => return End::Failed(self.fault(Some(&request), kind)),
            };
            self.run.findings.borrow_mut().add_unreadable(self.plan);
            self.run.findings.borrow_mut().add_columns(self.plan, &read);
            self.run.cover_records(self.plan, &kept, &read);
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
                match self.part(request, &response) {
                    Some(words) => Err(RunErrorKind::Content(words)),
                    None => Ok(Some(response)),
                }
            }
        }
    }

    /// Returns a message if the body is only a part of the content, and no part was requested.
    fn part(&self, request: &Request, response: &Response) -> Option<String> {
        let status = response.status;
        let is_expected = request.headers.contains_key(header::RANGE)
            || self.requests.call.on_status.contains_key(&status.as_u16());
        let range = ContentRange::of(&response.headers);
        let is_part =
            status == StatusCode::PARTIAL_CONTENT || range.is_some_and(ContentRange::has_more);
        (is_part && !is_expected).then(|| {
            let range = response.headers.get(header::CONTENT_RANGE);
            let range = range.map_or_else(String::new, |range| {
                let range = String::from_utf8_lossy(range.as_bytes());
                format!(", `Content-Range: {}`", one_line(&range))
            });
            let words = format!(
                "the response is only a part of the content, which was not requested ({}{range})",
                status.as_u16()
            );
            self.plan.scrubber.text(&words).into_owned()
        })
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
fn other_content(
    plan: &Plan,
    decode: Decode,
    response: &Response,
    source: &dyn ByteSource,
) -> Option<String> {
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
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let line = text.lines().next().unwrap_or_default();
    let is_page = media_type == "text/html" || line.starts_with('<');
    // An error is often sent as JSON under the type of the table. No header is a JSON value.
    let is_value = || {
        [text, line]
            .iter()
            .any(|text| json::parse(text.as_bytes()).is_ok())
    };
    let is_json = line.starts_with(['{', '[']) && (media_type.ends_with("json") || is_value());
    let content = match (is_page, is_json) {
        (true, _) => "a web page",
        (false, true) => "JSON",
        (false, false) => return None,
    };
    let expected = decode.kind.shown();
    let line = excerpt(&start, |text| safe(&plan.scrubber, text)).unwrap_or_default();
    Some(format!(
        "the response is not {expected} but {content}; it begins: {line}"
    ))
}

fn undecodable(listing: &Listing<'_>, decode: Decode, error: &DecodeError) -> RunErrorKind {
    let kind = decode.kind.name();
    let scrubber = &listing.plan.scrubber;
    let words = format!("cannot decode the response as `{kind}`: {error}");
    let mut words = scrubber.text(&words).into_owned();
    if error.exceeds_whole {
        words.push_str(", the `max_body` of the resource, which limits what is held in memory");
    }
    if let Some(line) = error.first_line(|text| safe(scrubber, text)) {
        words.push_str(&format!("; it begins: {line}"));
    }
    RunErrorKind::Content(words)
}

/// Masks the secrets in foreign text, among them the queries of addresses.
fn safe<'t>(scrubber: &Scrubber, text: &'t str) -> Cow<'t, str> {
    let text = scrubber.text(text);
    let masked = match masked_addresses(&text) {
        Cow::Owned(masked) => Some(masked),
        Cow::Borrowed(_) => None,
    };
    masked.map_or(text, Cow::Owned)
}
