//! Unpacks gzip and Zstandard, recognised by their first bytes.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::DecodeError;

/// The size of the input buffer of a decompressor.
const BUFFER: usize = 64 << 10;

/// The maximum number of nested compressions.
const MOST_LAYERS: usize = 2;

const GZIP: &[u8] = b"\x1f\x8b\x08";
const ZSTANDARD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Returns true if bytes are packed.
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP) || bytes.starts_with(ZSTANDARD)
}

/// A reader of unpacked content.
pub struct Unpacked {
    reader: Box<dyn Read + Send>,
    /// The name of the outermost compression.
    packing: Option<&'static str>,
}

impl Unpacked {
    /// Takes a reader as it is.
    pub fn raw(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            packing: None,
        }
    }

    /// Unpacks a reader, if it is packed.
    pub fn new(reader: Box<dyn Read + Send>) -> Result<Self, DecodeError> {
        let mut unpacked = Self::raw(reader);
        for _ in 0..MOST_LAYERS {
            let mut start = Vec::new();
            let longest = GZIP.len().max(ZSTANDARD.len()) as u64;
            let read = unpacked.reader.by_ref().take(longest);
            let read = { read }.read_to_end(&mut start);
            read.map_err(|error| unpacked.explain(&error))?;
            let (is_gzip, is_zstandard) = (start.starts_with(GZIP), start.starts_with(ZSTANDARD));
            let whole = io::Cursor::new(start).chain(unpacked.reader);
            if !is_gzip && !is_zstandard {
                unpacked.reader = Box::new(whole);
                break;
            }
            let whole = BufReader::with_capacity(BUFFER, whole);
            let name = if is_gzip { "gzip" } else { "Zstandard" };
            unpacked.packing.get_or_insert(name);
            unpacked.reader = if is_gzip {
                Box::new(MultiGzDecoder::new(whole))
            } else {
                let decoder = zstd::stream::read::Decoder::with_buffer(whole);
                Box::new(decoder.map_err(|error| DecodeError::new(error.to_string()))?)
            };
        }
        Ok(unpacked)
    }

    /// Reads bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| self.explain(&error)),
            }
        }
    }

    fn explain(&self, error: &io::Error) -> DecodeError {
        let is_of_system = error.raw_os_error().is_some();
        DecodeError::new(match self.packing {
            Some(name) if error.kind() == io::ErrorKind::UnexpectedEof => {
                format!("the {name} data is truncated")
            }
            Some(name) if !is_of_system => format!("the {name} data is damaged ({error})"),
            _ => format!("cannot be read: {error}"),
        })
    }
}
