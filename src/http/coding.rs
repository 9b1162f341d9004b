//! Content codings: decompresses responses.
//!
//! A response is decoded completely or not at all: an unknown, truncated or damaged coding is an
//! error, and so is content beyond the limit. Transfer codings other than `chunked` are decoded here
//! too, since the client only handles chunks.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::http::{HeaderMap, header};

/// The `Accept-Encoding` of every request.
pub const ACCEPTED: &str = "gzip, br, zstd";

/// The maximum number of nested codings.
const MOST_CODINGS: usize = 5;

/// The size of the input buffer of a decoder.
const BUFFER: usize = 8 * 1024;

/// An error while decoding content.
#[derive(Debug)]
pub enum CodingError {
    /// The content is longer than the limit.
    TooLarge,
    /// The content cannot be decoded.
    Unreadable {
        /// A message that names the coding and the problem.
        words: String,
        /// The decoder's message.
        cause: Option<String>,
    },
}

/// A content coding (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// RFC 1952, with one or several members.
    Gzip,
    /// RFC 1950, or bare RFC 1951 from some servers.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, with one or several frames.
    Zstd,
}

impl Coding {
    /// Returns the coding with a name, ignoring case.
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn decoder<'b>(
        self,
        mut encoded: Box<dyn Read + Send + 'b>,
    ) -> io::Result<Box<dyn Read + Send + 'b>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(encoded)),
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(encoded, BUFFER)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(encoded)?),
            Self::Deflate => {
                let mut start = Vec::new();
                encoded.by_ref().take(2).read_to_end(&mut start)?;
                let is_zlib = is_zlib(&start);
                let whole = io::Cursor::new(start).chain(encoded);
                if is_zlib {
                    Box::new(ZlibDecoder::new(whole))
                } else {
                    Box::new(DeflateDecoder::new(whole))
                }
            }
        })
    }
}

/// Returns true if these two bytes are the header of a zlib stream (RFC 1950, section 2.2).
fn is_zlib(start: &[u8]) -> bool {
    matches!(start, &[method, flags]
        if method & 0x0f == 8 && (u16::from(method) << 8 | u16::from(flags)) % 31 == 0)
}

/// Decodes the body of a response and removes the header fields that no longer apply.
///
/// # Errors
///
/// If a coding is unknown, truncated or damaged, or the content is longer than `limit`.
pub fn decode(body: Bytes, headers: &mut HeaderMap, limit: u64) -> Result<Bytes, CodingError> {
    if !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::TRANSFER_ENCODING)
    {
        return Ok(body);
    }
    let codings = codings(headers)?;
    if codings.is_empty() || body.is_empty() {
        return Ok(body);
    }
    let content = unpack(&body, &codings, limit)?;
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Ok(content)
}

/// Returns a reader of the content of a body that is encoded as its header fields say. Reading fails
/// if the body is truncated or damaged, with a message that names the codings.
///
/// # Errors
///
/// If a coding is unknown, or the body is damaged at its start.
pub fn reader<'b>(
    headers: &HeaderMap,
    body: Box<dyn Read + Send + 'b>,
) -> io::Result<Box<dyn Read + Send + 'b>> {
    let codings = codings(headers).map_err(|error| match error {
        CodingError::TooLarge => io::Error::other("too large"),
        CodingError::Unreadable { words, .. } => io::Error::other(words),
    })?;
    let mut reader = body;
    for coding in codings.iter().rev() {
        reader = coding
            .decoder(reader)
            .map_err(|error| io::Error::other(damage(&codings, &error)))?;
    }
    Ok(Box::new(Named { reader, codings }))
}

/// Names the codings in the errors of a reader.
struct Named<'b> {
    reader: Box<dyn Read + Send + 'b>,
    codings: Vec<Coding>,
}

impl Read for Named<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer);
        read.map_err(|error| io::Error::other(damage(&self.codings, &error)))
    }
}

/// Returns true if a body is encoded.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    codings(headers).map_or(true, |codings| !codings.is_empty())
}

/// Returns the codings of a response in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, CodingError> {
    let names = |name| headers.get_all(name).into_iter();
    let mut codings = Vec::new();
    for value in names(header::CONTENT_ENCODING).chain(names(header::TRANSFER_ENCODING)) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for name in text.split(',').map(str::trim) {
            // S3 repeats the framing of an upload, which is not that of the response.
            let is_none = ["", "identity", "none", "chunked", "aws-chunked"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known));
            if is_none {
                continue;
            }
            codings.push(Coding::named(name).ok_or_else(|| CodingError::Unreadable {
                words: format!(
                    "the response is encoded as `{name}`; supported are `gzip`, `br`, `zstd` and \
                     `deflate`"
                ),
                cause: None,
            })?);
        }
    }
    if codings.len() > MOST_CODINGS {
        return Err(CodingError::Unreadable {
            words: format!(
                "the response is encoded {} times, more than {MOST_CODINGS}",
                codings.len()
            ),
            cause: None,
        });
    }
    Ok(codings)
}

fn unpack(body: &[u8], codings: &[Coding], limit: u64) -> Result<Bytes, CodingError> {
    let content = read(body, codings, limit).map_err(|error| CodingError::Unreadable {
        words: damage(codings, &error),
        cause: Some(error.to_string()),
    })?;
    if content.len() as u64 > limit {
        return Err(CodingError::TooLarge);
    }
    Ok(content.into())
}

/// Describes a body that a decoder refused.
fn damage(codings: &[Coding], error: &io::Error) -> String {
    let names: Vec<&str> = codings.iter().map(|coding| coding.name()).collect();
    let names = names.join(", ");
    let fault = if error.kind() == io::ErrorKind::UnexpectedEof {
        "is truncated"
    } else {
        "is truncated or damaged"
    };
    format!("the response is encoded as `{names}` and {fault}")
}

