//! Temporary files and folders.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Stores and returns byte strings. The file is created on first use, and no other process can open
/// it. Write and read errors are not failures: the data is missing then.
#[derive(Debug, Default)]
pub struct Scratch {
    file: Option<File>,
    end: u64,
}

impl Scratch {
    /// Appends bytes and returns their offset.
    pub fn push(&mut self, bytes: &[u8]) -> Option<u64> {
        if self.file.is_none() {
            self.file = tempfile::tempfile().ok();
        }
        let file = self.file.as_mut()?;
        let at = self.end;
        let length = u64::try_from(bytes.len()).ok()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        file.write_all(&length.to_be_bytes()).ok()?;
        file.write_all(bytes).ok()?;
        self.end += 8 + length;
        Some(at)
    }

    /// Returns the bytes stored at an offset.
    pub fn read(&mut self, at: u64) -> Option<Vec<u8>> {
        let file = self.file.as_mut()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let mut bytes = vec![0; usize::try_from(u64::from_be_bytes(length)).ok()?];
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let mut scratch = Scratch::default();
        assert_eq!(scratch.read(0), None);
        let first = scratch.push(b"first").expect("a place");
        let second = scratch.push(b"").expect("a place");
        let third = scratch.push(b"third").expect("a place");
        assert_eq!(scratch.read(first).as_deref(), Some(&b"first"[..]));
        assert_eq!(scratch.read(third).as_deref(), Some(&b"third"[..]));
        assert_eq!(scratch.read(second).as_deref(), Some(&b""[..]));
        assert_eq!(scratch.read(1_000), None);
    }
}

/// A folder that is removed with everything in it when it is dropped.
#[derive(Debug, Default)]
pub struct TemporaryFolder(OnceCell<tempfile::TempDir>);

impl TemporaryFolder {
    /// Returns the folder, created on first use.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn path(&self) -> io::Result<&Path> {
        if self.0.get().is_none() {
            let folder = tempfile::Builder::new().prefix("runner-").tempdir()?;
            let _ = self.0.set(folder);
        }
        let folder = self.0.get();
        folder
            .map(tempfile::TempDir::path)
            .ok_or_else(|| io::Error::other("no folder"))
    }
}
