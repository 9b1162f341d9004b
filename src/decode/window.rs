//! A buffer over a source, in which a row or a line lies as a whole.

use std::fmt;

use super::unpack::Unpacked;
use super::{ByteSource, DecodeError, LONGEST_RECORD, LONGEST_WHOLE};

/// The size of the buffer at first, in bytes.
const FIRST: usize = 64 << 10;

/// The number of bytes kept from the beginning, for messages: more than is shown, so that a secret in
/// it is complete.
const START: usize = 4 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The unread part of a source, as far as it is in memory.
pub struct Window {
    reader: Unpacked,
    buffer: Vec<u8>,
    /// The unread bytes of the buffer.
    from: usize,
    to: usize,
    is_complete: bool,
    limit: u64,
    /// The maximum length of what is held in memory, in bytes.
    whole: u64,
    /// The number of bytes read so far.
    read: u64,
    /// The beginning of the content.
    start: Vec<u8>,
}

impl fmt::Debug for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Window({} bytes)", self.read)
    }
}

impl Window {
    /// Opens a source of text: unpacked, without a byte order mark.
    pub fn text(source: &dyn ByteSource, limit: u64) -> Result<Self, DecodeError> {
        let mut window = Self::open(source, limit, Unpacked::new)?;
        while window.rest().len() < BYTE_ORDER_MARK.len() && window.fill()? {}
        if window.rest().starts_with(BYTE_ORDER_MARK) {
            window.take(BYTE_ORDER_MARK.len());
        }
        Ok(window)
    }

    /// Opens a source as it is.
    pub fn raw(source: &dyn ByteSource, limit: u64) -> Result<Self, DecodeError> {
        Self::open(source, limit, |reader| Ok(Unpacked::raw(reader)))
    }

    fn open(
        source: &dyn ByteSource,
        limit: u64,
        unpack: impl FnOnce(Box<dyn std::io::Read + Send>) -> Result<Unpacked, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let reader = source
            .open()
            .map_err(|error| DecodeError::new(format!("cannot be read: {error}")))?;
        Ok(Self {
            reader: unpack(reader)?,
            buffer: vec![0; FIRST],
            from: 0,
            to: 0,
            is_complete: false,
            limit,
            whole: LONGEST_WHOLE,
            read: 0,
            start: Vec::new(),
        })
    }

    /// Returns the unread bytes in memory.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    /// Returns true if the rest in memory is all there is.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns the number of bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Removes bytes from the rest.
    pub fn take(&mut self, count: usize) {
        self.from += count;
    }

    /// Sets the maximum length of the content.
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the maximum length of what is held in memory.
    pub fn with_whole(mut self, whole: u64) -> Self {
        self.whole = whole;
        self
    }

    /// Returns the maximum length of what is held in memory.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Returns the maximum length of a row or a line.
    pub fn longest(&self) -> u64 {
        (LONGEST_RECORD as u64).min(self.whole)
    }

    /// Returns true if a row or a line may become longer than it is.
    pub fn has_room(&self) -> bool {
        ((self.to - self.from) as u64) < self.longest()
    }

    /// Marks an error as that of a row or a line that is too long.
    pub fn too_long(&self, error: DecodeError) -> DecodeError {
        DecodeError {
            exceeds_whole: self.whole < LONGEST_RECORD as u64,
            ..self.explain(error)
        }
    }

    /// Adds the beginning of the content to an error.
    pub fn explain(&self, error: DecodeError) -> DecodeError {
        error.in_content(&self.start)
    }

    /// Reads more bytes. Returns false at the end of the source.
    pub fn fill(&mut self) -> Result<bool, DecodeError> {
        if self.is_complete {
            return Ok(false);
        }
        if self.to - self.from > self.buffer.len() / 2 {
            let length = self.buffer.len() * 2;
            self.buffer.resize(length, 0);
        }
        self.buffer.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        let count = self.reader.read(&mut self.buffer[self.to..])?;
        if self.start.len() < START {
            let more = &self.buffer[self.to..self.to + count];
            self.start
                .extend_from_slice(&more[..count.min(START - self.start.len())]);
        }
        self.to += count;
        self.read += count as u64;
        self.is_complete = count == 0;
        if self.read > self.limit {
            let limit = size(self.limit);
            let error = DecodeError {
                exceeds_whole: self.limit == self.whole,
                ..DecodeError::new(format!("longer than {limit}"))
            };
            return Err(self.explain(error));
        }
        Ok(count > 0)
    }
}

/// Formats a number of bytes.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS
        .iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(
            || format!("{bytes} bytes"),
            |(unit, name)| format!("{} {name}", bytes / unit),
        )
}