/// Decodes up to one byte more than the limit.
fn read(body: &[u8], codings: &[Coding], limit: u64) -> io::Result<Vec<u8>> {
    let mut reader: Box<dyn Read + Send + '_> = Box::new(body);
    for coding in codings.iter().rev() {
        reader = coding.decoder(reader)?;
    }
    let mut content = Vec::with_capacity(body.len());
    let most = limit.saturating_add(1);
    reader.by_ref().take(most).read_to_end(&mut content)?;
    // One more read, by which the decoders notice trailing data.
    let _ = reader.read(&mut [0])?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn zlib(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn bare(content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(content, 1).expect("in memory")
    }

    /// `{"ok":1}` in brotli, as one uncompressed block.
    const BROTLI: &[u8] = b"\x8b\x03\x80{\"ok\":1}\x03";

    fn decoded(fields: &[(&'static str, &str)], body: &[u8]) -> Result<Vec<u8>, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a value"));
        }
        match decode(Bytes::copy_from_slice(body), &mut headers, LIMIT) {
            Ok(content) => Ok(content.to_vec()),
            Err(CodingError::TooLarge) => Err("too large".to_owned()),
            Err(CodingError::Unreadable { words, .. }) => Err(words),
        }
    }

    fn encoded_as(name: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        decoded(&[("content-encoding", name)], body)
    }

    #[test]
    fn a_coding_is_known_in_any_case_and_under_its_old_name() {
        let content = b"{\"ok\":1}";
        for name in ["gzip", "GZIP", "x-gzip", "X-GZip", " gzip "] {
            assert_eq!(encoded_as(name, &gzip(content)).unwrap(), content, "{name}");
        }
        for (name, body) in [
            ("BR", BROTLI.to_vec()),
            ("Zstd", zstd(content)),
            ("deflate", zlib(content)),
            ("Deflate", bare(content)),
            ("identity", content.to_vec()),
            ("Identity", content.to_vec()),
            ("", content.to_vec()),
            ("aws-chunked", content.to_vec()),
            ("aws-chunked,gzip", gzip(content)),
        ] {
            assert_eq!(encoded_as(name, &body).unwrap(), content, "{name}");
        }
    }

    #[test]
    fn members_and_frames_follow_one_another() {
        let whole = [gzip(b"{\"id\":1}\n"), gzip(b"{\"id\":2}\n")].concat();
        assert_eq!(
            encoded_as("gzip", &whole).unwrap(),
            b"{\"id\":1}\n{\"id\":2}\n"
        );
        let whole = [zstd(b"[1,"), zstd(b"2]")].concat();
        assert_eq!(encoded_as("zstd", &whole).unwrap(), b"[1,2]");
    }

    #[test]
    fn codings_on_top_of_each_other_are_undone_from_the_last() {
        let body = zstd(&gzip(b"[]"));
        assert_eq!(encoded_as("gzip, zstd", &body).unwrap(), b"[]");
        let lines = [("content-encoding", "gzip"), ("content-encoding", "ZSTD")];
        assert_eq!(decoded(&lines, &body).unwrap(), b"[]");
        let hops = [
            ("transfer-encoding", "zstd, chunked"),
            ("content-encoding", "gzip"),
        ];
        assert_eq!(decoded(&hops, &body).unwrap(), b"[]");
        let many = encoded_as("gzip, gzip, gzip, gzip, gzip, gzip", &body).unwrap_err();
        assert_eq!(many, "the response is encoded 6 times, more than 5");
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        assert_eq!(
            encoded_as("compress", b"\x1f\x9d").unwrap_err(),
            "the response is encoded as `compress`; supported are `gzip`, `br`, `zstd` and `deflate`"
        );
        assert_eq!(
            encoded_as("gzip", b"{\"ok\":\"no gzip at all\"}").unwrap_err(),
            "the response is encoded as `gzip` and is truncated or damaged"
        );
    }

    #[test]
    fn half_of_a_response_is_an_error_in_every_coding() {
        let content: Vec<u8> = (0..4_000_u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        let bodies = [
            ("gzip", gzip(&content)),
            ("gzip", [gzip(b"[]"), gzip(&content)].concat()),
            ("deflate", zlib(&content)),
            ("deflate", bare(&content)),
            ("zstd", zstd(&content)),
            ("br", BROTLI.to_vec()),
        ];
        for (name, body) in bodies {
            for end in [body.len() - 1, body.len() / 2] {
                let words = encoded_as(name, &body[..end]).unwrap_err();
                assert!(words.contains(&format!("encoded as `{name}`")), "{words}");
            }
        }
    }

    #[test]
    fn what_stands_behind_the_content_is_an_error() {
        for (name, mut body) in [
            ("gzip", gzip(b"[]")),
            ("zstd", zstd(b"[]")),
            ("br", BROTLI.to_vec()),
        ] {
            body.extend_from_slice(b"more");
            assert!(encoded_as(name, &body).is_err(), "{name}");
        }
    }

    #[test]
    fn content_beyond_the_limit_is_refused_whatever_its_codings() {
        let bomb = gzip(&vec![b' '; 4 << 20]);
        assert_eq!(encoded_as("gzip", &bomb).unwrap_err(), "too large");
        assert_eq!(
            encoded_as("gzip, gzip", &gzip(&bomb)).unwrap_err(),
            "too large"
        );
    }

    #[test]
    fn no_content_needs_no_decoding() {
        assert_eq!(encoded_as("gzip", b"").unwrap(), b"");
    }
}
