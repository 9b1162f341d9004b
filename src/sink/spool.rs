//! Bytes that are written once and read several times.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};

/// The number of bytes held in memory before they go to a file.
const IN_MEMORY: usize = 1 << 20;

/// Takes bytes: in memory first, then in an unnamed temporary file that no other process can open.
#[derive(Debug, Default)]
pub struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(bytes);
        }
        if self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        // Its message contains a random name, and equal failures are counted together.
        let unnamed = |error: io::Error| io::Error::from(error.kind());
        let mut file = tempfile::tempfile().map_err(unnamed)?;
        file.write_all(&self.memory)?;
        file.write_all(bytes)?;
        self.memory = Vec::new();
        self.file = Some(file);
        Ok(())
    }

    /// Returns the bytes, to be read from the start as often as needed.
    pub fn into_source(self) -> Spooled {
        match self.file {
            Some(file) => Spooled::File(Arc::new(file)),
            None => Spooled::Memory(self.memory.into()),
        }
    }
}

/// The bytes of a [`Spool`].
#[derive(Debug)]
pub enum Spooled {
    /// In memory.
    Memory(Bytes),
    /// In a file.
    File(Arc<File>),
}

impl Spooled {
    /// Returns a reader that starts at the first byte.
    pub fn reader(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Memory(bytes) => Box::new(bytes.clone().reader()),
            Self::File(file) => Box::new(FromStart {
                file: Arc::clone(file),
                at: 0,
            }),
        }
    }
}

/// Reads a shared file by position, since its offset is shared, too.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = read_at(&self.file, buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads a file by position.
#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

/// Writes to a file by position.
#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, at)
}

#[cfg(windows)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_contents_can_be_read_twice() {
        for size in [0, 10, IN_MEMORY, 3 * IN_MEMORY + 7] {
            let content: Vec<u8> = (0..=250).cycle().take(size).collect();
            let mut spool = Spool::default();
            for chunk in content.chunks(100_000) {
                spool.push(chunk).expect("stored");
            }
            let source = spool.into_source();
            assert_eq!(matches!(source, Spooled::File(_)), size > IN_MEMORY);
            for _ in 0..2 {
                let mut read = Vec::new();
                let mut reader = source.reader();
                reader.read_to_end(&mut read).expect("read");
                assert!(read == content, "{size}");
            }
        }
    }
}
